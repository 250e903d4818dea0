# Streams of OCPP 2.1: what waits is bounded, and a connection knows only what it has opened.
# MIT license; part of microevse

import asyncio
import json

from helpers import run
from ocpp2 import streams
from ocppj.messages import CallError, Disconnected
from station import monitors
from station_parts import FakeClock


class Rpc:
    """The line to a central system: `sent` has what came."""

    _up, _era = True, 1

    def __init__(self):
        self.schema = self
        self.sent = []

    def has_type(self, number):
        return number == 6

    def _next_id(self):
        return "id"

    async def _send(self, text):
        if not self._up:
            raise OSError("gone")
        self.sent.append(json.loads(text)[2:])


class Monitors:
    def __init__(self):
        self.items = []
        self.full = False

    def stream(self, item, words):
        if not self.full:
            item[monitors.STREAM] = words
        return not self.full


class Point:
    def __init__(self):
        self.clock, self.rpc, self.monitors = FakeClock(), Rpc(), Monitors()
        self._parts, self.answers, self.woken = [], [], 0
        streams.Streams(self)

    def wake(self):
        self.woken += 1

    async def call(self, action, payload):
        self.rpc.sent.append([action, payload])
        answer = self.answers.pop(0) if self.answers else {"status": "Accepted"}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def put(self, number, *words):
        item = [number, 1, "power", "every", 1, 5, False, list(words), None, False, 0]
        self.monitors.items.append(item)
        return item

    async def work(self):
        """All that is due now."""
        for _ in range(50):
            if self.streams.due_in_ms() != 0:
                return
            await self.streams.step()
        raise AssertionError("always due")

    def news(self):
        sent, self.rpc.sent = self.rpc.sent, []
        return sent


def values(message):
    return [(one["t"], one["v"]) for one in message[1]["data"]]


def test_what_waits_is_bounded_and_the_newest_is_kept():
    async def story():
        p = Point()
        assert p._parts == [p.streams] and p.streams.due_in_ms() is None
        item = p.put(100, 60, 1000)
        assert not p.streams.take(item, "0"), "nobody has opened it"
        await p.work()
        assert [one[0] for one in p.news()] == ["OpenPeriodicEventStream"]
        for i in range(40):  # the line is slow: nothing is sent meanwhile
            p.clock.ms += 1000
            assert p.streams.take(item, str(i))
        assert p.woken
        await p.work()
        (message,) = p.news()
        assert message[0] == "NotifyPeriodicEventStream" and message[1]["pending"] == 0
        assert values(message) == [(i, str(24 + i)) for i in range(16)]
        assert message[1]["basetime"] == "2027-01-01T12:00:25Z"
        p.clock.ms += 60000
        await p.work()
        assert p.news() == [], "a message without values is none"
        # A later version has kept more of it.
        item[monitors.STREAM] = [60, 1000, "more"]
        assert p.streams.due_in_ms() > 0 and streams.described(item)["params"]["interval"] == 60

    run(story())


def test_another_connection_and_another_monitor_begin_anew():
    async def story():
        p = Point()
        item = p.put(100, 10, 0)
        await p.work()
        assert p.streams.take(item, "1") and (await streams.get(p, {}))["constantStreamData"]
        p.rpc._era += 1
        assert not p.streams.take(item, "2") and await streams.get(p, {}) == {}
        await p.work()
        p.clock.ms += 10000
        await p.work()
        assert [one[0] for one in p.news()] == ["OpenPeriodicEventStream"] * 2
        # One of the same id takes its place.
        assert p.streams.take(item, "3")
        p.monitors.items.clear()
        assert not p.streams.take(p.put(100, 20, 0), "4"), "it is not open yet"
        await p.work()
        assert [one[0] for one in p.news()] == [
            "NotifyPeriodicEventStream", "ClosePeriodicEventStream", "OpenPeriodicEventStream",
        ]  # fmt: skip

    run(story())


def test_a_central_system_that_does_not_answer_has_no_stream():
    async def story():
        p = Point()
        p.answers = [asyncio.TimeoutError(), CallError("InternalError"), {"status": "Rejected"}]
        items = [p.put(100 + i, 10, 0) for i in range(4)]
        await p.work()
        assert [p.streams.take(item, "1") for item in items] == [False, False, False, True]
        assert p.streams.due_in_ms() == 10000
        p.monitors.items.clear()
        p.news()
        await p.work()
        assert [one[0] for one in p.news()][1:] == ["ClosePeriodicEventStream"]
        p.rpc._up = False
        p.put(104, 0, 1)
        await p.work()
        assert p.streams.take(p.monitors.items[0], "1")
        try:
            await p.streams.step()
            raise AssertionError("no word of the lost line")
        except Disconnected:
            pass

    run(story())


def test_how_often_is_adjusted_only_where_it_can_be_kept():
    async def story():
        p = Point()
        item = p.put(100, 10, 0)
        payload = {"id": 100, "params": {"values": 2}}
        assert (await streams.adjust(p, payload))["status"] == "Rejected"
        await p.work()
        p.monitors.full = True
        assert (await streams.adjust(p, payload))["status"] == "Rejected"
        assert item[monitors.STREAM] == [10, 0]
        p.monitors.full = False
        assert (await streams.adjust(p, payload))["status"] == "Accepted"
        assert item[monitors.STREAM] == [0, 2] and p.streams.due_in_ms() is None

    run(story())
