# Two connectors on one charger: the whole firmware with two EVs, one reader, one bus.
# MIT license; part of microevse
"""boards/esp32_dual.toml on the virtual board. Each connector alone is tested elsewhere; these
tests show that neither connector gets the commands for the other."""

from bench import CallError, scenario

DUAL = {"board": "esp32_dual"}


async def boot2(b, **settings):
    """From power-on until the charge point and both connectors have been told Available."""
    await b.start_of_day()
    await b.expect_all(
        *(("StatusNotification", {"connectorId": n, "status": "Available"}) for n in (0, 1, 2))
    )
    if settings:
        await b.configure(**settings)
    b.skip()


async def plug(b, number):
    await b.do("plug", connector=number)
    await b.expect_status("Preparing", connector=number)
    await b.do("request", connector=number)


async def charge(b, number, tag):
    """An EV at connector `number` charges, started from afar; returns its Transaction."""
    await plug(b, number)
    answer = await b.call("RemoteStartTransaction", {"idTag": tag, "connectorId": number})
    assert answer == {"status": "Accepted"}
    return await started(b, number, tag)


async def started(b, number, tag):
    start, _ = await b.expect_all(
        ("StartTransaction", {"connectorId": number, "idTag": tag}),
        ("StatusNotification", {"connectorId": number, "status": "Charging"}),
    )
    await b.until(lambda: closed(b, number), 10, f"contactor {number} closed")
    return b.transaction(start)


async def closed(b, number):
    return (await b.status(number))["contactor"]


async def opened(b, number):
    return not await closed(b, number)


