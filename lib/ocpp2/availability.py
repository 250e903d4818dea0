# ChangeAvailability and Reset.
# MIT license; part of microevse
"""Out of service and back (G03, G04), and restarts (B11, B12).

An EVSE has one connector, so its availability and that of its connector are one; both are kept
over a restart. The station's own availability takes all EVSEs with it.
"""

import asyncio

from evse_base import log
from ocppj.messages import CallError, Disconnected

from .names import ACCEPTED, refused

_WORDS = {"accepted": "Accepted", "scheduled": "Scheduled"}


async def change_availability(point, payload):
    """ChangeAvailability. A request that changes no status is answered with the status once more:
    the central system may wait for it (G03.FR.04, G04.FR.05)."""
    station, evse = point.station, payload.get("evse")
    number = 0
    if evse is not None:
        number = evse["id"]
        if station.connector(number) is None:
            return refused("UnknownEvse")
        if evse.get("connectorId", 1) != 1:
            return refused("UnknownConnectorId")
    affected = [c for c in station.connectors if number in (0, c.id)]
    before = [c.status for c in affected]
    done = station.set_availability(number, payload["operationalStatus"] == "Operative")
    if done not in _WORDS:
        return refused("OutOfStorage")
    told = []
    if done == "accepted" and point.registered and point.clock.now() is not None:
        told = [c.id for c, status in zip(affected, before) if c.status == status]

    async def after():
        try:
            for number in told:
                await point.status.trigger(number)
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "status not told again: %r", exc)

    return {"status": _WORDS[done]}, after


async def reset(point, payload):
    """Reset of the station or of one EVSE.

    ImmediateAndResume (2.1): a session is not resumed after a restart here, so it is Rejected
    while one runs (B13). An EVSE has no controller of its own: its reset ends its session and
    forgets an accepted token.
    """
    station, kind = point.station, payload["type"]
    number = payload.get("evseId")
    if number:
        connectors = [station.connector(number)]
        if connectors[0] is None:
            return refused("UnknownEvse")
    else:
        connectors = station.connectors
    early = getattr(station.stop_points, "open", ())
    # A card that is accepted, or a start under way, is a session soon.
    busy = any([c.session or c.waiting or c.id in early for c in connectors])
    if kind == "ImmediateAndResume" and busy:
        return refused("UnsupportedRequest")
    if station.resetting:
        return ACCEPTED
    waits = busy and kind == "OnIdle"
    if number:

        async def after():
            # With OnIdle the end of the session is all that there is to do.
            if not waits:
                if number in early:
                    station.stop_points.end(early[number].id, "soft_reset")
                connectors[0].drop_waiting()
                connectors[0].request_stop("soft_reset")
                connectors[0].wake()

    else:

        async def after():
            # This runs once the answer is on its way: a reset would cut it off.
            if waits:
                station.reset_when_idle()
            else:
                await station.reset("soft")

    return ({"status": "Scheduled"} if waits else ACCEPTED), after
