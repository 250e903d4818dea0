# Bad input from the central system, against the whole firmware.
# MIT license; part of microevse
"""Each case is given to a charger that is charging; afterwards the contactor has not moved,
the transaction is still the same one, and it ends with everything billed.

Names of codes: RFC 6455 section 7.4 for close codes, OCPP-J 1.6 section 4.2.3 for errors.
"""

import json

from bench import EPOCH, ID, scenario, script
from websockets.frames import Opcode

MESSAGE = {"MeterValueSampleInterval": 10}


async def _charging(b, **settings):
    await b.boot(**settings)
    entry = await b.charging()
    b.switched = len(_contacts(b))
    return entry


def _contacts(b):
    """The movements of the contactor in the physical world."""
    return [event for event in b.twin.events if event["event"] == "contact"]


async def _ends_well(b, entry):
    """The contactor never moved, the energy counts on, and the stop is booked once."""
    state = await b.status()
    assert state["contactor"] is True
    assert len(_contacts(b)) == b.switched, "the contactor moved"
    wh = state["wh"]
    await b.advance(10)
    assert (await b.status())["wh"] > wh
    await b.tap("CARD1")
    await b.until(lambda: entry.stop, 60, "StopTransaction")
    await b.contactor(False)
    total = (await b.status())["wh"]
    assert abs(entry.wh - total) <= max(1, 0.01 * total)
    assert (entry.starts, len(b.csms.transactions)) == (1, 1)


async def _works(b):
    """The charger answers a plain question, over whatever connection it has now."""
    answer = await b.call("GetConfiguration", {"key": ["NumberOfConnectors"]})
    assert answer["configurationKey"][0]["value"] == "1"


# --- OCPP -------------------------------------------------------------------------------------


@scenario
async def test_wrong_calls_get_the_right_callerror_and_change_nothing(b):
    entry = await _charging(b)
    before = await b.configuration()
    cases = (
        ("Nonsense", {}, "NotImplemented"),
        ("Reset", {}, "OccurenceConstraintViolation"),
        ("Reset", {"type": "Sideways"}, "PropertyConstraintViolation"),
        ("Reset", {"type": 1}, "TypeConstraintViolation"),
        ("Reset", {"type": "Hard", "extra": 1}, "FormationViolation"),
        ("Reset", "Hard", "FormationViolation"),
        # Some servers write [] or null in place of {}: the code may then be that of a missing
        # type.
        ("Reset", [], ("FormationViolation", "OccurenceConstraintViolation")),
        ("Reset", None, ("FormationViolation", "OccurenceConstraintViolation")),
        ("RemoteStartTransaction", {"idTag": "X" * 21}, "PropertyConstraintViolation"),
        ("RemoteStartTransaction", {"idTag": 5}, "TypeConstraintViolation"),
        ("RemoteStartTransaction", {"connectorId": 1}, "OccurenceConstraintViolation"),
        (
            "RemoteStartTransaction",
            {"idTag": "CARD3", "connectorId": "one"},
            "TypeConstraintViolation",
        ),
        (
            "RemoteStartTransaction",
            {"idTag": "CARD3", "connectorId": 1.5},
            "TypeConstraintViolation",
        ),
        ("RemoteStopTransaction", {"transactionId": True}, "TypeConstraintViolation"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval"}, "OccurenceConstraintViolation"),
        (
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "value": 30},
            "TypeConstraintViolation",
        ),
        (
            "ChangeConfiguration",
            {"key": "HeartbeatInterval", "value": "9" * 501},
            "PropertyConstraintViolation",
        ),
        ("GetConfiguration", {"key": "HeartbeatInterval"}, "TypeConstraintViolation"),
        ("ChangeAvailability", {"connectorId": 1, "type": None}, "TypeConstraintViolation"),
        ("SetChargingProfile", {"connectorId": 1}, "OccurenceConstraintViolation"),
        # 1.6 has the action, but this charger does not have its profile.
        ("ReserveNow", {}, "OccurenceConstraintViolation"),
        # Only the charger may send this one.
        ("BootNotification", {}, ("NotSupported", "NotImplemented")),
        ("__init__", {}, "NotImplemented"),
        ("", {}, "NotImplemented"),
    )
    wrong = []
    for action, payload, code in cases:
        try:
            error = await b.call_error(action, payload, check=False)
        except AssertionError as exc:
            wrong.append(str(exc))
            continue
        if error.code not in ((code,) if isinstance(code, str) else code):
            wrong.append(f"{action} {json.dumps(payload)[:60]}: {error.code}, not {code}")
    # The CSMS's own bookkeeping cannot check a payload that is no object.
    assert not wrong, "\n".join(wrong)
    assert await b.configuration() == before
    await _ends_well(b, entry)


