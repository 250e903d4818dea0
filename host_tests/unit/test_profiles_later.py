# What newer protocols have of profiles: more purposes, live limits, bounds on an outage, chance.
# MIT license; part of microevse
from helpers import raises, run
from profile_parts import profile
from station import live_limits
from station import profile as p
from station.composite import composite
from station.profile_outage import Outage
from station.station import Station
from station.profile import AMPS, DEFAULT, GENERATION, LIVE, MAX, PRIORITY, TX, WATTS
from station_parts import NOON, Charger
from store import kinds


def extra(kind=p.ABSOLUTE, delay=0, away=None, lasting=0, every=0, updated=None):
    return [kind, 5, delay, away, lasting, every, updated]


def offered(c, seconds=1):
    """The limit of the connector after some seconds, mA."""
    run(c.pass_s(seconds))
    return c.limits.value(c.clock.ms)[0]


def charging():
    c = Charger(settings={"MaxCurrent": "32"})
    c.limits.cap("board", 32000)
    return c, run(c.charge())


def test_generation_adds_to_the_station_s_cap_and_alone_caps_nothing():
    c, _ = charging()
    install = c.station.profiles.install
    install(profile(6, id=2, purpose=GENERATION, connector=0))
    assert offered(c) == 32000
    install(profile(10, id=1, purpose=MAX))
    assert offered(c) == 16000
    install(profile([(0, 6), (60, 12)], id=2, purpose=GENERATION, connector=0, start=NOON + 3))
    assert offered(c) == 16000
    assert offered(c, 70) == 22000
    install(profile(60, id=2, purpose=GENERATION, connector=0))
    assert offered(c) == 32000, "never above the smallest cap"
    c.clock.unix = None
    c.station.profiles.changed()
    assert offered(c) == 10000, "without the time nobody knows what is generated"


def test_generation_in_watts_is_for_all_phases():
    c = Charger(settings={"Phases": "3", "NominalVoltage": "230"})
    c.station.profiles.install(profile(10, id=1, purpose=MAX))
    c.station.profiles.install(profile(2070, id=2, purpose=GENERATION, connector=0, unit=WATTS))
    assert composite(c.station, 0, 60, AMPS, c.clock)[1] == [[0, 130, 3]]


def test_a_session_that_goes_first_has_its_own_profile():
    c, session = charging()
    profiles = c.station.profiles
    profiles.install(profile(8, id=1))
    assert not live_limits.prioritize(c.station, session.id, True), "there is no such profile"
    profiles.install(profile(20, id=2, purpose=PRIORITY))
    assert offered(c) == 8000 and session.id not in profiles.first
    assert not live_limits.prioritize(c.station, session.id + 1, True)
    assert live_limits.prioritize(c.station, session.id, True) and session.id in profiles.first
    assert offered(c) == 20000
    profiles.install(profile(10, id=3, purpose=MAX))
    assert offered(c) == 10000, "the cap of the station holds for it, too"
    assert live_limits.prioritize(c.station, session.id, False)
    assert offered(c) == 8000
    live_limits.prioritize(c.station, session.id, True)
    c.connector.request_stop("local")
    run(c.pass_s(3))
    assert session.id not in profiles.first


def test_the_priority_of_another_connector_is_no_priority():
    c, session = charging()
    c.station.profiles.install(profile(20, id=2, purpose=PRIORITY, connector=2))
    assert not live_limits.prioritize(c.station, session.id, True)
    c.station.profiles.install(profile(20, id=2, purpose=PRIORITY, connector=0))
    assert live_limits.prioritize(c.station, session.id, True)


def test_a_live_limit_is_in_force_at_once_and_survives_a_restart():
    c, _ = charging()
    c.station.profiles.install(profile(10, id=7, extra=extra(LIVE, every=30)))
    live = live_limits.find(c.station.profiles, 7)
    assert offered(c) == 10000 and live_limits.find(c.station.profiles, 8) is None
    live_limits.renew(c.station.profiles, live, 75, c.clock.now())
    assert offered(c) == 7500 and live.more(p.UPDATED) == c.clock.now() - 1
    live_limits.renew(c.station.profiles, live, 50, c.clock.now())
    assert offered(c) == 0
    run(c.pass_s(61))
    again = Charger(c.flash, boot=2)
    kept = live_limits.find(again.station.profiles, 7)
    assert kept.extra == live.extra and list(kept.limits()) == [(50, 0)]


def test_a_live_limit_with_a_duration_ends_so_long_after_its_last_change():
    c, _ = charging()
    c.station.profiles.install(
        profile(10, id=7, start=NOON, duration=60, extra=extra(LIVE, every=30))
    )
    assert offered(c) == 10000
    run(c.pass_s(30))
    live_limits.renew(
        c.station.profiles, live_limits.find(c.station.profiles, 7), 80, c.clock.now()
    )
    assert offered(c, 50) == 8000
    assert offered(c, 20) == 32000


