# Delivery: the events of the journal are sent in order, each until it is answered.
# MIT license; part of microevse
"""The head of the queue, attempts, waits, and the time of each event. A renderer, which a protocol
attaches, makes the messages and understands the answers:

    family                          1 or 2, see kinds.TXID: who acknowledges a START
    no_id                           id of a session whose START was given up, or None
    counts_silence                  True: an answer that does not come is an attempt
    render(kind, payload)           (action, message), or None: this protocol has no message for
                                    the event; raises Refused
    lost                            the exception of a lost connection
    async send(action, message)     the answer; raises Refused, asyncio.TimeoutError and `lost`
    answered(kind, payload, answer) a verdict for `learn`, or None; raises Refused where the answer
                                    counts as none
    learn(kind, payload, verdict)   called once the record is done

A record is on flash before its message is built, and is marked done only after its answer. A
timeout is no answer: the message is sent again, for ever; where it counts as an attempt, all but a
START are passed over after the last one. A refusal is an attempt; after TransactionMessageAttempts
the record is given up, visibly. A lack of memory on this side is no attempt.

A record that cannot be rendered is reported once and passed over until the next start: a later
version may know it. But a START is given up then: delivered behind the rest of its session it
would begin a transaction that has no end. Any other failure counts as an attempt. After the last
one, or after 30 times without memory, the record is passed over, or given up if it is a START: no
record stops those behind it. What was passed over for memory or silence has its turn again in a
new connection, and after an hour in which nothing else waits: an end that is not told leaves its
transaction open. A START waits for memory and flash: without it the session has no bill.

The id of a transaction goes to flash, then the record is marked done, then the verdict is learnt.
So a failure on the way repeats no START that was acknowledged.
"""

import asyncio

from evse_base import const, log, release
from store.journal import JournalFull
from store.kinds import SAMPLE, START, STOP, TIME, TXID  # noqa: F401 (SAMPLE: for renderers)

# The wait after an unanswered message, when the interval setting says 0.
MIN_RETRY_S = 5

# In Delivery._attempts: attempts, and so much for each time when memory was lacking.
_LACK = const(4096)
_MOST_LACKS = const(30)
_LATER_MS = const(3600000)

# Exceptions that a record of a wrong shape can raise.
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)

# Fields of a session whose START was answered.
_ID = const(0)
_FAMILIES = const(1)
_UUID = const(2)

# Records whose mark may wait in RAM. With one more the oldest is told again in a turn or a start.
_UNMARKED = const(16)


class Refused(Exception):
    """Refused(why): the central system does not take a message, that was an attempt. Refused(why,
    True): the message cannot be built now, but later."""


