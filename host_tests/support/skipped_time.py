# Time of the unit tests: a wait that nothing but the clock can end takes no time.
# MIT license; part of microevse
"""`install()` before asyncio and the code under test are imported. From then on the clock is the
real one and what has been skipped. The loop of asyncio skips a wait when no file or socket can end
it: the clock is put forward instead. time.sleep and its kind skip, too. The code takes its time
from `evse_base` or `time` (MicroPython), from `evse_base` or the loop (CPython): all agree.

MicroPython keeps its own queue of tasks and its own Task. A thread that runs for CPython's loop
(getaddrinfo) is waited for in real time.
"""

import sys

_skipped_us = 0

if sys.implementation.name == "micropython":

    def install():
        import time

        if hasattr(time, "skip_us"):
            return
        real = time
        skipped = _Module()
        for name in dir(real):
            if not name.startswith("__"):
                setattr(skipped, name, getattr(real, name))
        mask = real.ticks_add(0, -1)

        def skip_us(us):
            global _skipped_us
            _skipped_us += us

        skipped.skip_us = skip_us
        skipped.sleep_us = skip_us
        skipped.sleep_ms = lambda ms: skip_us(ms * 1000)
        skipped.sleep = lambda seconds: skip_us(int(seconds * 1000000))
        skipped.ticks_us = lambda: (real.ticks_us() + _skipped_us) & mask
        skipped.ticks_ms = lambda: (real.ticks_ms() + _skipped_us // 1000) & mask
        skipped.time = lambda: real.time() + _skipped_us // 1000000
        skipped.time_ns = lambda: real.time_ns() + _skipped_us * 1000
        skipped.time_ns_real = real.time_ns
        sys.modules["time"] = skipped
        import asyncio.core as core

        assert core.ticks is skipped.ticks_ms, "asyncio was imported before"
        wait_for_io = core.IOQueue.wait_io_event

        def wait_io_event(self, dt):
            if dt <= 0:
                return wait_for_io(self, dt)
            for _, _, stream in self.map.values():
                if not hasattr(stream, "ioctl"):  # a real file or socket
                    return wait_for_io(self, dt)
            # Flags and stand-ins for wires change in this thread alone: not during the wait.
            if self.map:
                wait_for_io(self, 0)
                due = core._task_queue.peek().ph_key
                dt = core.ticks_diff(due, core.ticks())
            if dt > 0:
                skip_us(dt * 1000)

        core.IOQueue.wait_io_event = wait_io_event

    class _Module:
        pass

    def new_event_loop():
        import asyncio

        return asyncio.new_event_loop()

else:
    import asyncio
    import selectors
    import time

    def _now_us():
        return time.monotonic_ns() // 1000 + _skipped_us

    def install():
        import evse_base

        evse_base.use_clock(_now_us)

    class _Selector(selectors.DefaultSelector):
        def __init__(self):
            super().__init__()
            self.threads = 0  # that run for the loop

        def select(self, timeout=None):
            global _skipped_us
            # The loop itself has registered one socket, by which threads wake it.
            if not timeout or timeout < 0 or len(self.get_map()) > 1 or self.threads:
                return super().select(timeout)
            found = super().select(0)
            if not found:
                _skipped_us += int(timeout * 1000000) + 1
            return found

    class _Loop(asyncio.SelectorEventLoop):
        def __init__(self):
            self._waits = _Selector()
            super().__init__(self._waits)

        def time(self):
            return _now_us() / 1000000

        def run_in_executor(self, executor, func, *args):
            future = super().run_in_executor(executor, func, *args)
            self._waits.threads += 1
            future.add_done_callback(self._thread_ended)
            return future

        def _thread_ended(self, _):
            self._waits.threads -= 1

    def new_event_loop():
        return _Loop()
