# What a start reads from the flash until the charger is connected, and what that may take.
# MIT license; part of microevse
"""The whole firmware on the virtual board, from a slot, as a board starts. Reads are counted where
the program reads a partition. Seconds are an estimate by two figures of a chip: importing takes
about 15 ms per KB of `.mpy` from littlefs (seen on an emulated chip), and a read that goes through
Python 0.10 to 0.24 ms: what is left per read of the 8 to 14 s that were estimated for the start
with 43,248 of them."""

import contextlib
import pathlib
import tempfile
from collections import namedtuple

import lfs
import update_kit
from bench import Bench
from fakeboard.board import flashed

MS_PER_KB = 15
MS_PER_READ = (0.10, 0.24)

# slots: {label: (reads, bytes)} of the partitions with an application; journal likewise.
Start = namedtuple("Start", "layout files size slot_reads slot_bytes journal_reads journal_bytes")


_SIZES = "readsize=READ_SIZE, progsize=READ_SIZE"
_READ = "        self._flash.read(number * self._block + offset, buf)\n"
# A sector of the flash kept in memory; a read of littlefs lies within a block, and a block in one.
_AHEAD = """
        at = number * self._block + offset
        if self.__dict__.get("_sector") != at // 4096:
            self._ahead = self.__dict__.get("_ahead") or bytearray(4096)
            self._flash.read(at // 4096 * 4096, self._ahead)
            self._sector = at // 4096
        buf[:] = self._ahead[at % 4096 : at % 4096 + len(buf)]
"""


@contextlib.contextmanager
def _image(block, flat, backwards):
    """Images of littlefs made in another way."""
    kept = update_kit.bundle.LFS_BLOCK, update_kit.bundle.lfs2

    def made(content):
        if flat:
            content = {path.removeprefix("lib/"): data for path, data in content.items()}
        return kept[1](content)

    update_kit.bundle.LFS_BLOCK, update_kit.bundle.lfs2 = block, made
    if backwards:
        lfs.sorted = lambda names: sorted(names, reverse=True)
    try:
        yield
    finally:
        update_kit.bundle.LFS_BLOCK, update_kit.bundle.lfs2 = kept
        vars(lfs).pop("sorted", None)


async def start(layout, sizes=None, block=512, flat=False, backwards=False, ahead=False):
    """The `Start` of a charger with that partition table.

    For the bench, how it could be. sizes: other arguments of VfsLfs2; block: of littlefs; flat:
    lib/ beside the rest; backwards: the files in another order; ahead: a sector read at once.
    """
    app = update_kit.application("0.1.0")
    if sizes is not None or ahead:
        source = (update_kit.ROOT / "firmware" / "hal" / "appslot.py").read_text()
        assert _SIZES in source and _READ in source
        if sizes is not None:
            source = source.replace(_SIZES, sizes)
        if ahead:
            source = source.replace(_READ, _AHEAD)
        app = {**app, "hal/appslot.mpy": update_kit.compiled(source)}
    with tempfile.TemporaryDirectory() as folder:
        with _image(block, flat, backwards):
            flashed(folder, app, layout, {})
        vfs = pathlib.Path(folder, "vfs")
        async with Bench(data=folder, firmware=[vfs, vfs / "lib"]) as b:
            await b.start_of_day()
            reads = (await b.twin.flash())["reads"]
            loaded = await b.twin.modules()
    files = [path.partition("/app_a/")[2] for path in loaded if path.startswith("/app_a/")]
    files = [path if path in app else "lib/" + path for path in files]  # of a flat image
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
