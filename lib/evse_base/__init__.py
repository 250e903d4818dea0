# Runtime differences between MicroPython and CPython, and nothing else.
# MIT license; part of microevse
"""The differences between MicroPython on the chip, its unix port, and CPython.

Everything else in `lib/` and `firmware/` is the same source on all three.
On the virtual board the `time` module is replaced, so these names follow virtual time and no code
here has to know it.
"""

import asyncio
import gc
import io
import sys

MICROPYTHON = sys.implementation.name == "micropython"


def _in_place(path):
    """True where the code of this file runs where it lies: frozen, or in a ROMFS, whose files are
    memory (extmod/vfs_rom_file.c has their buffer), wherever it is mounted."""
    if path.endswith(".py"):
        return True  # only frozen modules keep it
    try:
        with open(path, "rb") as file:
            memoryview(file)
        return True
    except (OSError, TypeError):
        return False


# There a module is loaded when it is needed, and dropped after use: a loaded module takes heap.
# Elsewhere it is read from a file, which stalls the interpreter.
IN_PLACE = MICROPYTHON and _in_place(__file__)
# Loading a module takes about a millisecond, as it is frozen. What it takes from a ROMFS is not
# known: up to 15 ms for each KB of .mpy (docs/chip.md), and no timer has its turn in between.
QUICK = IN_PLACE and __file__.endswith(".py")

if MICROPYTHON:
    from binascii import crc32  # noqa: F401
    from os import urandom  # noqa: F401
    from time import sleep_ms, ticks_add, ticks_diff, ticks_ms, ticks_us  # noqa: F401

    from micropython import const  # noqa: F401

    def print_exception(exc):
        """Print the traceback of `exc` on the console."""
        sys.print_exception(exc)

    def exception_text(exc):
        """The traceback of `exc` as text."""
        out = io.StringIO()
        sys.print_exception(exc, out)
        return out.getvalue()

    # A Timer callback sets it, one task awaits it, and it clears itself when it wakes that task.
    Flag = asyncio.ThreadSafeFlag

else:
    import time as _time
    import traceback as _traceback
    from os import urandom  # noqa: F401
    from zlib import crc32  # noqa: F401

    def const(value):
        """Compile-time constant on MicroPython; the value itself here."""
        return value

    # MicroPython's tick counters wrap at 2**30 in the ports used here. CPython wraps
    # likewise, so that a host test meets the wrap-around too.
    _PERIOD = 1 << 30
    _HALF = 1 << 29

    def _now_us():
        return _time.monotonic_ns() // 1000

    def use_clock(now_us):
        """Take the time from `now_us()` (microseconds, never going back): for virtual time."""
        global _now_us
        _now_us = now_us

    def ticks_us():
        return _now_us() & (_PERIOD - 1)

    def ticks_ms():
        return (_now_us() // 1000) & (_PERIOD - 1)

    def ticks_add(ticks, delta):
        return (ticks + delta) & (_PERIOD - 1)

    def ticks_diff(end, start):
        return ((end - start + _HALF) & (_PERIOD - 1)) - _HALF

    def sleep_ms(ms):
        _time.sleep(ms / 1000)

    def print_exception(exc):
        """Print the traceback of `exc` on the console."""
        _traceback.print_exception(type(exc), exc, exc.__traceback__, file=sys.stdout)

    def exception_text(exc):
        """The traceback of `exc` as text."""
        out = io.StringIO()
        _traceback.print_exception(type(exc), exc, exc.__traceback__, file=out)
        return out.getvalue()

    class Flag:
        """asyncio.ThreadSafeFlag for CPython: same thread only, clears itself on wake-up."""

        def __init__(self):
            self._event = asyncio.Event()

        def set(self):
            self._event.set()

        def clear(self):
            self._event.clear()

        async def wait(self):
            await self._event.wait()
            self._event.clear()


def random_below(n):
    """Random integer 0 <= i < n, different on every device; 0 if n is not above 0."""
    return int.from_bytes(urandom(4), "big") % n if n > 0 else 0


def _inside(prefix):
    for known in sys.modules:
        if known.startswith(prefix):
            return known
    return None


def forget(name):
    """Drop a module, the modules inside it and its name in its package. Its memory is free once no
    object of it is in use."""
    known = name
    while known:
        sys.modules.pop(known, None)
        known = _inside(name + ".")
    package, _, own = name.rpartition(".")
    package = sys.modules.get(package)
    if hasattr(package, own):
        delattr(package, own)


def release(name):
    """`forget`, but only where the module can be loaded again within milliseconds."""
    if IN_PLACE:
        forget(name)


def room(size):
    """True if `size` bytes of heap are free; also where the heap does not say. Collects only where
    they seem not to be."""
    if not hasattr(gc, "mem_free") or gc.mem_free() >= size:
        return True
    gc.collect()
    return gc.mem_free() >= size


async def before_import():
    """To be awaited before a module is loaded while a contactor may be closed.

    Loading it from a ROMFS is one stall. The heap is collected before, as a collection in the
    middle of loading would make that stall longer. The timer has its turn before and after that,
    so that the three do not become one stall."""
    if IN_PLACE and not QUICK:
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)


def traceless(coro):
    """A coroutine that runs `coro` and returns None, for a task of code that may be dropped.

    A task that has ended keeps the frame of its coroutine: all that it had in hand, and the module
    of its code. A list may have the task. On MicroPython so may any other task: each points to one
    that was behind it in the queue (py/pairheap.h: child_last) until another is, and none is while
    it waits for a socket. Of this task an empty frame is left."""
    return _run([None, coro])


async def within(coro, seconds):
    """asyncio.wait_for(coro, seconds), whose tasks keep neither `coro` nor what it returns."""
    box = [None, coro]
    await asyncio.wait_for(_run(box), seconds)
    return box.pop()


async def _run(box):
    """Run the second in `box`, a coroutine, taken from there; the first is what it returns."""
    try:
        box[0] = await box.pop()
    finally:
        pass  # puts None, or the exception, where coroutine and result were on the stack


async def ended(task):
    """Cancel the task until it has ended: MicroPython's wait_for can lose a cancellation that
    comes in the moment in which the awaited task ends."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
