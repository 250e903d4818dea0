# The commands of the control port: their effects, their fields, and the values of each field.
# MIT license; part of microevse
"""The table that `{"do": "help"}` and `simulate.py --help` print, and that every command passes
before it is carried out (control.py, world.py and host.py do that): one that is not in it, or a
field that is not, is refused. So nothing can be used without a line here.

A field is (kind, line). Kinds: "text", "integer", "number" (0 or more), "bool", "object", a
tuple of words; with a "?" behind it null is allowed, with a "!" the field must be there.
"""

from twin.chip import RESETS
from twin.ev import QUIRKS
from twin.given import encodes, is_json, quoted
from twin.net import TROUBLES
from twin.thermometer import SENSORS

# The names are those of world.FAULTS.
FAULTS = {
    "rcd": "the residual current device trips, and trips again until the fault is over",
    "weld": 'poles of the contactor stay closed; "pole" 1 to 4: only that one',
    "diode": "a diode lies across the pilot: its negative half is gone",
    "pilot_short": 'the pilot is shorted to protective earth; "ohms": through that resistance',
    "overtemp": 'it gets hot: 90 C, or "celsius"; "sensor": what the thermometer itself does',
    "pe": "protective earth is lost",
    "meter": "the meter no longer answers",
    "lock": 'the bolt of the socket is stuck; "contact": only its contact is lost',
    "other": "the emergency stop is pressed",
}
# Fields that only one kind of fault has.
OF_FAULT = {
    "pole": "weld",
    "ohms": "pilot_short",
    "celsius": "overtemp",
    "sensor": "overtemp",
    "contact": "lock",
}
# Causes that may precede a reset: names of the MicroPython port, and those of twin/chip.py.
CAUSES = ("pwron", "hard", "wdt", "deepsleep", "soft")

EVERYWHERE = {
    "id": ("any", "is given back in the answer"),
    "connector": ("integer", "which connector; 1 when left out"),
}
# For the commands by which people and faults act on the hardware.
LATER = {"after_ms": ("number", "happens that much later, whatever the charger does then")}

COMMANDS = {
    "help": ("lists all commands, faults and quirks", {}),
    "status": ("tells what the hardware does and what the charger says", {}),
    "subscribe": ("from now on this connection gets events, too", {}),
    "plug": (
        "a car arrives: its plug goes in",
        {
            "phases": ("integer", "how many phases the car uses"),
            "cable": ("integer", "amperes that the cable is rated for: 13, 20, 32 or 63"),
            "pp": (("open", "short", None), "what is wrong with the cable's proximity resistor"),
            **LATER,
        },
    ),
    "unplug": (
        "the plug is pulled; refused while it is locked",
        {"side": (("ev", "evse"), "ev: the car's end of a detachable cable"), **LATER},
    ),
    "request": ("the car asks for energy: S2 closes, state C", LATER),
    "release": ("the car has had enough: S2 opens, state B", LATER),
    "draw": (
        "how much current the car takes",
        {"amps": ("number?", "at most so much; left out or null: all that is offered"), **LATER},
    ),
    "ev": (
        "the car behaves like one of the quirks below",
        {"quirk": (tuple(QUIRKS), "its name"), **LATER},
    ),
    "tap": ("a card is held to the reader", {"tag": ("text!", "what is on it"), **LATER}),
    "button": (
        "the charger's button is pressed",
        {"seconds": ("number", "for how long; 0.2"), **LATER},
    ),
    "fault": (
        "one of the faults below begins or ends",
        {
            "kind": (tuple(FAULTS) + ("!",), "its name"),
            "on": ("bool", "false: it is over"),
            "pole": ((1, 2, 3, 4, None), "weld: which pole"),
            "ohms": ("number", "pilot_short: resistance to earth"),
            "celsius": ("temperature", "overtemp: how hot"),
            "sensor": (SENSORS, "overtemp: what the thermometer does"),
            "contact": ("bool", "lock: only the contact is lost"),
            **LATER,
        },
    ),
    "network": (
        "the network changes",
        {
            "up": ("bool", "false: the link is gone without a goodbye"),
            "upstream": ("bool", "false: the router reaches nothing beyond itself"),
            "trouble": (TROUBLES + (None,), "what the radio suffers from; null: nothing"),
            "dns_fail": ("bool", "true: names cannot be resolved"),
            "dns_ms": ("integer?", "how long resolving a name takes"),
            "refuse": ("integer?", "the WLAN status with which the access point refuses"),
            "lease": ("integer?", "another number: DHCP gives another address"),
            "aps": ("object?", 'the access points there are: {ssid: {"rssi": -60, "key": "..."}}'),
            "hosts": ("object", "what the name server knows: {name: address}"),
        },
    ),
    "power_cut": ("there is no power", {"seconds": ("number", "for so long; 2")}),
    "reboot": (
        "the chip is reset",
        {"cause": (CAUSES + tuple(k for k in RESETS if k not in CAUSES), "how; hard")},
    ),
    "set": (
        "a setting is changed by the owner, and stays",
        {
            "key": ("text!", "its 1.6 key, or Component.Variable[instance]"),
            "value": ("text!", "its value, as text"),
        },
    ),
    "join_ap": (
        "somebody joins the charger's own access point",
        {"ssid": ("text!", "its name"), "key": ("text!", "its password")},
    ),
    "lamps": ("tells which lamps are lit", LATER),
    "reader": ("the card reader's supply", {"on": ("bool", "false: it has none"), **LATER}),
    "wire": (
        "the wire of an input breaks, is shorted, or is mended",
        {
            "pin": ("integer!", "its GPIO"),
            "level": ((0, 1, None), "what is read there; null: mended"),
            "edge": ("bool", "false: no interrupt comes of it"),
            **LATER,
        },
    ),
    "stall": ("the interpreter stands still", {"ms": ("integer!", "for so many milliseconds")}),
    "fidelity": (
        "how the pilot is computed from now on",
        {"level": (("analytic", "sample", "!"), "in whole windows, or sample by sample")},
    ),
    "look": (
        "tells what is behind the scenes",
        {"what": (("tick", "page", "setup", "!"), "the timer tick, the page, the set-up")},
    ),
}


