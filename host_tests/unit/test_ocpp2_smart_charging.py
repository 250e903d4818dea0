# Charging profiles of OCPP 2.x: in, out, reported; limits from elsewhere; Dynamic and priority.
# MIT license; part of microevse
import asyncio
import json

from helpers import raises, run
from ocpp2 import charging_limits, dynamic, profile_reports, smart_charging
from ocpp2.live_profiles import LiveProfiles, new_limit
from ocpp2.schemas import TABLE
from ocpp2.schemas21 import DELTA
from ocppj.messages import CallError
from ocppj.schema import Schema
from profile_parts import profile
from station import live_limits
from station import profile as p
from station_parts import NOON, Charger

LATER = Schema(TABLE, DELTA)
PLAIN = Schema(TABLE, None)


class Point:
    """The part of the adapter that the handlers use; transactionId is "t" and the number."""

    def __init__(self, charger, later=True):
        self.station = charger.station
        self.settings = charger.settings
        self.clock = charger.clock
        self.later = later
        self.transactions = self
        self.sent = []  # (action, payload)
        self.answers = []  # of the central system; one that is an exception is raised
        self.live = LiveProfiles(self.call, self, charger.station, charger.clock)
        self.limits = charging_limits.ChargingLimits(
            self.call, charger.station, charger.settings, charger.clock
        )

    def transaction_id(self, session):
        return "t%d" % session

    def session_of(self, id):
        for connector in self.station.connectors:
            if connector.session and id == "t%d" % connector.session.id:
                return connector.session.id
        return None

    async def call(self, action, payload):
        text = json.dumps(payload) if isinstance(payload, dict) else "".join(payload)
        self.sent.append((action, json.loads(text)))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer


def plan(limits=((0, 16),), kind="Absolute", id=7, **more):
    """A ChargingProfileType; `more` replaces fields of the profile or its schedule, None takes
    them out."""
    schedule = {
        "id": 70,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": s, "limit": limit} for s, limit in limits],
        "startSchedule": "2027-01-01T12:00:00Z",
    }
    if kind in ("Relative", "Dynamic"):
        del schedule["startSchedule"]
    data = {
        "id": id,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
    }
    of_schedule = (
        "startSchedule",
        "duration",
        "randomizedDelay",
        "minChargingRate",
        "useLocalTime",
    )
    of_schedule += ("limitAtSoC", "chargingRateUnit")
    for name in more:
        (schedule if name in of_schedule else data)[name] = more[name]
        if more[name] is None:
            del (schedule if name in of_schedule else data)[name]
    return data


def put(point, data, evse=1):
    """ "Accepted", or the reasonCode."""
    payload = {"evseId": evse, "chargingProfile": data}
    (LATER if point.later else PLAIN).check_call("SetChargingProfile", payload)
    answer = run(smart_charging.set_charging_profile(point, payload))
    if answer["status"] == "Accepted":
        return "Accepted"
    return answer["statusInfo"]["reasonCode"]


def report(point, evse=None, **criteria):
    """(status, [payload of each report, ...])."""
    payload = {"requestId": 5, "chargingProfile": criteria}
    if evse is not None:
        payload["evseId"] = evse
    (LATER if point.later else PLAIN).check_call("GetChargingProfiles", payload)
    answer = run(profile_reports.get_charging_profiles(point, payload))
    if not isinstance(answer, tuple):
        return answer["status"], []
    point.sent = []
    run(answer[1]())
    assert all(action == "ReportChargingProfiles" for action, _ in point.sent)
    return answer[0]["status"], [payload for _, payload in point.sent]


