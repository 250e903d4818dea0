# The keys of board_keys.py as a table for people.
# MIT license; part of microevse
"""The text that `board.py --keys` prints, and that `make docs` writes at the end of
docs/add_a_board.md."""

from board_keys import BOARD, LAMPS, STRIP, ByType, Either

# Keys that only differ by the type of the part: once in the guide, under the first type.
_SAME = {
    "cse7766": "hlw8032",
    "sdm230": "sdm120",
    "sdm630": "sdm120",
    "sdm72": "sdm120",
    "sdm72v2": "sdm120",
}
_DEFAULT_TYPES = {"temp": '"mcp9700"'}


def rows():
    """[(key, unit, meaning, default, example)] of all tables, in the order of the guide."""
    found = []
    _rows(BOARD, "", found)
    return found


def _rows(table, prefix, found):
    for name, key in table.items():
        where = prefix + name
        meaning = key.meaning
        if isinstance(key.kind, tuple) and len(key.kind) > 1:
            meaning += ": " + ", ".join(map(str, key.kind))
        default = "must be there" if key.required else key.default or "none"
        found.append((where, key.unit, meaning, default, key.example))
        kind = key.kind.table if isinstance(key.kind, Either) else key.kind
        if isinstance(kind, ByType):
            default = _DEFAULT_TYPES.get(where, "must be there")
            found.append(
                (
                    where + ".type",
                    "",
                    "which: " + ", ".join(kind),
                    default,
                    '"%s"' % next(iter(kind)),
                )
            )
            for name in [n for n in kind if n not in _SAME]:
                label = "/".join([name] + [n for n in _SAME if _SAME[n] == name])
                _rows(kind[name], "%s (%s)." % (where, label), found)
        elif isinstance(kind, dict):
            _rows(kind, where + ".", found)
        elif isinstance(kind, list):
            _rows(kind[0], where + "[].", found)
        elif kind == "lamps":
            for lamp in LAMPS:
                found.append(("%s.%s" % (where, lamp), "GPIO", "a lamp", "none", "4"))
            found.append((where + ".active_low", "", "low lights the lamps", "false", "true"))
            found.append((where + ".ws2812", "", "a strip of WS2812", "none", "{ pin = 4 }"))
            _rows(STRIP, where + ".ws2812.", found)


def markdown():
    """The table of the guide."""
    lines = ["| key | unit | meaning | default | example |", "|---|---|---|---|---|"]
    for key, unit, meaning, default, example in rows():
        default = (
            default if default in ("must be there", "none") or " " in default else "`%s`" % default
        )
        lines.append("| `%s` | %s | %s | %s | `%s` |" % (key, unit, meaning, default, example))
    return "\n".join(lines) + "\n"
