# GetLog: a log is sent where the central system wants it.
# MIT license; part of microevse
"""GetLog.req (OCPP 1.6 security whitepaper edition 3) into a call to the station."""

from evse_base import before_import, iso8601, release


async def get_log(point, payload):
    await before_import()
    from station import log_upload

    release("station.log_upload")
    release("station.log_name")
    wanted = payload["log"]
    span = []
    for name in ("oldestTimestamp", "latestTimestamp"):
        span.append(iso8601.parse(wanted[name]) if name in wanted else None)
    diagnostics = payload["logType"] == "DiagnosticsLog"
    upload, instead = log_upload.request(
        point.settings, point.clock,
        log_upload.DIAGNOSTICS if diagnostics else log_upload.SECURITY,
        payload["requestId"], wanted["remoteLocation"],
        payload.get("retries"), payload.get("retryInterval"), span,
    )  # fmt: skip
    status = "AcceptedCanceled" if instead else "Accepted"
    return {"status": status, "filename": upload.name}, upload.begin
