# StatusNotification of OCPP 2.x.
# MIT license; part of microevse
"""The status of a connector as StatusNotificationRequest (G01). Its reasons, such as a fault, are
told by NotifyEvent. The queue that sends it: `ocppj.status_queue`."""

from evse_base import iso8601

from . import names

# The fields that make two notifications equal.
FIELDS = ("connectorStatus",)


def word(connector):
    """ConnectorStatusEnumType of a connector. An accepted token without a cable does not occupy
    it, and neither does a session whose cable was pulled at the car (E10)."""
    status = connector.status
    if status == "preparing" and not connector.evse.plugged and connector.session is None:
        status = "available"
    elif connector.unplugged and status[:9] == "suspended":
        status = "available"
    return names.connector_status(status)


def render(station, clock, number):
    """The payload of this moment. Each EVSE has one connector, number 1. The time is known: see
    Ocpp2.parts."""
    return {
        "timestamp": iso8601.format(clock.now()),
        "connectorStatus": word(station.connectors[number - 1]),
        "evseId": number,
        "connectorId": 1,
    }
