# The partition tables: what is where in the flash, for good.
# MIT license; part of microevse
"""A change of the table by cable erases the flash, and an update over the air does not change it.
So each region has its place before a version uses it, and keeps it."""

import re
import sys

import pytest
from tools_paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import image  # noqa: E402
import partitions  # noqa: E402
from partitions import DATA, MB, find  # noqa: E402

MICROEVSE = ROOT / "boards" / "micropython" / "MICROEVSE"
PAGE = (ROOT / "docs" / "partitions.md").read_text()
SECTOR = 4096
# Fixed for good: chargers with these tables are out there. {label: (subtype, where, bytes)}.
FOR_4_MB = {
    "vfs": (0x81, 0x340000, 0x20000),
    "seclog": (0x44, 0x360000, 0x8000),
    "secrets": (0x45, 0x368000, 0x8000),
    "model": (0x47, 0x370000, 0x10000),
    "lists": (0x41, 0x380000, 0x28000),
    "history": (0x46, 0x3A8000, 0x18000),
    "journal": (0x40, 0x3C0000, 0x40000),
}
FOR_8_MB = {
    "vfs": (0x81, 0x500000, 0x100000),
    "seclog": (0x44, 0x600000, 0x10000),
    "secrets": (0x45, 0x610000, 0x10000),
    "model": (0x47, 0x620000, 0x20000),
    "history": (0x46, 0x640000, 0x40000),
    "spare": (0x4F, 0x680000, 0x80000),
    "lists": (0x41, 0x700000, 0x80000),
    "journal": (0x40, 0x780000, 0x80000),
}
PLACES = {
    4: FOR_4_MB,
    8: FOR_8_MB,
    16: {**FOR_8_MB, "spare2": (0x4F, 0x800000, 0x800000)},
}
SLOTS = {
    4: {"app_a": (0x42, 0x200000, 0xA0000), "app_b": (0x43, 0x2A0000, 0xA0000)},
    8: {"app_a": (0x42, 0x300000, 0x100000), "app_b": (0x43, 0x400000, 0x100000)},
}
SLOTS[16] = SLOTS[8]
ROMS = {4: (0x8F, 0x200000, 0x140000), 8: (0x8F, 0x300000, 0x200000)}
ROMS[16] = ROMS[8]
HEAD = {"nvs": (0x02, 0x9000, 0x6000), "phy_init": (0x01, 0xF000, 0x1000)}


def places(layout):
    return {p.label: (p.subtype, p.offset, p.size) for p in partitions.LAYOUTS[layout] if p.type}


@pytest.mark.parametrize("megabytes", (4, 8, 16))
def test_every_region_is_where_it_is_for_good(megabytes):
    end = str(megabytes) if megabytes > 4 else ""
    regions = {**HEAD, **PLACES[megabytes]}
    assert places("slots" + end) == {**regions, **SLOTS[megabytes]}
    assert places("romfs" + end) == {**regions, "romfs": ROMS[megabytes]}
    for kind in ("slots", "romfs"):
        factory = find(partitions.LAYOUTS[kind + end], "factory")
        assert factory.offset == 0x10000
        assert factory.size == (0x1F0000 if megabytes == 4 else 0x2F0000)


def test_the_table_without_slots_has_the_same_regions():
    assert places("files") == {**HEAD, **FOR_4_MB, "vfs": (0x81, 0x200000, 0x160000)}


def test_the_table_of_a_frozen_application_has_the_same_regions():
    """Whoever goes from one image to the other keeps sessions, settings and secrets in place."""
    found = {p.label: (p.subtype, p.offset, p.size) for p in partitions.FROZEN if p.type}
    assert found == {**HEAD, **PLACES[4]}
    partitions.check(partitions.FROZEN, 4 * MB)
    factory = find(partitions.FROZEN, "factory")
    assert factory.offset + factory.size == find(partitions.FROZEN, "vfs").offset
    text = (MICROEVSE / "partitions-4MiB-frozen.csv").read_text()
    assert text == partitions.to_csv(partitions.FROZEN)


