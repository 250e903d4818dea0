# The facts, the status and the sentences of a connector, and its numbers for a page.
# MIT license; part of microevse
"""Neutral facts and words for the state of a connector; a protocol translates them.

`Facts` tells the listeners of the station; the functions below only read.
"""

from evse_base import log
from iec61851.levels import C, D
from evse_base import const

from . import faults
from .limits import amps

# Bits of `Facts.bits`, from which a protocol can derive its own statuses.
PLUGGED = const(1)  # the cable of an EV is in
AUTHORIZED = const(2)  # a token is accepted: it waits for the cable, or its session runs
OFFERING = const(4)  # the EV may draw current
DRAWING = const(8)  # the contactor is closed: the EV draws current, or could
# Further bits of the event "changed".
CHARGING_STATE = const(16)  # `charging_state` has changed
LIMIT = const(32)  # `Connector.want_ma` has changed

# After the first offer an EV may take this long to ask, before it counts as not wanting.
_ASK_MS = const(5000)
# From the EV's asking to the closed contactor: 500 ms, and 5 s more if it had just opened.
_CLOSE_MS = const(6500)

_UNPLUGGED_AT_EV = const("EV side disconnected")


class Facts:
    """The facts about `connector`, without states that last a moment only.

    charging_state: "idle" without an EV, "connected" until it has asked for energy, "charging",
    "suspended_ev", "suspended_evse". temp_dc: the temperature as `protection` has read it, tenths
    of a degree; None without a thermometer.
    """

    temp_dc = None

    def __init__(self, connector, station):
        self._connector = connector
        self._station = station
        self.charging_state = "idle"
        self.bits = 0
        self._ma = 0
        self._session = None
        self._offered_ms = None  # when this session got its first offer
        self._asked_ms = None  # since when the EV has asked with the contactor open
        self._changed = 0  # bits that the listeners have not been told
        self._told = None  # (status, fault, info) as the listeners were told last

    def update(self, now):
        """Bring all facts up to date at uptime `now` ms.

        Returns (status, info): one word for all facts, and a detail beyond it or None.
        """
        connector = self._connector
        session, ma = connector.session, connector.want_ma
        if session is not self._session:
            self._session = session
            self._offered_ms = self._asked_ms = None
        if ma and self._offered_ms is None:
            self._offered_ms = now
        before, self.charging_state = self.charging_state, self._charging(now)
        bits = PLUGGED if connector.evse.plugged else 0
        if connector.waiting or (session and not session.stopping and not session.deauthorized):
            bits |= AUTHORIZED
        if ma and self.charging_state != "suspended_evse":
            bits |= OFFERING
        if connector.evse.closed:
            bits |= DRAWING
        self._changed |= bits ^ self.bits
        if before != self.charging_state:
            self._changed |= CHARGING_STATE
        if ma != self._ma:
            self._changed |= LIMIT
        self.bits, self._ma = bits, ma
        return self._status()

    def _charging(self, now):
        connector = self._connector
        session, evse = connector.session, connector.evse
        if session is None or session.stopping:
            return "connected" if evse.plugged else "idle"
        if connector.unplugged:
            return "idle"
        if connector.faults.action != faults.WARN:
            return "suspended_evse"
        asked_ms, self._asked_ms = self._asked_ms, None
        if not connector.want_ma or evse.paused:
            return "suspended_evse"
        before = self.charging_state
        if evse.state not in (C, D):
            waits = before == "connected" and now - self._offered_ms < _ASK_MS
            return before if waits else "suspended_ev"
        if evse.closed:
            return "charging"
        self._asked_ms = now if asked_ms is None else asked_ms
        if now - self._asked_ms >= _CLOSE_MS:
            return "suspended_evse"
        # The contactor is about to close: there is nothing to report yet.
        return "suspended_ev" if before == "idle" else before

    def _status(self):
        connector = self._connector
        session = connector.session
        if connector.faults.action != faults.WARN:
            return "faulted", None
        if session is not None:
            if session.stopping:
                return "finishing", None
            if connector.unplugged:
                return "suspended_ev", _UNPLUGGED_AT_EV
            state = self.charging_state
            return "preparing" if state == "connected" else state, None
        if not connector.operative or self._station.draining:
            return "unavailable", None
        plugged = connector.evse.plugged
        if connector.waiting is None:
            if not connector.unplugged_since_stop if plugged else connector.check_cable():
                return "finishing", None
        if self._station.reservations.holding(connector):
            return "reserved", None
        return "preparing" if plugged or connector.waiting else "available", None

    def tell(self):
        """Tell the listeners of the station the facts that are new."""
        connector, emit = self._connector, self._station.emit
        number, status, fault = connector.id, connector.status, connector.fault
        for cause, info, on in connector.faults.changes():
            if on:
                log.warn("station", "connector %d: %s", number, faults.sentence(cause, info))
            emit("fault", number, {"cause": cause, "info": info, "on": on})
        told = (status, fault, connector.info)
        if told != self._told:
            self._told = told
            log.info("station", "connector %d is %s", number, status)
            error, info = fault or (None, connector.info)
            emit("status", number, {"status": status, "error": error, "info": info})
        changed, self._changed = self._changed, 0
        if changed:
            emit("changed", number, changed)


