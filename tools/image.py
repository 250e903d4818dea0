#!/usr/bin/env python3
# Images of a board's flash: file system, application slot, partition table.
# MIT license; part of microevse
"""usage: image.py BOARD [--layout files|slots|slots8] [-o DIR]    -> build/BOARD-image/

    app/             what `make build` makes, for copying to the board
    partitions.bin   for 0x8000 (and partitions.csv)
    vfs.bin          littlefs of the partition `vfs`
    app_a.bin        littlefs of the first application slot (not with the layout `files`)

Stock MicroPython runs what lies in its file system, so `files` puts the application there
and is what `make flash` writes on a fresh board. Prints what every module and every
partition takes; an image that does not fit is refused.
"""

import argparse
import contextlib
import io
import pathlib
import sys

from littlefs import LittleFS, LittleFSError

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import build  # noqa: E402
import partitions  # noqa: E402

# As MicroPython's VfsLfs2 is made when a partition is mounted (extmod/vfs_lfsx.c): what fits
# into its cache lies in the directory itself, so another cache size would not be read there.
READ, PROGRAM, LOOKAHEAD, CACHE = 32, 32, 32, 128
DISK_VERSION = 0x00020000  # every version of littlefs 2 reads it
VFS_BLOCK = 4096
# A slot is written once and then only read. Most modules are far smaller than a sector, and
# a file takes whole blocks: with 4096 the application would not fit the slot, with 512 it
# does. To be mounted as Partition.find(..., label="app_a", block_size=512).
SLOT_BLOCK = 512
# The last sector of a slot is its record: version, digest, signature, marks.
SLOT_RECORD = 4096
_NO_SPACE = -28

CONTENTS = {"files": "vfs", "slots": "app_a", "slots8": "app_a"}  # where the application goes


class DoesNotFit(ValueError):
    """What was to be put into a partition is larger than it."""


def littlefs(files, size, block):
    """(image of exactly `size` bytes, bytes of it that are used), of {path: bytes}.

    DoesNotFit if it is too small.
    """
    fs = LittleFS(
        block_size=block,
        block_count=size // block,
        read_size=READ,
        prog_size=PROGRAM,
        cache_size=CACHE,
        lookahead_size=LOOKAHEAD,
        disk_version=DISK_VERSION,
    )
    try:
        for path in sorted(files):
            folder = str(pathlib.PurePosixPath(path).parent)
            if folder != ".":
                fs.makedirs(folder, exist_ok=True)
            with fs.open(path, "wb") as file:
                file.write(files[path])
    except LittleFSError as exc:
        if exc.code != _NO_SPACE:
            raise
        whole = sum(len(data) for data in files.values())
        raise DoesNotFit("%d bytes in %d files do not fit %d bytes" % (whole, len(files), size))
    return bytes(fs.context.buffer), fs.used_block_count * block


def directory(folder):
    """{path: bytes} of everything below a folder."""
    folder = pathlib.Path(folder)
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def slot(app, size):
    """(image, bytes used) of an application slot of `size` bytes, without its record."""
    return littlefs(app, size - SLOT_RECORD, SLOT_BLOCK)


def images(app, layout, settings=None):
    """{partition: (image, bytes used)} of a fresh board: `app` and `settings` are {path: bytes}.

    DoesNotFit, naming the partition.
    """
    table = partitions.LAYOUTS[layout]
    partitions.check(table, partitions.FLASH_SIZES[layout])
    made = {}
    vfs = dict(settings or {})
    try:
        label = CONTENTS[layout]
        if label == "vfs":
            vfs.update(app)
        else:
            made[label] = slot(app, partitions.find(table, label).size)
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


def application(board, out, show=print):
    """Build the board's application into `out`; SystemExit with the reason if it cannot be."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        build.main(board, out)
    for line in text.getvalue().splitlines():
        show(line)
    return directory(out)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("board")
    parser.add_argument("--layout", choices=CONTENTS, default="files")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    args = parser.parse_args()
    out = args.output or ROOT / "build" / (args.board + "-image")
    app = application(args.board, out / "app")
    try:
        made = images(app, args.layout)
    except DoesNotFit as exc:
        sys.exit("image: %s" % exc)
    table = partitions.LAYOUTS[args.layout]
    (out / "partitions.csv").write_text(partitions.to_csv(table))
    (out / "partitions.bin").write_bytes(partitions.to_binary(table))
    for stale in ("vfs.bin", "app_a.bin"):
        (out / stale).unlink(missing_ok=True)
    for label, (data, _used) in made.items():
        (out / (label + ".bin")).write_bytes(data)
    print()
    for line in report(args.layout, made):
        print(line)
    print("in %s" % out)


if __name__ == "__main__":
    main()
