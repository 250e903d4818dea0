# Remote control of OCPP 2.x: start, stop, unlock, cache.
# MIT license; part of microevse
"""Commands of the central system (C11, F01 to F03, F05). Each handler is one call into the
station; the station decides. Before BootNotification is accepted no transaction may be started or
stopped remotely (B02.FR.05).
"""

from evse_base import before_import, release

from .names import ACCEPTED, refused


async def request_start(point, payload):
    """RequestStartTransaction (F01, F02)."""
    station, number = point.station, payload.get("evseId")
    if not point.registered:
        return refused("CSNotAccepted")
    if number is not None and station.connector(number) is None:
        return refused("UnknownEvse")
    profile = None
    if "chargingProfile" in payload:
        if "maxOfflineDuration" in payload["chargingProfile"]:
            # Now: where the session begins, a lack of memory would be a fault of the connector.
            await before_import()
            from station import profile_outage  # noqa: F401
        await before_import()
        from . import smart_charging

        try:
            profile = smart_charging.start_profile(point, payload)
        except ValueError as exc:
            # A start without the limit that came with it would charge more than was allowed.
            return smart_charging.refusal(exc)
        finally:
            del smart_charging
            release("ocpp2.smart_charging")
    token, start = payload["idToken"], payload["remoteStartId"]
    group = payload.get("groupIdToken")
    began = running(point, number, token["idToken"], start)
    if began:
        return began
    started = await station.remote_start(
        token["idToken"], number, profile, token["type"], start, group and group["idToken"] or None
    )
    if started:
        return running(point, number, token["idToken"], start) or ACCEPTED
    chosen = station.connector(number)
    return refused("TxInProgress" if chosen and chosen.session else "Unspecified")


def running(point, number, token, start):
    """The answer with the transactionId of the session that this very command has begun, None
    while there is none (F01.FR.13). A command that is repeated is so answered once more."""
    for connector in point.station.connectors:
        session, waiting = connector.session, connector.waiting
        if waiting and waiting.remote_start == start:
            # Its cable was in before: the transaction may have begun with it.
            early = getattr(point.station.stop_points, "open", {}).get(connector.id)
            if early and early.placed:
                return {"status": "Accepted", "transactionId": point.transaction_id(early.id)}
        if session is None or session.stopping or number not in (None, connector.id):
            continue
        if session.remote_start == start and session.may_end(token):
            return {"status": "Accepted", "transactionId": point.transaction_id(session.id)}
    return None


async def request_stop(point, payload):
    """RequestStopTransaction (F03)."""
    if not point.registered:
        return refused("CSNotAccepted")
    station = point.station
    session = point.transactions.session_of(payload["transactionId"])
    if session is not None and (
        station.remote_stop(session)
        or station.stop_points is not True
        and station.stop_points.end(session, "remote")
    ):
        return ACCEPTED
    return refused("TxNotFound")


async def unlock_connector(point, payload):
    """UnlockConnector (F05). A session that is authorized goes on (F05.FR.02)."""
    connector = point.station.connector(payload["evseId"])
    if connector is None or payload["connectorId"] != 1:
        return {"status": "UnknownConnector"}
    if connector.session is not None and not connector.session.stopping:
        return {"status": "OngoingAuthorizedTransaction"}
    done = await point.station.unlock(connector.id)
    if done == "not_supported":
        return refused("FixedCable", "UnlockFailed")
    return {"status": "Unlocked" if done == "unlocked" else "UnlockFailed"}


async def clear_cache(point, payload):
    """ClearCache (C11). C11.FR.04: Rejected where there is no cache."""
    return ACCEPTED if point.station.authorizer.clear_cache() else refused("NotEnabled")
