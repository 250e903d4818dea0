# Writes an update into the slot that does not run, and tells its result afterwards.
# MIT license; part of microevse
"""A bundle (lib/slots/bundle.py) is looked at before anything is erased, goes to the flash as
it comes, and is read back and compared before one program operation makes it the newest.

An installer has begin(size), write(bytes, may), finish() -> True if a reboot is needed, abort(),
what() -> text that names the version that was finished, and installed(what) -> True if that
version runs for good, None while it is on trial, False if another one runs.

File update.pub: keys (lib/slots/keys.py), one a line. If it is there, an update must be signed
with one of them. A charger with a root of its manufacturer (upkeep/manufacturer.py) takes no
update that nobody has signed. Versions below the floor (upkeep/version_floor.py) are never taken,
other older ones unless UpdateNewerOnly is set, or updates must be signed.
"""

from binascii import hexlify

from evse_base import log, release
import slots
from hal import appslot, board
from slots import bundle
from station import security_log
from store import kinds
from version import VERSION

# So long no contactor may close: two erases of 400 ms at the most, and some pages; the check of a
# signature, 2.6 s on a chip.
_ERASE_MS = 1000
_CHECK_MS = 4000
CENTRAL = "the central system"
_PART = 256  # of a header
ACCEPTED = 4  # key of a FIRMWARE record; see store/kinds.py, upkeep/trial.py


_fitted = None


def fitted(settings=None):
    """The installer of this board, always the same one; None without application slots."""
    global _fitted
    if _fitted is None and appslot.devices():
        _fitted = Installer(board.load()["name"], settings)
    return _fitted


def keys():
    """Lines of the keys that updates must be signed with, [] if they need not be.

    ValueError if the file is there and cannot be understood.
    """
    try:
        with open(appslot.KEY_FILE) as file:
            content = file.read()
    except OSError as exc:
        if exc.args[0] == 2:  # ENOENT
            return []
        raise ValueError("%s cannot be read: %r" % (appslot.KEY_FILE, exc))
    from slots import keys as signing

    try:
        return signing.load(content)
    except ValueError as exc:
        raise ValueError("%s: %s" % (appslot.KEY_FILE, exc))


