# Names of OCPP 1.6 for what the station says in its own words.
# MIT license; part of microevse
"""Neutral words <-> OCPP 1.6 enumerations, and values as 1.6 wants them: text.

Source: OCPP 1.6 edition 2, section 7 (types). The station knows none of these words.
"""

from evse_base import const
from station import measurands

# One text each: a dict would take ten times the heap.
_CONNECTOR_STATUS = const("""
available Available
preparing Preparing
charging Charging
suspended_ev SuspendedEV
suspended_evse SuspendedEVSE
finishing Finishing
reserved Reserved
unavailable Unavailable
faulted Faulted
""")

# StopTransaction.reason. "local" is the default of the schema, but sending it costs little, and
# some central systems show an empty reason as an error. All other words are "Other".
_STOP_REASON = const("""
local Local
remote Remote
ev_disconnected EVDisconnected
deauthorized DeAuthorized
power_loss PowerLoss
reboot Reboot
hard_reset HardReset
soft_reset SoftReset
unlock UnlockCommand
emergency_stop EmergencyStop
master_pass Local
""")

# Of a StatusNotification: errorCode|its causes in station.faults (section 7.6).
_CODES = const("""
ConnectorLockFailure|LockJammed|LockLost|
EVCommunicationError|PilotWrong|DiodeLost|PilotUnsteady|
GroundFailure|RcdTripped|RcdTestFailed|ProtectiveEarthLost|
HighTemperature|TemperatureStop|TemperatureSensor|
InternalError|PilotOutput|PilotDuty|PilotBlind|PilotFrontEnd|Uncalibrated|
InternalError|GuardDisagrees|GuardFailed|TickFailed|ClockStopped|TaskFailed|ConsoleStop|StorageFailed|
OverCurrentFailure|OverCurrentSoft|OverCurrentHard|
PowerMeterFailure|MeterLost|CurrentBlind|
PowerSwitchFailure|ContactorWelded|ContactorNotClosing|ClosingsExceeded|
ReaderFailure|ReaderLost|
""")
# For these the errorCode says everything.
_PLAIN = const(("MeterLost", "ReaderLost"))

# Characters of an idTag (CiString20Type, section 7.28).
ID_TAG = 20

# Status of a token in 1.6; of the station's ten verdicts 1.6 knows these five.
AUTHORIZATION = {
    "Accepted": "accepted",
    "Blocked": "blocked",
    "Expired": "expired",
    "Invalid": "invalid",
    "ConcurrentTx": "concurrent",
}


def id_tag(token):
    """Text of a token as an idTag. A longer token, of a session that began under a later version,
    is cut and ends in "~", so that it is not taken for the token that is its beginning."""
    return token if len(token) <= ID_TAG else token[: ID_TAG - 1] + "~"


def _of(table, word):
    at = table.find("\n%s " % word)
    return table[at + len(word) + 2 : table.find("\n", at + 1)] if at >= 0 else None


def connector_status(status):
    """StatusNotification.status of a neutral word."""
    return _of(_CONNECTOR_STATUS, status)


def stop_reason(reason):
    """StopTransaction.reason of a neutral word; Other for one that 1.6 has no word for."""
    return _of(_STOP_REASON, reason) or "Other"


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


def decimal(value, scale):
    """`value / scale` as text without a float: chips have 24-bit floats. scale: 1, 10, 1000."""
    if scale == 1:
        return "%d" % value
    sign = "-" if value < 0 else ""
    value = abs(value)
    digits = {10: "%d.%d", 1000: "%d.%03d"}[scale]
    return sign + digits % (value // scale, value % scale)


def sampled_values(values, context):
    """[[measurand code, phase, integer], ...] of a journal record as 1.6 sampledValue list.

    Values are strings in 1.6 (a number there breaks strict central systems), with
    measurand and unit always written out because defaults are read differently. A measurand
    that this version does not know is left out.
    """
    out = []
    for item in values:
        code, phase, value = item[:3]
        try:
            name, unit, scale = measurands.describe(code)
        except KeyError:
            continue
        item = {
            "value": decimal(value, scale),
            "context": context,
            "measurand": name,
            "unit": unit,
        }
        if phase:
            item["phase"] = phase if isinstance(phase, str) else "L%d" % phase
        out.append(item)
    return out
