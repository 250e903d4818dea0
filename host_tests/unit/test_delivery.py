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

    lost = EOFError

    def __init__(self, delivery, family, no_id=None):
        self.delivery = delivery
        self.family = family
        self.no_id = no_id
        self.counts_silence = family == 2
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


def test_the_end_of_a_session_that_another_protocol_knows_is_told_behind_its_start():
    """2.x would have an end without a beginning, and 1.6 an end without an id: neither can be
    billed. The START is gone from flash by then; its acknowledgement has it."""

    async def story(token, told):
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await c.charge(token)
        await drain(c)
        uuid = c.connector.session.uuid
        c.station.delivery.detach(c.station.delivery.renderer)
        c.connector.request_stop("local")
        await c.pass_s(2)
        c = Charger(c.flash, boot=2, settings=SETTINGS)
        assert c.station.delivery.known[1] == [101, 1, uuid]
        second = attached(c, 2)
        await drain(c)
        assert second.kinds()[-1] == STOP
        if told:
            assert second.heard[0] == first.heard[0], "the very same record"
        assert second.kinds().count(START) == told
        assert not c.station.delivery.known

    run(story("CARD", 1))
    run(story("C" * 37, 0))  # too long to lie with the acknowledgement: the uuid tells them apart


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


def test_where_silence_is_an_attempt_all_but_a_start_is_passed_over_and_nothing_is_lost():
    """OCPP 2.x, E13: as often as allowed, with a wait that grows."""

    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 2)
        delivery = c.station.delivery
        first.deaf = True
        await c.charge()
        for _ in range(9):
            await delivery.step()
            c.clock.ms += delivery.due_in_ms()
        first.deaf = False
        await delivery.step()
        assert first.kinds() == [START], "however often"
        interval = 1000 * c.settings.get("TransactionMessageRetryInterval")
        first.deaf = True
        queued = c.journal.queued
        for tries in (1, 2, 3):
            assert delivery.later is None
            await delivery.step()
            if tries < 3:
                assert delivery.due_in_ms() == tries * interval
                c.clock.ms += delivery.due_in_ms()
        assert delivery.later and c.journal.queued == queued and not delivery.given_up
        first.deaf = False
        await ended_of(c)
        told = first.kinds()
        delivery.attach(first)
        await drain(c)
        assert len(first.kinds()) > len(told) and c.journal.queued == 0
        numbers = [id(message) for _, message in first.heard]
        assert len(set(numbers)) == len(numbers)

    run(story())


async def ended_of(c):
    """The session ends, and what is due at once is told."""
    c.connector.request_stop("local")
    await c.pass_s(2)
    for _ in range(20):
        if c.station.delivery.due_in_ms() != 0:
            return
        await c.station.delivery.step()


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


def broken(protocol, where, kind, exc):
    """From now on `where` of this protocol raises `exc` for records of this kind."""
    real = getattr(protocol, where)

    def fails(found, payload, *more):
        if found == kind:
            raise exc
        return real(found, payload, *more)

    async def send(action, message):
        if action == "kind%d" % kind:
            raise exc
        return await real(action, message)

    setattr(protocol, where, send if where == "send" else fails)


async def ended(c):
    """A session has run and ended; the queue has all of it."""
    await c.charge()
    await c.pass_s(15)
    c.connector.request_stop("local")
    await c.pass_s(2)


