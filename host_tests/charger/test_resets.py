# Every way in which the chip is reset, with cars charging: a part of the sweep.
# MIT license; part of microevse
"""bench_resets.py runs all of it. A CPU reset once left the contactor closed until boot.py had
found a readable board.json, or for good without one; and a clock that stood still was not
noticed."""

import pytest
from reset_sweep import (
    CRASH_S,
    DAMAGES,
    DROP_S,
    HANG_S,
    NEEDS_OWN_IMAGE,
    ONE,
    TWO,
    after_damage,
    bench,
    charge,
    chip,
    closed,
    connectors,
    outcome,
    play,
)
from tools_paths import tool

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")


def scene(board, act, state="charging", limit=8, reset=False, **options):
    """Seen: the effects of `act` with every contactor of `board` closed."""

    async def run():
        async with bench(board, options=options) as b:
            await charge(b, state)
            seen = await outcome(b, act, limit, reset)
            b.csms.violations.clear()  # a crash may cut a message
            return [(seen.opened(n), seen.let_go_before_the_reset(n)) for n in connectors(b)], seen

    return play(run())


# -- resets that no program commands ---------------------------------------------------------


@pytest.mark.parametrize("board", (ONE, TWO))
@pytest.mark.parametrize("state", ("charging", "paused", "closing"))
def test_a_hang_opens_by_a_reset_of_the_system(board, state):
    found, seen = scene(board, chip("hang"), state)
    kind, when = seen.reset()
    assert kind == "rwdt"
    for opened, _ in found:
        assert opened is not None and opened < HANG_S, found
        assert opened == pytest.approx(when + DROP_S, abs=0.002)


@pytest.mark.parametrize("what", ("clock_stop", "timer_stop"))
@pytest.mark.parametrize("board", (ONE, TWO))
def test_a_watcher_that_dies_is_watched(board, what):
    """The clock and the task watchdog stand still, or no tick comes any more."""
    found, _ = scene(board, chip(what))
    assert all(opened is not None and opened < HANG_S for opened, _ in found), found


@pytest.mark.parametrize("first,second", (("clock_stop", "hang"), ("clock_stop", "timer_stop")))
def test_a_second_watcher_that_dies_is_watched(first, second):
    async def act(b):
        await b.twin.chip(first)
        await b.twin.chip(second, after_ms=7)

    found, _ = scene(TWO, act)
    assert all(opened is not None and opened < HANG_S for opened, _ in found), found


@pytest.mark.parametrize("where", ("tick", "task"))
def test_an_error_anywhere_ends_with_open_contactors(where):
    found, _ = scene(TWO, chip("error", where=where, count=40), limit=3)
    assert all(opened is not None for opened, _ in found), found


@pytest.mark.parametrize("what", ("panic", "twdt", "cpu"))
@pytest.mark.parametrize("board", (ONE, TWO))
def test_how_long_a_crash_of_the_interpreter_leaves_the_contacts_closed(board, what):
    """Stock MicroPython: until boot.py; nothing of ours runs before. Measured and printed."""
    found, seen = scene(board, chip(what))
    assert seen.reset() == (what, pytest.approx(0, abs=0.001))
    for opened, _ in found:
        print("%s, %s: %.0f ms" % (board, what, 1000 * opened))
        assert 0.5 < opened < CRASH_S
    found, _ = scene(board, chip(what), image="own")
    for opened, _ in found:
        print("%s, %s, our own image: %.0f ms" % (board, what, 1000 * opened))
        assert opened < CRASH_S - 0.1  # board.c opens before Python starts


def test_a_chip_without_a_known_rtc_watchdog_opens_after_the_task_watchdog():
    found, seen = scene("esp32s2_diy_alpha", chip("hang"))
    assert seen.reset()[0] == "twdt"
    print("hang, task watchdog only: %.0f ms" % (1000 * found[0][0]))
    assert found[0][0] < 1 + CRASH_S


def test_a_brown_out_releases_the_pins():
    found, _ = scene(TWO, chip("brownout"))
    assert all(opened == pytest.approx(DROP_S, abs=0.002) for opened, _ in found)


