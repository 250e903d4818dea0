# After a restart of the controller: what was before it, from the journal.
# MIT license; part of microevse
"""Takes up and ends the sessions that a restart of the controller has cut."""

import asyncio

from evse_base import log
import evse_base as port
from iec61851.closings import CUT
from store import kinds

from . import faults, measurands
from .session import trigger_of

if not port.IN_PLACE:
    # Read from its file now: when a reset is asked for, a car may charge.
    from . import restart  # noqa: F401

# Cause of the restart (hal/system.py) -> why the sessions that it cut ended.
REASONS = {
    "PowerUp": "power_loss",
    "SoftRestart": "soft_reset",
    "ScheduledRestart": "soft_reset",
    "HardRestart": "hard_reset",
}

# A register that is further ahead than this was not moved by the session that was cut: the
# last checkpoint is at most 5 minutes old, and 22 kW move 1.8 kWh in that time.
PLAUSIBLE_WH = 10000

METER_TRIES = 3

# After one of these causes a session without an end does not count as a failed closing.
_COMMANDED = ("SoftRestart", "HardRestart", "ScheduledRestart", "FirmwareUpdate")


class _Cut:
    """A session without an end, as the journal remembers it."""

    def __init__(self, number, connector, token, meter_wh, reservation, at, uuid=None):
        self.number = number
        self.connector = connector
        self.token = token
        self.reservation = reservation
        self.meter_wh = meter_wh
        self.at = at  # stamp of the last record
        self.asking = False  # whether the EV asked for power, as far as that is known
        # Number of its next record; None where a version without numbers has begun it.
        self.seq = 1 if uuid else None

    def seen(self, at, payload):
        """Note a record of the session. Its sixth field, if there is one, is its number."""
        self.at = at
        if self.seq is not None and len(payload) > 5 and _whole(payload[5]):
            self.seq = max(self.seq, payload[5] + 1)


def restore(station, journal, cause="SoftRestart", stop=False):
    """Restore availability, held faults, reservations and session numbers, before anything can
    close. cause: of the restart, as in hal/system.py; stop: there is an emergency stop.

    Returns the sessions that the restart has cut.
    """
    journal.each(
        kinds.AVAILABILITY, lambda payload: station.restore_availability(payload[0], payload[1])
    )
    for number, payload in journal.state(kinds.HELD):
        connector = station.connector(number)
        if connector is not None:
            try:
                _restore_held(connector, payload if isinstance(payload, list) else [])
            except Exception as exc:
                log.error("station", "held faults not understood: %r", exc)
                _restore_held(connector, [])
            # The number of a new session has to be above `counted`, or it would not count if it
            # was cut.
            station.seen_session(connector.sequence.held.counted)
    cut = _find_cut(station, journal)
    # An emergency stop that cuts the supply leaves no time to write: it looks like a power cut.
    waits = stop and cause == "PowerUp"
    for connector in station.connectors:
        own = [session for session in cut if session.connector == connector.id]
        _count_cut(connector, own, cause in _COMMANDED, waits)
    station.reservations.restore([(c.connector, c.token, c.reservation) for c in cut])
    return cut


def _whole(number):
    """True for a number that a charger can have counted."""
    return isinstance(number, int) and 0 <= number < 1 << 48


def _restore_held(connector, payload):
    """Restore the faults that kept the contactor open before the restart. A record that cannot be
    read, or is of another version, does not prevent the start and permits nothing more: then a
    person has to reset it."""
    causes = payload[1] if len(payload) > 1 and isinstance(payload[1], list) else [None]
    evse, held = connector.evse, connector.sequence.held
    evse.restore_closings(payload[2] if len(payload) > 2 else None)
    for cause in causes:
        if not faults.is_known(cause):
            log.warn("station", "held by an unknown cause: %r", cause)
            evse.closings.why, evse.closings.person = "fault", True  # `_count_cut` trips for it
        elif faults.clearing(cause) in (faults.UNPLUG, faults.PERSON):
            connector.faults.report(cause, "", 0)
    if len(payload) > 3 and _whole(payload[3]):
        held.counted = payload[3]
    held.waits = int(len(payload) > 4 and payload[4] != 0)
    connector.unplugged_since_stop = not held.waits
    held.on_flash = causes, held.counted, held.waits


