# Remote control of OCPP 2.x: start and stop.
# MIT license; part of microevse
"""Commands of the central system (block F). Each handler is one call into the station; the
station decides. Before BootNotification is accepted no transaction may be started or stopped
remotely (B02.FR.05).
"""

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


async def request_start(point, payload):
    """RequestStartTransaction (F01, F02)."""
    number = payload.get("evseId")
    if not point.registered or number is not None and point.station.connector(number) is None:
        return REJECTED
    if "chargingProfile" in payload:
        return REJECTED  # a start without the limit that came with it might charge too much
    token = payload["idToken"]
    started = await point.station.remote_start(
        token["idToken"], number, None, token["type"], payload["remoteStartId"]
    )
    return ACCEPTED if started else REJECTED


async def request_stop(point, payload):
    """RequestStopTransaction (F03)."""
    session = point.transactions.session_of(payload["transactionId"])
    if session is None or not point.registered:
        return REJECTED
    return ACCEPTED if point.station.remote_stop(session) else REJECTED
