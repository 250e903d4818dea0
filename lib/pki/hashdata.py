# What a central system calls an installed certificate by.
# MIT license; part of microevse
"""Hash data as OCPP has them (security whitepaper, CertificateHashDataType; 2.0.1 the same), made
like the CertID of RFC 6960 4.1.1: SHA-256 of the issuer's name in DER, SHA-256 of the issuer's key
without its tag, length and count of unused bits, and the serial number.

All are hexadecimal. The serial number has no zeros before it, as OCPP 2.0.1 says. The letters are
small here; a central system may write them large.
"""

import hashlib
from binascii import hexlify

ALGORITHM = "SHA256"


def of(certificate, issuer=None):
    """(hash of the issuer's name, hash of the issuer's key, serial number) of a Certificate.

    issuer: its issuer's Certificate; may be left out for one that has issued itself, as a root.
    ValueError if the issuer is needed and left out, or is another.
    """
    if issuer is None:
        issuer = certificate
    if issuer.subject != certificate.issuer:
        raise ValueError("hash data need the certificate's issuer")
    return (
        _hash(certificate.issuer),
        _hash(issuer.key_bits),
        "%x" % certificate.serial,
    )


def same(mine, asked):
    """True if both hash data name one certificate: large and small letters, and zeros before the
    serial number, make no difference."""
    if mine[0] != asked[0].lower() or mine[1] != asked[1].lower():
        return False
    return mine[2] == (asked[2].lower().lstrip("0") or "0")


def _hash(data):
    return hexlify(hashlib.sha256(data).digest()).decode()
