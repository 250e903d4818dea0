# Flash that loses power, and tokens for a list on it.
# MIT license; part of microevse

from store.ramflash import RamFlash


def info(status="accepted", expiry=None, parent=None):
    return {"status": status, "expiry": expiry, "parent": parent}


def tokens(n, start=0):
    # Spread, so that they do not come in order.
    return ["%08X" % ((i * 2654435761) & 0xFFFFFFFF) for i in range(start, start + n)]


class Lost(Exception):
    """The power went."""


class CutFlash(RamFlash):
    """RamFlash that loses power in operation number `cut` (a page or an erase).

    share: quarters of that operation that are done by then, 0 to 4.
    """

    def __init__(self, blocks, image=None, cut=0, share=2, block_size=512):
        RamFlash.__init__(self, blocks, block_size, image)
        self.cut = cut
        self.share = share
        self.ops = 0

    def _op(self):
        self.ops += 1
        return self.ops == self.cut

    def program(self, addr, data):
        if self._op():
            # Some bytes are done, the next one half: its high bits only.
            n = len(data) * self.share // 4
            RamFlash.program(self, addr, bytes(data[:n]))
            if n < len(data):
                RamFlash.program(self, addr + n, bytes([data[n] | 0x0F]))
            raise Lost()
        RamFlash.program(self, addr, data)

    def erase(self, block):
        if self._op():
            # Cells drift to one: some bytes have, some are on their way, some are as before.
            for i in range(block * self.block_size, (block + 1) * self.block_size):
                if i % 4 < self.share:
                    self.image[i] |= 0xF0 if i % 3 == 1 else 0xFF
            raise Lost()
        RamFlash.erase(self, block)
