# The book that the test CSMS keeps of sessions of OCPP 2.x, and of those that change the version.
# MIT license; part of microevse
"""Each contradiction in the events of a session gives its sentence, and nothing else does."""

import copy
import json

from csms import Csms, stamp
from csms_station import ALL, BEGAN, CARD, NOW, TAGS, TX, Line, event, scenario, session


def without(payloads, *seqs):
    return [p for p in payloads if p["seqNo"] not in seqs]


def changed(payloads, seq, path, value):
    """The events with one field of one of them set, or left out (None)."""
    found = copy.deepcopy(payloads)
    place = [p for p in found if p["seqNo"] == seq][0]
    *path, last = path.split("/")
    for key in path:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return found


def spliced(payloads, *extra):
    """The events with these put in before the end, and the end numbered behind them."""
    found = payloads[:-1] + list(extra) + changed(payloads[-1:], 4, "seqNo", 4 + len(extra))
    return found


INFO = "transactionInfo/"
WH = [{"timestamp": stamp(BEGAN + 100), "sampledValue": [{"value": 900.0}]}]
OTHER_UNITS = [
    {
        "timestamp": stamp(BEGAN + 100),
        "sampledValue": [
            {"value": 1.05, "unitOfMeasure": {"unit": "kWh"}},
            {"value": 105.02, "unitOfMeasure": {"multiplier": 1}},
            {"value": 350, "phase": "L1"},
            {"value": 7, "measurand": "Current.Import"},
        ],
    }
]
# kind of the problem, a word of it, the events
WRONG = [
    (
        "repetition",
        "another timestamp",
        session() + changed(session()[:1], 0, "timestamp", stamp(BEGAN + 1)),
    ),
    ("repetition", "another offline", session() + changed(session()[4:], 4, "offline", None)),
    ("repetition", "another meterValue", session() + changed(session()[4:], 4, "meterValue", WH)),
    ("order", "not started", [event("Updated", 1, "MeterValuePeriodic", 2, 1000)]),
    ("order", "Updated has the number 0", [event("Updated", 0, "Trigger", 0)]),
    (
        "time",
        "behind number 3",
        [*session()[:2], session()[3], event("Updated", 2, "Trigger", 301), session()[4]],
    ),
    (
        "energy",
        "1101 Wh in number 2",
        [*session()[:2], session()[3], event("Updated", 2, "Trigger", 299, 1101), session()[4]],
    ),
    (
        "order",
        "has the number 1",
        [event("Started", 1, "Authorized", 0, 1000, "EVConnected", evse={"id": 1}, idToken=CARD)],
    ),
    (
        "order",
        "started twice",
        session()[:1] + [event("Started", 1, "Trigger", 1, state="EVConnected")],
    ),
    (
        "order",
        "ended twice",
        session() + [event("Ended", 5, "EVCommunicationLost", 320, 1100, reason="Local")],
    ),
    ("order", "behind Ended", session() + [event("Updated", 5, "Trigger", 320)]),
    ("order", "below 5", session()[:4] + [event("Updated", 5, "Trigger", 310)] + session()[4:]),
    ("gap", "[2]", without(session(), 2)),
    ("gap", "[1, 2]", without(session(), 1, 2)),
    ("time", "before number 1", changed(session(), 2, "timestamp", stamp(BEGAN + 1))),
    ("energy", "900 Wh in number 2", changed(session(), 2, "meterValue", WH)),
    (
        "energy",
        "1099 Wh in number 4",
        [
            *session()[:4],
            event("Ended", 4, "EVCommunicationLost", 310, 1099, "Idle", reason="Local"),
        ],
    ),
    ("offline", "no line at that time", changed(session(), 2, "offline", None)),
    ("token", "authorizes nothing", changed(session(), 2, "idToken", CARD)),
    (
        "token",
        "tells the idToken again",
        spliced(session(), event("Updated", 4, "StopAuthorized", 305, idToken=CARD)),
    ),
    ("token", "has no idToken", changed(session(), 0, "idToken", None)[:1]),
    (
        "token",
        "no idToken told",
        [
            event("Started", 0, "CablePluggedIn", 0, 1000, "EVConnected", evse={"id": 1}),
            *session()[1:3],
            event("Ended", 3, "EVCommunicationLost", 310, 1100, reason="EVDisconnected"),
        ],
    ),
    ("evse", "does not tell it", changed(session(), 0, "evse", None)[:1]),
    ("evse", "not {'id': 1", changed(session(), 2, "evse", {"id": 2})),
    ("evse", "not {'id': 1", changed(session(), 2, "evse", {"id": 1, "connectorId": 2})),
    ("reason", "has the stoppedReason", changed(session(), 2, INFO + "stoppedReason", "Local")),
    ("reason", "by the triggerReason", changed(session(), 4, INFO + "stoppedReason", "PowerLoss")),
    ("reason", "by the triggerReason", changed(session(), 4, "triggerReason", "RemoteStop")),
    (
        "reason",
        "with the stoppedReason",
        changed(
            changed(session(), 4, "triggerReason", "ResetCommand"),
            4,
            INFO + "stoppedReason",
            "Other",
        ),
    ),
    ("state", "has no chargingState", changed(session(), 1, INFO + "chargingState", None)),
    ("state", "chargingState Charging", changed(session(), 4, INFO + "chargingState", "Charging")),
    ("meter", "no reading", changed(session(), 4, "meterValue", None)),
    ("twice", "the same session", session() + session(tx="other")[:1]),
]
# What looks unusual and is right.
RIGHT = [
    changed(session(), 4, INFO + "stoppedReason", None),
    session()[:2] + session()[3:4] + session()[2:3] + session()[4:],  # a late sample
    [
        event("Started", 0, "CablePluggedIn", 0, 1000, "EVConnected", evse={"id": 1}),
        event("Ended", 1, "EVCommunicationLost", 9, 1000, reason="EVDisconnected"),
    ],
    [
        event("Started", 0, "Authorized", 0, 1000, idToken=CARD),
        event("Ended", 1, "EVConnectTimeout", 60, 1000, reason="Timeout"),
    ],
    [
        *session()[:4],
        event("Updated", 4, "ChargingStateChanged", 301, state="EVConnected"),
        event("Updated", 5, "Authorized", 302, idToken=CARD),
        event("Updated", 6, "StopAuthorized", 303, idToken=CARD),
        event("Ended", 7, "EVCommunicationLost", 310, 1100, "Idle", reason="Local"),
    ],
    [
        *session()[:3],
        event("Updated", 3, "RemoteStop", 301, state="EVConnected"),
        event("Updated", 4, "Authorized", 302, idToken=CARD),
        event("Ended", 5, "EVCommunicationLost", 310, 1100, "Idle", reason="Remote"),
    ],
    [  # other units, and what is of one phase
        *session()[:2],
        event("Updated", 2, "MeterValuePeriodic", 100, meterValue=OTHER_UNITS),
        event("Ended", 3, "AbnormalCondition", 100, 1050.5, reason="PowerLoss"),
    ],
    [*session()[:3], event("Ended", 3, "AbnormalCondition", 100, 1050.5, reason="PowerLoss")],
    [*session()[:3], event("Ended", 3, "ResetCommand", 100, 1050.5, reason="ImmediateReset")],
]


