# From journal records to StartTransaction, MeterValues and StopTransaction.
# MIT license; part of microevse
"""Delivery of transaction events (OCPP 1.6 sections 3.7, 4.8, 4.10; errata 3.3, 3.18).

A record is on flash before its message is built, and is marked done only after the
central system has answered that message. A timeout is no answer: the record stays and
is sent again, for ever, with the same payload. A CALLERROR is an answer that counts
as an attempt; after TransactionMessageAttempts the record is given up, visibly.
"""

import asyncio

import iso8601
import log
from ocppj.rpc import CallError
from store import lost_time
from store.journal import JournalFull
from store.kinds import SAMPLE, START, STOP, TIME, TXID

from .names import AUTHORIZATION, STOP_REASON, sampled_values, whole, word
from port import const

# Errata 3.18: the id of a transaction whose StartTransaction was never answered.
_NEVER_ACKNOWLEDGED = const(-1)

# An IdToken of 1.6 (CiString20Type); longer ones as later versions have them do no harm.
_TOKEN_LENGTH = const(36)

# Waits after an unanswered message, when the interval setting says 0.
MIN_RETRY_S = 5


class _NotYet(Exception):
    """A record whose message cannot be built now, but later."""


class Transactions:
    """Sends the oldest undelivered event of the journal; one at a time, in order."""

    def __init__(self, call, station, settings, journal, clock):
        self._call = call
        self._station = station
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._attempts = 0  # CALLERRORs for the record at the head
        self._not_before_ms = 0
        self.given_up = 0
        # session -> transactionId, for sessions whose StopTransaction is not done yet.
        # Kept in the journal: the answer to StartTransaction must survive a power cut.
        self._ids = {}
        for _, payload in journal.state(TXID):
            self._ids[payload[0]] = payload[1]

    def transaction_id(self, session):
        """transactionId of a session, None while StartTransaction is not answered."""
        return self._ids.get(session)

    def session_of(self, transaction_id):
        """Session number of a transactionId, None if there is none open by that id."""
        for session, known in self._ids.items():
            if known == transaction_id:
                return session
        return None

    def due_in_ms(self):
        """Milliseconds until an event may be sent; None when the journal has none."""
        if self._journal.pending() is None:
            return None
        return max(0, self._not_before_ms - self._clock.uptime_ms())

    def connected(self):
        """A new connection: waits that began on the old one are over."""
        self._not_before_ms = 0

    async def step(self):
        """Send the oldest event. Raises asyncio.TimeoutError and Disconnected as Rpc.call."""
        record = self._journal.pending()
        if record is None:
            return
        seq, kind, payload = record
        try:
            action, message = self._message(kind, payload)
        except _NotYet as exc:
            self._wait(MIN_RETRY_S)
            log.warn("ocpp", "transaction event %d waits: %s", seq, exc)
            return
        if action is None:
            log.error("ocpp", "journal record %d of kind %d is no event", seq, kind)
            self._journal.done(seq)
            return
        try:
            answer = await self._call(action, message)
        except asyncio.TimeoutError:
            # Errata 3.3: only an answer says that processing failed. Wait, then again.
            self._wait(max(MIN_RETRY_S, self._settings.get("TransactionMessageRetryInterval")))
            log.warn("ocpp", "%s not answered, will be sent again", action)
            return
        except CallError as exc:
            self._refused(seq, kind, payload, action, exc)
            return
        info = token_info(answer.get("idTagInfo"))
        if kind == START:
            self._started(seq, payload, whole(answer.get("transactionId")), info)
            return
        self._attempts = 0
        self._finish(seq, kind, payload)
        if kind == STOP and payload[4]:
            self._learn(payload[4], info)

    def _started(self, seq, payload, number, info):
        """An answer to StartTransaction: its id or None, its token info or None."""
        session, token = payload[0], payload[2]
        refused = info is not None and info["status"] != "accepted"
        if number is None and not refused:
            exc = CallError("FormationViolation", "no transactionId")
            self._refused(seq, START, payload, "StartTransaction", exc)
            return
        self._attempts = 0
        # A refusal is one even without an id: nothing better comes by asking again.
        number = _NEVER_ACKNOWLEDGED if number is None else number
        # The id goes to flash before the mark: a cut between the two only repeats the message.
        self._remember(session, number)
        self._finish(seq, START, payload)
        self._learn(token, info)
        if refused:
            log.warn("ocpp", "transaction %d: idTag is %s", number, info["status"])
            self._station.deauthorized(session)

    def _remember(self, session, transaction_id):
        self._ids[session] = transaction_id
        try:
            self._journal.keep(TXID, session, [session, transaction_id])
        except (JournalFull, OSError):
            # RAM has it as long as we run; a cut before the end would end it as id -1.
            log.error("ocpp", "transaction id %d not stored", transaction_id)

    def _finish(self, seq, kind, payload):
        self._journal.done(seq)
        if kind == STOP:
            self._ids.pop(payload[0], None)
            self._journal.forget(TXID, payload[0])

    def _refused(self, seq, kind, payload, action, exc):
        self._attempts += 1
        allowed = self._settings.get("TransactionMessageAttempts")
        log.warn(
            "ocpp", "%s refused (%s), attempt %d of %d", action, exc.code, self._attempts, allowed
        )
        if self._attempts < allowed:
            # Section 9.1.28: the interval grows with each attempt.
            interval = self._settings.get("TransactionMessageRetryInterval")
            self._wait(interval * self._attempts)
            return
        log.error("ocpp", "%s of session %s given up: %s", action, payload[0], exc.code)
        self.given_up += 1
        self._attempts = 0
        if kind == START:
            # Without an id the session goes on; its end is told under id -1.
            self._remember(payload[0], _NEVER_ACKNOWLEDGED)
        self._finish(seq, kind, payload)

    def _wait(self, seconds):
        self._not_before_ms = self._clock.uptime_ms() + 1000 * seconds

    def _learn(self, token, info):
        if info:
            self._station.authorizer.learn(token, info)

    # -- records to payloads: a record always gives the same payload ---------------------

    def _message(self, kind, payload):
        """(action, payload) of an event; action None for what is none. Raises _NotYet."""
        if kind == START:
            return "StartTransaction", self._start(payload)
        if kind == SAMPLE:
            return "MeterValues", self._sample(payload)
        if kind == STOP:
            return "StopTransaction", self._stop(payload)
        return None, None

    def _start(self, payload):
        _, connector, token, meter_wh, reservation, stamp = payload
        message = {
            "connectorId": connector,
            "idTag": token,
            "meterStart": meter_wh,
            "timestamp": self._time(stamp),
        }
        if reservation is not None:
            message["reservationId"] = reservation
        return message

    def _sample(self, payload):
        session, connector, context, stamp, values = payload
        message = {
            "connectorId": connector,
            "meterValue": [
                {"timestamp": self._time(stamp), "sampledValue": sampled_values(values, context)}
            ],
        }
        if session:
            message["transactionId"] = self._ids.get(session, _NEVER_ACKNOWLEDGED)
        return message

    def _stop(self, payload):
        session, _, meter_wh, reason, token, stamp, samples = payload
        message = {
            "transactionId": self._ids.get(session, _NEVER_ACKNOWLEDGED),
            "meterStop": meter_wh,
            "timestamp": self._time(stamp),
            "reason": STOP_REASON[reason],
        }
        if token:
            message["idTag"] = token
        if samples:
            message["transactionData"] = [
                {"timestamp": self._time(at), "sampledValue": sampled_values(values, context)}
                for context, at, values in samples
            ]
        return message

    def _time(self, stamp):
        """ISO time of a stamp; the same stamp gives the same text for ever.

        For a boot that never learnt the time an offset is fixed once, on flash, so that a
        repetition after another reboot carries the same timestamps.
        """
        wall = self._journal.wall(stamp)
        if wall is None:
            offset = self._clock.wall(self._clock.boot, 0)
            if offset is None:
                # Accepted by a central system whose own clock is not to be believed.
                raise _NotYet("the time is not known")
            boot = stamp[0]
            try:
                if boot == self._clock.boot:
                    self._journal.keep(TIME, boot, [boot, offset])
                else:
                    offset = lost_time.place(self._journal, boot, offset)
            except (JournalFull, OSError) as exc:
                # Sent now and repeated after a reboot it would carry another time, and look
                # like another transaction. There is room again once the contactor is open.
                raise _NotYet("its time cannot be stored (%r)" % exc)
            wall = offset + stamp[1]
        return iso8601.format(wall)


def token_info(info):
    """1.6 idTagInfo as the station's own token info; None where it says no status.

    A word that is not known is no leave to charge: "invalid". An expiryDate that cannot be
    read decides nothing, but what cannot be told to have expired is not kept either.
    """
    if not isinstance(info, dict) or info.get("status") is None:
        return None
    status = AUTHORIZATION.get(word(info["status"], AUTHORIZATION), "invalid")
    parent = info.get("parentIdTag")
    if not isinstance(parent, str) or not 0 < len(parent) <= _TOKEN_LENGTH:
        parent = None
    out = {"status": status, "expiry": None, "parent": parent}
    if info.get("expiryDate") is not None:
        try:
            out["expiry"] = iso8601.parse(info["expiryDate"])
        except ValueError:
            out["passing"] = True
    return out
