# Slots inside a ROMFS: where its files lie on the flash.
# MIT license; part of microevse
"""A MicroPython that runs code in place maps one partition into memory. So both slots are files of
one ROMFS there, each with a size for good; their data is pointed to, so that it begins with a
block of the flash (format: MicroPython's extmod/vfs_rom.c and tools/image.py)."""

# The files are found in so many bytes of the partition.
HEAD = 128
MAGIC = b"\xd2\xcd\x31"
_POINTER = 3
_FILE = 5


class Window:
    """A part of a NOR device, whole blocks, as a device of its own."""

    def __init__(self, flash, at, size):
        if at % flash.block_size or size % flash.block_size or size < 2 * flash.block_size:
            raise ValueError("%d bytes at %d are no blocks" % (size, at))
        self._flash = flash
        self._at = at
        self.block_size = flash.block_size
        self.blocks = size // flash.block_size
        if at // self.block_size + self.blocks > flash.blocks:
            raise ValueError("%d bytes at %d are outside" % (size, at))

    def read(self, addr, buf):
        self._flash.read(self._at + addr, buf)

    def program(self, addr, data):
        self._flash.program(self._at + addr, data)

    def erase(self, block):
        self._flash.erase(self._at // self.block_size + block)


def _number(data, at):
    """(value, where the next one begins): seven bits a byte, the last one without the eighth."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 127
        if byte < 128:
            return value, at


def files(head):
    """{name: (where its data begins, bytes)} of the files in the root whose data is pointed to.

    head: the first bytes of the ROMFS. ValueError if they are not those of one.
    """
    if bytes(head[:3]) != MAGIC:
        raise ValueError("no ROMFS")
    found = {}
    try:
        length, base = _number(head, 3)
        at, end = base, base + length
        while at < end:
            kind, at = _number(head, at)
            size, at = _number(head, at)
            after = at + size
            if kind == _FILE:
                size, at = _number(head, at)
                name = bytes(head[at : at + size]).decode()
                kind, at = _number(head, at + size)
                if kind == _POINTER:
                    _, at = _number(head, at)
                    size, at = _number(head, at)
                    found[name] = (base + _number(head, at)[0], size)
            at = after
    except IndexError:
        raise ValueError("the ROMFS has a damaged head, or one that is too long")
    return found
