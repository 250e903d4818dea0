# Parts of the adapter that are loaded where something asks for them.
# MIT license; part of microevse
"""Monitors, what a driver is to read, transactions that are not sessions, tariffs. `point`: the
Ocpp2 whose parts they are."""

from evse_base import const, release

from . import client

_OPEN = const(46)  # store.kinds.TRANSACTION
_MODULES = const(("monitors", "notices", "live_limits", "points", "early"))


def start(point):
    """Load what the settings and the journal ask for."""
    from . import monitored

    point.monitors = monitored.start(point, False)
    if point.monitors is None:
        release("ocpp2.monitored")
        release("station.monitors")
    load_notices(point)
    if point.points_ask() or list(point.station.journal.state(_OPEN)):
        from . import points

        points.start(point)
    if point.later:
        from . import bills

        bills.start(point, False)


def load_notices(point, needed=False):
    """Make the notices of the station, if there is something to show or they are `needed`."""
    from station.notices import Notices

    station = point.station
    texts = [point.settings.text(name) for name in client.TEXTS]
    made = Notices(station, station.journal, point.settings, point.clock)
    station.notices = made if needed or made.items or any(texts) else None
    if station.notices is None:
        made.close()
        release("station.notices")


def close(point):
    """The adapter is not used again."""
    station = point.station
    if point.monitors:
        point.monitors.close()
    if point.costs:
        point.costs.close()
    if station.notices:
        station.notices.close()
        station.notices = None
    if station.stop_points not in (False, True):
        station.stop_points.close()
    station.stop_points = False
    for name in _MODULES:
        release("station." + name)
