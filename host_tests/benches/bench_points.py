# Every pair of start points with every pair of stop points, whole firmware and central system.
# MIT license; part of microevse
"""usage: bench_points.py [VERSION]

support/points.py has the model; conformance/test_octt201_points.py plays a tenth of it. VERSION:
2.0.1 or 2.1."""

import sys

import places  # noqa: F401 (import paths)
from bench2 import scenario2
from points import Charger, everything, tells

AT_ONCE = 20


def play(combinations, offline, version):
    @scenario2(kind=Charger, version=version)
    async def story(b):
        await tells(b, combinations, offline)

    story()


if __name__ == "__main__":
    version = (sys.argv[1:] or ["2.0.1"])[0]
    combinations = list(everything())
    for offline in (False, True):
        for i in range(0, len(combinations), AT_ONCE):
            play(combinations[i : i + AT_ONCE], offline, version)
            print(
                f"{i + AT_ONCE} of {len(combinations)}, {'off' if offline else 'on'}line",
                flush=True,
            )
