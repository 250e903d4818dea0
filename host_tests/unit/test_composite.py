# The composite schedule to the tenth: rounding, several connectors, and where it ends.
# MIT license; part of microevse
from station import profile as p
from station.composite import composite
from station.profile import AMPS, DEFAULT, MAX, MAX_PERIODS, WATTS
from station_parts import NOON, Charger, FakeEvse, FakeMeter
from profile_parts import profile


def tell(c, unit=AMPS, number=1, duration=60):
    seconds, periods = composite(c.station, number, duration, unit, c.clock)
    assert seconds == duration
    return periods


def charger(phases=1, connectors=1):
    c = Charger(settings={"Phases": str(phases)})
    for _ in range(connectors - 1):
        c.station.add(FakeEvse(), FakeMeter(), None, None, {"max_a": 16, "phases": phases})
    return c


def watts(tenths, number=1):
    """A profile of so many tenths of a watt for the connector `number`."""
    periods = p.pack([(0, tenths, 0)])
    return p.Profile(number, number, DEFAULT, 0, WATTS, None, 0, None, None, None, 0, periods)


def test_each_connector_is_told_by_itself_and_the_station_with_all():
    c = charger(connectors=2)
    assert tell(c) == tell(c, number=2) == [[0, 160, 1]] and tell(c, number=0) == [[0, 320, 1]]
    assert tell(c, number=7) == [[0, 0, 0]], "there is none"


def test_a_cap_above_what_the_board_has_is_not_told():
    c = charger()
    c.station.profiles.install(profile(20, purpose=MAX))
    assert tell(c) == [[0, 160, 1]]


def test_the_power_of_a_station_is_that_of_its_cap():
    c = charger(3, connectors=2)
    c.station.profiles.install(profile(10, purpose=MAX))
    assert tell(c, AMPS, 0) == [[0, 100, 3]] and tell(c, WATTS, 0) == [[0, 69000, 3]]


def test_a_cap_that_changes_nothing_leaves_the_phases_of_the_profile():
    c = charger(3)
    c.station.profiles.install(profile(10, id=1, purpose=MAX))
    c.station.profiles.install(profile([(0, 10, 1)], id=2))
    assert tell(c, AMPS, 0) == [[0, 100, 1]] and tell(c, WATTS, 0) == [[0, 23000, 1]]


def test_amperes_and_watts_are_rounded_to_the_nearest_tenth():
    for ma, amps, power in (
        (7000, 70, 16100), (7040, 70, 16192), (7049, 70, 16213), (7050, 71, 16215),
        (7004, 70, 16109), (7005, 70, 16112), (7100, 71, 16330),
    ):  # fmt: skip
        c = charger()
        c.limits.claim("web", 1000, ma)
        assert tell(c)[0][1] == amps and tell(c, WATTS)[0][1] == power, ma


def test_a_little_below_half_a_tenth_is_rounded_down():
    # Each of the two loses a part of a microampere: together they are one short of 14.05 A.
    c = charger(connectors=2)
    c.station.profiles.install(watts(16157))
    c.station.profiles.install(watts(16158, 2))
    assert tell(c, AMPS, 0)[0][1] == 140
    # And a part of a watt: 2000.1 W less a little, and 1611.15 W.
    c = charger(connectors=2)
    c.station.connectors[1].limits.claim("web", 1000, 7005)
    c.station.profiles.install(watts(20001))
    assert 0 < 20001 * 100000 - 100000 * 20001 // 230 * 230 < 230
    assert tell(c, WATTS, 0)[0][1] == 20001 + 16111


def test_less_than_a_milliampere_is_nought():
    c = charger()
    c.station.profiles.install(watts(1))
    assert tell(c, WATTS) == [[0, 0, 1]]


def test_a_claim_ends_in_the_second_in_which_its_time_has_passed():
    for until in (40001, 40100, 40500, 40751, 40999, 41000):
        c = charger()
        c.limits.claim("web", 1000, 7000, until=until)
        assert tell(c) == [[0, 70, 1], [41, 160, 1]], until


def test_a_schedule_ends_after_500_steps_or_96_periods():
    c = charger()
    c.station.profiles.install(profile(8, start=NOON, every=60))
    assert composite(c.station, 1, 10**6, AMPS, c.clock) == (30000, [[0, 80, 1]])
    c.station.profiles.install(profile([(0, 8), (20, 9)], start=NOON, every=60))
    looks = []
    real = c.station.profiles.limits_at
    c.station.profiles.limits_at = lambda *more: looks.append(1) or real(*more)
    seconds, periods = composite(c.station, 1, 10**6, AMPS, c.clock)
    assert (seconds, len(periods)) == (48 * 60, MAX_PERIODS) and len(looks) == MAX_PERIODS + 1
