# Secrets on flash, by name: after a power cut the old or the new value is there, never neither.
# MIT license; part of microevse
"""Passwords, private keys and certificates in a region of their own.

A value is a row of pieces. The index (name, length and ids of the pieces of each value) is a row
of pieces, too. A record COMMIT names the pieces of the index: programming it is the one step that
makes a change. What counts no more is programmed to zeros at once. Pieces are never changed, so
two copies of one are the same: a block is made free by copying what counts, then erasing it.

Nothing of the flash is held in RAM but where each block ends: an object of Vault is made for a
use and dropped.
"""

from evse_base import const
from evse_base import log as console

from store import cbor
from store.pieces import DATA, LIVE, Busy, Pieces, best, size_of

_PIECE = const(1)
_COMMIT = const(2)
_FIRST = const(3)  # a COMMIT without any value, before the first one: if it is torn, none is lost
# Payload of a piece: twelve records of this size fill a block of 4 KB.
PIECE_MAX = 324
NAME_MAX = 40  # characters
VALUE_MAX = 6144  # bytes; a certificate with its chain
# Room that a change of a small value needs: so much stays free of values.
_SLACK = const(6)


class Full(Exception):
    """The region cannot hold this beside what it holds."""


def _pieces(value):
    return [value[at : at + PIECE_MAX] for at in range(0, len(value), PIECE_MAX)]


