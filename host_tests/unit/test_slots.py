# Application slots: which one starts, on any content of the flash and any cut of the power.
# MIT license; part of microevse

import sys

import slots
from helpers import raises
from slot_bench import ROM_AT, SLOTS, TABLES, Chip, image, pack, sweep
from slots import BLOCK, HEADER, rom
from store.ramflash import RamFlash


def record(number=1, tries=0, confirmed=True, given_up=False):
    return slots.Record(number, b"", b"", tries, confirmed, given_up)


def test_the_newest_starts_first():
    assert slots.choose([record(1), record(2)]) == [1, 0]
    assert slots.choose([record(3), record(2)]) == [0, 1]
    assert slots.choose([record(2), record(3, confirmed=False)]) == [1, 0]


def test_a_slot_that_was_started_three_times_in_vain_is_no_longer_started():
    assert slots.choose([record(1), record(2, tries=2, confirmed=False)]) == [1, 0]
    assert slots.choose([record(1), record(2, tries=3, confirmed=False)]) == [0]
    assert slots.choose([record(1), record(2, tries=3, confirmed=True)]) == [1, 0]


def test_what_is_empty_or_given_up_is_not_started():
    assert slots.choose([record(None), record(None)]) == []
    assert slots.choose([record(5, given_up=True), record(4)]) == [1]
    assert slots.choose([record(5, given_up=True), record(None)]) == []


def test_the_log_says_why():
    assert slots.why(record(None)) == "empty"
    assert slots.why(record(1)) == "confirmed"
    assert slots.why(record(1, given_up=True)) == "given up"
    assert slots.why(record(1, tries=1, confirmed=False)) == "on trial, start 2 of 3"
    assert slots.why(record(1, tries=3, confirmed=False)) == "not confirmed in 3 starts"


def test_steps_only_clear_bits():
    flash = RamFlash(4)
    slots.clear(flash)
    erases = flash.erases
    slots.describe(flash, pack(b"x")[:HEADER])
    assert not slots.read(flash).whole
    slots.commit(flash, 7)
    found = slots.read(flash)
    assert found.number == 7 and found.live and not found.confirmed and found.tries == 0
    assert found.field("version") == "2.0.0" and found.field("key") is None
    for started in range(1, 6):
        found = slots.read(flash)
        slots.start(flash, found)
        # The record in memory is the one on the flash.
        assert found.tries == slots.read(flash).tries == min(started, 3)
    assert slots.read(flash).tries == 3 and not slots.read(flash).live
    slots.confirm(flash)
    assert slots.read(flash).live
    slots.give_up(flash)
    assert not slots.read(flash).live and flash.erases == erases
    slots.clear(flash)
    assert not slots.read(flash).whole
    raises(ValueError, slots.describe, flash, b"short")


def test_a_commit_holds_for_its_own_header_only():
    """Any bit of commit or header digest changed: the slot is empty, not another version."""
    flash = RamFlash(2)
    slots.describe(flash, pack(b"x")[:HEADER])
    slots.commit(flash, 3)
    for at in range(BLOCK + HEADER - 32, BLOCK + HEADER + 12):
        for bit in range(8):
            flash.image[at] ^= 1 << bit
            assert not slots.read(flash).whole, (at, bit)
            flash.image[at] ^= 1 << bit
    assert slots.read(flash).whole


