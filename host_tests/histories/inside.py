# Disturbances inside the firmware, between two of its statements.
# MIT license; part of microevse
"""Exceptions raised inside the tick, at any of its lines, and soft interrupts between any two
lines of the program: on the chip a timer's or a pin's callback runs between two bytecodes of
whatever runs, but never inside another callback."""

import sys


_ERRORS = {
    "MemoryError": MemoryError,
    "OSError": OSError,
    "ValueError": ValueError,
    "KeyError": KeyError,
}
# Where a callback may come, and where an exception may be raised in the tick.
_PROGRAM = ("/lib/station/", "/lib/iec61851/", "/firmware/hal/", "/firmware/supervisor")
_TICK = ("/lib/iec61851/", "/firmware/hal/")
_OUTSIDE = ("_on_timer",)  # its `try` is the first line: what is raised before it is no fault


def tick_raises(play, c, name):
    """From now on every window of connector c fails."""
    play.failing = (c, _ERRORS[name])
    failing_tick(play)


def failing_tick(play):
    """Let the windows of this program fail, if they are to."""
    if play.failing is None:
        return
    c, error = play.failing
    charger = play.charger
    real = charger.adc.window

    def window(index, ma=0):
        if play.failing is not None and index == c:
            play.judge.happened("tick fails")
            raise error("injected")
        return real(index, ma)

    charger.adc.window = window


def tick_is_well(play):
    play.failing = None


def _ours(frame, places):
    name = frame.f_code.co_filename
    return any(place in name for place in places)


def raise_at(play, name, line):
    """The next tick fails at its `line`-th line."""
    charger = play.charger
    tick = charger.tick
    left = [line]

    def local(frame, event, arg):
        if event == "line":
            left[0] -= 1
            if left[0] <= 0:
                sys.settrace(None)
                play.judge.happened("tick fails")
                play.fired["an exception at a line of the tick"] += 1
                raise _ERRORS[name]("injected at line %d" % frame.f_lineno)
        return local

    def trace(frame, event, arg):
        if frame.f_code.co_name in _OUTSIDE or not _ours(frame, _TICK):
            return None
        return local

    real = tick._look

    def look():
        # Ticks are shorter than the number drawn now and then: then it is a later one's.
        if left[0] > 0:
            sys.settrace(trace)
        try:
            real()
        finally:
            sys.settrace(None)

    tick._look = look


def interrupt_at(play, c, what, line):
    """After `line` lines more of the program a callback comes between two of them."""
    charger = play.charger
    left = [line]

    def fire():
        left[0] = 0
        play.fired["a callback between two lines: " + what] += 1
        evse = charger.evses[c]
        if what == "trip":
            evse.trip("ProtectiveEarthLost")
        elif what == "rcd":
            play.fault(c, "rcd", True)
            charger.twin_clock.deliver()
            play.fault(c, "rcd", False)
        else:
            # Time for a tick to fall due, which then runs here.
            charger.twin_clock.spend(25000)
            charger.twin_clock.deliver()

    def local(frame, event, arg):
        if event == "line" and left[0] > 0 and not charger.twin_clock._delivering:
            left[0] -= 1
            if left[0] <= 0:
                sys.settrace(None)
                frame.f_trace = None
                fire()
                return None
        return local

    def trace(frame, event, arg):
        if left[0] <= 0:
            sys.settrace(None)
            return None
        return local if _ours(frame, _PROGRAM) else None

    play.traced = trace


def disarm(play):
    sys.settrace(None)
    play.traced = None
