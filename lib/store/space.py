# Room in the journal: what is kept free, and how it is made.
# MIT license; part of microevse
"""The rules by which flash is given out and reclaimed.

Appends never erase: the blocks for them were erased before, and some are reserved. `prepare`
merges and erases. When undelivered events fill everything, it gives up samples, and if that is not
enough changes (never what begins or ends a session or a transaction). Of an open session the
newest of each stays.

State at will (settings, requests) comes from the central system as often as that likes, and
nothing is erased while a car charges. It has a share of its own: the rest stays for sessions.
"""

from evse_base import log as console

from store import cbor, kinds, norlog
from evse_base import const

_EVENTS = const(0)
_STATE = const(1)

# Erased blocks that an append leaves alone: one to merge into, one more for state.
_FOR_MERGE = const(1)
_FOR_STATE = const(1)
# What sessions leave to settings and availability: in a journal full of sessions only another
# address of the central system may help.
_FOR_SETTINGS = const(1)
_FOR_STARTS = const(1)  # samples and changes leave these to sessions that are still to come
# Below this many beyond the reserves, `prepare` gives up the oldest samples.
_LOW_WATER = const(2)
_ENDED = const(-1)  # in an entry of Journal.running: its STOP is on flash
# Events that are read at once to find the boots which they are from: 2 ms for each.
_FEW = const(32)
# Of the open block of state, what state at will leaves to faults and marks in a full journal.
_FOR_FAULTS = const(512)
# What state at will has replaced may fill an eighth of the blocks before an erase, or these few.
_LEAST_SHARE = const(4)
# A sector stays while other blocks are erased: after so many more erases it changes places.
_WEAR_SPREAD = const(16)


