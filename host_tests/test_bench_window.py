# A look at the pilots costs no more than it may.
# MIT license; part of microevse

import sys

import bench_window
import pytest
from tools_paths import ROOT


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bytecodes of Python 3.11 are counted")
def test_a_window_executes_hardly_more_bytecodes_than_before():
    now = bench_window.measure(ROOT)
    print(bench_window.table(now, bench_window.BEFORE))
    assert set(now) == set(bench_window.BEFORE)
    for name, before in bench_window.BEFORE.items():
        assert before / 2 < now[name] <= bench_window.MOST * before, name
