# The text of OCPP-J messages: types, ids, errors (OCPP-J 1.6 section 4, 2.1 part 4 section 4).
# MIT license; part of microevse
"""Frames of OCPP-J as text, without any connection."""

import json
from evse_base import const

CALL = 2
CALLRESULT = 3
CALLERROR = 4

# OCPP-J 1.6 section 4.1.4 allows 36 characters; longer ids are answered, too, absurd ones are not.
ID_LIMIT = 255
# OCPP-J 1.6 section 4.2.3: errorDescription is at most 255 characters.
_DESCRIPTION_LIMIT = const(255)
# A repeated CALL (same id, same text) within this time is answered again, not executed again.
MEMO_MS = 120000
# Longer answers (GetConfiguration) only read: they are built anew, not kept.
_MEMO_REPLY_LIMIT = const(256)
_MEMO_COUNT = const(4)


class CallError(Exception):
    """A CALL that failed with an OCPP error code, sent by either side."""

    def __init__(self, code, description="", details=None):
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.details = details

    def __str__(self):
        return "%s: %s" % (self.code, self.description) if self.description else self.code


def error_of(message):
    """The CallError that a CALLERROR or CALLRESULTERROR carries, however little of it is there."""
    code = message[2] if len(message) > 2 else None
    text = message[3] if len(message) > 3 else ""
    return CallError(
        code if isinstance(code, str) and code else "GenericError",
        text if isinstance(text, str) else "",
        message[4] if len(message) > 4 else None,
    )


class Disconnected(Exception):
    """The connection was lost, or is not there, while a CALL needed it."""


def message_ids(boot):
    """Return a `next_id` function: unique over reboots as long as `boot` counts them."""
    count = 0

    def next_id():
        nonlocal count
        count += 1
        return "%x-%x" % (boot, count)

    return next_id


def _hex4(data, i):
    """The value of four hex digits at `i`, or -1."""
    try:
        # int() takes signs, blanks and underscores: isalnum keeps them out.
        digits = str(data[i : i + 4], "utf-8")
        if len(digits) == 4 and "_" not in digits:
            value = int(digits, 16)
            return value if digits[0] not in "+- " else -1
    except ValueError:
        pass
    return -1


def join_surrogates(text):
    r"""Replace `\ud83d\ude00` pairs by their character and lone ones by U+FFFD.

    MicroPython's json leaves two surrogates, which are not UTF-8 when they are sent back
    (WebSocket close 1007). `text` is JSON; returns JSON text as str or UTF-8 bytes.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return text
    data = text.encode()  # bytes: an index into a str is a walk from its start
    out = []
    start = i = 0
    while True:
        i = data.find(b"\\", i)
        if i < 0:
            break
        code = _hex4(data, i + 2) if data[i + 1 : i + 2] == b"u" else -1
        if not 0xD800 <= code <= 0xDFFF:
            i += 2  # skips the escaped character, which may be a backslash
            continue
        out.append(data[start:i])
        i += 6
        char = "\ufffd"
        if code < 0xDC00 and data[i : i + 2] == b"\\u":
            low = _hex4(data, i + 2)
            if 0xDC00 <= low <= 0xDFFF:
                char = chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00)
                i += 6
        out.append(char.encode())
        start = i
    out.append(data[start:])
    return b"".join(out)


def call_id_of(text):
    """The message id at the start of a CALL that is not JSON as a whole, or None."""
    head = text[: ID_LIMIT + 20].lstrip()
    for token in ("[", "2", ",", '"'):
        if not head.startswith(token):
            return None
        head = head[len(token) :]
        if token != '"':
            head = head.lstrip()
    end = head.find('"')
    if end < 0 or "\\" in head[:end]:
        return None
    return head[:end]


def dumps(payload):
    """JSON without blanks."""
    return json.dumps(payload, separators=(",", ":"))


def call_text(call_id, action, payload):
    """A CALL as text; an iterator of pieces if the payload is one."""
    head = '[%d,"%s","%s",' % (CALL, call_id, action)
    return head + dumps(payload) + "]" if isinstance(payload, dict) else _pieces(head, payload)


def error_text(call_id, error, kind=CALLERROR):
    """A CALLERROR (or CALLRESULTERROR) as text."""
    details = error.details if isinstance(error.details, dict) else {}
    description = (error.description or "")[:_DESCRIPTION_LIMIT]
    return "[%d,%s,%s,%s,%s]" % (
        kind,
        json.dumps(call_id),
        json.dumps(error.code),
        json.dumps(description),
        dumps(details),
    )


def result_pieces(call_id, payload):
    """A CALLRESULT whose payload arrives in pieces of JSON text."""
    return _pieces("[%d,%s," % (CALLRESULT, json.dumps(call_id)), payload)


def _pieces(head, payload):
    yield head
    for piece in payload:
        yield piece
    yield "]"


class Memo:
    """The last few short answers of one connection, for CALLs that come twice."""

    def __init__(self):
        self._kept = []  # (id, crc of the CALL, uptime ms, answer), newest last

    def clear(self):
        self._kept = []

    def add(self, call_id, crc, now_ms, answer):
        """Keep `answer`, if it is short."""
        if len(answer) <= _MEMO_REPLY_LIMIT:
            self._kept.append((call_id, crc, now_ms, answer))
            if len(self._kept) > _MEMO_COUNT:
                self._kept.pop(0)

    def find(self, call_id, crc, now_ms):
        """The answer that this very CALL got a short time ago, or None."""
        for kept in self._kept:
            if kept[0] == call_id and kept[1] == crc and now_ms - kept[2] < MEMO_MS:
                return kept[3]
        return None
