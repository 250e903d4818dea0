# Which module is on the port, and what suits it: image, partition table, board file.
# MIT license; part of microevse
"""Nothing is asked for that the chip can tell. `Found` is what it tells, in its bootloader
(`from_bootloader`) or at MicroPython's prompt (`from_prompt`); the rest of this file chooses or
refuses, in sentences, and touches no port.

The kinds of image: `base`, our own for a plain ESP32; `spiram` and `octal`, MicroPython's own for
modules with PSRAM; `plain`, MicroPython's own without PSRAM, which leaves too little memory;
`other`, somebody else's: whether it finds PSRAM shows when it runs.
"""

import pathlib
import re
from dataclasses import dataclass

import board as board_profile
import board_list
import partitions
from board_list import PSRAM_PINS, plain_only  # noqa: F401 (plain_only: for others)
from seriallink import Trouble

# chip of a board file: (esptool's name, id in an image header, where the bootloader is),
# ESP-IDF esp_app_format.h and the chips' data sheets.
CHIPS = {
    "esp32": ("ESP32", 0, 0x1000),
    "esp32s2": ("ESP32-S2", 2, 0x1000),
    "esp32s3": ("ESP32-S3", 9, 0),
    "esp32c3": ("ESP32-C3", 5, 0),
    "esp32c6": ("ESP32-C6", 13, 0),
}
MEMORY = pathlib.Path(__file__).resolve().parent.parent / "docs" / "memory.md"
BASE_IMAGE = "microevse-base-esp32.bin"
GET_BASE = (
    "take %s, which is among the files of a release, or build it (docs/flashing.md)" % BASE_IMAGE
)
# Names on micropython.org, from ports/esp32/boards of MicroPython.
_GENERIC = {"esp32": "ESP32_GENERIC", "esp32s2": "ESP32_GENERIC_S2", "esp32s3": "ESP32_GENERIC_S3"}
# Of a heap that esp32.idf_heap_info() lists: no chip has so much memory of its own.
_PSRAM_LEAST = 1024 * 1024
MB = 1024 * 1024

# Run at the prompt: version, platform, name of the image, sizes of all heaps, size of the flash,
# whether code can run from a ROMFS, the chip's id.
LOOK = """
import sys, esp, esp32, machine
from binascii import hexlify
try:
    import vfs
    rom = hasattr(vfs, 'rom_ioctl')
except ImportError:
    rom = False
"""
LOOKED = (
    "(sys.implementation.version[:2], sys.platform, "
    "getattr(sys.implementation, '_machine', ''), "
    "[h[0] for h in esp32.idf_heap_info(esp32.HEAP_DATA)], esp.flash_size(), rom, "
    "hexlify(machine.unique_id()).decode())"
)


@dataclass
class Found:
    """What is known of the module; None: not known.

    chip: as in a board file, "" for one that no board file can name. name: for people. flash: in
    bytes. psram: True or False. octal: its PSRAM has eight lines. image: kind of the MicroPython
    that runs; version: (1, 29). romfs: code runs in place. unit: the chip's id in hex.
    """

    chip: str
    name: str
    flash: int = 0
    psram: bool = None
    octal: bool = None
    image: str = None
    version: tuple = None
    romfs: bool = False
    unit: str = None

    def sentence(self):
        psram = {True: "PSRAM", False: "no PSRAM", None: "PSRAM unknown"}[self.psram]
        parts = [self.name, "%g MB of flash" % (self.flash / MB), psram]
        if self.version:
            runs = "MicroPython %d.%d" % self.version[:2]
            parts.append("%s (%s)" % (runs, _KINDS[self.image]))
        return "found: " + ", ".join(parts)


_KINDS = {
    "base": "base image of microevse",
    "spiram": "its own image with PSRAM",
    "octal": "its own image with octal PSRAM",
    "plain": "its own image without PSRAM",
    "other": "another image",
}


def chip_of(name):
    """The chip of a board file that `name` ("ESP32-S3", "ESP32S3") means, "" if there is none."""
    short = name.replace("-", "").lower()
    return short if short in CHIPS else ""


