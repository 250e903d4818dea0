# Log lines: formatted when printed, the last ones kept in RAM, secrets masked on request.
# MIT license; part of microevse
"""`info("ocpp", "connected to %s", host)` prints `12.345 I ocpp: connected to ...`.

The number is uptime in seconds: wall time may not be known, and may step.
Text that may hold a secret goes through `redact` first.
"""

import clock
from port import const

_LONGEST = const(200)  # characters of a line
# Bytes of the last lines, about 25 of them: in one piece, for many small ones that live long
# are what leaves a heap in pieces.
_ROOM = const(1536)

_clock = clock.Clock()
_kept = bytearray(_ROOM)  # whole lines, oldest first
_used = 0
_sink = print
_watcher = None

# A key with one of these in it has a value that nobody else should read.
_SECRETS = const((
    "authorizationkey",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "privatekey",
    "private_key",
    "apikey",
    "api_key",
))
_MASK = const("***")
_BLANK = const(" \t")


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
    global _kept, _used
    _kept = bytearray(size)
    _used = 0


def use_watcher(fn):
    """Call `fn(level)` after each line, "I", "W" or "E"; None for nobody."""
    global _watcher
    _watcher = fn


def _keep(line):
    global _used
    data = line.encode() + b"\n"
    too_many = _used + len(data) - len(_kept)
    if too_many > 0:
        while _kept[too_many - 1] != 10:  # lines go as a whole
            too_many += 1
        view = memoryview(_kept)
        view[: _used - too_many] = view[too_many:_used]
        _used -= too_many
    _kept[_used : _used + len(data)] = data
    _used += len(data)


def _write(level, tag, msg, args):
    if args:
        try:
            msg = msg % args
        except (TypeError, ValueError) as exc:
            # A log line must never be what stops the charger.
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
    """What a person following along wants to know."""
    _write("I", tag, msg, args)


def warn(tag, msg, *args):
    """Something is not as it should be; the charger copes."""
    _write("W", tag, msg, args)


def error(tag, msg, *args):
    """Something failed."""
    _write("E", tag, msg, args)


def tail():
    """The last lines, oldest first."""
    return str(memoryview(_kept)[:_used], "utf-8").split("\n")[:-1]


def last(size):
    """As many of these lines as fit into `size` bytes, as text in UTF-8."""
    end = max(0, _used - 1)
    start = max(0, end - size)
    while 0 < start < end and _kept[start - 1] != 10:
        start += 1
    return bytes(memoryview(_kept)[start:end])


def _value_end(text, pos):
    """Index behind the value that starts at `pos`: a quoted string or a bare word."""
    n = len(text)
    if pos < n and text[pos] in "\"'":
        quote = text[pos]
        pos += 1
        while pos < n and text[pos] != quote:
            pos += 2 if text[pos] == "\\" else 1
        return min(pos + 1, n)
    while pos < n and text[pos] not in " \t\r\n,;&}])\"'":
        pos += 1
    return pos


def _mask_value(text, start):
    """Mask the value that starts at `start`; returns (text, index behind the mask)."""
    if text[start : start + 2] in ('\\"', "\\'"):  # JSON inside a JSON string
        quote = text[start : start + 2]
        end = text.find(quote, start + 2)
        start += 2
        if end < 0:
            end = len(text)
    else:
        end = _value_end(text, start)
        if start < end and text[start] in "\"'":
            if end - start > 1 and text[end - 1] == text[start]:
                end -= 1
            start += 1
    return text[:start] + _MASK + text[end:], start + len(_MASK)


def _skip(text, pos, chars):
    while pos < len(text) and text[pos] in chars:
        pos += 1
    return pos


def _mask_named(text, name):
    """Mask the values of keys with `name` in them: key=value, key: value, "key": "value"."""
    pos = 0
    while True:
        found = text.lower().find(name, pos)
        if found < 0:
            return text
        # The rest of the key, its quote, then the separator.
        pos = found + len(name)
        while pos < len(text) and (text[pos].isalpha() or text[pos] in "_-0123456789"):
            pos += 1
        after = _skip(text, pos, "\\\"'" + _BLANK)
        if after < len(text) and text[after] in ":=":
            text, pos = _mask_value(text, _skip(text, after + 1, _BLANK))
        elif after > pos:
            # {"key": "AuthorizationKey", "value": "..."}: the name is itself a value.
            text, moved = _mask_sibling(text, found, after)
            pos += moved


def _member(text, name, pos, end):
    """Where the value of `"name":` starts, for a name that starts in [pos, end); else -1."""
    while True:
        pos = text.find(name, pos, end)
        if pos < 0:
            return -1
        behind = pos + len(name)
        if text[pos - 1 : pos] in ('"', "'") and text[behind : behind + 1] in ('"', "'", "\\"):
            colon = _skip(text, behind, "\\\"'" + _BLANK)
            if text[colon : colon + 1] == ":":
                return _skip(text, colon + 1, _BLANK)
        pos = behind


def _mask_sibling(text, before, after):
    """Mask the "value" of the JSON object whose "key" is in text[before:after].

    Returns (text, by how much what is at `before` has moved). JSON members come in any
    order, and the secret may hold braces: so no counting of braces.
    """
    start = _member(text, "value", after, len(text))
    other = _member(text, "key", after, len(text))
    if start >= 0 and not 0 <= other < start and text.find("}", after, start) < 0:
        return _mask_value(text, start)[0], 0
    # Else the last one before, unless a brace behind it ends the object it is in.
    start = pos = -1
    while True:
        pos = _member(text, "value", pos + 1, before)
        if pos < 0:
            break
        start = pos
    if start >= 0:
        masked, end = _mask_value(text, start)
        if masked[_skip(masked, end, "\\\"'" + _BLANK) :][:1] != "}":
            return masked, len(masked) - len(text)
    return text, 0


def _mask_scheme(text, name):
    """Mask what follows `Basic ` or `Bearer ` in a header."""
    pos = 0
    while True:
        pos = text.lower().find(name, pos)
        if pos < 0:
            return text
        start = pos + len(name)
        pos = start
        # Not the words in a sentence: credentials follow "Authorization:" or are long.
        end = _value_end(text, start)
        if end - start >= 8 or "authorization" in text[max(0, start - 24) : start].lower():
            text, pos = _mask_value(text, start)


def _mask_url(text):
    """Mask the password in scheme://user:password@host."""
    pos = 0
    while True:
        pos = text.find("://", pos)
        if pos < 0:
            return text
        pos += 3
        end = pos
        while end < len(text) and text[end] not in " \t\r\n\"'<>/?#":
            end += 1
        at = text.rfind("@", pos, end)
        colon = text.find(":", pos, at) if at >= 0 else -1
        if colon >= 0:
            text = text[: colon + 1] + _MASK + text[at:]


def redact(text):
    """`text` with passwords and keys masked: JSON, key=value, URLs, Basic and Bearer."""
    text = _mask_url(str(text))
    for name in _SECRETS:
        text = _mask_named(text, name)
    for name in ("basic ", "bearer "):
        text = _mask_scheme(text, name)
    return text
