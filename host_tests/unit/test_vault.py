# Secrets by name on flash: what is kept, what goes, and what a broken flash does to them.
# MIT license; part of microevse

from hashlib import sha256

from helpers import raises
from store.pieces import Busy
from store.ramflash import RamFlash
from store.sectors import ForeignContent
from store.vault import VALUE_MAX, Full, Vault


def yes():
    return True


def no():
    return False


def region():
    return RamFlash(8, 4096)


def random(n, seed):
    out = b""
    while len(out) < n:
        out += sha256(b"%d %d" % (seed, len(out))).digest()
    return out[:n]


def held(flash):
    vault = Vault(flash)
    return {name: vault.get(name) for name in vault.names()}


def test_a_value_is_there_after_a_restart():
    flash = region()
    vault = Vault(flash)
    assert vault.names() == [] and vault.get("key") is None
    vault.put("key", b"\0\xff secret")
    vault.put("empty", b"")
    vault = Vault(flash)
    assert vault.get("key") == b"\0\xff secret"
    assert vault.get("empty") == b"" and vault.get("other") is None
    assert sorted(vault.names()) == ["empty", "key"]
    assert flash.erases == 0


def test_the_same_value_again_writes_nothing():
    flash = region()
    vault = Vault(flash)
    vault.put("key", b"abc")
    programs = flash.programs
    vault.put("key", b"abc")
    vault.remove("other")
    assert flash.programs == programs


def test_what_is_removed_or_replaced_is_zeroed_at_once():
    flash = region()
    vault = Vault(flash)
    old, new = random(3000, 1), random(200, 2)
    vault.replace({"chain": old, "key": b"0123456789abcdef"})
    assert old[1000:1100] in bytes(flash.image)
    vault.replace({"chain": new, "key": None})
    assert held(flash) == {"chain": new}
    image = bytes(flash.image)
    assert b"89abcdef" not in image and new in image
    for at in range(0, 3000, 20):
        assert old[at : at + 20] not in image
    assert flash.erases == 0


def test_24_kilobytes_fit_and_can_still_be_changed():
    flash = region()
    vault = Vault(flash, yes)
    values = {"chain": random(6144, 1), "root.1": random(6144, 2), "root.2": random(6144, 3)}
    values["root.3"] = random(4700, 4)
    for i in range(10):
        values["setting %d" % i] = random(64, 10 + i)
    values["key"], values["next"] = random(200, 5), random(200, 6)
    for name in values:
        vault.put(name, values[name])
    assert sum([len(v) for v in values.values()]) > 24 * 1000 - 100
    assert held(flash) == values
    for i in range(60):
        name = "setting %d" % (i % 10)
        values[name] = random(64, 100 + i)
        vault.put(name, values[name])
    assert held(flash) == values
    raises(Full, vault.put, "more", random(4000, 7))
    assert held(flash) == values
    vault.remove("root.3")
    vault.put("more", random(4000, 7))
    assert vault.get("more") == random(4000, 7)


def test_without_leave_to_stall_nothing_is_ever_erased():
    flash = region()
    vault = Vault(flash, no)
    count = 0
    last = None
    while True:
        value = random(1000, count)
        try:
            vault.put("key", value)
        except Busy:
            break
        last = value
        count += 1
    assert count > 15 and flash.erases == 0
    assert held(flash) == {"key": last}
    assert not vault.tidy(no) and flash.erases == 0
    assert vault.tidy(yes) and flash.erases > 0
    vault.put("key", b"new")
    assert held(flash) == {"key": b"new"}


def test_a_region_with_something_else_is_not_touched():
    flash = region()
    flash.program(5 * 4096 + 77, b"another program's")
    before = bytes(flash.image)
    raises(ForeignContent, Vault, flash)
    assert flash.image == before


def test_names_and_values_have_limits():
    vault = Vault(region())
    raises(ValueError, vault.put, "", b"a")
    raises(ValueError, vault.put, "n" * 41, b"a")
    raises(ValueError, vault.put, "key", bytes(VALUE_MAX + 1))
    vault.replace({})
    assert vault.names() == []


