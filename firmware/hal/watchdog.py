# The task watchdog of the chip.
# MIT license; part of microevse
"""Once started it cannot be stopped; making it again sets another time."""

import machine

OPEN_MS = 8000  # an erase, a handshake, DNS: all that may happen while open
CLOSED_MS = 1000


class Watchdog:
    """Does not run before the first `set()`."""

    def __init__(self):
        self._wdt = None

    def set(self, ms):
        self._wdt = machine.WDT(timeout=ms)

    def feed(self):
        if self._wdt:
            self._wdt.feed()
