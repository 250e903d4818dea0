# Two application slots: which one starts, and how that changes in steps that a power cut cannot
# split.
# MIT license; part of microevse
"""A slot is a NOR device (`blocks`, `block_size`, `read`, `program`, `erase`): a file system image
from its first byte on, and in its last block the record about it:

    0     the bundle's header, 2048 bytes, its last 32 the SHA-256 of those before
    2048  commit: "SLOT", number, CRC-32 over the header's SHA-256 and the number
    2304  one byte for each start that has not been confirmed
    2560  confirmed: it has run well
    2816  given up: not to be started again

Every step only clears bits, in one program operation, so a power cut leaves it done or not done.
The slot with the higher number is the newer one. Every byte but the commit counts as cleared once
a single bit of it is.
"""

import struct
from binascii import crc32

BLOCK = 4096
HEADER = 2048
TRIES = 3

_COMMIT = HEADER
_TRIES = 2304
_CONFIRMED = 2560
_GIVEN_UP = 2816
_MAGIC = b"SLOT"
_FORMAT = "<4sII"
_COMMIT_SIZE = 12
_DIGEST = HEADER - 32
# The header's lines that matter for a start are among its first bytes.
_TEXT = 512
_PIECE = 1024  # read at a time
_FIRST_LINE = b"microevse-bundle "


class Record:
    """The record in the last block of a slot."""

    def __init__(self, number, text, digest, tries, confirmed, given_up):
        self.number = number  # None: nothing was ever committed
        self.text = text  # the beginning of the header
        self.digest = digest  # the header's SHA-256
        self.tries = tries  # starts so far that were not confirmed
        self.confirmed = confirmed
        self.given_up = given_up

    @property
    def whole(self):
        """True if the slot holds a program that was written completely."""
        return self.number is not None

    @property
    def live(self):
        """True if the slot may be started."""
        return self.whole and not self.given_up and (self.confirmed or self.tries < TRIES)

    def field(self, name):
        """A line of the header as text, None if it has no such line. Any bytes make some text: a
        damaged record must not keep the other slot from its start."""
        key = name.encode() + b" "
        for line in self.text.split(b"\n"):
            if line.startswith(key):
                return "".join([chr(byte) for byte in line[len(key) :]])
        return None


def _at(flash):
    return (flash.blocks - 1) * flash.block_size


def capacity(flash):
    """Bytes that an image may have."""
    return _at(flash)


def _get(flash, offset, size):
    buf = bytearray(size)
    flash.read(_at(flash) + offset, buf)
    return buf


def _seal(digest, number):
    return crc32(bytes(digest) + struct.pack("<I", number)) & 0xFFFFFFFF


def read(flash):
    """The Record of a slot. OSError if the flash cannot be read."""
    text = bytes(_get(flash, 0, _TEXT))
    digest = bytes(_get(flash, _DIGEST, 32))
    magic, number, seal = struct.unpack(_FORMAT, bytes(_get(flash, _COMMIT, _COMMIT_SIZE)))
    if magic != _MAGIC or seal != _seal(digest, number) or not text.startswith(_FIRST_LINE):
        number = None
    tries = sum([1 for byte in _get(flash, _TRIES, TRIES) if byte != 255])
    confirmed = _get(flash, _CONFIRMED, 1)[0] != 255
    return Record(number, text, digest, tries, confirmed, _get(flash, _GIVEN_UP, 1)[0] != 255)


def choose(records):
    """Indices of the slots that may be started, best first: [] where there is none.

    The newest first. Slots that were started three times without being confirmed, or that were
    given up, are left out.
    """
    live = [i for i in range(len(records)) if records[i].live]
    return sorted(live, key=lambda i: -records[i].number)


def why(record):
    """A few words on a record, for the log."""
    if not record.whole:
        return "empty"
    if record.given_up:
        return "given up"
    if record.confirmed:
        return "confirmed"
    if record.tries >= TRIES:
        return "not confirmed in %d starts" % TRIES
    return "on trial, start %d of %d" % (record.tries + 1, TRIES)


# -- steps: each is one program operation, but for `clear` and `describe` ----------------------
# OSError if the flash refuses or does not keep what was programmed: what depends on a step must
# not go on as if it had been done.


def _program(flash, offset, data):
    """Program and read back; a cell that has not taken its bit may take it the second time."""
    for _ in range(2):
        flash.program(_at(flash) + offset, data)
        if _get(flash, offset, len(data)) == data:
            return
    raise OSError(5)  # EIO


def start(flash, record):
    """Count a start of a slot that is not confirmed yet."""
    marks = _get(flash, _TRIES, TRIES)
    for i in range(TRIES):
        if marks[i] == 255:
            _program(flash, _TRIES + i, b"\0")
            record.tries += 1
            return


def confirm(flash):
    """The program runs well: the slot is started from now on, until a newer one is there."""
    _program(flash, _CONFIRMED, b"\0")


def give_up(flash):
    """Mark the slot: it is not started again."""
    try:
        _program(flash, _GIVEN_UP, b"\0")
    except OSError:
        # The cell does not take the mark. Without its commit the slot is empty.
        _program(flash, _COMMIT, bytes(_COMMIT_SIZE))


def clear(flash):
    """Forget what the slot holds.

    The commit goes first: an erase that is cut brings back bits one by one, and a program that was
    given up must not look like a new one because of it.
    """
    if _get(flash, _COMMIT, _COMMIT_SIZE) != b"\xff" * _COMMIT_SIZE:
        flash.program(_at(flash) + _COMMIT, bytes(_COMMIT_SIZE))
    flash.erase(flash.blocks - 1)


def describe(flash, header):
    """Write the header, or the list of its pieces; the slot must have been cleared."""
    pieces = header if isinstance(header, list) else [header]
    if sum([len(piece) for piece in pieces]) != HEADER:
        raise ValueError("a header has %d bytes" % HEADER)
    at = _at(flash)
    for piece in pieces:
        flash.program(at, piece)
        at += len(piece)


def header(flash):
    """The header as it is on the flash."""
    return bytes(_get(flash, 0, HEADER))


def digest(flash, at, size):
    """SHA-256 of `size` bytes from `at` on as they are on the flash, read in pieces."""
    import hashlib

    found = hashlib.sha256()
    view = memoryview(bytearray(_PIECE))
    end = at + size
    while at < end:
        n = min(end - at, _PIECE)
        flash.read(at, view[:n])
        found.update(view[:n])
        at += n
    return found.digest()


def describes(flash, known):
    """True if the header on the flash is whole, and is the one whose SHA-256 is `known`."""
    return _get(flash, _DIGEST, 32) == known == digest(flash, _at(flash), _DIGEST)


def commit(flash, number):
    """From now on the slot is whole, and the newest if `number` is the highest.

    The image and the header must have been written and compared before.
    """
    digest = _get(flash, _DIGEST, 32)
    data = struct.pack(_FORMAT, _MAGIC, number, _seal(digest, number))
    _program(flash, _COMMIT, data)


def next_number(records):
    """The number for a slot that is to be newer than all others."""
    return 1 + max([record.number or 0 for record in records])
