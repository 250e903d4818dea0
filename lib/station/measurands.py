# The quantities a station can report: codes, names, units.
# MIT license; part of microevse
"""Codes of the measurands in journal records.

A record holds [code, phase, value]: code from this table, phase 0 for the total, 1 to 3
for one conductor or a text such as "L1-N", value an integer in the base unit. Names are the
ones that all versions of the protocol share (OCPP 1.6 section 7.31, 2.0.1 part 2 section 3.62).
Codes are on flash: never change one, never use one again.
"""

from evse_base import const

# code, name, unit as reported, base units per reported unit. In one tuple: a tuple for each row
# would take heap.
_TABLE = (
    1, "Energy.Active.Import.Register", "Wh", 1,
    2, "Power.Active.Import", "W", 1,
    3, "Current.Import", "A", 1000,
    4, "Voltage", "V", 1000,
    5, "Current.Offered", "A", 1000,
    6, "Power.Offered", "W", 1,
    7, "Temperature", "Celsius", 10,
)  # fmt: skip
_COLUMNS = const(4)

ENERGY = 1
POWER = 2
CURRENT = 3
VOLTAGE = 4
CURRENT_OFFERED = 5
POWER_OFFERED = 6
TEMPERATURE = 7

# Why a sample was taken; the words are the same in all versions of the protocol.
PERIODIC = "Sample.Periodic"
CLOCK = "Sample.Clock"
BEGIN = "Transaction.Begin"
END = "Transaction.End"
TRIGGER = "Trigger"


def describe(code):
    """(name, unit, base units per reported unit) of a code. KeyError if there is none."""
    for i in range(0, len(_TABLE), _COLUMNS):
        if _TABLE[i] == code:
            return _TABLE[i + 1 : i + _COLUMNS]
    raise KeyError(code)


def code_of(name):
    """Code of a measurand name, None if the station does not know it."""
    for i in range(0, len(_TABLE), _COLUMNS):
        if _TABLE[i + 1] == name:
            return _TABLE[i]
    return None


def names():
    """All measurand names, in the order of their codes."""
    return [_TABLE[i] for i in range(1, len(_TABLE), _COLUMNS)]


def supported(meter, thermometer=False):
    """Names that a connector with this meter (None: none fitted) can report.

    The station always knows its own values. A field of the meter that is None or () stands for a
    quantity that the meter does not measure; an empty list has not been read yet.
    """
    out = []
    if meter is not None:
        out.append("Energy.Active.Import.Register")
        for field, name in (
            ("power_w", "Power.Active.Import"),
            ("current_ma", "Current.Import"),
            ("voltage_mv", "Voltage"),
        ):
            if getattr(meter, field, None) not in (None, ()):
                out.append(name)
    out.append("Current.Offered")
    out.append("Power.Offered")
    if thermometer:
        out.append("Temperature")
    return out


def sample(wanted, meter, energy_wh, offered_ma, volts, phases, decidegrees=None):
    """[[code, phase, value], ...] for the names in `wanted`; unknown values are left out.

    energy_wh, offered_ma, volts, phases: of the connector; meter may be None.
    """
    out = []
    for name in wanted:
        code = code_of(name)
        if code == ENERGY:
            if energy_wh is not None:
                out.append([ENERGY, 0, energy_wh])
        elif code == POWER:
            if meter is not None and meter.power_w is not None:
                out.append([POWER, 0, int(meter.power_w)])
        elif code == CURRENT:
            _per_phase(out, CURRENT, meter and meter.current_ma, "L%d")
        elif code == VOLTAGE:
            _per_phase(out, VOLTAGE, meter and meter.voltage_mv, "L%d-N")
        elif code == CURRENT_OFFERED:
            out.append([CURRENT_OFFERED, 0, offered_ma])
        elif code == POWER_OFFERED:
            out.append([POWER_OFFERED, 0, offered_ma * volts // 1000 * phases])
        elif code == TEMPERATURE and decidegrees is not None:
            out.append([TEMPERATURE, 0, decidegrees])
    return out


def _per_phase(out, code, values, label):
    """Append each value with the name of its conductor. A single value gets the name of L1: energy
    managers look for currents and voltages by these names."""
    for i, value in enumerate(values or ()):
        out.append([code, label % (i + 1), int(value)])