class Installer:
    """`name`: of the board; `settings`: has UpdateNewerOnly, or None."""

    def __init__(self, name, settings):
        self._name = name
        self._settings = settings
        self._clear(None)

    def _clear(self, size, owner=None, vouched=False):
        self._owner = owner
        self._vouched = vouched
        self._signed = False  # by somebody: the version may raise the floor
        self.yields = False  # what has come waits, and another owner may begin
        self._size = size
        self._count = 0
        # Pieces of the header, until it is found good: where little memory is free, no block may
        # be large enough for the whole.
        self._head = []
        self._bundle = None  # the header, once it has been found good
        self._wrong = None  # why the header is not good
        self._slot = None  # (name, Flash) that is written to
        self._floor = ""  # when the header was found good; until the commit nothing changes it
        self._digest = None

    @property
    def busy(self):
        """True while an update is coming in, or waits to be finished."""
        return self._count > 0 or self._slot is not None

    def begin(self, size, owner=CENTRAL, vouched=False):
        """A file of `size` bytes (None: not known) will come. ValueError if it is not taken, now
        or ever.

        An unfinished file of the same owner is forgotten; another owner has to wait. vouched: the
        caller finishes it only if the manufacturer has signed the file.
        """
        if self.busy and owner != self._owner and not self.yields:
            raise ValueError("an update from %s is coming in" % self._owner)
        self._clear(size, owner, vouched)
        if appslot.on_trial():
            raise ValueError("the version that runs has not been confirmed yet")
        name, flash = self._other()
        room = slots.capacity(flash) + slots.HEADER
        if size is not None and size > room:
            raise ValueError("%d bytes do not fit into %d" % (size, room))
        self._slot = (name, flash)

    def _other(self):
        """The slot to be written: not the one that runs, and of two the worse one."""
        found = [pair for pair in appslot.devices() if pair[0] != appslot.running()]
        if not found:
            raise ValueError("no application slot")
        if len(found) == 1:
            return found[0]
        best = slots.choose([slots.read(flash) for _, flash in found])
        return found[-1 if best and best[0] == 0 else 0]

    def write(self, chunk, may):
        """Take the next bytes, at most a block: one erase. OSError if they cannot be stored.

        may(ms): True if every contactor is open and none closes for `ms` from now on. Asked before
        each work that stalls the program, anew after each. Where the answer is False nothing is
        taken, and False is returned: come again with the same bytes.

        A bad file is read to its end, so that all its statuses are reported in order (Downloaded,
        then InstallationFailed), but it does not wear the flash.
        """
        chunk = memoryview(chunk)
        size = len(chunk)
        if not self._wrong and self._digest is None:
            known = len(self._head)
            rest = min(slots.HEADER - self._count, size)
            for i in range(0, rest, _PART):
                self._head.append(bytes(chunk[i : min(i + _PART, rest)]))
            if self._bundle is None:
                if self._count + rest < slots.HEADER and not bundle.foreign(self._head[0]):
                    self._count += size
                    return True
                if not may(_CHECK_MS):
                    del self._head[known:]
                    return False
                self._check()
            if not self._wrong:
                if not may(_ERASE_MS):
                    del self._head[known:]
                    return False
                self._open()
                chunk = chunk[rest:]
        elif not self._wrong and self._erases(size) and not may(_ERASE_MS):
            return False
        self._count += size
        if len(chunk) and not self._wrong:
            self._put(chunk)
        return True

    def _erases(self, size):
        """True if the next `size` bytes begin a block."""
        block = self._slot[1].block_size
        at = self._count - slots.HEADER
        return at % block == 0 or at // block != (at + size - 1) // block

    def _check(self):
        """Look at the header; why it is not good is in `_wrong` then."""
        try:
            self._admit()
        except ValueError as exc:
            self._wrong = str(exc)
            log.warn("update", "%s", exc)
            from slots import keys as signing

            if isinstance(exc, signing.NotBelieved):
                security_log.note("firmware_signature", self._wrong)
        finally:  # what checks signatures is of no use while the rest comes
            release("upkeep.manufacturer")
            release("slots.keys")
            release("pki")

    def _admit(self):
        head = bundle.parse(self._head)
        newer_only = self._settings is not None and self._settings.get("UpdateNewerOnly")
        flash = self._slot[1]
        oldest = VERSION if newer_only else None
        takes, base = appslot.takes(flash), appslot.base()
        known = keys()
        self._signed = bool(known) or self._vouched
        if not self._signed:
            from upkeep import manufacturer

            why = manufacturer.only_signed(self._settings)
            if why:
                from slots import keys as signing

                raise signing.NotBelieved(why)
        from upkeep import version_floor

        # Nothing else is taken: then no older version may come than the one that runs.
        least = VERSION if self._signed else ""
        self._floor = floor = version_floor.now(self._records(), least)
        release("upkeep.version_floor")
        if floor and (oldest is None or bundle.order(oldest) < bundle.order(floor)):
            oldest = floor
        bundle.admit(head, self._name, slots.capacity(flash), known, oldest, takes, base)
        if self._size is not None and self._size != slots.HEADER + head.length:
            whole = slots.HEADER + head.length
            raise ValueError("%d bytes, %d in its header" % (self._size, whole))
        self._bundle = head
        if not self._signed:
            log.warn(
                "update", "nobody's signature was asked for: there is no %s", appslot.KEY_FILE
            )

    def _open(self):
        """From here on the slot is empty, until it is committed."""
        name, flash = self._slot
        self._settle_floor(self._floor)
        slots.clear(flash)
        slots.describe(flash, self._head)
        self._digest = self._bundle.digest
        self._head = []
        log.info("update", "version %s comes into %s", self._bundle.version, name)

    def _put(self, chunk):
        flash = self._slot[1]
        size = flash.block_size
        at = self._count - slots.HEADER - len(chunk)
        if at + len(chunk) > self._bundle.length:
            self._wrong = "more bytes than its header says"
            return
        while len(chunk):
            if at % size == 0:
                flash.erase(at // size)
            n = min(size - at % size, len(chunk))
            flash.program(at, chunk[:n])
            at += n
            chunk = chunk[n:]

    def finish(self):
        """Compare and commit; True: a reboot is needed. ValueError: it is not good."""
        if self._slot is None:
            raise ValueError("nothing has come")
        if self._wrong:
            raise ValueError(self._wrong)
        if self._bundle is None:
            bundle.parse(self._head)  # says what is wrong with so few bytes
        flash = self._slot[1]
        if self._count != slots.HEADER + self._bundle.length:
            raise ValueError("%d bytes of %d" % (self._count, slots.HEADER + self._bundle.length))
        if not slots.describes(flash, self._digest):
            raise ValueError("the bundle's header is damaged")
        if slots.digest(flash, 0, self._bundle.length) != self._bundle.sha256:
            raise ValueError("the image's checksum is wrong")
        # Read anew: the number has to be higher than what is on the flash now.
        records = self._records()
        if self._signed:
            from upkeep import version_floor

            self._settle_floor(version_floor.now(records), self._bundle)
        slots.commit(flash, slots.next_number(records))
        log.info("update", "version %s is ready in %s", self._bundle.version, self._slot[0])
        self._slot = None
        self._count = 0
        return True

    def before_trial(self, services):
        """Keep for the trial of the next version whether the central system has accepted this one.
        services: transfers.Transfers; any other has none. It never raises."""
        line = getattr(services, "line", None)
        if line is None:
            return
        journal = services.station.journal
        try:
            if line.accepted:
                journal.keep(kinds.FIRMWARE, ACCEPTED, [ACCEPTED])
            else:
                journal.forget(kinds.FIRMWARE, ACCEPTED)
        except Exception as exc:
            log.warn("update", "not kept for the trial: %r", exc)

    def _records(self):
        return [slots.read(device) for _, device in appslot.devices()]

    def _settle_floor(self, floor, head=None):
        from upkeep import version_floor

        version_floor.settle(floor, head)
        release("upkeep.version_floor")

    def what(self):
        """Name of the version being installed, for `installed`; None before its header."""
        return hexlify(self._digest[:8]).decode() if self._digest else None

    def version(self):
        """Version of the bundle whose header has come; None before."""
        return self._bundle.version if self._bundle else None

    def installed(self, what=None):
        """After the reboot: True if `what` runs, None if it is on trial, False if not."""
        name = appslot.running()
        if name is None or what is None:
            return False
        record = appslot.record(name)[1]
        if hexlify(record.digest[:8]).decode() != what:
            log.warn("update", "version %s runs, not the one that was installed", VERSION)
            return False
        return True if record.confirmed else None

    def abort(self, owner=CENTRAL):
        """Forget what has come so far from `owner`. The slot that runs has not been touched."""
        if owner == self._owner:
            self._clear(None)