def test_a_failure_of_any_kind_is_an_attempt_and_stops_nobody_behind_it():
    """Each of them once closed the line at every step, and the rest was never told."""

    async def story(where, kind, exc):
        c = Charger(settings=SETTINGS)
        first = attached(c, 1, -1)
        await ended(c)
        delivery = c.station.delivery
        broken(first, where, kind, exc)
        waits = []
        while delivery.due_in_ms() is not None:
            waits.append(delivery.due_in_ms())
            c.clock.ms += waits[-1]
            await delivery.step()
        told = first.kinds()
        assert told[-1] == STOP and told.count(STOP) == 1
        assert delivery.given_up == (kind == START)
        interval = c.settings.get("TransactionMessageRetryInterval") * 1000
        assert [w for w in waits if w][:2] == [interval, 2 * interval]
        if kind == SAMPLE:
            # Passed over, and not done: the next start tries again.
            again = Charger(c.flash, boot=2, settings=SETTINGS)
            first = attached(again, 1)
            await drain(again)
            assert first.kinds() == [SAMPLE] * c.journal.queued

    for exc in (RuntimeError("x"), OSError(5), AssertionError()):
        run(story("render", SAMPLE, exc))
    for exc in (RuntimeError("x"), AssertionError()):
        run(story("render", START, exc))
    for exc in (RuntimeError("x"), OSError(5), TypeError("x"), KeyError("x")):
        run(story("send", SAMPLE, exc))
        run(story("answered", SAMPLE, exc))


def test_a_lack_of_memory_is_no_attempt_and_stops_nobody_for_ever():
    """It counted as a refusal: three of them, and the meter values were passed over."""

    async def story(where, kind, lacks, reconnects=False):
        c = Charger(settings=SETTINGS)
        first = attached(c, 1, -1)
        await ended(c)
        delivery = c.station.delivery
        while c.journal.pending()[1] != kind:
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
        before = len(first.kinds())
        real = getattr(first, where)
        broken(first, where, kind, MemoryError())
        for _ in range(lacks):
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
            assert delivery.due_in_ms() or lacks == 30
        setattr(first, where, real)
        if lacks < 30:
            # Two refusals are allowed all the same.
            first.refuses = 2
            await drain(c)
            assert first.kinds()[before] == kind and delivery.given_up == 0
            assert first.kinds()[-1] == STOP and not c.journal.queued
            return
        while delivery.due_in_ms() < 600000:
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
        assert c.journal.queued == 1
        if reconnects:
            first = attached(c, 1, -1)
            assert not delivery.due_in_ms()
            await delivery.step()
        else:
            # And after an hour, if nothing else waits.
            await drain(c, 3)
        assert first.kinds()[-1] == kind and not c.journal.queued
        assert delivery.given_up == 0 and delivery.due_in_ms() is None

    for where in ("render", "send", "answered"):
        run(story(where, SAMPLE, 29))
        run(story(where, SAMPLE, 30))
    run(story("send", SAMPLE, 30, True))
    run(story("send", STOP, 29))
    run(story("render", STOP, 30))
    run(story("send", STOP, 30, True))


def test_all_that_was_passed_over_for_memory_is_told_in_its_order():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1, -1)
        await ended(c)
        delivery, render = c.station.delivery, first.render

        def lacking(kind, payload):
            if kind != START:
                raise MemoryError()
            return render(kind, payload)

        first.render = lacking
        while delivery.due_in_ms() < 600000:
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
        left = c.journal.queued
        assert left >= 2 and first.kinds()[-1] == START
        first.render = render
        await drain(c)
        told = first.kinds()
        assert told[-1] == STOP and SAMPLE in told and len(told) == left + 1
        assert not c.journal.queued

    run(story())


async def sample_passed_over(c, first):
    """A session is told but for its first SAMPLE, for which memory was lacking, and what follows
    that. Returns the delivery and what the protocol is without the lack."""
    await ended(c)
    delivery, real = c.station.delivery, first.render
    broken(first, "render", SAMPLE, MemoryError())
    while delivery.later is None:
        c.clock.ms += delivery.due_in_ms()
        await delivery.step()
    return delivery, real


