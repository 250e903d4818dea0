# ReserveNow, CancelReservation and ReservationStatusUpdate.
# MIT license; part of microevse
"""Reservations (H01 to H04); the rules are the station's."""

from evse_base import iso8601
from evse_base import log
from ocppj.messages import CallError

from .names import ACCEPTED, refused

_ANSWERS = {
    "accepted": "Accepted",
    "faulted": "Faulted",
    "occupied": "Occupied",
    "unavailable": "Unavailable",
    "rejected": "Rejected",
}
_ENDS = {"expired": "Expired", "removed": "Removed"}


def _fits(connector, wanted, phases):
    """True if the connector may be of this ConnectorEnumType. A socket has a lock, a fixed cable
    has none. Nothing says which plug the cable has; one of three phases has no plug of type 1."""
    if connector.lock is not None and connector.lock.fitted:
        return wanted == "sType2"
    return wanted == "cType2" or (wanted == "cType1" and phases == 1)


async def reserve_now(point, payload):
    """ReserveNow (H01, H03). Before BootNotification is accepted there is no clock to tell which
    reservation has expired."""
    station, number = point.station, payload.get("evseId", 0)
    if not point.registered:
        return refused("CSNotAccepted")
    if "Reservation" not in point.profiles:
        return refused("NotEnabled")  # H01.FR.01
    chosen = station.connector(number)
    if number and chosen is None:
        return refused("UnknownEvse")
    if not number and not point.settings.get("ReserveConnectorZeroSupported"):
        return refused("UnsupportedRequest")
    wanted, numbers = payload.get("connectorType"), [number]
    if wanted is not None:
        meant, phases = [chosen] if chosen else station.connectors, point.settings.get("Phases")
        fitting = [c.id for c in meant if _fits(c, wanted, phases)]
        if not fitting:
            return refused("UnknownConnectorType")
        if len(fitting) < len(meant):
            numbers = fitting  # any of these
    try:
        expiry = iso8601.parse(payload["expiryDateTime"])
    except ValueError as exc:
        raise CallError("PropertyConstraintViolation", str(exc))
    token, group = payload["idToken"], payload.get("groupIdToken")
    group = group and group["idToken"] or None
    for number in numbers:
        answer = station.reservations.reserve(
            payload["id"], number, token["idToken"], group, expiry, token["type"]
        )
        if answer == "accepted":
            break
    return {"status": _ANSWERS[answer]}


async def cancel_reservation(point, payload):
    """CancelReservation (H02)."""
    if "Reservation" not in point.profiles:
        return refused("NotEnabled")
    if not point.station.reservations.cancel(payload["reservationId"]):
        return refused("NotFound")
    return ACCEPTED


async def tell(point):
    """Tell the oldest end of a reservation that was not used (H04; H01.FR.16); raises what
    Rpc.call raises. A CALLERROR is an answer: the same message would be refused again."""
    reservations = point.station.reservations
    number, word = reservations.untold[0]
    try:
        await point.call(
            "ReservationStatusUpdate",
            {"reservationId": number, "reservationUpdateStatus": _ENDS[word]},
        )
    except CallError as exc:
        log.warn("ocpp", "ReservationStatusUpdate refused: %s", exc.code)
    reservations.told(number)
