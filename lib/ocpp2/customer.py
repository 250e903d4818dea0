# CustomerInformation of OCPP 2.x: what is kept of a customer, and that it is forgotten.
# MIT license; part of microevse
"""N09 and N10 into calls to the station. A customer is known here by a token alone: nothing is
kept under a certificate or another identifier, so of those nothing is reported, and there is
nothing to clear. The report is text for people, in parts.
"""

import asyncio

from evse_base import before_import, const, iso8601, log, release
from ocppj.messages import CallError, Disconnected

from .names import ACCEPTED, refused

_NAME = const("NotifyCustomerInformation")
_PART = const(512)  # characters of `data`
_CUSTOMER = ("idToken", "customerCertificate", "customerIdentifier")


async def customer_information(point, payload):
    """CustomerInformation. Data is read before it is cleared, and told after the answer."""
    if not [name for name in _CUSTOMER if name in payload]:
        return refused("MissingParam", "Invalid")  # no reference to a customer is included
    if not payload["report"] and not payload["clear"]:
        return refused("InvalidValue")
    if point.clock.now() is None:
        return refused("InternalError")  # the report has a time
    text = ""
    token = payload.get("idToken")
    if token:
        await before_import()
        from station import customer

        release("station.customer")
        one = token["idToken"], token["type"]
        if payload["report"]:
            text = "\n".join(customer.told(point.station, *one))
        if payload["clear"]:
            done = await customer.clear(point.station, *one)
            if done != customer.CLEARED:
                return refused("TxInProgress" if done == customer.WAITS else "InternalError")
            log.info("auth", "a customer's token is forgotten")
    number = payload["requestId"]

    async def tell():
        # A part without data says that there is nothing, or that all was cleared (N10).
        for at in range(0, len(text) or 1, _PART):
            part = {
                "requestId": number,
                "data": text[at : at + _PART],
                "seqNo": at // _PART,
                "generatedAt": iso8601.format(point.clock.now()),
                "tbc": at + _PART < len(text),
            }
            try:
                await point.call(_NAME, part)
            except (asyncio.TimeoutError, CallError, Disconnected) as exc:
                log.warn("ocpp", "%s not delivered: %r", _NAME, exc)
                return

    return ACCEPTED, tell
