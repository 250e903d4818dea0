# The watch over the watchers: one timer, a clock that fails, ticks that fail, tasks, both
# watchdogs.
# MIT license; part of microevse
"""On a fake `machine` whose clock the test moves. Each failure here once left a contactor closed
with an unwatched pilot."""

import sys

from fake_chip import PARTS, Hal, charge, charger, chip
from helpers import raises
from evse_base import MICROPYTHON, forget


def ticks(count, ms=10):
    """So many ticks, after each of which the clock has moved by `ms`; it may stand still."""
    for _ in range(count):
        chip.now[0] += ms
        chip.timer(None)


def until_open(evse, ms, limit):
    """The ticks until the contactor is open."""
    for i in range(limit):
        ticks(1, ms)
        if not evse.closed:
            assert chip.pins[26] == 0
            return i + 1
    raise AssertionError("still closed after %d ticks" % limit)


# -- the timer ----------------------------------------------------------------------------


def test_a_thousand_sessions_initialise_the_timer_once():
    """Each init took a reference on the timer group; with the 256th the clock stopped."""
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        for _ in range(1000):
            # The effect of a session on the tick, without its five seconds of waiting.
            ticker._contactors[0].before_close()
            go(30)
            assert ticker.relaxed
        assert chip.timer_inits == 1 and chip.period == 10
        charge(evse, go)


def test_only_the_tick_makes_a_timer():
    import os

    here = __file__.replace("\\", "/").rsplit("/", 1)[0] if "/" in __file__ else "."
    found = []

    def look(folder):
        for name in os.listdir(folder):
            path = folder + "/" + name
            if name.endswith(".py"):
                with open(path) as file:
                    if "Timer(" in file.read():
                        found.append(name)
            elif "." not in name:
                look(path)

    look(here + "/../../firmware")
    look(here + "/../../lib")
    assert found == ["tick.py"], found


def test_every_second_tick_is_skipped_while_open_and_none_while_closed():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        before = chip.conversions
        ticks(20)
        resting = chip.conversions - before
        charge(evse, go)
        before = chip.conversions
        ticks(20)
        assert chip.conversions - before == 2 * resting > 0


# -- the clock ----------------------------------------------------------------------------


def test_a_clock_that_stands_still_opens_and_is_not_fed_for():
    """The ticks went on, every time was 0 ms later than the last, and nothing ever timed out."""
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        charge(evse, go)
        feeds = chip.feeds, chip.mem.feeds
        assert until_open(evse, 0, 30) == 13  # 130 ms
        assert evse.fault == "ClockStopped"
        ticks(200, 0)
        assert (chip.feeds, chip.mem.feeds) == feeds
        # And the watchdog that bites is still the one of a closed contactor.
        assert chip.mem.bites_ms() == 1000


def test_a_stopped_clock_ends_in_a_reset_that_no_watchdog_has_to_make():
    """asyncio slept for ever, and the task watchdog had stopped with the clock."""
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        charge(evse, go)
        for _ in range(400):
            ticks(1, 0)
            if chip.ends:
                break
        assert chip.ends and chip.pins[26] == 0
        assert b"mEVS" in chip.memory  # the next start knows that it was a crash


def test_a_clock_that_runs_backwards_opens():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        charge(evse, go)
        until_open(evse, -10, 30)
        assert evse.fault == "ClockStopped"


def test_a_slow_clock_opens():
    with Hal(*PARTS) as hal:
        for ms, most in ((2, 20), (5, 30), (8, 65), (9, 125)):
            hal_again = hal
            chip.__init__()
            evse, ticker, now, go = charger(hal_again)
            charge(evse, go)
            until_open(evse, ms, most)
            assert evse.fault == "ClockStopped", ms


