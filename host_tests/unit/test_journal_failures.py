# A flash or a heap that fails in the middle of a write: RAM counts what is on flash.
# MIT license; part of microevse
"""A record that is on flash although its writer was told otherwise is written a second time: an
end of a session is billed twice, and numbers repeat."""

import sys

from evse_base import log as console
from store import norlog
from store.journal import Journal
from store.kinds import CHANGE, CHECKPOINT, SAMPLE, SETTING, START, STOP, TXID
from store.ramflash import RamFlash

console.use_sink(lambda line: None)

BLOCK = 512
AT = [1, 10, 1798804800]
REFUSED = (OSError, MemoryError)  # made now: a locked heap has no room for it
MICROPYTHON = sys.implementation.name == "micropython"


class Failing(RamFlash):
    """Fails at program (or read) number `at` from now on: before it, half way, or after it.

    `starve`: from that program on there is no memory, until `feed`.
    """

    def __init__(self, blocks=12, image=None):
        super().__init__(blocks, BLOCK, image)
        self.left = self.reads_left = 0
        self.how = "before"
        self.error = OSError(5)
        self.fired = self.starving = False

    def fail(self, at, how, error):
        self.left, self.how, self.error, self.fired = at, how, error, False

    def program(self, addr, data):
        self.left -= 1
        if self.left or self.how == "starve":
            # Without memory of its own.
            self._check(addr, len(data))
            for i in range(len(data)):
                self.image[addr + i] &= data[i]
            if self.left == 0:
                self.fired = True
                starve(self)
            return
        self.fired = True
        if self.how != "before":
            n = len(data) if self.how == "after" else len(data) // 2
            RamFlash.program(self, addr, bytes(data)[:n])
        raise self.error

    def read(self, addr, buf):
        self.reads_left -= 1
        if self.reads_left == 0:
            self.fired = True
            raise self.error
        for i in range(len(buf)):
            buf[i] = self.image[addr + i]


class NoMemory:
    """In place of bytearray, bytes, memoryview and Cursor in the modules of the store."""

    def __init__(self, *more):
        raise MemoryError


MODULES = ("norlog", "sectors", "records", "space", "journal", "state")
NAMES = ("bytearray", "bytes", "memoryview")


def replace(names, stand_in):
    """Let `stand_in` be what the modules of the journal find under these built-in names."""
    for module in MODULES:
        for name in names:
            setattr(sys.modules["store." + module], name, stand_in)


def restore(names):
    for module in MODULES:
        for name in names:
            delattr(sys.modules["store." + module], name)


def starve(flash):
    flash.starving = True
    if MICROPYTHON:
        import micropython

        micropython.heap_lock()
        return
    replace(NAMES, NoMemory)
    norlog.Cursor, flash.cursor = NoMemory, norlog.Cursor


def feed(flash):
    if not flash.starving:
        return
    flash.starving = False
    if MICROPYTHON:
        import micropython

        micropython.heap_unlock()
        return
    restore(NAMES)
    norlog.Cursor = flash.cursor


FAILURES = [
    (how, error)
    for error in (OSError(5), MemoryError())
    for how in ("before", "half", "after")
] + [("starve", None)]  # fmt: skip


def journal(flash):
    j = Journal(norlog.NorLog(flash))
    j.prepare()
    return j


def begun():
    """A journal with a session of which START, a SAMPLE and a CHANGE are on flash."""
    flash = Failing()
    j = journal(flash)
    j.append(START, [7, 1, "CARD", 0, None, AT, b"u" * 16])
    j.append(SAMPLE, [7, 1, "Sample.Periodic", AT, [[1, 0, 5]], 1])
    j.append(CHANGE, [7, 1, "x", "y", AT, 2])
    return flash, j


def numbers(j):
    """[(kind, number in its session)] of all whole events on flash, done or not."""
    found = []
    cursor = norlog.Cursor(0)
    log = j.log
    while log.seek(cursor):
        cursor.seq = log.seq + 1
        payload = j._load(log.block, log.off, False)
        if payload:
            kind = log.kind
            found.append((kind, 0 if kind == START else payload[7 if kind == STOP else 5]))
    return found


def check_live(j):
    """RAM counts the live bytes of each sector as a walk over the flash does."""
    log = j.log
    for stream in (0, 1):
        for block in log.blocks(stream):
            live = log.needed(block, lambda kind, seq, flags: not norlog.is_dead(flags))
            assert log.live(block) == live, (stream, block, log.live(block), live)


EVENTS = {
    START: [8, 1, "CARD", 0, None, AT, b"v" * 16],
    SAMPLE: [7, 1, "Sample.Periodic", AT, [[1, 0, 6]], 3],
    CHANGE: [7, 1, "x", "z", AT, 3],
    STOP: [7, 1, 9, "local", None, AT, None, 3, "x", None],
}


