# OCPP 1.6 SmartCharging certification cases, and the pilot against the composite schedule.
# MIT license; part of microevse
"""Each test_TC is the case it is named after; titles in octt16_cases.tsv."""

from bench import EPOCH, scenario
from whole_seconds import iso, unix

# Wide enough for the limits that the cases use: 6000 W on one phase is 26 A.
WIDE = {"MaxCurrent": "32", "Phases": "1", "NominalVoltage": "230"}
# The EVSE leaves 5 s between two changes of the duty; the connector looks every second.
LATE_S = 6.5


def profile(periods, purpose="TxDefaultProfile", id=1, stack=0, unit="A", kind="Absolute", **more):
    """A 1.6 ChargingProfile; start, duration, least go into its schedule, `more` beside it."""
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": start, "limit": limit, "numberPhases": 1} for start, limit in periods
        ],
    }
    for name, key in (("start", "startSchedule"), ("duration", "duration")):
        if name in more:
            schedule[key] = more.pop(name)
    return {
        "chargingProfileId": id,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


async def set_profile(b, data, connector=1, status="Accepted"):
    answer = await b.call(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": data}
    )
    assert answer["status"] == status, answer


async def composite(b, duration=400, unit="A", connector=1):
    """(start of the schedule in Unix s, [(startPeriod, limit), ...])."""
    answer = await b.call(
        "GetCompositeSchedule",
        {"connectorId": connector, "duration": duration, "chargingRateUnit": unit},
    )
    assert answer["status"] == "Accepted" and answer["connectorId"] == connector, answer
    schedule = answer["chargingSchedule"]
    assert schedule["duration"] == duration and schedule["chargingRateUnit"] == unit
    assert schedule["startSchedule"] == answer["scheduleStart"]
    periods = schedule["chargingSchedulePeriod"]
    assert all(item["numberPhases"] == 1 for item in periods)
    start = unix_of(answer)
    assert abs(start - b.unix()) <= 2
    return start, [(item["startPeriod"], item["limit"]) for item in periods]


def unix_of(answer):
    return unix(answer["scheduleStart"])


async def clear(b, status="Accepted", **what):
    answer = await b.call("ClearChargingProfile", what)
    assert answer["status"] == status, (what, answer)


async def offered(b, amps, within=10):
    """Wait until the pilot offers this (IEC 61851-1 table A.7); 0: no pulses."""

    async def there():
        return abs((await b.status())["duty"] - (amps / 0.6 if amps else 100)) < 0.1

    await b.until(there, within, f"{amps} A on the pilot")


@scenario(settings=WIDE)
async def test_TC_056_CS(b):
    """TxDefaultProfile, in A and in W, with no car charging."""
    await b.boot()
    for unit, limit in (("A", 6), ("W", 6000)):
        start = iso(b.unix())
        await set_profile(b, profile([(0, limit)], unit=unit, start=start, duration=1000))
        _, periods = await composite(b, 300, unit)
        assert periods == [(0, limit)]
    await b.charging()
    await offered(b, 6000 / 230)


@scenario(settings=WIDE)
async def test_TC_057_CS(b):
    """TxProfile for the running transaction."""
    await b.boot()
    entry = await b.charging()
    data = profile([(0, 10), (60, 8)], "TxProfile", start=iso(b.unix()), duration=300)
    await set_profile(b, dict(data, transactionId=entry.id))
    start, periods = await composite(b, 200)
    assert periods[0] == (0, 10) and periods[1][1] == 8 and abs(periods[1][0] - 60) <= 2
    await offered(b, 10)
    await b.advance(periods[1][0])
    await offered(b, 8)
    # Without an id it can only be meant for the transaction that is running.
    await set_profile(b, profile([(0, 12)], "TxProfile", kind="Relative"))
    await offered(b, 12)


@scenario
async def test_TC_058_1_CS(b):
    """TxProfile without a transaction."""
    await b.boot()
    await set_profile(b, profile([(0, 8)], "TxProfile", kind="Relative"), status="Rejected")
    data = profile([(0, 8)], "TxProfile", kind="Relative", transactionId=1)
    await set_profile(b, data, status="Rejected")
    assert (await composite(b, 60))[1] == [(0, 16)]


@scenario
async def test_TC_058_2_CS(b):
    """TxProfile for another transaction than the one that is running."""
    await b.boot()
    entry = await b.charging()
    data = profile([(0, 8)], "TxProfile", kind="Relative", transactionId=entry.id + 1)
    await set_profile(b, data, status="Rejected")
    await b.advance(10)
    await offered(b, 16)


@scenario(settings=WIDE)
async def test_TC_082_CS(b):
    """TxDefaultProfile while a transaction runs."""
    await b.boot()
    await b.charging()
    await set_profile(b, profile([(0, 6), (80, 9)], start=iso(b.unix()), duration=300))
    _, periods = await composite(b, 200)
    assert [limit for _, limit in periods] == [6, 9] and abs(periods[1][0] - 80) <= 2
    await offered(b, 6)


async def three_profiles(b, entry):
    """The profiles of the composite cases; returns their common start."""
    begin = int(b.unix()) - 10
    start = iso(begin)
    station = profile([(0, 10)], "ChargePointMaxProfile", id=1, start=start, duration=86400)
    default = profile([(0, 6), (60, 10), (120, 10)], id=2, start=start, duration=300)
    tx = [(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)]
    tx = profile(tx, "TxProfile", id=3, start=start, duration=260, transactionId=entry.id)
    await set_profile(b, station, 0)
    await set_profile(b, default)
    await set_profile(b, tx)
    return begin


@scenario(settings=WIDE)
async def test_TC_066_CS(b):
    """All three purposes at once, and the composite of the next 400 s."""
    await b.boot()
    begin = await three_profiles(b, await b.charging())
    start, periods = await composite(b, 400)
    x = start - begin
    assert periods == [(0, 8), (50 - x, 10), (200 - x, 6), (240 - x, 10)]
    # With one connector the station draws what its connector draws.
    start, periods = await composite(b, 400, connector=0)
    x = start - begin
    assert periods == [(0, 8), (50 - x, 10), (200 - x, 6), (240 - x, 10)]


@scenario(settings=WIDE)
async def test_TC_067_CS(b):
    """Clear by id, by purpose and level, and all; what is left holds."""
    await b.boot()
    await three_profiles(b, await b.charging())
    await clear(b, id=3)
    assert (await composite(b, 20))[1] == [(0, 6)]
    await clear(b, "Unknown", id=3)
    await clear(b, chargingProfilePurpose="TxDefaultProfile", stackLevel=0)
    await clear(b, "Unknown", chargingProfilePurpose="TxDefaultProfile", stackLevel=0)
    assert (await composite(b, 20))[1] == [(0, 10)]
    await offered(b, 10)
    await clear(b)
    await clear(b, "Unknown")
    assert (await composite(b, 20))[1] == [(0, 32)]
    await offered(b, 32)


@scenario
async def test_TC_072_CS(b):
    """Two TxDefaultProfiles: the higher level while it lasts, then the lower one."""
    await b.boot()
    begin = int(b.unix()) - 10
    low = profile([(0, 8), (300, 10)], id=1, start=iso(begin), duration=400)
    high = profile([(0, 7), (100, 9)], id=2, stack=1, start=iso(begin), duration=150)
    await set_profile(b, low)
    await set_profile(b, high)
    start, periods = await composite(b, 350)
    x = start - begin
    assert periods == [(0, 7), (100 - x, 9), (150 - x, 8), (300 - x, 10)]
    await b.charging()
    await offered(b, 7)


@scenario
async def test_TC_059_CS(b):
    """RemoteStart with a TxProfile: it holds for that transaction, and only for that one."""
    await b.boot(AuthorizeRemoteTxRequests=False)
    await b.do("plug")
    await b.do("request")
    data = profile([(0, 8), (120, 10)], "TxProfile", kind="Relative", duration=86400)
    answer = await b.call(
        "RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1, "chargingProfile": data}
    )
    assert answer["status"] == "Accepted"
    await b.expect("StartTransaction", idTag="CARD1")
    await b.contactor(True)
    await offered(b, 8)
    _, periods = await composite(b, 200)
    assert [limit for _, limit in periods] == [8, 10]
    await b.call("RemoteStopTransaction", {"transactionId": b.transaction().id})
    await b.expect_status("Finishing")
    await b.leave()
    await b.charging("CARD3")
    await offered(b, 16)


@scenario
async def test_TC_060_CS(b):
    """RemoteStart with a profile that is no TxProfile."""
    await b.boot()
    await b.do("plug")
    await b.do("request")
    for purpose in ("TxDefaultProfile", "ChargePointMaxProfile"):
        request = {
            "idTag": "CARD1",
            "connectorId": 1,
            "chargingProfile": profile([(0, 8)], purpose, start=iso(b.unix())),
        }
        assert (await b.call("RemoteStartTransaction", request))["status"] == "Rejected"
    await b.none("StartTransaction", for_=10)


def amps_of(duty):
    """Current that a duty in percent offers (IEC 61851-1 table A.8)."""
    return 0 if duty >= 97 else duty * 0.6


@scenario(settings=WIDE)
async def test_the_pilot_follows_the_composite_schedule(b):
    """Over 800 s, through a pause and back: each duty at its time, and no other."""
    await b.boot()
    begin = int(b.unix())
    entry = await b.charging()
    default = [(0, 20), (400, 5.9), (500, 13.3)]
    await set_profile(b, profile(default, id=1, start=iso(begin)))
    tx = [(0, 3450), (150, 1379), (220, 2990.5)]
    tx = profile(tx, "TxProfile", 2, unit="W", kind="Relative", duration=330)
    await set_profile(b, dict(tx, transactionId=entry.id))
    station = [(0, 32), (600, 7), (700, 11)]
    daily = {"kind": "Recurring", "recurrencyKind": "Daily", "start": iso(begin - 86400)}
    data = profile(station, "ChargePointMaxProfile", 3, **daily)
    await set_profile(b, data, 0)
    await b.advance(8)
    start, periods = await composite(b, 800)
    assert [limit for _, limit in periods] == [15, 0, 13, 20, 0, 13.3, 7, 11], periods
    wanted = [(start - EPOCH + at, limit) for at, limit in periods] + [(start - EPOCH + 800, None)]
    for (since, limit), (until, _) in zip(wanted, wanted[1:]):
        await b.advance(max(0, since + LATE_S - b.now))
        while b.now < until - 1:
            duty = (await b.status())["duty"]
            assert abs(amps_of(duty) - limit) < 0.06, (b.now - start + EPOCH, duty, limit)
            await b.advance(min(2, until - 0.9 - b.now))
    statuses = [s["status"] for s in b.calls("StatusNotification", connectorId=1)]
    assert statuses.count("SuspendedEVSE") == 2 and statuses[-1] == "Charging", statuses


@scenario(settings=WIDE)
async def test_profiles_survive_a_power_cut(b):
    """Defaults and the station's cap are back; a TxProfile ends with its transaction."""
    await b.boot()
    entry = await b.charging()
    start = iso(b.unix())
    await set_profile(b, profile([(0, 12)], id=1, start=start))
    await set_profile(b, profile([(0, 14)], "ChargePointMaxProfile", id=2, start=start), 0)
    tx = profile([(0, 8)], "TxProfile", id=3, kind="Relative", transactionId=entry.id)
    await set_profile(b, tx)
    await offered(b, 8)
    await b.do("power_cut", seconds=2)
    await b.expect("BootNotification", within=60)
    await b.expect("StopTransaction", within=60, transactionId=entry.id, reason="PowerLoss")
    assert (await composite(b, 20))[1] == [(0, 12)]
    await clear(b, "Unknown", id=3)
    await clear(b, id=1)
    assert (await composite(b, 20))[1] == [(0, 14)]


@scenario
async def test_the_settings_say_what_is_fitted(b):
    await b.boot()
    values = await b.configuration(
        "SupportedFeatureProfiles",
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "ConnectorSwitch3to1PhaseSupported",
        "MaxChargingProfilesInstalled",
    )
    assert "SmartCharging" in values.pop("SupportedFeatureProfiles").split(",")
    assert values == {
        "ChargeProfileMaxStackLevel": "9",
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
        "ChargingScheduleMaxPeriods": "96",
        "ConnectorSwitch3to1PhaseSupported": "false",
        "MaxChargingProfilesInstalled": "8",
    }
    start = iso(b.unix())
    for level in range(8):
        periods = [(900 * i, 6 + i % 10 + 0.1 * level) for i in range(96)]
        await set_profile(b, profile(periods, id=level, stack=level, start=start))
    await set_profile(b, profile([(0, 6)], id=9, stack=9), status="Rejected")
    _, periods = await composite(b, 86400)
    assert len(periods) == 96 and periods[-1][1] == 11.7


@scenario
async def test_profiles_that_cannot_be_are_rejected(b):
    """... and nothing of them stays behind."""
    await b.boot()
    start = iso(b.unix())
    good = profile([(0, 8)], start=start)
    bad = (
        (profile([], start=start), 1),
        (profile([(5, 8)], start=start), 1),
        (profile([(0, 8), (0, 9)], start=start), 1),
        (profile([(0, -0.5)], start=start), 1),
        (profile([(i, 8) for i in range(97)], start=start), 1),
        (profile([(0, 8)], start=start, duration=-5), 1),
        (profile([(0, 8)], stack=10, start=start), 1),
        (profile([(0, 8)], stack=-1, start=start), 1),
        (profile([(0, 8)], kind="Recurring", start=start), 1),
        (profile([(0, 8)], kind="Recurring", recurrencyKind="Daily"), 1),
        (profile([(0, 8)], "ChargePointMaxProfile", start=start), 1),
        (profile([(0, 8)], "TxProfile", kind="Relative"), 0),
        (good, 2),
        (good, -1),
    )
    for data, connector in bad:
        await set_profile(b, data, connector, "Rejected")
    for connector, duration in ((2, 60), (-1, 60), (1, 0), (1, -1)):
        answer = await b.call(
            "GetCompositeSchedule", {"connectorId": connector, "duration": duration}
        )
        assert answer == {"status": "Rejected"}
    await clear(b, "Unknown")


@scenario(board="esp32s2_diy_alpha")
async def test_a_power_is_for_all_phases_of_the_board(b):
    """A limit in W taken for one phase would be three times that on three."""
    await b.boot()
    assert await b.configuration("Phases") == {"Phases": "3"}
    data = profile([(0, 6900)], unit="W", kind="Relative")
    del data["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"]
    await set_profile(b, data)
    answer = await b.call("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    assert answer["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 10, "numberPhases": 3}
    ]
    await b.charging()
    await offered(b, 10)


