# Parts of the adapter that are loaded where something asks for them.
# MIT license; part of microevse
"""Monitors, what a driver is to read, transactions that are not sessions, tariffs. `point`: the
Ocpp2 whose parts they are."""

from evse_base import before_import, const, release

# Settings that a page shows where a central system has told nothing.
TEXTS = const(("TariffFallbackMessage", "TotalCostFallbackMessage"))
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
    if asks(point) or list(point.station.journal.state(_OPEN)):
        from . import points

        points.start(point)
    if point.later:
        from . import bills

        bills.start(point, False)


def load_notices(point, needed=False):
    """Make the notices of the station, if there is something to show or they are `needed`."""
    from station.notices import Notices

    station = point.station
    texts = [point.settings.text(name) for name in TEXTS]
    made = Notices(station, station.journal, point.settings, point.clock)
    station.notices = made if needed or made.items or any(texts) else None
    if station.notices is None:
        made.close()
        release("station.notices")


def asks(point):
    """True if there have to be transactions that are not sessions, and are none yet."""
    begin, end = point.settings.text("TxStartPoint"), point.settings.text("TxStopPoint")
    # A session begins with its power path; it ends with that, or with its cable and its card.
    plain = "PowerPathClosed" in end or "," in end
    plain = plain and begin == "PowerPathClosed" and "EnergyTransfer" not in end
    return not plain and point.station.stop_points is True


async def look(point):
    """TxStartPoint or TxStopPoint may be another now."""
    if asks(point):
        await before_import()
        from . import points

        if asks(point):
            points.start(point)


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
