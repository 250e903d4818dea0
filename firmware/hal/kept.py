# The outputs of the board, kept on the chip: they are opened before any file is touched.
# MIT license; part of microevse
"""boot.py, and board.c of our own image, drive the outputs from a value in the chip's NVS
(namespace `microevse`, key `outputs`): a byte 1, a byte for each output (pin, plus 128 if its
safe level is high), and the CRC-32 of these. A byte 127 before the outputs is no pin: the
contactor is at an RTC pad of an original ESP32, and those are switched off first. boot.py leaves
the list in `sys.modules["outputs"]`, where main.py and hal.system find it: [(pin, safe level),
...].

Loaded at the start only."""

import struct
import sys
from binascii import crc32

SPACE = "microevse"
KEY = "outputs"
CONSOLE = "console"  # a byte 1: locked
ERASE = "erase"  # a byte 1: a factory reset has begun
FLOOR = "floor"  # see upkeep/version_floor.py
NOT_FOUND = -0x1102  # ESP_ERR_NVS_NOT_FOUND
# boot.py reads at most this many bytes.
KEPT_MAX = 40


def outputs(profile):
    """[(pin, safe level)]: relays open first, then the pilots to steady +12 V, at which an EV
    must not take current (IEC 61851-1 table A.2, state x1)."""
    found = []
    for connector in profile["connectors"]:
        relay = connector["contactor"]
        found.append((relay["pin"], 0 if relay.get("active_high", True) else 1))
    return found + [(connector["cp"]["pwm"], 1) for connector in profile["connectors"]]


def packed(found, rtc=False):
    """The bytes that are kept for `outputs`. rtc: the contactor is at an RTC pad."""
    body = bytes([1] + ([127] if rtc else []) + [pin | level << 7 for pin, level in found])
    return body + struct.pack("<I", crc32(body) & 0xFFFFFFFF)


def keep(profile):
    """Let boot.py and every reset know the outputs of this profile. An OSError if the NVS does
    not take them: then nothing may be closed, for after a crash no early code would open it."""
    import esp32

    sys.modules["outputs"] = found = outputs(profile)
    wanted = packed(found, profile.get("guard") == "ulp")
    if len(wanted) > KEPT_MAX:
        raise OSError("%d outputs are too many" % len(found))
    nvs = esp32.NVS(SPACE)
    if _kept(nvs) != wanted:
        nvs.set_blob(KEY, wanted)
        nvs.commit()
        if _kept(nvs) != wanted:
            raise OSError("outputs: the NVS gives back something else")


def lock_console(wanted):
    """Close the console if that is `wanted`, or if it was closed before: only a flash by cable,
    which erases the NVS, opens it again. True if it is closed.

    Ctrl-C gives no prompt from now on. After a start boot.py has closed it before any file is
    touched.
    """
    import micropython

    if not (wanted or sys.modules.get("console_locked")):
        return False
    sys.modules["console_locked"] = True
    if hasattr(micropython, "kbd_intr"):
        micropython.kbd_intr(-1)
    if wanted and not marked(CONSOLE):
        mark(CONSOLE, True)
    return True


def marked(key):
    """True if the byte of `key` is 1. OSError: the NVS cannot be read."""
    return value(key, 1) == b"\1"


def mark(key, on):
    """Keep a 1 or a 0 under `key`. OSError: the NVS does not take it."""
    put(key, bytes((on,)))


def value(key, most):
    """The bytes under `key`, at most so many; b"" if there is none. OSError: the NVS cannot be
    read, or there are more."""
    import esp32

    have = bytearray(most)
    try:
        return bytes(have[: esp32.NVS(SPACE).get_blob(key, have)])
    except OSError as exc:
        if exc.args[0] != NOT_FOUND:
            raise
    return b""


def put(key, data):
    """Keep bytes under `key`; a power cut leaves the old ones or these. OSError: the NVS does not
    take them."""
    import esp32

    nvs = esp32.NVS(SPACE)
    nvs.set_blob(key, data)
    nvs.commit()


def _kept(nvs):
    buf = bytearray(KEPT_MAX)
    try:
        return bytes(buf[: nvs.get_blob(KEY, buf)])
    except OSError:
        return None
