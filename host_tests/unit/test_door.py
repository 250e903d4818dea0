# The door of the page: one sentence where memory has run out, and no second try at once.
# MIT license; part of microevse
"""The page's code is a double here; the real one is in charger/test_page_memory.py."""

import asyncio

import evse_base as port
from helpers import run
from web import door


HERE = "192.168.1.20"


class App:
    """What the door loads. ends: what each request ends with."""

    def __init__(self, ends):
        self.ends = ends
        self.starved = None
        self.requests = self.ended = 0

    async def handle_request(self, reader, writer):
        self.requests += 1
        await asyncio.sleep(0)
        if self.ends == "error":
            raise MemoryError
        if self.ends == "starved" and self.requests == 1:
            self.starved = MemoryError("none")

    def forget(self):
        self.ended += 1


class Clock:
    def __init__(self):
        self.s = 0

    def uptime(self):
        return self.s


def look(one, seconds=1, keep=False):
    """The door looks again, so much later."""
    one._clock.s += seconds
    one._second(keep)


class Reader:
    """sent: what the visitor says, before it hangs up; None: it goes on for ever."""

    def __init__(self, *sent):
        self.sent = list(sent or (b"GET / HTTP/1.0\r\n\r\n",))
        self.reads = 0

    async def read(self, size):
        self.reads += 1
        await asyncio.sleep(0)
        if self.sent and self.sent[0] is None:
            await asyncio.sleep(3600)
        return self.sent.pop(0) if self.sent else b""


class Writer:
    def __init__(self, address=HERE):
        self.address = address
        self.sent = b""
        self.closed = False

    def get_extra_info(self, name):
        return {"peername": (self.address, 50000)}[name]

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

    one = Door(None, None, Clock(), None)
    one._server = True
    return one


class Account:
    """known: addresses from which the right password has come."""

    def __init__(self, *known):
        self.known = list(known)

    def accepted(self, peer):
        return peer[0] in self.known


async def visited(one, *sent):
    writer = Writer()
    await one._visit(Reader(*sent), writer)
    return writer


def _in_place(story):
    async def play():
        kept = port.IN_PLACE
        port.IN_PLACE = True
        try:
            await story()
        finally:
            port.IN_PLACE = kept

    run(play())


def test_after_an_answer_without_memory_nobody_is_let_in_for_a_minute():
    """Seconds are counted. A counter of milliseconds wraps: the minute came back after days."""
    for ends in ("starved", "error"):

        async def story(ends=ends):
            loads = []
            one = opened(ends, loads)
            first = await visited(one)
            assert b"503" in first.sent if ends == "error" else first.sent == b""
            assert one._app is None and loads[0].ended == 1
            for _ in range(57):
                look(one)
            look(one, 2)  # late
            second = await visited(one)
            assert second.closed and b"no memory for this page" in second.sent
            assert len(loads) == 1 and loads[0].requests == 1
            look(one)
            await visited(one)
            assert len(loads) == 2
            assert one.visitors == []

        _in_place(story)