def test_what_is_set_is_reported_as_it_was_set():
    for later in (False, True):
        point = Point(Charger(), later)
        periods = [(900 * i, 6 + i % 10 + 0.5) for i in range(p.MAX_PERIODS)]
        day = {"validFrom": "2027-01-01T00:00:00Z", "validTo": "2028-01-01T00:00:00Z"}
        plans = [
            plan(periods, duration=86400, minChargingRate=6.5, **day),
            plan(kind="Recurring", id=8, stackLevel=1, recurrencyKind="Weekly", **day),
            plan(kind="Relative", id=-900, stackLevel=2, chargingRateUnit="W"),
            plan(id=9, stackLevel=3, chargingSchedule=[dict(plan()["chargingSchedule"][0], id=0)]),
        ]
        plans[1]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["numberPhases"] = 3
        if later:
            plans[0]["chargingSchedule"][0]["randomizedDelay"] = 60
            plans[1].update(maxOfflineDuration=0, invalidAfterOfflineDuration=True)
            plans.append(plan(kind="Dynamic", id=10, stackLevel=4, dynUpdateInterval=15))
            plans[4]["dynUpdateTime"] = "2027-01-01T12:00:00Z"
        for data in plans:
            assert put(point, data) == "Accepted"
        status, found = report(point)
        assert status == "Accepted"
        told = {part["chargingProfile"][0]["id"]: part["chargingProfile"][0] for part in found}
        assert told == {data["id"]: data for data in plans}
        assert [part.get("tbc", False) for part in found] == [True] * (len(plans) - 1) + [False]
        assert {(q["chargingLimitSource"], q["evseId"], q["requestId"]) for q in found} == {
            ("CSO", 1, 5)
        }


def test_what_2_1_has_set_is_told_to_2_0_1_in_its_words_or_not_at_all():
    point = Point(Charger())
    assert put(point, plan(kind="Dynamic", dynUpdateInterval=15)) == "Accepted"
    assert put(point, plan(id=8, chargingProfilePurpose="PriorityCharging")) == "Accepted"
    point.later = False
    _, (part,) = report(point)
    (told,) = part["chargingProfile"]
    assert told["chargingProfileKind"] == "Absolute" and "dynUpdateInterval" not in told
    assert told["chargingSchedule"][0]["startSchedule"] == "2027-01-01T12:00:00Z"


def test_what_1_6_has_set_is_reported_by_its_times():
    point = Point(Charger())
    point.station.profiles.install(profile(8, id=1))
    point.station.profiles.install(profile(8, id=2, stack=1, start=NOON))
    point.station.profiles.install(profile(8, id=3, stack=2, start=NOON, every=p.DAILY))
    _, found = report(point)
    kinds = {
        q["chargingProfile"][0]["id"]: q["chargingProfile"][0]["chargingProfileKind"]
        for q in found
    }
    assert kinds == {1: "Relative", 2: "Absolute", 3: "Recurring"}
    assert found[0]["chargingProfile"][0]["chargingSchedule"][0]["id"] == 3
    assert found[0]["chargingProfile"][0]["recurrencyKind"] == "Daily"


def test_a_report_that_is_cut_off_is_no_crash():
    point = Point(Charger())
    put(point, plan())
    put(point, plan(id=8, stackLevel=1))
    point.answers = [CallError("InternalError")]
    assert len(report(point)[1]) == 1


