# Faults of the converter: failed conversions and values that do not move.
# MIT license; part of microevse
"""How a failed conversion reads depends on MicroPython's version (ports/esp32/adc.c):

1.24, 1.25   adc1_get_raw() gives -1 and nobody looks: read() and read_u16() return -1, read_uv()
             the voltage of a full converter (esp_adc_cal_raw_to_voltage() clips)
from 1.26    the result of adc_oneshot_read() is ignored: 0, and read_uv() what a count of 0 means

The option "adc_error_as" ("raise", -1 or 0) is for a port that would do otherwise.
"""


class Fault:
    """A fault of the conversions of `pin` (None: all) until `until` (us)."""

    def __init__(self, pin, rate, burst, stuck, until):
        self.pin = pin
        self.rate = rate
        self.burst = burst  # so many fail one after the other
        self.stuck = stuck  # a count of 12 bits that is read in place of the real one
        self.until = until
        self.left = 0

    def hits(self, rng):
        """True if it acts on this conversion."""
        if self.left:
            self.left -= 1
            return True
        if self.rate >= 1 or rng.random() < self.rate:
            self.left = self.burst - 1
            return True
        return False


class Faults:
    """All faults of the converter."""

    def __init__(self, rng, options):
        self._rng = rng
        self._list = []
        if options.get("adc_error_rate"):
            self.suffer(rate=options["adc_error_rate"])

    def suffer(self, pin=None, rate=1.0, burst=1, stuck=None, ms=None, now=0, off=False):
        """From `now` (us) on, for `ms` or for ever: conversions of `pin` fail (`rate` of them, in
        runs of `burst`), or read `stuck`. `off`: all that is over."""
        if off:
            self._list.clear()
            return
        until = None if ms is None else now + ms * 1000
        self._list.append(Fault(pin, rate, burst, stuck, until))

    @property
    def active(self):
        return bool(self._list)

    def some(self, pin, now):
        """True if something may be wrong with conversions of `pin`."""
        if not self._list:
            return False
        self._list[:] = [f for f in self._list if f.until is None or now < f.until]
        return any([f.pin in (None, pin) for f in self._list])

    def convert(self, pin, raw, now):
        """(count, failed) of a conversion that would have given `raw`."""
        if not self.some(pin, now):
            return raw, False
        for fault in self._list:
            if fault.pin in (None, pin) and fault.hits(self._rng):
                if fault.stuck is None:
                    return 0, True
                raw = fault.stuck
        return raw, False
