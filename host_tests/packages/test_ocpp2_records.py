# Journal records as TransactionEvent of 2.0.1 and 2.1: valid by the official schemas.
# MIT license; part of microevse
"""Sessions of the station are rendered by ocpp2.transactions. Every message is checked with the
JSON schemas of PyPI `ocpp`, in both versions."""

import asyncio
import json
import pathlib
import re

import jsonschema
import ocpp
import pytest
from helpers import run
from ocpp2 import names
from ocpp2.names import uuid_text
from ocpp2.transactions import Transactions, token_info
from station import delivery, session, session_limits
from station_parts import Charger
from store.kinds import CHANGE, SAMPLE, START, STOP

SCHEMAS = pathlib.Path(ocpp.__file__).parent
SETTINGS = {
    "MeterValueSampleInterval": "10",
    "StopTransactionOnEVSideDisconnect": "false",
    "StopTransactionOnInvalidId": "false",
    "StopTxnSampledData": "Energy.Active.Import.Register,Current.Offered",
}
VERSIONS = pytest.mark.parametrize("version", ("v201", "v21"))


def schema(version, name):
    text = (SCHEMAS / version / "schemas" / (name + "Request.json")).read_text("utf-8-sig")
    return json.loads(text)


def valid(version, action, message):
    jsonschema.validate(message, schema(version, action))


def enumeration(version, name, action="TransactionEvent"):
    return set(schema(version, action)["definitions"][name]["enum"])


def renderer(c, version):
    async def call(action, payload):
        return {}

    return Transactions(call, c.station, version == "v21")


def rendered(c, version):
    """[(action, message)] of all events that wait."""
    out, after, made = [], 0, renderer(c, version)
    while True:
        entry = c.journal.pending(after)
        if entry is None:
            return out
        after, kind, payload = entry
        if kind == START:
            c.station.delivery.acknowledge(payload, made.family)
        out.append(made.render(kind, payload))


async def a_session(c):
    await c.charge()
    await c.pass_s(15, wh=10)
    c.evse.release()
    await c.pass_s(12)
    c.evse.request()
    await c.pass_s(12, wh=10)
    c.connector.request_stop("local", "CARD", "ISO14443")
    await c.pass_s(2)


@VERSIONS
def test_a_session_is_one_transaction_without_gaps(version):
    async def story():
        c = Charger(settings=SETTINGS)
        await a_session(c)
        return rendered(c, version)

    told = run(story())
    for action, message in told:
        assert action == "TransactionEvent"
        valid(version, action, message)
    messages = [message for _, message in told]
    assert [m["seqNo"] for m in messages] == list(range(len(messages)))
    assert [m["eventType"] for m in messages][:1] == ["Started"]
    assert [m["eventType"] for m in messages][-1:] == ["Ended"]
    assert {m["eventType"] for m in messages[1:-1]} == {"Updated"}
    ids = {m["transactionInfo"]["transactionId"] for m in messages}
    assert len(ids) == 1 and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids.pop())
    # The place and the token are told once; the token again only by who ends the session.
    assert [i for i, m in enumerate(messages) if "evse" in m] == [0]
    assert [i for i, m in enumerate(messages) if "idToken" in m] == [0, len(messages) - 1]
    assert messages[-1]["triggerReason"] == "StopAuthorized"
    assert messages[-1]["transactionInfo"]["stoppedReason"] == "Local"
    states = [m["transactionInfo"].get("chargingState") for m in messages]
    assert "Charging" in states and "SuspendedEV" in states
    periodic = [m for m in messages if m["triggerReason"] == "MeterValuePeriodic"]
    assert periodic and all(m["meterValue"][0]["sampledValue"] for m in periodic)
    # Nothing was connected: each event says so.
    assert all(m["offline"] for m in messages)


@VERSIONS
def test_the_register_is_in_the_first_and_the_last_event_whatever_the_settings_say(version):
    async def story(wanted):
        c = Charger(settings=dict(SETTINGS, StopTxnSampledData=wanted))
        await a_session(c)
        return [message for _, message in rendered(c, version)], c.records(STOP)[0][2]

    for wanted in ("", "Energy.Active.Import.Register", "Current.Offered"):
        messages, stop_wh = run(story(wanted))
        for message, context, wh in (
            (messages[0], "Transaction.Begin", 1000),
            (messages[-1], "Transaction.End", stop_wh),
        ):
            found = [
                value["value"]
                for entry in message["meterValue"]
                for value in entry["sampledValue"]
                if value["context"] == context
                and value["measurand"] == "Energy.Active.Import.Register"
            ]
            assert found == [wh], (wanted, message)
        valid(version, "TransactionEvent", messages[-1])


