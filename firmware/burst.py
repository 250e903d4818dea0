# Takes a window of ADC samples as fast as the chip gives them.
# MIT license; part of microevse
"""The sampler seam: outside hal/, so that a module found earlier on the path can replace it.

Machine code (`native`): compiled on the chip, or with `mpy-cross -march=...`.
"""

from port import MICROPYTHON, ticks_diff, ticks_us

if MICROPYTHON:
    import micropython
else:

    class micropython:
        """MicroPython's code emitters, where there are none."""

        @staticmethod
        def native(fn):
            return fn


@micropython.native
def sample(adc, buf, window_us):
    """Fill array('H') `buf` with adc.read_u16() for `window_us`; returns how many.

    About 50 us for each on an ESP32: 80 samples in 4 ms. Does not allocate.
    """
    start = ticks_us()
    size = len(buf)
    n = 0
    while n < size and ticks_diff(ticks_us(), start) < window_us:
        try:
            buf[n] = adc.read_u16()
            n += 1
        except OSError:
            # A conversion that failed is no sample; a window of them is no information.
            continue
    return n


def skipped_ms():
    """Time that was left out on purpose since the last window: none, on a board."""
    return 0


def left_out():
    """Whether ticks are left out on purpose at this moment: never, on a board."""
    return False
