# The power cut at every flash operation of an update, its first start and its confirmation.
# MIT license; part of microevse
"""usage: bench_update_cut.py [STEP [WHOLE_STEP]]

support/update_cut.py has the assertions; charger/test_update_cut.py plays a few."""

import sys

import places  # noqa: F401 (import paths)
from update_cut import FORMATS, in_process, whole

if __name__ == "__main__":
    steps = [int(a) for a in sys.argv[1:]] + [1, 100][len(sys.argv) - 1 :]
    for name in FORMATS:
        in_process(steps[0], layout=name)
    # A charger in whose file system the application lies, and one that has nothing but slots.
    for name in (None, "romfs"):
        whole(steps[1], layout=name)
