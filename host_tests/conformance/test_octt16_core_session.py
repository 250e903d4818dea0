# OCPP 1.6 Core certification cases: local start and stop, meter values, faults.
# MIT license; part of microevse
"""Each test is the case it is named after; titles in octt16_cases.tsv."""

from bench import EPOCH, scenario
from csms.checks import unix

SOCKET = "esp32s2_diy_alpha"


@scenario
async def test_TC_003_CS(b):
    """Plug in first, then the card."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.none("StartTransaction", for_=3)
    await b.do("request")
    await b.tap("CARD1")
    await b.expect("Authorize", idTag="CARD1")
    start, charging = await b.expect_all(
        ("StartTransaction", {"connectorId": 1, "idTag": "CARD1"}),
        ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
    )
    assert abs(unix(start["timestamp"]) - start.t) < 2
    await b.contactor(True)


@scenario
async def test_TC_004_1_CS(b):
    """Card first, then plug in."""
    await b.boot()
    await b.tap("CARD1")
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
async def test_TC_004_2_CS(b):
    """Card first, no cable comes: Available again after ConnectionTimeOut."""
    await b.boot(ConnectionTimeOut=20)
    await b.tap("CARD1")
    _, preparing = await b.expect_all(
        ("Authorize", {"idTag": "CARD1"}),
        ("StatusNotification", {"connectorId": 1, "status": "Preparing"}),
    )
    back = await b.expect_status("Available", within=30)
    assert abs(back.t - preparing.t - 20) <= 2, back.t - preparing.t
    # The permission is gone: a car that comes now does not charge.
    await b.do("plug")
    await b.do("request")
    await b.none("StartTransaction", for_=8, since=0)
    assert (await b.status())["contactor"] is False


@scenario
async def test_TC_068_CS(b):
    """Only the card that started (no parent in common) stops the transaction."""
    await b.boot()
    entry = await b.charging("CARD3")
    await b.tap("CARD4")
    await b.none("StopTransaction", for_=8)
    await b.none("Authorize", for_=0)
    assert (await b.status())["contactor"] is True
    await b.tap("CARD3")
    await b.expect_all(
        ("StopTransaction", {"idTag": "CARD3", "transactionId": entry.id}),
        ("StatusNotification", {"connectorId": 1, "status": "Finishing"}),
    )
    assert entry.stop.get("reason", "Local") == "Local"
    await b.contactor(False)


@scenario
async def test_TC_069_CS(b):
    """A card with the same parent stops the transaction, under its own id."""
    await b.boot()
    entry = await b.charging("CARD1")
    await b.tap("CARD2")
    await b.expect("Authorize", idTag="CARD2")
    await b.expect_all(
        ("StopTransaction", {"idTag": "CARD2", "transactionId": entry.id}),
        ("StatusNotification", {"connectorId": 1, "status": "Finishing"}),
    )
    await b.contactor(False)


@scenario(board=SOCKET)
async def test_TC_005_1_CS(b):
    """EV side unplugged, detachable cable: stopped, and the charger's end comes free."""
    await b.boot(StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=True)
    entry = await b.charging()
    await b.do("unplug", side="ev")
    await b.contactor(False, within=2)
    await b.expect_all(
        ("StopTransaction", {"transactionId": entry.id, "reason": "EVDisconnected"}),
        ("StatusNotification", {"connectorId": 1, "status": "Finishing"}),
    )
    await b.until(b._unplug, 10, "the socket is unlocked")
    await b.expect_status("Available")


async def _drawing(b):
    """True once the EV takes all it is offered."""
    state = await b.status()
    return state["amps"] > 0.6 * state["duty"] - 0.5


async def _no_unlock(b, stop):
    """Boot with StopTransactionOnEVSideDisconnect as given and the unlocking off."""
    await b.boot(StopTransactionOnEVSideDisconnect=stop)
    key = "UnlockConnectorOnEVSideDisconnect"
    # With a fixed cable the key may be read-only (errata 4.0); then it must say false.
    answer = await b.call("ChangeConfiguration", {"key": key, "value": "false"})
    assert answer["status"] in ("Accepted", "Rejected"), answer
    assert (await b.configuration(key))[key] == "false"


@scenario
async def test_TC_005_2_CS(b):
    """EV side unplugged, nothing to unlock: stopped, Finishing or Available."""
    await _no_unlock(b, stop=True)
    entry = await b.charging()
    await b.do("unplug")
    await b.contactor(False, within=1)
    await b.expect("StopTransaction", transactionId=entry.id, reason="EVDisconnected")
    await b.advance(5)
    last = b.calls("StatusNotification", connectorId=1)
    assert last[-1]["status"] in ("Finishing", "Available"), last
    answer = await b.call("UnlockConnector", {"connectorId": 1})
    assert answer["status"] == "NotSupported", "a fixed cable has no lock"
    assert b.calls("StatusNotification", connectorId=1)[-1]["status"] == "Available"


@scenario
async def test_TC_005_3_CS(b):
    """EV side unplugged and the transaction goes on, until it is stopped remotely."""
    await _no_unlock(b, stop=False)
    entry = await b.charging()
    await b.do("unplug")
    suspended = await b.expect("StatusNotification", connectorId=1, status=_suspended)
    assert suspended.get("info") == "EV side disconnected"
    await b.contactor(False, within=1)
    await b.none("StopTransaction", for_=20)
    answer = await b.call("RemoteStopTransaction", {"transactionId": entry.id})
    assert answer["status"] == "Accepted"
    await b.expect("StopTransaction", transactionId=entry.id, reason="Remote")
    await b.until(lambda: _told(b)[-1] in ("Finishing", "Available"), 10, "Finishing")


