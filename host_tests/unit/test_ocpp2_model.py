# The device model of OCPP 2.x: its variables, and settings as their other face.
# MIT license; part of microevse
from helpers import run
from ocpp2 import model, reports, variables
from ocpp2.client import Ocpp2
from station.declarations import BLOB
from station_parts import Charger, FakeMeter


def point(charger=None, later=False, **settings):
    charger = charger or Charger(settings=settings)

    async def made():  # of 2.1 it has a task
        return Ocpp2(
            None, None, charger.station, charger.settings, charger.clock,
            {"serialNumber": "S1", "firmwareVersion": "1.2"}, "PowerUp", later,
            None, ["Reservation", "SmartCharging"], fitted=(1, "estop"),
        )  # fmt: skip

    return run(made())


def find(p, text, **place):
    component, _, name = text.partition(".")
    name, _, instance = name.partition("[")
    variable = {"name": name}
    if instance:
        variable["instance"] = instance.rstrip("]")
    return model.find(p, dict(place, name=component), variable)


def test_every_variable_is_found_by_its_names_and_is_there_once():
    p = point()
    seen = []
    for one in model.each(p):
        key = (one.component, one.name, one.instance, one.evse, one.connector)
        assert key not in seen, key
        seen.append(key)
        found = model.find(p, *one.names())
        assert found and found.setting == one.setting and found.value() == one.value(), key
        about = one.characteristics()
        if about["dataType"][-4:] == "List":
            words = about["valuesList"].split(",")
            assert [w for w in (one.value() or "").split(",") if w and w not in words] == [], key
    assert len(seen) > 90


def test_a_setting_and_its_variable_are_one_value():
    p = point()
    settings = p.settings
    for line in BLOB.strip().split("\n"):
        name, face, kind = line.split("|")[:3]
        if not face or not settings.variable_access(name):
            continue
        if face.startswith("LocalAuthListCtrlr"):
            assert find(p, face) is None or find(p, face) is False, "no list is fitted"
            continue
        one = find(p, face)
        assert one and one.setting == name, face
        if one.access == "w":
            assert one.value() is None
        elif name != "ChargingScheduleAllowedChargingRateUnit":
            assert one.value() == settings.text(name), face
        if one.access == "rw" and kind == "i":
            least, most = line.split("|")[4].split("..")
            assert one.characteristics()["minLimit"] == int(least), face
            assert one.characteristics()["maxLimit"] == int(most), face
            assert one.set(most)[0] == "accepted" and settings.text(name) == most
            assert one.set(str(int(most) + 1))[0] == "rejected"
            assert settings.set(name, least, True) == "accepted" and one.value() == least
        elif one.access == "rw" and kind == "b":
            for value in ("true", "false"):
                assert one.set(value)[0] == "accepted" and settings.text(name) == value
        elif one.access == "r":
            assert one.set(one.value())[:2] == ("rejected", "ReadOnly"), face


def test_spellings_that_differ():
    p = point()
    assert find(p, "SmartChargingCtrlr.RateUnit").value() == "A,W"
    password = find(p, "SecurityCtrlr.BasicAuthPassword")
    assert p.settings.set("AuthorizationKey", "0123456789ABCDEF" * 2) == "accepted"
    word, code, _ = password.set("short")
    assert (word, code) == ("rejected", "InvalidValue") and p.settings.text("AuthorizationKey")
    assert password.set("a good long password 42")[0] == "accepted"
    assert p.settings.text("AuthorizationKey") == "", "it is one password"
    assert p.settings.basic_auth_key() == b"a good long password 42"


def test_names_are_compared_without_regard_to_case():
    p = point()
    assert find(p, "evse.availabilitySTATE", evse={"id": 1}).name == "AvailabilityState"
    assert find(p, "OCPPCOMMCTRLR.messagetimeout[default]").setting == "MessageTimeout"


