# Every key that a board profile may have: what it holds, its unit, default and an example.
# MIT license; part of microevse
"""board.py checks profiles against these tables, and `board.py --keys` prints them for people:
`make docs` writes that text into docs/add_a_board.md.

Kinds: a type; a tuple of allowed values; a table {key: Key}; [table]; ByType; Either; or a word
for a pin: "out", "in", "irq" (an input that interrupts), "adc" (on ADC1), "relay" (an output that
does not move at boot), "ins" (one input or a list), "lamps".
"""

from typing import Any, NamedTuple

from board_chips import CHIPS, MODULES


class Key(NamedTuple):
    """One key of a table. `default` and `example` as they would be written in TOML."""

    kind: Any
    required: bool
    meaning: str
    example: str
    unit: str = ""
    default: str = ""


class ByType(dict):
    """Tables with other keys for each `type`: {type: table}."""


class Either:
    """A pin, or a table with more about it."""

    def __init__(self, pin, table):
        self.pin, self.table = pin, table


def need(kind, meaning, example, unit=""):
    """A key that must be there."""
    return Key(kind, True, meaning, example, unit)


def may(kind, meaning, example, default="", unit=""):
    """A key that may be left out; `default`: the value then ("": there is none)."""
    return Key(kind, False, meaning, example, unit, default)


# -- meters --------------------------------------------------------------------------------------

_UART = need(int, "the `id` of its UART", "1")
_MAX_W = may(int, "more power than this is a wrong reading", "11000", "max_a x phases x 265", "W")
_EASTRON = {
    "uart": _UART,
    "address": may(int, "Modbus address", "1", "1"),
}
_METERING_CHIP = {
    "uart": _UART,
    "r_high": may(int, "upper resistance of the voltage divider", "1880000", "1880000", "ohm"),
    "r_low": may(int, "lower one", "1000", "1000", "ohm"),
    "shunt_uohm": may(int, "the shunt", "1000", "1000", "micro-ohm"),
    "max_w": _MAX_W,
}
REGISTER = {
    "value": need(str, "energy, power, voltage_l1 to 3, current_l1 to 3, frequency", '"energy"'),
    "register": need(int, "its number, from 0", "0x4000"),
    "type": need(("u16", "s16", "u32", "s32", "f32"), "how it is coded", '"u32"'),
    "unit": need(str, "what one count is worth", '"0.01 kWh"'),
    "function": may((3, 4), "Modbus function code", "4", "3"),
    "low_first": may(bool, "the low word comes first", "true", "false"),
}
METER = ByType(
    {
        "s0": {
            "pin": need("irq", "pulse output", "21", "GPIO"),
            "imp_per_kwh": may(int, "pulses", "1000", "1000", "1/kWh"),
            "max_w": _MAX_W,
        },
        "hlw8032": _METERING_CHIP,
        "cse7766": _METERING_CHIP,
        "modbus": {
            **_EASTRON,
            "registers": need([REGISTER], "the values it has", "[{ value = ... }]"),
            "max_w": _MAX_W,
            "wraps": may(bool, "its register starts again at 0 when it is full", "true", "false"),
        },
        "sdm120": _EASTRON,
        "sdm230": _EASTRON,
        "sdm630": _EASTRON,
        "sdm72": _EASTRON,
        "sdm72v2": _EASTRON,
    }
)
# These chips send by themselves, in one format: no other part can share their port.
METERING_CHIPS = ("hlw8032", "cse7766")

# -- other parts ---------------------------------------------------------------------------------