def test_eight_ticks_that_queued_up_behind_a_stall_are_no_stopped_clock():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        charge(evse, go)
        for stall_ms in [90] * 20 + [900, 60, 35]:
            now[0] += stall_ms
            ticks(min(stall_ms // 10, 9), 0)
            ticks(1, 10 - stall_ms % 10)
            ticks(100)
        assert evse.closed and evse.fault is None


# -- the tick -----------------------------------------------------------------------------


def test_a_tick_that_is_late_again_and_again_opens():
    """The worst gap was recorded, and nothing followed from it."""
    with Hal(*PARTS) as hal:
        for gap_ms, pause, most in ((200, 80, 1400), (500, 50, 400), (150, 0, 12)):
            chip.__init__()
            evse, ticker, now, go = charger(hal)
            charge(evse, go)
            count = 0
            while evse.closed:
                now[0] += gap_ms - 10
                ticks(1)
                ticks(pause)
                count += 1 + pause
                assert count < most, gap_ms
            assert evse.fault == "TickFailed" and chip.pins[26] == 0


def test_collections_of_garbage_never_count_as_a_late_tick():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        charge(evse, go)
        for _ in range(120 if MICROPYTHON else 600):  # ticks are slow there
            now[0] += 38
            ticks(1)
            ticks(20)
        assert evse.closed and evse.fault is None


def test_a_guarded_board_may_be_late():
    """Its guard opens without the tick, and handshakes are allowed while charging."""
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal, guarded=True)
        charge(evse, go)
        assert chip.mem.bites_ms() == 12000
        for _ in range(10):
            now[0] += 900
            ticks(10)
        assert evse.closed and evse.fault is None


def test_a_failed_tick_opens_every_connector():
    """Once only the first EVSE was tripped, and no test noticed."""
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        contactor = hal[1]
        other = contactor.Contactor({"pin": 25, "active_high": False})
        tripped = []

        class Broken:
            closed = in_doubt = False
            offered_ma = 0

            def trip(self, cause):
                tripped.append(cause)

        ticker._contactors.append(other)
        ticker._evses.append(Broken())
        charge_alone = ticker._evses.pop()
        charge(evse, go)
        other.before_close = lambda: None
        other.close()
        assert chip.pins[25] == 0
        ticker._evses.append(charge_alone)
        ticks(2)  # the second one has no window
        assert tripped and tripped[0] == "TickFailed" and evse.fault == "TickFailed"
        assert chip.pins[26] == 0 and chip.pins[25] == 1


# -- the tasks ----------------------------------------------------------------------------


def test_a_watched_task_that_is_late_opens_before_the_watchdog_bites():
    """The protection's task was not watched at all, and waited up to 60 s to be started again."""
    alive = [True]
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal, lambda: alive[0])
        charge(evse, go)
        alive[0] = False
        ticks(8)
        alive[0] = True  # it had waited behind something
        ticks(100)
        assert evse.closed and evse.fault is None
        alive[0] = False
        assert until_open(evse, 10, 60) <= 28
        assert evse.fault == "TaskFailed"


def test_nothing_is_closed_while_a_watched_task_is_late():
    alive = [True]
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal, lambda: alive[0])
        chip.pilot = "B"
        evse.permit(16000)
        go(300)
        alive[0] = False
        chip.pilot = "C"
        go(2000)
        assert not evse.closed and (26, 1) not in chip.log and evse.fault == "TickFailed"


def test_the_tick_counts_for_the_one_that_looks_whether_it_stopped():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        seen = []
        for _ in range(3):
            assert not ticker.stopped()
            ticks(50)
            seen.append(ticker.beats)
        assert seen == [50, 100, 150]
        assert not ticker.stopped() and ticker.stopped()
        charge(evse, go)
        ticker.give_up("TickFailed")
        assert chip.pins[26] == 0 and evse.fault == "TickFailed" and chip.ends
        ticker.beats = 0xFFFF
        ticks(1)
        assert ticker.beats == 0  # a small integer for ever


# -- the watchdogs ------------------------------------------------------------------------


def test_the_rtc_watchdog_follows_the_measured_slow_clock():
    with Hal("watchdog") as watchdog:
        for khz in (100, 136, 150, 190):
            chip.mem.store1 = 524288000 // khz
            dog = watchdog.Watchdog("esp32")
            dog.set(1000)
            assert abs(chip.mem.bites_ms() - 1000) <= 10, khz
        for nonsense in (0, 1, 0xFFFFFFFF):
            chip.mem.store1 = nonsense
            watchdog.Watchdog("esp32").set(1000)
            assert chip.mem.config1 == 150000


def test_a_chip_without_these_registers_has_the_task_watchdog_alone():
    for name in ("esp32s2", "esp32s3", "esp32c3", ""):
        with Hal("watchdog") as watchdog:
            dog = watchdog.Watchdog(name)
            assert dog.mem is None
            dog.set(1000)
            dog.feed()
            assert chip.wdt_ms == 1000 and chip.feeds == 1 and chip.mem.config0 == 0
            dog.rest()
            assert chip.wdt_ms == 600000
    with Hal("watchdog") as watchdog:
        del sys.modules["machine"].mem32
        dog = watchdog.Watchdog("esp32")
        dog.set(1000)
        dog.feed()
        assert dog.mem is None and chip.wdt_ms == 1000


def test_a_watchdog_that_takes_no_time_is_not_relied_on():
    with Hal("watchdog") as watchdog:
        chip.mem.deaf = True
        assert watchdog.Watchdog("esp32").mem is None
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        chip.mem.deaf = True  # later on: nothing is closed without it
        chip.pilot = "B"
        evse.permit(16000)
        go(300)
        chip.pilot = "C"
        go(700)
        assert not evse.closed and chip.pins[26] == 0 and evse.fault == "TickFailed"


