# Random frames and payloads of every action.
# MIT license; part of microevse
"""usage: bench_fuzz.py [EXAMPLES]    strategies: test_fuzz.py; 20,000 examples by default

Passes or fails; then how many examples and frames there were, and how often each action was
answered with a result: a fuzzer that only makes garbage finds little.
"""

import sys

import test_fuzz

if __name__ == "__main__":
    test_fuzz.fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else test_fuzz.BENCH_EXAMPLES)
    print(
        f"seed {test_fuzz.SEED}: no exception escaped, no contactor closed but for a valid start"
    )
    missing = test_fuzz.unreached()
    for name, count in sorted(test_fuzz.TALLY.items()):
        print(f"{name:36}{count:9,}")
    sys.exit(f"never carried out: {missing}" if missing else 0)
