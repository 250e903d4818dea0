# OCPP-J framing: errors of real lines, and the answer that each must get.
# MIT license; part of microevse
"""Each regression names the failure it stands for; several were seen in other clients."""

import asyncio
import json

from helpers import cancelled, run
from ocpp16 import schemas
from ocpp2 import schemas as schemas2, schemas21
from ocppj import messages, oneway, rpc
from ocppj.rpc import CallError, Disconnected, Rpc
from ocppj.schema import Schema

SCHEMA = Schema(schemas.TABLE)


class Clock:
    now = 0

    def uptime_ms(self):
        return self.now


class Bench:
    """An Rpc whose line is a list."""

    def __init__(self, handlers=None, timeout_s=5):
        self.sent = []
        self.fail = None
        self.done = []
        self.clock = Clock()
        if handlers is None:
            handlers = {"Reset": self.reset, "ClearCache": self.clear}
        self.rpc = Rpc(self.send, handlers, SCHEMA, messages.message_ids(7), timeout_s, self.clock)
        self.rpc.connected()

    async def send(self, text):
        if self.fail:
            raise self.fail
        if not isinstance(text, str):
            text = "".join(text)
        self.sent.append(json.loads(text))

    async def reset(self, payload):
        self.done.append(payload["type"])
        return {"status": "Accepted"}

    async def clear(self, payload):
        self.done.append("clear")
        return {"status": "Rejected"}

    async def hears(self, message):
        """Feed one message; returns what was sent because of it."""
        if not isinstance(message, str):
            message = json.dumps(message)
        before = len(self.sent)
        await self.rpc.on_text(message)
        await turns()
        return self.sent[before:]


async def turns(n=30):
    for _ in range(n):
        await asyncio.sleep(0)


async def outcome(coro):
    try:
        return await coro
    except (CallError, Disconnected, asyncio.TimeoutError) as exc:
        return exc


def test_call_is_answered():
    async def go():
        b = Bench()
        assert await b.hears([2, "a", "Reset", {"type": "Soft"}]) == [
            [3, "a", {"status": "Accepted"}]
        ]
        assert b.done == ["Soft"]

    run(go())


def test_bad_calls_get_the_error_code_of_1_6():
    cases = (
        ([2, "i", "Reset"], "FormationViolation"),
        ([2, "i", "Reset", {"type": "Soft"}, 1], "FormationViolation"),
        ([2, "i"], "FormationViolation"),
        ([2, "i", 5, {}], "FormationViolation"),
        ([2, "i", "Reset", []], "FormationViolation"),
        ([2, "i", "Reset", None], "FormationViolation"),
        ([2, "i", "Reset", {"type": "Soft", "extra": 1}], "FormationViolation"),
        ([2, "i", "Reset", {}], "OccurenceConstraintViolation"),
        ([2, "i", "Reset", {"type": 1}], "TypeConstraintViolation"),
        ([2, "i", "Reset", {"type": "Warm"}], "PropertyConstraintViolation"),
        ([2, "i", "Explode", {}], "NotImplemented"),
        ([2, "i", "", {}], "NotImplemented"),
        ([2, "i", "BootNotification", {}], "NotImplemented"),  # only we may send it
        ([2, "i", "Reset \n>Authorize", {}], "NotImplemented"),
        ([2, "i", "UnlockConnector", {"connectorId": 1}], "NotSupported"),
    )

    async def go():
        b = Bench()
        for message, code in cases:
            answers = await b.hears(message)
            assert len(answers) == 1, (message, answers)
            answer = answers[0]
            assert answer[:3] == [4, "i", code], (message, answer)
            assert isinstance(answer[3], str) and len(answer[3]) <= 255
            assert answer[4] == {} and len(answer) == 5
        assert b.done == []

    run(go())


def test_what_cannot_be_answered_is_counted():
    silent = (
        "",
        "null",
        "{}",
        "[]",
        "5",
        '"text"',
        "[2]",
        '[2,5,"Reset",{"type":"Soft"}]',  # seen answered with an empty id elsewhere
        '[2,null,"Reset",{}]',
        '[2,["x"],"Reset",{}]',
        '[2,"' + "x" * 256 + '","Reset",{"type":"Soft"}]',
        '[6,"i","SEND",{}]',
        '["2","i","Reset",{"type":"Soft"}]',
        "[[],[]]",
        "[true,false]",
        "not json",
        "[3",
        "[3,",
    )

    async def go():
        b = Bench()
        for n, message in enumerate(silent):
            assert await b.hears(message) == [], message
            assert b.rpc.malformed == n + 1, message
        assert b.done == []

    run(go())


