# The time and RAM of one look-up in the local authorization list.
# MIT license; part of microevse
"""usage: micropython bench_taglist.py [entries ...]   (CPython works too, without the RAM)

`measure(entries, form)` is for other programs: form 1 is what OCPP 1.6 needs (UIDs of 8 digits,
no kinds), 2 the same with kinds, "long" form 2 with 36 characters for every token and parent.
Flash is a plain byte array here: on a chip each read costs 20 to 100 us more, and `reads` says
how many there are. RAM is what the look-up leaves in the heap before a collection (`garbage`),
and what the open list keeps (`kept`), in bytes of this interpreter: halve them for a 32-bit one.
"""

import asyncio
import gc
import sys

HERE = __file__.replace("\\", "/").rsplit("/", 1)[0] if "/" in __file__ else "."
sys.path.insert(0, HERE + "/../../lib")

from evse_base import log  # noqa: E402
from evse_base import ticks_diff, ticks_us  # noqa: E402
from store.ramflash import RamFlash  # noqa: E402
from store.taglist import TagList  # noqa: E402

# Look-ups timed; half of them of tokens that are not in the list.
LOOKUPS = 400


# Form of the list: (what comes before and behind 8 digits of a token, kind, parent).
SHAPES = {
    1: ("", "", "", "FAMILY"),
    2: ("", "", "ISO14443", "FAMILY"),
    "long": ("0123456-89ab-cdef-", "-000000000", "Central", "FAMILY" * 6),
}


def token(i, form=1):
    """Token number i: unordered, 8 hexadecimal digits as of a card's UID, or 36 characters."""
    before, behind, _, _ = SHAPES[form]
    return before + "%08X" % ((i * 2654435761) & 0xFFFFFFFF) + behind


def _used():
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def measure(entries, form=1):
    """Numbers of a list with so many entries, as a dict; times in us."""
    _, _, kind, parent = SHAPES[form]
    info = {"status": "accepted", "expiry": None, "parent": parent}
    size = 45 if form == 1 else len(token(0, form)) + len(parent) + 5
    blocks = 2 * ((entries * size + 32 + 4095) // 4096)
    flash = RamFlash(blocks)

    async def fill():
        tags = TagList(flash)
        for first in range(0, entries, 100):
            some = [(token(i, form), info, kind) for i in range(first, min(first + 100, entries))]
            await tags.merge(first + 1, some)

    began = ticks_us()
    asyncio.run(fill())
    fill_us = ticks_diff(ticks_us(), began)
    before = _used()
    began = ticks_us()
    tags = TagList(flash)
    mount_us = ticks_diff(ticks_us(), began)
    kept = _used() - before
    if tags.count != entries:
        raise ValueError("%d entries, not %d" % (tags.count, entries))
    wanted = [token(i * entries // LOOKUPS * 2, form) for i in range(LOOKUPS // 2)]
    wanted += [token(entries + i, form) for i in range(LOOKUPS // 2)]
    shown = kind or "ISO14443"
    tags.find(wanted[0], shown)
    gc.collect()
    if hasattr(gc, "mem_alloc"):
        gc.disable()
        heap = gc.mem_alloc()
        tags.find(wanted[0], shown)
        garbage = gc.mem_alloc() - heap
        gc.enable()
    else:
        garbage = 0
    flash.reset_counters()
    found = 0
    began = ticks_us()
    for name in wanted:
        found += tags.find(name, shown) is not None
    us = ticks_diff(ticks_us(), began)
    return {
        "form": form,
        "size": size,
        "entries": entries,
        "found": found,
        "lookup_us": us // LOOKUPS,
        "reads": flash.reads / LOOKUPS,
        "kept": kept,
        "garbage": garbage,
        "mount_us": mount_us,
        "fill_us": fill_us,
        "flash": blocks * 4096,
    }


def table(sizes=(1000, 5000)):
    """Print what `measure` says for each size."""
    print("local authorization list on %s:" % sys.implementation.name)
    for size, form in [(size, form) for form in (1, 2, "long") for size in sizes]:
        m = measure(size, form)
        print(
            "form %s, %d bytes each, %5d entries: look-up %4d us, %4.1f reads, "
            "%4d bytes of garbage; open list keeps %d bytes; mount %d ms; "
            "filled in messages of 100 in %d ms; %d KiB of flash"
            % (
                m["form"],
                m["size"],
                m["entries"],
                m["lookup_us"],
                m["reads"],
                m["garbage"],
                m["kept"],
                m["mount_us"] // 1000,
                m["fill_us"] // 1000,
                m["flash"] // 1024,
            )
        )


if __name__ == "__main__":
    log.use_sink(lambda line: None)
    table([int(arg) for arg in sys.argv[1:]] or (1000, 5000))
