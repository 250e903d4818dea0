# Scenario files: read, checked, turned into seconds.
# MIT license; part of microevse
"""A day of cars for one charger or several: tables `car`, `outage`, `power_cut`, `fault` and
`command`, in TOML or JSON. docs/scenarios.md explains the keys of each; KEYS below lists them. All
mistakes are reported at once, each with file, entry and key."""

import pathlib
import re

from twin import commands, given
from twin.ev import QUIRKS

try:
    import tomllib
except ImportError:  # Python 3.10
    try:
        import tomli as tomllib
    except ImportError:
        tomllib = None

LEAVING_S = 120  # a car may need this long to get away: a locked plug, a session to end
AFTER_S = 300  # the day goes on so long after the last entry, if it does not say how long it is

# Entry: {key: (kind, True if required)}. Kinds: "when", "long", those of twin/commands.py.
_WHEN = {"at": ("when", True), "charger": ("integer", False)}
KEYS = {
    "car": {
        **_WHEN,
        "for": ("long", True),
        "connector": ("integer", False),
        "tag": ("text", False),
        "amps": ("number", False),
        "phases": ((1, 2, 3), False),
        "cable": ((13, 20, 32, 63), False),
        "quirk": (tuple(QUIRKS), False),
        "charges": ("bool", False),
    },
    "outage": {**_WHEN, "for": ("long", True)},
    "power_cut": {**_WHEN, "for": ("long", True)},
    "fault": {
        **_WHEN,
        "for": ("long", False),
        "connector": ("integer", False),
        **{
            name: (kind, name == "kind")
            for name, (kind, _) in commands.COMMANDS["fault"][1].items()
            if name not in ("on", "after_ms")
        },
    },
    "command": {**_WHEN, "do": ("text", True)},  # and the fields of that command
}
_NOT_PLAYED = ("help", "subscribe", "status", "lamps", "look")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?$")
_SPAN = re.compile(r"(?:(\d{1,8})h)?(?:(\d{1,8})m)?(?:(\d{1,8})s)?$")


class ScenarioError(ValueError):
    """A file that cannot be played. `problems`: [(entry, key, reason)]."""

    def __init__(self, file, problems):
        lines = []
        for entry, key, reason in problems:
            # A key of the file is anything: one of two lines would make two sentences.
            key = key if key.isprintable() and len(key) < 80 else given.quoted(key)
            lines.append(": ".join([str(file), *filter(None, (entry, key, reason))]))
        super().__init__("\n".join(lines))
        self.problems = problems


class Entry:
    """One table of the file: `kind`, `number` (1, 2, ... of its kind), `at` and `until` in
    seconds after the start (`until` None: for ever), `fields`: the rest."""

    def __init__(self, kind, number, at, until, fields):
        self.kind, self.number, self.at, self.until = kind, number, at, until
        self.fields = fields

    @property
    def name(self):
        return f"{self.kind} {self.number}"

    def meant_for(self, charger):
        """True if it happens to the charger with this number."""
        return self.fields.get("charger", charger) == charger


class Day:
    """A checked scenario: `file`, `entries` in order of time, `length_s`."""

    def __init__(self, file, entries, length_s):
        self.file, self.entries, self.length_s = file, entries, length_s


