# Transactions that are longer than their session: what may happen to them.
# MIT license; part of microevse
"""The whole firmware. The central system judges every event (csms/ledger2.py): one Started, one
Ended, numbers without a gap, tokens and places told once."""

from bench import scenario
from bench2 import Bench2, scenario2
from whole_seconds import iso

START, STOP = "TxCtrlr.TxStartPoint", "TxCtrlr.TxStopPoint"


def ends(b):
    """(triggerReason, stoppedReason) of every Ended so far."""
    told = b.calls("TransactionEvent", eventType="Ended")
    return [(event["triggerReason"], event["transactionInfo"]["stoppedReason"]) for event in told]


def open_now(b):
    return [entry for entry in b.csms.transactions.values() if entry.stop is None]


@scenario2(settings={"MeterValueSampleInterval": "5"})
async def test_a_power_cut_ends_each_of_them_once(b):
    """Before, during and behind the session; with the cable in the next one begins."""
    await b.boot(**{START: "EVConnected", STOP: "EVConnected"})
    await b.do("plug")
    await b.do("request")
    for stage in ("before", "during", "behind"):
        await b.expect_event("Started", "CablePluggedIn", within=60)
        if stage != "before":
            await b.advance(6)
            await b.tap("CARD1")
            await b.contactor(True, within=20)
            await b.advance(12)
        if stage == "behind":
            await b.tap("CARD1")
            await b.expect_event("Updated", "StopAuthorized")
            await b.advance(1)
        await b.do("power_cut", seconds=2)
        ended = await b.expect_event("Ended", "AbnormalCondition", within=60)
        assert ended["transactionInfo"]["stoppedReason"] == "PowerLoss"
        assert (ended["seqNo"] > 3) is (stage != "before")
        b.cursor = ended.index
    await b.advance(5)
    assert len(b.csms.transactions) == 4 and len(open_now(b)) == 1
    await b.do("release")
    await b.do("unplug")
    ended = await b.expect_event("Ended", "EVCommunicationLost")
    assert ended["seqNo"] == 1 and not open_now(b)


