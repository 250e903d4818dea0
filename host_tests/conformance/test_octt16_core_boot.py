# OCPP 1.6 Core certification cases: cold boot, resets, power failure.
# MIT license; part of microevse
"""Each test is the case it is named after; titles in octt16_cases.tsv."""

import pytest
from bench import scenario

SOCKET = "esp32s2_diy_alpha"


async def _heartbeats(b, interval, count=3):
    """`count` Heartbeats, `interval` seconds apart."""
    times = [(await b.expect("Heartbeat", within=interval + 5)).t for _ in range(count)]
    for earlier, later in zip(times, times[1:]):
        assert abs(later - earlier - interval) <= 1, f"Heartbeats at {times}"


@scenario
async def test_TC_001_CS(b):
    """Cold Boot: Rejected is retried after exactly its interval, silence in between."""
    b.csms.interval = 20
    b.csms.reply("BootNotification", {"status": "Rejected", "interval": 12})
    rejected = await b.expect("BootNotification", within=60)
    assert rejected["chargePointVendor"] and rejected["chargePointModel"]
    again = await b.expect("BootNotification", within=20)
    assert abs(again.t - rejected.t - 12) <= 1, again.t - rejected.t
    between = [f for f in b.calls() if rejected.index < f.index < again.index]
    assert between == [], "a rejected charger must not send anything"
    await b.expect_all(
        ("StatusNotification", {"connectorId": 0, "status": "Available", "errorCode": "NoError"}),
        ("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}),
    )
    await _heartbeats(b, 20)


@scenario
async def test_TC_002_CS(b):
    """Cold Boot, Pending: the charger serves the CSMS, sends nothing of its own, asks again."""
    b.csms.interval = 20
    b.csms.reply("BootNotification", {"status": "Pending", "interval": 15})
    pending = await b.expect("BootNotification", within=60)
    keys = await b.configuration()
    assert "HeartbeatInterval" in keys
    await b.configure(MeterValueSampleInterval=37)
    again = await b.expect("BootNotification", within=20)
    assert abs(again.t - pending.t - 15) <= 1, again.t - pending.t
    between = [f for f in b.calls() if pending.index < f.index < again.index]
    assert between == [], "nothing unasked while pending"
    await b.expect_all(
        ("StatusNotification", {"connectorId": 0, "status": "Available"}),
        ("StatusNotification", {"connectorId": 1, "status": "Available"}),
    )
    assert (await b.configuration("MeterValueSampleInterval"))["MeterValueSampleInterval"] == "37"
    await _heartbeats(b, 20)


async def _reset_keeps_unavailable(b, kind):
    await b.boot()
    answer = await b.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert answer["status"] == "Accepted"
    await b.expect_status("Unavailable")
    assert (await b.call("Reset", {"type": kind}))["status"] == "Accepted"
    await b.start_of_day()
    await b.expect_status("Unavailable", within=20)
    await b.none("StatusNotification", connectorId=1, status="Available", for_=10)
    answer = await b.call("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
    assert answer["status"] == "Accepted"
    await b.expect_status("Available")


@scenario
async def test_TC_013_CS(b):
    """Hard Reset without transaction: Unavailable persists."""
    await _reset_keeps_unavailable(b, "Hard")


@scenario
async def test_TC_014_CS(b):
    """Soft Reset without transaction: Unavailable persists."""
    await _reset_keeps_unavailable(b, "Soft")


async def _reset_ends_transaction(b, kind, reason):
    await b.boot()
    entry = await b.charging()
    await b.advance(20)
    mark = b.mark()
    assert (await b.call("Reset", {"type": kind}))["status"] == "Accepted"
    await b.until(lambda: entry.stop, 90, "StopTransaction")
    assert entry.stop["reason"] == reason
    assert entry.stops == 1 and entry.wh > 0
    await b.until(lambda: b.calls("BootNotification", mark), 90, "BootNotification")
    boot = b.calls("BootNotification", mark)[0]
    await b.until(lambda: b.calls("StatusNotification", boot.index, connectorId=1), 30, "a status")
    await b.advance(5)
    after = b.calls("StatusNotification", boot.index, connectorId=1)
    assert after[-1]["status"] in ("Finishing", "Preparing"), after
    assert (await b.status())["contactor"] is False
    assert len(b.csms.transactions) == 1, "the car must be authorized again"


@scenario
async def test_TC_015_CS(b):
    """Hard Reset with a transaction: StopTransaction(HardReset)."""
    await _reset_ends_transaction(b, "Hard", "HardReset")


@scenario
async def test_TC_016_CS(b):
    """Soft Reset with a transaction: StopTransaction(SoftReset)."""
    await _reset_ends_transaction(b, "Soft", "SoftReset")


def test_TC_032_1_CS():
    """Power failure with backup power."""
    pytest.skip("the charger has no backup power; without it TC_032_2_CS applies")


@scenario
async def test_TC_032_2_CS(b):
    """Power failure in a transaction: after boot StopTransaction(PowerLoss), car not resumed."""
    await b.boot(MeterValueSampleInterval=10)
    entry = await b.charging()
    await b.advance(60)
    physical = (await b.status())["wh"]
    mark = b.mark()
    await b.do("power_cut", seconds=5)
    await b.until(lambda: entry.stop, 120, "StopTransaction")
    boots = b.calls("BootNotification", mark)
    assert len(boots) == 1
    stops = b.calls("StopTransaction", mark)
    assert boots[0].index < stops[0].index
    assert entry.stop["reason"] == "PowerLoss"
    assert entry.stops == 1
    # The last sample before the cut was at most one interval old.
    assert 0 < entry.wh <= physical + 0.5  # it is told in whole Wh
    await b.until(
        lambda: b.calls("StatusNotification", boots[0].index, connectorId=1), 30, "a status"
    )
    await b.advance(5)
    status = b.calls("StatusNotification", boots[0].index, connectorId=1)
    assert status[-1]["status"] in ("Preparing", "Finishing"), status
    assert (await b.status())["contactor"] is False
    assert len(b.csms.transactions) == 1


@scenario
async def test_TC_034_CS(b):
    """ChangeAvailability of the whole charger survives a power failure."""
    await b.boot()
    answer = await b.call("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    assert answer["status"] == "Accepted"
    both = [("StatusNotification", {"connectorId": c, "status": "Unavailable"}) for c in (0, 1)]
    await b.expect_all(*both)
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await b.expect_all(*both, within=20)
    await b.none("StatusNotification", status="Available", for_=10)
    answer = await b.call("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
    assert answer["status"] == "Accepted"
    await b.expect_all(
        *[("StatusNotification", {"connectorId": c, "status": "Available"}) for c in (0, 1)]
    )
