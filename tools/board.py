#!/usr/bin/env python3
# Board profiles: boards/NAME.toml -> checked -> board.json.
# MIT license; part of microevse
"""usage: board.py boards/NAME.toml [-o board.json]

A profile that could hurt somebody is refused on the host, before it gets onto a board:
each refusal names file, key and reason. Warnings go to stderr.
"""

import argparse
import json
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib


class BoardError(ValueError):
    """A profile that must not be used: `file`, `key`, `reason`."""

    def __init__(self, file, key, reason):
        super().__init__("%s: %s: %s" % (file, key, reason))
        self.file = str(file)
        self.key = key
        self.reason = reason


class Chip:
    """Pins of one chip, from its data sheet."""

    def __init__(self, pins, adc1, adc2, flash, relay, inputs=(), floor_mv=0, uarts=3):
        self.pins = set(pins)
        self.adc1 = set(adc1)
        self.adc2 = set(adc2)
        self.flash = set(flash)  # wired to the module's own flash
        self.relay = set(relay)  # neither strapping nor pulsing at reset, output capable
        self.inputs = set(inputs)  # cannot be outputs
        self.floor_mv = floor_mv  # the ADC at 11 dB sees nothing below
        self.uarts = uarts


def _span(*ranges):
    return [pin for first, last in ranges for pin in range(first, last + 1)]


CHIPS = {
    "esp32": Chip(
        _span((0, 19), (21, 23), (25, 27), (32, 39)),
        _span((32, 39)),
        [0, 2, 4, 12, 13, 14, 15, 25, 26, 27],
        _span((6, 11)),
        [4, 13, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27, 32, 33],
        inputs=_span((34, 39)),
        floor_mv=142,
    ),
    "esp32s2": Chip(
        _span((0, 21), (26, 46)),
        _span((1, 10)),
        _span((11, 20)),
        _span((27, 32)),
        _span((1, 17), (21, 21), (33, 42)),
        inputs=[46],
        uarts=2,
    ),
    "esp32s3": Chip(
        _span((0, 21), (26, 48)),
        _span((1, 10)),
        _span((11, 20)),
        _span((26, 32)),
        [1, 2] + _span((4, 17), (21, 21), (38, 42), (47, 48)),
    ),
    "esp32c3": Chip(
        _span((0, 21)), _span((0, 4)), [5], _span((11, 17)), [0, 1, 3, 4, 5, 6, 7, 10], uarts=2
    ),
    "esp32c6": Chip(
        _span((0, 30)),
        _span((0, 6)),
        [],
        _span((24, 30)),
        [0, 1, 2, 3, 6, 7] + _span((10, 11), (18, 23)),
        uarts=2,
    ),
}

# Key -> (kind, required). Kinds: a type, a tuple of allowed values, "pin", a table, [table].
CP = {
    "pwm": ("out", True),
    "adc": ("adc", True),
    "divider": (list, True),
    "vcc_mv": (int, True),
    "cal": (list, False),
    "residual_permille": (int, False),
    "diode_check": (bool, False),
}
CONNECTOR = {
    "id": (int, True),
    "cable": (("fixed", "socket"), True),
    "phases": ((1, 3), True),
    "max_a": (int, True),
    "ventilated": (bool, False),
    "cp": (CP, True),
    "contactor": (
        {"pin": ("relay", True), "active_high": (bool, False), "feedback": ("in", False)},
        True,
    ),
    "pp": ({"adc": ("adc", True), "pullup": (int, False), "vcc_mv": (int, False)}, False),
    "lock": (
        {
            "a": ("out", True),
            "b": ("out", True),
            "detect": ("in", True),
            "pulse_ms": (int, False),
            "settle_ms": (int, False),
            "break_ms": (int, False),
            "locked_level": ((0, 1), False),
            "detect_drive": (bool, False),
        },
        False,
    ),
    "rcd": (
        {
            "trip": ("irq", True),
            "test": ("out", False),
            "active_high": (bool, False),
            "gates": (bool, False),
        },
        False,
    ),
    "meter": (
        {"type": (str, True), "uart": (int, True), "address": (int, False)},
        False,
    ),
}
UART = {
    "id": (int, True),
    "rx": ("in", True),
    "tx": ("out", True),
    "baud": (int, False),
    "dir": ("out", False),
}
BOARD = {
    "name": (str, True),
    "chip": (tuple(CHIPS), True),
    "source": (str, True),
    "guard": (("none", "interlock", "external"), True),
    "network": (("wifi", "ethernet"), True),
    "connectors": ([CONNECTOR], True),
    "uarts": ([UART], False),
    "reader": ({"type": (("line",), True), "uart": (int, True)}, False),
    "button": ("in", False),
    "estop": ("in", False),
    "pe": ("in", False),
    "temp": (
        {
            "adc": ("adc", True),
            "type": (("mcp9700", "ntc"), False),
            "pullup": (int, False),
            "r25": (int, False),
            "beta": (int, False),
            "vcc_mv": (int, False),
        },
        False,
    ),
    "leds": ("pins", False),
    "journal": ({"partition": (str, True)}, True),
}

