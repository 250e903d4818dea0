# State in the journal: the latest value of each key, found by a walk, not by an index.
# MIT license; part of microevse
"""Values by kind and key, in a stream of their own on a NorLog.

A new value is written, then the old one marked superseded; boot repairs a power cut between the
two. A look-up walks the few sectors of the stream; the 16-bit hash of the key in each record
header saves reading the others.
"""

from evse_base import log as console
from evse_base import crc32

from store import cbor, kinds, norlog
from store.space import Space

STATE = 1  # the stream

_MAX_PAYLOAD = 1024
_ANY = object()


class JournalFull(Exception):
    """No room for this record, or the room is reserved for more important ones."""


def key_hash(key):
    return crc32(cbor.dumps(key)) & 0xFFFF


def _fits(kind, payload):
    """False for a payload that this version cannot read: fields are missing or of another type.
    For a kind of state that this version does not know, any payload fits."""
    if kinds.LAST_EVENT < kind < kinds.BOOT:
        kind = kinds.CHANGE  # all events to come begin as it does
    at = kinds.SHAPES.find("\n%d " % kind)
    if at < 0:
        return True
    shape = kinds.SHAPES[kinds.SHAPES.find(" ", at) + 1 : kinds.SHAPES.find("\n", at + 1)]
    must, _, may = shape.partition(";")
    if not isinstance(payload, list) or len(payload) < len(must):
        return False
    for letter, value in zip(must + may, payload):
        if value is None and letter in "JS":
            continue
        lower = letter.lower()
        if letter == "i":
            # A charger cannot have counted a larger number.
            good = isinstance(value, int) and -(1 << 48) < value < 1 << 48
        elif lower == "j":
            good = isinstance(value, int)
        elif letter == "n":
            good = isinstance(value, int) and 0 <= value < 1 << 36
        elif lower == "s":
            good = isinstance(value, str)
        elif letter == "y":
            good = isinstance(value, bytes)
        elif letter == "b":
            good = isinstance(value, bool)
        elif letter == "w":
            good = isinstance(value, list) and len(value) >= 3
            for part in value[:3] if good else ():
                good = good and isinstance(part, int) and 0 <= part < 1 << 36
        else:
            good = letter == "." or isinstance(value, list)
        if not good:
            return False
    return True


class StateLog:
    """The state half of a Journal on `log`."""

    def __init__(self, log, connectors):
        self.log = log
        self.max_payload = min(_MAX_PAYLOAD, (log.capacity >> 1) - norlog.RECORD)
        self.samples_refused = 0
        # session: [seq of START, of its last SAMPLE or 0, of its last CHANGE (or event of a kind
        # that is not known) or 0]
        self.running = {}
        self.told_full = False
        self._space = Space(self, connectors)

    def _load(self, block, off, count=True):
        """Decoded payload, None if damaged; of a state record the list [key, payload]."""
        kind = self.log.kind
        data = self.log.payload(block, off, count)
        if data is None:
            return None
        try:
            payload = cbor.loads(data)
            if kinds.is_event(kind):
                if _fits(kind, payload):
                    return payload
                raise ValueError
            if len(payload) == 1:  # the payload starts with its key
                payload = [payload[0][0], payload[0]]
            if _fits(kind, payload[1]):
                return payload
            raise ValueError
        except (ValueError, TypeError, IndexError, KeyError):
            # The CRC is good, but this version did not write such a record.
            self.log.skipped += count
            return None

    def _full(self, kind):
        if kind in (kinds.SAMPLE, kinds.CHANGE):
            self.samples_refused += 1
        if not self.told_full:
            self.told_full = True
            console.warn("journal", "full: record of kind %d refused", kind)
        raise JournalFull("no room for kind %d" % kind)

    def _settle_state(self, newest):
        """Supersede the record that the newest one replaces, if a power cut prevented that."""
        log = self.log
        if log.find(STATE, newest):
            kind, entry = log.kind, self._load(log.block, log.off)
            if entry:
                for block, off, _ in self._matching(kind, entry[0]):
                    if log.seq != newest:
                        log.mark(block, off, norlog.DONE)

    def _matching(self, kind, key=_ANY):
        """Yield (block, off, [key, payload]) of live state records, oldest first."""
        log = self.log
        key16 = None if key is _ANY else key_hash(key)
        cursor = norlog.Cursor(STATE)
        end = log.next_seq  # or a caller that keeps what it iterates would never end
        while log.seek(cursor):
            seq = log.seq
            if seq >= end:
                return
            if (
                log.kind == kind
                and (key16 is None or log.key == key16)
                and not norlog.is_dead(log.flags)
            ):
                entry = self._load(log.block, log.off)
                if entry and (key16 is None or entry[0] == key):
                    yield log.block, log.off, entry
            # By number: the caller may have written, merged or walked in between.
            cursor.seq = seq + 1

    def keep(self, kind, key, payload):
        """Make `payload` the value of `key` (any scalar); returns its sequence number.

        Nothing is written if it is that already. Raises JournalFull and ValueError.
        """
        if kinds.is_event(kind):
            raise ValueError("kind %d is an event" % kind)
        log = self.log
        with_key = isinstance(payload, (list, tuple)) and payload and payload[0] == key
        with_key = with_key and type(payload[0]) is type(key)
        data = cbor.dumps([payload] if with_key else [key, payload])
        if len(data) > self.max_payload:
            raise ValueError("record of %d bytes" % len(data))
        # The newest value counts, and an older one is there only if it could not be marked.
        old, same = [], False
        for block, off, _ in self._matching(kind, key):
            seq = log.seq
            same = bytes(log.payload(block, off)) == data
            old.append((block, off))
        if same:
            old.pop()
        else:
            if not self._space.admits(kind, len(data)):
                self._full(kind)
            try:
                seq = log.append(STATE, kind, key_hash(key), data)
            except norlog.NoSpace:
                self._full(kind)
        try:
            for block, off in old:
                log.mark(block, off, norlog.DONE)
        except Exception:
            pass  # the value is on flash: the next `keep` of this key tries again
        return seq

    def forget(self, kind, key=_ANY):
        """Drop the value of `key`, or of every key of this kind. Returns how many."""
        n = 0
        for block, off, _ in self._matching(kind, key):
            self.log.mark(block, off, norlog.DONE)
            n += 1
        return n

    def state(self, kind):
        """Iterate (key, payload) of the values kept under `kind`, oldest first."""
        for _, _, entry in self._matching(kind):
            yield entry[0], entry[1]

    def each(self, kind, load):
        """Call `load(payload)` for each value kept under `kind`, oldest first. A value that it
        does not understand is reported and passed over: no record prevents the start."""
        for key, payload in self.state(kind):
            try:
                load(payload)
            except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as exc:
                console.error("journal", "%r of kind %d not understood: %r", key, kind, exc)

    def get(self, kind, key):
        """The payload kept under `key`, or None."""
        found = None
        for _, _, entry in self._matching(kind, key):
            found = entry[1]  # the newest, should an older one not be marked yet
        return found
