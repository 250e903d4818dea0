# asyncio on virtual time, MicroPython.
# MIT license; part of microevse
"""The built-in TaskQueue stamps tasks with the real clock, so both it and Task are replaced
before asyncio is imported; the loop's wait for I/O is where time moves. Waiting is done
without select.poll: that one sleeps a real millisecond for everything that is no file.

`install()` first, then `patch(pacer)` once asyncio may be imported.
"""

import select
import sys

import twin_state

_IN = 1
_OUT = 4
_POLL = 3  # stream ioctl request

_HALF = 1 << 29
_MASK = (1 << 30) - 1

# Coalescing needs a quiet time, in which nothing has just moved. A sleep shorter than this polls a
# wire: it ends with the next event, if that is soon.
_LONG_MS = 30
_SOON_US = 100000
_QUIET_US = 10000000
# While a contactor is closed the firmware takes a task or a meter that is seconds late for dead.
_CLOSED_MS = 1000
# While tasks are ready one after the other, and no time passes, the streams are looked at only
# this often: bytes come in when time stands still and the peer has its turn.
_LOOK_EVERY = 8

_ticks = None  # fn() -> virtual ms, without the cost the firmware's own calls have
_pushes = 0  # counts, so that the loop sees when something became ready


class TaskQueue:
    """Tasks ordered by due time, first in first out where times are equal."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        global _pushes
        _pushes += 1
        if key is None:
            key = _ticks()
        task.data = None
        task.ph_key = key
        tasks = self._tasks
        at = len(tasks)
        # From the back: a new task is usually the last, and must stay behind its equals.
        while at and ((key - tasks[at - 1].ph_key + _HALF) & _MASK) < _HALF:
            at -= 1
        tasks.insert(at, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    """The interface of a task for asyncio.core.

    `state`: True while running with nobody waiting, a TaskQueue of those who wait, a
    callable (gather), None when done but not awaited, False when done and awaited.
    `data`: what the task waits in; an exception to throw; in the end its result.
    """

    def __init__(self, coro, core_globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        self._core = core_globals

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if self.state:
            waiter = self._core["cur_task"]
            self.state.push(waiter)
            waiter.data = self
            return None
        if self.data is None:
            raise StopIteration
        raise self.data

    def done(self):
        return not self.state

    def cancel(self):
        core = self._core
        if not self.state:
            return False
        if self is core["cur_task"]:
            raise RuntimeError("can't cancel self")
        target = self
        while isinstance(target.data, Task):
            target = target.data  # a task that waits for another one is cancelled through it
        run_queue = core["_task_queue"]
        if hasattr(target.data, "remove"):
            target.data.remove(target)
            run_queue.push(target)
        elif 0 < ((target.ph_key - _ticks() + _HALF) & _MASK) - _HALF:
            run_queue.remove(target)
            run_queue.push(target)
        target.data = core["CancelledError"]
        return True


class _Module:
    pass


def _events(stream, flags):
    """Which of `flags` the stream is ready for now (and errors)."""
    if hasattr(stream, "ioctl"):
        events = stream.ioctl(_POLL, flags)
        return events if events > 0 else 0
    poller = select.poll()  # something real: standard input
    poller.register(stream, flags)
    for _, events in poller.ipoll(0):
        return events
    return 0


def _coalesced(passed, dt, clock, grid):
    """When (ms) a sleep of `dt` ends. With the option coalesce_ms, for runs of many days, all
    long sleeps in a quiet time end together: late, as on a busy chip, and much cheaper."""
    due = passed + dt
    if not grid or clock.now_us - twin_state.world.changed_us < _QUIET_US:
        return due
    if not twin_state.settled():
        return due
    for outlet in twin_state.world.outlets.values():
        if outlet.contactor.closed and grid > _CLOSED_MS:
            grid = _CLOSED_MS
    if dt >= _LONG_MS:
        return max(due, (passed // grid + 1) * grid)
    event = clock.next_due()
    if event is None or event - clock.now_us > _SOON_US:
        return due
    return max(due, (event - clock.boot_us) // 1000 + 1)


def install(clock):
    """Before the first import of asyncio."""
    global _ticks

    def ticks():
        if clock.stopped_us is not None:
            return (clock.virtual_now_us() // 1000) & _MASK
        return ((clock.now_us - clock.boot_us) // 1000) & _MASK

    _ticks = ticks
    module = _Module()
    module.TaskQueue = TaskQueue
    module.Task = Task
    sys.modules["_asyncio"] = module
    from twin import tls_mpy

    sys.modules["tls"] = tls_mpy


def patch(pacer):
    """Make asyncio's loop wait on virtual time."""
    import asyncio.core as core

    clock = pacer.clock
    net = pacer.net
    link_sock = pacer.link.sock
    coalesce = twin_state.options.get("coalesce_ms")

    def wait(ms):
        poller = select.poll()
        poller.register(link_sock, select.POLLIN)
        for real, flags in net.waiting:
            poller.register(real, flags)
        poller.poll(ms)

    pacer.wait = wait

    class TwinIOQueue:
        """asyncio.core.IOQueue: who waits for which stream."""

        def __init__(self):
            self.map = {}  # id(stream) -> [reading task, writing task, stream]
            self.unseen = 0  # times in a row that the streams were not looked at

        def queue_read(self, s):
            self._enqueue(s, 0)

        def queue_write(self, s):
            self._enqueue(s, 1)

        def _enqueue(self, s, index):
            entry = self.map.get(id(s))
            if entry is None:
                entry = self.map[id(s)] = [None, None, s]
            if entry[index] is not None:
                raise RuntimeError("two tasks wait for the same stream")
            entry[index] = core.cur_task
            core.cur_task.data = self

        def remove(self, task):
            for key in list(self.map):
                entry = self.map[key]
                for index in (0, 1):
                    if entry[index] is task:
                        entry[index] = None
                if entry[0] is None and entry[1] is None:
                    del self.map[key]

        def _wake(self):
            """Make tasks ready whose streams are; True if there were any."""
            net.waiting.clear()
            if not self.map:
                return False
            woken = False
            for key in list(self.map):
                entry = self.map[key]
                flags = (_IN if entry[0] else 0) | (_OUT if entry[1] else 0)
                events = _events(entry[2], flags)
                if not events:
                    continue
                for index, other in ((0, _OUT), (1, _IN)):
                    # Errors and hang-ups concern both: the next call will tell.
                    if entry[index] is not None and events & ~other:
                        core._task_queue.push(entry[index])
                        entry[index] = None
                        woken = True
                if entry[0] is None and entry[1] is None:
                    del self.map[key]
            return woken

        def wait_io_event(self, dt):
            clock.entered()
            if dt == 0 and coalesce:
                self.unseen += 1
                if self.unseen < _LOOK_EVERY:
                    return
            self.unseen = 0
            if self._wake() or dt == 0:
                return
            until = due = None
            if dt > 0 and clock.stopped_us is None:
                # To the millisecond the loop counts in, not a fraction later.
                passed = (clock.now_us - clock.boot_us) // 1000
                due = clock.boot_us + (passed + dt) * 1000
                until = clock.boot_us + _coalesced(passed, dt, clock, coalesce) * 1000
            version = twin_state.world.version
            before = _pushes
            while True:
                # Commands and callbacks may have made tasks ready: the loop must look.
                if pacer.step(until) and _pushes != before:
                    return
                if clock.stopped_us is not None:
                    until = None  # this sleep has no end any more
                if until is not None and until != due and twin_state.world.version != version:
                    until = due  # something moved: the quiet time is over
                if self._wake() or (until is not None and clock.now_us >= until):
                    return

    core.ticks = _ticks
    core.IOQueue = TwinIOQueue
    core.new_event_loop()