# Pilot levels in mV over all tolerances the standard allows: source 5 %, resistors 3 %,
# diode 0.55 to 0.85 V. In order: A, B, C, D, E (lowest, highest).
LEVELS = (
    ("A", 11400, 12600),
    ("B", 8370, 9590),
    ("C", 5470, 6530),
    ("D", 2590, 3280),
    ("E", -1000, 1000),
)
THRESHOLDS = (10500, 7500, 4500, 1500)
HYSTERESIS_MV = 250
DIODE_MV = -10000
RESIDUAL_PERMILLE = 15  # error of the ADC after calibration
LINEAR_MV = 2450  # of the ADC at 11 dB
SATURATED_MV = 3100


def load_toml(path, warn=None):
    """Read and check a profile. Returns the dict that board.json holds.

    BoardError says what is wrong; `warn(text)` gets what is merely not nice.
    """
    warn = warn or (lambda text: None)
    try:
        with open(path, "rb") as f:
            board = tomllib.load(f)
    except tomllib.TOMLDecodeError as exc:
        raise BoardError(path, "syntax", str(exc))
    return check(board, path, warn)


def check(board, path, warn=lambda text: None):
    """Check a profile that was read from `path`; returns it."""
    if board.get("chip") not in CHIPS:
        raise BoardError(path, "chip", "must be one of " + ", ".join(CHIPS))
    chip = CHIPS[board["chip"]]
    used = {}

    def refuse(key, reason):
        raise BoardError(path, key, reason)

    _table(board, BOARD, "", chip, used, refuse)
    if not board["connectors"]:
        refuse("connectors", "there must be at least one")
    ports = {}
    for i, uart in enumerate(board.get("uarts", [])):
        key = "uarts[%d].id" % i
        if uart["id"] in ports:
            refuse(key, "UART %d is there twice" % uart["id"])
        if not 0 <= uart["id"] < chip.uarts:
            refuse(key, "%s has UARTs 0 to %d" % (board["chip"], chip.uarts - 1))
        ports[uart["id"]] = None
    ids = set()
    for i, connector in enumerate(board["connectors"]):
        key = "connectors[%d]" % i
        if connector["id"] != i + 1:
            refuse(key + ".id", "connectors are numbered from 1 in order")
        ids.add(connector["id"])
        if not 6 <= connector["max_a"] <= 80:
            refuse(key + ".max_a", "must be 6 to 80 A")
        if connector["cable"] == "socket" and ("pp" not in connector or "lock" not in connector):
            refuse(key + ".cable", "a socket needs pp (cable rating) and lock")
        if "meter" in connector:
            _port(ports, connector["meter"]["uart"], key + ".meter", True, refuse)
        _front_end(connector["cp"], key + ".cp", chip, refuse, warn)
    if "reader" in board:
        _port(ports, board["reader"]["uart"], "reader", False, refuse)
    return board


def _table(table, spec, prefix, chip, used, refuse):
    """Check the keys of one table; enter its pins into `used`."""
    for key in table:
        if key not in spec:
            refuse(prefix + key, "unknown key (known: %s)" % ", ".join(spec))
    for key, (kind, required) in spec.items():
        where = prefix + key
        if key not in table:
            if required:
                refuse(where, "is missing")
            continue
        value = table[key]
        if isinstance(kind, dict):
            if not isinstance(value, dict):
                refuse(where, "must be a table")
            _table(value, kind, where + ".", chip, used, refuse)
        elif isinstance(kind, list):
            if not isinstance(value, list):
                refuse(where, "must be an array of tables")
            for i, entry in enumerate(value):
                _table(entry, kind[0], "%s[%d]." % (where, i), chip, used, refuse)
        elif isinstance(kind, tuple):
            if value not in kind or isinstance(value, bool):
                refuse(where, "must be one of " + ", ".join(str(v) for v in kind))
        elif kind == "pins":
            for name, pin in value.items():
                _pin(pin, "out", "%s.%s" % (where, name), chip, used, refuse)
        elif isinstance(kind, str):
            _pin(value, kind, where, chip, used, refuse)
        elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            refuse(where, "must be %s" % kind.__name__)


