# NOR flash without the chip: in RAM, or in a file. Same verbs as hal/partition.py.
# MIT license; part of microevse
"""Flash devices for tests, for hosts, and for boards without a journal partition.

All of them keep the rule of the real chip: programming only turns ones into zeros,
and only an erase of a whole block brings the ones back.
"""

import os


def _anded(old, new):
    """The content of NOR flash after programming `new` over `old`."""
    if old == b"\xff" * len(old):
        return bytes(new)
    return bytes(a & b for a, b in zip(old, new))


class RamFlash:
    """NOR flash in RAM; `image` continues from an earlier one. Counts what is done to it."""

    def __init__(self, blocks=64, block_size=4096, image=None):
        self.blocks = blocks
        self.block_size = block_size
        self.image = bytearray(b"\xff" * (blocks * block_size)) if image is None else image
        if len(self.image) != blocks * block_size:
            raise ValueError("image size")
        self.reset_counters()

    def reset_counters(self):
        """Set `reads`, `read_bytes`, `programs`, `program_bytes` and `erases` to 0."""
        self.reads = self.read_bytes = 0
        self.programs = self.program_bytes = 0
        self.erases = 0

    def _check(self, addr, n):
        if addr < 0 or addr + n > len(self.image):
            raise ValueError("flash address")

    def read(self, addr, buf):
        """Fill `buf` from `addr`."""
        n = len(buf)
        self._check(addr, n)
        self.reads += 1
        self.read_bytes += n
        buf[:] = self.image[addr : addr + n]

    def program(self, addr, data):
        """Clear the bits at `addr` that are 0 in `data`; never erases."""
        n = len(data)
        self._check(addr, n)
        self.programs += 1
        self.program_bytes += n
        self.image[addr : addr + n] = _anded(bytes(self.image[addr : addr + n]), data)

    def erase(self, block):
        """Set all bits of `block`; on the chip this stalls everything for about 80 ms."""
        size = self.block_size
        self._check(block * size, size)
        self.erases += 1
        self.image[block * size : (block + 1) * size] = b"\xff" * size


class FileFlash:
    """NOR flash in a file, created (all ones) if it is not there.

    Every program is flushed to the file. A host needs no more. On a board the file system below
    may erase a block on any flush: use it only where a stall is allowed at any time, and use a
    partition otherwise.
    """

    def __init__(self, path, blocks=64, block_size=4096):
        self.blocks = blocks
        self.block_size = block_size
        size = blocks * block_size
        try:
            have = os.stat(path)[6]
        except OSError:
            have = 0
        if have > size:
            raise ValueError("%s is larger than %d bytes" % (path, size))
        # The creation of a shorter file was cut: the missing bytes are blank.
        with open(path, "ab") as f:
            while have < size:
                have += f.write(b"\xff" * min(block_size, size - have))
        self._file = open(path, "r+b")

    def _check(self, addr, n):
        if addr < 0 or addr + n > self.blocks * self.block_size:
            raise ValueError("flash address")

    def read(self, addr, buf):
        """Fill `buf` from `addr`."""
        self._check(addr, len(buf))
        self._file.seek(addr)
        buf[:] = self._file.read(len(buf))

    def _write(self, addr, data):
        self._file.seek(addr)
        self._file.write(data)
        self._file.flush()

    def program(self, addr, data):
        """Clear the bits at `addr` that are 0 in `data`."""
        old = bytearray(len(data))
        self.read(addr, old)
        self._write(addr, _anded(bytes(old), data))

    def erase(self, block):
        """Set all bits of `block`."""
        self._check(block * self.block_size, self.block_size)
        self._write(block * self.block_size, b"\xff" * self.block_size)

    def close(self):
        """Close the file."""
        self._file.close()
