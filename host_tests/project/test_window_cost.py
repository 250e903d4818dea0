# A look at the pilots costs no more than it may.
# MIT license; part of microevse

import sys

import pytest
import window_cost
from tools_paths import ROOT


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bytecodes of Python 3.11 are counted")
def test_a_window_executes_hardly_more_bytecodes_than_before():
    now = window_cost.measure(ROOT)
    print(window_cost.table(now, window_cost.BEFORE))
    assert set(now) == set(window_cost.BEFORE)
    for name, before in window_cost.BEFORE.items():
        most = window_cost.MOST if "closed" in name else window_cost.MOST_OPEN
        assert before / 2 < now[name] <= most * before, name
