# Regions of memory, divided as ESP-IDF divides its heap; no memory is behind them.
# MIT license; part of microevse
"""The same as support/micropython/chipheap/sysheap.c, which says how and by which source, for an
interpreter that has no module `chipheap`. A test compares the two, step by step."""

_HEADER = 4
_LEAST = 12
_CLASS_BITS = 4
_SHIFT = 24


def _step(size):
    """Distance of the size classes at `size`; 1 where each multiple of four has one."""
    if size < 1 << (_CLASS_BITS + 3):
        return 1
    bits = 0
    while size >> (bits + 1):
        bits += 1
    return 1 << (bits - _CLASS_BITS)


def usable(size):
    """The largest request that a free block of `size` bytes answers."""
    return size & ~(_step(size) - 1)


class FreeList:
    """reset(), region(size), take(size) -> address or 0, give(address), info()."""

    def __init__(self):
        self.reset()

    def reset(self):
        self._blocks = []  # [address, size, used], by address
        self._regions = []  # [total, free, least free ever]

    def region(self, size):
        """Adds a region of `size` bytes; those added first are asked first."""
        room = (size & ~3) - _HEADER
        self._regions.append([size, room, room])
        self._blocks.append([(len(self._regions) << _SHIFT) + _HEADER, room, False])

    def take(self, size, first=0):
        """The address of a block, 0 if no region from number `first` on has room."""
        if not 0 < size < 1 << _SHIFT:
            return 0
        exact = max((size + 3) & ~3, _LEAST)
        step = _step(exact)
        wanted = (exact + step - 1) & ~(step - 1)
        best = None
        for i, (at, room, used) in enumerate(self._blocks):
            if best is not None and at >> _SHIFT != self._blocks[best][0] >> _SHIFT:
                break
            if used or room < wanted or (at >> _SHIFT) - 1 < first:
                continue
            if best is None or room < self._blocks[best][1]:
                best = i
        if best is None:
            return 0
        block = self._blocks[best]
        region = self._regions[(block[0] >> _SHIFT) - 1]
        if block[1] >= exact + _HEADER + _LEAST:
            rest = [block[0] + exact + _HEADER, block[1] - exact - _HEADER, False]
            self._blocks.insert(best + 1, rest)
            block[1] = exact
            region[1] -= _HEADER
        block[2] = True
        region[1] -= block[1]
        region[2] = min(region[2], region[1])
        return block[0]

    def give(self, address):
        """Give a block back; ValueError if none begins there."""
        for i, block in enumerate(self._blocks):
            if block[0] == address and block[2]:
                block[2] = False
                self._regions[(address >> _SHIFT) - 1][1] += block[1]
                self._join(i)
                if i:
                    self._join(i - 1)
                return
        raise ValueError("no such block")

    def _join(self, i):
        if i + 1 >= len(self._blocks):
            return
        first, second = self._blocks[i], self._blocks[i + 1]
        if first[2] or second[2] or first[0] >> _SHIFT != second[0] >> _SHIFT:
            return
        first[1] += _HEADER + second[1]
        self._regions[(first[0] >> _SHIFT) - 1][1] += _HEADER
        del self._blocks[i + 1]

    def info(self):
        """[(total, free, largest that can be asked for, least free ever)] of each region."""
        largest = [0] * len(self._regions)
        for at, size, used in self._blocks:
            if not used:
                n = (at >> _SHIFT) - 1
                largest[n] = max(largest[n], usable(size))
        return [(r[0], r[1], big, r[2]) for r, big in zip(self._regions, largest)]
