# SecurityEventNotification and LogStatusNotification.
# MIT license; part of microevse
"""The station's security log in the words of OCPP 1.6 (security whitepaper edition 3). These
messages belong to every charger, whatever feature profiles it has. Loaded for one message.
"""

from evse_base import before_import, const, release
from ocppj import security_messages

# What 2.x wants told (certification cases A_06 and L_06), and the whitepaper does not.
_KEPT = const("firmware_signature signing_certificate tls_version tls_cipher")


async def tell(point):
    """Send one message: a word about a log, or the oldest critical event. See
    station.security_news."""
    release("ocppj.security_messages")
    await before_import()
    from station import security_news

    release("station.security_news")
    await security_news.tell(point, security_messages, kept=_KEPT)


async def tell_update(point):
    """ExtendedTriggerMessage FirmwareStatusNotification: send the present status of a signed
    update; Idle, without a number, when none runs."""
    from ocppj.registration import camel
    from station.jobs import FIRMWARE, running

    jobs = point.firmware.jobs
    word, update = jobs.now[FIRMWARE], jobs.update
    payload = {"status": "Idle"}
    if update is not None and running(word) and update.told_number() is not None:
        payload = {"status": camel(word), "requestId": update.told_number()}
    await point.call("SignedFirmwareStatusNotification", payload)
