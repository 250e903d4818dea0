# Every shipped front end through its tolerances, many times: are states mixed up?
# MIT license; part of microevse
"""usage: protocol_boards.py [CORNERS]    as charger/test_boards_electrical.py, which plays a few.

Also prints how far the ADC may be off before a state is mistaken for another: by the loader's
arithmetic, and on the virtual board. A board passes if it tolerates more than the 1.5 % that are
expected.
"""

import sys

import places  # noqa: F401 (import paths)
from rig import RESIDUAL
from front_ends import BOARDS, misread, profiles

import front_end

STEP = 0.0025


def worst(board, corners, error):
    """Misread states of `corners` random boards whose ADC is off by `error` either way."""
    found = []
    for seed in range(1, corners + 1):
        for gain in (1 - error, 1 + error):
            found += misread(board, seed, adc_gain=gain)
    return found


def main(corners=200):
    failed = 0
    for name, board in BOARDS.items():
        cp = board["connectors"][0]["cp"]
        chip = profiles.CHIPS[board["chip"]]
        reckoned = front_end.FrontEnd(cp, chip).margin() / 10
        bad = [m for seed in range(1, corners + 1) for m in misread(board, seed)]
        error = RESIDUAL
        while error < 0.1 and not worst(board, max(corners // 10, 1), error + STEP):
            error += STEP
        failed += bool(bad)
        print(
            "%-18s %d boards: %d states mistaken; ADC may be off by %.1f %% (reckoned, worst case"
            "), %.2f %% was not enough for a mistake"
            % (name, corners, len(bad), reckoned, error * 100)
        )
        for line in bad[:5]:
            print("   ", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