def test_a_profile_may_not_outlive_the_central_system_for_long():
    c, _ = charging()
    install = c.station.profiles.install
    c.station.delivery.renderer = object()
    install(profile(8, id=1))
    install(profile(14, id=2, stack=1, extra=extra(away=30)))
    install(profile(20, id=3, stack=2, extra=extra(away=60, lasting=1)))
    assert offered(c, 100) == 20000
    c.station.delivery.renderer = None
    assert offered(c, 59) == 20000
    assert offered(c, 3) == 8000, "both are over: the one below holds"
    assert live_limits.find(c.station.profiles, 3) is None, "for good"
    assert [key for key, _ in c.journal.state(kinds.PROFILE)] == [1, 2]
    c.station.delivery.renderer = object()
    assert offered(c, 2) == 14000
    install(profile(9, id=4, stack=3, extra=extra(away=0)))
    assert offered(c) == 9000
    c.station.delivery.renderer = None
    assert offered(c) == 14000, "0: not valid while offline"


def test_changes_come_late_by_chance_and_are_planned_in_time():
    c, _ = charging()  # its chance is always the highest number
    now = c.clock.now()
    plan = [(0, 10), (60, 20)]
    c.station.profiles.install(profile(plan, start=now, duration=120, extra=extra(delay=30)))
    assert composite(c.station, 1, 200, AMPS, c.clock)[1] == [
        [0, 100, 1],
        [60, 200, 1],
        [120, 320, 1],
    ]
    assert offered(c, 29) == 32000 and offered(c, 2) == 10000
    assert offered(c, 58) == 10000 and offered(c, 2) == 20000
    assert offered(c, 57) == 20000 and offered(c, 3) == 32000
    # One that counts from the start of the session holds from its first second on.
    tx = profile([(0, 10), (5, 20)], id=2, purpose=TX, extra=extra(delay=7))
    tx.session = c.connector.session.id
    c.station.profiles.install(tx)
    one = live_limits.find(c.station.profiles, 2)
    assert one.late == 7 and one.at(NOON, 0, one.late) == (100, 0, 12)
    assert one.at(NOON, 11, one.late) == (100, 0, 1) and one.at(NOON, 12, one.late)[0] == 200


def test_what_is_kept_of_it_is_read_tolerantly():
    c = Charger()
    good = profile(8, id=1, extra=extra())
    plain = profile(9, id=2, stack=1)
    assert len(plain.record()) == 12, "as before where the protocol has none of it"
    damaged = profile(9, id=3, stack=2).record() + [[0, "x"]]
    later = profile(9, id=4, stack=3, extra=extra()).record() + ["more"]
    unknown = profile(9, id=5, stack=4).record()
    unknown[2] = 9
    for record in (good.record(), plain.record(), damaged, later, unknown):
        c.journal.keep(kinds.PROFILE, record[0], record)
    again = Charger(c.flash, boot=2)
    found = {one.id: one.extra for one in again.station.profiles.installed()}
    assert found == {1: extra(), 2: None, 3: None, 4: extra()}
    assert plain.more(p.KIND) is None and good.more(99) is None


def test_the_longest_profile_fits_its_record():
    c = Charger()
    periods = [(900 * i, 1000000 + i) for i in range(p.MAX_PERIODS)]
    big = 2**31 - 1
    most = profile(periods, id=big, start=big, duration=big, valid_from=NOON, valid_to=big,
                   extra=[3, -big, big, big, 1, big, big])  # fmt: skip
    c.station.profiles.install(most)
    again = live_limits.find(Charger(c.flash, boot=2).station.profiles, big)
    assert again.record() == most.record()


def test_no_purpose_is_beyond_the_last():
    raises(ValueError, lambda: profile(10, purpose=PRIORITY + 1))
    raises(ValueError, lambda: profile(10, purpose=-1))
    assert profile(10, purpose=DEFAULT).slot() == (DEFAULT, 0, 1)


def test_a_live_limit_never_comes_late():
    # Each new limit begins a new duration: until a late one came there was none at all.
    c, _ = charging()
    c.station.profiles.install(
        profile(10, id=7, start=NOON, duration=600, extra=extra(LIVE, delay=60, every=30))
    )
    assert offered(c) == 10000
    live = live_limits.find(c.station.profiles, 7)
    live_limits.renew(c.station.profiles, live, 80, c.clock.now())
    assert offered(c) == 8000


