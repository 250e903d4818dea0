# Smart charging of OCPP 2.x: charging profiles in and out, and the composite schedule.
# MIT license; part of microevse
"""SetChargingProfile, ClearChargingProfile, GetCompositeSchedule (K01, K08, K10). The station
decides what a profile means; this module only translates the words of 2.x. What this charger
cannot do is refused, never left out: a limit for one phase only, a limit by the state of charge,
discharging.
"""

from evse_base import before_import, iso8601, release
from station import profile as profiles

from .charging_limits import INVALID, number_of, refusal, tenths
from .names import ACCEPTED

PURPOSE = {
    "ChargingStationMaxProfile": profiles.MAX,
    "TxDefaultProfile": profiles.DEFAULT,
    "TxProfile": profiles.TX,
    "LocalGeneration": profiles.GENERATION,
    "PriorityCharging": profiles.PRIORITY,
}
KIND = {
    "Absolute": profiles.ABSOLUTE,
    "Relative": profiles.RELATIVE,
    "Recurring": profiles.RECURRING,
    "Dynamic": profiles.LIVE,
}
UNIT = {"A": profiles.AMPS, "W": profiles.WATTS}
# As the setting with the units has them: in the words of 1.6.
_OFFERED = {"A": "Current", "W": "Power"}
EVERY = {"Daily": profiles.DAILY, "Weekly": profiles.WEEKLY}

# Our clock is late by the delay of the last answer; some central systems send whole seconds only.
CLOCK_ERROR_S = 2
# Fields of a period, and of a schedule, that this charger cannot follow, and which are not false.
_OF_PERIOD = ("startPeriod", "limit", "numberPhases", "customData")
_NOT_OF_SCHEDULE = ("useLocalTime", "limitAtSoC")


def _begin(data, name, now):
    """Unix s of the moment from which something holds, None without one."""
    at = iso8601.parse(data[name]) if name in data else None
    if at is not None and now is not None and 0 < at - now <= CLOCK_ERROR_S:
        # It means "now": the composite would show a second or two without the limit.
        return now
    return at


def _periods(items):
    out = []
    for item in items:
        # K01.FR.19, FR.48: no phase can be chosen here. 2.1: one current for all phases.
        for name in item:
            if name == "operationMode" and item[name] == "ChargingOnly":
                continue
            if name not in _OF_PERIOD and item[name] is not False:
                raise ValueError("UnsupportedParam", "%s of a period" % name)
        if "limit" not in item:
            raise ValueError("MissingParam", "a period without a limit")
        phases = item.get("numberPhases", 0)
        if "numberPhases" in item and phases < 1:
            raise ValueError("InvalidSchedule", "%d phases" % phases)
        out.append((item["startPeriod"], tenths(item["limit"]), phases))
    try:
        return profiles.pack(out)
    except ValueError as exc:
        raise ValueError("InvalidSchedule", str(exc))


def _extra(data, schedule, kind, purpose, now):
    """Profile.extra. ValueError: the fields of 2.1 contradict each other."""
    every, delay = data.get("dynUpdateInterval", 0), schedule.get("randomizedDelay", 0)
    away = data.get("maxOfflineDuration")
    if kind == profiles.LIVE:
        if len(schedule["chargingSchedulePeriod"]) != 1 or "startSchedule" in schedule:
            raise ValueError("InvalidSchedule", "Dynamic: one period and no startSchedule")
    elif every or "dynUpdateTime" in data:
        raise ValueError(INVALID, "dynUpdate without Dynamic")
    if delay and purpose not in (profiles.TX, profiles.DEFAULT):
        raise ValueError("InvalidSchedule", "randomizedDelay of another purpose")
    if delay > profiles.DAILY:
        # In the end its changes would not come at all.
        raise ValueError("InvalidSchedule", "randomizedDelay of more than a day")
    if every < 0 or away is not None and away < 0:
        raise ValueError(INVALID, "a time below 0")
    lasting = bool(data.get("invalidAfterOfflineDuration"))
    return [kind, schedule["id"], delay, away, int(lasting), every, now]


def make_profile(data, evse, now, session=None):
    """Profile from a ChargingProfileType; ValueError says what is impossible.

    now: Unix s or None. A kind other than Relative and Dynamic has a start (K01.FR.40), Relative
    has none (FR.41). A Dynamic one holds from now on, with a duration for so long after each
    update.
    """
    purpose = PURPOSE.get(data["chargingProfilePurpose"])
    kind = KIND[data["chargingProfileKind"]]
    if purpose is None:
        # K01.FR.05, FR.22: only an external system sets these.
        raise ValueError(INVALID, "%s cannot be set" % data["chargingProfilePurpose"])
    if len(data["chargingSchedule"]) > 1:
        # More than one is a choice for a car that speaks ISO 15118.
        raise ValueError("InvalidSchedule", "more than one schedule")
    schedule = data["chargingSchedule"][0]
    for name in _NOT_OF_SCHEDULE:
        if schedule.get(name):
            raise ValueError("UnsupportedParam", name)
    start = _begin(schedule, "startSchedule", now)
    station = purpose in (profiles.MAX, profiles.GENERATION)
    if kind == profiles.RELATIVE and (start is not None or station):
        # K01.FR.38: there is no start of charging for the whole station.
        raise ValueError("InvalidSchedule", "Relative with startSchedule, or for the station")
    if kind in (profiles.ABSOLUTE, profiles.RECURRING) and start is None:
        raise ValueError("InvalidSchedule", "no startSchedule")
    every = 0
    if kind == profiles.RECURRING:
        if "recurrencyKind" not in data:
            raise ValueError(INVALID, "Recurring without recurrencyKind")
        every = EVERY[data["recurrencyKind"]]
    duration = schedule.get("duration")
    extra = _extra(data, schedule, kind, purpose, now)
    if kind == profiles.LIVE and duration is not None:
        if now is None:
            raise ValueError("InvalidSchedule", "the time is not known: no duration can be kept")
        start = now
    return profiles.Profile(
        data["id"],
        evse,
        purpose,
        data["stackLevel"],
        UNIT[schedule["chargingRateUnit"]],
        start,
        every,
        duration,
        _begin(data, "validFrom", now),
        iso8601.parse(data["validTo"]) if "validTo" in data else None,
        tenths(schedule.get("minChargingRate", 0)),
        _periods(schedule["chargingSchedulePeriod"]),
        session,
        extra,
    )


