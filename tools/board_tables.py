# Checks each key of a board profile: known, present, of the right kind, on a pin that can do it.
# MIT license; part of microevse
"""Compares one profile with the tables of board_keys.py. Every problem is noted and the check goes
on, so that a person sees all of them at once."""

from board_chips import Chip
from board_keys import LAMPS, STRIP, ByType, Either, need

# Stands for an unknown chip: any pin can do anything.
ANY_CHIP = Chip(range(64), range(64), (), (), range(64), uarts=8)


class Findings:
    """The problems of a profile. `problems`: [(key, reason)] in the order of their finding.

    draft: problems of the front end are warnings, told to `warn(text)`.
    """

    def __init__(self, draft, warn):
        self.problems = []
        self.warn = warn
        self._draft = draft
        self._misshapen = []

    def refuse(self, key, reason):
        """`key` must not be as it is."""
        if (key, reason) not in self.problems:
            self.problems.append((key, reason))

    def misshapen(self, key, reason):
        """As `refuse`, for a key that is missing or of another kind: the rules cannot look at
        it."""
        self._misshapen.append(key)
        self.refuse(key, reason)

    def amiss(self, key, reason):
        """As `refuse`, for the front end: a draft may have this problem and gets a warning."""
        if self._draft:
            self.warn("%s: %s" % (key, reason))
        else:
            self.refuse(key, reason)

    def sound(self, *keys):
        """True if these keys, their contents and the tables they are in have the right shape."""
        return not any(
            _inside(bad, key) or _inside(key, bad) for bad in self._misshapen for key in keys
        )


def _inside(inner, outer):
    return inner == outer or inner.startswith((outer + ".", outer + "["))


def _not(value):
    """What was written in place of an allowed value; nothing if nothing was."""
    return "" if value is None else ", not %r" % (value,)


class Shape:
    """One walk over a profile: notes what is wrong, and which pin is used by which key."""

    def __init__(self, chip, findings, used=None):
        self._chip = chip or ANY_CHIP
        self._findings = findings
        self._refuse = findings.refuse
        self._misshapen = findings.misshapen
        self._used = {} if used is None else used

    def table(self, table, spec, prefix=""):
        """Check the keys of one table."""
        for key in table:
            if key not in spec:
                self._refuse(prefix + key, "unknown key (known: %s)" % ", ".join(spec))
        for key, described in spec.items():
            if key in table:
                self._value(table[key], described.kind, prefix + key)
            elif described.required:
                self._misshapen(prefix + key, "is missing")

    def _value(self, value, kind, where):
        if isinstance(kind, Either):
            kind = kind.table if isinstance(value, dict) else kind.pin
        if isinstance(kind, ByType):
            chosen = value.get("type") if isinstance(value, dict) else None
            if not isinstance(chosen, str) or chosen not in kind:
                reason = "must be one of " + ", ".join(kind)
                self._misshapen(where + ".type", reason + _not(chosen))
                return
            kind = {"type": need(str, "", ""), **kind[chosen]}
        if isinstance(kind, dict):
            if isinstance(value, dict):
                self.table(value, kind, where + ".")
            else:
                self._misshapen(where, "must be a table")
        elif isinstance(kind, list):
            if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
                for i, entry in enumerate(value):
                    self.table(entry, kind[0], "%s[%d]." % (where, i))
            else:
                self._misshapen(where, "must be an array of tables")
        elif isinstance(kind, tuple):
            if value not in kind or isinstance(value, bool):
                reason = "must be one of " + ", ".join(str(v) for v in kind)
                self._misshapen(where, reason + _not(value))
        elif kind == "ins":
            pins = value if isinstance(value, list) else [value]
            if not pins:
                self._misshapen(where, "is empty")
            for pin in pins:
                self._pin(pin, "in", where)
        elif kind == "lamps":
            self._lamps(value, where)
        elif isinstance(kind, str):
            self._pin(value, kind, where)
        elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self._misshapen(where, "must be %s" % kind.__name__)

    def _lamps(self, value, where):
        if not isinstance(value, dict):
            self._misshapen(where, "must be a table of pins")
            return
        for name, pin in value.items():
            key = "%s.%s" % (where, name)
            if name == "active_low":
                self._value(pin, bool, key)
            elif name == "ws2812":
                self._value(pin, STRIP, key)
                if self._findings.sound(key) and not 1 <= pin.get("count", 1) <= 100:
                    self._refuse(key + ".count", "must be 1 to 100 pixels")
            elif name not in LAMPS:
                known = ", ".join(LAMPS + ("ws2812", "active_low"))
                self._refuse(key, "unknown lamp (known: %s)" % known)
            else:
                self._pin(pin, "out", key)

    def _pin(self, pin, kind, key):
        chip, used, refuse = self._chip, self._used, self._refuse
        if not isinstance(pin, int) or isinstance(pin, bool) or pin not in chip.pins:
            self._misshapen(key, "%r is no pin of this chip" % (pin,))
            return
        if pin in used:
            refuse(key, "GPIO %d is used twice, also by %s" % (pin, used[pin]))
        if pin in chip.flash:
            refuse(key, "GPIO %d belongs to the module's flash" % pin)
        if kind == "adc":
            if pin in chip.adc2:
                refuse(key, "GPIO %d is on ADC2, which the radio uses" % pin)
            elif pin not in chip.adc1:
                refuse(key, "GPIO %d has no ADC1" % pin)
        if kind in ("out", "relay") and pin in chip.inputs:
            refuse(key, "GPIO %d can only be an input" % pin)
        elif kind == "relay" and pin not in chip.relay and pin not in chip.flash:
            refuse(key, "GPIO %d is a strapping pin or pulses at reset: not for a contactor" % pin)
        if kind == "irq" and chip.floor_mv and pin in (36, 39):
            refuse(key, "GPIO %d sees false pulses when the ADC powers up" % pin)
        used.setdefault(pin, key)
