# TriggerMessage: the central system asks for a message now.
# MIT license; part of microevse
"""TriggerMessage (F06): the answer first, then the message. A TransactionEvent is an event like
any other: it is recorded, has a number, and waits in the queue for its turn."""

import asyncio

from evse_base import before_import, iso8601, log, release
from ocppj.messages import CallError, Disconnected
from station import measurands

from . import names
from .names import ACCEPTED, refused


async def trigger_message(point, payload):
    """TriggerMessage."""
    wanted, evse = payload["requestedMessage"], payload.get("evse")
    connectors = point.station.connectors
    if evse is not None:
        chosen = point.station.connector(evse["id"])
        if chosen is None:
            return refused("UnknownEvse")
        if evse.get("connectorId", 1) != 1:
            return refused("UnknownConnectorId")
        connectors = [chosen]
    if wanted == "BootNotification":
        # F06.FR.17: not once it has been accepted.
        return refused("CSNotAccepted") if point.registered else _then([_call(_register, point)])
    if not point.registered and point.boot.status != "Pending":
        return refused("CSNotAccepted")
    if wanted == "Heartbeat":
        return _then([point.boot.heartbeat])
    if wanted == "StatusNotification":
        # F06.FR.12: only of one connector.
        if evse is None or "connectorId" not in evse:
            return refused("MissingParam")
        return _then([_call(point.status.trigger, evse["id"])])
    if wanted == "CustomTrigger":
        if payload.get("customTrigger") != "AllStatusNotifications":
            return {"status": "NotImplemented"}
        return _then([_call(point.status.trigger, connector.id) for connector in connectors])
    if wanted == "MeterValues":
        return _then([_call(_meter_values, point, connector) for connector in connectors])
    if wanted == "TransactionEvent":
        early = point.station.stop_points
        running = [c for c in connectors if c.session is not None and not c.session.stopping]
        other = [c for c in connectors if c.id in getattr(early, "open", ())]
        if not running and not other:
            return refused("TxNotFound")
        messages = [_call(_event, connector) for connector in running]
        return _then(messages + [_call(_event, connector, early) for connector in other])
    await before_import()
    from . import file_triggers

    release("ocpp2.file_triggers")
    message = file_triggers.message(point, wanted)
    if message is None:
        return {"status": "NotImplemented"}
    return _then([message]) if message else refused("Unspecified")


def _then(messages):
    async def after():
        try:
            for message in messages:
                await message()
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "triggered message not delivered: %r", exc)

    return ACCEPTED, after


def _call(fn, *args):
    return lambda: fn(*args)


async def _register(point):
    await point.boot.notify()
    point.wake()  # what waits for registration


async def _event(connector, early=None):
    (early or connector.metering).triggered(*([connector] if early else []))


async def _meter_values(point, connector):
    values = connector.metering.values(
        point.settings.get("MeterValuesAlignedData") or measurands.names()[:1]
    )
    sampled = names.sampled_values(values, measurands.TRIGGER)
    now = point.clock.now()
    if sampled and now is not None:
        value = {"timestamp": iso8601.format(now), "sampledValue": sampled}
        await point.call("MeterValues", {"evseId": connector.id, "meterValue": [value]})
