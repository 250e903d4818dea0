# The hardware layer on a fake `machine`: pins, tick, watchdog, calibration, lock, RCD, reset.
# MIT license; part of microevse
"""The twin tests all this with physics behind it; here single rules are looked at closely."""

import asyncio
from array import array

from fake_chip import BOARD, CP, PARTS, Hal, charge, charger, chip
from helpers import raises, run
from iec61851 import plateau
from pilot_bench import Random
from evse_base import MICROPYTHON


def test_relay_is_off_before_the_pin_becomes_an_output():
    with Hal("contactor") as contactor:
        contactor.Contactor({"pin": 26})
        contactor.Contactor({"pin": 25, "active_high": False})
        assert chip.log == [(26, 0), (25, 1)]


def test_contactor_stays_open_if_the_watchdog_cannot_be_set():
    def broken():
        raise OSError(1)

    with Hal("contactor") as contactor:
        relay = contactor.Contactor({"pin": 26})
        raises(TypeError, relay.close)  # `before_close` is not set
        assert not relay.closed and chip.pins[26] == 0
        relay.before_close = broken
        raises(OSError, relay.close)
        assert not relay.closed and chip.pins[26] == 0


def test_tick_charges_with_the_short_watchdogs_and_goes_back():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        assert (chip.period, chip.freq) == (10, 1000)
        # The one that lets go of the pins comes first, the other half as long again.
        assert (chip.mem.bites_ms(), chip.wdt_ms) == (12000, 18000) and ticker.relaxed
        charge(evse, go)
        assert (chip.mem.bites_ms(), chip.wdt_ms) == (1000, 1500) and not ticker.relaxed
        assert chip.mem.protect == 0 and chip.mem.refused == 0
        chip.pilot = "B"
        go(50)
        assert not evse.closed and chip.pins[26] == 0
        assert (chip.mem.bites_ms(), chip.wdt_ms) == (12000, 18000) and ticker.relaxed
        assert chip.feeds > 10 and chip.mem.feeds > 10
        assert ticker.failures == 0 and evse.fault is None


def test_exception_in_the_tick_opens_and_latches_and_starves_the_watchdog():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        chip.pilot = "B"
        evse.permit(16000)
        go(300)
        chip.pilot = "C"
        go(700)
        assert evse.closed
        feeds = chip.feeds, chip.mem.feeds
        ticker._adc._plateaus[0] = None
        go(10)
        assert not evse.closed and chip.pins[26] == 0 and evse.fault == "TickFailed"
        go(100)
        assert (chip.feeds, chip.mem.feeds) == feeds and ticker.failures > 5
        assert isinstance(ticker.last_error, AttributeError)


def test_hung_program_is_not_fed_for():
    alive = [True]
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal, lambda: alive[0])
        go(200)
        feeds = chip.feeds
        assert chip.mem.feeds > 0
        alive[0] = False
        fed = chip.mem.feeds
        go(200)
        assert chip.feeds == feeds > 0 and chip.mem.feeds == fed


def test_callbacks_queued_behind_a_stall_are_dropped_and_the_gap_is_recorded():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        chip.pilot = "B"
        evse.permit(16000)
        go(300)
        chip.pilot = "C"
        go(700)
        seen = []
        window = evse.window
        evse.window = lambda now_ms, p, gap: (seen.append(gap), window(now_ms, p, gap))
        now[0] += 80
        for _ in range(8):
            chip.timer(None)
        assert len(seen) == 2 and seen[0] == 80, seen  # two windows at once, no third
        assert evse.worst_gap_ms == 80 and ticker.worst_gap_ms >= 80
        assert evse.closed


def test_time_left_out_by_the_virtual_board_is_no_gap():
    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        go(100)
        worst = ticker.worst_gap_ms
        import burst

        burst.skipped_ms = lambda: 3980
        now[0] += 4000
        chip.timer(None)
        assert ticker.worst_gap_ms == worst == 20


