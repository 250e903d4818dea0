# NOR flash in a file, with its two asymmetric operations and their cost.
# MIT license; part of microevse
"""Erase makes ones of 4 KiB and stalls the chip 40 to 80 ms; program clears bits, 1 ms a page.

The file is the flash image, byte for byte; nothing of it is held in memory. Power can be
lost in the middle of any operation (`cut_at`): then a part of it, seeded, has happened.
"""

import os

SIZE = 4 * 1024 * 1024
SECTOR = 4096
PAGE = 256
_BLANK = b"\xff" * PAGE

_PROGRAM_US = 1000  # one page, with caches off and on again
_ERASE_MIN_US = 40000
_ERASE_MAX_US = 80000


class PowerLoss(BaseException):
    """Power was lost inside a flash operation and no parent ended the process."""


def _raise():
    raise PowerLoss()


class Flash:
    """cut: fn() called when power is lost at operation number `cut_at` (the first is 1)."""

    def __init__(self, path, clock, rng, cut=_raise, cut_at=None, size=SIZE):
        self._clock = clock
        self._rng = rng
        self._cut = cut
        self.cut_at = cut_at
        self.size = size
        self.ops = 0  # pages programmed and sectors erased
        self.erases = {}  # sector number: how often, since this object was made
        self.reads = {}  # {partition: [reads by the program, bytes]}
        self.overwrites = 0  # bits asked to be 1 that were 0: a program that needed an erase
        try:
            there = os.stat(path)[6]
        except OSError:
            there = 0
        if there > size:
            self.size = there  # the image of a module with more flash
        elif there != size:
            # A smaller file is an image whose making was interrupted: the rest is erased.
            with open(path, "ab") as f:
                blank = b"\xff" * SECTOR
                while there < size:
                    there += f.write(blank[: size - there])
        self._file = open(path, "r+b", 0)

    def _check(self, addr, length):
        if addr < 0 or addr + length > self.size:
            raise ValueError("address %d length %d is outside the flash" % (addr, length))

    def read(self, addr, buf):
        """Fill `buf` from `addr` on."""
        self._check(addr, len(buf))
        self._file.seek(addr)
        if self._file.readinto(buf) != len(buf):
            raise OSError(5)

    def program(self, addr, data):
        """Clear the bits that are 0 in `data`, page by page; never sets one."""
        self._check(addr, len(data))
        done = 0
        while done < len(data):
            # A page is what one command programs: it wraps at 256 bytes.
            n = min(PAGE - (addr + done) % PAGE, len(data) - done)
            self._program_page(addr + done, data[done : done + n])
            done += n

    def _program_page(self, addr, data):
        old = bytearray(len(data))
        self.read(addr, old)
        if old == _BLANK[: len(data)]:
            old[:] = data  # the usual case, and a tenth of the work
        else:
            for i in range(len(data)):
                if data[i] & ~old[i] & 255:
                    self.overwrites += 1
                old[i] &= data[i]
        if self._power_fails():
            # Some bytes are done, one is half done, the rest has not been touched.
            done = int(self._rng.random() * (len(data) + 1))
            if done < len(data):
                now = bytearray(1)
                self.read(addr + done, now)
                old[done] |= now[0] & int(self._rng.random() * 256)
            self._put(addr, old[: done + 1])
            self._cut()
        self._put(addr, old)
        self._clock.spend(_PROGRAM_US)

    def erase(self, addr):
        """Set the sector at `addr` to ones."""
        if addr % SECTOR:
            raise ValueError("address %d is not the start of a sector" % addr)
        self._check(addr, SECTOR)
        number = addr // SECTOR
        self.erases[number] = self.erases.get(number, 0) + 1
        if self._power_fails():
            self._half_erase(addr)
            self._cut()
        self._put(addr, b"\xff" * SECTOR)
        self._clock.spend(int(self._rng.uniform(_ERASE_MIN_US, _ERASE_MAX_US)))

    def _half_erase(self, addr):
        # Cells drift to 1 one by one: the sector is neither what it was nor erased.
        rng = self._rng
        strength = rng.random()
        old = bytearray(SECTOR)
        self.read(addr, old)
        for i in range(SECTOR):
            if rng.random() < strength:
                old[i] |= int(rng.random() * 256)
        self._put(addr, old)

    def store(self, addr, data):
        """For NVS, whose own care survives power cuts: write in place at a program's cost."""
        self._check(addr, len(data))
        self._put(addr, data)
        self._clock.spend(2 * _PROGRAM_US)

    def preset(self, addr, data):
        """What is there before the program runs, as a cable writes it: no operation, no time."""
        self._check(addr, len(data))
        self._put(addr, data)

    def _power_fails(self):
        self.ops += 1
        return self.ops == self.cut_at

    def _put(self, addr, data):
        self._file.seek(addr)
        if self._file.write(data) != len(data):
            raise OSError(28)

    def close(self):
        self._file.close()
