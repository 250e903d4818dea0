# Delivery: the events of the journal are sent in order, each until it is answered.
# MIT license; part of microevse
"""The head of the queue, attempts, waits, and the time of each event. A renderer, which a protocol
attaches, makes the messages and understands the answers:

    family                          1 or 2, see kinds.TXID: who acknowledges a START
    no_id                           id of a session whose START was given up, or None
    render(kind, payload)           (action, message), or None: this protocol has no message for
                                    the event; raises Refused
    async send(action, message)     the answer; raises Refused, asyncio.TimeoutError, and what
                                    a lost connection raises
    answered(kind, payload, answer) raises Refused where the answer counts as none

A record is on flash before its message is built, and is marked done only after its answer. A
timeout is no answer: the message is sent again, for ever. A refusal counts as an attempt; after
TransactionMessageAttempts the record is given up, visibly.

A record that cannot be rendered is reported once and passed over until the next start: a later
version may know it. But a START is given up then: delivered behind the rest of its session it
would begin a transaction that has no end.
"""

import asyncio

from evse_base import log
from evse_base import const, release
from store.journal import JournalFull
from store.kinds import SAMPLE, START, STOP, TIME, TXID  # noqa: F401 (SAMPLE: for renderers)

# The wait after an unanswered message, when the interval setting says 0.
MIN_RETRY_S = 5

# Exceptions that a record of a wrong shape can raise.
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)

# Fields of a session whose START was answered.
_ID = const(0)
_FAMILIES = const(1)
_UUID = const(2)


class Refused(Exception):
    """Refused(why): the central system does not take a message, that was an attempt. Refused(why,
    True): the message cannot be built now, but later."""


class Delivery:
    """Delivers the events of `journal`, oldest first, while a renderer is attached."""

    def __init__(self, settings, journal, clock):
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._renderer = None
        self._attempts = 0  # refusals of the record at the head
        self._not_before_ms = 0
        self.given_up = 0
        # session: [id, families, uuid] (see kinds.TXID), from the answer to its START to that to
        # its STOP. Also in the journal: the answer must survive a power cut.
        self.known = {}
        for _, payload in journal.state(TXID):
            # A record without the last fields comes from a version that knew only the first
            # family.
            families, uuid = payload[2:4] if len(payload) > 3 else (1, None)
            if isinstance(payload[1] or 0, int) and isinstance(families, int):
                self.known[payload[0]] = [payload[1], families, uuid]

    def acknowledge(self, payload, family, number=None):
        """The START with this payload was answered, with this id (None: the uuid is the id)."""
        session = payload[0]
        known = self.known.get(session) or [None, 0, payload[6] if len(payload) > 6 else None]
        if number is not None:
            known[_ID] = number
        known[_FAMILIES] |= family
        self.known[session] = known
        try:
            self._journal.keep(TXID, session, [session] + known)
        except (JournalFull, OSError, ValueError) as exc:
            # RAM has the id until the next start. After a power cut the end of this session would
            # be sent without an id.
            log.error("ocpp", "id of session %s not stored: %r", session, exc)

    # -- the queue -------------------------------------------------------------------------

    def attach(self, renderer):
        """A connection has begun: its protocol renders from now on. The waits of an earlier
        connection are over."""
        self._renderer = renderer
        self._not_before_ms = 0

    def detach(self, renderer):
        """The connection of this renderer is gone."""
        if self._renderer is renderer:
            self._renderer = None

    def due_in_ms(self):
        """Milliseconds until an event may be sent; None when there is none, or no protocol."""
        if self._renderer is None or self._journal.pending() is None:
            return None
        return max(0, self._not_before_ms - self._clock.uptime_ms())

    async def step(self):
        """Send the oldest event. Raises the exceptions of a lost connection."""
        record = self._journal.pending()
        renderer = self._renderer
        if record is None or renderer is None:
            return
        seq, kind, payload = record
        if kind != START and payload[0]:
            # The START was acknowledged under another protocol. This protocol needs the START
            # first.
            known = self.known.get(payload[0])
            if known and not known[_FAMILIES] & renderer.family:
                seq, kind, payload = self._journal.start_of(payload[0]) or record
        try:
            rendered = renderer.render(kind, payload)
        except Refused as exc:
            self._wait(MIN_RETRY_S)
            log.warn("ocpp", "event %d waits: %s", seq, exc.args[0])
            return
        except UNREADABLE as exc:
            log.error("ocpp", "event %d cannot be told: %r", seq, exc)
            if kind == START:
                self._give_up(renderer, seq, kind, payload)
            else:
                self._attempts = 0
                self._journal.pass_over(seq)
            return
        if rendered is None:
            self._finish(seq, kind, payload)
            return
        action, message = rendered
        try:
            answer = await renderer.send(action, message)
            renderer.answered(kind, payload, answer)
        except asyncio.TimeoutError:
            # A timeout is no refusal: it does not count as an attempt. Wait, then send again.
            self._wait(max(MIN_RETRY_S, self._settings.get("TransactionMessageRetryInterval")))
            log.warn("ocpp", "%s not answered, will be sent again", action)
        except Refused as exc:
            self._refused(renderer, seq, kind, payload, action, exc)
        else:
            self._finish(seq, kind, payload)

    def _refused(self, renderer, seq, kind, payload, action, exc):
        self._attempts += 1
        allowed = self._settings.get("TransactionMessageAttempts")
        log.warn("ocpp", "%s refused (%s), attempt %d of %d", action, exc, self._attempts, allowed)
        if self._attempts < allowed:
            # OCPP 1.6 section 9.1.28: the interval grows with each attempt.
            interval = self._settings.get("TransactionMessageRetryInterval")
            self._wait(interval * self._attempts)
            return
        log.error("ocpp", "%s of session %s given up: %s", action, payload[0], exc)
        self._give_up(renderer, seq, kind, payload)

    def _give_up(self, renderer, seq, kind, payload):
        self.given_up += 1
        if kind == START:
            # The session goes on; its other events are sent without an id.
            self.acknowledge(payload, renderer.family, renderer.no_id)
        self._finish(seq, kind, payload)

    def _finish(self, seq, kind, payload):
        self._attempts = 0
        self._journal.done(seq)
        if kind == STOP and self.known.pop(payload[0], None):
            self._journal.forget(TXID, payload[0])

    def _wait(self, seconds):
        self._not_before_ms = self._clock.uptime_ms() + 1000 * seconds

    # -- time ------------------------------------------------------------------------------

    def time(self, stamp):
        """Unix seconds of a stamp; the same stamp gives the same time for ever. Raises Refused
        while the time is not known.

        For a boot that never learnt the time an offset is fixed once, on flash, so that a
        repetition after another restart carries the same time.
        """
        wall = self._journal.wall(stamp)
        if wall is not None:
            return wall
        boot = stamp[0]
        offset = self._clock.wall(self._clock.boot, 0)
        if offset is None:
            # The central system accepted the charger, but sent a time that cannot be true.
            raise Refused("the time is not known", True)
        try:
            if boot == self._clock.boot:
                self._journal.keep(TIME, boot, [boot, offset])
            else:
                from store import lost_time  # rarely needed

                try:
                    offset = lost_time.place(self._journal, boot, offset)
                finally:
                    release("store.lost_time")
        except (JournalFull, OSError) as exc:
            # If the event was sent now, and again after a restart, it would carry two times and
            # look like two sessions. The journal has room again once the contactor is open.
            raise Refused("its time cannot be stored (%r)" % exc, True)
        return offset + stamp[1]