def seconds(kind, value):
    """Seconds of a "when" (H:MM, H:MM:SS) or "long" (1h30m, 90s), or of a number of seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e8:
        if value or kind == "when":
            return float(value)
    if isinstance(value, str):
        text = value.replace(" ", "")
        found = _CLOCK.match(text) if kind == "when" else _SPAN.match(text)
        if found and any(found.groups()):
            hours, minutes, rest = (int(part or 0) for part in found.groups())
            total = 3600.0 * hours + 60 * minutes + rest
            if total or kind == "when":
                return total
    if kind == "when":
        must = 'a time like "7:30" or "0:00:15"'
    else:
        must = 'a length like "1h30m" or "45s"'
    raise ValueError(f"must be {must}, or seconds, not {given.quoted(value)}")


def load(path, count=1, board=None):
    """The Day of a file for `count` chargers. ScenarioError lists all problems of the file, and
    the parts that an entry needs and `board` (a profile) does not have."""
    path = pathlib.Path(path)
    tables = _parse(path)
    problems = []
    length = None
    entries = []
    for kind, items in tables.items():
        if kind == "length":
            length = _value("long", items, "", kind, problems)
        elif kind not in KEYS:
            known = ", ".join(["length", *KEYS])
            problems.append(("", kind or '""', f"is unknown (known: {known})"))
        elif not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
            problems.append(("", kind, f"must be a list of tables: [[{kind}]]"))
        else:
            for number, table in enumerate(items, 1):
                entry = _entry(kind, number, table, count, problems)
                if entry:
                    entries.append(entry)
    _overlaps(entries, problems)
    if board is not None:
        _lacks(entries, board, problems)
    if not entries and not problems:
        problems.append(("", "", "has no entries: nothing would happen"))
    last = max([entry.until or entry.at for entry in entries], default=0)
    if length is None:
        length = last + AFTER_S
    elif length < last:
        problems.append(("", "length", "is over before the last entry is (%g s)" % last))
    if problems:
        raise ScenarioError(path, problems)
    return Day(str(path), sorted(entries, key=lambda e: e.at), length)


def _parse(path):
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ScenarioError(path, [("", "", f"cannot be read: {exc.strerror}")]) from None
    if path.suffix not in (".toml", ".json"):
        raise ScenarioError(path, [("", "", "must be named .toml or .json")])
    if path.suffix == ".toml" and tomllib is None:
        reason = "this Python reads no TOML: pip install tomli, or write it as JSON"
        raise ScenarioError(path, [("", "", reason)])
    try:
        text = data.decode()
        parse = given.read_json if path.suffix == ".json" else tomllib.loads
        tables = given.parsed(parse, text)
    except ValueError as exc:  # also of what is not UTF-8
        raise ScenarioError(path, [("", "syntax", str(exc))]) from None
    if not isinstance(tables, dict):
        raise ScenarioError(path, [("", "syntax", "must be an object with a list for each kind")])
    return tables


def _value(kind, value, entry, key, problems):
    """The checked value; None, with a problem added, if it is wrong."""
    if kind in ("when", "long"):
        try:
            return seconds(kind, value)
        except ValueError as exc:
            problems.append((entry, key, str(exc)))
            return None
    reason = commands.wrong(kind, value)
    if reason is None and key == "tag" and not value:
        reason = "is empty"
    if reason is None and key == "amps" and value > 100:
        reason = "must be 0 to 100, not %s" % given.quoted(value)
    if reason:
        problems.append((entry, key, reason))
        return None
    return value


def _entry(kind, number, table, count, problems):
    name = f"{kind} {number}"
    keys = dict(KEYS[kind])
    before = len(problems)
    if kind == "command":
        keys.update(_command(name, table, problems))
    for key in table:
        if key not in keys:
            problems.append((name, key or '""', "is unknown (known: %s)" % ", ".join(keys)))
    fields = {}
    for key, (what, needed) in keys.items():
        if key in table:
            fields[key] = _value(what, table[key], name, key, problems)
        elif needed:
            problems.append((name, key, "is missing"))
    if kind == "fault" or fields.get("do") == "fault":
        given_well = {key: value for key, value in fields.items() if value is not None}
        problems += [(name, key, reason) for key, reason in commands.misplaced(given_well)]
    charger = fields.get("charger")
    if charger is not None and not 1 <= charger <= count:
        problems.append((name, "charger", f"must be 1 to {count}, as many as --count says"))
    if len(problems) > before:
        return None
    at, span = fields.pop("at"), fields.pop("for", None)
    return Entry(kind, number, at, None if span is None else at + span, fields)


def _command(name, table, problems):
    """Check the keys of an entry that is a command of the control port."""
    do = table.get("do")
    if not isinstance(do, str) or do not in commands.COMMANDS or do in _NOT_PLAYED:
        if isinstance(do, str):
            known = ", ".join(n for n in commands.COMMANDS if n not in _NOT_PLAYED)
            problems.append((name, "do", f"must be one of {known}, not {given.quoted(do)}"))
        return {key: ("any", False) for key in table if key not in KEYS["command"]}
    fields = {"connector": ("integer", ""), **commands.COMMANDS[do][1]}
    fields.pop("after_ms", None)
    return {key: (kind, commands.needed(kind)) for key, (kind, _) in fields.items()}


def _overlaps(entries, problems):
    """Find two cars at one connector, two outages or two power cuts at once.

    One pass in order of time: of the earlier entries at a place only the one that ends last
    matters. There are three of these: of those for all chargers, of those for each one, of all.
    """
    busy = {}

    def there(*key):
        return busy.get(key)

    for entry in sorted(entries, key=lambda e: e.at):
        if entry.kind not in ("car", "outage", "power_cut"):
            continue
        place = (entry.kind, entry.fields.get("connector", 1))
        charger = entry.fields.get("charger")
        if charger is None:
            others = [there(place)]
        else:
            others = [there(place, None), there(place, charger)]
        leaving = LEAVING_S if entry.kind == "car" else 0
        for other in others:
            if other and entry.at < other.until + leaving:
                reason = f"{other.name} is still there"
                if leaving:
                    reason += f" (a car may need {leaving} s to leave)"
                problems.append((entry.name, "at", reason))
                break
        for key in ((place,), (place, charger)):
            last = busy.get(key)
            if last is None or last.until <= entry.until:
                busy[key] = entry


def _lacks(entries, board, problems):
    """Find the parts that an entry needs and this board does not have."""
    connectors = [connector["id"] for connector in board["connectors"]]
    for entry in entries:
        fields = entry.fields
        if fields.get("connector", 1) not in connectors:
            known = ", ".join(map(str, connectors))
            problems.append((entry.name, "connector", f"the board has {known} only"))
        card = "tag" in fields and (entry.kind == "car" or fields["do"] == "tap")
        if card and "reader" not in board:
            reason = "the board has no card reader: leave it out and start from the central system"
            problems.append((entry.name, "tag", reason))
