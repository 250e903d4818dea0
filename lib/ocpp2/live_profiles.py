# Profiles whose limit changes while they hold, and sessions that go first: what OCPP 2.1 is told.
# MIT license; part of microevse
"""PullDynamicScheduleUpdate of each Dynamic profile with a dynUpdateInterval (K28), and
NotifyPriorityCharging when somebody at the charger lets a session go first, or no longer (K22)."""

from evse_base import log
from ocppj.messages import CallError
from station import live_limits
from station import profile as profiles

from .charging_limits import tenths


def new_limit(update):
    """The limit of a ChargingScheduleUpdateType in tenths. ValueError for what cannot be followed:
    a limit for one phase only, a setpoint, discharging."""
    for name in update:
        if name not in ("limit", "customData"):
            raise ValueError("UnsupportedParam", name)
    if "limit" not in update:
        raise ValueError("MissingParam", "no limit")
    return tenths(update["limit"])


class LiveProfiles:
    """A part as ocppj.central has them; call, station, clock: as for ChargingLimits. transactions:
    for the transactionId of a session."""

    def __init__(self, call, transactions, station, clock):
        self._call = call
        self._transactions = transactions
        self._station = station
        self._clock = clock
        self._asked = {}  # id of a profile: uptime s of the last request for its limit
        self._first = []  # numbers of the sessions of which the central system knows that

    def _pull(self):
        """(seconds until it is due, profile) of the next request for a limit, or None."""
        now, uptime = self._clock.now(), self._clock.uptime()
        soonest = None
        for p in self._station.profiles.installed():
            every = p.more(profiles.EVERY)
            if not every or p.more(profiles.KIND) != profiles.LIVE:
                continue
            left = 0
            if p.more(profiles.UPDATED) and now is not None:
                left = min(every, p.more(profiles.UPDATED) + every - now)
            if p.id in self._asked:
                # One that was not answered, or refused, is not asked for again at once.
                left = max(left, self._asked[p.id] + every - uptime)
            if soonest is None or left < soonest[0]:
                soonest = max(0, left), p
        return soonest

    def _changed(self):
        """(session, goes first) of a running session of which the central system knows the
        opposite, or None."""
        for connector in self._station.connectors:
            session = connector.session
            if session is not None and not session.stopping:
                first = session.id in self._station.profiles.first
                if first != (session.id in self._first):
                    return session.id, first
        return None

    def know(self, session, first):
        """The central system knows whether a session goes first."""
        running = [c.session.id for c in self._station.connectors if c.session]
        self._first = [n for n in self._first if n != session and n in running]
        if first:
            self._first.append(session)

    def due_in_ms(self):
        """Milliseconds until there is something to ask or to tell; None: nothing."""
        if self._changed():
            return 0
        pull = self._pull()
        return 1000 * pull[0] if pull else None

    async def step(self):
        """Tell of one session, or ask for one limit. A CALLERROR drops it."""
        changed = self._changed()
        try:
            if changed:
                id = self._transactions.transaction_id(changed[0])
                payload = {"transactionId": id, "activated": changed[1]}
                await self._call("NotifyPriorityCharging", payload)
                self.know(*changed)
                return
            pull = self._pull()
            if pull is None or pull[0]:
                return
            profile, asked = pull[1], self._asked
            there = [p.id for p in self._station.profiles.installed()]
            self._asked = {id: asked[id] for id in asked if id in there}
            self._asked[profile.id] = self._clock.uptime()
            name = "PullDynamicScheduleUpdate"
            answer = await self._call(name, {"chargingProfileId": profile.id})
            if answer["status"] == "Accepted" and "scheduleUpdate" in answer:
                installed = self._station.profiles
                if live_limits.find(installed, profile.id) is profile:
                    limit = new_limit(answer["scheduleUpdate"])
                    live_limits.renew(installed, profile, limit, self._clock.now())
        except (CallError, ValueError) as exc:
            log.warn("ocpp", "live profile: %s", exc)
            if changed:
                self.know(*changed)
