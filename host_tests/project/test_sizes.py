# The application fits its slot, and MicroPython's images their partition, with room to spare.
# MIT license; part of microevse
"""Every change meets these gates; `host_tests/support/flash_budget.py` says how sizes are got."""

import flash_budget
import frozen
import pytest


def test_the_application_leaves_room_in_its_slot():
    pytest.importorskip("littlefs", reason="NOT RUN: littlefs-python is missing")
    sizes = flash_budget.applications()
    print(sizes)
    assert set(sizes) == {"lfs2", "romfs"} and min(sizes.values()) > 100 * 1024
    assert flash_budget.over(sizes, flash_budget.APPLICATION) == []


@pytest.mark.parametrize("name", ("base", "frozen"))
def test_an_image_of_micropython_fits_its_partition(name):
    try:
        size = flash_budget.estimate(name)
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)
    print("%s: %d bytes at most, of %d" % (name, size, flash_budget.FACTORY[name]))
    assert flash_budget.FACTORY == {"base": 0x1F0000, "frozen": 0x330000}
    assert flash_budget.over({name: size}, flash_budget.FACTORY[name]) == []
    # MicroPython is in the figure, and what is frozen: names alone are more than this.
    assert flash_budget.STOCK > 1500000 and size - flash_budget.STOCK > 50 * 1024


def test_a_gate_notices_a_byte_too_many():
    assert flash_budget.over({"it": 100}, 100) == []
    assert flash_budget.over({"it": 101}, 100) == ["it takes 101 bytes, 1 more than the limit"]
