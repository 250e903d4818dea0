# A month in the life of a charger: 30 days, 300 sessions.
# MIT license; part of microevse
"""usage: bench_soak.py [DAYS [SESSIONS [SEED [HEAP [VERSION]]]]]

HEAP as micropython's -X heapsize=, or one of the images of heap_table.py ("base" for short), whose
GC heap and system heap are then those of the chip; 0: as without. VERSION of OCPP: 1.6, 2.0.1
or 2.1."""

import functools
import sys

import places  # noqa: F401 (import paths)
from heap_table import IMAGES
from soak import soak
from twin.host import heap_bytes

if __name__ == "__main__":
    given = sys.argv[1:4]
    days, sessions, seed = [int(a) for a in given + ["30", "300", "1"][len(given) :]]
    say = functools.partial(print, flush=True)  # each day when it is over, also into a file
    last = sys.argv[4] if len(sys.argv) > 4 else None
    image = {"base": "base, ROMFS"}.get(last, last if last in IMAGES else None)
    heap = heap_bytes(last) if last not in (None, "0") and not image else None
    version = sys.argv[5] if len(sys.argv) > 5 else "1.6"
    soak(days, sessions, seed, say, heap, image, version)