@pytest.mark.parametrize("layout", partitions.LAYOUTS)
def test_a_table_fits_its_flash_and_has_no_region_twice(layout):
    table = partitions.LAYOUTS[layout]
    size = partitions.FLASH_SIZES[layout]
    assert size == {"": 4, "8": 8, "16": 16}[layout.lstrip("filesotrm")] * MB
    partitions.check(table, size)
    # A charger finds each by its label; by type and subtype no two may be taken for each other.
    kinds = [(p.type, p.subtype) for p in table if not p.label.startswith("spare")]
    assert len(set(kinds)) == len(kinds)
    assert max(p.offset + p.size for p in table) == size, "the end of the flash is not used"
    for p in table:
        if p.type == DATA and p.label not in ("nvs", "phy_init", "vfs"):
            assert 0x40 <= p.subtype <= 0xFE, "numbers below are Espressif's"


@pytest.mark.parametrize("layout", partitions.LAYOUTS)
def test_regions_hold_what_they_are_for(layout):
    """docs/partitions.md has the reasons."""
    table = partitions.LAYOUTS[layout]
    # Security log: appended to, and the oldest sector is erased: three are needed to lose nothing.
    assert find(table, "seclog").size >= 3 * SECTOR
    # Keys and certificates twice, of several KB.
    assert find(table, "secrets").size >= 4 * SECTOR
    # 1,000 summaries of 64 bytes while half of the sectors more are there to go round.
    assert find(table, "history").size >= 1.5 * 1000 * 64
    # 1,000 tokens of the longest kind (77 bytes, docs/tokens.md), in each half.
    assert (find(table, "lists").size // 2 - 32) // 77 >= 1000
    assert find(table, "journal").size >= 256 * 1024
    # Boot files, settings and certificates take 64 KB; as much again while they are replaced.
    assert find(table, "vfs").size >= 128 * 1024
    for label in ("app_a", "app_b"):
        if layout.startswith("slots"):
            assert find(table, label).size >= image.bundle.ROOM["lfs2"] + SECTOR
    if layout.startswith("romfs"):
        rom = find(table, "romfs")
        assert image.rom_slots(rom.size)[0][2] >= image.bundle.ROOM["romfs"] + SECTOR
        # Memory addresses for data of the flash are 4 MB on an ESP32, constants of the image too.
        assert rom.size <= 2 * MB


def test_micropython_finds_the_file_system_and_the_romfs():
    """ports/esp32: flashbdev.py takes the data partition `vfs`, esp32_partition.c the one with
    the label `romfs`; the firmware finds all others by their labels."""
    for layout, table in partitions.LAYOUTS.items():
        assert find(table, "vfs").type == DATA
        labels = {p.label for p in table}
        assert ("romfs" in labels) == layout.startswith("romfs")
        assert ("app_a" in labels) == layout.startswith("slots")
        assert {"lists", "journal"} <= labels


@pytest.mark.parametrize("megabytes", (4, 8, 16))
def test_the_base_image_is_built_with_these_tables(megabytes):
    text = (MICROEVSE / ("partitions-%dMiB.csv" % megabytes)).read_text()
    layout = "romfs%d" % megabytes if megabytes > 4 else "romfs"
    assert text == partitions.to_csv(partitions.LAYOUTS[layout])
    assert partitions.from_csv(text) == partitions.LAYOUTS[layout]


def test_the_virtual_board_has_these_tables():
    """A new one, and for a flash without a table that of earlier versions."""
    text = (ROOT / "host_tests" / "twin" / "modules" / "esp32.py").read_text()
    new, older = (
        {row[0]: tuple(int(word, 0) for word in row[1:]) for row in map(str.split, lines)}
        for lines in (part.split("\n") for part in re.findall(r'"""\n(nvs.*?)\n"""', text, re.S))
    )
    assert new == {
        p.label: (p.type, p.subtype, p.offset, p.size) for p in partitions.LAYOUTS["slots"]
    }
    changed = {
        label: new.get(label)
        for label in set(new) | set(older)
        if new.get(label) != older.get(label)
    }
    assert set(changed) == {"vfs", "lists", "seclog", "secrets", "model", "history"}
    for label in ("vfs", "lists"):
        assert older[label][:3] == new[label][:3], "it begins where it began"
        assert older[label][3] > new[label][3]


def test_the_document_has_every_region_with_its_size():
    for megabytes in PLACES:
        for label, (subtype, _, size) in PLACES[megabytes].items():
            row = re.search(r"^\| `%s` \|.*$" % label, PAGE, re.M)
            assert row, label
            assert "0x%02x" % subtype in row.group(), label
            assert "%d KB" % (size // 1024) in row.group(), (label, megabytes)
