# State that outlasts a reset: the outputs in the NVS, the marker and last words in the RTC memory.
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


def test_what_is_kept_are_the_outputs_and_the_checksum_of_zlib():
    """boot.py and board.c compute the same checksum: with another one they open nothing."""
    with Hal("kept") as kept:
        for pins, wanted in (
            (((26, 0), (27, 1)), "011a9b32037329"),
            (((25, 1), (19, 1)), "01999388400637"),
            (((2, 1), (4, 1)), "018284d50ee31d"),
            (((18, 0), (5, 1)), "01128559b4a51b"),
        ):
            assert kept.packed(pins).hex() == wanted, pins


def test_what_is_no_failure_of_the_nvs_is_told_and_nothing_is_written():
    with Hal("kept") as kept:

        class Nvs(sys.modules["esp32"].NVS):
            def get_blob(self, key, buf):
                raise ValueError("a bug")

        sys.modules["esp32"].NVS = Nvs
        try:
            raises(ValueError, kept.keep, PROFILE)
            assert not chip.nvs
        finally:
            del sys.modules["outputs"]


def test_bytes_that_the_nvs_does_not_give_are_not_taken_for_none():
    """None at all would be no floor for updates, and no factory reset that has begun."""
    with Hal("kept") as kept:
        assert kept.value("floor", 5) == b"" and kept.marked("erase") is False
        kept.put("floor", b"12345")
        assert kept.value("floor", 5) == kept.value("floor", 6) == b"12345"
        assert "LENGTH" in str(raises(OSError, kept.value, "floor", 4))
        raises(OSError, kept.marked, "floor")

        class Nvs(sys.modules["esp32"].NVS):
            def get_blob(self, key, buf):
                raise wrong

        sys.modules["esp32"].NVS = Nvs
        for wrong in (OSError(-0x1101), OSError(2), KeyError(-0x1102)):
            raises(type(wrong), kept.value, "floor", 5)


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
MARKS = ("", "SoftRestart", "HardRestart", "FirmwareUpdate", "Crash", "Retry", "ScheduledRestart")


def test_a_marker_says_why_and_a_retry_counts_one_less():
    with Hal("system") as system:
        for before, mark, kept in (
            (3, "Retry", 2),
            (0, "Retry", 0),
            (3, "Crash", 3),
            (3, "SoftRestart", 3),
            (3, "ScheduledRestart", 3),
        ):
            system._last, system._loops = "Crash", before
            system.mark(mark)
            number, loops = system._read()
            assert (MARKS[number], loops) == (mark, kept)
        for wrong in ("", "Whatever", None):
            assert str(raises(ValueError, system.mark, wrong)) == "no reset reason: %s" % wrong


def started_with(system, mark, loops):
    """As after a reset with this marker: nothing has been found out yet."""
    system._write(mark, loops)
    system._last, system._loops = None, 0
    chip.cause = 2


def test_whatever_is_asked_first_the_reason_of_this_start_is_kept_in_mind():
    with Hal("system") as system:
        started_with(system, 4, 2)
        assert system.boot_loops() == 3
        started_with(system, 3, 0)
        system.mark("Crash")
        assert system.last_reset() == "FirmwareUpdate" and system._read() == (4, 0)
        started_with(system, 4, 2)
        system.mark("Crash")
        assert system.last_reset() == "Crash" and system._read() == (4, 3)
        started_with(system, 4, 2)
        system.healthy()
        assert system.last_reset() == "Crash" and system.boot_loops() == 0
        assert system._read() == (0, 0)


def test_a_healthy_start_forgets_no_marker_of_the_reset_to_come():
    with Hal("system") as system:
        started_with(system, 4, 1)
        system.mark("FirmwareUpdate")
        assert system._read() == (3, 2)
        system.healthy()
        assert system._read() == (3, 0)


def test_a_reset_of_the_system_sets_one_bit_of_the_register():
    """The others of OPTIONS0 hold the second core and the oscillators."""
    with Hal("system", "watchdog") as (system, watchdog):
        before = chip.mem.options0
        watchdog.Watchdog("esp32")
        system.reset()
        assert chip.ends[0] == "system" and chip.mem.options0 == before | 1 << 31


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
        # An unknown reason, and the magic of another program, with checksums that are right.
        for magic, reason in ((b"mEVS", 7), (b"mEVT", 2)):
            body = struct.pack("<4sBB", magic, reason, 1)
            chip.memory = body + struct.pack("<I", system.crc32(body) & 0xFFFFFFFF)
            assert system._read() == (0, 0), magic


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
            ("\u00e9".encode() + b"z" * 1399, "z" * 1399),
            ("\u2041".encode() + b"z" * 1398, "z" * 1398),
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
        for i in range(14, len(chip.memory)):
            good = chip.memory
            chip.memory = good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :]
            assert system.kept_words() == "", i
            chip.memory = good
        chip.memory = chip.memory[:21]
        assert system.kept_words() == ""


def test_more_words_than_are_ever_kept_are_none_of_ours():
    with Hal("system") as system:
        for count in (1400, 1401):
            words = b"x" * count
            head = struct.pack("<II", count, system.crc32(words) & 0xFFFFFFFF)
            chip.memory = bytes(14) + head + words
            assert system.kept_words() == ("x" * 1400 if count == 1400 else ""), count


class Figures:
    """The modules gc and esp32, as far as they count memory."""

    HEAP_DATA = 4

    def __init__(self, regions):
        self.regions = regions

    def mem_free(self):
        return 1234

    def idf_heap_info(self, capabilities):
        assert capabilities == 4
        if isinstance(self.regions, Exception):
            raise self.regions
        return self.regions


def test_the_heaps_are_told_apart():
    """A region: (bytes, free, largest free block, least ever free)."""
    with Hal("system") as system:
        real = system.gc
        system.gc = figures = Figures([(900, 90, 50, 7), (800, 200, 60, 600), (700, 5, 5, 1)])
        try:
            assert system.heap() == {"free": 1234}, "without an esp32 that counts"
            sys.modules["esp32"] = figures
            found = {"free": 1234, "idf_free": 295, "idf_largest": 60, "idf_least": 608}
            assert system.heap() == found
            system.gc = object()
            assert system.heap()["free"] == 0
            figures.regions = RuntimeError("a bug is told")
            raises(RuntimeError, system.heap)
        finally:
            system.gc = real


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
                    assert system.correct_rtc(1700000000, False) is behind, (first, now)
                    assert len(dates) == int(behind)
                    dates.clear()
        finally:
            system.time, machine.RTC = kept, rtc