@scenario2(settings={"ConnectionTimeOut": "30"})
async def test_a_token_that_waits_is_a_transaction_that_can_be_ended(b):
    """Ended by the central system, by its refusal, out of service; a restart waits for it."""
    await b.boot(**{START: "Authorized"})
    await b.tap("CARD1")
    started = await b.expect_event("Started", "Authorized")
    payload = {"transactionId": started["transactionInfo"]["transactionId"]}
    answer = await b.call("GetTransactionStatus", payload)
    assert answer == {"messagesInQueue": False, "ongoingIndicator": True}
    trigger = {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
    assert (await b.call("TriggerMessage", trigger))["status"] == "Accepted"
    await b.expect_event("Updated", "Trigger")
    assert (await b.call("RequestStopTransaction", payload))["status"] == "Accepted"
    await b.expect_event("Ended", "RemoteStop")
    assert (await b.call("RequestStopTransaction", payload))["status"] == "Rejected"
    await b.do("plug")
    await b.none("TransactionEvent", for_=3)
    await b.leave()

    b.csms.reply("TransactionEvent", {"idTokenInfo": {"status": "Blocked"}})
    await b.tap("CARD3")
    await b.expect_event("Ended", "Deauthorized")
    await b.advance(1)
    for status in ("Inoperative", "Operative"):
        if status == "Inoperative":
            await b.tap("CARD1")
            await b.expect_event("Started", "Authorized")
        answer = await b.call("ChangeAvailability", {"operationalStatus": status})
        assert answer["status"] == "Accepted"
        await b.advance(1)
    assert ends(b)[-1] == ("AbnormalCondition", "Other")

    await b.tap("CARD1")
    await b.expect_event("Started", "Authorized")
    assert (await b.call("Reset", {"type": "OnIdle"}))["status"] == "Scheduled"
    await b.advance(10)
    assert b.twin.boots == 1
    await b.expect_event("Ended", "EVConnectTimeout", within=30)
    await b.expect("BootNotification", within=60)
    assert not open_now(b)

    await b.advance(5)
    await b.tap("CARD1")
    await b.expect_event("Started", "Authorized", within=20)
    assert (await b.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
    ended = await b.expect_event("Ended", "ResetCommand", within=60)
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"


@scenario2
async def test_a_fault_and_a_reservation_concern_a_transaction_without_power(b):
    await b.boot(**{START: "EVConnected"})
    card = {"idToken": "CARD1", "type": "Local"}
    payload = {"id": 7, "expiryDateTime": iso(b.unix() + 900), "idToken": card, "evseId": 1}
    assert (await b.call("ReserveNow", payload))["status"] == "Accepted"
    await b.do("plug")
    await b.expect_event("Started", "CablePluggedIn")
    await b.tap("CARD3")
    await b.none("TransactionEvent", for_=3)
    await b.tap("CARD1")
    updated = await b.expect_event("Updated", "Authorized", reservationId=7)
    assert updated["idToken"]["idToken"] == "CARD1"
    await b.tap("CARD1")
    await b.expect_event("Ended", "StopAuthorized")
    await b.do("unplug")
    await b.advance(3)
    await b.do("plug")
    await b.expect_event("Started", "CablePluggedIn")
    assert (await b.call("Reset", {"type": "Immediate", "evseId": 1}))["status"] == "Accepted"
    await b.expect_event("Ended", "ResetCommand")
    await b.do("unplug")
    await b.advance(3)
    await b.do("plug")
    await b.expect_event("Started", "CablePluggedIn")
    await b.do("fault", kind="rcd")
    await b.expect_event("Ended", "AbnormalCondition")
    assert ends(b)[-1] == ("AbnormalCondition", "GroundFault")
    assert (await b.status())["contactor"] is False


class Versions(Bench2):
    async def speak(self, version):
        """Lose the connection, and come back to a central system of another version."""
        await self.offline()
        self.csms.subprotocols = ("ocpp" + version,)
        return await self.back()

    async def back(self):
        mark = self.mark()
        await self.online()
        await self.advance(15)
        assert len(self.calls("BootNotification", mark)) == 1, "no loop of connections"
        return mark

    async def session16(self):
        """A whole session under 1.6."""
        mark = self.mark()
        await self.tap("CARD1")
        await self.expect("StartTransaction", within=20, idTag="CARD1")
        await self.contactor(True)
        await self.advance(20)
        await self.tap("CARD1")
        await self.expect("StopTransaction", within=20, reason="Local")
        assert len(self.calls("StartTransaction", mark)) == 1

    async def away(self):
        await self.do("release")
        await self.advance(1)
        await self.do("unplug")
        await self.advance(3)

    async def plug(self):
        await self.do("plug")
        await self.do("request")
        await self.advance(3)


@scenario(
    settings={"OcppVersions": "2.0.1,1.6", "TxStartPoint": "EVConnected"},
    csms={"subprotocols": ("ocpp2.0.1",)},
    kind=Versions,
)
async def test_what_began_without_a_token_is_delivered_under_1_6_and_back(b):
    """1.6 has no transaction without a token: it is told the session, as ever. What 2.x was told
    to begin ends there, without the energy that 1.6 was told; nothing else is told there."""
    await b.start_of_day()
    await b.advance(2)
    for card in (False, True):
        await b.offline()
        await b.plug()
        b.csms.subprotocols = ("ocpp1.6",)
        mark = await b.back()
        if card:
            await b.session16()
        await b.away()
        assert len(b.calls("StopTransaction", mark)) == card
        mark = await b.speak("2.0.1")
        assert not b.calls("TransactionEvent", mark)

    await b.plug()
    await b.expect_event("Started", "CablePluggedIn")
    await b.speak("1.6")
    await b.session16()
    await b.away()
    mark = await b.speak("2.0.1")
    (ended,) = b.calls("TransactionEvent", mark)
    assert ended["eventType"] == "Ended"
    (begun,) = [entry for entry in b.csms.transactions.values() if entry.starts and entry.uuid]
    assert begun.wh == 0

    # Begun under 1.6, where 2.x was told nothing: for 2.x it begins with its session.
    await b.offline()
    await b.plug()
    b.csms.subprotocols = ("ocpp1.6",)
    await b.back()
    await b.tap("CARD1")
    await b.expect("StartTransaction", within=20)
    await b.advance(20)
    await b.offline()
    await b.tap("CARD1")
    await b.advance(5)
    await b.away()
    b.csms.subprotocols = ("ocpp2.0.1",)
    mark = await b.back()
    told = b.calls("TransactionEvent", mark)
    assert [event["eventType"] for event in told if event["seqNo"] == 0] == ["Started"]
    assert told[-1]["eventType"] == "Ended" and not open_now(b)

    # Its end waits for 2.x, too, where it came before 1.6.
    await b.plug()
    await b.expect_event("Started", "CablePluggedIn")
    await b.offline()
    await b.away()
    b.csms.subprotocols = ("ocpp1.6",)
    await b.back()
    mark = await b.speak("2.0.1")
    (ended,) = b.calls("TransactionEvent", mark)
    assert ended["eventType"] == "Ended" and ended["offline"] is True

    # Its session was told under 2.x: so is its end.
    await b.set_variable(STOP, "EVConnected")
    await b.plug()
    await b.tap("CARD1")
    await b.contactor(True, within=20)
    await b.advance(20)
    await b.tap("CARD1")
    await b.expect_event("Updated", "StopAuthorized")
    mark = await b.speak("1.6")
    await b.away()
    assert not b.calls("StopTransaction", mark)
    mark = await b.speak("2.0.1")
    (ended,) = b.calls("TransactionEvent", mark)
    assert ended["eventType"] == "Ended" and not open_now(b)
