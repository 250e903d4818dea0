# The boards that the histories are played on, and a meter that can be made to fail.
# MIT license; part of microevse

import asyncio

_LOCK = {"settle_ms": 50, "break_ms": 100}
_CP = {"divider": [270000, 68000, 56000], "vcc_mv": 3300}

ADC_PINS = {1: 36, 2: 39}
PP_PINS = {1: 33, 2: 32}
TEMP_PIN = 37


def _connector(number, guarded, socket, mirror):
    first = number == 1
    relay = {"pin": 26 if first else 21, "active_high": True}
    if guarded:
        relay["held"] = 22 if first else 5
    if mirror:
        relay["feedback"] = 23 if first else 4
    connector = {
        "id": number,
        "cable": "socket" if socket else "fixed",
        "phases": 1,
        "max_a": 32,
        "cp": dict(_CP, pwm=27 if first else 25, adc=ADC_PINS[number]),
        "contactor": relay,
        "rcd": {"trip": 13 if first else 15, "test": 14 if first else 12, "gates": guarded},
    }
    if socket:
        pins = {"a": 18, "b": 19, "detect": 34} if first else {"a": 16, "b": 17, "detect": 35}
        connector["lock"] = dict(_LOCK, **pins)
        connector["pp"] = {"adc": PP_PINS[number]}
    return connector


def board(guard, connectors, socket, mirror):
    """A board profile with everything on it that a protection can look at."""
    guarded = guard != "none"
    return {
        "name": "histories",
        "chip": "esp32",
        "guard": guard,
        "connectors": [_connector(n + 1, guarded, socket, mirror) for n in range(connectors)],
        "temp": {"type": "mcp9700", "adc": TEMP_PIN},
        "pe": 0,
        "estop": 2,
    }


class Meter:
    """The driver's side of an energy meter: `silent` (no answer), `stuck` (always the same
    answer), as the drivers in lib/meters have their fields."""

    def __init__(self, outlet):
        self._outlet = outlet
        self.energy_mwh = None
        self.power_w = None
        self.current_ma = []
        self.voltage_mv = []
        self.silent = self.stuck = False

    async def poll(self):
        await asyncio.sleep(0.06)
        if self.silent:
            await asyncio.sleep(0.4)
            raise OSError("no answer")
        if self.stuck and self.energy_mwh is not None:
            return
        volts, currents, wh = self._outlet.electrics()
        self.energy_mwh = int(wh * 1000)
        self.current_ma = [int(1000 * amps) for amps in currents]
        self.voltage_mv = [int(1000 * volts)]
        self.power_w = int(sum(currents) * volts)