@scenario
async def test_the_ledger_blames_each_contradiction(protocol):
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        for number, (kind, word, events) in enumerate(WRONG):
            async with Line(csms, protocol, id=f"W{number}") as line:
                await line.boot()
                for allowed in (set(), {kind}):
                    csms.ledger.allow = allowed
                    # Two sessions must not look like one that is told twice.
                    shift = 1000 if allowed else 0
                    for payload in moved(events, f"{number}-{shift}", shift):
                        answer = await line.tell("TransactionEvent", payload)
                        assert answer[0] == 3, answer
                    found = list(csms.violations)
                    csms.violations.clear()
                    if allowed:
                        assert not found, (kind, word, found)
                    else:
                        assert len(found) == 1 and word in found[0], (kind, word, found)


def moved(events, id, seconds):
    """The same events as of another session, earlier."""
    text = json.dumps(events)
    for second in range(400):
        text = text.replace(stamp(BEGAN + second), stamp(BEGAN + second - seconds))
    return json.loads(text.replace(TX, id).replace("other", id + "-again"))


@scenario
async def test_the_ledger_takes_what_is_right(protocol):
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        for number, events in enumerate(RIGHT):
            async with Line(csms, protocol, id=f"R{number}") as line:
                await line.boot()
                for payload in moved(events, str(number), 0):
                    assert (await line.tell("TransactionEvent", payload))[0] == 3
                assert not csms.violations, (number, csms.violations)
                entry = list(csms.transactions.values())[-1]
                assert entry.wh == entry.meter_stop - 1000 and not csms.ledger.running()


