# Where the watchdogs wait, asyncio notices that no tick comes any more.
# MIT license; part of microevse
"""On a board with a guard a closed contactor has the long watchdog, because handshakes are allowed
there. After the last tick the pilot was not watched by the firmware until that watchdog reset the
chip, or for ever if it did not."""

import pytest
from reset_sweep import bench, charge, chip, outcome, play
from tools_paths import tool
from twin.host import load_board

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")


def guarded():
    board = load_board("esp32_devkitc")
    board["guard"] = "external"
    for connector in board["connectors"]:
        connector["rcd"]["gates"] = True
    return board


def test_asyncio_notices_a_stopped_tick_opens_and_resets():
    async def run():
        async with bench(guarded()) as b:
            await charge(b)
            seen = await outcome(b, chip("timer_stop"), 20)
            kind, when = seen.reset()
            assert kind == "system", "the program did it, no watchdog"
            assert seen.let_go_before_the_reset(1)
            assert seen.opened(1) < 2.1, seen.opened(1)
            assert b.logged("TickFailed: reset")
            await b.advance(5)
            assert b.logged("last reset: Crash")
            b.csms.violations.clear()

    play(run())
