# NotifyEvent of OCPP 2.x: what a central system is told beside transactions and statuses.
# MIT license; part of microevse
"""The queue of events (2.0.1 part 2, N07 and N08).

Its sources: the faults of the station, each as a hard-wired notification about the component that
has it; the availability of each connector, as a hard-wired monitor; and the monitors that the
central system has set (`station.monitors`). The queue is in memory and bounded. While no central
system is there, only what is severe enough (OfflineQueuingSeverity) is queued. Numbers of events
begin with that of the boot: no number comes twice.
"""

import asyncio

from evse_base import const, iso8601, log
from ocppj.messages import CallError
from station import faults

from . import status

# Events that wait. Beyond this the least severe one goes, of several the oldest.
MOST = const(16)
# Events in one message; and how often a message that is not answered is sent.
_EACH = const(4)
_ATTEMPTS = const(3)
_COUNTED = const(16)  # bits of the number of an event that count in one boot

# The severity of a change of availability: informational.
AVAILABILITY_SEVERITY = const(8)

# Cause of a fault, component.variable (part 2 appendices, 3.2), severity: 0 danger, 1 hardware
# failure, 2 system failure, 3 critical, 4 error. All other causes are the controller's own.
FAULTS = const("""
EmergencyStop EmergencyStopSensor.Tripped 3
RcdTripped RCD.Tripped 3
RcdTestFailed RCD.Problem 1
ProtectiveEarthLost ElectricalFeed.Problem 1
ContactorWelded PowerContactor.Problem 0
ContactorNotClosing PowerContactor.Problem 1
OverCurrentHard OverCurrentProtection.Tripped 3
OverCurrentSoft OverCurrentProtection.Tripped 3
CurrentBlind FiscalMetering.Problem 2
LockLost ConnectorPlugRetentionLock.Problem 3
LockJammed ConnectorPlugRetentionLock.Problem 4
TemperatureStop TemperatureSensor.Problem 3
TemperatureSensor TemperatureSensor.Problem 1
PilotFrontEnd CPPWMController.Problem 1
PilotBlind CPPWMController.Problem 1
PilotOutput CPPWMController.Problem 1
PilotDuty CPPWMController.Problem 1
PilotWrong CPPWMController.Problem 4
DiodeLost CPPWMController.Problem 4
PilotUnsteady CPPWMController.Problem 4
Uncalibrated CPPWMController.Problem 2
ClosingsExceeded PowerContactor.Problem 3
MeterLost FiscalMetering.Problem 2
CableUnreadable Connector.Problem 4
ReaderLost TokenReader.Problem 2
""")
_OTHER = const("Controller.Problem 2")
# Of these the station has one; all others are part of an EVSE, or of its connector.
_OF_STATION = const("|EmergencyStopSensor|TokenReader|Controller|TariffCostCtrlr|")


def of_fault(cause):
    """("Component.Variable", severity) that stand for a cause of `station.faults`."""
    at = FAULTS.find("\n%s " % cause)
    row = FAULTS[at + len(cause) + 2 : FAULTS.find("\n", at + 1)] if at >= 0 else _OTHER
    place, _, severity = row.partition(" ")
    return place, int(severity)


def place_of(place, number):
    """ComponentType and VariableType of a "Component.Variable" at a connector; number 0: of the
    station."""
    component, variable = place.split(".")
    out = {"name": component}
    if number and "|%s|" % component not in _OF_STATION:
        out["evse"] = {"id": number}
        if component.startswith("Connector"):
            out["evse"]["connectorId"] = 1
    return out, {"name": variable}


