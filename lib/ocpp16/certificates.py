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


async def _loaded():
    """What the messages and the requests are made of."""
    await before_import()
    from ocppj import certificate_messages

    release("ocppj.certificate_messages")
    await before_import()
    from station import certificate_requests

    release("station.certificate_requests")
    return certificate_messages, certificate_requests


async def install_certificate(point, payload):
    messages, requests = await _loaded()
    kind = _KINDS[payload["certificateType"]]
    found = await requests.install(
        point, kind, lambda: messages.from_pem(payload.pop("certificate"))
    )
    return messages.answer("InstallCertificate", messages.INSTALL, found)


async def delete_certificate(point, payload):
    messages, requests = await _loaded()
    found = await requests.remove(point, messages.hashes(payload["certificateHashData"]))
    return messages.answer("DeleteCertificate", messages.DELETE, found)


async def get_installed_certificate_ids(point, payload):
    messages, requests = await _loaded()
    word, found = await requests.listed(point, (_KINDS[payload["certificateType"]],))
    if word != "done":
        raise CallError("InternalError", found)  # there is no status that would be true
    if not found:
        return {"status": "NotFound"}
    rows = [messages.hash_data(row) for _, row in found]
    return {"status": "Accepted", "certificateHashData": rows}


async def certificate_signed(point, payload):
    messages, requests = await _loaded()
    found = await requests.take(
        point,
        len(payload["certificateChain"]),
        lambda: messages.from_pem(payload.pop("certificateChain")),
    )
    return messages.answer("CertificateSigned", messages.SIGNED, found)
