# The heap budget: no module and no session takes more than what is committed.
# MIT license; part of microevse
"""Modules at 32 bit from ROM against memory_budget.json: without node that cannot be measured.
Whole sessions in the heap of a chip with the base image.
"""

import asyncio

import footprint
import frozen
import heap_table
import memory_budget
import memory_run
import pytest


@pytest.fixture(scope="module", autouse=True)
def node():
    if footprint.wasm() is None:
        pytest.skip("NOT RUN: no node, or the 32-bit MicroPython cannot be fetched with it")
    yield
    footprint.forget()


def test_no_module_takes_more_heap_than_its_limit():
    rows = footprint.heap32(footprint.order(footprint.RESIDENT_ROOTS))["rows"]
    assert memory_budget.over(rows) == []


def test_a_budget_notices_growth():
    ((name, limit),) = footprint.heap32(footprint.order(["evse_base.log"]))["rows"][-1:]
    assert memory_budget.over([[name, limit]]) == []
    assert name in memory_budget.over([[name, 2 * limit]])[0]
    assert memory_budget.over([["no.such", 1]])


def _session(features, tls):
    """A session with all that a central system asks for, in the heap that a chip has with the
    base image: nothing is converted, and nothing of the twin is in it (heap_table.py)."""

    async def play():
        async with heap_table.bench("base, ROMFS", tls, features=features) as b:
            await memory_run.session(b)
            heap = await b.twin.heap()
        print("%s: %s" % (features, heap))
        assert not heap["refused"]

    try:
        asyncio.run(asyncio.wait_for(play(), 200))
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)


def test_a_session_with_all_features_passes_in_the_base_images_heap():
    _session("all", False)


def test_a_session_with_the_named_set_over_tls_passes_in_the_base_images_heap():
    _session("named", True)
