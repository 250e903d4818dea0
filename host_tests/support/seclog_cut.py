# The security log with the power cut at flash operations.
# MIT license; part of microevse
"""`history(stride)`: a life in which both rings go round, cut at every `stride`-th operation, in
three ways: not begun, torn in the middle, done and never answered. After each the log is opened
and compared with what it had promised, and goes on. Runs on both interpreters.
"""

from store.ramflash import RamFlash
from store.seclog import EventLog

BLOCKS = 8
BS = 512


def flash():
    return RamFlash(BLOCKS, BS)


class PowerCut(BaseException):
    pass


class CutFlash(RamFlash):
    """Loses power at an operation: not begun, torn in the middle, or done and never answered."""

    left = -1
    way = 0

    def _cut(self, addr, data):
        if self.left < 0:
            return False
        self.left -= 1
        return self.left < 0

    def program(self, addr, data):
        if self._cut(addr, data):
            done = (0, len(data) // 2, len(data))[self.way]
            if self.way == 1 and len(data) < 2:
                RamFlash.program(self, addr, bytes([data[0] | 0x5A]))
            elif done:
                RamFlash.program(self, addr, bytes(data[:done]))
            raise PowerCut
        RamFlash.program(self, addr, data)

    def erase(self, block):
        if self._cut(block * self.block_size, b""):
            at = block * self.block_size
            if self.way == 1:
                for i in range(at, at + self.block_size, 3):
                    self.image[i] = 0xFF
            elif self.way == 2:
                RamFlash.erase(self, block)
            raise PowerCut
        RamFlash.erase(self, block)


def life(device, first, n, written, told):
    """Some of a charger's life: records of both kinds, all critical ones told, room made."""
    for i in range(first, first + n):
        book = EventLog(device)
        text = b"event %d" % i
        book.add(i % 2, i % 5, text)
        written.append(text)
        if i % 4 == 3:
            data = book.untold(0)
            text = bytes(data)
            book.told(book.seq)
            told.append(text)
        while book.tidy():
            pass


def history(stride, ways=(0, 1, 2)):
    """Cut every `stride`-th operation of a life in which each ring goes round; how many cuts."""
    start = flash()
    first = 0
    while start.erases < 12:
        life(start, first, 10, [], [])
        first += 10
    device = CutFlash(BLOCKS, BS, bytearray(start.image))
    device.left = 1 << 29
    life(device, first, 60, [], [])
    total = (1 << 29) - device.left
    cuts = 0
    for way in ways:
        for operation in range(way % stride, total, stride):
            device = CutFlash(BLOCKS, BS, bytearray(start.image))
            device.left, device.way = operation, way
            written, told = [], []
            try:
                life(device, first, 60, written, told)
                raise AssertionError("no cut at %d" % operation)
            except PowerCut:
                cuts += 1
            device.left = -1
            book = EventLog(device)
            rows = book.read(0, 1000)
            numbers = [row[0] for row in rows]
            assert numbers == sorted(set(numbers)), (operation, way, numbers)
            there = [bytes(row[3]) for row in rows]
            # Whatever `add` has returned for is there: the newest ones of each ring.
            for text in written[-14:]:
                assert text in there, (operation, way, text)
            marked = [bytes(row[3]) for row in rows if row[2]]
            for text in told:
                assert text not in there or text in marked, (operation, way, text)
            # It goes on.
            life(device, first + 60, 12, [], [])
            assert bytes(EventLog(device).read(0, 1000)[-1][3]) == b"event %d" % (first + 71)
    return cuts
