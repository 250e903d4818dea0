# A bounded part of the power cut sweep: some operations each time, others the next time.
# MIT license; part of microevse
"""support/power_cut.py has the assertions; `make bench ARGS=power_cut` plays all of it."""

import os
import random

import power_cut
import pytest

STEP = 24
# By version: real seconds, and the least number of cuts.
BOUNDS = {"1.6": (50, 5), "2.0.1": (8, 1)}


@pytest.mark.parametrize("version", BOUNDS)
def test_power_cut_sweep(capsys, version):
    """POWER_CUT_SEED repeats a run that has failed."""
    seconds, least = BOUNDS[version]
    seed = int(os.environ.get("POWER_CUT_SEED") or random.randrange(1, 100000))
    offset = random.Random(seed).randrange(STEP)
    with capsys.disabled():
        print()
        cuts = power_cut.sweep(STEP, offset, seed, seconds=seconds, version=version)
    assert cuts >= least
