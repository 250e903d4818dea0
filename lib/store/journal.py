# The journal: every durable change first becomes a record here.
# MIT license; part of microevse
"""All that the charger must not forget, over a NorLog: events to deliver, and state.

Events (START, SAMPLE, CHANGE, STOP) and state records live in two streams, so that a look
through the state costs the same however many events are queued. Nothing is indexed in
RAM but the running sessions; events are found by cursors, state by a walk (state.py).

`append`, `keep`, `done` and `forget` only program erased flash. Only `prepare` erases.
"""

from evse_base import log as console

from store import cbor, kinds, norlog
from store.state import STATE, JournalFull, StateLog, key_hash

_EVENTS = 0  # the stream


def _session_hash(session):
    # 0 is for samples outside a session.
    return key_hash(session) or 1 if session else 0


class Journal(StateLog):
    """Events and state on `log` (a fresh NorLog). Reads all record headers once.

    `connectors` is how many sessions can run at once: room for the end of each is kept.
    Call `prepare()` once before the first contactor may close.

    Counters: `queued` events not delivered yet, `foreign` events of kinds that this version does
    not know (kept for a version that does, and never handed out), `samples_refused` (no room:
    JournalFull was raised), `samples_dropped` (given up by `prepare`), and those of `log`.
    """

    def __init__(self, log, clock=None, connectors=1):
        StateLog.__init__(self, log, connectors)
        self._clock = clock
        self.queued = self.foreign = 0
        self._reported = 0  # newest event that was told to be unreadable
        self.samples_dropped = 0
        self._low = norlog.Cursor(_EVENTS, 1)  # every event before it is delivered
        self._ahead = norlog.Cursor(_EVENTS)
        self._ahead_from = 0  # between this one and _ahead nothing is undelivered
        self._newest = 0
        log.mount(self._seen)
        self._settle()
        self._settle_state(self._newest)
        if clock:
            clock.on_set(self._clock_set)

    # --- boot -------------------------------------------------------------------------

    def _seen(self, stream):
        """Called at boot for each record that is not dead."""
        log = self.log
        if stream == STATE:
            self._newest = max(self._newest, log.seq)
            return
        kind, seq, flags = log.kind, log.seq, log.flags
        self._count(kind, flags)
        if kind == kinds.START and norlog.is_held(flags):
            payload = self._load(log.block, log.off)
            if payload:
                self.running[payload[0]] = [seq, 0, 0]

    def _count(self, kind, flags):
        if not norlog.is_done(flags):
            if kind > kinds.LAST_EVENT:
                self.foreign += 1
            else:
                self.queued += 1

    def _settle(self):
        """Finish what a power cut interrupted between two programs."""
        log = self.log
        if self.running:
            # A walk over the later records: only if a session was open at the power cut.
            hashes = {_session_hash(s): s for s in self.running}
            cursor = norlog.Cursor(_EVENTS, min(v[0] for v in self.running.values()))
            while log.seek(cursor):
                cursor.seq = seq = log.seq + 1
                session = hashes.get(log.key)
                if session in self.running and seq - 1 > self.running[session][0]:
                    # A torn record is still there, marked done: it does not count.
                    payload = self._load(log.block, log.off, False)
                    if payload and payload[0] == session:
                        if log.kind == kinds.SAMPLE:
                            self.running[session][1] = seq - 1
                        elif log.kind == kinds.STOP:
                            # The STOP was written, the START not released yet.
                            self._space.release(session)
                        elif log.kind != kinds.START:
                            self.running[session][2] = seq - 1

    def replay(self, fn):
        """Call `fn(seq, kind, payload, done)` for all live records, oldest first.

        Live are undelivered events, all records left of sessions that have no end yet (`done` says
        whether it was delivered), and the latest state records. Of the kinds of event that this
        version does not know only those of such sessions are among them.
        """
        log = self.log
        hashes = [_session_hash(s) for s in self.running]
        events = norlog.Cursor(_EVENTS)
        state = norlog.Cursor(STATE)
        end = log.next_seq  # records that `fn` writes itself are not replayed to it
        while True:
            cursor = None
            seq = end
            for candidate in (state, events):
                if log.seek(candidate) and log.seq < seq:
                    cursor = candidate
                    seq = log.seq
            if cursor is None:
                return
            log.seek(cursor)
            cursor.seq = seq + 1
            kind = log.kind
            done = norlog.is_done(log.flags)
            if done and (cursor is state or log.key not in hashes):
                continue
            if cursor is events and kind > kinds.LAST_EVENT and log.key not in hashes:
                continue
            # A torn record was marked done at boot: no damage to report. An event of a kind that
            # is not known may have any shape.
            known = cursor is state or kind <= kinds.LAST_EVENT
            payload = self._load(log.block, log.off, known and not done)
            if payload is None:
                continue
            if cursor is state:
                payload = payload[1]
            fn(seq, kind, payload, done)

    def open_sessions(self):
        """Sessions that have a START and no STOP."""
        return [session for session, entry in self.running.items() if entry[1] >= 0]

    def start_of(self, session):
        """(seq, kind, payload) of the START of a session that is open, or of one that has ended
        and whose START was delivered (seq 0: it lies with its acknowledgement); or None."""
        entry = self.running.get(session)
        if entry is not None and self.log.find(_EVENTS, entry[0]):
            payload = self._load(self.log.block, self.log.off)
            if payload is not None:
                return entry[0], kinds.START, payload
        told = self.get(kinds.TXID, session)
        return (0, kinds.START, told[4]) if told and len(told) > 4 else None

    # --- reading ----------------------------------------------------------------------

    def _undelivered(self, cursor):
        log = self.log
        while log.seek(cursor):
            if not norlog.is_done(log.flags) and log.kind <= kinds.LAST_EVENT:
                seq, kind = log.seq, log.kind
                cursor.seq = seq
                payload = self._load(log.block, log.off)
                if payload is not None:
                    return seq, kind, payload
                damaged = log.payload(cursor.block, cursor.off, False) is None
                if damaged or kind == kinds.START:
                    # A damaged START is dropped, too: if a later version delivered it after the
                    # rest of its session, it would begin a transaction that has no end.
                    console.error("journal", "event %d is damaged and lost", seq)
                    log.mark(cursor.block, cursor.off, norlog.DONE)
                    self.queued -= 1
                elif seq > self._reported:
                    # It is whole, but this version cannot read it: it stays, and is passed over.
                    self._reported = seq
                    console.error("journal", "event %d cannot be read: passed over", seq)
            cursor.seq = log.seq + 1
            cursor.off += log.size
        return None

    def pass_over(self, seq):
        """Leave the oldest event, `seq`, where it is: not handed out again before a restart."""
        for cursor in (self._low, self._ahead):
            if cursor.seq == seq:
                cursor.seq = seq + 1

    def take_up(self, seq):
        """Hand out again what was passed over, from `seq` on."""
        if seq < self._low.seq:
            self._low = norlog.Cursor(_EVENTS, seq)

    def pending(self, after=0):
        """(seq, kind, payload) of the oldest undelivered event behind `after`, or None.

        Each step over a delivered record is made once: cheap to call again and again.
        """
        if after < self._low.seq:
            return self._undelivered(self._low)
        if after < self._ahead_from:
            self._ahead = norlog.Cursor(_EVENTS)
        if after < self._ahead_from or after >= self._ahead.seq:
            self._ahead.seq = after + 1
            self._ahead_from = after
        return self._undelivered(self._ahead)

    # --- events -----------------------------------------------------------------------

    def append(self, kind, payload):
        """Write an event; it is on flash when this returns its sequence number.

        Raises JournalFull (a SAMPLE or CHANGE long before a START, a STOP never while the
        rules were kept), ValueError for a payload above `max_payload` bytes. When it raises, the
        event does not count: nothing after the write can fail.
        """
        if not kinds.is_event(kind):
            raise ValueError("kind %d is state" % kind)
        log = self.log
        data = cbor.dumps(payload)
        if len(data) > self.max_payload:
            raise ValueError("record of %d bytes" % len(data))
        session = payload[0]
        if kind == kinds.START and session in self.running:
            raise ValueError("session %s is running" % session)
        if not self._space.admits(kind, len(data)):
            self._full(kind)
        if kind == kinds.START:
            # Before the write: this takes memory.
            self.running[session] = [0, 0, 0]
        entry = self.running.get(session)
        try:
            seq = log.append(_EVENTS, kind, _session_hash(session), data, kind == kinds.START)
        except Exception as exc:
            if kind == kinds.START:
                del self.running[session]
            if isinstance(exc, norlog.NoSpace):
                self._full(kind)
            raise
        self._count(kind, 0xFF)
        if entry and kind == kinds.STOP:
            self._space.release(session)
        elif entry:
            entry[kind - 1 if kind < kinds.STOP else 2] = seq
        return seq

    def done(self, seq):
        """The event was delivered: never hand it out again. False if it is not there."""
        log = self.log
        for cursor in (self._low, self._ahead):
            if cursor.seq == seq and log.seek(cursor) and log.seq == seq:
                break
        else:
            if not log.find(_EVENTS, seq):
                return False
        if not norlog.is_done(log.flags):
            log.mark(log.block, log.off, norlog.DONE)
            if log.kind <= kinds.LAST_EVENT:
                self.queued -= 1
        return True

    def give_up(self, keep, most):
        """Drop the oldest events until `keep` are left: for a charger that never delivers them.

        At most `most` at a time (each costs a program). Returns how many were dropped.
        """
        n = 0
        while self.queued > keep and n < most:
            event = self.pending()
            if event is None:
                break
            self.done(event[0])
            n += 1
        return n

    def recount(self):
        """Count the undelivered events; walks the whole log."""
        self.queued = self.foreign = 0
        cursor = norlog.Cursor(_EVENTS)
        while self.log.seek(cursor):
            self._count(self.log.kind, self.log.flags)
            cursor.seq = self.log.seq + 1
            cursor.off += self.log.size

    # --- time -------------------------------------------------------------------------

    def boot(self):
        """The number of this boot, None before it is known."""
        return self._clock.boot if self._clock else None

    def wall(self, stamp):
        """Unix seconds of a stamp, or None if that boot never learnt the time.

        The same stamp always gives the same answer once there is one.
        """
        if stamp[2]:
            return stamp[2]
        time = self.get(kinds.TIME, stamp[0])
        return None if time is None else time[1] + stamp[1]

    def _clock_set(self, step):
        # Only the first time of a boot: a later step must not change what was sent.
        clock = self._clock
        if step is None and clock.boot is not None:
            try:
                self.keep(kinds.TIME, clock.boot, [clock.boot, clock.wall(clock.boot, 0)])
            except (JournalFull, OSError, MemoryError):
                pass  # not stored: stamps of before now wait for the next boot
        elif step and abs(step) > 60:
            console.warn("clock", "stepped by %d s", step)

    # --- space ------------------------------------------------------------------------

    def free(self):
        """Bytes that can be written without an erase, the reserves included."""
        return self.log.free(_EVENTS)

    def prepare(self, erases=None, may=None):
        """Make room ahead of need. Only while every contactor is open: an erase stalls.

        Copies what is still needed out of old sectors and erases them. When undelivered events
        fill everything, gives up samples, a sector's worth at a time from the oldest on, never a
        START or a STOP. At most `erases` blocks are erased (about 80 ms each). Returns how many
        were; 0 means that there is nothing more to do. may: fn(ms) -> True if the program may
        stall for `ms`, asked right before each erase; None: it may.
        """
        return self._space.prepare(erases, may)
