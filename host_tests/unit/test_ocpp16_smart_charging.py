# 1.6 charging profiles as the station understands them.
# MIT license; part of microevse
import json

from helpers import raises, run
from ocpp16 import smart_charging
from ocpp16.schemas import TABLE
from ocppj.schema import Schema
from station import profile as p
from station_parts import NOON, Charger


class Point:
    """The part of the adapter that the handlers use; transactionId is 1000 + session number."""

    def __init__(self, charger):
        self.station = charger.station
        self.clock = charger.clock

    def transaction_id(self, session):
        return 1000 + session


def read(text, connector=1, now=NOON, **more):
    """Profile from JSON; `more` replaces top-level fields, None takes them out."""
    data = json.loads(text)
    for name in more:
        data[name] = more[name]
        if more[name] is None:
            del data[name]
    Schema(TABLE).check_call(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": data}
    )
    return smart_charging.make_profile(data, connector, now)


PLAN = (
    '{"chargingProfileId":7,"stackLevel":3,"chargingProfilePurpose":"TxDefaultProfile",'
    '"chargingProfileKind":"Absolute","validFrom":"2027-01-01T12:00:00Z",'
    '"validTo":"2027-01-02T13:00:00+01:00","chargingSchedule":{"duration":3600,'
    '"startSchedule":"2027-01-01T13:00:00.500Z","chargingRateUnit":"A","minChargingRate":6.5,'
    '"chargingSchedulePeriod":[{"startPeriod":0,"limit":16},'
    '{"startPeriod":60,"limit":7.3,"numberPhases":1}]}}'
)
OPEN = (
    '{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"ChargePointMaxProfile",'
    '"chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"W",'
    '"chargingSchedulePeriod":[{"startPeriod":0,"limit":11000.0}]}}'
)


def test_every_field_arrives():
    one = read(PLAN)
    assert (one.id, one.connector, one.purpose, one.stack) == (7, 1, p.DEFAULT, 3)
    assert (one.unit, one.least, one.duration, one.every) == (p.AMPS, 65, 3600, 0)
    assert (one.valid_from, one.valid_to, one.start) == (NOON, NOON + 86400, NOON + 3600)
    assert one.at(NOON + 3600, 0) == (160, 0, 60)
    assert one.at(NOON + 3660, 0) == (73, 1, 3540)


