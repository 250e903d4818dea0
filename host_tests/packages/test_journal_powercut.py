# The journal with the power cut at every flash operation, and for a long rough life.
# MIT license; part of microevse
"""Under pytest on CPython, and in a process on MicroPython. There each operation is cut in two of
the ways, the next one in the next two; `make bench ARGS=journal_cut` cuts every one in all of
them. The ways, and what must hold after each cut, are in support/journal_cut.py.
"""

import os
import subprocess

import pytest
from journal_cut import run
from tools_paths import SUPPORT, micropythonpath, tool


def test_power_cut_at_every_flash_operation():
    run(1, 60, 2)


@pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")
def test_power_cuts_on_micropython():
    done = subprocess.run(
        [tool("micropython"), str(SUPPORT / "journal_cut.py"), "8", "2"],
        env=dict(os.environ, MICROPYPATH=micropythonpath()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    print(done.stdout.decode())
    assert done.returncode == 0, done.stdout.decode()
