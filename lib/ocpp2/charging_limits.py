# Limits from elsewhere: told to the central system when they come, change and go.
# MIT license; part of microevse
"""NotifyChargingLimit and ClearedChargingLimit (K11 to K13) for each EVSE at which a limit holds
that is none of the central system's: of the supply that connectors share, of the mains guard, of
an energy manager, of the page. What a part of the charger bounds, such as its cable, is no such
limit.
"""

from evse_base import const, log
from ocppj.messages import CallError
from station.profile import MAX_TENTHS

# reasonCode of a ValueError that has none.
INVALID = "InvalidProfile"

# A limit that does not last so long is not told: a session that begins has no part of the shared
# supply for up to a second.
_SETTLED_MS = const(2000)

# Sources of station.limits: chargingLimitSource. An energy manager is EMS; Other is a person.
_SOURCES = {"site": "EMS", "guard": "EMS", "solar": "EMS", "web": "Other"}


def outside(connector, now):
    """(chargingLimitSource, mA) of the limit from elsewhere that holds at a connector at uptime
    `now` ms; None without one."""
    ma, by = connector.limits.binding(now)
    if by not in _SOURCES or by == "site" and connector.session is None:
        # Without a session a connector has no part of the shared supply yet.
        return None
    return _SOURCES[by], ma


def number_of(limit):
    """Tenths as a number: a whole one where it is whole."""
    return limit // 10 if limit % 10 == 0 else limit / 10


def tenths(value):
    """A number with one decimal as tenths: 16.1 -> 161. ValueError below 0."""
    # One addition and one product: exact enough even in the chip's 24-bit floats.
    number = 10 * value if isinstance(value, int) else int(10 * value + 0.5)
    if value < 0:
        raise ValueError("InvalidSchedule", "limit %s" % value)
    return min(number, MAX_TENTHS)


def refusal(exc, status="Rejected"):
    """The answer for a ValueError: (reasonCode, text), or a text alone."""
    code, text = exc.args if len(exc.args) == 2 else (INVALID, str(exc))
    log.warn("ocpp", "charging profile: %s", text)
    return {"status": status, "statusInfo": {"reasonCode": code, "additionalInfo": text}}


def schedule(evse, ma):
    """ChargingScheduleType of a limit, rounded down to 0.1 A."""
    period = {"startPeriod": 0, "limit": number_of(ma // 100)}
    return {"id": -evse, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}


class ChargingLimits:
    """Tells the limits from elsewhere; a part as ocppj.central has them. What it has told it
    remembers over an outage: the end of a limit is told afterwards."""

    def __init__(self, call, station, settings, clock):
        self._call = call
        self._station = station
        self._settings = settings
        self._clock = clock
        self._told = {}  # connector: (source, mA)
        self._seen = {}  # connector: (what holds there, since when in uptime ms)

    def _news(self, told, there):
        """True if the central system is to be told of `there`; see `outside`."""
        if told and there and told[0] == there[0] and told != there:
            least = told[1] * self._settings.get("LimitChangeSignificance")
            return 100 * abs(there[1] - told[1]) >= least
        return told != there

    def _due(self):
        """(ms until it is due, connector, what holds there or None, what was told or None) of the
        next one to tell; None."""
        now = self._clock.uptime_ms()
        soonest = None
        for connector in self._station.connectors:
            id, there = connector.id, outside(connector, now)
            if id not in self._seen or self._seen[id][0] != there:
                self._seen[id] = there, now
            if self._news(self._told.get(id), there):
                left = max(0, self._seen[id][1] + _SETTLED_MS - now)
                if soonest is None or left < soonest[0]:
                    soonest = left, id, there, self._told.get(id)
        return soonest

    def due_in_ms(self):
        """Milliseconds until there is something to tell; None: nothing."""
        due = self._due()
        return due[0] if due else None

    async def step(self):
        """Tell one limit, or its end. A CALLERROR drops it."""
        due = self._due()
        if due is None or due[0]:
            return
        _, evse, there, told = due
        if told and (not there or there[0] != told[0]):
            there, name = None, "ClearedChargingLimit"
            payload = {"chargingLimitSource": told[0], "evseId": evse}
        else:
            name = "NotifyChargingLimit"
            payload = {"chargingLimit": {"chargingLimitSource": there[0]}, "evseId": evse}
            if self._settings.get("NotifyChargingLimitWithSchedules"):
                payload["chargingSchedule"] = [schedule(evse, there[1])]
        try:
            await self._call(name, payload)
        except CallError as exc:
            log.warn("ocpp", "%s refused: %s", name, exc.code)
        if there:
            self._told[evse] = there
        else:
            self._told.pop(evse, None)
