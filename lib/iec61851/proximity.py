# Cable rating from the resistor between proximity pilot and PE.
# MIT license; part of microevse
"""Proximity pilot (IEC 61851-1 Annex B): 1.5 kohm 13 A, 680 ohm 20 A, 220 ohm 32 A,
100 ohm 63 A. Read once at A -> B and keep: the plug cannot change while it is locked.
"""

from evse_base import const

# Results that are no rating.
OPEN = const(0)  # no plug
SHORT = -1
INVALID = -2  # no cable has this resistance, and the socket is not empty: dirt, a broken resistor

# Upper bounds in ohms with the rating in mA below each (ranges of Annex B).
_RATINGS = ((80, SHORT), (140, 63000), (308, 32000), (936, 20000), (2460, 13000))
_OPEN_OHM = const(3700)  # 2.6 V with the usual 1 kohm to 3.3 V


def ohms(mv, pullup_ohm=1000, vcc_mv=3300):
    """Resistance that makes `mv` against the pull-up; a large number when nothing is there."""
    if mv >= vcc_mv:
        return 1000000
    return max(0, mv) * pullup_ohm // (vcc_mv - mv)


def rating_ma(resistance):
    """Cable rating in mA for ohms, or OPEN, SHORT, INVALID."""
    for limit, rating in _RATINGS:
        if resistance <= limit:
            return rating
    return OPEN if resistance >= _OPEN_OHM else INVALID


def cable_ma(mv, pullup_ohm=1000, vcc_mv=3300):
    """Cable rating in mA for millivolts at the proximity pilot, or OPEN, SHORT, INVALID."""
    return rating_ma(ohms(mv, pullup_ohm, vcc_mv))
