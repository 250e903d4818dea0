# Helpers for the unit tests that run on both interpreters.
# MIT license; part of microevse
"""Small things the unit tests share; no pytest here, MicroPython has none."""

import asyncio
import sys

import skipped_time

if sys.implementation.name != "micropython":  # there unit/run.py does it, before all imports
    skipped_time.install()


def run(coro):
    """Run a coroutine in a fresh event loop (MicroPython keeps old tasks otherwise). A wait that
    only the clock can end is skipped."""
    loop = skipped_time.new_event_loop()
    try:
        return loop.run_until_complete(coro)
    finally:
        loop.close()  # a loop holds three of the 1,024 file descriptors of a process


async def cancelled(task):
    """Cancel a task and wait until it has ended."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


class Module:
    """Has the attributes that it is given: stands in for a module."""

    def __init__(self, **members):
        for name in members:
            setattr(self, name, members[name])


def raises(exc_type, fn, *args):
    """Return the exception that `fn(*args)` raised; fail if there was none of that type."""
    try:
        fn(*args)
    except exc_type as exc:
        return exc
    raise AssertionError("no %s raised" % exc_type.__name__)
