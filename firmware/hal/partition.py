# A flash partition as a NOR device: erase, program, read.
# MIT license; part of microevse
"""The verbs that lib/store expects. Trap: `writeblocks(n, buf)` erases (80 ms, everything
stalls), `writeblocks(n, buf, offset)` only programs; here only `erase()` ever erases."""

from esp32 import Partition

_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_BLOCK_ERASE = 6


class Flash:
    """Data partition `label`. OSError if there is none."""

    def __init__(self, label):
        found = Partition.find(Partition.TYPE_DATA, label=label)
        if not found:
            raise OSError("no partition %s" % label)
        self._partition = found[0]
        self.blocks = self._partition.ioctl(_BLOCK_COUNT, 0)
        self.block_size = self._partition.ioctl(_BLOCK_SIZE, 0)

    def read(self, addr, buf):
        """Fill `buf` from byte `addr` on."""
        self._each(self._partition.readblocks, addr, buf)

    def program(self, addr, data):
        """Turn ones into zeros from `addr` on. About 1 ms per 256 bytes; never erases."""
        self._each(self._partition.writeblocks, addr, data)

    def erase(self, block):
        """All ones. 40 to 80 ms in which nothing runs, not even the tick."""
        if self._partition.ioctl(_BLOCK_ERASE, block) not in (0, None):
            raise OSError("erase of block %d failed" % block)

    def _each(self, fn, addr, data):
        """Call fn(block, part, offset) for every block that `data` touches."""
        view = memoryview(data)
        done = 0
        while done < len(view):
            block, offset = divmod(addr + done, self.block_size)
            size = min(self.block_size - offset, len(view) - done)
            fn(block, view[done : done + size], offset)
            done += size
