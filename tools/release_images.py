# The images of each board, for the chip and for the web installer.
# MIT license; part of microevse
"""A complete image is what `make flash FIRMWARE=...` writes, in one file that begins at address 0:
base image with our partition table, application in its first slot, file system without settings.
It ends with the last part that is not blank: the journal's partition is behind it, so that an
installation without erasing keeps the journal. It does not keep the file system (config.json,
ca.pem, update.pub): the form of ESP Web Tools has one list of parts for an installation with and
without erasing, and a new chip needs the part. The page says so.

For a base image the features are the named set, unless the board file says which: a plain ESP32
is short of memory with all of them (docs/memory.md)."""

import json

import espflash
import image
import partitions
from release_facts import BASES, ReleaseError
from seriallink import Trouble

# Names that ESP Web Tools has for chips (its `chipFamily`, src/const.ts of release 10.4.0).
FAMILIES = {
    "esp32": "ESP32",
    "esp32s2": "ESP32-S2",
    "esp32s3": "ESP32-S3",
    "esp32c3": "ESP32-C3",
    "esp32c6": "ESP32-C6",
}


def named(app):
    """The application with the named set of features, unless its board file has a set."""
    profile = {"features": "named", **json.loads(app["board.json"])}
    return {**app, "board.json": json.dumps(profile).encode()}


def complete(app, chip, base):
    """Bytes from address 0 on, of an application {path: bytes} and the path of a base image.

    ReleaseError if the base image is none for this chip, or too small for the application.
    """
    try:
        layout = espflash.layout(base, chip)
        table = partitions.LAYOUTS[layout]
        parts = {espflash.CHIPS[chip][2]: espflash.splice(base, chip, table)}
        if not any((p.type, p.subtype) == (partitions.DATA, partitions.ROMFS) for p in table):
            raise ReleaseError(
                "%s has no partition for a ROMFS: it is stock MicroPython, for which no complete "
                "image is made" % base
            )
        for label, (content, _used) in image.images(named(app), layout).items():
            parts[partitions.find(table, label).offset] = content
    except (Trouble, ValueError) as exc:
        raise ReleaseError(str(exc))
    whole = bytearray()
    for at in sorted(parts):
        whole += b"\xff" * (at - len(whole)) + parts[at]
    return bytes(whole)


def updates(app, chip):
    """{suffix of its name: bytes} of the unsigned updates of a board.

    `.bundle` is for the base image, if there is one for the chip; `-stock.bundle` is for
    MicroPython's own image. ReleaseError if one does not fit its slot.
    """
    made = {}
    try:
        if chip in BASES:
            made[".bundle"] = image.packed(named(app), "romfs")
        made["-stock.bundle"] = image.packed(app, "lfs2")
    except image.DoesNotFit as exc:
        raise ReleaseError(str(exc))
    return made


def manifest(board, chip, number, name):
    """What ESP Web Tools reads of one board: a dict. `name`: the file of its complete image.

    Without Improv the tool cannot see what runs on the chip, and takes each installation for a
    new one: it asks then whether to erase, as the journal should stay on a charger in use.
    """
    return {
        "name": "microevse for " + board,
        "version": number,
        "new_install_prompt_erase": True,
        "new_install_improv_wait_time": 0,
        "builds": [{"chipFamily": FAMILIES[chip], "parts": [{"path": name, "offset": 0}]}],
    }
