# Modules of firmware/hal over the virtual board, in this process.
# MIT license; part of microevse
"""`sensor_bus` and `read_sensor`: the one-wire thermometer, read by the driver of the firmware."""

import sys

import twin_bench
from helpers import run
from twin_bench import Board, machine

_MODULES = twin_bench._TWIN + "/modules"


def hal_module(name):
    """A module of firmware/hal over the twin's machine."""
    kept = {}
    for key in list(sys.modules):
        if key in ("hal", "machine") or key.startswith("hal."):
            kept[key] = sys.modules.pop(key)
    sys.modules["machine"] = machine
    sys.modules["twin_state"] = twin_bench.twin_state
    sys.path.insert(0, _MODULES)
    try:
        return getattr(__import__("hal." + name, None, None, (name,)), "__dict__", None) or vars(
            sys.modules["hal." + name]
        )
    finally:
        sys.path.remove(_MODULES)
        for key in list(sys.modules):
            if key in ("hal", "machine") or key.startswith("hal."):
                del sys.modules[key]
        sys.modules.update(kept)


def sensor_bus():
    board = Board(temp={"type": "ds18b20", "pin": 16})
    names = hal_module("ds18b20")

    async def no_time(seconds):
        board.run(seconds)

    class Time:
        sleep = staticmethod(no_time)
        CancelledError = names["asyncio"].CancelledError

    return board, names["Ds18b20"](board.board["temp"]), Time, names


def read_sensor(board, sensor, names, time):
    before = sys.modules["asyncio"]
    names["asyncio"] = time
    try:
        return run(sensor.read())
    finally:
        names["asyncio"] = before
