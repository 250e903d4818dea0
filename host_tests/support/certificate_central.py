# A central system with an authority: what tests of certificates ask of a charger.
# MIT license; part of microevse
"""Certificates are made by PyPI `cryptography`; TLS on the central system's side is OpenSSL's."""

import asyncio
import base64
import functools
import hashlib
import time

import authorities
from bench import EPOCH, Bench
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twin.host import NETWORK

K1 = "00112233445566778899aabbccddeeff"
SERIAL = "EVSE-1"
EVENT = "SecurityEventNotification"
CENTRAL = "CentralSystemRootCertificate"


class Server:
    """The TLS side of the central system, and what it saw of the charger's ClientHello."""

    def __init__(self, client_authority=False):
        self.context, self.ca = authorities.good_server("csms")
        self.suites = set()
        self.versions = set()
        if client_authority:
            authorities.asks(self.context, self.ca)
        self.context._msg_callback = self._saw

    def _saw(self, _conn, direction, _version, content, kind, data):
        if direction == "read" and kind == 1 and content == 22:  # ClientHello, RFC 5246 7.4.1.2
            body = data[4:]
            self.versions.add(int.from_bytes(body[:2], "big"))
            at = 35 + body[34]
            size = int.from_bytes(body[at : at + 2], "big")
            found = body[at + 2 : at + 2 + size]
            self.suites |= {
                int.from_bytes(found[i : i + 2], "big") for i in range(0, len(found), 2)
            }


def charger_files():
    """(certificate, key) in files: of the CA of the servers."""
    root, _ = authorities.bad_chains()
    key = authorities.new_key()
    return (
        authorities.pem_file("charger", root.charger(key, SERIAL)),
        authorities.pem_file("charger-key", key),
    )


def days(begin, end):
    """Days from the charger's now, as authorities.py counts them: from the real now."""
    ahead = (EPOCH - time.time()) / 86400
    return begin + ahead, end + ahead


@functools.lru_cache(maxsize=None)
def root(name="root", **more):
    return authorities.Authority(name, **more)


def pem(*certificates):
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def framed(der):
    body = base64.b64encode(der).decode()
    return "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % body


def hash_data(certificate, issuer=None):
    """CertificateHashDataType as RFC 6960 4.1.1 makes it, by PyPI `cryptography`."""
    key = (issuer or certificate).public_key()
    if hasattr(key, "curve"):
        bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    else:
        bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(bits).hexdigest(),
        "serialNumber": "%x" % certificate.serial_number,
    }


async def install(b, text, kind=CENTRAL):
    payload = {"certificateType": kind, "certificate": text}
    return (await b.call("InstallCertificate", payload))["status"]


async def installed(b, kind=CENTRAL):
    """Hash data of what is installed, [] without."""
    answer = await b.call("GetInstalledCertificateIds", {"certificateType": kind})
    assert (answer["status"] == "Accepted") == bool(answer.get("certificateHashData"))
    assert answer["status"] in ("Accepted", "NotFound")
    return answer.get("certificateHashData", [])


async def delete(b, data):
    return (await b.call("DeleteCertificate", {"certificateHashData": data}))["status"]


async def event(b, kind, since, text):
    """The event of that type with that text, told since the mark."""

    def there():
        return [call for call in b.calls(EVENT, since, type=kind) if text in call["techInfo"]]

    await b.until(there, 120, f"{kind}: {text}")


async def trigger(b, what="SignChargePointCertificate"):
    return (await b.call("ExtendedTriggerMessage", {"requestedMessage": what}))["status"]


async def asked(b, mark=0, within=60):
    """The request of the last SignCertificate since the mark, its signature checked."""
    await b.until(lambda: b.calls("SignCertificate", mark), within, "SignCertificate")
    csr = x509.load_pem_x509_csr(b.calls("SignCertificate", mark)[-1]["csr"].encode())
    assert csr.is_signature_valid
    return csr


async def sign(b, chain):
    """The answer to CertificateSigned."""
    text = chain if isinstance(chain, str) else pem(*chain)
    return (await b.call("CertificateSigned", {"certificateChain": text}))["status"]


def play(fn, server, profile=3, files=None, kind=Bench, csms=None, **more):
    """Run `fn(b)`: a charger of that profile, with a certificate in files of the owner. kind: of
    the bench; csms: more options of the central system."""

    async def inside():
        certificate, key = files or charger_files()
        options = {
            "provision": {**NETWORK, "SecurityProfile": str(profile), "AuthorizationKey": K1},
            "ca": server.ca, "cert": certificate, "key": key,
        }  # fmt: skip
        async with kind(csms={"ssl": server.context, **(csms or {})}, **options, **more) as b:
            await fn(b)

    asyncio.run(asyncio.wait_for(inside(), 120))


def shown(b):
    """Serial number of the certificate that the connection's charger has shown."""
    return x509.load_der_x509_certificate(b.csms.wire.peer_certificate).serial_number


def basic(wire):
    """(user, password) of the upgrade as text and bytes; None without."""
    header = wire.request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    assert scheme == "Basic"
    user, _, password = base64.b64decode(text, validate=True).partition(b":")
    return user.decode(), password


async def another(b, within=60):
    """Wait for the connection after this one, and its registration if it asks for one."""
    old = b.csms.wire
    await b.until(lambda: b.csms.wire not in (None, old) and b.csms.wire.open, within, "anew")
    await b.advance(3)