# No field of a command needs an integer of ten digits.
LARGE = 10**9


class CommandError(ValueError):
    """An error in a command; `key` is the field, "do" for the command itself."""

    def __init__(self, key, reason):
        super().__init__(reason if key == "do" else '"%s" %s' % (key, reason))
        self.key = key
        self.reason = reason


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _integer(value):
    return _number(value) and isinstance(value, int) and -LARGE < value < LARGE


def _words(values):
    return ", ".join("null" if v is None else str(v) for v in values)


def wrong(kind, value):
    """The error in the value of a field of this kind; None if it is right."""
    if isinstance(kind, tuple):
        allowed = tuple(v for v in kind if v != "!")
        for one in allowed:
            if one == value and type(one) is type(value):
                return None
        return "must be one of %s, not %s" % (_words(allowed), quoted(value))
    if kind[-1] == "?" and value is None:
        return None
    kind = kind.rstrip("?!")
    good, must = {
        "any": (True, ""),
        "text": (isinstance(value, str) and encodes(value), "a text"),
        "integer": (_integer(value), "an integer of less than ten digits"),
        "number": (_number(value) and 0 <= value < 1e12, "a number, and not negative"),
        "temperature": (_number(value) and -1e6 < value < 1e6, "a number"),
        "bool": (isinstance(value, bool), "true or false"),
        "object": (isinstance(value, dict) and is_json(value), "an object"),
    }[kind]
    return None if good else "must be %s, not %s" % (must, quoted(value))


def misplaced(fields):
    """[(field, error)] of a fault's fields that belong to another kind of fault."""
    kind = fields.get("kind")
    return [
        (name, "is for the fault %s, not for %s" % (of, quoted(kind)))
        for name, of in OF_FAULT.items()
        if name in fields and of != kind and isinstance(kind, str) and kind in FAULTS
    ]


def physical(do):
    """Does this command act on hardware, which is there without power, too?"""
    return "after_ms" in COMMANDS[do][1]


def needed(kind):
    """Must a field of this kind be there?"""
    return "!" in kind if isinstance(kind, tuple) else kind[-1] == "!"


def check(cmd):
    """CommandError unless `cmd` is a command of the table with the fields that it has."""
    do = cmd.get("do")
    if not isinstance(do, str) or do not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise CommandError("do", "unknown command %s; there are: %s" % (quoted(do), known))
    fields = {**EVERYWHERE, **COMMANDS[do][1]}
    for name, value in cmd.items():
        if name == "do":
            continue
        if name not in fields:
            known = ", ".join([n for n in fields if n != "id"])
            raise CommandError(name, "is no field of %s; there are: %s" % (do, known))
        reason = wrong(fields[name][0], value)
        if reason:
            raise CommandError(name, reason)
    for name, (kind, _) in fields.items():
        if needed(kind) and name not in cmd:
            raise CommandError(name, "is missing")
    if do == "fault":
        for name, reason in misplaced(cmd):
            raise CommandError(name, reason)


def help_answer():
    """The answer to {"do": "help"}."""
    commands = {}
    for name, (line, fields) in COMMANDS.items():
        told = {n: _field_line(*field) for n, field in {**EVERYWHERE, **fields}.items()}
        commands[name] = {"line": line, "fields": told}
    return {"ok": True, "commands": commands, "faults": dict(FAULTS), "quirks": dict(QUIRKS)}


def _field_line(kind, line):
    if isinstance(kind, tuple):
        kind = " | ".join("null" if v is None else str(v) for v in kind if v != "!")
    return "%s (%s)" % (line, kind.rstrip("?!").replace("temperature", "number"))


def help_text():
    """The same for people, in lines."""
    shared = {**EVERYWHERE, **LATER}
    lines = ["commands of the control port, one JSON object a line; each may have"]
    lines += ["    %-10s %s" % (n, _field_line(*field)) for n, field in shared.items()]
    lines[-1] += "; only those with a * have it"
    for name, (line, fields) in COMMANDS.items():
        star = " *" if physical(name) else ""
        lines += ["", '  {"do": "%s"}%s: %s' % (name, star, line)]
        lines += [
            "    %-10s %s" % (n, _field_line(*f)) for n, f in fields.items() if n not in LATER
        ]
    for title, names in (("faults", FAULTS), ("quirks of cars", QUIRKS)):
        lines += ["", title + ":"]
        lines += ["  %-16s %s" % pair for pair in names.items()]
    return "\n".join(lines)
