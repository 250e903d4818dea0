# What the central system writes down of the messages that it sees.
# MIT license; part of microevse
"""Lines of the log, payloads that know when they came, times as OCPP writes them."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6

# The sub-protocols by which a connection chooses its version (OCPP-J 1.6 section 3.1.2; OCPP 2.0.1
# and 2.1 part 4 section 3.1.2).
VERSIONS = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}


class CallError(Exception):
    """The charger answered with a CALLERROR."""

    def __init__(self, code, description="", details=None):
        super().__init__(f"{code}: {description} {details or ''}".strip())
        self.code = code
        self.description = description
        self.details = details


class Payload(dict):
    """A payload that knows when (`t`) it came and under which id (`unique_id`)."""

    t = None
    unique_id = None
    index = None

    def __bool__(self):
        return True  # an empty payload is a message all the same


@dataclass
class Frame:
    """One line of the log; direction "in" is from the charger."""

    t: float
    direction: str  # "in", "out" or "--" for things that happen to a connection
    type: str  # call, result, error, resulterror, send, invalid, open, close, refused, control
    action: str = ""
    payload: object = None
    unique_id: str = ""
    wire: object = field(default=None, repr=False)

    def __str__(self):
        arrow = {"in": "<-", "out": "->"}.get(self.direction, "--")
        text = json.dumps(self.payload, separators=(",", ":"), default=str)
        if len(text) > 400:
            text = text[:400] + "..."
        return f"{self.t:13.3f} {arrow} {self.type:7} {self.action} {text} [{self.unique_id}]"


def stamp(unix):
    """Unix seconds as OCPP wants them, with milliseconds (chargers must parse those)."""
    return datetime.fromtimestamp(unix, timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


def matches(payload, fields):
    """True if the payload has these fields; a callable is asked about the value."""
    for key, want in fields.items():
        have = payload.get(key)
        if not (want(have) if callable(want) else have == want):
            return False
    return True
