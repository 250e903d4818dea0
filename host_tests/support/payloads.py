# Payloads for every message of a version of OCPP, drawn from the official JSON schemas.
# MIT license; part of microevse
"""`OFFICIAL` has the schemas of 1.6 as PyPI `ocpp` carries them, `validator` makes any other;
`near` draws payloads that fit one of them or nearly do."""

import decimal
import json

from evse_base import iso8601
import jsonschema
import schemas as tool
import schemas2
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


def validator(name, version="v16"):
    path = tool.schema_dir(version) / (name + ".json")
    text = path.read_text(encoding="utf-8-sig")
    # Decimal, or 16.1 would not be a multiple of 0.1 (PyPI ocpp does the same).
    schema = json.loads(text, parse_float=decimal.Decimal)
    if version != "v16":
        schema = schemas2.opened(name, schema)
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


def near(schema, root, odds=12):
    """Values that mostly fit `schema`: the interesting ones are those that nearly do.

    odds: of each part of a value, as `mostly` takes them; 0: every value fits.
    """

    def mostly(good, *others, odds=odds):
        return globals()["mostly"](good, *others, odds=odds) if odds else good

    if "$ref" in schema:
        return near(root["definitions"][schema["$ref"].rsplit("/", 1)[1]], root, odds)
    kind = schema.get("type")
    if kind is None:
        return junk
    if kind == "object":
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        whole = st.fixed_dictionaries(
            {name: near(fields[name], root, odds) for name in required},
            optional={
                name: near(fields[name], root, odds) for name in fields if name not in required
            },
        )
        if schema.get("additionalProperties") is not False:  # customData
            more = st.dictionaries(st.text(max_size=6), junk, max_size=2)
            whole = st.tuples(more, whole).map(lambda pair: {**pair[0], **pair[1]})
        return mostly(whole, whole.flatmap(_spoil), junk, odds=min(odds, 5))
    if kind == "array":
        items = near(schema["items"], root, odds)
        least = schema.get("minItems", 0)
        good = st.lists(items, min_size=least, max_size=3)
        if 3 <= schema.get("maxItems", 1024) <= 24:
            most = schema["maxItems"]
            edge = st.tuples(items, st.integers(most, most + 1)).map(lambda p: [p[0]] * p[1])
            return mostly(good, edge, junk)
        return mostly(good, st.just([]), junk) if least else mostly(good, junk)
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
    if "minimum" in schema or "maximum" in schema:
        return mostly(_limited(schema), junk)
    good = st.integers(-(2**31), 2**31 - 1) if kind == "integer" else numbers
    if kind == "boolean":
        good = st.booleans()
    return mostly(good, junk)


@st.composite
def damaged(draw, schema, root):
    """A value that fits, but for one of its parts, however deep that is."""
    value = {"": json.loads(json.dumps(draw(near(schema, root, 0))))}
    place, key = draw(st.sampled_from(list(_places(value))))
    place[key] = draw(st.sampled_from(_worse(place[key])))
    return value[""]


def _places(value):
    """Every (container, key or index) inside `value`."""
    for key in sorted(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _worse(old):
    """What may stand in the place of `old`: most of it breaks one keyword of its schema."""
    if isinstance(old, dict):
        less = [{k: v for k, v in old.items() if k != name} for name in sorted(old)]
        custom = [{}, {"vendorId": "v"}, {"vendorId": "v", "x": [1]}, {"vendorId": 5}, [], None]
        more = [dict(old, x=1)] + [dict(old, customData=one) for one in custom]
        return less + more + [None, [old]]
    if isinstance(old, list):
        return [[], old * 26, None, old + [[]]]
    if isinstance(old, str):
        return ["", old[:-1], old + "|", "\u20ac" * 3000, old.swapcase(), 5, None]
    if isinstance(old, bool):
        return [0, 1, "true", None]
    if old is None:
        return [0, "", {}]
    return [-1, 0, 1, 4, 101, -old, old + 0.5, str(old), True, None, [old]]


def _limited(schema):
    """Numbers within limits, at them and just beyond."""
    least, most = (schema.get(key) for key in ("minimum", "maximum"))
    low = -1000 if least is None else int(least)
    high = low + 1000 if most is None else int(most)
    edges = [int(edge) + n for edge in (least, most) if edge is not None for n in (-1, 0, 1)]
    inside = st.integers(low, high)
    if schema["type"] == "number":
        inside = st.one_of(inside, inside.map(float))
        edges += [edge + n for edge in edges for n in (-0.25, 0.25)]
    return mostly(inside, st.sampled_from(edges), odds=8)


def _spoil(value):
    """Take a field away, or add one."""
    names = sorted(value) or ["x"]
    less = st.sampled_from(names).map(lambda n: {k: v for k, v in value.items() if k != n})
    more = st.tuples(st.text(max_size=6), junk).map(lambda kv: dict([*value.items(), kv]))
    return st.one_of(less, more)
