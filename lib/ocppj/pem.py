# PEM: certificates and keys as text.
# MIT license; part of microevse
"""RFC 7468. Not every build of MicroPython's `ssl` reads it, all read DER."""

from binascii import a2b_base64

from evse_base import log

CERTIFICATE = ("CERTIFICATE",)
PRIVATE_KEY = ("PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")


def pem_to_der(text, labels=CERTIFICATE):
    """Every PEM block with one of `labels` in `text`, in order, as a list of DER bytes.

    Text between the blocks is ignored, as are blocks with other labels. ValueError if a block
    is damaged. The message never quotes the text: it may be a private key.
    """
    found = []
    label = None
    body = []
    for line in text.split("\n"):
        line = line.strip()
        if line.startswith("-----BEGIN ") and line.endswith("-----"):
            if label is not None:
                raise ValueError("PEM: a block has no end")
            label = line[11:-5]
            body = []
        elif line.startswith("-----END "):
            if label is None or line != "-----END %s-----" % label:
                raise ValueError("PEM: an end without its beginning")
            if label == "ENCRYPTED PRIVATE KEY":
                raise ValueError("PEM: the key is encrypted; store it without a password")
            if label in labels:
                found.append(_der("".join(body)))
            label = None
        elif label is not None:
            if ":" in line:
                raise ValueError("PEM: the key is encrypted; store it without a password")
            body.append(line)
    if label is not None:
        raise ValueError("PEM: a block has no end")
    return found


def _der(base64):
    if len(base64) % 4:
        raise ValueError("PEM: a block is cut short")
    try:
        der = a2b_base64(base64)
    except ValueError:
        raise ValueError("PEM: a block is not base64") from None
    # Every certificate and key is an ASN.1 SEQUENCE whose length fills the block.
    if len(der) < 4 or der[0] != 0x30:
        raise ValueError("PEM: a block holds no certificate or key")
    size, head = der[1], 2
    if size & 0x80:
        head += size & 0x7F
        size = int.from_bytes(der[2:head], "big")
    if head + size != len(der):
        raise ValueError("PEM: a block is cut short")
    return der


def certificates(text):
    """The certificates (DER) in a text from the central system, [] if it cannot be read."""
    try:
        return pem_to_der(text)
    except ValueError as exc:
        log.warn("security", "%s", exc)
        return []


def signature(text):
    """The bytes of a signature in base64; b"" if it is not that."""
    text = "".join(text.split())
    try:
        return b"" if len(text) % 4 else a2b_base64(text)
    except ValueError:
        return b""
