# Random histories of the charger with pairs of faults, and what must hold in each of them.
# MIT license; part of microevse
"""loop: asyncio on the virtual board's time. charger: the firmware's electrical side and its
station over that board. sampler, faults: the possible faults. judge: the invariants, taken from
the physical world. history: how a history is drawn, played, shortened and printed. coverage:
counts the histories that a run has played.
"""

import pathlib
import sys

_TESTS = pathlib.Path(__file__).resolve().parent.parent
for _folder in (_TESTS / "support", _TESTS, _TESTS.parent / "firmware", _TESTS.parent / "lib"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