def test_broken_json_is_answered_when_the_id_can_be_read():
    broken = (
        '[2,"i","Reset",{"type":"So',
        '[2,"i"',
        ' [ 2 , "i" , "Reset", {"type": tru} ]',
        '[2,"i","Reset",{"type":"Soft"}',
        '[2,"i","Reset",' + "[" * 5000,  # depth bomb
        '[2,"i","Reset",' + '{"a":' * 5000,
        '[2,"i","Reset",' + "[" * 5000 + "]" * 5000 + "]",
    )

    async def go():
        b = Bench()
        for message in broken:
            answers = await b.hears(message)
            assert answers[0][:3] == [4, "i", "FormationViolation"], message[:40]
        assert b.done == []
        # Nested, but small enough to be parsed: refused by the table, not by the parser.
        answers = await b.hears('[2,"i","Reset",{"type":' + "[" * 900 + "]" * 900 + "}]")
        assert answers[0][:3] == [4, "i", "TypeConstraintViolation"]

    run(go())


def test_over_long_id_is_tolerated():
    async def go():
        b = Bench()
        long_id = "x" * 200
        assert (await b.hears([2, long_id, "Reset", {"type": "Hard"}]))[0][1] == long_id
        quoted = 'a"\\\u00e4\n'
        assert (await b.hears([2, quoted, "ClearCache", {}]))[0][1] == quoted

    run(go())


def test_handler_errors_become_call_errors():
    async def refuse(payload):
        raise CallError("NotSupported", "not now " * 100, {"why": "test"})

    async def crash(payload):
        raise KeyError("secret-in-exception")

    async def wrong(payload):
        return {"status": object()}

    async def go():
        b = Bench({"Reset": refuse, "ClearCache": crash, "GetConfiguration": wrong})
        answer = (await b.hears([2, "1", "Reset", {"type": "Soft"}]))[0]
        assert answer[2] == "NotSupported" and len(answer[3]) == 255
        assert answer[4] == {"why": "test"}
        answer = (await b.hears([2, "2", "ClearCache", {}]))[0]
        assert answer[2] == "InternalError" and "secret" not in json.dumps(answer)
        # The next call is served all the same.
        answers = await b.hears([2, "4", "ClearCache", {}])
        assert len(answers) == 1

    run(go())


def test_handler_that_hangs_is_cut_off():
    async def hang(payload):
        await asyncio.Event().wait()

    async def go():
        keep = rpc.HANDLER_LIMIT_S
        rpc.HANDLER_LIMIT_S = 0.05
        try:
            b = Bench()
            b.rpc.handlers["Reset"] = hang
            await b.hears([2, "1", "Reset", {"type": "Soft"}])
            await b.hears([2, "2", "ClearCache", {}])
            await asyncio.sleep(0.2)
        finally:
            rpc.HANDLER_LIMIT_S = keep
        assert [(m[0], m[1]) for m in b.sent] == [(4, "1"), (3, "2")]
        assert b.sent[0][2] == "InternalError"

    run(go())


def test_handler_may_call_the_csms_itself():
    # A handler run by the reader would wait for ever for an answer that is never read.
    async def go():
        b = Bench()

        async def start(payload):
            reply = await b.rpc.call("Authorize", {"idTag": payload["idTag"]})
            return {"status": reply["idTagInfo"]["status"]}

        b.rpc.handlers["RemoteStartTransaction"] = start
        asked = await b.hears([2, "r", "RemoteStartTransaction", {"idTag": "T"}])
        assert asked[0][2] == "Authorize"
        answers = await b.hears([3, asked[0][1], {"idTagInfo": {"status": "Accepted"}}])
        assert answers == [[3, "r", {"status": "Accepted"}]]

    run(go())


def test_after_runs_once_the_answer_is_sent():
    async def go():
        b = Bench()
        order = []

        async def after():
            order.append(("after", len(b.sent)))

        async def reset(payload):
            order.append(("handler", len(b.sent)))
            return {"status": "Accepted"}, after

        b.rpc.handlers["Reset"] = reset
        await b.hears([2, "1", "Reset", {"type": "Soft"}])
        assert order == [("handler", 0), ("after", 1)]

    run(go())


