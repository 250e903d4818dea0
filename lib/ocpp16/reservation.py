# ReserveNow and CancelReservation.
# MIT license; part of microevse
"""Reservations (OCPP 1.6 sections 5.1, 5.13); the rules are the station's."""

import iso8601
from ocppj.rpc import CallError

REJECTED = {"status": "Rejected"}

ANSWERS = {
    "accepted": "Accepted",
    "faulted": "Faulted",
    "occupied": "Occupied",
    "unavailable": "Unavailable",
    "rejected": "Rejected",
}


def handlers(reservations, registered):
    """Table of the actions handled here.

    reservations: the station's, None where reservation is switched off: then every request
    is Rejected (section 5.13). registered: callable, False until BootNotification was
    accepted; before that no clock says what has expired.
    """

    async def reserve_now(payload):
        if reservations is None or not registered():
            return REJECTED
        try:
            expiry = iso8601.parse(payload["expiryDate"])
        except ValueError as exc:
            raise CallError("PropertyConstraintViolation", str(exc))
        answer = reservations.reserve(
            payload["reservationId"],
            payload["connectorId"],
            payload["idTag"],
            payload.get("parentIdTag"),
            expiry,
        )
        return {"status": ANSWERS[answer]}

    async def cancel(payload):
        if reservations is None or not reservations.cancel(payload["reservationId"]):
            return REJECTED
        return {"status": "Accepted"}

    return {"ReserveNow": reserve_now, "CancelReservation": cancel}
