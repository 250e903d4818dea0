# One connector: its state, and the actions that follow from the present facts.
# MIT license; part of microevse
"""The logical state of a connector, in words of no protocol.

The EVSE state machine decides when the contactor may be closed; this module permits and forbids.
`step` is pure: it looks at the EVSE, faults, limits, tokens and the session, changes the state
of this connector alone, and returns the actions that are due. `look` calls it and does at once
those that take no time. Those that take time (lock motor, RCD self-test, meter) are in `sequence`.

The end of a session has four words. `request_stop(reason)` asks for it; the session is then
`stopping` until its end is on flash, and afterwards `stop_recorded`; `unplugged_since_stop`
tells whether the EV of that session has left.
"""

from evse_base import Flag, const, log
from iec61851 import levels, proximity

from . import faults, telling
from .authorization import ANY, same_token
from .metering import Metering
from .session import Waiting

# Actions that are due after a step: done at once by `look` ...
_FORBID = const(1)  # offer nothing any more
_PERMIT = const(2)  # offer `want_ma`
_CHECKPOINT = const(4)  # put the energy of the session on flash
# ... or by `sequence`, which takes time.
BEGIN = const(16)  # a token and a cable are there: begin a session
RECORD_STOP = const(32)  # put the end of the session on flash

_ASKING_MS = const(5000)
# The EVSE gives the EV 6 s to let go before it opens by itself; then something is wrong.
OPEN_TIMEOUT_MS = 8000


