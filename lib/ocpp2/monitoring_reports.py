# GetMonitoringReport, and the NotifyMonitoringReport messages that answer it.
# MIT license; part of microevse
"""Reports of monitors (2.0.1 part 2, N02). The request is answered first."""

import asyncio

from evse_base import before_import, iso8601, log, release
from ocppj.messages import CallError, Disconnected

_CRITERIA = ("ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring")
# Monitors in one message.
_EACH = 5


async def get_monitoring_report(point, payload):
    """GetMonitoringReport: monitors that meet one of the criteria, of one of the variables that
    are named. A component without an EVSE stands for that of every EVSE, and a component without a
    variable for all of its variables."""
    criteria = payload.get("monitoringCriteria")
    for word in criteria or ():
        if word not in _CRITERIA:
            return {"status": "NotSupported"}
    await before_import()
    from station import monitors

    await before_import()
    from . import monitored

    named = payload.get("componentVariable")
    chosen = []
    own = [] if point.monitors is None else point.monitors.items
    for records in (monitored.hard_wired(point), own):
        for record in records:
            if criteria and monitored.type_of(record[monitors.KIND], 2) not in criteria:
                continue
            component, variable, _ = monitored.described(point, record)
            if named and not [one for one in named if _meant(one, component, variable)]:
                continue
            chosen.append(list(record[:7]))
    described = monitored.described
    if point.monitors is None:
        release("ocpp2.monitored")
        release("station.monitors")
    if not chosen:
        return {"status": "EmptyResultSet"}

    async def after():
        await _report(point, payload["requestId"], chosen, described)

    return {"status": "Accepted"}, after


def _meant(one, component, variable):
    wanted = one["component"]
    if wanted["name"].lower() != component["name"].lower() or wanted.get("instance"):
        return False
    place = wanted.get("evse")
    if place:
        mine = component.get("evse") or {}
        if place["id"] != mine.get("id"):
            return False
        if place.get("connectorId") not in (None, mine.get("connectorId")):
            return False
    name = one.get("variable")
    return name is None or name["name"].lower() == variable["name"].lower()


async def _report(point, request, chosen, described):
    seq = 0
    while chosen:
        part, chosen = chosen[:_EACH], chosen[_EACH:]
        rows = []
        for record in part:
            component, variable, monitoring = described(point, record)
            rows.append(
                {"component": component, "variable": variable, "variableMonitoring": [monitoring]}
            )
        message = {"requestId": request, "seqNo": seq, "monitor": rows}
        message["generatedAt"] = iso8601.format(point.clock.now())
        if chosen:
            message["tbc"] = True
        try:
            await point.call("NotifyMonitoringReport", message)
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "monitoring report %d not delivered: %r", request, exc)
            return
        seq += 1
