# StatusNotification of OCPP 1.6.
# MIT license; part of microevse
"""The status of a connector as StatusNotification.req (OCPP 1.6 section 4.9). The queue that sends
it: `ocppj.status_queue`."""

from evse_base import iso8601
from station.faults import sentence

from . import names
from evse_base import const

# The fields that make two notifications equal.
FIELDS = ("status", "errorCode", "vendorErrorCode", "info")
_INFO_LENGTH = const(50)
_ERROR_LENGTH = const(50)


def render(station, clock, connector):
    """StatusNotification payload of this moment. connector 0 is the charge point."""
    source = station if connector == 0 else station.connectors[connector - 1]
    fault = source.fault
    payload = {
        "connectorId": connector,
        "status": names.connector_status(source.status),
        "errorCode": names.error_code(fault[0] if fault else None),
    }
    info = sentence(*fault) if fault else getattr(source, "info", None)
    if info:
        payload["info"] = info[:_INFO_LENGTH]
    vendor = names.vendor_code(fault[0]) if fault else None
    if vendor:
        payload["vendorErrorCode"] = vendor[:_ERROR_LENGTH]
    now = clock.now()
    if now is not None:
        payload["timestamp"] = iso8601.format(now)
    return payload
