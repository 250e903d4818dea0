# Payloads for every message of OCPP 1.6, drawn from the official JSON schemas.
# MIT license; part of microevse
"""`OFFICIAL` has the schemas as PyPI `ocpp` carries them; `near` draws payloads that
fit one of them or nearly do."""

import decimal
import json

from evse_base import iso8601
import jsonschema
import schemas as tool
from hypothesis import strategies as st

ALL = sorted(path.stem for path in tool.schema_dir().glob("*.json"))
REQUESTS = [name for name in ALL if not name.endswith("Response")]
RESPONSES = [name[: -len("Response")] for name in ALL if name.endswith("Response")]
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
