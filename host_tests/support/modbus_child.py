# Runs the Modbus master on a terminal device. Runs on both interpreters.
# MIT license; part of microevse
"""usage: modbus_child.py DEVICE < JSON: reads registers, or polls a meter; prints JSON."""

import asyncio
import json
import select
import sys

import evse_base as port
from meters import MeterError, generic_modbus
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
    if "table" in what:
        # Polls until told otherwise: what a meter says of good and bad answers in turn.
        meter = generic_modbus.Meter(master, what["address"], what["table"], 22000)
        polls = []
        for _ in range(what.get("polls", 1)):
            try:
                await meter.poll()
                error = None
            except MeterError as exc:
                error = str(exc)
            names = ("energy_mwh", "power_w", "current_ma", "voltage_mv", "frequency_mhz")
            values = {name: getattr(meter, name) for name in names}
            values["error"] = error
            values["age_ms"] = meter.age_ms(port.ticks_ms())
            polls.append(values)
        return polls
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


print(json.dumps(asyncio.run(main(sys.argv[1], json.loads(sys.stdin.readline())))))
