# The relay pin. No other code writes to it, except to open it before a reset.
# MIT license; part of microevse
"""One Contactor for each relay; only iec61851.Evse closes it."""

import machine


class Contactor:
    """`relay`: the profile's contactor table: `pin`, `active_high` (default true)."""

    def __init__(self, relay):
        self._on = 1 if relay.get("active_high", True) else 0
        # The level is set before the output is enabled: no pulse.
        self._pin = machine.Pin(relay["pin"], machine.Pin.OUT, value=1 - self._on)
        self.closed = False
        # fn() that runs before the contacts close: the tick sets it (faster looks, shorter
        # watchdog). Without it, or if it raises, the contactor stays open.
        self.before_close = None

    def close(self):
        self.before_close()
        self.closed = True
        self._pin.value(self._on)

    def open(self):
        self._pin.value(1 - self._on)
        self.closed = False
