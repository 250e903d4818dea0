# Random frames and payloads of every action.
# MIT license; part of microevse
"""usage: bench_fuzz.py [EXAMPLES]    strategies: test_fuzz.py"""

import sys

import test_fuzz

if __name__ == "__main__":
    test_fuzz.fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else test_fuzz.BENCH_EXAMPLES)
