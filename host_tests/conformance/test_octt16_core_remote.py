# OCPP 1.6 Core certification cases: remote start and stop, unlock, trigger, data transfer.
# MIT license; part of microevse
"""Each test is the case it is named after; titles in octt16_cases.tsv."""

from bench import CallError, scenario

SOCKET = "esp32s2_diy_alpha"


async def remote_start(b, tag="CARD1", **more):
    answer = await b.call("RemoteStartTransaction", {"idTag": tag, "connectorId": 1, **more})
    return answer["status"]


async def _started(b, tag, authorize, mark):
    """StartTransaction and Charging; since `mark`, with Authorize before them or without it."""
    start, _ = await b.expect_all(
        ("StartTransaction", {"connectorId": 1, "idTag": tag}),
        ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
    )
    asked = b.calls("Authorize", mark, idTag=tag)
    if authorize:
        assert asked and asked[-1].index < start.index
    else:
        assert asked == []
    await b.contactor(True)


@scenario
async def test_TC_010_CS(b):
    """Cable first, then RemoteStart; once without and once with an Authorize."""
    await b.boot(AuthorizeRemoteTxRequests=False, AuthorizationCacheEnabled=False)
    for tag, authorize in (("CARD1", False), ("CARD3", True)):
        await b.configure(AuthorizeRemoteTxRequests=authorize)
        await b.do("plug")
        await b.expect_status("Preparing")
        await b.do("request")
        mark = b.mark()
        assert await remote_start(b, tag) == "Accepted"
        await _started(b, tag, authorize, mark)
        entry = b.transaction()
        await b.call("RemoteStopTransaction", {"transactionId": entry.id})
        await b.expect_status("Finishing")
        await b.leave()


@scenario
async def test_TC_011_1_CS(b):
    """RemoteStart first, then the cable."""
    await b.boot(AuthorizeRemoteTxRequests=True, AuthorizationCacheEnabled=False)
    assert await remote_start(b) == "Accepted"
    await b.expect_all(
        ("Authorize", {"idTag": "CARD1"}),
        ("StatusNotification", {"connectorId": 1, "status": "Preparing"}),
    )
    await b.none("StartTransaction", for_=5)
    await b.do("plug")
    await b.do("request")
    await b.expect_all(
        ("StartTransaction", {"connectorId": 1, "idTag": "CARD1"}),
        ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
    )
    await b.contactor(True)


@scenario
async def test_TC_011_2_CS(b):
    """RemoteStart, no cable comes: Available again after ConnectionTimeOut."""
    await b.boot(ConnectionTimeOut=15)
    assert await remote_start(b) == "Accepted"
    preparing = await b.expect_status("Preparing")
    back = await b.expect_status("Available", within=25)
    assert abs(back.t - preparing.t - 15) <= 2
    await b.none("StartTransaction", for_=5, since=0)


@scenario
async def test_TC_012_CS(b):
    """RemoteStop of the running transaction."""
    await b.boot()
    entry = await b.charging()
    answer = await b.call("RemoteStopTransaction", {"transactionId": entry.id})
    assert answer["status"] == "Accepted"
    await b.expect_all(
        ("StopTransaction", {"transactionId": entry.id, "reason": "Remote"}),
        ("StatusNotification", {"connectorId": 1, "status": "Finishing"}),
    )
    await b.contactor(False)
    await b.none("StartTransaction", for_=10)  # still plugged in, still asking: no new one
    await b.leave()


@scenario
async def test_TC_023_5_CS(b):
    """RemoteStart of a card that the CSMS then refuses: no transaction, connector back."""
    await b.boot(AuthorizeRemoteTxRequests=True, ConnectionTimeOut=30)
    assert await remote_start(b, "STRANGER") == "Accepted"
    await b.expect("Authorize", idTag="STRANGER")
    await b.advance(5)
    last = b.calls("StatusNotification", connectorId=1)[-1]
    assert last["status"] == "Available", last
    await b.do("plug")
    await b.do("request")
    await b.none("StartTransaction", for_=10, since=0)
    assert (await b.status())["contactor"] is False


@scenario
async def test_TC_026_CS(b):
    """RemoteStart on an occupied connector."""
    await b.boot()
    await b.charging("CARD1")
    assert await remote_start(b, "CARD3") == "Rejected"
    await b.none("StartTransaction", for_=5)
    assert (await b.status())["contactor"] is True


