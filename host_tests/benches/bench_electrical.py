# The timing table of IEC 61851-1, 200 random boards and EVs for each row.
# MIT license; part of microevse
"""usage: bench_electrical.py [RUNS]    rows: conformance_electrical.py"""

import sys

import places  # noqa: F401 (import paths)
import conformance_electrical as electrical

if __name__ == "__main__":
    results = electrical.run(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    print(electrical.table(results))
    sys.exit(0 if all(result.passed for result in results) else 1)
