# What is kept of a customer: told, and forgotten.
# MIT license; part of microevse

from helpers import run
from ocpp2 import customer as messages
from ocppj.messages import CallError
from station import customer
from station.authorization import kept
from station_parts import NOON, Charger
from store.ramflash import RamFlash
from store.taglist import TagList

GOOD = {"status": "accepted", "expiry": None, "parent": None}
LONG = "L" * 200


class Point:
    """An adapter of 2.x, and all that it has sent."""

    def __init__(self, charger):
        self.station, self.clock = charger.station, charger.clock
        self.sent = []
        self.fails = None

    async def call(self, action, payload):
        self.sent.append((action, payload))
        if self.fails:
            raise self.fails
        return {}

    def ask(self, report=True, clear=False, number=7, **fields):
        """(status, reason or None, [data of each part])"""
        del self.sent[:]
        payload = dict(fields, requestId=number, report=report, clear=clear)
        answer = run(messages.customer_information(self, payload))
        if isinstance(answer, tuple):
            answer, after = answer
            run(after())
        reason = answer.get("statusInfo", {}).get("reasonCode")
        for at, (action, part) in enumerate(self.sent):
            assert action == "NotifyCustomerInformation" and part["requestId"] == number
            assert part["seqNo"] == at and part["tbc"] == (at < len(self.sent) - 1)
            assert len(part["data"]) <= 512
        return answer["status"], reason, [part["data"] for _, part in self.sent]


def charger(tags=True):
    c = Charger()
    if tags:
        c.authorizer.tags = TagList(RamFlash(4))
    return c


def card(token="CARD", kind="ISO14443"):
    return {"idToken": {"idToken": token, "type": kind}}


def told(c, token="CARD", kind="ISO14443"):
    return list(customer.told(c.station, token, kind))


def test_each_place_is_told_and_only_of_that_token():
    c = charger()
    learn = c.authorizer.learn
    learn("CARD", dict(GOOD, parent="FAMILY", expiry=NOON + 60), "ISO14443")
    learn("CARD", dict(GOOD, status="blocked"), "KeyCode")
    learn("OTHER", GOOD, "ISO14443")
    run(c.authorizer.tags.replace(3, [("CARD", dict(GOOD, status="expired"), "ISO14443")]))
    assert c.station.reservations.reserve(5, 1, "card", None, NOON + 600, "ISO14443") == "accepted"
    assert told(c) == [
        "authorization cache: accepted, group FAMILY, until 2027-01-01T12:01:00Z",
        "local list: expired",
        "reservation 5, connector 1, until 2027-01-01T12:10:00Z",
    ]
    assert told(c, "card", "KeyCode") == ["authorization cache: blocked"]
    assert told(c, "NOBODY") == told(c, "CARD", "MacAddress") == told(c, "CARD", "eMAID") == []


def test_a_long_token_and_a_long_group_are_found_by_their_hashes():
    c = charger(False)
    c.authorizer.learn(LONG, dict(GOOD, parent=LONG), "Central")
    assert told(c, LONG, "Central") == ["authorization cache: accepted, group with a long name"]
    assert run(customer.clear(c.station, LONG, "Central")) == customer.CLEARED
    assert told(c, LONG, "Central") == []


def test_a_running_session_is_told_and_stays():
    c = charger(False)
    run(c.charge())
    assert told(c)[-1] == "session at connector 1, running"
    assert run(customer.clear(c.station, "CARD", "ISO14443")) == customer.CLEARED
    assert told(c) == ["session at connector 1, running"]


def test_clearing_takes_it_out_of_cache_and_list_and_out_of_nothing_else():
    c = charger()
    tags = c.authorizer.tags
    for token, kind in (("CARD", "ISO14443"), ("CARD", "KeyCode"), ("OTHER", "ISO14443")):
        c.authorizer.learn(token, GOOD, kind)
    rows = [("CARD", GOOD, "ISO14443"), ("CARD", GOOD, "KeyCode"), ("CARD", GOOD, ""),
            ("OTHER", GOOD, "ISO14443")]  # fmt: skip
    run(tags.replace(3, rows))
    assert run(customer.clear(c.station, "card", "ISO14443")) == customer.CLEARED
    assert told(c) == [] and tags.version == 3 and tags.count == 2
    assert len(told(c, "CARD", "KeyCode")) == len(told(c, "OTHER")) == 2
    # The next start does not know it, either.
    again = Charger(flash=c.flash, boot=2)
    assert told(again) == [] and len(told(again, "OTHER")) == 1
    assert kept("CARD") == "CARD"


def test_while_a_car_charges_or_the_flash_fails_nothing_of_it_changes():
    for may, fails, reason in ((False, False, "TxInProgress"), (True, True, "InternalError")):
        c = charger()
        c.authorizer.learn("CARD", GOOD, "ISO14443")
        tags = c.authorizer.tags
        run(tags.replace(3, [("CARD", GOOD, "ISO14443")]))
        tags.may_erase = lambda ms: may  # noqa: B023
        if fails:

            async def merge(version, changes):
                raise ValueError("no room")

            tags.merge = merge
        point = Point(c)
        before = told(c)
        assert point.ask(True, True, **card()) == ("Rejected", reason, [])
        assert told(c) == before and len(before) == 2


def test_the_answers_of_2x():
    c = charger(False)
    c.authorizer.learn("CARD", GOOD, "ISO14443")
    point = Point(c)
    assert point.ask() == ("Invalid", "MissingParam", [])
    assert point.ask(False, False, **card()) == ("Rejected", "InvalidValue", [])
    line = "authorization cache: accepted"
    assert point.ask(**card()) == ("Accepted", None, [line])
    assert point.ask(False, True, **card()) == ("Accepted", None, [""])
    assert point.ask(**card()) == ("Accepted", None, [""])
    assert point.ask(customerIdentifier="x") == ("Accepted", None, [""])
    c.clock.unix = None
    assert point.ask(**card())[0] == "Rejected"


def test_a_report_of_many_lines_goes_in_parts_and_ends_where_one_is_refused():
    c = charger(False)
    for i in range(40):
        c.station.reservations._all.append(reservation(i))
    point = Point(c)
    status, _, parts = point.ask(**card())
    assert status == "Accepted" and len(parts) > 3
    lines = "".join(parts).split("\n")
    assert len(lines) == 40 and lines[39].startswith("reservation 39, connector 1, until 2027")
    point.fails = CallError("InternalError", "")
    payload = dict(card(), requestId=1, report=True, clear=False)
    del point.sent[:]
    _, after = run(messages.customer_information(point, payload))
    run(after())
    assert len(point.sent) == 1


def reservation(number):
    from station.reservations import Reservation

    return Reservation(number, 1, "CARD", None, NOON + 600, "ISO14443")
