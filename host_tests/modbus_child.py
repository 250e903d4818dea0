# Runs the Modbus master on a terminal device. Runs on both interpreters.
# MIT license; part of microevse
"""usage: modbus_child.py DEVICE JSON: reads registers, or polls a meter; prints JSON."""

import asyncio
import json
import select
import sys

from meters.eastron import Meter
from modbus.rtu import Master, ModbusError


class Uart:
    """The verbs of machine.UART over an open terminal device."""

    def __init__(self, path):
        self._file = open(path, "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._here = b""

    def any(self):
        while self._poll.poll(0):
            byte = self._file.read(1)
            if not byte:
                break
            self._here += byte
        return len(self._here)

    def read(self, n):
        data = self._here[:n]
        self._here = self._here[n:]
        return data or None

    def write(self, data):
        return self._file.write(data)


async def main(path, what):
    master = Master(Uart(path), baud=115200)
    if "model" in what:
        meter = Meter(master, what["model"], what["address"])
        await meter.poll()
        names = ("voltage_mv", "current_ma", "power_w", "energy_mwh", "frequency_mhz")
        return {name: getattr(meter, name) for name in names}
    try:
        data = await master.read(
            what["address"], what["function"], what["register"], what["count"]
        )
        return {"data": data.hex()}
    except ModbusError as exc:
        return {"error": type(exc).__name__, "code": getattr(exc, "code", None)}


print(json.dumps(asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))))