def test_garbage_is_an_empty_slot():
    for pattern in (b"\x00", b"\xff", b"SLOT", b"microevse-bundle 2\n"):
        flash = RamFlash(2)
        flash.image[:] = (pattern * (2 * BLOCK // len(pattern) + 1))[: 2 * BLOCK]
        found = slots.read(flash)
        assert not found.whole and slots.choose([found]) == []


def packs(layout, *images):
    """Bundles of (seed, version) for the slots of that partition table."""
    kind = {"slots": {"format": "lfs2", "block": 512}, "romfs": {}}[layout]
    return [pack(image(seed, rest=-1536), version, **kind) for seed, version in images]


def test_a_power_cut_at_any_operation_leaves_a_charger_that_starts():
    """An old version in both slots, the newer of them running; 3 blocks of image. Slots that are
    partitions, and slots that are files of one."""
    for layout in TABLES:
        older, old, new = packs(layout, (1, "older"), (2, "old"), (3, "new"))
        with Chip(layout=layout) as chip:
            chip.install(older)
            chip.install(old)
            found = sweep(chip, "old", new, 3, recovery=lambda point: 1 + point * 7 % 60)
            # Cleared, erased, header, three blocks, commit, first start, confirmation.
            assert found["ops"] == found["cuts"] > 55 and found["again"] > 40
            assert found["old"] > 45 and found["new"] > 2


def test_the_first_update_of_a_charger_without_slots_survives_a_cut_too():
    """Nothing in the slots: what lies in the file system runs until the update is complete."""
    for layout in TABLES:
        (new,) = packs(layout, (3, "new"))
        with Chip(layout=layout) as chip:
            assert chip.boot() is None
            blank = chip.save(1)
            chip.install(new)
            total = chip.ops
            for point in range(1, total + 1):
                chip.restore(blank)
                chip.cut_at(point)
                raises(BaseException, chip.install, new)
                chip.cut_at(None)
                if chip.boot() is None:
                    chip.install(new)
                else:
                    chip.appslot.confirm()
                assert chip.boot() == "app_a" and chip.started == "new"


def test_an_update_touches_nothing_but_its_slot():
    """The other slot, and the ROMFS's own head, which is beside the first one."""
    for layout in TABLES:
        bundles = packs(layout, (1, "1.0.0"), (2, "2.0.0"), (3, "3.0.0"))
        with Chip(layout=layout) as chip:
            chip.install(bundles[0])
            chip.install(bundles[1])
            first = SLOTS[layout][0]
            before = chip.sums()
            assert chip.install(bundles[2]) == "app_a"
            after = chip.sums()
            changed = [i for i in range(len(before)) if before[i] != after[i]]
            assert changed[0] == first[0] // BLOCK
            assert changed[-1] == (first[0] + first[1]) // BLOCK - 1


def test_a_rom_without_slots_has_none():
    for head in (b"", b"\xff" * 128, b"\xd2\xcd\x31\x05\x05\x7f\x01a", b"\xd2\xcd\x31\xff"):
        try:
            assert "app_a" not in rom.files(head)
        except ValueError:
            pass
    flash = RamFlash(4)
    for at, size in ((100, 2 * BLOCK), (0, 100), (0, BLOCK), (BLOCK, 4 * BLOCK)):
        raises(ValueError, rom.Window, flash, at, size)
    with Chip() as chip:
        chip.power_off()
        chip.restore([(ROM_AT, b"\xff" * BLOCK)])
        assert chip.appslot.devices() == [] and chip.boot() is None


def test_three_starts_without_a_word_and_the_old_version_is_back():
    with Chip() as chip:
        assert chip.install(pack(image(1), "1.0.0")) == "app_a"
        fresh = chip.feed(pack(image(2), "2.0.0"))
        what = fresh.what()
        assert fresh.finish()
        for _ in range(3):
            assert chip.boot() == "app_b" and chip.started == "2.0.0"
            assert chip.installer().installed(what) is None
        for _ in range(3):
            assert chip.boot() == "app_a" and chip.started == "1.0.0"
            assert chip.installer().installed(what) is False
        # And the next one is taken.
        assert chip.install(pack(image(3), "3.0.0")) == "app_b"


def test_an_image_that_cannot_be_mounted_is_given_up_at_once():
    with Chip() as chip:
        chip.install(pack(image(1), "1.0.0"))
        assert chip.feed(pack(b"crash", "2.0.0")).finish()
        assert chip.boot() == "app_a" and chip.boot() == "app_a"
        assert chip.appslot.record("app_b")[1].given_up


def test_going_back_needs_somewhere_to_go():
    with Chip() as chip:
        assert chip.boot() is None and chip.appslot.go_back() is False
        chip.install(pack(image(1), "1.0.0"))
        assert chip.appslot.go_back() is False
        assert chip.boot() == "app_a"
        chip.install(pack(image(2), "2.0.0"))
        assert chip.appslot.go_back() is True
        assert chip.boot() == "app_a" and chip.started == "1.0.0"
        assert chip.appslot.go_back() is False
        # The file system would do, if it had an application: then nothing must be given up.
        name = chip.appslot.running()
        whole, sys.path[:] = list(sys.path), ["/" + name, "/" + name + "/lib", "", "/lib"]
        assert chip.appslot.go_back(home=True) is False
        assert chip.boot() == "app_a"
        sys.path[:] = whole
        assert chip.appslot.go_back(home=True) is True
        assert chip.boot() is None


def test_without_a_partition_for_them_there_are_no_slots():
    with Chip() as chip:
        from twin import twin_state

        twin_state.options["without_partitions"] = ["app_b", "romfs"]
        assert chip.appslot.devices() == [] and chip.boot() is None
        assert chip.installer_module.fitted() is None
