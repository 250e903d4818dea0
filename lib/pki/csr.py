# A request for a certificate: PKCS#10, for a key of P-256.
# MIT license; part of microevse
"""RFC 2986. It is signed with the key that it asks for, which takes as long as any signature: 2 s
on a chip, in pieces (keypair.py)."""

import hashlib
from binascii import b2a_base64

from . import keypair
from .certificate import EC, ECDSA_SHA256, P256
from .der import OID, SEQUENCE, SET, UTF8_STRING, element, integer
from .names import COMMON_NAME, ORGANIZATION

COUNTRY = b"\x55\x04\x06"
_PRINTABLE_STRING = 0x13
_LINE = 48  # bytes of DER in a line of PEM (RFC 7468: 64 characters)
_TEXT_MAX = 64  # letters; RFC 5280 appendix A.1, ub-common-name and ub-organization-name


def name(common_name, organization="", country=""):
    """A subject in DER: country, organization and common name, each if there is one. ValueError if
    a text is too long or cannot be in a name, or there is no common name."""
    if not common_name:
        raise ValueError("a certificate needs a common name")
    parts = []
    for kind, text in (
        (COUNTRY, country),
        (ORGANIZATION, organization),
        (COMMON_NAME, common_name),
    ):
        if not text:
            continue
        if len(text) > _TEXT_MAX or any([ord(c) < 0x20 or ord(c) == 0x7F for c in text]):
            raise ValueError("a text that cannot be in a certificate")
        tag = UTF8_STRING
        if kind == COUNTRY:  # two capital letters, ISO 3166
            if len(text) != 2 or any([not "A" <= c <= "Z" for c in text]):
                raise ValueError("a country has two capital letters")
            tag = _PRINTABLE_STRING
        value = element(tag, text.encode())
        parts.append(element(SET, element(SEQUENCE, element(OID, kind), value)))
    return element(SEQUENCE, *parts)


async def request(secret, x, y, subject, pause=None):
    """The request in DER for this key pair. `subject`: made by `name`; `pause`: see keypair.py."""
    algorithm = element(SEQUENCE, element(OID, EC), element(OID, P256))
    key = element(SEQUENCE, algorithm, element(0x03, b"\x00", keypair.point_bytes(x, y)))
    # The attributes are empty: a CA decides by itself what the key may be used for.
    body = element(SEQUENCE, integer(0), subject, key, element(0xA0))
    r, s = await keypair.sign(secret, hashlib.sha256(body).digest(), pause)
    return element(
        SEQUENCE,
        body,
        element(SEQUENCE, element(OID, ECDSA_SHA256)),
        element(0x03, b"\x00", keypair.signature(r, s)),
    )


def pem(der):
    """A request as text (RFC 7468)."""
    lines = ["-----BEGIN CERTIFICATE REQUEST-----"]
    for at in range(0, len(der), _LINE):
        lines.append(b2a_base64(der[at : at + _LINE]).decode().strip())
    lines.append("-----END CERTIFICATE REQUEST-----\n")
    return "\n".join(lines)
