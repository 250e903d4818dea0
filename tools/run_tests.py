# `make test`: every test, then how many unit tests ran on which interpreter.
# MIT license; part of microevse
"""Runs pytest on as many workers as there are processors and passes arguments on."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    workers = str(min(4, os.cpu_count() or 1))
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "worksteal", "-ra"]
    return subprocess.call(command + sys.argv[1:], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