def why(connector, now):
    """One sentence: the state of the connector, and its reason."""
    fault = connector.fault
    status = connector.status
    session = connector.session
    if status == "faulted":
        return faults.sentence(*fault) if fault else "Fault."
    if status == "available":
        return "Ready: plug in."
    if status == "reserved":
        return "Reserved: only for the card it was reserved for."
    if status == "preparing":
        if session is not None:
            return "Waiting for the car to ask for energy."
        if connector.waiting is None:
            return "The cable is in: waiting for a card or a start from the app."
        if connector.evse.plugged:
            return "Accepted: starting."
        seconds = max(0, connector.waiting.deadline_ms - now) // 1000
        return "Accepted: plug in within %d s." % seconds
    if status == "charging":
        return connector.limits.value(now)[1]
    if status == "suspended_ev":
        if connector.unplugged:
            return "Unplugged at the car: waiting for the cable to come back."
        return "The car is not asking for energy."
    if status == "suspended_evse":
        if connector.spent(session):
            return "Paused: the card is no longer accepted."
        if connector.evse.paused:
            return "Paused for a moment to reach the central system again."
        ma, text, _ = connector.limits.value(now)
        return text if ma == 0 else "Waiting for the contactor."
    if status == "finishing":
        if session is not None:
            return "Ending the session."
        if connector.kept_for:
            return "Done: present the same card to get the cable back."
        return "Done: unplug, or present a card to charge again."
    if status == "unavailable":
        return "Restarting soon." if connector.operative else "Out of service."
    return ""


def snapshot(connector, now):
    """Everything a page shows about a connector. Currents in A rounded down to 0.1,
    which is small enough to be exact on a chip's floats."""
    meter = connector.metering.meter
    session = connector.session
    fault = connector.fault
    currents = meter.current_ma if meter is not None else None
    power = meter.power_w if meter is not None else None
    return {
        "id": connector.id,
        "name": "Connector %d" % connector.id,
        "status": connector.status,
        "info": connector.info,
        "why": why(connector, now),
        "fault": fault[0] if fault else None,
        "limit": connector.limits.value(now)[1],
        "current_offered_a": connector.offered_ma // 100 / 10,
        "current_a": int(max(currents)) // 100 / 10 if currents else None,
        "power_w": int(power) if power is not None else None,
        "energy_wh": session.energy_wh if session is not None else None,
        "meter_wh": connector.metering.energy_wh,
        "session": None
        if session is None
        else {
            "id": session.id,
            "token": session.token,
            "energy_wh": session.energy_wh,
            "seconds": max(0, now // 1000 - session.started[1]),
        },
        "plugged": connector.evse.plugged,
        "contactor": connector.evse.closed,
        "operative": connector.operative,
        "offered": amps(connector.offered_ma),
    }
