# Security events on flash: kinds, records, and the log as text.
# MIT license; part of microevse
"""Loaded while events are written, told or read.

The log on flash is a store.seclog.EventLog, had anew for each piece of work and never kept over
an `await`. It lies on the partition `seclog`. A board with an older partition table has a file in
its place, which is opened only while no contactor is closed, because a file system erases whenever
it likes; events wait in RAM until then, and a power cut before that loses them.

Payload: CBOR list of boot number, uptime in s, Unix time (0: not known), kind, info, how often.
"""

from evse_base import before_import, const, iso8601, log, release, room
from evse_base import ticks_add, ticks_diff, ticks_ms
from store import cbor
from store.sectors import ForeignContent, NoSpace

from . import security_log

# Kinds; critical ones have a "!": they are told to the central system. The number of a kind on
# flash is its place: add behind, never reorder. Criticality: OCPP 1.6 security whitepaper
# edition 3, list of security events.
KINDS = (
    "started! reset! firmware_updated! clock_set! log_cleared! memory_exhausted! tampered!"
    " refused_by_central central_not_known central_certificate own_certificate security_changed"
    " bad_message replayed firmware_signature signing_certificate tls_version tls_cipher"
    " login_failed"
).split(" ")
# Kinds that are told as well, though that list does not call them critical: the use cases of the
# whitepaper (A02, M05; certification cases TC_077 and TC_078) and those of 2.x (L01; A_06, L_06)
# want them told. An adapter passes over those that its version does not tell.
TOLD = (
    "central_certificate own_certificate firmware_signature signing_certificate tls_version"
    " tls_cipher"
).split(" ")
_INFO = const(255)  # bytes
_FIRST_S = const(60)
_LONGEST_S = const(3600)
_PIECE = const(8)  # records that are read at a time
_PARTITION = const("seclog")
_FILE = const("seclog.bin")
_FILE_BLOCKS = const(8)
_FILE_BLOCK = const(1024)
# Bytes of heap that are free before the log is opened: messages of the central system go first.
NEEDS = 8192
# Boot numbers from here on are no count (wiring.journal): the journal's partition is missing.
_NO_COUNT = const(0x10000)
HEAD = "number\ttime\tboot\tuptime_s\tcritical\tkind\ttimes\tinfo"


def critical(kind):
    return kind + "!" in KINDS


def _tell(kind):
    return critical(kind) or kind in TOLD


def _number(kind):
    for i, word in enumerate(KINDS):
        if word.rstrip("!") == kind:
            return i
    return 255


def _cut(text):
    data = text.encode()[:_INFO]
    while data and data[-1] & 0xC0 == 0x80:  # inside a character
        data = data[:-1]
    if data and data[-1] >= 0xC0:
        data = data[:-1]
    return data.decode()


def reach():
    """The log on flash, a new one each time; None if it cannot be had now. Whoever has it closes
    it and does not `await` meanwhile."""
    if security_log.device is None or not room(NEEDS):
        return None
    from store.seclog import EventLog

    release("store.seclog")
    try:
        return EventLog(security_log.device(_PARTITION))
    except (OSError, ForeignContent) as exc:
        problem = exc
    if security_log.services and not security_log.services.allowed():
        return None
    from store.ramflash import FileFlash

    try:
        book = EventLog(FileFlash(_FILE, _FILE_BLOCKS, _FILE_BLOCK))
    except Exception as exc:
        log.error("security", "no log: %s; %r", problem, exc)
        return None
    if [entry for entry in security_log.waiting if entry[0] == "started" and entry[3]]:
        log.warn("security", "%s: the log is a file, written while no car charges", problem)
    return book


async def keep(clock, may_stall):
    """Write the events that are due, and make room, by one erase at most (two at a bad block);
    True if there is more of that to be done."""
    await before_import()
    book = reach()
    if book is None:
        postpone()
        return False
    security_log.untidy = True
    try:
        if book.next_seq == 1 and 1 < (clock.boot or 0) < _NO_COUNT:
            security_log.note("log_cleared", "it begins at boot %d" % clock.boot)
        write(book, clock)
        may = may_stall()
        if may:
            security_log.untidy = False  # also if it fails: no endless row of erases
            security_log.untidy = book.tidy(may_stall)
    except Exception as exc:
        log.error("security", "log: %r", exc)
        return False
    finally:
        book.close()
    return security_log.untidy and may


