# The current that the charger will offer over time, as far as it is known now.
# MIT license; part of microevse
"""The composite schedule: profiles, claims and caps put together, moment by moment.

Two functions make the offer: `Profiles.limits_at`, and `set_limits` into `Limits`. The schedule is
made by the same two, on a copy of the limits: it reports what the pilot will offer, unless a
profile or a limit changes. Changes that come late by chance (profile.DELAY) are reported as
planned. Below 6 A it reports 0, because the pilot then offers nothing.
"""

from .profile import AMPS, MAX_PERIODS, sooner
from .limits import set_limits

# A recurring profile has many steps, and few of them differ. This bounds the work for one answer.
_MAX_STEPS = 500


def composite(station, number, duration, unit, clock):
    """(seconds covered, [[start s, limit in tenths of `unit`, phases], ...]) from now on.

    number: of a connector, 0: the whole station with a car at every connector. A connector
    without a session is treated as if one began now. At most MAX_PERIODS periods: a schedule
    with more of them ends there (seconds covered < duration).
    """
    unix, uptime = clock.now(), clock.uptime()
    lines = [_Line(c, uptime) for c in station.connectors if number in (0, c.id)]
    fitted = station.settings.get("Phases")
    volts = station.settings.get("NominalVoltage")

    def value(t):
        """(limit in tenths, phases, left) at `t` s from now."""
        at = None if unix is None else unix + t
        total, phases, power, left = 0, 0, 0, None
        for line in lines:
            ua, n, cap, more = line.value(station.profiles, at, t, bool(number))
            n = n or fitted
            total += ua
            power += ua * n
            phases = max(phases, n)
            left = sooner(left, more)
        if not number and cap is not None and total > cap[0]:
            total, phases = cap
            power = total * phases
        scaled = total if unit == AMPS else power * volts
        return (scaled + 50000) // 100000, phases, left

    out = []
    t = 0
    for _ in range(_MAX_STEPS):
        tenths, phases, left = value(t)
        if not out or out[-1][1:] != [tenths, phases]:
            if len(out) == MAX_PERIODS:
                break
            out.append([t, tenths, phases])
        if left is None or t + left >= duration:
            return duration, out
        t += left
    return t, out


class _Line:
    """One connector while the composite is made."""

    def __init__(self, connector, uptime):
        session = connector.session
        self._connector = connector.id
        self._session = session.id if session else None
        self._elapsed = uptime - session.started[1] if session else 0
        self._uptime = uptime
        self._limits = connector.limits.copy()

    def value(self, profiles, unix, t, share):
        """(uA, phases or 0, the station's cap as (uA, phases) or None, left s or None)."""
        claim, phases, cap, cap_phases, left = profiles.limits_at(
            self._connector, self._session, unix, self._elapsed + t, share, True
        )
        set_limits(self._limits, claim, cap)
        at = 1000 * (self._uptime + t)
        self._limits.expire(at)
        ma = self._limits.value(at)[0]
        for _, _, _, until in self._limits.claims():
            if until is not None:
                left = sooner(left, (until - at + 999) // 1000)
        ua, n = 1000 * ma, phases
        # A limit is reported as the profile has it, not after rounding.
        if claim is not None and ma and claim // 1000 == ma:
            ua = claim
        elif cap is not None and ma and cap // 1000 == ma:
            ua, n = cap, cap_phases
        return ua, n, None if cap is None else (cap, cap_phases), left
