# Transactions that were open when something else came between.
# MIT license; part of microevse
"""A restart, or another protocol. Loaded where `points` finds one on flash; see there."""

from evse_base import const, log
from store import kinds

from .early import Early
from .session import trigger_of

_STARTED = const(0)
_ENDED = const(2)
_BEGIN = const(4)


def load(points, station, cause):
    """Take up what is open; end what a restart has cut, for this reason. False if an end is not on
    flash yet."""
    journal, complete = station.journal, True
    for number, kept in list(journal.state(kinds.TRANSACTION)):
        if number in points.open:
            continue  # taken up before
        try:
            done = _take_up(points, station, cause, number, *kept[1:11])
        except (TypeError, ValueError, IndexError) as exc:
            log.error("station", "open transaction not understood: %r", exc)
            done = True
        if done:
            journal.forget(kinds.TRANSACTION, number)
        complete = complete and done is not False
    return complete


# fmt: off
def _take_up(points, station, cause, number, session, uuid, seq, now, meter_wh, reason, bits,
             unplugs, token="", kind=None):
    # fmt: on
    """True if this record is not needed any more, None if it is, False if it has to be tried
    again."""
    journal = station.journal
    what, least = _queued(journal, session)
    # A power cut may have come between a record and this one. What is neither told nor queued
    # has passed under another protocol.
    if session in journal.running or what == _ENDED or (what is None and not bits & _BEGIN):
        return True
    early = Early(points, session, number, token, None, meter_wh, now, kind)
    early.begin(max(seq, least))
    early.uuid, early.stopping, early.bits, early.unplugs = uuid, reason, bits, unplugs
    last = journal.get(kinds.CHECKPOINT, number)
    if now[0] == station.clock.boot:
        if last and last[1] == session:
            points.open[number] = early
            return None
        cause = "other"  # another protocol has begun a session meanwhile
    trigger = trigger_of(cause)
    return points.append(early, trigger, "idle", now, _ENDED, cause, (None,) * 3, None)


def _queued(journal, session):
    """(what the last queued event of this transaction is or None, the number behind it)."""
    found, event = (None, 0), journal.pending()
    while event is not None:
        seq, kind, payload = event
        if payload[0] == session and kind == kinds.START:
            found = _STARTED, 0
        elif payload[0] == session and kind == kinds.STOP and len(payload) < 11:
            found = _ENDED, 0
        elif kind == kinds.CHANGE and payload[0] == session and len(payload) > 7:
            found = payload[7][0], payload[5] + 1
        event = journal.pending(seq)
    return found
