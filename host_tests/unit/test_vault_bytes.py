# The region for secrets byte by byte: what lies on flash in the field, and what damage does to it.
# MIT license; part of microevse
"""A version that reads these bytes in another way loses passwords and keys, and one that writes
others cannot go back. So they are numbers here, not the names of the code."""

import struct
from binascii import crc32

from helpers import raises
from store import cbor
from store.pieces import Busy
from store.ramflash import RamFlash
from store.sectors import ForeignContent
from store.vault import Full, Vault

BS = 1024
STAMP = b"mEVault\x01"
PIECE, COMMIT, FIRST = 1, 2, 3


def yes():
    return True


def record(kind, number, payload, state=0xFF, zeroed=False):
    head = struct.pack("<HBBII", len(payload), kind, 0xFF, number, crc32(payload) & 0xFFFFFFFF)
    data = head[:3] + bytes((state,)) + head[4:] + struct.pack("<I", crc32(head) & 0xFFFFFFFF)
    data += bytes(len(payload)) if zeroed else payload
    return data + b"\xff" * (-len(data) % 4)


def gone(kind, number, payload):
    return record(kind, number, payload, 0, True)


def flash_of(*blocks, count=4, kind=RamFlash):
    """A flash with a stamp and these bytes in its first blocks, and blank stamped ones."""
    image = b""
    for i in range(count):
        data = STAMP + (blocks[i] if i < len(blocks) else b"")
        image += data + b"\xff" * (BS - len(data))
    return kind(count, BS, bytearray(image))


def index(number, *entries):
    """The piece `number` with the index, and the COMMIT after it."""
    data = cbor.dumps([list(entry) for entry in entries])
    return record(PIECE, number, data) + record(
        COMMIT, number + 1, cbor.dumps([len(data), [number]])
    )


def held(vault):
    return {name: vault.get(name) for name in vault.names()}


ONE = record(PIECE, 3, b"one") + index(4, ("a", 3, [3]))


# -- what is written -----------------------------------------------------------------------


def test_the_bytes_of_a_first_change_and_of_a_second():
    flash = RamFlash(4, BS)
    vault = Vault(flash)
    assert flash.image == flash_of().image
    vault.put("a", b"one")
    first = gone(PIECE, 1, b"\x80") + gone(FIRST, 2, b"\x82\x01\x81\x01")
    assert flash.image == flash_of(first + ONE).image
    long = bytes(range(200)) * 2
    Vault(flash).put("b", long)
    entries = ("a", 3, [3]), ("b", 400, [6, 7])
    data = cbor.dumps([list(entry) for entry in entries])
    assert flash.image == flash_of(
        first + record(PIECE, 3, b"one")
        + gone(PIECE, 4, cbor.dumps([["a", 3, [3]]])) + gone(COMMIT, 5, b"\x82\x07\x81\x04")
        + record(PIECE, 6, long[:324]) + record(PIECE, 7, long[324:])
        + record(PIECE, 8, data) + record(COMMIT, 9, cbor.dumps([len(data), [8]]))
    ).image  # fmt: skip


def test_a_record_goes_where_the_least_room_is_left():
    fill = b"".join([gone(PIECE, 1, bytes(84))] * 9)  # 900 bytes
    vault = Vault(flash_of(b"", fill, ONE))
    assert vault.rooms() == [1016, 116, 1016 - len(ONE), 0], "the last blank one is kept"
    assert vault.rooms(True) == [1016, 116, 1016 - len(ONE), 1016]
    vault.copy(PIECE, 9, bytes(100), -1)
    assert vault.end[1] == BS, "as long as the room"
    vault.copy(PIECE, 10, b"x", 2)  # not there: it is made free
    assert vault.end[0] == 8 + 20
    full = Vault(flash_of(fill, fill, fill, fill))
    assert full.rooms() == [0] * 4 and full.rooms(True) == [116] * 4
    raises(Busy, full.copy, PIECE, 10, b"x", -1)
    full.end[2] = 0
    assert full.rooms(True) == [116, 116, 0, 116], "not erased yet"
    full.copy(PIECE, 11, b"x", 0)
    assert full.end == [908, 928, 0, 908]


