# Random EVs, faults, permissions, stalls and restarts against what must always be true.
# MIT license; part of microevse
"""usage: bench_model.py [HISTORIES]    model: model_electrical.py"""

import sys

import model_electrical

if __name__ == "__main__":
    histories = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    model_electrical.run(histories)
    print("%d random histories: every invariant held" % histories)