def test_the_page_is_dropped_five_minutes_after_the_last_visit_by_the_clock():
    """Looks were counted: late ones kept the code for longer, and what was loaded for a visit
    between two looks was dropped at the next, if nobody had come before."""

    async def story():
        for step in (1, 2):  # seconds from look to look
            loads = []
            one = opened("well", loads)
            for _ in range(400):
                look(one, step)
            for _ in range(2):  # the second is in time, and begins the five minutes anew
                await visited(one)
                for _ in range(300 // step):
                    look(one, step)
                assert one._app is loads[0] and loads[0].ended == 0
            one.visitors = [HERE]
            for _ in range(400):
                look(one, step)
            one.visitors = []
            for _ in range(300 // step):
                look(one, step)
            assert one._app is loads[0]
            look(one, step)
            assert one._app is None and (len(loads), loads[0].ended) == (1, 1)

    _in_place(story)


def test_where_the_page_stays_loaded_one_answer_without_memory_counts_once():
    """Every request after it began the minute anew."""

    async def play():
        kept, port.IN_PLACE = port.IN_PLACE, False
        try:
            loads = []
            one = opened("starved", loads)
            await visited(one)
            assert one.wait_s == door.AGAIN_S and one._app is loads[0]
            for _ in range(door.AGAIN_S):
                look(one, keep=True)
            for _ in range(3):
                assert (await visited(one)).sent == b"" and one.wait_s == 0
            assert loads[0].requests == 4
        finally:
            port.IN_PLACE = kept

    run(play())


def test_visitors_beyond_a_number_are_closed_at_once_also_while_others_are_refused():
    """Each that was refused held a socket for a second, however many there were."""

    async def story():
        one = opened("well", [])
        one.wait_s = 60
        one.account = Account(*["192.168.1.%d" % i for i in range(door.MOST + 5)])
        writers = [Writer(address) for address in one.account.known]
        readers = [Reader(None) for _ in writers]
        tasks = [
            asyncio.create_task(one._visit(reader, writer))
            for reader, writer in zip(readers, writers)
        ]
        for _ in range(5):
            await asyncio.sleep(0)
        assert [w.closed for w in writers] == [False] * door.MOST + [True] * 5
        assert [r.reads for r in readers] == [1] * door.MOST + [0] * 5
        for task in tasks:
            await task  # the others after a second, with the sentence
        assert all(b"no memory" in w.sent for w in writers[: door.MOST])
        assert not [w for w in writers if not w.closed] and one.visitors == []

    _in_place(story)


async def _crowd(one, *addresses):
    """Visitors that say nothing: (tasks, which of them were turned away at once)."""
    writers = [Writer(address) for address in addresses]
    tasks = [asyncio.create_task(one._visit(Reader(None), writer)) for writer in writers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks, [writer.closed for writer in writers]


async def _gone(one, tasks):
    for task in tasks:
        await task
    assert one.visitors == []


def test_a_crowd_from_one_address_leaves_room_for_others():
    """Seven connections of one visitor shut out everybody."""

    async def story():
        one = opened("well", [])
        one.wait_s = 60
        tasks, closed = await _crowd(one, *["10.0.0.6"] * 9)
        assert closed == [False] * 3 + [True] * 6
        others, closed = await _crowd(one, HERE, "10.0.0.6", HERE, "10.0.0.6", HERE)
        assert closed == [False, True, False, True, False]
        await _gone(one, tasks + others)
        # The places are free again, and who leaves first gives back his own.
        one.visitors = [HERE, "10.0.0.6"]
        assert b"no memory" in (await visited(one)).sent and one.visitors == ["10.0.0.6", HERE]
        del one.visitors[:]
        tasks, closed = await _crowd(one, *["10.0.0.6"] * 4)
        assert closed == [False] * 3 + [True]
        await _gone(one, tasks)

    _in_place(story)


def test_one_place_is_for_an_address_from_which_somebody_has_logged_in():
    """A crowd from many addresses took all."""

    async def story():
        one = opened("well", [])
        one.wait_s = 60
        strangers = ["10.0.0.%d" % i for i in range(20)]
        tasks, closed = await _crowd(one, *strangers)
        assert closed == [False] * (door.MOST - 1) + [True] * 14
        for account, expected in (
            (None, True),
            (Account("10.0.0.99"), True),
            (Account(HERE), False),
        ):
            one.account = account
            more, closed = await _crowd(one, HERE)
            assert closed == [expected], account
            tasks += more
        await _gone(one, tasks)

    _in_place(story)


def test_addresses_are_told_apart_on_the_unix_port():
    """It gives the C structure: family, port, address."""

    async def story():
        one = opened("well", [])
        one.wait_s = 60
        writers = [Writer(last) for last in (1, 2, 2, 2, 2, 1)]
        for writer in writers:
            peer = b"\x02\x00\xc3\x50" + bytes([10, 0, 0, writer.address]) + bytes(8)
            writer.get_extra_info = lambda name, peer=peer: peer
        tasks = [asyncio.create_task(one._visit(Reader(None), writer)) for writer in writers]
        for _ in range(5):
            await asyncio.sleep(0)
        assert [writer.closed for writer in writers] == [False] * 4 + [True, False]
        await _gone(one, tasks)

    _in_place(story)


def test_a_body_is_read_away_so_that_the_refusal_is_seen():
    async def story():
        one = opened("well", [])
        one.wait_s = 60
        reader, writer = Reader(b"POST /u HTTP/1.0\r\n\r\n", *[b"x" * 256] * 9), Writer()
        await one._visit(reader, writer)
        assert b"no memory" in writer.sent and reader.reads == 11
        reader = Reader(b"GET / HTTP/1.0\r\n\r\n", b"more")
        await one._visit(reader, Writer())
        assert reader.reads == 1

    _in_place(story)


def test_a_port_that_was_lost_is_opened_again():
    """asyncio's server ends for good when there is no memory for a visitor."""

    class Server:
        def __init__(self):
            self.closed = False
            self.task = asyncio.create_task(self._serve())

        async def _serve(self):
            if len(servers) == 0:
                return
            await asyncio.sleep(3600)

        def close(self):
            self.closed = True
            self.task.cancel()

    servers = []

    async def start_server(visit, host, number):
        made = Server()
        await asyncio.sleep(0)
        servers.append(made)
        return made

    async def story():
        kept = asyncio.start_server, door.LOOK_S
        asyncio.start_server, door.LOOK_S = start_server, 0.01
        try:
            one = opened("well", [])
            task = asyncio.create_task(one.run())
            await asyncio.sleep(0.2)
            assert len(servers) == 2 and not task.done()
            one.shutdown()
            await asyncio.sleep(0.05)
            assert servers[1].closed and task.done()
        finally:
            asyncio.start_server, door.LOOK_S = kept

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