@scenario
async def test_text_that_is_no_message(b):
    entry = await _charging(b)
    mark = b.mark()
    readable = {
        '[2,"cut-1","Reset",{"type":"Ha': "cut-1",
        '[2,"cut-2","Reset"': "cut-2",
        '[2,"short-1","Reset"]': "short-1",
        '[2,"long-1","Reset",{"type":"Soft"},{}]': "long-1",
        '[2,"action-1",7,{}]': "action-1",
    }
    for text in readable:
        b.csms.send_raw(text)
    for text in (
        "",
        "}{",
        "null",
        "7",
        '"text"',
        "{}",
        "[]",
        "[2]",
        '[2,5,"Reset",{"type":"Soft"}]',
        '[2,null,"Reset",{"type":"Soft"}]',
        '["2","kind-1","Reset",{"type":"Soft"}]',
        '[9,"kind-2","Reset",{"type":"Soft"}]',
        '[3,"stray-1",{}]',
        '[4,"stray-2","GenericError","",{}]',
        "[3]",
        '[4,"stray-3"]',
        "[" * 5000 + "]" * 5000,
        '[2,"deep","DataTransfer",' + '{"a":' * 300 + "1" + "}" * 300 + "]",
        '[2,"' + "i" * 5000 + '","Reset",{"type":"Soft"}]',
        '[2,"nul","DataTransfer",{"vendorId":"a\\u0000b"}]',
        '[2,"surrogate","DataTransfer",{"vendorId":"\\ud83d"}]',
    ):
        b.csms.send_raw(text)
        await b.advance(0.3)
    await b.advance(3)
    sent = [f for f in b.csms.log[mark:] if f.direction == "in"]
    errors = {f.unique_id: f for f in sent if f.type == "error"}
    for text, unique_id in readable.items():
        assert unique_id in errors, f"no CALLERROR for {text}"
        assert errors[unique_id].payload["code"] == "FormationViolation", errors[unique_id]
    assert "" not in errors, "an error about nothing"
    await _works(b)
    # Answers to calls that our side never booked.
    b.csms.violations[:] = [v for v in b.csms.violations if "which nobody asked" not in v]
    await _ends_well(b, entry)


