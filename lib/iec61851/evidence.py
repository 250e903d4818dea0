# Judges a pilot by its bad windows, in a row and with good ones in between.
# MIT license; part of microevse
"""A single window may have caught a disturbance. So two things count: how long a pilot has been
bad without a break (`levels.Streak`), and, where good windows lie between the bad ones, how much
of the last time was bad (`Evidence`). Only observed time counts, never a number of ticks. This
module does not allocate.
"""

from evse_base import const

from iec61851.levels import AGED, Streak

LOST_MS = const(38)  # the fifth window at a 10 ms tick comes 40 ms after the first
_LOST_WINDOWS = const(3)  # never on fewer windows, however slow the tick
# While the contactor is open a wrong pilot is no danger: the report may wait.
_WRONG_MS = const(500)
# While closed, good windows take away half of their own time. The doubt gets so high within a
# second of which 47 % are bad, and never with less than 200 ms of bad windows. Seq 12 allows 3 s.
UNSTEADY_MS = const(200)
# While open, good windows take away a sixteenth of their time. The doubt stops growing here, and
# has to be gone before the contactor may close. More bad windows at this bound are a fault.
_DOUBT_MS = const(320)
# Doubt is counted in 1/16 ms, so that a sixteenth is a whole number: one ms in full is << 4 (16),
# a quarter of it << 2 (4), half of it << 3 (8), a sixteenth << 0 (1).
_HALF, _SIXTEENTH = const(3), const(0)


class Evidence:
    """Whether the pilot of one EVSE can be trusted, from all its windows.

    `bad`: the run of windows up to now that are not as they should be. `doubt`: how much of the
    time before was bad, 1/16 ms: a bad window adds the time it stands for, a good one takes away
    a part of its own. `cause`: that of most of the bad windows, while there is doubt.
    """

    def __init__(self):
        self.bad = Streak()
        self.doubt = 0
        self.cause = None
        self._votes = 0

    def closed(self, good, cause, dt, seen_ms):
        """Take a window with the contactor closed; `good`: it shows an EV that asks, without a
        fault. Returns None while the contactor may stay closed, else the cause to latch: "" if the
        EV has only stopped asking."""
        if good:
            self.bad.over()
            if self.doubt:
                self._less(seen_ms << _HALF)
            return None
        self._more(seen_ms << 4, cause)
        self.bad.more(dt)
        if self.bad.lasts(_LOST_WINDOWS, LOST_MS):
            return cause or ""
        if self.doubt >= UNSTEADY_MS << 4:
            return self.cause or "PilotUnsteady"
        return None

    def open(self, cause, seen_ms):
        """Take a window with the contactor open. Returns a cause to latch or None: a wrong pilot
        is a fault if it lasts, or if it has lasted for long before and comes back."""
        if cause is None:
            self.bad.over()
            if self.doubt:
                self._less(seen_ms << _SIXTEENTH)
            return None
        self.bad.more(seen_ms)
        if self.bad.lasts(_LOST_WINDOWS, _WRONG_MS):
            return cause
        if self.doubt < _DOUBT_MS << 4:
            # A single bad window counts for a quarter, and in full once the next one is bad, too:
            # above 63 A, where the low half is short, one in twenty may be disturbed. The second
            # one brings what the first has left out: 16 of its own and 12 (16 less 4) make 28.
            windows = self.bad.windows
            self._more(
                seen_ms << 2 if windows == 1 else seen_ms * (28 if windows == 2 else 16), cause
            )
        if self.doubt >= _DOUBT_MS << 4 and self.bad.ms < _DOUBT_MS >> 1:
            return self.cause or cause  # most of the doubt is from before this run
        return None

    def _more(self, part, cause):
        self.doubt += part
        # Boyer and Moore's vote finds the cause of the majority without a counter for each cause.
        if not self._votes:
            self.cause = cause
        if cause == self.cause:
            self._votes = min(self._votes + 1, AGED)
        else:
            self._votes -= 1

    def _less(self, part):
        self.doubt -= part
        if self.doubt <= 0:
            self.doubt = self._votes = 0
