# Keeps the tasks of the charger running.
# MIT license; part of microevse
"""Tasks are started from factories and restarted with back-off when they end or fail.

A task that guards the electrical side is `critical`: it is started again at once, however
often it fails. It must report itself alive (`beat`) more often than its limit: if it does
not, the tick opens every contactor and feeds the watchdogs no longer (hal/tick.py).
"""

import asyncio

from evse_base import log
import evse_base as port
from evse_base import const

_FIRST_DELAY_S = const(1)
_MAX_DELAY_S = const(60)
# A task that ran this long before it failed starts again with the first delay.
HEALTHY_S = 120
# Wait before a critical task starts again: one that fails at once must not take all the time.
_CRITICAL_MS = const(100)


class Supervisor:
    """Starts and restarts tasks; knows which of them are alive."""

    def __init__(self, clock):
        self._clock = clock
        self._beats = {}  # name -> [limit_ms, ticks of the last beat]
        self.restarts = {}  # name -> count, for the page and for support
        self.reasons = {}  # name -> why it was started again the last time

    def start(self, name, factory, critical=False):
        """Run `factory()` (an async callable) for ever. Returns the supervising task."""
        return asyncio.create_task(self._run(name, factory, critical))

    def watch(self, name, limit_ms):
        """From now on `name` must beat at least every `limit_ms`; returns fn() that does it."""
        self._beats[name] = [limit_ms, port.ticks_ms()]
        return lambda: self.beat(name)

    def beat(self, name):
        self._beats[name][1] = port.ticks_ms()

    def alive(self):
        """False when a watched task is late. Called by the timer tick: must not allocate."""
        now = port.ticks_ms()
        for name in self._beats:
            entry = self._beats[name]
            if port.ticks_diff(now, entry[1]) > entry[0]:
                return False
        return True

    async def _run(self, name, factory, critical=False):
        # This code may find no memory, too. It starts the task again all the same.
        delay, began = _FIRST_DELAY_S, 0
        while True:
            try:
                began = self._clock.uptime()
                try:
                    await factory()
                    self.reasons[name] = "ended"
                    log.warn("task", "%s ended", name)
                except asyncio.CancelledError:
                    factory = None  # the task may be kept: not the code of set-up with it
                    raise
                except Exception as exc:
                    self.reasons[name] = repr(exc)[:80]
                    log.error("task", "%s failed: %r", name, exc)
                    port.print_exception(exc)
                self.restarts[name] = self.restarts.get(name, 0) + 1
            except Exception:
                pass  # to tell why the task failed takes memory
            try:
                if self._clock.uptime() - began > HEALTHY_S:
                    delay = _FIRST_DELAY_S
            except MemoryError:
                pass
            wait_ms = _CRITICAL_MS if critical else 1000 * delay
            while wait_ms:
                try:
                    if port.MICROPYTHON:
                        await asyncio.sleep_ms(wait_ms)  # sleep(0.1) makes floats on the heap
                    else:
                        await asyncio.sleep(wait_ms / 1000)
                    wait_ms = 0
                except MemoryError:
                    pass
            delay = min(2 * delay, _MAX_DELAY_S)
