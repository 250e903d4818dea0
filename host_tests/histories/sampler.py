# Windows of the control pilot, with a converter that may fail or stand still.
# MIT license; part of microevse
"""Stands in the sampler seam (firmware/burst.py). A window of a sound converter is computed for
the circuit as it is, and kept as long as that does not change; while a converter is faulty, the
firmware's own sampler runs, conversion by conversion."""


_WINDOWS = 4
_RENEW = 8
_MIN, _MAX, _US = 24, 40, 125
_KEPT = 12  # states of the circuit whose windows are kept

RAISES, MINUS, ZERO = "raises", "minus", "zero"  # 1.24 and 1.25, the same otherwise, 1.26 on
_MASK = 0xFFFF


class _Buffer:
    """What MicroPython's array('H') does with a number that does not fit: it is cut."""

    def __init__(self, size):
        self.data = [0] * size

    def __len__(self):
        return len(self.data)

    def __setitem__(self, i, value):
        self.data[i] = value & _MASK

    def __getitem__(self, i):
        return self.data[i]


class _Faulty:
    """A converter's channel; `fault` is an AdcFault."""

    def __init__(self, adc, sampler):
        self.number = adc.number
        self._adc = adc
        self._sampler = sampler

    def read_u16(self):
        sampler = self._sampler
        clock = sampler.clock
        clock.entered()
        clock.spend(52)
        fault = sampler.faults.get(self.number)
        if fault is not None:
            if fault.stuck is not None:
                return fault.stuck
            if sampler.random() < fault.rate:
                return fault.fails()
        world = sampler.world
        raw = world.adc.raw(world.adc.noisy(world.analog[self.number](clock.now_us)), 3)
        return raw << 4 | raw >> 8


class AdcFault:
    """`how`: RAISES, MINUS, ZERO; `rate`: share of the conversions; or a value that is stuck."""

    def __init__(self, how=ZERO, rate=1.0, stuck=None):
        self.how = how
        self.rate = rate
        self.stuck = stuck

    def fails(self):
        if self.how == RAISES:
            raise OSError(-263, "ESP_ERR_TIMEOUT")
        return -1 if self.how == MINUS else 0


class Sampler:
    """`real`: the firmware's sample(). `faults`: {ADC pin: AdcFault}."""

    def __init__(self, world, real, compute, random):
        self.world = world
        self.clock = world.clock
        self.random = random
        self.faults = {}
        self.before = {}  # {ADC pin: fn() called at the beginning of each of its windows}
        self._real = real
        self._compute = compute
        self._ready = {}
        self._turn = 0
        self._used = 0

    def sample(self, adc, buf, window_us):
        world = self.world
        world.was_sampled = True
        if adc.number in self.before:
            self.before[adc.number]()
        if adc.number in self.faults:
            cut = _Buffer(len(buf))
            n = self._real(_Faulty(adc, self), cut, window_us)
            for i in range(n):
                buf[i] = cut.data[i]
            return n
        n = min(max(window_us // _US, _MIN), _MAX, len(buf))
        before = self._windows(adc, n, window_us)
        start = self.clock.now_us
        self.clock.spend(window_us)
        after = self._windows(adc, n, window_us)
        turn = self._turn = (self._turn + 1) % _WINDOWS
        self._used += 1
        if self._used >= _RENEW:
            self._used = 0
            after[turn] = self._compute(world, adc, n, window_us)
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
            ready = [self._compute(self.world, adc, n, window_us) for _ in range(_WINDOWS)]
            self._ready[state] = ready
        return ready