def test_tick_does_not_allocate():
    if not MICROPYTHON:
        return
    import micropython

    with Hal(*PARTS) as hal:
        evse, ticker, now, go = charger(hal)
        chip.pilot = "B"
        evse.permit(16000)
        go(300)
        chip.pilot = "C"
        go(700)
        assert evse.closed

        class Quiet:
            """As the fake ADC, but without garbage of its own: floats are objects."""

            def __init__(self):
                self.n = self.high = 0

            def read_u16(self):
                self.n = (self.n + 1) % 75
                return self.high if self.n < 20 else 0  # 16 A

        quiet = Quiet()
        while ticker._adc._plateaus[0].mv(quiet.high) < 6000:
            quiet.high += 16
        ticker._adc._adcs[0] = quiet
        start = now[0]
        micropython.heap_lock()
        try:
            for _ in range(100):
                now[0] += 10
                chip.timer(None)
        finally:
            micropython.heap_unlock()
        assert ticker.failures == 0, ticker.last_error
        assert evse.closed and now[0] == start + 1000


def test_machine_code_finds_the_same_plateaus():
    with Hal("kernel") as kernel:
        random = Random(11)
        for n in (1, 3, 80, 200):
            for _ in range(10):
                values = [int(random(0, 65536)) for _ in range(n)]
                a, b = array("H", values), array("H", values)
                split = int(random(-100, 66000))
                high = kernel.part(a, n, split)
                assert high == plateau.part(b, n, split) and a == b
                for k in range(high):
                    assert kernel.kth(a, 0, high, k) == plateau.kth(b, 0, high, k)


def test_calibration_at_boot_takes_two_points_and_ends_at_12_v():
    for step, floor, name in ((0.805, 142, "esp32"), (0.76, 100, "esp32s3"), (0.85, 0, "esp32s2")):
        with Hal("adc") as adc:
            chip.step, chip.floor = step, floor
            board = {"chip": name, "connectors": [{"cp": CP}]}
            p = adc.PilotAdc(board)._plateaus[0]
            assert chip.duty == 65535
            raw = int((317 - floor) / step) << 4  # -10 V
            assert abs(p.mv(raw) + 10000) < 150, (name, p.mv(raw))


def test_calibration_sends_no_f_to_an_ev_that_is_there():
    with Hal("adc") as adc:
        chip.pilot = "C"
        p = adc.PilotAdc(BOARD)._plateaus[0]
        assert (27, 0) not in chip.log
        assert abs(p.mv(int((1951 - 142) / 0.805) << 4) - 6000) < 150


class Failing:
    """Conversions fail, `n` of every `of`: by OSError, or reading as another number."""

    def __init__(self, value, n=1, of=1):
        self.value, self.n, self.of, self.count = value, n, of, 0

    def __call__(self):
        self.count += 1
        if self.count * 7 % self.of >= self.n:
            return None
        if self.value is None:
            raise OSError(-263)
        return self.value


HOW = (None, -1, 0)  # a port that raises, MicroPython 1.24 and 1.25, 1.26 and newer


def test_failed_conversions_are_no_samples():
    with Hal("adc") as adc:
        pilot_adc = adc.PilotAdc(BOARD)
        chip.fail = True
        assert pilot_adc.window(0).n == 0
        chip.fail = Failing(-1)
        assert pilot_adc.window(0).n == 0
        # -1 in an array of unsigned numbers was a full converter: +12 V and more.
        chip.pilot = "C"
        chip.duty = 17476
        for how in (None, -1):
            chip.fail = Failing(how, 2, 5)
            plateau = pilot_adc.window(0)
            assert 30 < plateau.n < 60 and 5700 < plateau.high_mv < 6300, (how, plateau.high_mv)


def test_windows_of_failed_conversions_open_within_100_ms():
    for how in HOW:
        with Hal(*PARTS) as hal:
            evse, ticker, now, go = charger(hal)
            chip.pilot = "B"
            evse.permit(16000)
            go(300)
            chip.pilot = "C"
            go(700)
            assert evse.closed
            chip.fail = Failing(how)
            go(60)
            assert not evse.closed and evse.fault == "PilotBlind", (how, evse.fault)
            assert ticker.failures == 0


