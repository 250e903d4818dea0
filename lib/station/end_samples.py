# The samples that the record of a session's end repeats.
# MIT license; part of microevse
"""A bounded number of them, spread over the whole session."""

from evse_base import const

# Samples in the record of a session's end. When there are more, every second one is dropped.
_MOST = const(10)


class EndSamples:
    """The samples of one session."""

    def __init__(self):
        self._kept = []
        self._stride = 1
        self._skipped = 0

    def wanted(self, always):
        """True if the next sample is to be taken; `always`: the first and the last one are."""
        self._skipped += 1
        return always or self._skipped >= self._stride or not self._kept

    def add(self, sample, always):
        """Keep a sample. When there are too many, the first stays, and from now on only half as
        many are taken."""
        self._skipped = 0
        if len(self._kept) >= _MOST - 1 and not always:
            self._kept = self._kept[::2]
            self._stride *= 2
        self._kept.append(sample)

    def taken(self):
        """All of them, which are forgotten here; None if there are none."""
        kept, self._kept = self._kept, []
        return kept or None
