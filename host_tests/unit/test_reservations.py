# Reservations of a station with two connectors: which token may charge where, and until when.
# MIT license; part of microevse

from helpers import run
from iec61851 import levels
from station_parts import NOON, Charger, FakeEvse, FakeMeter
from store import kinds
from station.reservations import Reservations
from station.unreserved import Unreserved, reservations_of
from store.journal import JournalFull

SOON = NOON + 600


class Two(Charger):
    """A station with two connectors."""

    def __init__(self, **kw):
        Charger.__init__(self, **kw)
        profile = {"max_a": 16, "phases": 1}
        self.second = self.station.add(FakeEvse(), FakeMeter(), None, None, profile)
        self.book = self.station.reservations
        self.known.update(A=("accepted", "FAMILY"), B=("accepted", "FAMILY"), C=("accepted", None))

    async def go(self, seconds=1):
        """Time passes for both connectors."""
        for _ in range(seconds):
            await self.pass_s(1)
            await self.second.metering.refresh()
            await self.second.sequence.work()

    def look(self):
        return [c.status for c in self.station.connectors]

    async def tap(self, token, connector=None):
        await self.station.present_token(token, connector=connector)
        await self.go()

    def started(self):
        """(connector, token, reservation) of the START records."""
        return [(r[1], r[2], r[4]) for r in self.records(kinds.START)]


def reserved(connector=1, number=1, token="A", parent=None, expiry=SOON, **kw):
    station = Two(**kw)
    assert station.book.reserve(number, connector, token, parent, expiry) == "accepted"
    run(station.go())
    return station


def test_only_the_reserved_connector_is_reserved():
    s = reserved(connector=2)
    assert s.look() == ["available", "reserved"]
    assert "reserved" in s.second.why.lower()


def test_another_card_goes_to_the_other_connector_and_the_right_one_to_its_own():
    s = reserved(connector=1)
    run(s.tap("C"))
    assert s.look() == ["reserved", "preparing"]
    s.known["a"] = s.known["A"]
    run(s.tap("a"))
    assert s.look() == ["preparing", "preparing"]
    for connector in s.station.connectors:
        connector.evse.plug()
    run(s.go(2))
    assert sorted(s.started()) == [(1, "a", 1), (2, "C", None)]
    assert list(s.journal.state(kinds.RESERVATION)) == []


def test_nobody_else_starts_at_a_reserved_connector():
    s = reserved(connector=1)
    s.evse.plug()
    run(s.go())
    assert s.look()[0] == "reserved", "a cable alone changes nothing"
    run(s.tap("C", 1))
    assert not run(s.station.remote_start("C", 1))
    assert s.look()[0] == "reserved" and s.started() == []
    assert s.asked == [], "there was no group to ask for"


def test_a_card_of_the_group_may_use_it_after_the_central_system_was_asked():
    s = reserved(connector=1, parent="FAMILY")
    s.evse.plug()
    run(s.go())
    run(s.tap("B", 1))
    assert s.asked == ["B"]
    assert s.started() == [(1, "B", 1)]


def test_a_card_that_is_not_of_the_group_is_sent_to_the_other_connector():
    s = reserved(connector=1, parent="FAMILY")
    s.evse.plug()  # a stranger's cable, in the reserved connector
    run(s.go())
    run(s.tap("C"))
    assert s.look() == ["reserved", "preparing"]


def test_of_two_connectors_one_is_kept_for_a_reservation_of_any():
    s = reserved(connector=0)
    assert s.look() == ["available", "available"], "one may still be taken by somebody"
    run(s.tap("C"))
    assert s.look() == ["preparing", "reserved"]
    run(s.tap("C", 2))
    assert s.look() == ["preparing", "reserved"]
    run(s.tap("A"))
    assert s.look() == ["preparing", "preparing"]
    s.second.evse.plug()
    run(s.go(2))
    assert s.started() == [(2, "A", 1)]


