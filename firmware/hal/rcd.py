# Residual current monitor (6 mA DC, 30 mA AC): trip output and test input.
# MIT license; part of microevse
"""The second layer. The trip output also has to act on the relay driver directly: interrupts on an
ESP32 are soft, and a stalled interpreter does not run them."""

import asyncio

import machine

TEST_S = 0.5  # an RCM14 trips within this time after TEST
RELEASE_S = 0.5
_STEP_S = 0.01


def test_interval(settings):
    """fn(): milliseconds between two self-tests, as the setting says now."""
    return lambda: 1000 * settings.get("RcdTestInterval")


class Rcd:
    """`cfg`: pins `trip`, `test` (may be missing: then it cannot be tested), `active_high`."""

    def __init__(self, cfg):
        pin = machine.Pin
        self._tripped_level = 1 if cfg.get("active_high", True) else 0
        self._trip = pin(cfg["trip"], pin.IN)
        test = cfg.get("test")
        self._test = None if test is None else pin(test, pin.OUT, value=0)
        # The state is unknown before the first test. Without a test input it counts as passed.
        self._passed = self._test is None
        self._testing = False
        self._report = None
        self.evse = None  # the Evse whose contactor this RCD lets close
        self._plug = -1  # the plug-in that the passed test belongs to
        edge = pin.IRQ_RISING if self._tripped_level else pin.IRQ_FALLING
        self._trip.irq(handler=self._on_edge, trigger=edge)

    def on_trip(self, fn):
        """`fn("RcdTripped")` is called from the soft interrupt when it trips."""
        self._report = fn

    def tripped(self):
        return self._trip.value() == self._tripped_level

    def standing(self):
        """Tripped, and not because it is being tested."""
        return not self._testing and self.tripped()

    def is_ok(self):
        """Tested, and not tripped; with the contactor open the test has to be `fresh`, too. An old
        test opens nothing. Does not allocate: the tick asks in every window."""
        if self._testing or not self._passed or self.tripped():
            return False
        return self.evse is None or self.evse.closed or self.fresh()

    def fresh(self):
        """The last test that was passed began in this plug-in and has not expired; always true
        where it cannot be tested."""
        return self._test is None or self.evse is None or self._plug == self.evse.plug_count

    def expire(self):
        """Make the last test too old: the contactor cannot close before another test has passed. A
        contactor that is closed stays closed."""
        self._plug = -1

    async def self_test(self):
        """Make it trip and let go again. True if it did both. The contactor has to be open. Tests
        do not overlap: a call during a test waits for its end and returns its result."""
        if self._test is None:
            return not self.tripped()
        while self._testing:
            await asyncio.sleep(_STEP_S)
            if not self._testing and self._passed is not None:
                return self._passed
        self._passed = False
        if self.tripped():
            return False
        self._passed = None  # stays so if this is cancelled: then a call that waits tests again
        self._testing = True
        plug = 0 if self.evse is None else self.evse.plug_count
        try:
            self._test.value(1)
            fired = await self._becomes(True, TEST_S)
            self._test.value(0)
            released = await self._becomes(False, RELEASE_S)
        finally:
            self._test.value(0)
            self._testing = False
        self._passed = fired and released
        if self._passed:
            self._plug = plug
        return self._passed

    async def _becomes(self, tripped, limit_s):
        for _ in range(int(limit_s / _STEP_S)):
            await asyncio.sleep(_STEP_S)
            if self.tripped() == tripped:
                return True
        return False

    def _on_edge(self, _pin):
        # Read again: a contactor nearby may cause a false pulse of less than a millisecond.
        if not self._testing and self._report and self.tripped():
            self._report("RcdTripped")
