# The table of incoming messages, checked by hand-made examples on both interpreters.
# MIT license; part of microevse
"""packages/test_schema_official.py compares the table with all of the official schemas."""

import json

from helpers import raises
from ocpp16 import schemas
from ocpp2 import schemas as later, schemas21
from ocppj.rpc import CallError
from ocppj.schema import Schema

SCHEMA = Schema(schemas.TABLE)
SCHEMA_201 = Schema(later.TABLE)
SCHEMA_21 = Schema(later.TABLE, schemas21.DELTA)

PROFILE = (
    '{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,'
    '"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",'
    '"chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":'
    '[{"startPeriod":0,"limit":%s}]}}}'
)


def code(action, payload, schema=SCHEMA):
    """The error code a CALL gets, or None if it is accepted."""
    try:
        schema.check_call(action, payload)
    except CallError as exc:
        return exc.code
    return None


def test_knows_exactly_what_a_central_system_may_send():
    for action in ("Reset", "ClearCache", "GetLog", "DataTransfer"):
        assert SCHEMA.knows(action)
    for action in ("Heartbeat", "Rese", "Reset ", "reset", "", "@A", "A", "\n", "Reset\n"):
        assert not SCHEMA.knows(action), action


def test_unknown_message_is_not_implemented():
    assert code("Nonsense", {}) == "NotImplemented"


def test_messages_without_fields():
    assert code("ClearCache", {}) is None
    assert code("ClearCache", {"a": 1}) == "FormationViolation"
    assert code("ClearCache", []) == "FormationViolation"
    SCHEMA.check_result("MeterValues", {})


def test_booleans_are_no_integers_and_floats_neither():
    for value in (True, False, "1", 1.0, None, [], {}):
        assert code("UnlockConnector", {"connectorId": value}) == "TypeConstraintViolation"
    assert code("UnlockConnector", {"connectorId": 1}) is None
    assert code("UnlockConnector", {"connectorId": 1 << 62}) is None
    assert code("UnlockConnector", {"connectorId": 1 << 63}) == "PropertyConstraintViolation"


def test_text_length_counts_characters():
    ok = {"idTag": "\u00e4" * 20}
    assert code("RemoteStartTransaction", ok) is None
    assert code("RemoteStartTransaction", {"idTag": "x" * 21}) == "PropertyConstraintViolation"
    assert code("RemoteStartTransaction", {"idTag": 5}) == "TypeConstraintViolation"


def test_enumerations_match_whole_words():
    for value in ("", "|", "Hard|Soft", "Har", "hard", "Soft "):
        assert code("Reset", {"type": value}) == "PropertyConstraintViolation", value
    assert code("Reset", {"type": "Hard"}) is None


def test_timestamps():
    base = {"connectorId": 1, "idTag": "T", "reservationId": 1}
    for text in (
        "2026-12-01T10:00:00Z",
        "2026-12-01T10:00:00.123Z",
        "2026-12-01T10:00:00.123456+00:00",
        "2026-12-01T10:00:00+01:00",
    ):
        base["expiryDate"] = text
        assert code("ReserveNow", base) is None, text
    for text in ("", "tomorrow", "2026-12-01", "2026-13-01T10:00:00Z"):
        base["expiryDate"] = text
        assert code("ReserveNow", base) == "PropertyConstraintViolation", text


def test_one_decimal_also_with_short_floats():
    for text in ("16", "16.1", "0.1", "-0.3", "32.0", "7359.9", "11040.5", "1e3", "65000.1"):
        assert code("SetChargingProfile", json.loads(PROFILE % text)) is None, text
    for text in ("16.15", "0.05", "7360.05", "1e999", "-1e999"):
        payload = json.loads(PROFILE % text)
        assert code("SetChargingProfile", payload) == "PropertyConstraintViolation", text
    payload = json.loads(PROFILE % '"16"')
    assert code("SetChargingProfile", payload) == "TypeConstraintViolation"


def test_nested_faults_name_their_place():
    payload = json.loads(PROFILE % "true")
    exc = raises(CallError, SCHEMA.check_call, "SetChargingProfile", payload)
    assert exc.code == "TypeConstraintViolation"
    assert "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit" in str(exc)
    payload = json.loads(PROFILE % "1")
    del payload["csChargingProfiles"]["stackLevel"]
    exc = raises(CallError, SCHEMA.check_call, "SetChargingProfile", payload)
    assert exc.code == "OccurenceConstraintViolation" and "stackLevel" in str(exc)
    payload = json.loads(PROFILE % "1")
    payload["csChargingProfiles"]["more"] = 1
    exc = raises(CallError, SCHEMA.check_call, "SetChargingProfile", payload)
    assert exc.code == "FormationViolation" and "csChargingProfiles" in str(exc)


