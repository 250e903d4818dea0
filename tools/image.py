#!/usr/bin/env python3
# Images of a board's flash: file system, application slot, partition table.
# MIT license; part of microevse
"""usage: image.py [BOARD] [--format lfs2|romfs] [--layout LAYOUT] [--features all|named] [-v]
                [-o DIR]    -> build/BOARD-image/

    app/             what `make build` makes
    partitions.bin   for 0x8000 (and partitions.csv)
    vfs.bin          littlefs of the partition `vfs`
    app_a.bin        the first application slot, confirmed (layouts slots, slots8, slots16)
    romfs.bin        both application slots in one ROMFS (layouts romfs, romfs8, romfs16)

With slots, what MicroPython starts (boot.py, main.py) lies in the partition `vfs` and starts
the application of a slot, and updates go into the other one. With `files` the application
lies in `vfs` too, and there are no updates but by cable. A board file that uses the PSRAM's pins
is for a module without: its default is romfs, and a layout for MicroPython's own image, which has
no room there, is refused. Otherwise the default is slots. --format: as `make bundle` has it,
lfs2 for MicroPython's own image and romfs for the base image, on 4 MB. Prints what every partition
takes, and with -v every module; an image that does not fit is refused.
"""

import argparse
import contextlib
import io
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "lib")]

import build  # noqa: E402
import bundle  # noqa: E402
import lfs  # noqa: E402
import module  # noqa: E402
import partitions  # noqa: E402
from slots import BLOCK, HEADER, rom  # noqa: E402

VFS_BLOCK = 4096
_LIES_IN = {"files": "vfs", "slots": "app_a", "romfs": "romfs"}
# Partition of the application for each layout.
FORMATS = {"lfs2": "slots", "romfs": "romfs"}
CONTENTS = {name: _LIES_IN[name.rstrip("0123456789")] for name in partitions.LAYOUTS}
# The files that run before a slot is on the module path; an update of the slot does not change
# them.
START = (
    "boot.py",
    "main.py",
    "board.json",
    "hal/__init__.mpy",
    "hal/appslot.mpy",
    "hal/board.mpy",
    "hal/kept.mpy",
    "hal/partition.mpy",
    "lib/slots/__init__.mpy",
    "lib/slots/rom.mpy",
)


class DoesNotFit(ValueError):
    """The content of a partition is larger than the partition."""


