# Errors of an OCPP message, by the official JSON schemas and by rules beyond them.
# MIT license; part of microevse
"""Checks of payloads in both directions. Each function returns a list of sentences."""

import decimal
import json
import re
from datetime import datetime, timezone

from ocpp.messages import MessageType, get_validator

# These carry limits with one decimal; as binary floats they fail "multipleOf": 0.1.
_DECIMAL = {
    (MessageType.Call, "SetChargingProfile"),
    (MessageType.Call, "RemoteStartTransaction"),
    (MessageType.CallResult, "GetCompositeSchedule"),
}
_NAME = re.compile("[A-Za-z0-9]+")  # others could name a file elsewhere
# Fields that say when something was, never when it will be.
_PAST = ("timestamp", "currentTime", "generatedAt")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
# Before this no charger of ours existed: a stamp from 1970 or 2000 is an unset clock.
_EARLIEST = datetime(2024, 1, 1, tzinfo=timezone.utc).timestamp()
# How far ahead of the CSMS's clock a stamp may lie (s); the charger's clock counts whole seconds.
_AHEAD = 5


def known(action, version="1.6"):
    """True if this version defines the action."""
    try:
        get_validator(MessageType.Call, action, version)
    except (OSError, ValueError):
        return False
    return True


def schema_errors(kind, action, payload, version="1.6"):
    """Violations of the official schema of `action`; kind is a `MessageType`, or 6 for a SEND."""
    if not _NAME.fullmatch(action) or action.endswith(("Request", "Response")):
        return [f"{action}: not an OCPP {version} action"]
    exact = version == "1.6" and (kind, action) in _DECIMAL
    try:
        if exact:
            validator = get_validator(kind, action, version, parse_float=decimal.Decimal)
            payload = json.loads(json.dumps(payload), parse_float=decimal.Decimal)
        else:
            validator = get_validator(kind, action, version)
    except (OSError, ValueError):
        return [f"{action}: not an OCPP {version} action"]
    return [
        f"{action}{'.conf' if kind == MessageType.CallResult else ''}: "
        f"{'/'.join(str(p) for p in error.absolute_path) or 'payload'}: {error.message}"
        for error in validator.iter_errors(payload)
    ]


def _stamps(value, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _PAST and isinstance(item, str):
                yield f"{path}{key}", item
            else:
                yield from _stamps(item, f"{path}{key}/")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _stamps(item, f"{path}{index}/")


def unix(stamp):
    """Seconds of an ISO 8601 stamp; raises ValueError."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def rule_errors(action, payload, now=None, version="1.6"):
    """Rules that a charger breaks although the schema allows it (sentences); now: Unix s."""
    wrong = []
    for path, text in _stamps(payload):
        if not _STAMP.fullmatch(text):
            wrong.append(f"{action}: {path} {text!r} is not yyyy-mm-ddThh:mm:ssZ")
            continue
        try:
            at = unix(text)
        except ValueError:
            wrong.append(f"{action}: {path} {text!r} is no date")
            continue
        if at < _EARLIEST:
            wrong.append(f"{action}: {path} {text!r} is from a clock that was never set")
        elif now is not None and at > now + _AHEAD:
            wrong.append(f"{action}: {path} {text!r} lies {at - now:.0f} s in the future")
    meter_values = payload.get("meterValue") or payload.get("transactionData") or []
    if isinstance(meter_values, list):
        for entry in meter_values if version == "1.6" else ():
            samples = entry.get("sampledValue") if isinstance(entry, dict) else None
            if samples == []:
                wrong.append(f"{action}: an empty sampledValue, which strict servers refuse")
            for sample in samples or []:
                if sample.get("unit") == "Hertz":
                    wrong.append(f"{action}: the unit Hertz, which strict servers refuse")
    if payload.get("meterValue") == [] or payload.get("transactionData") == []:
        wrong.append(f"{action}: an empty list of meter values")
    if action == "StatusNotification" and version != "1.6":
        for key in ("evseId", "connectorId"):
            if payload[key] < 1:
                wrong.append(f"StatusNotification: {key} is {payload[key]}: 2.x counts from 1")
    for key, value in payload.items():
        if value is None:
            wrong.append(f"{action}: {key} is null: leave it out")
    return wrong
