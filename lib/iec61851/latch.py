# The faults an EVSE has latched.
# MIT license; part of microevse
"""A latched fault stays until it is cleared by name. Nothing here allocates: `add` may be
called from a soft interrupt."""

from port import const

_SLOTS = const(6)  # different faults latched at one time


class Latch:
    """Fault codes, oldest first."""

    def __init__(self):
        self._codes = [None] * _SLOTS

    def add(self, code):
        """Latch `code`. False if it was latched already. With all slots taken it is news, but
        not kept: there are faults enough then."""
        codes = self._codes
        for i in range(_SLOTS):
            if codes[i] == code:
                return False
            if codes[i] is None:
                codes[i] = code
                return True
        return True

    def has(self, code):
        return code in self._codes

    def remove(self, code):
        """Forget `code`, which is latched."""
        codes = self._codes
        i = codes.index(code)
        # No gap, and never a moment with less latched than there is.
        while i + 1 < _SLOTS and codes[i + 1] is not None:
            codes[i] = codes[i + 1]
            i += 1
        codes[i] = None

    def all(self):
        """What is latched, oldest first. Allocates: not for the tick."""
        return [code for code in self._codes if code is not None]

    @property
    def first(self):
        """The fault latched longest, None without any."""
        return self._codes[0]
