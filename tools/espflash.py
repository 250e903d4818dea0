# MicroPython onto an empty chip: the commands for esptool, and the meaning of its answers.
# MIT license; part of microevse
"""esptool is run as a program: its output is read for chip, flash size and progress."""

import re
import struct
import subprocess
import sys

import module
from module import CHIPS
from partitions import DATA, ROMFS, TABLE_AT, TABLE_SIZE, find, from_binary, to_binary
from seriallink import OLDEST, Trouble

_IMAGE_MAGIC = 0xE9
_CHIP_ID_AT = 12
# The greeting of MicroPython's prompt (shared/runtime/pyexec.c) lies in the image as one text.
_VERSION = re.compile(rb"MicroPython v([0-9]+)\.([0-9]+)")
_GREETING = re.compile(rb"MicroPython v[ -~]+?; ([ -~]+ with ESP32[A-Z0-9-]*)")
BAUD = "460800"


class Firmware:
    """An image file of MicroPython for `chip`, checked as far as the file tells.

    data: from the bootloader on. kind: see module.py. romfs: it runs code from a ROMFS, as its own
    partition table shows. Trouble if it is none, for another chip, or too old.
    """

    def __init__(self, path, chip):
        name, number, at = CHIPS[chip]
        self.path, self._at = path, at
        get_one = module.take(module.Found(chip, name))
        try:
            data = open(path, "rb").read()
        except OSError as exc:
            raise Trouble("%s cannot be read (%s): %s" % (path, exc.strerror, get_one))
        if data[:at] == b"\xff" * at and data[at : at + 1] == bytes([_IMAGE_MAGIC]):
            data = data[at:]  # a file for address 0: nothing is before the bootloader
        broken = Trouble("%s is no complete firmware image: %s" % (path, get_one))
        table_at = TABLE_AT - at
        if len(data) <= 0x10000 - at or data[0] != _IMAGE_MAGIC:
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
        self.version = (int(version.group(1)), int(version.group(2)))
        if self.version < OLDEST:
            raise Trouble(
                "%s is MicroPython %s: %d.%d or newer is needed, %s"
                % (path, version.group(0).split(b"v")[1].decode(), *OLDEST, get_one)
            )
        greeting = _GREETING.search(data)
        self.kind = module.image_kind(greeting.group(1).decode()) if greeting else "other"
        try:
            own = from_binary(data[table_at : table_at + TABLE_SIZE])
        except ValueError:
            raise broken
        self.romfs = any((p.type, p.subtype) == (DATA, ROMFS) for p in own)
        factory = [p for p in own if p.label == "factory"]
        if factory and any(p.label == "journal" for p in own):
            # A release's image of a whole board: its MicroPython ends where its partition ends.
            data = data[: factory[0].offset + factory[0].size - at]
        self.data = data
        # Before the port is touched; the table for the module's flash follows.
        kinds = "romfs" if self.romfs else "slots"
        self.with_table(max(module.tables(kinds), key=lambda table: find(table, "factory").size))

    def with_table(self, table):
        """The data with `table` in place of its own. Trouble if it is too large for it."""
        app = find(table, "factory")
        table_at = TABLE_AT - self._at
        size = len(self.data) - (app.offset - self._at)
        if size > app.size:
            raise Trouble(
                "%s is %d bytes too large for the partition `factory`: %s"
                % (
                    self.path,
                    size - app.size,
                    "take the generic one without Bluetooth or PSRAM extras",
                )
            )
        binary = to_binary(table)
        return self.data[:table_at] + binary + self.data[table_at + len(binary) :]


def layout(path, chip):
    """Name of the smallest partition table for an image file. Trouble if it is none."""
    romfs = Firmware(path, chip).romfs
    return module.layout(module.least_flash(romfs), romfs)


def splice(path, chip, table):
    """An image file with `table` in place of its own, for its flash address. Trouble."""
    return Firmware(path, chip).with_table(table)


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

    def look(self, attempts=7):
        """`module.Found`, as far as the bootloader knows. Trouble if it does not answer."""
        args = ["--connect-attempts", attempts, "--after", "hard-reset", "flash-id"]
        return module.from_bootloader(self._run(*args))

    def write(self, parts, flash_size):
        """Erase everything, write {address: file}, compare checksums, leave the bootloader."""
        args = ["write-flash", "--erase-all", "--flash-size", "%dMB" % (flash_size >> 20)]
        for address in sorted(parts):
            args += ["0x%x" % address, parts[address]]
        text = self._run("--after", "hard-reset", *args)
        if text.count("Hash of data verified") < len(parts):
            raise self._trouble("hash of data")
