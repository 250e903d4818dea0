# OCPP 2.0.1: start and stop points, each of them and each pair; the certification cases of them.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv."""

import points
import pytest
from bench2 import scenario2


@pytest.mark.parametrize("offline", (False, True))
def test_every_start_point_and_every_stop_point_and_pairs_of_them(offline):
    """Exactly what the model in support/points.py says is told, online and offline."""

    @scenario2(kind=points.Charger)
    async def story(b):
        await points.tells(b, list(points.rotation(offline)), offline)

    story()


START, STOP = "TxCtrlr.TxStartPoint", "TxCtrlr.TxStopPoint"
SOCKET = "esp32s2_diy_alpha"
CARD = {"idToken": "CARD1", "type": "Central"}


async def remote_start(b, number, **fields):
    """RequestStartTransaction, accepted."""
    payload = {"idToken": CARD, "remoteStartId": number, "evseId": 1, **fields}
    answer = await b.call("RequestStartTransaction", payload)
    assert answer["status"] == "Accepted"
    return answer


async def remote_stop(b, started, status="Accepted"):
    payload = {"transactionId": started["transactionInfo"]["transactionId"]}
    assert (await b.call("RequestStopTransaction", payload))["status"] == status


def info(event):
    """(chargingState, stoppedReason, remoteStartId) of an event."""
    info = event["transactionInfo"]
    return tuple(info.get(name) for name in ("chargingState", "stoppedReason", "remoteStartId"))


@scenario2(settings={"ConnectionTimeOut": "20", "TxStartedMeasurands": "Current.Offered"})
async def test_TC_E_10_CS_and_TC_E_13_CS_and_TC_E_39_CS_and_TC_F_04_CS_and_TC_J_08_CS(b):
    """A transaction begins with its authorization, and ends where no cable comes."""
    await b.boot(**{START: "Authorized"})
    await b.tap("CARD1")
    await b.expect("Authorize")
    started = await b.expect_event("Started", "Authorized")
    assert started["idToken"]["idToken"] == "CARD1" and info(started) == ("Idle", None, None)
    assert "evse" not in started and "meterValue" not in started
    ended = await b.expect_event("Ended", "EVConnectTimeout", within=25)
    assert info(ended) == ("Idle", "Timeout", None) and ended["seqNo"] == 1

    await b.set_variable("AuthCtrlr.AuthorizeRemoteStart", "true")
    answer = await remote_start(b, 13)
    assert "transactionId" not in answer
    await b.expect("Authorize", idToken=CARD)
    started = await b.expect_event("Started", "RemoteStart", idToken=CARD)
    assert info(started) == ("Idle", None, 13)
    ended = await b.expect_event("Ended", "EVConnectTimeout", within=25)
    assert info(ended)[1] == "Timeout"

    await b.tap("CARD1")
    await b.expect_event("Started", "Authorized")
    await b.do("plug")
    plugged = await b.expect_event("Updated", "CablePluggedIn")
    assert plugged["evse"] == {"id": 1, "connectorId": 1} and "idToken" not in plugged
    (value,) = plugged["meterValue"][0]["sampledValue"]
    assert value["context"] == "Transaction.Begin" and value["measurand"] == "Current.Offered"
    await b.tap("CARD1")
    await b.expect_event("Ended", "StopAuthorized")


@scenario2
async def test_TC_E_02_CS_and_TC_E_09_CS(b):
    """A transaction begins with the cable; with the energy, by a card and remotely."""
    await b.boot(**{START: "EVConnected"})
    await b.do("plug")
    started, _ = await b.expect_all(
        ("TransactionEvent", {"eventType": "Started", "triggerReason": "CablePluggedIn"}),
        ("StatusNotification", {"connectorStatus": "Occupied"}),
    )
    assert started["evse"] == {"id": 1, "connectorId": 1} and "idToken" not in started
    assert started["meterValue"][0]["sampledValue"][0]["context"] == "Transaction.Begin"
    assert info(started) == ("EVConnected", None, None)
    # F01.FR.13: it has begun before the command.
    answer = await remote_start(b, 9)
    assert answer["transactionId"] == started["transactionInfo"]["transactionId"]
    authorized = await b.expect_event("Updated", "RemoteStart", idToken=CARD)
    assert info(authorized)[2] == 9 and "evse" not in authorized
    await remote_stop(b, started)
    await b.expect_event("Ended", "RemoteStop")
    # The car of a transaction that has ended begins no other one.
    await b.none("TransactionEvent", for_=3)
    await b.leave()

    await b.set_variable(START, "EnergyTransfer")
    await b.tap("CARD1")
    await b.do("plug")
    await b.expect_status("Occupied")
    await b.none("TransactionEvent", for_=8)
    await b.do("request")
    started = await b.expect_event("Started", "ChargingStateChanged")
    assert started["idToken"]["idToken"] == "CARD1" and started["evse"]["connectorId"] == 1
    assert info(started) == ("Charging", None, None) and started["seqNo"] == 0
    await b.tap("CARD1")
    await b.expect_event("Ended", "StopAuthorized", seqNo=1)
    await b.leave()
    await b.do("plug")
    await remote_start(b, 2)
    await b.do("request")
    started = await b.expect_event("Started", "RemoteStart", idToken=CARD)
    assert info(started) == ("Charging", None, 2)
    await remote_stop(b, started)
    await b.expect_event("Ended", "RemoteStop")
    await b.leave()

    # Without energy there is none: nothing is told.
    await b.do("plug")
    await b.tap("CARD1")
    await b.advance(70)
    await b.tap("CARD1")
    await b.advance(10)
    await b.leave()
    await b.none("TransactionEvent", for_=1)