def test_a_reservation_of_any_is_used_wherever_its_card_starts():
    s = reserved(connector=0)
    s.evse.plug()
    run(s.go())
    run(s.tap("A", 1))
    assert s.started() == [(1, "A", 1)]
    assert s.look()[1] == "available"


def test_no_more_is_promised_than_there_is():
    s = reserved(connector=0)
    assert s.book.reserve(2, 1, "B", None, SOON) == "accepted"
    assert s.book.reserve(3, 2, "C", None, SOON) == "occupied", "the last one is promised"
    assert s.book.reserve(3, 0, "C", None, SOON) == "occupied"
    run(s.go())
    assert s.look() == ["reserved", "reserved"]
    assert s.book.cancel(1)
    assert s.book.reserve(3, 1, "C", None, SOON) == "occupied"
    assert s.book.reserve(3, 2, "C", None, SOON) == "accepted"
    assert not s.book.cancel(1)


def test_the_same_number_moves_a_reservation():
    s = reserved(connector=1)
    assert s.book.reserve(1, 2, "B", None, SOON) == "accepted"
    run(s.go())
    assert s.look() == ["available", "reserved"]
    # Refused, it stays what it was.
    s.evse.plug()
    run(s.go())
    assert s.book.reserve(1, 1, "A", None, SOON) == "occupied"
    run(s.go())
    assert s.look() == ["preparing", "reserved"]
    # A cable that waits at the reserved connector itself does not stand in the way.
    s.second.evse.plug()
    run(s.go())
    assert s.book.reserve(1, 2, "A", None, SOON + 60) == "accepted"


def test_it_expires_by_the_clock_and_not_before_there_is_one():
    s = reserved(expiry=NOON + 5)
    run(s.go(2))
    assert s.look()[0] == "reserved"
    run(s.go(3))
    assert s.look()[0] == "available"
    assert s.book.reserve(2, 1, "A", None, NOON) == "rejected"
    flash = reserved(expiry=NOON + 5).flash
    s = Two(flash=flash, boot=2)
    s.clock.unix = None
    s.clock.ms = 100000
    run(s.recover())
    run(s.go())
    assert s.look()[0] == "reserved"
    assert s.book.reserve(2, 2, "A", None, SOON) == "rejected", "nobody knows when that ends"
    s.clock.unix = NOON
    run(s.go())
    assert s.look()[0] == "available"


def test_a_fault_or_being_out_of_service_ends_it_for_good():
    for lose, back in (
        (lambda c: c.set_operative(False), lambda c: c.set_operative(True)),
        (
            lambda c: c.report_fault("TemperatureStop", ""),
            lambda c: c.clear_fault("TemperatureStop"),
        ),
    ):
        s = reserved(connector=1)
        lose(s.connector)
        run(s.go())
        assert s.look()[0] in ("unavailable", "faulted")
        back(s.connector)
        run(s.go(60))
        assert s.look() == ["available", "available"]
        assert not s.book.cancel(1)


def test_ends_without_use_wait_to_be_told_also_over_a_restart():
    s = Two()
    for number, connector, token, seconds in ((1, 1, "A", 5), (2, 2, "B", 600)):
        assert s.book.reserve(number, connector, token, None, NOON + seconds) == "accepted"
    run(s.go(6))
    s.second.set_operative(False)
    run(s.go())
    wanted = [(1, "expired"), (2, "removed")]
    assert s.book.untold == wanted
    assert [e[2] for e in s.events if e[0] == "reservation"] == [1, 2]
    s = Two(flash=s.flash, boot=2)
    s.clock.unix = NOON + 60
    run(s.recover())
    run(s.go())
    # In service again, and still over.
    assert sorted(s.book.untold) == wanted and s.look() == ["available", "available"]
    s.book.told(1)
    assert s.book.untold == wanted[1:]
    s = Two(flash=s.flash, boot=3)
    run(s.recover())
    run(s.go())
    assert s.book.untold == wanted[1:]
    # The number is used again: nothing is told of the one before.
    assert s.book.reserve(2, 1, "A", None, SOON) == "accepted" and s.book.untold == []
    assert s.book.cancel(2) and s.book.untold == []


