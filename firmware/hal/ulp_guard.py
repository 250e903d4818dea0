# The ULP guard, main program's side: mailbox, converter by turns, the contactor's second key.
# MIT license; part of microevse
"""Only on an original ESP32 whose board file says guard = "ulp". docs/ulp.md has the design.

The program in the ULP (ulp_guard.S) looks at the pilot by itself. The contactor's pin is high only
where the main program has enabled the pad (ENABLE) *and* the ULP has set it (OUT): either opens
it, and both are needed to close.

ADC1 has one owner at a time. `take` and `give` are around every reading of it (hal/adc.py); `give`
is a turn for the ULP, which then takes a window of its own. Without a turn for 15 ms the ULP looks
without being asked: that is what makes it a guard in a stall.

What the timer tick calls does not allocate: each address is a literal, and what the ULP stores has
its own address in the upper half, below 2**30 as long as the program has less than 512 words.

Registers: ESP-IDF, components/soc/esp32/register/soc/rtc_io_reg.h, rtc_cntl_reg.h."""

import burst
import machine
from evse_base import const, ticks_diff, ticks_ms

from hal.pilot import Pilot
from hal.watchdog import Watchdog

PERMIT = const(0x0C05)
VERSION = const(0xE502)
_CMD, _HB, _REQ, _TURN = const(0x50000000), const(0x50000004), const(0x50000008), const(0x5000000C)
_LIMITS = const(0x50000010)  # CLO and the eleven words after it
_LEASE, _EASE = const(0x50000024), const(0x50000030)
_TICK, _STATE, _BUSY = const(0x5000003C), const(0x50000040), const(0x50000054)
_OUT_W1TC, _ENABLE_W1TS, _ENABLE_W1TC = (
    const(0x3FF48408),
    const(0x3FF48410),
    const(0x3FF48414),
)
_STATE0 = const(0x3FF48018)
_TIMER_EN = const(0x01000000)

_WINDOW_MS = const(12)  # the longest window of the ULP, 7.2 ms, and what is around it
_STUCK_MS = const(35)  # between two windows of the ULP while closed: a turn each 10 ms
_AGREE_MS = const(300)  # it closes within two windows, or it does not see what the tick sees
_NEVER = const(0x7FFF)


