# Remote control: start, stop, unlock, reset, availability, cache.
# MIT license; part of microevse
"""Commands of the central system (OCPP 1.6 sections 5.1, 5.2, 5.4, 5.11 to 5.14, 5.18).

Each handler is one call into the station; the station decides. Before BootNotification is
accepted no transaction may be started or stopped remotely (section 4.2).
"""

from evse_base import log
from evse_base import before_import

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}

AVAILABILITY = {"accepted": "Accepted", "scheduled": "Scheduled", "rejected": "Rejected"}
UNLOCK = {"unlocked": "Unlocked", "failed": "UnlockFailed", "not_supported": "NotSupported"}


async def remote_start(point, payload):
    connector = payload.get("connectorId")
    if not point.registered or connector == 0:
        return REJECTED
    profile = None
    try:
        if "chargingProfile" in payload:
            await before_import()
            from .smart_charging import start_profile

            profile = start_profile(point, payload)
    except ValueError as exc:
        log.warn("ocpp", "charging profile refused: %s", exc)
        return REJECTED
    started = await point.station.remote_start(payload["idTag"], connector, profile)
    return ACCEPTED if started else REJECTED


async def remote_stop(point, payload):
    session = point.transactions.session_of(payload["transactionId"])
    if session is None or not point.registered:
        return REJECTED
    return ACCEPTED if point.station.remote_stop(session) else REJECTED


async def unlock_connector(point, payload):
    connector = payload["connectorId"]
    if not 1 <= connector <= len(point.station.connectors):
        return {"status": "NotSupported"}
    return {"status": UNLOCK[await point.station.unlock(connector)]}


async def reset(point, payload):
    kind = payload["type"].lower()

    async def after():
        # This runs once the answer is on its way: a reset would cut it off.
        await point.station.reset(kind)

    return ACCEPTED, after


async def change_availability(point, payload):
    connector = payload["connectorId"]
    if not 0 <= connector <= len(point.station.connectors):
        return REJECTED
    operative = payload["type"] == "Operative"
    return {"status": AVAILABILITY[point.station.set_availability(connector, operative)]}


async def clear_cache(point, payload):
    # Errata 3.23: Rejected where there is no cache. Transactions are never touched.
    return ACCEPTED if point.station.authorizer.clear_cache() else REJECTED
