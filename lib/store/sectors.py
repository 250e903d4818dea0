# Blocks of NOR flash: erased, in use, to be erased; their order, wear and headers.
# MIT license; part of microevse
"""The use of every block of the flash, and the steps by which that changes.

Block:  0..15  stamp: magic, version, erase count, CRC. Written right after an erase.
       16..63  sector header, twice: stream, generation, first and last order, base,
               CRC. Written when the block is taken into use.
       64..    records (norlog.py).

Sectors of a stream are ordered by the numbers in their headers, not by place. A sector
whose range of orders covers another one's replaces it (of two with the same range the
later generation counts). Programming the header is the one step that makes it so. A
block is only erased after its header was programmed to zeros: a half-done erase cannot
bring old records back.
"""

import struct
from array import array

from evse_base import const, crc32

_MAGIC = const(b"mEVj")
_VERSION = const(1)
_STAMP = const("<4sBBHI")
_HEADER = const("<BBHIII")
_COPY_A = const(16)
_COPY_B = const(40)
DATA = 64  # first record

_READY = const(1)
_LIVE = const(2)
_GARBAGE = const(3)
_BAD = const(4)
_WINDOW = const(256)  # read-ahead for walks: one device call for several records
_UNKNOWN = const(0xFFFFFFFF)

STREAMS = 2


class ForeignContent(Exception):
    """The flash holds something that is neither blank nor ours; nothing was changed."""


class NoSpace(Exception):
    """No erased block is left to go on in."""


def _sealed(data):
    return data + struct.pack("<I", crc32(data))


def _stamp(wear):
    return _sealed(struct.pack(_STAMP, _MAGIC, _VERSION, 0, 0, wear))


def _header(head, at):
    """(stream, generation, first, last, base) of a valid header copy, else None."""
    if bytes(head[at : at + 20]) != _sealed(bytes(head[at : at + 16])):
        return None
    stream, generation, _, first, last, base = struct.unpack_from(_HEADER, head, at)
    return (stream, generation, first, last, base) if stream < STREAMS else None


def _either(head):
    return _header(head, _COPY_A) or _header(head, _COPY_B)


def format(flash):
    """Erase everything. Only call it when a person has asked for it."""
    for block in range(flash.blocks):
        flash.erase(block)


