# One day of the soak; the month is in the bench.
# MIT license; part of microevse
"""See soak.py."""

import os

from soak import soak


def test_a_day_with_ten_sessions(capsys):
    """SOAK_SEED repeats another run."""
    with capsys.disabled():
        print()
        soak(1, 10, int(os.environ.get("SOAK_SEED", "1")))