@scenario
async def test_TC_027_CS(b):
    """RemoteStart on connector 0."""
    await b.boot()
    await b.do("plug")
    await b.do("request")
    try:
        answer = await b.call("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 0})
        assert answer["status"] == "Rejected"
    except CallError as error:
        assert error.code == "PropertyConstraintViolation"
    await b.none("StartTransaction", for_=5, since=0)


@scenario
async def test_TC_028_CS(b):
    """RemoteStop of a transaction that is not ours."""
    await b.boot()
    entry = await b.charging()
    for wrong in (entry.id + 1, 0, -1, 2147483647):
        answer = await b.call("RemoteStopTransaction", {"transactionId": wrong})
        assert answer["status"] == "Rejected", wrong
    await b.none("StopTransaction", for_=5)
    assert (await b.status())["contactor"] is True


@scenario(board=SOCKET)
async def test_TC_017_1_CS(b):
    """UnlockConnector, idle, detachable cable."""
    await b.boot()
    assert (await b.call("UnlockConnector", {"connectorId": 1}))["status"] == "Unlocked"


@scenario
async def test_TC_017_2_CS(b):
    """UnlockConnector, idle, fixed cable."""
    await b.boot()
    assert (await b.call("UnlockConnector", {"connectorId": 1}))["status"] == "NotSupported"


@scenario(board=SOCKET)
async def test_TC_018_1_CS(b):
    """UnlockConnector in a transaction, detachable cable."""
    await b.boot()
    entry = await b.charging()
    assert (await b.twin.command({"do": "unplug"}))["ok"] is False, "locked while charging"
    answer = await b.call("UnlockConnector", {"connectorId": 1})
    assert answer["status"] == "Unlocked"
    assert (await b.status())["contactor"] is False, "never unlocked under load"
    await b.expect_all(
        ("StopTransaction", {"transactionId": entry.id, "reason": "UnlockCommand"}),
        ("StatusNotification", {"connectorId": 1, "status": "Finishing"}),
    )
    await b.do("release")
    await b.do("unplug")
    await b.expect_status("Available")


@scenario
async def test_TC_018_2_CS(b):
    """UnlockConnector in a transaction, fixed cable: nothing happens."""
    await b.boot()
    await b.charging()
    answer = await b.call("UnlockConnector", {"connectorId": 1})
    assert answer["status"] == "NotSupported"
    await b.none("StopTransaction", for_=5)
    assert (await b.status())["contactor"] is True


@scenario(board=SOCKET)
async def test_TC_030_CS(b):
    """UnlockConnector when the lock does not move."""
    await b.boot()
    await b.charging()
    await b.do("fault", kind="lock", on=True)
    answer = await b.call("UnlockConnector", {"connectorId": 1})
    assert answer["status"] == "UnlockFailed"


@scenario(board=SOCKET)
async def test_TC_031_CS(b):
    """UnlockConnector of a connector that does not exist."""
    await b.boot()
    for connector in (2, 99):
        answer = await b.call("UnlockConnector", {"connectorId": connector})
        assert answer["status"] == "NotSupported", connector


@scenario
async def test_TC_054_CS(b):
    """TriggerMessage: the requested message follows the answer."""
    await b.boot()
    for message, fields, check in (
        ("MeterValues", {"connectorId": 1}, _trigger_context),
        ("Heartbeat", {}, None),
        ("StatusNotification", {"connectorId": 1}, lambda p: p["status"] == "Available"),
        ("BootNotification", {}, None),
        ("DiagnosticsStatusNotification", {}, lambda p: p["status"] == "Idle"),
        ("FirmwareStatusNotification", {}, lambda p: p["status"] == "Idle"),
    ):
        b.skip()
        answer = await b.call("TriggerMessage", {"requestedMessage": message, **fields})
        assert answer["status"] == "Accepted", (message, answer)
        sent = await b.expect(message, **{k: v for k, v in fields.items()})
        reply = [f for f in b.csms.log if f.type == "result" and f.action == "TriggerMessage"][-1]
        assert b.csms.log.index(reply) < sent.index, "the message follows the answer"
        assert check is None or check(sent), sent
    entry = await b.charging()
    b.skip()
    await b.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    value = await b.expect("MeterValues", connectorId=1)
    assert value["transactionId"] == entry.id
    assert _trigger_context(value)


def _trigger_context(payload):
    samples = [s for v in payload["meterValue"] for s in v["sampledValue"]]
    return samples and all(s["context"] == "Trigger" for s in samples)


@scenario
async def test_TC_055_CS(b):
    """TriggerMessage for a connector that does not exist."""
    await b.boot()
    for message in ("MeterValues", "StatusNotification"):
        try:
            answer = await b.call(
                "TriggerMessage", {"requestedMessage": message, "connectorId": 2}
            )
            assert answer["status"] == "Rejected"
        except CallError as error:
            assert error.code == "PropertyConstraintViolation"
        await b.none(message, for_=3)


@scenario
async def test_TC_062_CS(b):
    """DataTransfer of an unknown vendor."""
    await b.boot()
    answer = await b.call(
        "DataTransfer", {"vendorId": "com.example", "messageId": "hello", "data": "x" * 300}
    )
    assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")
