# The `neopixel` module of MicroPython, on the virtual board.
# MIT license; part of microevse

import twin_state as _s


class NeoPixel:
    """The last colours are in the world's `strips`, by pin."""

    def __init__(self, pin, n, bpp=3, timing=1):
        self.pin = pin
        self.n = n
        self._pixels = [(0,) * bpp for _ in range(n)]
        pin.init(pin.OUT)

    def __len__(self):
        return self.n

    def __setitem__(self, i, colour):
        for value in colour:
            if not 0 <= value <= 255:
                raise ValueError("a colour has 8 bits")
        self._pixels[i] = tuple(colour)

    def __getitem__(self, i):
        return self._pixels[i]

    def fill(self, colour):
        for i in range(self.n):
            self[i] = colour

    def write(self):
        _s.world.strips[self.pin.number] = list(self._pixels)
