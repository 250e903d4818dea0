# OCPP 2.0.1 certification cases: remote start and stop, unlock, trigger, data transfer.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv."""

import pytest
from bench import script
from bench2 import VERSIONS, scenario2
from csms.frames import stamp


SOCKET = "esp32s2_diy_alpha"
DUAL = "esp32_dual"
CARD = {"idToken": "CARD1", "type": "Central"}
NO_CONNECTOR = {"id": 1, "connectorId": 2}


async def start(b, token=CARD, number=77, **fields):
    """The answer to a RequestStartTransaction."""
    fields.setdefault("evseId", 1)
    payload = {"idToken": token, "remoteStartId": number, **fields}
    return await b.call("RequestStartTransaction", payload)


async def stop(b, transaction):
    payload = {"transactionId": transaction}
    return (await b.call("RequestStopTransaction", payload))["status"]


async def unlock(b, evse=1, connector=1):
    payload = {"evseId": evse, "connectorId": connector}
    return (await b.call("UnlockConnector", payload))["status"]


async def trigger(b, message, evse=None, status="Accepted", **fields):
    """TriggerMessage, answered with `status`; the log is read from here on."""
    b.skip()
    if evse:
        fields["evse"] = evse
    answer = await b.call("TriggerMessage", {"requestedMessage": message, **fields})
    assert answer["status"] == status, (message, evse, answer)


