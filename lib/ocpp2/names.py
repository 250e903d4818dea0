# Names of OCPP 2.x for what the station says in its own words.
# MIT license; part of microevse
"""Neutral words <-> enumerations of 2.0.1 and 2.1 (part 2 section 3; the schemas). The station
knows none of these words.
"""

from evse_base import const
from station import measurands

# ConnectorStatusEnumType: 2.x has one word for a cable that is in.
_CONNECTOR_STATUS = const("""
available Available
reserved Reserved
unavailable Unavailable
faulted Faulted
""")

# ChargingStateEnumType.
_CHARGING_STATE = const("""
idle Idle
connected EVConnected
charging Charging
suspended_ev SuspendedEV
suspended_evse SuspendedEVSE
""")

# TriggerReasonEnumType of a word of station.session.
_TRIGGER = const("""
authorized Authorized
plugged CablePluggedIn
unplugged EVCommunicationLost
remote_start RemoteStart
remote_stop RemoteStop
stop_authorized StopAuthorized
deauthorized Deauthorized
unlock UnlockCommand
reset ResetCommand
connect_timeout EVConnectTimeout
charging_state ChargingStateChanged
limit ChargingRateChanged
trigger Trigger
energy_limit EnergyLimitReached
time_limit TimeLimitReached
running_cost ChargingStateChanged
tariff_changed ChargingStateChanged
cost_limit ChargingStateChanged
limit_set ChargingStateChanged
""")
# Of 2.1 only, or in it.
_TRIGGER_21 = const("""
cost_limit CostLimitReached
limit_set LimitSet
soc_limit SoCLimitReached
running_cost RunningCost
tariff_changed TariffChanged
""")

# ReasonEnumType; all other words are Other.
_STOP_REASON = const("""
local Local
remote Remote
ev_disconnected EVDisconnected
deauthorized DeAuthorized
power_loss PowerLoss
reboot Reboot
hard_reset ImmediateReset
soft_reset ImmediateReset
emergency_stop EmergencyStop
ground_fault GroundFault
overcurrent_fault OvercurrentFault
master_pass MasterPass
timeout Timeout
stopped_by_ev StoppedByEV
energy_limit EnergyLimitReached
time_limit TimeLimitReached
soc_limit SOCLimitReached
local_out_of_credit LocalOutOfCredit
power_quality PowerQuality
""")
_STOP_REASON_21 = const("""
energy_transfer_rejected ReqEnergyTransferRejected
""")

# The charging state behind the end of a session, by its reason, where it is certain.
_AFTER = const("""
ev_disconnected Idle
local EVConnected
remote EVConnected
master_pass EVConnected
deauthorized EVConnected
soft_reset EVConnected
timeout Idle
stopped_by_ev EVConnected
""")

# AuthorizationStatusEnumType.
AUTHORIZATION = const("""
Accepted accepted
Blocked blocked
ConcurrentTx concurrent
Expired expired
Invalid invalid
NoCredit no_credit
NotAllowedTypeEVSE not_allowed_type
NotAtThisLocation not_at_this_location
NotAtThisTime not_at_this_time
Unknown unknown
""")

# Kinds of tokens that the station knows (IdTokenEnumType has eMAID, too: never of this station).
KINDS = "ISO14443 ISO15693 Local Central KeyCode MacAddress NoAuthorization"

# The answer of a handler that has done what it was asked for.
ACCEPTED = {"status": "Accepted"}

# The longest token of 2.0.1 and of 2.1.
_LONGEST = const(36)
_LONGEST_21 = const(255)


def of(table, word):
    """What a table of lines has for the word that begins a line; None if no line does."""
    at = table.find("\n%s " % word)
    return table[at + len(word) + 2 : table.find("\n", at + 1)] if at >= 0 else None


def refused(reason, status="Rejected"):
    """An answer that says why (StatusInfoType; reason: a word of part 2 appendix 5)."""
    return {"status": status, "statusInfo": {"reasonCode": reason}}


def connector_status(status):
    """ConnectorStatusEnumType of a neutral word. An accepted token without a cable: Available."""
    return of(_CONNECTOR_STATUS, status) or "Occupied"


def charging_state(word):
    """ChargingStateEnumType, None for an unknown word."""
    return of(_CHARGING_STATE, word)


def state_after(reason):
    """ChargingStateEnumType behind the end of a session, None where it is not certain."""
    return of(_AFTER, reason)


def trigger(word, later=False):
    """TriggerReasonEnumType; `later`: of 2.1. A word without one: AbnormalCondition."""
    return (of(_TRIGGER_21, word) if later else None) or of(_TRIGGER, word) or "AbnormalCondition"


def stop_reason(word, later=False):
    """ReasonEnumType; `later`: of 2.1. A word without one: Other."""
    return of(_STOP_REASON, word) or (of(_STOP_REASON_21, word) if later else None) or "Other"


def longest(later):
    """The most characters of a token."""
    return _LONGEST_21 if later else _LONGEST


def id_token(token, kind, later=False):
    """IdTokenType. A longer token than the version can carry is cut and ends in "~", so that it
    is not taken for the token that is its beginning."""
    if kind == "NoAuthorization":
        return {"idToken": "", "type": kind}
    most = longest(later)
    if len(token) > most:
        token = token[: most - 1] + "~"
    known = isinstance(kind, str) and " %s " % kind in " %s " % KINDS
    return {"idToken": token, "type": kind if known else "Central"}


def sampled_values(values, context):
    """[[measurand code, phase, integer], ...] of a journal record as 2.x sampledValue list.

    The value is a number in the unit that is written beside it, not in a multiple of it: central
    systems overlook the multiplier. A measurand that 2.x does not know is left out.
    """
    out = []
    for item in values:
        code, phase, value = item[:3]
        if code == measurands.TEMPERATURE:
            continue  # of 1.6 only: in 2.x it is a variable
        try:
            name, unit, scale = measurands.describe(code)
        except KeyError:
            continue
        item = {
            "value": value if scale == 1 else value / scale,
            "context": context,
            "measurand": name,
            "unitOfMeasure": {"unit": unit},
        }
        if phase:
            item["phase"] = phase if isinstance(phase, str) else "L%d" % phase
        out.append(item)
    return out


def uuid_text(uuid, session):
    """transactionId of a uuid (16 bytes). A session of version 0.1.0 has none: its number on this
    charger stands for it."""
    if not isinstance(uuid, bytes) or len(uuid) != 16:
        return "session-%d" % session
    from binascii import hexlify

    text = hexlify(uuid).decode()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
