# Remote control: start, stop, unlock, reset, availability, cache.
# MIT license; part of microevse
"""Commands of the central system (OCPP 1.6 sections 5.1, 5.2, 5.4, 5.11 to 5.14, 5.18).

Each handler is one call into the station; the station decides.
"""

import log

from .smart_charging import start_profile

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}

AVAILABILITY = {"accepted": "Accepted", "scheduled": "Scheduled", "rejected": "Rejected"}
UNLOCK = {"unlocked": "Unlocked", "failed": "UnlockFailed", "not_supported": "NotSupported"}


def handlers(station, settings, transactions, registered, clock):
    """Table of the actions handled here.

    registered: callable, False until BootNotification was accepted: no transaction may be
    started or stopped remotely before that (section 4.2).
    """

    async def remote_start(payload):
        connector = payload.get("connectorId")
        if not registered() or connector == 0:
            return REJECTED
        try:
            profile = start_profile(payload, clock.now())
        except ValueError as exc:
            log.warn("ocpp", "charging profile refused: %s", exc)
            return REJECTED
        started = await station.remote_start(payload["idTag"], connector, profile)
        return ACCEPTED if started else REJECTED

    async def remote_stop(payload):
        session = transactions.session_of(payload["transactionId"])
        if session is None or not registered():
            return REJECTED
        return ACCEPTED if station.remote_stop(session) else REJECTED

    async def unlock(payload):
        connector = payload["connectorId"]
        if not 1 <= connector <= len(station.connectors):
            return {"status": "NotSupported"}
        return {"status": UNLOCK[await station.unlock(connector)]}

    async def reset(payload):
        kind = payload["type"].lower()

        async def after():
            # Only when the answer is on its way: a reset would cut it off.
            await station.reset(kind)

        return ACCEPTED, after

    async def change_availability(payload):
        connector = payload["connectorId"]
        if not 0 <= connector <= len(station.connectors):
            return REJECTED
        operative = payload["type"] == "Operative"
        return {"status": AVAILABILITY[station.set_availability(connector, operative)]}

    async def clear_cache(payload):
        # Errata 3.23: Rejected where there is no cache. Transactions are never touched.
        return ACCEPTED if station.authorizer.clear_cache() else REJECTED

    return {
        "RemoteStartTransaction": remote_start,
        "RemoteStopTransaction": remote_stop,
        "UnlockConnector": unlock,
        "Reset": reset,
        "ChangeAvailability": change_availability,
        "ClearCache": clear_cache,
    }
