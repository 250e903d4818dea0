# Delivery: order, attempts, and sessions that begin under one protocol and end under another.
# MIT license; part of microevse

import asyncio

from helpers import run
from ocpp16.transactions import Transactions
from station.delivery import MIN_RETRY_S, Refused
from station_parts import Charger
from store.kinds import CHANGE, SAMPLE, START, STOP, TXID

SETTINGS = {"MeterValueSampleInterval": "10", "TransactionMessageAttempts": "3"}


class Protocol:
    """Tells every kind, and keeps what it was asked to send."""

    def __init__(self, delivery, family, no_id=None):
        self.delivery = delivery
        self.family = family
        self.no_id = no_id
        self.heard = []
        self.refuses = 0
        self.deaf = False
        self.next_id = 100 * family

    def render(self, kind, payload):
        return "kind%d" % kind, payload

    async def send(self, action, message):
        if self.deaf:
            raise asyncio.TimeoutError()
        if self.refuses:
            self.refuses -= 1
            raise Refused("InternalError")
        self.heard.append((int(action[4:]), message))
        return {}

    def answered(self, kind, payload, answer):
        if kind == START:
            self.next_id += 1
            number = self.next_id if self.family == 1 else None
            self.delivery.acknowledge(payload, self.family, number)

    def kinds(self, session=None):
        return [kind for kind, p in self.heard if session in (None, p[0])]


async def drain(c, most=100):
    for _ in range(most):
        if c.station.delivery.due_in_ms() is None:
            return
        c.clock.ms += c.station.delivery.due_in_ms()
        await c.station.delivery.step()
    raise AssertionError("never empty")


def id_of(c, session, family):
    """The id by which this family knows a session."""
    number, families, _ = c.station.delivery.known.get(session, (None, 0, None))
    return number if families & family else None


def attached(c, family, no_id=None):
    protocol = Protocol(c.station.delivery, family, no_id)
    c.station.delivery.attach(protocol)
    return protocol


def test_without_a_protocol_nothing_is_due_and_nothing_is_lost():
    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()
        delivery = c.station.delivery
        assert delivery.due_in_ms() is None
        await delivery.step()
        one, other = attached(c, 1), Protocol(delivery, 2)
        delivery.detach(other)
        assert delivery.due_in_ms() == 0
        delivery.detach(one)
        assert delivery.due_in_ms() is None and c.journal.queued > 0

    run(story())


def test_what_nobody_has_acknowledged_goes_whole_to_the_protocol_that_is_there():
    async def story():
        c = Charger(settings=SETTINGS)
        attached(c, 1).deaf = True
        await c.charge()
        await c.station.delivery.step()
        await c.pass_s(15)
        second = attached(c, 2)
        c.connector.request_stop("local")
        await c.pass_s(2)
        await drain(c)
        assert second.kinds()[0] == START and second.kinds()[-1] == STOP
        assert second.kinds().count(START) == 1 and c.journal.queued == 0

    run(story())


def test_another_protocol_hears_of_the_beginning_first_and_of_no_record_twice():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await c.charge()
        await c.pass_s(15)
        await drain(c)
        assert id_of(c, 1, 1) == 101 and id_of(c, 1, 2) is None
        await c.pass_s(10)
        before = len(first.heard)
        second = attached(c, 2)
        await drain(c)
        assert second.kinds() == [START] + [SAMPLE], "the samples before are not told again"
        assert second.heard[0] == first.heard[0], "the very same record"
        await c.pass_s(10)
        c = await restarted(c)
        # Back to the first one: it knows the session, also after a restart.
        first = attached(c, 1)
        await drain(c)
        assert START not in first.kinds() and first.kinds()[-1] == STOP and before
        assert id_of(c, 1, 1) is None, "over"
        assert list(c.journal.state(TXID)) == []

    run(story())


async def restarted(c):
    again = Charger(c.flash, boot=c.clock.boot + 1, settings=SETTINGS)
    for number, family in ((101, 1), (None, 2)):
        if family == 1:
            assert id_of(again, 1, family) == number
    await again.recover("PowerUp")
    return again


def test_the_end_of_a_session_that_another_protocol_knows_is_told_with_its_uuid():
    async def story():
        c = Charger(settings=SETTINGS)
        attached(c, 1)
        await c.charge()
        await drain(c)
        uuid = c.connector.session.uuid
        c.station.delivery.detach(c.station.delivery._renderer)
        c.connector.request_stop("local")
        await c.pass_s(2)
        c = Charger(c.flash, boot=2, settings=SETTINGS)
        assert c.station.delivery.known[1] == [101, 1, uuid]
        second = attached(c, 2)
        await drain(c)
        # START is gone from flash once it was acknowledged and the session has ended.
        assert START not in second.kinds() and second.kinds()[-1] == STOP
        assert not c.station.delivery.known

    run(story())


def test_an_id_that_an_older_version_has_stored_is_that_of_the_first_family():
    c = Charger()
    c.journal.append(START, [7, 1, "CARD", 0, None, [1, 1, 0]])
    c.journal.keep(TXID, 7, [7, 4711])
    for wrong in ([8, None], [9, "text"], [10, 5, "x", None]):
        c.journal.keep(TXID, wrong[0], wrong)
    c = Charger(c.flash, boot=2)
    assert id_of(c, 7, 1) == 4711 and id_of(c, 7, 2) is None
    transactions = Transactions(None, c.station)
    assert transactions.session_of(4711) == 7 and transactions.transaction_id(7) == 4711
    for session in (8, 9, 10):
        assert id_of(c, session, 1) is None
    assert transactions.session_of(None) is None


def test_a_refused_record_is_given_up_after_its_attempts_and_the_rest_goes_on():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1, -1)
        await c.charge()
        await c.pass_s(2)
        first.refuses = 3
        waits = []
        for _ in range(3):
            assert c.station.delivery.due_in_ms() == 0
            await c.station.delivery.step()
            waits.append(c.station.delivery.due_in_ms())
            c.clock.ms += waits[-1] or 0
        interval = c.settings.get("TransactionMessageRetryInterval") * 1000
        assert waits == [interval, 2 * interval, 0]
        assert c.station.delivery.given_up == 1 and id_of(c, 1, 1) == -1
        await drain(c)
        assert START not in first.kinds() and CHANGE in first.kinds()

    run(story())


def test_no_answer_is_no_attempt():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await c.charge()
        first.deaf = True
        for _ in range(9):
            await c.station.delivery.step()
            assert c.station.delivery.due_in_ms() >= 1000 * MIN_RETRY_S
            c.clock.ms += c.station.delivery.due_in_ms()
        first.deaf = False
        await drain(c)
        assert first.kinds()[0] == START and c.station.delivery.given_up == 0

    run(story())


def test_a_start_that_cannot_be_rendered_is_given_up_and_anything_else_passed_over():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1, -1)
        await c.charge()
        await c.pass_s(15)
        for kind in (START, SAMPLE):

            def render(found, payload):
                if found == kind:  # noqa: B023
                    raise IndexError("not there")
                return "kind%d" % found, payload

            first.render = render
            await c.pass_s(15)
            await drain(c)
        assert c.station.delivery.given_up == 1 and id_of(c, 1, 1) == -1
        assert set(first.kinds()) == {CHANGE, SAMPLE}
        # Passed over, and not done: the next start tries again.
        assert c.journal.pending() is None and c.journal.queued >= 1
        assert Charger(c.flash, boot=2).journal.pending()[1] == SAMPLE

    run(story())
