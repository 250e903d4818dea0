# The common part of all energy meters of the charger.
# MIT license; part of microevse
"""The verbs every meter has, written down once; a driver is any class with these:

    async poll()        read the meter once; MeterError without a new reading
    energy_mwh          total import register, mWh; None before the first good poll
    power_w             active power, W (negative: towards the mains; None: has none)
    current_ma          list, one per phase, mA; empty before the first good poll
    voltage_mv          list, one per phase, mV; (): the meter has no such register
    age_ms(now)         ms since the last good poll, at ticks `now`; STALE_MS if there was none

After a failed poll all values stay as they were and `age_ms` grows: the reader decides how old is
too old.

No single reading is a base to count from. The first reading, and the first one after a gap, is
believed once a second reading agrees. A register that contradicts the readings before is refused.
It becomes the new base when it has given the same for NEW_MS: `energy_mwh` then goes on from where
it was, so that a running session gains or loses nothing by it.
"""

import evse_base as port

STALE_MS = 1 << 28  # three days: older than any reader accepts, and half a wrap of the ticks away

# The readings of a meter that was exchanged or reset, or whose first readings were wrong, are
# believed again when so many in a row, over so long, fit each other but not those before.
NEW_READINGS = 3
NEW_MS = 15000


class MeterError(Exception):
    """The meter gave no reading, or a reading that cannot be true."""


class Age:
    """How long ago an event was, in ticks that wrap."""

    def __init__(self):
        self._at = None

    def mark(self, now):
        """The event is now, at ticks `now`."""
        self._at = now

    def ms(self, now):
        """ms since the event, at most STALE_MS; call it at least every three days."""
        if self._at is None:
            return STALE_MS
        age = port.ticks_diff(now, self._at)
        if not 0 <= age < STALE_MS:
            self._at = None
            return STALE_MS
        return age