class Sectors:
    """The blocks of `flash` as erased ones and as sectors of two streams.

    `ready` is how many are erased, `generation` changes when sectors leave a stream,
    `programs` with everything that is written.
    Counters: `bad_blocks` (do not erase), `bad_writes` (did not read back).
    """

    def __init__(self, flash):
        self.flash = flash
        n = flash.blocks
        self.capacity = flash.block_size - DATA
        self.ready = 0
        self.generation = 0
        self.programs = 0
        self.bad_blocks = self.bad_writes = 0
        self._use = bytearray(n)
        self._wear = array("I", bytes(4 * n))
        self._base = array("I", bytes(4 * n))  # no record before this sequence number
        self._live = array("H", bytes(2 * n))  # bytes of records that are not dead
        self._order = ([], [])  # blocks of each stream, oldest first
        self._next_order = 1
        self._buf = bytearray(_WINDOW)
        self._win = -1
        self._classify()

    # --- boot -------------------------------------------------------------------------

    def _classify(self):
        """Find out what every block is. Raises ForeignContent."""
        flash = self.flash
        head = bytearray(DATA)
        found = []
        ours = False
        worst = 0
        for block in range(flash.blocks):
            flash.read(block * flash.block_size, head)
            stamped = (
                head[:4] == _MAGIC
                and head[4] == _VERSION
                and head[:_COPY_A] == _sealed(bytes(head[: _COPY_A - 4]))
            )
            # The erase count is lost in a power cut between erase and stamp: see below.
            wear = struct.unpack_from("<I", head, 8)[0] if stamped else _UNKNOWN
            sector = _either(head)
            ours = ours or stamped or sector is not None
            self._wear[block] = wear
            self._use[block] = _GARBAGE
            if stamped:
                worst = max(worst, wear)
            if sector:
                stream, generation, first, last, base = sector
                found.append((stream, first, -last, generation, block, base))
                self._next_order = max(self._next_order, last + 1)
            elif stamped and self._blank(block, _COPY_A):
                self._use[block] = _READY
                self.ready += 1
        if not ours:
            self._initialise()
            return
        for block in range(flash.blocks):
            if self._wear[block] == _UNKNOWN:
                self._wear[block] = worst
        found.sort()
        before = None
        for entry in found:
            stream, first, last, generation, block, base = entry
            last = -last
            if before and before[0] == stream and last <= -before[2]:
                # Replaced by the sector before it in the list, whose range covers it;
                # a cut came before this one was killed.
                if (first, -last) == before[1:3] and (generation - before[3]) & 0x80 == 0:
                    self._retire(stream, self._order[stream][-1])
                    self._kill(before[4])
                else:
                    self._kill(block)
                    continue
            before = entry
            self._order[stream].append(block)
            self._base[block] = base
            self._use[block] = _LIVE

    def _blank(self, block, off=0):
        """True if everything in the block from `off` on reads as erased."""
        size = self.flash.block_size
        while off < size:
            n = min(_WINDOW, size - off)
            buf = memoryview(self._buf)[:n]
            self._win = -1
            self.flash.read(block * size + off, buf)
            if bytes(buf) != b"\xff" * n:
                return False
            off += n
        return True

    def _initialise(self):
        """Stamp a blank region. Any other content is not ours and is not touched."""
        stamp = _stamp(0)
        first = bytearray(len(stamp))
        self.flash.read(0, first)
        for have, want in zip(first, stamp):
            # All ones, or our own first stamp, torn: then only bits of the stamp are cleared.
            if have & want != want:
                raise ForeignContent("block 0")
        for block in range(self.flash.blocks):
            if not self._blank(block, 0 if block else len(stamp)):
                raise ForeignContent("block %d" % block)
        for block in range(self.flash.blocks):
            self._wear[block] = 0
            if block == 0 and first != b"\xff" * len(first):
                continue  # marginal bits: erased before use like any other garbage
            self.flash.program(block * self.flash.block_size, stamp)
            self._use[block] = _READY
            self.ready += 1

    # --- reading ----------------------------------------------------------------------

    def _get(self, addr, n):
        """Index in the window buffer of the `n` bytes at `addr`."""
        win = self._win
        if win < 0 or addr < win or addr + n > win + _WINDOW:
            end = self.flash.blocks * self.flash.block_size
            win = min(addr, end - _WINDOW)
            self._win = -1
            self.flash.read(win, self._buf)
            self._win = win
        return addr - win

    def blocks(self, stream):
        """The blocks of a stream, oldest first. The last one is never reclaimed."""
        return self._order[stream]

    def live(self, block):
        """Bytes of records in the block that are not dead."""
        return self._live[block]

    # --- taking into use, giving back -------------------------------------------------

    def _pick(self, use, worn=False):
        """The block in that use with the fewest erases, or with the most; -1 for none."""
        best = -1
        for block in range(self.flash.blocks):
            if self._use[block] == use:
                if best < 0 or (self._wear[block] < self._wear[best]) != worn:
                    best = block
        return best

    def _take(self, worn=False):
        """An erased block, the least (or the most) worn, out of the pool. Raises NoSpace."""
        best = self._pick(_READY, worn)
        if best < 0:
            raise NoSpace("no erased block")
        self._use[best] = _GARBAGE  # until its header is on flash
        self.ready -= 1
        return best

    def _range(self, block):
        """(generation, first, last) of a sector."""
        head = bytearray(DATA)
        self.flash.read(block * self.flash.block_size, head)
        return _either(head)[1:4]

    def _commit(self, block, stream, generation, first, last, base):
        """Program the sector header: from here on the block counts. False if that fails."""
        copy = _sealed(struct.pack(_HEADER, stream, generation & 0xFF, 0, first, last, base))
        data = copy + b"\xff" * (_COPY_B - _COPY_A - len(copy)) + copy
        if not self._write(block, _COPY_A, data):
            return False
        self._base[block] = base
        self._use[block] = _LIVE
        return True

    def _kill(self, block):
        """Make sure the block can never be taken for a sector again; no erase."""
        self._program(block, 0, bytes(DATA))

    def _write(self, block, off, data, back=None):
        """Program `data` and read it back into `back`. True if it is on flash, whatever the driver
        said. If it is not, the place is zeroed, so that a part of it never counts; then False, or
        the driver's exception. All memory is taken before the program: a record on flash that RAM
        does not know would be written a second time.
        """
        back = back or bytearray(len(data))
        failed = None
        try:
            self._program(block, off, data)
        except Exception as exc:
            failed = exc  # nothing, a part or all of it may be there: the flash says
        try:
            self.flash.read(block * self.flash.block_size + off, back)
        except Exception as exc:
            failed = failed or exc
        if back == data:
            return True
        self.bad_writes += 1
        for i in range(len(back)):
            back[i] = 0
        self._program(block, off, back)
        if failed:
            raise failed
        return False

    def _program(self, block, off, data):
        self._win = -1
        self.programs += 1
        self.flash.program(block * self.flash.block_size + off, data)

    def _retire(self, stream, block):
        """Take a sector out of its stream; to be erased when there is time."""
        self._order[stream].remove(block)
        self._use[block] = _GARBAGE
        self.generation += 1

    def coldest(self, stream):
        """(block, how many erases it is behind the most worn), or None."""
        best = None
        for block in self._order[stream][:-1]:
            if best is None or self._wear[block] < self._wear[best]:
                best = block
        return None if best is None else (best, max(self._wear) - self._wear[best])

    def erase_one(self, may=None):
        """Erase a block that is not needed; False: there is none, None: `may(ms)` forbids it."""
        block = self._pick(_GARBAGE)
        if block < 0 or (may and not may(1000)):  # ms: an erase takes 400 at most, and is repeated
            return None if block >= 0 else False
        self._erase(block)
        return True

    def _erase(self, block):
        self._wear[block] += 1
        self._kill(block)  # what a cut erase leaves must not look like a sector
        for _ in range(2):
            self.flash.erase(block)
            if self._blank(block):
                break
        else:
            self._use[block] = _BAD
            self.bad_blocks += 1
            return
        self._program(block, 0, _stamp(self._wear[block]))
        self._use[block] = _READY
        self.ready += 1

    def wear(self):
        """(least, most) erases of a block."""
        return min(self._wear), max(self._wear)
