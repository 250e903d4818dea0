# How long to wait before the next attempt to connect.
# MIT license; part of microevse
"""Exponential back-off with jitter: a thousand chargers must not return at the same moment."""

FIRST_MS = 2000
CAP_MS = 120000


class Backoff:
    """Waits of 2, 4, 8 ... 120 s, each shortened at random by up to a half.

    rand: callable(n) -> integer from 0 to n - 1.
    """

    def __init__(self, rand, first_ms=FIRST_MS, cap_ms=CAP_MS):
        self._rand = rand
        self._first_ms = first_ms
        self._cap_ms = cap_ms
        self._step_ms = first_ms

    def next_ms(self):
        """Milliseconds to wait now; the next wait will be longer."""
        step = self._step_ms
        self._step_ms = min(step * 2, self._cap_ms)
        return step - self._rand(step // 2 + 1)

    def reset(self):
        """Start from the shortest wait again: a connection was good for a while."""
        self._step_ms = self._first_ms
