# SecurityEventNotification and LogStatusNotification, which all versions have.
# MIT license; part of microevse
"""Of OCPP 1.6 these are in the security whitepaper (edition 3), of 2.x in block A and in N01. A
version has its own names for some events. Loaded for one message.
"""

from evse_base import const, iso8601, log

from .messages import CallError
from .registration import camel

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
# UploadLogStatusEnumType has another word for this one.
_UPLOAD_FAILED = const("upload_failed")
# CALLERRORs by which a central system says that it does not know the message.
UNKNOWN = ("NotImplemented", "NotSupported")


def event_type(kind, own=""):
    """Type of a kind of the station; a later version's kind as it is. own: a table as _TYPES, of
    what a version has otherwise."""
    for table in (own, _TYPES):
        at = table.find("\n%s " % kind)
        if at >= 0:
            at += len(kind) + 2
            return table[at : table.find("\n", at)]
    return kind[:_LONGEST]


async def send_event(call, event, own=""):
    """Send the event (Unix time, kind, info). True: it is told; False: refused; None: the central
    system does not know the message. Raises what else `call` raises."""
    wall, kind, info = event
    payload = {"type": event_type(kind, own), "timestamp": iso8601.format(wall)}
    if info:
        payload["techInfo"] = info
    try:
        await call("SecurityEventNotification", payload)
    except CallError as exc:
        log.warn("ocpp", "SecurityEventNotification refused: %s", exc.code)
        return None if exc.code in UNKNOWN else False
    return True


async def send_log_word(call, word, number):
    """Tell a word of station.log_upload about the log with that number. A CALLERROR drops it."""
    status = "UploadFailure" if word == _UPLOAD_FAILED else camel(word)
    payload = {"status": status}
    if number is not None:
        payload["requestId"] = number
    try:
        await call("LogStatusNotification", payload)
    except CallError as exc:
        log.warn("ocpp", "LogStatusNotification refused: %s", exc.code)


async def tell_log(call, upload):
    """LogStatusNotification that the central system has asked for: of the log that is under way;
    otherwise there is nothing to tell (whitepaper section 6.8; 2.x N01.FR.13)."""
    if upload and not upload.news:
        await send_log_word(call, "uploading", upload.number)
    else:
        await send_log_word(call, "idle", None)
