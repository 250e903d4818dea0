# Names of certificates: what a person reads in them, and whether a host is one of them.
# MIT license; part of microevse
"""RFC 5280 4.1.2.4 and RFC 6125 6.4. Two names are compared by their bytes (RFC 5280 7.1 allows
more: a CA that writes its name in two ways is not understood here)."""

from .der import SEQUENCE, SET, DerError, Reader

COMMON_NAME = b"\x55\x04\x03"
ORGANIZATION = b"\x55\x04\x0a"
TEXT_MAX = 255  # bytes of one attribute

# Kinds of text: UTF8String, PrintableString, TeletexString (read as Latin-1), IA5String.
_UTF8 = (0x0C, 0x13, 0x16)
_TELETEX = 0x14
_BMP = 0x1E


def read(name, wanted):
    """The attribute `wanted` (an OID's content) in a Name (DER); "" if it is not there, there more
    than once, or no text that can be shown. DerError if the Name is none."""
    outer = Reader(name)
    names = outer.inside(SEQUENCE)
    outer.done()
    found = None
    count = 0
    while names.tag() is not None:
        several = names.inside(SET)
        if several.tag() is None:
            raise DerError("an empty part of a name")
        while several.tag() is not None:
            one = several.inside(SEQUENCE)
            kind = one.oid()
            tag = one.tag()
            value = one.content(tag)
            one.done()
            if len(value) > TEXT_MAX:
                raise DerError("a name of %d bytes" % len(value))
            if kind == wanted:
                found = _text(tag, value)
                count += 1
    return found if count == 1 else ""


def _text(tag, value):
    """The text in an attribute; "" if it cannot be shown."""
    try:
        if tag in _UTF8:
            text = str(value, "utf-8")
        elif tag == _TELETEX:
            text = "".join([chr(byte) for byte in value])
        elif tag == _BMP and len(value) % 2 == 0:
            text = "".join([chr(value[i] << 8 | value[i + 1]) for i in range(0, len(value), 2)])
        else:
            return ""
    except ValueError:
        return ""
    # What moves the cursor or ends the text would deceive who reads a log.
    for letter in text:
        if ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 or 0xD800 <= ord(letter) < 0xE000:
            return ""
    return text


def address(host):
    """The four bytes of an IPv4 address; None if `host` is none."""
    parts = host.split(".")
    if len(parts) != 4:
        return None
    found = []
    for part in parts:
        if not 1 <= len(part) <= 3 or any([not "0" <= c <= "9" for c in part]):
            return None
        if int(part) > 255:
            return None
        found.append(int(part))
    return bytes(found)


def _same_host(pattern, host):
    """True if the name in a certificate is this host's. A * stands for the whole first label, and
    at least two labels follow it."""
    pattern = pattern.lower()
    if pattern.startswith("*."):
        first, dot, rest = host.partition(".")
        return bool(first and dot) and "." in rest and rest == pattern[2:]
    return pattern == host and "*" not in pattern


def is_host(certificate, host):
    """True if the certificate is for this host: a DNS name or an IPv4 address.

    If it lists names or addresses (subjectAltName), these alone count; if not, its common name.
    An IPv6 address is never found.
    """
    if not host:
        return False
    wanted = address(host)
    if certificate.dns or certificate.addresses:
        if wanted is not None:
            return wanted in certificate.addresses
        host = host.lower()
        return any([_same_host(pattern, host) for pattern in certificate.dns])
    if wanted is not None:
        return certificate.common_name == host
    return _same_host(certificate.common_name, host.lower())
