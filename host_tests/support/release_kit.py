# A base image that is none, and a chip that has a complete image: for tests of a release.
# MIT license; part of microevse
"""ESP-IDF is not here, so no test has a real base image: this one has the headers, the table and
the versions that programs look at, and nothing of it runs."""

import json
import struct

import espflash
import partitions
from fakeboard.board import MB, copy_out, micropython

MICROPYTHON, IDF = (1, 28, 0), "v5.5.1"


def layout():
    """The 4 MB layout with both slots in one ROMFS."""
    for name, table in partitions.LAYOUTS.items():
        rom = any((p.type, p.subtype) == (partitions.DATA, partitions.ROMFS) for p in table)
        if rom and partitions.FLASH_SIZES[name] == 4 * MB:
            return name
    raise AssertionError("no layout with a ROMFS")


def base_image(chip="esp32", idf=IDF, version=MICROPYTHON, table=None):
    """Bytes of a base image whose application says that it was built with ESP-IDF `idf`."""
    data = bytearray(micropython(chip, version, layout=table or layout()))
    at = 0x10000 - espflash.CHIPS[chip][2] + 32
    words = (b"%d.%d.%d" % version, b"micropython", b"00:00:00", b"Jan  1 2026", idf.encode())
    data[at : at + 144] = struct.pack("<L12x32s32s16s16s32s", 0xABCD5432, *words)
    return bytes(data)


def bases(folder, **kwargs):
    """A folder with the base image of an ESP32."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "microevse-base-esp32.bin").write_bytes(base_image(**kwargs))
    return folder


def chip(data, whole, folder):
    """The chip of a virtual board, in the folder `data` of a Twin, after `whole` was written to
    address 0 of its erased flash. `folder`: what MicroPython finds in its file system."""
    table = partitions.from_binary(whole[partitions.TABLE_AT :][: partitions.TABLE_SIZE])
    (data / "flash.bin").write_bytes(whole + b"\xff" * (4 * MB - len(whole)))
    about = {"version": [*MICROPYTHON], "machine": "", "partitions": []}
    (data / "about.json").write_text(json.dumps(about))
    vfs = partitions.find(table, "vfs")
    where = [data / "flash.bin", vfs.offset, vfs.size, data / "about.json"]
    copy_out([str(word) for word in where], folder)