def test_what_cannot_be_is_refused_with_its_reason():
    point = Point(Charger())
    extra = {"startPeriod": 0, "limit": 8}

    def one(**fields):
        schedule = dict(plan()["chargingSchedule"][0])
        schedule["chargingSchedulePeriod"] = [dict(extra, **fields)]
        return plan(chargingSchedule=[schedule])

    schedule = plan()["chargingSchedule"][0]
    station = {"chargingProfilePurpose": "ChargingStationMaxProfile"}
    generation = {"chargingProfilePurpose": "LocalGeneration"}
    external = {"chargingProfilePurpose": "ChargingStationExternalConstraints"}
    soc = {"limit": 6, "soc": 80}
    wrong = (
        (plan(), 2, "UnknownEvse"),
        (plan(**station), 1, "InvalidValue"),
        (plan(**generation), 1, "InvalidValue"),
        (plan(**external), 0, "InvalidProfile"),
        (plan(id=-1), 1, "InvalidProfile"),
        (plan(chargingSchedule=[schedule, schedule]), 1, "InvalidSchedule"),
        (plan(startSchedule=None), 1, "InvalidSchedule"),
        (plan(kind="Recurring", startSchedule=None, recurrencyKind="Daily"), 1, "InvalidSchedule"),
        (plan(kind="Recurring"), 1, "InvalidProfile"),
        (plan(kind="Relative", startSchedule="2027-01-01T12:00:00Z"), 1, "InvalidSchedule"),
        (plan(kind="Relative", **station), 0, "InvalidSchedule"),
        (plan(kind="Relative", **generation), 0, "InvalidSchedule"),
        (plan(limits=((5, 8),)), 1, "InvalidSchedule"),
        (plan(limits=((0, 8), (0, 9))), 1, "InvalidSchedule"),
        (plan(limits=[(i, 8) for i in range(97)]), 1, "InvalidSchedule"),
        (plan(limits=((0, -0.5),)), 1, "InvalidSchedule"),
        (plan(stackLevel=10), 1, "InvalidProfile"),
        (plan(duration=-5), 1, "InvalidProfile"),
        (plan(validFrom="2027-01-02T00:00:00Z", validTo="2027-01-01T00:00:00Z"), 1,
         "InvalidProfile"),
        (plan(useLocalTime=True), 1, "UnsupportedParam"),
        (plan(limitAtSoC=soc), 1, "UnsupportedParam"),
        (one(phaseToUse=1, numberPhases=1), 1, "UnsupportedParam"),
        (one(limit_L2=8), 1, "UnsupportedParam"),
        (one(setpoint=8), 1, "UnsupportedParam"),
        (one(operationMode="Idle"), 1, "UnsupportedParam"),
        (one(numberPhases=0), 1, "InvalidSchedule"),
        (plan(maxOfflineDuration=-1), 1, "InvalidProfile"),
        (plan(dynUpdateInterval=5), 1, "InvalidProfile"),
        (plan(dynUpdateTime="2027-01-01T12:00:00Z"), 1, "InvalidProfile"),
        (plan(randomizedDelay=5, **station), 0, "InvalidSchedule"),
        (plan(randomizedDelay=86401), 1, "InvalidSchedule"),
        (plan(kind="Dynamic", limits=((0, 8), (5, 9))), 1, "InvalidSchedule"),
        (plan(kind="Dynamic", startSchedule="2027-01-01T12:00:00Z"), 1, "InvalidSchedule"),
    )  # fmt: skip
    for data, evse, reason in wrong:
        assert put(point, data, evse) == reason, (data, reason)
    unix, point.clock.unix = point.clock.unix, None
    assert put(point, plan(kind="Dynamic", duration=60)) == "InvalidSchedule"
    point.clock.unix = unix
    no_limit = plan()
    del no_limit["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]
    assert put(point, no_limit) == "MissingParam"
    assert point.station.profiles.installed() == []
    assert put(point, one(operationMode="ChargingOnly", evseSleep=False)) == "Accepted"
    point.settings.provide("ChargingScheduleAllowedChargingRateUnit", "Current")
    assert put(point, plan(chargingRateUnit="W")) == "UnsupportedRateUnit"
    assert put(point, plan()) == "Accepted"


def test_another_id_at_the_same_level_is_refused_and_the_same_id_replaces():
    point = Point(Charger())
    assert put(point, plan(id=7)) == "Accepted"
    assert put(point, plan(id=8)) == "DuplicateProfile"
    assert put(point, plan(id=8), 0) == "Accepted", "the station is another place"
    assert put(point, plan(id=9, stackLevel=1)) == "Accepted"
    assert put(point, plan(((0, 9),), id=7)) == "Accepted"
    found = {one.id: next(one.limits())[0] for one in point.station.profiles.installed()}
    assert found == {7: 90, 8: 160, 9: 160}


def test_a_profile_that_is_over_is_no_reason_to_refuse_another():
    point = Point(Charger())
    assert put(point, plan(id=7, validTo="2027-01-01T12:30:00Z")) == "Accepted"
    assert put(point, plan(id=8)) == "DuplicateProfile"
    point.clock.ms += 1800000
    assert put(point, plan(id=8)) == "Accepted"
    assert [one.id for one in point.station.profiles.installed()] == [8]


def test_a_profile_of_a_transaction_needs_it_and_its_evse():
    c = Charger()
    point = Point(c)
    tx = plan(kind="Relative", chargingProfilePurpose="TxProfile")
    assert put(point, tx) == "MissingParam" and put(point, tx, 0) == "InvalidValue"
    assert put(point, dict(tx, transactionId="t1")) == "TxNotFound"
    session = run(c.charge())
    mine = dict(tx, transactionId="t%d" % session.id)
    assert put(point, dict(tx, transactionId="other")) == "TxNotFound"
    assert put(point, mine) == "Accepted"
    assert put(point, dict(mine, id=8)) == "DuplicateProfile"
    _, (part,) = report(point, 1, chargingProfilePurpose="TxProfile")
    assert part["chargingProfile"] == [mine]
    c.connector.request_stop("local")
    assert put(point, dict(mine, id=8, stackLevel=1)) == "TxNotFound", "it ends"


def test_the_profile_of_a_start():
    read, point = smart_charging.start_profile, Point(Charger())
    assert read(point, {}) is None
    tx = plan(kind="Relative", chargingProfilePurpose="TxProfile")
    one = read(point, {"chargingProfile": tx, "evseId": 1})
    assert (one.id, one.connector, one.purpose, one.session) == (7, 1, p.TX, None)
    for data in (plan(), dict(tx, transactionId="t1"), dict(tx, stackLevel=10)):
        raises(ValueError, read, point, {"chargingProfile": data})
    # What is not offered is refused on this way, too.
    point.settings.provide("ChargingScheduleAllowedChargingRateUnit", "Power")
    with_tx = {"chargingProfile": tx}
    assert raises(ValueError, read, point, with_tx).args[0] == "UnsupportedRateUnit"


def test_clear_says_what_it_found():
    point = Point(Charger())

    def clear(id=None, **criteria):
        payload = {} if id is None else {"chargingProfileId": id}
        if criteria:
            payload["chargingProfileCriteria"] = criteria
        return run(smart_charging.clear_charging_profile(point, payload))["status"]

    put(point, plan(id=7))
    put(point, plan(id=8), 0)
    for nothing in ({}, {"customData": {"vendorId": "v"}}):
        payload = {"chargingProfileCriteria": nothing}
        answer = run(smart_charging.clear_charging_profile(point, payload))
        assert answer["status"] == "Unknown", nothing
    external = "ChargingStationExternalConstraints"
    for found in (clear(), clear(9), clear(stackLevel=1), clear(evseId=2), clear(-1),
                  clear(chargingProfilePurpose=external)):  # fmt: skip
        assert found == "Unknown"
    assert clear(evseId=0) == "Accepted" and clear(evseId=0) == "Unknown"
    assert clear(7) == "Accepted" and clear(7) == "Unknown"
    put(point, plan())
    assert clear(chargingProfilePurpose="TxDefaultProfile", stackLevel=0, evseId=1) == "Accepted"


def test_a_composite_needs_a_place_a_unit_a_duration_and_the_time():
    c = Charger()
    point = Point(c)

    def ask(**fields):
        payload = dict({"evseId": 1, "duration": 60, "chargingRateUnit": "A"}, **fields)
        return run(smart_charging.get_composite_schedule(point, payload))

    period = {"startPeriod": 0, "limit": 16, "numberPhases": 1}
    assert ask() == {
        "status": "Accepted",
        "schedule": {
            "evseId": 1,
            "duration": 60,
            "scheduleStart": "2027-01-01T12:00:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [period],
        },
    }
    put(point, plan(((0, 7.5),)))
    (period,) = ask()["schedule"]["chargingSchedulePeriod"]
    assert period["limit"] == 7.5
    assert ask(evseId=2)["statusInfo"]["reasonCode"] == "UnknownEvse"
    assert ask(duration=0)["status"] == "Rejected"
    point.settings.provide("ChargingScheduleAllowedChargingRateUnit", "Current")
    assert ask(chargingRateUnit="W")["statusInfo"]["reasonCode"] == "UnsupportedRateUnit"
    c.clock.unix = None
    assert ask()["status"] == "Rejected"


def told(point, seconds=3):
    """What is due after some seconds, sent: [(action, payload), ...]."""
    point.sent = []
    point.limits.due_in_ms()
    point.clock.ms += 1000 * seconds
    while point.limits.due_in_ms() == 0:
        run(point.limits.step())
    return point.sent


def test_limits_from_elsewhere_are_told_once_and_so_is_their_end():
    c = Charger()
    point = Point(c)
    limits = c.limits
    assert told(point) == [] and point.limits.due_in_ms() is None
    limits.cap("site", 0)
    assert told(point) == [], "no session: it has no part of the supply yet"
    limits.cap("site", None)
    limits.claim("web", 1000, 10000)
    assert point.limits.due_in_ms() == 2000
    run(point.limits.step())
    assert point.sent == [], "not before its time"
    limit = {"evseId": 1, "chargingLimit": {"chargingLimitSource": "Other"}}
    assert told(point) == [("NotifyChargingLimit", limit)]
    assert told(point) == []
    limits.claim("solar", 50, 8000)
    assert told(point) == [], "it does not limit: the page does"
    limits.release("web")
    other = {"evseId": 1, "chargingLimit": {"chargingLimitSource": "EMS"}}
    cleared = {"evseId": 1, "chargingLimitSource": "Other"}
    assert told(point) == [("ClearedChargingLimit", cleared), ("NotifyChargingLimit", other)]
    limits.cap("cable", 6000)
    assert told(point) == [("ClearedChargingLimit", dict(cleared, chargingLimitSource="EMS"))]
    assert told(point) == []


def test_a_small_change_of_a_limit_is_not_told_and_a_short_one_is_not_either():
    c = Charger(
        settings={"LimitChangeSignificance": "10", "NotifyChargingLimitWithSchedules": "true"}
    )
    point = Point(c)
    c.limits.cap("guard", 10000)
    ((_, first),) = told(point)
    (schedule,) = first["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10}]
    c.limits.cap("guard", 9050)
    assert told(point) == []
    c.limits.cap("guard", 9000)
    ((_, second),) = told(point)
    assert second["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 9
    c.limits.cap("guard", 0)
    point.limits.due_in_ms()
    c.clock.ms += 1500
    c.limits.cap("guard", 9000)
    assert told(point) == []
    c.limits.cap("guard", 0)
    assert len(told(point)) == 1


def test_a_limit_that_is_refused_is_dropped_and_one_without_an_answer_is_told_again():
    c = Charger()
    point = Point(c)
    c.limits.cap("guard", 10000)
    point.limits.due_in_ms()
    c.clock.ms += 3000
    point.answers = [asyncio.TimeoutError(), CallError("InternalError")]
    raises(asyncio.TimeoutError, run, point.limits.step())
    assert point.limits.due_in_ms() == 0
    run(point.limits.step())
    assert point.limits.due_in_ms() is None


def test_an_external_limit_is_reported_as_a_constraint():
    for later in (True, False):
        c = Charger()
        point = Point(c, later)
        put(point, plan())
        assert report(point, 1, chargingLimitSource=["EMS"])[0] == "NoProfiles"
        c.limits.cap("guard", 9040)
        status, (part,) = report(point, 1, chargingLimitSource=["EMS", "Other"])
        (data,) = part["chargingProfile"]
        assert part["chargingLimitSource"] == "EMS" and data["id"] == -1 and "tbc" not in part
        period = {"startPeriod": 0, "limit": 9}
        assert data["chargingSchedule"][0]["chargingSchedulePeriod"] == [period]
        assert ("startSchedule" in data["chargingSchedule"][0]) != later
        assert report(point, 0)[0] == "NoProfiles"
        assert len(report(point)[1]) == 2
        assert len(report(point, chargingProfileId=[-1])[1]) == 1


def test_a_live_limit_is_pushed():
    c = Charger()
    point = Point(c)

    def push(id=7, **update):
        payload = {"chargingProfileId": id, "scheduleUpdate": update}
        answer = run(dynamic.update_dynamic_schedule(point, payload))
        return answer["status"] if len(answer) == 1 else answer["statusInfo"]["reasonCode"]

    assert push(limit=8) == "NotFound"
    put(point, plan(kind="Dynamic"))
    assert push(limit=8.5) == "Accepted"
    assert next(live_limits.find(point.station.profiles, 7).limits())[0] == 85
    assert push() == "MissingParam" and push(limit=-1) == "InvalidSchedule"
    assert push(limit=6, limit_L2=6) == "UnsupportedParam"
    assert next(live_limits.find(point.station.profiles, 7).limits())[0] == 85
    put(point, plan(id=8, stackLevel=1))
    assert push(8, limit=6) == "InvalidProfile"
    assert new_limit({"limit": 0}) == 0


def test_a_live_limit_is_pulled_when_it_is_due():
    c = Charger()
    point = Point(c)
    assert point.live.due_in_ms() is None
    put(point, plan(kind="Dynamic"))
    assert point.live.due_in_ms() is None, "no interval"
    put(point, plan(kind="Dynamic", dynUpdateInterval=30))
    put(point, plan(kind="Dynamic", id=8, stackLevel=1, dynUpdateInterval=600))
    assert point.live.due_in_ms() == 30000
    c.clock.ms += 30000
    assert point.live.due_in_ms() == 0
    point.answers = [{"status": "Accepted", "scheduleUpdate": {"limit": 9}}]
    run(point.live.step())
    assert point.sent == [("PullDynamicScheduleUpdate", {"chargingProfileId": 7})]
    assert next(live_limits.find(point.station.profiles, 7).limits())[0] == 90
    assert point.live.due_in_ms() == 30000
    c.clock.ms += 29000
    run(point.live.step())
    assert len(point.sent) == 1, "not before its time"
    unusable = {"status": "Accepted", "scheduleUpdate": {"setpoint": 9}}
    for answer in ({"status": "Rejected"}, CallError("InternalError"), unusable,
                   {"status": "Accepted"}):  # fmt: skip
        c.clock.ms += 30000
        point.answers = [answer]
        run(point.live.step())
        assert next(live_limits.find(point.station.profiles, 7).limits())[0] == 90
        assert point.live.due_in_ms() == 30000, answer
    # A clock that was set back does not stop it for hours.
    c.clock.unix -= 86400
    c.clock.ms += 30000
    assert point.live.due_in_ms() == 30000
    c.clock.unix = None
    assert point.live.due_in_ms() == 0


def test_of_what_is_over_nothing_is_kept():
    # One number for each session would fill the heap in some weeks.
    c = Charger()
    point = Point(c)
    for number in range(1, 5):
        put(point, plan(kind="Dynamic", id=number, dynUpdateInterval=30))
        c.clock.ms += 30000
        point.answers = [{"status": "Rejected"}]
        run(point.live.step())
        c.station.profiles.clear(number)
        point.live.know(number, True)
    assert list(point.live._asked) == [4] and point.live._first == [4]


def test_a_profile_that_was_replaced_meanwhile_keeps_its_own_limit():
    c = Charger()
    point = Point(c)
    put(point, plan(kind="Dynamic", dynUpdateInterval=30))
    c.clock.ms += 30000

    async def slow(action, payload):
        point.station.profiles.install(profile(12, id=7, extra=[p.LIVE, 1, 0, None, 0, 30, NOON]))
        return {"status": "Accepted", "scheduleUpdate": {"limit": 9}}

    point.live._call = slow
    run(point.live.step())
    assert next(live_limits.find(point.station.profiles, 7).limits())[0] == 120
    run(c.pass_s(130))
    again = Charger(c.flash, boot=2).station.profiles
    assert next(live_limits.find(again, 7).limits())[0] == 120, "on flash, too"


def test_priority_from_afar_and_at_the_charger():
    c = Charger()
    point = Point(c)
    session = run(c.charge())

    def use(on, id=None):
        payload = {"transactionId": id or "t%d" % session.id, "activate": on}
        return run(dynamic.use_priority_charging(point, payload))["status"]

    assert use(True) == "NoProfile" and use(True, "other") == "Rejected"
    put(point, plan(((0, 12),), chargingProfilePurpose="PriorityCharging"))
    assert use(True) == "Accepted" and session.id in point.station.profiles.first
    assert point.live.due_in_ms() is None, "who has said it knows it"
    # Somebody at the charger.
    live_limits.prioritize(point.station, session.id, False)
    assert point.live.due_in_ms() == 0
    point.answers = [asyncio.TimeoutError(), CallError("InternalError")]
    raises(asyncio.TimeoutError, run, point.live.step())
    run(point.live.step())
    message = {"transactionId": "t%d" % session.id, "activated": False}
    assert point.sent == [("NotifyPriorityCharging", message)] * 2
    assert point.live.due_in_ms() is None
    live_limits.prioritize(point.station, session.id, True)
    run(point.live.step())
    assert point.sent[-1] == ("NotifyPriorityCharging", dict(message, activated=True))
    c.connector.request_stop("local")
    run(c.pass_s(2))
    assert point.live.due_in_ms() is None
