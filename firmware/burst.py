# Takes a window of ADC samples as fast as the chip gives them.
# MIT license; part of microevse
"""Outside hal/, so that a module found earlier on the path can replace this sampler.

Machine code (`native`): compiled on the chip, or with `mpy-cross -march=...`.
"""

from evse_base import MICROPYTHON, ticks_diff, ticks_us

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

    About 50 us for each on an ESP32: 80 samples in 4 ms. Does not allocate. A conversion that
    fails gives no sample: it raises an OSError, or is less than 0 (MicroPython 1.24 and 1.25).
    From 1.26 on it is a 0, which counts, because some front ends give 0 for -12 V.
    """
    start = ticks_us()
    # Conversions and PWM come from one crystal: 20 conversions in a period would sample the same
    # 20 places for ever, and one sample more or less is 5 % of duty. So each window begins a
    # little later than its tick, each time by another delay: the tick's 10 ms are 625 of these
    # steps.
    for _ in range(start >> 4 & 255):
        pass
    start = ticks_us()
    size = len(buf)
    n = 0
    while n < size and ticks_diff(ticks_us(), start) < window_us:
        try:
            value = adc.read_u16()
        except OSError:
            continue
        if value >= 0:
            buf[n] = value
            n += 1
    return n


def skipped_ms():
    """Milliseconds without ticks, on purpose, since the last window: 0 on a board."""
    return 0


def left_out():
    """True while ticks are left out on purpose: never on a board."""
    return False