def test_answer_in_pieces():
    async def go():
        b = Bench()

        async def keys(payload):
            return iter(['{"configurationKey":[', '{"key":"A","readonly":true}', "]}"])

        b.rpc.handlers["GetConfiguration"] = keys
        assert await b.hears([2, "1", "GetConfiguration", {}]) == [
            [3, "1", {"configurationKey": [{"key": "A", "readonly": True}]}]
        ]

    run(go())


def test_burst_of_calls_is_served_in_order_and_bounded():
    async def go():
        b = Bench()
        for n in range(100):
            await b.rpc.on_text(json.dumps([2, "c%d" % n, "ClearCache", {}]))
        await turns(400)
        assert len(b.sent) <= 2 * rpc.QUEUE_LIMIT
        assert [m[1] for m in b.sent] == ["c%d" % n for n in range(len(b.sent))]
        assert [m[0] for m in b.sent] == [3] * rpc.QUEUE_LIMIT + [4] * rpc.QUEUE_LIMIT
        assert len(b.done) == rpc.QUEUE_LIMIT
        assert b.rpc._queue == []

    run(go())


def test_repeated_call_is_not_executed_twice():
    async def go():
        b = Bench()
        call = [2, "same", "Reset", {"type": "Soft"}]
        first = await b.hears(call)
        assert await b.hears(call) == first
        assert b.done == ["Soft"] and b.rpc.repeated == 1
        # The same id with other content is another command, even from a wrong sender.
        await b.hears([2, "same", "Reset", {"type": "Hard"}])
        assert b.done == ["Soft", "Hard"]
        # So is one much later, or on another connection: some servers count from 1 each time.
        b.clock.now += messages.MEMO_MS
        await b.hears(call)
        assert len(b.done) == 3
        b.rpc.disconnected()
        b.rpc.connected()
        await b.hears(call)
        assert len(b.done) == 4

    run(go())


def test_repetition_while_the_first_is_in_work_gets_one_answer():
    async def go():
        b = Bench()
        gate = asyncio.Event()

        async def slow(payload):
            b.done.append("slow")
            await gate.wait()
            return {"status": "Accepted"}

        b.rpc.handlers["Reset"] = slow
        call = [2, "s", "Reset", {"type": "Soft"}]
        assert await b.hears(call) == [] and await b.hears(call) == []
        gate.set()
        await turns()
        assert len(b.sent) == 1 and b.done == ["slow"]

    run(go())


def test_answer_is_not_sent_on_a_later_connection():
    async def go():
        b = Bench()
        gate = asyncio.Event()

        async def slow(payload):
            await gate.wait()
            return {"status": "Accepted"}

        b.rpc.handlers["Reset"] = slow
        await b.hears([2, "s", "Reset", {"type": "Soft"}])
        b.rpc.disconnected()
        b.rpc.connected()
        gate.set()
        await turns()
        assert b.sent == []
        assert len(await b.hears([2, "n", "ClearCache", {}])) == 1

    run(go())


# ---- our CALLs


def test_call_returns_the_answers_payload():
    async def go():
        b = Bench()
        task = asyncio.create_task(b.rpc.call("Heartbeat", {}))
        await turns()
        assert b.sent == [[2, "7-1", "Heartbeat", {}]] and b.rpc.in_flight
        await b.hears([3, "7-1", {"currentTime": "2026-12-01T00:00:00Z"}])
        assert await task == {"currentTime": "2026-12-01T00:00:00Z"}
        assert not b.rpc.in_flight

    run(go())


def test_one_call_in_flight():
    async def go():
        b = Bench()
        first = asyncio.create_task(b.rpc.call("Heartbeat", {}))
        second = asyncio.create_task(b.rpc.call("MeterValues", {}))
        await turns()
        assert len(b.sent) == 1
        await b.hears([3, "7-1", {"currentTime": "2026-12-01T00:00:00Z"}])
        assert len(b.sent) == 2 and b.sent[1][1] == "7-2"
        await b.hears([3, "7-2", {}])
        await first
        assert await second == {}

    run(go())


def test_unknown_ids_are_ignored_and_counted():
    # Elsewhere any CALLRESULT ended the call in flight, which was then never sent again.
    async def go():
        b = Bench()
        task = asyncio.create_task(b.rpc.call("MeterValues", {}))
        await turns()
        for other in ([3, "x", {}], [4, "x", "E", "", {}], [3], [3, 5, {}], [3, None, {}]):
            await b.hears(other)
        assert b.rpc.unknown_ids == 5 and not task.done()
        await b.hears([3, "7-1", {}])
        assert await task == {}
        await b.hears([3, "7-1", {}])  # once more: too late
        assert b.rpc.unknown_ids == 6

    run(go())