def test_lists_of_texts_and_objects():
    assert code("GetConfiguration", {"key": []}) is None
    assert code("GetConfiguration", {"key": ["a", "b"]}) is None
    assert code("GetConfiguration", {"key": "a"}) == "TypeConstraintViolation"
    assert code("GetConfiguration", {"key": ["x" * 51]}) == "PropertyConstraintViolation"
    assert code("GetConfiguration", {"key": [{}]}) == "TypeConstraintViolation"
    assert code("GetConfiguration", {"key": ["k"] * 501}) == "OccurenceConstraintViolation"
    entry = {"idTag": "T", "idTagInfo": {"status": "Accepted"}}
    message = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry, entry]}
    assert code("SendLocalList", message) is None
    entry["idTagInfo"]["status"] = "Fine"
    assert code("SendLocalList", message) == "PropertyConstraintViolation"


def test_descriptions_never_hold_values():
    payload = {"key": "AuthorizationKey", "value": "s3cret" * 100}
    exc = raises(CallError, SCHEMA.check_call, "ChangeConfiguration", payload)
    assert "s3cret" not in str(exc) and "value" in str(exc)


def test_results_are_read_tolerantly_but_not_blindly():
    good = {"status": "Accepted", "data": None, "x": 1}
    SCHEMA.check_result("DataTransfer", good)
    assert "data" not in good
    for bad in (
        {"status": None},
        {"status": "Fine"},
        {"status": "Accepted", "data": 5},
        {},
        5,
    ):
        raises(CallError, SCHEMA.check_result, "DataTransfer", bad)


def test_answers_that_money_hangs_on_are_read_by_the_adapter():
    # One bad field once made a refusal of StartTransaction look like no answer at all.
    for action in ("Authorize", "BootNotification", "StartTransaction", "StopTransaction"):
        SCHEMA.check_result(action, {"idTagInfo": {"status": "Invalid"}})
        SCHEMA.check_result(action, {})
        for bad in (None, [], 5, "x"):
            raises(CallError, SCHEMA.check_result, action, bad)


def test_one_item_at_least_where_the_schema_says_so():
    table = Schema(b"\n!count OccurenceConstraintViolation\n<Many a![+i];b?[+{c!i;}];\n")
    table.check_call("Many", {"a": [1]})
    exc = raises(CallError, table.check_call, "Many", {"a": []})
    assert exc.code == "OccurenceConstraintViolation"
    raises(CallError, table.check_call, "Many", {"a": [1], "b": []})
    table.check_call("Many", {"a": [1], "b": [{"c": 1}, {"c": 2}]})


def test_the_table_says_how_its_version_spells_and_which_message_types_it_has():
    """1.6 writes "Occurence" and FormationViolation; 2.x writes neither."""
    old = ("OccurenceConstraintViolation", "FormationViolation", "FormationViolation", "")
    new = (
        "OccurrenceConstraintViolation",
        "FormatViolation",
        "RpcFrameworkError",
        "MessageTypeNotSupported",
    )
    for table, codes, types in (
        (SCHEMA, old, (2, 3, 4)),
        (SCHEMA_201, new, (2, 3, 4)),
        (SCHEMA_21, new, (2, 3, 4, 5, 6)),
    ):
        count, form, frame, kind = codes
        assert table.code("!frame") == frame and table.code("!type") == kind
        assert raises(CallError, table.check_call, "Reset", {}).code == count
        word = "Soft" if table is SCHEMA else "OnIdle"
        for wrong in ([], {"type": word, "more": 1}):
            assert raises(CallError, table.check_call, "Reset", wrong).code == form
        assert tuple(kind for kind in range(-1, 30) if table.has_type(kind)) == types
        for wrong in ("2", "", None, [2], {}, True):
            assert not table.has_type(wrong), wrong


# -- 2.0.1 and 2.1 -----------------------------------------------------------------------


def test_limits_of_numbers():
    table = Schema(b"\n<Set a?i0;b?i1:3;c?n:0;d?n-2:2;e?d0:10;\n")
    for name, good, bad in (
        ("a", (0, 1, 1 << 62), (-1, 1 << 63)),
        ("b", (1, 2, 3), (0, 4, -1)),
        ("c", (0, 0.0, -0.5, -1000), (0.5, 1, 1e999)),
        ("d", (-2, 2.0, 0), (-2.25, 2.25, 3)),
        ("e", (0, 0.1, 10), (-0.5, 0.25, 10.5)),
    ):
        for value in good:
            assert code("Set", {name: value}, table) is None, (name, value)
        for value in bad:
            got = code("Set", {name: value}, table)
            assert got == "PropertyConstraintViolation", (name, value)
        for value in (True, "1", None, []):
            assert code("Set", {name: value}, table) == "TypeConstraintViolation"
    assert code("Set", {"b": 2.0}, table) == "TypeConstraintViolation"


