# What a task that has ended keeps: nothing of the code that it ran.
# MIT license; part of microevse
"""CPython empties the frame of a coroutine that has ended; here MicroPython is measured, with its
own queue of tasks."""

import asyncio
import gc

from evse_base import MICROPYTHON, traceless, within
from helpers import run
from ocppj.rpc import Rpc
from station.station import Station
from supervisor import Supervisor
from transfer import stream
from web import bounds, door

BIG = 100000


def _taken():
    gc.collect()
    return gc.mem_alloc() if MICROPYTHON else 0


class _Kept:
    """Within, each task that is made is in `tasks`: no other place would keep it for sure."""

    def __enter__(self):
        core = asyncio.core if MICROPYTHON else asyncio
        self._core, self._made = core, core.create_task
        self.tasks = []

        def create_task(coro):
            task = self._made(coro)
            self.tasks.append(task)
            return task

        core.create_task = asyncio.create_task = create_task
        return self

    def __exit__(self, *exc):
        self._core.create_task = asyncio.create_task = self._made


def _holds(story):
    """Bytes that the ended tasks of `await story(big)` hold of a big object."""

    async def play():
        before = _taken()
        with _Kept() as kept:
            await story(bytearray(BIG))
            for _ in range(20):
                await asyncio.sleep(0)
            if MICROPYTHON:
                assert kept.tasks and all([task.done() for task in kept.tasks]), story
            return _taken() - before

    return run(play())


async def _work(big, end=None):
    await asyncio.sleep(0)
    size = len(big)
    if end:
        raise end
    return size


async def _settled(task):
    try:
        return await task
    except (asyncio.CancelledError, OSError):
        return None


def test_a_task_that_has_ended_keeps_what_it_had_in_hand():
    """Else this measures nothing."""

    async def story(big):
        await asyncio.create_task(_work(big))

    assert _holds(story) > BIG or not MICROPYTHON


def test_a_traceless_one_keeps_nothing_however_it_ends():
    async def ends(big):
        assert await asyncio.create_task(traceless(_work(big))) is None

    async def fails(big):
        assert await _settled(asyncio.create_task(traceless(_work(big, OSError(5))))) is None

    async def is_cancelled(big):
        task = asyncio.create_task(traceless(_work(big)))
        await asyncio.sleep(0)
        task.cancel()
        await _settled(task)

    async def is_late(big):
        try:
            await within(_slow(big), 1)
        except asyncio.TimeoutError:
            return
        raise AssertionError("not late")

    async def _slow(big):
        await asyncio.sleep(10)
        return len(big)

    async def _copied(big):
        await asyncio.sleep(0)
        return bytes(big)

    async def returns(big):
        assert len(await within(_copied(big), 1)) == BIG

    async def raises(big):
        try:
            await within(_work(big, OSError(5)), 1)
        except OSError:
            return
        raise AssertionError("nothing raised")

    for story in (ends, fails, is_cancelled, is_late, returns, raises):
        assert _holds(story) < BIG // 2, story


def test_a_task_that_waits_keeps_no_traceless_one_that_was_behind_it():
    """Not the test's list has it here but MicroPython's queue of tasks."""

    async def reader(flag):
        while True:
            await flag.wait()
            await asyncio.sleep(0)

    def begin(wrapped):  # the frame of `play` would hold the argument
        asyncio.create_task(wrapped(_work(bytearray(BIG))))

    async def play(wrapped):
        waits, flag = [], asyncio.Event()
        for _ in range(3):
            waits.append(asyncio.create_task(reader(flag)))
        await asyncio.sleep(0.01)
        before = _taken()
        flag.set()
        flag.clear()
        await asyncio.sleep(0)
        begin(wrapped)
        await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0.002)
        held = _taken() - before
        for task in waits:
            task.cancel()
            await _settled(task)
        return held

    print("held without:", run(play(lambda coro: coro)))
    assert run(play(traceless)) < BIG // 2


def test_code_that_is_dropped_runs_in_traceless_tasks():
    """Page, requests of the central system, transfers, set-up."""

    class Writer:
        def write(self, data):
            pass

        async def drain(self):
            await asyncio.sleep(0)

    async def sends(big):
        conn = bounds.Bounded(None, Writer(), 0)
        conn.code = big
        await conn.awrite(b"x" * 200)
        await conn.awrite(b"\r\n")

    async def reads(big):
        async def read_into(reader, view):
            return await _work(big) and 1

        kept, bounds._read_into = bounds._read_into, read_into
        try:
            await bounds.Bounded(None, None, 0).into(memoryview(bytearray(8)))
        finally:
            bounds._read_into = kept

    async def visits(big):
        one = door.Door(None, None, None, None)

        async def visit(reader, writer):
            await _work(reader)

        one._visit = visit
        await asyncio.create_task(one._let_in(big, None))

    async def transfers(big):
        progress = stream.Progress() if hasattr(stream, "Progress") else None
        assert await stream.watch(_work(big), progress or _Progress(), 60) == BIG

    async def station_work(big):
        class Any:
            _tasks = []

        one = Any()
        Station.spawn(one, _work(big))
        await one._tasks[0]

    async def supervised(big):
        class Clock:
            def uptime(self):
                return 0

        class Code:
            def __init__(self, held):
                self.held = held

            async def serve(self):
                await asyncio.sleep(len(self.held))

        task = Supervisor(Clock()).start("x", Code(big).serve)
        await asyncio.sleep(0)
        task.cancel()
        await _settled(task)

    for story in (sends, reads, visits, transfers, station_work, supervised):
        assert _holds(story) < BIG // 2, story


class _Progress:
    def touch(self):
        pass

    def look(self, late_ms, stall_s):
        pass


def test_a_request_s_handler_leaves_nothing():
    async def story(big):
        class One:
            schema = handlers = None
            _up, _era, _memo = True, 1, None
            after = 0

            def check_call(self, action, payload):
                pass

            def get(self, action):
                async def handle(payload):
                    await _work(big)
                    return {}, lambda: _after(big)

                return handle

            def add(self, *args):
                pass

            def uptime_ms(self):
                return 0

            async def _reply(self, text, era):
                pass

        async def _after(held):
            await asyncio.sleep(0)
            One.after = len(held)

        one = One()
        one.schema = one.handlers = one._memo = one._clock = one
        await Rpc._handle(one, ["1", "Reset", {}, 0, None], 1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert One.after == BIG

    assert _holds(story) < BIG // 2