class UlpGuard:
    """`program`: the module hal.ulp_program. Opens and stops what may run from before a reset."""

    def __init__(self, program):
        self.mem = machine.mem32
        self.program = program
        self.bit = 1 << program.BIT
        self.on_fail = None  # fn(cause): the EVSE's trip
        self.inner = None  # what else must be true before closing
        self.running = False
        self.tested = False  # its self-test was passed in this plug-in
        self.failed = None  # what is wrong with it
        self.lease = _NEVER
        self._users = 0  # readings of the converter under way, one inside the other
        self._turn = self._hb = self._tick = 0
        self._seen_ms = self._closed_ms = 0
        self._closed = False
        self.open()
        self.stop()

    # -- the contactor -------------------------------------------------------------------

    def close(self):
        """Both keys: the pad is enabled, and the ULP may set it."""
        mem = self.mem
        self._closed_ms = self._seen_ms = ticks_ms()
        self._closed = True
        mem[_LEASE] = self.lease
        mem[_ENABLE_W1TS] = self.bit
        mem[_CMD] = PERMIT

    def open(self):
        """At once, whatever the ULP does."""
        mem = self.mem
        mem[_ENABLE_W1TC] = self.bit
        mem[_OUT_W1TC] = self.bit
        mem[_CMD] = 0
        mem[_LEASE] = _NEVER
        self._closed = False

    def may_close(self):
        """True if it has passed its test in this plug-in, runs, and nothing else is against it."""
        if not self.tested or not self.running or self.failed or self.mem[_STATE] & 0xFFFF:
            return False
        return self.inner is None or self.inner()

    def held(self):
        """Asked in each window while closed. True: the ULP has opened, or does not close."""
        state = self.mem[_STATE] & 0xFFFF
        if self._closed:
            now = ticks_ms()
            tick = self.mem[_TICK] & 0xFFFF
            if tick != self._tick:
                self._tick = tick
                self._seen_ms = now
            elif ticks_diff(now, self._seen_ms) > _STUCK_MS:
                self.fail("the ULP stands still")
            if not state and ticks_diff(now, self._closed_ms) > _AGREE_MS:
                return True
        return state > 1

    def fail(self, why):
        """It cannot be relied on: open, and close no more until it has passed another test."""
        self.open()
        self.failed = why
        self.tested = False
        if self.on_fail:
            self.on_fail("GuardFailed")

    # -- the converter ---------------------------------------------------------------------

    def take(self):
        """From here to `give` the converter is the main program's."""
        self._users += 1
        if not self.running:
            return
        mem = self.mem
        mem[_REQ] = 1
        if mem[_BUSY] & 0xFFFF:
            begun = ticks_ms()
            while mem[_BUSY] & 0xFFFF:
                if ticks_diff(ticks_ms(), begun) > _WINDOW_MS:
                    self.fail("the ULP does not give the converter back")
                    self.stop()
                    return

    def give(self):
        """A turn for the ULP."""
        self._users -= 1
        if not self._users and self.running:
            self._turn = turn = (self._turn + 1) & 0xFFFF
            mem = self.mem
            mem[_TURN] = turn
            mem[_REQ] = 0

    def sample(self, adc, buf, us):
        """As burst.sample(), with the converter in the main program's hands."""
        self.take()
        try:
            return burst.sample(adc, buf, us)
        finally:
            self.give()

    def beat(self):
        """The heartbeat: only from code that has just seen a healthy tick and living tasks."""
        self._hb = beat = (self._hb + 1) & 0xFFFF
        self.mem[_HB] = beat

    def ease(self, on):
        """The pilot has no square wave (1), or has it again (0)."""
        self.mem[_EASE] = on

    # -- the program -----------------------------------------------------------------------

    def stop(self):
        """No wake-up after this one. The window that runs has ended when this returns, 8 ms at
        most: after that `take` asks nobody, and a reading in a conversion of the ULP's hangs it
        until the power is cut."""
        mem = self.mem
        mem[_REQ] = 1
        mem[_STATE0] &= ~_TIMER_EN & 0xFFFFFFFF
        begun = ticks_ms()
        while mem[_BUSY] & 0xFFFF and ticks_diff(ticks_ms(), begun) <= _WINDOW_MS:
            pass
        self.running = False  # last: meanwhile the tick may want the converter

    def begun(self):
        """The program has been started with the converter in the main program's hands."""
        self.failed = None
        self._turn = self._hb = self._users = 0
        self.running = True
        self.mem[_REQ] = 0


class UlpContactor:
    """As hal.contactor.Contactor, where the ULP has the second key to the pin."""

    def __init__(self, guard):
        self._guard = guard
        self.closed = False
        self.before_close = None
        guard.open()

    def close(self):
        self.before_close()
        self.closed = True
        self._guard.close()

    def open(self):
        self._guard.open()
        self.closed = False


class EasedPilot(Pilot):
    """As hal.pilot.Pilot. The ULP is told before the square wave ends, and when it is back."""

    def __init__(self, cp, guard):
        self._guard = guard
        Pilot.__init__(self, cp)

    def steady(self):
        self._guard.ease(1)
        Pilot.steady(self)

    def offer(self, ma):
        Pilot.offer(self, ma)
        self._guard.ease(0)


class BeatingWatchdog(Watchdog):
    """As hal.watchdog.Watchdog. What feeds the watchdogs is the ULP's heartbeat, too: the tick,
    after looks that succeeded, while all watched tasks are alive."""

    def __init__(self, chip, guard):
        self._guard = guard
        Watchdog.__init__(self, chip)

    def feed(self):
        Watchdog.feed(self)
        self._guard.beat()
