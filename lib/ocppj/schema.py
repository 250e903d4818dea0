# Checks OCPP payloads against a compact text table; no JSON schema on the device.
# MIT license; part of microevse
"""Table-driven payload checks; the table also has the dialect of its version: the spelling of
error codes that differs (OCPP-J 1.6 table 7, 2.0.1 part 4 table 8) and the message types.

The table is one bytes constant (see tools/schemas.py for the format). A check walks the line of
one message next to the payload, so nothing is ever parsed into objects and kept.
"""

from evse_base import iso8601

from .messages import CallError
from evse_base import const

# Spelled alike in all versions.
_PROPERTY = const("PropertyConstraintViolation")
TYPE = "TypeConstraintViolation"
# Lines of the table with the other codes and with the digits of the message types
# (!frame: a CALL whose frame is wrong).
_FORM = const("!form")  # a payload that is not of the form that the schema describes
_COUNT = const("!count")  # a field is missing, a list too short or too long
_TYPES = const("!types")

# The schemas set no range for integers. Wider ones do not fit the journal (64-bit CBOR).
_INTEGER_LIMIT = const(1 << 63)
# One decimal is checked where the chip's 24-bit floats can still tell (16 A, 22000 W).
_DECIMAL_LIMIT = const(1 << 16)
_DECIMAL_TOLERANCE = const(0.08)
# A list longer than this would only be rejected later, after it has eaten the heap.
_LIST_LIMIT = const(500)

_END = const(59)
_CLOSE = const(125)
_BRACKET = const(93)
_NEED = const(33)
_MAY = const(63)
_OPEN = const(123)
_LIST = const(91)
_PLUS = const(43)
_AT = const(64)
_INT = const(105)
_NUM = const(110)
_DEC = const(100)
_BOOL = const(98)
_STR = const(115)
_TIME = const(116)
_ENUM = const(101)


def _field_end(line, i):
    """Index of the `;` (or the end) that ends the type at `i`."""
    depth = 0
    while i < len(line):
        char = line[i]
        if char == _OPEN or char == _LIST:
            depth += 1
        elif char == _CLOSE or char == _BRACKET:
            depth -= 1
        elif char == _END and depth == 0:
            break
        i += 1
    return i


def _mark(line, i):
    """Index of the `!` or `?` after the field name at `i`."""
    while line[i] != _NEED and line[i] != _MAY:
        i += 1
    return i


