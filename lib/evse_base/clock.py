# Uptime that never wraps, and wall time once it has been set.
# MIT license; part of microevse
"""Two clocks in one: uptime for stamps and intervals, Unix time for messages.

Nothing that measures an interval may use wall time: a CSMS can step it at any moment.
"""

import evse_base as port
from evse_base import const

# 2026-11-01T00:00:00Z: no wall time before this build existed is ever believed or sent.
BUILD_UNIX = 1793491200
# 2100-01-01: a time beyond it is a mistake of the sender.
_CEILING = const(4102444800)
# A difference of up to a second comes from the message's delay and rounding: it is no step.
_ROUNDING_MS = const(1000)
_MASK = const((1 << 30) - 1)


class Clock:
    """Uptime and wall time.

    Call `uptime_ms()` or anything built on it at least daily: the tick counter below
    wraps after 12 days, and half of that is the longest step it can tell. Not to be
    called from timer callbacks (it is not re-entrant).
    """

    def __init__(self, ticks_ms=port.ticks_ms, floor=BUILD_UNIX):
        self.boot = None
        self._ticks_ms = ticks_ms
        self._floor = floor
        self._last = ticks_ms()
        # Seconds and milliseconds apart: both stay small ints on the chip.
        self._s = 0
        self._ms = 0
        # Unix time at uptime 0: seconds, and milliseconds beyond them.
        self._offset = None
        self._part = 0
        self._first_offset = None
        self._listeners = []

    def _advance(self):
        now = self._ticks_ms()
        # Right for any counter that wraps at a power of two from 2**30 up.
        passed = (now - self._last) & _MASK
        if 0 < passed <= _MASK >> 1:
            self._last = now
            passed += self._ms
            self._s += passed // 1000
            self._ms = passed % 1000

    def uptime_ms(self):
        """Milliseconds since this object was made; never wraps, never goes back."""
        self._advance()
        return self._s * 1000 + self._ms

    def uptime(self):
        """Whole seconds of uptime."""
        self._advance()
        return self._s

    def now(self, ago_ms=0):
        """Unix seconds, `ago_ms` before now; None as long as the clock has not been set."""
        self._advance()
        if self._offset is None:
            return None
        return self._offset + self._s + (self._ms + self._part - ago_ms) // 1000

    def set(self, unix_s, ms=0):
        """Set the wall time to `unix_s` and `ms`; returns the step in seconds, None the first
        time.

        A difference of up to one second is no step: 0 is returned. A time that comes by a
        message is late, and often cut to whole seconds, never early: so of times that differ
        so little the clock keeps the latest, and is soon right to a fraction of a second.
        Raises ValueError for a time before the build or after 2100.
        """
        if not isinstance(unix_s, int) or not self._floor <= unix_s < _CEILING:
            raise ValueError("unbelievable time %s" % unix_s)
        self._advance()
        offset = unix_s - self._s
        part = ms - self._ms
        if part < 0:
            offset -= 1
            part += 1000
        step = None
        if self._offset is None:
            self._first_offset = offset
        else:
            late_ms = (offset - self._offset) * 1000 + part - self._part
            if 0 < late_ms < _ROUNDING_MS:
                step = 0
            elif -_ROUNDING_MS <= late_ms <= _ROUNDING_MS:
                step, offset, part = 0, self._offset, self._part
            else:
                step = (late_ms + 500) // 1000
        self._offset, self._part = offset, part
        for fn in self._listeners:
            fn(step)
        return step

    def on_set(self, fn):
        """Call `fn(step)` after every `set`; step is None the first time."""
        self._listeners.append(fn)

    def wall(self, boot, uptime):
        """Unix seconds of a moment of this boot, or None (other boot, clock not set yet).

        The first time that was set in this boot is the base, whatever steps came later: a message
        built twice from one record must be the same twice.
        """
        if boot is None or boot != self.boot or self._first_offset is None:
            return None
        return self._first_offset + uptime
