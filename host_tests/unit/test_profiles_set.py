# The set of charging profiles: what replaces what, when it is written, and whom it concerns.
# MIT license; part of microevse
from evse_base import log
from helpers import raises, run
from station import profile as p
from station import profiles as module
from station.composite import composite
from station.profile import DAILY, MAX, MAX_PROFILES, TX, WATTS
from station.session import Session
from station_parts import NOON, Charger, FakeEvse, FakeMeter
from store import kinds
from store.journal import JournalFull
from profile_parts import profile


def session(number, connector=1):
    return Session(number, connector, "CARD", None, 0, [1, 0, 0])


def two(second_a=16):
    c = Charger()
    c.station.add(FakeEvse(), FakeMeter(), None, None, {"max_a": second_a, "phases": 1})
    return c


def on_flash(c):
    """Ids of the profiles that would be there after a restart."""
    return sorted(id for id, _ in c.journal.state(kinds.PROFILE))


def at(c, connector=1, number=None, unix=NOON, elapsed=0, share=True):
    return c.station.profiles.limits_at(connector, number, unix, elapsed, share)


# --- whom a profile concerns --------------------------------------------------------------


def test_a_default_of_another_connector_is_passed_over():
    c = two()
    c.station.profiles.install(profile(7, id=1, connector=2, stack=5))
    assert at(c, 1)[0] is None and at(c, 2)[0] == 7000000
    c.station.profiles.install(profile(9, id=2, connector=0))
    assert at(c, 1)[0] == 9000000 and at(c, 2)[0] == 7000000


def test_a_profile_of_another_session_is_passed_over():
    c = two()
    install = c.station.profiles.install
    install(profile(7, id=1, purpose=TX, connector=1, session=5, stack=3))
    for number, wanted in ((5, 7000000), (6, None), (None, None)):
        assert at(c, 1, number)[0] == wanted, number
    install(profile(8, id=2, purpose=TX, connector=1, session=6))
    assert at(c, 1, 5)[0] == 7000000 and at(c, 1, 6)[0] == 8000000
    # A TX profile without a session belongs to no session.
    install(profile(9, id=3, purpose=TX, connector=1, stack=9))
    assert at(c, 1, None)[0] is None and at(c, 1, 6)[0] == 8000000


def test_the_end_of_a_session_takes_its_own_profiles_only():
    c = two()
    install = c.station.profiles.install
    install(profile(7, id=1, purpose=TX, connector=1, session=5))
    install(profile(8, id=2, purpose=TX, connector=2, session=6))
    install(profile(9, id=3))
    install(profile(9, id=4, connector=2, session=5))  # named with it, but not of it
    c.station.profiles.session_over(session(5))
    assert [c.station.profiles.clear(id=id) for id in (1, 2, 3, 4)] == [0, 1, 1, 1]


def test_nothing_that_is_said_is_none_for_as_many_phases_as_there_are():
    c = Charger(settings={"Phases": "3"})
    assert at(c) == (None, 0, None, 0, None)
    assert at(c, unix=None) == (None, 0, None, 0, None)
    assert composite(c.station, 1, 60, p.AMPS, c.clock) == (60, [[0, 160, 3]])


# --- what a connector makes of it -----------------------------------------------------------


def test_exactly_what_the_car_needs_is_enough_and_less_is_nought():
    c = Charger()
    c.station.profiles.install(profile(10, least=100))
    assert at(c)[0] == 10000000
    c.station.profiles.install(profile(10, id=2, purpose=MAX))
    assert (at(c)[0], at(c)[2]) == (10000000, 10000000)
    c.station.profiles.install(profile(9, id=2, purpose=MAX))
    assert (at(c)[0], at(c)[2]) == (0, 9000000)
    c.station.profiles.install(profile(9, least=91))
    assert at(c)[0] == 0


def test_the_cap_of_the_station_whole_and_shared():
    c = two()
    c.station.profiles.install(profile(20, purpose=MAX))
    c.connector.session = session(3)
    assert at(c, 1, 3)[2] == 20000000 and at(c, 2)[2] == 10000000
    assert at(c, 2, share=False)[2] == 20000000
    c.station.profiles.install(profile(11, purpose=MAX))
    assert at(c, 1, 3)[2] == 11000000 and at(c, 2)[2] == 0
    assert at(c, 2, share=False)[2] == 11000000


