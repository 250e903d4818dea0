# X.509 certificates: from DER to numbers, texts and flags.
# MIT license; part of microevse
"""RFC 5280 section 4. Only the form is judged here; chain.py judges whether to believe it."""

from . import names
from .der import (
    INTEGER,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    DerError,
    Reader,
)

# Bits of the key usage (RFC 5280 4.2.1.3).
DIGITAL_SIGNATURE = 1 << 0
KEY_CERT_SIGN = 1 << 5

# Algorithms, as the content of their OIDs.
EC = b"\x2a\x86\x48\xce\x3d\x02\x01"
P256 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07"
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
ECDSA_SHA256 = b"\x2a\x86\x48\xce\x3d\x04\x03\x02"
_RSA_SHA256 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"

# The last byte of id-ce, 2.5.29.
_ID_CE = b"\x55\x1d"
_SUBJECT_KEY_ID = 14
_KEY_USAGE = 15
_ALT_NAME = 17
_CONSTRAINTS = 19
_AUTHORITY_KEY_ID = 35
_EXTENDED_USAGE = 37

_SERIAL_MAX = 20  # RFC 5280 4.1.2.2
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Certificate:
    """What a certificate says.

    der: itself. tbs: (begin, end) of the part in it that is signed. serial: integer.
    issuer, subject: names in DER. common_name, organization: of the subject, text, "" if there is
    none or more than one. not_before, not_after: Unix seconds, both within. key: ("p256", x, y),
    ("rsa", modulus, exponent) or (None,) for a kind that is not known here. key_bits: the bytes of
    the key, which are hashed to name it. algorithm: of the signature, "p256", "rsa" or None, each
    with SHA-256. signature: bytes. ca: bool. path_length: integer or None. key_usage: flags or
    None. extended_usage: tuple of OIDs (content) or None. dns: tuple of texts. addresses: tuple of
    bytes. subject_key_id, authority_key_id: bytes or None.
    """

    def __init__(self, der):
        # MicroPython's bytes() copies bytes, too: 3 KB with a large root.
        self.der = der if isinstance(der, bytes) else bytes(der)
        self.ca = False
        self.path_length = None
        self.key_usage = None
        self.extended_usage = None
        self.dns = ()
        self.addresses = ()
        self.subject_key_id = None
        self.authority_key_id = None


def parse(der):
    """The Certificate in these bytes. DerError if they are none, or if it has a critical extension
    that is not known here (RFC 5280 4.2: it must not be used then)."""
    made = Certificate(der)
    for _ in _steps(made):
        pass
    return made


async def read(der, pause):
    """`parse`, in pieces of at most 30 ms on a chip, between which `pause()` is awaited."""
    made = Certificate(der)
    for _ in _steps(made):
        await pause()
    return made


def _steps(made):
    """Reads one part more at each step."""
    outer = Reader(made.der)
    whole = outer.inside(SEQUENCE)
    outer.done()
    begin = whole.at
    tbs = whole.inside(SEQUENCE)
    made.tbs = (begin, whole.at)
    signed_with = whole.whole(SEQUENCE)
    made.signature = whole.bits()
    whole.done()

    version = 0
    if tbs.tag() == 0xA0:
        inner = tbs.inside(0xA0)
        version = inner.integer(1)
        inner.done()
        if not 1 <= version <= 2:  # X.690 11.5: the default, 0, is left out
            raise DerError("version %d" % (version + 1))
    made.serial = tbs.integer(_SERIAL_MAX)
    if tbs.whole(SEQUENCE) != signed_with:  # RFC 5280 4.1.1.2
        raise DerError("two signature algorithms")
    made.algorithm = _algorithm(signed_with)
    made.issuer = tbs.whole(SEQUENCE)
    names.read(made.issuer, b"")
    yield
    validity = tbs.inside(SEQUENCE)
    made.not_before = _time(validity)
    made.not_after = _time(validity)
    validity.done()
    made.subject = tbs.whole(SEQUENCE)
    made.common_name = names.read(made.subject, names.COMMON_NAME)
    made.organization = names.read(made.subject, names.ORGANIZATION)
    yield
    _key(made, tbs.inside(SEQUENCE))
    for unique in (0x81, 0x82):  # issuerUniqueID, subjectUniqueID: read by nobody
        if version and tbs.tag() == unique:
            tbs.span(unique)
    if version == 2 and tbs.tag() == 0xA3:
        inner = tbs.inside(0xA3)
        for _ in _extensions(made, inner.inside(SEQUENCE)):
            yield
        inner.done()
    tbs.done()
    yield


def _algorithm(der):
    reader = Reader(der).inside(SEQUENCE)
    kind = reader.oid()
    if kind == ECDSA_SHA256:  # RFC 5758 3.2: no parameters
        reader.done()
        return "p256"
    if kind == _RSA_SHA256:  # RFC 4055 5: NULL
        if reader.content(NULL):
            raise DerError("a NULL with content")
        reader.done()
        return "rsa"
    return None


