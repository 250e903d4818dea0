# Reads the meter and records its values.
# MIT license; part of microevse
"""Polls the meter of one connector and takes periodic and clock-aligned samples.

Samples of a session are journal records; the adapter delivers them. Independent of the
sample settings the energy of a running session is put on flash every CHECKPOINT_S and whenever the
contactor opens. A power cut loses no more than that, even if the meter cannot be read afterwards.
"""

import asyncio

from evse_base import log
from store import kinds

from . import measurands
from .session import stamp as moment, state_of
from evse_base import const

CHECKPOINT_S = 300
_IDLE_POLL_MS = const(5000)  # without a session the numbers are not needed every second
# The longest interval while current may flow, whatever the settings say: `over_current` needs it.
_CLOSED_POLL_MS = const(2000)
# The meter is lost after this long without an answer, and no fewer failures in a row.
_LOST_MS = const(10000)
_LOST_POLLS = const(3)

_SAMPLED = const("MeterValuesSampledData")
_INTERVALS = const(("MeterValueSampleInterval", "TxEndedSampleInterval"))
# Samples in the record of a session's end. When there are more, every second one is dropped.
_END_SAMPLES = const(10)
_DAY_S = const(86400)
_REFUSED_MS = const(10000)  # a change that the journal refuses is written again after this


