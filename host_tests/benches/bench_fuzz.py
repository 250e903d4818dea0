# Random frames and payloads of every action.
# MIT license; part of microevse
"""usage: bench_fuzz.py [EXAMPLES]    strategies: support/fuzzing.py; 20,000 examples by default

Passes or fails; then how many examples and frames there were, and how often each action was
answered with a result: a fuzzer that only makes garbage finds little.
"""

import sys

import places  # noqa: F401 (import paths)
import fuzzing

if __name__ == "__main__":
    fuzzing.fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else fuzzing.BENCH_EXAMPLES)
    print(f"seed {fuzzing.SEED}: no exception escaped, no contactor closed but for a valid start")
    missing = fuzzing.unreached()
    for name, count in sorted(fuzzing.TALLY.items()):
        print(f"{name:36}{count:9,}")
    sys.exit(f"never carried out: {missing}" if missing else 0)