def test_call_error_reaches_the_caller():
    async def go():
        b = Bench()
        for message, code in (
            ([4, "7-1", "GenericError", "no", {"a": 1}], "GenericError"),
            ([4, "7-2"], "GenericError"),
            ([4, "7-3", 5, None, None], "GenericError"),
            ([4, "7-4", "OccurrenceConstraintViolation"], "OccurrenceConstraintViolation"),
        ):
            task = asyncio.create_task(outcome(b.rpc.call("MeterValues", {})))
            await turns()
            await b.hears(message)
            exc = await task
            assert isinstance(exc, CallError) and exc.code == code

    run(go())


def test_unusable_answer_is_a_failure():
    async def go():
        b = Bench()
        n = 0
        for payload in (
            None,
            [],
            {},
            {"currentTime": 5},
            {"currentTime": "yesterday"},
        ):
            n += 1
            task = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
            await turns()
            await b.hears([3, "7-%d" % n, payload])
            exc = await task
            assert isinstance(exc, CallError) and exc.code == "FormationViolation", payload
        for short in ([3, "7-6"], [3, "7-7", {}, {}]):
            task = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
            await turns()
            await b.hears(short)
            assert (await task).code == "FormationViolation"

    run(go())


def test_answer_with_extra_or_null_fields_is_used():
    # Losing a StartTransaction's acknowledgement over an extra field would cost money.
    async def go():
        b = Bench()
        task = asyncio.create_task(b.rpc.call("StartTransaction", {}))
        await turns()
        info = {"status": "Accepted", "parentIdTag": None, "expiryDate": None, "x": 1}
        await b.hears([3, "7-1", {"transactionId": 9, "idTagInfo": info, "note": "hi"}])
        reply = await task
        assert reply["transactionId"] == 9 and reply["idTagInfo"]["status"] == "Accepted"

    run(go())


def test_time_out_frees_the_line_and_a_late_answer_is_ignored():
    async def go():
        b = Bench(timeout_s=lambda: 0.05)
        told = []
        b.rpc.on_timeout = lambda: told.append(1)
        exc = await outcome(b.rpc.call("Heartbeat", {}))
        assert isinstance(exc, asyncio.TimeoutError)
        assert b.rpc.timeouts == 1 and told == [1] and not b.rpc.in_flight
        await b.hears([3, "7-1", {"currentTime": "2026-12-01T00:00:00Z"}])
        assert b.rpc.unknown_ids == 1
        task = asyncio.create_task(b.rpc.call("MeterValues", {}))
        await turns()
        await b.hears([3, "7-2", {}])
        assert await task == {}

    run(go())


def test_disconnect_ends_the_call_in_flight_and_those_that_wait():
    # Elsewhere the slot stayed taken over a reconnect and nothing was ever sent again.
    async def go():
        b = Bench()
        first = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
        second = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
        await turns()
        b.rpc.disconnected()
        assert isinstance(await first, Disconnected)
        assert isinstance(await second, Disconnected)
        assert len(b.sent) == 1
        assert isinstance(await outcome(b.rpc.call("Heartbeat", {})), Disconnected)
        b.rpc.connected()
        task = asyncio.create_task(b.rpc.call("MeterValues", {}))
        await turns()
        await b.hears([3, b.sent[-1][1], {}])
        assert await task == {}

    run(go())


def test_failure_to_send_is_a_disconnect_to_the_caller():
    async def go():
        b = Bench()
        b.fail = OSError(104)
        assert isinstance(await outcome(b.rpc.call("Heartbeat", {})), Disconnected)
        assert await b.hears([2, "1", "ClearCache", {}]) == []  # and no exception
        b.fail = None
        assert len(await b.hears([2, "2", "ClearCache", {}])) == 1

    run(go())


def test_cancelled_caller_leaves_the_line_usable():
    async def go():
        b = Bench()
        task = asyncio.create_task(b.rpc.call("Heartbeat", {}))
        await turns()
        await cancelled(task)
        assert not b.rpc.in_flight
        other = asyncio.create_task(b.rpc.call("MeterValues", {}))
        await turns()
        await b.hears([3, "7-2", {}])
        assert await other == {}

    run(go())


# ---- text


