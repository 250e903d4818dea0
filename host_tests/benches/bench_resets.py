# The whole reset sweep: every cause at every state with closed contactors, every damage.
# MIT license; part of microevse
"""Run by `make bench`; test_resets.py has the bounded part. Prints how long each leaves the
contacts closed: from the moment that the chip stops to run the program, in milliseconds."""

import pathlib
import sys
import tempfile

import places  # noqa: F401 (import paths)
from reset_sweep import (
    CRASH_S,
    DAMAGES,
    HANG_S,
    NEEDS_OWN_IMAGE,
    ONE,
    STATES,
    TWO,
    after_damage,
    bench,
    charge,
    chip,
    connectors,
    outcome,
    play,
)

CAUSES = ("hang", "clock_stop", "timer_stop", "panic", "twdt", "cpu", "system", "brownout", "soft")
# A hang ends by a watchdog; a reset of the system releases the pins; else boot.py opens.
LIMITS = {"hang": HANG_S, "clock_stop": HANG_S, "timer_stop": HANG_S, "system": 0.05}
LIMITS["brownout"] = 0.05


async def _one(board, state, cause, image):
    async with bench(board, options={"image": image}) as b:
        await charge(b, state)
        seen = await outcome(b, chip(cause))
        b.csms.violations.clear()
        return [seen.opened(n) for n in connectors(b)]


def told(what, found, limit):
    """Print one row; 1 if it is beyond the limit."""
    ms = ["never" if t is None else "%.0f ms" % (1000 * t) for t in found]
    wrong = any(t is None or t > limit for t in found)
    print("%-70s %-20s%s" % (what, ", ".join(ms), "  TOO LATE" if wrong else ""))
    return wrong


def main():
    wrong = 0
    for image in ("stock", "own"):
        for board in (ONE, TWO):
            for state in STATES:
                for cause in CAUSES:
                    found = play(_one(board, state, cause, image))
                    what = "%s, %s, %s, %s image" % (cause, state, board, image)
                    wrong += told(what, found, LIMITS.get(cause, CRASH_S))
    for image in ("stock", "own"):
        for damage in sorted(DAMAGES):
            if image == "stock" and damage in NEEDS_OWN_IMAGE:
                continue
            for board in (ONE, TWO):
                for cause in ("panic", "twdt", "cpu", "hang"):
                    with tempfile.TemporaryDirectory() as folder:
                        folder = pathlib.Path(folder) / "f"
                        seen = play(after_damage(folder, damage, cause, board, image))
                    numbers = (1,) if board == ONE else (1, 2)
                    found = [seen.opened(n) for n in numbers]
                    what = "%s, %s, %s, %s image" % (cause, damage, board, image)
                    wrong += told(what, found, LIMITS.get(cause, CRASH_S))
    print("%d rows too late" % wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
