# A thousand sessions without a reboot, and hundreds over the whole firmware.
# MIT license; part of microevse
"""Run by `make bench`; test_long_run.py has the bounded part. Prints for each MicroPython version
how long it ran, the slowest opening, and how soon a hang at the end was ended."""

import sys
import time

import places  # noqa: F401 (import paths)
import long_run
from reset_sweep import (
    CLOSINGS,
    HANG_S,
    ONE,
    TWO,
    bench,
    charge,
    chip,
    close_often,
    connectors,
    outcome,
    play,
)

COUNT = 1000
WHOLE = 9  # plug-ins


async def _whole(board, version, plug_ins):
    async with bench(board, options={"micropython": version}) as b:
        await charge(b)
        await close_often(b, plug_ins)
        assert b.twin.boots == 1, "it was reset"
        seen = await outcome(b, chip("hang"))
        b.csms.violations.clear()
        return b.now, max(seen.opened(n) for n in connectors(b))


def main():
    for version in ("1.24", "1.25", "1.26", "1.27", "1.28", "1.29"):
        for board, count in ((ONE, 1), (TWO, 2)):
            long_run.told(COUNT, version=version, board=board, connectors=count)
    long_run.told(COUNT, version="1.26", board="esp32s2_diy_alpha", rtc_watchdog=False)
    for board in (ONE, TWO):
        begin = time.monotonic()
        seconds, opened = play(_whole(board, "1.26", WHOLE), 1200)
        print(
            "whole firmware, %s on 1.26: %d openings and closings of each connector in %.1f h, a"
            " hang opens after %.2f s (%.0f s real)"
            % (board, WHOLE * CLOSINGS, seconds / 3600, opened, time.monotonic() - begin)
        )
        assert opened < HANG_S
    return 0


if __name__ == "__main__":
    sys.exit(main())