def test_surrogate_escapes_become_characters():
    for text, meant in (
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\uD83D\\uDE00!"', "\U0001f600!"),
        ('"\\ud83d"', "\ufffd"),
        ('"\\ude00\\ud83d"', "\ufffd\ufffd"),
        ('"\\ud83dx\\ude00"', "\ufffdx\ufffd"),
        ('"\\ud83d\\u0041"', "\ufffdA"),
        ('"\\ud83d\\ud83d\\ude00"', "\ufffd\U0001f600"),
        ('"\\\\ud83d"', "\\ud83d"),  # an escaped backslash, not an escape
        ('"\\\\\\ud83d\\ude00"', "\\\U0001f600"),
        ('"\\u00e4\\ud7ff\\ue000"', "\u00e4\ud7ff\ue000"),
    ):
        assert json.loads(messages.join_surrogates(text)) == meant, text


def test_echoed_surrogates_are_valid_utf8():
    async def go():
        b = Bench()
        answer = (await b.hears('[2,"\\ud83d","ClearCache",{}]'))[0]
        assert answer[1] == "\ufffd"
        answer[1].encode()

    run(go())


def test_ids_are_unique_over_reboots():
    first, second = messages.message_ids(1), messages.message_ids(2)
    ids = [first() for _ in range(50)] + [second() for _ in range(50)]
    assert len(set(ids)) == 100 and max([len(i) for i in ids]) <= 36


# -- the dialect of 2.1 ------------------------------------------------------------------

LATER = Schema(
    b"\n!count OccurrenceConstraintViolation\n!form FormatViolation\n!frame RpcFrameworkError\n"
    b"!types 23456\n<Notify text!s;\n>Hello name!s;\n"
)


def test_a_send_is_neither_carried_out_nor_answered():
    """A RequestStartTransaction that came as a SEND once began to charge."""

    async def go():
        heard = []

        async def notify(payload):
            heard.append(payload["text"])
            return {"status": "Accepted"}

        b = Bench({"Notify": notify})
        b.rpc.disconnected()
        b.rpc.schema = LATER
        b.rpc.connected()
        for wrong in (["s", "Notify", {"text": "a"}], ["s"], [7, "Notify", {}], []):
            assert await b.hears([6] + wrong) == [], wrong
        assert heard == [] and b.rpc.malformed == 4
        assert await b.hears([2, "c", "Notify", {"text": "b"}]) == [
            [3, "c", {"status": "Accepted"}]
        ]

    run(go())


def test_a_dialect_with_type_5_says_that_an_answer_cannot_be_used():
    async def go():
        b = Bench({})
        b.rpc.disconnected()
        b.rpc.schema = LATER
        b.rpc.connected()
        task = asyncio.create_task(outcome(b.rpc.call("Hello", {})))
        await turns()
        call_id = b.sent[-1][1]
        answers = await b.hears([3, call_id, {}])
        assert [a[:3] for a in answers] == [[5, call_id, "OccurrenceConstraintViolation"]], answers
        assert (await task).code == "FormatViolation"
        # Theirs is about an answer of ours: it is noted, not answered, and ends nothing.
        task = asyncio.create_task(outcome(b.rpc.call("Hello", {})))
        await turns()
        before = b.rpc.malformed
        for theirs in ([5, "x", "FormatViolation", "no", {}], [5, "x"], [5], [5, None]):
            assert await b.hears(theirs) == []
        assert b.rpc.malformed == before + 4 and b.rpc.unknown_ids == 0 and not task.done()
        # With the id of our CALL it can only mean that CALL.
        assert await b.hears([5, b.sent[-1][1], "InternalError", "no", {}]) == []
        assert (await task).code == "InternalError"
        assert await b.hears([2, "i", "Notify"]) == [
            [4, "i", "RpcFrameworkError", "CALL needs type, id, action and payload", {}]
        ]

    run(go())


def test_the_dialect_of_1_6_has_neither():
    async def go():
        b = Bench()
        assert await b.hears([6, "s", "Reset", {"type": "Soft"}]) == [] and b.done == []
        task = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
        await turns()
        assert await b.hears([3, b.sent[-1][1], {}]) == []
        assert (await task).code == "FormationViolation"

    run(go())


def test_a_message_that_lacks_memory_is_no_lost_connection():
    """It was one to the caller, and a large message closed the line again and again."""

    async def go():
        b = Bench()
        b.fail = MemoryError()
        try:
            await b.rpc.call("Heartbeat", {})
            raise AssertionError("sent")
        except MemoryError:
            pass
        b.fail = None
        task = asyncio.create_task(b.rpc.call("Heartbeat", {}))
        await turns()
        await b.hears([3, b.sent[-1][1], {"currentTime": "2027-01-01T12:00:00Z"}])
        assert await task

    run(go())


