# GetLog of OCPP 2.x: a log is sent where the central system wants it.
# MIT license; part of microevse
"""GetLog (N01) into a call to the station."""

import asyncio

from evse_base import before_import, log, release
from ocppj.messages import Disconnected

from .names import refused


async def get_log(point, payload):
    """GetLog. A request that takes the place of another one says so, also in a last word about
    that one (N01.FR.20)."""
    wanted = payload["logType"]
    if wanted not in ("DiagnosticsLog", "SecurityLog"):
        return refused("UnsupportedParam")  # 2.1 has a log of collected data
    await before_import()
    from ocppj import file_messages

    release("ocppj.file_messages")
    wanted = file_messages.log_wanted(payload)
    oldest, latest = wanted[-1]
    now = point.clock.now()
    if oldest is not None and oldest > min(latest or oldest, now or oldest):
        return refused("NotFound")  # no log has anything of a time to come
    await before_import()
    from station import log_upload, security_log

    release("station.log_upload")
    release("station.log_name")
    before = security_log.upload
    kind = log_upload.DIAGNOSTICS
    if payload["logType"] == "SecurityLog":
        kind = log_upload.SECURITY
    upload, instead = log_upload.request(point.settings, point.clock, kind, *wanted)
    answer = {"status": "AcceptedCanceled" if instead else "Accepted", "filename": upload.name}
    if not instead:
        return answer, upload.begin

    async def begin():
        await before_import()
        from ocppj import security_messages

        release("ocppj.security_messages")
        try:
            await security_messages.send_log_word(point.call, "accepted_canceled", before.number)
        except (asyncio.TimeoutError, Disconnected) as exc:
            log.warn("ocpp", "LogStatusNotification not delivered: %r", exc)
        await upload.begin()

    return answer, begin
