# Residual current device with a trip output and a test input.
# MIT license; part of microevse
"""Like an RCM14: TEST high makes it trip 20 to 200 ms later; it lets go after TEST is low."""


class Rcd:
    """`tripped` is the output. `moved()` is called when it changes."""

    def __init__(self, clock, rng, options, moved):
        self._clock = clock
        self._moved = moved
        ms = options.get("rcd_test_ms")
        self._delay_us = (rng.uniform(20, 200) if ms is None else ms) * 1000
        self._dead = options.get("rcd_no_test", False)  # the test winding is broken
        self._event = None
        self._testing = False
        self.fault = False  # a real residual current
        self.tripped = False

    def test(self, level):
        """The test input: 1, 0, or None (floating, pulled low)."""
        on = bool(level) and not self._dead
        if on != self._testing:
            self._testing = on
            self._clock.cancel(self._event)
            # Letting go takes a few milliseconds; tripping what the device needs.
            self._event = self._clock.after(self._delay_us if on else 5000, self._settle)

    def set_fault(self, on):
        """A residual current flows: trips at once."""
        self.fault = on
        self._settle()

    def _settle(self):
        tripped = self.fault or self._testing
        if tripped != self.tripped:
            self.tripped = tripped
            self._moved()

    def state(self):
        """[test input, output] as JSON types."""
        return [self._testing, self.tripped]

    def resume(self, state):
        """After a restart of the twin in which the test output went on as it was."""
        self._testing, self.tripped = state
        self._event = self._clock.after(self._delay_us, self._settle)
