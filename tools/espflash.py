# MicroPython onto an empty chip: the commands for esptool, and the meaning of its answers.
# MIT license; part of microevse
"""esptool is run as a program: its output is read for chip, flash size and progress."""

import re
import struct
import subprocess
import sys

from partitions import DATA, ROMFS, TABLE_AT, TABLE_SIZE, find, from_binary, to_binary
from seriallink import OLDEST, Trouble

# chip of a board file: (esptool's name, id in an image header, where the bootloader is),
# ESP-IDF esp_app_format.h and the chips' data sheets.
CHIPS = {
    "esp32": ("ESP32", 0, 0x1000),
    "esp32s2": ("ESP32-S2", 2, 0x1000),
    "esp32s3": ("ESP32-S3", 9, 0),
    "esp32c3": ("ESP32-C3", 5, 0),
    "esp32c6": ("ESP32-C6", 13, 0),
}
_IMAGE_MAGIC = 0xE9
_CHIP_ID_AT = 12
_VERSION = re.compile(rb"MicroPython v([0-9]+)\.([0-9]+)")
BAUD = "460800"


def splice(path, chip, table):
    """The firmware file with our partition table in place of its own, for its flash address.

    Trouble if it is no MicroPython for this chip, is too old or too large.
    """
    name, number, at = CHIPS[chip]
    get_one = "take the .bin for %s from micropython.org/download" % name
    try:
        data = open(path, "rb").read()
    except OSError as exc:
        raise Trouble("%s cannot be read (%s): %s" % (path, exc.strerror, get_one))
    app = find(table, "factory")
    table_at = TABLE_AT - at
    broken = Trouble("%s is no complete firmware image: %s" % (path, get_one))
    if len(data) <= app.offset - at or data[0] != _IMAGE_MAGIC:
        raise broken
    (is_for,) = struct.unpack_from("<H", data, _CHIP_ID_AT)
    if is_for != number:
        other = [c[0] for c in CHIPS.values() if c[1] == is_for] or ["chip %d" % is_for]
        raise Trouble("%s is for %s, the board has %s: %s" % (path, other[0], name, get_one))
    if data[table_at : table_at + 2] != b"\xaa\x50":
        raise broken
    version = _VERSION.search(data)
    if version is None:
        raise Trouble("%s is not MicroPython: %s" % (path, get_one))
    if (int(version.group(1)), int(version.group(2))) < OLDEST:
        raise Trouble(
            "%s is MicroPython %s: %d.%d or newer is needed, %s"
            % (path, version.group(0).split(b"v")[1].decode(), *OLDEST, get_one)
        )
    size = len(data) - (app.offset - at)
    if size > app.size:
        raise Trouble(
            "%s is %d bytes too large for the partition `factory`: %s"
            % (path, size - app.size, "take the generic one without Bluetooth or PSRAM extras")
        )
    binary = to_binary(table)
    return data[:table_at] + binary + data[table_at + len(binary) :]


def layout(path, chip):
    """Name of the partition layout for a firmware file. Slots in a ROMFS, if its own table shows
    that its MicroPython runs code from one; else slots with file systems."""
    at = CHIPS[chip][2]
    try:
        with open(path, "rb") as file:
            file.seek(TABLE_AT - at)
            own = from_binary(file.read(TABLE_SIZE))
    except (OSError, ValueError):
        return "slots"  # splice() reports the problem of the file
    return "romfs" if any((p.type, p.subtype) == (DATA, ROMFS) for p in own) else "slots"


class Chip:
    """The chip on `port`, in its bootloader. `tell(percent)` hears the progress of writing."""

    def __init__(self, port, tell=lambda percent: None):
        self._port = port
        self._tell = tell

    def _run(self, *args):
        """esptool's output. Trouble if it fails."""
        command = [sys.executable, "-u", "-m", "esptool", "--port", self._port, "--baud", BAUD]
        process = subprocess.Popen(
            command + [str(a) for a in args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        seen = []
        # Progress is redrawn with carriage returns, which text mode takes for line ends.
        for text in process.stdout:
            seen.append(text)
            percent = re.search(r"([0-9]+)(?:\.[0-9]+)?\s?%", text)
            if percent:
                self._tell(int(percent.group(1)))
        if process.wait():
            raise self._trouble("".join(seen))
        return "".join(seen)

    def _trouble(self, text):
        if re.search(r"Failed to connect|No serial data|Wrong boot mode", text):
            return Trouble(
                "the chip on %s does not enter its bootloader: hold BOOT, press and release "
                "reset, let go of BOOT, try again" % self._port
            )
        if re.search(r"MD5|hash of data|verif", text, re.IGNORECASE):
            return Trouble(
                "what was written is not what the flash holds: try another cable or a powered "
                "USB port; if it stays so, the flash is worn out"
            )
        # A sentence may be wrapped: take the paragraph that says "fatal".
        words = " ".join(text.split())
        found = re.search(r"(?:fatal error occurred: |Error: )(.*)", words, re.IGNORECASE)
        reason = found.group(1) if found else words[-200:]
        return Trouble("esptool failed (%s): unplug the board, plug it in, try again" % reason)

    def check(self, chip, needed):
        """Trouble unless this is `chip` with at least `needed` bytes of flash."""
        text = self._run("--after", "no-reset", "flash-id")
        found = re.search(r"Connected to (\S+) on", text)
        name = CHIPS[chip][0]
        if not found or found.group(1) != name:
            raise Trouble(
                "the chip on the port is %s, the board profile says %s: name the right BOARD="
                % (found.group(1) if found else "unknown", name)
            )
        size = re.search(r"flash size: ([0-9]+)(KB|MB)", text)
        if not size:
            raise Trouble("the chip's flash does not answer: look at the module's wiring")
        have = int(size.group(1)) * {"KB": 1024, "MB": 1024 * 1024}[size.group(2)]
        if have < needed:
            raise Trouble(
                "the chip has %d KB of flash, the partition table needs %d KB: use a module "
                "with more" % (have // 1024, needed // 1024)
            )

    def write(self, parts, flash_size):
        """Erase everything, write {address: file}, compare checksums, leave the bootloader."""
        args = ["write-flash", "--erase-all", "--flash-size", "%dMB" % (flash_size >> 20)]
        for address in sorted(parts):
            args += ["0x%x" % address, parts[address]]
        text = self._run("--after", "hard-reset", *args)
        if text.count("Hash of data verified") < len(parts):
            raise self._trouble("hash of data")
