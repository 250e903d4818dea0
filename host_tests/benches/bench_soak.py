# A month in the life of a charger: 30 days, 300 sessions.
# MIT license; part of microevse
"""usage: bench_soak.py [DAYS [SESSIONS [SEED [HEAP]]]]    HEAP as micropython's -X heapsize="""

import functools
import sys

import places  # noqa: F401 (import paths)
from soak import soak
from twin.host import heap_bytes

if __name__ == "__main__":
    given = sys.argv[1:4]
    days, sessions, seed = [int(a) for a in given + ["30", "300", "1"][len(given) :]]
    say = functools.partial(print, flush=True)  # each day when it is over, also into a file
    soak(days, sessions, seed, say, heap_bytes(sys.argv[4]) if len(sys.argv) > 4 else None)
