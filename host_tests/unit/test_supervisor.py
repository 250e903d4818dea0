# Tasks are restarted with back-off; a late task stops the watchdog from being fed.
# MIT license; part of microevse

import asyncio

import evse_base as port
import supervisor
from helpers import run
from supervisor import Supervisor


class FakeClock:
    def __init__(self):
        self.s = 0

    def uptime(self):
        return self.s


class Sleeps:
    """Stands in for asyncio.sleep: remembers the waits, passes time on the clock."""

    def __init__(self, clock, limit):
        self.clock = clock
        self.limit = limit
        self.waits = []

    full = 0  # so many sleeps find no memory

    async def sleep_ms(self, ms):
        await self.sleep(ms / 1000)

    async def sleep(self, seconds):
        if self.full:
            self.full -= 1
            raise MemoryError
        self.waits.append(seconds)
        self.clock.s += seconds
        if len(self.waits) >= self.limit:
            raise asyncio.CancelledError


class FakeAsyncio:
    CancelledError = asyncio.CancelledError

    def __init__(self, sleeps):
        # The chip has both, and sleep() makes floats, which may find no memory.
        if port.MICROPYTHON:
            self.sleep_ms = sleeps.sleep_ms
        else:
            self.sleep = sleeps.sleep


def waits(factory, limit, critical=False, reasons=None, full=0, clock=None):
    """The waits of a supervised task that ends `limit` times. full: Sleeps.full."""
    clock = clock or FakeClock()
    sleeps = Sleeps(clock, limit)
    sleeps.full = full
    real, supervisor.asyncio = supervisor.asyncio, FakeAsyncio(sleeps)
    try:
        made = Supervisor(clock)
        run(made._run("task", lambda: factory(clock), critical))
    except asyncio.CancelledError:
        pass
    finally:
        supervisor.asyncio = real
    if reasons is not None:
        reasons.append((made.restarts["task"], made.reasons["task"]))
    return sleeps.waits


