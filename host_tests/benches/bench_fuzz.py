# Random frames and payloads of every action.
# MIT license; part of microevse
"""usage: bench_fuzz.py [EXAMPLES [1.6 | 2]]    20,000 examples by default

Strategies: support/fuzzing.py, and fuzzing2.py for 2.0.1 and 2.1 ("2").

Passes or fails; then how many examples and frames there were, and how often each action was
answered with a result: a fuzzer that only makes garbage finds little.
"""

import sys

import places  # noqa: F401 (import paths)
import fuzzing
import fuzzing2

if __name__ == "__main__":
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else fuzzing.BENCH_EXAMPLES
    version = fuzzing2 if "2" in sys.argv[2:] else fuzzing
    version.fuzz(examples)
    print(f"seed {fuzzing.SEED}: no exception escaped, no contactor closed but for a valid start")
    missing = version.unreached()
    for name, count in sorted(fuzzing.TALLY.items()):
        print(f"{name:36}{count:9,}")
    sys.exit(f"never carried out: {missing}" if missing else 0)