def start_profile(point, payload):
    """Profile of a RequestStartTransaction, None without one; ValueError if it is impossible.

    Only a TxProfile may come that way (F01.FR.11); its transaction has no id yet.
    """
    data = payload.get("chargingProfile")
    if data is None:
        return None
    if PURPOSE.get(data["chargingProfilePurpose"]) != profiles.TX:
        raise ValueError(INVALID, "%s with a start" % data["chargingProfilePurpose"])
    if "transactionId" in data:
        raise ValueError(INVALID, "a transactionId before there is one")
    _check_units(point, data)
    return make_profile(data, payload.get("evseId", 0), point.clock.now())


def _running(point, number, data):
    """Number of the session that a TxProfile is for. ValueError if there is none."""
    connector = point.station.connector(number)
    if connector is None:
        raise ValueError("InvalidValue", "TxProfile needs an EVSE")  # K01.FR.16
    if "transactionId" not in data:
        raise ValueError("MissingParam", "TxProfile without transactionId")  # K01.FR.03
    session = point.transactions.session_of(data["transactionId"])
    running = connector.session
    # K01.FR.09, FR.33.
    if running is None or running.stopping or running.id != session:
        raise ValueError("TxNotFound", "that transaction is not running there")
    return session


def _check(point, number, data):
    """Number of the session of a TxProfile, None for another. ValueError as `make_profile`."""
    station, purpose = point.station, PURPOSE.get(data["chargingProfilePurpose"])
    count = len(station.connectors)
    if not 0 <= number <= count:
        raise ValueError("UnknownEvse", "no EVSE %d" % number)
    if -count <= data["id"] < 0:
        raise ValueError(INVALID, "the id of an external constraint")  # K01.FR.05
    if purpose in (profiles.MAX, profiles.GENERATION) and number:
        raise ValueError("InvalidValue", "for the whole station only")
    _check_units(point, data)
    session = _running(point, number, data) if purpose == profiles.TX else None
    now = point.clock.now()
    for p in station.profiles.installed():
        if p.over(now):
            continue  # it is replaced
        same = (p.purpose, p.stack, p.connector, p.session)
        if p.id != data["id"] and same == (purpose, data["stackLevel"], number, session):
            raise ValueError("DuplicateProfile", "profile %d has that level" % p.id)  # K01.FR.39
    return session


def _check_units(point, data):
    for schedule in data["chargingSchedule"]:
        check_unit(point, schedule["chargingRateUnit"])  # K01.FR.26


def check_unit(point, unit):
    """ValueError for a chargingRateUnit that is not offered."""
    if _OFFERED[unit] not in point.settings.text("ChargingScheduleAllowedChargingRateUnit"):
        raise ValueError("UnsupportedRateUnit", "no schedules in %s" % unit)


async def set_charging_profile(point, payload):
    number, data = payload["evseId"], payload["chargingProfile"]
    if "maxOfflineDuration" in data:
        await before_import()  # else this, too, would be one stall with the handler's
        from station import profile_outage  # noqa: F401
    try:
        session = _check(point, number, data)
        point.station.profiles.install(make_profile(data, number, point.clock.now(), session))
    except ValueError as exc:
        return refusal(exc)
    return ACCEPTED


async def clear_charging_profile(point, payload):
    """K10. A request that names nothing clears nothing: it may have lost its criteria."""
    id, what = payload.get("chargingProfileId"), payload.get("chargingProfileCriteria") or {}
    if id is None and not [name for name in what if name != "customData"]:
        return refusal(ValueError("MissingParam", "neither id nor criteria"), "Unknown")
    purpose = what.get("chargingProfilePurpose")
    if id is None and purpose is not None and purpose not in PURPOSE:
        return {"status": "Unknown"}  # nobody but who has set it clears an external constraint
    cleared = point.station.profiles.clear(
        id, what.get("evseId"), PURPOSE.get(purpose), what.get("stackLevel")
    )
    return ACCEPTED if cleared else {"status": "Unknown"}


async def get_composite_schedule(point, payload):
    """K08."""
    station = point.station
    number, duration = payload["evseId"], payload["duration"]
    unit = payload.get("chargingRateUnit", "A")
    now = point.clock.now()
    try:
        check_unit(point, unit)
        if not 0 <= number <= len(station.connectors):
            raise ValueError("UnknownEvse", "no EVSE %d" % number)
        if duration <= 0 or now is None:
            raise ValueError("InvalidValue", "no duration, or the time is not known")
    except ValueError as exc:
        return refusal(exc)
    await before_import()
    from station.composite import composite

    release("station.composite")
    seconds, periods = composite(station, number, duration, UNIT[unit], point.clock)
    schedule = {
        "evseId": number,
        "duration": seconds,
        "scheduleStart": iso8601.format(now),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": start, "limit": number_of(limit), "numberPhases": phases}
            for start, limit, phases in periods
        ],
    }
    return {"status": "Accepted", "schedule": schedule}
