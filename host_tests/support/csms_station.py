# Stations of OCPP 2.x that tests of the central system move by hand, and what they tell.
# MIT license; part of microevse
"""`Line` sends what it is told to; `session()` is a right session, which a test changes a bit."""

import asyncio
import json

import pytest
import websockets
from csms import stamp

TAGS = {
    "CARD1": {"parentIdTag": "FAMILY", "expiryDate": "2030-01-01T00:00:00Z"},
    "GONE": {"expiryDate": "2020-01-01T00:00:00Z"},
    "POOR": {"status": "NoCredit", "personalMessage": {"format": "UTF8", "content": "No."}},
    "PHONE": {"type": "Central", "groupIdToken": {"idToken": "FAMILY", "type": "Local"}},
}
NOW = 1798761600
BEGAN = NOW - 600
CARD = {"idToken": "CARD1", "type": "ISO14443"}
ALL = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
TX = "5a0fb5d9-3f86-4cc7-b6a2-3f0a9d1f2c11"


def scenario(fn):
    """Run an async test to its end within 20 s; one with an argument under both versions."""

    def run(*args):
        asyncio.run(asyncio.wait_for(fn(*args), 20))

    def alone():
        run()

    def each(protocol):
        run(protocol)

    test = each if fn.__code__.co_argcount else alone
    test.__name__, test.__doc__ = fn.__name__, fn.__doc__
    return (
        pytest.mark.parametrize("protocol", ("ocpp2.0.1", "ocpp2.1"))(test)
        if test is each
        else test
    )


class Line:
    """A station's raw side of a connection: it tells what it is told to."""

    def __init__(self, csms, *protocols, id="CP 1"):
        self.csms, self.protocols, self.id = csms, protocols or ("ocpp2.0.1",), id
        self.count = len(csms.log) * 100

    async def __aenter__(self):
        url = f"{self.csms.url}/{self.id.replace(' ', '%20')}"
        self.ws = await websockets.connect(url, subprotocols=list(self.protocols))
        return self

    async def __aexit__(self, *_):
        await self.ws.close()
        while not self.csms.connections[-1].lost:
            await asyncio.sleep(0.005)

    async def tell(self, action, payload, id=None):
        """Send a CALL; returns the message that answers it."""
        self.count += 1
        text = json.dumps([2, id or f"raw-{self.count}", action, payload])
        await self.ws.send(text)
        return json.loads(await self.ws.recv())

    async def boot(self):
        if self.ws.subprotocol == "ocpp1.6":
            body = {"chargePointVendor": "v", "chargePointModel": "m"}
        else:
            body = {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}
        return (await self.tell("BootNotification", body))[2]


def event(kind, seq, trigger, at=0, wh=None, state=None, **more):
    """A TransactionEvent, `at` seconds after its beginning."""
    info = {"transactionId": more.pop("tx", TX)}
    if state:
        info["chargingState"] = state
    if "reason" in more:
        info["stoppedReason"] = more.pop("reason")
    if "remote" in more:
        info["remoteStartId"] = more.pop("remote")
    when = stamp(BEGAN + at)
    found = {"eventType": kind, "seqNo": seq, "triggerReason": trigger, "timestamp": when}
    found["transactionInfo"] = info
    if wh is not None:
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}
        sample = {"value": wh, "context": context.get(kind, "Sample.Periodic")}
        found["meterValue"] = [{"timestamp": when, "sampledValue": [sample]}]
    found["offline"] = True  # all of this was before the line was up
    found.update(more)
    return {key: value for key, value in found.items() if value is not None}


def session(**more):
    """A right session of three hundred seconds and 100 Wh."""
    evse = {"id": 1, "connectorId": 1}
    return [
        event("Started", 0, "Authorized", 0, 1000, "EVConnected", evse=evse, idToken=CARD, **more),
        event("Updated", 1, "ChargingStateChanged", 2, state="Charging", **more),
        event("Updated", 2, "MeterValuePeriodic", 100, 1050.5, "Charging", **more),
        event("Updated", 3, "StopAuthorized", 300, 1100, "EVConnected", idToken=CARD, **more),
        event("Ended", 4, "EVCommunicationLost", 310, 1100, "Idle", reason="Local", **more),
    ]