def littlefs(files, size, block):
    """(image of exactly `size` bytes, bytes of it that are used), of {path: bytes}.

    DoesNotFit if it is too small.
    """
    made = lfs.image(files, block, size // block)
    if made is None:
        whole = sum(len(data) for data in files.values())
        raise DoesNotFit("%d bytes in %d files do not fit %d bytes" % (whole, len(files), size))
    return made[0], made[1] * block


def directory(folder):
    """{path: bytes} of everything below a folder."""
    folder = pathlib.Path(folder)
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def packed(app, format="lfs2"):
    """The application as a bundle. DoesNotFit if it is too large for a slot."""
    board = json.loads(app["board.json"])["name"]
    try:
        return bundle.make(app, bundle.version_of(app), board, format)
    except bundle.BundleError as exc:
        raise DoesNotFit(str(exc))


def slot(data, size):
    """(all bytes of a slot of `size`, those that are used) with a bundle's image, confirmed."""
    used = len(data) - HEADER
    return data[HEADER:] + b"\xff" * (size - BLOCK - used) + bundle.record(data), used + BLOCK


def rom_slots(size):
    """[(name, where in the partition, bytes)] of both slots of a ROMFS of `size` bytes: its head
    has a block of its own."""
    each = size // 2 // BLOCK * BLOCK - BLOCK
    return [("app_a", BLOCK, each), ("app_b", BLOCK + each, each)]


def romfs(inner, size):
    """A ROMFS of `size` bytes whose files are the slots: {name: all bytes of one}, or empty.

    Where the data of an inner file lies is written in its entry, from the end of the head on
    (extmod/vfs_rom.c), so that it can begin with a block of the flash.
    """
    from mpremote.romfs import VfsRomWriter

    places = rom_slots(size)
    head = b""
    while True:
        writer = VfsRomWriter()
        base = len(head) and rom_base(head)
        for name, at, each in places:
            writer.mkfile(name, (each, at - base))
        made = bytes(writer.finalise())
        if made == head:
            break
        head = made
    data = bytearray(b"\xff" * size)
    data[: len(head)] = head
    for name, at, each in places:
        if name in inner:
            data[at : at + each] = inner[name]
    if rom.files(data[: rom.HEAD]) != {name: (at, each) for name, at, each in places}:
        raise ValueError("the head of the ROMFS is not what was wanted")
    return bytes(data)


def rom_base(head):
    """Where the records of a ROMFS begin: after its magic bytes and its length."""
    at = 3
    while head[at] & 128:
        at += 1
    return at + 1


def start(app):
    """The files of an application that start the slots, {path: bytes}. ValueError if one is
    missing."""
    for path in START:
        if path not in app:
            raise ValueError("no %s: not a directory that `make build` made" % path)
    return {path: app[path] for path in START}


def images(app, layout, settings=None):
    """{partition: (image, bytes used)} of a fresh board: `app` and `settings` (other files for the
    file system) are {path: bytes}.

    DoesNotFit, naming the partition.
    """
    table = partitions.LAYOUTS[layout]
    partitions.check(table, partitions.FLASH_SIZES[layout])
    made = {}
    vfs = dict(settings or {})
    try:
        label = CONTENTS[layout]
        size = partitions.find(table, label).size
        if label == "vfs":
            vfs.update(bundle.one_protocol(app))
        else:
            vfs.update(start(app))
            if label == "romfs":
                content, used = slot(packed(app, "romfs"), rom_slots(size)[0][2])
                made[label] = romfs({"app_a": content}, size), BLOCK + used
            else:
                made[label] = slot(packed(app), size)
        label = "vfs"
        made[label] = littlefs(vfs, partitions.find(table, label).size, VFS_BLOCK)
    except DoesNotFit as exc:
        raise DoesNotFit("partition %s: %s" % (label, exc))
    return made


def report(layout, made):
    """Lines that say how full each partition is."""
    yield "%-10s %10s %10s %10s %10s" % ("partition", "at", "size", "used", "free")
    for p in partitions.LAYOUTS[layout]:
        row = "%-10s %#10x %10d" % (p.label, p.offset, p.size)
        if p.label in made:
            used = made[p.label][1]
            room = len(made[p.label][0])
            row += " %10d %10d" % (used, room - used)
        yield row


def choose(board, layout=None):
    """(name of the layout, what to say about it or None) for a board profile. ValueError if the
    layout that is wanted has no room on it."""
    if module.plain_only(board):
        if layout and not layout.startswith("romfs"):
            raise ValueError(
                "%s is for a module without PSRAM, where MicroPython's own image leaves too "
                "little memory: the layout %s is for that image, take romfs and the base image"
                % (board["name"], layout)
            )
        return layout or "romfs", None
    if layout is None and board.get("chip") == "esp32":
        return "slots", (
            "note: layout slots, for a module with PSRAM and MicroPython's own image; a plain "
            "ESP32 with the base image needs FORMAT=romfs"
        )
    return layout or "slots", None


def application(board, out, show=print, features=None, verbose=False):
    """Build the board's application into `out`; SystemExit with the reason if it cannot be."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        build.main(board, out, features, verbose)
    for line in text.getvalue().splitlines():
        show(line)
    return directory(out)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("board", nargs="?")
    parser.add_argument("--format", help=" or ".join(FORMATS))
    parser.add_argument("--layout", help=", ".join(CONTENTS))
    parser.add_argument("--features", help=" or ".join(build.FEATURES))
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    try:
        # Before the build, which takes a while.
        build.one_of("FEATURES", args.features, build.FEATURES)
        build.one_of("--layout", args.layout, CONTENTS)
        args.layout = args.layout or FORMATS.get(build.one_of("FORMAT", args.format, FORMATS))
    except ValueError as exc:
        sys.exit("image: %s" % exc)
    args.board = build.named(args.board)
    out = args.output or ROOT / "build" / (pathlib.Path(args.board).stem + "-image")
    app = application(args.board, out / "app", features=args.features, verbose=args.verbose)
    profile = json.loads(app["board.json"])
    try:
        layout, note = choose(profile, args.layout)
        made = images(app, layout)
    except ValueError as exc:
        sys.exit("image: %s" % exc)
    table = partitions.LAYOUTS[layout]
    (out / "partitions.csv").write_text(partitions.to_csv(table))
    (out / "partitions.bin").write_bytes(partitions.to_binary(table))
    for stale in ("vfs.bin", "app_a.bin", "romfs.bin"):
        (out / stale).unlink(missing_ok=True)
    for label, (data, _used) in made.items():
        (out / (label + ".bin")).write_bytes(data)
    print()
    for line in report(layout, made):
        print(line)
    if note:
        print(note)
    if layout.startswith("romfs") and profile.get("features", "all") == "all":
        print("note: " + module.all_features())
    print("in %s; beside MicroPython at its place, esptool writes:" % out)
    places = {label: partitions.find(table, label).offset for label in made}
    places["partitions"] = partitions.TABLE_AT
    words = ["0x%x %s.bin" % (at, name) for name, at in sorted(places.items(), key=lambda p: p[1])]
    print("    esptool write-flash " + " ".join(words))


if __name__ == "__main__":
    main()
