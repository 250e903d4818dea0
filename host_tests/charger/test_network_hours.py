# The first hours of the three days of network trouble; all of them: make bench ARGS=network.
# MIT license; part of microevse

from network_life import BACK_S, live


def test_a_charger_is_back_within_a_minute_of_the_network_s_return():
    """Over ws://, with the contactor open or closed; the heap is what it was."""
    life = live(1.5, seed=3, say=lambda text: None)
    told = {kind: max(s for s, _ in times) for kind, times in life.times.items()}
    returned = [s for kind, s in told.items() if kind not in life.FOUND_OUT]
    assert len(returned) >= 4 and max(returned) <= BACK_S, told
    assert life.openings == 0
