# A session from plug to unplug over OCPP 2.0.1 and 2.1, on the whole firmware.
# MIT license; part of microevse
"""The central system of the bench validates each frame and judges the transaction (ledger2)."""

import pytest
from bench import scenario
from bench2 import VERSIONS, scenario2


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_told_as_one_transaction(version):
    @scenario2(version=version)
    async def story(b):
        boot = await b.boot()
        assert boot["reason"] == "PowerUp"
        entry = await b.charging()
        await b.advance(130)
        await b.tap("CARD1")
        await b.expect_event("Ended", "StopAuthorized")
        await b.leave()
        await b.advance(5)
        assert entry.starts == entry.stops == 1 and entry.wh > 0, entry
        assert entry.reason == "Local"

    story()


@scenario2
async def test_events_of_an_outage_are_delivered_once_and_say_that_they_are_old(b):
    await b.boot()
    entry = await b.charging()
    await b.offline()
    await b.tap("CARD1")
    await b.do("release")
    await b.advance(30)
    await b.online()
    ended = await b.expect_event("Ended", within=60)
    assert ended["offline"] is True and entry.stops == 1


@scenario2
async def test_a_power_cut_ends_the_transaction_that_it_met(b):
    await b.boot()
    entry = await b.charging()
    await b.advance(70)
    await b.do("power_cut", seconds=5)
    ended = await b.expect_event("Ended", within=90)
    assert ended["transactionInfo"]["stoppedReason"] == "PowerLoss", ended
    assert entry.stops == 1


@scenario2
async def test_remote_start_and_stop(b):
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    token = {"idToken": "CARD1", "type": "Central"}
    answer = await b.call(
        "RequestStartTransaction", {"idToken": token, "remoteStartId": 77, "evseId": 1}
    )
    assert answer["status"] == "Accepted"
    started = await b.expect_event("Started", "RemoteStart")
    assert started["transactionInfo"]["remoteStartId"] == 77 and started["idToken"] == token
    transaction = started["transactionInfo"]["transactionId"]
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
    }
    limited = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    request = {"idToken": token, "remoteStartId": 78, "chargingProfile": limited}
    assert (await b.call("RequestStartTransaction", request))["status"] == "Rejected"
    other = {"transactionId": "nobody's"}
    assert (await b.call("RequestStopTransaction", other))["status"] == "Rejected"
    mine = {"transactionId": transaction}
    assert (await b.call("RequestStopTransaction", mine))["status"] == "Accepted"
    ended = await b.expect_event("Ended", "RemoteStop")
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"


@scenario(settings={"OcppVersions": "2.1,2.0.1,1.6"})
async def test_a_central_system_of_1_6_is_spoken_to_in_1_6(b):
    await b.boot()
    await b.charging()


@pytest.mark.parametrize("first, second", [("1.6", "2.0.1"), ("2.0.1", "1.6"), ("2.0.1", "2.1")])
def test_a_session_that_began_under_another_version_is_billed_once(first, second):
    """Its start was taken under the one, its end waits for the other. The other does not know it,
    so the start is told again there (station.delivery)."""

    @scenario(settings={"OcppVersions": "2.1,2.0.1,1.6"}, csms={"subprotocols": ("ocpp" + first,)})
    async def story(b):
        await b.start_of_day()
        await b.do("plug")
        await b.do("request")
        await b.advance(3)
        await b.tap("CARD1")
        await b.until(lambda: len(b.csms.transactions) == 1, 10, "the start is told")
        await b.advance(65)
        await b.offline()
        await b.advance(65)
        await b.do("release")
        await b.tap("CARD1")
        await b.advance(5)
        b.csms.subprotocols = ("ocpp" + second,)
        await b.online()
        assert len(set(b.csms.transactions.values())) == 1, b.story()
        (entry,) = set(b.csms.transactions.values())
        await b.until(lambda: entry.stop is not None, 120, "the end is told")
        await b.advance(20)
        assert len(set(b.csms.transactions.values())) == 1
        assert entry.wh > 0 and entry.reason == "Local", entry
        assert b.logged("ocpp%s is spoken now" % second)

    story()
