# Both interpreters, for tests whose client runs in a process of its own.
# MIT license; part of microevse
"""`INTERPRETERS` is for pytest's `parametrize`; `command_of` says how one of them is started."""

import os
import sys

import pytest
from tools_paths import FIRMWARE_DIRS, SUPPORT, micropythonpath, tool

MICROPYTHON = tool("micropython")
INTERPRETERS = [
    pytest.param(
        "micropython",
        marks=pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel"),
    ),
    "cpython",
]


def command_of(interpreter, name):
    """(command, environment) that run support/NAME.py with the charger's code. What it is told
    goes to its input: MicroPython's unix port dies of an argument longer than 255 bytes."""
    env, path = dict(os.environ), str(SUPPORT / (name + ".py"))
    if interpreter == "micropython":
        env["MICROPYPATH"] = micropythonpath()
        return [MICROPYTHON, path], env
    env["PYTHONPATH"] = os.pathsep.join(str(folder) for folder in FIRMWARE_DIRS)
    return [sys.executable, "-u", path], env
