# Charging profiles at their bounds, and the bytes they have on the flash.
# MIT license; part of microevse
"""Bounds and bytes are numbers here, not the names of the code: what one version has taken and
stored must be the same to the next one."""

from helpers import raises
from station import profile as p
from station.composite import composite
from station_parts import NOON, Charger
from store import kinds
from profile_parts import profile

BIG = 16777215  # tenths: 1677721.5 A or W


def test_a_profile_on_the_flash_is_understood():
    periods = b"\0\0\0\0\x9a\x00\x00\x00" + b"\x10\x0e\0\0" + b"\xff\xff\xff\x03"
    for purpose, unit in ((0, 0), (0, 1), (1, 0), (1, 1)):
        record = [7, 0, purpose, 2, unit, NOON, 86400, 7200, None, NOON + 99999, 60, periods]
        one = p.Profile(*record)
        assert one.purpose == (p.MAX, p.DEFAULT)[purpose] and one.unit == (p.AMPS, p.WATTS)[unit]
        assert list(one.limits()) == [(154, 0), (BIG, 3)] and one.smallest() == 154
        assert one.at(NOON + 3599, 0)[:2] == (154, 0) and one.at(NOON - 1, 0)[0] is None
        assert one.record() == record
    assert p.pack([(0, 154, 0), (3600, BIG, 3)]) == periods


def test_what_was_stored_holds_after_a_restart():
    c = Charger()
    periods = p.pack([(0, 69 * 230, 0)])
    c.journal.keep(kinds.PROFILE, 7, [7, 0, 0, 0, 1, NOON, 0, None, None, None, 0, periods])
    c.journal.keep(kinds.PROFILE, 8, [8, 1, 1, 0, 0, NOON + 5, 0, None, None, None, 0, periods])
    again = Charger(c.flash, boot=2)
    assert composite(again.station, 1, 60, p.AMPS, again.clock)[1] == [[0, 69, 1]]
    assert again.station.profiles.clear(purpose=p.DEFAULT) == 1
    assert again.station.profiles.clear(purpose=p.MAX) == 1


def test_96_periods_are_taken_and_no_more():
    assert len(p.pack([(i, 60, 0) for i in range(96)])) == 768
    assert "97 periods" in str(raises(ValueError, p.pack, [(i, 60, 0) for i in range(97)]))


def test_a_period_begins_before_two_to_the_thirtieth():
    end = 1 << 30
    one = profile([(0, 16), (end - 1, 6)])
    assert one.at(None, end - 2) == (160, 0, 1) and one.at(None, end - 1) == (60, 0, None)
    for start in (end, end + 1, 2 * end, 8 * end):
        raises(ValueError, p.pack, [(0, 160, 0), (start, 60, 0)])


def test_a_look_reads_no_period_behind_the_next_one():
    """It is made again and again while the composite is; a plan of a day has 96."""

    class Counting(p.Profile):
        read = 0

        def _period(self, i):
            self.read += 1
            return p.Profile._period(self, i)

    plan = p.pack([(900 * i, 60 + i, 0) for i in range(96)])
    one = Counting(1, 1, p.DEFAULT, 0, p.AMPS, None, 0, None, None, None, 0, plan)
    assert one.at(None, 900 * 3 + 1) == (63, 0, 899) and one.read == 5


def test_limits_of_24_bits_are_taken_and_no_others():
    for tenths in (0, 1, 300000, BIG):
        one = p.Profile(1, 1, p.DEFAULT, 0, p.WATTS, None, 0, None, None, None, tenths,
                        p.pack([(0, tenths, 2)]))  # fmt: skip
        assert one.at(None, 0) == (tenths, 2, None) and one.least == tenths
    for wrong in (-1, -10, BIG + 1):
        raises(ValueError, p.pack, [(0, wrong, 0)])
        raises(ValueError, lambda: profile(16, least=wrong))  # noqa: B023


def test_a_profile_is_over_when_its_only_time_has_passed():
    once = profile(8, start=NOON, duration=100)
    assert not once.over(NOON - 200) and not once.over(NOON - 100) and not once.over(NOON + 99)
    assert once.over(NOON + 100)
    # A profile that recurs, counts from a session or has no end may have a limit again.
    far = NOON + 10**8
    for more in (
        dict(start=NOON, duration=100, every=p.DAILY), dict(duration=100), dict(start=NOON), {},
    ):  # fmt: skip
        assert not profile(8, **more).over(far), more
    assert profile(8, start=NOON, duration=100, every=p.DAILY, valid_to=far).over(far)


def test_a_plan_that_counts_from_the_session_stays_when_room_is_made():
    c = Charger()
    plans = (dict(duration=100), dict(start=NOON - 500, duration=100, every=p.DAILY),
             dict(start=NOON - 50, duration=100))  # fmt: skip
    for i in range(p.MAX_PROFILES):
        c.station.profiles.install(profile(8, id=i, stack=i, **plans[i % 3]))
    raises(ValueError, c.station.profiles.install, profile(8, id=50, stack=9))
    assert len(list(c.journal.state(kinds.PROFILE))) == p.MAX_PROFILES


def amount(q, tenths, phases):
    return tenths


def test_of_two_that_allow_the_same_without_the_time_the_higher_one_holds():
    high, low = profile(8, id=1, start=NOON), profile(8, id=2, start=NOON)
    assert p.careful([high, low], None, 0, amount) == (high, 80, 0, None)
    assert p.careful([high, profile(8, id=3)], None, 0, amount)[0] is high


def test_without_the_time_and_without_a_profile_the_charger_is_told_with_its_phases():
    assert p.careful([], None, 0, amount) == (None, 0, 0, None)
    late = profile(8, duration=5)
    assert p.careful([late], None, 5, amount) == (None, 0, 0, None)
    c = Charger(settings={"Phases": "3"})
    c.clock.unix = None
    assert composite(c.station, 1, 60, p.AMPS, c.clock) == (60, [[0, 160, 3]])
    assert composite(c.station, 1, 60, p.WATTS, c.clock) == (60, [[0, 110400, 3]])
