# Causes of faults in the words of OCPP 1.6.
# MIT license; part of microevse
"""errorCode and vendorErrorCode of a cause of `station.faults` (OCPP 1.6 edition 2, 7.6)."""

from evse_base import const

# errorCode|its causes. One text: as a dict it would take ten times the heap.
_CODES = const("""
ConnectorLockFailure|LockJammed|LockLost|
EVCommunicationError|PilotWrong|DiodeLost|PilotUnsteady|
GroundFailure|RcdTripped|RcdTestFailed|ProtectiveEarthLost|
HighTemperature|TemperatureStop|TemperatureSensor|
InternalError|PilotOutput|PilotDuty|PilotBlind|PilotFrontEnd|Uncalibrated|GuardDisagrees|TickFailed|ClockStopped|TaskFailed|ConsoleStop|StorageFailed|
OverCurrentFailure|OverCurrentSoft|OverCurrentHard|
PowerMeterFailure|MeterLost|CurrentBlind|
PowerSwitchFailure|ContactorWelded|ContactorNotClosing|ClosingsExceeded|
ReaderFailure|ReaderLost|
""")
# The errorCode says all of these.
_PLAIN = const(("MeterLost", "ReaderLost"))


def error_code(cause):
    """errorCode of a cause; None means that there is no fault."""
    if not cause:
        return "NoError"
    at = _CODES.find("|%s|" % cause)
    if at < 0:
        return "OtherError"
    line = _CODES.rfind("\n", 0, at) + 1
    return _CODES[line : _CODES.find("|", line)]


def vendor_code(cause):
    """vendorErrorCode of a cause, None where the errorCode says it all."""
    return cause if cause and cause not in _PLAIN else None
