# ExtendedTriggerMessage: the central system asks for a message now, one of the whitepaper's too.
# MIT license; part of microevse
"""ExtendedTriggerMessage.req (OCPP 1.6 security whitepaper edition 3, F06). What TriggerMessage
has as well is answered by its handler."""

import asyncio

from evse_base import before_import, log, release
from ocppj.messages import Disconnected
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
            await before_import()
            from ocppj import security_messages

            release("ocppj.security_messages")
            try:
                await security_messages.tell_log(point.call, security_log.upload)
            except (asyncio.TimeoutError, Disconnected) as exc:
                log.warn("ocpp", "triggered message not delivered: %r", exc)

        return ACCEPTED, tell
    if not security_log.services or point.clock.now() is None:
        return REJECTED  # without the time no certificate can be checked

    async def sign():
        await before_import()
        from station import renewal

        renewal.asked(point.settings, point.clock)

    return ACCEPTED, sign
