# Certificates of P-256, made by hand: good ones, and each kind of bad one.
# MIT license; part of microevse
"""For tests on both interpreters, where there is no PyPI `cryptography`. The parts of a
certificate are given as DER, so that a test can put in what no library would write."""

import hashlib

from pki import keypair, run
from pki.certificate import EC, ECDSA_SHA256, P256
from pki.der import (
    BIT_STRING,
    BOOLEAN,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    UTF8_STRING,
    element,
    integer,
)

START = b"270101000000Z"  # 1798761600
END = b"370101000000Z"  # 2114380800
NOW = 1800000000
VERSION_3 = element(0xA0, integer(2))
RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
RSA_SHA256 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"

# RSA of 2,048 bits with the exponent 65537, made with openssl for tests alone.
_MODULUS = int(
    "bbe99161d04d21f730078b4426636b2209d75d9eec1e5ce75231119eca727395bb253c5c2f843204"
    "d906c4e24313c79cc46e5685bf86ca07ce2defe1e68804cb30797e2620d3d6489528195b7279440e"
    "45083d804ec29190836a10e3f69e1dd395c8affa21dc8367c57ba42b8b7bfdb9c5808eea1f2537c1"
    "9531eb5843f35b521380b966f0e62ef71b8fbffacca70f24d21c131ba823657e8c1d9ee659c22118"
    "f3dc47381b92a3227868197e17e02dfbf00da51651200521762e01fc7ba55f1ebdde709b82361707"
    "cf4fcbce1382d60062215e9efdc30744c11327da30d5dcf1eca8f34c52c0622e0fafa6e4093917bb"
    "45e03ec7ecfe016aa93ac2cd950f89f7",
    16,
)
_PRIVATE = int(
    "998eab3f435fc4c83addef56f4d4afeaba86772e342c3558d304dfc7b00ea3ff5155e9309f3d6808"
    "f4842d2cb8d70aae443d801098d926a60709e963e432761ec84ae6650ed4da4742cf81e938d5dffa"
    "96088c3980efe537662c7a076980ffab818817dfe9657d2fb631b9f6a86bddb85813831c9bf09ad2"
    "c9e59ad2ecb457ea85cacabbe739261786c56f247aff51bb82de0a5f4a73ea1a9166219a9715df2f"
    "6311a51e70451fabac1fff32e2f748e3460d1121421df6c9f2f514c5df30da01727a153d9634d9c6"
    "984f519304675de5059ee1f6bd32996287c669ca971d5453352e5b9ff545327c6f0fadf1d79b7499"
    "92dfb49c9e140195c04f6afb5e96e1",
    16,
)

_keys = {}


class Key:
    """A key pair: secret, x, y."""

    def __init__(self, secret):
        self.secret = secret
        self.x, self.y = run(keypair.public_key(secret))

    def info(self):
        """SubjectPublicKeyInfo."""
        algorithm = element(SEQUENCE, element(OID, EC), element(OID, P256))
        return element(SEQUENCE, algorithm, bits(keypair.point_bytes(self.x, self.y)))

    algorithm = element(SEQUENCE, element(OID, ECDSA_SHA256))

    def sign(self, data):
        """The signature over `data`, as in a certificate."""
        return keypair.signature(*run(keypair.sign(self.secret, hashlib.sha256(data).digest())))


class RsaKey:
    """n, e, and d to sign with."""

    algorithm = element(SEQUENCE, element(OID, RSA_SHA256), element(NULL))

    def __init__(self, n, e, d):
        self.n, self.e, self.d = n, e, d

    def info(self):
        algorithm = element(SEQUENCE, element(OID, RSA), element(NULL))
        return element(SEQUENCE, algorithm, bits(element(SEQUENCE, big(self.n), big(self.e))))

    def sign(self, data):
        size = len(big(self.n)) - 5
        info = unhex("3031300d060960864801650304020105000420")
        text = b"\x00" + info + hashlib.sha256(data).digest()
        text = b"\x00\x01" + b"\xff" * (size - 2 - len(text)) + text
        return pow(int.from_bytes(text, "big"), self.d, self.n).to_bytes(size, "big")

    def sign_pss(self, data):
        """The signature over `data` by PSS; the modulus has whole bytes."""
        size = len(big(self.n)) - 5
        text = int.from_bytes(pss(size, message=data), "big")
        return pow(text, self.d, self.n).to_bytes(size, "big")


