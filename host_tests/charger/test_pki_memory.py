# Certificates in little memory, and none of their code while a charger only charges.
# MIT license; part of microevse
"""In the 32-bit interpreter that has the application frozen in: nothing is converted. The bound is
24 KB beside all else: a plain ESP32 has 28 KB free while it charges. `make bench ARGS=pki` has the
figures; the limits here are a little above them."""

import json
import os
import subprocess

import footprint
import frozen
import pytest
from tools_paths import SUPPORT

LIMITS = {
    "chain of 3, P-256": 10000,
    "chain of 2, RSA-2048": 10000,
    "request (CSR), signed": 9500,
    "signature checked, RSA-4096": 6000,
}


def test_what_certificates_take_of_the_heap():
    try:
        interpreter = frozen.build("frozen")
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)
    child = str(SUPPORT / "pki_times.py")
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % SUPPORT)
    for name, limit in LIMITS.items():
        command = [str(interpreter), "-X", "heapsize=1m", child, name, "heap"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        heap = json.loads(done.stdout.strip().splitlines()[-1])["heap"]
        print("%s: %d bytes" % (name, heap))
        # What is far below has not been measured.
        assert limit // 2 < heap <= limit < 24 * 1024, (name, heap)


def test_nothing_that_stays_loads_it():
    resident = footprint.order(footprint.RESIDENT_ROOTS)
    assert "station.session" in resident
    assert [name for name in resident if name.split(".")[0] in ("pki", "slots")] == []
