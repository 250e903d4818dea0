# Bytes that look like certificates, as PEM text.
# MIT license; part of microevse
"""For tests of what looks at PEM and DER alone: nothing here can be verified."""

from binascii import b2a_base64

ONE = b"\x30\x82\x01\x00" + bytes(range(256))
TWO = b"\x30\x03abc"


def pem(der, label="CERTIFICATE", end="\n"):
    text = str(b2a_base64(der).strip(), "utf-8")
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return end.join(["-----BEGIN %s-----" % label] + lines + ["-----END %s-----" % label, ""])
