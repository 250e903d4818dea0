# The manufacturer's roots: from the file and from the region for secrets, as far as they are read.
# MIT license; part of microevse

import os

from evse_base import log
from helpers import raises
from pem_files import ONE, TWO, pem
from slot_bench import Chip
from store.ramflash import RamFlash
from store.vault import Vault

FILE = "manufacturer.pem"
THREE = b"\x30\x05three"
FOUR = b"\x30\x04four"


class Charger:
    """`roots` of the manufacturer on a charger with this file and these values in its region.

    `lines`: what the log says at each reading.
    """

    def __init__(self, file=None, values=None):
        self.file, self.lines = file, []
        self.flash = RamFlash(8)
        if values is not None:
            region = Vault(self.flash)
            for name, value in values:
                region.put(name, value)
        self.vault = (lambda: Vault(self.flash)) if values is not None else None

    def roots(self, change=None):
        """change: fn(module) before they are read."""
        with Chip():
            from upkeep import manufacturer

            if self.file is not None:
                with open(FILE, "w") as file:
                    file.write(self.file)
            del self.lines[:]
            log.use_sink(self.lines.append)
            try:
                if change:
                    change(manufacturer)
                return manufacturer.roots(self)
            finally:
                log.use_sink(None)
                if self.file is not None:
                    os.remove(FILE)

    def says(self, text):
        """The only line of the log has this text."""
        return len(self.lines) == 1 and text in self.lines[0]


def fails(exc):
    def raising(*_):
        raise exc

    return raising


def test_without_any_root_there_is_none_and_nothing_is_said():
    for charger in (Charger(), Charger(values=[]), Charger(values=[("WebPassword", ONE)])):
        assert charger.roots() == [] and charger.lines == []
    with Chip():
        from upkeep import manufacturer

        assert manufacturer.roots(None) == []


def test_every_root_of_the_file_is_one():
    charger = Charger(pem(ONE) + "\nthe second\n" + pem(TWO))
    assert charger.roots() == [ONE, TWO] and charger.lines == []


def test_roots_of_the_region_are_kept_as_der_or_as_pem():
    charger = Charger(
        values=[
            ("manufacturer.1", ONE),
            ("manufacturer", FOUR),
            ("root.manufacturer.", FOUR),
            ("manufacturer.2", (pem(TWO) + pem(THREE)).encode()),
            ("manufacturer.empty", b""),
            ("manufacturer.", FOUR),
        ]
    )
    found = charger.roots()
    assert found == [ONE, TWO, THREE, FOUR] and charger.lines == []
    assert all([isinstance(der, bytes) for der in found])


def test_those_of_the_file_and_those_of_the_region_count_both():
    charger = Charger(pem(ONE), [("manufacturer.1", TWO)])
    assert charger.roots() == [ONE, TWO]


def test_a_file_that_cannot_be_read_is_told_and_takes_no_root_of_the_region_away():
    values = [("manufacturer.1", TWO)]
    charger = Charger(pem(ONE)[:-40], values)
    assert charger.roots() == [TWO] and charger.says(FILE + " cannot be read")
    for number, said in ((2, False), (5, True)):  # ENOENT, EIO
        charger = Charger(values=values)

        def broken(module):
            module.open = fails(OSError(number))  # noqa: B023

        assert charger.roots(broken) == [TWO]
        assert charger.says(FILE) is said and len(charger.lines) == said, number

    def bug(module):
        module.open = fails(KeyError(2))

    raises(KeyError, charger.roots, bug)


def test_a_region_that_cannot_be_read_is_told_and_takes_no_root_of_the_file_away():
    charger = Charger(pem(ONE))
    charger.vault = fails(OSError(5))
    assert charger.roots() == [ONE] and charger.says("cannot be read")
    charger.vault = fails(KeyError())
    raises(KeyError, charger.roots)


def test_of_a_value_that_is_damaged_no_root_is_taken():
    charger = Charger(values=[("manufacturer.1", ONE), ("manufacturer.2", TWO)])
    at = bytes(charger.flash.image).index(ONE)
    charger.flash.image[at + 7] ^= 1
    assert charger.roots() == [TWO] and charger.says("manufacturer.1 is damaged")
    for wrong in (b"\x31" + TWO[1:], b"\x2f" + TWO[1:], pem(TWO).encode()[:-40], b"\x80\xff"):
        charger = Charger(pem(ONE), [("manufacturer.1", TWO), ("manufacturer.2", wrong)])
        assert charger.roots() == [ONE, TWO], wrong