def pss(size=256, salt=b"s" * 32, trailer=b"\xbc", one=b"\x01", message=b"x", top=0x7F):
    """The encoded message of RFC 8017 section 9.1.1 for a modulus of whole bytes."""
    hashed = hashlib.sha256(bytes(8) + hashlib.sha256(message).digest() + salt).digest()
    block = bytes(size - 33 - len(salt) - 1) + one + salt
    mask = b""
    while len(mask) < len(block):
        mask += hashlib.sha256(hashed + (len(mask) // 32).to_bytes(4, "big")).digest()
    masked = bytearray([a ^ b for a, b in zip(block, mask)])
    masked[0] &= top
    return bytes(masked) + hashed + trailer


def unhex(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


def big(number):
    """An INTEGER of any size."""
    data = number.to_bytes(520, "big").lstrip(b"\x00")
    return element(0x02, (b"\x00" if data[0] & 0x80 else b"") + data)


def key(name):
    """The same key for the same name."""
    if name not in _keys:
        _keys[name] = Key(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 1)
    return _keys[name]


def rsa_key():
    return RsaKey(_MODULUS, 65537, _PRIVATE)


def bits(data, unused=0):
    return element(BIT_STRING, bytes((unused,)), data)


def attribute(last, text, tag=UTF8_STRING):
    """An attribute of a name: 2.5.4.last."""
    value = text if isinstance(text, bytes) else text.encode()
    kind = element(OID, bytes((0x55, 4, last)))
    return element(SET, element(SEQUENCE, kind, element(tag, value)))


def name(common_name, organization=None):
    parts = [] if organization is None else [attribute(10, organization)]
    return element(SEQUENCE, *(parts + [attribute(3, common_name)]))


def extension(last, value, critical=False):
    """One of 2.5.29.last."""
    flag = element(BOOLEAN, b"\xff") if critical else b""
    kind = element(OID, bytes((0x55, 0x1D, last)))
    return element(SEQUENCE, kind, flag, element(OCTET_STRING, value))


def constraints(ca=True, length=None):
    parts = [element(BOOLEAN, b"\xff")] if ca else []
    if length is not None:
        parts.append(integer(length))
    return extension(19, element(SEQUENCE, *parts), True)


def usage(*numbers):
    """Key usage with these bits of the standard."""
    value = 0
    for number in numbers:
        value |= 0x8000 >> number
    data = value.to_bytes(2, "big")
    while data and not data[-1]:
        data = data[:-1]
    unused = 0
    while data and not data[-1] >> unused & 1:
        unused += 1
    return extension(15, bits(data, unused), True)


def extended(*numbers):
    """Extended key usages: 1 server, 2 client, 3 code."""
    kinds = [element(OID, b"\x2b\x06\x01\x05\x05\x07\x03" + bytes((n,))) for n in numbers]
    return extension(37, element(SEQUENCE, *kinds))


def alt(*names):
    """subjectAltName: texts are DNS names, bytes are addresses."""
    parts = []
    for one in names:
        if isinstance(one, bytes):
            parts.append(element(0x87, one))
        else:
            parts.append(element(0x82, one.encode()))
    return extension(17, element(SEQUENCE, *parts))


def subject_key_id(value):
    return extension(14, element(OCTET_STRING, value))


def authority_key_id(value):
    return extension(35, element(SEQUENCE, element(0x80, value)))


def made(
    subject,
    issuer,
    own,
    signer,
    *extensions,
    serial=None,
    start=START,
    end=END,
    tag=0x17,
    version=VERSION_3,
    algorithm=None,
    inner=None,
    info=None,
    more=b"",
    listed=None,
    signature=None,
):
    """A certificate in DER. subject, issuer: common names, or DER."""
    names = [name(one) if isinstance(one, str) else one for one in (issuer, subject)]
    algorithm = algorithm or signer.algorithm
    validity = element(SEQUENCE, element(tag, start), element(tag, end))
    if listed is None:
        listed = element(0xA3, element(SEQUENCE, *extensions)) if extensions else b""
    body = element(
        SEQUENCE,
        version,
        integer(7) if serial is None else serial,
        inner or algorithm,
        names[0],
        validity,
        names[1],
        info or own.info(),
        more,
        listed,
    )
    return element(SEQUENCE, body, algorithm, bits(signature or signer.sign(body)))


def root(called="root", own=None, length=None, **more):
    """A self-signed CA."""
    own = own or key(called)
    return made(called, called, own, own, constraints(True, length), usage(5, 6), **more)


def authority(called, issuer, length=None, **more):
    """A CA below `issuer`."""
    parts = constraints(True, length), usage(5, 6)
    return made(called, issuer, key(called), key(issuer), *parts, **more)


def device(called="CP1", issuer="root", *extensions, **more):
    """What a charger has: for a client."""
    extensions = extensions or (usage(0), extended(2))
    return made(called, issuer, key(called), key(issuer), *extensions, **more)
