# Reservations: connectors that are kept for one token or its group.
# MIT license; part of microevse
"""Reservation of one connector, or of any (connector 0) (OCPP 1.6 section 5.13).

A reservation ends when a session begins with it, at its expiry, when it is cancelled, and
when its connector has a fault or is out of service. A reservation of connector 0 needs one
available connector: as soon as no more connectors are available than there are such reservations,
all of these connectors are reserved. Each reservation is a record of the journal and holds after a
restart.

A protocol may tell the central system that a reservation has ended without use (2.x H04). Until it
is told, its record stays on flash: an expiry in the past says that it has expired, 0 that it has
lost its connector. Version 0.1.0 takes both for expired.
"""

from evse_base import const, log
from store import kinds

from . import faults
from .authorization import ANY, bad_token, kept, same_group, same_token
from .unreserved import Unreserved


# Ends that wait to be told; with one more the oldest is forgotten.
_UNTOLD = const(8)
_REMOVED = const(0)
# Why a reservation holds no longer.
_EXPIRED = const("expired")
_LOST = const("connector not available")


class Reservation:
    """`connector` 0: any. expiry: Unix s. parent: group that may use it, or None. kind: of the
    token."""

    def __init__(self, id, connector, token, parent, expiry, kind=ANY):
        self.id = id
        self.connector = connector
        self.token = token
        self.parent = parent
        self.expiry = expiry
        self.kind = kind

    def matches(self, token, parent=None, kind=ANY):
        """True for the token of the reservation, and for a token of its group."""
        return same_token(token, self.token, kind, self.kind) or same_group(parent, self.parent)


def _broken(connector):
    return connector.faults.action != faults.WARN


def _eligible(connector):
    """True if a session could begin here as soon as a car and a token come."""
    if not connector.usable or connector.waiting is not None:
        return False
    # The car of the last session still stands there.
    return connector.unplugged_since_stop or not connector.evse.plugged


