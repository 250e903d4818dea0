# After any reset the heap at rest is what it is after switching on.
# MIT license; part of microevse
"""Measured in the base image at the chip's heap (heap_table.py). Not run where the 32-bit
interpreters cannot be built."""

import asyncio

import frozen
import heap_table
import pytest

# Bytes that may be free less: a list that has grown; after a crash also the last lines before it,
# at most hal.system.WORDS_MAX bytes and an object for each.
LESS_MOST = {"pwron": 1024, "wdt": 2560, "hard": 2560}


def test_a_start_after_a_crash_or_a_cut_session_leaves_no_code_in_memory():
    async def play():
        async with heap_table.bench("base, ROMFS", options=dict(heap_table.GRID)) as b:
            b.allow_trouble = True
            await b.boot()
            await b.charging()
            await b.do("release")
            await b.until(b._unplug, 60, "the cable can be pulled")

            async def free():
                await b.advance(200)
                return (await b.twin.heap())["free"]

            rest = await free()
            for cause, less in LESS_MOST.items():
                await b.charging()
                boots = b.twin.boots
                await b.do("reboot", cause=cause)
                await b.until(lambda boots=boots: b.twin.boots > boots, 100, "it starts again")
                await b.advance(30)
                await b.do("release")
                await b.until(b._unplug, 60, "the cable can be pulled")
                after = await free()
                print("%s: %d bytes free, %d before" % (cause, after, rest))
                assert after >= rest - less, cause

    try:
        asyncio.run(asyncio.wait_for(play(), 200))
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)