class Connector:
    """Connector `id` (1...) of `station`; in words of OCPP 2.x an EVSE with one connector.

    evse: iec61851.evse.Evse; limits: Limits; meter, lock: None where not fitted. cable: see
    Station.add. Only its own methods write its state, and at boot `recovery`.
    """

    def __init__(self, id, evse, meter, lock, limits, settings, journal, clock, authorizer,
                 station, cable=None):  # fmt: skip
        self.id, self.evse = id, evse
        self.lock, self.cable = lock, cable
        self.poles_closed = None  # fn(): the mirror contact says that they are
        self.limits = limits
        self.sequence = None  # Sequence: set by Station.add
        self.wake_up = Flag()  # set: the task looks again now. The EVSE is one of its sources.
        evse.changed = self.wake_up
        limits.on_change = self.wake
        self.operative, self.session = True, None
        self.waiting = None  # Waiting: a token is accepted and no session has begun
        self.unplugged_since_stop = True
        self.unplugged = False  # during a session that goes on nevertheless
        self.kept_for = None  # token whose owner may have the cable back; only with a lock
        self.stop_by_ms = 0  # when a stop is recorded even if the contactor has not opened
        self.want_ma = 0  # mA that are to be permitted
        self.status, self.info = "available", None  # see telling.Facts
        self.faults = faults.Faults(evse)
        self.facts = telling.Facts(self, station)
        self.metering = Metering(self, meter, settings, journal, clock, station)
        self._settings, self._clock = settings, clock
        self._authorizer, self._station = authorizer, station
        self._unplugs, self._permitted = evse.unplug_count, 0  # mA, as the EVSE was told
        self._asking_ms = 0  # when the EV was last seen to ask
        self._protective = self._closed = False
        self._free_after_ms = 0
        self._cable_left = False  # the cable of a session may still be in the socket

    # -- commands ------------------------------------------------------------------------

    def wake(self):
        """Make the task look again now."""
        self.wake_up.set()

    def authorize(self, token, group, now, kind=ANY, profile=None, remote_start=None):
        """A token is accepted: with a cable a session begins. False if it cannot; see Waiting."""
        group = group or self._authorizer.parent_of(token, kind)
        if not self.free or not self._station.reservations.admits(self, token, group, kind):
            return False
        if self._authorizer.is_master(group):
            return False
        late_ms, plugged = now + 1000 * self._settings.get("ConnectionTimeOut"), self.evse.plugged
        self.waiting = Waiting(token, group, late_ms, kind, profile, remote_start, plugged)
        self.look(now)
        self.wake()
        return True

    def drop_waiting(self, kept=False):
        """Forget the token that waits for a cable; `kept`: also the one of a kept cable."""
        self.waiting = None
        if kept:
            self.kept_for = None

    def request_stop(self, reason, token=None, kind=None):
        """Stop the session: forbid, wait for the contactor, record. False without a session.
        token, kind: the one that was shown to stop it. The first reason counts."""
        session = self.session
        if session is None:
            return False
        if session.stopping is None:
            now = self._clock.uptime_ms()
            session.stop_kind = kind
            self._stop(session, reason, token, now)
            self.look(now)
        return True

    def _stop(self, session, reason, token, now):
        log.info("station", "session %d ends: %s", session.id, reason)
        session.stopping = reason
        session.stop_token = token
        self.stop_by_ms = now + OPEN_TIMEOUT_MS
        self.wake()

    def report_fault(self, cause, info="", watched=False):
        """A part has failed: a cause of `faults`, and a detail; see Faults.report."""
        now = self._clock.uptime_ms()
        if self.faults.report(cause, info, now, watched):
            self.look(now)
            self.wake()

    def clear_fault(self, cause):
        """A reported cause is gone."""
        self.faults.gone(cause)

    def set_operative(self, operative):
        """In or out of service; during a session it takes effect at its end."""
        self.operative = operative
        self.look(self._clock.uptime_ms())
        self.wake()

    def release_cable(self, token, kind):
        """Give the cable back if it is kept for this token. True if it was."""
        if not self.keeps_for(token, kind):
            return False
        self.kept_for = None
        self.wake()
        return True

    def session_began(self, session, now):
        """A session has begun: its START record is on flash."""
        self.session, waiting = session, self.waiting
        self.waiting = self.kept_for = None
        self.unplugged_since_stop = True
        self.unplugged, self._permitted = False, 0
        self._station.profiles.session_began(session, waiting and waiting.profile)
        self.metering.begin(session, now)
        self.look(now)

    def session_stopped(self, session):
        """The session's STOP record is on flash."""
        session.stop_recorded = session.stopping
        self.session = None
        self.unplugged_since_stop = not self.evse.plugged
        if session.stop_recorded == "deauthorized" and self.lock:
            # OCPP 1.6 section 4.8: the cable stays locked until its owner comes back.
            self.kept_for = session.token, session.kind
        self._station.profiles.session_over(session)
        self.look(self._clock.uptime_ms())

    def hold_free_mode(self, until_ms):
        """Free mode does not start before uptime `until_ms` (delay after a power cut)."""
        self._free_after_ms = until_ms

    # -- questions -----------------------------------------------------------------------

    @property
    def usable(self):
        """No fault, not out of service, no session."""
        return self.session is None and self.operative and self.faults.action == faults.WARN

    @property
    def free(self):
        """Usable, no token waits for the cable, and the station neither starts nor ends."""
        station = self._station
        away = station.recovering or station.resetting
        if station.draining:  # a transaction that is open may have its session
            early = getattr(station.stop_points, "open", {}).get(self.id)
            away = away or early is None or early.stopping
        return self.usable and self.waiting is None and not away

    def waits_for(self, token, kind=ANY):
        """True if this token was accepted and now waits for the cable."""
        waiting = self.waiting
        return waiting is not None and same_token(waiting.token, token, waiting.kind, kind)

    def keeps_for(self, token, kind):
        """True if the cable is kept until this token comes back."""
        kept = self.kept_for
        return kept is not None and same_token(kept[0], token, kept[1], kind)

    def spent(self, session):
        """True if the token is no longer accepted and the energy it may still use is used up, or
        none is measured. It counts from the start of the session (1.6 section 9.1.13: open)."""
        most_wh = self._settings.get("MaxEnergyOnInvalidId") if self.metering.meter else 0
        return session.deauthorized and session.energy_wh >= most_wh

    @property
    def offered_ma(self):
        """Current offered to the EV now, mA."""
        return self.evse.offered_ma if self.evse.pwm else 0

    def may_be_live(self):
        """True if there may be voltage on the pins although the contactor should be open. The
        poles show a weld before it is reported; a reported one counts even if they show none."""
        poles = self.poles_closed
        return self.faults.may_be_live or (poles is not None and poles())

    @property
    def why(self):
        """One sentence for a person: the state of the connector and its reason."""
        return telling.why(self, self._clock.uptime_ms())

    @property
    def fault(self):
        """(cause, info) of the fault that matters most, None if there is none."""
        return self.faults.current

    # -- the state machine ---------------------------------------------------------------

    def look(self, now):
        """Take in the facts at uptime `now` ms and act; returns the actions of `step`."""
        self.faults.step(now, not self.evse.away)
        self._station.profiles.apply(self, now)
        self.limits.expire(now)
        closed = self.evse.closed  # a tick that opens it after this is seen by the next look
        todo = self.step(now)
        if todo & _FORBID:
            self.evse.forbid()
        if todo & _CHECKPOINT:  # before the contactor closes: the checkpoint says that the EV asks
            self.metering.checkpoint(now)
        if todo & _PERMIT:
            # The EVSE waits 5 s between changes of the duty; an overloaded cable cannot wait.
            self.evse.permit(self.want_ma, self._protective)
        self._permitted, self._closed = self.want_ma, closed
        self.facts.tell()
        self.metering.record_change(now)  # last: it takes about 1 ms of flash
        return todo

    def step(self, now):
        """Update the state at uptime `now` ms; returns the due actions, bits such as _FORBID."""
        evse, session = self.evse, self.session
        plugged = evse.plugged
        if evse.unplug_count != self._unplugs:
            self._unplugs, self._permitted = evse.unplug_count, None  # the EVSE forgets it, too
            # After an emergency stop a bouncing plug does not count as unplugged (`away` does).
            self.unplugged_since_stop = not self.sequence.held.waits
            if session is not None and not session.stopping:
                self._unplugged(session, now)
        if evse.away:
            self.unplugged_since_stop = True
        todo = 0
        if session is None:
            self._step_idle(now, plugged)
            if self.waiting is not None and plugged:
                todo = BEGIN
        elif session.stopping:
            todo = RECORD_STOP
        elif self.faults.action == faults.END:
            self._stop(session, self.faults.end_reason, None, now)
            todo = RECORD_STOP
        else:
            if plugged:
                self.unplugged = False
            asks = evse.closed or levels.C <= evse.state <= levels.D
            self._asking_ms = now if asks else self._asking_ms
            # An EV that toggles S2 must not fill the flash: it counts as asking for longer.
            asks = asks or (session.asking and now - self._asking_ms < _ASKING_MS)
            if asks != session.asking or (self._closed and not evse.closed):
                session.asking, todo = asks, _CHECKPOINT
        self.want_ma, self._protective = self._wanted(now)
        if self.want_ma != self._permitted:
            todo |= _PERMIT if self.want_ma else _FORBID
        self.status, self.info = self.facts.update(now)
        return todo

    def _unplugged(self, session, now):
        if not self._station.unplug_ends():
            self.unplugged = True
            return
        if self.lock and not self._settings.get("UnlockConnectorOnEVSideDisconnect"):
            self.kept_for = session.token, session.kind
        self._stop(session, "ev_disconnected", None, now)

    def _step_idle(self, now, plugged):
        if not self.usable:
            self.waiting = None
        waiting = self.waiting
        if waiting is not None and not plugged and now >= waiting.deadline_ms:
            log.info("station", "connector %d: no cable came, token forgotten", self.id)
            self.waiting = None
        if plugged and self.free and self.unplugged_since_stop and now >= self._free_after_ms:
            token = self._settings.get("FreeModeIdTag")
            admits = self._station.reservations.admits
            if self._settings.get("FreeMode") and admits(self, token, None, "NoAuthorization"):
                self.waiting = Waiting(token, None, now, "NoAuthorization")
                self.wake()

    def _wanted(self, now):
        """(mA to be permitted, True if a smaller one must be offered at once)."""
        session = self.session
        ends = session is None or session.stopping or self.unplugged or self.spent(session)
        if ends or self.faults.action != faults.WARN:
            return 0, False
        ma, _, protective = self.limits.value(now)
        return ma, protective

    def check_cable(self):
        """True if the socket still has the cable of a session: it is locked, or its coding can be
        read. Where no part reads the coding, an open lock counts as an empty socket."""
        if self.lock is not None and self.lock.locked:
            self._cable_left = True
        elif self._cable_left:
            try:
                self._cable_left = self.cable is not None and self.cable() != proximity.OPEN
            except OSError:
                self._cable_left = False
        return self._cable_left
