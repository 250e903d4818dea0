# The local authorization list on flash: found by binary search.
# MIT license; part of microevse
"""Thousands of tokens in a NOR region, none of them in RAM.

The region is two halves that take turns. Each holds a header and entries of one size, sorted
by upper-cased token and kind. An update (`tagwriter`) writes the other half and programs its
header last: a power cut leaves the old list before that, the new list after it. The list that was
replaced stays there until the next update, and is used again if the newer one is damaged.

header: magic 4, form u8, bytes of a token u8, of a parent u8, form of the list before u8,
    generation u32, version u32, count u32, CRC-32 of the entries, CRC-32 of all before it.
    Behind it, in form 2: the header CRC of the list before, 0 once that list is erased.
entry: token, kind and status u8 (high and low half), parent, expiry u32 (Unix s, 0: never).

Form 1 has 20 bytes for a token and for a parent (in its header: 0), no kinds and five
statuses. A list that fits form 1 is written in it, so that an older version finds the list after a
rollback: that is every list of OCPP 1.6. Form 2 has the bytes that its longest token and parent
need. To an older version a half of form 2 is empty: it takes the older list in the other half, if
that is still there, and reports its version to the central system, or else 0. A list of form 1
is read as it is, and becomes form 2 with the first update that needs it, in the other half.

Of two halves of one form the higher generation counts. An older version, which does not see form
2, may begin to count anew. So a half of form 2 counts beside one of form 1 only if that one is
the list before it.
"""

import struct

from evse_base import log
from evse_base import IN_PLACE, before_import, const, crc32, release

# The number of a word is on flash: add behind, never reorder; at most 15 of each.
STATUSES = (
    "accepted", "blocked", "expired", "invalid", "concurrent", "no_credit", "not_allowed_type",
    "not_at_this_location", "not_at_this_time", "unknown",
)  # fmt: skip
# The first is that of a protocol without kinds: it is the same as every kind.
KINDS = (
    "", "ISO14443", "ISO15693", "Local", "Central", "KeyCode", "MacAddress", "NoAuthorization",
)  # fmt: skip

MAGIC = b"uTAG"
HEADER = "<4sBBBBIIII"
FIRST = 32  # offset of the first entry
TOKEN = 36  # the most bytes of a token and of a parent; see station.authorization.kept
_HEAD = const(28)  # bytes of the header, its own CRC included
_FORM_1 = const(20)  # bytes of a token and of a parent in it
_BLANK = const(0xFFFFFFFF)
_PAGE = const(256)


class ForeignContent(Exception):
    """The region holds something that is not ours; `tagwriter.format` would replace it."""