@scenario
async def test_the_same_call_twice_is_carried_out_once(b):
    """A CSMS that missed the answer sends the CALL again under its old id."""
    await b.boot()
    await b.do("plug")
    await b.do("request")
    call = ("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1})
    assert (await b.call(*call, unique_id="same"))["status"] == "Accepted"
    # Carried out a second time it would be Rejected: the connector is taken by then.
    assert (await b.call(*call, unique_id="same"))["status"] == "Accepted"
    await b.contactor(True)
    assert (await b.call(*call, unique_id="other"))["status"] == "Rejected"
    assert len(b.csms.transactions) == 1


@scenario(csms={"interval": 60})
async def test_a_wrong_or_missing_answer_does_not_stop_anything(b):
    entry = await _charging(b, MessageTimeout=10, TransactionMessageRetryInterval=5, **MESSAGE)
    for bad in (
        script.WrongId(),
        script.Drop(),
        script.Garbage(),
        script.Garbage('[3,"'),
        script.Error("InternalError", "no"),
        script.Before('[3,"unrelated",{}]', '[4,"unrelated","GenericError","",{}]'),
    ):
        b.csms.reply("MeterValues", bad)
    b.csms.reply("Heartbeat", {"currentTime": "not a time"}, {"currentTime": 5}, script.Drop())
    samples = len(entry.samples)
    await b.advance(240)
    assert len(entry.samples) >= samples + 20, "MeterValues stopped"
    stamps = [at for at, _ in entry.samples]
    assert stamps == sorted(stamps)
    assert b.csms.find("Heartbeat")
    assert b.csms.overlaps == [] or all(
        later.t - earlier.t >= 9.5 for earlier, later in b.csms.overlaps
    ), "two CALLs in flight"
    await _works(b)
    await _ends_well(b, entry)


# --- failures that other firmware was found to have -------------------------------------------


@scenario
async def test_lost_status_answer_and_outage_do_not_silence_the_charger(b):
    await b.boot()
    b.csms.reply("StatusNotification", script.Cut())
    b.csms.admit(*[script.Refuse(503)] * 3)
    await b.do("plug")
    await b.advance(60)
    await b.until(lambda: b.csms.wire, 180, "connected again")
    await b.do("request")
    await b.tap("CARD1")
    await b.expect("StartTransaction", within=30)
    entry = b.transaction()
    await b.tap("CARD1")
    await b.until(lambda: entry.stop, 30, "StopTransaction")


@scenario(options={"skip_ms": 4000, "coalesce_ms": 2000})
async def test_silence_on_start_transaction_for_twenty_minutes_loses_nothing(b):
    await b.boot(MessageTimeout=20, **MESSAGE, TransactionMessageRetryInterval=10)
    b.csms.always("StartTransaction", script.Ignore())
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.contactor(True)
    await b.advance(300)
    await b.tap("CARD1")
    await b.contactor(False)
    wh = (await b.status())["wh"]
    await b.advance(900)
    assert not b.csms.transactions
    tries = b.csms.calls("StartTransaction")
    assert len(tries) >= 5 and all(t == tries[0] for t in tries), "identical every time"
    b.csms.usual("StartTransaction")
    await b.until(lambda: b.csms.transactions, 120, "StartTransaction")
    entry = b.transaction()
    await b.until(lambda: entry.stop, 120, "StopTransaction")
    assert abs(entry.wh - wh) <= max(1, 0.01 * wh)
    assert len(b.csms.transactions) == 1
    assert len(entry.samples) >= 25


@scenario
async def test_clear_cache_does_not_touch_queued_sessions(b):
    await b.boot(LocalAuthorizeOffline=True)
    entry = await b.charging()
    await b.tap("CARD1")
    await b.until(lambda: entry.stop, 20)
    await b.leave()
    await b.offline()
    for _ in range(2):
        await b.do("plug")
        await b.do("request")
        await b.tap("CARD1")
        await b.contactor(True, within=20)
        await b.advance(20)
        await b.tap("CARD1")
        await b.contactor(False, within=20)
        await b.do("release")
        await b.until(b._unplug, 15)
        await b.advance(3)
    answers = []

    def clear(wire):
        answers.append(b.csms.start_call("ClearCache", {}, wire=wire))

    b.csms.on_open = clear
    await b.online()
    await b.until(lambda: len([t for t in b.csms.transactions.values() if t.stop]) == 3, 60)
    assert answers[0].result()["status"] == "Accepted"
    starts = b.csms.calls("StartTransaction")
    stops = b.csms.calls("StopTransaction")
    order = sorted(starts + stops, key=lambda p: p.index)
    assert ["meterStart" in p for p in order] == [True, False] * 3, "in the order it happened"
    assert all(t.starts == t.stops == 1 for t in b.csms.transactions.values())


@scenario
async def test_an_unrelated_answer_does_not_end_the_call_in_flight(b):
    await b.boot()
    stray = '[3,"x-1",{"idTagInfo":{"status":"Accepted"}}]'
    b.csms.reply("Authorize", script.Before(stray, then=script.Delay(3)))
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.expect("Authorize")
    await b.none("StartTransaction", for_=2)
    assert (await b.status())["contactor"] is False, "somebody else's answer is no permission"
    await b.expect("StartTransaction", within=10)
    assert len(b.calls("Authorize")) == 1


@scenario
async def test_after_an_outage_transactions_come_first_and_one_status_per_connector(b):
    await b.boot()
    entry = await b.charging()
    await b.offline()
    await b.tap("CARD1")
    await b.contactor(False, within=15)
    await b.do("release")
    await b.until(b._unplug, 15)
    for _ in range(3):
        await b.do("plug")
        await b.advance(3)
        await b.do("unplug")
        await b.advance(3)
    mark = b.mark()
    await b.online()
    await b.until(lambda: entry.stop, 30)
    await b.advance(20)
    sent = b.calls(None, mark)
    told = [p for p in sent if "errorCode" in p]
    stop = b.calls("StopTransaction", mark)[0]
    assert all(stop.index < p.index for p in told)
    assert sorted(p["connectorId"] for p in told) in ([0, 1], [1]), told
    assert told[-1]["status"] == "Available"


# --- WebSocket ----------------------------------------------------------------------------------


async def _closes(b, send, code):
    """The bytes of `send(wire)` end this connection with `code`, and the charger connects
    again."""
    wire = b.csms.wire
    send(wire)
    await b.until(lambda: not wire.open, 30, "the charger closes")
    codes = code if isinstance(code, tuple) else (code,)
    assert wire.close_code in codes, (wire.close_code, wire.close_reason)
    # The back-off grows from one such end to the next.
    await b.until(lambda: b.csms.wire not in (None, wire), 200, "connected again")
    await _works(b)


@scenario
async def test_frames_that_break_the_protocol(b):
    entry = await _charging(b)
    text = b'[2,"raw","GetConfiguration",{}]'
    for what, send, code in (
        ("masked", lambda w: w.send_frame(Opcode.TEXT, text, mask=b"abcd"), 1002),
        ("stray continuation", lambda w: w.send_frame(Opcode.CONT, b"tail"), 1002),
        ("reserved bit", lambda w: w.send_frame(Opcode.TEXT, text, rsv=4), 1002),
        ("reserved data opcode", lambda w: w.send_frame(3, b"x"), 1002),
        ("reserved control opcode", lambda w: w.send_frame(11, b"x"), 1002),
        ("ping of 126 bytes", lambda w: w.send_frame(Opcode.PING, b"p" * 126), 1002),
        ("fragmented ping", lambda w: w.send_frame(Opcode.PING, b"p", fin=False), 1002),
        (
            "text within a fragmented message",
            lambda w: [w.send_frame(Opcode.TEXT, b"[", fin=fin) for fin in (False, True)],
            1002,
        ),
        ("not UTF-8", lambda w: w.send_frame(Opcode.TEXT, b'[2,"\xff\xfe"]'), 1007),
        ("close code 1005", lambda w: w.send_frame(Opcode.CLOSE, b"\x03\xed"), 1002),
        ("close of one byte", lambda w: w.send_frame(Opcode.CLOSE, b"\x03"), 1002),
    ):
        try:
            await _closes(b, send, code)
        except AssertionError as exc:
            raise AssertionError(f"{what}: {exc}") from None
        assert (await b.status())["contactor"] is True, what
    await _ends_well(b, entry)


@scenario
async def test_a_frame_of_one_megabyte(b):
    entry = await _charging(b)
    wire = b.csms.wire
    big = b'[2,"big","DataTransfer",{"vendorId":"x","data":"' + b"y" * (1 << 20) + b'"}]'
    wire.send_frame(Opcode.TEXT, big)
    await b.until(lambda: not wire.open or wire.lost, 60, "the charger closes")
    assert wire.close_code in (1009, None)  # None: the close frame met a full pipe
    assert b.logged("message of more than 262144 bytes")
    await b.until(lambda: b.csms.wire not in (None, wire), 60, "connected again")
    # The same in fragments, none of them too large.
    wire = b.csms.wire
    wire.send_frame(Opcode.TEXT, b'[2,"big"', fin=False)
    for _ in range(270):
        wire.send_frame(Opcode.CONT, b" " * 1000, fin=False)
    await b.until(lambda: not wire.open or wire.lost, 60, "the charger closes")
    await b.until(lambda: b.csms.wire not in (None, wire), 60, "connected again")
    # A header that promises 2**62 bytes.
    wire = b.csms.wire
    wire.send_frame(Opcode.TEXT, b"[2", length=1 << 62)
    await b.until(lambda: not wire.open or wire.lost, 60, "the charger closes")
    await b.until(lambda: b.csms.wire not in (None, wire), 60, "connected again")
    await _works(b)
    await _ends_well(b, entry)


@scenario
async def test_a_message_too_large_for_the_charger_is_answered_and_the_connection_lives_on(b):
    """More than fits, whole and in fragments: a CALLERROR, nothing else happens."""
    entry = await _charging(b)
    wire = b.csms.wire
    error = await b.call_error("DataTransfer", {"vendorId": "x", "data": "y" * 60000})
    assert error.code == "GenericError" and "too large" in error.description
    text = json.dumps([2, "in-pieces", "DataTransfer", {"vendorId": "x", "data": "z" * 100000}])
    mark = b.mark()
    for at in range(0, len(text), 5000):
        last = at + 5000 >= len(text)
        opcode = Opcode.CONT if at else Opcode.TEXT
        wire.send_frame(opcode, text[at : at + 5000].encode(), fin=last)
    await b.until(lambda: [f for f in b.csms.log[mark:] if f.type == "error"], 20, "an answer")
    (answer,) = [f for f in b.csms.log[mark:] if f.type == "error"]
    assert (answer.unique_id, answer.payload["code"]) == ("in-pieces", "GenericError")
    # A message that is no CALL gets no answer, and costs nothing either.
    b.csms.send_raw('{"no": "' + "call" * 10000 + '"}')
    await b.advance(3)
    assert b.csms.wire is wire
    await _works(b)
    b.csms.violations[:] = [v for v in b.csms.violations if "in-pieces" not in v]
    await _ends_well(b, entry)


@scenario
async def test_valid_fragments_are_put_together(b):
    entry = await _charging(b)
    wire = b.csms.wire
    message = json.dumps(
        [2, "pieces", "DataTransfer", {"vendorId": "x", "data": "\u00fc\U0001f50c" * 40}],
        ensure_ascii=False,
    ).encode()
    future = b.csms.start_call("DataTransfer", {"vendorId": "whole"}, unique_id="pieces-0")
    await b.until(future.done, 10)
    mark = b.mark()
    # One byte per frame, cutting characters in two, with a ping in the middle.
    for index in range(len(message)):
        first, last = index == 0, index == len(message) - 1
        wire.send_frame(
            Opcode.TEXT if first else Opcode.CONT, message[index : index + 1], fin=last
        )
        if index == len(message) // 2:
            wire.send_frame(Opcode.PING, b"p" * 125)
        if index % 50 == 0:
            await b.advance(0.1)
    await b.until(
        lambda: [f for f in b.csms.log[mark:] if f.unique_id == "pieces"], 10, "an answer"
    )
    (answer,) = [f for f in b.csms.log[mark:] if f.unique_id == "pieces"]
    assert answer.payload == {"status": "UnknownVendorId"}
    assert [f for f in b.csms.log[mark:] if f.action == "pong" and f.payload == 125]
    assert b.csms.wire is wire, "the connection is the same"
    # Our own call was never booked by start_call, so its answer looks unasked.
    b.csms.violations[:] = [v for v in b.csms.violations if "pieces" not in v]
    await _ends_well(b, entry)


@scenario
async def test_bad_answers_to_the_upgrade_are_retried_with_back_off(b):
    b.csms.admit(
        script.Refuse(401),
        script.Refuse(403),
        script.Refuse(404),
        script.Refuse(503),
        script.NoSubprotocol(),
        script.Subprotocol("ocpp2.0.1"),
        script.BadAccept(),
        script.CloseAfterAccept(1008, "go away"),
        script.Reset(),
    )
    await b.until(lambda: len(b.csms.connections) >= 10, 1500, "ten attempts")
    times = []
    for wire in b.csms.connections:
        first = [f for f in b.csms.log if f.wire is wire]
        times.append(first[0].t - EPOCH)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert all(gap >= 0.9 for gap in gaps), f"hammering: {gaps}"
    assert max(gaps) > 4 * min(gaps), f"no back-off: {gaps}"
    await b.start_of_day(within=200)
    assert b.csms.registration[ID] == "Accepted"
    for word in ("401", "403", "404", "503"):
        assert b.logged(word), f"the log does not tell of {word}"


@scenario
async def test_a_server_that_never_answers_the_upgrade(b):
    b.csms.admit(script.Hang(), script.Hang())
    await b.start_of_day(within=300)


@scenario
async def test_a_line_that_died_silently_is_noticed_by_ping(b):
    entry = await _charging(b, WebSocketPingInterval=20)
    wire = b.csms.wire
    wire.mute = True
    await b.until(lambda: b.csms.wire is not wire and b.csms.wire, 200, "a new connection")
    await _works(b)
    await _ends_well(b, entry)


@scenario
async def test_a_burst_of_calls_right_after_connecting(b):
    answers = []

    def burst(wire):
        for action, payload in (
            ("GetConfiguration", {}),
            ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
            ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "120"}),
            ("GetCompositeSchedule", {"connectorId": 0, "duration": 60}),
            ("UpdateFirmware", {"location": "ftp://x", "retrieveDate": "2027-01-01T00:00:00Z"}),
            ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
        ):
            answers.append(b.csms.start_call(action, payload, wire=wire))

    b.csms.on_open = burst
    b.csms.reply("BootNotification", script.Delay(5))
    await b.start_of_day()
    await b.until(lambda: all(a.done() for a in answers), 30, "all answers")
    for answer in answers:
        answer.exception()
    assert answers[0].exception() is None and answers[5].exception() is None
    # The time is not known yet: a schedule from now on, without a date.
    schedule = answers[3].result()
    assert schedule["status"] == "Accepted" and "scheduleStart" not in schedule
    assert answers[4].result() == {}
