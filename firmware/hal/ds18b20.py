# A DS18B20 thermometer, through MicroPython's own onewire and ds18x20.
# MIT license; part of microevse
"""One sensor on one pin, with a pull-up of 4.7k. A conversion takes 750 ms and a reading a
dozen milliseconds of 1-Wire slots, so both belong into a task. The tick runs between two bytes;
the bus may wait."""

import asyncio

from evse_base import log
import machine
from ds18x20 import DS18X20
from onewire import OneWire, OneWireError
from evse_base import ticks_diff, ticks_ms

EVERY_S = 2
STALE_MS = 10000  # an older reading counts as none, also if the task has stopped
CONVERT_S = 0.8  # 12 bits: at most 750 ms
TRIES = 3  # failed readings in a row before the temperature is unknown
# The sensor's value after power-on. A sensor that lost its supply during a conversion gives it,
# too: so it is believed only if the reading before was close to it.
_POWER_ON_DC = 850
_NEAR_DC = 50


class Ds18b20:
    """`temp_dc()`: tenths of a degree Celsius, None while unknown. `run()`: its task."""

    def __init__(self, cfg):
        self._bus = DS18X20(OneWire(machine.Pin(cfg["pin"])))
        self._rom = None
        self._dc = None
        self._read_ms = 0
        self._lost = 0

    def temp_dc(self):
        if self._dc is None or not 0 <= ticks_diff(ticks_ms(), self._read_ms) < STALE_MS:
            return None
        return self._dc

    async def run(self):
        """Read for ever."""
        while True:
            self._keep(await self.read())
            await asyncio.sleep(EVERY_S)

    async def read(self):
        """One conversion: tenths of a degree, None if the bus or the sensor did not answer."""
        try:
            if self._rom is None:
                found = self._bus.scan()
                if not found:
                    return None
                self._rom = found[0]
            self._bus.convert_temp()
            await asyncio.sleep(CONVERT_S)
            return int(self._bus.read_temp(self._rom) * 10)
        except asyncio.CancelledError:
            raise
        except OneWireError:
            self._rom = None  # the sensor is gone; the next one may be another one
        except Exception as exc:
            # The driver raises a bare Exception for a wrong checksum.
            log.info("temp", "DS18B20: %s", exc)
        return None

    def _keep(self, dc):
        before = self._dc
        if dc == _POWER_ON_DC and (before is None or abs(before - dc) > _NEAR_DC):
            dc = None
        if dc is not None:
            self._dc = dc
            self._read_ms = ticks_ms()
            self._lost = 0
            return
        self._lost += 1
        if self._lost == TRIES:
            log.warn("temp", "DS18B20 does not answer")
            self._dc = None