@scenario
async def test_offline_is_what_was_before_the_line_was_up(protocol):
    """`offline` is wrong for an event of the time in which the line that carries it is up."""
    clock = [NOW - 1000.0]
    async with Csms(TAGS, clock=lambda: clock[0], subprotocols=ALL) as csms:
        async with Line(csms, protocol, id="CP 2") as line:
            csms.reply("BootNotification", {"status": "Pending"})
            await line.boot()
            clock[0] = BEGAN + 400
            await line.boot()
            for payload in changed(session(tx="waited"), 1, "offline", None)[:3]:
                await line.tell("TransactionEvent", payload)
            assert not csms.violations
        clock[0] = NOW - 1000.0
        async with Line(csms, protocol) as line:
            await line.boot()
            clock[0] = NOW
            events = session()
            await line.tell("TransactionEvent", events[0])
            assert "has been up before" in csms.violations.pop()
            for payload in changed(events, 1, "offline", None)[1:2]:
                await line.tell("TransactionEvent", payload)
            assert not csms.violations


@scenario
async def test_a_line_that_is_lost_is_missed_a_little_later(protocol):
    clock = [BEGAN - 100.0]
    async with Csms(TAGS, clock=lambda: clock[0], subprotocols=ALL) as csms:
        async with Line(csms, protocol) as line:
            await line.boot()
            clock[0] = BEGAN
        clock[0] = BEGAN + 500
        async with Line(csms, protocol) as line:
            await line.boot()
            events = session()
            for payload in (events[0], changed(events, 1, "offline", None)[1]):
                await line.tell("TransactionEvent", payload)
            assert csms.violations == []
            late = changed(events, 2, "offline", None)[2]
            await line.tell("TransactionEvent", late)
            assert "no line at that time" in csms.violations.pop()


@scenario
async def test_what_belongs_elsewhere(protocol):
    """A transaction of another charger, a sample beside the events, an unknown remoteStartId."""
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        async with Line(csms, protocol) as line:
            await line.boot()
            for payload in session()[:3]:
                await line.tell("TransactionEvent", payload)
            for context, wrong in (("Sample.Clock", 1), ("Trigger", 0)):
                sample = {"value": 5, "context": context}
                value = {"timestamp": stamp(BEGAN + 150), "sampledValue": [sample]}
                await line.tell("MeterValues", {"evseId": 1, "meterValue": [value]})
                assert len(csms.violations) == wrong
                csms.violations.clear()
            await line.tell("TransactionEvent", event("Updated", 3, "Trigger", 200, remote=9))
            assert "nobody gave the remoteStartId 9" in csms.violations.pop()
            for seq, word in ((1, "1 in place of 0"), (0, None)):
                row = {"eventId": 1, "timestamp": stamp(NOW), "trigger": "Delta"}
                row.update(actualValue="1", eventNotificationType="CustomMonitor")
                row.update(component={"name": "RCD"}, variable={"name": "Tripped"})
                payload = {"generatedAt": stamp(NOW), "seqNo": seq, "eventData": [row]}
                await line.tell("NotifyEvent", payload)
                assert not word or word in csms.violations.pop()
            assert not csms.violations
        async with Line(csms, protocol, id="CP 2") as line:
            await line.boot()
            await line.tell("TransactionEvent", session()[4])
            assert "it is one of CP 1" in csms.violations.pop(0)


# -- one session under two versions -------------------------------------------------------------

START16 = {"connectorId": 1, "idTag": "CARD1", "meterStart": 1000, "timestamp": stamp(BEGAN)}


def stop16(number, **more):
    found = {"transactionId": number, "meterStop": 1100, "timestamp": stamp(BEGAN + 310)}
    return {**found, "reason": "Local", **more}


def sample16(number, at, wh):
    value = {"timestamp": stamp(BEGAN + at), "sampledValue": [{"value": str(wh)}]}
    return {"connectorId": 1, "transactionId": number, "meterValue": [value]}


