# Limits of a session: its energy, its time, its cost.
# MIT license; part of microevse
"""A limit ends the flow of energy, not the session: at a higher limit the car charges on (2.1 part
2, E16). The central system and the driver have limits of their own; of two the lower one counts.

They are in memory: a restart ends the sessions that have them. They are there while such a session
runs, whichever protocol is spoken meanwhile. Only an adapter whose protocol has limits of sessions
loads this module.
"""

import asyncio

from evse_base import const, log, release
from store import kinds

from .session import stamp, state_of

# Places in a list of limits: thousandths of a Wh, s, thousandths of the currency; None for none.
ENERGY = const(0)
TIME = const(1)
COST = const(2)
# Triggers and reasons of `station.session`, in this order.
_WORDS = const(("energy_limit", "time_limit", "cost_limit"))

# The claim that pauses; above those of profiles and of the page.
_CLAIM = const("the limit of this session")
_PRIORITY = const(1100)
_LOOK_S = const(1)
# So many records of a session at once, then one more each minute: flash has an end.
_BURST = const(20)
_EACH_MS = const(60000)


class _Limited:
    """A session with limits. spent: its cost as the central system has told it, in thousandths.
    told: the limits that the last record has; by: which one has been reached, None for none."""

    def __init__(self, connector):
        self.connector = connector
        self.limits = [None] * 3, [None] * 3  # the central system's, the driver's
        self.spent = self.told = self.by = None
        self.free_ms = 0  # uptime from which _BURST records may be written at once again

    def least(self):
        """The limits that count."""
        least = []
        for one, other in zip(*self.limits):
            known = [value for value in (one, other) if value is not None]
            least.append(min(known) if known else None)
        return least


class SessionLimits:
    """The limits of the sessions of `station`. It is `station.session_limits` while there are any;
    without, a station has no such attribute: in each image it would take heap.

    The adapter sets cost: fn(session) -> thousandths of what it has cost so far, as the station
    calculates, None where the central system does; ends: fn() -> True where the session ends with
    the flow of energy.
    """

    def __init__(self, station, journal, clock):
        self._station, self._journal, self._clock = station, journal, clock
        self.cost = self.ends = None
        self._items = {}  # number of a session -> _Limited
        self._runs = False

    def put(self, number, values, driver=False):
        """New limits of a session, [energy, time, cost]: None leaves one as it is. driver: they
        are the driver's, else the central system's. False if the session does not run."""
        connector, session = self._station.session(number)
        if connector is None or session.stopping:
            return False
        item = self._items.get(number)
        if item is None:
            for old in list(self._items):
                self._look(old, self._items[old])  # one that has ended holds no claim any more
            if not self._runs:
                self._station.spawn(self._watch())
                self._runs = True
            item = self._items[number] = _Limited(connector)
        mine = item.limits[driver]
        new = [mine[i] if value is None else value for i, value in enumerate(values)]
        if new != mine:
            mine[:] = new
            item.told = None  # also where the other's limit counts: it is the confirmation
        self._look(number, item)
        return True

    def spent(self, number, thousandths):
        """The central system tells what a session has cost so far."""
        item = self._items.get(number)
        if item:
            item.spent = thousandths
            self._look(number, item)

    # -- watching --------------------------------------------------------------------------

    async def _watch(self):
        while self._items:
            await asyncio.sleep(_LOOK_S)
            for number in list(self._items):
                try:
                    self._look(number, self._items[number])
                except Exception as exc:
                    log.error("station", "limits of session %d: %r", number, exc)
        self._runs = False
        if self._station.session_limits is self:
            self._station.session_limits = None
        release("station.session_limits")

    def _look(self, number, item):
        connector, session = item.connector, item.connector.session
        if session is None or session.id != number:
            del self._items[number]
            connector.limits.release(_CLAIM)
            return
        if session.stopping:
            return
        least = item.least()
        if item.told != least and self._record(item, session, "limit_set", least):
            item.told = least
        cost = self.cost(number)
        used = 1000 * session.energy_wh, self._clock.uptime() - session.started[1]
        used += (item.spent if cost is None else cost,)
        reached = [
            word
            for word, most, now in zip(_WORDS, least, used)
            if most is not None and now is not None and now >= most
        ]
        if not reached:
            if item.by:
                item.by = None
                connector.limits.release(_CLAIM)
        elif item.by not in reached:
            item.by = reached[0]
            self._reached(item, session)

    def _reached(self, item, session):
        connector = item.connector
        log.info("station", "session %d: %s reached", session.id, item.by)
        if self.ends():
            connector.request_stop(item.by)
            return
        connector.limits.claim(_CLAIM, _PRIORITY, 0)
        # This record stands for the change of the state that comes now.
        state = "suspended_evse" if connector.evse.plugged else "idle"
        seen = (state,) + session._told[1:3] + (0,)
        if self._record(item, session, item.by, None, state):
            session._told = session._seen = seen
        connector.look(self._clock.uptime_ms())

    def _record(self, item, session, trigger, least, state=None):
        """Write a CHANGE record; False if it could not be written, or there were too many."""
        now = self._clock.uptime_ms()
        if item.free_ms - now > (_BURST - 1) * _EACH_MS:
            return False
        connector = item.connector
        data = [connector.offered_ma, 0] + ([None, least] if least else [])
        record = [session.id, connector.id, trigger, state or state_of(connector)]
        try:
            self._journal.append(kinds.CHANGE, record + [stamp(self._station), session.seq, data])
        except Exception as exc:
            log.error("station", "%s not recorded: %r", trigger, exc)
            item.free_ms = max(item.free_ms, now + _BURST * _EACH_MS)  # again in a minute
            return False
        session.seq += 1
        item.free_ms = max(item.free_ms, now) + _EACH_MS
        self._station.emit("journal", connector.id, kinds.CHANGE)
        return True
