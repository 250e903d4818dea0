# GetBaseReport, GetReport and the NotifyReport messages that answer them.
# MIT license; part of microevse
"""Reports of the device model (B07, B08). The request is answered first. Then the rows are looked
up part by part, each while its message is sent, so that a report takes the memory of one row.
Several reports may run; one ends with its connection.
"""

import asyncio

from evse_base import before_import, iso8601, log, release
from ocppj.messages import CallError, Disconnected, dumps

# Rows of one message: about 5 KB of text, which is never there as a whole.
_ROWS = 16
# What a SummaryInventory has: availability and condition (B07.FR.12).
_CONDITION = ("AvailabilityState", "Available", "Problem", "Tripped")
_MUTABILITY = {"r": "ReadOnly", "w": "WriteOnly", "rw": "ReadWrite"}


async def loaded(point):
    """The module `model`. What is loaded here is unloaded with the handler (ocppj.on_demand)."""
    await before_import()
    from . import readings  # noqa: F401 (each is a stall of its own)

    await before_import()
    from . import table  # noqa: F401

    await before_import()
    from . import model

    if point.later:
        await before_import()
        from . import network

        model.more = network
        release("station.network_slot")
        release("ocpp2.network")
    release("ocpp2.readings")
    release("ocpp2.table")
    release("ocpp2.model")
    return model


async def get_base_report(point, payload):
    """GetBaseReport (B07)."""
    base = payload["reportBase"]

    def chosen(one):
        if base == "ConfigurationInventory":
            return "w" in one.access
        return base == "FullInventory" or one.name in _CONDITION

    return _report(point, await loaded(point), payload["requestId"], chosen)


async def get_report(point, payload):
    """GetReport (B08): the components that meet one of the criteria, and of those the variables
    that are named. What is not named, such as an EVSE, counts as any."""
    criteria = payload.get("componentCriteria")
    for word in criteria or ():
        if word not in ("Active", "Available", "Enabled", "Problem"):
            return {"status": "NotSupported"}
    items = payload.get("componentVariable") or []
    # One text: the report lasts, and what it was asked for takes three times as much.
    wanted, count = "", len(items)
    while items:
        item = items.pop(0)
        wanted += "\n" + _pattern(item["component"], item.get("variable")).lower()
    item = items = None
    request = payload["requestId"]
    payload.clear()
    model = await loaded(point)
    if count > model.MOST_REPORTED:
        raise CallError("OccurrenceConstraintViolation", "at most %d items" % model.MOST_REPORTED)

    def chosen(one):
        if wanted:
            place = _place(one).lower()
            if not any([_fits(place, pattern) for pattern in wanted[1:].split("\n")]):
                return False
        return not criteria or _meets(point, model, one, criteria)

    return _report(point, model, request, chosen)


def _place(one):
    """component|instance|evse|connector|variable|instance of a variable."""
    return "%s|%s|%s|%s|%s|%s" % (
        one.component, one.part, one.evse or "", one.connector or "", one.name, one.instance,
    )  # fmt: skip


def _pattern(component, variable):
    """The same of a request, with a * for any."""
    evse = component.get("evse") or {}
    variable = variable or {}
    return "%s|%s|%s|%s|%s|%s" % (
        component["name"], component.get("instance", "*"),
        evse.get("id", "*"), evse.get("connectorId", "*"),
        variable.get("name", "*"), variable.get("instance", "*"),
    )  # fmt: skip


def _fits(place, pattern):
    pattern = pattern.split("|")
    place = place.split("|")
    return len(pattern) == len(place) and all(
        [pattern[i] in ("*", place[i]) for i in range(len(place))]
    )


def _meets(point, model, one, criteria):
    """True if the component of a variable meets one of these criteria. One without a variable of
    that name counts as active, available and enabled, and as one that has no problem."""
    component, _ = one.names()
    for word in criteria:
        found = model.spelled(point, component, word)
        if found.value() == "true" if found else word != "Problem":
            return True
    return False


def _report(point, model, request, chosen):
    if point.clock.now() is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}}  # no time yet
    rows = (one for one in model.each(point) if chosen(one))
    ahead = [next(rows, None)]
    if ahead[0] is None:
        return {"status": "EmptyResultSet"}

    async def after():
        seq = 0
        try:
            while ahead[0]:
                try:
                    await point.call("NotifyReport", _part(point, request, seq, ahead, rows))
                except (asyncio.TimeoutError, CallError) as exc:
                    log.warn("ocpp", "report %d, part %d: %r", request, seq, exc)
                seq += 1
        except Disconnected:
            log.info("ocpp", "report %d ends with its connection", request)

    return {"status": "Accepted"}, after


def _part(point, request, seq, ahead, rows):
    """One NotifyReport in pieces of JSON. ahead: the next row in a list, None at the end."""
    at = iso8601.format(point.clock.now())
    text = '{"requestId":%d,"generatedAt":"%s","seqNo":%d,"reportData":[' % (request, at, seq)
    for _ in range(_ROWS):
        yield text
        text = ","
        for piece in _row(ahead[0]):
            yield piece
        ahead[0] = None  # there is one at a time
        ahead[0] = next(rows, None)
        if ahead[0] is None:
            break
    yield '],"tbc":%s}' % ("true" if ahead[0] else "false")


def _row(one):
    """ReportDataType of a variable, in pieces of JSON."""
    yield '{"component":%s,"variable":%s,"variableAttribute":[' % tuple(map(dumps, one.names()))
    attribute = {"type": "Actual", "mutability": _MUTABILITY[one.access]}
    if "w" in one.access:
        attribute["persistent"] = True
    value = one.value()
    if value is not None:
        attribute["value"] = value
    yield dumps(attribute)
    attribute = value = None
    yield '],"variableCharacteristics":'
    yield dumps(one.characteristics())
    yield "}"
