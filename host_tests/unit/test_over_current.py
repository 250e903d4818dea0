# The bounds of over-current, to the milliampere and to the millisecond.
# MIT license; part of microevse

from station.over_current import OverCurrent


def verdicts(readings, watch=None):
    """The verdicts on [(ms, offered, drawn), ...], each read when it is looked at."""
    watch = watch or OverCurrent()
    return [watch.look(ms, offered, drawn, ms) for ms, offered, drawn in readings]


def test_soft_is_told_with_eight_seconds_of_evidence_and_not_a_millisecond_sooner():
    # (6 A + 0.5 A) * 1.1, and (16 A + 0.5 A) * 1.1
    for offered, most in ((6000, 7150), (16000, 18150)):
        for last, drawn, verdict in (
            (7999, most + 1, None), (8000, most + 1, "OverCurrentSoft"), (8000, most, None),
        ):  # fmt: skip
            above = [(0, offered, 0), (4000, offered, most + 1), (last, offered, drawn)]
            assert verdicts(above) == [None, None, verdict], (last, drawn)


def test_hard_is_told_with_three_seconds_of_evidence_and_not_a_millisecond_sooner():
    for offered, most in ((6000, 7500), (16000, 20000)):
        for last, drawn, verdict in (
            (2999, most + 1, None), (3000, most + 1, "OverCurrentHard"), (3000, most, None),
        ):  # fmt: skip
            above = [(0, offered, 0), (1500, offered, most + 1), (last, offered, drawn)]
            assert verdicts(above) == [None, None, verdict], (last, drawn)


def test_a_reading_adds_its_time_and_one_within_the_limit_takes_half_of_its_own():
    watch = OverCurrent()
    evidence = []
    for ms, drawn in (
        (0, 30000), (1000, 30000), (1601, 16000), (4601, 30000), (5601, 16000), (9601, 16000),
    ):  # fmt: skip
        watch.look(ms, 16000, drawn, ms)
        evidence.append((watch._hard_ms, watch._soft_ms))
    # At most half of what a cause takes at once; never less than nothing.
    assert evidence == [(0, 0), (1000, 1000), (700, 700), (2200, 3700), (1700, 3200), (950, 1200)]
    watch.look(13601, 16000, 16000, 13601)
    assert (watch._hard_ms, watch._soft_ms) == (200, 0)
    for ms in range(14601, 40000, 1000):
        watch.look(ms, 16000, 30000, ms)
    assert (watch._hard_ms, watch._soft_ms) == (3000, 8000), "and never more than it takes"


def test_the_larger_offer_holds_for_six_seconds():
    watch = OverCurrent()
    assert verdicts([(0, 32000, 32000), (1000, 10000, 32000), (5999, 10000, 32000)], watch) == [
        None, None, None,
    ]  # fmt: skip
    assert watch._hard_ms == 0
    assert verdicts([(6000, 10000, 32000)], watch) == [None] and watch._hard_ms == 1


def test_each_step_down_has_its_own_six_seconds():
    watch = OverCurrent()
    verdicts([(0, 32000, 9000), (4000, 20000, 9000), (8000, 10000, 9000)], watch)
    # 20 A was offered last at 4 s.
    verdicts([(9999, 10000, 20000)], watch)
    assert watch._soft_ms == 0
    verdicts([(10000, 10000, 20000)], watch)
    assert watch._soft_ms == watch._hard_ms == 1
    # The same offer once more begins its time anew.
    watch = OverCurrent()
    verdicts([(0, 20000, 9000), (5000, 20000, 9000), (6000, 10000, 20000)], watch)
    verdicts([(10999, 10000, 20000)], watch)
    assert watch._hard_ms == 0
    verdicts([(11000, 10000, 20000)], watch)
    assert watch._hard_ms == 1


def test_a_larger_offer_holds_at_once():
    watch = OverCurrent()
    verdicts([(0, 10000, 9000), (500, 10000, 32000), (1500, 32000, 32000)], watch)
    assert watch._hard_ms == 0 and watch._soft_ms == 0


def test_what_was_read_before_ten_blind_seconds_does_not_count():
    for gap, verdict in ((10000, "OverCurrentHard"), (10001, None)):
        readings = [(0, 16000, 9000), (1500, 16000, 30000), (1500 + gap, 16000, 30000)]
        assert verdicts(readings) == [None, None, verdict]


def test_without_an_offer_nothing_is_kept():
    watch = OverCurrent()
    verdicts([(0, 16000, 30000), (1000, 16000, 30000)], watch)
    assert watch._hard_ms == watch._soft_ms == 1000
    verdicts([(7000, 0, 30000), (13000, 0, 30000)], watch)
    assert watch._hard_ms == watch._soft_ms == 0


def test_a_new_closing_begins_with_nothing():
    watch = OverCurrent()
    verdicts([(0, 16000, 9000), (1000, 16000, 30000)], watch)
    watch.begin()
    assert watch._hard_ms == watch._soft_ms == 0
    # The same reading is new for it, but the time before it is none of this closing; and a
    # larger offer of before does not hold.
    verdicts([(1000, 6000, 12000)], watch)
    assert watch._hard_ms == watch._soft_ms == 0
    verdicts([(2000, 6000, 12000)], watch)
    assert watch._hard_ms == watch._soft_ms == 1000


def test_the_first_readings_are_never_too_old():
    """Before the first reading there is no age, whenever that reading comes."""
    readings = [(ms, 16000, 30000) for ms in (50000, 51500, 53000)]
    assert verdicts(readings) == [None, None, "OverCurrentHard"]


def test_of_offers_that_went_down_and_up_the_largest_of_six_seconds_holds():
    watch = OverCurrent()
    verdicts([(0, 32000, 9000), (1000, 10000, 9000), (5000, 20000, 9000)], watch)
    verdicts([(6500, 20000, 15000)], watch)
    assert watch._soft_ms == 0 and watch._hard_ms == 0
    verdicts([(6600, 20000, 22551)], watch)
    assert watch._soft_ms == 100


def test_a_verdict_is_told_once_for_each_reading():
    watch = OverCurrent()
    readings = [(ms, 16000, 30000) for ms in (0, 1500, 3000)]
    assert verdicts(readings, watch)[2] == "OverCurrentHard"
    assert watch.look(3500, 16000, 30000, 3000) is None
    assert watch.look(4000, 16000, 30000, 4000) == "OverCurrentHard"
