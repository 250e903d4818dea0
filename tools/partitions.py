#!/usr/bin/env python3
# Partition tables of the flash, as CSV and in the form that the bootloader reads.
# MIT license; part of microevse
"""usage: partitions.py LAYOUT [-o table.bin]    prints the table, or writes it

A table is a tuple of `Partition`. Layouts are for the whole flash of a board:

    files      4 MB, stock MicroPython: the application lies in the file system
    slots      4 MB, stock MicroPython: the application lies in one of two slots
    slots8     8 MB, likewise with more of everything
    slots16    16 MB, likewise
    romfs      4 MB, the MicroPython of boards/micropython: both slots in one ROMFS
    romfs8     8 MB, likewise
    romfs16    16 MB, likewise
    frozen     4 MB, the same MicroPython with the application frozen in: no slots, a larger image

A change of the table erases what lies in it. So regions that no version uses yet have their places
already: docs/partitions.md has them with the reasons for their sizes.
"""

import argparse
import csv
import hashlib
import re
import struct
import sys
from collections import namedtuple

Partition = namedtuple("Partition", "label type subtype offset size")

# ESP-IDF programming guide, "Partition Tables": 32 bytes an entry, little endian; the entry of the
# MD5 has its own magic; erased flash follows. One sector is read.
TABLE_AT = 0x8000
TABLE_SIZE = 0xC00
SECTOR = 4096
APP_ALIGN = 0x10000
FIRST = TABLE_AT + SECTOR  # nothing before the end of the table's own sector
_ENTRY = struct.Struct("<2sBBLL16sL")
_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_LABEL = 16

APP, DATA = 0, 1
_TYPES = {"app": APP, "data": DATA}
_SUBTYPES = {
    APP: {"factory": 0x00, "ota_0": 0x10, "ota_1": 0x11},
    DATA: {"ota": 0x00, "phy": 0x01, "nvs": 0x02, "fat": 0x81, "spiffs": 0x82, "littlefs": 0x83},
}
# Subtypes 0x40 to 0xfe of data are free for applications; 0x8f is where MicroPython looks
# for its ROMFS. MicroPython's own tables have `vfs` as fat and find it by its label.
SLOT_A, SLOT_B, LISTS, JOURNAL, ROMFS = 0x42, 0x43, 0x41, 0x40, 0x8F
SECLOG, SECRETS, HISTORY, MODEL, SPARE = 0x44, 0x45, 0x46, 0x47, 0x4F

MB = 1024 * 1024
_FACTORY = {4: 0x1F0000, 8: 0x2F0000, 16: 0x2F0000}
# With the application in the image the slots' place belongs to the image: up to `vfs`.
_FROZEN = {4: 0x330000}
# label: subtype, {MB of flash: (where, bytes)}. Fixed for good: whoever moves or shrinks one makes
# each charger lose what lies there (host_tests/project/test_partitions.py).
_REGIONS = {
    "seclog": (SECLOG, {4: (0x360000, 0x8000), 8: (0x600000, 0x10000)}),
    "secrets": (SECRETS, {4: (0x368000, 0x8000), 8: (0x610000, 0x10000)}),
    "model": (MODEL, {4: (0x370000, 0x10000), 8: (0x620000, 0x20000)}),
    "lists": (LISTS, {4: (0x380000, 0x28000), 8: (0x700000, 0x80000)}),
    "history": (HISTORY, {4: (0x3A8000, 0x18000), 8: (0x640000, 0x40000)}),
    "spare": (SPARE, {8: (0x680000, 0x80000)}),
    "spare2": (SPARE, {16: (0x800000, 0x800000)}),
    "journal": (JOURNAL, {4: (0x3C0000, 0x40000), 8: (0x780000, 0x80000)}),
}
_VFS = {4: (0x340000, 0x20000), 8: (0x500000, 0x100000)}
# Both slots, or the ROMFS that holds them.
_SLOTS = {4: (0x200000, 0xA0000), 8: (0x300000, 0x100000)}


def _at(places, megabytes):
    """The first 8 MB of a larger flash are used alike: the journal grows no further, because its
    memory and its time at the start grow with it."""
    return places.get(megabytes) or (places.get(8) if megabytes > 8 else None)


def _layout(kind, megabytes):
    factory = (_FROZEN if kind == "frozen" else _FACTORY)[megabytes]
    found = [
        Partition("nvs", DATA, 0x02, 0x9000, 0x6000),
        Partition("phy_init", DATA, 0x01, 0xF000, 0x1000),
        Partition("factory", APP, 0x00, 0x10000, factory),
    ]
    at, size = _at(_SLOTS, megabytes)
    vfs, vfs_size = _at(_VFS, megabytes)
    if kind == "files":
        vfs, vfs_size = at, vfs + vfs_size - at
    elif kind == "slots":
        found.append(Partition("app_a", DATA, SLOT_A, at, size))
        found.append(Partition("app_b", DATA, SLOT_B, at + size, size))
    elif kind == "romfs":
        found.append(Partition("romfs", DATA, ROMFS, at, 2 * size))
    found.append(Partition("vfs", DATA, 0x81, vfs, vfs_size))
    for label, (subtype, places) in _REGIONS.items():
        place = _at(places, megabytes)
        if place:
            found.append(Partition(label, DATA, subtype, *place))
    return tuple(sorted(found, key=lambda p: p.offset))


