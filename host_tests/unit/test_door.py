# The door of the page: one sentence where memory has run out, and no second try at once.
# MIT license; part of microevse
"""The page's code is a double here; the real one is in charger/test_page_memory.py."""

import asyncio

import evse_base as port
from helpers import run
from web import door


class App:
    """What the door loads. ends: what each request ends with."""

    def __init__(self, ends):
        self.ends = ends
        self.starved = False
        self.requests = 0

    async def handle_request(self, reader, writer):
        self.requests += 1
        await asyncio.sleep(0)
        if self.ends == "error":
            raise MemoryError
        self.starved = self.ends == "starved"


class Reader:
    async def read(self, size):
        return b"GET / HTTP/1.0\r\n\r\n"


class Writer:
    def __init__(self):
        self.sent = b""
        self.closed = False

    def write(self, data):
        self.sent += data

    async def drain(self):
        pass

    def close(self):
        self.closed = True

    async def wait_closed(self):
        pass


def opened(ends, loads):
    """A door whose code runs in place, behind it an App."""

    class Door(door.Door):
        async def _load(self):
            await asyncio.sleep(0)
            loads.append(App(ends))
            return loads[-1]

    one = Door(None, None, None, None)
    one._server = True
    return one


async def visited(one):
    writer = Writer()
    await one._visit(Reader(), writer)
    return writer


def _in_place(story):
    async def play():
        kept, now = port.IN_PLACE, door.port.ticks_ms
        port.IN_PLACE = True
        try:
            await story()
        finally:
            port.IN_PLACE, door.port.ticks_ms = kept, now

    run(play())


def test_after_an_answer_without_memory_nobody_is_let_in_for_a_minute():
    for ends in ("starved", "error"):

        async def story(ends=ends):
            at, loads = [1000], []
            door.port.ticks_ms = lambda: at[0]
            one = opened(ends, loads)
            first = await visited(one)
            assert b"503" in first.sent if ends == "error" else first.sent == b""
            assert one._app is None
            at[0] += 59999
            second = await visited(one)
            assert second.closed and b"no memory for this page" in second.sent
            assert len(loads) == 1 and loads[0].requests == 1
            at[0] += 1
            await visited(one)
            assert len(loads) == 2
            assert one._visitors == 0

        _in_place(story)


def test_two_visitors_at_once_load_the_page_once():
    async def story():
        loads = []
        one = opened("well", loads)
        tasks = [asyncio.create_task(visited(one)) for _ in range(3)]
        for task in tasks:
            assert (await task).sent == b""
        assert len(loads) == 1 and loads[0].requests == 3

    _in_place(story)


def test_a_door_that_is_closed_while_the_page_is_loaded_keeps_nothing():
    async def story():
        loads = []
        one = opened("well", loads)
        task = asyncio.create_task(visited(one))
        await asyncio.sleep(0)
        one._server = None
        await task
        assert one._app is None

    _in_place(story)


def test_with_the_page_loaded_a_request_still_needs_free_memory():
    """What charges may have taken it since then."""

    class Heap:
        free = door.NEEDS

        @staticmethod
        def mem_free():
            return Heap.free

        @staticmethod
        def collect():
            pass

    async def story():
        loads, kept = [], (port.gc, door.gc)
        port.gc = door.gc = Heap
        try:
            one = opened("well", loads)
            assert (await visited(one)).sent == b"" and loads[0].requests == 1
            Heap.free = door.ANSWER_NEEDS
            assert (await visited(one)).sent == b"" and loads[0].requests == 2
            Heap.free = door.ANSWER_NEEDS - 1
            assert b"no memory for this page" in (await visited(one)).sent
            assert loads[0].requests == 2 and one._app is None
        finally:
            port.gc, door.gc = kept

    _in_place(story)
