# OCPP 1.6 Core certification cases: what happens while the connection is gone.
# MIT license; part of microevse
"""Each test is the case it is named after; titles in octt16_cases.tsv.

The link dies without a goodbye and comes back. Transaction events go first, in their order,
then the current status; nothing is lost, nothing is billed twice.
"""

from bench import scenario
from csms.checks import unix

LOCAL = {"LocalAuthorizeOffline": True, "AuthorizationCacheEnabled": True}


async def _cached(b, tag):
    """A finished session of `tag`, so that the cache knows it; the car is gone again."""
    entry = await b.charging(tag)
    await b.tap(tag)
    await b.expect("StopTransaction", transactionId=entry.id)
    await b.leave()
    b.skip()


async def _offline_start(b, tag):
    """Offline: plug in, tap, and the contactor closes without a question to the central system."""
    await b.offline()
    await b.advance(5)
    await b.do("plug")
    await b.advance(2)
    await b.do("request")
    await b.tap(tag)
    await b.contactor(True, within=20)


@scenario
async def test_TC_036_CS(b):
    """Connection lost in a transaction: queued MeterValues come first, complete, in order."""
    await b.boot(MeterValueSampleInterval=10)
    entry = await b.charging()
    await b.expect("MeterValues", within=15)
    await b.offline()
    await b.advance(45)
    assert (await b.status())["contactor"] is True
    await b.online()
    await b.until(lambda: len(entry.samples) >= 7, 40, "the queued MeterValues")
    stamps = [unix(at) for at, _ in entry.samples]
    assert stamps == sorted(stamps)
    for earlier, later in zip(stamps, stamps[1:]):
        assert abs(later - earlier - 10) <= 1, stamps
    assert (await b.status())["contactor"] is True
    assert entry.stop is None
    await b.tap("CARD1")
    await b.expect("StopTransaction", transactionId=entry.id)
    assert entry.starts == 1


@scenario
async def test_TC_037_1_CS(b):
    """Offline start with a card the cache knows: StartTransaction after reconnecting."""
    await b.boot(**LOCAL)
    await _cached(b, "CARD1")
    before = len(b.csms.transactions)
    await _offline_start(b, "CARD1")
    began = b.unix()
    await b.advance(30)
    await b.online()
    start = await b.expect("StartTransaction", idTag="CARD1", within=30)
    assert abs(unix(start["timestamp"]) - began) < 15, "stamped when it happened"
    await b.expect_status("Charging", within=10)
    assert len(b.csms.transactions) == before + 1
    assert (await b.status())["contactor"] is True


@scenario
async def test_TC_037_2_CS(b):
    """Offline start, refused afterwards, StopTransactionOnInvalidId false: suspended."""
    await b.boot(
        AllowOfflineTxForUnknownId=True, StopTransactionOnInvalidId=False, MaxEnergyOnInvalidId=0
    )
    await _offline_start(b, "STRANGER")
    await b.advance(10)
    await b.online()
    await b.expect("StartTransaction", idTag="STRANGER", within=30)
    entry = b.transaction()
    await b.expect_status("SuspendedEVSE", within=20)
    await b.contactor(False)
    await b.none("StopTransaction", for_=20)
    assert entry.stop is None
    wh = (await b.status())["wh"]
    await b.advance(30)
    assert (await b.status())["wh"] == wh, "no more energy for a refused card"


@scenario
async def test_TC_037_3_CS(b):
    """Offline start, refused afterwards, StopTransactionOnInvalidId true: DeAuthorized."""
    await b.boot(AllowOfflineTxForUnknownId=True, StopTransactionOnInvalidId=True)
    await _offline_start(b, "STRANGER")
    await b.advance(10)
    await b.online()
    await b.expect("StartTransaction", idTag="STRANGER", within=30)
    entry = b.transaction()
    await b.expect_all(
        ("StopTransaction", {"transactionId": entry.id, "reason": "DeAuthorized"}),
        ("StatusNotification", {"connectorId": 1, "status": "Finishing"}),
        within=20,
    )
    await b.contactor(False)


@scenario
async def test_TC_038_CS(b):
    """Stopped locally while offline: StopTransaction after reconnecting."""
    await b.boot()
    entry = await b.charging("CARD1")
    await b.advance(10)
    await b.offline()
    await b.advance(5)
    await b.tap("CARD1")
    await b.contactor(False, within=15)
    ended = b.unix()
    wh = (await b.status())["wh"]
    await b.advance(30)
    await b.online()
    await b.until(lambda: entry.stop, 30, "StopTransaction")
    assert entry.stop.get("reason", "Local") == "Local"
    assert abs(unix(entry.stop["timestamp"]) - ended) < 10, "stamped when it happened"
    assert abs(entry.wh - wh) <= max(1, wh * 0.01)
    await b.expect_status("Finishing", within=10)
    assert entry.stops == 1


@scenario
async def test_TC_039_CS(b):
    """A whole transaction offline: Start, then Stop with the id that Start was given."""
    await b.boot(**LOCAL, MeterValueSampleInterval=10)
    await _cached(b, "CARD1")
    before = set(b.csms.transactions)
    wh = (await b.status())["wh"]
    await _offline_start(b, "CARD1")
    await b.advance(35)
    await b.tap("CARD1")
    await b.contactor(False, within=15)
    wh = (await b.status())["wh"] - wh
    await b.do("release")
    await b.until(b._unplug, 15, "the cable can be pulled")
    await b.advance(10)
    mark = b.mark()
    await b.online()
    await b.until(lambda: set(b.csms.transactions) - before, 30, "StartTransaction")
    (new,) = set(b.csms.transactions) - before
    entry = b.csms.transactions[new]
    await b.until(lambda: entry.stop, 30, "StopTransaction")
    assert entry.stop.get("reason", "Local") == "Local"
    assert abs(entry.wh - wh) <= max(1, wh * 0.01)
    assert len(entry.samples) >= 3
    start = b.calls("StartTransaction", mark)
    meter = b.calls("MeterValues", mark, transactionId=new)
    stop = b.calls("StopTransaction", mark)
    assert len(start) == len(stop) == 1
    assert start[0].index < min(m.index for m in meter)
    assert max(m.index for m in meter) < stop[0].index
    await b.advance(10)
    told = b.calls("StatusNotification", mark, connectorId=1)
    assert [t["status"] for t in told] == ["Available"], "only the current status is worth telling"
    assert stop[0].index < told[0].index, "transaction events go first"
