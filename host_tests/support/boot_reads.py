# What a start reads from the flash until the charger is connected, and what that may take.
# MIT license; part of microevse
"""The whole firmware on the virtual board, from a slot, as a board starts. Reads are counted where
the program reads a partition. Seconds are an estimate by two figures of a chip: importing takes
about 15 ms per KB of `.mpy` from littlefs (seen on an emulated chip), and a read that goes through
Python 0.10 to 0.24 ms: what is left per read of the 8 to 14 s that were estimated for the start
with 43,248 of them."""

import pathlib
import tempfile
from collections import namedtuple

import update_kit
from bench import Bench
from fakeboard.board import flashed

MS_PER_KB = 15
MS_PER_READ = (0.10, 0.24)

# slots: {label: (reads, bytes)} of the partitions with an application; journal likewise.
Start = namedtuple("Start", "layout files size slot_reads slot_bytes journal_reads journal_bytes")


async def start(layout):
    """The `Start` of a charger with that partition table."""
    app = update_kit.application("0.1.0")
    with tempfile.TemporaryDirectory() as folder:
        flashed(folder, app, layout, {})
        vfs = pathlib.Path(folder, "vfs")
        async with Bench(data=folder, firmware=[vfs, vfs / "lib"]) as b:
            await b.start_of_day()
            reads = (await b.twin.flash())["reads"]
            loaded = await b.twin.modules()
    files = [path.partition("/app_a/")[2] for path in loaded if path.startswith("/app_a/")]
    slot = [0, 0]
    for label in ("app_a", "app_b", "romfs"):
        count, size = reads.get(label, (0, 0))
        if label == "romfs" and count:
            # The virtual board reads the partition once where a chip maps it into memory.
            count, size = count - 1, size - 0x140000
        slot = [slot[0] + count, slot[1] + size]
    return Start(layout, len(files), sum(len(app[f]) for f in files), *slot, *reads["journal"])


def seconds(found):
    """(least, most) that importing may take, in s. Slots in littlefs only."""
    base = found.size / 1024 * MS_PER_KB
    return tuple((base + found.slot_reads * each) / 1000 for each in MS_PER_READ)
