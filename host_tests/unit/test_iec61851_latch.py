# A latched fault is neither lost nor left over, however many there are and whatever comes between.
# MIT license; part of microevse

import sys

from iec61851.latch import CAUSES, Latch
from pilot_bench import Bench
from evse_base import MICROPYTHON


class Allows:
    """In place of an Evse: what may be cleared."""

    def __init__(self, refused=()):
        self.refused = refused

    def may_clear(self, cause):
        return cause not in self.refused


def test_every_cause_has_a_place_of_its_own():
    # There were places for six; a seventh was told and not kept.
    assert len(CAUSES) == len(set(CAUSES)) == len(Latch()._counts) // 2
    kept = Latch()
    for cause in reversed(CAUSES):
        assert kept.add(cause) and not kept.add(cause)
        assert kept.settle(Allows()) == cause  # the later ones of this loop matter more
    assert kept.all() == list(CAUSES)
    for i, cause in enumerate(CAUSES):
        kept.ask(cause, kept.count(cause))
        assert kept.settle(Allows()) == (CAUSES[i + 1] if i + 1 < len(CAUSES) else None)
        assert kept.count(cause) == 0
    assert kept.all() == []


def test_an_unknown_word_is_latched_and_stays_for_its_own_name():
    kept = Latch()
    assert kept.add("Whatever") and kept.all() == ["UnknownCause"]
    kept.ask("PilotWrong", kept.count("PilotWrong"))
    assert kept.settle(Allows()) == "UnknownCause"


def test_what_happened_again_after_it_was_asked_for_is_not_forgotten():
    kept = Latch()
    kept.add("RcdTripped")
    seen = kept.count("RcdTripped")
    kept.add("RcdTripped")
    kept.ask("RcdTripped", seen)
    assert kept.settle(Allows()) == "RcdTripped"
    assert kept.settle(Allows()) == "RcdTripped"  # the request is used up
    for _ in range(600):
        kept.add("RcdTripped")  # the count wraps, and is never 0
        assert kept.count("RcdTripped")
    kept.ask("RcdTripped", kept.count("RcdTripped"))
    assert kept.settle(Allows(("RcdTripped",))) == "RcdTripped"
    kept.ask("RcdTripped", kept.count("RcdTripped"))
    assert kept.settle(Allows()) is None


def test_six_faults_and_more_hold_the_contactor_until_the_last_is_cleared():
    causes = ("RcdTripped", "LockLost", "OverCurrentHard", "TemperatureStop", "TickFailed")
    causes += ("ContactorWelded", "ProtectiveEarthLost", "PilotWrong", "EmergencyStop")
    for last in causes:
        bench = Bench(1).charge()
        for cause in causes:
            bench.evse.trip(cause)
        assert not bench.evse.closed and not bench.contactor.closed
        bench.run(500)
        assert bench.evse.fault == "EmergencyStop" and set(bench.evse.faults) == set(causes)
        for cause in causes:
            if cause != last:
                assert bench.evse.clear(cause)
        bench.run(7000)
        assert bench.evse.faults == [last] and bench.evse.fault == last
        assert not bench.evse.closed and not bench.evse.pwm
        bench.evse.clear(last)
        bench.until(lambda: bench.evse.closed, 7000)


def test_an_emergency_stop_opens_at_once_and_stays():
    bench = Bench(2).charge()
    bench.evse.trip("EmergencyStop")
    assert not bench.contactor.closed
    bench.evse.permit(16000)
    bench.run(20000)
    assert bench.evse.close_count == 1 and bench.evse.fault == "EmergencyStop"


def test_clearing_takes_effect_in_the_tick():
    bench = Bench(3)
    bench.evse.trip("LockLost")
    bench.run(500)
    assert bench.evse.clear("LockLost") and bench.evse.faults == ["LockLost"]
    bench.tick()
    assert bench.evse.fault is None and bench.evse.faults == []
    assert bench.evse.clear("LockLost")  # there is none


# -- a soft interrupt between any two bytecodes --------------------------------------------------


class At:
    """Calls `what()` before the n-th bytecode of the firmware that runs inside `with`."""

    def __init__(self, n, what):
        self._left = n
        self._what = what
        self.done = False

    def __enter__(self):
        sys.settrace(self._enter)

    def __exit__(self, *exc):
        sys.settrace(None)

    def _enter(self, frame, event, arg):
        if "iec61851" not in frame.f_code.co_filename.replace("test_iec61851", ""):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._local

    def _local(self, frame, event, arg):
        if event == "opcode" and not self.done:
            self._left -= 1
            if self._left < 0:
                self.done = True
                sys.settrace(None)
                self._what()
        return self._local


