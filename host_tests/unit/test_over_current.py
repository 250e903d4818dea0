# The bounds of over-current, to the milliampere and to the millisecond.
# MIT license; part of microevse

from station.over_current import OverCurrent


def verdicts(readings, watch=None):
    """The verdicts on [(ms, offered, drawn), ...], each read when it is looked at."""
    watch = watch or OverCurrent()
    return [watch.look(ms, offered, drawn, ms) for ms, offered, drawn in readings]


def test_soft_is_told_at_seven_seconds_and_not_a_millisecond_sooner():
    # (6 A + 0.5 A) * 1.1, and (16 A + 0.5 A) * 1.1
    for offered, most in ((6000, 7150), (16000, 18150)):
        assert verdicts([(0, offered, most + 1), (6999, offered, most + 1)]) == [None, None]
        above = [(0, offered, most + 1), (7000, offered, most + 1)]
        assert verdicts(above) == [None, "OverCurrentSoft"]
        assert verdicts([(0, offered, most), (7000, offered, most + 1)]) == [None, None]
        within = [(0, offered, most + 1), (3000, offered, most), (7000, offered, most + 1)]
        assert verdicts(within) == [None] * 3


def test_hard_is_told_at_one_and_a_half_seconds_and_not_a_millisecond_sooner():
    for offered, most in ((6000, 7500), (16000, 20000)):
        assert verdicts([(0, offered, most + 1), (1499, offered, most + 1)]) == [None, None]
        above = [(0, offered, most + 1), (1500, offered, most + 1)]
        assert verdicts(above) == [None, "OverCurrentHard"]
        assert verdicts([(0, offered, most), (1500, offered, most + 1)]) == [None, None]
        within = [(0, offered, most + 1), (700, offered, most), (1500, offered, most + 1)]
        assert verdicts(within) == [None] * 3


def test_the_larger_offer_holds_for_six_seconds():
    watch = OverCurrent()
    assert verdicts([(0, 32000, 32000), (1000, 10000, 32000), (5999, 10000, 32000)], watch) == [
        None, None, None,
    ]  # fmt: skip
    assert watch._hard_ms is None
    assert verdicts([(6000, 10000, 32000)], watch) == [None] and watch._hard_ms == 6000


def test_each_step_down_has_its_own_six_seconds():
    watch = OverCurrent()
    verdicts([(0, 32000, 9000), (4000, 20000, 9000), (8000, 10000, 9000)], watch)
    # 20 A was offered last at 4 s.
    verdicts([(9999, 10000, 20000)], watch)
    assert watch._soft_ms is None
    verdicts([(10000, 10000, 20000)], watch)
    assert watch._soft_ms == watch._hard_ms == 10000
    # The same offer once more begins its time anew.
    watch = OverCurrent()
    verdicts([(0, 20000, 9000), (5000, 20000, 9000), (6000, 10000, 20000)], watch)
    verdicts([(10999, 10000, 20000)], watch)
    assert watch._hard_ms is None
    verdicts([(11000, 10000, 20000)], watch)
    assert watch._hard_ms == 11000


def test_a_larger_offer_holds_at_once():
    watch = OverCurrent()
    verdicts([(0, 10000, 32000), (500, 32000, 32000)], watch)
    assert watch._hard_ms is None and watch._soft_ms is None


def test_what_was_read_before_ten_blind_seconds_does_not_count():
    for gap, verdict in ((10000, "OverCurrentHard"), (10001, None)):
        assert verdicts([(0, 16000, 30000), (gap, 16000, 30000)]) == [None, verdict]


def test_without_an_offer_nothing_is_kept():
    watch = OverCurrent()
    verdicts([(0, 16000, 30000)], watch)
    assert watch._hard_ms == watch._soft_ms == 0
    verdicts([(6000, 0, 30000), (12000, 0, 30000)], watch)
    assert watch._hard_ms is None and watch._soft_ms is None


def test_a_new_closing_begins_with_nothing():
    watch = OverCurrent()
    verdicts([(1000, 16000, 30000)], watch)
    watch.begin()
    assert verdicts([(1000, 16000, 30000), (2499, 16000, 30000)], watch) == [None, None]
    watch.begin()
    # The same reading is new for it, and a larger offer of before does not hold.
    verdicts([(2499, 6000, 12000)], watch)
    assert watch._hard_ms == watch._soft_ms == 2499


def test_the_first_readings_are_never_too_old():
    """Nothing has been read before the first one, whenever that was."""
    assert verdicts([(50000, 16000, 30000), (51500, 16000, 30000)]) == [None, "OverCurrentHard"]


def test_of_offers_that_went_down_and_up_the_largest_of_six_seconds_holds():
    watch = OverCurrent()
    verdicts([(0, 32000, 9000), (1000, 10000, 9000), (5000, 20000, 9000)], watch)
    verdicts([(6500, 20000, 15000)], watch)
    assert watch._soft_ms is None and watch._hard_ms is None
    verdicts([(6600, 20000, 22551)], watch)
    assert watch._soft_ms == 6600


def test_a_verdict_is_told_once_for_each_reading():
    watch = OverCurrent()
    assert verdicts([(0, 16000, 30000), (1500, 16000, 30000)], watch)[1] == "OverCurrentHard"
    assert watch.look(2000, 16000, 30000, 1500) is None
    assert watch.look(2500, 16000, 30000, 2500) == "OverCurrentHard"
