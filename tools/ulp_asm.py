#!/usr/bin/env python3
# Assembles the program of the ULP guard for a board.
# MIT license; part of microevse
"""usage: ulp_asm.py BOARD    prints the size of the program of a board with guard = "ulp"

The assembler is PyPI's micropython-esp32-ulp. It is a program for MicroPython, and its archive is
no package that pip installs (it has neither setup.py nor pyproject.toml): so it is fetched as a
file, once, checked by its SHA-256, unpacked into build/ulp/ and run by the MicroPython of this
environment.

`module(board)` gives what goes into the application: hal/ulp_program.py with the bytes.
"""

import fcntl
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "ulp"
SOURCE = ROOT / "firmware" / "hal" / "ulp_guard.S"
ARCHIVE = "micropython-esp32-ulp-1.2.0"
URL = (
    "https://files.pythonhosted.org/packages/82/cb/"
    "43243e6dc7de3a12d760269b2122dac79b54564839a0f5012ca28dfae53e/%s.tar.gz" % ARCHIVE
)
SHA256 = "32754c92a01959a5a0742e0edf8d39e809dc4d317fc9c869b732b7f0d52d44de"
LIMIT = 2040  # bytes of RTC memory that stock MicroPython reserves for the ULP: ULP.RESERVE_MEM
HEADER = 12  # of a binary: magic, offset and sizes of its sections
WORDS_OF_MAILBOX = 36

# GPIO: (RTC GPIO, offset of its pad's register), of those that are fit for a contactor: no strap,
# no DAC, no pulse at boot, and the pad register of a touch pad (ESP-IDF,
# soc/esp32/rtc_io_periph.c and register/soc/rtc_io_reg.h).
PADS = {4: (10, 0x94), 13: (14, 0xA4), 27: (17, 0xB0)}
# GPIO: channel of ADC1.
CHANNELS = {36: 0, 37: 1, 38: 2, 39: 3, 32: 4, 33: 5, 34: 6, 35: 7}


class Missing(Exception):
    """Something that assembling needs is not on this machine; the text says what."""


def assembler():
    """The folder of the assembler, unpacked. Raises Missing."""
    folder = OUT / ARCHIVE
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test workers want it, one fetches
        if (folder / ".ready").exists():
            return folder
        try:
            with urllib.request.urlopen(URL, timeout=60) as answer:
                data = answer.read()
        except OSError as exc:
            raise Missing("the assembler of the ULP program cannot be fetched: %s" % exc)
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise Missing("the assembler of the ULP program has a wrong checksum")
        shutil.rmtree(folder, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(OUT)
        # A module of MicroPython's that this build does not have, and that is needed only for
        # #include files.
        (folder / "btree.py").write_text("")
        (folder / ".ready").touch()
        return folder


def micropython(folder, *args):
    """Run the assembler's modules in `folder`; the text that they print. Raises Missing."""
    beside = pathlib.Path(sys.executable).with_name("micropython")
    program = str(beside) if beside.exists() else shutil.which("micropython")
    if program is None:
        raise Missing("no MicroPython for this computer, which the ULP's assembler needs")
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % folder)
    done = subprocess.run([program, *args], capture_output=True, text=True, env=env)
    if done.returncode:
        raise Missing("the ULP program cannot be assembled: %s" % (done.stdout + done.stderr))
    return done.stdout


def source(pin, adc):
    """The program's text for the contactor at GPIO `pin` and the pilot at GPIO `adc`."""
    if pin not in PADS or adc not in CHANNELS:
        raise ValueError("GPIO %d, GPIO %d: not for the ULP" % (pin, adc))
    head = ".set MUX, %d\n.set PIN, %d\n" % (CHANNELS[adc] + 1, PADS[pin][0] + 14)
    return head + SOURCE.read_text()


def assemble(text):
    """The binary of a program's text, as esp32.ULP().load_binary() wants it."""
    folder = assembler()
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place) / "guard.S"
        path.write_text(text)
        micropython(folder, "-m", "esp32_ulp", str(path))
        return path.with_suffix(".ulp").read_bytes()


def program(board):
    """The binary for a board profile whose guard is "ulp". ValueError if it does not fit."""
    connector = board["connectors"][0]
    made = assemble(source(connector["contactor"]["pin"], connector["cp"]["adc"]))
    if len(made) - HEADER > LIMIT:
        raise ValueError("the ULP program takes %d bytes of %d" % (len(made) - HEADER, LIMIT))
    return made


def module(board):
    """The text of hal/ulp_program.py for a board profile whose guard is "ulp"."""
    connector = board["connectors"][0]
    rtc, pad = PADS[connector["contactor"]["pin"]]
    return (
        "# Made by tools/ulp_asm.py from firmware/hal/ulp_guard.S.\n"
        "BINARY = %r\nBIT = %d\nPAD = %d\nCHANNEL = %d\n"
        % (program(board), rtc + 14, 0x3FF48400 + pad, CHANNELS[connector["cp"]["adc"]])
    )


def main(name):
    import board as board_profile

    path = ROOT / "boards" / (name + ".toml")
    try:
        board = board_profile.load_toml(path if path.exists() else pathlib.Path(name))
        if board.get("guard") != "ulp":
            sys.exit('%s: its guard is %r, not "ulp"' % (name, board.get("guard")))
        size = len(program(board)) - HEADER
    except (OSError, ValueError, Missing) as exc:
        sys.exit(str(exc))
    print(
        "%d bytes of %d: %d words, %d of them mailbox" % (size, LIMIT, size // 4, WORDS_OF_MAILBOX)
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: ulp_asm.py BOARD")
    main(sys.argv[1])
