# What outlasts a reset: the outputs in the NVS, the marker and the last words in the RTC memory.
# MIT license; part of microevse

import struct
import sys

from fake_chip import Hal, chip
from helpers import raises

PROFILE = {"connectors": [{"contactor": {"pin": 26}, "cp": {"pwm": 27}}]}


def test_outputs_are_committed_and_read_back():
    with Hal("kept") as kept:
        esp32 = sys.modules["esp32"]
        log = []

        class Nvs(esp32.NVS):
            forgets = False

            def set_blob(self, key, value):
                log.append("set")
                if not self.forgets:
                    super().set_blob(key, value)

            def commit(self):
                log.append("commit")

        esp32.NVS = Nvs
        kept.keep(PROFILE)
        assert log == ["set", "commit"]
        kept.keep(PROFILE)
        assert log == ["set", "commit"], "the same is not written again"
        Nvs.forgets = True
        raises(OSError, kept.keep, {"connectors": PROFILE["connectors"] * 2})
        del sys.modules["outputs"]


def test_so_many_outputs_fit():
    with Hal("kept") as kept:
        # A byte 1, a byte for each of two outputs, four of a checksum: 40 at most.
        for connectors, fits in ((17, True), (18, False)):
            profile = {"connectors": PROFILE["connectors"] * connectors}
            if fits:
                kept.keep(profile)
            else:
                assert "too many" in str(raises(OSError, kept.keep, profile))
        del sys.modules["outputs"]


def crashed(system, times):
    """The number of starts that went wrong in a row, after one more."""
    system._last = None
    system._write(4, times)
    chip.cause = 2
    assert system.last_reset() == "Crash"
    return system.boot_loops()


def test_crashes_in_a_row_are_counted_up_to_255():
    with Hal("system") as system:
        for before, after in ((0, 1), (1, 2), (200, 201), (254, 255), (255, 255)):
            assert crashed(system, before) == after
        system.healthy()
        assert system.boot_loops() == 0 and system._read() == (0, 0)


# In the order in which they are numbered in RTC memory.
MARKS = ("", "SoftRestart", "HardRestart", "FirmwareUpdate", "Crash", "Retry")


def test_a_marker_says_why_and_a_retry_counts_one_less():
    with Hal("system") as system:
        for before, mark, kept in (
            (3, "Retry", 2),
            (0, "Retry", 0),
            (3, "Crash", 3),
            (3, "SoftRestart", 3),
        ):
            system._last, system._loops = "Crash", before
            system.mark(mark)
            number, loops = system._read()
            assert (MARKS[number], loops) == (mark, kept)
        for wrong in ("", "Whatever", None):
            raises(ValueError, system.mark, wrong)


def test_what_is_no_marker_of_ours_is_none():
    with Hal("system") as system:
        system._write(2, 7)
        good = chip.memory
        assert system._read() == (2, 7)
        for i in range(10):
            chip.memory = good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :]
            assert system._read() == (0, 0), i
        chip.memory = good[:9]
        assert system._read() == (0, 0)
        body = struct.pack("<4sBB", b"mEVS", 6, 1)  # no such reason, with a checksum that is right
        chip.memory = body + struct.pack("<I", system.crc32(body) & 0xFFFFFFFF)
        assert system._read() == (0, 0)


def test_last_words_are_the_last_1400_bytes_and_begin_with_a_character():
    with Hal("system") as system:
        for words, kept in (
            (b"abc", "abc"),
            (b"x" * 1399 + b"y", "x" * 1399 + "y"),
            (b"x" + b"y" * 1400, "y" * 1400),
            ("\u00e4".encode() + b"z" * 1399, "z" * 1399),
            ("\u20ac".encode() + b"z" * 1398, "z" * 1398),
            ("\u20ac".encode() + b"z" * 1397, "\u20ac" + "z" * 1397),
            (b"", ""),
        ):
            system._write(3, 5)
            system.keep_words(words)
            assert system.kept_words() == kept, words[:9]
            assert system._read() == (3, 5)
            system._write(1, 0)
            assert system.kept_words() == kept
        system.keep_words(b"\xff\xfe")
        assert system.kept_words() == ""
        system.keep_words(b"good")
        for i in range(10, len(chip.memory)):
            good = chip.memory
            chip.memory = good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :]
            assert system.kept_words() == "", i
            chip.memory = good
        chip.memory = chip.memory[:17]
        assert system.kept_words() == ""


def test_causes_of_a_reset():
    with Hal("system") as system:
        for cause, mark, told, loops in (
            (1, 0, "PowerUp", 0), (3, 0, "Watchdog", 8), (2, 0, "Crash", 8), (5, 0, "Crash", 8),
            (2, 1, "SoftRestart", 0), (2, 2, "HardRestart", 0), (2, 3, "FirmwareUpdate", 0),
            (2, 5, "Retry", 7), (3, 1, "Watchdog", 8), (1, 1, "PowerUp", 0), (4, 0, "PowerUp", 0),
        ):  # fmt: skip
            system._last = None
            system._write(mark, 7)
            chip.cause = cause
            assert system.last_reset() == told and system.boot_loops() == loops, (cause, mark)
            assert system._read() == (0, loops), "the marker is used up"


class Times:
    """The module time, with years that begin at 1970 or at 2000."""

    def __init__(self, first):
        import time

        self._gmtime = time.gmtime
        self.offset = 946684800 if first == 2000 else 0
        self.now = 0

    def gmtime(self, seconds):
        return self._gmtime(seconds + self.offset)

    def time(self):
        return self.now - self.offset


def test_the_clock_of_the_chip_is_set_whatever_year_its_seconds_begin_in():
    """MicroPython counts from 2000 on a chip, and from 1970 on other ports."""
    with Hal("system") as system:
        kept, machine = system.time, system.machine
        dates = []

        class Rtc:
            def datetime(self, date):
                dates.append(date)

        machine.RTC, rtc = Rtc, machine.RTC
        try:
            for first in (1970, 2000):
                system.time = Times(first)
                system.set_rtc(1700000000)  # 2023-11-14 22:13:20, a Tuesday
                assert dates.pop() == (2023, 11, 14, 1, 22, 13, 20, 0)
                for now, behind in ((1699999999, True), (1700000000, False), (1700000001, False)):
                    system.time.now = now
                    assert system.rtc_not_before(1700000000) is behind, (first, now)
                    assert len(dates) == int(behind)
                    dates.clear()
        finally:
            system.time, machine.RTC = kept, rtc
