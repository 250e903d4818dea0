# The limits of what a meter's register can do.
# MIT license; part of microevse
"""Checks that several meter drivers share.

EnergyGuard  jumps, going back, single readings that are wrong
Frozen       the energy does not move although power flows: a gateway that repeats its
             last answer, a register read from the wrong place
Unwrap       a register of few bits begins again at zero
"""

from evse_base import log
import evse_base as port
import meters
from evse_base import const

# A register moves in steps: float32 has 8 Wh at 100 MWh, some meters count 10 Wh.
_STEP_MWH = const(20000)
# After a longer gap than this a single reading is not believed: so much energy may have flowed in
# it that a wrong reading would not show. The longest interval between two polls is 60 s.
_GAP_MS = const(70000)
# A gateway may pass on a new total only now and then. A step up that full power makes within this
# time is no new register: it is believed once so much time has passed.
_SLOW_MS = const(300000)
# The wait for the second reading, in seconds.
AGAIN_S = 0.1


class EnergyGuard:
    """Makes a total that never jumps of a meter's register, which may be wrong now and then.

    A wrong register value would be billed: a bit error that passed the checksum, a meter that
    starts up with zero. max_power_w: the highest power that can flow. step_mwh: the step of the
    register, where that is known.
    """

    def __init__(self, max_power_w, step_mwh=0):
        self._max_power_w = max_power_w
        self._step_mwh = max(_STEP_MWH, 2 * step_mwh)
        self._mwh = None  # the register as it was believed last
        self._offset = 0  # what the total is beyond the register
        self._told = 0  # the same, with the result of the last `total`
        self._other = None  # the last reading that was not believed
        self._first = 0  # the first of the readings that agree with `_other`
        self._count = 0  # how many readings agree with it
        self._seen = self._since = 0  # ticks of the last and the first of them

    def _most(self, ms):
        # 1 W makes 1 mWh in 3600 ms.
        return self._max_power_w * ms // 3600 + self._step_mwh

    def total(self, mwh, age_ms, now):
        """Total in mWh for a register of `mwh`, at ticks `now`, `age_ms` after the last good.

        None where a second reading has to agree first; MeterError where the register
        contradicts what it said before. Nothing is believed before `keep(mwh)`.
        """
        if mwh < 0:
            raise meters.MeterError("energy register is negative")
        base = self._mwh
        self._told = self._offset
        # Ticks wrap: after days without a reading the time in between is not known.
        fits = base is None or (
            mwh >= base and (age_ms >= meters.STALE_MS or mwh - base <= self._most(age_ms))
        )
        if not fits or base is None or age_ms > _GAP_MS:
            most = self._most(port.ticks_diff(now, self._seen))
            if not self._count or not 0 <= mwh - self._other <= most:
                self._count = 0
                self._first = mwh
                self._since = now
            self._count += 1
            self._other = mwh
            self._seen = now
            if fits and self._count < 2:
                return None
        if not fits:
            for_ms = port.ticks_diff(now, self._since)
            slow = 0 <= mwh - base <= self._most(_SLOW_MS)
            if slow or self._count < meters.NEW_READINGS or for_ms < meters.NEW_MS:
                how = "went back" if mwh < base else "jumped"
                raise meters.MeterError("energy register %s from %d to %d mWh" % (how, base, mwh))
            # The register is another one. The energy before its first reading is not known.
            self._told += base - self._first
        return mwh + self._told

    def keep(self, mwh):
        """`mwh` was good: compare with it from now on."""
        if self._told != self._offset:
            log.warn("meter", "another register: %d mWh, not %d", mwh, self._mwh)
        self._offset = self._told
        self._mwh = mwh
        self._count = 0


# So much energy may flow before a register that does not move is called frozen: twice the coarsest
# common step (0.1 kWh), and 50 Wh for a meter that starts slowly.
_STEPS = const(2)
_SLACK_MWH = const(50000)
# A gap in the readings tells nothing about the power in between.
_LONGEST_MS = const(60000)


class Frozen:
    """step_mwh: the step of the register."""

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
            raise meters.MeterError(
                "energy register stands still at %d mWh while %d W flow" % (mwh, power_w)
            )


class Unwrap:
    """Makes a total that grows of a register with `modulus` values.

    max_power_w: the highest power that can flow. Across a wrap the register must have been read
    often enough: before half of its range has passed.
    """

    def __init__(self, modulus, unit_mwh, max_power_w):
        self._modulus = modulus
        self._unit_mwh = unit_mwh
        self._max_power_w = max_power_w
        self._raw = None
        self._base = 0

    def total(self, raw, age_ms):
        """mWh for register value `raw`; less than before where no wrap explains a smaller one.

        Nothing is kept before `keep(raw)`.
        """
        if not 0 <= raw < self._modulus:
            raise meters.MeterError("register value %d is outside of its range" % raw)
        return (self._lift(raw, age_ms) + raw) * self._unit_mwh

    def _lift(self, raw, age_ms):
        if self._raw is None or raw >= self._raw:
            return self._base
        step = raw + self._modulus - self._raw
        # 1 W makes 1 mWh in 3600 ms; one step more for where the counts fell.
        most = self._max_power_w * age_ms // 3600 // self._unit_mwh + 1
        wrapped = step <= most and step <= self._modulus // 2
        return self._base + self._modulus if wrapped else self._base

    def keep(self, raw, age_ms):
        """`raw` was good."""
        self._base = self._lift(raw, age_ms)
        self._raw = raw
