# How a session begins and ends: meter, lock, self-test, record, in this order.
# MIT license; part of microevse
"""The actions of a connector that take time; only this writes START and STOP of its sessions.

It reads the state of the connector and gives it commands; the connector does not know it.
START is on flash before the EV is offered anything; STOP is on flash before a listener is told
that the session has ended.
"""

import asyncio

from evse_base import log
from evse_base import const
from store import kinds

from .connector import BEGIN, OPEN_TIMEOUT_MS, RECORD_STOP
from .faults import Held
from .session import Session, stamp

# Within this time after opening `protection` reports a weld, where the poles are sensed.
_POLES_MS = const(2500)
# A lock that did not open is tried again after this.
UNLOCK_RETRY_MS = 10000
# The task looks at its connector at least this often, also if nothing wakes it.
LOOK_AGAIN_S = 1


class Sequence:
    """The task of `connector`: its sessions' records and its moving parts. rcd: has async
    self_test() -> bool, None where not fitted."""

    def __init__(self, connector, rcd, journal, clock, station):
        lock = connector.lock
        self._connector = connector
        self._lock = lock if lock is not None and lock.fitted else None
        self._rcd = rcd
        self._journal = journal
        self._clock = clock
        self._station = station
        self._motor = asyncio.Lock()
        self._unlock_ms = 0  # the next try to unlock
        self._commanded = False  # an unlock command waits for the contactor
        self._unwritten = None  # the session whose end could not be written
        self.beat_ms = clock.uptime_ms()  # uptime of the last round of the task
        self.held = Held(connector, journal)

    # -- beginning -----------------------------------------------------------------------

    async def begin(self):
        """Token accepted and cable in: make sure it is safe, then start the session."""
        connector = self._connector
        waiting = connector.waiting
        if connector.metering.meter is not None:
            if not await connector.metering.refresh() and connector.metering.energy_wh is None:
                # Without a first reading there is nothing to bill from. The meter is asked again;
                # a meter that does not answer becomes a fault.
                return
        if self._lock is not None and not self._lock.locked:
            async with self._motor:
                locked = await self._lock.lock()
            if not locked:
                connector.report_fault("LockJammed")
                return
        if connector.cable is not None:
            # Read once, with the plug locked, and kept for the session: contact resistance
            # must not move the limit while current flows (IEC 61851-1 annex B).
            rating = connector.cable()
            connector.limits.cap("cable", max(0, rating))
            if rating <= 0:
                connector.drop_waiting()
                connector.report_fault("CableUnreadable")
                connector.clear_fault("CableUnreadable")
                return
        connector.check_cable()
        if self._rcd is not None and not await self._rcd.self_test():
            connector.report_fault("RcdTestFailed", "", True)  # until it has passed a test
            return
        # All that took time: the conditions must still hold.
        if connector.waiting is not waiting or not connector.usable:
            return
        if not connector.evse.plugged:
            return
        token, parent, kind = waiting.token, waiting.group, waiting.kind
        meter_wh = connector.metering.energy_wh or 0
        now = stamp(self._station)
        number = self._station.next_session()
        reservation = self._station.reservations.used_by(connector, token, parent, kind)
        reserved = reservation.id if reservation is not None else None
        try:
            make = getattr(self._station.stop_points, "session", Session)
            session = make(
                number, connector.id, token, parent, meter_wh, now, kind, waiting.remote_start
            )
            values = connector.metering.at_start()
            self._journal.append(kinds.START, session.start(reserved, waiting.trigger, values))
        except Exception as exc:
            # A session that is not on flash cannot be billed: it does not begin. ValueError: its
            # token is too large for a record. Each look would try again: the token is forgotten.
            log.error("station", "session not recorded: %r", exc)
            connector.drop_waiting()
            connector.report_fault("NoRecordSpace")
            connector.clear_fault("NoRecordSpace")
            return
        # The session is on flash: nothing that fails from here on may leave it without an end.
        connector.session_began(session, self._clock.uptime_ms())
        if reservation is not None:
            # After the START: the next boot repairs a power cut between the two.
            self._station.reservations.end(reservation)
        connector.metering.checkpoint(self._clock.uptime_ms())
        self._station.emit("session_started", connector.id, session)
        self._station.emit("journal", connector.id, kinds.START)
        log.info("station", "session %d begins at %d Wh", session.id, meter_wh)

    # -- ending --------------------------------------------------------------------------

    async def record_stop(self):
        """Record the end of a session that is stopping, as soon as the contactor is open."""
        connector = self._connector
        session = connector.session
        if connector.evse.closed and self._clock.uptime_ms() < connector.stop_by_ms:
            return
        # The last reading is taken with the contactor open: it is the final one.
        await connector.metering.refresh()
        if connector.session is session:
            self._write_stop(session)

    def _write_stop(self, session):
        """Write the STOP record. False if it could not be written: it will be tried again."""
        connector = self._connector
        if not self._append_stop(session):
            self._unwritten = session.id
            return False
        self._unwritten = None
        connector.session_stopped(session)
        self._station.emit("session_ended", connector.id, session)
        self._station.emit("journal", connector.id, kinds.STOP)
        log.info("station", "session %d: %d Wh", session.id, session.energy_wh)
        return True

    def _append_stop(self, session):
        record = None
        while True:
            try:
                if record is None:
                    now = stamp(self._station)
                    record = session.stop(now, self._connector.metering.end(now))
                self._journal.append(kinds.STOP, record)
                return True
            except Exception as exc:
                # ValueError: larger than a record may be. Reported once: it is tried each second.
                if self._unwritten != session.id:
                    log.warn("station", "end of session %d: %r", session.id, exc)
                if record is None or isinstance(exc, OSError):
                    return False  # the flash may take the same record a second later
                samples = record[6]
                if samples is None:
                    if record[4] is None or isinstance(exc, MemoryError):
                        return False
                    # The end matters more than who asked for it.
                    record[4] = record[9] = None
                    continue
            # The journal reserves room for a STOP without samples. So leave out some samples, then
            # all. The first and the last sample are the most important.
            record[6] = samples[:-1:2] + samples[-1:] if len(samples) > 2 else None

    def stop_now(self, reason):
        """Stop the session without asking the EV first (reset without grace)."""
        connector = self._connector
        session = connector.session
        if session is not None:
            connector.evse.trip("ResetRequested")
            connector.request_stop(reason)
            self._write_stop(session)

    def reset_faults(self, closings=True):
        """An authorised person resets the faults; `closings`: and the bound of closings. False if
        no fault waits for a person, or its cause is still there: then nothing is reset."""
        connector = self._connector
        closings = closings and connector.evse.closings.why is not None
        done = connector.faults.reset(closings)
        if done:
            if closings:
                connector.evse.reset_closings()
            log.warn("station", "connector %d: faults reset by a person", connector.id)
            connector.wake()
        return done

    # -- moving parts --------------------------------------------------------------------

    async def unlock(self):
        """Unlock on command: "unlocked", "failed" or "not_supported"."""
        connector = self._connector
        if self._lock is None:
            return "not_supported"
        connector.request_stop("unlock")
        connector.drop_waiting(kept=True)
        self._commanded = True
        try:
            return await self._unlock_when_open()
        finally:
            self._commanded = False

    async def _unlock_when_open(self):
        connector = self._connector
        sensed = connector.poles_closed is not None
        # Uptime at which the poles were first seen open.
        asked, open_ms = self._clock.uptime_ms(), 0
        while True:
            now = self._clock.uptime_ms()
            if connector.session is not None or connector.evse.closed:
                if now - asked >= OPEN_TIMEOUT_MS:
                    return "failed"
                open_ms = 0
            elif not sensed or (open_ms and now - open_ms >= _POLES_MS):
                break
            else:
                open_ms = open_ms or now
            await asyncio.sleep(0.1)
        async with self._motor:
            if connector.may_be_live():
                return "failed"
            return "unlocked" if await self._lock.unlock() else "failed"

    async def _give_back(self):
        """Unlock the socket when no session, token or closed contact needs it locked."""
        connector = self._connector
        if self._lock is None or not self._lock.locked or connector.kept_for:
            return
        if connector.session is not None or connector.waiting is not None:
            return
        if connector.evse.closed or connector.may_be_live():
            return
        if self._commanded or self._clock.uptime_ms() < self._unlock_ms:
            return
        async with self._motor:
            if await self._lock.unlock():
                return
        self._unlock_ms = self._clock.uptime_ms() + UNLOCK_RETRY_MS
        log.warn("station", "connector %d did not unlock", connector.id)

    # -- the task ------------------------------------------------------------------------

    async def work(self):
        """Do the actions that the state of the connector asks for."""
        connector = self._connector
        self._station.reservations.sweep()
        todo = connector.look(self._clock.uptime_ms())
        # Before the actions that take time: the supply may fail right after the fault.
        self.held.keep()
        if todo & RECORD_STOP:
            await self.record_stop()
        elif todo & BEGIN:
            await self.begin()
        await self._give_back()
        connector.look(self._clock.uptime_ms())
        self.held.keep()

    async def run(self):
        """Look after the connector for ever: at every change, and once a second."""
        connector = self._connector
        while True:
            self.beat_ms = self._clock.uptime_ms()
            try:
                await self.work()
            except Exception as exc:
                # The state is not known now: permit nothing.
                log.error("station", "connector %d: %r", connector.id, exc)
                connector.evse.trip("TaskFailed")
            try:
                await asyncio.wait_for(connector.wake_up.wait(), LOOK_AGAIN_S)
            except asyncio.TimeoutError:
                pass
