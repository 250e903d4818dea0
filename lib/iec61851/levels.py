# Control pilot volts -> states A to F, and the faults of a pilot.
# MIT license; part of microevse
"""Levels of the control pilot at the EVSE, in millivolts (IEC 61851-1 Annex A, Table A.2), and
what one window of samples says about the EV, its diode and the charger's own front end. No
decision is taken here.

Nominal +12 (A), +9 (B), +6 (C), +3 (D), 0 (E) and -12 V (F), each +-1 V; the thresholds
are the middles between two nominal levels. Hysteresis keeps a level that sits on a
threshold from chattering (the optional test of A.4.11).

A wrong pilot has two possible culprits. If what comes back does not have the duty that
was sent, the charger's own PWM, driver or ADC is broken (PilotOutput, PilotDuty, PilotBlind);
if it has, but the levels are no EV's, the EV or the cable is (PilotWrong, DiodeLost).
"""

from evse_base import const

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

# Share of samples in the upper plateau against the duty sent, per mille. The four periods
# of a window hold it within 50.
_SHARE_PM = const(120)
# The same over this many windows (half a second while closed, a whole one while open); then the
# sums are halved, so that older windows fade. The error is one sample of each window, and slopes:
# 10 + 12 of 80 samples.
_DUTY_PM = const(10)
_DUTY_WINDOWS = const(64)
_MIN_SAMPLES = const(16)  # an ESP32 gives 66 and more in 4 ms; with less no duty can be told
# An EV may be plugged in unseen while state F is sent. So the source is measured at the beginning
# of F, and the result counts only if state A was there before and is there again soon.
_ALONE_MS = const(500)
_SOON_MS = const(2000)
_AGAIN_MS = const(100)  # the contacts of a plug bounce for less than this


# IEC 61851-1 Table A.2 wants -12 V within 1 V, and good sources are within 5 %. A converter
# that is 6 % off before calibration moves what is seen by 0.13 V.
WEAK_MV = -11100
_SURE = const(2)  # measurements in a row; one may have caught a disturbance

AGED = const(60000)  # counters of windows and of ms stop here


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


class Streak:
    """Counts windows in a row in which something holds, and the time since the first of them."""

    def __init__(self):
        self.windows = self.ms = 0

    def more(self, ms):
        """One window more, `ms` after the one before."""
        if self.windows:
            self.ms = min(self.ms + ms, AGED)
        self.windows = min(self.windows + 1, AGED)

    def over(self):
        self.windows = self.ms = 0

    def lasts(self, windows, ms):
        """True if it has held in at least that many windows and for at least that long."""
        return self.windows >= windows and self.ms >= ms


class FrontEnd:
    """Does the charger's own pilot source reach -12 V?

    An op-amp that is not rail to rail, or a supply that sags, ends at -10.7 V and worse. Then a
    sound EV reads like one with a bad diode: the diode check (levels.DIODE_MV) has no room left.
    With no EV on the line the negative half is the source alone. So it is measured then, and the
    charger gets the blame, not the next car.

    `low_mv`: the last measurement, None before any; `weak`: -12 V is not reached.
    """

    def __init__(self):
        self.low_mv = None
        self._short = 0

    def seen(self, low_mv):
        """One measurement of the negative half with no EV there. Does not allocate."""
        self.low_mv = low_mv
        if low_mv > WEAK_MV:
            self._short = min(self._short + 1, _SURE)
        else:
            self._short = 0

    def tested(self, low_mv):
        """The same from the self-test at boot, which is an average already."""
        self.seen(low_mv)
        self.seen(low_mv)

    @property
    def weak(self):
        return self._short >= _SURE


