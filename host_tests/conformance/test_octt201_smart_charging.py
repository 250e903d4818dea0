# OCPP 2.0.1 and 2.1 certification cases: smart charging.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv. Limits are looked at
where they count: at the pilot."""

import pytest
from bench import EPOCH
from bench2 import VERSIONS, scenario2
from whole_seconds import iso, unix

# Wide enough for the limits that the cases use.
WIDE = {"MaxCurrent": "32", "Phases": "1", "NominalVoltage": "230"}
CARD = {"idToken": "CARD1", "type": "Central"}


def profile(b, periods, purpose="TxDefaultProfile", id=1, stack=0, unit="A", **more):
    """A ChargingProfileType, from now on; `more`: start, duration and others of 2.1 go into its
    schedule, the rest beside it."""
    kind = more.pop("kind", "Absolute")
    schedule = {
        "id": 10 + id,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": start, "limit": limit, "numberPhases": 1} for start, limit in periods
        ],
    }
    if kind in ("Absolute", "Recurring"):
        schedule["startSchedule"] = iso(more.pop("start", int(b.unix())))
    for name in ("duration", "randomizedDelay", "minChargingRate"):
        if name in more:
            schedule[name] = more.pop(name)
    return {
        "id": id,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        **more,
    }


async def put(b, data, evse=1, status="Accepted", reason=None):
    answer = await b.call("SetChargingProfile", {"evseId": evse, "chargingProfile": data})
    assert answer["status"] == status, (data, answer)
    if reason:
        assert answer["statusInfo"]["reasonCode"] == reason, (data, answer)


async def clear(b, status="Accepted", id=None, **criteria):
    request = {} if id is None else {"chargingProfileId": id}
    if criteria:
        request["chargingProfileCriteria"] = criteria
    answer = await b.call("ClearChargingProfile", request)
    assert answer["status"] == status, (request, answer)


async def reported(b, evse=None, within=10, **criteria):
    """[(source, EVSE, profile), ...] of a GetChargingProfiles; none: NoProfiles."""
    b.requests = getattr(b, "requests", 0) + 1
    request = {"requestId": b.requests, "chargingProfile": criteria}
    if evse is not None:
        request["evseId"] = evse
    b.skip()
    answer = await b.call("GetChargingProfiles", request)
    out = []
    while answer["status"] == "Accepted":
        part = await b.expect("ReportChargingProfiles", within, requestId=b.requests)
        out += [
            (part["chargingLimitSource"], part["evseId"], data) for data in part["chargingProfile"]
        ]
        if not part.get("tbc", False):
            return out
    assert answer["status"] == "NoProfiles", answer
    return out


def ids(found):
    return sorted(data["id"] for _, _, data in found)


async def composite(b, duration=400, unit="A", evse=1):
    """(start of the schedule in Unix s, [(startPeriod, limit), ...])."""
    request = {"evseId": evse, "duration": duration, "chargingRateUnit": unit}
    answer = await b.call("GetCompositeSchedule", request)
    schedule = answer["schedule"]
    assert answer["status"] == "Accepted" and schedule["evseId"] == evse, answer
    assert schedule["duration"] == duration and schedule["chargingRateUnit"] == unit
    start = unix(schedule["scheduleStart"])
    assert abs(start - b.unix()) <= 2
    return start, [(p["startPeriod"], p["limit"]) for p in schedule["chargingSchedulePeriod"]]


async def offered(b, amps, within=10, connector=1):
    """Wait until the pilot offers this (IEC 61851-1 table A.7); 0: no pulses."""

    async def there():
        duty = (await b.status(connector))["duty"]
        return abs(duty - (amps / 0.6 if amps else 100)) < 0.1

    await b.until(there, within, f"{amps} A on the pilot")


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_K_01_CS_and_TC_K_05_CS_and_TC_K_06_CS_and_TC_K_07_CS_and_TC_K_08_CS(version):
    """A default in, reported as it came, and out again: by its id, by its level and purpose."""

    @scenario2(version=version, settings=WIDE)
    async def story(b):
        await b.boot()
        await clear(b, "Unknown", id=1)  # K_08
        await clear(b, "Unknown", chargingProfilePurpose="TxDefaultProfile")
        data = profile(b, [(0, 8), (60, 10.5)], duration=300, validFrom=iso(EPOCH))
        data["validTo"] = iso(EPOCH + 86400)
        await put(b, data)  # K_01
        assert await reported(b, 1, chargingProfilePurpose="TxDefaultProfile") == [
            ("CSO", 1, data)
        ]
        await clear(b, "Unknown", chargingProfilePurpose="TxDefaultProfile", stackLevel=1)  # K_07
        await clear(b, "Unknown", id=2)
        await clear(b, "Unknown")
        await clear(b, id=1)  # K_05
        assert await reported(b, 1, chargingProfilePurpose="TxDefaultProfile") == []
        await put(b, profile(b, [(0, 8)], stack=2))
        await clear(b, chargingProfilePurpose="TxDefaultProfile", stackLevel=2)  # K_06
        assert await reported(b, 1) == []

    story()


@scenario2(settings=WIDE)
async def test_TC_K_02_CS_and_TC_K_09_CS(b):
    """A TxProfile needs its transaction; without the default local limits hold again."""
    await b.boot()
    tx = profile(b, [(0, 8)], "TxProfile", kind="Relative", transactionId="nobody's")
    await put(b, tx, status="Rejected", reason="TxNotFound")  # K_02
    assert await reported(b) == []
    entry = await b.charging()
    await put(b, tx, status="Rejected", reason="TxNotFound")
    mine = dict(tx, transactionId=entry.id)
    await put(b, mine, evse=0, status="Rejected")
    await put(b, {k: v for k, v in tx.items() if k != "transactionId"}, status="Rejected")
    await put(b, mine)
    await offered(b, 8)
    assert await reported(b, 1) == [("CSO", 1, mine)]
    await clear(b, id=1)
    await put(b, profile(b, [(0, 6)]))
    assert (await composite(b))[1] == [(0, 6)]
    await offered(b, 6)
    await clear(b, chargingProfilePurpose="TxDefaultProfile", stackLevel=0, evseId=1)  # K_09
    assert (await composite(b))[1] == [(0, 32)]
    await offered(b, 32)


@scenario2(board="esp32_dual", settings={"NominalVoltage": "230"})
async def test_TC_K_24_CS_and_TC_K_29_CS_and_TC_K_30_CS_and_TC_K_31_CS_and_TC_K_32_CS_and_TC_K_33_CS_and_TC_K_34_CS_and_TC_K_35_CS_and_TC_K_36_CS(  # noqa: E501
    b,
):
    """Several profiles at several places, each criterion alone and together."""
    await b.boot()
    await put(b, profile(b, [(0, 30)], "ChargingStationMaxProfile", id=1), 0)
    await put(b, profile(b, [(0, 10)], id=2), 1)
    await put(b, profile(b, [(0, 11)], id=3, stack=1), 1)
    await put(b, profile(b, [(0, 2500)], id=4, unit="W"), 2)
    await put(b, profile(b, [(0, 14)], id=5, kind="Recurring", recurrencyKind="Daily"), 0)
    found = await reported(b, 0)  # K_29
    assert [(source, evse) for source, evse, _ in found] == [("CSO", 0)] * 2
    assert ids(found) == [1, 5]
    purpose = {"chargingProfilePurpose": "ChargingStationMaxProfile"}
    assert ids(await reported(b, 0, **purpose)) == [1]
    assert ids(await reported(b, 1)) == [2, 3]  # K_30
    assert ids(await reported(b)) == [1, 2, 3, 4, 5]  # K_31
    found = await reported(b, chargingProfileId=[4])  # K_32
    assert [(evse, data["id"]) for _, evse, data in found] == [(2, 4)]
    assert ids(await reported(b, chargingProfileId=[2, 5, 77])) == [2, 5]
    assert ids(await reported(b, 1, stackLevel=1)) == [3]  # K_33
    assert ids(await reported(b, 1, chargingLimitSource=["CSO"])) == [2, 3]  # K_34
    assert await reported(b, 1, chargingLimitSource=["EMS", "SO", "Other"]) == []
    default = {"chargingProfilePurpose": "TxDefaultProfile"}
    assert ids(await reported(b, 2, **default)) == [4]  # K_35
    assert await reported(b, 2, **purpose) == []
    assert ids(await reported(b, 1, stackLevel=0, **default)) == [2]  # K_36
    assert await reported(b, 2, stackLevel=1, **default) == []
    assert await reported(b, 3) == []
    await clear(b, stackLevel=0, **default)  # K_24: at both EVSEs and at the station
    assert ids(await reported(b)) == [1, 3]
    assert await reported(b, stackLevel=0, **default) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_K_37_CS(version):
    """A start that brings its limit: it holds for that transaction, and only for that one."""

    @scenario2(version=version, settings=WIDE)
    async def story(b):
        await b.boot()
        await b.do("plug")
        await b.do("request")
        await b.expect_status("Occupied")
        data = profile(b, [(0, 8), (120, 10)], "TxProfile", kind="Relative", duration=86400)
        request = {"idToken": CARD, "remoteStartId": 77, "evseId": 1, "chargingProfile": data}
        for purpose in ("TxDefaultProfile", "ChargingStationMaxProfile"):
            wrong = dict(request, chargingProfile=profile(b, [(0, 8)], purpose))
            answer = await b.call("RequestStartTransaction", wrong)
            assert answer["status"] == "Rejected", answer
        await b.none("TransactionEvent", for_=3)
        assert (await b.call("RequestStartTransaction", request))["status"] == "Accepted"
        started = await b.expect_event("Started", "RemoteStart")
        info = started["transactionInfo"]
        assert info["remoteStartId"] == 77
        await b.contactor(True)
        await offered(b, 8)
        mine = dict(data, transactionId=info["transactionId"])
        assert await reported(b, 1, chargingProfilePurpose="TxProfile") == [("CSO", 1, mine)]
        stop = {"transactionId": info["transactionId"]}
        assert (await b.call("RequestStopTransaction", stop))["status"] == "Accepted"
        await b.expect_event("Ended", "RemoteStop")
        assert await reported(b) == []

    story()


@scenario2(settings=WIDE)
async def test_TC_K_39_CS_and_TC_K_40_CS_and_TC_K_47_CS(b):
    """The composite without a profile, of stacked ones, and of an EVSE that is not there."""
    await b.boot()
    for evse in (0, 1):
        assert (await composite(b, evse=evse))[1] == [(0, 32)]  # K_39
    request = {"evseId": 2, "duration": 300, "chargingRateUnit": "A"}
    answer = await b.call("GetCompositeSchedule", request)  # K_47
    assert answer["status"] == "Rejected" and "schedule" not in answer
    assert answer["statusInfo"]["reasonCode"] == "UnknownEvse"
    begin = int(b.unix()) - 10
    await put(b, profile(b, [(0, 8), (300, 10)], id=1, start=begin, duration=400))
    await put(b, profile(b, [(0, 7), (100, 9)], id=2, stack=1, start=begin, duration=150))
    start, periods = await composite(b, 350)
    x = start - begin
    assert periods == [(0, 7), (100 - x, 9), (150 - x, 8), (300 - x, 10)]  # K_40
    await b.charging()
    await offered(b, 7)


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_K_41_CS(version):
    """All purposes at once, and the composite of the next 400 s."""

    @scenario2(version=version, settings=WIDE)
    async def story(b):
        await b.boot()
        entry = await b.charging()
        begin = int(b.unix()) - 10
        most = profile(b, [(0, 10)], "ChargingStationMaxProfile", 1, start=begin, duration=86400)
        await put(b, most, 0)
        await put(b, profile(b, [(0, 6), (60, 10)], id=2, start=begin, duration=300))
        tx = [(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)]
        tx = profile(b, tx, "TxProfile", 3, start=begin, duration=260, transactionId=entry.id)
        await put(b, tx)
        for evse in (1, 0):
            start, periods = await composite(b, 400, evse=evse)
            x = start - begin
            # From 260 s on the default, until 300 s; the cap of the station holds all the time.
            assert periods == [(0, 8), (50 - x, 10), (200 - x, 6), (240 - x, 10)]
        await offered(b, 8)

    story()


@scenario2(settings=dict(WIDE, ChargingScheduleAllowedChargingRateUnit="Current"))
async def test_TC_K_42_CS(b):
    """A unit that the owner does not offer."""
    await b.boot()
    request = {"evseId": 1, "duration": 300, "chargingRateUnit": "W"}
    answer = await b.call("GetCompositeSchedule", request)
    assert answer["status"] == "Rejected" and "schedule" not in answer
    assert answer["statusInfo"]["reasonCode"] == "UnsupportedRateUnit"
    await put(
        b, profile(b, [(0, 2500)], unit="W"), status="Rejected", reason="UnsupportedRateUnit"
    )
    assert (await composite(b))[1] == [(0, 32)]


DUAL = {"board": "esp32_dual"}


async def start(b, evse, number, tag="CARD1"):
    """An EV at this EVSE charges, started from afar; returns the transactionId."""
    await b.do("plug", connector=evse)
    await b.do("request", connector=evse)
    await b.expect_status("Occupied", evse)
    token = {"idToken": tag, "type": "Central"}
    request = {"idToken": token, "remoteStartId": number, "evseId": evse}
    assert (await b.call("RequestStartTransaction", request))["status"] == "Accepted"
    started = await b.expect_event("Started")
    return started["transactionInfo"]["transactionId"]


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_K_52_CS_and_TC_K_124_CS(version):
    """The supply that two EVSEs share: its limit is told when it comes, changes and goes, also
    when it went during an outage; and it is reported, but cannot be set or cleared."""
    shared = {"SiteMaxCurrent": "20", "MaxCurrent": "32", "NotifyChargingLimitWithSchedules": True}

    @scenario2(version=version, settings=shared, **DUAL)
    async def story(b):
        await b.boot()
        await put(b, profile(b, [(0, 30)], "ChargingStationMaxProfile", id=1), 0)
        one = await start(b, 1, 1)
        told = await b.expect("NotifyChargingLimit", evseId=1)
        assert told["chargingLimit"] == {"chargingLimitSource": "EMS"}
        (schedule,) = told["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 20}]
        await offered(b, 20)
        two = await start(b, 2, 2, "CARD3")
        ten = [{"startPeriod": 0, "limit": 10}]
        for evse in (1, 2):

            def is_ten(schedules):
                return schedules[0]["chargingSchedulePeriod"] == ten

            await b.expect("NotifyChargingLimit", 15, evseId=evse, chargingSchedule=is_ten)
        await offered(b, 10)
        # The session that has less now says so, too: of changes of the limit alone at most one
        # in a minute is recorded, behind those of its beginning.
        changed = {"transactionInfo": lambda info: info["transactionId"] == one}
        await b.expect_event("Updated", "ChargingRateChanged", within=200, **changed)
        external = {"chargingProfilePurpose": "ChargingStationExternalConstraints"}
        found = await reported(b, **external)
        assert [(source, evse) for source, evse, _ in found] == [("EMS", 1), ("EMS", 2)]
        for _, _, data in found:
            (schedule,) = data["chargingSchedule"]
            assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10}]
            assert schedule["chargingRateUnit"] == "A"
            assert data["chargingProfileKind"] == ("Dynamic" if version == "2.1" else "Absolute")
        assert await reported(b, 1, chargingLimitSource=["EMS"]) == found[:1]
        assert (await composite(b, 60))[1] == [(0, 10)]
        wrong = profile(b, [(0, 32)], external["chargingProfilePurpose"], id=77)
        await put(b, wrong, status="Rejected", reason="InvalidProfile")
        await put(b, profile(b, [(0, 32)], id=found[0][2]["id"]), status="Rejected")
        await clear(b, "Unknown", **external)
        await clear(b, "Unknown", id=found[0][2]["id"])
        b.skip()
        await b.call("RequestStopTransaction", {"transactionId": two})
        await b.expect("ClearedChargingLimit", evseId=2, chargingLimitSource="EMS")
        await b.expect("NotifyChargingLimit", evseId=1, within=20)
        await offered(b, 20)
        assert [evse for _, evse, _ in await reported(b, **external)] == [1]
        await b.offline()
        await b.do("release", connector=1)
        await b.do("set", key="SiteMaxCurrent", value="0")
        await b.advance(5)
        await b.online()
        cleared = await b.expect("ClearedChargingLimit", within=60)
        assert cleared == {"evseId": 1, "chargingLimitSource": "EMS"}
        assert await reported(b, **external) == []

    story()


def later(settings=WIDE, **options):
    """A scenario of 2.1."""
    return scenario2(version="2.1", settings=settings, **options)


async def update(b, id, status="Accepted", **limits):
    request = {"chargingProfileId": id, "scheduleUpdate": limits}
    answer = await b.call("UpdateDynamicSchedule", request)
    assert answer["status"] == status, (request, answer)


@later()
async def test_TC_K_112_CS(b):
    """The composite is as planned; the pilot comes late by a time of chance."""
    await b.boot()
    await b.charging()
    begin = int(b.unix())
    data = profile(b, [(0, 8), (60, 20)], start=begin, duration=600, randomizedDelay=90)
    await put(b, data)
    start, periods = await composite(b, 300)
    x = start - begin
    assert periods == [(0, 8), (60 - x, 20)]
    assert (await reported(b))[0][2] == data
    await offered(b, 8, within=100)
    await offered(b, 20, within=60 + 10)
    most = profile(b, [(0, 8)], "ChargingStationMaxProfile", id=2, randomizedDelay=90)
    await put(b, most, 0, "Rejected", "InvalidSchedule")


@later()
async def test_TC_K_118_CS(b):
    """From afar a session goes first, and no longer."""
    await b.boot()
    entry = await b.charging()
    use = {"transactionId": entry.id, "activate": True}
    await put(b, profile(b, [(0, 8)], id=1))
    await offered(b, 8)
    assert (await b.call("UsePriorityCharging", use)) == {"status": "NoProfile"}
    await put(b, profile(b, [(0, 20)], "PriorityCharging", id=2))
    await b.advance(70)
    assert (await b.status())["duty"] < 14, "not before it is activated"
    other = dict(use, transactionId="nobody's")
    assert (await b.call("UsePriorityCharging", other))["status"] == "Rejected"
    b.skip()
    assert (await b.call("UsePriorityCharging", use)) == {"status": "Accepted"}
    await offered(b, 20)
    assert (await composite(b, 60))[1] == [(0, 20)]
    await b.expect_event("Updated", "ChargingRateChanged", within=60)
    use["activate"] = False
    assert (await b.call("UsePriorityCharging", use)) == {"status": "Accepted"}
    await offered(b, 8)
    # Only what happens at the charger is told.
    await b.none("NotifyPriorityCharging", for_=2, since=0)


@later(settings=dict(WIDE, SiteMaxCurrent="20"), **DUAL)
async def test_TC_K_120_CS_and_TC_K_125_CS(b):
    """A Dynamic profile, local generation, and the supply that is shared: the smallest holds."""
    await b.boot()
    await put(b, profile(b, [(0, 10)], "ChargingStationMaxProfile", id=1), 0)
    await put(b, profile(b, [(0, 30)], id=2, kind="Dynamic"), 1)
    await start(b, 1, 1)
    await offered(b, 10)
    assert await reported(b, chargingLimitSource=["EMS"]) == [], "it is not what limits"
    generation = profile(b, [(0, 6)], "LocalGeneration", id=3)
    await put(b, generation, 1, "Rejected")
    await put(b, generation, 0)
    assert (await reported(b, 0, chargingProfilePurpose="LocalGeneration"))[0][2] == generation
    await offered(b, 16)
    await put(b, profile(b, [(0, 16)], "LocalGeneration", id=3), 0)
    told = await b.expect("NotifyChargingLimit", evseId=1)
    assert told["chargingLimit"]["chargingLimitSource"] == "EMS" and "chargingSchedule" not in told
    await offered(b, 20)
    await update(b, 2, limit=12)
    await b.expect("ClearedChargingLimit", evseId=1)
    await offered(b, 12)


@later()
async def test_TC_K_121_CS_and_TC_K_122_CS_and_TC_K_123_CS(b):
    """Dynamic profiles: their limit is pushed and pulled; what cannot be is refused."""
    await b.boot()
    await b.charging()
    data = profile(b, [(0, 10)], kind="Dynamic")
    bad = (
        (profile(b, [(0, 10), (60, 8)], kind="Dynamic"), None),
        (dict(profile(b, [(0, 10)]), dynUpdateInterval=30), None),
        (dict(data, dynUpdateInterval=-1), None),
    )
    for wrong, reason in bad:  # K_123
        await put(b, wrong, status="Rejected", reason=reason)
    for name in ("limit_L2", "setpoint", "dischargeLimit"):
        wrong = profile(b, [(0, 10)], kind="Dynamic")
        wrong["chargingSchedule"][0]["chargingSchedulePeriod"][0][name] = 0
        await put(b, wrong, status="Rejected", reason="UnsupportedParam")
    begin = profile(b, [(0, 10)], kind="Dynamic")
    begin["chargingSchedule"][0]["startSchedule"] = iso(b.unix())
    await put(b, begin, status="Rejected", reason="InvalidSchedule")
    await update(b, 1, "Rejected", limit=8)
    await put(b, data)
    await offered(b, 10)
    await update(b, 1, limit=7.5)  # K_122
    await offered(b, 7.5)
    for wrong in ({"limit_L2": 6}, {"limit": 8, "setpoint": 7}, {}, {"limit": -1}):
        await update(b, 1, "Rejected", **wrong)
    await put(b, profile(b, [(0, 16)], id=2, stack=1, duration=5))
    await update(b, 2, "Rejected", limit=8)
    ((_, _, told),) = await reported(b, chargingProfileId=[1])
    assert told["chargingProfileKind"] == "Dynamic" and "dynUpdateTime" in told
    assert told["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 7.5
    assert "startSchedule" not in told["chargingSchedule"][0]
    await offered(b, 7.5, within=20)
    b.csms.dynamic[1] = {"limit": 12}
    await put(b, dict(data, dynUpdateInterval=30))  # K_121
    await b.none("PullDynamicScheduleUpdate", for_=25)
    await offered(b, 10)
    assert (await b.expect("PullDynamicScheduleUpdate"))["chargingProfileId"] == 1
    await offered(b, 12)
    b.csms.dynamic[1] = {"limit": 5.9}
    await b.none("PullDynamicScheduleUpdate", for_=15)
    await b.expect("PullDynamicScheduleUpdate", within=16)
    await offered(b, 0)
    del b.csms.dynamic[1]  # refused: the last limit holds, and it is asked for again in time
    await b.expect("PullDynamicScheduleUpdate", within=31)
    await b.none("PullDynamicScheduleUpdate", for_=25)
    await b.expect("PullDynamicScheduleUpdate", within=6)
    await offered(b, 0)
    await update(b, 1, limit=9)
    await b.advance(61)  # limits that follow each other quickly are on flash a minute later
    await b.do("power_cut", seconds=2)
    await b.expect_event("Ended", within=90)
    assert (await composite(b, 20))[1] == [(0, 9)]


@later()
async def test_a_profile_that_may_not_outlive_the_central_system(b):
    """2.1, maxOfflineDuration: then the next one holds; for good where it says so."""
    await b.boot()
    await b.charging()
    await put(b, profile(b, [(0, 10)], id=1))
    once = dict(profile(b, [(0, 14)], id=2, stack=1), maxOfflineDuration=30)
    once["invalidAfterOfflineDuration"] = False
    lasting = dict(profile(b, [(0, 20)], id=3, stack=2), maxOfflineDuration=60)
    lasting["invalidAfterOfflineDuration"] = True
    await put(b, once)
    await put(b, lasting)
    assert [data for _, _, data in await reported(b, stackLevel=1)] == [once]
    await offered(b, 20)
    await b.offline()
    await b.advance(20)
    await offered(b, 20)
    await offered(b, 10, within=60)
    await b.online()
    await offered(b, 14, within=60)
    assert ids(await reported(b)) == [1, 2]


def test_TC_K_38_CS():
    pytest.skip("charging profiles are followed, also that of a remote start (TC_K_37_CS)")


def test_TC_K_119_CS():
    pytest.skip("no board has a button or a menu for priority: the central system sets it")
