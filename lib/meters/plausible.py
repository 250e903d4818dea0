# What a meter's register can do, and what it cannot.
# MIT license; part of microevse
"""Checks that several meter drivers share, beside `meters.EnergyGuard` (jumps, going back).

    Frozen   the energy does not move although power flows: a gateway that repeats its last
             answer, a register read from the wrong place
    Unwrap   a register of few bits begins again at zero
"""

from meters import MeterError

# So much energy may flow before a register that does not move is called frozen: twice the
# coarsest step that is common (0.1 kWh), and 50 Wh for what starts slowly.
_STEPS = 2
_SLACK_MWH = 50000
# A gap in the readings tells nothing about the power in between.
_LONGEST_MS = 60000


class Frozen:
    """step_mwh: what the register counts in."""

    def __init__(self, step_mwh=0):
        self._limit = _STEPS * step_mwh + _SLACK_MWH
        self._mwh = None
        self._expected = 0  # mWh * 3600 since it moved last

    def check(self, mwh, power_w, age_ms):
        """Total `mwh` while `power_w` flows, `age_ms` after the last reading; MeterError."""
        if mwh != self._mwh:
            self._mwh = mwh
            self._expected = 0
            return
        if power_w > 0 and age_ms <= _LONGEST_MS:
            self._expected += power_w * age_ms
        # 1 W makes 1 mWh in 3600 ms.
        if self._expected // 3600 > self._limit:
            raise MeterError(
                "energy register stands still at %d mWh while %d W flow" % (mwh, power_w)
            )


class Unwrap:
    """Makes a total that grows of a register with `modulus` values.

    max_power_w: the most that can flow. Across a wrap the register must have been read often
    enough: before half of its range has passed.
    """

    def __init__(self, modulus, unit_mwh, max_power_w):
        self._modulus = modulus
        self._unit_mwh = unit_mwh
        self._max_power_w = max_power_w
        self._raw = None
        self._base = 0

    def total(self, raw, age_ms):
        """mWh for register value `raw`; MeterError where no wrap explains a smaller value.

        Nothing is kept before `keep(raw)`.
        """
        if not 0 <= raw < self._modulus:
            raise MeterError("register value %d is outside of its range" % raw)
        return (self._lift(raw, age_ms) + raw) * self._unit_mwh

    def _lift(self, raw, age_ms):
        if self._raw is None or raw >= self._raw:
            return self._base
        step = raw + self._modulus - self._raw
        # 1 W makes 1 mWh in 3600 ms; one step more for where the counts fell.
        most = self._max_power_w * age_ms // 3600 // self._unit_mwh + 1
        if step > most or step > self._modulus // 2:
            raise MeterError("energy register went back from %d to %d" % (self._raw, raw))
        return self._base + self._modulus

    def keep(self, raw, age_ms):
        """`raw` was good."""
        self._base = self._lift(raw, age_ms)
        self._raw = raw
