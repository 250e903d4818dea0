# Attacks on the OCPP 2.x client: as fuzzing.py, for every action of 2.0.1 and 2.1.
# MIT license; part of microevse
"""Payloads are drawn from the official schemas of 2.1, of which those of 2.0.1 are a part. Half of
them fit; of these the names and numbers are then turned into ones that this station has, so that
they reach the handlers."""

import copy
import functools
import json

import fuzzing
from fuzzing import TALLY, cards, ids, own_ids, times
from hypothesis import strategies as st
from ocpp2.actions import ACTIONS
from ocpp2.client import Ocpp2
from ocpp2.schemas import TABLE
from ocpp2.schemas21 import DELTA
from ocppj import on_demand
from ocppj.schema import Schema
from payloads import junk, mostly, near, validator
from station.declarations import BLOB


import schemas as tool

ANSWERS = {
    "BootNotification": {
        "status": "Accepted",
        "currentTime": "2027-01-01T12:00:00Z",
        "interval": 300,
    },
    "Heartbeat": {"currentTime": "2027-01-01T12:00:00Z"},
}
VARIABLES = sorted(row.split("|")[1] for row in BLOB.strip().split("\n") if row.split("|")[1])
HANDLED = [row[0] for row in on_demand.rows(ACTIONS)]
NAMES = sorted(path.stem for path in tool.schema_dir("v21").glob("*.json"))
REQUESTS = [name[: -len("Request")] for name in NAMES if name.endswith("Request")]
RESPONSES = [name for name in NAMES if name.endswith("Response")]
_SMALL = (
    "evseId requestId remoteStartId chargingProfileId stackLevel versionNumber seqNo interval"
    " messageId severity configurationSlot"
).split()


@functools.lru_cache(None)
def _payloads(name, odds):
    schema = validator(name, "v21")[0]
    return near(schema, schema, odds)


def aimed(value, numbers, names, stamps):
    """`value` with numbers, tokens, variables and times that this station may have."""
    if isinstance(value, list):
        return [aimed(item, numbers, names, stamps) for item in value[:3]]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        if key in _SMALL or key == "id" and isinstance(item, int):
            item = next(numbers)
        elif key == "idToken" and isinstance(item, str):
            item = next(names)
        elif isinstance(item, str) and "Date" in key or key in ("startSchedule", "timestamp"):
            item = next(stamps)
        else:
            item = aimed(item, numbers, names, stamps)
        out[key] = item
    if "component" in out and "variable" in out:
        component, _, variable = VARIABLES[next(numbers) * 7 % len(VARIABLES)].partition(".")
        variable, _, instance = variable.partition("[")
        out["component"], out["variable"] = {"name": component}, {"name": variable}
        if instance:
            out["variable"]["instance"] = instance.rstrip("]")
    return out


@st.composite
def _aimed(draw):
    name = draw(st.sampled_from(HANDLED))
    value = copy.deepcopy(draw(_payloads(name + "Request", 0)))
    number = draw(st.integers(0, 60))
    card, stamp = draw(cards), draw(times)
    numbers = iter(range(number % 4, 10**6, draw(st.integers(0, 3)) or 1))
    return name, aimed(value, numbers, iter(lambda: card, None), iter(lambda: stamp, None))


def _calls():
    by_schema = st.sampled_from(REQUESTS).flatmap(
        lambda name: _payloads(name + "Request", 12).map(lambda payload: (name, payload))
    )
    return st.booleans().flatmap(lambda table: by_schema if table else _aimed())


def _answers():
    return st.sampled_from(RESPONSES).flatmap(lambda name: _payloads(name, 12))


call = st.builds(lambda i, c: json.dumps([2, i, *c]), st.sampled_from("abc"), _calls())
frame = mostly(
    call,
    st.builds(lambda i, c: json.dumps([2, i, *c]), ids, _calls()),
    st.builds(lambda i, c: json.dumps([6, i, *c]), ids, _calls()),
    st.builds(lambda i, payload: json.dumps([3, i, payload]), own_ids, _answers()),
    st.builds(lambda i, more: json.dumps([4, i, *more]), own_ids, st.lists(junk, max_size=4)),
    st.builds(lambda i, more: json.dumps([5, i, *more]), own_ids, st.lists(junk, max_size=4)),
    st.builds(lambda text, n: text[:n], call, st.integers(0, 200)),
    junk.map(json.dumps),
    odds=2,
)
frames = st.lists(frame, min_size=1, max_size=5)


class Target(fuzzing.Target):
    """A station with the adapter of 2.1 (`later`) or 2.0.1."""

    answers = ANSWERS
    start = "RequestStartTransaction"
    later = True

    def adapter(self, charger, jobs):
        schema = Schema(TABLE, DELTA) if self.later else Schema(TABLE)
        identity = {"vendorName": "v", "model": "m"}
        ocpp = Ocpp2(
            self.rpc.call,
            schema,
            charger.station,
            charger.settings,
            charger.clock,
            identity,
            "PowerUp",
            self.later,
            profiles=("Reservation", "LocalAuthListManagement"),
        )
        self.files(ocpp, jobs)
        return ocpp

    def files(self, ocpp, jobs):
        """Give the adapter the jobs of files, where it has them."""

    def accepted(self, payload):
        info = payload.get("idTokenInfo") if isinstance(payload, dict) else None
        return isinstance(info, dict) and info.get("status") == "Accepted"

    def frees(self, action, payload, answer):
        return False  # FreeMode is no variable of 2.x


class Target201(Target):
    later = False


def unreached():
    """Actions that no example has had answered with a result so far."""
    return [action for action in HANDLED if not TALLY["answered " + action]]


def fuzz(examples):
    """Half of the examples against 2.1, half against 2.0.1."""
    fuzzing.fuzz(examples // 2, frames, Target)
    fuzzing.fuzz(examples - examples // 2, frames, Target201)
