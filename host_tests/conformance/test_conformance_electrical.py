# The rows of the IEC 61851-1 timing table, a few boards and EVs each.
# MIT license; part of microevse
"""The same rows with 200 runs each: python host_tests/support/conformance_electrical.py

8 boards and EVs for each row, fewer where a run of it takes long: 45 virtual seconds, and
four runs in any case.
"""

import conformance_electrical as electrical
import pytest

RUNS = 8
ENOUGH_S = 45


@pytest.mark.parametrize(
    "entry", electrical.ROWS, ids=["%s %s" % (row[0], row[1]) for row in electrical.ROWS]
)
def test_row_holds_in_random_corners(entry):
    result = electrical.measure(entry, RUNS, enough_s=ENOUGH_S)
    assert result.passed, f"{result.cells()} {result.failed}"


def test_a_row_that_is_missed_is_told():
    seq, what, kind, _, unit, fn, profile, options = electrical.ROWS[0]
    result = electrical.measure((seq, what, kind, 20, unit, fn, profile, options), 2)
    assert not result.passed and len(result.failed) == 2
    assert "FAIL" in electrical.table([result])