def append_with(kind, at, how, error):
    """Append with a failure, and again if the first one was refused, as the station does."""
    flash, j = begun()
    before = numbers(j)
    flash.fail(at, how, error)
    refused = 0
    try:
        for _ in range(3):
            try:
                j.append(kind, EVENTS[kind])
                break
            except REFUSED:
                refused += 1
    finally:
        feed(flash)
    fired, flash.left = flash.fired, 0
    where = (kind, at, how, repr(error))
    number = 0 if kind == START else 3
    for view in (j, Journal(norlog.NorLog(Failing(12, bytearray(flash.image))))):
        assert numbers(view) == before + [(kind, number)], (where, numbers(view))
        assert view.queued == 4, (where, view.queued)
        check_live(view)
        wanted = {START: [7, 8], STOP: []}.get(kind, [7])
        assert sorted(view.open_sessions()) == wanted, (where, view.open_sessions())
        # Deliver all: nothing goes below zero, and nothing is handed out twice.
        told = []
        while view.pending():
            seq, what, _ = view.pending()
            told.append(what)
            view.done(seq)
        assert told == [START, SAMPLE, CHANGE, kind], (where, told)
        assert view.queued == 0
        check_live(view)
        view.prepare()
        check_live(view)
    again = Journal(norlog.NorLog(Failing(12, bytearray(flash.image))))
    assert sorted(again.open_sessions()) == wanted, where
    return fired, refused


def test_an_event_is_on_flash_once_whatever_fails():
    for kind in EVENTS:
        for how, error in FAILURES:
            at = 1
            while append_with(kind, at, how, error)[0]:
                at += 1
            assert at > (2 if kind == STOP else 1), (kind, how)


def test_an_event_on_flash_is_never_refused():
    for kind in EVENTS:
        for how, error in FAILURES:
            refused = append_with(kind, 1, how, error)[1]
            assert refused == (how in ("before", "half")), (kind, how, refused)


def test_a_new_sector_that_fails_holds_no_record_twice():
    for how, error in FAILURES:
        for at in (1, 2, 3, 4):
            flash, j = begun()
            wanted = numbers(j)
            n = 3
            # Until the next record needs a new sector.
            while j.log.room(0) >= 60:
                j.append(SAMPLE, [7, 1, "Sample.Periodic", AT, [[1, 0, n]], n])
                wanted.append((SAMPLE, n))
                n += 1
            flash.fail(at, how, error)
            try:
                for _ in range(4):
                    try:
                        j.append(SAMPLE, [7, 1, "Sample.Periodic", AT, [[1, 0, n]] * 8, n])
                        break
                    except REFUSED:
                        feed(flash)
            finally:
                feed(flash)
            wanted.append((SAMPLE, n))
            for view in (j, journal(Failing(12, bytearray(flash.image)))):
                assert numbers(view) == wanted, (at, how, numbers(view), wanted)
                check_live(view)


def test_a_failing_read_back_does_not_write_twice():
    for kind in EVENTS:
        for error in (OSError(5), MemoryError()):
            fired, at = True, 1
            while fired:
                flash, j = begun()
                before = numbers(j)
                flash.error, flash.fired, flash.reads_left = error, False, at
                for _ in range(3):
                    try:
                        j.append(kind, EVENTS[kind])
                        break
                    except REFUSED:
                        pass
                fired = flash.fired
                flash.reads_left = 0
                number = 0 if kind == START else 3
                for view in (j, journal(Failing(12, bytearray(flash.image)))):
                    assert numbers(view) == before + [(kind, number)], (kind, at)
                at += 1


def test_a_start_that_cannot_be_released_ends_its_session_once():
    """The end may be delivered and reclaimed before the START is released: it must not be."""
    flash, j = begun()
    flash.fail(2, "before", OSError(5))
    j.append(STOP, EVENTS[STOP])
    assert flash.fired and j.open_sessions() == [] and list(j.running) == [7]
    while j.pending():
        j.done(j.pending()[0])
    for n in range(20):  # sectors that could be reclaimed
        j.done(j.append(SAMPLE, [0, 1, "Sample.Clock", AT, [[1, 0, n]] * 5]))
        flash.fail(1, "before", OSError(5))
        assert j.prepare() == 0 and flash.fired
        assert Journal(norlog.NorLog(Failing(12, bytearray(flash.image)))).open_sessions() == []
    j.done(j.append(SAMPLE, [0, 1, "Sample.Clock", AT, []]))
    j.prepare()
    assert list(j.running) == []
    while j.prepare(1):
        again = Journal(norlog.NorLog(Failing(12, bytearray(flash.image))))
        assert again.open_sessions() == [] and again.pending() is None
    check_live(j)


