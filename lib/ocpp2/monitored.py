# The variables that can be monitored, and events of the monitors: OCPP 2.x.
# MIT license; part of microevse
"""Between `station.monitors`, which knows values, and the device model, which knows variables.
Loaded while there is a monitor, and for the requests about monitors."""

from evse_base import const
from station import declarations, monitors

from . import events, names

# component.variable, the station's word for it, where it is, base units in one unit of the
# variable, least and most in base units. Where: s station, e EVSE, c connector of an EVSE. A
# variable without units is a word: a monitor of it has no bound.
TABLE = const("""
ChargingStation.AvailabilityState availability.s s 0 0 0
EVSE.AvailabilityState availability.e e 0 0 0
Connector.AvailabilityState availability.c c 0 0 0
EVSE.Power power e 1 0 70000
FiscalMetering.EnergyImportRegister energy e 1 0 1000000000
ElectricalFeed.ACCurrent current e 1000 0 100000
ElectricalFeed.ACVoltage voltage e 1000 0 500000
TemperatureSensor.Temperature temperature e 10 -400 1250
""")
# MonitorEnumType: the station's kind, and the criterion of reports that it meets.
KINDS = const("""
UpperThreshold above ThresholdMonitoring
LowerThreshold below ThresholdMonitoring
Delta change DeltaMonitoring
Periodic every PeriodicMonitoring
PeriodicClockAligned clock PeriodicMonitoring
""")
# Components that every charger has.
_ALWAYS = const("|ChargingStation|EVSE|Connector|ElectricalFeed|Controller|PowerContactor|")
_TRIGGERS = {"alert": "Alerting", "change": "Delta", "time": "Periodic"}


def start(point, needed):
    """The Monitors of the station of `point` (an Ocpp2), which tell their events; without `needed`
    None where there are none."""
    station = point.station

    def tell(item, why, value, over):
        place, scale = variable_of(item[monitors.WHAT])
        fields = {
            "eventNotificationType": "CustomMonitor",
            "variableMonitoringId": item[monitors.ID],
        }
        if over:
            fields["cleared"] = True
        number = item[monitors.CONNECTOR]
        session = station.connectors[max(0, number - 1)].session
        if item[monitors.SESSION] and session:
            fields["transactionId"] = point.transaction_id(session.id)
        text = decimal(value, scale) if scale else names.connector_status(value)
        if item[monitors.STREAM] and point.streams and point.streams.take(item, text):
            return
        severity = item[monitors.SEVERITY]
        point.events.add(severity, _TRIGGERS[why], place, number, text, **fields)
        point.wake()

    made = monitors.Monitors(station, station.journal, point.clock, tell)
    if point.later and [item for item in made.items if item[monitors.STREAM]]:
        start_streams(point)
    return made if needed or made.items else None


def start_streams(point):
    """There is a stream."""
    if point.streams is None:
        from .streams import Streams

        Streams(point)
    point.wake()


def variable_of(what):
    """("Component.Variable", its scale) of the station's word."""
    at = TABLE.find(" %s " % what)
    row = TABLE[TABLE.rfind("\n", 0, at) + 1 : TABLE.find("\n", at)].split(" ")
    return row[0], int(row[3])


def decimal(value, scale):
    """A value in base units as decimal text."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    text = "%s%d" % (sign, value // scale)
    rest = value % scale
    while rest:
        text += ("" if "." in text else ".") + str(rest * 10 // scale)
        rest = rest * 10 % scale
    return text


def number(value, scale):
    """A value in base units as a number for JSON."""
    return value if scale < 2 else value // scale if not value % scale else value / scale


def kind_of(word, column=1):
    """The station's kind of a MonitorEnumType, None if it has none; column 2: the criterion."""
    row = names.of(KINDS, word)
    return row.split(" ")[column - 1] if row else None


def type_of(kind, column=0):
    """MonitorEnumType of the station's kind; column 2: the criterion."""
    at = KINDS.find(" %s " % kind)
    return KINDS[KINDS.rfind("\n", 0, at) + 1 : KINDS.find("\n", at)].split(" ")[column]


def look_up(point, component, variable):
    """What a ComponentType and a VariableType name: (connector number, row of TABLE as a list), or
    the SetMonitoringStatusEnumType that says why not."""
    station = point.station
    evse = component.get("evse") or {}
    at = evse.get("id")
    name = component["name"]
    if component.get("instance") or at is not None and station.connector(at) is None:
        return "UnknownComponent"
    if evse.get("connectorId") not in (None, 1):
        return "UnknownComponent"
    place = "%s.%s" % (name, variable["name"])
    if " " in place or "|" in place or "\n" in place:
        return "UnknownComponent"  # no name has them, and the tables are searched by them
    row = _row(place)
    if row and not variable.get("instance"):
        if _there(station, row[1], at):
            wanted = "s" if at is None else "e" if evse.get("connectorId") is None else "c"
            return (at or 0, row) if wanted == row[2] else "UnknownComponent"
        fitted = "|%s|" % row[0].split(".")[0] in _ALWAYS
        return "UnknownVariable" if fitted else "UnknownComponent"
    if _line(place + " ") or "|%s|" % place in declarations.BLOB:
        return "Rejected"  # it is there, but the station does not watch it
    known = "|%s|" % name in _ALWAYS or _line(name + ".") or "|%s." % name in declarations.BLOB
    return "UnknownVariable" if known else "UnknownComponent"


def _row(place):
    """Row of TABLE as a list, None if it has none. Names are compared without regard to case."""
    for line in TABLE.split("\n"):
        if line.partition(" ")[0].lower() == place.lower() and line:
            return line.split(" ")
    return None


def _line(text):
    return " %s" % text in events.FAULTS


def _there(station, what, at):
    """True if the value is measured here."""
    if what == "temperature":
        return station.connectors[(at or 1) - 1].facts.temp_dc is not None
    meter = station.connectors[(at or 1) - 1].metering.meter
    return what.startswith("availability") or meter is not None


def hard_wired(point):
    """The records of the monitors that the firmware has by itself: each connector's availability.
    Their ids are the numbers of the connectors."""
    for connector in point.station.connectors:
        number, severity = connector.id, events.AVAILABILITY_SEVERITY
        yield [number, number, "availability.c", "change", 1, severity, False]


def described(point, record):
    """(ComponentType, VariableType, VariableMonitoringType) of the record of a monitor."""
    place, scale = variable_of(record[monitors.WHAT])
    component, variable = events.place_of(place, record[monitors.CONNECTOR])
    kind = record[monitors.KIND]
    out = {
        "id": record[monitors.ID],
        "transaction": record[monitors.SESSION],
        "value": number(record[monitors.VALUE], 1 if kind in ("every", "clock") else scale),
        "type": type_of(kind),
        "severity": record[monitors.SEVERITY],
    }
    if point.later:
        own = record[monitors.ID] < monitors.FIRST_ID
        out["eventNotificationType"] = "HardWiredMonitor" if own else "CustomMonitor"
    return component, variable, out
