# Security events: noted anywhere, at any time; written to flash a moment later.
# MIT license; part of microevse
"""`note("login_failed", "page, from 10.0.0.7")` is all that a part does to have an event logged.
It writes nothing, loads nothing and never raises. `kind` is a word of security_book.KINDS.

Flash has to last, and a flood of one kind must not push out the others. So what repeats is
counted: of one kind and info there is one record at once, one after a minute, then one after twice
that time, at most one an hour. Of a kind that comes with ever new infos two are told apart, the
others are counted with the second.

Loaded always, so it is small. What writes and reads the log is `security_book`, loaded for that.
"""

import evse_base as port

_STEP_S = 60
# Entries: [kind, info, ticks of the first, how many are not on flash yet, ticks from which they
# may be written, the time in s after which the next ones may]. An entry stays for that time.
waiting = []
# Set by the firmware. device: fn(name of a partition) -> its flash, OSError without it. services:
# as for station.jobs.Jobs; its `config` has the certificates (firmware/config.py).
device = services = None
# A critical event of this number or a later one may have to be told; None: there is none.
untold = 0
# The log_upload.Upload that was asked for, until its end has been told.
upload = None
# See renewal.py: when a certificate of our own is asked for; 0: as soon as the time is known.
sign_at = 0
sign_tries = None
# fn(): there is something to tell; None while nobody listens.
on_news = None
untidy = True  # flash has to be erased, once that is allowed


def note(kind, info=""):
    """Log an event. kind: see security_book. info: text for a person, of which at most 255 bytes
    are kept, without its secrets."""
    try:
        now = port.ticks_ms()
        found = None
        apart = 0
        for entry in waiting:
            if entry[0] == kind:
                found = entry
                apart += 1
                if entry[1] == info:
                    break
        else:
            # Each kind has a place, and a second one while there are few.
            if apart == 0 or apart == 1 and len(waiting) < 12:
                waiting.append([kind, info, now, 1, now, 0])
                return
        if not found[3]:
            found[1] = info
            found[2] = now
        found[3] += 1
    except Exception:
        pass  # no memory, say: the part that has called goes on


def clock_set(step):
    """The clock was set by `step` seconds, None at the first time. A small step is a correction,
    and no event."""
    if step and abs(step) >= _STEP_S:
        note("clock_set", "by %d s" % step)


def due_in_ms(point):
    """Milliseconds until something may be told, or a certificate has to be asked for; None: there
    is nothing. `point.signs` is True for the certificate."""
    now = point.clock.now()
    # See renewal.py: only while no car charges, and the time is known.
    point.signs = sign_at is not None and now is not None and now // 60 >= sign_at
    point.signs = bool(point.signs and services and services.allowed())
    wait_ms = point.starved_ms - point.clock.uptime_ms()
    if wait_ms > 0:
        return wait_ms
    if point.signs or upload and upload.news:
        return 0
    if untold is None or point.refusals is None:
        return None
    return max(0, point.tell_ms - point.clock.uptime_ms())


def due():
    """True if something may be written now. Forgets what has not been repeated for its time."""
    now = port.ticks_ms()
    found = False
    i = len(waiting)
    while i:  # from the end: without a copy, as this is asked all the time
        i -= 1
        if port.ticks_diff(now, waiting[i][4]) >= 0:
            if waiting[i][3]:
                found = True
            else:
                del waiting[i]
    return found


if not port.IN_PLACE:
    # Loaded now: reading them from files later would stall the interpreter while a car charges.
    from store import seclog  # noqa: F401

    from . import log_upload, security_book  # noqa: F401