# -- what is read --------------------------------------------------------------------------


def test_the_newest_whole_change_counts_wherever_it_lies():
    new = record(PIECE, 7, b"two") + index(8, ("a", 3, [7]))
    for blocks in ((ONE, new), (new, ONE), (ONE + new,), (b"", new, b"", ONE)):
        vault = Vault(flash_of(*blocks))
        assert held(vault) == {"a": b"two"} and vault.unsure and not vault.damaged
    # Its bits that are half programmed are made whole, what is older goes.
    flash = flash_of(ONE, new)
    assert Vault(flash).tidy(yes)
    assert b"one" not in bytes(flash.image)
    vault = Vault(flash)
    assert held(vault) == {"a": b"two"} and not vault.unsure and vault.counts(COMMIT, 11)
    programs = flash.programs
    assert vault.tidy(yes) and flash.programs == programs


def test_what_is_settled_is_not_written_again():
    for flash in (RamFlash(4, BS), flash_of(ONE)):
        vault = Vault(flash, yes)
        assert not vault.unsure and not vault.unreadable
        programs = flash.programs
        assert vault.tidy(yes) and vault.tidy(yes, True)
        assert flash.programs == programs and flash.erases == 0
    old = record(PIECE, 1, b"\x80") + record(FIRST, 2, b"\x82\x01\x81\x01")
    flash = flash_of(old + ONE)
    vault = Vault(flash)
    assert vault.unsure and vault.tidy(yes) and not vault.unsure
    programs = flash.programs
    assert vault.tidy(yes) and flash.programs == programs


def test_a_record_that_counts_no_more_is_no_commit():
    other = record(PIECE, 7, b"two") + record(PIECE, 8, cbor.dumps([["a", 3, [7]]]))
    words = cbor.dumps([7, [8]])
    for last in (record(COMMIT, 9, words, 0), record(COMMIT, 9, words, 254),
                 record(PIECE, 9, words), gone(COMMIT, 9, words)):  # fmt: skip
        vault = Vault(flash_of(ONE + other + last))
        assert held(vault) == {"a": b"one"} and not vault.unsure
        vault.put("b", b"x")
        assert vault.index[-1] == ["b", 1, [10]], "numbers are never used twice"


def test_of_two_copies_the_good_one_is_read():
    good, bad = record(PIECE, 3, b"one"), record(PIECE, 3, b"one").replace(b"one", b"o\0e")
    rest = index(4, ("a", 3, [3]))
    for first, second in ((good, bad), (bad, good)):
        vault = Vault(flash_of(first + rest, second))
        assert held(vault) == {"a": b"one"} and vault.damaged == 0


def test_a_value_of_another_length_than_its_index_says_is_damaged():
    for length in (2, 4):
        vault = Vault(flash_of(record(PIECE, 3, b"one") + index(4, ("a", length, [3]))))
        assert vault.get("a") is None and vault.damaged == 1
        vault.remove("a")  # also what is damaged can be removed
        assert vault.names() == [] and vault.damaged == 1


