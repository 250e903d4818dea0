# Checks OCPP payloads against a compact text table; no JSON schema on the device.
# MIT license; part of microevse
"""Table-driven payload checks; the table also has the dialect of its version: the spelling of
error codes that differs (OCPP-J 1.6 table 7, 2.0.1 part 4 table 8) and the message types.

The table is one bytes constant (see tools/schemas.py for the format). A check walks the line of
one message next to the payload, in place: nothing is copied out of flash, parsed and kept.
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
# Actions that the version has and this firmware has not.
_OTHERS = const("!others")
# Fields of the object that every object of 2.x may have in addition (its CustomDataType).
_CUSTOM = const("!custom")
_CUSTOM_DATA = const("customData")

# Most integers have no range in the schemas. Wider ones do not fit the journal (64-bit CBOR).
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
_ZERO = const(48)
_NINE = const(57)
_AT = const(64)
_INT = const(105)
_NUM = const(110)
_DEC = const(100)
_BOOL = const(98)
_STR = const(115)
_TIME = const(116)
_ENUM = const(101)
_ANY = const(97)


def _field_end(table, i):
    """Index of the `;` that ends the type at `i`."""
    depth = 0
    while True:
        char = table[i]
        if char == _OPEN or char == _LIST:
            depth += 1
        elif char == _CLOSE or char == _BRACKET:
            depth -= 1
        elif char == _END and depth == 0:
            return i
        i += 1


def _mark(table, i):
    """Index of the `!` or `?` after the field name at `i`."""
    while table[i] != _NEED and table[i] != _MAY:
        i += 1
    return i


class Schema:
    """The messages that may come in, from a table such as `ocpp16.schemas.TABLE`.

    delta: the lines that a later version has otherwise or in addition, or None.
    """

    def __init__(self, table, delta=None):
        self._tables = (delta, table) if delta else (table,)

    def _find(self, key):
        """The table with the line `key`, and where its text starts and ends, or None."""
        key = b"\n" + key.encode() + b" "
        for table in self._tables:
            start = table.find(key)
            if start >= 0:
                start += len(key)
                return table, start, table.find(b"\n", start)
        return None

    def code(self, line):
        """The error code of this version; `line`: "!frame", "!form", "!count" or "!type".

        "" if the version has none for it.
        """
        found = self._find(line)
        return str(found[0][found[1] : found[2]], "utf-8") if found else ""

    def has_type(self, kind):
        """True if `kind` is the number of a message type of this version."""
        return isinstance(kind, int) and 0 < kind < 10 and str(kind) in self.code(_TYPES)

    def knows(self, action):
        """True if this version's CSMS may send CALLs named `action`, supported here or not."""
        # Only what can be a name at all: a blank or a newline would match across lines.
        if not action.isalpha():
            return False
        return self._find("<" + action) is not None or "|%s|" % action in self.code(_OTHERS)

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
        found = self._find(key)
        if found is None:
            raise CallError("NotImplemented", "unknown action")
        self._object(found[0], found[1], found[2], payload, "", lenient)

    def _object(self, table, i, stop, value, path, lenient):
        """Check `value` against the fields in table[i:stop]. `path` is "" for the payload."""
        if not isinstance(value, dict):
            code = TYPE if path else self.code(_FORM)
            raise CallError(code, "%s is not an object" % (path or "payload"))
        prefix = path + "." if path else ""
        known = 0
        while i < stop:
            mark = _mark(table, i)
            name = str(table[i:mark], "utf-8")
            i = _field_end(table, mark + 1)
            if name in value:
                item = value[name]
                if item is None and lenient and table[mark] == _MAY:
                    del value[name]
                else:
                    known += 1
                    self._type(table, mark + 1, i, item, prefix + name, lenient)
            elif table[mark] == _NEED:
                raise CallError(self.code(_COUNT), "%s%s is missing" % (prefix, name))
            i += 1
        if lenient or known == len(value):
            return
        if _CUSTOM_DATA in value:
            found = self._find(_CUSTOM)
            if found is not None:
                known += 1
                path = prefix + _CUSTOM_DATA
                # Its unknown fields are what it is for: it is read leniently.
                self._object(found[0], found[1], found[2], value[_CUSTOM_DATA], path, True)
        if known != len(value):
            raise CallError(self.code(_FORM), "unknown field in %s" % (prefix[:-1] or "payload"))

    def _type(self, table, i, stop, value, path, lenient):
        """Check one value against the type text table[i:stop]."""
        if table[i] == _AT:
            table, i, stop = self._find(str(table[i:stop], "utf-8"))
        kind = table[i]
        i += 1
        if kind == _OPEN:
            self._object(table, i, stop - 1, value, path, lenient)
        elif kind == _LIST:
            self._list(table, i, stop - 1, value, path, lenient)
        elif kind == _INT:
            # bool is an int in Python, not in JSON.
            if not isinstance(value, int) or isinstance(value, bool):
                raise CallError(TYPE, "%s is not an integer" % path)
            _range(table, i, stop, value, path)
        elif kind == _NUM or kind == _DEC:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise CallError(TYPE, "%s is not a number" % path)
            _range(table, i, stop, value, path)
            if kind == _DEC and -_DECIMAL_LIMIT < value < _DECIMAL_LIMIT:
                tenths = value * 10
                if abs(tenths - round(tenths)) > _DECIMAL_TOLERANCE:
                    raise CallError(_PROPERTY, "%s has more than one decimal" % path)
        elif kind == _BOOL:
            if not isinstance(value, bool):
                raise CallError(TYPE, "%s is not a boolean" % path)
        elif kind != _ANY:
            if not isinstance(value, str):
                raise CallError(TYPE, "%s is not a string" % path)
            if kind == _STR:
                if stop > i and len(value) > int(table[i:stop]):
                    raise CallError(_PROPERTY, "%s is longer than %d" % (path, int(table[i:stop])))
            elif kind == _ENUM:
                # The text ends in a bar, so the last item of the split is empty.
                if not value or value not in str(table[i:stop], "utf-8").split("|"):
                    raise CallError(_PROPERTY, "%s has an unknown value" % path)
            elif kind == _TIME:
                try:
                    iso8601.parse(value)
                except ValueError:
                    raise CallError(_PROPERTY, "%s is not a date and time" % path) from None

    def _list(self, table, i, stop, value, path, lenient):
        if not isinstance(value, list):
            raise CallError(TYPE, "%s is not a list" % path)
        most = 0
        if table[i] == _PLUS:
            i += 1
            if not value:
                raise CallError(self.code(_COUNT), "%s is empty" % path)
            while table[i] <= _NINE:
                most = most * 10 + table[i] - _ZERO
                i += 1
        most = min(most or _LIST_LIMIT, _LIST_LIMIT)
        if len(value) > most:
            raise CallError(self.code(_COUNT), "%s has more than %d items" % (path, most))
        for index, item in enumerate(value):
            self._type(table, i, stop, item, "%s[%d]" % (path, index), lenient)


def _range(table, i, stop, value, path):
    """The limits at table[i:stop], if there are any, and those that every number has."""
    # JSON has no NaN, but 1e999 reads as infinity; both fail this comparison.
    good = -_INTEGER_LIMIT <= value < _INTEGER_LIMIT
    if good and i < stop:
        least, _, most = str(table[i:stop], "utf-8").partition(":")
        good = not (least and value < int(least) or most and value > int(most))
    if not good:
        raise CallError(_PROPERTY, "%s is out of range" % path)