def test_a_task_that_fails_is_restarted_with_growing_waits():
    async def fails(clock):
        raise ValueError("broken")

    assert waits(fails, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_task_that_ends_is_restarted_too():
    async def ends(clock):
        pass

    assert waits(ends, 3) == [1, 2, 4]


def test_a_critical_task_is_started_again_at_once_however_often_it_fails():
    """The one that guards the sensors once waited up to a minute, with the contactor closed."""
    reasons = []

    async def fails(clock):
        raise OSError(263)

    assert waits(fails, 20, True, reasons) == [0.1] * 20
    assert reasons[0][0] == 20 and reasons[0][1].startswith("OSError(263")

    async def ends(clock):
        pass

    assert waits(ends, 3, True, reasons) == [0.1] * 3
    assert reasons[1] == (3, "ended")


def test_a_task_goes_on_where_no_memory_is_left_to_tell_why_it_failed():
    """The error of the report ended the task for good: no meter values, until the next start."""

    async def fails(clock):
        raise MemoryError

    def no_memory(*_):
        raise MemoryError

    real, supervisor.log = supervisor.log, type("Log", (), {"error": no_memory, "warn": no_memory})
    try:
        assert waits(fails, 3) == [1, 2, 4]
        assert waits(fails, 3, True) == [0.1] * 3
    finally:
        supervisor.log = real
    printed, port.print_exception = port.print_exception, no_memory
    try:
        assert waits(fails, 3, True) == [0.1] * 3
    finally:
        port.print_exception = printed


def test_a_task_goes_on_where_waiting_itself_finds_no_memory():
    """It was outside of what is caught: "ocpp" or "journal" ended for good."""

    async def fails(clock):
        raise OSError(5)

    for critical, wait in ((False, [1, 2, 4]), (True, [0.1] * 3)):
        for full in (1, 2, 5):
            assert waits(fails, 3, critical, full=full) == wait


def test_a_task_goes_on_where_the_time_finds_no_memory():
    class Full(FakeClock):
        asked = 0

        def uptime(self):
            self.asked += 1
            if self.asked <= 3:
                raise MemoryError
            return self.s

    ran = []

    async def fails(clock):
        ran.append(clock.s)
        raise OSError(5)

    # The first run never began, the second was not timed.
    assert waits(fails, 3, clock=Full()) == [1, 2, 4] and len(ran) >= 1
    assert waits(fails, 3, True, clock=Full()) == [0.1] * 3


def test_whatever_fails_in_the_report_the_task_goes_on():
    async def fails(clock):
        raise OSError(5)

    def broken(*_):
        raise OSError(28)

    printed, port.print_exception = port.print_exception, broken
    try:
        assert waits(fails, 3) == [1, 2, 4]
    finally:
        port.print_exception = printed


def test_after_a_healthy_time_the_first_wait_is_short_again():
    lives = [0, 0, 500, 0]

    async def lives_a_while(clock):
        clock.s += lives.pop(0)
        raise OSError(5)

    assert waits(lives_a_while, 4) == [1, 2, 1, 2]


def test_a_healthy_time_is_more_than_two_minutes():
    for lived, wait in ((120, 4), (121, 1)):
        lives = [0, 0, lived]

        async def lives_so_long(clock):
            clock.s += lives.pop(0)  # noqa: B023
            raise OSError(5)

        assert waits(lives_so_long, 3) == [1, 2, wait], lived


def test_a_task_that_is_cancelled_ends_and_is_not_started_again():
    began = []

    async def cancelled(clock):
        began.append(clock.s)
        raise asyncio.CancelledError

    assert waits(cancelled, 3) == [] and began == [0]


def test_start_returns_the_task_which_can_be_cancelled():
    began = []

    async def factory():
        began.append(1)
        await asyncio.sleep(60)

    async def story():
        made = Supervisor(FakeClock())
        task = made.start("task", factory)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return made.restarts
        raise AssertionError("not cancelled")

    assert run(story()) == {} and began == [1]


def test_a_task_is_critical_only_where_that_is_said():
    async def fails():
        raise ValueError("broken")

    async def story(*critical):
        clock = FakeClock()
        sleeps = Sleeps(clock, 3)
        real, supervisor.asyncio = supervisor.asyncio, FakeAsyncio(sleeps)
        supervisor.asyncio.create_task = asyncio.create_task
        try:
            await Supervisor(clock).start("task", fails, *critical)
        except asyncio.CancelledError:
            pass
        finally:
            supervisor.asyncio = real
        return sleeps.waits

    assert run(story()) == [1, 2, 4]
    assert run(story(True)) == [0.1, 0.1, 0.1]


def test_alive_only_while_every_watched_task_beats_in_time():
    now = [1000]
    real = port.ticks_ms
    port.ticks_ms = lambda: now[0]
    try:
        s = Supervisor(FakeClock())
        assert s.alive()
        s.watch("a", 5000)
        s.watch("b", 2000)
        now[0] += 1500
        s.beat("b")
        now[0] += 1500
        assert s.alive()
        now[0] += 1000
        assert not s.alive(), "b is 2.5 s late"
        s.beat("b")
        assert s.alive()
        now[0] += 1500
        assert not s.alive(), "a never beat"
    finally:
        port.ticks_ms = real


def test_what_watch_returns_is_the_beat_of_that_task():
    now = [1000]
    real = port.ticks_ms
    port.ticks_ms = lambda: now[0]
    try:
        s = Supervisor(FakeClock())
        s.watch("a", 5000)
        beat = s.watch("b", 2000)
        now[0] += 2000
        assert s.alive(), "at its limit it is not late yet"
        now[0] += 1
        assert not s.alive()
        beat()
        assert s.alive()
        now[0] += 2001
        assert not s.alive()
    finally:
        port.ticks_ms = real


def test_alive_does_not_allocate():
    if not port.MICROPYTHON:
        return
    import micropython

    s = Supervisor(FakeClock())
    s.watch("a", 5000)
    s.watch("b", 5000)
    s.alive()
    micropython.heap_lock()
    try:
        for _ in range(100):
            s.alive()
    finally:
        micropython.heap_unlock()
