# Bytes that look like certificates, as PEM text.
# MIT license; part of microevse
"""For tests of what looks at PEM and DER alone: nothing here can be verified."""

from binascii import b2a_base64

ONE = b"\x30\x82\x01\x00" + bytes(range(256))
TWO = b"\x30\x03abc"


def element(tag, *parts):
    """DER of an element with this content."""
    body = b"".join(parts)
    size = len(body)
    head = bytes([size]) if size < 128 else b"\x81" + size.to_bytes(2, "big")[1:]
    if size > 255:
        head = b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + head + body


def bits(*parts):
    return element(3, b"\0", *parts)


def certificate_of(public, version=True):
    """As much of a certificate as a look for its public key needs (RFC 5280, 4.1)."""
    head = [element(0xA0, element(2, b"\2"))] if version else []
    head += [element(2, b"serial number"), element(0x30), element(0x30, b"issuer")]
    head += [element(0x30, b"validity"), element(0x30, b"subject")]
    spki = element(0x30, element(0x30, element(6, b"algorithm")), public)
    return element(0x30, element(0x30, *head, spki), element(0x30), bits(b"s"))


POINT = b"\4" + bytes(range(64))
CLIENT = certificate_of(bits(POINT))
CLIENT_KEY = element(
    0x30, element(2, b"\1"), element(4, bytes(32)), element(0xA0, element(6, b"curve")),
    element(0xA1, bits(POINT)),
)  # fmt: skip


def pem(der, label="CERTIFICATE", end="\n"):
    text = str(b2a_base64(der).strip(), "utf-8")
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return end.join(["-----BEGIN %s-----" % label] + lines + ["-----END %s-----" % label, ""])
