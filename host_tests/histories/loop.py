# asyncio on the time of a virtual board that lives in this process.
# MIT license; part of microevse
"""The firmware's tasks run as they do on the board: timers by the firmware's own clock, which may
stand still, and between any two tasks the timer tick. The world goes on in any case."""

import asyncio
import math
import selectors


class _Waiter(selectors.SelectSelector):
    """In place of waiting, virtual time passes."""

    loop = None

    def select(self, timeout=None):
        loop = self.loop
        clock = loop.clock
        clock.entered(False)
        goal = loop.until
        if timeout is not None and loop.firmware_runs():
            goal = min(goal, clock.now_us + max(0, math.ceil(timeout * 1e6 - 1e-3)))
        ready = loop._ready
        while clock.now_us < goal and not ready:
            if clock.deliver():
                continue  # queued while other callbacks ran: they run before time moves
            due = clock.next_due()
            clock.run_to(goal if due is None or due > goal else due)
            clock.deliver()
        if clock.now_us >= loop.until:
            loop.stop()
        return []


class Loop(asyncio.SelectorEventLoop):
    """`stuck`: the main program hangs in a loop of its own; the tick goes on."""

    def __init__(self):
        waiter = _Waiter()
        super().__init__(waiter)
        waiter.loop = self
        self.clock = None  # the twin's
        self.firmware_us = None  # fn(): what the firmware's clock shows, unwrapped
        self.firmware_runs = None  # fn(): whether that clock moves
        self.until = 0
        self.stuck = False
        self.failed = []  # exceptions that no task has taken
        self.set_exception_handler(lambda _loop, what: self.failed.append(what))

    def time(self):
        return self.firmware_us() / 1e6

    def attach(self, clock, firmware_us, firmware_runs):
        self.clock = clock
        self.firmware_us = firmware_us
        self.firmware_runs = firmware_runs
        self.stuck = False
        self.failed.clear()

    def run_to(self, us):
        """Let the world's time pass up to `us`."""
        self.until = us
        clock = self.clock
        while self.stuck and clock.now_us < us:
            if clock.deliver():
                continue  # queued while other callbacks ran: they run before time moves
            due = clock.next_due()
            clock.run_to(us if due is None or due > us else due)
            clock.deliver()
        if clock.now_us < us:
            self.run_forever()

    def forget_tasks(self):
        """The program is gone: its tasks end here, without time passing."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        self.until = 0
        for _ in range(20):
            if all(task.done() for task in tasks):
                break
            self.run_forever()
        self._scheduled.clear()
        self._ready.clear()
        self.failed.clear()
