# How long to wait before the next attempt to connect.
# MIT license; part of microevse
"""Exponential back-off with jitter: a thousand chargers must not return at the same moment.

A server that has refused is not asked again for long. An attempt costs an absent server nothing:
with an attempt of 30 s without answer and a wait of at most 24 s the charger is back within a
minute.
"""

from evse_base import const

FIRST_MS = 2000
CAP_MS = 120000
ABSENT_CAP_MS = 24000
# A proxy in front of a server that restarts answers 502 or 503 for it.
BROKEN_CAP_MS = 48000
# However often a wait is doubled: the settings allow 42 days, and MicroPython sleeps for 6.
_MOST_S = const(86400)


class Backoff:
    """Waits of 2, 4, 8 ... 120 s, each shortened at random by up to a half; or those that the
    central system wants.

    rand: callable(n) -> integer from 0 to n - 1.
    """

    def __init__(self, rand, first_ms=FIRST_MS, cap_ms=CAP_MS):
        self._rand = rand
        self._first_ms = first_ms
        self._cap_ms = cap_ms
        self._step_ms = first_ms
        self._times = 0  # how often the wanted wait was doubled

    def next_ms(self, cap_ms=CAP_MS, wanted=None):
        """Milliseconds to wait now, `cap_ms` at most; the next wait will be longer.

        wanted: (RetryBackOffWaitMinimum, RetryBackOffRepeatTimes, RetryBackOffRandomRange), in
        s; the first one not 0. They go before all else: part 4 of 2.0.1, section 5.3.
        """
        if wanted:
            wait = min(wanted[0] << self._times, _MOST_S)
            self._times = min(self._times + 1, wanted[1])
            return 1000 * wait + self._rand(1000 * wanted[2] + 1)
        step = min(self._step_ms, cap_ms)
        self._step_ms = min(self._step_ms * 2, self._cap_ms)
        return step - self._rand(step // 2 + 1)

    def reset(self):
        """A connection was good for a while: start from the shortest wait again."""
        self._step_ms = self._first_ms
        self._times = 0
