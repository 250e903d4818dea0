# ReserveNow and CancelReservation.
# MIT license; part of microevse
"""Reservations (OCPP 1.6 sections 5.1, 5.13); the rules are the station's."""

from evse_base import iso8601
from ocppj.rpc import CallError

REJECTED = {"status": "Rejected"}

ANSWERS = {
    "accepted": "Accepted",
    "faulted": "Faulted",
    "occupied": "Occupied",
    "unavailable": "Unavailable",
    "rejected": "Rejected",
}


def _fitted(point):
    """False where reservation is switched off: then every request is Rejected (section 5.13)."""
    return "Reservation" in point.profiles


async def reserve_now(point, payload):
    # Before BootNotification is accepted there is no clock to tell which reservation has expired.
    if not _fitted(point) or not point.registered:
        return REJECTED
    try:
        expiry = iso8601.parse(payload["expiryDate"])
    except ValueError as exc:
        raise CallError("PropertyConstraintViolation", str(exc))
    answer = point.station.reservations.reserve(
        payload["reservationId"],
        payload["connectorId"],
        payload["idTag"],
        payload.get("parentIdTag"),
        expiry,
    )
    return {"status": ANSWERS[answer]}


async def cancel_reservation(point, payload):
    if not _fitted(point) or not point.station.reservations.cancel(payload["reservationId"]):
        return REJECTED
    return {"status": "Accepted"}
