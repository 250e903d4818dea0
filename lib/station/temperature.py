# Millivolts of a temperature sensor -> tenths of a degree.
# MIT license; part of microevse
"""MCP9700(A): 500 mV at 0 degrees Celsius, 10 mV per kelvin. NTC: to ground, pull-up to the
supply; B equation."""

from math import log

_KELVIN_25 = 298.15


def mcp9700_dc(mv):
    """Tenths of a degree Celsius; None without a reading."""
    return None if mv is None else mv - 500


def ntc_dc(mv, pullup=10000, r25=10000, beta=3950, vcc_mv=3300):
    """Tenths of a degree Celsius; None where it is shorted or not there."""
    if mv is None or not 0 < mv < vcc_mv:
        return None
    ohms = pullup * mv / (vcc_mv - mv)
    kelvin = 1 / (1 / _KELVIN_25 + log(ohms / r25) / beta)
    return int((kelvin - 273.15) * 10)


def reader(cfg, read_mv):
    """fn() -> tenths of a degree for a profile's `temp` table. read_mv() may be None: the
    converter is full or empty."""
    if cfg.get("type", "mcp9700") == "mcp9700":
        return lambda: mcp9700_dc(read_mv())
    pullup, r25, beta = cfg.get("pullup", 10000), cfg.get("r25", 10000), cfg.get("beta", 3950)
    vcc_mv = cfg.get("vcc_mv", 3300)
    return lambda: ntc_dc(read_mv(), pullup, r25, beta, vcc_mv)
