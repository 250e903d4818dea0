# The table of incoming messages, checked by hand-made examples on both interpreters.
# MIT license; part of microevse
"""packages/test_schema_official.py compares the table with all of the official schemas."""

import json

from helpers import raises
from ocpp16 import schemas
from ocppj.rpc import CallError
from ocppj.schema import Schema

SCHEMA = Schema(schemas.TABLE)

PROFILE = (
    '{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,'
    '"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",'
    '"chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":'
    '[{"startPeriod":0,"limit":%s}]}}}'
)


def code(action, payload):
    """The error code a CALL gets, or None if it is accepted."""
    try:
        SCHEMA.check_call(action, payload)
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
    later = Schema(
        b"\n!count OccurrenceConstraintViolation\n!form FormatViolation\n"
        b"!frame RpcFrameworkError\n!types 23456\n<Reset type!s;\n"
    )
    for table, count, form, types in (
        (SCHEMA, "OccurenceConstraintViolation", "FormationViolation", (2, 3, 4)),
        (later, "OccurrenceConstraintViolation", "FormatViolation", (2, 3, 4, 5, 6)),
    ):
        assert raises(CallError, table.check_call, "Reset", {}).code == count
        for wrong in ([], {"type": "Soft", "more": 1}):
            assert raises(CallError, table.check_call, "Reset", wrong).code == form
        assert tuple(kind for kind in range(-1, 30) if table.has_type(kind)) == types
        for wrong in ("2", "", None, [2], {}, True):
            assert not table.has_type(wrong), wrong
