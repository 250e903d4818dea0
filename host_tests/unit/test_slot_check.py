# The running slot is looked at: one bit that has changed is found, and nothing is done about it.
# MIT license; part of microevse

import sys

from helpers import run
from slot_bench import Chip, image, pack
from twin import twin_state


def change(chip, name, at, mask=0xFE):
    """Clear a bit of the slot's image or, from its end, of its record."""
    flash = chip.appslot.record(name)[0]
    at = at if at >= 0 else flash.blocks * flash.block_size + at
    old = bytearray(1)
    flash.read(at, old)
    flash.program(at, bytes((old[0] & mask,)))
    flash.read(at, old)


class Looked:
    """A chip with a program, and what the check says of it."""

    def __init__(self, chip, seed=4):
        self.chip = chip
        self.content = image(seed, 2)
        self.name = chip.install(pack(self.content, "1.0"))
        from upkeep import slot_check

        slot_check._PAUSE_S = slot_check._AGAIN_S = 0
        self.check = slot_check
        self.asked = 0

    def damage(self, allowed=None):
        def always():
            self.asked += 1
            return True

        return run(self.check.damage(allowed or always))


def test_a_whole_program_is_read_to_its_end_and_is_not_damaged():
    with Chip() as chip:
        looked = Looked(chip)
        assert looked.damage() == ""
        assert looked.asked == 1 + -(-len(looked.content) // 1024)


def test_each_damage_is_told_with_its_place():
    for at, what in (
        (0, "the image"),
        (-4096 + 5, "the header"),
        (-4096 + 2047, "the header"),
        (-4096 + 40, "the header"),
    ):
        with Chip() as chip:
            looked = Looked(chip)
            mask = 0xFE
            for mask in range(8):
                change(chip, looked.name, at, 255 ^ 1 << mask)
            assert looked.damage() == "%s in app_a" % what, at
    with Chip() as chip:
        looked = Looked(chip)
        change(chip, looked.name, len(looked.content) - 1, 0)
        assert looked.damage() == "the image in app_a"
        change(chip, looked.name, len(looked.content), 0)


def test_what_lies_behind_the_image_does_not_matter():
    with Chip() as chip:
        looked = Looked(chip)
        change(chip, looked.name, len(looked.content), 0)
        assert looked.damage() == ""


def test_a_car_that_comes_between_the_looks_stalls_nothing():
    with Chip() as chip:
        looked = Looked(chip)
        change(chip, looked.name, -4096 + 5)
        header, read = looked.check._header, []
        looked.check._header = lambda: read.append(0) or header()
        try:
            assert looked.damage(lambda: not read) is None and read == [0]
        finally:
            looked.check._header = header


def test_one_wrong_read_is_no_damage():
    with Chip() as chip:
        looked = Looked(chip)
        whole, count = looked.check._look, []

        async def once(*place):
            count.append(1)
            return "the image" if len(count) == 1 else await whole(*place)

        looked.check._look = once
        assert looked.damage() == "" and len(count) == 2


def test_it_is_given_up_when_a_contactor_closes():
    with Chip() as chip:
        looked = Looked(chip)
        left = [3]

        def allowed():
            left[0] -= 1
            return left[0] >= 0

        assert looked.damage(allowed) is None
        before = twin_state.flash.ops
        assert looked.damage(lambda: False) is None
        assert twin_state.flash.ops == before, "it writes nothing"


def test_without_a_slot_there_is_nothing_to_look_at():
    with Chip() as chip:
        looked = Looked(chip)
        sys.path.remove("/app_a")
        assert looked.damage() == "" and looked.asked == 1


class Services:
    """What the check knows of the charger."""

    def __init__(self):
        self.station = self.clock = self
        self.program, self.check_s = "", 86400

    def uptime(self):
        return 1000

    def allowed(self):
        return True


def test_without_memory_for_it_the_slot_is_looked_at_later_and_no_damage_is_told():
    """A visitor of the page may have the memory."""
    with Chip() as chip:
        looked = Looked(chip)
        change(chip, looked.name, 0, 0)

        async def short(*place):
            raise MemoryError("1024 bytes")

        whole, looked.check._look = looked.check._look, short
        services = Services()
        run(looked.check.run(services))
        assert services.program == "" and services.check_s == 1000 + looked.check._RETRY_S
        looked.check._look = whole
        run(looked.check.run(services))
        assert "damaged (the image in app_a)" in services.program