def test_behind_damage_the_next_whole_record_is_found():
    fake = bytearray(record(PIECE, 9, bytes(200)))
    fake[30] = 1  # a good head, and a payload that is not the one: it may be a part of another
    junk = b"\x12\x34\x56\x78"
    for damage in (junk, junk * 2, junk * 5, bytes(16), junk + bytes(fake)[:60]):
        vault = Vault(flash_of(damage + ONE))
        assert held(vault) == {"a": b"one"} and vault.torn == [True, False, False, False], damage
        assert vault.end[0] == 8 + len(damage) + len(ONE)
    # Nothing is written behind damage to which there is no end.
    vault = Vault(flash_of(ONE, junk + b"\xff" * 40 + junk))
    assert vault.end[1] == BS and vault.torn == [False, True, False, False]
    empty = record(PIECE, 8, bytes(BS - 8 - 16 - 4 - 16)) + junk + record(PIECE, 3, b"")
    assert held(Vault(flash_of(empty, index(4, ("a", 0, [3]))))) == {"a": b""}
    vault = Vault(flash_of(ONE, b"", b"", junk + b"\xff" * 40 + junk))
    assert vault.end[3] == BS and held(vault) == {"a": b"one"}
    fill = record(PIECE, 8, bytes(BS - 8 - 16 - 16))
    assert Vault(flash_of(ONE, fill + junk * 4)).torn[1] is True
    vault = Vault(flash_of(index(4, ("a", 3, [31])), junk + record(PIECE, 31, b"one")))
    assert held(vault) == {"a": b"one"}
    # A length that leads out of the block is none.
    long = bytearray(record(PIECE, 9, bytes(1100))[:16])
    for at in range(4):
        blocks = [b""] * at + [bytes(long) + ONE]
        assert held(Vault(flash_of(*blocks))) == {"a": b"one"}
    # A record that ends with the block is one.
    fill = record(PIECE, 8, bytes(BS - 8 - 16 - 20)) + record(PIECE, 3, b"one")
    for damage in (b"", junk * 2):
        body = damage + record(PIECE, 8, bytes(BS - 8 - 16 - 20 - len(damage)))
        body += record(PIECE, 3, b"one")
        assert len(fill) == len(body) == BS - 8
        vault = Vault(flash_of(body, index(4, ("a", 3, [3]))))
        assert held(vault) == {"a": b"one"} and vault.end[0] == BS


def test_a_region_of_another_is_told_by_any_byte_of_it():
    for at in (0, 7, 8, BS, BS + 7, BS + 8, 4 * BS - 1):
        flash = RamFlash(4, BS)
        flash.program(at, b"\0")
        before = bytes(flash.image)
        raises(ForeignContent, Vault, flash)
        assert flash.image == before, at
    # The first stamp of all, torn: that block is erased before it is written.
    flash = RamFlash(4, BS)
    flash.program(0, STAMP[:5] + b"\xfd")
    vault = Vault(flash)
    assert vault.end == [0, 8, 8, 8]
    for at in range(BS, 4 * BS, BS):
        assert flash.image[at : at + 8] == STAMP
    assert vault.tidy(yes) and vault.end == [8] * 4 and flash.erases == 1


def test_a_lack_of_memory_is_no_damage():
    whole = cbor.loads
    cbor.loads = fails(MemoryError())
    try:
        raises(MemoryError, Vault, flash_of(ONE))
    finally:
        cbor.loads = whole


# -- how much fits -------------------------------------------------------------------------


class Roomy(Vault):
    capacity = 1 << 20


