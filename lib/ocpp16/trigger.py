# TriggerMessage: the central system asks for a message now.
# MIT license; part of microevse
"""TriggerMessage.req (OCPP 1.6 section 5.17): the answer first, then the message."""

import asyncio

import iso8601
import log
from ocppj.rpc import CallError, Disconnected

from .names import sampled_values

# As in firmware.py, which is not loaded where the board has no room for it.
_OF_FILES = ("DiagnosticsStatusNotification", "FirmwareStatusNotification")
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


def handlers(station, client):
    """Table of the actions handled here. client: the Ocpp16 that owns boot and status."""

    async def send(messages):
        try:
            for message in messages:
                await message()
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "triggered message not delivered: %r", exc)

    def meter_values(connector):
        async def message():
            values = station.meter_values(connector)
            now = client.now()
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
            session = station.connectors[connector - 1].session
            transaction = client.transactions.transaction_id(session.id) if session else None
            if transaction is not None:
                payload["transactionId"] = transaction
            await client.call("MeterValues", payload)

        return message

    def status(connector):
        async def message():
            await client.status.trigger(connector)

        return message

    def file_status(action):
        async def message():
            await client.firmware.trigger(action)

        return message

    async def trigger_message(payload):
        wanted = payload["requestedMessage"]
        connector = payload.get("connectorId")
        count = len(station.connectors)
        if connector is not None and not 0 <= connector <= count:
            return REJECTED
        if wanted == "BootNotification":
            messages = [client.boot.notify]
        elif not client.boot.accepted and client.boot.status != "Pending":
            return REJECTED
        elif wanted == "Heartbeat":
            messages = [client.boot.heartbeat]
        elif wanted == "StatusNotification":
            which = range(count + 1) if connector is None else (connector,)
            messages = [status(c) for c in which]
        elif wanted == "MeterValues":
            # Connector 0 would be the main meter; there is none, so ask for a connector.
            which = range(1, count + 1) if not connector else (connector,)
            messages = [meter_values(c) for c in which]
        elif client.firmware and wanted in _OF_FILES:
            messages = [file_status(wanted)]
        else:
            return {"status": "NotImplemented"}

        async def after():
            await send(messages)

        return ACCEPTED, after

    return {"TriggerMessage": trigger_message}
