# After repeated failures of any kind the contactor does not close again without end.
# MIT license; part of microevse

from iec61851.closings import Closings
from pilot_bench import Bench
from evse_base import MICROPYTHON, ticks_add

MINUTE = 60000


class Quick(Bench):
    """A bench for hours: fewer conversions, and clearing as the station does it: 5 s after the
    fault; `until_unplugged`: causes that wait for that. Each plug-in is permitted anew."""

    until_unplugged = ("RcdTripped", "ClosingsExceeded", "OverCurrentHard")

    def __init__(self, seed=1, **options):
        super().__init__(seed, **options)
        self.read_us = (140, 171)
        self._since = {}

    def tick(self):
        super().tick()
        evse = self.evse
        if evse.fault is None:
            self._since.clear()
            return
        for cause in evse.faults:
            since = self._since.setdefault(cause, self.now)
            waits = cause in self.until_unplugged and evse.plugged
            if self.now - since > 5000000 and not waits:
                evse.clear(cause)

    def replug(self):
        self.letter = "A"
        self.run(6000)
        self.letter = "C"
        self.run(1000)
        self.evse.permit(16000)


def asked(ma=16000, **options):
    bench = Quick(**options)
    bench.letter = "C"
    bench.run(300)
    bench.evse.permit(ma)
    return bench


def played(bench, minutes, opens):
    """`opens()` a second after each closing; returns the closings in so many minutes."""
    before = bench.evse.close_count
    end = bench.now + 60000000 * minutes
    while bench.now < end:
        if bench.evse.closed:
            bench.run(1000)
            opens()
        bench.tick()
    return bench.evse.close_count - before


class Told:
    count = 0

    def set(self):
        self.count += 1


def shorted(bench):
    bench.pe_ohm = 80
    bench.run(1000)
    bench.pe_ohm = None


def test_a_pilot_shorted_after_each_closing_closes_three_times_and_then_waits_for_the_plug():
    # 47 closings under load in ten minutes were seen.
    bench = asked()
    assert played(bench, 4 if MICROPYTHON else 10, lambda: shorted(bench)) == 3
    evse = bench.evse
    assert evse.fault == "ClosingsExceeded" and evse.closings.why == "fault"
    assert evse.closings.cause == "PilotWrong" and not evse.closings.person
    assert not evse.clear("ClosingsExceeded")
    bench.replug()
    assert evse.fault is None and evse.closings.why is None
    bench.until(lambda: evse.closed, 7000)


def test_faults_over_plug_ins_end_until_a_person_resets():
    bench = asked()
    for _ in range(3 if MICROPYTHON else 6):
        played(bench, 1, lambda: shorted(bench))
        bench.replug()
    if MICROPYTHON:
        return
    evse = bench.evse
    assert evse.close_count == 10 and evse.closings.person
    assert evse.fault == "ClosingsExceeded" and not evse.clear("ClosingsExceeded")
    assert evse.reset_closings()
    bench.until(lambda: evse.closed, 8000)


def test_different_faults_in_one_plug_in_count_together():
    bench = asked()
    causes = ["OverCurrentSoft", "MeterLost", "LockLost", "CurrentBlind"]
    assert played(bench, 3, lambda: bench.evse.trip(causes.pop(0))) == 3
    assert bench.evse.fault == "ClosingsExceeded"


def test_what_a_person_wants_is_no_fault_that_ends_a_closing():
    bench = asked()
    assert played(bench, 2, lambda: bench.evse.trip("EmergencyStop")) > 5
    assert bench.evse.closings.why is None and bench.evse.closings.cause is None


def test_an_rcd_that_trips_in_each_session_is_closed_on_three_times():
    # Six of six sessions closed again.
    bench = asked()
    evse = bench.evse
    for _ in range(6):
        bench.run(7000)
        if evse.closed:
            evse.trip("RcdTripped")
            bench.run(500)
            assert evse.fault in ("RcdTripped", "ClosingsExceeded")
        bench.replug()
    assert evse.close_count == 3 and evse.closings.why == "rcd" and evse.closings.person
    assert "ClosingsExceeded" in evse.faults


def test_trips_of_the_rcd_are_counted_over_reboots():
    kept = None
    closings = 0
    for _ in range(5):
        bench = asked(seed=5)
        if kept:
            bench.evse.restore_closings(kept)
        bench.run(7000)
        if bench.evse.closed:
            closings += 1
            bench.evse.trip("RcdTripped")
            bench.run(100)
            assert bench.evse.closings.news
            kept = bench.evse.closings.counts()
            assert all([isinstance(x, int) and 0 <= x < 1 << 29 for x in kept])
    assert closings == 3
    assert bench.evse.fault == "ClosingsExceeded"
    bench.run(500)
    assert bench.evse.reset_closings() and bench.evse.closings.news
    assert bench.evse.closings.counts() == [0] * 8


def test_after_a_day_a_trip_of_the_rcd_is_forgotten():
    closings = Closings()
    now = 100
    for _ in range(20):
        assert closings.ended(now, "RcdTripped") is None
        for _ in range(25):
            now = ticks_add(now, 60 * MINUTE)
            closings.passed(now)
    for _ in range(3):
        why = closings.ended(now, "RcdTripped")
    assert why == "rcd" and closings.person


def test_an_ev_that_toggles_s2_every_three_seconds_is_told_after_minutes():
    # It closed every 6 s for hours, and the fault was never reported.
    bench = asked()
    count = [0]

    def toggle():
        bench.letter = "B" if bench.letter == "C" else "C"
        count[0] += 1

    minutes = 2 if MICROPYTHON else 20
    for i in range(minutes * 20):
        bench.at(bench.now + 3000000 * i, toggle)
    bench.run(60000 * minutes)
    if MICROPYTHON:
        return
    assert 45 <= bench.evse.close_count <= 60, bench.evse.close_count
    assert bench.evse.fault == "ClosingsExceeded" and bench.evse.closings.why == "often"
    bench.letter = "C"
    bench.replug()
    bench.until(lambda: bench.evse.closed, 8000)


