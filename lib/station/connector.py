# One connector: what the EVSE, the tokens and the operator make of it.
# MIT license; part of microevse
"""The logical state of a connector.

The EVSE state machine decides when the contactor may be closed; this only permits and
forbids. `step` is a plain function of what is known now. What takes time (lock motor, RCD
self-test, meter readings) is in `lifecycle`.
"""

import log
from iec61851.levels import C, D

from . import faults, telling
from .authorization import same_token
from .lifecycle import OPEN_TIMEOUT_MS, Lifecycle
from .metering import Metering
from port import const

_ASK_MS = const(5000)  # an EV that has not asked so long after the first offer does not want
# From the EV's asking to the closed contactor: 500 ms, and 5 s more if it had just opened.
_CLOSE_MS = const(6500)

_LEFT = const("EV side disconnected")


class Connector:
    """Connector `id` (1...) of `station`. meter, lock, rcd: None where not fitted.

    evse: iec61851.evse.Evse; limits: Limits; rcd: has async self_test() -> bool.
    cable: see Station.add.
    """

    # fmt: off
    def __init__(self, id, evse, meter, lock, limits, settings, journal, clock, authorizer,
                 station, rcd=None, cable=None):
        # fmt: on
        self.id = id
        self.evse = evse
        self.lock = lock
        self.poles_closed = None  # fn(): the mirror contact says that they are
        self.limits = limits
        self.operative, self.session = True, None
        self.status, self.info = "available", None
        self.faults = faults.Faults(evse)
        self.metering = Metering(self, meter, settings, journal, clock, station)
        self.lifecycle = Lifecycle(self, lock, rcd, cable, journal, clock, station)
        self._settings, self._clock = settings, clock
        self._authorizer = authorizer
        self._station = station
        self.end_by_ms = 0  # when a session that ends is recorded even if nothing opened
        self.pending = None  # [token, parent, deadline_ms, profile]: accepted, no session yet
        self.finished = False  # a session ended and the cable has not been out since
        self.keep_locked = None  # token that may have the cable back; only where a lock is
        self.left = False  # unplugged during a session that survives it
        self._unplugs, self._permitted = evse.unplug_count, 0
        self._offered_ms = self._asked_ms = None  # first offer; the EV asks, and it is open
        self._closed, self._asking_ms = False, 0  # when the EV was last seen to ask
        self._free_after_ms = 0
        self._told = None  # (status, fault, info) as last told to the listeners
        limits.on_change = self.kick

    # -- what others want ----------------------------------------------------------------

    def kick(self):
        """Make the task look again now."""
        self.evse.changed.set()

    def authorize(self, token, parent, now, profile=None):
        """An accepted token: starts as soon as there is a cable. False if it cannot.

        profile: charging profile that came with the command to start, None without one.
        """
        parent = parent or self._authorizer.parent_of(token)
        if not self.free or not self._station.reservations.admits(self, token, parent):
            return False
        seconds = self._settings.get("ConnectionTimeOut")
        self.pending = [token, parent, now + 1000 * seconds, profile]
        self.step(now)
        self.kick()
        return True

    @property
    def usable(self):
        """No fault, not out of service, no session."""
        return self.session is None and self.operative and self.faults.action == faults.WARN

    @property
    def free(self):
        """Usable, and nobody's token waits for the cable."""
        return self.usable and self.pending is None and not self._station.recovering

    def waits_for(self, token):
        """True if this token was accepted and now waits for the cable."""
        return self.pending is not None and same_token(self.pending[0], token)

    def end(self, reason, token=None):
        """End the session: forbid, wait for the contactor, record. False without one."""
        session = self.session
        if session is None:
            return False
        if session.ending is None:
            log.info("station", "session %d ends: %s", session.id, reason)
            session.ending = reason
            session.stop_token = token
            self.end_by_ms = self._clock.uptime_ms() + OPEN_TIMEOUT_MS
            self.step(self._clock.uptime_ms())
            self.kick()
        return True

    def report_fault(self, cause, info="", watched=False):
        """Some part has failed: a cause of `faults`, and what it does not say; see Faults.report."""
        if self.faults.report(cause, info, self._clock.uptime_ms(), watched):
            self.step(self._clock.uptime_ms())
            self.kick()

    def clear_fault(self, cause):
        """A reported cause is gone."""
        self.faults.gone(cause)

    def set_operative(self, operative):
        """In or out of service; during a session it takes effect at its end."""
        self.operative = operative
        self.step(self._clock.uptime_ms())
        self.kick()

    def release_lock(self, token):
        """Give the cable back if it is held for this token. True if it was."""
        if not same_token(self.keep_locked, token):
            return False
        self.keep_locked = None
        self.kick()
        return True

    def began(self, session, now):
        """A session has begun: its START record is on flash."""
        self.session = session
        self._station.profiles.session_began(session, self.pending and self.pending[3])
        self.pending = None
        self.finished = False
        self.keep_locked = None
        self.left = False
        self._offered_ms = self._asked_ms = None
        self._permitted = 0
        self.metering.begin(session, now)
        self.step(now)

    def over(self, session):
        """The session's STOP record is on flash."""
        self.session = None
        self._station.profiles.session_over(session)
        self.finished = self.evse.plugged
        if session.ended == "deauthorized" and self.lock:
            # OCPP 1.6 section 4.8: the cable stays locked until its owner comes back.
            self.keep_locked = session.token
        self.step(self._clock.uptime_ms())

    @property
    def offered_ma(self):
        """Current offered to the EV now, mA."""
        return self.evse.offered_ma if self.evse.pwm else 0

    def hold_free_mode(self, until_ms):
        """Free mode does not start before uptime `until_ms` (delay after a power cut)."""
        self._free_after_ms = until_ms

    # -- the state machine ---------------------------------------------------------------

    def step(self, now):
        """Look at everything once, at uptime `now` ms."""
        evse = self.evse
        if evse.unplug_count != self._unplugs:
            self._unplugs, self._permitted = evse.unplug_count, None  # the EVSE forgets it
            self._unplugged()
        plugged = evse.plugged
        self.finished = self.finished and not evse.away
        self.faults.step(now, not evse.away)
        session = self.session
        if session is None:
            self._step_idle(now, plugged)
        elif session.ending is None:
            if self.faults.action == faults.END:
                self.end(self.faults.end_reason)
                return
            if plugged:
                self.left = False
        if session is not None and not session.ending:
            asks, opened = evse.closed or C <= evse.state <= D, self._closed and not evse.closed
            self._asking_ms = now if asks else self._asking_ms
            # An EV that toggles S2 must not fill the flash: it asks for a while longer.
            asks = asks or (session.asking and now - self._asking_ms < _ASK_MS)
            if opened or asks != session.asking:
                session.asking = asks
                self.metering.checkpoint(now)
        self._closed = evse.closed
        self._station.profiles.apply(self, now)
        self._permit(now)
        self._tell(now, plugged)

    def _unplugged(self):
        self.finished = self.lifecycle.held.waits > 0  # after a stop a bounce is not enough
        session = self.session
        if session is None or session.ending:
            return
        if self._settings.get("StopTransactionOnEVSideDisconnect"):
            if self.lock and not self._settings.get("UnlockConnectorOnEVSideDisconnect"):
                self.keep_locked = session.token
            self.end("ev_disconnected")
        else:
            self.left = True

    def _step_idle(self, now, plugged):
        if not self.usable:
            self.pending = None
        pending = self.pending
        if pending is not None and not plugged and now >= pending[2]:
            log.info("station", "connector %d: no cable came, token forgotten", self.id)
            self.pending = None
        if plugged and self.free and not self.finished and now >= self._free_after_ms:
            token = self._settings.get("FreeModeIdTag")
            if self._settings.get("FreeMode") and self._station.reservations.admits(self, token):
                self.pending = [token, None, now, None]
                self.kick()

    async def run(self):
        """The task of this connector; never returns."""
        await self.lifecycle.run()

    def _wanted_ma(self, now):
        session = self.session
        if session is None or session.ending or self.left or self.spent(session):
            return 0
        return self.limits.value(now)[0] if self.faults.action == faults.WARN else 0

    def spent(self, session):
        """True if the token is no longer accepted and its last energy is used up.

        MaxEnergyOnInvalidId counts from the beginning of the session: never more is given
        away than that (OCPP 1.6 section 9.1.13 leaves it open).
        """
        if not session.deauthorized:
            return False
        return session.energy_wh >= self._settings.get("MaxEnergyOnInvalidId")

    def _permit(self, now):
        want = self._wanted_ma(now)
        if want == self._permitted:
            return
        if want == 0:
            self.evse.forbid()
        else:
            # The EVSE keeps the 5 s between changes of the duty; a cable cannot wait for them.
            self.evse.permit(want, self.limits.protective)
            if self._offered_ms is None:
                self._offered_ms = now
        self._permitted = want

    def _status(self, now, plugged):
        """(status, info) at this moment."""
        session = self.session
        if self.faults.action != faults.WARN:
            return "faulted", None
        if session is not None and session.ending:
            return "finishing", None
        if session is not None:
            return self._session_status(now)
        if not self.operative:
            return "unavailable", None
        if self.pending is None and (self.finished if plugged else self.lifecycle.holds_cable()):
            return "finishing", None
        if self._station.reservations.holding(self):
            return "reserved", None
        return ("preparing" if plugged or self.pending is not None else "available"), None

    def _session_status(self, now):
        evse = self.evse
        if self.left:
            return "suspended_ev", _LEFT
        if not self._permitted or evse.paused:
            self._asked_ms = None
            return "suspended_evse", None
        if evse.state not in (C, D):
            self._asked_ms = None
            if self.status in ("preparing", "available") and now - self._offered_ms < _ASK_MS:
                return "preparing", None
            return "suspended_ev", None
        if evse.closed:
            self._asked_ms = None
            return "charging", None
        if self._asked_ms is None:
            self._asked_ms = now
        if now - self._asked_ms < _CLOSE_MS and self.status not in ("faulted", "finishing"):
            # The contactor is about to close: no news yet.
            return self.status, None
        return "suspended_evse", None

    @property
    def why(self):
        """One sentence for a person: what the connector does and why."""
        return telling.why(self, self._clock.uptime_ms())

    @property
    def fault(self):
        """(cause, info) of the fault that matters most, None if there is none."""
        return self.faults.current

    def _tell(self, now, plugged):
        self.status, self.info = self._status(now, plugged)
        for cause, info, on in self.faults.changes():
            if on:
                log.warn("station", "connector %d: %s", self.id, faults.sentence(cause, info))
            self._station.emit("fault", self.id, {"cause": cause, "info": info, "on": on})
        told = (self.status, self.fault, self.info)
        if told == self._told:
            return
        self._told = told
        log.info("station", "connector %d is %s", self.id, self.status)
        error, info = told[1] or (None, self.info)
        self._station.emit(
            "status", self.id, {"status": self.status, "error": error, "info": info}
        )