def test_what_was_told_and_not_marked_is_not_told_again_with_what_is_taken_up():
    """It lies behind what is taken up, and the journal hands it out again. While its mark was
    missing, what was passed over had no turn after an hour."""

    async def story(reconnects):
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        delivery, render = await sample_passed_over(c, first)
        done = c.journal.done
        missing = []

        def refuses(seq):
            if not missing and first.kinds()[-1] == STOP:
                missing.append(seq)
            if seq in missing:
                raise OSError(5)
            return done(seq)

        c.journal.done = refuses
        while not missing:
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
        first.render = render
        told = first.kinds()
        if reconnects:
            again = attached(c, 1)
            for _ in range(20):
                c.clock.ms += delivery.due_in_ms()
                await delivery.step()
            assert STOP not in again.kinds() and again.kinds()[0] == SAMPLE
        else:
            for _ in range(2000):
                c.clock.ms += delivery.due_in_ms()
                await delivery.step()
            again = first
            assert first.kinds()[: len(told)] == told
            assert set(first.kinds()[len(told) :]) == {SAMPLE}
        assert len(again.heard) == len(set([repr(message) for message in again.heard]))
        assert c.journal.queued == 1, "without its mark"
        c.journal.done = done
        await drain(c)
        assert not c.journal.queued and delivery.due_in_ms() is None

    run(story(True))
    run(story(False))


def test_what_is_taken_up_has_all_its_attempts():
    """Those of the record that was at the head before counted for it: one refusal, and the end of
    a session was given up."""

    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        delivery, _ = await sample_passed_over(c, first)
        first.refuses = 2
        while first.refuses:
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
        again = attached(c, 1)
        again.refuses = 2
        await drain(c)
        assert again.kinds()[0] == SAMPLE and again.kinds()[-1] == STOP
        assert delivery.given_up == 0 and not c.journal.queued

    run(story())


def test_what_finds_no_memory_to_be_taken_up_is_taken_up_later():
    async def story():
        c = Charger(settings=SETTINGS)
        delivery, render = await sample_passed_over(c, attached(c, 1))
        take_up = c.journal.take_up

        def lacks(seq):
            raise MemoryError()

        c.journal.take_up = lacks
        try:
            attached(c, 1)
            raise AssertionError("not told")
        except MemoryError:
            pass
        c.journal.take_up = take_up
        again = attached(c, 1)
        await drain(c)
        assert again.kinds()[0] == SAMPLE and not c.journal.queued

    run(story())


def test_a_start_waits_for_memory_and_flash_as_long_as_it_takes():
    """Given up, its session would have no bill."""

    async def story(where, exc):
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await ended(c)
        delivery = c.station.delivery
        real = getattr(first, where)
        broken(first, where, START, exc)
        for _ in range(20):
            c.clock.ms += delivery.due_in_ms()
            await delivery.step()
        assert not delivery.given_up and not first.kinds()
        interval = c.settings.get("TransactionMessageRetryInterval") * 1000
        assert delivery.due_in_ms() == 3 * interval, "three attempts are allowed"
        setattr(first, where, real)
        await drain(c)
        assert first.kinds().count(START) == 1 and first.kinds()[-1] == STOP

    for exc in (MemoryError(), OSError(5)):
        run(story("render", exc))
        run(story("send", exc))


def test_failures_in_a_row_have_waits_even_where_the_interval_is_zero():
    async def story():
        c = Charger(settings=dict(SETTINGS, TransactionMessageRetryInterval="0"))
        first = attached(c, 1)
        await c.charge()
        broken(first, "send", START, MemoryError())
        await c.station.delivery.step()
        assert c.station.delivery.due_in_ms() == 1000 * MIN_RETRY_S

    run(story())


def test_a_lost_connection_is_no_attempt_and_is_passed_on():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await c.charge()
        real = first.send
        for exc in (EOFError("gone"), asyncio.CancelledError()):
            broken(first, "send", START, exc)
            for _ in range(5):
                try:
                    await c.station.delivery.step()
                    raise AssertionError("not passed on")
                except (EOFError, asyncio.CancelledError):
                    pass
            first.send = real
        assert c.station.delivery.due_in_ms() == 0
        await drain(c)
        assert first.kinds()[0] == START and c.station.delivery.given_up == 0

    run(story())


