# OCPP 2.0.1 certification cases of block B: boot, variables, reports, reconnecting.
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv."""

import csv
import pathlib

import pytest
from bench2 import VERSIONS, scenario2
from csms.script import Delay, Refuse
from device_model import get, names, put, rows

with open(pathlib.Path(__file__).with_name("ocpp201_variables.tsv"), encoding="utf-8") as _file:
    REQUIRED = list(csv.DictReader(_file, delimiter="\t"))

OFFLINE = "OCPPCommCtrlr.OfflineThreshold"
LOCAL = "AuthCtrlr.LocalAuthorizeOffline"


async def base(b, kind, request=1):
    answer = await b.call("GetBaseReport", {"requestId": request, "reportBase": kind})
    assert answer == {"status": "Accepted"}
    return await rows(b, request)


def key(row):
    evse = row["component"].get("evse", {})
    return (
        row["component"]["name"],
        row["variable"]["name"],
        row["variable"].get("instance", ""),
        evse.get("id"),
        evse.get("connectorId"),
    )


# -- boot ---------------------------------------------------------------------------------------


@scenario2
async def test_TC_B_01_CS(b):
    boot = await b.boot()
    assert boot["reason"] == "PowerUp"
    assert boot["chargingStation"]["model"] and boot["chargingStation"]["vendorName"]
    await b.expect("Heartbeat", within=310)


@scenario2
async def test_TC_B_02_CS(b):
    """Pending: the charger serves the central system and begins nothing itself."""
    b.csms.reply("BootNotification", {"status": "Pending", "interval": 15})
    pending = await b.expect("BootNotification", within=60)
    assert (await put(b, (OFFLINE, "42")))[0]["attributeStatus"] == "Accepted"
    assert (await get(b, OFFLINE))[0]["attributeValue"] == "42"
    await base(b, "ConfigurationInventory")
    start = {"idToken": {"idToken": "CARD1", "type": "Central"}, "remoteStartId": 1}
    assert (await b.call("RequestStartTransaction", start))["status"] == "Rejected"
    again = await b.expect("BootNotification", within=20)
    assert abs(again.t - pending.t - 15) <= 1
    between = [f for f in b.calls() if pending.index < f.index < again.index]
    assert all("reportData" in call for call in between), between
    await b.expect_status("Available")


@scenario2
async def test_TC_B_03_CS_and_TC_B_30_CS(b):
    """Rejected: nothing is sent before the interval is over, and nothing is answered."""
    b.csms.reply("BootNotification", {"status": "Rejected", "interval": 25})
    rejected = await b.expect("BootNotification", within=60)
    await b.advance(1)
    report = {"requestId": 1, "reportBase": "FullInventory"}
    assert (await b.call_error("GetBaseReport", report)).code == "SecurityError"
    again = await b.expect("BootNotification", within=40)
    assert again.t - rejected.t >= 25
    assert [f for f in b.calls() if rejected.index < f.index < again.index] == []
    await b.expect_status("Available")


# -- variables ----------------------------------------------------------------------------------


@scenario2
async def test_TC_B_06_CS_and_TC_B_07_CS_and_TC_B_32_CS_and_TC_B_33_CS_and_TC_B_34_CS(b):
    """GetVariables."""
    await b.boot(**{OFFLINE: 300, LOCAL: True})
    (one,) = await get(b, OFFLINE)
    assert one == {
        "attributeStatus": "Accepted",
        "attributeType": "Actual",
        "attributeValue": "300",
        **names(OFFLINE),
    }
    assert [item["attributeValue"] for item in await get(b, OFFLINE, LOCAL)] == ["300", "true"]
    for name, status in (
        ("UnknownComponent.OfflineThreshold", "UnknownComponent"),
        ("OCPPCommCtrlr.UnknownVariable", "UnknownVariable"),
        ("OCPPCommCtrlr.MessageTimeout", "UnknownVariable"),  # it has an instance
        ("SecurityCtrlr.BasicAuthPassword", "Rejected"),
        ("EVSE.Power", "UnknownComponent"),  # of which EVSE?
    ):
        (one,) = await get(b, name)
        assert one["attributeStatus"] == status and "attributeValue" not in one, one
        assert one["component"] == names(name)["component"]
    for kind in ("Target", "MinSet", "MaxSet"):
        (one,) = await get(b, OFFLINE, attributeType=kind)
        assert one["attributeStatus"] == "NotSupportedAttributeType"
        assert one["attributeType"] == kind
    # Names are compared without regard to case, and come back as they were asked for.
    (one,) = await get(b, "ocppcommctrlr.OFFLINETHRESHOLD")
    assert one["attributeValue"] == "300" and one["component"] == {"name": "ocppcommctrlr"}
    places = [names("EVSE.SupplyPhases", evse=1), names("Connector.AvailabilityState", 1, 1)]
    assert [item["attributeValue"] for item in await get(b, *places)] == ["1", "Available"]
    # A value that is measured is that of the moment.
    await b.do("plug")
    await b.expect_status("Occupied")
    assert (await get(b, places[1]))[0]["attributeValue"] == "Occupied"


@scenario2
async def test_TC_B_08_CS(b):
    """More items than one message may have."""
    await b.boot()
    limit = "DeviceDataCtrlr.ItemsPerMessage[%s]"
    (one,) = await get(b, limit % "GetVariables")
    most = int(one["attributeValue"])
    items = await get(b, *[OFFLINE] * (most + 1))
    assert [item["attributeStatus"] for item in items] == ["Accepted"] * most + ["Rejected"]
    assert items[-1]["attributeStatusInfo"]["reasonCode"] == "TooManyElements"
    values = [(OFFLINE, str(60 + i)) for i in range(most + 1)]
    items = await put(b, *values)
    assert [item["attributeStatus"] for item in items] == ["Accepted"] * most + ["Rejected"]
    assert (await get(b, OFFLINE))[0]["attributeValue"] == str(60 + most - 1)
    wanted = [names(OFFLINE)] * (most + 1)
    error = await b.call_error("GetReport", {"requestId": 1, "componentVariable": wanted})
    assert error.code == "OccurrenceConstraintViolation"


@scenario2
async def test_TC_B_09_CS_and_TC_B_10_CS_and_TC_B_11_CS(b):
    """SetVariables: good values, several, bad ones."""
    await b.boot()
    (one,) = await put(b, (OFFLINE, "301"))
    assert one == {
        "attributeStatus": "Accepted",
        "attributeType": "Actual",
        **names(OFFLINE),
    }
    items = await put(b, (OFFLINE, "302"), (LOCAL, "false"), (OFFLINE, "x"))
    assert [item["attributeStatus"] for item in items] == ["Accepted", "Accepted", "Rejected"]
    why = items[2]["attributeStatusInfo"]
    assert why["reasonCode"] == "InvalidValue"
    # It named OfflineThreshold alone, and of other variables the key of 1.6.
    assert why["additionalInfo"] == "OCPPCommCtrlr.OfflineThreshold must be 0 to 604800 s"
    assert [item["attributeValue"] for item in await get(b, OFFLINE, LOCAL)] == ["302", "false"]
    for name, bad in (
        (OFFLINE, "-1"),
        (OFFLINE, "1.5"),
        ("AuthCtrlr.AuthorizeRemoteStart", "maybe"),
        ("SmartChargingCtrlr.LimitChangeSignificance", "a"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Nonsense"),
        ("ClockCtrlr.TimeSource", "NTP"),
    ):
        before = (await get(b, name))[0]["attributeValue"]
        (one,) = await put(b, (name, bad))
        assert one["attributeStatus"] == "Rejected", one
        assert (await get(b, name))[0]["attributeValue"] == before


@scenario2
async def test_TC_B_35_CS_and_TC_B_36_CS_and_TC_B_37_CS_and_TC_B_39_CS(b):
    """SetVariables: unknown names, another type of attribute, what can only be read."""
    await b.boot()
    for name, status, fields in (
        ("UnknownComponent.OfflineThreshold", "UnknownComponent", {}),
        ("OCPPCommCtrlr.UnknownVariable", "UnknownVariable", {}),
        (OFFLINE, "NotSupportedAttributeType", {"attributeType": "Target"}),
        ("OCPPCommCtrlr.MessageTimeout[Default]", "Rejected", {}),
        ("SecurityCtrlr.SecurityProfile", "Rejected", {}),
        ("ChargingStation.AvailabilityState", "Rejected", {}),
    ):
        (one,) = await put(b, (name, "3"), **fields)
        assert one["attributeStatus"] == status, one
        if status == "Rejected":
            assert one["attributeStatusInfo"]["reasonCode"] == "ReadOnly"


# -- reports ------------------------------------------------------------------------------------


def _fits(row, wanted):
    """Whether a row of a report is as a row of the table of required variables wants it."""
    attribute, about = row["variableAttribute"][0], row["variableCharacteristics"]
    allowed = [
        {"R": "ReadOnly", "RW": "ReadWrite", "W": "WriteOnly"}[word]
        for word in wanted["mutability"].split(" or ")
    ]
    assert attribute["mutability"] in allowed, row
    assert about["dataType"] == wanted["type"], row
    if wanted["unit"]:
        assert about["unit"] in wanted["unit"].split(" or "), row
    if about["dataType"].endswith("List"):
        assert about["valuesList"], row
        for word in filter(None, attribute["value"].split(",")):
            assert word in about["valuesList"].split(","), row
    if wanted["variable"] in ("Entries", "CertificateEntries", "Power"):
        assert about["maxLimit"] > 0, row
    if about["dataType"] == "integer" and "maxLimit" in about:
        assert about.get("minLimit", 0) <= int(attribute["value"]) <= about["maxLimit"], row


@scenario2
async def test_TC_B_12_CS_and_TC_B_13_CS_and_TC_B_53_CS(b):
    """Reports of what can be set, and of everything, at the same time. The latter has each
    variable that a charging station must have."""
    await b.boot()
    for number, kind in ((1, "ConfigurationInventory"), (2, "FullInventory")):
        answer = await b.call("GetBaseReport", {"requestId": number, "reportBase": kind})
        assert answer == {"status": "Accepted"}
    mark = b.cursor
    small = await rows(b, 1)
    b.cursor = mark
    full = await rows(b, 2)
    assert len(full) > 100 and len({key(row) for row in full}) == len(full)
    assert small == [
        row for row in full if row["variableAttribute"][0]["mutability"] != "ReadOnly"
    ]
    there = {key(row)[:3]: row for row in full}
    for wanted in REQUIRED:
        _fits(there[wanted["component"], wanted["variable"], wanted["instance"]], wanted)
    (password,) = [row for row in full if row["variable"]["name"] == "BasicAuthPassword"]
    assert "value" not in password["variableAttribute"][0]
    # Each value of the report is what GetVariables says.
    for at in range(0, len(full), 8):
        asked = [{k: row[k] for k in ("component", "variable")} for row in full[at : at + 8]]
        for row, item in zip(full[at : at + 8], await get(b, *asked)):
            if row["variable"]["name"] != "DateTime":
                told = row["variableAttribute"][0].get("value")
                assert item.get("attributeValue") == told, (row, item)


@scenario2
async def test_TC_B_14_CS_and_TC_B_16_CS_and_TC_B_17_CS_and_TC_B_18_CS(b):
    """Reports of a part: the condition, criteria, names."""
    await b.boot()
    summary = await base(b, "SummaryInventory")
    words = {"AvailabilityState", "Available", "Problem", "Tripped"}
    assert {row["variable"]["name"] for row in summary} == words

    async def report(status="Accepted", **fields):
        answer = await b.call("GetReport", dict(fields, requestId=7))
        assert answer["status"] == status
        return await rows(b, 7) if status == "Accepted" else []

    state = {"component": {"name": "EVSE"}, "variable": {"name": "AvailabilityState"}}
    (one,) = await report(componentVariable=[state])
    assert key(one) == ("EVSE", "AvailabilityState", "", 1, None)
    assert await report(componentVariable=[state], componentCriteria=["Available"])
    await report("EmptyResultSet", componentVariable=[state], componentCriteria=["Problem"])
    found = await report(componentCriteria=["Enabled"])
    assert "LocalAuthListCtrlr" in {row["component"]["name"] for row in found}
    await b.set_variable("LocalAuthListCtrlr.Enabled", "false")
    found = await report(componentCriteria=["Enabled"])
    assert "LocalAuthListCtrlr" not in {row["component"]["name"] for row in found}
    await report("EmptyResultSet", componentVariable=[{"component": {"name": "Nobody"}}])
    # A fault is a problem of its component, and of the connector's EVSE.
    await b.do("fault", kind="rcd", on=True)
    await b.expect_status("Faulted", within=20)
    found = await report(componentCriteria=["Problem"])
    assert {row["component"]["name"] for row in found} >= {"EVSE", "ChargingStation"}
    assert (await get(b, names("RCD.Tripped", evse=1)))[0]["attributeValue"] == "true"


@scenario2(board="esp32_dual")
async def test_TC_B_54_CS_and_TC_B_55_CS_and_TC_B_56_CS(b):
    """GetReport without and with instance and EVSE."""
    await b.boot()

    async def report(component, variable):
        wanted = {"component": component, "variable": variable}
        answer = await b.call("GetReport", {"requestId": 3, "componentVariable": [wanted]})
        assert answer == {"status": "Accepted"}
        return [key(row) for row in await rows(b, 3)]

    device, items = {"name": "DeviceDataCtrlr"}, {"name": "ItemsPerMessage"}
    assert len(await report(device, items)) == 3
    one = dict(items, instance="GetReport")
    (found,) = await report(device, one)
    assert found == ("DeviceDataCtrlr", "ItemsPerMessage", "GetReport", None, None)
    state = {"name": "AvailabilityState"}
    assert [row[3] for row in await report({"name": "EVSE"}, state)] == [1, 2]
    assert [row[3] for row in await report({"name": "EVSE", "evse": {"id": 2}}, state)] == [2]


@scenario2
async def test_TC_B_19_CS(b):
    await b.boot()
    for criteria in (["Unknown"], ["Enabled", "Unknown"]):
        wrong = {"requestId": 1, "componentCriteria": criteria}
        assert await b.call("GetReport", wrong, check=False) == {"status": "NotSupported"}
    await b.none("NotifyReport", for_=3)


def test_TC_B_15_CS():
    pytest.skip("every base report is supported")


@scenario2
async def test_a_report_ends_with_its_connection(b):
    await b.boot()
    b.csms.reply("NotifyReport", None, Delay(20))
    await b.call("GetBaseReport", {"requestId": 9, "reportBase": "FullInventory"})
    await b.expect("NotifyReport", seqNo=1)
    await b.offline()
    mark = b.mark()
    await b.online()
    await b.advance(30)
    assert not b.calls("NotifyReport", mark)
    assert b.logged("report 9 ends")


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_values_that_a_variable_changes_act_and_outlast_a_restart(version):
    @scenario2(version=version)
    async def story(b):
        await b.boot(
            **{
                "SampledDataCtrlr.TxUpdatedInterval": 20,
                "SampledDataCtrlr.TxUpdatedMeasurands": "Voltage",
                "SampledDataCtrlr.TxStartedMeasurands": "Energy.Active.Import.Register,Voltage",
                "SampledDataCtrlr.TxEndedMeasurands": "Voltage",
                "SampledDataCtrlr.TxEndedInterval": 30,
            }
        )
        await b.do("plug")
        await b.do("request")
        await b.tap("CARD1")
        started = await b.expect_event("Started")
        first = [value["measurand"] for value in started["meterValue"][0]["sampledValue"]]
        assert set(first) == {"Energy.Active.Import.Register", "Voltage"}
        samples = [await b.expect_event("Updated", "MeterValuePeriodic", within=25) for _ in "123"]
        assert samples[2].t - samples[1].t == pytest.approx(20, abs=2)
        await b.advance(40)
        await b.tap("CARD1")
        ended = await b.expect_event("Ended")
        contexts = [value["sampledValue"][0]["context"] for value in ended["meterValue"]]
        assert contexts.count("Sample.Periodic") == 3, contexts  # at 30, 60 and 90 s
        await b.do("power_cut", seconds=5)
        await b.start_of_day(90)
        (one,) = await get(b, "SampledDataCtrlr.TxEndedInterval")
        assert one["attributeValue"] == "30"

    story()


# -- reconnecting -------------------------------------------------------------------------------


async def _outage(b, seconds):
    """Plug in while the central system is away for `seconds`; the statuses told after that."""
    await b.boot(**{OFFLINE: 100, "OCPPCommCtrlr.WebSocketPingInterval": 10})
    await b.offline()
    gone = b.now
    await b.do("plug", connector=2)
    await b.advance(seconds)
    mark = b.mark()
    await b.online()
    assert b.now - gone < seconds + 60
    await b.advance(10)
    return sorted(
        (call["evseId"], call["connectorStatus"]) for call in b.calls("StatusNotification", mark)
    )


@scenario2(board="esp32_dual")
async def test_TC_B_51_CS(b):
    """Offline for longer than OfflineThreshold: every status is told."""
    assert await _outage(b, 120) == [(1, "Available"), (2, "Occupied")]


@scenario2(board="esp32_dual")
async def test_TC_B_52_CS(b):
    """Offline for less: only what has changed."""
    assert await _outage(b, 5) == [(2, "Occupied")]


@scenario2
async def test_TC_B_57_CS(b):
    """Reconnecting: the first wait is RetryBackOffWaitMinimum, the second one twice as long."""
    await b.boot(
        **{
            "OCPPCommCtrlr.RetryBackOffRepeatTimes": 2,
            "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
            "OCPPCommCtrlr.RetryBackOffWaitMinimum": 20,
        }
    )

    async def back(*admissions):
        """Seconds from the end of the connection until the charger is back."""
        await b.advance(70)  # a connection that lasts ends the row of failures
        b.csms.admit(*admissions)
        mark, gone = len(b.csms.connections), b.now
        b.csms.wire.drop()
        await b.until(
            lambda: any(wire.open and not wire.lost for wire in b.csms.connections[mark:]), 300
        )
        return b.now - gone

    assert 20 <= await back() < 22
    assert 60 <= await back(Refuse(503)) < 64
    assert 140 <= await back(Refuse(503), Refuse(503)) < 146