_SPI = {
    "sck": may("out", "SPI clock", "18", unit="GPIO"),
    "mosi": may("out", "SPI to the reader", "23", unit="GPIO"),
    "miso": may("in", "SPI from the reader", "19", unit="GPIO"),
    "cs": may("out", "SPI select", "5", unit="GPIO"),
    "reset": may("out", "its reset", "22", unit="GPIO"),
}
READER = ByType(
    {
        "line": {"uart": _UART},
        "mfrc522": _SPI,
        "pn532": {
            "uart": may(int, "the `id` of its UART", "2"),
            "sda": may("out", "I2C data", "21", unit="GPIO"),
            "scl": may("out", "I2C clock", "22", unit="GPIO"),
            **_SPI,
        },
    }
)
# The pins of each bus a reader can be on.
READER_BUSES = (("uart",), ("sda", "scl"), ("sck", "mosi", "miso", "cs"))
_THERMO_ADC = need("adc", "its output", "34", "GPIO")
TEMP = ByType(
    {
        "mcp9700": {"adc": _THERMO_ADC},
        "ntc": {
            "adc": _THERMO_ADC,
            "pullup": may(int, "resistor to the supply", "10000", "10000", "ohm"),
            "r25": may(int, "resistance at 25 C", "10000", "10000", "ohm"),
            "beta": may(int, "its B value", "3950", "3950", "K"),
            "vcc_mv": may(int, "that supply", "3300", "3300", "mV"),
        },
        "ds18b20": {"pin": need("out", "1-Wire data", "22", "GPIO")},
    }
)
# The part that opens the contactor when the interpreter stalls. `ulp` counts as none until a bench
# has shown that it works on that board.
GUARDS = ("none", "interlock", "external", "ulp")
# Feature profiles of OCPP: all, or those that a plain ESP32 holds.
FEATURES = ("all", "named")
LAMPS = ("ready", "charging", "error", "wifi", "red", "green", "blue")
STRIP = {
    "pin": need("out", "data in of the first pixel", "4", "GPIO"),
    "count": may(int, "how many pixels, 1 to 100", "8", "1"),
}


def _contact(kind, what):
    """A contact to ground: its pin, or a table."""
    table = {
        "pin": need(kind, "its input", "23", "GPIO"),
        "normally_closed": may(
            bool, "it opens in the event; a broken wire is the event", "true", "false"
        ),
    }
    return may(Either(kind, table), what, "{ pin = 23, normally_closed = true }", unit="GPIO")


# -- a connector ---------------------------------------------------------------------------------

CP = {
    "pwm": need("out", "square wave to the pilot's amplifier", "27", "GPIO"),
    "adc": need("adc", "the pilot behind its divider", "36", "GPIO"),
    "divider": need(
        list, "resistors to the pilot, to the supply, to ground", "[120000, 27000, 22000]", "ohm"
    ),
    "vcc_mv": need(int, "supply of the divider, 2500 to 5500", "3300", "mV"),
    "cal": may(
        list,
        "measured points [count, microvolts], 2 to 12",
        "[[0, 142000], [65535, 3120000]]",
        "calibrates itself",
    ),  # fmt: skip
    "residual_permille": may(
        int, "error of the ADC after calibration, 0 to 200", "15", "15", "1/1000"
    ),
    "diode_check": may(bool, "false: the front end cannot see the EV's diode", "false", "true"),
    "disconnect": may(
        {
            "pin": need("out", "its control", "5", "GPIO"),
            "active_high": may(bool, "high opens it", "false", "true"),
        },
        "a switch between pilot and EV",
        "{ pin = 5 }",
    ),
}
CONTACTOR = {
    "pin": need("relay", "driver of its coil", "26", "GPIO"),
    "active_high": may(bool, "high closes it", "false", "true"),
    "feedback": may("ins", "mirror contact, or one for each pole", "22", unit="GPIO"),
    "sense": may(
        "ins", "low while there is voltage behind a pole; one or a list", "[21, 22]", unit="GPIO"
    ),
    "held": may("in", "low while the guard keeps it open", "22", unit="GPIO"),
}
LOCK = {
    "a": need("out", "motor wire: high drives the bolt in", "18", "GPIO"),
    "b": need("out", "motor wire: high drives it out", "17", "GPIO"),
    "detect": need("in", "contact of the bolt", "35", "GPIO"),
    "pulse_ms": may(int, "how long the motor is driven", "400", "400", "ms"),
    "settle_ms": may(int, "pause before the contact is read", "50", "50", "ms"),
    "break_ms": may(int, "pause before another try", "1000", "1000", "ms"),
    "locked_level": may((0, 1), "what the contact reads when locked", "0", "1"),
    "detect_drive": may(bool, "it has current only while both wires are high", "true", "false"),
}
RCD = {
    "trip": need("irq", "its trip output", "13", "GPIO"),
    "test": may("out", "its test input", "14", unit="GPIO"),
    "active_high": may(bool, "high is tripped", "false", "true"),
    "gates": may(bool, "trip opens the relay driver without the chip", "true", "false"),
}
CONNECTOR = {
    "id": need(int, "1, 2, ... in order", "1"),
    "cable": need(("fixed", "socket"), "how the car is connected", '"fixed"'),
    "phases": need((1, 3), "of the mains at the contactor", "3"),
    "max_a": need(int, "most that cable, contactor and wiring carry, 6 to 80", "32", "A"),
    "ventilated": may(bool, "state D may charge", "true", "false"),
    "cp": need(CP, "control pilot", "{ pwm = 27, ... }"),
    "contactor": need(CONTACTOR, "contactor or relay", "{ pin = 26 }"),
    "pp": may(
        {
            "adc": need("adc", "proximity pilot", "34", "GPIO"),
            "pullup": may(int, "its resistor to the supply", "330", "1000", "ohm"),
            "vcc_mv": may(int, "that supply", "3300", "3300", "mV"),
        },
        "proximity pilot; a socket must have it",
        "{ adc = 34 }",
    ),
    "lock": may(
        LOCK, "bolt of the socket; a socket must have it", "{ a = 18, b = 17, detect = 35 }"
    ),
    "rcd": may(RCD, "residual current monitor", "{ trip = 13, test = 14 }"),
    "meter": may(METER, "energy meter", '{ type = "sdm120", uart = 1 }'),
}

