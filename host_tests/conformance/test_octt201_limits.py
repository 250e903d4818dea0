# Certification cases of OCPP 2.1: limits of a transaction (E16).
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv. The driver sets limits
on the page."""

import json

from bench2 import scenario2
from evse_base import iso8601
from page_request import BASIC, PASSWORD, request

PAGE = {"WebPassword": PASSWORD}


def answer(b, limit=None, **more):
    """The next answer to a TransactionEvent has these limits."""
    fields = dict(more, transactionLimit=limit) if limit else more
    b.csms.reply("TransactionEvent", fields)


async def ask(b, limit=None, **more):
    """Answer a TransactionEvent, one that is asked for, with these limits."""
    answer(b, limit, **more)
    payload = {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
    assert (await b.call("TriggerMessage", payload))["status"] == "Accepted"
    await b.expect_event("Updated", "Trigger")


async def driver(b, limit, text="The session is limited."):
    body = json.dumps(limit)
    head = "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    status, body = await request(b, "POST", "/api/v1/cmd/limit", BASIC + head)
    assert status == 200 and json.loads(body)["message"] == text, body


async def limit_set(b, **limit):
    event = await b.expect_event("Updated", "LimitSet")
    assert event["transactionInfo"].get("transactionLimit") == limit, event
    return event


async def reached(b, what, within=60):
    """The limit has been reached: told once, with the state that it brings; no energy flows."""
    event = await b.expect_event("Updated", what, within=within)
    assert event["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    await b.contactor(False)
    await b.advance(10)
    later = b.calls("TransactionEvent", event.index + 1)
    assert {one["triggerReason"] for one in later} <= {"MeterValuePeriodic"}, "told once"
    return event


async def goes_on(b):
    await b.expect_event(
        "Updated", "ChargingStateChanged", 20,
        transactionInfo=lambda info: info["chargingState"] == "Charging",
    )  # fmt: skip
    await b.contactor(True)


async def supported(b):
    item = {"component": {"name": "TxCtrlr"}, "variable": {"name": "SupportedLimits"}}
    (one,) = (await b.call("GetVariables", {"getVariableData": [item]}))["getVariableResult"]
    return one["attributeStatus"], one.get("attributeValue")


async def page(b):
    _, body = await request(b, "GET", "/api/v1/state")
    return json.loads(body)


@scenario2(version="2.1", settings=PAGE)
async def test_TC_E_100_CS_and_TC_E_102_CS_and_TC_E_105_CS_and_TC_E_106_CS_and_TC_E_107_CS(b):
    """Energy and time: limits of the central system and of the driver, of which the lower one
    counts; a higher one lets the car charge on."""
    await b.boot()
    assert await supported(b) == ("Accepted", "maxCost,maxEnergy,maxTime")
    await driver(b, {"maxEnergy": 20}, "There is nothing that could be limited so.")
    answer(b, {"maxEnergy": 2000, "maxSoC": 80})
    answer(b, {"maxEnergy": 20.5})
    entry = await b.charging(amps=16)
    begun = b.calls("TransactionEvent", eventType="Started")[-1]
    b.cursor = begun.index
    await limit_set(b, maxEnergy=2000)  # of its state of charge the car tells nothing
    await limit_set(b, maxEnergy=20.5)
    b.skip()
    # The same again is no news.
    await ask(b, {"maxEnergy": 20.5})
    await b.none("TransactionEvent", for_=3)
    await reached(b, "EnergyLimitReached")
    state = await page(b)
    assert 20 < state["session"]["energy_wh"] < 24, "a reading each second"
    assert state["why"] == "Paused by the limit of this session."

    await ask(b, {"maxEnergy": 10000, "maxTime": 3600})
    await limit_set(b, maxEnergy=10000, maxTime=3600)
    await goes_on(b)
    # The driver's limit counts while it is the lower one.
    await driver(b, {"maxEnergy": 20000})
    await limit_set(b, maxEnergy=10000, maxTime=3600)
    await driver(b, {"maxEnergy": 40})
    await limit_set(b, maxEnergy=40, maxTime=3600)
    await ask(b, {"maxEnergy": 5000})
    await limit_set(b, maxEnergy=40, maxTime=3600)
    await reached(b, "EnergyLimitReached")
    await driver(b, {"maxEnergy": 30000})
    await limit_set(b, maxEnergy=5000, maxTime=3600)
    await goes_on(b)

    for what in ("soon", "past"):  # from the driver, then from the central system
        passed = int(b.unix() - iso8601.parse(begun["timestamp"]))
        limit = passed + 15 if what == "soon" else 5
        if what == "soon":
            await driver(b, {"maxTime": limit})
        else:
            await ask(b, {"maxTime": limit})
        await limit_set(b, maxEnergy=5000, maxTime=limit)
        event = await reached(b, "TimeLimitReached")
        if what == "soon":
            at = iso8601.parse(event["timestamp"]) - iso8601.parse(begun["timestamp"])
            assert 0 <= at - limit <= 2
            await driver(b, {"maxTime": 100000})
            await limit_set(b, maxEnergy=5000, maxTime=3600)
            await goes_on(b)
    # Limits that are none.
    for bad in ({}, {"maxTime": -1}, {"maxEnergy": "5"}, {"maxCost": True}, {"maxTime": 1e12}):
        await driver(b, bad, "There is nothing that could be limited so.")
    b.skip()
    await b.tap("CARD1")
    ended = await b.expect_event("Ended")
    assert "transactionLimit" not in ended["transactionInfo"] and entry.wh > 40
    await b.leave()
    # The next session has no limit.
    await b.charging(amps=16)
    await b.advance(30)
    assert not b.calls("TransactionEvent", ended.index, triggerReason="LimitSet")
    assert (await b.status())["contactor"] is True


@scenario2(version="2.1", settings=dict(PAGE, CostInterval="10"))
async def test_TC_E_101_CS_and_TC_E_103_CS_and_TC_E_104_CS_and_TC_E_108_CS(b):
    """Cost: as the central system tells it, with CostUpdated or in an answer; and as the station
    calculates it."""
    await b.boot()
    answer(b, {"maxCost": 45.3})
    entry = await b.charging(amps=16)
    b.cursor = b.calls("TransactionEvent", eventType="Started")[-1].index
    await limit_set(b, maxCost=45.3)
    b.skip()
    for total in (45.29, 45.3):
        await b.none("TransactionEvent", for_=3)
        await b.call("CostUpdated", {"transactionId": entry.id, "totalCost": total})
    await reached(b, "CostLimitReached")
    await ask(b, {"maxCost": 128.01})
    await limit_set(b, maxCost=128.01)
    await goes_on(b)
    await ask(b, totalCost=50.34)
    await b.none("TransactionEvent", for_=3)
    await ask(b, totalCost=128.01)
    await reached(b, "CostLimitReached")
    await b.tap("CARD1")
    await b.expect_event("Ended")
    await b.leave()

    times = {"prices": [{"priceMinute": 6.0}]}
    tariff = {"tariffId": "T", "currency": "EUR", "chargingTime": times, "idleTime": times}
    assert (await b.call("SetDefaultTariff", {"evseId": 0, "tariff": tariff}))["status"] == (
        "Accepted"
    )
    answer(b, {"maxCost": 2})
    await b.charging(amps=16)
    begun = b.calls("TransactionEvent", eventType="Started")[-1]
    b.cursor = begun.index
    await limit_set(b, maxCost=2)
    # What the central system says of the cost does not count now.
    entry = list(b.csms.transactions.values())[-1]
    await b.call("CostUpdated", {"transactionId": entry.id, "totalCost": 50})
    event = await b.expect_event("Updated", "CostLimitReached", within=30)
    at = iso8601.parse(event["timestamp"]) - iso8601.parse(begun["timestamp"])
    assert 20 <= at <= 22 and event["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    await b.contactor(False)
    await ask(b, {"maxCost": 1000})
    await limit_set(b, maxCost=1000)
    await goes_on(b)
    details = (await b.expect_event("Updated", "RunningCost", within=20))["costDetails"]
    more = details["totalCost"]["total"]["exclTax"] + 2
    await driver(b, {"maxCost": more})
    await limit_set(b, maxCost=more)
    await b.expect_event("Updated", "CostLimitReached", within=30)
    await b.contactor(False)
    await b.tap("CARD1")
    assert (await b.expect_event("Ended"))["costDetails"]["totalCost"]["total"]["exclTax"] >= more
    await b.leave()


@scenario2(version="2.1", settings={"AllowOfflineTxForUnknownId": "true"})
async def test_TC_E_114_CS(b):
    """There is no ResumptionTimeout: a power cut ends the transaction, here one that is paused by
    a limit from the answer about its start, which was offline."""
    await b.boot()
    item = {"component": {"name": "TxCtrlr"}, "variable": {"name": "ResumptionTimeout"}}
    (one,) = (await b.call("GetVariables", {"getVariableData": [item]}))["getVariableResult"]
    assert one["attributeStatus"] == "UnknownVariable"
    await b.do("draw", amps=16)
    await b.offline()
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.contactor(True)
    answer(b, {"maxTime": 1})
    await b.online()
    event = await b.expect_event("Started", within=60)
    assert event["offline"] is True
    await limit_set(b, maxTime=1)
    await reached(b, "TimeLimitReached")
    await b.do("power_cut", seconds=5)
    await b.start_of_day()
    b.cursor = event.index
    ended = await b.expect_event("Ended", "AbnormalCondition", within=60)
    assert ended["transactionInfo"]["stoppedReason"] == "PowerLoss"
    assert not b.calls("TransactionEvent", triggerReason="TxResumed")
    await b.contactor(False)
    await b.leave()
    entry = await b.charging(amps=16)
    await b.advance(5)
    assert (await b.status())["contactor"] is True, "the limit was that of the other session"
    # A cost that was told before there was a limit counts.
    await b.call("CostUpdated", {"transactionId": entry.id, "totalCost": 10})
    await ask(b, {"maxCost": 9.5})
    await limit_set(b, maxCost=9.5)
    await reached(b, "CostLimitReached")