def test_no_reading_leaves_the_converter_as_an_exception_or_a_value():
    pp = {"adc": 39}
    board = {"chip": "esp32", "connectors": [{"cp": CP, "pp": pp}], "temp": {"adc": 34}}
    for how in HOW:
        with Hal("adc") as adc:
            pilot_adc = adc.PilotAdc(board)
            chip.fixed_mv = 1980  # 1.5 kohm: 13 A; a sensor that is hot
            good = pilot_adc.temp_mv()
            assert pilot_adc.cable_ma(0) == 13000 and abs(good - 1980) < 5
            chip.fail = Failing(how)
            assert pilot_adc.temp_mv() is None, how
            assert pilot_adc.cable_ma(0) is not None, "None is a board without such an input"
            assert pilot_adc.cable_ma(0) <= 0, how
            # Some of them fail: a mean of 1980 mV and zeros was 20 A, or a cool sensor.
            for n in (1, 2, 3, 4):
                chip.fail = Failing(how, n, 10)
                assert pilot_adc.cable_ma(0) == 13000, (how, n)
                assert abs(pilot_adc.temp_mv() - good) < 5, (how, n)


def test_conversions_that_fail_while_calibrating_do_not_make_another_calibration():
    # One zero among 32 readings made a calibration that was off by 3 %.
    with Hal("adc") as adc:
        good = adc.PilotAdc(BOARD)._plateaus[0].mv(30000)
        for how in HOW:
            chip.fail = Failing(how, 3, 10)
            pilot_adc = adc.PilotAdc(BOARD)
            assert pilot_adc.uncalibrated == [], how
            assert abs(pilot_adc._plateaus[0].mv(30000) - good) < 20, how
            chip.fail = Failing(how)
            assert adc.PilotAdc(BOARD).uncalibrated == [0], how
            chip.fail = False


def test_proximity_pilot_is_read_by_the_same_owner():
    with Hal("adc") as adc:
        board = {"chip": "esp32", "connectors": [{"cp": CP, "pp": {"adc": 39}}]}
        pilot_adc = adc.PilotAdc(board)
        chip.fixed_mv = 595  # 220 ohm to 1 kohm
        assert pilot_adc.cable_ma(0) == 32000
        assert adc.PilotAdc(BOARD).cable_ma(0) is None


def test_reset_reasons_are_told_apart():
    with Hal("system") as system:

        def boot(cause):
            chip.cause = cause
            system._last = None
            system._loops = 0
            return system.last_reset()

        assert boot(1) == "PowerUp"
        system.mark("SoftRestart")
        assert boot(2) == "SoftRestart"
        assert boot(2) == "Crash"  # the marker holds for one reset
        assert system.boot_loops() == 1
        assert boot(3) == "Watchdog" and system.boot_loops() == 2
        system.healthy()
        assert boot(3) == "Watchdog" and system.boot_loops() == 1
        for reason in ("HardRestart", "ScheduledRestart", "FirmwareUpdate", "Crash"):
            system.mark(reason)
            assert boot(2) == reason
        raises(ValueError, system.mark, "Whim")
        system.mark("HardRestart")
        chip.memory = chip.memory[:9] + bytes([chip.memory[9] ^ 1]) + chip.memory[10:]
        assert boot(2) == "Crash"  # a damaged record is none
        # Another try from safe mode: not counted as a success, and one failure is enough.
        assert boot(3) == "Watchdog" and system.boot_loops() == 2
        system.mark("Retry")
        assert boot(2) == "Retry" and system.boot_loops() == 1
        assert boot(2) == "Crash" and system.boot_loops() == 2
        assert system.unique_id() == "240aff"


