# The security log on flash: two rings of records, one for what is critical.
# MIT license; part of microevse
"""A NorLog whose stream 0 has the critical events and whose stream 1 the others. Each has its
share of the sectors, so neither pushes out the other. A full one is made shorter at its old end:
of each kind the newest records stay, and the critical ones that have not been told, if they fit.

A record is written by a program (1 ms). Erasing is a step of its own, for when a stall is allowed:
until then there are two erased sectors to go on in, some 150 events.

Loaded for a moment: all that it knows is on flash. Nobody may keep one over an `await`, because
another one may write meanwhile.
"""

from evse_base import const

from store.norlog import DATA, DONE, STREAMS, Cursor, NorLog, is_dead, is_done

CRITICAL = 0
OTHER = 1
_SPARE = const(2)  # erased sectors that are kept ready: one for each stream
_NEWEST = const(12)  # records of each kind that stay when a stream is made shorter


class EventLog(NorLog):
    """The log on `flash`, at least 6 sectors. Raises ForeignContent. Key 0 for every record."""

    def __init__(self, flash):
        NorLog.__init__(self, flash)
        self.mount()

    def mount(self):
        """As NorLog's, but only the last sectors are walked through: it is done each time."""
        for stream in range(STREAMS):
            order = self._order[stream]
            for block in order:
                self.next_seq = max(self.next_seq, self._base[block])
            if order:
                block = order[-1]
                last, off = 0, self._record(block, DATA)
                while off:
                    self.next_seq = max(self.next_seq, self.seq + 1)
                    last = off
                    if not is_dead(self.flags):
                        self._live[block] += self.size
                    off = self._record(block, off + self.size)
                self._find_end(stream, block, last)

    # -- writing -------------------------------------------------------------------------

    def add(self, critical, kind, payload):
        """Write a record; its number. kind: 0..255. Raises as NorLog.append."""
        return self.append(CRITICAL if critical else OTHER, kind, 0, payload)

    def told(self, seq):
        """Mark the critical record `seq`: it need not be told any more."""
        if self.find(CRITICAL, seq):
            self._program_flags(self.block, self.off, DONE)

    def tidy(self, may=None):
        """Make room, with one erase (80 ms), or two where a block is bad. True if there is more
        to be done. may: as for Sectors.erase_one."""
        self._fit()
        if self.ready >= _SPARE:
            return False
        erased = self.erase_one(may)
        if erased and self.bad_blocks:
            self._fit()  # the shares are smaller without it
            erased = self.erase_one(may)
        return erased is None or erased and self.ready < _SPARE

    def _fit(self):
        """Shorten what takes more than its share of the sectors."""
        share = (self.flash.blocks - self.bad_blocks - _SPARE) // 2
        for stream in range(STREAMS):
            while len(self._order[stream]) > max(1, share):
                self._shorten(stream)

    def _shorten(self, stream):
        """Take a sector out of a stream: the two oldest become one."""
        order = self._order[stream]
        kinds = {}
        cursor = Cursor(stream)
        while self.seek(cursor):
            kinds[self.kind] = kinds.get(self.kind, 0) + 1
            cursor.seq = self.seq + 1

        def keep(kind, seq, flags):
            kinds[kind] = kinds.get(kind, 0) - 1
            return kinds[kind] < _NEWEST or stream == CRITICAL and not is_done(flags)

        if len(order) < 3 or not self.ready or not self.merge(stream, order[:2], keep):
            block = order[0]
            self._retire(stream, block)
            self._kill(block)

    def close(self):
        """Of no use any more."""
        if hasattr(self.flash, "close"):
            self.flash.close()

    # -- reading -------------------------------------------------------------------------

    def untold(self, seq):
        """Payload of the first critical record from `seq` on that has not been told, None without
        one; its number is `self.seq` then."""
        cursor = Cursor(CRITICAL, seq)
        while self.seek(cursor):
            if not is_done(self.flags):
                found = self.payload(self.block, self.off)
                if found is not None:
                    return found
            cursor.seq = self.seq + 1
        return None

    def read(self, seq, most):
        """At most `most` records from number `seq` on, in the order of their numbers: a list of
        (number, critical, told, payload)."""
        found = []
        cursors = [Cursor(stream, seq) for stream in range(STREAMS)]
        while len(found) < most:
            best, number = None, 0
            for cursor in cursors:
                if self.seek(cursor) and (best is None or self.seq < number):
                    best, number = cursor, self.seq
            if best is None:
                break
            self.seek(best)
            told = is_done(self.flags)
            data = self.payload(self.block, self.off)
            if data is not None:
                found.append((number, best.stream == CRITICAL, told, data))
            best.seq = number + 1
        return found
