# The default tariffs of the connectors.
# MIT license; part of microevse
"""A default tariff counts for the sessions of its connectors that begin from its time on, until a
later one replaces it. They are on flash (`store.kinds.TARIFF`), in memory without their prices.
Only an adapter whose protocol has tariffs loads this module.
"""

import asyncio

from evse_base import const, log
from store import cbor, kinds, norlog

from . import tariff

MOST = const(8)
CHANGES = const(16)  # tariffs of one session
_EVENTS = const(0)  # the stream of the journal
_LONGEST_KEY = const(-1 << 40)  # see costs._key


class Tariffs:
    """The default tariffs. items: [id, connectors, Unix time or None], oldest first."""

    def __init__(self, journal, clock):
        self._journal, self._clock = journal, clock
        self.items = []

        def load(record):
            if isinstance(record[0], str):
                valid = record[2][tariff.VALID_FROM]
                sum(record[1], valid or 0)  # raises where they are no numbers
                self.items.append([record[0], record[1], valid])

        journal.each(kinds.TARIFF, load)

    def fits(self, rates):
        """False for a tariff of a session that no record can hold: it has no bill."""
        try:
            return len(cbor.dumps([_LONGEST_KEY, rates])) <= self._journal.max_payload
        except ValueError:
            return False  # half of a surrogate pair is no text

    def put(self, connectors, rates):
        """Install a default tariff: "kept", "known" (its id is taken), "full" or "large"."""
        self.tidy()
        if self.find(rates[tariff.ID]):
            return "known"
        valid = rates[tariff.VALID_FROM]
        going = [item for item in self.items if item[2] == valid and covers(connectors, item[1])]
        if len(self.items) - len(going) >= MOST:
            return "full"
        try:
            self._journal.keep(kinds.TARIFF, rates[0], [rates[0], connectors, rates])
        except ValueError:
            return "large"
        except Exception as exc:
            log.error("station", "tariff not stored: %r", exc)
            return "full"
        self.items.append([rates[0], connectors, valid])
        self.tidy()
        return "kept"

    def find(self, id):
        """[id, connectors, valid from] of a default tariff, None if there is none."""
        for item in self.items:
            if item[0] == id:
                return item
        return None

    def clear(self, id, connector=None):
        """Take a default tariff from a connector, None: from all; False if it was not there. A
        session that has it keeps it."""
        item = self.find(id)
        if item is None or connector is not None and connector not in item[1]:
            return False
        left = [] if connector is None else [number for number in item[1] if number != connector]
        self._leave(item, left)
        return True

    def default(self, connector):
        """[id, connectors, valid from] of the default tariff that holds at a connector now."""
        found, now = None, self._clock.now() or 0
        for item in self.items:
            if connector in item[1] and (item[2] or 0) <= now:
                if found is None or (item[2] or 0) >= (found[2] or 0):
                    found = item
        return found

    def rates(self, connector):
        """The tariff that holds at a connector now, None without one."""
        self.tidy()
        item = self.default(connector)
        record = item and self._journal.get(kinds.TARIFF, item[0])
        return record and record[2]

    def tidy(self):
        """Forget the default tariffs that a later one has replaced."""
        now = self._clock.now() or 0
        for item in list(self.items):
            left = item[1]
            if (item[2] or 0) <= now:
                left = [number for number in left if self.default(number) is item]
            else:
                for other in self.items[self.items.index(item) + 1 :]:
                    if other[2] == item[2]:
                        left = [number for number in left if number not in other[1]]
            if left != item[1]:
                self._leave(item, left)

    def _leave(self, item, left):
        item[1] = left
        try:
            if left:
                record = self._journal.get(kinds.TARIFF, item[0])
                self._journal.keep(kinds.TARIFF, item[0], [item[0], left, record[2]])
            else:
                self.items.remove(item)
                self._journal.forget(kinds.TARIFF, item[0])
        except Exception as exc:
            log.warn("station", "tariff %s stays on flash: %r", item[0], exc)


def covers(connectors, others):
    """True if all of `others` are among the connectors."""
    return all([number in connectors for number in others])


async def forget(station, journal):
    """Forget the tariffs and tallies of sessions that have ended and are told."""
    keys = [key for key, _ in journal.state(kinds.TARIFF) if not isinstance(key, str)]
    if not keys or station.recovering:
        return
    # An end that was passed over is told later, with its cost: `pending` does not name it.
    later = station.delivery.later
    passed = later and norlog.Cursor(_EVENTS, later[0])

    def following(seq):
        if not passed:
            return journal.pending(seq)
        passed.seq = max(passed.seq, seq + 1)
        return journal._undelivered(passed)

    needed = set()
    event, read = following(0), 0
    while event is not None:
        needed.add(event[2][0])
        read += 1
        if read % 8 == 0:
            await asyncio.sleep(0)
        event = following(event[0])
    for key in keys:
        number = key if key > 0 else -key // CHANGES
        if number not in needed and station.session(number)[0] is None:
            journal.forget(kinds.TARIFF, key)
