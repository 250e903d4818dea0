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
# The station's words, as InstallCertificateStatus and DeleteCertificateStatus have them.
_INSTALL = {"done": "Accepted", "bad": "Rejected", "failed": "Failed"}
_DELETE = {"done": "Accepted", "failed": "Failed", "unknown": "NotFound"}
CHARGES = "certificates have to wait: a car charges"
NO_HEAP = "there is not enough memory beside this connection"


def _may(certificates):
    """True while certificates may be worked on. Without the charger's services never."""
    return security_log.services is not None and certificates.allowed()


async def _station():
    await before_import()
    gc.collect()  # numbers of RSA want room in one piece
    from station import certificates

    release("station.certificates")
    return certificates


def _answer(action, words, word, text):
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
    action, words = "InstallCertificate", _INSTALL
    certificates = await _station()
    try:
        if not _may(certificates):
            return _answer(action, words, "failed", CHARGES)
        ders = from_pem(payload.pop("certificate"))
        kind = _KINDS[payload["certificateType"]]
        found = await certificates.install(
            point.settings, point.clock, kind, ders, certificates.pause
        )
        return _answer(action, words, *found)
    except certificates.CarCame:
        return _answer(action, words, "failed", CHARGES)
    except MemoryError:
        return _answer(action, words, "failed", NO_HEAP)
    finally:
        certificates.dropped()


async def delete_certificate(point, payload):
    action, words = "DeleteCertificate", _DELETE
    data = payload["certificateHashData"]
    certificates = await _station()
    try:
        if not _may(certificates):
            return _answer(action, words, "failed", CHARGES)
        found = "unknown", "only SHA256 is known here"
        if data["hashAlgorithm"] == "SHA256":
            asked = data["issuerNameHash"], data["issuerKeyHash"], data["serialNumber"]
            config = security_log.services.config
            found = await certificates.remove(point.settings, config, asked, certificates.pause)
        return _answer(action, words, *found)
    except certificates.CarCame:
        return _answer(action, words, "failed", CHARGES)
    except MemoryError:
        return _answer(action, words, "failed", NO_HEAP)
    finally:
        certificates.dropped()


async def get_installed_certificate_ids(point, payload):
    certificates = await _station()
    try:
        if not _may(certificates):
            raise CallError("InternalError", CHARGES)  # there is no status that would be true
        kind = _KINDS[payload["certificateType"]]
        config = security_log.services.config
        found = await certificates.listed(point.settings, config, kind, certificates.pause)
    except certificates.CarCame:
        raise CallError("InternalError", CHARGES)
    finally:
        certificates.dropped()
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
    await before_import()
    from station import certificates, own_certificate

    try:
        if not _may(certificates):
            word, text = "failed", CHARGES
        else:
            chain = payload.pop("certificateChain")
            if len(chain) > own_certificate.CHAIN_MAX:
                word, text = "bad", "a chain of %d characters is too long" % len(chain)
                security_log.note("own_certificate", text)
            else:
                chain = from_pem(chain)
                word, text = await own_certificate.take(
                    point.settings, point.clock, security_log.services.config, chain,
                    certificates.pause,
                )  # fmt: skip
    except certificates.CarCame:
        word, text = "failed", CHARGES
    except MemoryError:
        word, text = "failed", NO_HEAP
    finally:
        certificates.dropped()
    (log.info if word == "done" else log.warn)("security", "CertificateSigned: %s", text)
    return {"status": "Accepted" if word == "done" else "Rejected"}
