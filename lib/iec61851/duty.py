# Amperes <-> PWM duty of the control pilot.
# MIT license; part of microevse
"""Duty of the 1 kHz pilot in 1/65536, current in mA (IEC 61851-1 Tables A.7 and A.8).

The offer is never rounded up: the tolerance of the EV's reading belongs to the EV. All products
stay below 2**30, so that nothing here allocates.
"""

from evse_base import const

MIN_MA = const(6000)  # nothing less can be offered
MAX_MA = const(80000)
# At 85 % the scale changes, with a step: an EV reads 85 % as 51 A, a little more as 52.5 A.
_KNEE_MA = const(51000)
_UPPER_MA = const(52500)

FULL = const(65536)
STEADY = const(65535)  # PWM.duty_u16() for +12 V without pulses
FAULT = const(0)  # and for -12 V

# Bounds of Table A.8 in 1/65536, rounded to what still belongs to the range.
_PERCENT_8 = const(5243)
_PERCENT_10 = const(6554)
_PERCENT_85 = const(55706)
_PERCENT_96 = const(62914)
_PERCENT_97 = const(63569)


def duty_u16(ma):
    """Duty (of 65536) that offers at most `ma`. 6 to 80 A; ValueError outside."""
    if not MIN_MA <= ma <= MAX_MA:
        raise ValueError("%d mA cannot be offered" % ma)
    if ma < _UPPER_MA:
        return min(ma, _KNEE_MA) * 2048 // 1875  # d = I / 0.6 A per percent
    return (ma + 160000) * 4096 // 15625  # d = I / 2.5 A + 64 percent


def ma_offered(duty):
    """The current an EV may draw at `duty` (of 65536), in mA; 0 where charging is not allowed.

    3 to 7 % (digital communication) counts as not allowed: this charger does not have it.
    """
    if duty < _PERCENT_8 or duty > _PERCENT_97:
        return 0
    if duty < _PERCENT_10:
        return MIN_MA
    if duty <= _PERCENT_85:
        return duty * 1875 // 2048
    if duty <= _PERCENT_96:
        return duty * 15625 // 4096 - 160000
    return MAX_MA
