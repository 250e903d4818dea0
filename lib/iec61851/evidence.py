# What windows in a row, and windows with others in between, say about a pilot.
# MIT license; part of microevse
"""A single window may have caught a disturbance. What counts is how long something has been so
without a break (`levels.Run`), and, where good windows lie between the bad ones, how much of the
last time was bad (`Evidence`). Time is what was observed, never a number of ticks. Nothing here
allocates.
"""

from evse_base import const

from iec61851.levels import AGED, Run

LOST_MS = const(38)  # the fifth window at a 10 ms tick comes 40 ms after the first
_LOST_WINDOWS = const(3)  # however slow the tick: never on less than this
_WRONG_MS = const(500)  # a wrong pilot while open is no danger: told, not hurried
# While closed good windows take away half of their own time. So much is reached within a second
# of which 47 % are bad, and never with less than 200 ms of bad windows. Seq 12 allows 3 s.
UNSTEADY_MS = const(200)
# While open they take away a sixteenth: up to so much must be made good before it may close, and
# is told when more of it comes.
_DOUBT_MS = const(320)
_HALF, _SIXTEENTH = const(3), const(0)  # shifts of ms to 1/16 ms


class Evidence:
    """Whether the pilot of one EVSE can be trusted, from all its windows.

    `bad`: the run of windows up to now that are not as they should be. `doubt`: how much of the
    time before was bad, 1/16 ms: a bad window adds the time it stands for, a good one takes away
    a part of its own. `cause`: that of most of the bad windows, while there is doubt.
    """

    def __init__(self):
        self.bad = Run()
        self.doubt = 0
        self.cause = None
        self._votes = 0

    def closed(self, good, cause, dt, seen_ms):
        """A window with the contactor closed, `good` if it would have it closed. Returns None
        while it may stay so, else the cause to latch: "" if the EV only does not ask."""
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
        """A window with the contactor open. Returns a cause to latch or None: a wrong pilot is a
        fault once that lasts, or has lasted for long and comes back."""
        if cause is None:
            self.bad.over()
            if self.doubt:
                self._less(seen_ms << _SIXTEENTH)
            return None
        self.bad.more(seen_ms)
        if self.bad.lasts(_LOST_WINDOWS, _WRONG_MS):
            return cause
        if self.doubt < _DOUBT_MS << 4:
            # Alone a window counts for a quarter, and for all of it once the next is bad, too:
            # above 63 A, where the low half is short, one in twenty may be disturbed.
            windows = self.bad.windows
            self._more(
                seen_ms << 2 if windows == 1 else seen_ms * (28 if windows == 2 else 16), cause
            )
        if self.doubt >= _DOUBT_MS << 4 and self.bad.ms < _DOUBT_MS >> 1:
            return self.cause or cause  # most of it was there before this run
        return None

    def _more(self, part, cause):
        self.doubt += part
        # The majority's cause without a count for each (Boyer and Moore's vote).
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
