# TriggerMessage of OCPP 2.x for updates, logs and certificates.
# MIT license; part of microevse
"""Loaded for one request, behind trigger.py."""

from evse_base import before_import, release
from station import security_log


def message(point, wanted):
    """An async fn that sends the message; False: not now; None: there is no such message here."""
    if wanted == "LogStatusNotification":
        return lambda: _log(point)
    if wanted == "FirmwareStatusNotification" and point.jobs:
        return lambda: _update(point)
    if wanted == "SignChargingStationCertificate":
        # Without the time no certificate can be checked.
        if not point.registered or not security_log.services or point.clock.now() is None:
            return False
        return lambda: _sign(point)
    return None


async def _log(point):
    await before_import()
    from ocppj import security_messages

    release("ocppj.security_messages")
    await security_messages.tell_log(point.call, security_log.upload)


async def _update(point):
    await before_import()
    from . import firmware

    release("ocpp2.firmware")
    await firmware.trigger(point)


async def _sign(point):
    await before_import()
    from station import renewal

    renewal.asked(point.settings, point.clock)
