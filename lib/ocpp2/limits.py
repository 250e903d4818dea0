# Limits of transactions: what the central system or a driver sets, and what is told of them.
# MIT license; part of microevse
"""TransactionLimitType (2.1 part 2, E16 and F07). Loaded while there are limits."""

from evse_base import before_import, log

# In the order of station.session_limits, with the thousandths of a unit. maxSoC is not there: over
# the control pilot an EV does not tell its state of charge.
_NAMES = (("maxEnergy", 1000), ("maxTime", 1), ("maxCost", 1000))
# Beyond this nothing is a limit.
_MOST = 1000000000


async def put(point, session, limits, driver=False):
    """Keep the limits of a running session: those of a TransactionEventResponse, or the driver's.
    What this station cannot follow is left out (E16.FR.13). False if there is nothing to keep."""
    values = [_thousandths(limits, name, scale) for name, scale in _NAMES]
    connector, _ = point.station.session(session)
    if connector is not None and connector.metering.meter is None:
        values[0] = None
    if connector is None or values == [None] * 3:
        return False
    made = getattr(point.station, "session_limits", None)
    if made is None:
        await before_import()
        # Limits from elsewhere may have come meanwhile: two watches would end each other's pause.
        made = getattr(point.station, "session_limits", None)
    if made is None:
        from station.session_limits import SessionLimits

        made = SessionLimits(point.station, point.station.journal, point.clock)
        point.station.session_limits = made
    made.cost = lambda number: point.costs and point.costs.amount(number)
    made.ends = lambda: "EnergyTransfer" in point.settings.text("TxStopPoint")  # E16.FR.06
    kept = made.put(session, values, driver)
    if point.spent:
        made.spent(*point.spent)  # before there was a limit
    return kept


def _thousandths(limits, name, scale):
    value = limits.get(name) if isinstance(limits, dict) else None
    if value is None:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= _MOST:
        log.warn("ocpp", "%s %r is no limit", name, value)
        return None
    return value * scale if isinstance(value, int) else int(value * scale + 0.5)


def told(least, message):
    """Put the limits of a record into its TransactionEvent."""
    limits = {}
    for (name, scale), value in zip(_NAMES, least):
        if value is not None:
            limits[name] = value // scale if value % scale == 0 else value / scale
    if limits:
        message["transactionInfo"]["transactionLimit"] = limits