def test_an_end_that_nobody_tells_is_forgotten_and_so_is_the_oldest_of_many():
    s = reserved(expiry=NOON + 5)
    s.book.spoken_to(False)
    run(s.go(6))
    assert s.book.untold == []
    s.book.spoken_to(True)
    for number in range(10, 20):
        assert s.book.reserve(number, 1, "A", None, s.clock.now() + 2) == "accepted"
        run(s.go(3))
    assert [number for number, _ in s.book.untold] == list(range(12, 20))
    s.book.spoken_to(False)
    assert s.book.untold == []
    s = Two(flash=s.flash, boot=2)
    run(s.recover())
    run(s.go())
    assert s.book.untold == [] and s.look()[0] == "available"


def test_a_reservation_of_any_lasts_as_long_as_one_connector_does():
    s = reserved(connector=0)
    s.connector.set_operative(False)
    run(s.go())
    assert s.look() == ["unavailable", "reserved"]
    assert s.book.reserve(2, 1, "C", None, SOON) == "unavailable"
    s.second.set_operative(False)
    run(s.go())
    assert s.book.reserve(2, 0, "C", None, SOON) == "unavailable"
    assert not s.book.cancel(1)


def test_the_answer_names_what_is_in_the_way():
    s = Two()
    assert s.book.reserve(1, 3, "A", None, SOON) == "rejected"
    s.connector.report_fault("TemperatureStop", "")
    assert s.book.reserve(1, 1, "A", None, SOON) == "faulted"
    assert s.book.reserve(1, 0, "A", None, SOON) == "accepted"
    s.book.cancel(1)
    s.second.evse.plug()
    assert s.book.reserve(1, 0, "A", None, SOON) == "occupied"
    s.second.report_fault("TemperatureStop", "")
    assert s.book.reserve(1, 0, "A", None, SOON) == "faulted"


def test_it_survives_a_restart_until_its_session_has_begun():
    s = reserved(connector=1, token="A", parent="FAMILY")
    again = Two(flash=s.flash, boot=2)
    run(again.recover())
    run(again.go())
    assert again.look() == ["reserved", "available"]
    again.evse.plug()
    run(again.go())
    run(again.tap("B", 1))
    assert again.started() == [(1, "B", 1)]
    third = Two(flash=s.flash, boot=3)
    run(third.recover())
    assert not third.book.cancel(1)


def test_a_cut_between_the_start_and_the_end_of_the_reservation_does_not_keep_it():
    s = reserved(connector=1)

    class Cut(BaseException):
        pass

    def cut(entry):
        raise Cut()

    s.book.end = cut
    s.evse.plug()
    run(s.go())
    try:
        run(s.tap("A", 1))
    except Cut:
        pass
    assert s.started() == [(1, "A", 1)]
    again = Two(flash=s.flash, boot=2)
    run(again.recover())
    assert again.book._all == []
    # A reservation with the same number for another token is another one.
    s = reserved(connector=2, token="C")
    at = [1, 1, 0]
    s.journal.append(kinds.START, [9, 1, "A", 0, 1, at])
    again = Two(flash=s.flash, boot=2)
    run(again.recover())
    assert again.book.cancel(1)


def test_free_mode_does_not_take_what_is_reserved():
    s = reserved(connector=1, settings={"FreeMode": "true"})
    for connector in s.station.connectors:
        connector.evse.plug()
    run(s.go(2))
    assert s.started() == [(2, "FREE", None)]
    assert s.look()[0] == "reserved"


def test_what_cannot_be_stored_is_not_promised():
    s = Two()

    def full(*args):
        raise JournalFull("no room")

    s.journal.keep = full
    assert s.book.reserve(1, 1, "A", None, SOON) == "rejected"
    run(s.go())
    assert s.look() == ["available", "available"]


