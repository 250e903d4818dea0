# Hundreds of sessions without a reboot: clock, tick and watchdogs alive.
# MIT license; part of microevse
"""bench_sessions.py runs a thousand, on each version, and hundreds over the whole firmware. A
timer that was initialised at every closing and opening once stopped the chip's clock and its task
watchdog in the 127th session: contactor closed, pilots unwatched, for ever."""

import pytest
from long_run import sessions
from reset_sweep import HANG_S, ONE, TWO, bench, charge, chip, close_often, outcome, play

BEYOND = 200  # sessions; the reference counter of the chip's timer group wraps after 127


@pytest.mark.parametrize("board,count", ((ONE, 1), (TWO, 2)))
def test_clock_and_watchdogs_live_through_hundreds_of_sessions(board, count):
    assert sessions(BEYOND, board, count, "1.26")["bite_s"] < HANG_S


@pytest.mark.parametrize("version", ("1.24", "1.26", "1.29"))
def test_the_task_watchdog_alone_lives_as_long(version):
    """A chip whose registers are not known has this watchdog only."""
    found = sessions(BEYOND, "esp32s2_diy_alpha", version=version, rtc_watchdog=False)
    assert found["bite_s"] < HANG_S


def test_the_whole_firmware_watches_after_as_many_openings():
    """A car that lets go and asks again: each time the tick changes what it does, twice."""

    async def run():
        async with bench(ONE, options={"micropython": "1.26"}) as b:
            await charge(b)
            await close_often(b, 4)
            assert b.twin.boots == 1
            seen = await outcome(b, chip("hang"))
            assert seen.reset()[0] == "rwdt" and seen.opened(1) < HANG_S
            b.csms.violations.clear()

    play(run())