def test_tenths_are_exact():
    for number in range(0, 3300):
        assert smart_charging.tenths(json.loads("%d.%d" % (number // 10, number % 10))) == number
    for text, wanted in (("22000.5", 220005), ("7", 70), ("1e300", p.MAX_TENTHS), ("0.0", 0)):
        assert smart_charging.tenths(json.loads(text)) == wanted
    raises(ValueError, smart_charging.tenths, -0.1)
    raises(ValueError, smart_charging.tenths, -1)


def test_kinds():
    assert read(PLAN, chargingProfileKind="Relative").start is None
    daily = read(PLAN, chargingProfileKind="Recurring", recurrencyKind="Daily")
    assert (daily.every, daily.start) == (86400, NOON + 3600)
    weekly = read(PLAN, chargingProfileKind="Recurring", recurrencyKind="Weekly")
    assert weekly.every == 604800
    raises(ValueError, lambda: read(PLAN, chargingProfileKind="Recurring"))
    schedule = json.loads(OPEN)["chargingSchedule"]
    recurring = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    assert read(PLAN, chargingSchedule=schedule, **recurring).start == NOON
    raises(ValueError, lambda: read(OPEN, **recurring))


def test_without_a_start_a_cap_counts_from_now_and_a_plan_from_the_session():
    assert read(OPEN, 0).start == NOON
    assert read(OPEN, 0, chargingProfileKind="Relative").start == NOON
    assert read(OPEN, 0, now=None).start is None
    assert read(OPEN, chargingProfilePurpose="TxDefaultProfile").start is None


def test_a_start_within_the_error_of_the_clocks_is_now():
    for behind, start in ((0, NOON + 3600), (1, NOON + 3599), (2, NOON + 3598), (3, NOON + 3600)):
        assert read(PLAN, now=NOON + 3600 - behind).start == start


def test_a_start_carries_only_session_profiles():
    def start(**more):
        data = json.loads(OPEN)
        data.update(more)
        payload = {"idTag": "X", "chargingProfile": data}
        return smart_charging.start_profile(point, payload)

    point = Point(Charger())
    assert smart_charging.start_profile(point, {"idTag": "X"}) is None
    assert start(chargingProfilePurpose="TxProfile").purpose == p.TX
    raises(ValueError, start)
    raises(ValueError, lambda: start(chargingProfilePurpose="TxDefaultProfile"))
    raises(ValueError, lambda: start(chargingProfilePurpose="TxProfile", stackLevel=99))


def test_a_unit_that_is_not_offered_is_refused_on_every_way():
    c = Charger()
    point = Point(c)

    def statuses(unit):
        data = json.loads(OPEN)
        data["chargingSchedule"]["chargingRateUnit"] = unit
        put = {"connectorId": 0, "csChargingProfiles": data}
        asked = {"connectorId": 1, "duration": 60, "chargingRateUnit": unit}
        found = [run(smart_charging.set_charging_profile(point, put))["status"]]
        found.append(run(smart_charging.get_composite_schedule(point, asked))["status"])
        begin = {"chargingProfile": dict(data, chargingProfilePurpose="TxProfile")}
        try:
            assert smart_charging.start_profile(point, begin)
            return found + ["Accepted"]
        except ValueError:
            return found + ["Rejected"]

    assert statuses("A") == statuses("W") == ["Accepted"] * 3
    c.settings.provide("ChargingScheduleAllowedChargingRateUnit", "Current")
    assert statuses("A") == ["Accepted"] * 3 and statuses("W") == ["Rejected"] * 3


def test_before_the_time_is_known_the_answer_has_no_dates():
    c = Charger()
    c.clock.unix = None
    point = Point(c)
    relative = json.loads(OPEN)
    relative["chargingProfilePurpose"] = "TxDefaultProfile"
    relative["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = 2990.5

    async def scenario():
        answer = await smart_charging.set_charging_profile(
            point, {"connectorId": 0, "csChargingProfiles": relative}
        )
        assert answer == {"status": "Accepted"}
        return await smart_charging.get_composite_schedule(
            point, {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"}
        )

    assert run(scenario()) == {
        "status": "Accepted",
        "connectorId": 1,
        "chargingSchedule": {
            "duration": 60,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 2990.5, "numberPhases": 1}],
        },
    }


def test_a_transaction_that_is_ending_takes_no_profile():
    async def scenario():
        c = Charger()
        point = Point(c)
        session = await c.charge()
        data = json.loads(OPEN)
        data["chargingProfilePurpose"] = "TxProfile"
        data["transactionId"] = 1000 + session.id
        call = {"connectorId": 1, "csChargingProfiles": data}
        answer = await smart_charging.set_charging_profile(point, call)
        assert answer["status"] == "Accepted"
        c.evse.obeys = False
        c.station.remote_stop(session.id)
        assert c.connector.session is session
        answer = await smart_charging.set_charging_profile(point, call)
        assert answer["status"] == "Rejected"

    run(scenario())


def test_what_begins_now_holds_from_the_first_second():
    # validFrom of this second once left the profile out of the first second of the schedule.
    for late in (0, 1, 2):
        plan = read(PLAN, now=NOON - late)
        assert plan.valid_from == NOON - late
        schedule = json.loads(PLAN)["chargingSchedule"]
        schedule["startSchedule"] = "2027-01-01T12:00:00.9Z"
        plan = read(PLAN, now=NOON - late, chargingSchedule=schedule)
        assert plan.at(NOON - late, 0)[0] == 160
    assert read(PLAN, now=NOON - 3).valid_from == NOON
    assert read(PLAN, now=NOON + 3).valid_from == NOON
    assert read(PLAN, now=None).valid_from == NOON
