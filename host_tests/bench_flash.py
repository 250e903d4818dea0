# `make flash` onto an empty chip that has its reset lines, from start to first log lines.
# MIT license; part of microevse
"""Run by `make bench`; test_flash.py has the same without reset lines, and every failure.

Over RFC 2217 esptool's own reset sequence leads into the bootloader, and out of it again.
The time says nothing of a real board: pyserial asks for every change of a line's state and
waits for the answer.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from fakeboard.board import FakeBoard, micropython
from tools_paths import ROOT


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "micropython.bin"
        path.write_bytes(micropython("esp32", (1, 29, 0)))
        board = FakeBoard(folder, firmware=None)
        began = time.monotonic()
        try:
            command = [sys.executable, str(ROOT / "tools" / "flash.py"), "esp32_devkitc"]
            command += ["--port", board.port, "--firmware", str(path)]
            status = subprocess.call([*command, "--set", "ChargePointId=CP-7"])
        finally:
            board.close()
    print("status %d after %.0f s" % (status, time.monotonic() - began))
    print("starts of the chip: " + ", ".join(board.boots))
    if status or board.boots[-1] != "charger":
        sys.exit("the charger was not started")


if __name__ == "__main__":
    main()
