# Certification cases of OCPP 2.1: tariffs and the cost that the station calculates (block I).
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv. A bill is checked
against one that is calculated here, in exact fractions, from the times and energy it tells."""

import json
from fractions import Fraction

from bench2 import scenario2
from evse_base import iso8601
from page_request import request


def tariff(id, **fields):
    return dict({"tariffId": id, "currency": "EUR"}, **fields)


def energy(price, **conditions):
    one = {"priceKwh": price}
    if conditions:
        one["conditions"] = conditions
    return {"prices": [one]}


def minutes(price, *taxes):
    out = {"prices": [{"priceMinute": price}]}
    if taxes:
        out["taxRates"] = [{"type": "t%d" % i, "tax": tax} for i, tax in enumerate(taxes)]
    return out


async def default(b, given, status="Accepted", evse=0):
    answer = await b.call("SetDefaultTariff", {"evseId": evse, "tariff": given})
    assert answer["status"] == status, answer


async def assignments(b, evse=0):
    answer = await b.call("GetTariffs", {"evseId": evse})
    assert (answer["status"] == "Accepted") == ("tariffAssignments" in answer)
    return answer.get("tariffAssignments", [])


async def clear(b, **payload):
    answer = await b.call("ClearTariffs", payload)
    return [(one.get("tariffId"), one["status"]) for one in answer["clearTariffsResult"]]


async def change(b, entry, given, status="Accepted"):
    payload = {"transactionId": entry.id if entry else "nobody's", "tariff": given}
    answer = await b.call("ChangeTransactionTariff", payload)
    assert answer["status"] == status, answer


async def running(b, within=15):
    event = await b.expect_event("Updated", "RunningCost", within=within)
    return event["costDetails"]


async def end(b):
    await b.tap("CARD1")
    event = await b.expect_event("Ended")
    await b.advance(1)  # the ledger has it, too
    return event


async def line(b):
    _, body = await request(b, "GET", "/api/v1/state")
    return json.loads(body)["notice"]


def near(told, amount):
    """`amount` in exact fractions: the station rounds to a millionth, then to a thousandth."""
    assert abs(Fraction(str(told)) - amount) <= Fraction(6, 10000), (told, float(amount))


def in_s(b, seconds):
    """The time in some seconds."""
    return iso8601.format(int(b.unix()) + seconds)


def check_sums(details):
    """The total is the sum of the fields, to the thousandth, and the periods make the usage."""
    cost, usage = details["totalCost"], details["totalUsage"]
    fields = [cost[name] for name in cost if name not in ("currency", "typeOfCost", "total")]
    for kind in cost["total"] if cost["typeOfCost"] == "NormalCost" else ():
        parts = sum(Fraction(str(one[kind])) for one in fields)
        assert parts == Fraction(str(cost["total"][kind])), details
    if "chargingPeriods" in details:
        for name, kind in (
            ("energy", "Energy"), ("chargingTime", "ChargingTime"), ("idleTime", "IdleTIme")
        ):  # fmt: skip
            assert usage[name] == sum(volumes(details, kind)), (name, details)


def volumes(details, kind):
    return [
        part["volume"]
        for period in details["chargingPeriods"]
        for part in period["dimensions"]
        if part["type"] == kind
    ]


ANSWER = {"idTokenInfo": {"status": "Accepted"}}


@scenario2(version="2.1")
async def test_TC_I_100_CS_and_TC_I_110_CS(b):
    """A later default tariff replaces the one before when its time has come; defaults are cleared
    by their ids, and all of them."""
    await b.boot()
    assert await clear(b) == [(None, "NoTariff")] and await assignments(b) == []
    await default(b, tariff("A", energy=energy(0.1)))
    await default(b, tariff("A", energy=energy(0.2)), "DuplicateTariffId")
    at = in_s(b, 60)
    await default(b, tariff("B", energy=energy(0.2), validFrom=at))
    assert [(one["tariffId"], one.get("validFrom")) for one in await assignments(b)] == [
        ("A", None), ("B", at),
    ]  # fmt: skip
    await b.advance(70)
    (one,) = await assignments(b)
    kind = "DefaultTariff"
    assert one == {"tariffId": "B", "tariffKind": kind, "evseIds": [1], "validFrom": at}
    # One that was valid before B does not take its place (I07).
    await default(b, tariff("old", energy=energy(0.2), validFrom=in_s(b, -3600)))
    assert [one["tariffId"] for one in await assignments(b)] == ["B"]
    for id, seconds in (("C", 3600), ("D", 7200)):
        await default(b, tariff(id, energy=energy(0.3), validFrom=in_s(b, seconds)))
    await b.do("power_cut", seconds=1)
    await b.boot()
    assert [one["tariffId"] for one in await assignments(b, 1)] == ["B", "C", "D"]
    assert (await b.call("GetTariffs", {"evseId": 9}))["status"] == "Rejected"
    assert await clear(b, tariffIds=["B", "x"]) == [("B", "Accepted"), ("x", "NoTariff")]
    assert await clear(b, tariffIds=["B"]) == [(None, "NoTariff")]
    assert await clear(b, evseId=2) == [(None, "NoTariff")]
    assert await clear(b) == [("C", "Accepted"), ("D", "Accepted")]
    assert await assignments(b) == []


@scenario2(version="2.1", settings={"CostInterval": "10"})
async def test_TC_I_118_CS_and_TC_I_101_CS(b):
    """Cost so far and in the end, without conditions and with taxes; then with times of day,
    across one of their bounds."""
    await b.boot()
    first = energy(5.0)
    first["taxRates"] = [{"type": "a", "tax": 4.5}, {"type": "b", "tax": 5.5, "stack": 1}]
    await default(b, tariff("T1", energy=first, chargingTime=minutes(6.0, 34.5, 5.5)))
    entry = await b.charging(amps=16)
    begun = b.calls("TransactionEvent", eventType="Started")[-1]
    assert begun["transactionInfo"]["tariffId"] == "T1" and "costDetails" not in begun
    one = await running(b)
    two = await running(b)
    assert one["totalUsage"]["chargingTime"] < two["totalUsage"]["chargingTime"]
    assert one["totalCost"]["total"]["inclTax"] < two["totalCost"]["total"]["inclTax"]
    assert "chargingPeriods" not in two  # 2.1 errata 2.14
    await b.advance(2)
    shown = (await line(b)).split()
    assert shown[:3] == ["Cost", "so", "far:"] and shown[4] == "EUR", shown
    event = await end(b)
    details = event["costDetails"]
    check_sums(details)
    usage, cost = details["totalUsage"], details["totalCost"]
    assert usage["energy"] == entry.wh > 0 and usage["chargingTime"] > 20
    start, stop = (iso8601.parse(one["timestamp"]) for one in (begun, event))
    assert usage["chargingTime"] + usage["idleTime"] == stop - start
    near(cost["energy"]["exclTax"], Fraction(5 * usage["energy"], 1000))
    tax = Fraction("1.045") * Fraction("1.055")
    near(cost["energy"]["inclTax"], Fraction(5 * usage["energy"], 1000) * tax)
    near(
        cost["chargingTime"]["inclTax"], Fraction(6 * usage["chargingTime"], 60) * Fraction("1.4")
    )
    assert cost["typeOfCost"] == "NormalCost" and cost["currency"] == "EUR"
    assert len(details["chargingPeriods"]) == 1
    await b.advance(2)
    assert await line(b) == "Total cost: %.2f EUR" % cost["total"]["inclTax"]
    await b.leave()
    assert [one["tariffId"] for one in await assignments(b)] == ["T1"]
    await b.advance(601)  # the records of the session are forgotten
    # In local time, 2 h before UTC, the second price begins in two minutes.
    await b.set_variable("ClockCtrlr.TimeOffset", "-02:00")
    await b.set_variable("ClockCtrlr.TimeOffset", "-2", "Rejected")
    now = int(b.unix())
    bound = iso8601.format(now - now % 60 + 120 - 7200)[11:16]
    prices = [
        {"priceMinute": 1.0, "conditions": {"startTimeOfDay": bound, "endTimeOfDay": "00:00"}},
        {"priceMinute": 3.0, "conditions": {"startTimeOfDay": "00:00", "endTimeOfDay": bound}},
    ]
    await default(b, tariff("T2", chargingTime={"prices": prices}))
    await b.charging(amps=16)
    await b.advance(180)
    details = (await end(b))["costDetails"]
    check_sums(details)
    dear, cheap = volumes(details, "ChargingTime")
    assert dear > 60 and cheap > 30
    starts = [one["startPeriod"] for one in details["chargingPeriods"]]
    assert starts[1][14:19] == bound[3:] + ":00", starts
    near(details["totalCost"]["chargingTime"]["exclTax"], Fraction(3 * dear + cheap, 60))


@scenario2(version="2.1", settings={"CostInterval": "10"})
async def test_TC_I_119_CS_and_TC_I_111_CS(b):
    """Conditions of energy and idle time, fees, the least cost; a tariff that is cleared counts on
    for the session that has it, also over a power cut."""
    await b.boot()
    given = tariff(
        "T",
        energy={
            "prices": [
                {"priceKwh": 2.0, "conditions": {"maxEnergy": 50, "evseKind": "AC"}},
                {"priceKwh": 1.0, "conditions": {"minPower": 1000, "dayOfWeek": ["Monday"]}},
                {"priceKwh": 0.5},
            ]
        },
        idleTime={"prices": [{"priceMinute": 1.0, "conditions": {"minIdleTime": 30}}]},
        fixedFee={"prices": [{"priceFixed": 0.25}]},
        minCost={"inclTax": 0.5},
        description=[{"format": "UTF8", "content": "Two EUR/kWh"}],
    )
    await default(b, given)
    entry = await b.charging(amps=16)
    assert await line(b) == "Two EUR/kWh | Cost so far: 0.50 EUR"
    details = await running(b)
    assert details["totalCost"]["typeOfCost"] == "MinCost"
    assert details["totalCost"]["total"] == {"inclTax": 0.5}
    assert await clear(b) == [("T", "Accepted")]
    use = [{"tariffId": "T", "tariffKind": "DefaultTariff", "evseIds": [1]}]
    assert await assignments(b) == use
    await default(b, given, "DuplicateTariffId")
    await b.advance(300)
    await b.do("release")
    await b.advance(60)
    details = (await end(b))["costDetails"]
    cost, usage = details["totalCost"], details["totalUsage"]
    check_sums(details)
    monday = b.unix() // 86400 % 7 == 4
    rest = Fraction(usage["energy"] - 50, 1000) * (1 if monday else Fraction(1, 2))
    assert usage["energy"] == entry.wh > 60
    near(cost["energy"]["exclTax"], Fraction(2 * 50, 1000) + rest)
    near(cost["idleTime"]["exclTax"], Fraction(usage["idleTime"] - 30, 60))
    assert cost["fixed"] == {"exclTax": 0.25, "inclTax": 0.25}
    assert cost["typeOfCost"] == "NormalCost" and usage["idleTime"] > 50
    assert details["chargingPeriods"][0]["dimensions"][0]["volume"] == 50
    assert await assignments(b) == []
    await b.leave()
    # The power goes: what was counted is on flash, and the rest is in the record of the end.
    await default(b, dict(given, tariffId="T3"))
    entry = await b.charging(amps=16)
    await b.advance(330)
    await b.do("power_cut", seconds=20)
    await b.start_of_day()
    event = await b.expect_event("Ended", within=60)
    details = event["costDetails"]
    assert event["transactionInfo"]["tariffId"] == "T3"
    assert details["totalUsage"]["energy"] == entry.wh > 100
    check_sums(details)
    near(
        details["totalCost"]["energy"]["exclTax"],
        Fraction(2 * 50, 1000) + Fraction(entry.wh - 50, 1000) * (1 if monday else Fraction(1, 2)),
    )


DRIVER = tariff("D1", energy=energy(2.0))
FULL = {
    "conditions": {
        "startTimeOfDay": "08:00", "endTimeOfDay": "20:00", "dayOfWeek": ["Monday"],
        "validFromDate": "2026-01-01", "validToDate": "2036-01-01", "minEnergy": 10000,
        "maxEnergy": 90000, "minCurrent": 12, "maxCurrent": 40, "minPower": 6000, "minTime": 600,
        "maxTime": 86000, "minChargingTime": 600, "maxChargingTime": 86000, "minIdleTime": 600,
    }
}  # fmt: skip


async def problem(b, value):
    def told(data):
        return any(
            one["component"]["name"] == "TariffCostCtrlr" and one["variable"]["name"] == "Problem"
            and one["actualValue"] == value
            for one in data
        )  # fmt: skip

    await b.expect("NotifyEvent", eventData=told)


@scenario2(version="2.1")
async def test_TC_I_107_CS_and_TC_I_108_CS_and_TC_I_109_CS(b):
    """The tariff of a card: it counts; without local calculation the default would, or the central
    system calculates; or the card may not charge."""
    await b.boot()
    await default(b, tariff("A", energy=energy(1.0)))
    # One that no record can hold: the default tariff counts, and that is told.
    dear = [dict(FULL, priceKwh=1.5 + i) for i in range(6)]
    large = tariff("L" * 60, energy={"prices": dear})
    large["chargingTime"] = large["idleTime"] = {
        "prices": [dict(FULL, priceMinute=0.1 + i) for i in range(6)]
    }
    b.csms.always("Authorize", dict(ANSWER, tariff=large))
    await b.charging()
    begun = b.calls("TransactionEvent", eventType="Started")[-1]
    assert begun["transactionInfo"]["tariffId"] == "A"
    assert "costDetails" in await end(b)
    await b.leave()
    b.csms.always("Authorize", dict(ANSWER, tariff=DRIVER))
    await b.charging()
    begun = b.calls("TransactionEvent", eventType="Started")[-1]
    assert begun["transactionInfo"]["tariffId"] == "D1"
    assert {
        "tariffId": "D1", "tariffKind": "DriverTariff", "evseIds": [1], "idTokens": ["CARD1"],
    } in await assignments(b, 1)  # fmt: skip
    assert (await end(b))["costDetails"]["totalCost"]["energy"]["exclTax"] > 0
    assert [one["tariffId"] for one in await assignments(b)] == ["A"]
    await b.leave()
    # A condition that is not known here: the default tariff counts.
    bad = dict(
        DRIVER, fixedFee={"prices": [{"priceFixed": 1, "conditions": {"paymentBrand": "x"}}]}
    )
    for how, id in (("UseDefaultTariff", "A"), ("CentralCost", None)):
        await b.set_variable("TariffCostCtrlr.HandleFailedTariff[Tariff]", how)
        if id is None:
            # Without local calculation nothing is told of cost, whatever the tariff.
            b.csms.always("Authorize", dict(ANSWER, tariff=DRIVER))
            await b.set_variable("TariffCostCtrlr.Enabled[Cost]", False)
            await default(b, tariff("A2", energy=energy(1.0)))
        else:
            b.csms.always("Authorize", dict(ANSWER, tariff=bad))
        b.skip()
        await b.charging()
        begun = b.calls("TransactionEvent", eventType="Started")[-1]
        assert begun["transactionInfo"].get("tariffId") == id
        assert ("costDetails" in await end(b)) == bool(id)
        await b.leave()
    said = [
        one
        for call in b.calls("NotifyEvent")
        for one in call["eventData"]
        if one["component"]["name"] == "TariffCostCtrlr"
    ]
    assert [one["actualValue"] for one in said] == ["true", "false", "true"], said
    await b.set_variable("TariffCostCtrlr.HandleFailedTariff[Tariff]", "Perhaps", "Rejected")
    await b.set_variable("TariffCostCtrlr.HandleFailedTariff[Tariff]", "Deauthorize")
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.none("TransactionEvent", for_=10)
    await b.set_variable("TariffCostCtrlr.Enabled[Cost]", True)
    b.skip()
    await b.tap("CARD1")
    await problem(b, "false")
    await b.expect_event("Started")


@scenario2(version="2.1", settings={"TariffConditions": "false"})
async def test_TC_I_112_CS_and_TC_I_114_CS(b):
    """Without local calculation, and without conditions."""
    await b.boot()
    await b.set_variable("TariffCostCtrlr.Enabled[Cost]", False)
    given = {"transactionId": "0", "tariff": DRIVER}
    assert (await b.call_error("ChangeTransactionTariff", given)).code == "NotSupported"
    await b.set_variable("TariffCostCtrlr.Enabled[Cost]", True)
    await b.set_variable("TariffCostCtrlr.Enabled[Tariff]", False)
    given = {"evseId": 0, "tariff": DRIVER}
    assert (await b.call_error("SetDefaultTariff", given)).code == "NotSupported"
    await b.set_variable("TariffCostCtrlr.Enabled[Tariff]", True)
    entry = await b.charging()
    conditions = {"startTimeOfDay": "00:00", "endTimeOfDay": "00:00", "minEnergy": 10}
    given = tariff("T", energy=energy(1.0, **conditions))
    await change(b, entry, given, "ConditionNotSupported")
    await default(b, given, "ConditionNotSupported")


@scenario2(version="2.1")
async def test_TC_I_113_CS_and_TC_I_115_CS_and_TC_I_116_CS_and_TC_I_117_CS(b):
    """Another tariff for a session that runs: too large, with conditions, in another currency, of
    no session; what was counted stays."""
    await b.boot()
    await default(b, tariff("A", chargingTime=minutes(0.1, 0)))
    name = {"component": {"name": "TariffCostCtrlr"}}
    name["variable"] = {"name": "MaxElements", "instance": "Tariff"}
    answer = await b.call("GetVariables", {"getVariableData": [name]})
    most = int(answer["getVariableResult"][0]["attributeValue"])
    many = {"prices": [{"priceKwh": 1.0 + i} for i in range(most + 1)]}
    entry = await b.charging(amps=16)
    await change(b, None, DRIVER, "TxNotFound")
    await change(b, entry, tariff("M", energy=many), "TooManyElements")
    await default(b, tariff("M", energy=many), "TooManyElements")
    del many["prices"][-1]
    await b.advance(30)
    await change(b, entry, tariff("M", energy=many))
    event = await b.expect_event("Updated", "TariffChanged")
    assert event["transactionInfo"]["tariffId"] == "M"
    before = event["costDetails"]["totalCost"]["chargingTime"]["exclTax"]
    assert before > 0 and "validFrom" not in str(event)
    await b.advance(30)
    conditions = {"startTimeOfDay": "00:00", "endTimeOfDay": "00:00", "evseKind": "AC"}
    await change(b, entry, tariff("C", energy=energy(1.0, **conditions)))
    event = await b.expect_event("Updated", "TariffChanged")
    assert event["transactionInfo"]["tariffId"] == "C"
    await change(b, entry, tariff("X", currency="ALL"), "NoCurrencyChange")
    await change(b, entry, tariff("R", reservationTime=minutes(1)), "Rejected")
    await b.advance(60)
    event = await end(b)
    details = event["costDetails"]
    check_sums(details)
    assert details["totalCost"]["chargingTime"]["exclTax"] == before
    assert [one["tariffId"] for one in details["chargingPeriods"]] == ["A", "M", "C"]
    near(
        details["totalCost"]["energy"]["exclTax"],
        Fraction(sum(volumes(details, "Energy")[1:]), 1000),
    )
    await b.leave()
    # A session that had none so far: it costs from now on.
    assert await clear(b, tariffIds=["A"]) == [("A", "Accepted")]
    entry = await b.charging(amps=16)
    await b.advance(60)
    await change(b, entry, tariff("N", energy=energy(1), fixedFee={"prices": [{"priceFixed": 9}]}))
    await b.advance(30)
    details = (await end(b))["costDetails"]
    assert details["totalCost"]["fixed"]["exclTax"] == 0
    assert 0 < details["totalUsage"]["energy"] < entry.wh
