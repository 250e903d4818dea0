# Connectors that nobody can reserve, and which of them a driver gets.
# MIT license; part of microevse
"""What reservations.Reservations is where reservations are not offered: a small chip has no room
for them."""

from evse_base import ticks_diff
from store import kinds

from .authorization import ANY


class Unreserved:
    """A `station` without reservations; `journal` may be None."""

    _all = untold = ()

    def __init__(self, station, journal):
        self._station = station
        self._journal = journal

    def restore(self, cut=()):
        """Once at boot: those of a time when they were offered are forgotten."""
        found = []
        self._journal.each(kinds.RESERVATION, found.append)
        if found:
            self._journal.forget(kinds.RESERVATION)

    def spoken_to(self, tells):
        """See reservations."""

    sweep = end = lambda self, *entry: None

    def holding(self, connector):
        """Reservations that keep this connector for their own tokens."""
        return ()

    def used_by(self, connector, token, parent, kind=ANY):
        """The reservation that a session of this token here uses, None without one."""
        return None

    def admits(self, connector, token, parent=None, kind=ANY):
        """May a session for this token begin here, as far as reservations go?"""
        holding = self.holding(connector)
        return not holding or any(entry.matches(token, parent, kind) for entry in holding)

    def asks_for_group(self, connector):
        """True if this connector is reserved for a group: the group of a token matters."""
        return any(entry.parent for entry in self.holding(connector))

    def best(self, token, parent, asked=False, kind=ANY):
        """The free connector where a session for this token should begin, None without one.

        A connector that is reserved for it goes first, then one with a cable in. A connector that
        is reserved for a group counts as long as the central system was not `asked` for the group
        of the token.
        """
        found, rank = None, 0
        for connector in self._station.connectors:
            if not connector.free:
                continue
            mine = any(entry.matches(token, parent, kind) for entry in self.holding(connector))
            # A connector with a cable and no past session goes first: the driver has just plugged
            # in. Then one without a car. One whose session has ended goes last: its car belongs to
            # another driver.
            fit = 0 if not connector.unplugged_since_stop else 2 if connector.evse.plugged else 1
            if mine or self.admits(connector, token, parent, kind):
                value = 8 * mine + 2 + 2 * fit
            else:
                maybe = not asked and self.asks_for_group(connector)
                value = 1 + 2 * fit if maybe else 0
            later = (
                found and fit == 2 and ticks_diff(connector.evse.since_ms, found.evse.since_ms) > 0
            )
            if value > rank or (value == rank and later):
                found, rank = connector, value
        return found


def reservations_of(station, journal, clock):
    """The reservations of a new `station`, or what stands for them where none are offered."""
    if station.settings.variable_access("ReserveConnectorZeroSupported") == "r":
        # Nobody can change it: see wiring.features.
        return Unreserved(station, journal)
    from .reservations import Reservations

    return Reservations(station, journal, clock)
