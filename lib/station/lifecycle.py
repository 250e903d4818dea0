# How a session begins and ends: lock, self-test, meter, journal, in this order.
# MIT license; part of microevse
"""The part of a connector that takes time, and the only one that writes session records.

START is on flash before the EV is offered anything; STOP is on flash before anybody hears
that the session has ended.
"""

import asyncio

import log
from iec61851 import proximity
from port import const
from store import kinds
from store.journal import JournalFull

from .faults import Held
from .session import Session, stamp

# The EVSE gives the EV 6 s to let go before it opens by itself; then something is wrong.
OPEN_TIMEOUT_MS = 8000
# Within this time after opening a weld is told, where the poles are sensed (`protection`).
_POLES_MS = const(2500)
# A lock that did not open is tried again after this.
UNLOCK_RETRY_MS = 10000
# Nothing here depends on being woken: each connector is looked at once a second.
LOOK_AGAIN_S = 1


class Lifecycle:
    """Session records and moving parts of one Connector."""

    def __init__(self, connector, lock, rcd, cable, journal, clock, station):
        self._connector = connector
        self._lock = lock if lock is not None and lock.fitted else None
        self._rcd = rcd
        self._cable = cable
        self._journal = journal
        self._clock = clock
        self._station = station
        self._motor = asyncio.Lock()
        self._unlock_ms = 0
        self._left = False  # the cable of a session was in the socket
        self._commanded = False  # an unlock command is waiting for its turn
        self.beat_ms = clock.uptime_ms()  # when the task last went round
        self.held = Held(connector, journal)

    # -- beginning -----------------------------------------------------------------------

    async def begin(self):
        """Token accepted and cable in: make sure it is safe, then start the session."""
        connector = self._connector
        pending = connector.pending
        if connector.metering.meter is not None:
            if not await connector.metering.refresh() and connector.metering.energy_wh is None:
                # Without a first reading there is nothing to bill from. The meter is asked
                # again; if it stays silent that becomes a fault.
                return
        if self._lock is not None and not self._lock.locked:
            async with self._motor:
                locked = await self._lock.lock()
            if not locked:
                connector.report_fault("LockJammed")
                return
        if self._cable is not None:
            # Read once, with the plug locked, and kept for the session: contact resistance
            # must not move the limit while current flows (IEC 61851-1 annex B).
            rating = self._cable()
            connector.limits.cap("cable", max(0, rating))
            if rating <= 0:
                connector.pending = None
                connector.report_fault("CableUnreadable")
                connector.clear_fault("CableUnreadable")
                return
        self._left = self._lock is not None
        if self._rcd is not None and not await self._rcd.self_test():
            connector.report_fault("RcdTestFailed", "", True)  # until it has passed a test
            return
        # All that took time: what was true before must still be true.
        if connector.pending is not pending or not connector.usable:
            return
        if not connector.evse.plugged:
            return
        token, parent = pending[0], pending[1]
        meter_wh = connector.metering.energy_wh or 0
        now = stamp(self._clock)
        number = self._station.next_session()
        reservation = self._station.reservations.used_by(connector, token, parent)
        reserved = reservation.id if reservation is not None else None
        try:
            record = [number, connector.id, token, meter_wh, reserved, now]
            self._journal.append(kinds.START, record)
        except (JournalFull, OSError) as exc:
            # A session that is not on flash cannot be billed: it does not begin.
            log.error("station", "session not recorded: %r", exc)
            connector.pending = None
            connector.report_fault("NoRecordSpace")
            connector.clear_fault("NoRecordSpace")
            return
        if reservation is not None:
            # Behind the START: a cut between the two is put right at boot.
            self._station.reservations.end(reservation)
        session = Session(number, connector.id, token, parent, meter_wh, now)
        connector.began(session, self._clock.uptime_ms())
        self.keep_session()
        self._station.emit("session_started", connector.id, session)
        self._station.emit("journal", connector.id, kinds.START)
        log.info("station", "session %d begins at %d Wh", number, meter_wh)

    def keep_session(self):
        """Put the energy of the session, should a power cut end it, on flash."""
        session = self._connector.session
        if session is None:
            return
        at = stamp(self._clock)
        payload = [session.connector, session.id, session.meter_wh, at, int(session.asking)]
        try:
            self._journal.keep(kinds.CHECKPOINT, payload[0], payload)
        except (JournalFull, OSError) as exc:
            session.asking = False  # not on flash: the connector tries again while the EV asks
            log.error("station", "checkpoint not recorded: %r", exc)

    # -- ending --------------------------------------------------------------------------

    async def finish(self):
        """Record the end of a session as soon as the contactor is open."""
        connector = self._connector
        session = connector.session
        if connector.evse.closed and self._clock.uptime_ms() < connector.end_by_ms:
            return
        # The last reading is taken with the contactor open: it is the final one.
        await connector.metering.refresh()
        if connector.session is session:
            self.close(session)

    def close(self, session):
        """Write the STOP record. False if even that failed: it will be tried again."""
        connector = self._connector
        now = stamp(self._clock)
        samples = connector.metering.end(now)
        record = [
            session.id,
            connector.id,
            session.meter_wh,
            session.ending,
            session.stop_token,
            now,
            samples,
        ]
        if not self._append_stop(record):
            return False
        session.ended = session.ending
        connector.over(session)
        self._station.emit("session_ended", connector.id, session)
        self._station.emit("journal", connector.id, kinds.STOP)
        log.info("station", "session %d: %d Wh", session.id, session.energy_wh)
        return True

    def _append_stop(self, record):
        while True:
            samples = record[6]
            try:
                self._journal.append(kinds.STOP, record)
                return True
            except (JournalFull, OSError, ValueError) as exc:
                # ValueError: larger than a record may be.
                log.warn("station", "end of session %d: %r", record[0], exc)
            if samples is None:
                return False
            # Room is reserved for a plain one, the samples are extra: fewer, then none. The
            # first and the last say most.
            record[6] = samples[:-1:2] + samples[-1:] if len(samples) > 2 else None

    def open_now(self, reason):
        """End the session without asking the EV first (reset without grace)."""
        connector = self._connector
        session = connector.session
        if session is not None:
            session.ending = session.ending or reason
            connector.evse.trip("ResetRequested")
            self.close(session)

    def reset_faults(self, closings=True):
        """A person who may says that all is well; `closings`: with the bound of closings. False
        if nothing waits for that, or its cause is still there: then nothing is reset."""
        connector = self._connector
        closings = closings and connector.evse.closings.why is not None
        done = connector.faults.reset(closings)
        if done:
            if closings:
                connector.evse.reset_closings()
            log.warn("station", "connector %d: faults reset by a person", connector.id)
            connector.kick()
        return done

    # -- moving parts --------------------------------------------------------------------

    async def unlock(self):
        """Unlock on command: "unlocked", "failed" or "not_supported"."""
        connector = self._connector
        if self._lock is None:
            return "not_supported"
        connector.end("unlock")
        connector.pending = None
        connector.keep_locked = None
        self._commanded = True
        try:
            return await self._unlock_when_open()
        finally:
            self._commanded = False

    async def _unlock_when_open(self):
        connector = self._connector
        poles_closed = connector.poles_closed
        asked, open_ms = self._clock.uptime_ms(), 0  # when it was seen open first
        while True:
            now = self._clock.uptime_ms()
            if connector.session is not None or connector.evse.closed:
                if now - asked >= OPEN_TIMEOUT_MS:
                    return "failed"
                open_ms = 0
            elif poles_closed is None or (open_ms and now - open_ms >= _POLES_MS):
                break
            else:
                open_ms = open_ms or now
            await asyncio.sleep(0.1)
        async with self._motor:
            # The pins may be live: nobody gets the plug. What the poles say now tells of a weld
            # that is not told yet; what was told holds even if they say now that they are open.
            if connector.faults.may_be_live or (poles_closed is not None and poles_closed()):
                return "failed"
            return "unlocked" if await self._lock.unlock() else "failed"

    async def _give_back(self):
        """Unlock the socket once nothing speaks against it."""
        connector = self._connector
        if self._lock is None or not self._lock.locked or connector.keep_locked:
            return
        if connector.session is not None or connector.pending is not None:
            return
        if connector.evse.closed or connector.faults.may_be_live:
            return
        if connector.poles_closed is not None and connector.poles_closed():
            return
        if self._commanded or self._clock.uptime_ms() < self._unlock_ms:
            return
        async with self._motor:
            if await self._lock.unlock():
                return
        self._unlock_ms = self._clock.uptime_ms() + UNLOCK_RETRY_MS
        log.warn("station", "connector %d did not unlock", connector.id)

    def holds_cable(self):
        """With no car there: the socket still has the cable of the one before. It is locked, or
        its coding can be read; where nothing reads that, an open lock counts as an empty socket."""
        if self._lock is not None and self._lock.locked:
            self._left = True
        elif self._left:
            try:
                self._left = self._cable is not None and self._cable() != proximity.OPEN
            except OSError:
                self._left = False
        return self._left

    # -- the task ------------------------------------------------------------------------

    async def work(self):
        """Do what the state of the connector asks for."""
        connector = self._connector
        self._station.reservations.sweep()
        connector.step(self._clock.uptime_ms())
        # Before all that takes time: the supply may go a moment after the fault.
        self.held.keep()
        if connector.session is not None:
            if connector.session.ending:
                await self.finish()
        elif connector.pending is not None and connector.evse.plugged:
            await self.begin()
        await self._give_back()
        connector.step(self._clock.uptime_ms())
        self.held.keep()

    async def run(self):
        """Look after the connector for ever: at every change, and once a second."""
        connector = self._connector
        while True:
            self.beat_ms = self._clock.uptime_ms()
            try:
                await self.work()
            except Exception as exc:
                # Nothing is known now about what is permitted: permit nothing.
                log.error("station", "connector %d: %r", connector.id, exc)
                connector.evse.trip("TaskFailed")
            try:
                await asyncio.wait_for(connector.evse.changed.wait(), LOOK_AGAIN_S)
            except asyncio.TimeoutError:
                pass