def image_kind(machine):
    """Kind of an image by the name that is built into it: `Generic ESP32 module with ESP32`."""
    name, _, chip = machine.rpartition(" with ")
    if name.startswith("microevse"):
        return "base"
    if "Octal-SPIRAM" in name:
        return "octal"
    # The generic images of S2 and S3 use PSRAM without saying so (boards/sdkconfig.spiram_sx).
    if "SPIRAM" in name or name in ("Generic ESP32S2 module", "Generic ESP32S3 module"):
        return "spiram"
    return (
        "plain" if name in ("Generic ESP32 module", "Generic ESP32 module with OTA") else "other"
    )


def from_bootloader(text):
    """`Found`, of what esptool prints with its command flash-id. Trouble if it says no chip."""
    connected = re.search(r"Connected to (\S+) on", text)
    size = re.search(r"flash size: ([0-9]+)(KB|MB)", text)
    if not connected:
        raise Trouble("the chip on the port is unknown: look at the cable, and at PORT=")
    if not size:
        raise Trouble("the chip's flash does not answer: look at the module's wiring")
    mac = re.search(r"^MAC: +([0-9a-f:]{17})$", text, re.MULTILINE)
    # The PSRAM of a WROVER is a chip of its own beside the ESP32, which does not know of it.
    embedded = re.search(r"Embedded PSRAM(?: ([0-9]+)MB)?", text) or "ESP32-D0WDR2" in text
    octal = None
    if embedded and embedded is not True and embedded.group(1):
        # ESP32-S3 data sheet, table of variants: R2 has four lines, R8 and R16 have eight.
        octal = int(embedded.group(1)) >= 8
    return Found(
        chip_of(connected.group(1)),
        connected.group(1),
        int(size.group(1)) * {"KB": 1024, "MB": MB}[size.group(2)],
        True if embedded else None,
        octal,
        unit=mac.group(1).replace(":", "") if mac else None,
    )


def from_prompt(prompt):
    """`Found`, by asking the MicroPython that runs. Trouble if it is not for an ESP32."""
    platform = prompt.value("import sys", "sys.platform")
    if platform != "esp32":
        raise Trouble("this is MicroPython for %s, not for an ESP32: look at PORT=" % platform)
    version, _, machine, heaps, flash, rom, unit = prompt.value(LOOK, LOOKED)
    name = machine.split(" ")[-1]
    kind = image_kind(machine)
    psram = max(heaps, default=0) >= _PSRAM_LEAST
    # An image that does not use PSRAM cannot tell whether it is there.
    known = psram or kind in ("spiram", "octal")
    chip = chip_of(name)
    return Found(
        chip,
        CHIPS[chip][0] if chip else name or "unknown",
        flash,
        psram if known else None,
        True if psram and kind == "octal" else None,
        kind,
        tuple(version),
        rom,
        unit,
    )


# -- what suits it ---------------------------------------------------------------------------


def take(found):
    """Which image this module needs, in words."""
    if found.chip == "esp32":
        with_psram = "ESP32_GENERIC, variant SPIRAM, from micropython.org/download"
        if found.psram is None:
            return "a WROVER (with PSRAM) needs %s; for a plain ESP32 %s" % (with_psram, GET_BASE)
        return "take " + with_psram if found.psram else GET_BASE
    if found.chip in _GENERIC and found.psram is not False:
        variant = ", variant SPIRAM_OCT," if found.octal else ""
        return "take %s%s from micropython.org/download" % (_GENERIC[found.chip], variant)
    return (
        "take a module with PSRAM: without it no image for %s is known to have room" % found.name
    )


def check_image(found, kind):
    """Trouble unless an image of this kind can run a charger on this module."""
    if found.chip == "esp32":
        if kind == "base":
            return
        if kind == "plain":
            raise Trouble(
                "this is MicroPython's own image without PSRAM, which leaves the charger too "
                "little memory: %s" % take(found)
            )
    if kind == "base":
        raise Trouble(
            "the base image is for a plain ESP32, this is %s: %s" % (found.name, take(found))
        )
    if found.psram is False:
        raise Trouble("the module has no PSRAM, which this image needs: %s" % take(found))
    if found.octal and kind == "spiram":
        raise Trouble("the module's PSRAM is octal, this image does not find it: %s" % take(found))
    if found.octal is False and kind == "octal":
        raise Trouble(
            "the module's PSRAM is not octal, this image does not find it: %s" % take(found)
        )


