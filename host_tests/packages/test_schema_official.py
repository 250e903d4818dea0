# The compact table against the official JSON schemas, with made-up payloads.
# MIT license; part of microevse
"""`lib/ocppj/schema.py` and jsonschema must agree on every message of 1.6, 2.0.1 and 2.1, valid or
not.

SCHEMA_EXAMPLES in the environment: so many payloads for each message.
"""

import decimal
import json
import os
import re
import subprocess
import sys

import schemas as tool
import schemas2
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from ocppj.rpc import CallError
from ocppj.schema import Schema
from ocpp2 import schemas, schemas21
from payloads import OFFICIAL, REQUESTS, RESPONSES, damaged, near, validator
from tools_paths import ROOT

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES") or 30)

TABLE = Schema(tool.build(REQUESTS, RESPONSES).encode())
# Calls and answers of each later version, with the charger's own tables.
LATER = {
    "v201": (Schema(schemas.TABLE), schemas2.CALLS, schemas2.RESULTS),
    "v21": (
        Schema(schemas.TABLE, schemas21.DELTA),
        schemas2.CALLS + schemas2.MORE_CALLS,
        schemas2.RESULTS + schemas2.MORE_RESULTS,
    ),
}


def as_decimal(value):
    return json.loads(json.dumps(value), parse_float=decimal.Decimal)


def expected_codes(error, form, count):
    """The codes that fit one jsonschema error: 1.6 table 7, 2.0.1 part 4 table 8."""
    return {
        "type": {"TypeConstraintViolation", form},
        "required": {count},
        "minItems": {count},
        "maxItems": {count},
        "additionalProperties": {form},
        "enum": {"PropertyConstraintViolation", "TypeConstraintViolation"},
        "maxLength": {"PropertyConstraintViolation"},
        "minimum": {"PropertyConstraintViolation"},
        "maximum": {"PropertyConstraintViolation"},
        "format": {"PropertyConstraintViolation"},
        "multipleOf": {"PropertyConstraintViolation"},
    }[error.validator]


def compare(key, name, payload, table=TABLE, official=OFFICIAL):
    found = list(official[name][1].iter_errors(as_decimal(payload)))
    form, count = "FormatViolation", "OccurrenceConstraintViolation"
    if table is TABLE:
        form, count = "FormationViolation", "OccurenceConstraintViolation"
    try:
        table._message(key, json.loads(json.dumps(payload)), False)
    except CallError as exc:
        assert found, "the table refuses what the schema allows: %s" % exc
        allowed = set().union(*[expected_codes(error, form, count) for error in found])
        assert exc.code in allowed, (exc, found)
        return False
    assert not found, "the table allows what the schema refuses: %s" % found[0].message
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


def run_messages(keys, names, table=TABLE, official=OFFICIAL, examples=EXAMPLES):
    verdicts = {True: 0, False: 0}
    for key, name in zip(keys, names):
        before = dict(verdicts)

        # A function per message: hypothesis allows no default arguments.
        def checker(key=key, name=name):
            def check(payload):
                verdicts[compare(key, name, payload, table, official)] += 1

            return check

        schema = official[name][0]
        payloads = near(schema, schema)
        if table is not TABLE:
            # Messages of 2.x are deep: one that fits nearly nowhere would tell nothing.
            payloads = st.one_of(near(schema, schema, 0), damaged(schema, schema), payloads)
        for_all(payloads, examples, 16, checker())
        assert table is TABLE or min(verdicts[is_] - before[is_] for is_ in verdicts) > 0, name
    # A generator that makes only valid or only invalid payloads would prove nothing.
    assert min(verdicts.values()) > 0.15 * sum(verdicts.values()), verdicts


def run_later(version):
    table, calls, results = LATER[version]
    # The adapter reads the others by itself.
    results = [name for name in results if name not in schemas2.ADAPTER]
    names = [name + "Request" for name in calls] + [name + "Response" for name in results]
    official = {name: validator(name, version) for name in names}
    keys = ["<" + name for name in calls] + [">" + name for name in results]
    run_messages(keys, names, table, official, EXAMPLES // 2)


def test_messages_of_2_0_1_agree_with_the_official_schemas():
    run_later("v201")


def test_messages_of_2_1_agree_with_the_official_schemas():
    run_later("v21")


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


def actions(version):
    """Names of all requests that a version has, without those of the station."""
    stems = {path.stem for path in tool.schema_dir(version).glob("*.json")}
    return {stem[: -len("Request")] for stem in stems if stem.endswith("Request")}


def test_later_tables_hold_every_action_or_name_it_as_not_supported():
    ours = set(schemas2.MORE_RESULTS + schemas2.RESULTS) - {"DataTransfer"}
    # Messages of a station that has ISO 15118, V2X, DER, battery swap, a local controller or a
    # payment terminal: nobody sends them to one.
    ours |= set(
        "BatterySwap Get15118EVCertificate GetCertificateChainStatus GetCertificateStatus "
        "NotifyDERAlarm NotifyDERStartStop NotifyEVChargingNeeds NotifyEVChargingSchedule "
        "NotifySettlement PublishFirmwareStatusNotification ReportDERControl "
        "VatNumberValidation".split()
    )
    for version, others in (
        ("v201", schemas2.OTHERS),
        ("v21", schemas2.OTHERS + schemas2.MORE_OTHERS),
    ):
        table, calls, _ = LATER[version]
        assert set(calls) | set(others) == actions(version) - ours
        for action in actions("v21"):
            assert table.knows(action) == (action in calls or action in others), action
        for action in others:
            assert table._find("<" + action) is None


def test_2_1_is_exactly_its_own_table():
    """Each line of 2.1 as it reads through both tables, against a table made of 2.1 alone."""
    calls, results = LATER["v21"][1:]
    alone = schemas2.Version(
        "v21", calls, results, others=schemas2.OTHERS + schemas2.MORE_OTHERS
    ).expanded(())
    table = LATER["v21"][0]

    def whole(text):
        return re.sub(r"@(\w)(?=[;\]])", lambda found: whole(table.code(found.group())), text)

    assert len(alone) > 70
    for key, text in alone.items():
        assert whole(table.code(key)) == text, key
    # ... and what is not in 2.1 does not shine through.
    keys = re.findall(r"\n([<>!]\w+) ", schemas.TABLE.decode())
    assert set(keys) <= set(alone)


def test_a_type_that_means_two_things_stops_the_tool():
    version = schemas2.Version("v201", ["Reset"], [])
    version.types["EVSEType"] = "{}"
    for wrong in (
        lambda: version._same("EVSEType", "i"),
        lambda: schemas2.difference({"<Reset": ""}, {}),
    ):
        try:
            wrong()
        except (ValueError, SystemExit):
            continue
        raise AssertionError("not noticed")


def test_unknown_schema_keyword_stops_the_tool():
    for bad in (
        {"type": "string", "pattern": "x"},
        {"type": "object", "properties": {}},
        {"type": "number", "multipleOf": 0.5},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        {"type": "integer", "minimum": 0.5},
        {"type": "integer", "exclusiveMinimum": 0},
    ):
        try:
            tool.type_text(bad, bad)
        except ValueError:
            continue
        raise AssertionError(bad)