def test_what_is_not_there():
    p = point()
    for text, place, wanted in (
        ("Nobody.X", {}, False),
        ("EVSE.Power", {}, False),
        ("EVSE.Power", {"evse": {"id": 2}}, False),
        ("EVSE.Power", {"evse": {"id": 1, "connectorId": 1}}, False),
        ("EVSE.Nothing", {"evse": {"id": 1}}, None),
        ("Connector.Problem", {"evse": {"id": 1}}, False),
        ("Connector.Problem", {"evse": {"id": 1, "connectorId": 2}}, False),
        ("OCPPCommCtrlr.OfflineThreshold", {"evse": {"id": 1}}, False),
        ("OCPPCommCtrlr.OfflineThreshold", {"instance": "a"}, False),
        ("OCPPCommCtrlr.OfflineThreshold[x]", {}, None),
        ("OCPPCommCtrlr.MessageTimeout", {}, None),
        ("EVSE|Power.x", {}, False),
        ("EVSE\n.x", {}, False),
    ):
        assert find(p, text, **place) is wanted, (text, place)


def test_readings_are_those_of_the_moment():
    charger = Charger()
    p = point(charger)
    here = {"evse": {"id": 1}}
    assert find(p, "EVSE.AvailabilityState", **here).value() == "Available"
    assert find(p, "RCD.Tripped", **here).value() == "false"
    charger.connector.report_fault("RcdTripped")
    assert find(p, "RCD.Tripped", **here).value() == "true"
    assert find(p, "EVSE.Problem", **here).value() == "true"
    assert find(p, "PowerContactor.Problem", **here).value() == "false"
    assert find(p, "EmergencyStopSensor.Tripped").value() == "false"
    assert find(p, "TemperatureSensor.Problem", **here) is False, "none is fitted"
    assert find(p, "ClockCtrlr.DateTime").value()[:13] == "2027-01-01T12"
    charger.clock.unix = None
    assert find(p, "ClockCtrlr.DateTime").value() is None
    (item,) = answer(
        p, variables.get_variables, {"getVariableData": [named("ClockCtrlr.DateTime")]}
    )
    assert item["attributeStatus"] == "Rejected" and "attributeValue" not in item
    assert find(p, "OCPPCommCtrlr.FieldLength[Authorize.idToken]").value() == "36"
    later = point(charger, later=True)
    assert find(later, "OCPPCommCtrlr.FieldLength[Authorize.idToken]").value() == "255"


def named(text):
    component, _, variable = text.partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


def answer(p, handler, payload):
    import json

    (items,) = json.loads("".join(run(handler(p, payload)))).values()
    return items


def test_a_report_is_rejected_while_the_time_is_not_known():
    p = point()
    p.clock.unix = None
    wanted = {"requestId": 1, "reportBase": "FullInventory"}
    assert run(reports.get_base_report(p, wanted))["status"] == "Rejected"


def test_a_part_that_is_refused_or_not_answered_does_not_end_its_report():
    import asyncio
    import json

    from ocppj.messages import CallError, Disconnected

    p = point()
    p._wake = lambda: None
    parts, ends = [], [asyncio.TimeoutError(), CallError("InternalError")]

    async def call(action, payload):
        parts.append(json.loads("".join(payload)))
        if ends:
            raise ends.pop(0)
        return {}

    p._call = call
    wanted = {"requestId": 4, "reportBase": "FullInventory"}
    accepted, after = run(reports.get_base_report(p, wanted))
    run(after())
    assert accepted["status"] == "Accepted" and len(parts) > 4
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    count = len(parts)
    ends.append(Disconnected("gone"))
    _, after = run(reports.get_base_report(p, wanted))
    run(after())
    assert len(parts) == count + 1


def test_a_meter_that_is_not_fitted_has_no_variables():
    p = point()
    assert find(p, "FiscalMetering.Problem", evse={"id": 1})
    meter = p.station.connectors[0].metering.meter
    assert isinstance(meter, FakeMeter)
    p.station.connectors[0].metering.meter = None
    assert find(p, "FiscalMetering.Problem", evse={"id": 1}) is False
    assert find(p, "EVSE.Power", evse={"id": 1}).value() == "0"


def test_what_cannot_be_asked_for_is_not_available():
    """Charging profiles are no part of this adapter yet, whatever the station can do with them."""
    from ocpp2.actions import ACTIONS

    taken = "\nSetChargingProfile " in ACTIONS
    assert find(point(), "SmartChargingCtrlr.Available").value() == ("true" if taken else "false")
