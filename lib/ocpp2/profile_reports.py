# GetChargingProfiles of OCPP 2.x, and the report that follows.
# MIT license; part of microevse
"""K09: the answer says whether there is anything to report; then each profile is a message of its
own, written piece by piece, as one in one piece would be among the largest of all messages.

What the central system has set has the source CSO. A limit from elsewhere that holds at an EVSE is
reported as ChargingStationExternalConstraints, with the id -1 at EVSE 1 and so on.
"""

import asyncio

from evse_base import iso8601, log
from ocppj.messages import CallError, Disconnected, dumps
from station import profile as profiles

from . import charging_limits

_PURPOSES = (
    "ChargingStationMaxProfile",
    "TxDefaultProfile",
    "TxProfile",
    "LocalGeneration",
    "PriorityCharging",
)
_EXTERNAL = "ChargingStationExternalConstraints"
_KINDS = ("Absolute", "Relative", "Recurring", "Dynamic")
# Periods in one piece of text.
_AT_ONCE = 8


async def get_charging_profiles(point, payload):
    found = _found(point, payload.get("evseId"), payload["chargingProfile"])
    if not found:
        return {"status": "NoProfiles"}

    async def after():
        try:
            while found:
                source, evse, item = found.pop(0)
                message = _message(point, payload["requestId"], source, evse, item, bool(found))
                await point.call("ReportChargingProfiles", message)
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "profiles not reported: %r", exc)

    return {"status": "Accepted"}, after


def _found(point, evse, wanted):
    """[(source, EVSE, Profile, or milliamps of a limit from elsewhere), ...] that fit."""
    found = []

    def look(source, number, id, purpose, stack, item):
        sources, ids = wanted.get("chargingLimitSource"), wanted.get("chargingProfileId")
        fits = evse in (None, number) and (not sources or source in sources)
        fits = fits and (not ids or id in ids)
        fits = fits and wanted.get("chargingProfilePurpose", purpose) == purpose
        if fits and wanted.get("stackLevel", stack) == stack:
            found.append((source, number, item))

    for p in point.station.profiles.installed():
        # 2.0.1 has no word for what 2.1 has set.
        if p.purpose < profiles.GENERATION or point.later:
            look("CSO", p.connector, p.id, _PURPOSES[p.purpose], p.stack, p)
    now = point.clock.uptime_ms()
    for connector in point.station.connectors:
        limit = charging_limits.outside(connector, now)
        if limit:
            source, ma = limit
            look(source, connector.id, -connector.id, _EXTERNAL, 0, ma)
    return found


def _message(point, request, source, evse, item, more):
    """ReportChargingProfilesRequest of one profile, in pieces of JSON."""
    head = {"requestId": request, "chargingLimitSource": source, "evseId": evse}
    if more:
        head["tbc"] = True
    yield dumps(head)[:-1] + ',"chargingProfile":['
    if isinstance(item, int):
        yield dumps(_constraint(point, evse, item))
    else:
        for piece in _profile(point, item):
            yield piece
    yield "]}"


def _constraint(point, evse, ma):
    """A limit of `ma` from elsewhere, from now on and with no known end."""
    schedule = charging_limits.schedule(evse, ma)
    if not point.later:
        schedule["startSchedule"] = iso8601.format(point.clock.now())
    return {
        "id": -evse,
        "stackLevel": 0,
        "chargingProfilePurpose": _EXTERNAL,
        "chargingProfileKind": "Dynamic" if point.later else "Absolute",
        "chargingSchedule": [schedule],
    }


def _kind(p):
    """Its kind, as it was set; else as it follows from its times."""
    kind = p.more(profiles.KIND)
    if kind is None or not 0 <= kind < len(_KINDS):
        if p.every:
            return profiles.RECURRING
        return profiles.RELATIVE if p.start is None else profiles.ABSOLUTE
    return kind


def _profile(point, p):
    """ChargingProfileType in pieces."""
    kind, start = _kind(p), p.start
    if kind == profiles.LIVE:
        start = None
        if not point.later:
            # The nearest word of 2.0.1: its limit holds since the last update.
            kind, start = profiles.ABSOLUTE, p.more(profiles.UPDATED) or point.clock.now()
    head = {
        "id": p.id,
        "stackLevel": p.stack,
        "chargingProfilePurpose": _PURPOSES[p.purpose],
        "chargingProfileKind": _KINDS[kind],
    }
    if kind == profiles.RECURRING:
        head["recurrencyKind"] = "Daily" if p.every == profiles.DAILY else "Weekly"
    if p.valid_from is not None:
        head["validFrom"] = iso8601.format(p.valid_from)
    if p.valid_to is not None:
        head["validTo"] = iso8601.format(p.valid_to)
    transaction = None if p.session is None else point.transaction_id(p.session)
    if transaction is not None:
        head["transactionId"] = transaction
    schedule = {
        "id": p.id if p.more(profiles.SCHEDULE) is None else p.more(profiles.SCHEDULE),
        "chargingRateUnit": "A" if p.unit == profiles.AMPS else "W",
    }
    if start is not None:
        schedule["startSchedule"] = iso8601.format(start)
    if p.duration is not None:
        schedule["duration"] = p.duration
    if p.least:
        schedule["minChargingRate"] = charging_limits.number_of(p.least)
    if point.later:
        _later(p, kind, head, schedule)
    yield dumps(head)[:-1] + ',"chargingSchedule":['
    yield dumps(schedule)[:-1] + ',"chargingSchedulePeriod":['
    items = []
    comma = ""
    for start, tenths, phases in p.spans():
        period = {"startPeriod": start, "limit": charging_limits.number_of(tenths)}
        if phases:
            period["numberPhases"] = phases
        items.append(dumps(period))
        if len(items) == _AT_ONCE:
            yield comma + ",".join(items)
            items, comma = [], ","
    if items:
        yield comma + ",".join(items)
    yield "]}]}"


def _later(p, kind, head, schedule):
    """Fields of 2.1."""
    if p.more(profiles.DELAY):
        schedule["randomizedDelay"] = p.more(profiles.DELAY)
    if p.more(profiles.AWAY) is not None:
        head["maxOfflineDuration"] = p.more(profiles.AWAY)
        head["invalidAfterOfflineDuration"] = bool(p.more(profiles.LASTING))
    if kind == profiles.LIVE:
        head["dynUpdateInterval"] = p.more(profiles.EVERY) or 0
        if p.more(profiles.UPDATED):
            head["dynUpdateTime"] = iso8601.format(p.more(profiles.UPDATED))