def test_flash_that_fails_while_nobody_is_there_opens_nothing():
    c, _ = charging()
    c.station.delivery.renderer = object()
    c.station.profiles.install(profile(8, id=1, extra=extra(away=30, lasting=1)))
    assert offered(c) == 8000

    def refuses(*_):
        raise OSError(5)

    c.journal.forget = refuses
    c.station.delivery.renderer = None
    assert offered(c, 32) == 32000 and c.connector.session and not c.evse.faults


def test_of_two_profiles_that_change_places_in_an_outage_each_has_its_own_bound():
    c, _ = charging()
    install, clear = c.station.profiles.install, c.station.profiles.clear
    install(profile(8, id=1, extra=extra(away=30)))
    install(profile(14, id=2, stack=1, extra=extra(away=60)))
    assert offered(c, 35) == 14000
    clear(1)
    assert offered(c, 30) == 32000
    assert [one.id for one in c.station.profiles._outage.out] == [2]
    clear(2)
    install(profile(9, id=3, extra=extra(away=20)))
    assert offered(c, 2) == 32000


def test_a_limit_that_holds_is_not_lifted_while_its_successor_is_late():
    c, _ = charging()
    install = c.station.profiles.install
    install(profile(10, id=1))
    install(profile(9, id=1, start=c.clock.now(), extra=extra(delay=600)))
    assert offered(c) == 9000
    run(c.pass_s(61))
    again = Charger(c.flash, boot=2)
    again.clock.unix = None  # not known yet, as after each start
    parts = again.settings, again.journal, again.clock, again.authorizer
    kept = live_limits.find(Station(*parts).profiles, 1)
    assert kept.late == 0 and kept.extra[p.DELAY] == 600
    install(profile(8, id=1, start=c.clock.now() + 60, extra=extra(delay=600)))
    assert live_limits.find(c.station.profiles, 1).late == 600, "it has not begun"


def test_a_station_has_chance_without_being_told():
    c = Charger()
    parts = c.settings, c.journal, c.clock, c.authorizer
    c.station.profiles.install(profile(8, id=1, start=NOON + 9, extra=extra(delay=1 << 20)))
    late = set()
    for _ in range(4):
        profiles = Station(*parts).profiles
        profiles.install(profile(8, id=2, start=NOON + 9, extra=extra(delay=1 << 20)))
        late.add(live_limits.find(profiles, 2).late)
    assert len(late) > 1


def test_a_live_limit_that_changes_while_the_time_is_unknown_is_not_lifted():
    # It counted from the start of the session then, and its duration was long over.
    c, _ = charging()
    run(c.pass_s(100))
    c.station.profiles.install(
        profile(10, id=7, start=c.clock.now(), duration=60, extra=extra(LIVE, every=30))
    )
    c.clock.unix = None
    c.station.profiles.changed()
    live_limits.renew(c.station.profiles, live_limits.find(c.station.profiles, 7), 80, None)
    assert offered(c) == 8000


def test_places_on_flash_stay_where_they_are():
    places = (p.KIND, p.SCHEDULE, p.DELAY, p.AWAY, p.LASTING, p.EVERY, p.UPDATED)
    assert places == (0, 1, 2, 3, 4, 5, 6)


class Some:
    """Profiles that count their changes."""

    def __init__(self, *profiles):
        self.all = list(profiles)
        self.changes = 0
        self.delivery = self  # and the station
        self.renderer = None

    def installed(self):
        return list(self.all)

    def clear(self, id):
        self.all = [one for one in self.all if one.id != id]

    def changed(self):
        self.changes += 1


def test_an_outage_changes_something_once_for_each_bound():
    some = Some(
        profile(8, id=1),
        profile(9, id=2, extra=extra(away=10)),
        profile(9, id=3, extra=extra(away=10, lasting=1)),
        profile(9, id=4, extra=extra(away=20)),
    )
    outage = Outage(some, some)
    found = []
    for now in range(5000, 30000, 1000):
        outage.watch(now)
        found.append((some.changes, [one.id for one in outage.out]))
    assert found == [(0, [])] * 10 + [(1, [2])] * 10 + [(2, [2, 4])] * 5
    some.renderer = some
    for now in (30000, 31000):
        outage.watch(now)
        assert (some.changes, outage.out) == (3, [])
    some.renderer = None
    for now, changes in ((40000, 3), (49999, 3), (50000, 4)):
        outage.watch(now)
        assert some.changes == changes, "counted from its own beginning"
    some.renderer = some
    some.all = some.all[:1]
    outage.watch(51000)
    some.renderer = None
    outage.watch(99000)
    some.renderer = some
    outage.watch(100000)
    assert some.changes == 5, "an outage without such a profile changes nothing"