def write(book, clock):
    """Write what may be written now. What the flash does not take stays, for a minute."""
    for entry in security_log.waiting:
        kind, info, ticks, count, due, wait_s = entry
        now = ticks_ms()
        if not count or ticks_diff(now, due) < 0:
            continue
        seconds = max(0, ticks_diff(now, ticks)) // 1000
        wall = clock.now()
        info = _cut(log.redact(info)) if info else ""
        record = [clock.boot or 0, clock.uptime() - seconds, wall - seconds if wall else 0]
        payload = cbor.dumps(record + [kind, info, count])
        try:
            seq = book.add(_tell(kind), _number(kind), payload)
        except Exception as exc:
            if not isinstance(exc, NoSpace):
                log.warn("security", "%s is not on flash yet: %r", kind, exc)
            entry[4] = ticks_add(now, 1000 * _FIRST_S)
            continue
        entry[3] = 0
        entry[5] = min(2 * wait_s or _FIRST_S, _LONGEST_S)
        entry[4] = ticks_add(now, 1000 * entry[5])
        if _tell(kind):
            if security_log.untold is None:
                security_log.untold = seq
            if security_log.on_news:
                security_log.on_news()


def postpone():
    """The flash cannot be had now: what is due waits a minute."""
    for entry in security_log.waiting:
        if entry[3] and ticks_diff(ticks_ms(), entry[4]) >= 0:
            entry[4] = ticks_add(ticks_ms(), 1000 * _FIRST_S)


def _record(data):
    """The list in a payload; None if it is another one. Later versions may put more into it."""
    try:
        record = cbor.loads(data)
        for i, kind in enumerate((int, int, int, str, str, int)):
            if not isinstance(record[i], kind):
                return None
        return record
    except (ValueError, TypeError, IndexError):
        return None


def when(record, clock):
    """Unix time of a record, 0 if it is not known: an earlier boot that was not told the time."""
    return record[2] or clock.wall(record[0], record[1]) or 0


def next_untold(clock):
    """(number, Unix time or 0, kind, info with all that matters) of the oldest critical event that
    has not been told. None if there is none, or if the log cannot be had now."""
    book = reach()
    if book is None:
        return None
    try:
        while True:
            data = book.untold(security_log.untold or 0)
            if data is None:
                security_log.untold = None
                return None
            security_log.untold = book.seq
            record = _record(data)
            if record:
                break
            book.told(security_log.untold)  # nothing of it can be told
    finally:
        book.close()
    wall = when(record, clock)
    now = clock.now()
    if now and record[0] == clock.boot:
        # By the clock as it is: the central system may have corrected it since.
        wall = now - (clock.uptime() - record[1])
    return (security_log.untold, wall, record[3], _told_info(record, clock))


def _told_info(record, clock):
    info = record[4]
    if record[5] > 1:
        info += " (%d times)" % record[5] if info else "%d times" % record[5]
    if not when(record, clock):
        info += "%sboot %s, %d s after its start" % ("; " if info else "", record[0], record[1])
    return _cut(info)


def told(number):
    """The event `number` was told. False if that could not be marked: it will be told again."""
    book = reach()
    if book is None:
        return False
    try:
        book.told(number)
    finally:
        book.close()
    if security_log.untold is not None:
        security_log.untold = max(security_log.untold, number + 1)
    return True


# -- the log as text ---------------------------------------------------------------------------


def _line(number, record, wall):
    stamp = iso8601.format(wall) if wall else "-"
    yes = "yes" if critical(record[3]) else "no"
    info = record[4].replace("\t", " ").replace("\n", " ").replace("\r", " ")
    fields = (number, stamp, record[0], record[1], yes, record[3], record[5], info)
    return "%d\t%s\t%d\t%d\t%s\t%s\t%d\t%s" % fields


def lines(clock, oldest=None, latest=None, last=None):
    """Yield the log, a line for each event, the oldest first, then an end mark. The flash is read
    in pieces, as the lines are asked for.

    oldest, latest: Unix times between which events are wanted; one whose time is not known is
    always there. last: the number of the last event that is wanted.
    """
    yield HEAD
    number = count = 0
    while True:
        book = reach()
        if book is None:
            yield "# the security log cannot be read now"
            return
        try:
            found = book.read(number, _PIECE)
        finally:
            book.close()
        for number, _, _, data in found:
            if last is not None and number > last:
                found = ()
                break
            record = _record(data)
            if record is None:
                continue
            wall = when(record, clock)
            if wall and (oldest and wall < oldest or latest and wall > latest):
                continue
            count += 1
            yield _line(number, record, wall)
        number += 1
        if len(found) < _PIECE:
            break
    yield "# end of the security log, %d events" % count


def last_number():
    """The number of the newest event, 0 without one; None if the log cannot be had now."""
    book = reach()
    if book is None:
        return None
    try:
        return book.next_seq - 1
    finally:
        book.close()