def later_bench(delta, handlers=None):
    b = Bench(handlers)
    b.rpc.disconnected()
    b.rpc.schema = Schema(schemas2.TABLE, delta)
    b.rpc.connected()
    return b


def test_bad_calls_get_the_error_codes_of_2_x():
    cases = (
        ([2, "i", "Reset"], "RpcFrameworkError"),
        ([2, "i"], "RpcFrameworkError"),
        ([2, "i", 5, {}], "RpcFrameworkError"),
        ('[2,"i","Reset",{"type":', "RpcFrameworkError"),
        ([2, "i", "Reset", []], "FormatViolation"),
        ([2, "i", "Reset", {"type": "OnIdle", "extra": 1}], "FormatViolation"),
        ([2, "i", "Reset", {}], "OccurrenceConstraintViolation"),
        ([2, "i", "Reset", {"type": 1}], "TypeConstraintViolation"),
        ([2, "i", "Reset", {"type": "Soft"}], "PropertyConstraintViolation"),
        ([2, "i", "Explode", {}], "NotImplemented"),
        ([2, "i", "BootNotification", {}], "NotImplemented"),
        ([2, "i", "PublishFirmware", {}], "NotSupported"),
        ([2, "i", "GetVariables", {}], "NotSupported"),  # no handler
        ([7, "i", "Reset", {}], "MessageTypeNotSupported"),
        (["2", "i", "Reset", {}], "MessageTypeNotSupported"),
        ([1, "i"], "MessageTypeNotSupported"),
    )

    async def go():
        for delta in (None, schemas21.DELTA):
            b = later_bench(delta)
            for message, code in cases:
                answers = await b.hears(message)
                assert [answer[:3] for answer in answers] == [[4, "i", code]], (message, answers)
            assert b.done == []
            derc = "NotSupported" if delta else "NotImplemented"
            assert (await b.hears([2, "i", "GetDERControl", {}]))[0][2] == derc
            for silent in ([7], [7, 5], [7, None, "x"], [7, "x" * 256]):
                assert await b.hears(silent) == [], silent
            assert (await b.hears([2, "j", "Reset", {"type": "OnIdle"}]))[0][0] == 3

    run(go())


def test_2_0_1_answers_neither_a_send_nor_an_error_of_a_result():
    async def go():
        b = later_bench(None)
        task = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
        await turns()
        call_id = b.sent[-1][1]
        before = b.rpc.malformed
        for kind in (5, 6):
            assert await b.hears([kind, "s", "Reset", {"type": "OnIdle"}]) == []
            assert await b.hears([kind, call_id, "GenericError", "no", {}]) == []
        assert b.done == [] and b.rpc.malformed == before + 4 and not task.done()
        # An answer that cannot be used is not refused, either.
        assert await b.hears([3, call_id, {}]) == []
        assert (await task).code == "FormatViolation"

    run(go())


def test_our_send_waits_for_nobody_and_leaves_only_where_the_version_has_it():
    async def go():
        payload = {"id": 1, "pending": 0, "data": []}
        b = later_bench(schemas21.DELTA)
        task = asyncio.create_task(outcome(b.rpc.call("Heartbeat", {})))
        await turns()
        await oneway.send(b.rpc, "NotifyPeriodicEventStream", payload)
        first, second = b.sent
        assert second[0] == 6 and second[2:] == ["NotifyPeriodicEventStream", payload]
        assert second[1] != first[1] and not task.done()
        # Whatever comes with its id is no answer to the CALL in flight.
        await b.hears([3, second[1], {"currentTime": "2026-12-01T10:00:00Z"}])
        assert not task.done() and b.rpc.unknown_ids == 1
        for error, meant in ((OSError(104), Disconnected), (MemoryError(), MemoryError)):
            b.fail = error
            try:
                await oneway.send(b.rpc, "NotifyPeriodicEventStream", payload)
                raise AssertionError("sent")
            except (Disconnected, MemoryError) as exc:
                assert isinstance(exc, meant)
        b.fail = None
        await b.hears([3, first[1], {"currentTime": "2026-12-01T10:00:00Z"}])
        assert "currentTime" in await task
        b.rpc.disconnected()
        for up, delta in ((False, schemas21.DELTA), (True, None)):
            if up:
                b = later_bench(delta)
            sent = len(b.sent)
            got = await outcome(oneway.send(b.rpc, "NotifyPeriodicEventStream", payload))
            assert isinstance(got, Disconnected) and len(b.sent) == sent

    run(go())