def test_lists_that_may_not_be_too_long():
    table = Schema(b"\n!count Count\n<Set a?[+12i0:9];b?[+1024i];c?[+3@x];d?[i];\n@x {n!i;}\n")
    for name, item, most in (("a", 1, 12), ("b", 1, 500), ("c", {"n": 1}, 3), ("d", 1, 500)):
        assert code("Set", {name: [item] * most}, table) is None, name
        assert code("Set", {name: [item] * (most + 1)}, table) == "Count", name
        assert code("Set", {name: []}, table) == (None if name == "d" else "Count")
    assert code("Set", {"a": [10]}, table) == "PropertyConstraintViolation"


def test_anything_is_taken_where_the_schema_says_nothing():
    for value in (None, 1, "x", [], {"a": [1]}, False, "y" * 9000):
        assert code("DataTransfer", {"vendorId": "v", "data": value}, SCHEMA_201) is None
    assert code("DataTransfer", {"data": 1}, SCHEMA_201) == "OccurrenceConstraintViolation"


def test_every_object_of_2_x_may_have_custom_data():
    evse = {"id": 1}
    payload = {"operationalStatus": "Operative", "evse": evse}
    for place in (payload, evse):
        for custom, answer in (
            ({"vendorId": "v"}, None),
            ({"vendorId": "v", "x": [{"y": None}]}, None),
            ({"vendorId": "v" * 255}, None),
            ({"vendorId": "v" * 256}, "PropertyConstraintViolation"),
            ({"vendorId": None}, "TypeConstraintViolation"),
            ({}, "OccurrenceConstraintViolation"),
            (None, "TypeConstraintViolation"),
            ([], "TypeConstraintViolation"),
        ):
            place["customData"] = custom
            before = json.dumps(custom)
            for schema in (SCHEMA_201, SCHEMA_21):
                assert code("ChangeAvailability", payload, schema) == answer, custom
            assert json.dumps(custom) == before
        place["customData"] = {"vendorId": "v"}
        place["x"] = 1
        assert code("ChangeAvailability", payload, SCHEMA_201) == "FormatViolation"
        del place["x"], place["customData"]
    # 1.6 has none; an answer of 2.x may hold what it likes there.
    assert code("ClearCache", {"customData": {"vendorId": "v"}}) == "FormationViolation"
    SCHEMA_201.check_result("Heartbeat", {"currentTime": "2026-12-01T10:00:00Z", "customData": 5})


def test_2_1_has_its_own_limits_and_words_and_those_of_2_0_1():
    token = {"idToken": "x" * 200, "type": "EVCCID"}
    start = {"idToken": token, "remoteStartId": 1}
    assert code("RequestStartTransaction", start, SCHEMA_201) == "PropertyConstraintViolation"
    assert code("RequestStartTransaction", start, SCHEMA_21) is None
    # SendLocalList reads alike in both versions; the type that it names does not.
    send = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [start]}
    del start["remoteStartId"]
    assert b"\n<SendLocalList " not in schemas21.DELTA
    assert code("SendLocalList", send, SCHEMA_201) == "PropertyConstraintViolation"
    assert code("SendLocalList", send, SCHEMA_21) is None
    negative = {"evseId": -1, "type": "OnIdle"}
    assert code("Reset", negative, SCHEMA_201) is None
    assert code("Reset", negative, SCHEMA_21) == "PropertyConstraintViolation"
    resume = {"type": "ImmediateAndResume"}
    assert code("Reset", resume, SCHEMA_201) == "PropertyConstraintViolation"
    assert code("Reset", resume, SCHEMA_21) is None
    assert code("GetLocalListVersion", {}, SCHEMA_21) is None


def test_versions_know_the_actions_that_they_have_supported_or_not():
    for action, in_201, in_21 in (
        ("GetVariables", True, True),
        ("PublishFirmware", True, True),  # not supported
        ("UnpublishFirmware", True, True),
        ("AFRRSignal", False, True),  # not supported
        ("SetDERControl", False, True),
        ("GetTariffs", False, True),
        ("RemoteStartTransaction", False, False),
        ("BootNotification", False, False),
        ("firmware", False, False),
        ("others", False, False),
    ):
        assert bool(SCHEMA_201.knows(action)) == in_201, action
        assert bool(SCHEMA_21.knows(action)) == in_21, action
    assert not SCHEMA_21.knows("AFRRSignal|ClearDERControl")
    assert not SCHEMA_21.knows("")


def test_a_check_takes_no_copy_of_a_line():
    """A line of 2.x has up to 2.6 KB; the heap has to hold the payload at the same time."""

    class Table(bytes):
        def __getitem__(self, key):
            got = bytes.__getitem__(self, key)
            assert not isinstance(key, slice) or len(got) < 250, got
            return got

    try:
        Table(b"x")[0:1]
    except (AttributeError, TypeError):
        return  # MicroPython's bytes have no __getitem__ to call; it runs the same code
    schema = Schema(Table(later.TABLE), Table(schemas21.DELTA))
    periods = [{"startPeriod": 0, "limit": 16}]
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    assert code("SetChargingProfile", {"evseId": 1, "chargingProfile": profile}, schema) is None