class Schema:
    """The messages that may come in, from a table such as `ocpp16.schemas.TABLE`."""

    def __init__(self, table):
        self._table = table

    def _line(self, key):
        """The text after `key` in the table, or None."""
        start = self._table.find(b"\n" + key.encode() + b" ")
        if start < 0:
            return None
        start += len(key) + 2
        return self._table[start : self._table.find(b"\n", start)]

    def code(self, line):
        """The error code of this version; `line`: "!frame", "!form" or "!count"."""
        return str(self._line(line), "utf-8")

    def has_type(self, kind):
        """True if `kind` is the number of a message type of this version."""
        return isinstance(kind, int) and 0 < kind < 10 and str(kind) in self.code(_TYPES)

    def knows(self, action):
        """True if this version's CSMS may send CALLs named `action`."""
        # Only what can be a name at all: a blank or a newline would match across lines.
        return action.isalpha() and self._line("<" + action) is not None

    def check_call(self, action, payload):
        """Raise CallError unless `payload` is a valid request, strictly by the schema."""
        self._message("<" + action, payload, False)

    def check_result(self, action, payload):
        """Raise CallError unless `payload` is a usable answer to our `action`.

        More tolerant than the schema in two ways, because refusing a CSMS's acknowledgement of
        a transaction costs its owner money: unknown fields are ignored, and an optional field
        that is null counts as absent (it is removed from `payload`).
        """
        self._message(">" + action, payload, True)

    def _message(self, key, payload, lenient):
        line = self._line(key)
        if line is None:
            raise CallError("NotImplemented", "unknown action")
        if not isinstance(payload, dict):
            raise CallError(self.code(_FORM), "payload is not an object")
        self._object(line, 0, len(line), payload, "", lenient)

    def _object(self, line, i, stop, value, path, lenient):
        """Check the fields described in line[i:stop] against the dict `value`."""
        known = 0
        while i < stop:
            mark = _mark(line, i)
            name = str(line[i:mark], "utf-8")
            i = _field_end(line, mark + 1)
            if name in value:
                item = value[name]
                if item is None and lenient and line[mark] == _MAY:
                    del value[name]
                else:
                    known += 1
                    self._type(line, mark + 1, i, item, path + name, lenient)
            elif line[mark] == _NEED:
                raise CallError(self.code(_COUNT), "%s%s is missing" % (path, name))
            i += 1
        if known != len(value) and not lenient:
            raise CallError(self.code(_FORM), "unknown field in %s" % (path[:-1] or "payload"))

    def _type(self, line, i, stop, value, path, lenient):
        """Check one value against the type text line[i:stop]."""
        kind = line[i]
        if kind == _AT:
            line = self._line(str(line[i:stop], "utf-8"))
            i, stop, kind = 0, len(line), line[0]
        if kind == _OPEN:
            if not isinstance(value, dict):
                raise CallError(TYPE, "%s is not an object" % path)
            self._object(line, i + 1, stop - 1, value, path + ".", lenient)
        elif kind == _LIST:
            self._list(line, i + 1, stop - 1, value, path, lenient)
        elif kind == _INT:
            # bool is an int in Python, not in JSON.
            if not isinstance(value, int) or isinstance(value, bool):
                raise CallError(TYPE, "%s is not an integer" % path)
            if not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
                raise CallError(_PROPERTY, "%s is out of range" % path)
        elif kind == _NUM or kind == _DEC:
            _number(value, path, kind == _DEC)
        elif kind == _BOOL:
            if not isinstance(value, bool):
                raise CallError(TYPE, "%s is not a boolean" % path)
        else:
            if not isinstance(value, str):
                raise CallError(TYPE, "%s is not a string" % path)
            if kind == _STR:
                if stop > i + 1 and len(value) > int(line[i + 1 : stop]):
                    raise CallError(
                        _PROPERTY, "%s is longer than %d" % (path, int(line[i + 1 : stop]))
                    )
            elif kind == _ENUM:
                # The text ends in a bar, so the last item of the split is empty.
                if not value or value not in str(line[i + 1 : stop], "utf-8").split("|"):
                    raise CallError(_PROPERTY, "%s has an unknown value" % path)
            elif kind == _TIME:
                try:
                    iso8601.parse(value)
                except ValueError:
                    raise CallError(_PROPERTY, "%s is not a date and time" % path) from None

    def _list(self, line, i, stop, value, path, lenient):
        if not isinstance(value, list):
            raise CallError(TYPE, "%s is not a list" % path)
        if line[i] == _PLUS:
            i += 1
            if not value:
                raise CallError(self.code(_COUNT), "%s is empty" % path)
        if len(value) > _LIST_LIMIT:
            raise CallError(self.code(_COUNT), "%s has more than %d items" % (path, _LIST_LIMIT))
        for index, item in enumerate(value):
            self._type(line, i, stop, item, "%s[%d]" % (path, index), lenient)


def _number(value, path, decimal):
    """Finite, and with at most one decimal if `decimal` (multipleOf 0.1 in the schemas)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CallError(TYPE, "%s is not a number" % path)
    if isinstance(value, int):
        if not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
            raise CallError(_PROPERTY, "%s is out of range" % path)
    # JSON has no NaN, but 1e999 reads as infinity; both fail this comparison.
    elif not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise CallError(_PROPERTY, "%s is out of range" % path)
    elif decimal and -_DECIMAL_LIMIT < value < _DECIMAL_LIMIT:
        tenths = value * 10
        if abs(tenths - round(tenths)) > _DECIMAL_TOLERANCE:
            raise CallError(_PROPERTY, "%s has more than one decimal" % path)
