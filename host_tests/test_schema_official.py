# The compact table against the official JSON schemas, with made-up payloads.
# MIT license; part of microevse
"""`lib/ocppj/schema.py` and jsonschema must agree on every 1.6 message, valid or not.

SCHEMA_EXAMPLES in the environment: so many payloads for each message.
"""

import decimal
import json
import os
import pathlib
import subprocess
import sys

import jsonschema
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parent.parent
for folder in ("lib", "tools"):
    if str(ROOT / folder) not in sys.path:
        sys.path.insert(0, str(ROOT / folder))

import iso8601  # noqa: E402
import schemas as tool  # noqa: E402
from ocppj.rpc import CallError  # noqa: E402
from ocppj.schema import Schema  # noqa: E402

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES") or 30)

ALL = sorted(path.stem for path in tool.schema_dir().glob("*.json"))
REQUESTS = [name for name in ALL if not name.endswith("Response")]
RESPONSES = [name[: -len("Response")] for name in ALL if name.endswith("Response")]
TABLE = Schema(tool.build(REQUESTS, RESPONSES).encode())

FORMATS = jsonschema.FormatChecker(())


@FORMATS.checks("date-time", raises=ValueError)
def _date_time(value):
    if isinstance(value, str):
        iso8601.parse(value)
    return True


def validator(name):
    text = (tool.schema_dir() / (name + ".json")).read_text(encoding="utf-8-sig")
    # Decimal, or 16.1 would not be a multiple of 0.1 (PyPI ocpp does the same).
    schema = json.loads(text, parse_float=decimal.Decimal)
    return schema, jsonschema.Draft4Validator(schema, format_checker=FORMATS)


OFFICIAL = {name: validator(name) for name in ALL}

# Within what the table is made for: 64-bit integers, one decimal below 65536.
numbers = st.one_of(
    st.integers(-(2**40), 2**40),
    st.integers(-600000, 600000).map(lambda n: n / 10),
    st.integers(-6000000, 6000000).map(lambda n: n / 100),
    st.integers(-60000, 60000).map(float),
)
dates = st.sampled_from(
    [
        "2026-12-01T10:00:00Z",
        "2026-12-01T10:00:00.5+01:00",
        "2026-12-01T10:00:00",
        "2026-12-01",
        "2026-02-30T10:00:00Z",
        "",
    ]
)
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=30), dates),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def mostly(good, *others, odds=12):
    """`good` in `odds` of `odds` + 1 cases (one_of would count equal strategies once)."""
    rest = st.one_of(*others)
    return st.integers(0, odds).flatmap(lambda n: good if n else rest)


def near(schema, root):
    """Values that mostly fit `schema`: the interesting ones are those that nearly do."""
    if "$ref" in schema:
        return near(root["definitions"][schema["$ref"].rsplit("/", 1)[1]], root)
    kind = schema["type"]
    if kind == "object":
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        whole = st.fixed_dictionaries(
            {name: near(fields[name], root) for name in required},
            optional={name: near(fields[name], root) for name in fields if name not in required},
        )
        return mostly(whole, whole.flatmap(_spoil), junk, odds=5)
    if kind == "array":
        return mostly(st.lists(near(schema["items"], root), max_size=3), junk)
    if "enum" in schema:
        good = st.sampled_from(schema["enum"])
        return mostly(good, good.map(str.lower), good.map(lambda t: t[:-1]), junk)
    if kind == "string":
        if schema.get("format") == "date-time":
            return mostly(st.just("2026-12-01T10:00:00Z"), dates, junk)
        limit = min(schema.get("maxLength", 40), 60)
        good = st.text(max_size=limit)
        edge = st.integers(0, 1).map(lambda n: "\u20ac" * (schema.get("maxLength", 40) + n))
        return mostly(good, edge, junk)
    good = st.integers(-(2**31), 2**31 - 1) if kind == "integer" else numbers
    if kind == "boolean":
        good = st.booleans()
    return mostly(good, junk)


def _spoil(value):
    """Take a field away, or add one."""
    names = sorted(value) or ["x"]
    less = st.sampled_from(names).map(lambda n: {k: v for k, v in value.items() if k != n})
    more = st.tuples(st.text(max_size=6), junk).map(lambda kv: dict([*value.items(), kv]))
    return st.one_of(less, more)


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
