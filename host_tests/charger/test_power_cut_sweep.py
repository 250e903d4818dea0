# A bounded part of the power cut sweep: some operations each time, others the next time.
# MIT license; part of microevse
"""support/power_cut.py has the assertions; `make bench ARGS=power_cut` plays all of it."""

import os
import random

import power_cut

STEP = 24
REAL_S = 50


def test_power_cut_sweep(capsys):
    """POWER_CUT_SEED repeats a run that has failed."""
    seed = int(os.environ.get("POWER_CUT_SEED") or random.randrange(1, 100000))
    offset = random.Random(seed).randrange(STEP)
    with capsys.disabled():
        print()
        cuts = power_cut.sweep(STEP, offset, seed, seconds=REAL_S)
    assert cuts >= 5
