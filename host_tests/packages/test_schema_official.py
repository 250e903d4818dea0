# The compact table against the official JSON schemas, with made-up payloads.
# MIT license; part of microevse
"""`lib/ocppj/schema.py` and jsonschema must agree on every 1.6 message, valid or not.

SCHEMA_EXAMPLES in the environment: so many payloads for each message.
"""

import decimal
import json
import os
import subprocess
import sys

import schemas as tool
from hypothesis import HealthCheck, given, seed, settings
from ocppj.rpc import CallError
from ocppj.schema import Schema
from payloads import OFFICIAL, REQUESTS, RESPONSES, near
from tools_paths import ROOT

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES") or 30)

TABLE = Schema(tool.build(REQUESTS, RESPONSES).encode())


def as_decimal(value):
    return json.loads(json.dumps(value), parse_float=decimal.Decimal)


def expected_codes(error):
    """The codes of OCPP-J 1.6 table 7 that fit one jsonschema error."""
    return {
        "type": {"TypeConstraintViolation", "FormationViolation"},
        "required": {"OccurenceConstraintViolation"},
        "minItems": {"OccurenceConstraintViolation"},
        "additionalProperties": {"FormationViolation"},
        "enum": {"PropertyConstraintViolation", "TypeConstraintViolation"},
        "maxLength": {"PropertyConstraintViolation"},
        "format": {"PropertyConstraintViolation"},
        "multipleOf": {"PropertyConstraintViolation"},
    }[error.validator]


def compare(key, name, payload):
    official = list(OFFICIAL[name][1].iter_errors(as_decimal(payload)))
    try:
        TABLE._message(key, json.loads(json.dumps(payload)), False)
    except CallError as exc:
        assert official, "the table refuses what the schema allows: %s" % exc
        allowed = set().union(*[expected_codes(error) for error in official])
        assert exc.code in allowed, (exc, official)
        return False
    assert not official, "the table allows what the schema refuses: %s" % official[0].message
    return True


def for_all(payloads, examples, number, check):
    """Run `check` on `examples` payloads, always the same ones."""
    seeded = seed(number)(given(payloads)(check))
    settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )(seeded)()


def run_messages(keys, names):
    verdicts = {True: 0, False: 0}
    for key, name in zip(keys, names):
        # A function per message: hypothesis allows no default arguments.
        def checker(key=key, name=name):
            def check(payload):
                verdicts[compare(key, name, payload)] += 1

            return check

        schema = OFFICIAL[name][0]
        for_all(near(schema, schema), EXAMPLES, 16, checker())
    # A generator that makes only valid or only invalid payloads would prove nothing.
    assert min(verdicts.values()) > 0.15 * sum(verdicts.values()), verdicts


def test_all_requests_agree_with_the_official_schemas():
    run_messages(["<" + name for name in REQUESTS], REQUESTS)


def test_all_responses_agree_with_the_official_schemas():
    run_messages([">" + name for name in RESPONSES], [name + "Response" for name in RESPONSES])


def test_tolerant_reading_refuses_nothing_that_is_valid():
    counted = []

    def checker(name):
        def check(payload):
            if OFFICIAL[name + "Response"][1].is_valid(as_decimal(payload)):
                counted.append(name)
                TABLE.check_result(name, payload)

        return check

    for name in RESPONSES:
        schema = OFFICIAL[name + "Response"][0]
        for_all(near(schema, schema), 20, 17, checker(name))
    assert set(counted) == set(RESPONSES)


def test_committed_table_is_fresh_and_holds_every_action():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "schemas.py"), "--check"])
    assert done.returncode == 0
    from ocpp16 import schemas

    device = Schema(schemas.TABLE)
    for action in tool.CALLS:
        assert device.knows(action)
    # Everything in the official set is one or the other, or only we send it.
    only_ours = set(REQUESTS) - set(tool.CALLS)
    assert only_ours == set(tool.RESULTS) - {"DataTransfer"}


def test_unknown_schema_keyword_stops_the_tool():
    for bad in (
        {"type": "string", "pattern": "x"},
        {"type": "object", "properties": {}},
        {"type": "number", "multipleOf": 0.5},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    ):
        try:
            tool.type_text(bad, bad)
        except ValueError:
            continue
        raise AssertionError(bad)
