# Log on raw NOR flash: sectors, records, recovery after a cut, reclaiming; no policy.
# MIT license; part of microevse
"""Append-only streams of records on flash where a program only clears bits.

A merge copies the live records of some neighbouring sectors into an erased block. It programs the
header, with the range of orders that it replaces, last: that one program is the commit. Before the
commit the copy does not count; after it the originals do not. So no power cut leaves two of a
record.
"""

import struct

from evse_base import crc32

from store.records import (  # noqa: F401 (some only for those who import norlog)
    CHECKED,
    DONE,
    FLAGS,
    RECORD,
    RELEASE,
    Cursor,
    Records,
    check,
    is_dead,
    is_done,
    is_held,
    record_size,
)
from store.sectors import DATA, STREAMS, ForeignContent, NoSpace, format  # noqa: F401


class NorLog(Records):
    """Streams 0 and 1 of records on `flash`. `mount()` before anything else.

    Raises ForeignContent. Counters: `torn` (sectors whose end was cut by a power loss,
    found at boot), `lost` (damaged records not carried over by a merge), `skipped` of
    Records, `bad_blocks` and `bad_writes` of Sectors.
    """

    def __init__(self, flash):
        Records.__init__(self, flash)
        self.next_seq = 1
        self.torn = self.lost = 0

    # --- boot -------------------------------------------------------------------------

    def mount(self, visit=None):
        """Walk all records once; `visit()` is called at each that is not dead.

        The walk also runs through the dead ones, to find the next sequence number and
        the end of the log. A record torn by a power cut is put aside.
        """
        for stream in range(STREAMS):
            order = self._order[stream]
            for block in order:
                self.next_seq = max(self.next_seq, self._base[block])
                last = 0
                off = DATA
                while True:
                    off = self._record(block, off, True)
                    if not off:
                        break
                    last = off
                    size = self.size
                    self.next_seq = max(self.next_seq, self.seq + 1)
                    if not is_dead(self.flags):
                        self._live[block] += size
                        if visit and not (
                            block == order[-1] and self.payload(block, off, False) is None
                        ):
                            visit(stream)
                    off += size
                if block == order[-1]:
                    self._find_end(stream, block, last)

    def _find_end(self, stream, block, last):
        """Set the write position; a sector whose end was torn is not written any more."""
        off = DATA
        clean = True
        if last:
            clean = self.payload(block, last, False) is not None
            off = last + self.size
            if not clean and not is_dead(self.flags):
                self._program_flags(block, last, 0)
                self._live[block] -= self.size
        if clean and self._blank(block, off):
            self._pos[stream] = off
        else:
            self.torn += 1

    # --- writing: program only --------------------------------------------------------

    def append(self, stream, kind, key, payload, held=False):
        """Write a record and return its sequence number; at most two programs.

        Raises NoSpace, ValueError if it is too large, OSError if the flash fails. The
        record is on flash, and was read back, when this returns. When it raises, the record does
        not count.
        """
        size = record_size(len(payload))
        if size > self.capacity:
            raise ValueError("record of %d bytes" % len(payload))
        seq = self.next_seq
        data = bytearray(RECORD + len(payload))
        struct.pack_into("<HBIH", data, 0, len(payload), kind, seq, key)
        view = memoryview(data)
        data[RECORD:] = payload
        stored = check(view[:CHECKED])
        flags = 0xFF if held else 0x0F
        crc = crc32(view[RECORD:], crc32(view[:CHECKED]))
        struct.pack_into("<HBI", data, CHECKED, stored, flags, crc)
        back = bytearray(len(data))  # before a sector is sealed for this record
        for _ in range(3):
            if size > self.room(stream):
                block = self._take()
                order = self._next_order
                self._next_order += 1
                good = False
                # In the order before it is on flash: this takes memory.
                self._order[stream].append(block)
                try:
                    good = self._commit(block, stream, 0, order, order, seq)
                finally:
                    if not good:
                        self._order[stream].pop()
                if not good:
                    continue
                self._live[block] = 0
                self._pos[stream] = DATA
            block = self._order[stream][-1]
            off = self._pos[stream]
            # Sealed until the write has succeeded: nothing is written behind a torn record.
            self._pos[stream] = self.flash.block_size
            self.next_seq = seq + 1
            if self._write(block, off, data, back):
                self._pos[stream] = off + size
                self._live[block] += size
                self.block = block
                self.off = off
                return seq
            # A cell does not take the bits: this sector is finished, try the next.
        raise OSError(5)  # EIO

    def _program_flags(self, block, off, value):
        self._program(block, off + FLAGS, bytes((value,)))

    def mark(self, block, off, what):
        """Program DONE or RELEASE over the flags of the record there."""
        self._parse(block, off)
        before = is_dead(self.flags)
        size = self.size
        failed = None
        try:
            self._program_flags(block, off, what)
            self.flags &= what
        except Exception as exc:
            failed = exc
            self._parse(block, off)  # the flash says whether it has taken the flags
        if is_dead(self.flags) and not before:
            self._live[block] -= size
        if failed and self.flags & ~what:
            raise failed

    # --- reclaiming: only while a stall of an erase is allowed ------------------------

    def needed(self, block, keep):
        """Bytes that `keep(kind, seq, flags)` wants to keep of the block."""
        total = 0
        off = DATA
        while True:
            off = self._record(block, off)
            if not off:
                return total
            size = self.size
            if keep(self.kind, self.seq, self.flags):
                total += size
            off += size

    def retire(self, stream, keep):
        """Take sectors in which `keep` wants nothing out of the stream."""
        order = self._order[stream]
        for block in order[:-1]:
            if self._live[block] == 0 and not self.needed(block, keep):
                self._retire(stream, block)

    def merge(self, stream, run, keep, worn=False):
        """Replace the neighbouring sectors `run` by one with the records `keep` wants.

        Returns False, with everything as it was, if they do not fit. Takes one erased
        block, with `worn` the most worn one (for what will stay); the originals are
        left for `erase_one`.
        """
        generation, first, _ = self._range(run[0])
        last = self._range(run[-1])[2]
        place = self._order[stream].index(run[0])
        new = self._take(worn)
        to = DATA
        live = 0
        for block in run:
            off = DATA
            while True:
                off = self._record(block, off, True)
                if not off:
                    break
                n = self.size
                flags = self.flags
                if keep(self.kind, self.seq, flags):
                    data = self.raw(block, off)
                    if data is None:
                        self.lost += 1
                    else:
                        if to + n > self.flash.block_size or not self._write(new, to, data):
                            return False
                        to += n
                        if not is_dead(flags):
                            live += n
                off += n
        if not self._commit(new, stream, generation + 1, first, last, self._base[run[0]]):
            return False
        self._live[new] = live
        for block in run:
            self._retire(stream, block)
        # The place of `run[0]`: it takes no memory, now that there is one less at least.
        self._order[stream].insert(place, new)
        for block in run:
            # Before anything else happens: once the copy is gone, nothing would say any more that
            # these blocks were replaced.
            self._kill(block)
        return True

    def free(self, stream):
        """Bytes that can be programmed without an erase."""
        return self.room(stream) + self.ready * self.capacity
