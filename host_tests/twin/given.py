# Text that a person or a program gives to the simulator: parsed, or refused with a reason.
# MIT license; part of microevse
"""A ValueError from here holds one sentence. Python's own parsers raise RecursionError for deeply
nested text, which is no ValueError; its `repr` of a large value fills the screen."""

import json
import math

# No command, no scenario and no message of OCPP needs so many levels.
DEPTH = 40
TOO_DEEP = "nested more than %d levels deep" % DEPTH
_QUOTED = 80


def parsed(parse, text):
    """`parse(text)`. ValueError if `text` is no such text, or is nested too deep."""
    try:
        value = parse(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    # The levels are counted without recursion: any depth is safe here.
    level = [value]
    for _ in range(DEPTH):
        level = [item for thing in level for item in _items(thing)]
        if not level:
            return value
    raise ValueError(TOO_DEEP)


def read_json(text):
    """The value of a JSON text. NaN and Infinity are no JSON, although Python reads them."""
    return parsed(_loads, text)


def _loads(text):
    return json.loads(text, parse_constant=_no_number)


def _no_number(word):
    raise ValueError("%s is no number in JSON" % word)


def _items(thing):
    if isinstance(thing, dict):
        return thing.values()
    return thing if isinstance(thing, list) else ()


def quoted(value):
    """The value in a sentence: its beginning, if it is long."""
    text = repr(value)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 3] + "..."


def encodes(text):
    """Can this text be sent? A lone half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_json(value):
    """Can JSON carry this value? TOML has dates and infinity, which it cannot."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and encodes(key) for key in value) and all(
            map(is_json, value.values())
        )
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, str):
        return encodes(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int)