def interrupted(prepare, act, what, check):
    """`what` before every bytecode of `act`, each time on a new bench; returns how many."""
    n = 0
    while True:
        bench = prepare()
        at = At(n, lambda bench=bench: what(bench))
        with at:
            act(bench)
        if not at.done:
            return n
        check(bench, n)
        n += 1


def charging():
    bench = Bench(4)
    bench.read_us = (180, 231)
    return bench.charge()


def faulted():
    """A fault is latched, state F is over: it may be cleared."""
    bench = charging()
    bench.evse.trip("RcdTripped")
    bench.run(500)
    return bench


def consistent(bench, latched, n):
    """The latched faults are the shown ones, and they hold the contactor."""
    evse = bench.evse
    bench.tick()
    if latched is None:
        latched = set(evse.faults)
    assert set(evse.faults) == latched, (n, evse.faults, latched)
    assert (evse.fault is not None) == bool(latched), (n, evse.fault)
    assert evse.fault is None or evse.fault in latched, (n, evse.fault)
    bench.run(400 if latched else 7000)
    assert evse.closed == (not latched) and bench.contactor.closed == evse.closed, n


def test_interrupts_between_the_steps_of_clearing_lose_no_fault_and_leave_none():
    # A fault stayed latched without effect, or was forgotten.
    if MICROPYTHON:
        return
    clear = lambda b: b.evse.clear("RcdTripped")  # noqa: E731

    def with_lock(bench, n):
        # The other fault brings state F, in which nothing is cleared: to be asked for again.
        assert "LockLost" in bench.evse.faults, n
        consistent(bench, None, n)

    assert interrupted(faulted, clear, lambda b: b.evse.trip("LockLost"), with_lock) > 20
    kept = []

    def counted(bench, n):
        consistent(bench, None, n)
        kept.append("RcdTripped" in bench.evse.faults)

    # Happened before the request has looked: cleared with the rest. After that: kept.
    interrupted(faulted, clear, lambda b: b.evse.trip("RcdTripped"), counted)
    assert kept[-1] and kept == sorted(kept) and kept.count(True) > 20, kept
    interrupted(faulted, clear, lambda b: b.window(), lambda b, n: consistent(b, set(), n))


def test_interrupts_between_the_steps_of_a_trip_open_and_cannot_close():
    if MICROPYTHON:
        return
    trip = lambda b: b.evse.trip("OverCurrentHard")  # noqa: E731

    def window(bench):
        bench.window()
        assert not bench.contactor.closed or bench.evse.fault is None

    interrupted(charging, trip, window, lambda b, n: consistent(b, {"OverCurrentHard"}, n))
    both = {"OverCurrentHard", "RcdTripped"}
    other = lambda b: b.evse.trip("RcdTripped")  # noqa: E731
    interrupted(charging, trip, other, lambda b, n: consistent(b, both, n))

    # And the clearing of another fault, which the window carries out in between.
    def cleared(bench):
        bench.evse.clear("RcdTripped")
        bench.window()

    def holds(bench, n):
        assert "OverCurrentHard" in bench.evse.faults, n
        consistent(bench, None, n)

    interrupted(faulted, trip, cleared, holds)


def test_a_trip_that_meets_a_forgetting_tick_between_its_steps_is_seen_by_the_next():
    """Read as latched, forgotten by the tick, written again: once latched without effect."""

    class Counts:
        armed = None

        def __init__(self, data):
            self.data = data

        def __getitem__(self, i):
            return self.data[i]

        def __setitem__(self, i, value):
            act, Counts.armed = Counts.armed, None
            if act:
                act()
            self.data[i] = value

    latch = Latch()
    latch.add("PilotWrong")
    latch.settle(MayClear)
    latch._counts = Counts(latch._counts)
    latch.ask("PilotWrong", latch.count("PilotWrong"))
    Counts.armed = lambda: latch.settle(MayClear)
    latch.add("PilotWrong")
    assert latch.moved and latch.settle(MayClear) == "PilotWrong"


class MayClear:
    may_clear = staticmethod(lambda cause: True)