class Space:
    """Gives out and wins back the flash of `journal`, for so many connectors."""

    def __init__(self, journal, connectors):
        self.journal = journal
        self.log = journal.log
        self.connectors = connectors
        self._idle_at = -1  # log.programs when there was nothing more to do

    def _for_stops(self, sessions, room):
        """Erased blocks needed to write the largest STOP for each of `sessions`."""
        size = self.journal.max_payload + norlog.RECORD
        rest = sessions - room // size
        if rest <= 0:
            return 0
        per_block = self.log.capacity // size
        return (rest + per_block - 1) // per_block

    def admits(self, kind, length):
        """May a record of this kind and payload length be written now?"""
        size = norlog.record_size(length)
        left = self.log.ready
        room = self.log.room(_EVENTS)
        if not kinds.is_event(kind):
            fits = size <= self.log.room(_STATE)
            sessions = len(self.journal.running)
            # BOOT, TIME, TXID, CHECKPOINT, SCHEMA, TOLD, HELD are written once for a start, a
            # session or a fault, or in so many minutes. All other state can be written at will.
            if kind < kinds.SETTING or kind == kinds.CHECKPOINT or kind > kinds.FIRMWARE:
                return fits or left - 1 >= _FOR_MERGE + self._for_stops(sessions, room)
            stops = self._for_stops(max(self.connectors, sessions), room)
            if fits and size + _FOR_FAULTS <= self.log.room(_STATE):
                return True
            if kind <= kinds.AVAILABILITY and not sessions:
                # No session needs room for its end, or keeps `prepare` from erasing.
                return left - 1 >= _FOR_MERGE + _FOR_STATE
            floor = _FOR_MERGE + _FOR_STATE + _FOR_STARTS + stops
            # As much dead state as there is live state counts as none: between neighbours that do
            # not fit one sector together, so much is never won back.
            log, live = self.log, 0
            for block in log.blocks(_STATE):
                live += log.live(block)
            share = max(_LEAST_SHARE, log.flash.blocks >> 3) * log.capacity
            return left - 1 >= floor and (
                len(log.blocks(_STATE)) * log.capacity - live < share + live
            )
        if size > room:
            room = self.log.capacity
            left -= 1
        if kind == kinds.STOP:
            return left >= 0  # room that everything else leaves for a STOP
        sessions = max(self.connectors, len(self.journal.running) + (kind == kinds.START))
        floor = _FOR_MERGE + _FOR_STATE + _FOR_SETTINGS
        floor += self._for_stops(sessions, room - size)
        if kind in (kinds.SAMPLE, kinds.CHANGE):
            floor += _FOR_STARTS
        return left >= floor

    def release(self, session):
        """The STOP of a session is on flash, so its START is held no longer. It never raises. If
        the flash refuses, the session stays in `running` as ended, and the answer is False."""
        log, entry = self.log, self.journal.running[session]
        entry[1] = entry[2] = _ENDED
        try:
            if log.find(_EVENTS, entry[0]):
                log.mark(log.block, log.off, norlog.RELEASE)
        except Exception:
            return False  # `prepare` tries again
        del self.journal.running[session]
        return True

    def _wanted(self, kind, seq, flags):
        """True for records that reclaiming keeps: live ones, and the newest of open sessions."""
        return not norlog.is_dead(flags) or self._newest(seq)

    def _newest(self, seq):
        for entry in self.journal.running.values():
            if seq == entry[1] or seq == entry[-1]:
                return True
        return False

    def _begins_or_ends(self):
        """True if the CHANGE at hand is the begin or the end of a transaction (kinds)."""
        try:
            payload = cbor.loads(self.log.payload(self.log.block, self.log.off, False))
            return len(payload) > 7 and payload[7][0] != 1
        except (TypeError, ValueError, IndexError):
            return False

    def _wanted_without_samples(self, kind, seq, flags):
        if kind == kinds.SAMPLE and not norlog.is_done(flags):
            return self._newest(seq)
        return self._wanted(kind, seq, flags)

    def _wanted_without_changes(self, kind, seq, flags):
        if kind == kinds.CHANGE and not norlog.is_done(flags):
            return self._newest(seq) or self._begins_or_ends()
        return self._wanted_without_samples(kind, seq, flags)

    def _merge(self, stream, keep, oldest=False):
        """Merge the longest run of neighbours that fits one sector; True if one did.

        `oldest`: the first pair that fits, instead, so as to give up no more than needed.
        """
        log = self.log
        if not log.ready:
            return False
        blocks = log.blocks(stream)[:-1]
        # Counting walks the sector: only where the count of live bytes is not enough.
        sizes = [log.needed(b, keep) if oldest else log.live(b) for b in blocks]
        best = []
        for i in range(len(blocks)):
            total = 0
            j = i
            while j < len(blocks) and total + sizes[j] <= log.capacity:
                total += sizes[j]
                j += 1
                if oldest and j - i == 2:
                    break
            if j - i > max(1, len(best)):
                best = blocks[i:j]
                if oldest:
                    break
        # Counted exactly now: live bytes do not include the samples that open sessions still need.
        if not best or sum([log.needed(b, keep) for b in best]) > log.capacity:
            return False
        lost = log.lost
        merged = log.merge(stream, best, keep)
        if stream == _EVENTS and (oldest or log.lost != lost):
            self.journal.recount()
        return merged

    def _drop_samples(self):
        journal = self.journal
        before = journal.queued
        if not self._merge(_EVENTS, self._wanted_without_samples, True):
            if not self._merge(_EVENTS, self._wanted_without_changes, True):
                return False
        dropped = before - journal.queued
        if dropped:
            journal.samples_dropped += dropped
            console.warn("journal", "full: %d oldest samples and changes given up", dropped)
        return True

    def _move_cold(self):
        """Put a sector that never changes on the most worn block, and free its own block for
        use."""
        log = self.log
        for stream in (_STATE, _EVENTS):
            cold = log.coldest(stream)
            if cold and cold[1] > _WEAR_SPREAD and log.ready > 1:
                if log.merge(stream, [cold[0]], self._wanted, True):
                    return True
        return False

    def _tidy(self):
        """Forget state that only mattered to events which are all delivered now."""
        journal = self.journal
        left = journal.queued + journal.foreign
        boots = [journal.boot()]
        if journal.running or (left and journal.pending()):
            return
        if left > _FEW and boots[0] is not None:
            return  # the next start does it, before the ticks run
        # This version can deliver none of those that are left, and each boot brings a new TIME. It
        # stays only for the boots that they have a stamp of, whatever their kind and shape.
        log = self.log
        cursor = norlog.Cursor(_EVENTS)
        while left and log.seek(cursor):
            cursor.seq = log.seq + 1
            if norlog.is_done(log.flags):
                continue
            try:
                fields = cbor.loads(log.payload(log.block, log.off, False))
            except (TypeError, ValueError):
                continue
            for field in fields if isinstance(fields, list) else ():
                if isinstance(field, list) and len(field) >= 3:
                    boots.append(field[0])
        if not left:
            journal.forget(kinds.TXID)
        for key, _ in journal.state(kinds.TIME):
            if key not in boots:
                journal.forget(kinds.TIME, key)

    def prepare(self, erases=None, may=None):
        """See Journal.prepare."""
        log = self.log
        low = _FOR_MERGE + _FOR_STATE + _FOR_SETTINGS + _FOR_STARTS + _LOW_WATER
        low += self._for_stops(self.connectors, 0)
        # Nothing was written since the last call that found nothing to do. Another look would walk
        # the sectors every two seconds, and take longer as they fill.
        n = 0 if log.programs == self._idle_at else self._prepare(erases, low, may)
        if log.ready >= low:
            self.journal.told_full = False
        return n

    def _prepare(self, erases, low, may):
        log = self.log
        for session, entry in list(self.journal.running.items()):
            # Its STOP is on flash. If that were reclaimed before the START is released, the next
            # start would end the session a second time.
            if entry[1] == _ENDED and not self.release(session):
                console.error("journal", "START %d cannot be released", entry[0])
                self._idle_at = log.programs
                return 0
        enough = max(4, log.flash.blocks >> 3)
        self._tidy()
        n = 0
        while erases is None or n < erases:
            log.retire(_EVENTS, self._wanted)
            log.retire(_STATE, self._wanted)
            erased = log.erase_one(may)
            if erased is None:
                break
            if erased:
                n += 1
            elif self._merge(_STATE, self._wanted):
                pass
            elif log.ready < enough and self._merge(_EVENTS, self._wanted):
                pass
            elif log.ready < low and self._drop_samples():
                pass
            elif self._move_cold():
                pass
            else:
                self._idle_at = log.programs
                break
        return n