def test_last_words_outlast_a_reset_and_nothing_else_does():
    with Hal("system") as system:
        chip.memory = b""
        assert system.kept_words() == ""
        system.keep_words(b"1.000 E main: it broke")
        system.mark("Crash")
        system._last = None
        chip.cause = 2
        assert system.last_reset() == "Crash"
        assert system.kept_words() == "1.000 E main: it broke"
        long = "a" + "\u00e9" * system.WORDS_MAX  # two bytes each: the cut is inside one
        system.keep_words(long.encode())
        assert system.kept_words() == "\u00e9" * (system.WORDS_MAX // 2)
        assert system.last_reset() == "Crash" and len(chip.memory) <= 2048
        for at in (len(chip.memory) - 1, 16):
            good = chip.memory
            chip.memory = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
            assert system.kept_words() == ""
            chip.memory = good
        chip.memory = chip.memory[:30]
        assert system.kept_words() == ""


def test_flash_programs_without_erasing_and_crosses_blocks():
    with Hal("partition") as partition:
        flash = partition.Flash("journal")
        assert (flash.blocks, flash.block_size) == (4, 4096)
        flash.program(4090, b"0123456789")
        buf = bytearray(12)
        flash.read(4089, buf)
        assert bytes(buf) == b"\xff0123456789\xff" and chip.flash.erased == []
        flash.program(4090, b"\x00")
        flash.erase(1)
        assert chip.flash.erased == [1]
        flash.read(4089, buf)
        assert bytes(buf) == b"\xff\x0012345\xff\xff\xff\xff\xff"
        raises(OSError, partition.Flash, "nothing")


def quick(module):
    """Let the module's sleeps pass at once."""

    class Asyncio:
        def __init__(self):
            self.slept = []

        async def sleep(self, s):
            self.slept.append(s)
            await asyncio.sleep(0)

    module.asyncio = Asyncio()
    return module.asyncio.slept


def test_lock_retries_and_never_leaves_the_motor_on():
    with Hal("lock") as lock_:
        slept = quick(lock_)
        lock = lock_.Lock({"a": 20, "b": 19, "detect": 34})
        pulses = [0]
        set_pin = chip.pins.__setitem__

        def bolt():  # comes home at the third try
            return 1 if len([1 for pin, x in chip.log if (pin, x) == (20, 1)]) >= 3 else 0

        set_pin(34, bolt)
        assert run(lock.lock()) and lock.locked and lock.is_locked()
        assert slept.count(1.0) == 2, slept
        assert chip.pins[20] == 0 and chip.pins[19] == 0
        set_pin(34, 1)
        assert not run(lock.unlock())  # jammed
        assert chip.pins[20] == 0 and chip.pins[19] == 0 and pulses == [0]


def test_lock_that_senses_only_under_power_is_not_assumed():
    with Hal("lock") as lock_:
        quick(lock_)
        lock = lock_.Lock({"a": 20, "b": 19, "detect": 34, "detect_drive": True})
        assert not lock.is_locked()
        chip.pins[34] = lambda: chip.pins[20] & chip.pins[19]
        assert run(lock.lock()) and lock.is_locked()
        chip.pins[34] = 0
        assert run(lock.unlock()) and not lock.is_locked()


def test_looking_at_a_lock_under_power_never_moves_it_back():
    """The tick may run between two lines, and one wire alone moves the bolt: after locking the
    wire that pulls it out is never high alone, after unlocking never the other one."""
    with Hal("lock") as lock_:
        quick(lock_)
        lock = lock_.Lock({"a": 20, "b": 19, "detect": 34, "detect_drive": True})
        for move, wire, back, found in ((lock.lock, 20, 19, 1), (lock.unlock, 19, 20, 0)):
            chip.log.clear()
            chip.pins[34] = found
            assert run(move())
            levels, seen = {20: 0, 19: 0}, []
            for pin, level in chip.log:
                if pin in levels:
                    levels[pin] = level
                    seen.append((levels[wire], levels[back]))
            assert (0, 1) not in seen, seen
            assert (1, 1) in seen and seen[-1] == (0, 0)


def test_rcd_passes_only_if_it_trips_and_lets_go():
    with Hal("rcd") as rcd_:
        quick(rcd_)
        rcd = rcd_.Rcd({"trip": 13, "test": 14})
        tripped = []
        rcd.on_trip(tripped.append)
        assert not rcd.is_ok()  # not tested yet
        chip.pins[13] = lambda: chip.pins[14]
        assert run(rcd.self_test()) and rcd.is_ok() and chip.pins[14] == 0
        chip.pins[13] = 1
        assert not rcd.is_ok()
        chip.irq(None)
        assert tripped == ["RcdTripped"]
        assert not run(rcd.self_test())  # it hangs
        chip.pins[13] = 0
        assert not run(rcd.self_test()) and not rcd.is_ok()  # it does not trip
        chip.irq(None)  # a pulse that is gone already
        assert tripped == ["RcdTripped"]


def test_rcd_test_is_not_taken_for_a_trip():
    with Hal("rcd") as rcd_:
        quick(rcd_)
        rcd = rcd_.Rcd({"trip": 13, "test": 14})
        tripped = []
        rcd.on_trip(tripped.append)
        calls = [0]

        def trip_pin():
            # Not from within the handler's own reading.
            calls[0] += 1
            if chip.pins[14] and calls[0] == 2:
                chip.irq(None)
            return chip.pins[14]

        chip.pins[13] = trip_pin
        assert run(rcd.self_test()) and tripped == []
