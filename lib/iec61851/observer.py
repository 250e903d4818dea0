# What one window of samples says about the EV, its diode and the charger's own front end.
# MIT license; part of microevse
"""The step between plateaus and decisions: no decision is taken here.

A wrong pilot has two possible culprits. If what comes back does not have the duty that
was sent, the charger's own PWM, driver or ADC is broken (PilotOutput); if it has, but
the levels are no EV's, the EV or the cable is (PilotWrong, DiodeLost).
"""

from port import const

from iec61851.front_end import FrontEnd
from iec61851.levels import DIODE_MV, MIN_LOW, UNKNOWN, A, E, classify

# Share of samples in the upper plateau against the duty sent, per mille. The four periods
# of a window hold it within 50.
SHARE_PM = const(120)
MIN_SAMPLES = const(5)  # an ADC that gives less than this in 4 ms is dead
ALONE_MS = const(500)  # nobody plugs in that soon after state F has begun
_AGED = const(60000)  # counters stop here

# What `cause` may be: none of these is forgotten while the pilot is still wrong.
PILOT_CAUSES = ("PilotBlind", "PilotOutput", "PilotFrontEnd", "PilotWrong", "DiodeLost")


class Run:
    """For how many windows in a row something has been so, and how long: the first counts 0."""

    def __init__(self):
        self.windows = self.ms = 0

    def more(self, ms):
        """One window more, `ms` after the one before."""
        if self.windows:
            self.ms = min(self.ms + ms, _AGED)
        self.windows = min(self.windows + 1, _AGED)

    def over(self):
        self.windows = self.ms = 0

    def lasts(self, windows, ms):
        """Whether it has been so in at least that many windows and for at least that long."""
        return self.windows >= windows and self.ms >= ms


class Observer:
    """Findings of the last window; `look()` does not allocate.

    `level`: state A to F or UNKNOWN; `run`: how long it has been that. `diode_good`: a
    negative half wave as a diode makes it. `cause`: name of what is wrong, or None.
    `front_end`: what is known of the charger's own -12 V.
    """

    def __init__(self, diode_check):
        self._diode_check = diode_check
        self.level = UNKNOWN
        self.run = Run()
        self.diode_good = False
        self.cause = None
        self.front_end = FrontEnd()
        self._dark = Run()  # state F, and nobody was there when it began

    def look(self, plateau, seen_ms, pwm, share_pm, alone=False):
        """`seen_ms`: observed time since the last window; `share_pm`: duty sent, per mille;
        `alone`: no EV was there until now."""
        n = plateau.n
        n_low = plateau.n_low
        level = classify(
            plateau.high_mv, plateau.low_mv, plateau.n_high, n_low, pwm, self.level
        )
        if level != self.level:
            self.level = level
            self.run.over()
        self.run.more(seen_ms)
        self.diode_good = not self._diode_check or (
            n_low >= MIN_LOW and plateau.low_mv <= DIODE_MV
        )

        # With nobody there the negative half is the charger's own: when state F has just begun
        # (later somebody may have plugged in unseen), and when an EV has gone, before PWM ends.
        front = self.front_end
        own = alone and not share_pm
        if own:
            self._dark.more(seen_ms)
        else:
            self._dark.over()
        if self._diode_check and n_low >= MIN_LOW and (
            (own and self._dark.ms < ALONE_MS) or (level == A and pwm and self.run.windows > 1)
        ):
            front.seen(plateau.low_mv)

        # Held near 0 V there is one plateau only, whatever is sent. Two samples more or
        # less say nothing.
        off = abs(plateau.n_high * 1000 - n * share_pm) > n * SHARE_PM + 2000 and level != E
        if n < MIN_SAMPLES:
            self.cause = "PilotBlind"
        elif off:
            self.cause = "PilotOutput"
        elif own and front.weak:
            self.cause = "PilotFrontEnd"
        elif level == E or level == UNKNOWN:
            self.cause = "PilotWrong"
        elif pwm and level != A and not self.diode_good:
            self.cause = "DiodeLost"
        else:
            self.cause = None