class Events:
    """The events of `station`; a part as `ocppj.central` describes it. call, settings, clock: as
    for `registration.Registration`. later: True for 2.1. online(): True while a central system
    has accepted this charger and is there.

    It listens to the station also while there is no connection: `close` ends that.
    """

    def __init__(self, call, station, settings, clock, later, online):
        self._call = call
        self._station = station
        self._settings = settings
        self._clock = clock
        self._later = later
        self._online = online
        # [number, uptime in s, severity, fields of the event], oldest first.
        self._queue = []
        self._count = 0
        self._attempts = 0
        self._known = {}  # connector -> its availability as it was last
        for connector in station.connectors:
            self._known[connector.id] = status.word(connector)
            if connector.fault:
                self._fault(connector.id, connector.fault[0], connector.fault[1], True)
        station.listeners.append(self.on_event)

    def close(self):
        """Listen no more."""
        self._station.listeners.remove(self.on_event)

    # -- sources ---------------------------------------------------------------------------

    def on_event(self, kind, number, data):
        """A listener of the station."""
        if kind == "fault":
            self._fault(number, data["cause"], data["info"], data["on"])
        elif kind in ("status", "changed") and number:
            new = status.word(self._station.connectors[number - 1])
            if new != self._known.get(number):
                self._known[number] = new
                # The number of a hard-wired monitor is that of its connector.
                how = "HardWiredMonitor"
                self.add(
                    AVAILABILITY_SEVERITY, "Delta", "Connector.AvailabilityState", number, new,
                    eventNotificationType=how, variableMonitoringId=number,
                )  # fmt: skip

    def _fault(self, number, cause, info, on):
        place, severity = of_fault(cause)
        fields = {"techCode": cause}
        if on:
            fields["techInfo"] = faults.sentence(cause, info)
        else:
            fields["cleared"] = True
        value = "true" if on else "false"
        # A lock that fails has passed no bound (G05).
        trigger = "Delta" if "Lock." in place else "Alerting"
        self.add(severity, trigger, place, number, value, **fields)

    def add(self, severity, trigger, place, number, value, **fields):
        """Queue an event, unless it is not severe enough. place: "Component.Variable"; number: of
        the connector, 0 for the station itself. fields: further fields of EventDataType."""
        if severity > self._settings.get("ActiveMonitoringLevel"):
            return
        if not self._online() and severity > self._settings.get("OfflineQueuingSeverity"):
            return
        self._count += 1
        fields["component"], fields["variable"] = place_of(place, number)
        fields["trigger"] = trigger
        fields["actualValue"] = value
        fields.setdefault("eventNotificationType", "HardWiredNotification")
        if self._later:
            fields["severity"] = severity
        # 15 bits of the boot, so that it is an integer of 31 bits.
        event = (self._clock.boot & 0x7FFF) << _COUNTED | self._count & (1 << _COUNTED) - 1
        self._queue.append((event, self._clock.uptime(), severity, fields))
        if len(self._queue) > MOST:
            least = self._queue[0]
            for entry in self._queue:
                if entry[2] > least[2]:
                    least = entry
            self._queue.remove(least)

    # -- for ocppj.central -----------------------------------------------------------------

    def due_in_ms(self):
        """0 while there is an event to send, else None."""
        return 0 if self._queue else None

    async def step(self):
        """Send the oldest events. What is refused, or never answered, is not sent for ever."""
        sent = self._queue[:_EACH]
        now, uptime = self._clock.now(), self._clock.uptime()
        data = []
        for event, at, _, fields in sent:
            item = {"eventId": event, "timestamp": iso8601.format(now - (uptime - at))}
            item.update(fields)
            data.append(item)
        self._attempts += 1
        message = {"generatedAt": iso8601.format(now), "seqNo": 0, "eventData": data}
        try:
            await self._call("NotifyEvent", message)
        except CallError as exc:
            log.warn("ocpp", "NotifyEvent refused: %s", exc.code)
        except asyncio.TimeoutError:
            if self._attempts < _ATTEMPTS:
                raise
            log.warn("ocpp", "NotifyEvent given up")
        self._attempts = 0
        for entry in sent:
            if entry in self._queue:
                self._queue.remove(entry)