def _key(made, reader):
    """SubjectPublicKeyInfo (RFC 3279 2.3)."""
    algorithm = reader.inside(SEQUENCE)
    made.key_bits = reader.bits()
    reader.done()
    kind = algorithm.oid()
    made.key = (None,)
    if kind == EC:
        if algorithm.tag() == OID and algorithm.oid() == P256:
            algorithm.done()
            made.key = ("p256",) + point(made.key_bits)
    elif kind == _RSA:
        if algorithm.content(NULL):
            raise DerError("a NULL with content")
        algorithm.done()
        outer = Reader(made.key_bits)
        numbers = outer.inside(SEQUENCE)
        outer.done()
        made.key = ("rsa", numbers.integer(), numbers.integer())
        numbers.done()


def point(data):
    """(x, y) of a point of P-256 that is not compressed (SEC 1 2.3.4)."""
    if len(data) != 65 or data[0] != 4:
        raise DerError("a point of %d bytes" % len(data))
    return int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")


def _digits(data, at, count):
    number = 0
    for byte in data[at : at + count]:
        if not 0x30 <= byte <= 0x39:
            raise DerError("a time that is none")
        number = 10 * number + byte - 0x30
    return number


def _time(reader):
    """Unix seconds (RFC 5280 4.1.2.5): YYMMDDHHMMSSZ to 2049, YYYYMMDDHHMMSSZ from 2050."""
    tag = reader.tag()
    if tag == 0x17:
        data = reader.content(tag)
        at = 2
    else:
        data = reader.content(0x18)
        at = 4
    if len(data) != at + 11 or data[-1] != 0x5A:
        raise DerError("a time that is none")
    year = _digits(data, 0, at)
    if at == 2:
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute, second = [_digits(data, at + i, 2) for i in (0, 2, 4, 6, 8)]
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if (
        not 1 <= month <= 12
        or not 1 <= day <= _DAYS[month - 1] + (month == 2 and leap)
        or hour > 23
        or minute > 59
        or second > 59
        or not year
    ):
        raise DerError("a time that is none")
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719162
    days += sum(_DAYS[: month - 1]) + (month > 2 and leap) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def _extensions(made, reader):
    """Reads one more at each step."""
    seen = []
    if reader.tag() is None:
        raise DerError("an empty list of extensions")
    while reader.tag() is not None:
        one = reader.inside(SEQUENCE)
        kind = one.oid()
        critical = False
        if one.tag() != OCTET_STRING:
            critical = one.boolean()
            if not critical:  # X.690 11.5
                raise DerError("a default that is written out")
        value = one.inside(OCTET_STRING)
        one.done()
        if kind in seen:
            raise DerError("an extension twice")
        seen.append(kind)
        if len(kind) == 3 and kind[:2] == _ID_CE and _extension(made, kind[2], value):
            value.done()
        elif critical:
            raise DerError("a critical extension that is not known")
        yield


def _extension(made, kind, value):
    """True if the extension is known; the certificate has then what it says."""
    if kind == _CONSTRAINTS:
        inner = value.inside(SEQUENCE)
        if inner.tag() is not None:
            if inner.tag() != INTEGER:
                made.ca = inner.boolean()
                if not made.ca:
                    raise DerError("a default that is written out")
            if inner.tag() is not None:
                if not made.ca:
                    raise DerError("a path length without a CA")
                made.path_length = inner.integer(2)
        inner.done()
    elif kind == _KEY_USAGE:
        made.key_usage = value.flags()
        if not made.key_usage:  # RFC 5280 4.2.1.3: at least one bit
            raise DerError("a key of no use")
    elif kind == _EXTENDED_USAGE:
        made.extended_usage = _usages(value.inside(SEQUENCE))
    elif kind == _ALT_NAME:
        _alt_names(made, value.inside(SEQUENCE))
    elif kind == _SUBJECT_KEY_ID:
        made.subject_key_id = value.content(OCTET_STRING)
    elif kind == _AUTHORITY_KEY_ID:
        inner = value.inside(SEQUENCE)
        if inner.tag() == 0x80:
            made.authority_key_id = inner.content(0x80)
        for tag in (0xA1, 0x82):  # the issuer's issuer and serial number: the name is enough
            if inner.tag() == tag:
                inner.span(tag)
        inner.done()
    else:
        return False
    return True


def _usages(reader):
    found = []
    while reader.tag() is not None:
        found.append(reader.oid())
    if not found:
        raise DerError("an empty list")
    return tuple(found)


def _alt_names(made, reader):
    dns, addresses = [], []
    if reader.tag() is None:
        raise DerError("an empty list")
    while reader.tag() is not None:
        tag = reader.tag()
        value = reader.content(tag)
        if tag == 0x82:  # dNSName, an IA5String
            if not 1 <= len(value) <= names.TEXT_MAX or any(
                [not 0x20 < byte < 0x7F for byte in value]
            ):
                raise DerError("a DNS name that is none")
            dns.append(str(value, "ascii"))
        elif tag == 0x87:
            if len(value) not in (4, 16):
                raise DerError("an address of %d bytes" % len(value))
            addresses.append(value)
    made.dns = tuple(dns)
    made.addresses = tuple(addresses)
