# The state of a connector in words and numbers for a page.
# MIT license; part of microevse
"""Sentences for people, and the snapshot that the page shows."""

from . import faults
from .limits import amps


def why(connector, now):
    """One sentence: what the connector does, and why it is so."""
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
        if connector.pending is None:
            return "The cable is in: waiting for a card or a start from the app."
        if connector.evse.plugged:
            return "Accepted: starting."
        seconds = max(0, connector.pending[2] - now) // 1000
        return "Accepted: plug in within %d s." % seconds
    if status == "charging":
        return connector.limits.value(now)[1]
    if status == "suspended_ev":
        if connector.left:
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
        if connector.keep_locked:
            return "Done: present the same card to get the cable back."
        return "Done: unplug, or present a card to charge again."
    if status == "unavailable":
        return "Out of service."
    return ""


def snapshot(connector, now):
    """Everything a page shows about a connector. Currents in A rounded down to 0.1."""
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
        "current_offered_a": _tenths(connector.offered_ma),
        "current_a": _tenths(max(currents)) if currents else None,
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


def _tenths(ma):
    """mA as A with one digit: small enough to be exact on a chip's floats."""
    return int(ma) // 100 / 10