@scenario2
async def test_TC_E_08_CS_and_TC_E_22_CS(b):
    """A transaction ends with the energy: by the card, by the car, by a limit."""
    await b.boot(**{STOP: "EnergyTransfer"})
    await b.charging()
    await b.tap("CARD1")
    stopped = await b.expect_event("Updated", "StopAuthorized")
    assert stopped["idToken"]["idToken"] == "CARD1" and "meterValue" not in stopped
    ended = await b.expect_event("Ended", "ChargingStateChanged", seqNo=stopped["seqNo"] + 1)
    assert info(ended) == ("EVConnected", "Local", None) and "idToken" not in ended
    assert ended["meterValue"][-1]["sampledValue"][-1]["context"] == "Transaction.End"
    await b.leave()

    await b.charging()
    await b.do("release")
    ended = await b.expect_event("Ended", "ChargingStateChanged")
    assert info(ended) == ("EVConnected", "StoppedByEV", None)
    # The car asks again: it has no transaction, and gets nothing.
    await b.do("request")
    await b.none("TransactionEvent", for_=10)
    await b.contactor(False)
    await b.leave()

    await b.charging()
    period = {"startPeriod": 0, "limit": 0}
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {
        "id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative", "chargingSchedule": [schedule],
    }  # fmt: skip
    await b.call("SetChargingProfile", {"evseId": 1, "chargingProfile": profile})
    ended = await b.expect_event("Ended", "ChargingStateChanged", within=15)
    assert info(ended) == ("SuspendedEVSE", "Other", None)
    await b.leave()


@scenario2(settings={"StopTransactionOnEVSideDisconnect": "false", "ConnectionTimeOut": "20"})
async def test_TC_E_27_CS(b):
    """Unplugged where that is no stop point: it waits for the cable, but not for ever."""
    await b.boot(**{STOP: "Authorized"})
    await b.charging()
    await b.do("release")
    await b.expect_event("Updated", "ChargingStateChanged")
    for back in (True, False):
        await b.do("unplug")
        lost = await b.expect_event("Updated", "EVCommunicationLost")
        assert info(lost)[0] == "Idle"
        await b.expect_status("Available")
        if back:
            await b.advance(15)
            await b.do("plug")
            await b.expect_event("Updated", "CablePluggedIn")
            await b.advance(25)
    ended = await b.expect_event("Ended", "EVConnectTimeout", within=25)
    assert info(ended) == ("Idle", "Timeout", None)
    # The end frees the charger.
    await b.charging("CARD3")
    await b.tap("CARD3")
    await b.expect_event("Ended", "StopAuthorized")


@scenario2(board=SOCKET)
async def test_TC_E_14_CS(b):
    """A transaction goes on after its session, until the cable is pulled at the charger."""
    await b.boot(**{STOP: "EVConnected"})
    entry = await b.charging()
    await b.tap("CARD1")
    await b.expect_event("Updated", "StopAuthorized", idToken=lambda t: t["idToken"] == "CARD1")
    behind = await b.expect_event("Updated", "ChargingStateChanged")
    assert info(behind) == ("EVConnected", None, None) and "idToken" not in behind
    await b.contactor(False)
    answer = await b.call("GetTransactionStatus", {"transactionId": entry.id})
    assert answer["ongoingIndicator"] is True
    await b.do("request")
    await b.advance(20)
    assert (await b.status())["contactor"] is False and entry.stops == 0
    await b.do("release")
    await b.until(b._unplug, 15, "the cable can be pulled")
    ended, _ = await b.expect_all(
        ("TransactionEvent", {"eventType": "Ended", "triggerReason": "EVCommunicationLost"}),
        ("StatusNotification", {"connectorStatus": "Available"}),
    )
    assert info(ended) == ("Idle", "Local", None)

    # Another card ends it, and begins its own.
    await b.charging()
    await remote_stop(b, {"transactionInfo": {"transactionId": list(b.csms.transactions)[-1]}})
    await b.expect_event("Updated", "RemoteStop")
    await b.expect_event("Updated", "ChargingStateChanged")
    await b.tap("CARD3")
    ended = await b.expect_event("Ended", "ChargingStateChanged")
    assert info(ended)[1] == "Remote"
    await b.expect_event("Started", "Authorized", idToken=lambda t: t["idToken"] == "CARD3")