def test_a_value_that_is_on_flash_counts_although_the_old_one_is_not_marked():
    for how, error in FAILURES:
        for at in (1, 2, 3):
            flash = Failing()
            j = journal(flash)
            j.keep(SETTING, "A", ["A", "old"])
            flash.fail(at, how, error)
            kept = False
            try:
                while not kept:
                    try:
                        j.keep(SETTING, "A", ["A", "new"])
                        kept = True
                    except REFUSED:
                        feed(flash)
            finally:
                feed(flash)
            for view in (j, journal(Failing(12, bytearray(flash.image)))):
                assert view.get(SETTING, "A") == ["A", "new"], (how, at)
                check_live(view)
                values = [payload[1] for _, payload in view.state(SETTING)]
                assert values[-1] == "new" and len(values) < 3, (how, at, values)
            assert len(list(journal(Failing(12, bytearray(flash.image))).state(SETTING))) == 1


def test_a_merge_that_fails_leaves_each_record_once():
    """A copy whose header counts although RAM goes on with the originals would bring back events
    that were delivered meanwhile."""
    for how, error in FAILURES:
        at, fired = 1, True
        while fired:
            flash, j = begun()
            for n in range(3, 60):
                seq = j.append(SAMPLE, [7, 1, "Sample.Periodic", AT, [[1, 0, n]], n])
                if n % 8:
                    j.done(seq)
            blocks = list(j.log.blocks(0))[:3]
            flash.fail(at, how, error)
            try:
                j.log.merge(0, blocks, j._space._wanted)
            except REFUSED:
                pass
            finally:
                feed(flash)
            fired, at = flash.fired, at + 1
            flash.fail(0, "before", None)
            told = []
            while j.pending():
                told.append(j.pending()[0])
                j.done(told[-1])
            assert len(told) == 3 + 7, (how, at, told)
            assert sorted(told) == told and len(set(told)) == len(told), (how, at, told)
            again = Journal(norlog.NorLog(Failing(12, bytearray(flash.image))))
            assert again.pending() is None, (how, at, again.pending())
            assert again.open_sessions() == [7]


def test_marks_count_once():
    for how, error in FAILURES:
        flash, j = begun()
        j.keep(TXID, 7, [7, 5, 1, b"u"])
        j.keep(CHECKPOINT, 1, [1, 7, 5, AT, 0])
        seq = j.pending()[0]
        flash.fail(1, how, error)
        try:
            j.done(seq)
        except REFUSED:
            pass
        finally:
            feed(flash)
        check_live(j)
        j.done(seq)
        check_live(j)
        assert j.queued == 2 and j.pending()[0] == seq + 1, (how, j.queued)


def test_a_value_comes_back_although_the_one_between_could_not_be_marked():
    """A, B, A: the first A was live and equal, so nothing was written. B came back at boot."""
    for kind, key in ((SETTING, "MaxCurrent"), (CHECKPOINT, 1)):
        for behind in (False, True):
            flash = Failing()
            j = journal(flash)
            first, second = [key, "16"], [key, "20"]
            if kind == CHECKPOINT:
                first, second = [1, 7, 100, AT, 1], [1, 7, 100, AT, 0]
            j.keep(kind, key, first)
            flash.fail(2, "before", OSError(5))  # the value, then the mark of the one before it
            j.keep(kind, key, second)
            assert flash.fired
            j.keep(kind, key, first)
            if behind:
                j.keep(TXID, 7, [7, 4711, 1, None])
            assert [payload for _, payload in j.state(kind)] == [first], "older ones are marked"
            assert journal(Failing(image=flash.image)).get(kind, key) == first


def test_a_mark_that_failed_is_made_by_the_next_keep_of_the_same_value():
    flash = Failing()
    j = journal(flash)
    j.keep(SETTING, "MaxCurrent", ["MaxCurrent", "16"])
    flash.fail(2, "before", OSError(5))
    j.keep(SETTING, "MaxCurrent", ["MaxCurrent", "20"])
    assert flash.fired and len(list(j.state(SETTING))) == 2
    programs = j.log.programs
    j.keep(SETTING, "MaxCurrent", ["MaxCurrent", "20"])
    assert j.log.programs == programs + 1, "the mark alone"
    assert [payload for _, payload in j.state(SETTING)] == [["MaxCurrent", "20"]]


def test_a_record_that_lacks_memory_takes_no_place():
    """Each try sealed a sector before its memory was asked for: a few tries took all of them."""
    flash = Failing()
    j = journal(flash)
    append = [7, 1, "Sample.Periodic", AT, [[1, 0, 5]], 1]
    j.append(SAMPLE, append)
    free = j.log.free(0)
    for made in (0, 1):
        for _ in range(20):
            left = [made]

            def hungry(*given):
                left[0] -= 1
                if left[0] < 0:
                    raise MemoryError()
                return bytearray(*given)

            replace(["bytearray"], hungry)
            try:
                j.append(SAMPLE, append)
                raise AssertionError("no memory, and yet")
            except MemoryError:
                pass
            finally:
                restore(["bytearray"])
    assert j.log.free(0) == free