class Vault(Pieces):
    """Values of bytes on `flash`, by name.

    may_stall(): True while an erase (80 ms) does no harm; None: never. Raises ForeignContent,
    OSError. Counters: `damaged` (values and indexes that could not be read), `bad_writes`,
    `bad_blocks`.
    """

    def __init__(self, flash, may_stall=None):
        Pieces.__init__(self, flash)
        self._may_stall = may_stall or (lambda: False)
        self.damaged = 0
        self.unsure = False  # a cut came between a change and the end of what it replaced
        self.unreadable = False  # there are values, and none can be found
        self._next = 1  # id
        self._commit = (0, ())  # id of the last COMMIT, ids of the pieces of its index
        self.index = []  # [name, length, [id of each piece]]
        self._look()

    # --- reading ----------------------------------------------------------------------

    def names(self):
        """Names of the values, oldest first."""
        return [entry[0] for entry in self.index]

    def get(self, name):
        """The value, None if there is none or it is damaged."""
        for entry in self.index:
            if entry[0] == name:
                value = self._load(entry[1], entry[2])
                if value is None:
                    self.damaged += 1
                    console.error("vault", "%s is damaged", name)
                return value
        return None

    def _look(self):
        """Find the end of every block and the last change that was made whole."""
        commits = []
        for block in range(self.flash.blocks):
            for off, kind, state, number, length, crc in self.records(block):
                self._next = max(self._next, number + 1)
                if kind != _PIECE and state == LIVE:
                    commits.append((number, block, off, length, crc, kind))
        commits.sort()
        for number, block, off, length, crc, _ in reversed(commits):
            data = self.payload(block, off, length, crc)
            try:
                size, ids = cbor.loads(data)
                self.index = cbor.loads(self._load(size, ids))
                self._commit = (number, ids)
                self.unsure = commits[0][0] != number
                return
            except (TypeError, ValueError):
                pass  # zeroed in part, or damaged
        self.unreadable = any([entry[-1] == _COMMIT for entry in commits])
        if self.unreadable:
            self.damaged += 1
            console.error("vault", "the index is damaged: no secret can be read")

    def _load(self, length, ids):
        """The bytes of those pieces, None if one is missing."""
        parts = [None] * len(ids)
        for block in range(self.flash.blocks):
            for off, kind, _, number, size, crc in self.records(block):
                if kind == _PIECE and number in ids and parts[ids.index(number)] is None:
                    parts[ids.index(number)] = self.payload(block, off, size, crc)
        if None in parts:
            return None
        value = b"".join(parts)
        return value if len(value) == length else None

    # --- changing: program only -------------------------------------------------------

    def put(self, name, value):
        """Make `value` (bytes) that of `name`; see `replace`."""
        self.replace({name: value})

    def remove(self, name):
        """Drop the value of `name`; see `replace`. No error if there is none."""
        self.replace({name: None})

    def replace(self, changes):
        """Make all `changes` {name: bytes, or None to remove it} in one step.

        Busy, Full, ValueError, OSError: nothing has changed. Erases only if `may_stall()`.
        """
        for name in changes:
            value = changes[name]
            if not name or len(name) > NAME_MAX:
                raise ValueError("name of a secret: %d characters" % len(name))
            if value is not None and len(value) > VALUE_MAX:
                raise ValueError("%s: %d bytes are too many" % (name, len(value)))
        known = self.names()
        wanted = {}
        for name in changes:
            value = changes[name]
            if name in known if value is None else self.get(name) != value:
                wanted[name] = value
        if not wanted:
            return
        values = {name: bytes(wanted[name]) for name in wanted if wanted[name] is not None}
        kept = [entry for entry in self.index if entry[0] not in wanted]
        self._make_room(kept, values, wanted)
        if not self._commit[0] and not self.unreadable:
            self.commit([], _FIRST)
        for name in values:
            ids = [self._write(_PIECE, piece) for piece in _pieces(values[name])]
            kept.append([name, len(values[name]), ids])
        self.commit(kept)
        try:
            self.scrub()
        except OSError as exc:
            console.error("vault", "old values are not zeroed yet: %r", exc)

    def _make_room(self, kept, values, wanted):
        """Busy or Full if there is none for `values` beside the entries `kept`."""
        # The largest ids that there can be: the index takes no more room than is planned for.
        plan = [[n, len(values[n]), [1 << 31] * len(_pieces(values[n]))] for n in values]
        rows = _pieces(cbor.dumps(kept + plan))
        sizes = [size_of(len(piece)) for piece in rows]
        for name in values:
            sizes += [size_of(len(piece)) for piece in _pieces(values[name])]
        sizes.append(size_of(8 + 5 * len(rows)))
        if not self._commit[0]:
            sizes += [size_of(1), size_of(8)]
        held = sum(sizes)
        for _, length, _ in kept:
            held += size_of(PIECE_MAX) * (length // PIECE_MAX)
            held += size_of(length % PIECE_MAX)
        # A removal makes room: it is never too much.
        if values and held > self.capacity:
            raise Full("%d bytes of %d" % (held, self.capacity))
        if self._fits(sizes):
            return
        if not self._may_stall():
            raise Busy("no erased room for %s" % ", ".join(sorted(wanted)))
        self.tidy(self._may_stall, True)
        if not self._fits(sizes):
            raise Full("no room for %s" % ", ".join(sorted(wanted)))

    def commit(self, index, kind=_COMMIT):
        """Make `index` the one that counts."""
        data = cbor.dumps(index)
        ids = [self._write(_PIECE, piece) for piece in _pieces(data)]
        self._commit = (self._write(kind, cbor.dumps([len(data), ids])), ids)
        self.index = index
        self.unreadable = False

    @property
    def capacity(self):
        """Bytes of records that values and their index may take."""
        flash = self.flash
        return (flash.blocks - 1) * (flash.block_size - DATA) - _SLACK * size_of(PIECE_MAX)

    def _fits(self, sizes):
        rooms = self.rooms()
        for size in sizes:
            block = best(rooms, size)
            if block < 0:
                return False
            rooms[block] -= size
        return True

    def _write(self, kind, payload):
        number = self._next
        self._next += 1
        self.copy(kind, number, payload, -1)
        return number

    def counts(self, kind, number):
        """True if the last change needs this record."""
        if kind != _PIECE:
            return number == self._commit[0]
        if number in self._commit[1]:
            return True
        for entry in self.index:
            if number in entry[2]:
                return True
        return False

    def scrub(self):
        """Program all records that count no more to zeros: their bytes are gone. OSError: not all;
        `tidy` erases the others."""
        failed = None
        for block in range(self.flash.blocks):
            for off, kind, state, number, length, _ in self.records(block):
                if state and not self.counts(kind, number):
                    try:
                        self.zero(block, off, length)
                    except OSError as exc:
                        self.torn[block] = True
                        failed = exc
        if failed:
            raise failed

    # --- erasing ----------------------------------------------------------------------

    def tidy(self, may_stall, press=False):
        """Make room, and see that no byte of a removed value is left. Erases (80 ms each) only
        while `may_stall()`; False if there is more to do then. press: however much room there is.
        """
        from store import vault_tidy  # rarely needed

        return vault_tidy.tidy(self, may_stall, press)