def _pin(pin, kind, key, chip, used, refuse):
    if not isinstance(pin, int) or isinstance(pin, bool) or pin not in chip.pins:
        refuse(key, "%r is no pin of this chip" % (pin,))
    if pin in used:
        refuse(key, "GPIO %d is used twice, also by %s" % (pin, used[pin]))
    if pin in chip.flash:
        refuse(key, "GPIO %d belongs to the module's flash" % pin)
    if kind == "adc":
        if pin in chip.adc2:
            refuse(key, "GPIO %d is on ADC2, which the radio uses" % pin)
        if pin not in chip.adc1:
            refuse(key, "GPIO %d has no ADC1" % pin)
    if kind in ("out", "relay") and pin in chip.inputs:
        refuse(key, "GPIO %d can only be an input" % pin)
    if kind == "relay" and pin not in chip.relay:
        refuse(key, "GPIO %d is a strapping pin or pulses at reset: not for a contactor" % pin)
    if kind == "irq" and chip is CHIPS["esp32"] and pin in (36, 39):
        refuse(key, "GPIO %d sees false pulses when the ADC powers up" % pin)
    used[pin] = key


def _port(ports, number, key, shared, refuse):
    """`key` uses UART `number`; a bus (`shared`) may have several users of its kind."""
    if number not in ports:
        refuse(key + ".uart", "there is no UART %d under uarts" % number)
    user = ports[number]
    if user and not (shared and user[1]):
        refuse(key + ".uart", "UART %d is used by %s" % (number, user[0]))
    ports[number] = (key, shared)


def _front_end(cp, key, chip, refuse, warn):
    """Can this divider and ADC tell the states apart, and see the diode?"""
    parts = cp["divider"]
    if len(parts) != 3 or not all(isinstance(r, int) and r > 0 for r in parts):
        refuse(key + ".divider", "must be three resistances in ohms: pilot, supply, ground")
    rcp, rup, rdn = parts
    g = 1 / rcp + 1 / rup + 1 / rdn
    slope = 1 / rcp / g
    offset = cp["vcc_mv"] / rup / g
    residual = cp.get("residual_permille", RESIDUAL_PERMILLE) / 1000

    def pin_mv(mv):
        return mv * slope + offset

    def error(mv):
        """Uncertainty of a pilot level, in mV of the pilot."""
        return abs(pin_mv(mv)) * residual / slope

    if slope > 0.5 or slope < 0.03:
        refuse(key + ".divider", "slope %.3f V/V is no pilot front end" % slope)
    for i, threshold in enumerate(THRESHOLDS):
        upper, low, _ = LEVELS[i]
        lower, _, high = LEVELS[i + 1]
        if (
            low - error(low) < threshold + HYSTERESIS_MV
            or high + error(high) > threshold - HYSTERESIS_MV
        ):
            refuse(
                key + ".divider",
                "cannot separate states %s and %s: %d to %d mV of the pilot are uncertain by "
                "%d mV, the threshold is %d +-%d mV"
                % (upper, lower, high, low, error(low), threshold, HYSTERESIS_MV),
            )
    if pin_mv(THRESHOLDS[0] + HYSTERESIS_MV) > SATURATED_MV:
        refuse(key + ".divider", "+10.5 V is %d mV at the ADC: saturated" % pin_mv(10500))
    if pin_mv(12000) > LINEAR_MV:
        warn(
            "%s.divider: +12 V is %d mV at the ADC, above its linear range of %d mV"
            % (key, pin_mv(12000), LINEAR_MV)
        )
    if cp.get("diode_check", True):
        seen = pin_mv(DIODE_MV) - error(DIODE_MV)
        if seen < chip.floor_mv:
            refuse(
                key + ".divider",
                "-10 V is %d mV at the ADC, which sees nothing below %d mV: the EV's diode "
                "cannot be checked (diode_check = false says that this is known)"
                % (pin_mv(DIODE_MV), chip.floor_mv),
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("toml")
    parser.add_argument("-o", "--output", help="board.json to write; default: only check")
    args = parser.parse_args()
    try:
        board = load_toml(args.toml, lambda text: print("warning:", text, file=sys.stderr))
    except (BoardError, OSError) as exc:
        print("error:", exc, file=sys.stderr)
        return 1
    if args.output:
        Path(args.output).write_text(json.dumps(board, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
