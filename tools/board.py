#!/usr/bin/env python3
# Board profiles: boards/NAME.toml -> checked -> board.json.
# MIT license; part of microevse
"""usage: board.py boards/NAME.toml [-o board.json]

A profile that could hurt somebody is refused on the host, before it gets onto a board:
each refusal names file, key and reason. Warnings go to stderr.
"""

import argparse
import copy
import json
import math
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

sys.path.append(str(Path(__file__).resolve().parent))
import front_end  # noqa: E402


class BoardError(ValueError):
    """A profile that must not be used: `file`, `key`, `reason`."""

    def __init__(self, file, key, reason):
        super().__init__("%s: %s: %s" % (file, key, reason))
        self.file = str(file)
        self.key = key
        self.reason = reason


class Chip:
    """Pins of one chip, from its data sheet."""

    def __init__(
        self, pins, adc1, adc2, flash, relay, inputs=(), floor_mv=0, full_mv=3100, uarts=3, best=()
    ):
        self.pins = set(pins)
        self.adc1 = set(adc1)
        self.adc2 = set(adc2)
        self.flash = set(flash)  # wired to the module's own flash
        self.relay = set(relay)  # neither strapping nor pulsing at reset, output capable
        self.inputs = set(inputs)  # cannot be outputs
        self.floor_mv = floor_mv  # the ADC at 11 dB sees nothing below
        self.full_mv = full_mv  # nor above; an ESP32: by its curve
        self.uarts = uarts
        self.best = set(best or relay)  # of those for a relay: can be held by the RTC, too


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
        best=[25, 26, 27, 32, 33],
    ),
    "esp32s2": Chip(
        _span((0, 21), (26, 46)),
        _span((1, 10)),
        _span((11, 20)),
        _span((27, 32)),
        _span((1, 17), (21, 21), (33, 42)),
        inputs=[46],
        full_mv=2500,
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
        _span((0, 21)),
        _span((0, 4)),
        [5],
        _span((11, 17)),
        [0, 1, 3, 4, 5, 6, 7, 10],
        full_mv=2500,
        uarts=2,
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

# Modules whose flash is wired otherwise than on most: (chip, pins of the flash). The flash in
# the package of an ESP32-MINI-1 (ESP32-U4WDH data sheet) leaves 9 and 10 free, not 16 and 17.
MODULES = {"mini-1": ("esp32", (6, 7, 8, 11, 16, 17))}


class ByType(dict):
    """Tables with other keys for each `type`: {type: spec}."""


class Either:
    """A pin, or a table that says more of it."""

    def __init__(self, pin, table):
        self.pin, self.table = pin, table


_EASTRON = {"uart": (int, True), "address": (int, False)}
_METERING_CHIP = {
    "uart": (int, True),
    "r_high": (int, False),
    "r_low": (int, False),
    "shunt_uohm": (int, False),
    "max_w": (int, False),
}
REGISTER = {
    "value": (str, True),
    "register": (int, True),
    "type": (("u16", "s16", "u32", "s32", "f32"), True),
    "unit": (str, True),
    "function": ((3, 4), False),
    "low_first": (bool, False),
}
METER = ByType(
    {
        "s0": {"pin": ("irq", True), "imp_per_kwh": (int, False), "max_w": (int, False)},
        "hlw8032": _METERING_CHIP,
        "cse7766": _METERING_CHIP,
        "modbus": {
            "uart": (int, True),
            "address": (int, False),
            "registers": ([REGISTER], True),
            "max_w": (int, False),
            "wraps": (bool, False),
        },
        "sdm120": _EASTRON,
        "sdm230": _EASTRON,
        "sdm630": _EASTRON,
        "sdm72": _EASTRON,
        "sdm72v2": _EASTRON,
    }
)
# These send by themselves, in one format; no other can share their port.
METERING_CHIPS = ("hlw8032", "cse7766")
_SPI = {name: (kind, False) for name, kind in (("sck", "out"), ("mosi", "out"), ("miso", "in"),
                                               ("cs", "out"), ("reset", "out"))}  # fmt: skip
READER = ByType(
    {
        "line": {"uart": (int, True)},
        "mfrc522": _SPI,
        "pn532": {"uart": (int, False), "sda": ("out", False), "scl": ("out", False), **_SPI},
    }
)
# The pins of each bus a reader can be on.
READER_BUSES = (("uart",), ("sda", "scl"), ("sck", "mosi", "miso", "cs"))
TEMP = ByType(
    {
        "mcp9700": {"adc": ("adc", True)},
        "ntc": {
            "adc": ("adc", True),
            "pullup": (int, False),
            "r25": (int, False),
            "beta": (int, False),
            "vcc_mv": (int, False),
        },
        "ds18b20": {"pin": ("out", True)},
    }
)
# What opens the contactor when the interpreter stalls. `ulp` counts as none until a bench has
# shown it on that board.
GUARDS = ("none", "interlock", "external", "ulp")
LAMPS = ("ready", "charging", "error", "wifi", "red", "green", "blue")
STRIP = {"pin": ("out", True), "count": (int, False)}

# Key -> (kind, required). Kinds: a type, a tuple of allowed values, "pin", a table, [table].
CP = {
    "pwm": ("out", True),
    "adc": ("adc", True),
    "divider": (list, True),
    "vcc_mv": (int, True),
    "cal": (list, False),
    "residual_permille": (int, False),
    "diode_check": (bool, False),
    # A switch that takes the pilot from the EV.
    "disconnect": ({"pin": ("out", True), "active_high": (bool, False)}, False),
}
CONNECTOR = {
    "id": (int, True),
    "cable": (("fixed", "socket"), True),
    "phases": ((1, 3), True),
    "max_a": (int, True),
    "ventilated": (bool, False),
    "cp": (CP, True),
    "contactor": (
        {
            "pin": ("relay", True),
            "active_high": (bool, False),
            # Mirror contacts, sensed voltage: one pin, or one for each pole.
            "feedback": ("ins", False),
            "sense": ("ins", False),
            # Low while the guard keeps the contactor open.
            "held": ("in", False),
        },
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
    "meter": (METER, False),
}
UART = {
    "id": (int, True),
    "rx": ("in", True),
    "tx": ("out", True),
    "baud": (int, False),
    "parity": (("none", "even", "odd"), False),
    "dir": ("out", False),
}
# RMII of the ESP32; the data pins are fixed (ESP32 datasheet, section "Ethernet MAC").
ETHERNET = {
    "phy": (("lan8720", "lan8710", "ip101", "rtl8201", "dp83848", "ksz8041"), True),
    "address": (int, True),
    "mdc": ("out", True),
    "mdio": ("out", True),
    "power": ("out", False),
    "clock": ("out", False),
    "clock_out": (bool, False),
}
RMII = {19: "TXD0", 21: "TX_EN", 22: "TXD1", 25: "RXD0", 26: "RXD1", 27: "CRS_DV"}
# Where the 50 MHz can come in, and where they can go out.
CLOCK_IN, CLOCK_OUT = (0,), (0, 16, 17)
BOARD = {
    "name": (str, True),
    "chip": (tuple(CHIPS), True),
    "module": (tuple(MODULES), False),
    "source": (str, True),
    # Why this profile is not to be put on a board yet; it can be checked and simulated.
    "draft": (str, False),
    "guard": (GUARDS, True),
    "network": (("wifi", "ethernet"), True),
    # Feature profiles of OCPP: "named" where the heap has no room for all (firmware/wiring/features.py).
    "features": (("all", "named"), False),
    "ethernet": (ETHERNET, False),
    "connectors": ([CONNECTOR], True),
    "uarts": ([UART], False),
    "reader": (READER, False),
    "button": ("in", False),
    "estop": (Either("irq", {"pin": ("irq", True), "normally_closed": (bool, False)}), False),
    "pe": (Either("in", {"pin": ("in", True), "normally_closed": (bool, False)}), False),
    "temp": (TEMP, False),
    "leds": ("lamps", False),
    # One name only: the firmware and the partition tables have it.
    "journal": ({"partition": (("journal",), True)}, True),
}

RESIDUAL_PERMILLE = 15  # error of the ADC after calibration
MOST_POINTS = 12  # of a measured curve
# Interleaved windows of one ADC: with more connectors the contactor would open too late.
MAX_CONNECTORS = 2


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


def for_a_board(board, path):
    """BoardError if this checked profile is not to be put on a board; returns it."""
    if "draft" in board:
        raise BoardError(path, "draft", "not for a board yet: " + board["draft"])
    return board


def check(board, path, warn=lambda text: None):
    """Check a profile that was read from `path`; returns it."""
    if board.get("chip") not in CHIPS:
        raise BoardError(path, "chip", "must be one of " + ", ".join(CHIPS))
    chip = CHIPS[board["chip"]]
    if board.get("module") in MODULES:
        of, flash = MODULES[board["module"]]
        if of != board["chip"]:
            raise BoardError(path, "module", "%s has no %s" % (board["module"], board["chip"]))
        chip = copy.copy(chip)
        chip.flash = set(flash)
        chip.relay = chip.relay - chip.flash
    used = {}

    def refuse(key, reason):
        raise BoardError(path, key, reason)

    def amiss(key, reason):
        """Of a front end: a draft may have it, and says so."""
        if "draft" not in board:
            refuse(key, reason)
        warn("%s: %s" % (key, reason))

    if isinstance(board.get("temp"), dict):
        board["temp"].setdefault("type", "mcp9700")
    if board.get("network") == "ethernet":
        if board["chip"] != "esp32":
            refuse("network", "%s has no Ethernet MAC" % board["chip"])
        # Before all others: whoever else names one of these pins is the one who is wrong.
        used.update({pin: "ethernet (RMII %s)" % name for pin, name in RMII.items()})
    _table(board, BOARD, "", chip, used, refuse)
    _ethernet(board, refuse)
    for key in ("name", "source", "draft"):
        if key in board and not board[key].strip():
            refuse(key, "is empty")
    if not board["connectors"]:
        refuse("connectors", "there must be at least one")
    if len(board["connectors"]) > MAX_CONNECTORS:
        refuse("connectors", "one ADC carries the pilots of %d at most" % MAX_CONNECTORS)
    ports = {}
    for i, uart in enumerate(board.get("uarts", [])):
        key = "uarts[%d].id" % i
        if uart["id"] in ports:
            refuse(key, "UART %d is there twice" % uart["id"])
        if not 0 <= uart["id"] < chip.uarts:
            refuse(key, "%s has UARTs 0 to %d" % (board["chip"], chip.uarts - 1))
        ports[uart["id"]] = None
    stations = set()
    for i, connector in enumerate(board["connectors"]):
        key = "connectors[%d]" % i
        if connector["id"] != i + 1:
            refuse(key + ".id", "connectors are numbered from 1 in order")
        if not 6 <= connector["max_a"] <= 80:
            refuse(key + ".max_a", "must be 6 to 80 A")
        if connector["cable"] == "socket" and ("pp" not in connector or "lock" not in connector):
            refuse(key + ".cable", "a socket needs pp (cable rating) and lock")
        if "meter" in connector:
            meter = connector["meter"]
            _meter(meter, key + ".meter", board, ports, refuse)
            if "address" in METER[meter["type"]]:
                station = (meter["uart"], meter.get("address", 1))
                if station in stations:
                    refuse(key + ".meter.address", "%d is there twice on UART %d" % station[::-1])
                stations.add(station)
        pin = connector["contactor"]["pin"]
        if pin not in chip.best:
            warn(
                "%s.contactor.pin: GPIO %d does not pulse at boot, but cannot be held by the RTC; "
                "better: %s" % (key, pin, ", ".join(str(p) for p in sorted(chip.best)))
            )
        _calibration(connector["cp"], key + ".cp", refuse)
        _front_end(connector["cp"], key + ".cp", chip, refuse, amiss, warn)
    if "reader" in board:
        _reader(board["reader"], ports, refuse)
    if board.get("temp", {}).get("type") == "ntc":
        _ntc(board["temp"], chip, refuse, warn)
    _guard(board, refuse, warn)
    for key, meaning in (("estop", "nobody has pressed it"), ("pe", "all is well")):
        cfg = board.get(key)
        if cfg is not None and not (isinstance(cfg, dict) and cfg.get("normally_closed")):
            warn(
                "%s: a wire that breaks says that %s: better a contact that opens, "
                "{ pin, normally_closed = true }" % (key, meaning)
            )
    return board


def _guard(board, refuse, warn):
    """Does the guard count, and is there one where something listens to it?"""
    guard = board["guard"]
    for i, connector in enumerate(board["connectors"]):
        if "held" in connector["contactor"] and guard not in ("interlock", "external"):
            refuse("connectors[%d].contactor.held" % i, "there is no guard that could hold it")
        if guard in ("interlock", "external") and not connector.get("rcd", {}).get("gates"):
            warn(
                "connectors[%d].rcd.gates: is not true: guard %s counts as none, as long as the "
                "RCD does not open the contactor without the interpreter" % (i, guard)
            )
    if guard == "ulp":
        warn("guard: ulp counts as none: it has not been shown on any board")


def _ntc(temp, chip, refuse, warn):
    """Which temperatures does this thermistor show, between a full and an empty converter?"""
    pullup, r25, beta = temp.get("pullup", 10000), temp.get("r25", 10000), temp.get("beta", 3950)
    vcc_mv = temp.get("vcc_mv", 3300)
    if min(pullup, r25, beta) <= 0 or not 2500 <= vcc_mv <= 3600:
        refuse("temp", "pullup, r25 and beta must be positive, vcc_mv 2500 to 3600")

    def celsius(mv):
        if mv >= vcc_mv:
            return -273.0
        ohms = pullup * mv / (vcc_mv - mv)
        return 1 / (1 / 298.15 + math.log(ohms / r25) / beta) - 273.15

    coldest, hottest = celsius(chip.full_mv), celsius(max(chip.floor_mv, 5))
    if hottest < 85:
        refuse("temp", "above %d C the converter sees nothing: it must see 85" % hottest)
    if coldest > -20:
        warn(
            "temp: below %d C the sensor is taken for a broken one, and nothing charges" % coldest
        )


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
        if isinstance(kind, Either):
            kind = kind.table if isinstance(value, dict) else kind.pin
        if isinstance(kind, ByType):
            chosen = value.get("type") if isinstance(value, dict) else None
            if chosen not in kind:
                refuse(where + ".type", "must be one of " + ", ".join(kind))
            kind = {"type": (str, True), **kind[chosen]}
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
        elif kind == "ins":
            pins = value if isinstance(value, list) else [value]
            if not pins:
                refuse(where, "is empty")
            for pin in pins:
                _pin(pin, "in", where, chip, used, refuse)
        elif kind == "lamps":
            if not isinstance(value, dict):
                refuse(where, "must be a table of pins")
            for name, pin in value.items():
                _lamp(name, pin, "%s.%s" % (where, name), chip, used, refuse)
        elif isinstance(kind, str):
            _pin(value, kind, where, chip, used, refuse)
        elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            refuse(where, "must be %s" % kind.__name__)


def _lamp(name, value, key, chip, used, refuse):
    if name == "active_low":
        if not isinstance(value, bool):
            refuse(key, "must be bool")
    elif name == "ws2812":
        if not isinstance(value, dict):
            refuse(key, "must be a table")
        _table(value, STRIP, key + ".", chip, used, refuse)
        if not 1 <= value.get("count", 1) <= 100:
            refuse(key + ".count", "must be 1 to 100 pixels")
    elif name not in LAMPS:
        refuse(key, "unknown lamp (known: %s)" % ", ".join(LAMPS + ("ws2812", "active_low")))
    else:
        _pin(value, "out", key, chip, used, refuse)


def _meter(meter, key, board, ports, refuse):
    kind = meter["type"]
    if kind == "s0":
        return
    alone = kind in METERING_CHIPS
    _port(ports, meter["uart"], key, not alone, refuse)
    uart = [u for u in board["uarts"] if u["id"] == meter["uart"]][0]
    if alone and (uart.get("baud", 9600), uart.get("parity", "none")) != (4800, "even"):
        refuse(key + ".uart", "%s sends with 4800 baud and even parity" % kind)
    if kind == "modbus":
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
        try:
            from meters import generic_modbus

            generic_modbus.Meter(None, 1, meter["registers"], 1, meter.get("wraps", False))
        except ValueError as exc:
            refuse(key + ".registers", str(exc))
        finally:
            sys.path.pop(0)


def _reader(reader, ports, refuse):
    given = [bus for bus in READER_BUSES if any(pin in reader for pin in bus)]
    if len(given) != 1:
        buses = " or ".join(map(", ".join, READER_BUSES))
        refuse("reader", "must have the pins of one bus: " + buses)
    for pin in given[0]:
        if pin not in reader:
            refuse("reader." + pin, "is missing")
    if "uart" in reader:
        _port(ports, reader["uart"], "reader", False, refuse)


def _ethernet(board, refuse):
    if board["network"] != "ethernet":
        if "ethernet" in board:
            refuse("ethernet", 'is only for network = "ethernet"')
        return
    if "ethernet" not in board:
        refuse("ethernet", "is missing: the wiring of the PHY")
    wiring = board["ethernet"]
    if not 0 <= wiring["address"] <= 31:
        refuse("ethernet.address", "must be 0 to 31")
    out = wiring.get("clock_out", False)
    if out and "clock" not in wiring:
        refuse("ethernet.clock", "is missing: the pin that the clock goes out of")
    allowed = CLOCK_OUT if out else CLOCK_IN
    if wiring.get("clock", allowed[0]) not in allowed:
        refuse(
            "ethernet.clock",
            "the clock %s GPIO %s" % (
                "goes out of" if out else "comes in at", " or ".join(str(p) for p in allowed)
            ),
        )


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
    if kind == "irq" and chip.floor_mv and pin in (36, 39):
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


def _calibration(cp, key, refuse):
    """`cal`: two points [count of 65535, microvolts at the pin], as measured on the board."""
    if not 2500 <= cp["vcc_mv"] <= 5500:
        refuse(key + ".vcc_mv", "%d mV is no supply of the divider" % cp["vcc_mv"])
    if not 0 <= cp.get("residual_permille", RESIDUAL_PERMILLE) <= front_end.MOST_PERMILLE:
        refuse(key + ".residual_permille", "must be 0 to %d" % front_end.MOST_PERMILLE)
    if "cal" not in cp:
        return
    points = cp["cal"]
    good = 2 <= len(points) <= MOST_POINTS and all(
        isinstance(p, list) and len(p) == 2 and all(type(n) is int for n in p) for p in points
    )
    good = good and points[0][0] >= 0 and points[-1][0] <= 65535
    if not good or any(p[0] >= q[0] or p[1] >= q[1] for p, q in zip(points, points[1:])):
        refuse(
            key + ".cal",
            "must be two to %d points [count, microvolts], the lowest one first" % MOST_POINTS,
        )


def _front_end(cp, key, chip, refuse, amiss, warn):
    """Can this divider and ADC tell the states apart, and see the diode?"""
    parts = cp["divider"]
    if len(parts) != 3 or not all(isinstance(r, int) and r > 0 for r in parts):
        refuse(key + ".divider", "must be three resistances in ohms: pilot, supply, ground")
    front = front_end.FrontEnd(cp, chip)
    error = cp.get("residual_permille", RESIDUAL_PERMILLE) / 1000
    if front.slope > 0.5 or front.slope < 0.03:
        refuse(key + ".divider", "slope %.3f V/V is no pilot front end" % front.slope)
    # B must stay below the full converter, or it would be A.
    least_a = front_end.THRESHOLDS[0] - front_end.HYSTERESIS_MV
    if front.pin_mv(least_a) > front.full_mv():
        amiss(
            key + ".divider",
            "+%.2f V is %d mV at the ADC, which is full at %d mV: saturated"
            % (least_a / 1000, front.pin_mv(least_a), front.full_mv()),
        )
    diode_mv = front.pin_mv(front_end.DIODE_MV)
    if not cp.get("diode_check", True):
        warn(
            "%s.diode_check: a shorted diode of an EV, or a resistor in its place, is taken for "
            "a car: -10 V is %d mV at the ADC" % (key, diode_mv)
        )
    elif diode_mv * (1 - error) < chip.floor_mv:
        refuse(
            key + ".divider",
            "-10 V is %d mV at the ADC, which sees nothing below %d mV: the EV's diode "
            "cannot be checked (diode_check = false says that this is known)"
            % (diode_mv, chip.floor_mv),
        )
    mixed = front.confused(error)
    if mixed:
        amiss(key + ".divider", mixed)
    elif chip.floor_mv and front.pin_mv(12000) > front_end.LINEAR_MV:
        warn(
            "%s.divider: +12 V is %d mV at the ADC, above its linear range of %d mV: calibrated "
            "by the chip's curve; A to D are told apart up to an error of %.1f %%, D and E up to "
            "%.1f %%"
            % (
                key,
                front.pin_mv(12000),
                front_end.LINEAR_MV,
                front.margin(3) / 10,
                front.margin() / 10,
            )
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
        try:
            for_a_board(board, args.toml)
        except BoardError as exc:
            print("error:", exc, file=sys.stderr)
            return 1
        Path(args.output).write_text(json.dumps(board, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
