# Certification cases of OCPP 2.0.1 and 2.1: monitoring and events (block N).
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv."""

from bench2 import scenario2
from csms.checks import unix


def name(event):
    return event["component"]["name"] + "." + event["variable"]["name"]


def told(b, since=0):
    """Events that the charger has told since a mark."""
    return [e for call in b.calls("NotifyEvent", since) for e in call["eventData"]]


BOARD = "smartevse_v30"  # it has a thermometer
HOT = "TemperatureSensor.Problem"


@scenario2(board=BOARD)
async def test_TC_N_21_CS_and_TC_N_22_CS_and_TC_N_23_CS(b):
    """A hard-wired notification online; offline the severe one is queued, the other is not."""
    await b.boot()
    await b.do("plug")
    (data,) = (await b.expect("NotifyEvent"))["eventData"]
    assert name(data) == "Connector.AvailabilityState" and data["actualValue"] == "Occupied"
    await b.do("fault", kind="overtemp", celsius=75)
    event = await b.expect("NotifyEvent", eventData=lambda found: name(found[0]) == HOT)
    data = event["eventData"][0]
    assert data["trigger"] == "Alerting" and data["actualValue"] == "true"
    assert data["eventNotificationType"] == "HardWiredNotification"
    assert data["component"]["evse"] == {"id": 1} and data["techCode"] == "TemperatureStop"
    await b.do("fault", kind="overtemp", on=False)
    await b.expect("NotifyEvent", 60, eventData=lambda found: found[0].get("cleared") is True)

    await b.offline()
    since, gone = b.mark(), b.unix()
    await b.do("fault", kind="overtemp", celsius=75)
    await b.advance(5)
    await b.do("fault", kind="overtemp", on=False)
    await b.advance(10)
    await b.until(b._unplug, 20, "unplugged")
    await b.advance(5)
    await b.online()
    await b.expect("NotifyEvent", within=60)
    await b.advance(5)
    events = told(b, since)
    assert [(name(e), e["actualValue"]) for e in events] == [(HOT, "true"), (HOT, "false")]
    assert all(gone - 1 <= unix(e["timestamp"]) < b.unix() - 10 for e in events)
    ids = [e["eventId"] for e in told(b)]
    assert len(set(ids)) == len(ids)


POWER = ("EVSE.Power", {"id": 1})
ENERGY = ("FiscalMetering.EnergyImportRegister", {"id": 1})
HEAT = ("TemperatureSensor.Temperature", {"id": 1})


def of(what):
    """component and variable of ("Component.Variable", evse or None)."""
    (component, variable), evse = what[0].split("."), what[1]
    component = {"name": component}
    if evse:
        component["evse"] = evse
    return {"component": component, "variable": {"name": variable}}


def monitor(what, kind, value, severity=8, **fields):
    return dict(of(what), type=kind, value=value, severity=severity, **fields)


async def put(b, *items):
    """[(status, id or None)] of SetVariableMonitoring."""
    answer = await b.call("SetVariableMonitoring", {"setMonitoringData": list(items)})
    results = answer["setMonitoringResult"]
    for item, result in zip(items, results, strict=True):
        for field in ("component", "variable", "type", "severity"):
            assert result[field] == item[field]
    return [(result["status"], result.get("id")) for result in results]


async def clear(b, *ids):
    answer = await b.call("ClearVariableMonitoring", {"id": list(ids)})
    results = answer["clearMonitoringResult"]
    assert [result["id"] for result in results] == list(ids)
    return [result["status"] for result in results]


async def report(b, request, *wanted, criteria=None, status="Accepted"):
    """Rows of a monitoring report: [(name, VariableMonitoring)]."""
    payload = {"requestId": request}
    if criteria:
        payload["monitoringCriteria"] = criteria
    if wanted:
        payload["componentVariable"] = [of(what) for what in wanted]
    answer = await b.call("GetMonitoringReport", payload)
    assert answer["status"] == status, answer
    rows = []
    while status == "Accepted":
        part = await b.expect("NotifyMonitoringReport", requestId=request)
        for row in part["monitor"]:
            rows += [(name(row), one) for one in row["variableMonitoring"]]
        if not part.get("tbc"):
            break
    return rows


async def base(b, word):
    return (await b.call("SetMonitoringBase", {"monitoringBase": word}))["status"]


async def level(b, severity):
    return (await b.call("SetMonitoringLevel", {"severity": severity}))["status"]


@scenario2(board=BOARD)
async def test_TC_N_08_CS_and_TC_N_09_CS_and_TC_N_10_CS(b):
    """One monitor, several, several of one variable. An existing one is replaced; one that is not
    there, or is of another variable, is not."""
    await b.boot()
    ids = await seven(b)
    power = ids[1]
    changed = monitor(POWER, "UpperThreshold", 2500, 8, id=power)
    assert await put(b, changed) == [("Accepted", power)]
    assert await put(b, dict(changed, id=4711)) == [("Rejected", 4711)]
    assert await put(b, monitor(HEAT, "Delta", 5, 8, id=power)) == [("Rejected", power)]
    assert await put(b, dict(changed, id=1)) == [("Rejected", 1)]
    assert await put(b, monitor(POWER, "UpperThreshold", 9, 8)) == [("Duplicate", None)]
    rows = await report(b, 1, POWER, criteria=["ThresholdMonitoring"])
    assert sorted(one["value"] for _, one in rows) == [100, 2500]


async def seven(b):
    """Ids of seven monitors that are set."""
    ((status, one),) = await put(b, monitor(ENERGY, "Delta", 1000, transaction=True))
    assert status == "Accepted"
    several = await put(
        b,
        monitor(POWER, "UpperThreshold", 3000),
        monitor(HEAT, "LowerThreshold", -5.5, 5),
        monitor(POWER, "LowerThreshold", 100),
        monitor(POWER, "Periodic", 3600),
        monitor(HEAT, "PeriodicClockAligned", 900),
        monitor(("ChargingStation.AvailabilityState", None), "Delta", 1, 6),
    )
    assert {status for status, _ in several} == {"Accepted"}
    ids = [one] + [number for _, number in several]
    assert len(set(ids)) == 7
    return ids


@scenario2(board=BOARD)
async def test_TC_N_11_CS_and_TC_N_12_CS_and_TC_N_13_CS(b):
    """Unknown components and variables, what is known and cannot be watched, values out of
    range."""
    await b.boot()
    wrong = await put(
        b,
        monitor(("EVSE.Power", {"id": 99}), "Delta", 1),
        monitor(("EVSE.Power", None), "Delta", 1),
        monitor(("Nonsense.Power", None), "Delta", 1),
        monitor(("EVSE.Nonsense", {"id": 1}), "Delta", 1),
        monitor(("OCPPCommCtrlr.HeartbeatInterval", None), "Delta", 1),
        monitor(("OCPPCommCtrlr.Nonsense", None), "Delta", 1),
        monitor(("RCD.Tripped", {"id": 1}), "Delta", 1),
        monitor(("EVSE.AvailabilityState", {"id": 1}), "UpperThreshold", 1),
        monitor(("Connector.AvailabilityState", {"id": 1, "connectorId": 1}), "Delta", 1),
        monitor(POWER, "Delta", 10, 10),
    )
    assert [status for status, _ in wrong] == [
        "UnknownComponent", "UnknownComponent", "UnknownComponent", "UnknownVariable",
        "Rejected", "UnknownVariable", "Rejected", "UnsupportedMonitorType", "Duplicate",
        "Rejected",
    ]  # fmt: skip
    error = await b.call_error(
        "SetVariableMonitoring", {"setMonitoringData": [monitor(POWER, "Delta", 1)] * 11}
    )
    assert error.code == "OccurrenceConstraintViolation"
    for kind, value in (
        ("Delta", -1), ("Delta", 999999999), ("UpperThreshold", 999999999),
        ("LowerThreshold", -1), ("Periodic", 0), ("Periodic", 1.5), ("PeriodicClockAligned", -9),
    ):  # fmt: skip
        assert await put(b, monitor(POWER, kind, value, 1)) == [("Rejected", None)], (kind, value)


@scenario2(board=BOARD)
async def test_TC_N_01_CS_and_TC_N_02_CS_and_TC_N_03_CS_and_TC_N_47_CS(b):
    """Reports by criteria, by variables, by both, and of all."""
    await b.boot()
    ids = await seven(b)
    threshold = await report(b, 1, criteria=["ThresholdMonitoring"])
    assert {kind["type"] for _, kind in threshold} == {"UpperThreshold", "LowerThreshold"}
    assert len(threshold) == 3
    delta = await report(b, 2, criteria=["DeltaMonitoring"])
    assert [row[0] for row in delta] == [
        "Connector.AvailabilityState", ENERGY[0], "ChargingStation.AvailabilityState",
    ]  # fmt: skip
    periodic = await report(b, 3, criteria=["PeriodicMonitoring"])
    assert [kind["value"] for _, kind in periodic] == [3600, 900]
    everything = await report(b, 4)
    assert len(everything) == 8 and {kind["id"] for _, kind in everything} == {1, *ids}
    assert dict(everything)[ENERGY[0]] == {
        "id": ids[0], "transaction": True, "value": 1000, "type": "Delta", "severity": 8,
    }  # fmt: skip
    both = await report(b, 5, HEAT, ("EVSE.Power", None), criteria=["ThresholdMonitoring"])
    assert sorted((row, kind["value"]) for row, kind in both) == [
        ("EVSE.Power", 100), ("EVSE.Power", 3000), (HEAT[0], -5.5),
    ]  # fmt: skip
    assert len(await report(b, 6, HEAT)) == 2
    await report(b, 7, ENERGY, criteria=["PeriodicMonitoring"], status="EmptyResultSet")
    await report(b, 8, ("Nonsense.Power", None), status="EmptyResultSet")


@scenario2(board=BOARD)
async def test_TC_N_18_CS_and_TC_N_19_CS_and_TC_N_44_CS(b):
    """Monitors are cleared by their ids; those of the firmware stay."""
    await b.boot()
    ids = await seven(b)
    assert await clear(b, ids[0], ids[2], 4711, 1) == [
        "Accepted", "Accepted", "NotFound", "Rejected",
    ]  # fmt: skip
    assert len(await report(b, 20)) == 6
    await report(b, 21, ENERGY, status="EmptyResultSet")


@scenario2(board=BOARD)
async def test_TC_N_05_CS_and_TC_N_06_CS_and_TC_N_16_CS_and_TC_N_17_CS_and_TC_N_41_CS(b):
    """Bases, and levels: only what is severe enough is sent."""
    await b.boot()
    await seven(b)
    assert await base(b, "All") == "Accepted"
    assert len(await report(b, 22, POWER)) == 3
    assert await base(b, "HardWiredOnly") == "Accepted"
    await report(b, 23, POWER, status="EmptyResultSet")
    assert [row for row, _ in await report(b, 24)] == ["Connector.AvailabilityState"]
    ((status, _),) = await put(b, monitor(POWER, "Delta", 10))
    assert status == "Accepted"
    assert await base(b, "FactoryDefault") == "Accepted"
    await report(b, 25, POWER, status="EmptyResultSet")
    assert await level(b, -1) == await level(b, 10) == "Rejected"
    assert await level(b, 7) == "Accepted"
    b.skip()
    await b.do("plug")
    await b.expect_status("Occupied")
    await b.none("NotifyEvent", for_=3)
    assert await level(b, 9) == "Accepted"


@scenario2(version="2.1")
async def test_TC_N_20_CS_and_TC_N_45_CS_and_TC_N_104_CS(b):
    """A bound is exceeded and kept again, a value changes, time passes; monitors outlive a
    restart. Targets are not monitored: no variable here has one."""
    await b.boot()
    ids = [number for _, number in await put(
        b,
        monitor(POWER, "UpperThreshold", 2000, 3),
        monitor(ENERGY, "Delta", 10, 6, transaction=True),
        monitor(POWER, "Periodic", 20, 7),
        monitor(("EVSE.AvailabilityState", {"id": 1}), "Delta", 1, 7),
        monitor(POWER, "TargetDelta", 5, 7),
        monitor(POWER, "TargetDeltaRelative", 5, 7),
    )]  # fmt: skip
    assert ids[4:] == [None, None] and None not in ids[:4]
    rows = await report(b, 1, criteria=["DeltaMonitoring"])
    assert {one["eventNotificationType"] for row, one in rows if row == ENERGY[0]} == {
        "CustomMonitor"
    }
    # Monitors of a target would be among those of a change.
    assert {one["type"] for _, one in rows} == {"Delta"}
    rows = await report(b, 2, criteria=["ThresholdMonitoring"])
    assert [one["id"] for _, one in rows] == ids[:1]
    await b.do("power_cut", seconds=2)
    await b.expect("BootNotification", within=60)
    await b.expect_status("Available", within=30)
    entry = await b.charging(amps=16)
    since = b.mark()
    await b.advance(45)
    events = [e for e in told(b, since - 30) if e["eventNotificationType"] == "CustomMonitor"]
    by = {number: [e for e in events if e["variableMonitoringId"] == number] for number in ids}
    (over,) = by[ids[0]]
    assert over["trigger"] == "Alerting" and int(over["actualValue"]) > 2000
    assert over["severity"] == 3 and "cleared" not in over and name(over) == POWER[0]
    deltas = by[ids[1]]
    assert deltas and {e["trigger"] for e in deltas} == {"Delta"}
    assert {e["transactionId"] for e in deltas} == {entry.id}
    wh = [int(e["actualValue"]) for e in deltas]
    assert all(b - a > 10 for a, b in zip(wh, wh[1:], strict=False)), wh
    times = [unix(e["timestamp"]) for e in by[ids[2]]]
    assert [b - a for a, b in zip(times, times[1:], strict=False)][-1] == 20, times
    (state,) = by[ids[3]]
    assert state["actualValue"] == "Occupied" and name(state) == "EVSE.AvailabilityState"
    await b.tap("CARD1")
    await b.expect("NotifyEvent", 20, eventData=lambda found: found[0].get("cleared") is True)


@scenario2
async def test_TC_N_04_CS_and_TC_N_07_CS(b):
    """Criteria and bases that this version does not have are not supported, and change nothing."""
    await b.boot()
    for criteria in (["Nonsense"], ["DeltaMonitoring", "UnsupportedCriteria"]):
        payload = {"requestId": 9, "monitoringCriteria": criteria}
        answer = await b.call("GetMonitoringReport", payload, check=False)
        assert answer == {"status": "NotSupported"}
    await b.none("NotifyMonitoringReport", for_=3)
    ((status, number),) = await put(b, monitor(POWER, "Delta", 100))
    assert status == "Accepted"
    for word in ("Nonsense", "all", ""):
        answer = await b.call("SetMonitoringBase", {"monitoringBase": word}, check=False)
        assert answer == {"status": "NotSupported"}, word
    assert [one["id"] for _, one in await report(b, 10, POWER)] == [number]
    too_long = {"monitoringBase": "x" * 51}
    error = await b.call_error("SetMonitoringBase", too_long, check=False)
    assert error.code == "PropertyConstraintViolation", error


@scenario2(board="esp32s2_diy_alpha")
async def test_TC_G_20_CS(b):
    """A lock that does not hold: nothing charges, and the central system is told why."""
    await b.boot()
    await b.do("fault", kind="lock", on=True)
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    event = await b.expect(
        "NotifyEvent", 30, eventData=lambda found: "Lock" in found[0]["component"]["name"]
    )
    data = event["eventData"][0]
    assert name(data) == "ConnectorPlugRetentionLock.Problem"
    assert data["trigger"] == "Delta" and data["actualValue"] == "true"
    assert data["component"]["evse"] == {"id": 1, "connectorId": 1}
    await b.none("TransactionEvent", for_=5, triggerReason="ChargingStateChanged")
    assert (await b.status())["contactor"] is False


# -- streams (2.1) -----------------------------------------------------------------------------

STREAM = "NotifyPeriodicEventStream"


def streamed(value=1, severity=5, evse=1, id=None, kind="Periodic", **params):
    """A monitor of the power; params: of its stream, none for no stream."""
    one = monitor(POWER, kind, value, severity)
    if params:
        one["periodicEventStream"] = params
    if id is not None:
        one["id"] = id
    return one


async def opened(b, number, **params):
    data = (await b.expect("OpenPeriodicEventStream"))["constantStreamData"]
    assert data == {"id": number, "variableMonitoringId": number, "params": params}
    return data


async def streams(b):
    return (await b.call("GetPeriodicEventStream", {})).get("constantStreamData", [])


def periodic(b, since):
    return [e for e in told(b, since) if e["trigger"] == "Periodic"]


@scenario2(version="2.1")
async def test_TC_N_105_CS_and_TC_N_108_CS_and_TC_N_109_CS(b):
    """Values of each second in one message each ten, or as many as were asked for; how often is
    adjusted; without a stream each value is an event; a cleared monitor closes its stream."""
    await b.boot()
    await b.charging(amps=16)
    await b.advance(5)
    assert await streams(b) == []
    ((_, number),) = await put(b, streamed(interval=10, values=30))
    data = await opened(b, number, interval=10, values=30)
    b.skip()
    since = b.mark()
    assert await streams(b) == [data]
    last = None
    for _ in range(3):
        message = await b.expect(STREAM, 15, id=number)
        assert message["pending"] == 0 and len(message["data"]) in (9, 10)
        times = [unix(message["basetime"]) + one["t"] for one in message["data"]]
        assert times == [times[0] + i for i in range(len(times))], "one each second"
        assert last is None or times[0] == last + 1, "none is missing"
        last = times[-1]
        assert -1 <= b.unix() - last <= 2
        assert {one["v"] for one in message["data"]} == {"3680"}
    assert not periodic(b, since)

    async def adjust(status="Accepted", id=number, **params):
        payload = {"id": id, "params": params}
        assert (await b.call("AdjustPeriodicEventStream", payload))["status"] == status

    await adjust("Rejected", 1, interval=5)
    await adjust("Rejected", interval=100000)
    await adjust(interval=15)
    assert (await streams(b))[0]["params"] == {"interval": 15}
    b.skip()
    at = [(await b.expect(STREAM, 20)).t for _ in range(3)]
    assert all(abs(b - a - 15) <= 1 for a, b in zip(at, at[1:], strict=False)), at
    await adjust(values=4)
    b.skip()
    for _ in range(3):
        message = await b.expect(STREAM, 6)
        assert len(message["data"]) == 4
    await adjust(values=1000)  # no more wait than there is room for
    b.skip()
    for _ in range(2):
        assert len((await b.expect(STREAM, 20))["data"]) == 16
    # It outlives the connection, and is opened again; offline its values are events.
    await b.offline()
    await b.advance(20)
    b.skip()
    await b.online()
    await opened(b, number, values=1000)
    # And a restart.
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await opened(b, number, values=1000)
    await adjust()  # each value at once
    b.skip()
    for _ in range(3):
        assert len((await b.expect(STREAM, 3))["data"]) == 1

    # Without a stream each value is an event.
    b.skip()
    assert await put(b, streamed(id=number)) == [("Accepted", number)]
    await b.expect("ClosePeriodicEventStream", id=number)
    since = b.mark()
    await b.advance(5)
    assert len(periodic(b, since)) >= 4 and not b.calls(STREAM, since)
    # With one again, and cleared.
    await put(b, streamed(id=number, interval=10))
    await opened(b, number, interval=10)
    await b.advance(5)
    assert await clear(b, number) == ["Accepted"]
    message = await b.expect(STREAM)
    assert len(message["data"]) >= 4, "what there is is not lost"
    await b.expect("ClosePeriodicEventStream", id=number)
    await b.none(STREAM, for_=12)
    assert await streams(b) == []


@scenario2(version="2.1")
async def test_TC_N_106_CS(b):
    """A stream that the central system refuses: each value is an event. Monitors that cannot have
    a stream; no more of them than can be kept."""
    await b.boot()
    for kind, params, status in (
        ("Delta", {"interval": 10}, "Rejected"),
        ("Periodic", {"interval": 86401}, "Rejected"),
    ):
        assert await put(b, streamed(kind=kind, **params)) == [(status, None)]
    b.csms.always("OpenPeriodicEventStream", {"status": "Rejected"})
    ((_, number),) = await put(b, streamed(interval=10, values=30))
    await opened(b, number, interval=10, values=30)
    since = b.mark()
    await b.advance(11)
    assert len(periodic(b, since)) >= 10 and not b.calls(STREAM, since)
    assert await streams(b) == []
    payload = {"id": number, "params": {"interval": 5}}
    assert (await b.call("AdjustPeriodicEventStream", payload))["status"] == "Rejected"
    assert await clear(b, number) == ["Accepted"]
    await b.none("ClosePeriodicEventStream", for_=3)
    b.csms.usual("OpenPeriodicEventStream")
    added = await put(b, *[streamed(100, severity, interval=10) for severity in range(5)])
    assert [status for status, _ in added] == ["Accepted"] * 4 + ["Rejected"]
    assert [e for e in told(b, since) if e["trigger"] == "Periodic"][0]["severity"] == 5
    for _, number in added[:4]:
        await opened(b, number, interval=10)
    assert len(await streams(b)) == 4
    number = added[0][1]
    assert await put(b, streamed(200, 0, id=number, interval=20)) == [("Accepted", number)]
    await b.expect("ClosePeriodicEventStream", 2, id=number)
    await opened(b, number, interval=20)
    await base(b, "HardWiredOnly")
    for _ in range(4):
        await b.expect("ClosePeriodicEventStream", 2)