def test_a_wire_that_comes_off_counts_over_what_looks_like_plug_ins():
    closings = Closings()
    now = 0
    count = 0
    while not closings.why:
        now += 6500
        count += 1
        closings.ended(now, None)
        closings.unplugged(now + 500)
    assert 100 <= count <= 200 and closings.person, count
    closings.unplugged(now + 1000)
    assert closings.why == "often"


def test_normal_use_never_meets_a_bound():
    # (ms between closings, for how long, ms between plug-ins): pauses for solar surplus, a car
    # that preconditions, soft pauses, sessions of a minute in a row, a laboratory's of 20 s.
    hour = 60 * MINUTE
    for every, total, plug in (
        (5 * MINUTE, 48 * hour, 24 * hour),
        (2 * MINUTE, 48 * hour, 48 * hour),
        (hour, 200 * hour, 24 * hour),
        (MINUTE, 24 * hour, MINUTE),
        (20000, 8 * hour, 20000),
    ):
        closings = Closings()
        now = passed = plugged = 0
        while passed < total:
            now = ticks_add(now, every)
            passed += every
            plugged += every
            assert closings.ended(now, None) is None, (every, passed)
            if plugged >= plug:
                plugged = 0
                closings.unplugged(now)
        # Now and then a fault, each with another plug-in.
        for _ in range(40):
            now = ticks_add(now, 130 * MINUTE)
            closings.unplugged(now)
            assert closings.ended(now, "PilotWrong") is None
        assert closings.left == (49, 2)


def test_slow_repetition_does_not_go_on_for_ever():
    """A fault each ten minutes with a look of state A closed 2,852 times in 20 days."""
    for every_min, unplug, most in (
        (10.1, True, 10), (30.1, True, 13), (30.1, False, 3), (100, False, 5)
    ):  # fmt: skip
        closings = Closings()
        now = count = 0
        while closings.why is None and count < 100:
            now = ticks_add(now, int(every_min * MINUTE))
            closings.ended(now, "PilotWrong")
            count += 1
            if unplug:
                closings.unplugged(now)
        assert count <= most and closings.person is unplug, (every_min, unplug, count)


def test_a_wire_that_bounces_is_no_cable_that_was_out():
    """State A for 100 ms forgave all the faults of a plug-in."""
    bench = asked()
    played(bench, 2, lambda: shorted(bench))
    evse = bench.evse
    assert evse.closings.why == "fault" and not evse.away
    for ms in (150, 500, 1900):
        bench.letter = "A"
        bench.run(ms)
        assert not evse.plugged and not evse.away and not evse.quiet, ms
        bench.letter = "B"
        bench.run(500)
        assert evse.plugged and evse.closings.why == "fault", ms
    bench.letter = "A"
    bench.run(2400)
    assert evse.away and evse.closings.why is None
    bench.letter = "B"
    bench.run(300)
    assert evse.plugged and not evse.away
    # And it is told, because faults wait for it.
    bench = Bench()
    bench.letter = "A"
    bench.run(2000)
    told = bench.evse.changed = Told()
    bench.run(400)
    assert bench.evse.away and told.count == 1


def test_what_is_kept_is_read_with_care():
    closings = Closings()
    assert closings.restore((0, 0, 0)) is None and closings.left == (50, 3)
    for bad in (-1, 1 << 40, None, "7"):
        closings = Closings()
        assert closings.restore((0, bad, 0)) is None  # what cannot be read is the most there is
        assert closings.ended(5, "RcdTripped") == "rcd" and closings.person
    assert Closings().restore((0, 0, 1)) and Closings().restore((7200, 0, 1)) == "fault"
    assert Closings().restore((1, 2)) == "rcd"


def test_counting_does_not_allocate():
    closings = Closings()
    if not MICROPYTHON:
        return
    import micropython

    micropython.heap_lock()
    try:
        for i in range(40):
            closings.ended((1 << 30) - 1000 + 40 * i & 0x3FFFFFFF, ("RcdTripped", None)[i & 1])
            closings.unplugged(1000 * i)
    finally:
        micropython.heap_unlock()
    assert closings.person


def test_faults_and_their_clearing_in_the_tick_do_not_allocate():
    class Wire:
        def close(self):
            self.on = True

        def open(self):
            self.on = False

        def steady(self):
            self.on = True

        def offer(self, ma):
            self.on = True

        def fault(self):
            self.on = False

    class Seen:
        """A plateau as it is wanted."""

        empty_mv = -11700

        n = 80
        low_mv = -12000

        def show(self, high_mv, n_high):
            self.high_mv = high_mv
            self.n_high = n_high
            self.n_low = 80 - n_high

    from iec61851.evse import Evse

    evse = Evse(Wire(), Wire())
    seen = Seen()
    seen.show(6000, 80)
    evse.permit(15000)  # a quarter
    if MICROPYTHON:
        import micropython

        micropython.heap_lock()
    try:
        now = 0
        for i in range(4000):
            now += 10
            output = 20 if evse.pwm else 0 if evse._send.output == 2 else 80
            bad = evse.closed and i & 1
            seen.show(0 if bad else 6000, 80 if bad else output)
            evse.window(now, seen, 10)
            if evse.fault == "PilotWrong":
                evse.clear("PilotWrong")
        count, fault, why = evse.close_count, evse.fault, evse.closings.why
    finally:
        if MICROPYTHON:
            micropython.heap_unlock()
    assert (count, fault, why) == (3, "ClosingsExceeded", "fault"), (count, fault, why)