def test_a_damaged_value_is_told_and_the_others_stay():
    flash = region()
    vault = Vault(flash)
    vault.put("a", random(50, 1))
    vault.put("b", random(50, 2))
    at = bytes(flash.image).index(random(50, 1))
    flash.program(at + 7, b"\0\0\0\0")
    vault = Vault(flash)
    assert vault.get("a") is None and vault.damaged == 1
    assert vault.get("b") == random(50, 2)
    vault.put("a", b"again")
    assert held(flash) == {"a": b"again", "b": random(50, 2)}


def test_a_damaged_index_is_told_and_nothing_is_thrown_away():
    flash = region()
    vault = Vault(flash)
    vault.put("name of it", random(50, 1))
    before = bytes(flash.image)
    at = before.index(b"name of it")
    flash.image[at] ^= 0xFF
    damaged = Vault(flash)
    assert damaged.unreadable and damaged.names() == [] and damaged.damaged == 1
    assert not damaged.tidy(yes)
    flash.image[at] ^= 0xFF  # it was the reading that went wrong
    assert bytes(flash.image) == before and held(flash) == {"name of it": random(50, 1)}
    flash.image[at] ^= 0xFF
    damaged = Vault(flash, yes)
    damaged.put("new", b"value")
    assert held(flash) == {"new": b"value"}
    assert random(50, 1) not in bytes(flash.image)


class Sick(RamFlash):
    """A flash with a block that does not erase, one that takes no program, or none at all."""

    no_erase = no_program = refuse = stuck = -1

    def erase(self, block):
        if block == self.no_erase:
            raise OSError(5)
        if block != self.stuck:
            RamFlash.erase(self, block)

    def program(self, addr, data):
        if self.refuse >= 0 or addr // self.block_size == self.no_program:
            raise OSError(5)
        RamFlash.program(self, addr, data)


def test_a_flash_that_fails_changes_nothing():
    flash = Sick(8, 4096)
    vault = Vault(flash)
    vault.put("key", b"old")
    flash.refuse = 0
    raises(OSError, vault.put, "key", b"new")
    assert vault.get("key") == b"old"
    raises(OSError, Vault(flash).remove, "key")
    assert held(flash) == {"key": b"old"}
    flash.refuse = -1
    vault = Vault(flash)
    vault.put("key", b"new")
    assert held(flash) == {"key": b"new"}


def test_a_block_that_takes_no_program_is_passed_over():
    flash = Sick(8, 4096)
    vault = Vault(flash)
    vault.put("key", b"old")
    flash.no_program = 0
    vault.put("key", b"new")
    assert vault.bad_writes and held(flash) == {"key": b"new"}
    flash.no_program = -1
    assert Vault(flash).tidy(yes)
    assert held(flash) == {"key": b"new"} and b"old" not in bytes(flash.image)


def test_a_block_that_does_not_erase_holds_no_secret_and_stops_nothing():
    for kind in ("no_erase", "stuck"):
        flash = Sick(8, 4096)
        vault = Vault(flash, yes)
        setattr(flash, kind, 0)
        secret = random(700, 3)
        vault.put("chain", secret)
        for i in range(60):
            vault.put("key", random(600, i))
        vault.remove("chain")
        vault.tidy(yes)
        assert vault.bad_blocks, kind
        assert held(flash) == {"key": random(600, 59)}
        image = bytes(flash.image)
        for i in range(59):
            assert random(600, i)[:30] not in image
        assert secret[:30] not in image


class Cut(BaseException):
    """The power is lost."""


class Torn(RamFlash):
    """Loses power before the last byte of program number `left`."""

    left = 0

    def program(self, addr, data):
        self.left -= 1
        RamFlash.program(self, addr, data[: len(data) - 1] if self.left == 0 else data)
        if self.left == 0:
            raise Cut


def test_a_first_change_that_is_cut_is_no_damage():
    """There was no value before it, so none can be lost."""
    for left in range(1, 30):
        flash = Torn(8, 4096)
        flash.left = left
        cut = False
        try:
            Vault(flash).put("key", b"0123456789abcdef")
        except Cut:
            cut = True
        flash.left = 0
        vault = Vault(flash, yes)
        assert not vault.unreadable and not vault.damaged, left
        assert vault.get("key") in (None, b"0123456789abcdef")
        assert vault.tidy(yes)
        vault.put("key", b"again")
        assert held(flash) == {"key": b"again"}
    assert not cut, "there are more programs than that"