class Reservations(Unreserved):
    """The reservations of `station`, kept in `journal` (may be None)."""

    def __init__(self, station, journal, clock):
        Unreserved.__init__(self, station, journal)
        self._clock = clock
        self._all = []
        self.untold = []  # (number, "expired" or "removed"): ended without use, to be told
        self._told_here = True  # False while a protocol is spoken that tells none of them

    def restore(self, cut=()):
        """Once at boot. cut: sessions the restart has cut, as (connector, token, id)."""
        found = {}
        # By number: after a failure of the flash an older value may be there, too.
        self._journal.each(kinds.RESERVATION, lambda payload: found.update({payload[0]: payload}))
        for number in sorted(found):
            if found[number][4] == _REMOVED:
                self._end_untold(found.pop(number)[0], "removed")
        self._all = [Reservation(*payload[:6]) for payload in found.values()]
        for connector, token, number in cut:
            found = self._find(number)
            if found and found.connector in (0, connector) and found.matches(token, found.parent):
                # The session had begun; the restart came before this record was removed.
                self._drop(found, "used")

    # -- commands ------------------------------------------------------------------------

    def reserve(self, number, connector, token, parent, expiry, kind=ANY):
        """Make reservation `number`, in place of one with the same number.

        connector: 0 for any. Returns "accepted", "faulted", "occupied", "unavailable" or
        "rejected" (no such connector, no token, expiry passed, cannot be stored). A bad state of
        the connector is the answer even if the expiry is bad, too: it says more.
        """
        self.sweep()
        chosen = self._station.connector(connector)
        now = self._clock.now()
        if (connector and chosen is None) or bad_token(token):
            return "rejected"
        if not connector and not self._station.settings.get("ReserveConnectorZeroSupported"):
            return "rejected"
        old = self._find(number)
        others = [entry for entry in self._all if entry is not old]
        answer = self._room(chosen, others, old)
        if answer != "accepted":
            return answer
        if now is None or expiry <= now:
            return "rejected"
        token, parent = kept(token), parent and kept(parent)
        new = Reservation(number, connector, token, parent, expiry, kind)
        try:
            payload = [number, connector, token, parent, expiry]
            if kind:
                payload.append(kind)
            self._journal.keep(kinds.RESERVATION, number, payload)
        except Exception as exc:
            log.error("station", "reservation not stored: %r", exc)
            return "rejected"
        self._all = others + [new]
        self.untold = [entry for entry in self.untold if entry[0] != number]
        log.info("station", "reservation %d: connector %d", number, connector)
        self._wake_all()
        return "accepted"

    def cancel(self, number):
        """End a reservation. False if there is none of that number."""
        self.sweep()
        found = self._find(number)
        if found is None:
            return False
        self._drop(found, "cancelled")
        return True

    # -- ends that are told ----------------------------------------------------------------

    def spoken_to(self, tells):
        """A protocol is spoken from now on. tells: it tells the ends in `untold`, and calls `told`
        for each; else nobody does, and they are forgotten."""
        self._told_here = tells
        if not tells:
            while self.untold:
                self.told(self.untold[0][0])

    def told(self, number):
        """The end of this reservation is told, or is not to be told."""
        self.untold = [entry for entry in self.untold if entry[0] != number]
        self._forget(number)

    def _end_untold(self, number, word):
        self.untold.append((number, word))
        while len(self.untold) > _UNTOLD:
            self.told(self.untold[0][0])

    # -- questions of a connector -------------------------------------------------------

    def holding(self, connector):
        """Reservations that keep this connector for their own tokens; mostly none."""
        if not self._all or not _eligible(connector):
            return ()
        own = self._of(connector.id)
        if own:
            return own
        free = self._of(0)
        if free:
            left = [c for c in self._station.connectors if _eligible(c) and not self._of(c.id)]
            if len(left) <= len(free):
                return free
        return ()

    def used_by(self, connector, token, parent, kind=ANY):
        """The reservation that a session of this token here uses, None without one."""
        self.sweep()
        for entry in self._of(connector.id) + self._of(0):
            if entry.matches(token, parent, kind):
                return entry
        return None

    def end(self, entry):
        """Remove a reservation that a session has used."""
        self._drop(entry, "used")

    # -- the list of reservations --------------------------------------------------------

    def _of(self, connector):
        """Reservations of this connector that still hold; asking removes none: see `sweep`."""
        return [e for e in self._all if e.connector == connector and not self._over(e)]

    def _find(self, number):
        for entry in self._all:
            if entry.id == number:
                return entry
        return None

    def _room(self, chosen, others, old):
        """Could `chosen` (None: any) be reserved, with `others` in force?"""
        connectors = self._station.connectors if chosen is None else [chosen]
        whole = [c for c in connectors if not _broken(c)]
        if not whole:
            return "faulted"
        in_service = [c for c in whole if c.operative]
        if not in_service or not self._station.operative:
            return "unavailable"
        taken = [entry.connector for entry in others]
        free = []
        for connector in self._station.connectors:
            # A cable that waits at a connector held by the reservation that is replaced is
            # no reason to refuse: that connector is still Reserved.
            held = old is not None and connector.id == old.connector
            plugged = connector.evse.plugged and not held
            if _eligible(connector) and not plugged and connector.id not in taken:
                free.append(connector)
        if chosen is not None and chosen not in free:
            return "occupied"
        return "accepted" if len(free) > taken.count(0) else "occupied"

    def sweep(self):
        """End what has expired or lost its connector. Called at least once a second."""
        if not self._all:
            return
        for entry in list(self._all):
            why = self._over(entry)
            if why:
                self._drop(entry, why)

    def _over(self, entry):
        """Why this reservation holds no longer, None while it does."""
        now = self._clock.now()
        if now is not None and now >= entry.expiry:
            return _EXPIRED
        if self._station.resetting:
            return None
        chosen = self._station.connector(entry.connector)
        for connector in self._station.connectors if chosen is None else [chosen]:
            if connector.operative and not _broken(connector):
                return None
        return _LOST

    def _drop(self, entry, why):
        if entry not in self._all:
            return
        log.info("station", "reservation %d: %s", entry.id, why)
        self._all.remove(entry)
        if why == _EXPIRED and self._told_here:
            self._end_untold(entry.id, "expired")
        elif why == _LOST and self._told_here:
            self._lose(entry)
        else:
            self._forget(entry.id)
        self._wake_all()
        self._station.emit("reservation", entry.connector, entry.id)

    def _lose(self, entry):
        try:
            payload = [entry.id, entry.connector, entry.token, entry.parent, _REMOVED]
            self._journal.keep(kinds.RESERVATION, entry.id, payload)
        except Exception as exc:
            # RAM has it no longer; after a restart it would be back, so it is forgotten.
            log.error("station", "end of a reservation not stored: %r", exc)
            self._forget(entry.id)
        self._end_untold(entry.id, "removed")

    def _forget(self, number):
        try:
            self._journal.forget(kinds.RESERVATION, number)
        except Exception as exc:
            # RAM has it no longer. The sessions go on; the next start ends it again.
            log.error("station", "reservation not taken away: %r", exc)

    def _wake_all(self):
        for connector in self._station.connectors:
            connector.wake()
