# Smart charging: charging profiles in and out, and the composite schedule.
# MIT license; part of microevse
"""SetChargingProfile, ClearChargingProfile, GetCompositeSchedule (OCPP 1.6 sections 3.13,
5.3, 5.7, 5.16, 7.8 to 7.14). The station decides what a profile means; this module only translates
the words of 1.6. The schema check has been made before.
"""

from evse_base import iso8601
from evse_base import log
from evse_base import before_import, release
from station import profile as profiles

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}

PURPOSE = {
    "ChargePointMaxProfile": profiles.MAX,
    "TxDefaultProfile": profiles.DEFAULT,
    "TxProfile": profiles.TX,
}
UNIT = {"A": profiles.AMPS, "W": profiles.WATTS}
# As ChargingScheduleAllowedChargingRateUnit has them.
_OFFERED = {"A": "Current", "W": "Power"}
EVERY = {"Daily": profiles.DAILY, "Weekly": profiles.WEEKLY}

# Our clock is late by the delay of the last answer; some central systems send whole seconds only.
CLOCK_ERROR_S = 2


def tenths(value):
    """A number with one decimal as tenths: 16.1 -> 161. ValueError below 0."""
    # One addition and one product: exact enough even in the chip's 24-bit floats.
    number = 10 * value if isinstance(value, int) else int(10 * value + 0.5)
    if value < 0:
        raise ValueError("limit %s" % value)
    return min(number, profiles.MAX_TENTHS)


def _time(data, name):
    return iso8601.parse(data[name]) if name in data else None


def _begin(data, name, now):
    """Unix s of the moment from which something holds, None without one."""
    at = _time(data, name)
    if at is not None and now is not None and 0 < at - now <= CLOCK_ERROR_S:
        # It means "now": the composite would show a second or two without the limit.
        return now
    return at


def _periods(items):
    out = []
    for item in items:
        phases = item.get("numberPhases", 0)
        if "numberPhases" in item and phases < 1:
            raise ValueError("%d phases" % phases)
        out.append((item["startPeriod"], tenths(item["limit"]), phases))
    return profiles.pack(out)


def check_unit(station, unit):
    """ValueError for a chargingRateUnit that is not offered (section 9.4.2)."""
    if _OFFERED[unit] not in station.settings.text("ChargingScheduleAllowedChargingRateUnit"):
        raise ValueError("no schedules in %s" % unit)


def make_profile(data, connector, now, session=None):
    """Profile from a 1.6 ChargingProfile; ValueError says what is impossible.

    now: Unix s or None. A schedule without startSchedule counts from the start of charging
    (section 7.13); one for the whole charge point counts from now: central systems send
    that, and there is no start of charging for connector 0.
    """
    purpose = PURPOSE[data["chargingProfilePurpose"]]
    schedule = data["chargingSchedule"]
    kind = data["chargingProfileKind"]
    valid_from = _begin(data, "validFrom", now)
    start = _begin(schedule, "startSchedule", now) if kind != "Relative" else None
    every = 0
    if kind == "Recurring":
        if "recurrencyKind" not in data:
            raise ValueError("recurring without recurrencyKind")
        every = EVERY[data["recurrencyKind"]]
        start = valid_from if start is None else start
    elif start is None and purpose == profiles.MAX:
        start = now
    return profiles.Profile(
        data["chargingProfileId"],
        connector,
        purpose,
        data["stackLevel"],
        UNIT[schedule["chargingRateUnit"]],
        start,
        every,
        schedule.get("duration"),
        valid_from,
        _time(data, "validTo"),
        tenths(schedule.get("minChargingRate", 0)),
        _periods(schedule["chargingSchedulePeriod"]),
        session,
    )


def start_profile(point, payload):
    """Profile of a RemoteStartTransaction, None without one; ValueError if it is impossible.

    Only a TxProfile may come that way (section 5.11); its transactionId means nothing.
    """
    data = payload.get("chargingProfile")
    if data is None:
        return None
    if PURPOSE[data["chargingProfilePurpose"]] != profiles.TX:
        raise ValueError("%s with a remote start" % data["chargingProfilePurpose"])
    check_unit(point.station, data["chargingSchedule"]["chargingRateUnit"])
    return make_profile(data, payload.get("connectorId", 0), point.clock.now())


def _running(point, number, data):
    """Number of the session that a TxProfile is for. ValueError if there is none."""
    connector = point.station.connector(number)
    session = connector.session if connector else None
    if session is None or session.stopping:
        raise ValueError("TxProfile without a transaction")
    wanted = data.get("transactionId")
    if wanted is not None and point.transaction_id(session.id) != wanted:
        raise ValueError("transaction %d is not running" % wanted)
    return session.id


async def set_charging_profile(point, payload):
    station = point.station
    number, data = payload["connectorId"], payload["csChargingProfiles"]
    purpose = PURPOSE[data["chargingProfilePurpose"]]
    try:
        if not 0 <= number <= len(station.connectors):
            raise ValueError("no connector %d" % number)
        if purpose == profiles.MAX and number:
            raise ValueError("ChargePointMaxProfile at connector %d" % number)
        check_unit(station, data["chargingSchedule"]["chargingRateUnit"])
        session = _running(point, number, data) if purpose == profiles.TX else None
        station.profiles.install(make_profile(data, number, point.clock.now(), session))
    except ValueError as exc:
        log.warn("ocpp", "charging profile refused: %s", exc)
        return REJECTED
    return ACCEPTED


async def clear_charging_profile(point, payload):
    purpose = payload.get("chargingProfilePurpose")
    cleared = point.station.profiles.clear(
        payload.get("id"),
        payload.get("connectorId"),
        None if purpose is None else PURPOSE[purpose],
        payload.get("stackLevel"),
    )
    return ACCEPTED if cleared else {"status": "Unknown"}


async def get_composite_schedule(point, payload):
    station = point.station
    number, duration = payload["connectorId"], payload["duration"]
    unit = payload.get("chargingRateUnit", "A")
    try:
        check_unit(station, unit)
    except ValueError:
        return REJECTED
    if not 0 <= number <= len(station.connectors) or duration <= 0:
        return REJECTED
    await before_import()
    from station.composite import composite

    release("station.composite")
    now = point.clock.now()
    seconds, periods = composite(station, number, duration, UNIT[unit], point.clock)
    schedule = {
        "duration": seconds,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {
                "startPeriod": start,
                "limit": limit // 10 if limit % 10 == 0 else limit / 10,
                "numberPhases": phases,
            }
            for start, limit, phases in periods
        ],
    }
    answer = {"status": "Accepted", "connectorId": number, "chargingSchedule": schedule}
    if now is not None:
        answer["scheduleStart"] = schedule["startSchedule"] = iso8601.format(now)
    return answer
