# ExtendedTriggerMessage: the central system asks for a message now, one of the whitepaper's too.
# MIT license; part of microevse
"""ExtendedTriggerMessage.req (OCPP 1.6 security whitepaper edition 3, F06). What TriggerMessage
has as well is answered by its handler."""

import asyncio

from evse_base import before_import, log
from ocppj.messages import CallError, Disconnected
from station import security_log

from .trigger import ACCEPTED, REJECTED, trigger_message


async def extended_trigger_message(point, payload):
    wanted = payload["requestedMessage"]
    if wanted not in ("SignChargePointCertificate", "LogStatusNotification"):
        return await trigger_message(point, payload)
    if not point.registered:
        return REJECTED
    if wanted == "LogStatusNotification":

        async def tell():
            # Of a log that is under way; otherwise there is nothing to tell (section 6.8).
            upload = security_log.upload
            payload = {"status": "Idle"}
            if upload and not upload.news:
                payload = {"status": "Uploading", "requestId": upload.number}
            try:
                await point.call("LogStatusNotification", payload)
            except (asyncio.TimeoutError, CallError, Disconnected) as exc:
                log.warn("ocpp", "triggered message not delivered: %r", exc)

        return ACCEPTED, tell
    if not security_log.services or point.clock.now() is None:
        return REJECTED  # without the time no certificate can be checked

    async def sign():
        await before_import()
        from station import certificates, renewal

        try:
            renewal.wanted(point.clock.now(), security_log.on_news or (lambda: None))
        finally:
            certificates.dropped()

    return ACCEPTED, sign
