# Installed certificates: power cut at every flash operation, and damaged messages.
# MIT license; part of microevse
"""usage: bench_certificates.py [INPUTS]    damaged messages, 20,000 by default

Passes or fails; then what became of them. MicroPython plays a quarter as many."""

import os
import subprocess
import sys
import time

import places  # noqa: F401 (import paths)  isort: skip

import certificate_fuzz
import certificate_parts
from tools_paths import SUPPORT, TESTS, micropythonpath, tool

CHILD = "import certificate_fuzz; print(certificate_fuzz.fuzz(%d))"


def main(count=20000):
    began = time.monotonic()
    operations, cuts, _ = certificate_parts.sweep()
    text = "%d operations of the flash, %d cuts: a certificate that works after each"
    print(text % (operations, cuts))
    print("%d damaged messages: %s" % (count, certificate_fuzz.fuzz(count)))
    env = dict(os.environ, MICROPYPATH=micropythonpath(SUPPORT, TESTS))
    done = subprocess.run(
        [tool("micropython"), "-X", "heapsize=32m", "-c", CHILD % (count // 4)],
        env=env, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    print("MicroPython, %d: %s" % (count // 4, done.stdout.strip().splitlines()[-1]))
    print("%.0f s" % (time.monotonic() - began))


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:]])
