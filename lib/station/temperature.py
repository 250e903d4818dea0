# Temperature: from millivolts to tenths of a degree, and the current that it permits.
# MIT license; part of microevse
"""MCP9700(A): 500 mV at 0 degrees Celsius, 10 mV per kelvin. NTC: to ground, pull-up to the
supply; B equation."""

from math import log

from iec61851.duty import MIN_MA
from evse_base import const

_KELVIN_25 = 298.15

# (on, off) in tenths of a degree, and the share of the current that is left.
_STEPS = ((650, 620), (680, 650), (710, 620))
_SHARES = (1, 2, 4)
STOP = const(3)
# A value outside this range is a broken sensor or wire.
_SENSOR_DC = (-400, 1250)


class Derating:
    """Half the current at 65 degrees, a quarter at 68, none from 71 down to 62."""

    def __init__(self):
        self.step = 0  # 0 all of it ... STOP

    @property
    def stops(self):
        """True while it is too hot to charge at all."""
        return self.step == STOP

    def possible(self, temp_dc):
        """False for a value that no working sensor gives."""
        return temp_dc is not None and _SENSOR_DC[0] <= temp_dc <= _SENSOR_DC[1]

    def look(self, temp_dc):
        """New step for a temperature in tenths of a degree."""
        step = self.step
        while step < STOP and temp_dc >= _STEPS[step][0]:
            step += 1
        while step and temp_dc < _STEPS[step - 1][1]:
            step -= 1
        self.step = step
        return step

    def cap(self, full_ma):
        """The current in mA that is permitted of `full_ma`: None for no cap, 0 for none."""
        if not self.step:
            return None
        if self.step == STOP:
            return 0
        return max(MIN_MA, full_ma // _SHARES[self.step])


def mcp9700_dc(mv):
    """Tenths of a degree Celsius; None without a reading."""
    return None if mv is None else mv - 500


def ntc_dc(mv, pullup=10000, r25=10000, beta=3950, vcc_mv=3300):
    """Tenths of a degree Celsius; None if the NTC is shorted or missing."""
    if mv is None or not 0 < mv < vcc_mv:
        return None
    ohms = pullup * mv / (vcc_mv - mv)
    kelvin = 1 / (1 / _KELVIN_25 + log(ohms / r25) / beta)
    return int((kelvin - 273.15) * 10)


def reader(cfg, read_mv):
    """fn() -> tenths of a degree for a profile's `temp` table. read_mv() returns None when the
    converter is full or empty."""
    if cfg.get("type", "mcp9700") == "mcp9700":
        return lambda: mcp9700_dc(read_mv())
    pullup, r25, beta = cfg.get("pullup", 10000), cfg.get("r25", 10000), cfg.get("beta", 3950)
    vcc_mv = cfg.get("vcc_mv", 3300)
    return lambda: ntc_dc(read_mv(), pullup, r25, beta, vcc_mv)
