# The power cut at every flash operation of a session, whole firmware and central system.
# MIT license; part of microevse
"""usage: bench_power_cut.py [STEP [OFFSET]]    every flash operation by default

support/power_cut.py has the assertions; charger/test_power_cut_sweep.py plays a few."""

import sys

import places  # noqa: F401 (import paths)
from power_cut import sweep

if __name__ == "__main__":
    sweep(*([int(a) for a in sys.argv[1:]] or [1]))