def test_without_the_time_a_cap_in_watts_is_for_all_phases():
    c = Charger(settings={"Phases": "3"})
    c.station.profiles.install(profile(6900, purpose=MAX, unit=WATTS, start=NOON))
    assert at(c, unix=None)[2:4] == (10000000, 3)


def test_without_a_session_a_profile_claims_nothing_and_a_cap_begins():
    c = Charger()
    c.station.profiles.install(profile(8))
    c.station.profiles.install(profile([(0, 10), (1, 9)], id=2, purpose=MAX))
    c.clock.ms = 500000
    c.station.profiles.apply(c.connector, c.clock.ms)
    assert list(c.limits.claims()) == [] and c.limits.value(0)[0] == 10000


def test_a_connector_with_another_session_is_looked_at_anew():
    c = Charger()
    c.station.profiles.install(profile(8))
    c.station.profiles.install(profile(7, id=2, purpose=TX, session=6))
    for one, wanted in ((None, []), (session(5), [8000]), (session(6), [7000]), (None, [])):
        c.connector.session = one
        c.station.profiles.apply(c.connector, c.clock.ms)
        assert [claim[2] for claim in c.limits.claims()] == wanted, wanted


def test_a_cap_that_is_lowered_to_what_was_claimed_stays_when_the_claim_goes():
    async def scenario():
        c = Charger()
        await c.charge()
        c.station.profiles.install(profile(10, id=1, purpose=MAX))
        c.station.profiles.install(profile(8, id=2))
        await c.pass_s(1)
        c.station.profiles.install(profile(8, id=1, purpose=MAX))
        await c.pass_s(1)
        c.station.profiles.clear(id=2)
        await c.pass_s(1)
        assert c.evse.offered_ma == 8000

    run(scenario())


def test_what_allows_too_much_is_compared_with_the_weakest_that_it_concerns():
    c = two(10)
    above = c.station.profiles._above
    assert above(profile(16, connector=1)) == "" != above(profile(16, connector=2))
    assert "asks for 16 A" in above(profile(16, connector=0))
    assert "allows 10 A" in above(profile(16, connector=0))
    lines = []
    log.use_sink(lines.append)
    try:
        c.station.profiles.install(profile(16, connector=7))
    finally:
        log.use_sink(lambda line: None)
    assert "in force, level 0" in lines[0] and "None" not in lines[0]


# --- room -----------------------------------------------------------------------------------


def test_what_is_over_stays_as_long_as_there_is_room():
    c = Charger()
    install = c.station.profiles.install
    for i in range(MAX_PROFILES - 1):
        install(profile(8, id=i, stack=i, **({"valid_to": NOON - 1} if i == 3 else {})))
    install(profile(9, id=0))
    install(profile(9, id=50, stack=8))
    assert c.station.profiles.clear(id=3) == 1


def test_one_that_is_over_and_replaced_makes_room_for_one_only():
    c = Charger()
    for i in range(MAX_PROFILES):
        past = {"valid_to": NOON - 1} if i == 3 else {}
        c.station.profiles.install(profile(8, id=i, stack=i, **past))
    c.station.profiles.session_began(session(5), profile(8, id=60, purpose=TX))
    raises(ValueError, c.station.profiles.install, profile(8, id=3, stack=3, every=DAILY, start=0))
    assert c.station.profiles.clear() == MAX_PROFILES + 1


# --- on flash -------------------------------------------------------------------------------


def test_what_is_not_understood_hides_nothing_behind_it_and_is_forgotten():
    c = Charger()
    c.journal.keep(kinds.PROFILE, 5, [5, 1, 2])
    c.journal.keep(kinds.PROFILE, 6, profile(9, id=6).record()[:-1] + [b"odd"])
    c.journal.keep(kinds.PROFILE, 7, profile(8, id=7).record())
    again = Charger(c.flash, boot=2)
    assert at(again)[0] == 8000000 and on_flash(again) == [7]


def test_of_two_that_a_power_cut_left_one_is_forgotten_at_the_start():
    c = Charger()
    for id, limit in ((5, 8), (6, 9)):
        c.journal.keep(kinds.PROFILE, id, profile(limit, id=id).record())
    assert on_flash(Charger(c.flash, boot=2)) == [6]


