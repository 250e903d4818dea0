# What of a board profile an evidence file is bound to.
# MIT license; part of microevse
"""A measured fact holds for the profile that it was measured with: pins, active levels, divider,
calibration, guard. Everything of a profile is bound but the keys below, so a key that is new is
bound, too. A default that is written out changes nothing."""

import hashlib
import json

import board_keys

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

# No figure of the bench, and no fact about the chip, depends on these.
FREE = {
    # The name has a check of its own.
    "name", "source", "evidence", "draft", "features", "uarts", "reader", "button", "leds",
    "journal", "connectors[].id", "connectors[].cable", "connectors[].phases",
    "connectors[].max_a", "connectors[].meter",
}  # fmt: skip


def _default(key):
    """The value of a key that is left out; None if there is none, or it is told in words."""
    try:
        return tomllib.loads("x = " + key.default)["x"]
    except ValueError:
        return None


def _put(found, path, free, value, kind):
    if free in FREE:
        return
    if isinstance(kind, board_keys.Either):
        value = value if isinstance(value, dict) else {"pin": value}
        kind = kind.table
    if isinstance(kind, board_keys.ByType):
        found[path + ".type"] = value["type"]
        kind = kind[value["type"]]
    if isinstance(kind, dict):
        for name, key in kind.items():
            there = value[name] if name in value else _default(key)
            if there is not None:
                dot = "." if path else ""
                _put(found, path + dot + name, free + dot + name, there, key.kind)
    elif isinstance(kind, list):
        for i, one in enumerate(value):
            _put(found, "%s[%d]" % (path, i), free + "[]", one, kind[0])
    elif kind == "ins":
        found[path] = value if isinstance(value, list) else [value]
    else:
        found[path] = value


def values(board):
    """{key: value} of all that is bound of a checked profile, by key."""
    found = {}
    _put(found, "", "", board, board_keys.BOARD)
    return dict(sorted(found.items()))


def digest(bound):
    """A hash of keys and values: SHA-256, 64 hexadecimal digits."""
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _text(bound, key):
    return json.dumps(bound[key]) if key in bound else "not there"


def problems(dut, board):
    """Sentences why what was measured on `dut` (the evidence's table) is not of this profile."""
    then, now = dut.get("profile"), values(board)
    if not isinstance(then, dict) or not isinstance(dut.get("profile_sha256"), str):
        return ["it does not say with which values of the profile it was measured"]
    if digest(then) != dut["profile_sha256"]:
        return ["dut.profile is not what was written: its hash is another one than profile_sha256"]
    return [
        "%s was %s when it was measured, and is %s in the profile"
        % (key, _text(then, key), _text(now, key))
        for key in sorted(set(then) | set(now))
        if key not in then or key not in now or then[key] != now[key]
    ]
