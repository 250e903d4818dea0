# GetLog: a log is sent where the central system wants it.
# MIT license; part of microevse
"""GetLog.req (OCPP 1.6 security whitepaper edition 3) into a call to the station."""

from evse_base import before_import, release


async def get_log(point, payload):
    await before_import()
    from ocppj import file_messages

    release("ocppj.file_messages")
    wanted = file_messages.log_wanted(payload)
    await before_import()
    from station import log_upload

    release("station.log_upload")
    release("station.log_name")
    kind = log_upload.SECURITY
    if payload["logType"] == "DiagnosticsLog":
        kind = log_upload.DIAGNOSTICS
    upload, other = log_upload.request(point.settings, point.clock, kind, *wanted)
    answer = {"status": "AcceptedCanceled" if other else "Accepted", "filename": upload.name}
    return answer, upload.begin
