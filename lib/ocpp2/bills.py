# What a session costs, for the central system and for the page.
# MIT license; part of microevse
"""CostDetailsType (2.1 part 2, I12). Loaded while the station has a tariff. Amounts have three
decimals: up to 9,999.999 each number in a message is exact, also in the chip's floats."""

from evse_base import const, iso8601, log, release
from station import costs
from station.delivery import START, STOP, UNREADABLE

# Of each field of station.tariff: its name in TotalCostType.
_FIELDS = const(("energy", "chargingTime", "idleTime", "fixed", "reservationFixed"))
_KINDS = {"normal": "NormalCost", "least": "MinCost", "most": "MaxCost"}


def start(point, needed):
    """Make the Costs of the station of `point` (an Ocpp2); without `needed` only where there are
    tariffs."""
    station = point.station

    async def shown(session, thousandths, currency, text):
        notices = await point.notices()
        if text:
            notices.card(session, text)
        notices.cost(session, thousandths / 1000, currency)

    made = costs.Costs(station, station.journal, point.settings, point.clock, shown)
    if needed or made.loaded:
        point.costs = point.transactions.costs = made
        return
    made.close()
    for name in ("ocpp2.bills", "station.costs", "station.tariffs", "station.tariff"):
        release(name)


def told(made, kind, payload, message):
    """Put the tariff or the cost into the message of a record; nothing where the session has none,
    or its records cannot be read: an event is told all the same. made: Costs or None."""
    try:
        if kind not in (START, STOP):
            _tell(message, payload[6][2])
        elif made and kind == START:
            id = made.first_id(payload[0])
            if id:
                message["transactionInfo"]["tariffId"] = id
        elif made:
            found = made.bill(payload)
            if found:
                _tell(message, *found)
    except UNREADABLE as exc:
        log.error("ocpp", "cost of session %d not told: %r", payload[0], exc)


def _tell(message, bill, ids=None, periods=None):
    """Put a bill of station.costs into a TransactionEvent. ids, periods: of the end, see
    `Costs.bill`; while a session runs its periods are not told."""
    id, currency, kind, wh, charging_s, idle_s, fields, net, gross = bill[:9]
    cost = {"currency": currency, "typeOfCost": _KINDS[kind], "total": _amounts(net, gross)}
    for number, without, taxed in fields:
        cost[_FIELDS[number]] = _amounts(without, taxed)
    usage = {"energy": wh, "chargingTime": charging_s, "idleTime": idle_s}
    details = {"totalCost": cost, "totalUsage": usage}
    # Without a time, or with too many of them, the periods would not add up.
    if periods and all([one[0] for one in periods]):
        details["chargingPeriods"] = [_period(one, ids) for one in periods]
    message["costDetails"] = details
    message["transactionInfo"]["tariffId"] = id


def _amounts(net, gross):
    out = {}
    for name, value in (("exclTax", net), ("inclTax", gross)):
        if value is not None:
            out[name] = value // 1000 if value % 1000 == 0 else value / 1000
    return out


def _period(period, ids):
    wall, number, wh, charging_s, idle_s = period
    kinds = (("Energy", wh), ("ChargingTime", charging_s), ("IdleTIme", idle_s))
    dimensions = [{"type": kind, "volume": volume} for kind, volume in kinds]
    start = iso8601.format(wall)
    return {"tariffId": ids[number], "startPeriod": start, "dimensions": dimensions}
