# More current than was offered: from a meter's readings to a cause.
# MIT license; part of microevse
"""What cables and meters tolerate, and for how long; times are those of the readings."""

from port import const

_SOFT_MORE_MA = const(500)
SOFT_MS = const(7000)
_HARD_MS = const(1500)
FOLLOW_MS = const(6000)  # 5 s for the EV to follow a lower offer, one for the meter
# Without a reading for so long nothing is known: the contactor opens (`protection`), and what
# was read before the gap does not count.
BLIND_MS = const(10000)


class OverCurrent:
    """Soft: above (limit + 0.5 A) * 1.1 for 7 s. Hard: above 1.25 * limit for 1.5 s.

    The limit is the most that was offered in the last 6 s: the EV has this time to follow each
    step down.
    """

    def __init__(self):
        self._offers = []  # [uptime ms when it was offered last, mA], larger ones first
        self._read_ms = None
        self._soft_ms = self._hard_ms = None  # when the first reading above came

    def begin(self):
        """The contactor is open: what was read before says nothing about the next closing."""
        self._offers = []
        self._read_ms = self._soft_ms = self._hard_ms = None

    def look(self, now, offered_ma, current_ma, read_ms):
        """The cause, or None. `current_ma` was read at `read_ms`, all at uptime ms."""
        limit = self._follow(now, offered_ma)
        if not limit:
            self._soft_ms = self._hard_ms = None
            return None
        before = self._read_ms
        if read_ms == before:
            return None  # an old reading says nothing new
        self._read_ms = read_ms
        if before is not None and read_ms - before > BLIND_MS:
            self._soft_ms = self._hard_ms = None  # nothing is known of the time in between
        if current_ma <= (limit + _SOFT_MORE_MA) * 11 // 10:
            self._soft_ms = None
        elif self._soft_ms is None:
            self._soft_ms = read_ms
        if current_ma <= limit * 5 // 4:
            self._hard_ms = None
        elif self._hard_ms is None:
            self._hard_ms = read_ms
        if self._hard_ms is not None and read_ms - self._hard_ms >= _HARD_MS:
            return "OverCurrentHard"
        if self._soft_ms is not None and read_ms - self._soft_ms >= SOFT_MS:
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
