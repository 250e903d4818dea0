# Records on NOR flash: how they are laid out, found, checked and walked through.
# MIT license; part of microevse
"""Record: length u16, kind u8, sequence u32, key u16, check u16, flags u8, CRC-32 u32,
payload; padded to 4 bytes. The check covers the bytes before it, so that a walk can trust the
length without reading the payload; the CRC covers all but the flags. Low flag nibble: 1s until
done. High nibble: 1s while held.
"""

import struct

from evse_base import const, crc32

from store.sectors import DATA, STREAMS, Sectors

RECORD = 16  # bytes of a record before its payload
CHECKED = 9  # bytes covered by the check
FLAGS = 11
_CRC = const(12)

DONE = 0xF0  # programmed over the flags: clears the low nibble
RELEASE = 0x0F  # clears the high nibble
_ONES = const(b"\0\1\1\2\1\2\2\3\1\2\2\3\2\3\3\4")  # set bits of a nibble


class Cursor:
    """A place in a stream: the first record from `seq` on."""

    def __init__(self, stream, seq=0):
        self.stream = stream
        self.seq = seq
        self.block = self.off = self.generation = -1


def check(view):
    # Never 0xFFFF: an unwritten check must not be valid.
    return (crc32(view) & 0xFFFF) % 0xFFFF


def padded(n):
    return (n + 3) & ~3


def record_size(length):
    """Bytes that a record with a payload of `length` bytes takes."""
    return padded(RECORD + length)


def is_done(flags):
    """True when delivered or superseded; one flipped bit does not change the answer."""
    return _ONES[flags & 15] <= 1


def is_held(flags):
    """True while held; a half-programmed release still counts as held."""
    return _ONES[flags >> 4] >= 2


def is_dead(flags):
    """True when nothing needs the record any more."""
    return is_done(flags) and not is_held(flags)


class Records(Sectors):
    """Reading: walks and cursors over the records of both streams.

    The fields `kind, seq, key, flags, size` describe the record that the last `seek`
    or `find` came to, `block` and `off` say where it is. `skipped` counts the damaged
    records that were passed over.
    """

    def __init__(self, flash):
        Sectors.__init__(self, flash)
        self.skipped = 0
        self._damaged = set()
        self._pos = [flash.block_size] * STREAMS  # where the next record goes
        self.kind = self.seq = self.key = self.flags = self.size = self.length = 0
        self.block = self.off = 0

    def room(self, stream):
        """Bytes left in the sector the stream is written to."""
        return self.flash.block_size - self._pos[stream]

    def _parse(self, block, off):
        """Read the record header at `off`; False if there is no valid one."""
        if off + RECORD > self.flash.block_size:
            return False
        i = self._get(block * self.flash.block_size + off, RECORD)
        buf = self._buf
        n, kind, seq, key, stored, flags = struct.unpack_from("<HBIHHB", buf, i)
        size = padded(RECORD + n)
        if n == 0xFFFF or off + size > self.flash.block_size:
            return False
        if stored != check(memoryview(buf)[i : i + CHECKED]):
            return False
        self.kind = kind
        self.seq = seq
        self.key = key
        self.flags = flags
        self.size = size
        self.length = n
        self.block = block
        self.off = off
        return True

    def _record(self, block, off, count=False):
        """Offset of the first record at or behind `off` in the block, 0 if there is none."""
        if self._parse(block, off):
            return off
        size = self.flash.block_size
        if off + RECORD > size:
            return 0
        i = self._get(block * size + off, RECORD)
        if bytes(self._buf[i : i + RECORD]) == b"\xff" * RECORD:
            return 0
        # Damaged header: its length is unknown. Records start at multiples of 4; take
        # the next place where header and payload are both right.
        bad = off
        while off + RECORD < size:
            off += 4
            if self._parse(block, off) and self.payload(block, off, False) is not None:
                if count:
                    self._damage(block, bad)
                return off
        return 0

    def _damage(self, block, off):
        addr = block * self.flash.block_size + off
        if addr not in self._damaged:
            self.skipped += 1
            if len(self._damaged) < 64:
                self._damaged.add(addr)

    def raw(self, block, off, count=True):
        """The whole record as a bytearray, None (and counted) if its CRC is wrong."""
        if not self._parse(block, off):
            return None
        data = bytearray(RECORD + self.length)
        self.flash.read(block * self.flash.block_size + off, data)
        view = memoryview(data)
        crc = crc32(view[RECORD:], crc32(view[:CHECKED]))
        if crc != struct.unpack_from("<I", data, _CRC)[0]:
            if count:
                self._damage(block, off)
            return None
        return data

    def payload(self, block, off, count=True):
        """The payload of a record, None if it is damaged."""
        data = self.raw(block, off, count)
        return None if data is None else memoryview(data)[RECORD:]

    def seek(self, cursor):
        """Move `cursor` to the first record with its `seq` or a later one; False at the end."""
        order = self._order[cursor.stream]
        if cursor.generation != self.generation:
            if not order:
                return False
            index = len(order) - 1
            while index and self._base[order[index]] > cursor.seq:
                index -= 1
            cursor.block = order[index]
            cursor.off = DATA
            cursor.generation = self.generation
        while True:
            off = self._record(cursor.block, cursor.off)
            if off:
                cursor.off = off
                if self.seq >= cursor.seq:
                    return True
                cursor.off += self.size
                continue
            if cursor.block != order[-1] or not self.room(cursor.stream):
                cursor.off = self.flash.block_size  # so that its damaged end is not searched again
            index = order.index(cursor.block) + 1
            if index == len(order):
                return False
            cursor.block = order[index]
            cursor.off = DATA

    def find(self, stream, seq):
        """Come to the record `seq`; False if it is not there (any more)."""
        return self.seek(Cursor(stream, seq)) and self.seq == seq
