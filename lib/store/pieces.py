# Records on NOR flash in blocks that are made free by copying: where they are, and one more.
# MIT license; part of microevse
"""Block:  0..7  stamp, programmed after an erase that was read back: without it nothing is written
              there.
        8..   records: length u16, kind u8, state u8, id u32, CRC-32 of the payload, CRC-32 of
              what is before it (with a state of 0xFF), payload; padded to 4 bytes.

A record is never changed, so two copies of one are the same. See vault.py for what they hold.
"""

import struct

from evse_base import const, crc32

from store.sectors import ForeignContent

_STAMP = const(b"mEVault\x01")
DATA = 8  # first record
_HEADER = const("<HBBIII")
_RECORD = const(16)
_STATE_AT = const(3)
_CHECK_AT = const(12)
_WINDOW = const(256)

LIVE = 0xFF  # state of a record that was not zeroed


class Busy(Exception):
    """There is no erased room, and nothing may be erased now: try again while open."""


def size_of(length):
    """Bytes on flash of a record with a payload of `length` bytes."""
    return (_RECORD + length + 3) & ~3


def _head_crc(head):
    return crc32(bytes(head[:_STATE_AT]) + b"\xff" + bytes(head[4:_CHECK_AT])) & 0xFFFFFFFF


def best(rooms, size):
    """The block with the least room that is enough, -1 if none has."""
    found = -1
    for block, room in enumerate(rooms):
        if room >= size and (found < 0 or room < rooms[found]):
            found = block
    return found


class Pieces:
    """The records on `flash`. Raises ForeignContent, OSError.

    `end`: of the records in each block; 0: it has to be erased. `torn`: something is there that
    is no record. Counters: `bad_writes` (did not read back), `bad_blocks` (do not erase).
    """

    def __init__(self, flash):
        self.flash = flash
        self.bad_writes = self.bad_blocks = 0
        self.end = [0] * flash.blocks
        self.torn = [False] * flash.blocks
        self._buf = bytearray(_WINDOW)
        head = bytearray(DATA)
        for block in range(flash.blocks):
            flash.read(block * flash.block_size, head)
            if head == _STAMP:
                self.end[block] = DATA
        if not any(self.end):
            self._begin()

    def _begin(self):
        """Stamp a blank region. ForeignContent for anything else, which is not touched."""
        flash = self.flash
        first = bytearray(DATA)
        flash.read(0, first)
        for have, want in zip(first, _STAMP):
            # All ones, or the first stamp, torn: then only bits of it are cleared.
            if have & want != want:
                raise ForeignContent("block 0")
        for block in range(flash.blocks):
            if not self.blank(block, 0 if block else DATA):
                raise ForeignContent("block %d" % block)
        for block in range(flash.blocks):
            if block or first == b"\xff" * DATA:
                self.stamp(block)

    def records(self, block):
        """(offset, kind, state, id, length, CRC) of each record; the end is noted."""
        if not self.end[block]:
            return
        size = self.flash.block_size
        head = bytearray(_RECORD)
        off = DATA
        while off + _RECORD <= size:
            found = self._header(block, off, head)
            if not found:
                if bytes(head) == b"\xff" * _RECORD:
                    break
                # Torn by a power cut, or damaged: the next place where all is right counts.
                self.torn[block] = True
                off = self._after(block, off, head)
                continue
            yield (off,) + found
            off += size_of(found[3])
        self.end[block] = min(off, size)

    def _header(self, block, off, head):
        """(kind, state, id, length, CRC) of the record there, or None. `head` gets its bytes."""
        self.flash.read(block * self.flash.block_size + off, head)
        length, kind, state, number, crc, check = struct.unpack(_HEADER, head)
        if check != _head_crc(head) or off + size_of(length) > self.flash.block_size:
            return None
        return kind, state, number, length, crc

    def _after(self, block, off, head):
        """Offset of the first whole record behind `off`; the end of the block if there is none."""
        size = self.flash.block_size
        off += 4
        while off + _RECORD <= size:
            found = self._header(block, off, head)
            if found and self.payload(block, off, found[3], found[4]) is not None:
                return off
            off += 4
        return size

    def payload(self, block, off, length, crc):
        data = bytearray(length)
        self.flash.read(block * self.flash.block_size + off + _RECORD, data)
        return bytes(data) if crc32(data) & 0xFFFFFFFF == crc else None

    def blank(self, block, off, size=None):
        end = self.flash.block_size if size is None else off + size
        while off < end:
            buf = memoryview(self._buf)[: min(_WINDOW, end - off)]
            self.flash.read(block * self.flash.block_size + off, buf)
            if bytes(buf) != b"\xff" * len(buf):
                return False
            off += len(buf)
        return True

    # --- writing: program only --------------------------------------------------------

    def rooms(self, spare=False):
        """Bytes left in each block. One blank block is kept to copy into: only with `spare`.
        Without it nothing is written that counts, or no block could be made free any more."""
        size = self.flash.block_size
        rooms = [size - end if end else 0 for end in self.end]
        if spare:
            return rooms
        blank = [b for b, end in enumerate(self.end) if end == DATA]
        if not blank:
            return [0] * len(rooms)
        rooms[blank[-1]] = 0
        return rooms

    def copy(self, kind, number, payload, without):
        """Write a record, not into the block `without` (-1: nor into the spare one)."""
        head = bytearray(
            struct.pack(_HEADER, len(payload), kind, LIVE, number, crc32(payload) & 0xFFFFFFFF, 0)
        )
        struct.pack_into("<I", head, _CHECK_AT, _head_crc(head))
        data = bytes(head) + payload
        size = size_of(len(payload))
        back = bytearray(len(data))
        failed = None
        for _ in range(self.flash.blocks):
            rooms = self.rooms(without >= 0)
            if without >= 0:
                rooms[without] = 0
            block = best(rooms, size)
            if block < 0:
                raise failed or Busy("no erased room")
            off = self.end[block]
            self.end[block] = self.flash.block_size  # until the write has succeeded
            at = block * self.flash.block_size + off
            if self.blank(block, off, size):
                try:
                    self.flash.program(at, data)
                except OSError as exc:
                    failed = exc  # the flash says what is there
                self.flash.read(at, back)
                if back == data:
                    self.end[block] = off + size
                    return
                self.bad_writes += 1
                failed = failed or OSError(5)
            self.torn[block] = True
            try:
                self.flash.program(at, bytes(len(data)))
            except OSError as exc:
                failed = exc
        raise failed or OSError(5)

    def stamp(self, block):
        self.flash.program(block * self.flash.block_size, _STAMP)
        self.end[block] = DATA

    def zero(self, block, off, length):
        """Program the payload of the record there to zeros: its bytes are gone."""
        at = block * self.flash.block_size + off
        self.flash.program(at + _RECORD, bytes(length))
        self.flash.program(at + _STATE_AT, b"\0")
