# Errors of an OCPP 1.6 message, by the official JSON schemas and by rules beyond them.
# MIT license; part of microevse
"""Checks of payloads in both directions. Each function returns a list of sentences."""

import decimal
import json
import re
from datetime import datetime, timezone

from ocpp.messages import MessageType, get_validator

VERSION = "1.6"

# These carry limits with one decimal; as binary floats they fail "multipleOf": 0.1.
_DECIMAL = {
    (MessageType.Call, "SetChargingProfile"),
    (MessageType.Call, "RemoteStartTransaction"),
    (MessageType.CallResult, "GetCompositeSchedule"),
}
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
# Before this no charger of ours existed: a stamp from 1970 or 2000 is an unset clock.
_EARLIEST = datetime(2024, 1, 1, tzinfo=timezone.utc).timestamp()
# How far ahead of the CSMS's clock a stamp may lie (s); the charger's clock counts whole seconds.
_AHEAD = 5


def known(action):
    """True if 1.6 defines the action."""
    try:
        get_validator(MessageType.Call, action, VERSION)
    except (OSError, ValueError):
        return False
    return True


def schema_errors(kind, action, payload):
    """Violations of the official schema of `action`; kind is a `MessageType`."""
    exact = (kind, action) in _DECIMAL
    try:
        if exact:
            validator = get_validator(kind, action, VERSION, parse_float=decimal.Decimal)
            payload = json.loads(json.dumps(payload), parse_float=decimal.Decimal)
        else:
            validator = get_validator(kind, action, VERSION)
    except (OSError, ValueError):
        return [f"{action}: not an OCPP {VERSION} action"]
    return [
        f"{action}{'.conf' if kind == MessageType.CallResult else ''}: "
        f"{'/'.join(str(p) for p in error.absolute_path) or 'payload'}: {error.message}"
        for error in validator.iter_errors(payload)
    ]


def _stamps(value, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("timestamp", "currentTime") and isinstance(item, str):
                yield f"{path}{key}", item
            else:
                yield from _stamps(item, f"{path}{key}/")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _stamps(item, f"{path}{index}/")


def unix(stamp):
    """Seconds of an ISO 8601 stamp; raises ValueError."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def rule_errors(action, payload, now=None):
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
        for entry in meter_values:
            samples = entry.get("sampledValue") if isinstance(entry, dict) else None
            if samples == []:
                wrong.append(f"{action}: an empty sampledValue, which strict servers refuse")
            for sample in samples or []:
                if sample.get("unit") == "Hertz":
                    wrong.append(f"{action}: the unit Hertz, which strict servers refuse")
    if payload.get("meterValue") == [] or payload.get("transactionData") == []:
        wrong.append(f"{action}: an empty list of meter values")
    for key, value in payload.items():
        if value is None:
            wrong.append(f"{action}: {key} is null: leave it out")
    return wrong
