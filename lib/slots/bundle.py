# The form of an update: a header with all that must be known, and an image.
# MIT license; part of microevse
"""The header has 2048 bytes: lines of text, zeros, and the SHA-256 of all that.

    microevse-bundle 2
    version 1.4.0
    board esp32_devkitc
    format lfs2            or romfs
    base 1                 number of the base image that it needs; without this line: any
    block 512              of the file system; 0 for romfs
    length 335872          bytes of the image that follows
    sha256 ...             of the image, hexadecimal
    key 0123456789abcdef   who has signed, and
    signature ...          over all lines before this one; an unsigned bundle has neither

The checksum finds damage; only a signature proves where a bundle is from.
"""

import hashlib
from binascii import hexlify, unhexlify

from . import HEADER

MAGIC = b"microevse-bundle "
FORMAT = b"2"
FORMATS = ("lfs2", "romfs")
_BODY = HEADER - 32
_SIGNATURE = b"\nsignature "
_NEEDED = ("version", "board", "format", "block", "length", "sha256")
_KNOWN = _NEEDED + ("base", "key", "signature")
_LONGEST = 32  # of a version or a board's name


class Header:
    """`fields`: {name: text}; `signed`: the bytes that a signature is over; `signature`; `digest`:
    the SHA-256 at the end of the header."""

    def __init__(self, fields, signed, signature, digest):
        self.digest = digest
        self.version = fields["version"]
        self.board = fields["board"]
        self.format = fields["format"]
        self.base = _number(fields, "base") if "base" in fields else 0
        self.block = _number(fields, "block")
        self.length = _number(fields, "length")
        self.sha256 = _bytes(fields, "sha256")
        self.key = fields.get("key")
        self.signed = signed
        self.signature = signature


def _number(fields, name):
    if not fields[name].isdigit() or len(fields[name]) > 8:
        raise ValueError("the bundle's %s is no number" % name)
    return int(fields[name])


def _bytes(fields, name):
    try:
        return unhexlify(fields[name].encode())
    except ValueError:
        raise _wrong(name, "the bundle's %s is not hexadecimal" % name)


def _wrong(name, text):
    if name != "signature":
        return ValueError(text)
    from .keys import NotBelieved

    return NotBelieved(text)


def foreign(data):
    """True if the first bytes cannot be those of a bundle."""
    return not MAGIC.startswith(bytes(data[: len(MAGIC)]))


def parse(data):
    """The Header in the first HEADER bytes. ValueError says what is wrong with it; for its
    signature keys.NotBelieved.

    data: bytes, or a list of pieces of them. No block is made for the whole: the caller may have
    little memory.
    """
    if not data or foreign(data[0] if isinstance(data, list) else data):
        raise ValueError("not a microevse bundle")
    found = hashlib.sha256()
    text = bytearray()
    seal = b""
    at = 0
    for piece in data if isinstance(data, list) else [data]:
        piece = memoryview(piece)
        part = piece[: max(0, _BODY - at)]
        found.update(part)
        end = len(part)
        while end and not part[end - 1]:
            end -= 1
        if end:  # the zeros at the end are not kept
            text += bytes(min(at, _BODY) - len(text))
            text += part[:end]
        seal += bytes(piece[len(part) : max(0, HEADER - at)])
        at += len(piece)
    if at < HEADER:
        raise ValueError("the bundle's header is cut off")
    text = bytes(text)
    first, _, rest = text.partition(b"\n")
    if first != MAGIC + FORMAT:
        raise ValueError("a bundle of another format: " + repr(first[:30]))
    if found.digest() != seal:
        raise ValueError("the bundle's header is damaged")
    fields = {}
    for line in rest.split(b"\n"):
        name, _, value = line.partition(b" ")
        name = name.decode()
        if not line:
            continue
        if name in fields or name not in _KNOWN:
            raise ValueError("the bundle's header has a wrong line: %s" % name[:30])
        fields[name] = value.decode()
    for name in _NEEDED:
        if not fields.get(name):
            raise ValueError("the bundle has no %s" % name)
    signature = None
    if "signature" in fields:
        # The signature has to be the last line: it covers only the lines before it.
        signature = _bytes(fields, "signature")
        if not text.endswith(_SIGNATURE + fields["signature"].encode() + b"\n"):
            raise _wrong("signature", "the signature is not the last line")
    if len(fields["version"]) > _LONGEST or len(fields["board"]) > _LONGEST:
        raise ValueError("the bundle's version or board is too long")
    if fields["format"] not in FORMATS:
        raise ValueError("an image of another format: %s" % fields["format"][:30])
    return Header(fields, text.partition(_SIGNATURE)[0] + b"\n", signature, seal)


def text(version, board, format, block, length, sha256, key=None, base=0):
    """The lines that a signature is over. sha256: 32 bytes. base: of the base image that is
    needed, 0: any."""
    lines = ["version " + version, "board " + board, "format " + format]
    if base:
        lines.append("base %d" % base)
    lines += ["block %d" % block, "length %d" % length, "sha256 " + hexlify(sha256).decode()]
    if key:
        lines.append("key " + key)
    return MAGIC + FORMAT + b"\n" + "\n".join(lines).encode() + b"\n"


def header(signed, signature=None):
    """HEADER bytes from what `text()` returned and the signature over it."""
    body = bytes(signed)
    if signature is not None:
        body += _SIGNATURE[1:] + hexlify(signature) + b"\n"
    if len(body) > _BODY:
        raise ValueError("%d bytes are too much for a header" % len(body))
    body += bytes(_BODY - len(body))
    return body + hashlib.sha256(body).digest()


def order(version):
    """A version as a list of numbers: 1.10 is newer than 1.9. What follows a - is left out."""
    numbers = []
    for part in version.partition("-")[0].split("."):
        digits = "".join([c for c in part if c.isdigit()])
        numbers.append(int(digits or 0))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def admit(head, board, room, keys, oldest=None, format=None, base=None):
    """Raise ValueError unless this bundle may be put on this board; keys.NotBelieved unless it is
    signed by one of the keys.

    board: its name; room: bytes of a slot; keys: lines of keys.load(), empty where no signature is
    needed; oldest: version before which none is taken, None: any; format: of images that this
    board's MicroPython runs, None: any; base: number of its base image, None: any.
    """
    if head.board != board:
        raise ValueError("a bundle for board %s, this is %s" % (head.board, board))
    if format is not None and head.format != format:
        raise ValueError("an image in %s, this board runs %s" % (head.format, format))
    if base is not None and head.base > base:
        why = "it needs base image %d, this board has %s: write the base image by cable"
        raise ValueError(why % (head.base, base or "none"))
    if not 0 < head.length <= room:
        raise ValueError("%d bytes do not fit into %d" % (head.length, room))
    if len(head.sha256) != 32:
        raise ValueError("the bundle's sha256 is none")
    block = head.block
    if head.format == "lfs2" and (block not in (512, 1024, 2048, 4096) or head.length % block):
        raise ValueError("blocks of %d bytes cannot be" % block)
    if oldest is not None and order(head.version) < order(oldest):
        raise ValueError("version %s is older than %s" % (head.version, oldest))
    if keys:
        from . import keys as signing

        signing.check(keys, head.key, head.signed, head.signature)
