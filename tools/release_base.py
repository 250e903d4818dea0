#!/usr/bin/env python3
# Base images: MicroPython as boards/micropython describes it, built with ESP-IDF.
# MIT license; part of microevse
"""usage: release_base.py [-o DIR] [--source URL or folder]    (make base) -> build/base/

    microevse-base-CHIP.bin   bootloader, partition table and MicroPython, in one file

It runs where `idf.py` is: in Espressif's container, or in a shell of an installed ESP-IDF. The
ESP-IDF must be the version that this MicroPython was released with.
"""

import argparse
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

import espflash  # noqa: E402
import partitions  # noqa: E402
import release_facts as facts  # noqa: E402
from release_facts import ReleaseError  # noqa: E402

SOURCE = "https://github.com/micropython/micropython.git"
NAME = "microevse-base-%s.bin"
NO_IDF = (
    "there is no idf.py here: build in the container %s, as README.md says, or take base images "
    "that are there with BASE=folder" % facts.CONTAINER
)
# esp_app_desc_t lies behind the headers of an image (24 bytes) and of its first segment (8):
# ESP-IDF, components/esp_app_format/include/esp_app_desc.h.
_DESCRIPTION_AT = 32
_DESCRIPTION = struct.Struct("<L12x32s32s16s16s32s")
_MAGIC = 0xABCD5432
_MICROPYTHON = re.compile(rb"MicroPython (v[0-9][\w.-]*)")


def versions(data, chip):
    """(MicroPython's version, ESP-IDF's version) that a base image says it has. ReleaseError."""
    table = partitions.TABLE_AT - espflash.CHIPS[chip][2]
    try:
        app = partitions.find(partitions.from_binary(data[table:]), "factory").offset
    except (ValueError, KeyError) as exc:
        raise ReleaseError("no complete image for %s: %s" % (chip, exc))
    at = app - espflash.CHIPS[chip][2] + _DESCRIPTION_AT
    micropython = _MICROPYTHON.search(data)
    if len(data) < at + _DESCRIPTION.size or not micropython:
        raise ReleaseError("no MicroPython for %s" % chip)
    magic, *_, idf = _DESCRIPTION.unpack_from(data, at)
    if magic != _MAGIC:
        raise ReleaseError("no application of ESP-IDF at 0x%x" % app)
    return micropython.group(1).decode(), idf.rstrip(b"\0").decode(errors="replace")


def check_versions(tree, chip):
    """ReleaseError unless the ESP-IDF of this shell is the one that MicroPython's `tree` names."""
    lock = tree / "ports" / "esp32" / "lockfiles" / ("dependencies.lock." + chip)
    wanted = None
    if lock.exists():
        # YAML: `idf:` is a key of `dependencies:`, and its own keys are indented deeper.
        wanted = re.search(
            r"^  idf:\n(?:   .*\n)*?    version: '?([\w.]+)", lock.read_text(), re.M
        )
    if not wanted:
        raise ReleaseError("%s does not say which ESP-IDF this MicroPython wants" % lock)
    try:
        done = subprocess.run(["idf.py", "--version"], capture_output=True, text=True)
    except OSError:
        raise ReleaseError(NO_IDF)
    have = re.search(r"v([0-9][\w.-]*)", done.stdout)
    if not have or have.group(1) != wanted.group(1):
        raise ReleaseError(
            "this is ESP-IDF %s, but MicroPython %s was released with %s: take that one"
            % (have.group(1) if have else "of no version", facts.MICROPYTHON, wanted.group(1))
        )


def run(*command):
    """ReleaseError with the last lines of a command that fails. What it prints is shown."""
    # Variables of the make that has started this are no options of MicroPython's make.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    for name in ("BASE", "BOARD", "BUILD", "KEY", "OUT", "TAG"):
        kept.pop(name, None)
    kept["SOURCE_DATE_EPOCH"] = str(facts.date())
    process = subprocess.Popen(
        [str(word) for word in command],
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    seen = []
    for line in process.stdout:
        print(line, end="", flush=True)
        seen = seen[-9:] + [line]
    if process.wait():
        raise ReleaseError("`%s` failed: %s" % (" ".join(map(str, command)), "".join(seen)))


def build(out, source=SOURCE):
    """The base image of each chip of facts.BASES, in the folder `out`."""
    if not shutil.which("idf.py"):
        raise ReleaseError(NO_IDF)  # before MicroPython is fetched
    tree = ROOT / "build" / "micropython" / facts.MICROPYTHON
    if not (tree / ".ready").exists():
        shutil.rmtree(tree, ignore_errors=True)
        tree.parent.mkdir(parents=True, exist_ok=True)
        run("git", "clone", "--depth", 1, "--branch", facts.MICROPYTHON, source, tree)
        (tree / ".ready").touch()
    for chip in facts.BASES:
        check_versions(tree, chip)
    run("make", "-C", tree / "mpy-cross")
    out.mkdir(parents=True, exist_ok=True)
    for chip, folder in facts.BASES.items():
        board = "BOARD_DIR=%s" % (ROOT / "boards" / "micropython" / folder)
        port = tree / "ports" / "esp32"
        # What an older build has left is not taken for the new one's.
        shutil.rmtree(port / ("build-" + folder), ignore_errors=True)
        run("make", "-C", port, board, "submodules")
        run("make", "-C", port, board)
        made = out / (NAME % chip)
        shutil.copyfile(port / ("build-" + folder) / "firmware.bin", made)
        said = "%s: MicroPython %s, ESP-IDF %s" % (made, *versions(made.read_bytes(), chip))
        print(said)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Base images, with ESP-IDF.")
    parser.add_argument("-o", "--out", type=pathlib.Path, default=ROOT / "build" / "base")
    parser.add_argument("--source", default=SOURCE, help="MicroPython's repository")
    args = parser.parse_args(argv)
    try:
        build(args.out, args.source)
    except (ReleaseError, OSError) as exc:
        sys.exit("base: %s" % exc)


if __name__ == "__main__":
    main()