def test_at_the_console_the_watchdogs_rest_and_a_closing_wakes_them():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        ticker.rest()
        assert chip.mem.bites_ms() is None and chip.wdt_ms == 600000
        charge(evse, go)
        assert (chip.mem.bites_ms(), chip.wdt_ms) == (1000, 1500)


def test_watchdogs_do_not_allocate():
    if not MICROPYTHON:
        return
    import micropython

    with Hal("watchdog") as watchdog:
        dog = watchdog.Watchdog("esp32")
        dog.set(1000)
        micropython.heap_lock()
        try:
            for _ in range(100):
                dog.feed()
                dog.set(1000)
        finally:
            micropython.heap_unlock()
        assert chip.mem.feeds == 202


# -- resets -------------------------------------------------------------------------------


def test_a_reset_opens_first_and_is_one_of_the_system():
    """machine.reset() is one of the CPU: the pins stayed as they were."""
    with Hal("watchdog", "system") as (watchdog, system):
        sys.modules["outputs"] = [(26, 0), (25, 1), (27, 1)]
        chip.pins[26] = 1
        watchdog.Watchdog("esp32")
        system.reset()
        assert chip.log == [(26, 0), (25, 1), (27, 1), "system reset", "cpu reset"]
        # Another chip, or no memory for anything: it opens and resets all the same.
        for name in ("esp32s2", "esp32"):
            watchdog.Watchdog(name)
            system.gc = NoMemory() if name == "esp32" else system.gc
            chip.log.clear()
            system.reset()
            assert chip.log == [(26, 0), (25, 1), (27, 1), "cpu reset"], name
        del sys.modules["outputs"]
        system.reset()


class NoMemory:
    def collect(self):
        raise MemoryError


def test_one_pin_that_fails_does_not_keep_the_next_one_closed():
    with Hal("watchdog", "system") as (watchdog, system):
        watchdog.Watchdog("esp32")
        machine = sys.modules["machine"]
        pin = machine.Pin

        class Picky:
            OUT = pin.OUT

            def __call__(self, number, mode, value):
                if number == 26:
                    raise ValueError("invalid pin")
                return pin(number, mode, value=value)

        machine.Pin = Picky()
        sys.modules["outputs"] = [(26, 0), (25, 0)]
        chip.pins[25] = 1
        system.reset()
        assert chip.pins[25] == 0 and chip.ends[0] == "system"
        del sys.modules["outputs"]


PROFILE = {
    "chip": "esp32",
    "connectors": [
        {"contactor": {"pin": 26}, "cp": {"pwm": 27}},
        {"contactor": {"pin": 25, "active_high": False}, "cp": {"pwm": 19}},
    ],
}


def test_outputs_are_kept_once_and_relays_come_first():
    with Hal("kept") as kept:
        kept.keep(PROFILE)
        assert kept.outputs(PROFILE) == [(26, 0), (25, 1), (27, 1), (19, 1)]
        assert chip.nvs["microevse", "outputs"][:5] == bytes([1, 26, 25 | 128, 27 | 128, 19 | 128])
        assert sys.modules["outputs"] == kept.outputs(PROFILE)
        kept.keep(PROFILE)
        assert chip.log.count("NVS written") == 1
        other = {"connectors": PROFILE["connectors"][:1]}
        kept.keep(other)
        assert chip.log.count("NVS written") == 2
        chip.nvs_broken = True
        raises(OSError, kept.keep, other)
        chip.nvs_broken = False
        raises(OSError, kept.keep, {"connectors": PROFILE["connectors"] * 20})
        del sys.modules["outputs"]


def test_nothing_is_closed_where_the_outputs_cannot_be_kept():
    """Without them boot.py may find nothing to open after a crash."""
    for broken in (False, True):
        with Hal(*PARTS) as hal:
            chip.nvs_broken = broken
            evse, ticker, now, go = charger(hal)
            forget("wiring")
            from wiring import electrical

            board = dict(PROFILE, connectors=[{"contactor": {"pin": 26}, "cp": {"pwm": 27}}])
            contactors = ticker._contactors
            electrical.tick(board, ticker._adc, [evse], contactors, lambda: True, False).start()
            forget("wiring")
            del sys.modules["outputs"]
            chip.pilot = "B"
            evse.permit(16000)
            go(1000)
            chip.pilot = "C"
            go(5000)
            assert evse.closed is not broken and chip.pins[26] == (0 if broken else 1)
            assert evse.fault == ("StorageFailed" if broken else None)
