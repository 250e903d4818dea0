# The unit tests once more, on real MicroPython.
# MIT license; part of microevse
"""One process for each module: MicroPython keeps old tasks and modules otherwise."""

import os
import re
import subprocess

import pytest
from tools_paths import SUPPORT, TESTS, UNIT, micropythonpath, tool

MODULES = sorted(p.stem for p in UNIT.glob("test_*.py"))
MICROPYTHON = tool("micropython")


@pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel for this platform")
@pytest.mark.parametrize("module", MODULES)
def test_units(module, record_property):
    env = dict(os.environ, MICROPYPATH=micropythonpath(UNIT, SUPPORT, TESTS))
    done = subprocess.run(
        [MICROPYTHON, "run.py", module],
        cwd=UNIT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    count = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.MULTILINE)
    assert done.returncode == 0 and count, done.stdout[-4000:]
    record_property("micropython_units", int(count.group(1)))