@scenario
async def test_the_last_limit_of_many_survives_a_power_cut(b):
    """One each second: in force at once, and a minute later the last of them is on flash."""
    await b.boot()
    await b.charging()
    for i in range(12):
        await set_profile(b, profile([(0, 6 + i % 6)], id=100 + i, kind="Relative"))
        await b.advance(1)
    await offered(b, 11)
    await b.advance(60)
    await b.do("power_cut", seconds=2)
    await b.expect("StopTransaction", within=60, reason="PowerLoss")
    assert (await composite(b, 20))[1] == [(0, 11)]


@scenario
async def test_what_central_systems_really_send(b):
    """Without startSchedule: a cap counts from now, a default from the start of charging."""
    await b.boot()
    await set_profile(b, profile([(0, 11)], "ChargePointMaxProfile", 1, kind="Relative"), 0)
    assert (await composite(b, 20))[1] == [(0, 11)]
    await set_profile(b, profile([(0, 11)], "ChargePointMaxProfile", 1), 0)
    assert (await composite(b, 20, connector=0))[1] == [(0, 11)]
    await set_profile(b, profile([(0, 9), (60, 10)], id=2), 0)
    await b.advance(100)
    assert (await composite(b, 100))[1] == [(0, 9), (60, 10)]
    valid = {"validFrom": iso(EPOCH), "validTo": iso(EPOCH + 7 * 86400)}
    day = [(0, 8), (28800, 15.5), (72000, 10)]
    day = profile(day, id=3, stack=1, kind="Recurring", recurrencyKind="Daily", **valid)
    await set_profile(b, day)
    start, periods = await composite(b, 86400)
    x = start - EPOCH
    assert periods == [(0, 8), (28800 - x, 11), (72000 - x, 10), (86400 - x, 8)]
