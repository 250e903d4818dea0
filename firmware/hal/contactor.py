# The relay pin. Nothing else writes to it.
# MIT license; part of microevse
"""One Contactor for each relay; only iec61851.Evse closes it."""

import machine

_before_close = None


def before_close(fn):
    """`fn()` runs before any contactor closes (faster tick, shorter watchdog): if it raises,
    the contactor stays open."""
    global _before_close
    _before_close = fn


class Contactor:
    """`relay`: the profile's contactor table: `pin`, `active_high` (default true)."""

    def __init__(self, relay):
        self._on = 1 if relay.get("active_high", True) else 0
        # The level is set before the output is enabled: no pulse.
        self._pin = machine.Pin(relay["pin"], machine.Pin.OUT, value=1 - self._on)
        self.closed = False

    def close(self):
        if _before_close:
            _before_close()
        self.closed = True
        self._pin.value(self._on)

    def open(self):
        self._pin.value(1 - self._on)
        self.closed = False
