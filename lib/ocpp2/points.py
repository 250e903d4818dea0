# Start and stop points that a session does not have: what they need, and what is told.
# MIT license; part of microevse
"""TxStartPoint and TxStopPoint (E01, E06). `station.points` keeps such transactions. Loaded while
the settings ask for them."""

from station import measurands
from station.points import Points

from . import names
from .transactions import WHAT

# What has cut the transactions of the last start; reasons of station.session.
_CAUSES = {"PowerUp": "power_loss", "Unknown": "reboot", "Watchdog": "reboot"}


def start(point):
    """Make the station of `point` (an Ocpp2) keep such transactions."""
    point.station.stop_points = Points(point.station, _CAUSES.get(point.reason, "soft_reset"))


def event(renderer, payload):
    """The TransactionEvent of a CHANGE with an eighth field; renderer: Transactions."""
    session, connector, trigger, state, stamp, seq = payload[:6]
    what, uuid, place, token, kind, remote_start, reason, meter_wh, values = payload[7][:9]
    message = renderer.event(WHAT[what], trigger, stamp, session, seq, uuid)
    info = message["transactionInfo"]
    info["chargingState"] = names.charging_state(state)
    if token:
        message["idToken"] = names.id_token(token, kind, renderer.later)
    if isinstance(remote_start, int):
        info["remoteStartId"] = remote_start
    if place:
        message["evse"] = {"id": connector, "connectorId": 1}
        renderer.begin(message, stamp, values, meter_wh)
    if reason:
        info["stoppedReason"] = names.stop_reason(reason, renderer.later)
        values = values or []
        if measurands.ENERGY not in [item[0] for item in values]:
            values = values + [[measurands.ENERGY, 0, meter_wh]]
        message["meterValue"] = [renderer.value(stamp, values, measurands.END)]
    return message