def _told(b):
    return [p["status"] for p in b.calls("StatusNotification", connectorId=1)]


def _suspended(status):
    return status in ("SuspendedEV", "SuspendedEVSE")


@scenario
async def test_TC_070_CS(b):
    """MeterValues every MeterValueSampleInterval, one value per configured measurand."""
    measurands = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import")
    await b.boot(
        ClockAlignedDataInterval=0,
        MeterValueSampleInterval=10,
        MeterValuesSampledData=",".join(measurands),
    )
    entry = await b.charging()
    await b.until(lambda: _drawing(b), 10, "full current")
    b.skip()
    values = [
        await b.expect("MeterValues", within=15, connectorId=1, transactionId=entry.id)
        for _ in range(4)
    ]
    stamps, readings = [], []
    for value in values:
        assert len(value["meterValue"]) == 1
        entry_ = value["meterValue"][0]
        stamps.append(unix(entry_["timestamp"]))
        samples = entry_["sampledValue"]
        named = {s.get("measurand", "Energy.Active.Import.Register"): s for s in samples}
        assert set(named) == set(measurands) and len(samples) == len(named), samples
        assert all(s.get("context", "Sample.Periodic") == "Sample.Periodic" for s in samples)
        energy = named["Energy.Active.Import.Register"]
        assert energy.get("unit", "Wh") == "Wh"
        readings.append(float(energy["value"]))
        power = named["Power.Active.Import"]
        scale = {"W": 1, "kW": 1000}[power.get("unit", "W")]
        amps = (await b.status())["amps"]
        assert abs(float(power["value"]) * scale - amps * 230) < 0.05 * amps * 230
        assert abs(float(named["Current.Import"]["value"]) - amps) < 0.05 * amps
    for earlier, later in zip(stamps, stamps[1:]):
        assert abs(later - earlier - 10) <= 1, stamps
    assert readings == sorted(readings) and readings[-1] > readings[0]


@scenario
async def test_TC_071_CS(b):
    """MeterValues at the clock-aligned instants, in a transaction and without one."""
    await b.boot(
        MeterValueSampleInterval=0,
        ClockAlignedDataInterval=30,
        MeterValuesAlignedData="Energy.Active.Import.Register,Voltage",
    )

    async def aligned(**fields):
        value = await b.expect("MeterValues", within=35, connectorId=1, **fields)
        item = value["meterValue"][0]
        at = unix(item["timestamp"])
        assert (at - EPOCH) % 30 <= 1 or (at - EPOCH) % 30 == 0, item["timestamp"]
        names = [s.get("measurand", "Energy.Active.Import.Register") for s in item["sampledValue"]]
        assert sorted(names) == ["Energy.Active.Import.Register", "Voltage"], names
        assert all(s["context"] == "Sample.Clock" for s in item["sampledValue"])
        return at

    first = await aligned(transactionId=None)
    assert await aligned(transactionId=None) == first + 30
    entry = await b.charging()
    one = await aligned(transactionId=entry.id)
    assert await aligned(transactionId=entry.id) == one + 30
    await b.leave()


@scenario
async def test_TC_023_CS(b):
    """Plugged in, card refused: no transaction, no current."""
    await b.boot(MinimumStatusDuration=10)
    await b.do("plug")
    await b.do("request")
    await b.expect_status("Preparing", within=20)
    await b.tap("STRANGER")
    await b.expect("Authorize", idTag="STRANGER")
    await b.none("StartTransaction", for_=20)
    assert (await b.status())["contactor"] is False


@scenario
async def test_TC_023_4_CS(b):
    """Local start, card blocked: no transaction; a good card still works afterwards."""
    await b.boot()
    await b.do("plug")
    await b.do("request")
    await b.expect_status("Preparing")
    await b.tap("BLOCKED")
    await b.expect("Authorize", idTag="BLOCKED")
    await b.none("StartTransaction", for_=10)
    assert (await b.status())["contactor"] is False
    await b.tap("CARD1")
    await b.expect("StartTransaction", idTag="CARD1")


@scenario(board=SOCKET)
async def test_TC_024_CS(b):
    """The connector cannot lock: Faulted, no transaction."""
    await b.boot()
    await b.do("fault", kind="lock", on=True)
    await b.do("plug")
    await b.do("request")
    answer = await b.call("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1})
    if answer["status"] == "Accepted":
        await b.expect_status("Faulted", errorCode="ConnectorLockFailure", within=20)
    else:
        # Locking was tried, and failed, as soon as the cable was in.
        faults = b.calls("StatusNotification", status="Faulted", errorCode="ConnectorLockFailure")
        assert faults, "rejected without having said why"
    await b.none("StartTransaction", for_=10, since=0)
    assert (await b.status())["contactor"] is False


@scenario
async def test_TC_041_CS(b):
    """A faulted charger says so and does not start a transaction."""
    await b.boot()
    await b.do("fault", kind="rcd", on=True)
    fault = await b.expect("StatusNotification", status="Faulted")
    assert fault["errorCode"] != "NoError"
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.none("StartTransaction", for_=10, since=0)
    answer = await b.call("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1})
    assert answer["status"] == "Rejected"
    await b.none("StartTransaction", for_=10, since=0)
    assert (await b.status())["contactor"] is False