async def to_charging(b):
    await b.expect_event(
        "Updated",
        "ChargingStateChanged",
        transactionInfo=lambda info: info.get("chargingState") == "Charging",
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_F_01_CS_and_TC_F_08_CS_and_TC_F_09_CS(version):
    """Cable first; a stop of another transaction is refused."""

    @scenario2(version=version)
    async def story(b):
        await b.boot()
        await b.do("plug")
        await b.do("request")
        await b.expect_status("Occupied")
        assert (await start(b, evseId=2))["status"] == "Rejected", "no such EVSE"
        assert (await start(b))["status"] == "Accepted"
        started = await b.expect_event("Started", "RemoteStart")
        assert started["idToken"] == CARD and "evse" in started
        assert started["transactionInfo"]["remoteStartId"] == 77
        transaction = started["transactionInfo"]["transactionId"]
        await to_charging(b)
        # The same command once more is answered with its transaction; another one is refused.
        assert await start(b) == {"status": "Accepted", "transactionId": transaction}
        assert (await start(b, number=78))["status"] == "Rejected"
        assert await stop(b, "nobody's") == "Rejected"
        await b.none("TransactionEvent", for_=3, eventType="Ended")
        assert (await b.status())["contactor"] is True
        assert await stop(b, transaction) == "Accepted"
        ended = await b.expect_event("Ended", "RemoteStop")
        assert ended["transactionInfo"]["stoppedReason"] == "Remote"
        await b.contactor(False)

    story()


@scenario2(settings={"AuthorizeRemoteTxRequests": "true"})
async def test_TC_F_02_CS(b):
    """Start first; the central system is asked about the token, too."""
    await b.boot()
    assert (await start(b))["status"] == "Accepted"
    asked = await b.expect("Authorize")
    assert asked["idToken"] == CARD
    await b.do("plug")
    started = await b.expect_event("Started")
    assert started["transactionInfo"]["remoteStartId"] == 77
    await b.do("request")
    await to_charging(b)
    # A blocked token starts nothing.
    transaction = started["transactionInfo"]["transactionId"]
    assert await stop(b, transaction) == "Accepted"
    await b.leave()
    blocked = {"idToken": "BLOCKED", "type": "Central"}
    assert (await start(b, blocked))["status"] == "Accepted"
    await b.expect("Authorize")
    await b.do("plug")
    await b.none("TransactionEvent", for_=5)


@scenario2(settings={"ConnectionTimeOut": "20"})
async def test_TC_F_03_CS(b):
    """Start first, without a question. A token that has waited too long is forgotten."""
    await b.boot()
    mark = b.mark()
    assert (await start(b))["status"] == "Accepted"
    await b.do("plug")
    started = await b.expect_event("Started", "CablePluggedIn")
    assert started["transactionInfo"]["remoteStartId"] == 77
    assert not b.calls("Authorize", mark)
    await b.do("request")
    await to_charging(b)
    assert await stop(b, started["transactionInfo"]["transactionId"]) == "Accepted"
    await b.leave()
    assert (await start(b))["status"] == "Accepted"
    await b.advance(25)
    await b.do("plug")
    await b.none("TransactionEvent", for_=5)


@scenario2
async def test_a_remote_start_with_a_group_and_with_a_profile(b):
    """The group of the command may end the session; a limit that is not kept is refused."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    group = {"idToken": "FAMILY", "type": "Central"}
    token = {"idToken": "VISITOR", "type": "Central"}
    b.csms.id_tags["VISITOR"] = {}
    assert (await start(b, token, groupIdToken=group))["status"] == "Accepted"
    await b.expect_event("Started", "RemoteStart")
    await b.advance(2)
    await b.tap("CARD2")
    ended = await b.expect_event("Ended", "StopAuthorized")
    assert ended["idToken"]["idToken"] == "CARD2"


@scenario2(board=SOCKET)
async def test_TC_F_05_CS_and_TC_F_06_CS_and_TC_F_07_CS_and_TC_F_10_CS(b):
    """A socket: empty, with a cable, while a session runs; and no such connector."""
    await b.boot()
    assert await unlock(b) == "Unlocked"
    assert await unlock(b, 1, 2) == await unlock(b, 2, 1) == "UnknownConnector"
    await b.do("plug")
    await b.expect_status("Occupied")
    assert await unlock(b) == "Unlocked"
    await b.do("request")
    await b.tap("CARD1")
    await to_charging(b)
    assert await unlock(b) == "OngoingAuthorizedTransaction"
    await b.none("TransactionEvent", for_=3, eventType="Ended")
    assert (await b.twin.command({"do": "unplug"}))["ok"] is False, "still locked"


@scenario2
async def test_a_fixed_cable_cannot_be_unlocked(b):
    await b.boot()
    answer = await b.call("UnlockConnector", {"evseId": 1, "connectorId": 1})
    assert answer == {"status": "UnlockFailed", "statusInfo": {"reasonCode": "FixedCable"}}


# --- TriggerMessage ----------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_F_11_CS_and_TC_F_12_CS_and_TC_F_20_CS_and_TC_F_23_CS_and_TC_F_24_CS(version):
    """MeterValues of one EVSE and of all, Heartbeat, StatusNotification; what is refused."""

    @scenario2(version=version, board=DUAL)
    async def story(b):
        await b.boot()
        await trigger(b, "MeterValues", {"id": 1})
        value = await b.expect("MeterValues", evseId=1)
        assert value["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
        await trigger(b, "MeterValues")
        for evse in (1, 2):
            value = await b.expect("MeterValues", evseId=evse)
            assert value["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
        await trigger(b, "Heartbeat")
        await b.expect("Heartbeat")
        place = {"id": 1, "connectorId": 1}
        await trigger(b, "StatusNotification", place)
        await b.expect_status("Available")
        await b.do("plug")
        await b.expect_status("Occupied")
        await trigger(b, "StatusNotification", place)
        await b.expect_status("Occupied")
        # F06.FR.12: of one connector only; and of one that is there.
        for evse in (None, {"id": 1}, {"id": 3, "connectorId": 1}, NO_CONNECTOR):
            await trigger(b, "StatusNotification", evse, "Rejected")
        await b.none("StatusNotification", for_=3)
        await trigger(b, "TransactionEvent", None, "Rejected")

    story()


@scenario2(board=DUAL, settings={"MeterValuesSampledData": ""})
async def test_TC_F_13_CS_and_TC_F_14_CS(b):
    """TransactionEvent of one EVSE and of all: numbered events with the state and a value."""
    await b.boot()
    for evse in (1, 2):
        await b.do("plug", connector=evse)
        await b.expect_status("Occupied", evse=evse)
        await b.do("request", connector=evse)
        token = {"idToken": "CARD%d" % (2 * evse), "type": "Central"}
        assert (await start(b, token, evse, evseId=evse))["status"] == "Accepted"
        await to_charging(b)
    ids = [entry.id for entry in b.csms.transactions.values()]
    for evse, wanted in (({"id": 1}, ids[:1]), ({"id": 2}, ids[1:]), (None, ids)):
        await trigger(b, "TransactionEvent", evse)
        for transaction in wanted:
            event = await b.expect_event("Updated", "Trigger")
            info = event["transactionInfo"]
            assert info["chargingState"] == "Charging" and info["transactionId"] == transaction
            (value,) = event["meterValue"]
            (sample,) = value["sampledValue"]
            assert sample["context"] == "Trigger"
            assert sample["measurand"] == "Energy.Active.Import.Register"
        await b.none("TransactionEvent", for_=2, triggerReason="Trigger")


@scenario2
async def test_TC_F_26_CS_and_TC_F_27_CS(b):
    """A BootNotification that was accepted, and messages that this station does not have."""
    await b.boot()
    await trigger(b, "BootNotification", status="Rejected")
    await b.none("BootNotification", for_=5)
    for message in ("SignV2GCertificate", "SignCombinedCertificate"):
        await trigger(b, message, status="NotImplemented")
    await trigger(b, "PublishFirmwareStatusNotification", status="NotImplemented")


@scenario2(version="2.1", board=DUAL)
async def test_TC_F_100_CS(b):
    """A trigger of the station's own, which a variable names: the status of every connector."""
    await b.boot()
    wanted = {
        "component": {"name": "CustomizationCtrlr"},
        "variable": {"name": "CustomTriggers"},
    }
    answer = await b.call("GetVariables", {"getVariableData": [wanted]})
    custom = answer["getVariableResult"][0]["attributeValue"]
    assert custom == "AllStatusNotifications"
    await trigger(b, "CustomTrigger", customTrigger=custom)
    for evse in (1, 2):
        await b.expect_status("Available", evse=evse)
    await b.none("StatusNotification", for_=2)
    await trigger(b, "CustomTrigger", {"id": 2}, customTrigger=custom)
    await b.expect_status("Available", evse=2)
    await b.none("StatusNotification", for_=2, evseId=1)
    # With another message it has no meaning.
    await trigger(b, "Heartbeat", customTrigger=custom)
    await b.expect("Heartbeat")
    await trigger(b, "CustomTrigger", status="NotImplemented", customTrigger="random")
    await trigger(b, "CustomTrigger", status="NotImplemented")
    await b.none("StatusNotification", for_=2)


@scenario2
async def test_while_pending_a_boot_notification_may_be_asked_for_and_no_start(b):
    pending = {"status": "Pending", "interval": 600}
    b.csms.reply("BootNotification", pending, pending)
    await b.expect("BootNotification", within=60)
    await b.advance(1)
    answer = await start(b)
    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"] == "CSNotAccepted"
    await trigger(b, "BootNotification")
    await b.expect("BootNotification")
    await trigger(b, "BootNotification")
    await b.expect("BootNotification")
    await b.expect_status("Available")


@scenario2
async def test_TC_P_01_CS(b):
    """No vendor is known."""
    await b.boot()
    for fields in ({}, {"messageId": "Hello"}, {"messageId": "Hello", "data": {"a": [1]}}):
        answer = await b.call("DataTransfer", {"vendorId": "org.example", **fields})
        assert answer["status"] == "UnknownVendorId"


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_P_03_CS_and_TC_P_04_CS(version):
    """Fields of a vendor, in every object: the message is taken without them."""
    custom = {"customData": {"vendorId": "org.example", "field": {"a": [1, "x"]}}}
    place = {
        "component": {"name": "OCPPCommCtrlr", **custom},
        "variable": {"name": "OfflineThreshold", **custom},
        "attributeType": "Actual",
        **custom,
    }

    @scenario2(version=version)
    async def story(b):
        await b.boot()
        data = {"setVariableData": [dict(place, attributeValue="200")], **custom}
        (one,) = (await b.call("SetVariables", data))["setVariableResult"]
        assert one["attributeStatus"] == "Accepted"
        data = {"getVariableData": [place], **custom}
        (one,) = (await b.call("GetVariables", data))["getVariableResult"]
        assert one["attributeStatus"] == "Accepted" and one["attributeValue"] == "200"
        period = {"startPeriod": 0, "limit": 10.0, **custom}
        profile = {
            "id": 100, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute", **custom,
            "chargingSchedule": [{
                "id": 1, "duration": 3600, "chargingRateUnit": "A",
                "startSchedule": stamp(b.unix()), "chargingSchedulePeriod": [period], **custom,
            }],
        }  # fmt: skip
        payload = {"evseId": 1, "chargingProfile": profile, **custom}
        assert (await b.call("SetChargingProfile", payload))["status"] == "Accepted"
        wanted = {"evseId": 1, "duration": 600, **custom}
        answer = await b.call("GetCompositeSchedule", wanted)
        assert answer["schedule"]["chargingSchedulePeriod"][0]["limit"] == 10

    story()


@scenario2
async def test_a_triggered_message_that_the_connection_loses_is_no_trouble(b):
    await b.boot()
    b.csms.reply("Heartbeat", script.Error("InternalError"))
    await trigger(b, "Heartbeat")
    await b.expect("Heartbeat")
    await b.advance(1)
    assert b.logged("triggered message not delivered")


@scenario2
async def test_TC_F_15_CS_and_TC_F_17_CS_and_TC_F_18_CS(b):
    """News of logs and updates, of which there are none; an EVSE is not relevant."""
    await b.boot()
    await trigger(b, "LogStatusNotification")
    assert await b.expect("LogStatusNotification") == {"status": "Idle"}
    for evse in (None, {"id": 1}):
        await trigger(b, "FirmwareStatusNotification", evse)
        assert await b.expect("FirmwareStatusNotification") == {"status": "Idle"}
