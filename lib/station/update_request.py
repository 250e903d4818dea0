# The request for an update as it lies in the journal.
# MIT license; part of microevse
"""One record: the key, the location or a name for it, the time to fetch it, retries, interval. A
record has at most 1024 bytes. A longer location, or what a signed request brings, lies in pieces
under keys of its own; their first key and number follow. Of a request with a number that follows,
and the time to install it, None: at once. One more field says that nobody has signed it: a version
that does not know this takes the request for a signed one, and refuses it.

The pieces of the next request have the other keys, so that a power cut between two of them leaves
the old request whole. Loaded with update.py.
"""

from evse_base import const, crc32
from store import kinds

REQUEST = const(0)  # key of the record
NUMBERED = const(9)  # length of one with a number; one more: nobody has signed it
_PIECE = const(600)  # bytes
_FIRST = const((100, 200))  # key of the first piece
_MOST = const(99)
_EACH_S = const(60)


def readable(record, fields):
    """A record as it is on flash; None if this version cannot read it. fields: that it must have,
    5 for a request."""
    if record is None or len(record) < fields or not isinstance(record[1], str):
        return None
    for number in record[2:5] if fields == 5 else record[2:3]:
        if number is not None and not isinstance(number, int):
            return None
    if fields == 5 and len(record) >= NUMBERED:
        if not isinstance(record[7], int) or not isinstance(record[8], (int, type(None))):
            return None
    return record if record[2] is not None else None


def is_signed(record):
    """True if the manufacturer has to have signed it: also of one with more fields, which a later
    version has written."""
    return len(record) >= NUMBERED and record[NUMBERED:] != [1]


def keep(journal, location, at, retries, interval, signed, jobs):
    """Write a request in place of the one before; the record. signed: see Update.request. jobs:
    the Jobs whose `update` asks. Raises JournalFull, OSError; ValueError for another request so
    soon while a car charges: nothing is erased then, and each one takes up to 6 KB."""
    update, uptime = jobs.update, jobs.clock.uptime()
    before = getattr(update, "taken_s", None)  # None: of an earlier start
    if update.pending and before is not None and not jobs.services.allowed():
        if uptime - before < _EACH_S:
            raise ValueError("a car charges: one request in %d s" % _EACH_S)
    name, rest = location, []
    plain = signed and signed[2] is None
    if signed and not plain:
        from . import signed_update

        data = signed_update.packed(location, signed[2], signed[3])
    else:
        data = location.encode()
    if signed and not plain or len(data) > _PIECE:
        old = journal.get(kinds.FIRMWARE, REQUEST)
        first = _FIRST[1] if old is not None and old[5:6] == [_FIRST[0]] else _FIRST[0]
        rest = [first, 0]
        for begin in range(0, len(data), _PIECE):
            key = first + rest[1]
            journal.keep(kinds.FIRMWARE, key, [key, data[begin : begin + _PIECE]])
            rest[1] += 1
        name = _name(data)
    record = [REQUEST, name, at, retries, interval] + rest
    if signed:
        record += [] if rest else [0, 0]
        record += signed[:2]
    if plain:
        record.append(1)
    journal.keep(kinds.FIRMWARE, REQUEST, record)
    update.taken_s = uptime
    _drop(journal, rest[:1])
    return record


def location(journal, request):
    """The whole location of a request, "" if a piece of it is lost."""
    if len(request) < 7 or not request[6]:
        return request[1]
    data = pieces(journal, request)
    if is_signed(request):
        from . import signed_update

        return signed_update.unpacked(data)[0]
    try:
        return data.decode()
    except ValueError:
        return ""


def pieces(journal, request):
    """The bytes that a request names; b"" if a piece of them is lost."""
    first, count = request[5:7]
    if first not in _FIRST or not isinstance(count, int):
        return b""
    found = []
    for key in range(first, first + min(count, _MOST)):
        piece = journal.get(kinds.FIRMWARE, key)
        if piece and isinstance(piece[1], bytes):
            found.append(piece[1])
    data = b"".join(found)
    return data if _name(data) == request[1] else b""


def forget(journal):
    """Forget the request and its pieces."""
    journal.forget(kinds.FIRMWARE, REQUEST)
    _drop(journal)


def _drop(journal, kept=()):
    """Forget the pieces that no request needs. kept: [key of the first piece] of one that does."""
    for key in [key for key, _ in journal.state(kinds.FIRMWARE)]:
        if isinstance(key, int) and key >= _FIRST[0] and key // 100 * 100 not in kept:
            journal.forget(kinds.FIRMWARE, key)


def _name(data):
    return "%d bytes, %08x" % (len(data), crc32(data))