class Delivery:
    """Delivers the events of `journal`, oldest first, while a renderer is attached."""

    def __init__(self, settings, journal, clock):
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self.renderer = None  # of the connection; None without one
        self._attempts = 0  # of the record at the head; see _LACK
        self._family = 0  # of the protocol that they happened under
        # (number, session that it ends or 0) of records that were told and could not be marked
        self._unmarked = ()
        self._not_before_ms = 0
        self.later = None  # (the oldest record passed over for now, ms when it is tried again)
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
            start = [payload] if len(payload[2]) <= 36 else []  # see TXID
            self._journal.keep(TXID, session, [session] + known + start)
        except Exception as exc:
            # RAM has the id until the next start. After a power cut the end of this session would
            # be sent without an id.
            log.error("ocpp", "id of session %s not stored: %r", session, exc)

    # -- the queue -------------------------------------------------------------------------

    def attach(self, renderer):
        """A connection has begun: its protocol renders from now on. The waits of an earlier
        connection are over."""
        self.renderer = renderer
        self._not_before_ms = 0
        self._take_up()
        if renderer.family != self._family:
            # Another protocol may take what the last one has refused or passed over.
            self._family and self._journal.take_up(1)
            self._family, self._attempts = renderer.family, 0

    def detach(self, renderer):
        """The connection of this renderer is gone."""
        if self.renderer is renderer:
            self.renderer = None

    def due_in_ms(self):
        """Milliseconds until an event may be sent; None when there is none, or no protocol."""
        due_ms = self._not_before_ms
        if self.renderer is None:
            return None
        if self._head() is None and not self._unmarked:
            if self.later is None:
                return None
            due_ms = self.later[1]
        return max(0, due_ms - self._clock.uptime_ms())

    def _take_up(self):
        """Give what was passed over for memory its turn again."""
        if self.later:
            self._journal.take_up(self.later[0])
            self.later, self._attempts = None, 0  # another record is at the head

    def _head(self):
        """The oldest event, None if there is none or it cannot be read now."""
        try:
            return self._journal.pending()
        except Exception as exc:
            log.error("ocpp", "the next event cannot be read: %r", exc)
            self._wait(MIN_RETRY_S)
            return None

    async def step(self):
        """Send the oldest event. Raises the exceptions of a lost connection."""
        self._mark()
        record = self._head()
        renderer = self.renderer
        if record is None or renderer is None:
            if self._unmarked:
                self._wait(MIN_RETRY_S)
            if self.later and self._clock.uptime_ms() >= self.later[1]:
                self._take_up()
            return
        seq, kind, payload = record
        if seq in [told for told, _ in self._unmarked]:
            self._journal.pass_over(seq)  # told before it came again with what was taken up
            return
        try:
            known = self.known.get(payload[0])
            if known and kind == START and known[_FAMILIES] & renderer.family:
                # A power cut came between the acknowledgement and the mark.
                self._finish(seq, kind, payload)
                return
            if known and kind != START and not known[_FAMILIES] & renderer.family:
                # The START was acknowledged under another protocol. This protocol needs the START
                # first.
                seq, kind, payload = self._journal.start_of(payload[0]) or record
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
        except Exception as exc:
            self._failed(renderer, seq, kind, payload, "event %d" % seq, exc)
            return
        if rendered is None:
            self._finish(seq, kind, payload)
            return
        action, message = rendered
        try:
            answer = await renderer.send(action, message)
            verdict = renderer.answered(kind, payload, answer)
        except renderer.lost:
            raise
        except Exception as exc:
            silent = isinstance(exc, asyncio.TimeoutError)
            if not silent or renderer.counts_silence and kind != START:
                self._failed(renderer, seq, kind, payload, action, exc)
                return
            self._wait(max(MIN_RETRY_S, self._settings.get("TransactionMessageRetryInterval")))
            log.warn("ocpp", "%s not answered, will be sent again", action)
        else:
            try:
                self._finish(seq, kind, payload)
            finally:
                # Also if the mark fails: a card that is refused must not go on charging.
                try:
                    if verdict is not None:
                        renderer.learn(kind, payload, verdict)
                except Exception as exc:
                    # The central system has taken the message: it is not told again.
                    log.error("ocpp", "answer not used: %r", exc)

    def _failed(self, renderer, seq, kind, payload, action, exc):
        """An attempt: a refusal (Refused), or any other failure on this side."""
        refused = isinstance(exc, Refused)
        if not refused:
            import gc  # rarely needed

            gc.collect()  # a large message may lack memory; the next attempt has more
        lack = isinstance(exc, MemoryError)
        self._attempts += _LACK if lack else 1
        allowed = self._settings.get("TransactionMessageAttempts")
        why = exc.args[0] if refused else repr(exc)
        tries, most = self._attempts % _LACK, allowed
        if lack:
            tries, most = self._attempts // _LACK, _MOST_LACKS
        log.warn("ocpp", "%s not delivered (%s), %d of %d", action, why, tries, most)
        # Memory or flash that fails now may work later. A START that is given up has no bill.
        passing = kind == START and isinstance(exc, (MemoryError, OSError))
        if tries < most or passing:
            # OCPP 1.6 section 9.1.28: the interval grows with each attempt.
            interval_s = self._settings.get("TransactionMessageRetryInterval")
            wait_s = min(tries, allowed) * interval_s
            self._wait(wait_s if refused else max(MIN_RETRY_S, wait_s))
            return
        if refused or kind == START:
            log.error("ocpp", "%s of session %s given up: %s", action, payload[0], why)
            self._give_up(renderer, seq, kind, payload)
            return
        log.error("ocpp", "%s passed over for now: %s", action, why)
        self._attempts = 0
        if lack or isinstance(exc, asyncio.TimeoutError):
            oldest = self.later[0] if self.later else seq
            self.later = min(seq, oldest), self._clock.uptime_ms() + _LATER_MS
        self._journal.pass_over(seq)

    def _give_up(self, renderer, seq, kind, payload):
        self.given_up += 1
        if kind == START:
            # The session goes on; its other events are sent without an id.
            self.acknowledge(payload, renderer.family, renderer.no_id)
        self._finish(seq, kind, payload)

    def _finish(self, seq, kind, payload):
        self._attempts = 0
        self._unmarked += ((seq, payload[0] if kind == STOP else 0),)
        why = self._mark()
        if why:
            # The flash refuses the mark now. It is made later, and the message is not sent again.
            log.error("ocpp", "event %d told, a mark is missing: %r", seq, why)
            self._journal.pass_over(seq)

    def _mark(self):
        """Mark the records that were told. Returns the exception of one that cannot be marked."""
        why, left = None, ()
        for entry in self._unmarked:
            seq, ended = entry
            try:
                self._journal.done(seq)
                if ended in self.known:
                    # Behind the mark: without the mark the end is told again, and with this id.
                    self._journal.forget(TXID, ended)
                    del self.known[ended]
            except Exception as exc:
                why = exc
                left += (entry,)
        self._unmarked = left[-_UNMARKED:]
        return why

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
