# Certificates that the central system installs, removes, lists, and has signed.
# MIT license; part of microevse
"""InstallCertificate, DeleteCertificate, GetInstalledCertificateIds and CertificateSigned (OCPP
1.6 security whitepaper edition 3, M03 to M05 and A02) into calls to the station. Nothing is worked
on while a car charges: the answer says that it failed then."""

from evse_base import before_import, release
from ocppj.messages import CallError

# certificateType, and what the station calls it.
_KINDS = {
    "CentralSystemRootCertificate": "central",
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


async def install_certificate(point, payload):
    requests = await _requests()
    kind = _KINDS[payload["certificateType"]]
    found = await requests.install(point, kind, lambda: _from_pem(payload.pop("certificate")))
    requests, messages = None, await _messages()
    return messages.answer("InstallCertificate", messages.INSTALL, found)


async def delete_certificate(point, payload):
    messages, requests = await _messages(), await _requests()
    found = await requests.remove(point, messages.hashes(payload["certificateHashData"]))
    return messages.answer("DeleteCertificate", messages.DELETE, found)


async def get_installed_certificate_ids(point, payload):
    requests = await _requests()
    word, found = await requests.listed(point, (_KINDS[payload["certificateType"]],))
    if word != "done":
        raise CallError("InternalError", found)  # there is no status that would be true
    if not found:
        return {"status": "NotFound"}
    requests, messages = None, await _messages()
    rows = [messages.hash_data(row) for _, row in found]
    return {"status": "Accepted", "certificateHashData": rows}


async def certificate_signed(point, payload):
    requests = await _requests()
    size = len(payload["certificateChain"])
    found = await requests.take(point, size, lambda: _from_pem(payload.pop("certificateChain")))
    requests, messages = None, await _messages()
    return messages.answer("CertificateSigned", messages.SIGNED, found)