def test_an_event_made_while_connected_is_not_offline_whenever_it_is_sent():
    async def story():
        c = Charger(settings=SETTINGS)
        made = renderer(c, "v201")
        c.station.delivery.attach(made)
        await c.charge()
        c.station.delivery.detach(made)
        await c.pass_s(12, wh=5)
        first = rendered(c, "v201")
        c.station.delivery.attach(made)
        return first, rendered(c, "v201")

    first, again = run(story())
    assert first == again, "a repetition is the same message"
    offline = ["offline" in message for _, message in first]
    assert not offline[0] and offline[-1] and offline == sorted(offline)


@VERSIONS
def test_every_word_of_the_station_has_a_word_of_the_version(version):
    later = version == "v21"
    reasons = enumeration(version, "ReasonEnumType")
    triggers = enumeration(version, "TriggerReasonEnumType")
    rows = [line.split() for line in session._ENDS.split("\n") if line]
    assert len(rows) > 20
    for reason, trigger in rows:
        assert names.stop_reason(reason, later) in reasons
        assert names.trigger(trigger, later) in triggers
    for (
        trigger
    ) in "plugged unplugged authorized remote_start deauthorized charging_state limit".split():
        assert names.trigger(trigger, later) in triggers - {"AbnormalCondition"}
    # No reason of the version is out of reach.
    reached = {names.stop_reason(reason, later) for reason, _ in rows}
    assert reached == reasons
    states = enumeration(version, "ChargingStateEnumType")
    assert {
        names.charging_state(s)
        for s in "idle connected charging suspended_ev suspended_evse".split()
    } == states
    statuses = enumeration(version, "ConnectorStatusEnumType", "StatusNotification")
    words = "available preparing charging suspended_ev finishing reserved unavailable faulted"
    assert {names.connector_status(word) for word in words.split()} == statuses


def test_tokens():
    assert names.id_token("FREE", "NoAuthorization") == {"idToken": "", "type": "NoAuthorization"}
    assert names.id_token("04AA", None)["type"] == "Central"
    assert names.id_token("04AA", "eMAID")["type"] == "Central"
    assert len(names.id_token("x" * 200, "Local")["idToken"]) == 36
    assert names.id_token("x" * 200, "Local", True)["idToken"] == "x" * 200


@pytest.mark.parametrize(
    "info, wanted",
    [
        (None, None),
        ({}, None),
        ({"status": 3}, None),
        ({"status": "Accepted"}, {"status": "accepted", "parent": None, "expiry": None}),
        ({"status": "Of2035"}, {"status": "invalid", "parent": None, "expiry": None}),
        (
            {"status": "NoCredit", "groupIdToken": {"idToken": "G", "type": "Central"}},
            {"status": "no_credit", "parent": "G", "expiry": None},
        ),
        (
            {"status": "Accepted", "cacheExpiryDateTime": "2027-01-01T00:00:00Z"},
            {"status": "accepted", "parent": None, "expiry": 1798761600},
        ),
        (
            {"status": "Accepted", "cacheExpiryDateTime": "soon"},
            {"status": "accepted", "parent": None, "expiry": None, "passing": True},
        ),
        (
            {"status": "Accepted", "groupIdToken": "G"},
            {"status": "accepted", "parent": None, "expiry": None},
        ),
    ],
)
def test_verdicts(info, wanted):
    assert token_info(info) == wanted


def test_a_session_of_a_version_without_uuids_has_an_id_all_the_same():
    assert uuid_text(None, 17) == "session-17"
    assert uuid_text(bytes(range(16)), 17) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


