# Control pilot volts -> states A to F.
# MIT license; part of microevse
"""Levels of the control pilot at the EVSE, in millivolts (IEC 61851-1 Annex A, Table A.2).

Nominal +12 (A), +9 (B), +6 (C), +3 (D), 0 (E) and -12 V (F), each +-1 V; the thresholds
are the middles between two nominal levels. Hysteresis keeps a level that sits on a
threshold from chattering (the optional test of A.4.11).
"""

from port import const

UNKNOWN = const(0)  # no information: not a state, and never a reason to close
A = const(1)  # no EV
B = const(2)  # EV there, not ready
C = const(3)  # EV asks for energy
D = const(4)  # EV asks for energy and for ventilation
E = const(5)  # pilot shorted to PE, or no supply
F = const(6)  # the EVSE itself holds -12 V

LETTERS = "?ABCDEF"

# Lower bounds of A, B, C, D, E in mV.
_A_MV = const(10500)
_B_MV = const(7500)
_C_MV = const(4500)
_D_MV = const(1500)
E_MV = -1500

# Above this the front end is broken: nothing feeds the pilot with more than 12.6 V.
_TOP_MV = const(15000)

# To leave the last state, a level must pass the threshold by this much. Worst tolerances
# (source 5 %, resistors 3 %, ADC 1.5 %) leave 320 mV between any level and this band.
HYSTERESIS_MV = const(250)

# The negative half wave proves the EV's diode. Shorted, it reads -8.8 V in B and -5.6 V in
# C: a threshold of -6 V, often seen, never finds the short in B.
DIODE_MV = -10000

# Fewer samples than this in a plateau are no information.
_MIN_HIGH = const(3)
MIN_LOW = const(2)


def level(mv):
    """State whose window holds the positive plateau `mv`."""
    if mv > _TOP_MV or mv <= E_MV:
        return UNKNOWN
    if mv > _A_MV:
        return A
    if mv > _B_MV:
        return B
    if mv > _C_MV:
        return C
    if mv > _D_MV:
        return D
    return E


def classify(high_mv, low_mv, n_high, n_low, pwm, last):
    """State seen in one window of samples; does not allocate.

    `high_mv`, `low_mv`: the plateaus, `n_high`, `n_low`: samples in each, `pwm`: whether a
    square wave is being sent (then both plateaus must be there), `last`: state of the window
    before, for the hysteresis. The diode is judged by the caller, from `low_mv`.
    """
    if n_high < _MIN_HIGH:
        # Nothing but -12 V. One or two high samples beside it are noise without PWM, and
        # with PWM too little to tell.
        if (n_high == 0 or not pwm) and n_low >= _MIN_HIGH and low_mv <= DIODE_MV:
            return F
        return UNKNOWN
    state = level(high_mv)
    if state != last and A <= state <= E and A <= last <= E:
        # Letters count downwards in voltage: A is the highest.
        state = level(high_mv - HYSTERESIS_MV if state < last else high_mv + HYSTERESIS_MV)
        if state == UNKNOWN:  # -1.5 V less the hysteresis is still E
            state = E
    if pwm and n_low < MIN_LOW and state != E:
        # A pilot that is held near 0 V has no low half; every other state must have one.
        return UNKNOWN
    return state
