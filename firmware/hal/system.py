# Reset, why there was one, identity, clock and heap of the chip.
# MIT license; part of microevse
"""machine.reset(), a panic and the task watchdog reset the CPU alone: pins and PWM stay as they
are. A reset of the system releases them (ESP-IDF, components/esp_rom/include/esp32/rom/rtc.h:
SW_RESET, "software reset digital core", against SW_CPU_RESET). `reset` opens all contactors, then
resets the system, on a chip where it knows how.

A commanded reset, a crash and a power cut look alike to the chip: machine.reset() and a
panic both end as HARD_RESET. A marker in RTC memory, which outlasts every reset but
power-off, tells them apart. Behind the marker are the last log lines before the reset:
without them the cause of a crash could not be found."""

import gc
import struct
import sys
import time
from binascii import hexlify

import machine
from evse_base import const, crc32

from hal import watchdog

_MAGIC = const(b"mEVS")
_FORMAT = const("<4sBB")  # magic, index of the marker, starts in a row that went wrong
_MARKS = const(
    ("", "SoftRestart", "HardRestart", "FirmwareUpdate", "Crash", "Retry", "ScheduledRestart")
)
_HEAD = const(10)  # bytes of it, with a CRC-32
_AFTER = const(14)  # between them: starts of the slot that runs, counted by hal/appslot.py
_WORDS = const("<II")  # length and CRC-32 of the last words, which follow
_WORDS_AT = const(22)
# The chip keeps 2048 bytes; a log line takes longer the more is kept.
WORDS_MAX = 1400
_2000 = const(946684800)  # Unix time of the chip's epoch
# RTC_CNTL_OPTIONS0 of an ESP32 and its bit for a reset of the system: ESP-IDF,
# components/soc/esp32/include/soc/rtc_cntl_reg.h (RTC_CNTL_SW_SYS_RST).
_OPTIONS0 = const(0x3FF48000)
_SYSTEM_RESET = const(0x80000000)

_last = None  # why this start happened, once found out
_loops = 0


def _read():
    data = machine.RTC().memory()
    size = _HEAD - 4
    if len(data) >= _HEAD:
        body = bytes(data[:size])
        magic, mark_, loops = struct.unpack(_FORMAT, body)
        crc = struct.unpack("<I", bytes(data[size : size + 4]))[0]
        if magic == _MAGIC and crc == crc32(body) & 0xFFFFFFFF and mark_ < len(_MARKS):
            return mark_, loops
    return 0, 0


def _write(mark_, loops, well=False):
    """`well`: the start of the slot counts as one that got healthy."""
    body = struct.pack(_FORMAT, _MAGIC, mark_, loops)
    body += struct.pack("<I", crc32(body) & 0xFFFFFFFF)
    if well:
        body += bytes(_AFTER - _HEAD)
    machine.RTC().memory(body + machine.RTC().memory()[len(body) :])


def keep_words(words):
    """Keep text in UTF-8 (its last 1400 bytes) over the next reset, but not over a power cut."""
    words = words[-WORDS_MAX:]
    packed = struct.pack(_WORDS, len(words), crc32(words) & 0xFFFFFFFF) + words
    machine.RTC().memory((machine.RTC().memory() + bytes(_AFTER))[:_AFTER] + packed)


def kept_words():
    """The text that `keep_words` kept last; "" without one, or if the memory was not powered."""
    data = machine.RTC().memory()
    if len(data) < _WORDS_AT:
        return ""
    size, crc = struct.unpack(_WORDS, bytes(data[_AFTER:_WORDS_AT]))
    words = bytes(data[_WORDS_AT : _WORDS_AT + size])
    if size > WORDS_MAX or len(words) != size or crc32(words) & 0xFFFFFFFF != crc:
        return ""
    while words and words[0] & 0xC0 == 0x80:  # cut inside a character
        words = words[1:]
    try:
        return words.decode()
    except UnicodeError:
        return ""


def last_reset():
    """PowerUp, Watchdog, Crash, SoftRestart, HardRestart, ScheduledRestart, FirmwareUpdate or
    Retry."""
    global _last, _loops
    if _last is None:
        mark_, loops = _read()
        cause = machine.reset_cause()
        if cause == machine.WDT_RESET:
            _last = "Watchdog"
        elif cause in (machine.HARD_RESET, machine.SOFT_RESET):
            # No marker: a panic, or (soft) an exception that left main.py.
            _last = _MARKS[mark_] or "Crash"
        else:
            _last = "PowerUp"  # brownouts count as this, too
        if _last in ("Watchdog", "Crash"):
            _loops = min(loops + 1, 255)
        else:
            _loops = loops if _last == "Retry" else 0
        _write(0, _loops)
    return _last


def mark(reason):
    """Say why the next reset will happen: SoftRestart, HardRestart, ScheduledRestart,
    FirmwareUpdate or Crash.

    Retry, too: a start in safe mode that gives the application another chance; the starts
    that went wrong stay counted, less one. ValueError for anything else.
    """
    last_reset()  # reads the marker of this start before it is overwritten
    if not reason or reason not in _MARKS:
        raise ValueError("no reset reason: %s" % reason)
    loops = max(0, _loops - 1) if reason == "Retry" else _loops
    _write(_MARKS.index(reason), loops, reason != "Crash")


def boot_loops():
    """How many starts in a row ended in a crash or at the watchdog, without `healthy()`."""
    last_reset()
    return _loops


def healthy():
    """Mark this start as a good one: the next crash is the first of a row."""
    global _loops
    last_reset()
    _loops = 0
    _write(_read()[0], 0, True)


def reset():
    """Open every contactor, set the pilots to steady +12 V, reset the chip; does not return. On a
    chip that allows it this is a reset of the system, which releases all pins. Else the pins stay
    as they have just been set."""
    for pin, level in sys.modules.get("outputs", ()):
        try:
            machine.Pin(pin, machine.Pin.OUT, value=level)
        except Exception:
            pass  # the next output is tried all the same
    try:
        gc.collect()
        if watchdog.registers:
            watchdog.registers[_OPTIONS0] |= _SYSTEM_RESET
    except Exception as exc:
        print("system:", repr(exc))
    machine.reset()


def unique_id():
    """The chip's serial number in hexadecimal."""
    return hexlify(machine.unique_id()).decode()


def set_rtc(unix):
    """Set the chip's clock, which TLS checks certificates by, to Unix seconds (UTC)."""
    epoch = _2000 if time.gmtime(0)[0] == 2000 else 0
    t = time.gmtime(unix - epoch)
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


def correct_rtc(unix, back):
    """Set the chip's clock to Unix seconds if it is behind, or if it is ahead and `back`. True if
    it was set."""
    epoch = _2000 if time.gmtime(0)[0] == 2000 else 0
    ahead = int(time.time()) + epoch - unix
    if ahead == 0 or ahead > 0 and not back:
        return False  # the clock has run on through the reset
    set_rtc(unix)
    return True


def heap():
    """{"free": bytes of the GC heap, "idf_free", "idf_largest", "idf_least": of ESP-IDF's, see
    memory.system}."""
    from hal import memory

    figures = {"free": gc.mem_free() if hasattr(gc, "mem_free") else 0}
    found = memory.system()
    if found:
        figures["idf_free"], figures["idf_largest"], figures["idf_least"] = found
    return figures