LAYOUTS = {
    "files": _layout("files", 4),
    "slots": _layout("slots", 4),
    "slots8": _layout("slots", 8),
    "slots16": _layout("slots", 16),
    "romfs": _layout("romfs", 4),
    "romfs8": _layout("romfs", 8),
    "romfs16": _layout("romfs", 16),
}
# Not one of those above: no tool puts an application beside this image.
FROZEN = _layout("frozen", 4)
FLASH_SIZES = {
    name: MB * int(re.search(r"[0-9]*$", name).group() or 4) for name in LAYOUTS
}  # bytes that each needs


def find(table, label):
    """The partition of that name. KeyError if there is none."""
    for partition in table:
        if partition.label == label:
            return partition
    raise KeyError(label)


def check(table, flash_size):
    """ValueError, naming the partition, for a table that the bootloader or the chip would
    not take: overlapping, out of the flash, not aligned, twice the same name."""
    end, labels = FIRST, set()
    for p in table:
        where = "partition %s: " % p.label
        if not 0 < len(p.label.encode()) < _LABEL:
            raise ValueError(where + "the name must have 1 to %d bytes" % (_LABEL - 1))
        if p.label in labels:
            raise ValueError(where + "is there twice")
        labels.add(p.label)
        if p.offset % (APP_ALIGN if p.type == APP else SECTOR):
            raise ValueError(where + "0x%x is not aligned" % p.offset)
        if p.size <= 0 or p.size % SECTOR:
            raise ValueError(where + "0x%x is no whole number of sectors" % p.size)
        if p.offset < end:
            raise ValueError(where + "begins at 0x%x, before 0x%x is free" % (p.offset, end))
        end = p.offset + p.size
        if end > flash_size:
            raise ValueError(where + "ends at 0x%x, behind the flash" % end)


def to_binary(table):
    """The table as the bootloader reads it from TABLE_AT, with its MD5."""
    entries = b"".join(
        _ENTRY.pack(_MAGIC, p.type, p.subtype, p.offset, p.size, p.label.encode(), 0)
        for p in table
    )
    whole = entries + _MD5_MAGIC + hashlib.md5(entries).digest()
    if len(whole) > TABLE_SIZE:
        raise ValueError("%d partitions are too many" % len(table))
    return whole + b"\xff" * (TABLE_SIZE - len(whole))


def from_binary(data):
    """Table of those bytes. ValueError if it is none, or damaged."""
    table = []
    for at in range(0, min(len(data), TABLE_SIZE), _ENTRY.size):
        entry = data[at : at + _ENTRY.size]
        if entry.startswith(_MD5_MAGIC):
            if hashlib.md5(data[:at]).digest() != entry[len(_MD5_MAGIC) :]:
                raise ValueError("the partition table's MD5 is wrong")
            return tuple(table)
        if entry == b"\xff" * _ENTRY.size or len(entry) < _ENTRY.size:
            break
        magic, kind, subtype, offset, size, label, _flags = _ENTRY.unpack(entry)
        if magic != _MAGIC:
            raise ValueError("no partition table here")
        table.append(Partition(label.rstrip(b"\0").decode(), kind, subtype, offset, size))
    if not table:
        raise ValueError("no partition table here")
    return tuple(table)


def number(text):
    """ESP-IDF's sizes: 4096, 0x1000, 4K, 1M. ValueError for anything else."""
    found = re.fullmatch(r"(0x[0-9a-fA-F]+|[0-9]+)([KkMm]?)", text.strip())
    if not found:
        raise ValueError("%r is no size" % text)
    return int(found.group(1), 0) * {"": 1, "k": 1024, "m": MB}[found.group(2).lower()]


def from_csv(text):
    """Table of ESP-IDF's CSV (every offset must be given). ValueError names the line."""
    table = []
    for row in csv.reader(line for line in text.splitlines() if not line.startswith("#")):
        fields = [field.strip() for field in row]
        if not any(fields):
            continue
        try:
            label, kind, subtype, offset, size = fields[:5]
            kind = _TYPES[kind] if kind in _TYPES else number(kind)
            names = _SUBTYPES.get(kind, {})
            subtype = names[subtype] if subtype in names else number(subtype)
            table.append(Partition(label, kind, subtype, number(offset), number(size)))
        except ValueError as exc:
            raise ValueError("%s: %s" % (",".join(row), exc))
    return tuple(table)


def to_csv(table):
    lines = ["# Name, Type, SubType, Offset, Size"]
    for p in table:
        kind = {v: k for k, v in _TYPES.items()}[p.type]
        names = {v: k for k, v in _SUBTYPES[p.type].items()}
        subtype = names.get(p.subtype, "0x%02x" % p.subtype)
        lines.append("%s, %s, %s, 0x%x, 0x%x" % (p.label, kind, subtype, p.offset, p.size))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("layout", choices=(*LAYOUTS, "frozen"))
    parser.add_argument("-o", "--output", help="binary table to write")
    args = parser.parse_args()
    table = LAYOUTS.get(args.layout, FROZEN)
    check(table, FLASH_SIZES.get(args.layout, 4 * MB))
    if args.output:
        with open(args.output, "wb") as file:
            file.write(to_binary(table))
    else:
        print(to_csv(table), end="")


if __name__ == "__main__":
    sys.exit(main())