def test_a_token_that_waits_for_its_cable_counts_as_occupied():
    s = Two()
    run(s.tap("C", 1))
    assert s.book.reserve(1, 1, "A", None, SOON) == "occupied"
    s.evse.plug()
    s.evse.state = levels.C
    run(s.go(2))
    assert s.book.reserve(1, 1, "A", None, SOON) == "occupied"


def test_the_state_of_the_connector_is_the_answer_also_to_an_expiry_that_is_past():
    # A faulted connector once said Rejected when the date was not in the future either.
    def fault(s):
        s.connector.report_fault("ContactorWelded", "")

    def plug(s):
        s.evse.plug()

    def out(s):
        s.station.set_availability(1, False)

    for prepare, wanted in (
        (fault, "faulted"),
        (plug, "occupied"),
        (out, "unavailable"),
        (lambda s: None, "rejected"),
    ):
        for expiry in (NOON - 3600, NOON, 0):
            for known in (True, False):
                s = Two()
                prepare(s)
                if not known:
                    s.clock.unix = None
                assert s.book.reserve(1, 1, "A", None, expiry) == wanted, (wanted, expiry)
                assert list(s.journal.state(kinds.RESERVATION)) == []
    s = Two()
    assert s.book.reserve(1, 3, "A", None, NOON - 1) == "rejected", "no such connector"
    s = reserved()
    assert s.book.reserve(1, 1, "A", None, NOON - 1) == "rejected"
    assert s.book.reserve(2, 1, "A", None, NOON - 1) == "occupied"
    assert [entry.id for entry in s.book._all] == [1], "what was reserved still is"


def test_out_of_service_takes_effect_at_once_where_no_session_runs():
    # See docs/ocpp16_decisions.md: a plugged car is no transaction (OCPP 1.6 section 5.2).
    s = Two()
    s.evse.plug()
    run(s.go())
    assert s.connector.status == "preparing"
    assert s.station.set_availability(1, False) == "accepted"
    assert s.connector.status == "unavailable"
    assert s.station.set_availability(1, True) == "accepted"
    run(s.tap("C", 2))
    assert s.second.waiting is not None
    assert s.station.set_availability(2, False) == "accepted"
    assert s.second.status == "unavailable" and s.second.waiting is None
    s.station.set_availability(2, True)
    run(s.charge("C"))
    assert s.station.set_availability(1, False) == "scheduled"
    assert s.connector.status == "charging"


def test_the_owner_or_a_central_system_can_refuse_those_for_any_connector():
    c = Charger()
    assert c.settings.set("ReserveConnectorZeroSupported", "false", local=True) == "accepted"
    # They are offered all the same, also after a restart.
    assert isinstance(reservations_of(c.station, c.journal, c.clock), Reservations)
    reserve = c.station.reservations.reserve
    assert reserve(3, 0, "OTHER", None, NOON + 600) == "rejected"
    assert reserve(3, 1, "OTHER", None, NOON + 600) == "accepted"


def test_where_none_are_offered_those_of_before_are_forgotten_and_hold_nothing():
    c = Charger()
    assert c.station.reservations.reserve(3, 1, "OTHER", None, NOON + 600) == "accepted"
    none = Unreserved(c.station, c.journal)
    none.restore()
    assert list(c.journal.state(kinds.RESERVATION)) == []
    programs = c.journal.log.programs
    none.restore()
    assert c.journal.log.programs == programs, "a start without any writes nothing"
    assert none.admits(c.connector, "CARD") and not none.asks_for_group(c.connector)
    assert none.best("CARD", None) is c.connector
    assert none.used_by(c.connector, "OTHER", None) is None and none.sweep() is None


def test_the_settings_say_whether_any_are_offered():
    c = Charger()
    assert isinstance(reservations_of(c.station, c.journal, c.clock), Reservations)
    c.settings.provide("ReserveConnectorZeroSupported", "false")
    assert type(reservations_of(c.station, c.journal, c.clock)) is Unreserved
