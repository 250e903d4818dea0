# Half a day of a charger's life: the soak of bench_soak.py, bounded.
# MIT license; part of microevse
"""soak.py has the assertions; the troubles of each kind come at least once."""

from soak import soak


def test_half_a_day_loses_nothing_and_leaks_nothing(capsys):
    told = []
    life = soak(0.5, 8, 4, told.append)
    with capsys.disabled():
        print("\n" + "\n".join(line for line in told if "heap limit" in line or "events" in line))
    assert life.began == 8
    assert life.outages and life.restarts and life.steps and life.reboots
