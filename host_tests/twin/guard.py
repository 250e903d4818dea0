# The guard: the part that opens the contactor when the interpreter does not.
# MIT license; part of microevse
"""Gates the relay driver by the control pilot alone, as the profile's `guard` says.

interlock: a comparator behind a peak detector (diode, 10 nF, 100 k): the driver has its supply
only while the pilot's peak is below 7.5 V. It keeps no state: back in C the driver works again.
external: a second MCU that looks every 10 ms and needs two equal looks. It checks the diode, too,
and once it has opened, it waits until the request has been taken away. Any other guard does
nothing.
"""

THRESHOLD_MV = 7500.0
_HOLD_US = 5000  # the peak detector charges within a few periods of 1 kHz
_RELEASE_US = 10000  # ... and discharges with 1 ms per time constant
_LOOK_US = 10000
_DIODE_V = -10.0
_PWM_FULL = 65536


class Interlock:
    """`held`: the driver has no supply. `moved()` is called when that changes."""

    def __init__(self, clock, pilot, options, moved):
        self._clock = clock
        self._pilot = pilot
        self._moved = moved
        self._limit = options.get("guard_mv", THRESHOLD_MV) / 1000
        self._event = None
        self._next = False
        self.held = self._next = self._peak() >= self._limit

    def _peak(self):
        pilot = self._pilot
        return pilot.high if pilot.duty > 0 else pilot.low

    def requested(self, on):
        """The chip's request: it is none of the comparator's business."""

    def state(self):
        """As JSON types; a guard is no part of the chip, and goes on through its resets."""
        return [self.held]

    def resume(self, state):
        self._clock.cancel(self._event)
        self._event = None
        self.held = self._next = state[0]

    def look(self):
        """The pilot may have changed."""
        held = self._peak() >= self._limit
        if held == self._next:
            return
        self._next = held
        self._clock.cancel(self._event)
        self._event = self._clock.after(_HOLD_US if held else _RELEASE_US, self._settle)

    def _settle(self):
        self._event = None
        if self.held != self._next:
            self.held = self._next
            self._moved()


class External:
    """A second MCU beside the pilot."""

    def __init__(self, clock, pilot, options, moved):
        self._clock = clock
        self._pilot = pilot
        self._moved = moved
        self._limit = options.get("guard_mv", THRESHOLD_MV) / 1000
        self._request = False
        self._tripped = False  # until the request is taken away
        self._due = None
        self.held = not self._good()

    def _good(self):
        pilot = self._pilot
        pwm = 0 < pilot.duty < _PWM_FULL
        if not 1.5 < pilot.high < self._limit or pilot.duty == 0:
            return False
        return not pwm or pilot.low <= _DIODE_V

    def requested(self, on):
        self._request = on
        if not on and self._tripped:
            self._tripped = False
            self._set(not self._good())

    def state(self):
        return [self.held, self._request, self._tripped]

    def resume(self, state):
        self.held, self._request, self._tripped = state

    def look(self):
        if self._due is None and (not self._good()) != self.held:
            # Two looks of its own cycle, which is not in step with anything of ours.
            us = _LOOK_US + (self._clock.now_us * 7919 % _LOOK_US)
            self._due = self._clock.after(us, self._look)

    def _look(self):
        self._due = None
        good = self._good()
        if not good and self._request:
            self._tripped = True
        if not good or not self._tripped:
            self._set(not good)

    def _set(self, held):
        if held != self.held:
            self.held = held
            self._moved()


def fitted(kind, clock, pilot, options, moved):
    """The guard of a profile, None where there is none that acts."""
    makers = {"interlock": Interlock, "external": External}
    if options.get("guard_dead") or kind not in makers:
        return None
    return makers[kind](clock, pilot, options, moved)
