# Requests of OCPP 2.1 about profiles whose limit changes, and about sessions that go first.
# MIT license; part of microevse
"""UpdateDynamicSchedule (K28) and UsePriorityCharging (K21)."""

from station import live_limits
from station import profile as profiles

from .charging_limits import refusal
from .live_profiles import new_limit
from .names import ACCEPTED


async def update_dynamic_schedule(point, payload):
    """A new limit for a Dynamic profile, in force at once."""
    id = payload["chargingProfileId"]
    profile = live_limits.find(point.station.profiles, id)
    try:
        if profile is None:
            raise ValueError("NotFound", "no profile %d" % id)
        if profile.more(profiles.KIND) != profiles.LIVE:
            raise ValueError("InvalidProfile", "profile %d is not Dynamic" % id)
        limit = new_limit(payload["scheduleUpdate"])
        live_limits.renew(point.station.profiles, profile, limit, point.clock.now())
    except ValueError as exc:
        return refusal(exc)
    return ACCEPTED


async def use_priority_charging(point, payload):
    """The profile for priority holds for a session from now on, or no longer."""
    session = point.transactions.session_of(payload["transactionId"])
    if session is None:
        return refusal(ValueError("TxNotFound", "that transaction is not running"))
    if not live_limits.prioritize(point.station, session, payload["activate"]):
        return {"status": "NoProfile"}
    point.live.know(session, payload["activate"])
    return ACCEPTED
