# The local authorization list on flash: found by binary search, replaced as a whole or not at all.
# MIT license; part of microevse
"""Thousands of tokens in a NOR region, none of them in RAM.

The region is two halves that take turns. Each holds a header and entries of one size, sorted
by upper-cased token. An update writes the other half and programs its header last: until then
the old list is the list, after that the new one, whatever cut comes between. The list that
was replaced stays there until the next update and is fallen back on if the newer one rots.

header: magic 4, form u8, pad 3, generation u32, version u32, count u32, CRC-32 of the entries,
    CRC-32 of the header before it.
entry: token 20, status u8, parent 20, expiry u32 (Unix s, 0: never).
"""

import asyncio
import struct

import log
from port import const, crc32

# The number of a word is on flash: add behind, never reorder.
STATUSES = ("accepted", "blocked", "expired", "invalid", "concurrent")

_MAGIC = const(b"uTAG")
_FORM = const(1)
_HEADER = const("<4sB3sIIII")
_HEAD = const(28)  # bytes, its own CRC included
_ENTRY = const("<20sB20sI")
ENTRY = 45
TOKEN = 20  # IdToken is CiString20Type (OCPP 1.6 section 7.28)
_DROP = const(0xFF)  # status of a change that takes an entry out
_NEVER = const(0)
_LAST = const(0xFFFFFFFF)
_FIRST = const(32)  # offset of the first entry
_PAGE = const(256)  # one program command of the chip


class ForeignContent(Exception):
    """The region holds something that is not ours; `format` makes it so."""


class ListError(Exception):
    """The update cannot be made, and says why. The list is what it was."""


def key_of(token):
    """Token as it stands in an entry. ListError if it has no place there."""
    # ASCII only: bytes have one upper case on every interpreter, text has not.
    raw = token.encode().upper()
    if not raw or len(raw) > TOKEN or b"\0" in raw:
        raise ListError("a token must have 1 to %d characters" % TOKEN)
    return raw


def packed(token, info):
    """Entry of a token; info: {"status", "expiry", "parent"}, or None to take it out."""
    key = key_of(token)
    if info is None:
        return struct.pack(_ENTRY, key, _DROP, b"", _NEVER)
    parent = (info.get("parent") or "").encode()
    if len(parent) > TOKEN or b"\0" in parent:
        raise ListError("a parent must have at most %d characters" % TOKEN)
    expiry = info.get("expiry")
    expiry = _NEVER if expiry is None else min(max(expiry, 1), _LAST)
    return struct.pack(_ENTRY, key, STATUSES.index(info["status"]), parent, expiry)


def format(flash):
    """Make the region an empty list, whatever it held. Erases only what is not blank."""
    for block in range(flash.blocks):
        _blank(flash, block)


def _blank(flash, block):
    """Erase a block unless it is erased already; True if it had to be (80 ms)."""
    buf = bytearray(_PAGE)
    ones = b"\xff" * _PAGE
    for at in range(block * flash.block_size, (block + 1) * flash.block_size, _PAGE):
        flash.read(at, buf)
        if buf != ones:
            flash.erase(block)
            return True
    return False


