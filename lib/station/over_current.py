# More current than was offered: from a meter's readings to a cause.
# MIT license; part of microevse
"""The over-current that cables and meters tolerate, and for how long, by the times of readings."""

from evse_base import const

_SOFT_MORE_MA = const(500)
# Evidence in ms. A reading above the limit adds the time since the reading before it, but at most
# half of what a report needs: a single reading never reports. A reading below the limit takes away
# half of its own time.
_SOFT_MS = const(8000)
_HARD_MS = const(3000)
FOLLOW_MS = const(6000)  # 5 s for the EV to follow a lower offer, one for the meter
# After so long without a reading the contactor opens (`protection`), and readings from before the
# gap do not count.
BLIND_MS = const(10000)


class OverCurrent:
    """Soft: above (limit + 0.5 A) * 1.1, 8 s of evidence. Hard: above 1.25 * limit, 3 s of it.

    Current that is too high for half of the time is reported after 12 s (hard) or 32 s (soft) at
    most. A third of the readings, evenly spread, is never enough. The limit is the most that was
    offered in the last 6 s: the EV has this time to follow each step down.
    """

    def __init__(self):
        self._offers = []  # [uptime ms when it was offered last, mA], larger ones first
        self._read_ms = None
        self._soft_ms = self._hard_ms = 0  # evidence

    def begin(self):
        """The contactor is open: earlier readings say nothing about the next closing."""
        self._offers = []
        self._read_ms = None
        self._soft_ms = self._hard_ms = 0

    def look(self, now, offered_ma, current_ma, read_ms):
        """The cause, or None. `current_ma` was read at `read_ms`, all at uptime ms."""
        limit = self._follow(now, offered_ma)
        if not limit:
            self._soft_ms = self._hard_ms = 0
            return None
        before = self._read_ms
        if read_ms == before:
            return None  # an old reading says nothing new
        self._read_ms = read_ms
        # The first reading may be from before the closing: it adds no time.
        passed = 0 if before is None else read_ms - before
        if passed > BLIND_MS:
            self._soft_ms = self._hard_ms = 0  # nothing is known of the time in between
        counts = min(passed, _SOFT_MS // 2)
        if current_ma > (limit + _SOFT_MORE_MA) * 11 // 10:
            self._soft_ms = min(self._soft_ms + counts, _SOFT_MS)
        else:
            self._soft_ms = max(self._soft_ms - counts // 2, 0)
        counts = min(passed, _HARD_MS // 2)
        if current_ma > limit * 5 // 4:
            self._hard_ms = min(self._hard_ms + counts, _HARD_MS)
        else:
            self._hard_ms = max(self._hard_ms - counts // 2, 0)
        if self._hard_ms >= _HARD_MS:
            return "OverCurrentHard"
        if self._soft_ms >= _SOFT_MS:
            return "OverCurrentSoft"
        return None

    def _follow(self, now, offered_ma):
        """The largest offer of the last FOLLOW_MS."""
        offers = self._offers
        while offers and offers[-1][1] <= offered_ma:
            offers.pop()
        offers.append([now, offered_ma])
        while now - offers[0][0] >= FOLLOW_MS:
            offers.pop(0)
        return offers[0][1]