def _count_cut(connector, sessions, commanded, waits):
    """Count the sessions without an end against the bound of closings. If the EV was asking and no
    command caused the restart, the closing may have caused it: the count is on flash before the
    next closing. A session is found at each start until it has its end, but it is counted once.
    `waits`: an emergency stop may have cut the supply."""
    evse, held = connector.evse, connector.sequence.held
    for session in sessions:
        if session.number > held.counted:
            held.counted = session.number
            if session.asking and not commanded:
                evse.closings.ended(port.ticks_ms(), CUT)
        if waits:
            held.waits = 1
            connector.unplugged_since_stop = False
    if evse.closings.why:
        evse.trip("ClosingsExceeded")
    held.keep()


async def end_cut(station, cut, reason, journal, clock, rand):
    """End the sessions that the restart has cut, oldest first."""
    for session in cut:
        try:
            await _end(station, session, reason, journal)
        except Exception as exc:
            # The session is still open in the journal: the next start tries again.
            log.error("station", "session %d cannot be ended: %r", session.number, exc)
    if not station.settings.get("FreeMode"):
        return
    # After a power cut all the chargers of a street must not start in the same second.
    rand = rand or port.random_below
    delay = rand(station.settings.get("ResumeRandomDelay") + 1) if reason == "power_loss" else 0
    for connector in station.connectors:
        connector.hold_free_mode(clock.uptime_ms() + 1000 * delay)


def _find_cut(station, journal):
    """Sessions that have begun and have no end, oldest first."""
    running = {}

    def on_record(_seq, kind, payload, _done):
        if kind == kinds.START:
            number = payload[0]
            station.seen_session(number)
            running[number] = _Cut(*payload[:7])
            if len(payload) > 11 and isinstance(payload[11], int):
                running[number].seq = payload[11] + 1  # 0: the transaction has not begun
        elif kind == kinds.SAMPLE and payload[0] in running:
            session = running[payload[0]]
            session.seen(payload[3], payload)
            for item in payload[4]:
                if item[:2] == [measurands.ENERGY, 0] and _whole(item[2]):
                    session.meter_wh = max(session.meter_wh, item[2])
        elif kind == kinds.STOP:
            station.seen_session(payload[0])
            running.pop(payload[0], None)
        elif kinds.is_event(kind) and payload[0] in running:
            # CHANGE, or a kind of a later version: they begin alike (store.kinds).
            running[payload[0]].seen(payload[4], payload)

    def tolerant(*record):
        try:
            on_record(*record)
        except (TypeError, IndexError, ValueError, KeyError) as exc:
            log.error("station", "record %d not understood: %r", record[0], exc)

    journal.replay(tolerant)

    def on_checkpoint(payload):
        _, number, meter_wh, at = payload[:4]
        station.seen_session(number)
        # The journal keeps START until there is a STOP: only that decides whether a session is
        # open. A checkpoint only has a newer energy.
        session = running.get(number)
        if session is None:
            return
        session.asking = len(payload) < 5 or bool(payload[4])  # unknown counts as asking
        if meter_wh >= session.meter_wh:
            session.meter_wh, session.at = meter_wh, _later(session.at, at)

    journal.each(kinds.CHECKPOINT, on_checkpoint)
    return [running[number] for number in sorted(running)]


def _later(a, b):
    """The later of two stamps: by boot, then by uptime."""
    return b if (b[0], b[1]) >= (a[0], a[1]) else a


async def _end(station, session, reason, journal):
    """Append the STOP record of a session that was cut."""
    connector = station.connector(session.connector)
    register = await _register(connector)
    meter_wh = session.meter_wh
    if register is not None and 0 <= register - meter_wh <= PLAUSIBLE_WH:
        meter_wh = register
    # The time is that of the last record: the moment of the power cut is not known.
    record = [session.number, session.connector, meter_wh, reason, None, session.at, None]
    record += [session.seq, trigger_of(reason), None]
    journal.append(kinds.STOP, record)
    open_ = journal.get(kinds.TRANSACTION, session.connector)
    if open_ and open_[1] == session.number:
        journal.forget(kinds.TRANSACTION, session.connector)  # it has ended with its session
    station.emit("journal", session.connector, kinds.STOP)
    log.warn("station", "session %d was cut: %s at %d Wh", session.number, reason, meter_wh)


async def _register(connector):
    """The meter's own register in Wh, None if it cannot be read."""
    if connector is None or connector.metering.meter is None:
        return None
    for _ in range(METER_TRIES):
        if await connector.metering.refresh():
            return connector.metering.energy_wh
        await asyncio.sleep(0.5)
    return None