@scenario
async def test_a_session_that_begins_under_1_6_and_ends_under_2_x_is_billed_once(protocol):
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        async with Line(csms, "ocpp1.6") as line:
            await line.boot()
            number = (await line.tell("StartTransaction", START16))[2]["transactionId"]
            await line.tell("MeterValues", sample16(number, 50, 1020))
            await line.tell("MeterValues", sample16(number, 100, 1050))
        async with Line(csms, protocol) as line:
            await line.boot()
            # The sample at 100 s was not acknowledged, so it comes again.
            for payload in without(session(), 1):
                await line.tell("TransactionEvent", payload)
        assert csms.violations == []
        assert list(csms.transactions) == [number]
        entry = csms.transactions[number]
        assert (entry.starts, entry.stops, entry.retold) == (1, 1, 1)
        assert (entry.wh, entry.uuid, len(entry.samples)) == (100, TX, 2)
        assert csms.ledger.find(TX) is entry


@scenario
async def test_a_session_that_begins_under_2_x_and_ends_under_1_6_is_billed_once(protocol):
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        async with Line(csms, protocol) as line:
            await line.boot()
            for payload in session()[:3]:
                await line.tell("TransactionEvent", payload)
        async with Line(csms, "ocpp1.6") as line:
            await line.boot()
            number = (await line.tell("StartTransaction", START16))[2]["transactionId"]
            await line.tell("MeterValues", sample16(number, 200, 1080))
            await line.tell("StopTransaction", stop16(number))
        assert csms.violations == []
        assert list(csms.transactions) == [TX]
        entry = csms.transactions[TX]
        assert (entry.starts, entry.stops, entry.wh, entry.number) == (1, 1, 100, number)
        # The answer to the StopTransaction was lost: the end is told under 2.x, too.
        async with Line(csms, protocol) as line:
            await line.boot()
            end = dict(session()[4], seqNo=6)
            await line.tell("TransactionEvent", end)
        assert csms.violations == []
        assert (entry.starts, entry.stops, entry.wh) == (1, 1, 100)


@scenario
async def test_an_end_under_the_other_version_must_say_the_same(protocol):
    for more in (
        {"meterStop": 1105},
        {"timestamp": stamp(BEGAN + 320)},
        {"reason": "Remote"},
    ):
        async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
            async with Line(csms, protocol) as line:
                await line.boot()
                for payload in session():
                    await line.tell("TransactionEvent", payload)
            async with Line(csms, "ocpp1.6") as line:
                await line.boot()
                number = (await line.tell("StartTransaction", START16))[2]["transactionId"]
                await line.tell("StopTransaction", stop16(number, **more))
            assert len(csms.violations) == 1, more
            assert "another way under the other protocol" in csms.violations[0]


@scenario
async def test_other_starts_are_other_sessions(protocol):
    """A gap under 2.x alone, another driver's card and another meter reading are not excused."""
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        async with Line(csms, "ocpp1.6") as line:
            await line.boot()
            first = await line.tell("StartTransaction", START16)
            other = await line.tell("StartTransaction", {**START16, "idTag": "OTHER"})
            assert first[2]["transactionId"] != other[2]["transactionId"]
            assert len(csms.transactions) == 2
            csms.ledger.transactions.popitem()
        async with Line(csms, protocol) as line:
            await line.boot()
            for payload in without(session(), 1, 3):
                await line.tell("TransactionEvent", payload)
            assert "without the numbers [3]" in csms.violations.pop()
            assert len(csms.transactions) == 1 and not csms.violations
        async with Line(csms, "ocpp1.6", id="CP 2") as line:
            await line.boot()
            await line.tell("StartTransaction", {**START16, "idTag": "OTHER"})
        async with Line(csms, protocol, id="CP 2") as line:
            await line.boot()
            await line.tell("TransactionEvent", session(tx="second")[0])
            assert "told again as of CARD1" in csms.violations.pop()
        async with Line(csms, "ocpp1.6", id="CP 3") as line:
            await line.boot()
            await line.tell("StartTransaction", {**START16, "meterStart": 990})
        async with Line(csms, protocol, id="CP 3") as line:
            await line.boot()
            await line.tell("TransactionEvent", session(tx="third")[0])
        assert len(csms.transactions) == 4 and not csms.violations
