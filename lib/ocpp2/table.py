# The variables of the device model of OCPP 2.x that are measured or fitted.
# MIT license; part of microevse
"""Text that `model` searches. The settings are variables, too: `station.declarations`."""

# component|variable|instance|where|type|unit|limits|value|only
#
# where: empty: of the station; e: of each EVSE; c: of its connector. type: as for settings, and
# d decimal, t time, O one of the words in limits. limits: "least..most" of a number, the words of
# a list; a word that begins with @ is the reading of that name. value: a constant; @name: a
# reading; !cause cause: whether one of these faults is there (station.faults). only: what must be
# fitted (see Ocpp2.fitted and `readings.there`); empty: nothing.
TABLE = """
AlignedDataCtrlr|Available|||b|||true|
AuthCacheCtrlr|Available|||b|||true|
CPPWMController|Problem||e|b|||!PilotFrontEnd PilotBlind PilotOutput PilotDuty PilotWrong DiodeLost PilotUnsteady Uncalibrated|
ChargingStation|AvailabilityState|||O||Available,Occupied,Reserved,Unavailable,Faulted|@state|
ChargingStation|Available|||b|||true|
ChargingStation|Problem|||b|||@problem|
ChargingStation|SerialNumber|||s|||@serial|
ChargingStation|SupplyPhases|||i|||@phases|
ClockCtrlr|DateTime|||t|||@now|
Connector|AvailabilityState||c|O||Available,Occupied,Reserved,Unavailable,Faulted|@state|
Connector|Available||c|b|||true|
Connector|ConnectorType||c|s|||@connector_type|
Connector|Problem||c|b|||!CableUnreadable|
Connector|SupplyPhases||c|i|||@phases|
ConnectorPlugRetentionLock|Problem||c|b|||!LockLost LockJammed|lock
Controller|FirmwareVersion|||s|||@firmware|
Controller|Problem|||b|||!TickFailed ClockStopped TaskFailed ConsoleStop StorageFailed NoRecordSpace GuardDisagrees GuardFailed|
CustomizationCtrlr|CustomTriggers|||m||AllStatusNotifications|AllStatusNotifications|later
DeviceDataCtrlr|BytesPerMessage|GetReport||i|||16384|
DeviceDataCtrlr|BytesPerMessage|GetVariables||i|||16384|
DeviceDataCtrlr|BytesPerMessage|SetVariables||i|||16384|
DeviceDataCtrlr|ConfigurationValueSize|||i|||1000|
DeviceDataCtrlr|ItemsPerMessage|GetReport||i|||4|
DeviceDataCtrlr|ItemsPerMessage|GetVariables||i|||8|
DeviceDataCtrlr|ItemsPerMessage|SetVariables||i|||8|
DeviceDataCtrlr|ReportingValueSize|||i|||1000|
DisplayMessageCtrlr|Available|||b|||true|
DisplayMessageCtrlr|DisplayMessages|||i||0..10|@messages|
DisplayMessageCtrlr|SupportedFormats|||m||ASCII,UTF8|ASCII,UTF8|
DisplayMessageCtrlr|SupportedPriorities|||m||AlwaysFront,InFront,NormalCycle|AlwaysFront,InFront,NormalCycle|
EVSE|AllowReset||e|b|||true|
EVSE|AvailabilityState||e|O||Available,Occupied,Reserved,Unavailable,Faulted|@state|
EVSE|Available||e|b|||true|
EVSE|Power||e|d|W|0..@most_power|@power|
EVSE|Problem||e|b|||@problem|
EVSE|SupplyPhases||e|i|||@phases|
ElectricalFeed|ACCurrent||e|d|A||@current|meter
ElectricalFeed|ACVoltage||e|d|V||@voltage|meter
ElectricalFeed|Problem||e|b|||!ProtectiveEarthLost|pe
EmergencyStopSensor|Tripped|||b|||!EmergencyStop|estop
FiscalMetering|EnergyImportRegister||e|d|Wh||@register|meter
FiscalMetering|Problem||e|b|||!MeterLost CurrentBlind|meter
LocalAuthListCtrlr|Available|||b|||@list_there|
LocalAuthListCtrlr|BytesPerMessage|||i|||16384|list
LocalAuthListCtrlr|Entries|||i||0..@list_room|@list_entries|list
MonitoringCtrlr|Available|||b|||true|
MonitoringCtrlr|BytesPerMessage|ClearVariableMonitoring||i|||16384|
MonitoringCtrlr|BytesPerMessage|SetVariableMonitoring||i|||16384|
MonitoringCtrlr|ItemsPerMessage|ClearVariableMonitoring||i|||20|
MonitoringCtrlr|ItemsPerMessage|SetVariableMonitoring||i|||10|
MonitoringCtrlr|MaxPeriodicEventStreams|||i|||4|later
OCPPCommCtrlr|FieldLength|Authorize.idToken||i|||@token_size|
OCPPCommCtrlr|QueueAllMessages|||b|||false|
OverCurrentProtection|Tripped||e|b|||!OverCurrentHard OverCurrentSoft|meter
PowerContactor|Problem||e|b|||!ContactorWelded ContactorNotClosing ClosingsExceeded|
RCD|Problem||e|b|||!RcdTestFailed|rcd
RCD|Tripped||e|b|||!RcdTripped|rcd
ReservationCtrlr|Available|||b|||@reservation_there|
SampledDataCtrlr|Available|||b|||true|
SecurityCtrlr|CertificateEntries|||i||0..@certificate_room|@certificates|
SmartChargingCtrlr|Available|||b|||@profiles_taken_there|
SmartChargingCtrlr|Entries|ChargingProfiles||i||0..@profile_room|@profile_entries|
TariffCostCtrlr|Available|Cost||b|||true|
TariffCostCtrlr|Available|Tariff||b|||true|
TariffCostCtrlr|Interval|Tariff||i|s||1|
TariffCostCtrlr|MaxElements|Tariff||i|||6|
TariffCostCtrlr|Problem|||b|||@tariff_problem|
TemperatureSensor|Problem||e|b|||!TemperatureStop TemperatureSensor|temp
TemperatureSensor|Temperature||e|d|Celsius||@temperature|temp
TokenReader|Problem|||b|||!ReaderLost|reader
TxCtrlr|SupportedLimits|||m||maxCost,maxEnergy,maxTime|@session_limits|later
TxCtrlr|TxBeforeAcceptedEnabled|||b|||true|
"""  # noqa: E501

# Variables that can be monitored (see `monitored`).
MONITORED = """
ChargingStation.AvailabilityState
Connector.AvailabilityState
EVSE.AvailabilityState
EVSE.Power
ElectricalFeed.ACCurrent
ElectricalFeed.ACVoltage
FiscalMetering.EnergyImportRegister
TemperatureSensor.Temperature
"""

# Settings whose part of the firmware may be missing: then they are no variables. component|only
NEEDS = (
    "\nLocalAuthListCtrlr|list\nReservationCtrlr|reservation\nSmartChargingCtrlr|smart_charging\n"
)