@scenario(**DUAL)
async def test_configuration_and_first_statuses_tell_of_two_connectors(b):
    await boot2(b)
    told = await b.configuration("NumberOfConnectors", "ConnectorPhaseRotation")
    assert told["NumberOfConnectors"] == "2"
    assert told["ConnectorPhaseRotation"] == "0.Unknown,1.Unknown,2.Unknown"
    rotation = {"key": "ConnectorPhaseRotation"}
    answer = await b.call("ChangeConfiguration", {**rotation, "value": "1.RST,2.STR"})
    assert answer["status"] == "Accepted"
    answer = await b.call("ChangeConfiguration", {**rotation, "value": "3.RST"})
    assert answer["status"] == "Rejected"
    mark = b.mark()
    assert (await b.call("TriggerMessage", {"requestedMessage": "StatusNotification"}))[
        "status"
    ] == "Accepted"
    await b.until(lambda: len(b.calls("StatusNotification", mark)) == 3)
    assert [c["connectorId"] for c in b.calls("StatusNotification", mark)] == [0, 1, 2]
    mark = b.mark()
    await b.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2})
    assert (await b.expect("MeterValues"))["connectorId"] == 2
    answer = await b.call("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 3})
    assert answer["status"] == "Rejected"


@scenario(**DUAL)
async def test_remote_start_without_connector_takes_the_one_with_a_cable(b):
    await boot2(b)
    await plug(b, 2)
    assert (await b.call("RemoteStartTransaction", {"idTag": "CARD1"}))["status"] == "Accepted"
    await started(b, 2, "CARD1")
    assert not await closed(b, 1)
    # The other one is free, without a cable: the token waits there.
    assert (await b.call("RemoteStartTransaction", {"idTag": "CARD3"}))["status"] == "Accepted"
    await b.expect_status("Preparing", connector=1)
    assert (await b.call("RemoteStartTransaction", {"idTag": "CARD4"}))["status"] == "Rejected"
    await b.do("plug", connector=1)
    await b.do("request", connector=1)
    await started(b, 1, "CARD3")


@scenario(**DUAL)
async def test_a_card_means_the_car_that_came_last_and_ends_its_own_session(b):
    await boot2(b)
    await plug(b, 1)
    await b.advance(20)
    await plug(b, 2)
    await b.tap("CARD3")
    at_two = await started(b, 2, "CARD3")
    await b.tap("CARD4")
    at_one = await started(b, 1, "CARD4")
    # Both taken: a card without a session starts and ends nothing.
    mark = b.mark()
    await b.tap("CARD1")
    await b.none("StopTransaction", for_=5, since=mark)
    await b.tap("CARD3")
    stop = await b.expect("StopTransaction")
    assert stop["transactionId"] == at_two.id and stop["idTag"] == "CARD3"
    await b.until(lambda: opened(b, 2), 10, "contactor 2 open")
    assert await closed(b, 1)
    # That car is done and still there. As all other connectors are taken, the next card is for
    # this one. The session at connector 1 is ended by its own card only.
    await b.tap("CARD4")
    assert (await b.expect("StopTransaction"))["transactionId"] == at_one.id


@scenario(**DUAL)
async def test_a_card_is_not_for_a_car_that_has_been_charged_while_the_other_is_empty(b):
    await boot2(b)
    await charge(b, 1, "CARD3")
    await b.tap("CARD3")
    await b.expect_status("Finishing", connector=1)
    await b.expect("StopTransaction")
    await b.tap("CARD4")
    await b.expect_status("Preparing", connector=2)
    await b.do("plug", connector=2)
    await b.do("request", connector=2)
    await started(b, 2, "CARD4")


@scenario(**DUAL)
async def test_each_connector_bills_what_its_own_meter_counted(b):
    await boot2(b)
    await b.do("draw", amps=6, connector=1)
    await b.do("draw", amps=16, connector=2)
    one = await charge(b, 1, "CARD3")
    two = await charge(b, 2, "CARD4")
    await b.advance(400)
    for entry in (one, two):
        await b.call("RemoteStopTransaction", {"transactionId": entry.id})
        await b.until(lambda: entry.stop is not None, 20, "stopped")
    for number, entry, amps in ((1, one, 6), (2, two, 16)):
        physical = (await b.status(number))["wh"]
        assert abs(entry.wh - physical) <= 3, (number, entry.wh, physical)
        assert 0.9 < entry.wh / (amps * 230 * 400 / 3600) < 1.1
        assert {s["connectorId"] for s in b.calls("MeterValues", transactionId=entry.id)} == {
            number
        }


@scenario(**DUAL)
async def test_one_fault_stops_one_connector(b):
    await boot2(b)
    await charge(b, 1, "CARD3")
    two = await charge(b, 2, "CARD4")
    await b.do("fault", kind="rcd", connector=2)
    await b.expect("StatusNotification", connectorId=2, errorCode="GroundFailure")
    await b.until(lambda: two.stop is not None, 20, "session 2 ended")
    assert not await closed(b, 2)
    assert await closed(b, 1)
    assert not [
        s for s in b.calls("StatusNotification", connectorId=1) if s["status"] == "Faulted"
    ]


@scenario(**DUAL)
async def test_availability_of_one_connector_and_of_all(b):
    await boot2(b)
    one = await charge(b, 1, "CARD3")

    async def change(number, kind):
        answer = await b.call("ChangeAvailability", {"connectorId": number, "type": kind})
        return answer["status"]

    assert await change(2, "Inoperative") == "Accepted"
    await b.expect_status("Unavailable", connector=2)
    answer = await b.call("RemoteStartTransaction", {"idTag": "CARD4", "connectorId": 2})
    assert answer["status"] == "Rejected"
    assert await change(2, "Operative") == "Accepted"
    await b.expect_status("Available", connector=2)
    mark = b.mark()
    # One of the two is charging: the other goes out of service now, that one at its end.
    assert await change(0, "Inoperative") == "Scheduled"
    await b.expect_all(
        ("StatusNotification", {"connectorId": 0, "status": "Unavailable"}),
        ("StatusNotification", {"connectorId": 2, "status": "Unavailable"}),
    )
    assert await closed(b, 1)
    await b.call("RemoteStopTransaction", {"transactionId": one.id})
    await b.expect_status("Unavailable", connector=1, within=30)
    # Connector 0 is the whole: all of them come back.
    assert await change(0, "Operative") == "Accepted"
    await b.until(
        lambda: (
            {
                c["connectorId"]
                for c in b.calls("StatusNotification", mark)
                if c["status"] in ("Available", "Finishing", "Preparing")
            }
            == {0, 1, 2}
        ),
        what="all back in service",
    )
    assert await change(3, "Inoperative") == "Rejected"


@scenario(**DUAL)
async def test_sessions_interleaved_during_an_outage_are_delivered_in_order(b):
    await boot2(b, MeterValueSampleInterval=60)
    await b.configure(LocalPreAuthorize=True)
    first = await charge(b, 1, "CARD3")
    await charge(b, 2, "CARD4")
    await b.offline()
    mark = b.mark()
    await b.advance(130)
    # Connector 2 ends and starts again, then 1 ends: four sessions, two of them unknown to
    # the CSMS, records of both connectors mixed in the journal.
    await b.tap("CARD4")
    await b.until(lambda: opened(b, 2), 15)
    await b.do("unplug", connector=2)
    await b.advance(10)
    await b.do("plug", connector=2)
    await b.do("request", connector=2)
    await b.tap("CARD4")
    await b.until(lambda: closed(b, 2), 20)
    await b.advance(70)
    await b.tap("CARD3")
    await b.until(lambda: opened(b, 1), 15)
    await b.advance(70)
    await b.online()
    await b.until(lambda: first.stop is not None, 60, "the end of the first session")
    await b.until(
        lambda: [c["connectorId"] for c in b.calls("StatusNotification", mark)].count(2) > 0, 60
    )
    sent = [c for c in b.calls(None, mark) if {"meterStart", "meterValue", "meterStop"} & set(c)]
    assert len([c for c in sent if "meterStart" in c]) == 1
    assert len([c for c in sent if "meterStop" in c]) == 2
    times = [c["timestamp"] if "timestamp" in c else c["meterValue"][0]["timestamp"] for c in sent]
    assert times == sorted(times), times
    # Every sample carries the id that its connector's transaction had when it was taken.
    book = b.csms.transactions
    for call in sent:
        if "meterValue" in call:
            assert book[call["transactionId"]].start["connectorId"] == call["connectorId"]
    stopped = [book[c["transactionId"]].start["connectorId"] for c in sent if "meterStop" in c]
    assert stopped == [2, 1]
    assert len(book) == 3 and all(entry.starts == 1 for entry in book.values())


@scenario(**DUAL)
async def test_soft_reset_ends_both_sessions_and_opens_both_contactors(b):
    await boot2(b)
    one = await charge(b, 1, "CARD3")
    two = await charge(b, 2, "CARD4")
    boots = b.twin.boots
    assert (await b.call("Reset", {"type": "Soft"}))["status"] == "Accepted"
    await b.until(lambda: b.twin.boots > boots, 60, "restarted")
    await b.start_of_day(120)
    await b.until(lambda: one.stop is not None and two.stop is not None, 60, "both ended")
    for entry in (one, two):
        assert entry.stop["reason"] == "SoftReset" and entry.stops >= 1
    assert not await closed(b, 1) and not await closed(b, 2)


@scenario(**DUAL)
async def test_power_cut_ends_both_sessions(b):
    await boot2(b)
    one = await charge(b, 1, "CARD3")
    two = await charge(b, 2, "CARD4")
    await b.advance(120)
    await b.do("power_cut", seconds=5)
    await b.start_of_day(120)
    await b.until(lambda: one.stop is not None and two.stop is not None, 60, "both ended")
    for number, entry in ((1, one), (2, two)):
        assert entry.stop["reason"] == "PowerLoss"
        assert abs(entry.wh - (await b.status(number))["wh"]) <= 3


@scenario(**DUAL)
async def test_unlock_is_answered_for_each_connector_without_touching_the_other(b):
    await boot2(b)
    await charge(b, 1, "CARD3")
    await charge(b, 2, "CARD4")
    # Fixed cables: there is nothing to unlock, and no session ends for it.
    for number, status in ((1, "NotSupported"), (2, "NotSupported"), (3, "NotSupported")):
        try:
            answer = await b.call("UnlockConnector", {"connectorId": number})
        except CallError as error:
            raise AssertionError(f"connector {number}: {error}") from error
        assert answer["status"] == status
    assert await closed(b, 1) and await closed(b, 2)


@scenario(**DUAL)
async def test_the_tick_keeps_its_period_and_says_so(b):
    await boot2(b)
    await charge(b, 1, "CARD3")
    await charge(b, 2, "CARD4")
    await b.advance(30)
    calm = await b.do("look", what="tick")
    assert calm["overruns"] == 0 and calm["failures"] == 0, calm
    # A stall is longer than a tick; afterwards both pilots are looked at twice in one tick,
    # and that one does not fit into its period either.
    await b.do("fidelity", level="sample")
    await b.advance(0.1)
    assert (await b.do("look", what="tick"))["overruns"] == 0
    await b.do("stall", ms=60)
    await b.advance(0.2)
    after = await b.do("look", what="tick")
    assert after["overruns"] >= 1 and after["worst_gap_ms"] >= 60, after
    page = (await b.do("look", what="page"))["page"]
    assert page["tick_overruns"] == after["overruns"] and page["tick_failures"] == 0
    assert page["worst_gap_ms"] >= 60
    assert [(c["id"], c["status"]) for c in page["connectors"]] == [
        (1, "charging"),
        (2, "charging"),
    ]
    assert await closed(b, 1) and await closed(b, 2)


@scenario(board="esp32_dual", settings={"SiteMaxCurrent": "20", "MaxCurrent": "32"})
async def test_a_shared_supply_is_split_and_never_exceeded(b):
    """20 A: one EV has all of it, two have 10 A each, and the sum stays below at any moment."""
    await boot2(b)
    one = await charge(b, 1, "CARD3")
    await b.advance(10)
    assert 19 <= (await b.status(1))["amps"] <= 20
    two = await charge(b, 2, "CARD4")
    for _ in range(40):
        await b.advance(0.5)
        amps = [(await b.status(n))["amps"] for n in (1, 2)]
        assert sum(amps) <= 20, amps
    assert all(9.5 <= a <= 10 for a in amps), amps
    # The session that ends leaves its part to the other one.
    await b.call("RemoteStopTransaction", {"transactionId": one.id})
    await b.until(lambda: one.stop is not None, 20, "stopped")
    for _ in range(30):
        await b.advance(0.5)
        amps = [(await b.status(n))["amps"] for n in (1, 2)]
        assert sum(amps) <= 20, amps
    assert amps[1] >= 19, amps
    assert two.stop is None


@scenario(board="esp32_dual", settings={"SiteMaxCurrent": "11", "MaxCurrent": "16"})
async def test_with_too_little_for_two_the_later_one_waits(b):
    await boot2(b)
    one = await charge(b, 1, "CARD3")
    await plug(b, 2)
    await b.call("RemoteStartTransaction", {"idTag": "CARD4", "connectorId": 2})
    await b.expect("StartTransaction", connectorId=2)
    await b.expect_status("SuspendedEVSE", connector=2)
    await b.advance(30)
    first, second = await b.status(1), await b.status(2)
    assert 10.5 <= first["amps"] <= 11 and not second["contactor"] and second["duty"] == 100
    await b.call("RemoteStopTransaction", {"transactionId": one.id})
    await b.expect_status("Charging", connector=2, within=40)
    await b.advance(10)
    assert 10.5 <= (await b.status(2))["amps"] <= 11
