# The table of monitored variables and the device model name the same variables and faults.
# MIT license; part of microevse

from ocpp2 import events, monitored, table
from station import faults
from station_parts import Charger


def test_what_can_be_monitored_is_what_the_model_says():
    rows = [line.split(" ") for line in monitored.TABLE.split("\n")[1:-1]]
    assert sorted([row[0] for row in rows]) == table.MONITORED.split("\n")[1:-1]
    where = {"s": "", "e": "e", "c": "c"}
    for place, word, at, scale, least, most in rows:
        component, variable = place.split(".")
        (line,) = [
            line for line in table.TABLE.split("\n")
            if line.startswith("%s|%s|" % (component, variable))
        ]  # fmt: skip
        assert line.split("|")[3] == where[at], line
        assert int(least) <= int(most) and (int(scale) or word.startswith("availability"))


def test_the_fault_of_an_event_is_that_of_the_variable():
    """Every cause that the model names for a variable is told by an event of this variable."""
    c = Charger()
    seen = 0
    for line in table.TABLE.split("\n")[1:-1]:
        component, variable, _, where, _, _, _, value, _ = line.split("|")
        for cause in value[1:].split(" ") if value[:1] == "!" else ():
            assert faults.is_known(cause)
            place, _ = events.of_fault(cause)
            assert place == "%s.%s" % (component, variable), cause
            named, _ = events.place_of(place, 1)
            evse = {"": None, "e": {"id": 1}, "c": {"id": 1, "connectorId": 1}}[where]
            assert named.get("evse") == evse, line
            seen += 1
    assert seen > 20 and c.connector.fault is None


class Point:
    def __init__(self, charger):
        self.station = charger.station


def test_names_of_any_spelling():
    point = Point(Charger())

    def found(component, variable, evse=None, **more):
        component = dict(more, name=component)
        if evse:
            component["evse"] = evse
        return monitored.look_up(point, component, {"name": variable})

    one = {"id": 1}
    number, row = found("evse", "POWER", one)
    assert number == 1 and row[:2] == ["EVSE.Power", "power"]
    for component, variable in (
        ("EVSE", "Power power e 1 0 70000"),
        ("EVSE", "Power\nEVSE"),
        ("EVSE", ""),
        ("", ""),
        ("EVSE.Power", ""),
        ("|", "|"),
        ("b|rw|", "x"),
        (".", "."),
    ):
        assert str(found(component, variable, one)).startswith("Unknown"), (component, variable)
    assert found("EVSE", "Power", {"id": 1, "connectorId": 1}) == "UnknownComponent"
    assert found("EVSE", "Power", {"id": 1, "connectorId": 2}) == "UnknownComponent"
    assert found("EVSE", "Power", {"id": -1}) == "UnknownComponent"
    assert found("EVSE", "Power", one, instance="x") == "UnknownComponent"
    # Without a thermometer its component is not there; without a meter the value is not.
    assert found("TemperatureSensor", "Temperature", one) == "UnknownComponent"
    point.station.connectors[0].metering.meter = None
    assert found("ElectricalFeed", "ACCurrent", one) == "UnknownVariable"


def test_decimals():
    for value, scale, text in (
        (0, 1, "0"), (-55, 10, "-5.5"), (16000, 1000, "16"), (230050, 1000, "230.05"),
        (5, 10, "0.5"), (-5, 1000, "-0.005"),
    ):  # fmt: skip
        assert monitored.decimal(value, scale) == text
    assert monitored.number(16000, 1000) == 16 and monitored.number(-55, 10) == -5.5