# -- the board -----------------------------------------------------------------------------------

UART = {
    "id": need(int, "its number on the chip", "1"),
    "rx": need("in", "receives", "32", "GPIO"),
    "tx": need("out", "sends", "25", "GPIO"),
    "baud": may(int, "speed", "9600", "9600", "1/s"),
    "parity": may(("none", "even", "odd"), "parity bit", '"even"', '"none"'),
    "dir": may("out", "RS-485 driver: high while it sends", "33", unit="GPIO"),
}
ETHERNET = {
    "phy": need(
        ("lan8720", "lan8710", "ip101", "rtl8201", "dp83848", "ksz8041"), "its type", '"lan8720"'
    ),
    "address": need(int, "of the PHY, 0 to 31", "1"),
    "mdc": need("out", "management clock", "23", "GPIO"),
    "mdio": need("out", "management data", "18", "GPIO"),
    "power": may("out", "switches the PHY or its clock on", "16", unit="GPIO"),
    "clock": may("out", "the 50 MHz: in at 0, or out of 0, 16 or 17", "0", "0", "GPIO"),
    "clock_out": may(bool, "the chip makes the clock", "true", "false"),
}
BOARD = {
    "name": need(str, "the name of the file", '"my_board"'),
    "chip": need(tuple(CHIPS), "which ESP32", '"esp32"'),
    "module": may(tuple(MODULES), "whose flash is wired otherwise", '"mini-1"'),
    "source": need(str, "where these numbers are from", '"schematic rev B"'),
    "evidence": may(
        str,
        "what a bench has measured on it: docs/bench.md",
        '"evidence/NAME-2026-12-01.toml"',
    ),
    "draft": may(str, "why it must not get onto a board yet", '"divider unknown"'),
    "guard": need(GUARDS, "what opens the contactor when the interpreter stalls", '"none"'),
    "network": need(("wifi", "ethernet"), "how it gets into the network", '"wifi"'),
    "features": may(
        FEATURES,
        "OCPP feature profiles; named: those that a plain ESP32 holds",
        '"named"',
        '"all"',
    ),  # fmt: skip
    "ethernet": may(
        ETHERNET, 'wiring of the PHY; must be there with network = "ethernet"', "{ phy = ... }"
    ),
    "connectors": need([CONNECTOR], "one table each, 1 or 2", "[[connectors]]"),
    "uarts": may([UART], "serial ports in use, one table each", "[[uarts]]"),
    "reader": may(READER, "card reader", '{ type = "line", uart = 2 }'),
    "button": may("in", "push-button to ground", "0", unit="GPIO"),
    "estop": _contact("irq", "emergency stop, a contact to ground"),
    "pe": _contact("in", "supervision of protective earth, a contact to ground"),
    "temp": may(TEMP, "thermometer", "{ adc = 34 }"),
    "leds": may("lamps", "lamps at the front", "{ ready = 4, error = 16 }"),
    # Only one name is allowed: the firmware and the partition tables have it.
    "journal": need(
        {"partition": need(("journal",), "one name only", '"journal"')},
        "where sessions are kept",
        '{ partition = "journal" }',
    ),  # fmt: skip
}

RESIDUAL_PERMILLE = 15  # error of the ADC after calibration
MOST_POINTS = 12  # of a measured curve
# Bound by the interleaved windows of one ADC: with more connectors the contactor opens too late.
MAX_CONNECTORS = 2
