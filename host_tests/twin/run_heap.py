# How a limited heap is divided between the firmware and the twin.
# MIT license; part of microevse
"""The firmware gets what was asked for, in one piece; what the twin has, will take and the image
of a ROM come on top."""

import gc
import sys

_64_BIT = sys.maxsize > 1 << 31
# What the twin takes for good while a firmware runs, beyond what it has before: as
# host_tests/support/twin_growth.py measures it (and test_rom.py compares) ...
HEAP_GROWTH_64 = 20 * 1024 + 224
HEAP_GROWTH_32 = 12 * 1024 + 512
HEAP_GROWTH = HEAP_GROWTH_64 if _64_BIT else HEAP_GROWTH_32
# ... and in passing: a command, a snapshot.
HEAP_PASSING = 16 * 1024 if _64_BIT else 8 * 1024


def limit_heap(limit, passing=HEAP_PASSING):
    """Leave the firmware `limit` bytes and the twin its own, `passing` of it in passing. Returns
    (what holds the rest, how much that is)."""
    before = gc.mem_free()
    room = bytearray(limit + HEAP_GROWTH + passing)
    ballast = _fill()
    del room
    gc.collect()
    return ballast, before - gc.mem_free()


def _fill():
    """Take all that is free, the smallest hole too; returns what holds it.

    The holes that the twin's start has left would be counted as free, but nothing of use
    fits into them: a chip has none of them.
    """
    chain = None
    size = 1 << 20
    while size > 16:
        try:
            chain = (chain, bytearray(size))
        except MemoryError:
            size //= 2
    try:
        while True:
            chain = (chain,)
    except MemoryError:
        return chain


def name_pools():
    """Fill MicroPython's pools of names up to where the next one has room for 2560.

    Pools double. On a chip the charger's 2500 or so names fill all pools of 20 to 1280, 2540
    in sum; here the twin's names are in them, too. So the twin pays for those, and the
    charger for the next, which is as large. Where the twin's names reach into that next one,
    it is there already: returns the bytes that the charger has to pay all the same.
    """
    for number in range(5120):
        before = gc.mem_alloc()
        getattr(gc, "twin_name_%d" % number, None)
        taken = gc.mem_alloc() - before
        if taken >= 11 * 5120:
            raise MemoryError("the twin has more names than it may have")
        if taken >= 11 * 2560:
            return taken
        if taken >= 11 * 1280:
            break
    # The pool of 1280 has just been made, by a name that is in it.
    for more in range(1279):
        getattr(gc, "twin_more_%d" % more, None)
    return 0
