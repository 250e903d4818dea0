# TriggerMessage: the central system asks for a message now.
# MIT license; part of microevse
"""TriggerMessage.req (OCPP 1.6 section 5.17): the answer first, then the message."""

import asyncio

from evse_base import iso8601
from evse_base import log
from ocppj.rpc import CallError, Disconnected

from .names import sampled_values

# As in firmware.py, which is not loaded where the board has no room for it.
_OF_FILES = ("DiagnosticsStatusNotification", "FirmwareStatusNotification")
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


async def trigger_message(point, payload):
    wanted = payload["requestedMessage"]
    connector = payload.get("connectorId")
    count = len(point.station.connectors)
    if connector is not None and not 0 <= connector <= count:
        return REJECTED
    if wanted == "BootNotification":
        messages = [point.boot.notify]
    elif not point.registered and point.boot.status != "Pending":
        return REJECTED
    elif wanted == "Heartbeat":
        messages = [point.boot.heartbeat]
    elif wanted == "StatusNotification":
        which = range(count + 1) if connector is None else (connector,)
        messages = [_call(point.status.trigger, c) for c in which]
    elif wanted == "MeterValues":
        # Connector 0 would be the main meter; there is none, so ask for a connector.
        which = range(1, count + 1) if not connector else (connector,)
        messages = [_call(_meter_values, point, c) for c in which]
    elif point.firmware and wanted in _OF_FILES:
        messages = [_call(point.firmware.trigger, wanted)]
    else:
        return {"status": "NotImplemented"}

    async def after():
        try:
            for message in messages:
                await message()
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "triggered message not delivered: %r", exc)

    return ACCEPTED, after


def _call(fn, *args):
    return lambda: fn(*args)


async def _meter_values(point, connector):
    values = point.station.meter_values(connector)
    now = point.clock.now()
    if not values or now is None:
        return
    payload = {
        "connectorId": connector,
        "meterValue": [
            {
                "timestamp": iso8601.format(now),
                "sampledValue": sampled_values(values, "Trigger"),
            }
        ],
    }
    session = point.station.connectors[connector - 1].session
    transaction = point.transaction_id(session.id) if session else None
    if transaction is not None:
        payload["transactionId"] = transaction
    await point.call("MeterValues", payload)
