# The named set in the base image, charging over wss://: what it may take, and what has to stay.
# MIT license; part of microevse
"""Here the GC heap has the chip's areas, and WiFi, sockets and TLS take from the same system heap
(heap_table.py). Not run where the 32-bit interpreters cannot be built."""

import asyncio
import re

import frozen
import heap_table
import pytest
from tools_paths import ROOT

# Bytes of GC heap that may be taken while charging over wss://, that have to be free then, and of
# the system heap when it had least.
TAKEN_MOST = 124 * 1024
FREE_LEAST = 20 * 1024
SYSTEM_LEAST = 24 * 1024
# Free with all features at the worst moment of a file: 7 KB as a rule, 4 KB have been seen.
FILES_LEAST = 2 * 1024
# Milliseconds between two looks at the pilot while a contactor is closed: a collection, and what
# runs just then. With the 30 ms of a contactor that is less than the 100 ms of IEC 61851-1.
GAP_MOST_MS = 66
# A collection stalls for 20 ms and more: seldom.
COLLECTIONS_A_MINUTE = 400


def _run(play):
    try:
        return asyncio.run(asyncio.wait_for(play(), 200))
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)


async def _charging(name, version="1.6"):
    """What the heap is while charging, and what a minute of it brings."""
    async with heap_table.bench(name, options={}, **heap_table.version_options(version)) as b:
        await b.boot()
        await b.charging()
        before = await b.twin.heap_now()
        await b.advance(60)
        heap = await b.twin.heap()
        heap["in_a_minute"] = heap["collections"] - before["collections"]
        lines = [line for line in heap_table.text({"charging": heap_table.Row(heap)})]
        page = await b.twin.command({"do": "look", "what": "page"})
        heap["gap"] = page["page"]["worst_gap_ms"]
        print("%s:\n%s" % (name, "\n".join(lines)))
        print("%(in_a_minute)d collections in a minute, gap while closed %(gap)d ms" % heap)
    assert not heap["refused"]
    assert heap["taken"] <= TAKEN_MOST
    assert heap["free"] >= FREE_LEAST
    assert heap["system_least"] >= SYSTEM_LEAST
    assert heap["gap"] <= GAP_MOST_MS
    assert 0 < heap["in_a_minute"] <= COLLECTIONS_A_MINUTE


def test_the_frozen_named_set_charges_over_tls_within_its_plan():
    _run(lambda: _charging("frozen"))


@pytest.mark.skipif(
    not (ROOT / "tools" / "names.py").exists(),
    reason="NOT RUN: without the application's names in the base image it does not fit",
)
@pytest.mark.parametrize("version", ("1.6", "2.1"))
def test_the_base_image_with_romfs_charges_over_tls_within_its_plan(version):
    _run(lambda: _charging("base, ROMFS", version))


def test_the_document_has_the_figures_of_the_model():
    """The table of docs/memory.md is printed by tools: no line of it is written by hand."""
    import memory_table

    text = (ROOT / "docs" / "memory.md").read_text()
    told = re.search(r"<!-- table -->\n(.*?)<!-- end -->", text, re.S).group(1)
    assert told == "\n".join(memory_table.lines()) + "\n"


def test_with_all_features_the_base_image_sends_a_log_and_takes_an_update_beside_wss():
    """After a session, a visitor and an outage, while the slot that runs is looked at."""

    async def play():
        rows = await heap_table.table("base, ROMFS", features="all")
        print("\n".join(heap_table.text(rows)))
        assert (
            rows["update"].free >= FILES_LEAST and rows["diagnostics upload"].free >= FILES_LEAST
        )

    _run(play)