class Observer:
    """Findings of the last window; `look()` does not allocate.

    `level`: state A to F or UNKNOWN; `run`: how long it has been that. `diode_good`: a
    negative half wave as a diode makes it. `cause`: the fault, or None.
    `front_end`: the measurements of the charger's own -12 V.
    """

    def __init__(self, diode_check):
        self._diode_check = diode_check
        self.level = UNKNOWN
        self.run = Streak()
        self.diode_good = False
        self.cause = None
        self.front_end = FrontEnd()
        self._state_f = Streak()  # state F, whose measurement is not judged yet
        self._low_mv = self._low_before_mv = 0  # the last two measurements in it, 0: none
        self._after_a = False  # the level before this one was A
        # Since the duty was changed: windows, samples, and those of the upper half.
        self._share_pm = self._windows = self._n = self._n_high = 0
        self._duty_off = False  # their share is not the duty that was sent

    def look(self, plateau, seen_ms, pwm, share_pm, alone=False):
        """`seen_ms`: observed time since the last window; `share_pm`: duty sent, per mille;
        `alone`: no EV was there until now."""
        n = plateau.n
        n_high = plateau.n_high
        n_low = plateau.n_low
        low_mv = plateau.low_mv
        level = classify(plateau.high_mv, low_mv, n_high, n_low, pwm, self.level)
        run = self.run
        if level != self.level:
            self._after_a = self.level == A
            self.level = level
            run.over()
        run.more(seen_ms)
        self.diode_good = good = not self._diode_check or (n_low >= MIN_LOW and low_mv <= DIODE_MV)

        if not share_pm or self._state_f.windows or (pwm and level == A):
            self._look_at_source(n_low, low_mv, seen_ms, share_pm, alone)

        if share_pm != self._share_pm:
            # This window may have begun with the duty before.
            self._share_pm = share_pm
            self._windows = self._n = self._n_high = 0
            self._duty_off = False
        elif level != E:
            # Held near 0 V there is one plateau only, whatever is sent.
            self._n_high += n_high
            self._n += n
            self._windows += 1
            if self._windows >= _DUTY_WINDOWS:
                self._duty_off = not self.sure
                self._windows >>= 1
                self._n >>= 1
                self._n_high >>= 1

        # Two samples more or less prove nothing.
        if n < _MIN_SAMPLES or (not n_high and share_pm and low_mv <= plateau.empty_mv):
            # A conversion that fails gives 0 from MicroPython 1.26 on: windows of zeros are no
            # voltage where something else than -12 V is sent.
            self.cause = "PilotBlind"
        elif level != E and abs(n_high * 1000 - n * share_pm) > n * _SHARE_PM + 2000:
            self.cause = "PilotOutput"
        elif level == F and share_pm:
            self.cause = "PilotOutput"  # one half alone of a short pulse is within that
        elif not share_pm and self._state_f.windows and self.front_end.weak:
            self.cause = "PilotFrontEnd"
        elif self._duty_off:
            self.cause = "PilotDuty"
        elif level == E or level == UNKNOWN:
            short = pwm and n_low < MIN_LOW and level != E
            self.cause = "PilotOutput" if short else "PilotWrong"
        elif pwm and not good and level != A:
            self.cause = "DiodeLost"
        else:
            self.cause = None

    def _look_at_source(self, n_low, low_mv, seen_ms, share_pm, alone):
        """Without an EV the negative half is the charger's own: when an EV has gone, before
        PWM ends, and when state F has just begun. An EV that comes meanwhile is seen after F: then
        the measurement is dropped, for a shorted diode looks like a weak source."""
        state_f, level = self._state_f, self.level
        source = self._diode_check and n_low >= MIN_LOW
        if not share_pm and alone:
            state_f.more(seen_ms)
            if source and self._after_a and state_f.ms < _ALONE_MS:
                self._low_before_mv, self._low_mv = self._low_mv, low_mv
            return
        if state_f.windows:
            if alone and state_f.ms <= _SOON_MS and not A < level <= D:
                if level != A or not self.run.lasts(2, _AGAIN_MS):
                    return  # it is not known yet whether an EV came
                if self._low_before_mv:
                    self.front_end.seen(self._low_before_mv)
                if self._low_mv:
                    self.front_end.seen(self._low_mv)
            state_f.over()
            self._low_mv = self._low_before_mv = 0
        elif source and share_pm and self.run.windows > 1:
            self.front_end.seen(low_mv)

    @property
    def sure(self):
        """The duty measured so far is the one that was sent."""
        off = abs(self._n_high * 1000 - self._n * self._share_pm)
        return off <= self._n * _DUTY_PM + 1000 * self._windows
