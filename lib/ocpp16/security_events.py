# SecurityEventNotification and LogStatusNotification.
# MIT license; part of microevse
"""The station's security log in the words of OCPP 1.6 (security whitepaper edition 3). These
messages belong to every charger, whatever feature profiles it has. Loaded for one message.
"""

from evse_base import before_import, const, iso8601, log, release
from ocppj.messages import CallError
from station import security_log

# Types of the whitepaper's list of security events, by the station's kinds. The last one is of the
# list of 2.x: 1.6 has none for it.
_TYPES = const("""
started StartupOfTheDevice
reset ResetOrReboot
firmware_updated FirmwareUpdated
clock_set SettingSystemTime
log_cleared SecurityLogWasCleared
memory_exhausted MemoryExhaustion
tampered TamperDetectionActivated
refused_by_central FailedToAuthenticateAtCentralSystem
central_not_known CentralSystemFailedToAuthenticate
central_certificate InvalidCentralSystemCertificate
own_certificate InvalidChargePointCertificate
security_changed ReconfigurationOfSecurityParameters
bad_message InvalidMessages
replayed AttemptedReplayAttacks
firmware_signature InvalidFirmwareSignature
signing_certificate InvalidFirmwareSigningCertificate
tls_version InvalidTLSVersion
tls_cipher InvalidTLSCipherSuite
login_failed MaintenanceLoginFailed
""")
_LONGEST = const(50)  # of a type
_STATUSES = const(" uploading Uploading uploaded Uploaded upload_failed UploadFailure ")
# CALLERRORs by which a central system says that it does not know the message.
UNKNOWN = ("NotImplemented", "NotSupported")
_RETRY_S = const(60)
_PAUSE_S = const(1)  # between two events
# One event is given up after so many other CALLERRORs: the next ones have their turn.
_REFUSALS = const(3)


def event_type(kind):
    """Type of a kind of the station; a later version's kind as it is."""
    at = _TYPES.find("\n%s " % kind)
    if at < 0:
        return kind[:_LONGEST]
    at += len(kind) + 2
    return _TYPES[at : _TYPES.find("\n", at)]


async def tell(point):
    """Send one message: a word about a log, or the oldest critical event. Raises what `point.call`
    raises. Sets `point.tell_ms`, when the next one may be sent, and `point.refusals`."""
    upload = security_log.upload
    if upload and upload.news:
        word = upload.news[0]
        await _tell_word(point, upload, word)
        upload.told(word)
        return
    # Until it has worked: a central system that does not answer must not be asked all the time.
    now = point.clock.uptime_ms()
    point.tell_ms = now + 1000 * _RETRY_S
    await before_import()
    from station import security_book

    release("station.security_book")
    found = security_book.next_untold(point.clock)
    if found:
        number, wall, kind, info = found
        wall = wall or point.clock.now()
        if not wall:
            return  # the message must have a time: it waits until one is known
        payload = {"type": event_type(kind), "timestamp": iso8601.format(wall)}
        if info:
            payload["techInfo"] = info
        try:
            await point.call("SecurityEventNotification", payload)
        except CallError as exc:
            log.warn("ocpp", "SecurityEventNotification refused: %s", exc.code)
            if exc.code in UNKNOWN:
                point.refusals = None
                return
            point.refusals += 1
            if point.refusals < _REFUSALS:
                return
        point.refusals = 0
        if security_book.told(number):
            point.tell_ms = point.clock.uptime_ms() + 1000 * _PAUSE_S
    elif security_log.untold is None:
        point.tell_ms = now  # all are told: the next one need not wait


async def _tell_word(point, upload, word):
    at = _STATUSES.index(" %s " % word) + len(word) + 2
    payload = {"status": _STATUSES[at : _STATUSES.index(" ", at)], "requestId": upload.number}
    try:
        await point.call("LogStatusNotification", payload)
    except CallError as exc:
        log.warn("ocpp", "LogStatusNotification refused: %s", exc.code)


async def tell_update(point):
    """ExtendedTriggerMessage FirmwareStatusNotification: send the present status of a signed
    update; Idle, without a number, when none runs."""
    from station.jobs import FIRMWARE, running

    from .firmware import camel

    jobs = point.firmware.jobs
    word, update = jobs.now[FIRMWARE], jobs.update
    payload = {"status": "Idle"}
    if update is not None and running(word) and update.told_number() is not None:
        payload = {"status": camel(word), "requestId": update.told_number()}
    await point.call("SignedFirmwareStatusNotification", payload)
