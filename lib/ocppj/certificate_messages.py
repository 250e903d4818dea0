# Certificates in messages, as all versions have them.
# MIT license; part of microevse
"""InstallCertificate, DeleteCertificate, GetInstalledCertificateIds, CertificateSigned and
SignCertificate (OCPP 1.6 security whitepaper edition 3, M03 to M05 and A02; the same use cases in
2.x). Fields and statuses have the same names in all versions. Loaded for one message.
"""

import asyncio

from evse_base import log

from .messages import CallError, Disconnected

# The station's words, as InstallCertificateStatus, DeleteCertificateStatus and
# CertificateSignedStatus have them.
INSTALL = {"done": "Accepted", "bad": "Rejected", "failed": "Failed"}
DELETE = {"done": "Accepted", "failed": "Failed", "unknown": "NotFound"}
SIGNED = {"done": "Accepted", "bad": "Rejected", "failed": "Rejected"}
_ALGORITHM = "SHA256"
_HASHES = ("issuerNameHash", "issuerKeyHash", "serialNumber")


def answer(action, words, found):
    """The answer for a pair of a word and a sentence (station.certificates), which is logged."""
    word, text = found
    if word == "done":
        log.info("security", "%s", text)
    else:
        log.warn("security", "%s: %s", action, text)
    return {"status": words[word]}


def hashes(data):
    """The three texts of a CertificateHashDataType; None for an algorithm that is not known."""
    if data["hashAlgorithm"] != _ALGORITHM:
        return None
    return [data[name] for name in _HASHES]


def hash_data(row):
    """CertificateHashDataType of those three texts."""
    data = {"hashAlgorithm": _ALGORITHM}
    for name, text in zip(_HASHES, row):
        data[name] = text
    return data


async def sign(call, payload):
    """Send SignCertificate. True: accepted; False: refused, or not known there; None: it was not
    delivered."""
    try:
        said = (await call("SignCertificate", payload)).get("status")
    except CallError as exc:
        said = exc.code
    except (asyncio.TimeoutError, Disconnected) as exc:
        log.warn("ocpp", "SignCertificate not delivered: %r", exc)
        return None
    if said != "Accepted":
        log.warn("ocpp", "SignCertificate: %s", said)
    return said == "Accepted"
