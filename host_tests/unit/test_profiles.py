# Charging profiles: one alone, stacked, on flash, and what a connector makes of them.
# MIT license; part of microevse
from evse_base import log
from helpers import raises, run
from profile_parts import profile
from station import profile as p
from station.composite import composite
from station.profile import AMPS, DAILY, DEFAULT, MAX, MAX_PERIODS, MAX_PROFILES, TX, WATTS, WEEKLY
from station_parts import NOON, Charger, FakeEvse, FakeMeter
from store import cbor, kinds
from store.journal import JournalFull


def told(c, duration, unit=AMPS, number=1):
    """Composite as [(start, limit in A or W), ...]; all of it, and with the phases fitted."""
    seconds, periods = composite(c.station, number, duration, unit, c.clock)
    assert seconds == duration, (seconds, duration)
    assert all(n == c.settings.get("Phases") for _, _, n in periods), periods
    return [(t, tenths / 10 if tenths % 10 else tenths // 10) for t, tenths, _ in periods]


# --- one profile ----------------------------------------------------------------------


def test_periods_follow_each_other_and_the_last_goes_on():
    one = profile([(0, 16), (60, 10), (90, 6)], start=NOON)
    assert one.at(NOON - 5, 0) == (None, 0, 5)
    assert one.at(NOON, 0) == (160, 0, 60)
    assert one.at(NOON + 59, 0) == (160, 0, 1)
    assert one.at(NOON + 60, 0) == (100, 0, 30)
    assert one.at(NOON + 90, 0) == (60, 0, None)
    assert one.at(NOON + 10**9, 0) == (60, 0, None)
    assert one.smallest() == 60


def test_a_duration_ends_it():
    one = profile([(0, 16), (60, 10)], start=NOON, duration=100)
    assert one.at(NOON + 60, 0) == (100, 0, 40)
    assert one.at(NOON + 99, 0) == (100, 0, 1)
    assert one.at(NOON + 100, 0) == (None, 0, None)
    # A period that begins after the end never comes.
    assert profile([(0, 16), (200, 6)], start=NOON, duration=100).at(NOON, 0) == (160, 0, 100)


def test_daily_and_weekly_begin_again_but_not_before_their_start():
    night = profile([(0, 16), (7 * 3600, 6)], start=NOON, every=DAILY)
    assert night.at(NOON - 1, 0) == (None, 0, 1)
    assert night.at(NOON + 5 * DAILY + 3, 0) == (160, 0, 7 * 3600 - 3)
    assert night.at(NOON + 6 * DAILY - 1, 0) == (60, 0, 1)
    week = profile(16, start=NOON, every=WEEKLY, duration=3600)
    assert week.at(NOON + 2 * WEEKLY + 3599, 0) == (160, 0, 1)
    assert week.at(NOON + 2 * WEEKLY + 3600, 0) == (None, 0, WEEKLY - 3600)


def test_a_relative_one_counts_from_the_session_and_needs_no_clock():
    one = profile([(0, 16), (60, 10)], duration=100)
    for unix in (None, NOON):
        assert one.at(unix, 0) == (160, 0, 60)
        assert one.at(unix, 75) == (100, 0, 25)
        assert one.at(unix, 100) == (None, 0, None)


def test_validity_is_from_inclusive_to_exclusive():
    one = profile(16, valid_from=NOON, valid_to=NOON + 100)
    assert one.at(NOON - 1, 50) == (None, 0, 1)
    assert one.at(NOON, 50) == (160, 0, 100)
    assert one.at(NOON + 99, 50) == (160, 0, 1)
    assert one.at(NOON + 100, 50) == (None, 0, None)
    assert one.over(NOON + 100) and not one.over(NOON + 99) and not one.over(None)


def test_what_needs_the_clock_is_silent_without_it():
    for more in ({"start": NOON}, {"start": NOON, "every": DAILY}, {"valid_to": NOON + 9}):
        assert profile(16, **more).at(None, 5) == (None, 0, None)


def test_impossible_profiles_are_refused():
    for periods in ([], [(1, 160, 0)], [(0, 160, 0), (0, 60, 0)], [(0, 160, 0), (-5, 60, 0)]):
        raises(ValueError, p.pack, periods)
    for periods in ([(0, -1, 0)], [(0, 1 << 24, 0)], [(0, 160, 4)], [(0, 1, -1)]):
        raises(ValueError, p.pack, periods)
    raises(ValueError, p.pack, [(i, 60, 0) for i in range(MAX_PERIODS + 1)])
    for more in ({"stack": 10}, {"stack": -1}, {"duration": 0}, {"every": DAILY}, {"unit": 2}):
        raises(ValueError, lambda more=more: profile(16, **more))
    raises(ValueError, lambda: profile(16, valid_from=NOON, valid_to=NOON))


def test_the_largest_profile_fits_a_journal_record():
    big = (1 << 63) - 1
    periods = p.pack([(i * 10**7, p.MAX_TENTHS, 3) for i in range(MAX_PERIODS)])
    # fmt: off
    one = p.Profile(-big, 9, DEFAULT, 9, WATTS, big, WEEKLY, (1 << 30) - 1, -big, big,
                    p.MAX_TENTHS, periods)
    # fmt: on
    c = Charger()
    assert len(cbor.dumps([one.record()])) < c.journal.max_payload
    c.station.profiles.install(one)
    assert Charger(c.flash, boot=2).station.profiles.clear(id=-big) == 1


# --- stacked, converted, capped -------------------------------------------------------


def test_without_a_profile_the_local_limit_is_told():
    c = Charger()
    assert told(c, 100) == [(0, 16)]
    assert told(c, 100, WATTS) == [(0, 3680)]
    assert told(c, 100, number=0) == [(0, 16)]


def test_the_highest_level_that_speaks_holds():
    c = Charger()
    c.station.profiles.install(profile([(0, 8), (150, 10)], start=NOON))
    top = profile([(0, 7), (100, 9)], id=2, stack=1, start=NOON, duration=150)
    c.station.profiles.install(top)
    assert told(c, 400) == [(0, 7), (100, 9), (150, 10)]
    assert c.station.profiles.clear(id=2) == 1
    assert told(c, 400) == [(0, 8), (150, 10)]


def test_a_connectors_own_default_stands_above_that_of_all():
    c = Charger()
    c.station.profiles.install(profile(8, id=1, connector=0))
    assert told(c, 10) == [(0, 8)]
    c.station.profiles.install(profile(10, id=2, connector=1))
    assert told(c, 10) == [(0, 10)]
    c.station.profiles.install(profile(12, id=3, connector=0, stack=1))
    assert told(c, 10) == [(0, 12)]


def test_same_id_or_same_purpose_and_level_replaces():
    c = Charger()
    profiles = c.station.profiles
    profiles.install(profile(8, id=1))
    profiles.install(profile(9, id=2))
    assert told(c, 10) == [(0, 9)] and profiles.clear(id=1) == 0
    profiles.install(profile(7, id=2, stack=3))
    profiles.install(profile(10, id=3, purpose=MAX))
    assert told(c, 10) == [(0, 7)]
    # The same on flash.
    again = Charger(c.flash, boot=2)
    assert told(again, 10) == [(0, 7)]
    assert again.station.profiles.clear() == 2
    assert told(again, 10) == [(0, 16)]
    assert list(again.journal.state(kinds.PROFILE)) == []


def test_clear_by_what_is_given():
    c = Charger()
    profiles = c.station.profiles
    profiles.install(profile(8, id=1, stack=0))
    profiles.install(profile(8, id=2, stack=1))
    profiles.install(profile(8, id=3, stack=1, connector=0))
    profiles.install(profile(8, id=4, purpose=MAX, stack=1))
    assert profiles.clear(purpose=TX) == 0
    assert profiles.clear(purpose=DEFAULT, stack=1, connector=1) == 1
    assert profiles.clear(id=2) == 0
    assert profiles.clear(connector=0) == 2
    assert profiles.clear() == 1 and profiles.clear() == 0


def test_the_room_is_bounded_and_what_is_over_goes_first():
    c = Charger()
    for i in range(MAX_PROFILES):
        past = {"valid_to": NOON - 1} if i == 3 else {}
        c.station.profiles.install(profile(8, id=i, stack=i, **past))
    c.station.profiles.install(profile(8, id=50, stack=9))
    assert c.station.profiles.clear(id=3) == 0
    exc = raises(ValueError, c.station.profiles.install, profile(8, id=51, stack=8))
    assert "8 profiles" in str(exc)
    c.station.profiles.install(profile(9, id=0, stack=0))
    assert len(list(c.journal.state(kinds.PROFILE))) == MAX_PROFILES


def test_watts_come_back_as_the_same_watts():
    for phases, watts in (("1", 6000), ("1", 2999), ("3", 11000), ("2", 4999), ("3", 4141)):
        c = Charger(settings={"Phases": phases, "MaxCurrent": "80"})
        c.connector.limits.cap("board", 80000)
        c.station.profiles.install(profile(watts, unit=WATTS))
        assert told(c, 10, WATTS) == [(0, watts)], (phases, watts)


def test_watts_are_for_the_phases_of_the_station_or_those_the_profile_names():
    c = Charger(settings={"Phases": "3"})
    c.station.profiles.install(profile(4140, unit=WATTS))
    assert told(c, 10) == [(0, 6)]
    c.station.profiles.install(profile([(0, 2300, 1)], unit=WATTS))
    assert composite(c.station, 1, 10, AMPS, c.clock) == (10, [[0, 100, 1]])
    c = Charger()  # one phase: nothing is gained by claiming three
    c.station.profiles.install(profile([(0, 2300, 3)], unit=WATTS))
    assert told(c, 10) == [(0, 10)]


def test_below_six_amperes_is_zero():
    c = Charger()
    c.station.profiles.install(profile([(0, 6), (10, 5), (20, 16), (30, 0)]))
    assert told(c, 60) == [(0, 6), (10, 0), (20, 16), (30, 0)]
    c.station.profiles.install(profile([(0, 1380), (10, 1379)], unit=WATTS))
    assert told(c, 60, WATTS) == [(0, 1380), (10, 0)]


def test_less_than_the_car_can_use_is_zero():
    c = Charger()
    c.station.profiles.install(profile([(0, 9), (10, 12)], least=100))
    assert told(c, 60) == [(0, 0), (10, 12)]
    c.station.profiles.install(profile(9, id=2, purpose=MAX, start=NOON + 20))
    assert told(c, 60) == [(0, 0), (10, 12), (20, 0)]


def test_the_page_may_lower_what_no_profile_claims_and_its_end_is_told():
    c = Charger()
    c.limits.claim("web", 1000, 7000, until=40500)
    assert told(c, 100) == [(0, 7), (41, 16)]
    c.station.profiles.install(profile(10, start=NOON + 20, duration=10))
    assert told(c, 100) == [(0, 7), (20, 10), (30, 7), (41, 16)]


def test_caps_and_plans_stay_while_the_time_is_unknown():
    c = Charger()
    c.station.profiles.install(profile([(0, 12), (60, 8)], id=1, purpose=MAX, start=NOON))
    c.station.profiles.install(profile([(0, 9), (60, 7)], id=2, start=NOON))
    assert told(c, 10) == [(0, 9)]
    c.clock.unix = None
    assert told(c, 100) == [(0, 7)]
    c.station.profiles.clear(2)
    assert told(c, 100) == [(0, 8)]


async def dark(*profiles, **more):
    """mA offered to a car after a power cut that took the time with it, and the charger."""
    c = Charger()
    for one in profiles:
        c.station.profiles.install(one)
    again = Charger(c.flash, boot=2, **more)
    again.clock.unix = None
    again.journal.forget(kinds.TOLD)
    await again.charge()
    return again.evse.offered_ma, again


def test_after_a_power_cut_without_the_time_a_plan_of_every_kind_still_holds():
    # A plan that begins at a time of day once fell away: 16 A were offered where 8 A were set.
    kinds_of_plan = (
        dict(start=NOON - 100),
        dict(start=NOON + 100),
        dict(start=NOON - 100, every=DAILY),
        dict(start=NOON + 100, every=WEEKLY, duration=3600),
        dict(start=NOON - 100, duration=3600),
        dict(valid_from=NOON - 5),
        dict(valid_to=NOON + 5),
        dict(start=NOON, valid_from=NOON, valid_to=NOON + 86400),
        dict(),
    )
    for connector in (0, 1):
        for more in kinds_of_plan:
            one = profile(8, connector=connector, **more)
            assert run(dark(one))[0] == 8000, more
            steps = profile([(0, 16), (60, 8), (120, 12)], connector=connector, **more)
            assert run(dark(steps))[0] == (8000 if more else 16000), more
        for more in kinds_of_plan[:-1]:
            cap = profile([(0, 16), (60, 8), (120, 12)], purpose=MAX, **more)
            assert run(dark(cap))[0] == 8000, more


def test_without_the_time_the_smallest_of_the_plans_that_may_hold_is_taken():
    for plans, wanted in (
        (((20, 5, NOON), (10, 4, NOON)), 10000),
        (((8, 5, NOON), (10, 4, NOON)), 8000),
        # A profile that counts from the session holds for certain: no profile under it can hold.
        (((16, 5, None), (8, 4, NOON)), 16000),
        (((16, 5, NOON), (12, 4, None), (7, 3, NOON)), 12000),
        (((10, 5, NOON), (12, 4, None), (7, 3, NOON)), 10000),
        (((6, 5, NOON), (12, 4, None)), 6000),
    ):
        profiles = [
            profile(ma, id=i, stack=stack, start=start)
            for i, (ma, stack, start) in enumerate(plans)
        ]
        assert run(dark(*profiles))[0] == wanted, plans
    # W and A are compared by what they come to.
    watts = profile(2300, id=1, stack=2, unit=WATTS, start=NOON)
    assert run(dark(watts, profile(12, id=2, start=NOON)))[0] == 10000
    assert run(dark(watts, profile(8, id=2, start=NOON)))[0] == 8000


def test_without_the_time_a_profile_of_the_session_is_careful_too():
    async def scenario():
        _, c = await dark(profile(12, start=NOON))
        session = c.connector.session
        assert c.evse.offered_ma == 12000
        install = c.station.profiles.install
        install(profile(9, id=7, purpose=TX, session=session.id, start=NOON, duration=60))
        await c.pass_s(1)
        assert c.evse.offered_ma == 9000
        install(profile(14, id=7, purpose=TX, session=session.id, start=NOON, duration=60))
        await c.pass_s(1)
        assert c.evse.offered_ma == 12000
        # A profile that counts from the session is known, and so is its end.
        until = c.clock.uptime() - session.started[1] + 10
        install(profile(14, id=7, purpose=TX, session=session.id, duration=until))
        await c.pass_s(1)
        assert c.evse.offered_ma == 14000
        await c.pass_s(10)
        assert c.evse.offered_ma == 12000

    run(scenario())


def test_without_the_time_a_plan_that_was_over_before_does_not_come_back():
    async def scenario():
        c = Charger()
        c.station.profiles.install(profile(8, id=1, start=NOON, duration=3600))
        c.station.profiles.install(profile(7, id=2, purpose=MAX, start=NOON, valid_to=NOON + 60))
        c.journal.keep(kinds.TOLD, 0, [NOON + 3600])
        again = Charger(c.flash, boot=2)
        again.clock.unix = None
        await again.charge()
        assert again.evse.offered_ma == 16000

    run(scenario())


def test_a_long_answer_is_cut_where_it_can_no_longer_tell():
    c = Charger()
    c.station.profiles.install(profile([(0, 8), (43200, 10)], start=NOON, every=DAILY))
    seconds, periods = composite(c.station, 1, 365 * DAILY, AMPS, c.clock)
    assert len(periods) == MAX_PERIODS and seconds == MAX_PERIODS * 43200
    # Nothing differs, so nothing is cut but the effort.
    c.station.profiles.install(profile([(0, 8), (43200, 8)], start=NOON, every=DAILY))
    seconds, periods = composite(c.station, 1, 100 * DAILY, AMPS, c.clock)
    assert (seconds, len(periods)) == (100 * DAILY, 1)


# --- a connector ------------------------------------------------------------------------


async def _offers(c, seconds):
    """[(s, mA), ...]: what the connector permits, second by second, where it changes."""
    out = []
    for t in range(seconds):
        ma = c.evse.offered_ma
        if not out or out[-1][1] != ma:
            out.append((t, ma))
        await c.pass_s(1)
    return out


def test_what_is_told_is_what_is_offered():
    async def scenario():
        c = Charger()
        session = await c.charge()
        install = c.station.profiles.install
        now = c.clock.now()
        await c.pass_s(7)
        install(profile([(0, 6), (60, 10), (120, 5), (150, 9)], id=1, start=now, duration=300))
        tx = [(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)]
        install(profile(tx, id=2, purpose=TX, start=now, duration=260, session=session.id))
        install(profile([(0, 10), (330, 5)], id=3, purpose=MAX, start=now))
        await c.pass_s(1)
        reported = told(c, 400)
        assert reported == [(0, 8), (42, 10), (192, 6), (232, 10), (252, 9), (292, 10), (322, 0)]
        offered = await _offers(c, 400)
        assert offered == [(t, 1000 * amps) for t, amps in reported]

    run(scenario())


def test_a_default_set_before_counts_from_the_start_of_the_session():
    async def scenario():
        c = Charger()
        c.station.profiles.install(profile([(0, 8), (60, 10)]))
        await c.pass_s(500)
        session = await c.charge()
        assert c.evse.offered_ma == 8000
        began = session.started[1]
        await c.pass_s(59 - (c.clock.uptime() - began))
        assert c.evse.offered_ma == 8000
        await c.pass_s(1)
        assert c.evse.offered_ma == 10000
        assert "a charging profile" in c.connector.why

    run(scenario())


def test_a_session_profile_goes_with_its_session():
    async def scenario():
        c = Charger()
        session = await c.charge()
        c.station.profiles.install(profile(8, purpose=TX, session=session.id))
        await c.pass_s(1)
        assert c.evse.offered_ma == 8000
        assert list(c.journal.state(kinds.PROFILE)) == []
        c.station.remote_stop(session.id)
        c.evse.unplug()
        await c.pass_s(2)
        assert c.station.profiles.clear() == 0
        await c.charge()
        assert c.evse.offered_ma == 16000

    run(scenario())


def test_a_profile_that_came_with_the_start_holds_from_the_first_offer():
    async def scenario():
        c = Charger()
        wanted = profile([(0, 8), (30, 9)], purpose=TX, connector=0)
        assert await c.station.remote_start("CARD", None, wanted)
        c.evse.plug()
        await c.pass_s(2)
        assert c.connector.session is not None
        assert [call for call in c.evse.calls if "permit" in call] == ["permit 8000"]
        await c.pass_s(30)
        assert c.evse.offered_ma == 9000

    run(scenario())


def test_a_profile_that_came_with_the_start_replaces_a_stored_one_for_good():
    async def scenario():
        c = Charger()
        c.station.profiles.install(profile(10, id=7, stack=2))
        assert await c.station.remote_start("CARD", None, profile(8, id=7, purpose=TX))
        c.evse.plug()
        await c.pass_s(2)
        assert told(c, 10) == [(0, 8)]
        assert told(Charger(c.flash, boot=2), 10) == [(0, 16)]

    run(scenario())


def test_of_two_that_a_power_cut_left_the_later_one_counts_for_good():
    c = Charger()
    for id, limit in ((5, 8), (6, 9)):
        c.journal.keep(kinds.PROFILE, id, profile(limit, id=id).record())
    again = Charger(c.flash, boot=2)
    assert told(again, 10) == [(0, 9)]
    assert again.station.profiles.clear(id=6) == 1
    assert told(Charger(c.flash, boot=3), 10) == [(0, 16)]


def test_a_limit_every_few_seconds_is_in_force_at_once_and_rarely_written():
    async def scenario():
        c = Charger()
        await c.charge()
        before = c.journal.log.next_seq
        for i in range(100):
            # With a new number each time, as some energy managers do.
            c.station.profiles.install(profile(6 + i % 10, id=i))
            await c.pass_s(3)
            assert c.evse.offered_ma == 6000 + i % 10 * 1000
            # Whenever the power goes, some limit is on flash, and only one.
            assert len(list(c.journal.state(kinds.PROFILE))) in (1, 2)
        changes = c.records(kinds.CHANGE)
        assert len(changes) <= 7, "the limit of a session is recorded once a minute at most"
        written = c.journal.log.next_seq - before - len(c.records(kinds.SAMPLE)) - len(changes)
        assert 5 <= written <= 10, written
        await c.pass_s(60)
        assert told(Charger(c.flash, boot=2), 10) == [(0, 15)]
        c.station.profiles.install(profile(11, id=200))
        c.station.profiles.install(profile(12, id=201))
        assert c.station.profiles.clear(id=201) == 1
        assert told(Charger(c.flash, boot=3), 10) == [(0, 16)]

    run(scenario())


def test_a_full_journal_does_not_keep_a_limit_from_being_in_force():
    async def scenario():
        c = Charger()
        await c.charge()
        c.station.profiles.install(profile(15, id=1))
        name = 0
        try:
            while True:
                c.journal.keep(kinds.SETTING, "x%d" % name, ["x%d" % name, "y" * 900])
                name += 1
        except JournalFull:
            pass
        for i in range(30):
            # Small ones still find a place in the sector that is open.
            c.station.profiles.install(profile(7 + i % 2, id=2 + i % 2, stack=1))
            await c.pass_s(61)
            assert c.evse.offered_ma == 7000 + i % 2 * 1000
            if c.station.profiles._later:
                break
        assert c.station.profiles._later
        wanted = c.evse.offered_ma // 1000
        c.journal.forget(kinds.SETTING)
        while c.journal.prepare():
            pass
        await c.pass_s(61)
        assert told(Charger(c.flash, boot=2), 10) == [(0, wanted)]

    run(scenario())


def test_a_record_of_another_time_is_left_out():
    c = Charger()
    c.journal.keep(kinds.PROFILE, 5, [5, 1, 2])
    c.journal.keep(kinds.PROFILE, 6, profile(9, id=6).record()[:-1] + [b"odd"])
    c.station.profiles.install(profile(8, id=7))
    assert told(Charger(c.flash, boot=2), 10) == [(0, 8)]


def test_what_the_house_has_acts_at_once():
    async def scenario():
        c = Charger()
        await c.charge()
        c.station.profiles.install(profile(2300, unit=WATTS))
        await c.pass_s(1)
        assert c.evse.offered_ma == 10000
        assert c.settings.set("NominalVoltage", "200") == "readonly", "it is the house's"
        c.settings.set("NominalVoltage", "200", local=True)
        await c.pass_s(1)
        assert c.evse.offered_ma == 11500

    run(scenario())


def test_a_start_that_never_came_takes_its_profile_with_it():
    async def scenario():
        c = Charger()
        assert await c.station.remote_start("CARD", 1, profile(8, purpose=TX))
        await c.pass_s(61)
        assert c.connector.waiting is None
        await c.charge("CARD")
        assert c.evse.offered_ma == 16000

    run(scenario())


def test_clock_steps_move_the_plan_but_not_what_counts_from_the_session():
    async def scenario():
        c = Charger()
        session = await c.charge()
        begun = session.started[1]
        install = c.station.profiles.install
        install(profile([(0, 8), (3600, 10)], id=1, start=c.clock.now()))
        await c.pass_s(1)
        assert c.evse.offered_ma == 8000
        c.clock.set(c.clock.now() + 3600)
        await c.pass_s(1)
        assert c.evse.offered_ma == 10000
        c.clock.set(c.clock.now() - 1800)
        await c.pass_s(1)
        assert c.evse.offered_ma == 8000
        elapsed = c.clock.uptime() - begun
        tx = [(0, 12), (elapsed + 20, 13)]
        install(profile(tx, id=2, purpose=TX, session=session.id))
        c.clock.set(c.clock.now() + 100000)
        await c.pass_s(19)
        assert c.evse.offered_ma == 12000
        await c.pass_s(1)
        assert c.evse.offered_ma == 13000

    run(scenario())


def test_the_plan_begins_when_the_time_becomes_known():
    async def scenario():
        c = Charger()
        c.station.profiles.install(profile([(0, 8), (3600, 6)], start=NOON - 100))
        again = Charger(c.flash, boot=2)
        again.clock.unix = None
        await again.charge()
        assert again.evse.offered_ma == 6000
        again.clock.set(NOON)
        await again.pass_s(1)
        assert again.evse.offered_ma == 8000

    run(scenario())


def test_nothing_is_worked_out_again_before_it_is_due():
    async def scenario():
        c = Charger()
        await c.charge()
        c.station.profiles.install(profile([(0, 8), (600, 10)], start=c.clock.now()))
        await c.pass_s(1)
        asked = []
        real = c.station.profiles.limits_at
        c.station.profiles.limits_at = lambda *args: asked.append(args) or real(*args)
        await c.pass_s(598)
        assert asked == []
        await c.pass_s(5)
        assert len(asked) == 1 and c.evse.offered_ma == 10000

    run(scenario())


def test_the_cap_of_the_station_is_shared_first_come_first_served():
    async def scenario():
        c = Charger()
        c.journal.prepare()
        evse, board = FakeEvse(), {"max_a": 16, "phases": 1}
        second = c.station.add(evse, FakeMeter(), None, None, board)
        c.station.profiles.install(profile([(0, 20), (100, 11)], purpose=MAX, start=NOON))
        assert told(c, 200, number=0) == [(0, 20), (100, 11)]
        await c.charge()
        assert c.evse.offered_ma == 16000
        evse.plug()
        second.authorize("OTHER", None, c.clock.ms)
        await second.sequence.work()
        await c.pass_s(1)
        assert (c.evse.offered_ma, evse.offered_ma) == (10000, 10000)
        await c.pass_s(100)
        await second.sequence.work()
        # 5.5 A would be nothing for either: the first keeps it all.
        assert (c.evse.offered_ma, evse.offered_ma) == (11000, 0)
        c.station.remote_stop(c.connector.session.id)
        await c.pass_s(1)
        await second.sequence.work()
        assert evse.offered_ma == 11000

    run(scenario())


def test_a_limit_above_what_there_can_be_is_said_in_the_log_and_on_the_page():
    # A slider at 32 A was once accepted, 16 A were offered, and it was told nowhere.
    async def scenario():
        lines = []
        c = Charger()
        await c.charge()
        log.use_sink(lines.append)
        try:
            for one, asked in (
                (profile(32, purpose=MAX), "32 A"),
                (profile([(0, 6), (60, 20)], id=2, start=NOON), "20 A"),
                (profile([(0, 22000)], id=3, unit=WATTS, purpose=TX, session=1), "95.6 A"),
            ):
                del lines[:]
                c.station.profiles.install(one)
                assert asked in "".join(lines), lines
                assert "but the board allows 16 A" in "".join(lines), lines
            await c.pass_s(1)
            assert c.evse.offered_ma == 16000
            assert c.connector.why.endswith("; a charging profile asks for 95.6 A."), (
                c.connector.why
            )
            del lines[:]
            c.station.profiles.install(profile(16, id=4, purpose=MAX))
            assert "asks" not in "".join(lines), lines
        finally:
            log.use_sink(lambda line: None)

    run(scenario())


def test_without_the_time_the_smallest_station_s_profile_is_the_cap():
    c = Charger()
    for id, amps, stack in ((1, 10, 2), (2, 7, 1), (3, 9, 0)):
        c.station.profiles.install(
            profile(amps, id=id, purpose=MAX, stack=stack, start=NOON, duration=3600)
        )
    assert c.station.profiles._cap(None, 0)[0] == 7000000
    assert c.station.profiles._cap(NOON, 0)[0] == 10000000


def test_a_purpose_or_a_unit_that_is_none_is_refused():
    for wrong in ({"purpose": 99}, {"unit": 99}, {"purpose": None}, {"unit": None}):
        raises(ValueError, lambda: profile(10, **wrong))  # noqa: B023


def test_a_cap_in_watts_is_told_as_it_was_said():
    c = Charger()
    c.station.profiles.install(profile(2500, purpose=MAX, unit=WATTS))
    assert told(c, 60, WATTS) == [(0, 2500)]


def test_the_station_s_profile_is_compared_with_all_connectors_together():
    c = Charger()
    c.station.add(FakeEvse(), FakeMeter(), None, None, {"max_a": 16, "phases": 1})
    above = c.station.profiles._above
    assert above(profile(32, purpose=MAX)) == "" and "32 A" not in above(profile(16))
    assert "asks for 33 A" in above(profile(33, purpose=MAX))
    assert (
        "asks for 17 A" in above(profile(17, connector=1))
        and above(profile(16, connector=0)) == ""
    )


def test_a_change_at_the_end_of_what_was_asked_for_is_no_period_of_it():
    c = Charger()
    c.station.profiles.install(profile([(0, 8), (60, 10)], start=NOON))
    c.clock.unix = NOON
    assert told(c, 60) == [(0, 8)] and told(c, 61) == [(0, 8), (60, 10)]


def test_without_the_time_watts_are_for_all_phases_and_what_is_over_hides_nothing():
    def amount(q, tenths, phases):
        return tenths * 10 // (phases or 3)

    past = NOON + 5000
    over = profile(6, id=1, start=NOON, duration=60)
    timed = profile([(0, 9), (60, 7)], id=2, start=NOON)
    assert p.careful([over, timed], past, 0, amount) == (timed, 70, 0, None)
    assert p.careful([over], past, 0, amount)[0] is None
    assert p.careful([over, timed], None, 0, amount)[0] is over


def test_what_was_told_before_is_not_told_again_each_by_itself():
    from station.limits import Limits
    from station.limits import set_limits

    for before, calls in (
        (None, 2), ((1, 2, 10000, 12000), 0), ((1, 2, 9000, 12000), 1), ((1, 2, 10000, 9000), 1),
        ((1, 2, 9000, 9000), 2), ((1, 2, 12000, 10000), 2),
    ):  # fmt: skip
        limits = Limits()
        told_ = []
        limits.on_change = lambda: told_.append(1)  # noqa: B023
        set_limits(limits, 10000999, 12000999, before)
        assert len(told_) == calls, before
    limits = Limits()
    set_limits(limits, 10000999, 12000999)
    assert list(limits.claims())[0][2] == 10000 and limits.value(0)[0] == 10000
    set_limits(limits, None, 7000000, (1, 2, 10000, 12000))
    assert list(limits.claims()) == [] and limits.value(0)[0] == 7000


def test_the_connectors_look_again_when_something_has_changed_and_only_then():
    c = Charger()
    looked = []
    c.connector.wake = lambda: looked.append(1)
    profiles = c.station.profiles

    def looks(fn, *arguments):
        looked.clear()
        fn(*arguments)
        return len(looked)

    assert looks(profiles.install, profile(16, id=3)) == 1
    # A clock that is set right by a second moves every boundary by a second.
    for step in (-3600, -1, 1, 3600):
        assert looks(profiles._clock_set, step) == 1, step
    assert looks(profiles._clock_set, 0) == 0
    for name, wanted in (("Phases", 1), ("NominalVoltage", 1), ("FreeMode", 0)):
        assert looks(profiles._on_setting, name, None) == wanted, name
    written = c.flash.programs
    assert looks(profiles.clear, 4) == 0 and c.flash.programs == written, "there is none"
    assert looks(profiles.clear, 3) == 1


def test_a_profile_without_a_period_or_with_part_of_one_is_refused():
    whole = p.pack([(0, 160, 0), (60, 100, 0)])
    assert p.Profile(1, 1, DEFAULT, 0, AMPS, None, 0, None, None, None, 0, whole)
    for periods in (b"", whole[:-1], whole[1:], whole + b"\0"):
        arguments = (1, 1, DEFAULT, 0, AMPS, None, 0, None, None, None, 0, periods)
        raises(ValueError, lambda: p.Profile(*arguments))  # noqa: B023
