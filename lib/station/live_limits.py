# Limits that change while their profile holds, and sessions that go first.
# MIT license; part of microevse
"""What only newer protocols ask of station.profiles; not loaded without one."""

from .profile import PRIORITY, UPDATED, pack


def find(profiles, id):
    """The installed profile with this id, None if there is none."""
    for p in profiles.installed():
        if p.id == id:
            return p
    return None


def renew(profiles, profile, tenths, now):
    """A LIVE profile has a new limit, in force at once. now: Unix s or None. ValueError: see
    profile.pack."""
    _, phases = next(profile.limits())
    profile.periods = pack([(0, tenths, phases)])
    profile.extra[UPDATED] = now
    if profile.duration is not None and now is not None:
        profile.start = now  # its limit holds for so long
    profiles.keep(profile)


def prioritize(station, session, on):
    """A session, by its number, goes first or no longer: see PRIORITY. False: there is no such
    session, or no such profile for it."""
    profiles = station.profiles
    connector, _ = station.session(session)
    if on:
        places = () if connector is None else (0, connector.id)
        if not any(p.purpose == PRIORITY and p.connector in places for p in profiles.installed()):
            return False
    profiles.first = [number for number in profiles.first if number != session]
    if on:
        profiles.first.append(session)
    profiles.changed()
    return True