class TagList:
    """The list in the NOR device `flash` (see hal/partition.py).

    may_erase: callable, True while every contactor is open. An erase stalls the chip for
    80 ms, so an update that finds a contactor closed ends there: ListError, nothing changed.
    Raises ForeignContent for a region in use by something else.
    """

    def __init__(self, flash, may_erase=None):
        if flash.blocks < 2 or flash.block_size % _PAGE:
            raise ValueError("the region needs two blocks or more")
        self._flash = flash
        self._may_erase = may_erase or (lambda: True)
        self._half = flash.blocks // 2 * flash.block_size
        self.capacity = (self._half - _FIRST) // ENTRY
        self._updating = False
        self._buf = bytearray(ENTRY)
        self._base = 0  # address of the half that counts
        self._generation = 0
        self.version = 0
        self.count = 0
        self._mount()

    # -- finding -------------------------------------------------------------------------

    def find(self, token):
        """(status, expiry Unix s or None, parent or None) of a token, None if not listed."""
        try:
            key = key_of(token)
        except ListError:
            return None  # what cannot be in the list is not in it
        key += b"\0" * (TOKEN - len(key))
        low, high = 0, self.count
        head = memoryview(self._buf)[:TOKEN]
        while low < high:
            middle = (low + high) // 2
            at = self._base + _FIRST + middle * ENTRY
            self._flash.read(at, head)
            there = bytes(head)
            if there == key:
                self._flash.read(at, self._buf)
                _, status, parent, expiry = struct.unpack(_ENTRY, self._buf)
                parent = parent.rstrip(b"\0").decode()
                return STATUSES[status], None if expiry == _NEVER else expiry, parent or None
            if there < key:
                low = middle + 1
            else:
                high = middle
        return None

    # -- updating ------------------------------------------------------------------------

    async def replace(self, version, entries):
        """Make `entries` ([packed(...), ...], in any order) the list. ListError if it fails."""
        await self._update(version, entries, 0)

    async def merge(self, version, changes):
        """Put entries in, over those of the same token, or out. ListError if it fails."""
        await self._update(version, changes, self.count)

    async def _update(self, version, changes, old_count):
        """Write old entries and changes, merged, into the other half; then its header."""
        if self._updating:
            raise ListError("another update is being made")
        if not 0 <= version <= _LAST:
            raise ListError("version %d" % version)
        changes.sort()
        for i in range(1, len(changes)):
            if changes[i][:TOKEN] == changes[i - 1][:TOKEN]:
                raise ListError("a token comes twice")
        self._updating = True
        try:
            base = self._half - self._base
            writer = _Writer(self._flash, base + _FIRST, base + self._half, self._erase)
            await self._erase(base)  # first: it takes the stale header away
            crc = 0
            for entry in self._merged(changes, old_count):
                if writer.count >= self.capacity:
                    raise ListError("more than %d tokens" % self.capacity)
                crc = crc32(entry, crc)
                await writer.add(entry)
            await writer.flush()
            generation = self._generation + 1
            version = version if writer.count else 0  # 0 says: empty (OCPP 1.6, 5.10)
            head = struct.pack(
                _HEADER, _MAGIC, _FORM, b"", generation, version, writer.count, crc
            )
            self._check_open()
            self._flash.program(base, head + struct.pack("<I", crc32(head)))
            self._base, self._generation = base, generation
            self.version, self.count = version, writer.count
        finally:
            self._updating = False

    def _merged(self, changes, old_count):
        """Iterate the entries of the new list in order; the one buffer is used for old ones."""
        old = bytearray(ENTRY)
        start = self._base + _FIRST
        i = 0
        for entry in changes:
            key = entry[:TOKEN]
            while i < old_count:
                self._flash.read(start + i * ENTRY, old)
                there = bytes(old[:TOKEN])
                if there > key:
                    break
                i += 1
                if there < key:
                    yield old
            if entry[TOKEN] != _DROP:
                yield entry
        while i < old_count:
            self._flash.read(start + i * ENTRY, old)
            i += 1
            yield old

    def _check_open(self):
        if not self._may_erase():
            raise ListError("a contactor is closed")

    async def _erase(self, address):
        """Make the block at `address` blank, while that is allowed."""
        # Between two stalls everybody else has a turn, and a car may begin to charge.
        await asyncio.sleep(0)
        self._check_open()
        _blank(self._flash, address // self._flash.block_size)

    # -- boot ----------------------------------------------------------------------------

    def _mount(self):
        heads = []
        for base in (0, self._half):
            head = bytearray(_HEAD)
            self._flash.read(base, head)
            # A torn erase or program of ours only ever leaves more ones than were meant.
            for i in range(len(_MAGIC)):
                if head[i] & _MAGIC[i] != _MAGIC[i]:
                    raise ForeignContent("no list of tokens, and not blank")
            magic, form, _, generation, version, count, crc = struct.unpack(
                _HEADER, head[: _HEAD - 4]
            )
            stored = struct.unpack("<I", head[_HEAD - 4 :])[0]
            sound = magic == _MAGIC and stored == crc32(memoryview(head)[: _HEAD - 4])
            if sound and form == _FORM and count <= self.capacity:
                heads.append((generation, base, version, count, crc))
        heads.sort()
        while heads:
            generation, base, version, count, crc = heads.pop()
            self._generation = max(self._generation, generation)
            if self._crc(base, count) == crc:
                self._base, self.version, self.count = base, version, count
                return
            log.error("list", "version %d is damaged", version)

    def _crc(self, base, count):
        """CRC of the entries; once at boot, about 1 ms per 4 KB."""
        buf = bytearray(_PAGE)
        at, end = base + _FIRST, base + _FIRST + count * ENTRY
        crc = 0
        while at < end:
            view = memoryview(buf)[: min(_PAGE, end - at)]
            self._flash.read(at, view)
            crc = crc32(view, crc)
            at += len(view)
        return crc


class _Writer:
    """Programs entries one behind the other, a page at a time, into blocks made blank."""

    def __init__(self, flash, at, end, erase):
        self._flash = flash
        self._at = at
        self._end = end
        self._erase = erase
        self._page = bytearray(_PAGE)
        self._used = 0
        self.count = 0

    async def add(self, entry):
        self.count += 1
        done = 0
        while done < ENTRY:
            # Pages end where those of the chip do, and so where its blocks do.
            room = _PAGE - self._at % _PAGE - self._used
            n = min(room, ENTRY - done)
            self._page[self._used : self._used + n] = entry[done : done + n]
            self._used += n
            done += n
            if n == room:
                await self.flush()

    async def flush(self):
        """Program what is in the page."""
        if not self._used:
            return
        if self._at % self._flash.block_size == 0:
            await self._erase(self._at)
        self._flash.program(self._at, memoryview(self._page)[: self._used])
        self._at += self._used
        self._used = 0