def test_what_fits_is_counted_before_anything_is_written():
    assert Vault(RamFlash(8, 4096)).capacity == 26576
    flash = RamFlash(4, BS)
    vault = Vault(flash)
    assert vault.capacity == 1008
    # Of the value, the index, the COMMIT, and of the first one and its index.
    programs = flash.programs
    assert str(raises(Full, vault.put, "a", bytes(1000))) == "1184 bytes of 1008"
    assert flash.programs == programs
    vault.put("a", bytes(400))
    assert str(raises(Full, vault.put, "b", bytes(700))) == "1260 bytes of 1008"
    assert str(raises(Full, vault.put, "a", bytes(980))) == "1120 bytes of 1008"
    # The index of many values has pieces, too, and the COMMIT names each of them.
    Roomy.capacity = 0
    many = {"name of many letters, number %d" % i: b"x" for i in range(10, 40)}
    entries = [[name, 1, [1 << 31]] for name in many]
    length = len(cbor.dumps(entries))
    pieces = [324] * (length // 324) + [length % 324] + [1] * 30
    assert len(pieces) == 4 + 30
    total = sum([(16 + n + 3) // 4 * 4 for n in pieces + [8 + 5 * 4, 1, 8]])
    vault = Roomy(RamFlash(4, BS))
    assert str(raises(Full, vault.replace, many)) == "%d bytes of 0" % total
    # All of it, not a byte less; a removal never needs too much.
    Roomy.capacity = 1 << 20
    vault = Roomy(RamFlash(4, BS), yes)
    vault.put("a", bytes(400))
    Roomy.capacity = 720
    vault.put("b", bytes(200))
    Roomy.capacity = 719
    assert str(raises(Full, vault.put, "b", bytes(199) + b"x")) == "720 bytes of 719"
    Roomy.capacity = 0
    vault.remove("b")
    assert vault.names() == ["a"]


def test_names_and_values_may_be_so_long():
    vault = Vault(RamFlash(8, 4096))
    vault.put("n" * 40, bytes(6144))
    assert vault.get("n" * 40) == bytes(6144) and vault.damaged == 0
    raises(ValueError, vault.put, "n", bytes(6145))
    raises(ValueError, vault.put, "n" * 41, b"")


# -- a flash that fails --------------------------------------------------------------------


class Sick(RamFlash):
    """fn(addr, data) or fn(block) before each operation: raises, or True: nothing happens."""

    on_program = on_erase = None

    def __init__(self, *arguments):
        RamFlash.__init__(self, *arguments)
        self.log = []

    def program(self, addr, data):
        self.log.append((addr, bytes(data)))
        if not (self.on_program and self.on_program(addr, data)):
            RamFlash.program(self, addr, data)

    def erase(self, block):
        assert self.image[block * BS : block * BS + 8] != STAMP, "it is gone before"
        self.log.append(block)
        if not (self.on_erase and self.on_erase(block)):
            RamFlash.erase(self, block)


def fails(exc):
    def raising(*_):
        raise exc

    return raising


def test_what_does_not_read_back_is_zeroed_and_written_elsewhere():
    flash = flash_of(ONE, kind=Sick)
    vault = Vault(flash, yes)
    left = [1]

    def once(addr, data):
        if left[0] and bytes(data[-8:]) == b"a secret":
            left[0] -= 1
            RamFlash.program(flash, addr, data[:-1])
            return True

    flash.on_program = once
    vault.copy(PIECE, 7, b"a secret", -1)
    assert vault.bad_writes == 1 and vault.torn == [True, False, False, False]
    assert vault.end == [BS, 8 + 24, 8, 8]
    assert bytes(flash.image).count(b"secre") == 1
    # What is not blank is never programmed, and no bad write either.
    flash.program(BS + 40, b"\0")
    flash.program(3 * BS - 1, b"\0")  # that is another place
    vault.copy(PIECE, 8, b"a secret", -1)
    assert vault.end == [BS, BS, 8 + 24, 8] and vault.bad_writes == 1 and vault.torn[1]


def test_a_flash_that_takes_nothing_is_told_as_that():
    """Not as a lack of room, which would be waited for."""
    for wrong, number in ((fails(OSError(28)), 28), (lambda *_: True, 5)):
        flash = flash_of(ONE, kind=Sick)
        vault = Vault(flash, yes)
        flash.on_program = wrong
        assert raises(OSError, vault.put, "b", b"x").args[0] == number
        flash.on_program = None
        assert held(Vault(flash)) == {"a": b"one"}
    for zeros in (True, False):
        left = [1]

        def bug(addr, data):
            if zeros != any(data) and left[0]:  # noqa: B023
                left[0] -= 1  # noqa: B023
                raise KeyError
            return left[0]  # noqa: B023

        flash = flash_of(ONE, kind=Sick)
        vault = Vault(flash, yes)
        flash.on_program = bug
        raises(KeyError, vault.copy, PIECE, 9, b"x", -1)
    # The first thing that the flash has said is told, whatever else goes wrong.
    flash = flash_of(ONE, kind=Sick)
    vault = Vault(flash, yes)
    flash.on_program = lambda addr, data: fails(OSError(28))() if any(data) else None
    assert raises(OSError, vault.copy, PIECE, 9, b"x", -1).args[0] == 28


def test_old_values_that_cannot_be_zeroed_are_told_and_the_others_are():
    dead = record(PIECE, 1, b"a secret")
    for exc in (OSError(5), KeyError()):
        flash = flash_of(dead + ONE, dead, kind=Sick)
        vault = Vault(flash, yes)

        def stuck(addr, data):
            if addr < BS:
                raise exc  # noqa: B023

        flash.on_program = stuck
        raises(type(exc), vault.scrub)
        if isinstance(exc, OSError):
            assert vault.torn == [True, False, False, False]
            assert bytes(flash.image).count(b"a secret") == 1
            left = [1]

            def once(addr, data):
                if addr < BS and left[0]:
                    left[0] -= 1  # noqa: B023
                    raise OSError(5)

            flash.on_program = once
            del flash.log[:]
            assert vault.tidy(yes)
            programs = [entry[1] for entry in flash.log if not isinstance(entry, int)]
            assert not [data for data in programs if b"secret" in data], "it is not copied"
            assert b"a secret" not in bytes(flash.image)
            assert vault.torn[0] is False and held(Vault(flash)) == {"a": b"one"}
        else:
            assert vault.torn[0] is False
            raises(KeyError, vault.tidy, yes)
    # A change is made although what it replaces cannot be zeroed.
    flash = flash_of(ONE, kind=Sick)
    vault = Vault(flash)
    failing = [OSError(5)]

    def zeros(addr, data):
        if not any(data):
            raise failing[0]

    flash.on_program = zeros
    vault.put("a", b"two")
    assert held(Vault(flash)) == {"a": b"two"}
    failing[0] = KeyError()
    raises(KeyError, vault.put, "a", b"three")


def test_without_leave_a_vault_never_erases():
    def full():
        return flash_of(ONE, *([gone(PIECE, 1, bytes(1000))] * 2))

    # The blank block is kept to copy into, so there is no room beside the first one.
    Roomy.capacity = 1 << 20
    flash = full()
    raises(Busy, Roomy(flash).put, "b", bytes(900))
    assert flash.erases == 0
    vault = Roomy(full(), yes)
    vault.put("b", bytes(900))
    assert vault.get("b") == bytes(900) and vault.flash.erases
    # With leave, but with blocks that do not erase: that does not end by waiting.
    flash = flash_of(ONE, *([gone(PIECE, 1, bytes(1000))] * 2), kind=Sick)
    flash.on_erase = lambda block: True
    vault = Roomy(flash, yes)
    raises(Full, vault.put, "b", bytes(900))
    assert held(Vault(flash)) == {"a": b"one"}


# -- making room ---------------------------------------------------------------------------


def erased(flash, press=False):
    """(what tidy says, blocks that were erased)."""
    vault = Vault(flash, yes)
    del flash.log[:]
    said = vault.tidy(yes, press)
    assert held(Vault(flash)) == {"a": b"one"}
    return said, [entry for entry in flash.log if isinstance(entry, int)]


def test_room_is_made_where_most_is_wasted_and_only_where_it_is_worth_it():
    wasted = record(PIECE, 1, bytes(324), 0)  # 340 bytes with its head
    less = record(PIECE, 1, bytes(320), 0)
    two = wasted + wasted
    # Two blank blocks are enough, unless more is asked for.
    assert erased(flash_of(two, ONE, kind=Sick)) == (True, [])
    assert erased(flash_of(two, ONE, kind=Sick), True) == (True, [0])
    assert erased(flash_of(two, ONE, less, kind=Sick)) == (True, [0])
    assert erased(flash_of(wasted, ONE, two, kind=Sick)) == (True, [2])
    assert erased(flash_of(wasted, ONE, two, kind=Sick), True) == (True, [2, 0])
    # 340 bytes are worth an erase; what counts in a block is no waste.
    assert erased(flash_of(wasted, ONE, less, kind=Sick)) == (True, [0])
    assert erased(flash_of(less, ONE, less, kind=Sick), True) == (True, [])
    assert erased(flash_of(less + ONE, b"", kind=Sick), True) == (True, [])
    assert erased(flash_of(wasted + ONE, b"", kind=Sick), True) == (True, [0])
    # What counts is not waste, and the most of it goes first.
    four = record(PIECE, 1, bytes(328), 0)
    assert erased(flash_of(wasted, four, ONE, less, kind=Sick)) == (True, [1, 0])
    assert erased(flash_of(ONE + wasted, four, less, less, kind=Sick), True)[1][0] == 1
    # One of two copies is waste.
    copies = ONE * 6
    assert erased(flash_of(copies, ONE, kind=Sick), True) == (True, [0])
    # Not without leave.
    flash = flash_of(two, ONE, less, kind=Sick)
    assert Vault(flash).tidy(lambda: False) is False
    assert flash.erases == 0 and held(Vault(flash)) == {"a": b"one"}


def test_a_program_that_was_cut_before_the_head_of_its_record_was_there_is_erased():
    flash = flash_of(ONE, kind=Sick)
    flash.program(BS + 8 + 40, b"a part of a secret")
    assert erased(flash) == (True, [1])
    assert b"secret" not in bytes(flash.image)
    flash.program(8 + len(ONE) + 20, b"a part of a secret")
    assert erased(flash) == (True, [0])
    assert b"secret" not in bytes(flash.image)


def test_a_block_that_does_not_erase_at_once_is_tried_twice():
    for times, bad in ((0, 0), (1, 0), (2, 1)):
        flash = flash_of(ONE, b"\x12\x34\x56\x78", kind=Sick)
        vault = Vault(flash, yes)
        left = [times]

        def weak(block):
            left[0] -= 1  # noqa: B023
            return left[0] >= 0  # noqa: B023

        flash.on_erase = weak
        assert vault.tidy(yes) and vault.bad_blocks == bad
        erases = [entry for entry in flash.log if isinstance(entry, int)]
        assert erases == [1] * min(2, 1 + times)
        # Of one that takes no erase no byte is left, and nothing is written there.
        block = bytes(flash.image[BS : 2 * BS])
        assert vault.end[1] == (0 if bad else 8) and vault.torn[1] is False
        assert block == (bytes(BS) if bad else STAMP + b"\xff" * (BS - 8))
        for addr, data in [entry for entry in flash.log if not isinstance(entry, int)]:
            assert BS <= addr and addr + len(data) <= 2 * BS
    for first in (0, 1):
        # A cell that stays: also the very first.
        flash = flash_of(ONE, b"\x12\x34\x56\x78", kind=Sick)

        def cell(block):
            RamFlash.erase(flash, block)  # noqa: B023
            RamFlash.program(flash, BS + first, b"\0")  # noqa: B023
            return True

        flash.on_erase = cell
        vault = Vault(flash, yes)
        assert vault.tidy(yes) and vault.bad_blocks == 1 and vault.end[1] == 0


def test_a_block_that_takes_neither_erase_nor_zeros_stops_nothing():
    flash = flash_of(ONE, b"\x12\x34\x56\x78", kind=Sick)
    vault = Vault(flash, yes)

    def dead(at, data=None):
        if data is None or at // BS == 1:
            raise OSError(5)

    flash.on_erase = flash.on_program = dead
    assert vault.tidy(yes) and vault.bad_blocks == 1
    assert held(vault) == {"a": b"one"}
    for name in ("on_erase", "on_program"):
        flash = flash_of(ONE, b"\x12\x34\x56\x78", kind=Sick)
        setattr(flash, name, fails(KeyError()))
        raises(KeyError, Vault(flash, yes).tidy, yes)
    flash = flash_of(ONE, b"\x12\x34\x56\x78", kind=Sick)
    flash.on_erase = lambda block: True
    flash.on_program = lambda addr, data: fails(KeyError())() if len(data) == 256 else None
    raises(KeyError, Vault(flash, yes).tidy, yes)


def test_a_block_is_not_erased_before_what_counts_in_it_is_copied():
    flash = flash_of(b"\x12\x34\x56\x78" + ONE, kind=Sick)
    vault = Vault(flash, yes)
    flash.on_program = lambda addr, data: fails(OSError(5))() if addr >= BS else None
    vault.tidy(yes)
    assert 0 not in flash.log
    flash.on_program = None
    assert held(Vault(flash)) == {"a": b"one"}
    assert erased(flash) == (True, [0])


def test_what_counts_is_never_lost_by_making_room():
    junk, big = b"\x12\x34\x56\x78", b"b" * 900
    # There is no room for it yet: another block is made free first.
    names = ("a", 3, [3]), ("b", 900, [9])
    rest = record(PIECE, 3, b"one") + index(4, *names)
    dead = gone(PIECE, 1, bytes(184))
    flash = flash_of(junk + record(PIECE, 9, big), junk + rest + dead, dead, dead, kind=Sick)
    assert Vault(flash, yes).tidy(yes)
    assert [entry for entry in flash.log if isinstance(entry, int)] == [1, 0]
    assert held(Vault(flash)) == {"a": b"one", "b": big}
    # The other copy is a bad one.
    one = record(PIECE, 3, b"one")
    bad = one.replace(b"one", b"o\0e")
    for blocks in ((junk + one, bad + index(4, names[0])), (bad + index(4, names[0]), junk + one)):
        flash = flash_of(*blocks, kind=Sick)
        assert Vault(flash, yes).tidy(yes)
        assert held(Vault(flash)) == {"a": b"one"} and junk not in bytes(flash.image)
    # The other copy is a good one: there is no third.
    flash = flash_of(junk + one, one + index(4, names[0]), kind=Sick)
    assert Vault(flash, yes).tidy(yes) and bytes(flash.image).count(b"one") == 1
    # Another value is damaged for good: that goes, and all others are copied.
    small = [record(PIECE, number, b"%d" % number) for number in (20, 21, 22, 23)]
    lost = record(PIECE, 9, b"lost").replace(b"lost", b"l\0st")
    body = junk + small[0] + small[1] + lost + small[2] + small[3]
    entries = [("b", 4, [9])] + [("n%d" % n, 2, [n]) for n in (20, 21, 22, 23)]
    flash = flash_of(body, index(4, *entries), kind=Sick)
    assert Vault(flash, yes).tidy(yes)
    assert [entry for entry in flash.log if isinstance(entry, int)] == [0]
    wanted = {"n%d" % n: b"%d" % n for n in (20, 21, 22, 23)}
    wanted["b"] = None
    assert held(Vault(flash)) == wanted


def test_a_change_that_cannot_be_made_whole_yet_is_not_settled():
    old = record(PIECE, 1, b"\x80") + record(FIRST, 2, b"\x82\x01\x81\x01")
    names = [("a", 3, [3])] + [("n%d" % n, 980, [n]) for n in (20, 21, 22)]
    values = [record(PIECE, n, bytes(980)) for n in (20, 21, 22)]
    flash = flash_of(old + record(PIECE, 3, b"one") + index(4, *names), *values)
    vault = Vault(flash, yes)
    assert vault.unsure and vault.tidy(yes) is False and vault.unsure  # there is no room
    assert vault.get("a") == b"one" and vault.get("n21") == bytes(980)
    flash = flash_of(old + ONE, kind=Sick)
    vault = Vault(flash, yes)
    flash.on_program = fails(OSError(5))
    assert vault.tidy(yes) is False
    assert held(Vault(flash)) == {"a": b"one"}


def test_an_index_that_cannot_be_read_is_left_alone_until_something_is_wanted():
    bad = ONE.replace(b"\x81\x83", b"\x81\x03")
    flash = flash_of(bad, kind=Sick)
    vault = Vault(flash, yes)
    assert vault.unreadable and vault.damaged == 1 and not vault.unsure
    assert vault.tidy(yes) is False and flash.log == []
    pressed = flash_of(bad)
    assert Vault(pressed).tidy(yes, True) and b"one" not in bytes(pressed.image)
    vault.put("b", b"two")
    assert not vault.unreadable and held(vault) == {"b": b"two"}
    kinds = [entry[1][2] for entry in flash.log if len(entry[1]) > 16 and any(entry[1])]
    assert FIRST not in kinds, "an empty index would say that there was no value"
    assert vault.tidy(yes) and b"one" not in bytes(flash.image)
