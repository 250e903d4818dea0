# Windows of the control pilot for many histories: quick, but as the firmware would sample them.
# MIT license; part of microevse
"""Stands in the sampler seam (firmware/burst.py). A window of a sound converter is computed for
the circuit as it is, and kept as long as that does not change; while something is wrong with the
converter, the firmware's own sampler takes it, in fewer and longer conversions than a chip's."""

from twin import chip as chips

_WINDOWS = 4
_RENEW = 8
_MIN, _MAX, _US = 24, 40, 125
_LONG_US, _LONG_MAX = 8000, 100
_CUT = 4  # a count of 16 bits has so many more than the converter
_KEPT = 12  # states of the circuit whose windows are kept


class _Faulty:
    """A channel of a faulty converter: values of a sound window, one after the other, with the
    faults on them."""

    def __init__(self, sampler, adc, values, step_us):
        self.number = adc.number
        self._clock = sampler.clock
        self._faults = sampler.world.adc.faults
        self._values = values
        self._step_us = step_us
        self._i = -1

    def read_u16(self):
        clock = self._clock
        clock.run_to(clock.now_us + self._step_us)
        self._i = (self._i + 1) % len(self._values)
        value = self._values[self._i]
        raw, failed = self._faults.convert(self.number, -1, clock.now_us)
        if failed:
            return chips.adc_error()
        return value if raw < 0 else raw << _CUT | raw >> 8


class Sampler:
    """`real`: the firmware's sample(); `compute(world, adc, n, window_us, turn)`: the twin's.
    `before`: {ADC pin: fn() called at the beginning of each of its windows}."""

    def __init__(self, world, real, compute):
        self.world = world
        self.clock = world.clock
        self.before = {}
        self._real = real
        self._compute = compute
        self._ready = {}
        self._turn = 0
        self._used = 0

    def sample(self, adc, buf, window_us):
        world = self.world
        pin = adc.number
        world.was_sampled = True
        if pin in self.before:
            self.before[pin]()
        faulty = world.adc.faults.some(pin, self.clock.now_us)
        most = _LONG_MAX if window_us >= _LONG_US else _MAX
        n = min(most if most > _MAX else max(window_us // _US, _MIN), most, len(buf))
        before = self._windows(adc, n, window_us)
        if faulty:
            quick = _Faulty(self, adc, before[self._turn], window_us // n)
            return self._real(quick, buf, window_us)
        start = self.clock.now_us
        self.clock.spend(window_us)
        after = self._windows(adc, n, window_us)
        turn = self._turn = (self._turn + 1) % _WINDOWS
        self._used += 1
        if self._used >= _RENEW:
            # A spike drawn once must not come back in every fourth window for ever.
            self._used = 0
            after[turn] = self._compute(world, adc, n, window_us, turn)
        if after is before or start >= world.changed_us:
            buf[:n] = after[turn]
            return n
        cut = n * (world.changed_us - start) // window_us
        buf[:cut] = before[turn][:cut]
        buf[cut:n] = after[turn][cut:]
        return n

    def _windows(self, adc, n, window_us):
        pilot = self.world.sampled[adc.number]
        state = (adc.number, pilot.duty, pilot.high, pilot.low, window_us)
        ready = self._ready.get(state)
        if ready is None:
            if len(self._ready) >= _KEPT:
                self._ready.clear()
            ready = [
                self._compute(self.world, adc, n, window_us, turn) for turn in range(_WINDOWS)
            ]
            self._ready[state] = ready
        return ready
