# The power cut at every flash operation of a session, whole firmware and central system.
# MIT license; part of microevse
"""usage: bench_power_cut.py [STEP [OFFSET]] [VERSION]

Every flash operation by default, under OCPP 1.6; VERSION: 1.6, 2.0.1 or 2.1.

support/power_cut.py has the assertions; charger/test_power_cut_sweep.py plays a few."""

import sys

import places  # noqa: F401 (import paths)
from power_cut import TELLS, sweep

if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:] if a not in TELLS]
    versions = [a for a in sys.argv[1:] if a in TELLS] or ["1.6"]
    sweep(*(numbers or [1]), version=versions[0])
