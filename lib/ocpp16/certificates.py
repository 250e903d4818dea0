# Certificates that the central system installs, removes, lists, and has signed.
# MIT license; part of microevse
"""InstallCertificate, DeleteCertificate, GetInstalledCertificateIds and CertificateSigned (OCPP
1.6 security whitepaper edition 3, M03 to M05 and A02) into calls to the station. Nothing is worked
on while a car charges: the answer says that it failed then."""

import gc

from evse_base import before_import, log, release
from ocppj.messages import CallError
from station import security_log

# certificateType, and what the station calls it.
_KINDS = {
    "CentralSystemRootCertificate": "central",
    "ManufacturerRootCertificate": "manufacturer",
}
# The station's words, as InstallCertificateStatus, DeleteCertificateStatus and
# CertificateSignedStatus have them.
_INSTALL = {"done": "Accepted", "bad": "Rejected", "failed": "Failed"}
_DELETE = {"done": "Accepted", "failed": "Failed", "unknown": "NotFound"}
_SIGNED = {"done": "Accepted", "bad": "Rejected", "failed": "Rejected"}
CHARGES = "certificates have to wait: a car charges"
NO_HEAP = "there is not enough memory beside this connection"


def _may():
    """True while certificates may be worked on. Without the charger's services never."""
    return security_log.services is not None and security_log.services.allowed()


async def _worked(work):
    """The pair that `await work(certificates)` returns; ("failed", why) where a car charges or too
    little memory is free. certificates: the station's module, loaded for the work."""
    await before_import()
    # Before anything is loaded: together these modules would be too long a stall.
    if not _may():
        return "failed", CHARGES
    gc.collect()  # numbers of RSA want room in one piece
    from station import certificates

    try:
        return await work(certificates)
    except certificates.CarCame:
        return "failed", CHARGES
    except MemoryError:
        return "failed", NO_HEAP
    finally:
        certificates.dropped()


def _answer(action, words, found):
    word, text = found
    if word == "done":
        log.info("security", "%s", text)
    else:
        log.warn("security", "%s: %s", action, text)
    return {"status": words[word]}


def from_pem(text):
    """The certificates (DER) in a text, [] if it cannot be read."""
    from ocppj import tls

    try:
        return tls.pem_to_der(text)
    except ValueError as exc:
        log.warn("security", "%s", exc)
        return []
    finally:
        release("ocppj.tls")


async def install_certificate(point, payload):
    async def work(certificates):
        ders = from_pem(payload.pop("certificate"))
        kind = _KINDS[payload["certificateType"]]
        return await certificates.install(
            point.settings, point.clock, kind, ders, certificates.pause
        )

    return _answer("InstallCertificate", _INSTALL, await _worked(work))


async def delete_certificate(point, payload):
    data = payload["certificateHashData"]

    async def work(certificates):
        if data["hashAlgorithm"] != "SHA256":
            return "unknown", "only SHA256 is known here"
        asked = data["issuerNameHash"], data["issuerKeyHash"], data["serialNumber"]
        config = security_log.services.config
        return await certificates.remove(point.settings, config, asked, certificates.pause)

    return _answer("DeleteCertificate", _DELETE, await _worked(work))


async def get_installed_certificate_ids(point, payload):
    kind = _KINDS[payload["certificateType"]]

    async def work(certificates):
        config = security_log.services.config
        return "done", await certificates.listed(point.settings, config, kind, certificates.pause)

    word, found = await _worked(work)
    if word != "done":
        raise CallError("InternalError", found)  # there is no status that would be true
    if not found:
        return {"status": "NotFound"}
    rows = [
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": row[0],
            "issuerKeyHash": row[1],
            "serialNumber": row[2],
        }
        for row in found
    ]
    return {"status": "Accepted", "certificateHashData": rows}


async def certificate_signed(point, payload):
    async def work(certificates):
        from station import own_certificate

        chain = payload.pop("certificateChain")
        if len(chain) > own_certificate.CHAIN_MAX:
            text = "a chain of %d characters is too long" % len(chain)
            security_log.note("own_certificate", text)
            return "bad", text
        chain = from_pem(chain)
        return await own_certificate.take(
            point.settings, point.clock, security_log.services.config, chain, certificates.pause
        )

    return _answer("CertificateSigned", _SIGNED, await _worked(work))
