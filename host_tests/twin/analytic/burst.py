# Pilot windows computed instead of sampled, for long runs.
# MIT license; part of microevse
"""Stands in for firmware/burst.py: the same samples statistically, in one step of time.

A real window has a conversion every 50 us; this one has 24 to 40 in all (100 of a long one), in
the proportion of the duty, with the converter's noise, and the slopes left out. What changed
while the window ran shows in the samples from that instant on. While `fidelity` is set to "sample"
(control command of that name) the firmware's own sampler is used.
"""

import sys
from array import array

import twin_state as _s

_WINDOWS = 4  # ready-made windows, used in turn: noise costs more than all the rest
_RENEW = 8  # after so many windows one of them is drawn anew
_MIN, _MAX, _US = 24, 40, 125
_LONG_US, _LONG_MAX = 8000, 100  # a low half of a few per cent needs samples to be seen in
_SETTLE_US = 20  # samples this soon after an edge are on its slope
_READ_US = 52

_own = None
_ready = {}  # ADC pin: (what they were made for, ready-made windows)
_used = {}  # ADC pin: windows given out, modulo the round in which each is drawn anew once


def sample(adc, buf, window_us):
    """Fill array('H') `buf` with raw readings of `window_us`; returns how many."""
    if _s.options.get("fidelity") == "sample":
        return _firmwares_own()(adc, buf, window_us)
    return compute(adc, buf, window_us)


def compute(adc, buf, window_us):
    """`sample` without a single conversion."""
    clock = _s.clock
    world = _s.world
    world.was_sampled = True
    if _s.chip is not None and _s.chip.rtc:
        _s.chip.rtc_side().rtc.main_reads(adc.number, adc.attenuation)
    if world.adc.faults.some(adc.number, clock.now_us):
        return _faulty(adc, buf, window_us)
    most = _LONG_MAX if window_us >= _LONG_US else _MAX
    n = min(most if most > _MAX else max(window_us // _US, _MIN), most, len(buf))
    before = _windows(adc, n, window_us)
    start = clock.now_us
    clock.spend(window_us)
    after = _windows(adc, n, window_us)
    # Each pilot has its own turns: over all of them the share of its plateaus is right.
    used = _used[adc.number] = (_used.get(adc.number, 0) + 1) % (_WINDOWS * _RENEW)
    turn = used % _WINDOWS
    if not used % _RENEW:
        # A spike drawn once must not come back in every fourth window for ever.
        i = used // _RENEW
        after[i] = _window(world, adc, n, window_us, i)
    if after is before or start >= world.changed_us:
        buf[:n] = after[turn]
        return n
    cut = n * (world.changed_us - start) // window_us
    window = before[turn]
    for i in range(n):
        if i == cut:
            window = after[turn]
        buf[i] = window[i]
    return n


def _faulty(adc, buf, window_us):
    """A window while something is wrong with the converter: each conversion on its own."""
    clock = _s.clock
    # No whole number of conversions in a period: they would see the same places of each.
    step = 107
    n = min(window_us // step, len(buf))
    count = 0
    for _ in range(n):
        clock.spend(step)
        try:
            value = adc.read_u16()
        except OSError:
            continue
        if value >= 0:  # as firmware/burst.py
            buf[count] = value
            count += 1
    return count


def left_out():
    """Whether a timer that samples leaves out ticks at this moment."""
    for timer in _s.timers.values():
        if timer.leaves_out():
            return True
    return False


def skipped_ms():
    """Milliseconds of regular ticks left out since the last call, because nothing changed."""
    world = _s.world
    ms = world.skipped_us // 1000
    world.skipped_us -= ms * 1000
    return ms


def _firmwares_own():
    """`sample` of the firmware's burst.py, which this module stands in front of."""
    global _own
    if _own is None:
        # An import, not exec: what is there may be compiled. This module stays what the
        # firmware has under the name.
        here = sys.modules.pop("burst")
        path = list(sys.path)
        sys.path[:] = [_s.options["firmware"][0]] + path
        try:
            _own = __import__("burst").sample
        finally:
            sys.path[:] = path
            sys.modules["burst"] = here
    return _own


def _windows(adc, n, window_us):
    """The ready-made windows for the circuit as it is now."""
    world = _s.world
    state = (world.version, n, window_us)
    ready = _ready.get(adc.number)
    if ready is None or ready[0] != state:
        # Of each pilot its own: with several of them they are asked for in turn.
        ready = (state, [_window(world, adc, n, window_us, i) for i in range(_WINDOWS)])
        _ready[adc.number] = ready
    return ready[1]


def forget():
    """Another world begins."""
    _ready.clear()
    _used.clear()


def _window(world, adc, n, window_us, turn):
    pilot = world.sampled.get(adc.number)
    if pilot is None:
        fn = world.analog.get(adc.number)
        high_mv = low_mv = 0.0 if fn is None else fn(world.clock.now_us)
        high = n
    else:
        high_mv = pilot.adc_mv(pilot.high)
        low_mv = pilot.adc_mv(pilot.low)
        duty = pilot.percent / 100
        # Over the ready-made windows the share is right within an eighth of a sample.
        part = (2 * turn + 1) / (2 * _WINDOWS)
        if duty > 0.5:
            high = n - _share(n, 1 - duty, window_us, part)
        else:
            high = _share(n, duty, window_us, part)
    out = array("H", bytes(2 * n))
    convert = world.adc
    for i in range(n):
        # Evenly mixed, as the periods are: a part of the window has both plateaus, too.
        mv = high_mv if (i + 1) * high // n > i * high // n else low_mv
        raw = convert.raw(convert.noisy(mv), adc.attenuation)
        out[i] = raw << 4 | raw >> 8
    return out


def _share(n, part, window_us, rounding):
    """How many of `n` samples show the plateau that lasts `part` of the period (1 ms)."""
    real = max(0.0, part * 1000 - _SETTLE_US) / 1000 * window_us / _READ_US
    if real < 1:
        return 0
    return min(n, int(n * part + rounding))
