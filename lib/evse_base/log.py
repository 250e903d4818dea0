# Log lines: formatted when printed, the last ones kept in RAM, secrets masked on request.
# MIT license; part of microevse
"""`info("ocpp", "connected to %s", host)` prints `12.345 I ocpp: connected to ...`.

The number is uptime in seconds: wall time may not be known, and may step.
Text that may hold a secret goes through `redact` first.
"""

from evse_base import clock
from evse_base import IN_PLACE, const, release

if not IN_PLACE:
    # Read from its file now: later, when it is needed, a car may charge.
    from evse_base import redaction  # noqa: F401

_LONGEST = const(200)  # characters of a line
# Bytes of the last lines, about 25 of them. One block: many small objects that live long would
# fragment the heap.
_ROOM = const(1536)

_clock = clock.Clock()
_kept = bytearray(_ROOM)  # whole lines, oldest first
_used = 0
_gone = 0  # bytes of lines that have had to go
_sink = print
_watcher = None


def use_clock(clock_):
    """Take the uptime from `clock_` (the one the charger uses)."""
    global _clock
    _clock = clock_


def use_sink(fn):
    """Hand each line to `fn(line)` instead of printing it; None prints again."""
    global _sink
    _sink = fn or print


def use_room(size):
    """Keep `size` bytes of lines from now on; at least 1024."""
    global _kept, _used, _gone
    _kept = bytearray(size)
    _gone += _used
    _used = 0


def use_watcher(fn):
    """Call `fn(level)` after each line, "I", "W" or "E"; None: call nothing."""
    global _watcher
    _watcher = fn


def _keep(line):
    global _used, _gone
    data = line.encode() + b"\n"
    too_many = _used + len(data) - len(_kept)
    if too_many > 0:
        while _kept[too_many - 1] != 10:  # lines go as a whole
            too_many += 1
        view = memoryview(_kept)
        view[: _used - too_many] = view[too_many:_used]
        _used -= too_many
        _gone += too_many
    _kept[_used : _used + len(data)] = data
    _used += len(data)


def _write(level, tag, msg, args):
    if args:
        try:
            msg = msg % args
        except (TypeError, ValueError) as exc:
            # A log line must never stop the charger.
            msg = "%s %r (%s)" % (msg, args, exc)
    uptime = _clock.uptime_ms()
    line = "%d.%03d %s %s: %s" % (uptime // 1000, uptime % 1000, level, tag, msg)
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 3] + "..."
    _keep(line)
    _sink(line)
    if _watcher:
        _watcher(level)


def info(tag, msg, *args):
    """Log what a person who follows along wants to know."""
    _write("I", tag, msg, args)


def warn(tag, msg, *args):
    """Log something that is not as it should be, and that the charger can handle."""
    _write("W", tag, msg, args)


def error(tag, msg, *args):
    """Log that something failed."""
    _write("E", tag, msg, args)


def tail():
    """The last lines, oldest first."""
    return list(lines())


def lines():
    """Yield the last lines, oldest first. Each is made when it is asked for: all at once are much
    memory. Lines that have gone meanwhile are left out; new ones are not waited for."""
    at = _gone
    end = _gone + _used
    while at < end:
        start = stop = max(at - _gone, 0)
        if _gone + start >= end:
            return
        while _kept[stop] != 10:
            stop += 1
        at = _gone + stop + 1
        yield str(memoryview(_kept)[start:stop], "utf-8")


def last(size):
    """As many of the last lines as fit into `size` bytes, as text in UTF-8."""
    end = max(0, _used - 1)
    start = max(0, end - size)
    while 0 < start < end and _kept[start - 1] != 10:
        start += 1
    return bytes(memoryview(_kept)[start:end])


def redactor():
    """The function `redact`, for many texts: its code is loaded once, and there as long as the
    function is kept."""
    from evse_base import redaction  # seldom needed

    release("evse_base.redaction")
    return redaction.redact


def redact(text):
    """`text` with passwords and keys masked: JSON, key=value, URLs, Basic and Bearer."""
    return redactor()(text)
