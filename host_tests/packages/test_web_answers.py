# The page's answers in pieces: JSON, files, heads. And modules that are dropped without memory.
# MIT license; part of microevse

import asyncio
import json
import random
import sys

import pytest
from evse_base import forget
from web import answers, bounds
from web.connections import WebServer
from web.events import LONGEST_S, Events

PIECE = 256


def _value(rng, depth):
    kind = rng.randrange(7 if depth else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randrange(-(10**6), 10**6)
    if kind < 5:
        return "".join([rng.choice('ab"\\\n\x01é€😀 ') for _ in range(rng.randrange(12))])
    if kind == 5:
        return [_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {"k%d" % i: _value(rng, depth - 1) for i in range(rng.randrange(20))}


def test_json_in_pieces_is_the_same_json():
    for seed in range(200):
        value = {"a": _value(random.Random(seed), 3), "b": [], "c": {}}
        pieces = list(answers.as_json(value))
        assert json.loads("".join(pieces)) == value, seed
        assert pieces[0] == "" and max([len(p.encode()) for p in pieces]) < 2 * PIECE, seed


class _Stream:
    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(bytes(data))

    async def drain(self):
        pass

    def close(self):
        pass

    wait_closed = drain


def _sent(*parts):
    async def play():
        stream = _Stream()
        conn = bounds.Bounded(stream, stream, 1024)
        for part in parts:
            await conn.awrite(part)
        return stream.sent

    return asyncio.run(play())


def test_a_head_goes_in_one_packet_and_a_long_one_in_several():
    head = [b"HTTP/1.0 200 OK\r\n", b"A: 1\r\n"]
    assert _sent(*head, b"\r\n") == [b"".join(head) + b"\r\n"]
    head += [b"B: " + b"b" * 150 + b"\r\n", b"C: " + b"c" * 90 + b"\r\n", b"D: " + b"d" * 300]
    sent = _sent(*head, b"\r\n", b"body")
    assert b"".join(sent) == b"".join(head) + b"\r\nbody"
    assert max([len(piece) for piece in sent]) <= PIECE
    # It is not gathered until its end: that would take one block of its size.
    assert len(b"".join(_sent(*head[:-1], b"E: 1\r\n"))) > 150


def test_a_head_of_many_short_lines_ends_the_connection():
    """A few KB of them took the heap that charges."""

    class Lines(_Stream):
        async def read(self, size):
            return b"A:\n" * 64

    async def play(count):
        stream = Lines()
        conn = bounds.Bounded(stream, stream, 1024)
        for _ in range(count):
            assert await conn.readline() == b"A:\n"
        try:
            await conn.readline()
        except bounds.Disconnected:
            return True

    assert asyncio.run(play(bounds.LINES_MAX)) is True
    assert asyncio.run(play(bounds.LINES_MAX - 1)) is None


def test_a_body_goes_in_pieces():
    body = bytes(range(256)) * 5 + b"end"
    sent = _sent(b"HTTP/1.0 200 OK\r\n", b"\r\n", body)
    assert b"".join(sent) == b"HTTP/1.0 200 OK\r\n\r\n" + body
    assert max([len(piece) for piece in sent]) <= PIECE


def test_a_package_is_forgotten_with_all_that_is_inside_it():
    made = ["zoo", "zoo.cat", "zoo.cat.paw", "zoology", "az.zoo"]
    for name in made:
        sys.modules[name] = sys
    forget("zoo")
    assert [name for name in made if name in sys.modules] == ["zoology", "az.zoo"]
    forget("zoo")
    for name in made[3:]:
        forget(name)
    assert not [name for name in made if name in sys.modules]


def test_a_request_for_which_there_is_no_memory_reaches_the_door():
    """microdot answered it as one that it does not understand, and the next one was let in."""
    head = b"GET / HTTP/1.0\r\nHost: x\r\n"

    class Asks(_Stream):
        parts = [head, b"\r\n"]

        async def read(self, size):
            return self.parts.pop(0) if self.parts else b""

        def get_extra_info(self, name):
            return ("127.0.0.1", 1)

    class Starved(Asks):
        async def read(self, size):
            if self.parts == [b"\r\n"]:
                raise MemoryError("while the head is read")
            return await super().read(size)

    async def play(stream):
        app = WebServer()
        try:
            return await app.handle_request(stream, stream), app.starved
        except MemoryError as exc:
            assert app.starved is exc and app.connections == 0
            return "open"

    stream = Starved()
    stream.parts = list(Asks.parts)
    assert asyncio.run(play(stream)) == "open" and stream.sent == []
    stream = Asks()
    stream.parts = list(Asks.parts)
    assert asyncio.run(play(stream)) == (None, None)
    assert b"404" in b"".join(stream.sent)
    stream.parts = [b"GET\r\n\r\n"]
    asyncio.run(play(stream))
    assert b"400" in b"".join(stream.sent)


def test_a_body_fills_what_there_is_and_needs_the_reserve(monkeypatch):
    class Body(_Stream):
        parts = [b"POST", b"ab" * 300]

        async def read(self, size):
            data, self.parts[0] = self.parts[0][:size], self.parts[0][size:]
            if not self.parts[0]:
                self.parts.pop(0)
            return data

    async def play():
        stream = Body()
        conn = bounds.Bounded(stream, stream, 1024)
        view = memoryview(bytearray(100))
        assert await conn.into(view) == 4 and bytes(view[:4]) == b"POST"
        assert await conn.into(view[:50]) == 50 and bytes(view[:50]) == b"ab" * 25
        monkeypatch.setattr(bounds.port, "room", lambda size: False)
        with pytest.raises(MemoryError):
            await conn.into(view)
        with pytest.raises(MemoryError):
            await conn.readline()
        await conn.skip(300)  # what is skipped takes no memory
        assert len(stream.parts[0]) == 250, "and nothing beyond it"

    asyncio.run(play())


def test_a_stream_of_events_ends_after_a_while_or_when_memory_is_short(monkeypatch):
    """It kept the page's code for ever. With waits that end late it lasts no longer."""
    late = passed = 0
    monkeypatch.setattr(bounds.port, "ticks_ms", lambda: passed)

    class Conn:
        async def gone(self, seconds):
            nonlocal passed
            passed += 1000 * seconds + late
            return False

    async def events():
        streams = []
        stream = Events(lambda: {"status": "available"}, Conn(), streams)
        assert streams == [stream]
        return "".join([piece async for piece in stream])

    text = asyncio.run(events())
    assert text.count("data: ") == 1 + LONGEST_S // 5 - 1
    passed, late = 0, 1000
    assert asyncio.run(events()).count("data: ") == LONGEST_S // 10
    assert passed == 1000 * LONGEST_S
    monkeypatch.setattr(bounds.port, "room", lambda size: size < bounds.RESERVE)
    assert asyncio.run(events()).count("data: ") == 1


def test_a_log_has_an_end_mark():
    """It has no length: one that was cut off looked whole."""
    assert "".join(answers.lines(["a", "b"])) == "a\nb\n" + answers.END + "\n"