@VERSIONS
def test_records_of_version_0_1_0_are_told(version):
    async def story():
        c = Charger(settings=SETTINGS)
        stamp = [1, 5, 1798761600]
        c.journal.append(START, [9, 1, "CARD", 100, None, stamp])
        c.journal.append(SAMPLE, [9, 1, "Sample.Periodic", stamp, [[1, 0, 120]]])
        c.journal.append(STOP, [9, 1, 150, "local", None, stamp, None])
        return rendered(c, version)

    for action, message in run(story()):
        valid(version, action, message)
        assert message["transactionInfo"]["transactionId"] == "session-9"


def test_samples_without_a_session_are_meter_values():
    async def story():
        c = Charger(settings=SETTINGS)
        stamp = [1, 5, 1798761600]
        c.journal.append(SAMPLE, [0, 1, "Sample.Clock", stamp, [[1, 0, 120], [7, 0, 210]]])
        c.journal.append(SAMPLE, [0, 1, "Sample.Clock", stamp, [[7, 0, 210]]])
        return rendered(c, "v201")

    (action, message), nothing = run(story())
    valid("v201", action, message)
    assert action == "MeterValues" and nothing is None
    (value,) = message["meterValue"][0]["sampledValue"]
    assert value["value"] == 120, "2.x has no measurand Temperature"


@VERSIONS
def test_a_sample_that_was_asked_for_tells_the_state_of_charging(version):
    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()
        c.connector.metering.triggered()
        return rendered(c, version)

    action, message = run(story())[-1]
    valid(version, action, message)
    assert message["eventType"] == "Updated" and message["triggerReason"] == "Trigger"
    assert message["transactionInfo"]["chargingState"] == "Charging"
    assert message["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_a_refused_card_ends_the_session_that_began_with_it():
    async def story():
        c = Charger(settings=dict(SETTINGS, StopTransactionOnInvalidId="true"))
        await c.charge()
        made = renderer(c, "v201")
        _, kind, payload = c.journal.pending(0)
        answer = {"idTokenInfo": {"status": "Blocked"}}
        verdict = made.answered(kind, payload, answer)
        assert verdict["status"] == "blocked" and c.station.delivery.known
        made.learn(kind, payload, verdict)
        await c.pass_s(2)
        await asyncio.sleep(0)
        return c.records(STOP), c.records(CHANGE)

    stops, _ = run(story())
    assert stops and stops[0][3] == "deauthorized"
    assert delivery.STOP == STOP


def test_what_was_passed_over_begins_no_transaction_behind_the_end():
    """For lack of memory a sample waited until the end was told. It was told then with an id that
    was none: a central system took it for a transaction without an end."""

    async def story():
        c = Charger(settings=SETTINGS)
        await a_session(c)
        made, heard = renderer(c, "v201"), []
        real = made.render

        async def send(action, message):
            heard.append(message)
            return {}

        def lacking(kind, payload):
            if kind == SAMPLE:
                raise MemoryError()
            return real(kind, payload)

        made.send, made.render = send, lacking
        sender = c.station.delivery
        sender.attach(made)
        for _ in range(500):
            if sender.due_in_ms() is None:
                break
            c.clock.ms += sender.due_in_ms()
            await sender.step()
            if heard and heard[-1]["eventType"] == "Ended":
                made.render = real
        assert not c.journal.queued
        return heard

    heard = run(story())
    assert heard[-1]["eventType"] == "Ended"
    assert len({message["transactionInfo"]["transactionId"] for message in heard}) == 1


@VERSIONS
def test_limits_of_a_session_are_told_with_the_words_of_the_version(version):
    """2.0.1 has no limits of a transaction: there its event says that something has changed."""

    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()
        made = session_limits.SessionLimits(c.station, c.journal, c.clock)
        made.cost, made.ends = lambda number: None, lambda: False
        made.put(1, [20500, 3600, 45300])
        made.spent(1, 45300)
        return rendered(c, version)

    *_, limits, reached = run(story())
    for action, message in (limits, reached):
        valid(version, action, message)
    if version == "v201":
        assert limits[1]["triggerReason"] == reached[1]["triggerReason"] == "ChargingStateChanged"
        assert "transactionLimit" not in limits[1]["transactionInfo"]
    else:
        told = limits[1]["transactionInfo"]["transactionLimit"]
        assert told == {"maxEnergy": 20.5, "maxTime": 3600, "maxCost": 45.3}
        assert limits[1]["triggerReason"] == "LimitSet"
        assert reached[1]["triggerReason"] == "CostLimitReached"
        assert reached[1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"