class Metering:
    """Metering of one Connector; `meter` may be None (none fitted)."""

    def __init__(self, connector, meter, settings, journal, clock, station):
        self._connector = connector
        self.meter = meter
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._station = station
        self._lock = asyncio.Lock()
        self._failures = 0
        self._good_ms = clock.uptime_ms()
        self._poll_ms = 0
        # Of samples that are sent, and of those for the end of the session: the interval, and the
        # uptime in ms of the next one; the clock-aligned slot we are in, (interval, day, number).
        self._timers = [0, 0], [0, 0]
        self._slots = [None, None]
        self._checkpoint_ms = 0
        self._for_end, self._stride, self._skipped = [], 1, 0

    # -- readings ------------------------------------------------------------------------

    @property
    def energy_wh(self):
        """Import register in Wh, None while unknown (no meter, or never read)."""
        if self.meter is None or self.meter.energy_mwh is None:
            return None
        return self.meter.energy_mwh // 1000

    @property
    def read_ms(self):
        """Uptime of the last good reading, in ms."""
        return self._good_ms

    async def refresh(self):
        """Read the meter now. True if it answered; its fields are fresh then."""
        if self.meter is None:
            return False
        async with self._lock:
            self._poll_ms = self._clock.uptime_ms()
            try:
                await self.meter.poll()
            except Exception as exc:
                # Every error of a driver means the same: no reading this time.
                self._failures += 1
                lost = self._clock.uptime_ms() - self._good_ms >= _LOST_MS
                if lost and self._failures >= _LOST_POLLS:
                    self._connector.report_fault("MeterLost", str(exc)[:40])
                elif self._failures == 1:
                    log.warn("meter", "connector %d: %s", self._connector.id, exc)
                return False
            self._failures = 0
            self._good_ms = self._clock.uptime_ms()
        self._connector.clear_fault("MeterLost")
        session = self._connector.session
        if session is not None:
            session.advance(self.energy_wh)
        return True

    def values(self, names):
        """[[code, phase, value], ...] of the measurands asked for, as far as known."""
        session = self._connector.session
        return measurands.sample(
            names,
            self.meter,
            session.meter_wh if session is not None else self.energy_wh,
            self._connector.offered_ma,
            self._settings.get("NominalVoltage"),
            self._settings.get("Phases"),
        )

    # -- a session begins and ends -------------------------------------------------------

    def begin(self, session, now):
        """The session has just begun."""
        for timer, name in zip(self._timers, _INTERVALS):
            timer[0] = self._settings.get(name)
            timer[1] = now + 1000 * timer[0]
        self._checkpoint_ms = now
        self._for_end, self._stride, self._skipped = [], 1, 0
        self._collect("StopTxnSampledData", measurands.BEGIN, session.started)

    def at_start(self):
        """Values for the record of a start; None for the register alone, which it has."""
        try:
            names = self._settings.get("TxStartedMeasurands")
            return None if names == measurands.names()[:1] else self.values(names)
        except Exception as exc:
            log.warn("meter", "no values for the start of the session: %r", exc)

    def end(self, stamp):
        """Samples for the record of the end, None if there are none."""
        self._collect("StopTxnSampledData", measurands.END, stamp, True)
        kept, self._for_end = self._for_end, []
        return kept or None

    def _collect(self, setting, context, stamp, always=False):
        try:
            names = self._settings.get(setting)
            if not names:
                return
            self._skipped += 1
            if self._skipped < self._stride and not always and self._for_end:
                return
            values = self.values(names)
            if not values:
                return
            self._skipped = 0
            if len(self._for_end) >= _END_SAMPLES - 1 and not always:
                # Keep the first; from now on only half as many are taken.
                self._for_end, self._stride = self._for_end[::2], 2 * self._stride
            self._for_end.append([context, stamp, values])
        except Exception as exc:
            # A session begins and ends without its samples.
            log.warn("meter", "no sample for the end of the session: %r", exc)

    # -- time passes ---------------------------------------------------------------------

    def tick(self, now):
        """Take the samples that are due at uptime `now` ms."""
        session = self._connector.session
        running = session is not None and not session.stopping
        if running:
            if session.deauthorized and self._connector.spent(session):
                self._station.deauthorized(session.id)  # the grace is over
            self._periodic(session, now)
            if now - self._checkpoint_ms >= 1000 * CHECKPOINT_S:
                self.checkpoint(now)
        self._aligned(session if running else None, now)

    def _periodic(self, session, now):
        for timer, name in zip(self._timers, _INTERVALS):
            interval = self._settings.get(name)
            if interval != timer[0]:
                # Takes effect at once: the new interval counts from now.
                timer[0] = interval
                timer[1] = now + 1000 * interval
            if not interval or now < timer[1]:
                continue
            # After a stall the grid stays, and missed samples are not taken later.
            late = (now - timer[1]) // (1000 * interval)
            due = timer[1] + late * 1000 * interval
            timer[1] = due + 1000 * interval
            at = self._stamp(due)
            if name == _INTERVALS[0]:
                self.record(session, measurands.PERIODIC, _SAMPLED, at)
            else:
                self._collect("StopTxnSampledData", measurands.PERIODIC, at)

    def _aligned(self, session, now):
        wall = self._clock.now()
        for i, name in enumerate(("ClockAlignedDataInterval", "TxEndedAlignedInterval")):
            interval = self._settings.get(name)
            if not interval or wall is None:
                self._slots[i] = None
                continue
            seconds = wall % _DAY_S  # slots count from midnight (OCPP 1.6 section 9.1.4)
            slot = (interval, wall // _DAY_S, seconds // interval)
            before, self._slots[i] = self._slots[i], slot
            if before is None or before[0] != interval or before >= slot:
                continue
            late_s = seconds % interval
            at = moment(self._station, self._clock.uptime() - late_s, wall - late_s)
            if i == 0:
                if session is None or not self._settings.get("AlignedSendDuringIdle"):
                    self.record(session, measurands.CLOCK, "MeterValuesAlignedData", at)
            elif session is not None:
                self._collect("StopTxnAlignedData", measurands.CLOCK, at)

    def _stamp(self, due):
        """Stamp of the moment at which the sample was due, even if it is taken a second late."""
        # A second of uptime and one of the time do not end together. So the delay is taken to the
        # millisecond, or two samples in a row could have the same time.
        wall = self._clock.now(self._clock.uptime_ms() - due)
        return moment(self._station, due // 1000, wall or 0)

    def triggered(self):
        """Put the present values and the charging state of the running session into the journal,
        because a central system asks for them; the register at least. False without a session."""
        session = self._connector.session
        if session is None or session.stopping:
            return False
        state = state_of(self._connector)
        self.record(session, measurands.TRIGGER, _SAMPLED, moment(self._station), state)
        return True

    def record(self, session, context, setting, stamp, state=None):
        """Put one sample into the journal; session None: outside of one. state: see `triggered`"""
        values = self.values(self._settings.get(setting) or measurands.names()[: bool(state)])
        if not values:
            # Central systems refuse a sample without values.
            return
        number = session.id if session is not None else 0
        seq = session.seq if session is not None else None
        payload = [number, self._connector.id, context, stamp, values, seq]
        if state:
            payload.append(state)
        try:
            self._journal.append(kinds.SAMPLE, payload)
        except Exception as exc:
            # START and STOP matter more; the register in STOP has the energy anyway.
            _report(session, kinds.SAMPLE, "sample", exc)
            return
        if session is not None:
            session.seq += 1
            session.refused &= ~(1 << kinds.SAMPLE)
        data = {"session": number, "context": context, "stamp": stamp, "values": values}
        self._station.emit("sample", self._connector.id, data)
        self._station.emit("journal", self._connector.id, kinds.SAMPLE)

    def record_change(self, now):
        """Put a change of the running session into the journal; called by Connector.look, which
        sees it first. A record that the journal refuses is tried again after _REFUSED_MS. No
        failure of this record may end the session or stop the task of the connector."""
        session = self._connector.session
        if session is None or session.stopping:
            return
        try:
            record = session.change(self._connector, now, self._station)
            if record is None or now < session.change_ms:
                return
            self._journal.append(kinds.CHANGE, record)
        except Exception as exc:
            session.change_ms = now + _REFUSED_MS
            _report(session, kinds.CHANGE, "change", exc)
            return
        session.refused &= ~(1 << kinds.CHANGE)
        session.recorded(now)
        self._station.emit("journal", self._connector.id, kinds.CHANGE)

    def checkpoint(self, now):
        """Put the energy of the session, should a power cut end it, on flash."""
        self._checkpoint_ms = now
        session = self._connector.session
        if session is None:
            return
        try:
            at = moment(self._station)
            payload = [session.connector, session.id, session.meter_wh, at, int(session.asking)]
            self._journal.keep(kinds.CHECKPOINT, payload[0], payload)
            session.refused &= ~(1 << kinds.CHECKPOINT)
        except Exception as exc:
            session.asking = False  # not on flash: the connector tries again while the EV asks
            _report(session, kinds.CHECKPOINT, "checkpoint", exc)

    def due_in_ms(self, now):
        """How long the task may sleep."""
        wait = 1000
        if self._connector.session is not None:
            for timer in self._timers:
                if timer[0]:
                    wait = min(wait, timer[1] - now)
        if self._slots != [None, None]:
            # Whole seconds are all the clock has: look soon after each begins.
            wait = min(wait, 250)
        return max(wait, 10)

    async def run(self):
        """Poll and sample for ever."""
        while True:
            try:
                now = self._clock.uptime_ms()
                if self.meter is not None:
                    every = 1000 * self._settings.get("MeterPollInterval")
                    if self._connector.session is None:
                        every = max(every, _IDLE_POLL_MS)
                    if self._connector.evse.closed:
                        every = min(every, _CLOSED_POLL_MS)
                    if now - self._poll_ms >= every or self._poll_ms == 0:
                        await self.refresh()
                self.tick(self._clock.uptime_ms())
            except Exception as exc:
                # One bad sample must not end this task; `refresh` reports a meter that fails.
                log.error("meter", "connector %d: %r", self._connector.id, exc)
            await asyncio.sleep(self.due_in_ms(self._clock.uptime_ms()) / 1000)


def _report(session, kind, what, exc):
    """Log that a record was refused, once until one of its kind is written: a journal that stays
    full must not push everything else out of the log. session: None outside of one."""
    if session is not None:
        if session.refused & 1 << kind:
            return
        session.refused |= 1 << kind
    log.error("meter", "%s not recorded: %r", what, exc)
