# Start and stop points of OCPP 2.x: a model of what is told, and the charger that tells it.
# MIT license; part of microevse
"""`expected` says by the words of the standard (part 2, TxStartStopPointEnumType) what a simple
session has to tell; `play` lets the whole firmware have one. A combination is (start points, stop
points, card first). `make bench ARGS=points` plays all of them."""

import itertools

from bench2 import Bench2

POINTS = ("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
# Every single one and every pair.
SETS = [",".join(chosen) for n in (1, 2) for chosen in itertools.combinations(POINTS, n)]

# What happens, in either order: the points that are valid behind it, trigger, chargingState.
_PLUG = ("CablePluggedIn", "EVConnected")
_CHARGE = (set(POINTS), "ChargingStateChanged", "Charging")
_BEFORE = {
    False: [({"EVConnected"}, *_PLUG), (set(POINTS[:3]), "Authorized", "EVConnected"), _CHARGE],
    True: [({"Authorized"}, "Authorized", "Idle"), (set(POINTS[:3]), *_PLUG), _CHARGE],
}


def rotation(offline):
    """Each set of start points in both orders, with another set of stop points each time; each
    set of stop points comes twice. Offline every second of them."""
    for i, start in enumerate(SETS):
        for turn, card_first in enumerate((False, True)):
            if not offline or (i + turn) % 2:
                yield start, SETS[(3 * i + 5 * turn) % len(SETS)], card_first


def everything():
    return itertools.product(SETS, SETS, (False, True))


def expected(start, stop, card_first):
    """[(eventType, triggerReason, chargingState)]; None: any state."""
    told = []
    start, stop = set(start.split(",")), set(stop.split(","))
    for valid, trigger, state in _BEFORE[card_first]:
        if told or valid & start:
            told.append(("Updated" if told else "Started", trigger, state))
    # The card ends the authorization, hence the power path and the energy.
    if stop & {"Authorized", "PowerPathClosed"}:
        return told + [("Ended", "StopAuthorized", "EVConnected")]
    told.append(("Updated", "StopAuthorized", None))
    if "EnergyTransfer" in stop:
        return told + [("Ended", "ChargingStateChanged", "EVConnected")]
    told.append(("Updated", "ChargingStateChanged", "EVConnected"))
    return told + [("Ended", "EVCommunicationLost", "Idle")]


class Charger(Bench2):
    """A Bench2 that plays combinations."""

    async def set_points(self, start, stop):
        for key, value in (("TxStartPoint", start), ("TxStopPoint", stop)):
            await self.do("set", key=key, value=value)
        await self.advance(0.5)

    async def play(self, start, stop, card_first):
        """Plug and card, charge, card, unplug."""
        await self.set_points(start, stop)
        if card_first:
            await self.tap("CARD1")
            await self.advance(2)
            await self.do("plug")
            await self.do("request")
        else:
            await self.do("plug")
            await self.do("request")
            await self.advance(2)
            assert (await self.status())["contactor"] is False
            await self.tap("CARD1")
        await self.contactor(True)
        await self.advance(3)
        await self.tap("CARD1")
        await self.contactor(False)
        await self.advance(3)
        await self.do("release")
        await self.until(self._unplug, 15, "the cable can be pulled")
        await self.advance(3)


async def tells(b, combinations, offline):
    """Play combinations on a Charger, online or offline; AssertionError if one is not told as the
    model says."""
    await b.boot()
    await b.charging()  # the card is known from now on
    await b.tap("CARD1")
    await b.leave()
    await b.advance(3)
    mark = b.mark()
    if offline:
        await b.set_points(*combinations[0][:2])
        await b.offline()
    for combination in combinations:
        await b.play(*combination)

    def all_ended():
        return len(b.calls("TransactionEvent", mark, eventType="Ended")) == len(combinations)

    if offline:
        await b.online()
    await b.until(all_ended, 120)
    told = transactions(b.calls("TransactionEvent", mark))
    assert len(told) == len(combinations)
    for events, combination in zip(told, combinations):
        wrong = differs(events, combination)
        assert wrong is None, f"{combination}: {wrong}"
        assert all(("offline" in event) is offline for event in events)


def transactions(calls):
    """The events of each transaction, oldest first; samples are left out."""
    found = {}
    for event in calls:
        found.setdefault(event["transactionInfo"]["transactionId"], []).append(event)
    return list(found.values())


def differs(events, combination):
    """Why these events of one transaction are not those of a combination, None if they are."""
    numbers = [event["seqNo"] for event in events]
    if numbers != list(range(len(events))):
        return f"numbers {numbers}"
    seen = [
        (event["eventType"], event["triggerReason"], event["transactionInfo"].get("chargingState"))
        for event in events
        if event["triggerReason"] != "MeterValuePeriodic"
    ]
    wanted = expected(*combination)
    if len(seen) != len(wanted):
        return f"{seen}, not {wanted}"
    for one, other in zip(seen, wanted):
        if one[:2] != other[:2] or other[2] not in (None, one[2]):
            return f"{seen}, not {wanted}"
    reason = events[-1]["transactionInfo"]["stoppedReason"]
    tokens = [event["idToken"]["idToken"] for event in events if "idToken" in event]
    places = [event["evse"] for event in events if "evse" in event]
    if reason != "Local" or tokens != ["CARD1"] * 2 or places != [{"id": 1, "connectorId": 1}]:
        return f"{reason}, {tokens}, {places}"
    return None