def test_a_mark_that_fails_is_tried_again_and_the_message_is_not():
    """StartTransaction was once sent again and again while the flash refused the mark."""

    async def story(fails):
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await ended(c)
        delivery, real, count = c.station.delivery, c.journal.done, [0]

        def done(seq):
            count[0] += 1
            if count[0] <= fails:
                raise OSError(5)
            return real(seq)

        c.journal.done = done
        at_once = 0  # steps without a wait, with nothing to tell
        for _ in range(60):
            due = delivery.due_in_ms()
            if due is None:
                break
            at_once += not due and c.journal.pending() is None
            c.clock.ms += due
            await delivery.step()
        assert at_once <= 1, "no rest while the flash refuses"
        told = first.kinds()
        assert told.count(START) == 1 and told.count(STOP) == 1 and told[-1] == STOP
        assert len(told) == len(set([repr(message) for message in first.heard]))
        if fails < 30:
            assert c.journal.queued == 0 and delivery.known == {}
            assert list(c.journal.state(TXID)) == []

    for fails in (1, 3, 10, 99):
        run(story(fails))


def test_an_end_that_could_not_be_marked_keeps_its_id_over_a_restart():
    async def story():
        c = Charger(settings=SETTINGS)
        attached(c, 1)
        await ended(c)
        c.station.delivery.known[1] = [101, 1, None]

        def done(seq):
            raise OSError(5)

        c.journal.keep(TXID, 1, [1, 101, 1, None])
        c.journal.done = done
        for _ in range(20):
            c.clock.ms += c.station.delivery.due_in_ms()
            await c.station.delivery.step()
        again = Charger(c.flash, boot=2, settings=SETTINGS)
        assert again.journal.queued == c.journal.queued
        assert id_of(again, 1, 1) == 101
        second = attached(again, 1)
        await drain(again)
        # The end is told again. The beginning was acknowledged: it is not.
        assert START not in second.kinds() and second.kinds()[-1] == STOP

    run(story())


def test_an_id_is_kept_then_the_record_is_done_then_the_verdict_is_learnt():
    async def story(fails):
        c = Charger(settings=SETTINGS)
        first, order = attached(c, 1), []
        answered, keep, done = first.answered, c.journal.keep, c.journal.done

        def verdict(kind, payload, answer):
            answered(kind, payload, answer)
            return {"status": "accepted"} if kind == START else None

        def kept(kind, *more):
            order.append("id" if kind == TXID else "")
            return keep(kind, *more)

        def marked(seq):
            order.append("done")
            return done(seq)

        def learn(kind, payload, verdict):
            assert kind == START and verdict
            order.append("learnt")
            if fails:
                raise MemoryError()

        await c.charge()
        first.answered, first.learn, c.journal.keep, c.journal.done = verdict, learn, kept, marked
        await c.station.delivery.step()
        assert order == ["id", "done", "learnt"]
        await drain(c)
        assert first.kinds().count(START) == 1 and order.count("learnt") == 1

    run(story(False))
    run(story(True))


def test_refusals_under_one_protocol_do_not_count_under_the_next():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1, -1)
        await c.charge()
        first.refuses = 2
        for _ in range(2):
            c.clock.ms += c.station.delivery.due_in_ms()
            await c.station.delivery.step()
        second = attached(c, 2)
        second.refuses = 2
        await drain(c)
        assert c.station.delivery.given_up == 0 and second.kinds()[0] == START
        # But a line that comes and goes does not make an attempt unmade.
        c.evse.release()
        await c.pass_s(7)
        second.refuses = 3
        for _ in range(3):
            await c.station.delivery.step()
            c.station.delivery.attach(second)
        assert c.station.delivery.given_up == 1

    run(story())


def test_a_record_that_cannot_be_read_now_closes_no_line():
    async def story():
        c = Charger(settings=SETTINGS)
        first = attached(c, 1)
        await c.charge()
        real = c.journal.pending

        def pending():
            raise MemoryError()

        c.journal.pending = pending
        await c.station.delivery.step()
        assert c.station.delivery.due_in_ms() is None and first.heard == []
        c.journal.pending = real
        assert c.station.delivery.due_in_ms() == 1000 * MIN_RETRY_S
        await drain(c)
        assert first.kinds()[0] == START

    run(story())
