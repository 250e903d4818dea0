# Flash that loses power: at a given operation, or in copies at every one.
# MIT license; part of microevse
"""An operation is cut in several ways: not begun, torn between two bytes, torn within a byte, torn
all over (a page is programmed in parallel), done but never answered. Runs on both interpreters."""

from store.ramflash import RamFlash


class Random:
    """The same numbers on both interpreters."""

    def __init__(self, seed):
        self.x = seed & 0x3FFFFFFF

    def below(self, n):
        self.x = (self.x * 1103515245 + 12345) & 0x3FFFFFFF
        return (self.x >> 8) % n


class PowerCut(BaseException):  # no handler of the program may take it
    pass


NOT_BEGUN, TORN_BYTES, TORN_BITS, TORN_ALL_OVER, DONE_UNANSWERED = range(5)
WAYS = 5


class Power:
    """Of the flashes that lose it together: operations so far, and the number, from 1, of the one
    in the middle of which it goes."""

    operations = 0
    cut_at = None


class HalfFlash(RamFlash):
    """RAM flash that loses power in the middle of an operation: half of the data is written, or
    nothing is erased."""

    def __init__(self, blocks, *more, power=None):
        RamFlash.__init__(self, blocks, *more)
        self.power = power or Power()

    def _cut(self):
        self.power.operations += 1
        return self.power.operations == self.power.cut_at

    def program(self, addr, data):
        if not self._cut():
            return RamFlash.program(self, addr, data)
        RamFlash.program(self, addr, data[: len(data) // 2])
        raise PowerCut()

    def erase(self, block):
        if self._cut():
            raise PowerCut()
        RamFlash.erase(self, block)


class CutFlash(RamFlash):
    """RAM flash that can lose power in an operation, or be watched before each."""

    def __init__(self, image, blocks, block_size):
        RamFlash.__init__(self, blocks, block_size, image)
        self.watch = None
        self.left = -1  # operations until the cut; never if negative
        self.way = 0
        self.rng = None

    def _due(self):
        if self.watch:
            self.watch()
        if self.left < 0:
            return False
        self.left -= 1
        return self.left < 0

    def program(self, addr, data):
        if not self._due():
            return RamFlash.program(self, addr, data)
        self.tear_program(addr, data, self.way, self.rng)
        raise PowerCut()

    def erase(self, block):
        if not self._due():
            return RamFlash.erase(self, block)
        self.tear_erase(block, self.way, self.rng)
        raise PowerCut()

    def tear_program(self, addr, data, way, rng):
        part = bytearray(data)
        n = len(part)
        if way == NOT_BEGUN:
            return
        if way in (TORN_BYTES, TORN_BITS):
            at = rng.below(n)
            for i in range(at, n):
                part[i] = 0xFF
            if way == TORN_BITS:
                part[at] = data[at] | rng.below(256)
        elif way == TORN_ALL_OVER:
            for i in range(n):
                part[i] |= rng.below(256) & rng.below(256)
        RamFlash.program(self, addr, part)

    def tear_erase(self, block, way, rng):
        size = self.block_size
        start = block * size
        image = self.image
        if way == NOT_BEGUN:
            return
        if way == TORN_BYTES:  # the beginning is erased, the end is not
            at = rng.below(size)
            image[start : start + at] = b"\xff" * at
        elif way == TORN_BITS:  # the end is erased, the beginning is not
            at = rng.below(size)
            image[start + at : start + size] = b"\xff" * (size - at)
        elif way == TORN_ALL_OVER:
            # Cells differ: from a few that are back to one to nearly all.
            one_in = (1, 4, 16, 48)[rng.below(4)]
            for i in range(start, start + size):
                if rng.below(one_in) == 0:
                    image[i] = 0xFF if rng.below(4) else image[i] | rng.below(256)
        else:
            RamFlash.erase(self, block)


def watch(flash, torn, stride, ways, look):
    """From now on every `stride`-th operation of `flash` is cut in `ways` ways, the next one in
    the next ways, each in a copy: look(image, way) gets what is left. `flash` itself goes on.

    torn: the Random of what is torn. Returns [operations, cuts, erases], counted from now on.
    """
    program, erase = flash.program, flash.erase
    counts = [0, 0, 0]

    def fork(tear):
        counts[0] += 1
        if counts[0] % stride:
            return
        for i in range(ways):
            way = (counts[0] // stride * ways + i) % WAYS
            counts[1] += 1
            cut = CutFlash(bytearray(flash.image), flash.blocks, flash.block_size)
            tear(cut, way)
            look(cut.image, way)

    def watched_program(addr, data):
        fork(lambda cut, way: cut.tear_program(addr, data, way, torn))
        program(addr, data)

    def watched_erase(block):
        fork(lambda cut, way: cut.tear_erase(block, way, torn))
        counts[2] += 1
        erase(block)

    flash.program, flash.erase = watched_program, watched_erase
    return counts
