# Certificates that the central system installs, removes, lists, and has signed, in OCPP 2.x.
# MIT license; part of microevse
"""InstallCertificate, DeleteCertificate, GetInstalledCertificateIds and CertificateSigned (M03 to
M05, A02) into calls to the station. Nothing is worked on while a car charges: the answer says that
it failed then. Certificates of ISO 15118 are not for this charger: they are rejected, and there
are none.
"""

from evse_base import before_import, const, release
from ocppj.messages import CallError

from .names import refused

_OWN = const("ChargingStationCertificate")
# certificateType, and what the station calls it.
_KINDS = {
    "CSMSRootCertificate": "central",
    "ManufacturerRootCertificate": "manufacturer",
}


async def _requests():
    """What makes the station work. Certificates take all the memory that a plain ESP32 has: what
    the messages are made of is loaded when that is done."""
    await before_import()
    from station import certificate_requests

    release("station.certificate_requests")
    return certificate_requests


async def _messages():
    await before_import()
    from ocppj import certificate_messages

    release("ocppj.certificate_messages")
    return certificate_messages


def _from_pem(text):
    from ocppj import pem

    release("ocppj.pem")
    return pem.certificates(text)


def _answer(messages, action, words, found):
    answer = messages.answer(action, words, found)
    if found[0] != "done":
        answer["statusInfo"] = {"reasonCode": _reason(found), "additionalInfo": found[1]}
    return answer


def _reason(found):
    # Appendix 5 of 2.0.1 (reason codes); 20 characters at the most.
    return {"bad": "InvalidCertificate", "unknown": "NotFound"}.get(found[0], "InternalError")


async def install_certificate(point, payload):
    """InstallCertificate (M05)."""
    kind = _KINDS.get(payload["certificateType"])
    if kind is None:
        return refused("UnsupportedParam")
    requests = await _requests()
    found = await requests.install(point, kind, lambda: _from_pem(payload.pop("certificate")))
    requests, messages = None, await _messages()
    return _answer(messages, "InstallCertificate", messages.INSTALL, found)


async def delete_certificate(point, payload):
    """DeleteCertificate (M04)."""
    messages, requests = await _messages(), await _requests()
    found = await requests.remove(point, messages.hashes(payload["certificateHashData"]))
    return _answer(messages, "DeleteCertificate", messages.DELETE, found)


async def get_installed_certificate_ids(point, payload):
    """GetInstalledCertificateIds (M03): of the types that are named, or of all."""
    types = payload.get("certificateType", _KINDS)
    kinds = [_KINDS[name] for name in _KINDS if name in types]
    requests = await _requests()
    word, found = await requests.listed(point, kinds)
    if word != "done":
        raise CallError("InternalError", found)  # there is no status that would be true
    if not found:
        return {"status": "NotFound"}
    requests, messages = None, await _messages()
    names = {kind: name for name, kind in _KINDS.items()}
    rows = [
        {"certificateType": names[kind], "certificateHashData": messages.hash_data(row)}
        for kind, row in found
    ]
    return {"status": "Accepted", "certificateHashDataChain": rows}


async def certificate_signed(point, payload):
    """CertificateSigned (A02)."""
    if payload.get("certificateType", _OWN) != _OWN:
        return refused("UnsupportedParam")
    requests = await _requests()
    size = len(payload["certificateChain"])
    found = await requests.take(point, size, lambda: _from_pem(payload.pop("certificateChain")))
    requests, messages = None, await _messages()
    return _answer(messages, "CertificateSigned", messages.SIGNED, found)