def test_too_little_memory_is_no_reason_to_forget_a_limit():
    def full(*_):
        raise MemoryError()

    c = Charger()
    c.station.profiles.install(profile(8))
    real, module.Profile = module.Profile, full
    try:
        raises(MemoryError, Charger, c.flash)
    finally:
        module.Profile = real
    again = Charger(c.flash, boot=3)
    assert at(again)[0] == 8000000
    again.journal.keep = full
    again.station.profiles.install(profile(9, id=2, stack=1))
    assert at(again)[0] == 9000000 and on_flash(again) == [1], "in force all the same"
    # What is not stored yet ends no session, and stops no look.
    del again.journal.keep
    run(again.charge())
    again.journal.keep = full
    again.connector.request_stop("local")
    again.connector.look(again.clock.ms)
    run(again.pass_s(2))
    assert again.evse.faults == [] and again.connector.session is None
    del again.journal.keep
    run(again.pass_s(2000))
    assert on_flash(again) == [1, 2]


def test_a_profile_of_a_session_is_never_written():
    c = Charger()
    written = c.flash.programs
    c.station.profiles.install(profile(8, purpose=TX, session=5))
    c.station.profiles._store()
    assert c.flash.programs == written


def waiting(*more):
    """A charger with profiles 1 on flash, 2 in its place and not yet; `more` that wait too."""
    c = Charger()
    c.clock.ms = 1000000
    c.station.profiles.install(profile(8, id=1))
    c.station.profiles.install(profile(9, id=2))
    for id in more:
        c.station.profiles.install(profile(9, id=id - 1, stack=id))
        c.station.profiles.install(profile(9, id=id, stack=id))
    assert 1 in on_flash(c) and 2 not in on_flash(c)
    return c


def test_the_next_one_is_written_a_minute_after_the_last():
    for seconds, there in ((0, False), (46, False), (59, False), (60, True), (61, True)):
        c = waiting()
        c.clock.ms += 1000 * seconds
        c.station.profiles.apply(c.connector, c.clock.ms)
        assert on_flash(c) == ([2] if there else [1]), seconds


def test_one_that_waits_holds_up_no_other():
    c = waiting()
    c.station.profiles.install(profile(9, id=3, stack=1))
    assert on_flash(c) == [1, 3]


def test_one_that_waits_is_not_lost_when_another_is_replaced_or_cleared():
    for step in (
        lambda profiles: profiles.clear(id=5),
        lambda profiles: profiles.install(profile(10, id=5, stack=5)),
        lambda profiles: profiles.install(profile(10, id=6, stack=5)),
    ):
        c = waiting(5)
        step(c.station.profiles)
        c.clock.ms += 60000
        c.station.profiles.apply(c.connector, c.clock.ms)
        assert 2 in on_flash(c) and 1 not in on_flash(c)


def test_one_that_waits_is_written_when_another_is_cleared_or_a_session_ends():
    for step in (
        lambda profiles: profiles.clear(id=5),
        lambda profiles: profiles.session_over(session(7)),
    ):
        c = waiting(5)
        step(c.station.profiles)
        assert 2 in on_flash(c) and 1 not in on_flash(c)


def test_one_that_is_cleared_while_it_waits_is_not_written_any_more():
    c = waiting(5)
    kept = []
    real = c.journal.keep
    c.journal.keep = lambda kind, key, payload: kept.append(key) or real(kind, key, payload)
    assert c.station.profiles.clear(id=2) == 1
    assert kept == [5] and on_flash(c) == [5]


def test_one_that_is_cleared_is_forgotten_though_others_find_no_room():
    def full(*_):
        raise JournalFull("no room")

    c = waiting()
    c.station.profiles.install(profile(9, id=3, stack=1))
    c.journal.keep = full
    assert c.station.profiles.clear(id=3) == 1
    assert on_flash(c) == [1], "its successor waits"


def test_while_nothing_waits_no_flash_is_read():
    c = Charger()
    c.station.profiles.install(profile(8))
    before = c.flash.reads
    c.station.profiles.apply(c.connector, c.clock.ms)
    c.station.profiles.session_over(session(5))
    c.station.profiles.apply(c.connector, c.clock.ms)
    assert c.flash.reads == before
