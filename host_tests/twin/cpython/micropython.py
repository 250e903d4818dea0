# The names that firmware imports from `micropython`, for CPython.
# MIT license; part of microevse
"""Compile-time hints do nothing here; `schedule` queues like the virtual chip does."""

import twin_state


def const(value):
    return value


def native(fn):
    return fn


def viper(fn):
    return fn


def alloc_emergency_exception_buf(size):
    """CPython always has memory for an exception."""


def opt_level(level=None):
    return 0


def mem_info(verbose=None):
    """Nothing to tell."""


def heap_lock():
    """CPython's heap cannot be locked."""


def heap_unlock():
    return 0


def schedule(fn, arg):
    """Run `fn(arg)` soon; RuntimeError if the queue is full."""
    if not twin_state.clock.soft(fn, arg):
        raise RuntimeError("schedule queue full")


def kbd_intr(char):
    """There is no serial line behind CPython's console."""
