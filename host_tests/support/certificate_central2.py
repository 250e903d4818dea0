# As certificate_central, in the words of OCPP 2.x.
# MIT license; part of microevse
"""What tests of certificates ask of a charger that speaks 2.0.1 or 2.1."""

import certificate_central
from bench2 import Bench2
from certificate_central import pem

CSMS = "CSMSRootCertificate"
MANUFACTURER = "ManufacturerRootCertificate"


async def install(b, text, kind=CSMS):
    """The status of InstallCertificate; a refusal says why."""
    payload = {"certificateType": kind, "certificate": text}
    answer = await b.call("InstallCertificate", payload)
    assert ("statusInfo" in answer) == (answer["status"] != "Accepted"), answer
    return answer["status"]


async def installed(b, *kinds):
    """[(certificateType, hash data), ...] of what is installed, [] without; no kinds: of all."""
    payload = {"certificateType": list(kinds)} if kinds else {}
    answer = await b.call("GetInstalledCertificateIds", payload)
    rows = answer.get("certificateHashDataChain", [])
    assert answer["status"] == ("Accepted" if rows else "NotFound"), answer
    assert not [row for row in rows if "childCertificateHashData" in row]
    return [(row["certificateType"], row["certificateHashData"]) for row in rows]


async def delete(b, data):
    return (await b.call("DeleteCertificate", {"certificateHashData": data}))["status"]


async def trigger(b, what="SignChargingStationCertificate"):
    return (await b.call("TriggerMessage", {"requestedMessage": what}))["status"]


async def sign(b, chain, **fields):
    """The status of CertificateSigned."""
    text = chain if isinstance(chain, str) else pem(*chain)
    return (await b.call("CertificateSigned", {"certificateChain": text, **fields}))["status"]


def play(fn, server, profile=3, version="2.0.1", settings=None, csms=None, **more):
    """As certificate_central.play, with a charger that offers `version` alone."""
    kind = type("Bench2", (Bench2,), {"version": version})
    csms = {"subprotocols": ("ocpp" + version,), **(csms or {})}
    settings = dict(settings or {}, OcppVersions=version)
    certificate_central.play(fn, server, profile, kind=kind, csms=csms, settings=settings, **more)