@pytest.mark.parametrize("fidelity", ("analytic", "sample"))
@pytest.mark.parametrize("ms,bites", ((300, False), (700, False), (2000, True), (4000, True)))
def test_a_stall_is_a_stall_in_both_fidelities(fidelity, ms, bites):
    """A stall of seconds once passed for idle time, because ticks were left out."""

    async def run():
        async with bench(fidelity=fidelity) as b:
            await charge(b)
            boots = b.twin.boots
            await b.do("stall", ms=ms)
            await b.advance(1)
            assert b.twin.boots - boots == bites
            if not bites:
                gap = (await b.do("look", what="tick"))["worst_gap_ms"]
                assert ms <= gap < ms + 40
            b.csms.violations.clear()

    play(run())


# -- resets that the program commands --------------------------------------------------------


async def _reset(b, kind):
    assert (await b.call("Reset", {"type": kind}))["status"] == "Accepted"


@pytest.mark.parametrize("kind", ("Hard", "Soft"))
@pytest.mark.parametrize("board", (ONE, TWO))
def test_a_reset_by_the_central_system_opens_first(board, kind):
    found, seen = scene(board, lambda b: _reset(b, kind), limit=20, reset=True)
    assert seen.reset() is not None
    assert all(before for _, before in found), seen.events


@pytest.mark.parametrize("error", ("MemoryError", "OSError"))
def test_what_escapes_from_the_application_opens_first(error):
    """An exception in the event loop itself ends the program: main.py resets the chip."""

    async def run():
        async with bench(TWO) as b:
            await charge(b)
            seen = await outcome(b, chip("error", name=error, where="task", count=200), 20, True)
            assert seen.reset() is not None, "it went on"
            for n in connectors(b):
                assert seen.let_go_before_the_reset(n) or seen.reset()[0] in ("system", "rwdt")
                assert seen.opened(n) < HANG_S
            b.csms.violations.clear()

    play(run())


# -- with any content of the file system -----------------------------------------------------


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_boot_opens_whatever_lies_in_the_file_system(tmp_path, damage):
    seen = play(after_damage(tmp_path / "f", damage))
    assert seen.reset()[0] == "panic"
    assert seen.opened(1) is not None and seen.opened(1) < CRASH_S


@pytest.mark.parametrize("damage", sorted(set(DAMAGES) - set(NEEDS_OWN_IMAGE)))
def test_boot_of_a_stock_image_opens_whatever_lies_in_the_file_system(tmp_path, damage):
    seen = play(after_damage(tmp_path / "f", damage, board=TWO, image="stock"))
    for n in (1, 2):
        assert seen.opened(n) is not None and seen.opened(n) < CRASH_S


@pytest.mark.parametrize("error", ("MemoryError", "SyntaxError", "OSError"))
def test_boot_opens_although_its_modules_fail(tmp_path, error):
    seen = play(after_damage(tmp_path / "f", "modules that fail", "twdt", TWO, "stock", error))
    for n in (1, 2):
        assert seen.opened(n) is not None and seen.opened(n) < CRASH_S


def test_a_stock_image_does_not_open_without_its_file_system(tmp_path):
    """Known, and the reason for an image of our own: a CPU reset keeps the relay, and boot.py,
    which would open it, lies in the file system. A reset of the system opens all the same."""
    seen = play(after_damage(tmp_path / "f", "file system damaged", image="stock"))
    assert seen.reset()[0] == "panic" and seen.opened(1) is None
    seen = play(after_damage(tmp_path / "g", "file system damaged", "hang", image="stock"))
    assert seen.reset()[0] == "rwdt" and seen.opened(1) < HANG_S


def test_it_charges_again_after_each(tmp_path):
    async def run():
        async with bench() as b:
            await charge(b)
            for what in ("panic", "hang", "brownout", "cpu"):
                await outcome(b, chip(what))
                await b.start_of_day()
                await b.until(lambda: _plugged(b), 30, "the car is seen")
                await b.advance(3)
                await b.call("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1})
                await b.until(lambda: closed(b, 1), 60, "closed again after %s" % what)
            b.csms.violations.clear()

    play(run())


async def _plugged(b):
    return (await b.status())["connector_status"] in ("Preparing", "SuspendedEVSE", "Finishing")
