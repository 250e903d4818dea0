# The time that checking the signature of an update takes, on this machine.
# MIT license; part of microevse
"""Runs the keys module on CPython and on MicroPython with 1.2.3's test vectors. Both are host
figures: an ESP32 is some 50 to 200 times slower than this unix port. RSA is one blocking call
there, ECDSA some ten thousand short ones."""

import os
import subprocess
import sys

import places  # noqa: F401 (import paths)
from tools_paths import SUPPORT, TESTS, UNIT, micropythonpath, tool

CODE = """
import time, gc
from binascii import unhexlify
from slots import bundle, keys, HEADER
import signed_images as t
now = getattr(time, "ticks_us", None) or (lambda: int(time.perf_counter() * 1000000))
for kind, line, signature in (("RSA-2048", t.RSA_KEY, t.RSA_SIGNATURE),
                              ("ECDSA P-256", t.P256_KEY, t.P256_SIGNATURE)):
    head = bundle.parse(t.signed(line, signature)[:HEADER])
    best = None
    for i in range(20):
        gc.collect()
        began = now()
        keys.check([line], head.key, head.signed, head.signature)
        took = now() - began
        best = took if best is None else min(best, took)
    print("  %-12s %8.2f ms" % (kind, best / 1000))
"""


def main():
    paths = micropythonpath(UNIT, SUPPORT, TESTS)
    for name, command in (("CPython", sys.executable), ("MicroPython", tool("micropython"))):
        env = dict(os.environ, MICROPYPATH=paths)
        env["PYTHONPATH"] = os.pathsep.join(p for p in paths.split(":") if p != ".frozen")
        done = subprocess.run([command, "-c", CODE], env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        print(name)
        print(done.stdout, end="")


if __name__ == "__main__":
    main()