def certain(found, kind):
    """True if nothing has to be asked of the image once it runs."""
    return kind == "base" or bool(found.psram)


def check_board(found, board):
    """Trouble unless the board file `board` is for a module like this."""
    name = CHIPS[board["chip"]][0]
    if found.chip != board["chip"]:
        raise Trouble(
            "the chip on the port is %s, the board profile says %s: name the right BOARD="
            % (found.name, name)
        )
    if found.psram:
        used = board_profile.pins(board)
        taken = [
            "GPIO %d (%s)" % (p, used[p]) for p in PSRAM_PINS.get(found.chip, ()) if p in used
        ]
        if taken:
            raise Trouble(
                "the board profile %s uses %s, which belong to the PSRAM of this module: name a "
                "BOARD= that leaves them free, or take a module without PSRAM"
                % (board["name"], " and ".join(taken))
            )


def all_features(page=MEMORY):
    """The sentence for all features on a plain ESP32, with the figures of docs/memory.md, which
    `make bench ARGS=heap` prints."""
    text = page.read_text()
    named, every = [
        re.search(r"^\| %s \|[^|]*\| ([\d,]+) \| ([\d,]+) \|" % row, text, re.M).groups()
        for row in ("charging, a page visitor", "charging, a page visitor, all features")
    ]
    return (
        "all features on a plain ESP32: while it charges over wss:// and somebody looks at its "
        "page, %s bytes of heap are free, in pieces of at most %s; with FEATURES=named it is %s "
        "and %s (docs/memory.md; what is named: docs/ocpp16.md)" % (every + named)
    )


def layout(flash, romfs):
    """Name of the largest partition table that fits so many bytes of flash: with slots in a ROMFS
    or with slots that are file systems. None if there is none."""
    fitting = [
        name
        for name, table in partitions.LAYOUTS.items()
        if partitions.FLASH_SIZES[name] <= flash
        and _kind(table) == ("romfs" if romfs else "slots")
    ]
    return max(fitting, key=lambda name: partitions.FLASH_SIZES[name], default=None)


def tables(kind):
    """All partition tables with slots of that kind: "romfs" or "slots"."""
    return [table for table in partitions.LAYOUTS.values() if _kind(table) == kind]


def least_flash(romfs):
    """Bytes of flash that the smallest table with slots of that kind needs."""
    kind = "romfs" if romfs else "slots"
    return min(
        partitions.FLASH_SIZES[name]
        for name, table in partitions.LAYOUTS.items()
        if _kind(table) == kind
    )


def _kind(table):
    if any((p.type, p.subtype) == (partitions.DATA, partitions.ROMFS) for p in table):
        return "romfs"
    return "slots" if any(p.subtype == partitions.SLOT_A and p.type for p in table) else "files"


def boards(found, folder):
    """([names of the board files that suit], {name: why not}) of a folder."""
    good, bad = [], {}
    for path in sorted(folder.glob("*.toml")):
        try:
            check_board(found, board_profile.for_a_board(board_profile.load_toml(path), path))
        except (ValueError, Trouble) as exc:
            bad[path.stem] = str(exc)
        else:
            good.append(path.stem)
    return good, bad


def name_one(found, folder, say):
    """The sentence for a command that names no board; say(text): a line for each that suits.
    Trouble if none does."""
    good, bad = boards(found, folder)
    if not good:
        raise Trouble(
            "no board file in %s/ is for this module (%s): write one (docs/add_a_board.md)"
            % (folder.name, found.name)
        )
    say("boards for this module (docs/flashing.md has more of each):")
    for name in good:
        say("  " + board_list.sentence(board_profile.load_toml(folder / (name + ".toml"))))
    if bad:
        say("not for it: %s" % ", ".join(sorted(bad)))
    return "name one of these boards with BOARD="
