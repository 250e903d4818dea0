# The record of an application slot, byte by byte: what is on the flash of chargers in the field.
# MIT license; part of microevse
"""An update writes the record with one version and starts with another: the places of its parts
must not move. So they are numbers here, not the names of the code."""

import slots
from helpers import raises
from store.ramflash import RamFlash

AT = 3 * 4096  # the last of four blocks
DIGEST = bytes(range(32))
HEADER = b"microevse-bundle 1\nversion 1.0.0\n" + bytes(2016 - 33) + DIGEST
# Number 0x01020304, then the CRC-32 of DIGEST and these four bytes.
COMMIT = b"SLOT\x04\x03\x02\x01\xf5\x97\x0c\x71"
NUMBER = 0x01020304


class Cut(BaseException):
    pass


class Flash(RamFlash):
    """Knows each (verb, place, data); `cut`: the power fails before an erase does anything."""

    def __init__(self):
        RamFlash.__init__(self, 4)
        self.done = []
        self.cut = False

    def program(self, addr, data):
        self.done.append(("program", addr - AT, bytes(data)))
        RamFlash.program(self, addr, data)

    def erase(self, block):
        self.done.append(("erase", block, b""))
        if self.cut:
            raise Cut()
        RamFlash.erase(self, block)


def written(*parts):
    """A flash with (place in the record, bytes) in it."""
    flash = Flash()
    for place, data in ((0, HEADER), (2048, COMMIT)) + parts:
        flash.image[AT + place : AT + place + len(data)] = data
    return flash


def test_a_record_that_is_on_the_flash_is_understood():
    found = slots.read(written())
    assert (found.number, found.digest) == (NUMBER, DIGEST)
    assert (found.tries, found.confirmed, found.given_up) == (0, False, False)
    assert found.field("version") == "1.0.0"
    assert slots.header(written()) == HEADER
    for count in (1, 2, 3):
        assert slots.read(written((2304, bytes(count)))).tries == count
    found = slots.read(written((2304, b"\0\0\0"), (2560, b"\0")))
    assert (found.tries, found.confirmed, found.given_up, found.live) == (3, True, False, True)
    found = slots.read(written((2560, b"\0"), (2816, b"\0")))
    assert (found.tries, found.confirmed, found.given_up, found.live) == (0, True, True, False)


def test_a_mark_counts_from_its_first_cleared_bit_on_and_no_other_byte_does():
    for bit in range(8):
        mark = bytes([255 - (1 << bit)])
        assert slots.read(written((2304, mark))).tries == 1
        assert slots.read(written((2560, mark))).confirmed
        assert slots.read(written((2816, mark))).given_up
    places = (2060, 2303, 2307, 2559, 2561, 2815, 2817, 4095)
    found = slots.read(written(*[(place, b"\0") for place in places]))
    assert (found.number, found.tries) == (NUMBER, 0)
    assert not found.confirmed and not found.given_up


def test_each_step_writes_its_own_bytes():
    flash = Flash()
    slots.describe(flash, HEADER)
    slots.commit(flash, NUMBER)
    found = slots.read(flash)
    for _ in range(4):
        slots.start(flash, found)
    slots.confirm(flash)
    slots.give_up(flash)
    marks = (2304, 2305, 2306, 2560, 2816)
    steps = [("program", 0, HEADER), ("program", 2048, COMMIT)]
    assert flash.done == steps + [("program", place, b"\0") for place in marks]


def test_a_slot_is_empty_before_its_erase_begins():
    """An erase that is cut may bring back any of the bits, those of a mark also."""
    flash = written((2816, b"\0"))
    flash.cut = True
    raises(Cut, slots.clear, flash)
    assert flash.done == [("program", 2048, bytes(12)), ("erase", 3, b"")]
    flash.image[AT + 2816] = 255
    found = slots.read(flash)
    assert not found.whole and slots.choose([found]) == []
    flash.cut = False
    slots.clear(flash)
    assert flash.image == b"\xff" * len(flash.image)


def test_a_slot_that_was_never_whole_is_only_erased():
    flash = Flash()
    slots.describe(flash, HEADER)
    flash.done = []
    slots.clear(flash)
    assert flash.done == [("erase", 3, b"")]
    assert flash.image == b"\xff" * len(flash.image)


def test_a_commit_below_something_that_is_no_bundle_is_none():
    for first in (b"microevse-bundl\xff 1\n", b"microevse-bundles 1\n", b"version 1.0.0\n", b"\0"):
        assert not slots.read(written((0, first))).whole, first
    assert slots.read(written((0, b"microevse-bundle 2\n"))).whole


def test_the_first_512_bytes_of_a_header_are_read_for_a_start():
    """The lines that matter fit there; what is behind them may be a signature of 1 KB."""
    found = slots.read(written((476, b"\nlast " + b"x" * 29 + b"\nnext y\n")))
    assert len(found.text) == 512
    assert found.field("last") == "x" * 29 and found.field("next") is None


def test_numbers_of_slots_count_from_one():
    empty, third, fifth = [slots.Record(n, b"", b"", 0, True, False) for n in (None, 3, 5)]
    assert slots.next_number([empty, empty]) == 1
    assert slots.next_number([third, empty]) == slots.next_number([empty, third]) == 4
    assert slots.next_number([third, fifth]) == slots.next_number([fifth, third]) == 6