class TagList:
    """The list in the NOR device `flash` (see hal/partition.py).

    may_erase: fn(ms), True while every contactor is open, and for `ms` from now on. An erase
    stalls the chip for 80 ms, so an update that finds a contactor closed ends there: ValueError,
    nothing changed.
    Raises ForeignContent for a region in use by something else.
    """

    def __init__(self, flash, may_erase=None):
        if flash.blocks < 2 or flash.block_size % _PAGE:
            raise ValueError("the region needs two blocks or more")
        self.flash = flash
        self.may_erase = may_erase or bool  # of any time: True
        self.half = flash.blocks // 2 * flash.block_size
        self.capacity = self.room(_FORM_1, _FORM_1)  # of a list of form 1
        self.updating = False
        self.generation = 0
        self.use(0, 1, _FORM_1, _FORM_1, 0, 0)
        self._mount()

    def room(self, token, parent):
        """How many entries fit, if the longest token and parent have so many bytes."""
        return (self.half - FIRST) // (token + parent + 5)

    def use(self, base, form, token, parent, version, count):
        """The half at address `base` is the one that counts."""
        self.base = base
        self.form = form
        self.token = token  # bytes of a token in an entry
        self.parent = parent  # and of a parent
        self._buf = bytearray(token + parent + 5)
        self.version = version
        self.count = count

    def find(self, token, kind=""):
        """(status, expiry Unix s or None, parent or None) of a token, None if not listed.

        An entry of its own kind goes before an entry without a kind. For a token without a kind
        every entry of its text counts, and an entry that refuses it goes first.
        """
        width, buf = self.token, self._buf
        # ASCII only: bytes have one upper case on every interpreter, text has not.
        key = token.encode().upper()
        if not 0 < len(key) <= width or b"\0" in key or (kind and kind not in KINDS):
            return None  # a text that cannot be in the list is not in it
        key += b"\0" * (width - len(key))
        low, high = 0, self.count
        head = memoryview(buf)[:width]
        while low < high:
            middle = (low + high) // 2
            self.flash.read(self.base + FIRST + middle * len(buf), head)
            if bytes(head) < key:
                low = middle + 1
            else:
                high = middle
        wanted = KINDS.index(kind) if kind else 0
        found = None
        while low < self.count:
            self.flash.read(self.base + FIRST + low * len(buf), buf)
            if bytes(head) != key:
                break
            low += 1
            there = buf[width] >> 4
            if wanted and there not in (0, wanted):
                continue
            if found is None or wanted or found[0] == STATUSES[0]:
                parent = bytes(buf[width + 1 : -4]).rstrip(b"\0").decode()
                expiry = int.from_bytes(buf[-4:], "little")
                status = buf[width] & 15
                # A status of a newer version is not "accepted", whatever it means.
                status = STATUSES[status] if status < len(STATUSES) else "invalid"
                found = status, expiry or None, parent or None
        return found

    # -- updating ------------------------------------------------------------------------

    async def replace(self, version, entries):
        """Make `entries` the list: an iterable of (token, info, kind), see tagwriter.packed.

        Raises ValueError, which says why, where that cannot be: nothing has changed.
        """
        await self._update(version, entries, 0)

    async def merge(self, version, changes):
        """Put entries in, over those of the same token, or out; otherwise as `replace`."""
        await self._update(version, changes, self.count)

    async def _update(self, version, changes, old_count):
        await before_import()
        from . import tagwriter

        try:
            await tagwriter.update(self, version, changes, old_count)
        finally:
            release("store.tagwriter")

    # -- boot ----------------------------------------------------------------------------

    def _mount(self):
        heads = []
        for base in (0, self.half):
            head = bytearray(FIRST)
            self.flash.read(base, head)
            # A torn erase or program of ours only leaves more ones than were meant.
            for i in range(len(MAGIC)):
                if head[i] & MAGIC[i] != MAGIC[i]:
                    raise ForeignContent("no list of tokens, and not blank")
            fields = struct.unpack(HEADER, head[: _HEAD - 4])
            magic, form, token, parent, before, generation, version, count, crc = fields
            stored, link = struct.unpack("<II", head[_HEAD - 4 :])
            if magic != MAGIC or stored != crc32(memoryview(head)[: _HEAD - 4]):
                continue
            if form == 1:
                token = parent = _FORM_1
                link = stored
            elif form != 2 or not 0 < token <= TOKEN or parent > TOKEN:
                log.error("list", "version %d has form %d, not known here", version, form)
                continue
            if count <= self.room(token, parent):
                head = generation, base, form, token, parent, before, version, count, crc, link
                heads.append(head)
        heads.sort()
        for head in heads:
            self.generation = head[0]  # the highest
        if len(heads) > 1 and heads[0][2] != heads[1][2]:
            heads.sort(key=lambda head: head[2])
            link = heads[1][-1]
            if link == _BLANK:
                # Its writer made no links yet: it has only the form of the list before.
                newer = heads[1][0] > heads[0][0] and heads[1][5] == 1
            else:
                newer = link == heads[0][-1]
            if not newer:
                heads.reverse()
        while heads:
            _, base, form, token, parent, _, version, count, crc, _ = heads.pop()
            if self._crc(base, count * (token + parent + 5)) == crc:
                self.use(base, form, token, parent, version, count)
                return
            log.error("list", "version %d is damaged", version)

    def _crc(self, base, size):
        """CRC of `size` bytes of entries; once at boot, about 1 ms per 4 KB."""
        buf = bytearray(_PAGE)
        at, end = base + FIRST, base + FIRST + size
        crc = 0
        while at < end:
            view = memoryview(buf)[: min(_PAGE, end - at)]
            self.flash.read(at, view)
            crc = crc32(view, crc)
            at += len(view)
        return crc


if not IN_PLACE:
    # Loaded now: reading it from a file later would stall the interpreter while a car charges.
    from . import tagwriter  # noqa: E402, F401
