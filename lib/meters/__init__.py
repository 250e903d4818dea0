# What all energy meters of the charger have in common.
# MIT license; part of microevse
"""The verbs every meter has, written down once; a driver is any class with these:

    async poll()        read the meter once; MeterError if nothing new could be learnt
    energy_mwh          total import register, mWh; None before the first good poll
    power_w             active power, W (negative: towards the mains; None: has none)
    current_ma          list, one per phase, mA; empty before the first good poll
    voltage_mv          list, one per phase, mV; (): the meter has no such register
    age_ms(now)         ms since the last good poll, at ticks `now`; STALE_MS if there was none

After a failed poll all values stay as they were and `age_ms` grows: how old is too old is
for the reader to say.
"""

import port

STALE_MS = 1 << 28  # three days: older than anybody accepts, and half a wrap of the ticks away

# A register moves in steps: float32 has 8 Wh at 100 MWh, some meters count 10 Wh.
_STEP_MWH = 20000


class MeterError(Exception):
    """The meter gave no reading, or none that can be true."""


class EnergyGuard:
    """Refuses a total that a meter of at most `max_power_w` cannot have reached.

    A wrong register value would be billed: a bit error that passed the checksum, a meter that
    starts up with zero. A meter that was exchanged or reset is refused too, until restart.
    step_mwh: what the register counts in, where that is known.
    """

    def __init__(self, max_power_w, step_mwh=0):
        self._max_power_w = max_power_w
        self._step_mwh = max(_STEP_MWH, 2 * step_mwh)
        self._mwh = None

    def check(self, mwh, age_ms):
        """Raise MeterError unless total `mwh` is possible `age_ms` after the last good one."""
        if mwh < 0:
            raise MeterError("energy register is negative")
        if self._mwh is None:
            return
        if mwh < self._mwh:
            raise MeterError("energy register went back from %d to %d mWh" % (self._mwh, mwh))
        # 1 W makes 1 mWh in 3600 ms. After days of silence nobody knows how long it was.
        most = self._max_power_w * age_ms // 3600 + self._step_mwh
        if age_ms < STALE_MS and mwh - self._mwh > most:
            raise MeterError(
                "energy register jumped from %d to %d mWh in %d ms" % (self._mwh, mwh, age_ms)
            )

    def keep(self, mwh):
        """`mwh` was good: compare with it from now on."""
        self._mwh = mwh


class Age:
    """How long ago something happened, in ticks that wrap."""

    def __init__(self):
        self._at = None

    def mark(self, now):
        """It happened at ticks `now`."""
        self._at = now

    def ms(self, now):
        """ms since then, at most STALE_MS; must be asked at least every three days."""
        if self._at is None:
            return STALE_MS
        age = port.ticks_diff(now, self._at)
        if not 0 <= age < STALE_MS:
            self._at = None
            return STALE_MS
        return age
