# The state machine window by window, on plateaus that the test writes: each moment exactly.
# MIT license; part of microevse
"""No circuit and no noise: these tests find the exact place of each bound, and show that nothing
else is looked at. The physics has tests of its own."""

from iec61851.evse import Evse
from iec61851.levels import UNKNOWN, A, B, C, D, E, Observer
from evse_base import ticks_add

MV = {"A": 12000, "B": 9000, "C": 6000, "D": 3000, "E": 0, "?": 20000}


class Window:
    """Plateaus of one window: `letter` at a duty of `share_pm`, n samples."""

    empty_mv = -13000

    def __init__(self, letter="A", share_pm=1000, n=80, low_mv=-12000, n_high=None):
        self.n = n
        self.n_high = n * share_pm // 1000 if letter != "F" else 0
        if n_high is not None:
            self.n_high = n_high
        if letter == "E":
            self.n_high = n
        self.n_low = n - self.n_high
        self.high_mv = MV.get(letter, 0)
        self.low_mv = low_mv


class Pins:
    """Pilot and contactor that note what they are told."""

    def __init__(self):
        self.log = []
        self.closed = None
        self.opened = 0

    def steady(self):
        self.log.append("steady")

    def offer(self, ma):
        self.log.append(ma)

    def fault(self):
        self.log.append("fault")

    def close(self):
        self.closed = True

    def open(self):
        self.closed = False
        self.opened += 1


class Bench:
    def __init__(self, start_ms=1000, **options):
        self.pins = Pins()
        self.evse = Evse(self.pins, self.pins, **options)
        self.now = start_ms
        self.evse.changed = self
        self.told = 0

    def set(self):
        """As the flag `changed`."""
        self.told += 1

    def window(self, letter, ms=10, gap_ms=None, **more):
        """One window `ms` after the last one; the duty that comes back is the one sent."""
        self.now = ticks_add(self.now, ms)
        evse = self.evse
        window = Window(letter, evse._send.share_pm, **more)
        evse.window(self.now, window, ms if gap_ms is None else gap_ms)
        return evse.closed

    def windows(self, letter, count, ms=10):
        for _ in range(count):
            self.window(letter, ms)
        return self.evse.closed

    def offering(self, ma=16000):
        """Plugged in, PWM on, state B."""
        self.windows("B", 20)
        self.evse.permit(ma)
        self.windows("B", 70)
        assert self.evse.pwm and self.evse.plugged and self.evse.state == B
        return self

    def charging(self, ma=16000):
        self.offering(ma)
        while not self.window("C"):
            pass
        self.windows("C", 12)
        assert self.evse.state == C and self.pins.closed
        return self


def at(bench, letter, ms=10, limit=3000):
    """(closed, windows until the contactor has moved)."""
    before = bench.evse.closed
    for i in range(limit):
        if bench.window(letter, ms) != before:
            return bench.evse.closed, i + 1
    return before, 0


# -- closing -----------------------------------------------------------------------------


def test_it_closes_after_500_ms_of_c_and_three_windows():
    for ms, windows in ((10, 51), (20, 26), (30, 18), (25, 21)):
        assert at(Bench().offering(), "C", ms) == (True, windows), ms
    bench = Bench().offering()
    # Of a longer gap only 30 ms count as seen.
    assert at(bench, "C", 400) == (True, 18)


def test_a_break_begins_the_500_ms_anew():
    for letter in "ABDE?":
        bench = Bench().offering()
        bench.windows("C", 50)
        bench.window(letter)
        closed, windows = at(bench, "C")
        assert closed and windows >= 51, letter


def test_a_window_whose_duty_is_wrong_begins_the_500_ms_anew_though_the_ev_asks():
    bench = Bench().offering()
    bench.windows("C", 45)
    assert bench.window("C", n_high=45) is False
    assert bench.evse._seen.cause == "PilotOutput" and bench.evse._seen.level == C
    assert at(bench, "C") == (True, 51)


def test_each_condition_alone_keeps_it_open():
    def nothing(evse):
        pass

    for change, closes in (
        (nothing, True), (lambda e: e.forbid(), False), (lambda e: e.out_of_service(True), False),
        (lambda e: e.trip("LockLost"), False), (lambda e: e.pause(), False),
        (lambda e: setattr(e.closings, "why", "often"), False),
        (lambda e: setattr(e, "_hold_left", 99999), False),
        (lambda e: setattr(e._evidence, "doubt", 16 * 9999), False),
        (lambda e: setattr(e, "_lock_ok", lambda: False), False),
        (lambda e: setattr(e, "_rcd_ok", lambda: False), False),
        (lambda e: setattr(e, "_rcd_ok", lambda: True), True),
        (lambda e: setattr(e, "_lock_ok", lambda: True), True),
        (lambda e: setattr(e, "held", lambda: True), False),
        (lambda e: setattr(e, "held", lambda: False), True),
    ):  # fmt: skip
        bench = Bench().offering()
        bench.windows("C", 40)
        change(bench.evse)
        bench.windows("C", 30)
        assert bench.evse.closed is closes and bench.pins.closed is closes
        assert bench.evse.close_count == (1 if closes else 0)


def test_every_condition_is_asked_in_the_window_that_closes():
    """At the last window each of them may still say no, whatever was before."""
    for change in (
        lambda e: e._latched.add("LockLost"), lambda e: setattr(e, "fault", "LockLost"),
        lambda e: setattr(e._send, "want_ma", 0), lambda e: setattr(e._send, "in_service", False),
    ):  # fmt: skip
        bench = Bench().offering()
        bench.windows("C", 50)
        change(bench.evse)
        assert bench.window("C") is False and bench.pins.closed is False


def test_d_closes_only_where_there_is_ventilation():
    assert at(Bench(ventilated=True).offering(), "D") == (True, 51)
    assert at(Bench().offering(), "D", limit=300) == (False, 0)


def test_without_a_diode_it_never_closes_unless_it_cannot_be_seen():
    for check, closes in ((True, False), (False, True)):
        bench = Bench(diode_check=check).offering()
        for _ in range(60):
            bench.window("C", low_mv=-9999)
        assert bench.evse.closed is closes
    bench = Bench().offering()
    for _ in range(60):
        bench.window("C", low_mv=-10000)
    assert bench.evse.closed


def test_it_closes_again_five_seconds_after_it_opened():
    bench = Bench().charging()
    assert at(bench, "B") == (False, 2)
    opened = bench.now
    assert at(bench, "C")[0] is True
    assert bench.now - opened == 5000 and bench.evse.close_count == 2


def test_a_guard_that_disagrees_is_told():
    bench = Bench().offering()
    bench.evse.held = lambda: True
    bench.windows("C", 52)
    assert bench.evse.disputed and bench.evse.fault == "GuardDisagrees" and not bench.evse.closed
    assert not Bench().charging().evse.disputed


# -- opening -----------------------------------------------------------------------------


def test_a_and_b_open_at_the_second_window():
    for letter in "AB":
        for ms in (1, 10, 300):
            assert at(Bench().charging(), letter, ms) == (False, 2), letter
        bench = Bench().charging()
        for _ in range(30):
            bench.window(letter)
            bench.windows("C", 5)
        assert bench.evse.closed, "one window of it opens nothing"


def test_what_a_guard_holds_open_opens_at_the_second_window():
    bench = Bench().charging()
    bench.evse.held = lambda: True
    bench.window("C")
    assert bench.evse._evidence.doubt == 10 << 4 and bench.evse.in_doubt
    assert at(bench, "C") == (False, 1) and bench.evse.fault is None


def test_e_f_d_and_nonsense_open_at_38_ms_and_three_windows():
    for letter in "EF?D":
        for ms, windows in ((10, 5), (20, 3), (40, 3), (4, 11)):
            assert at(Bench().charging(), letter, ms) == (False, windows), (letter, ms)
    assert Bench(ventilated=True).charging().windows("D", 90)


def test_what_opened_it_is_told():
    for letter, fault in (("E", "PilotWrong"), ("?", "PilotWrong"), ("D", None), ("B", None)):
        bench = Bench().charging()
        bench.windows(letter, 6)
        assert not bench.evse.closed and bench.evse.fault == fault, letter


def test_told_to_stop_it_opens_six_seconds_later_whatever_is_permitted_then():
    for stop in (lambda e: e.forbid(), lambda e: e.out_of_service(True), lambda e: e.permit(5999)):
        bench = Bench().charging()
        stop(bench.evse)
        begun = bench.now
        bench.window("C")
        bench.window("C")
        assert bench.pins.log[-1] == "steady" and not bench.evse.pwm and bench.evse.closed
        bench.evse.permit(16000)
        bench.evse.out_of_service(False)
        assert at(bench, "C")[0] is False
        assert bench.now - begun == 6010, "from the window that began it"


def test_an_rcd_that_has_tripped_opens_in_the_same_window():
    bench = Bench().charging()
    bench.evse._rcd_ok = lambda: False
    assert bench.window("C") is False and bench.evse.fault == "RcdTripped"


def test_a_fault_opens_at_once_and_each_trip_opens_again():
    bench = Bench().charging()
    bench.evse.trip("LockLost")
    assert bench.pins.closed is False and not bench.evse.closed and bench.evse.fault == "LockLost"
    bench.evse.trip("OverCurrentHard")
    assert bench.evse.fault == "LockLost", "the first one, until the tick has looked"
    opened = bench.pins.opened
    bench.evse.trip("OverCurrentHard")  # latched already
    assert bench.pins.opened == opened + 1
    bench.window("C")
    assert bench.evse.fault == "OverCurrentHard"
    assert bench.evse.faults == ["OverCurrentHard", "LockLost"]


def test_f_is_sent_for_300_ms_after_a_fault():
    bench = Bench().charging()
    bench.evse.trip("LockLost")
    bench.window("C")
    assert bench.pins.log[-1] == "fault"
    begun = bench.now
    assert bench.evse.clear("LockLost") is False, "not while F goes on"
    while bench.pins.log[-1] == "fault":
        bench.window("F")
    assert bench.now - begun == 300
    assert bench.evse.clear("LockLost") is True and bench.evse.fault == "LockLost"
    bench.window("C")
    assert bench.evse.fault is None


def test_what_may_be_cleared_and_what_not():
    for fault, change, may in (
        ("DiodeLost", lambda e: e._evidence.bad.more(10), False), ("DiodeLost", None, True),
        ("LockLost", lambda e: e._evidence.bad.more(10), True),
        ("RcdTripped", lambda e: setattr(e, "_rcd_ok", lambda: False), False),
        ("RcdTestFailed", lambda e: setattr(e, "_rcd_ok", lambda: False), False),
        ("LockLost", lambda e: setattr(e, "_rcd_ok", lambda: False), True),
        ("RcdTripped", lambda e: setattr(e, "_rcd_ok", lambda: True), True),
        ("RcdTripped", None, True),
        ("ClosingsExceeded", lambda e: setattr(e.closings, "why", "often"), False),
        ("ClosingsExceeded", None, True), ("LockLost",
        lambda e: setattr(e.closings, "why", "rcd"), True),
    ):  # fmt: skip
        evse = Bench().evse
        if change:
            change(evse)
        assert evse.may_clear(fault) is may, fault


# -- values that other code may read ------------------------------------------------------


def test_the_state_is_debounced_by_100_ms_and_two_windows():
    for ms, windows in ((10, 11), (50, 5), (60, 5), (120, 5)):
        bench = Bench()
        bench.windows("A", 20)
        for i in range(1, 20):  # noqa: B007 (asserted after the loop)
            bench.window("B", ms)
            if bench.evse.state == B:
                break
        assert i == windows, ms  # of a longer gap only 30 ms count
        assert bench.evse.since_ms == bench.now and bench.evse.plugged
        assert bench.evse.plug_count == 1 and bench.evse.unplug_count == 0


def test_e_f_and_nonsense_say_nothing_about_the_plug():
    bench = Bench()
    bench.windows("A", 20)
    assert bench.evse.state == A and not bench.evse.plugged
    for letter, plugged in (("E", False), ("B", True), ("E", True), ("?", True), ("A", False),
                            ("C", True), ("A", False), ("D", True), ("A", False)):  # fmt: skip
        bench.windows(letter, 20)
        assert bench.evse.plugged is plugged, letter
    assert (bench.evse.plug_count, bench.evse.unplug_count) == (3, 3)


def test_an_unplugged_ev_s_duty_does_not_hold_for_the_next_one():
    bench = Bench().offering()
    bench.evse.forbid()
    bench.window("B")
    assert bench.evse._send.left_ms > 4000
    bench.windows("A", 12)
    assert bench.evse._send.left_ms == 0


def test_permissions_are_bounded():
    evse = Bench().evse
    for ma, want in ((5999, 0), (6000, 6000), (80000, 80000), (80001, 80000), (0, 0)):
        evse.permit(ma)
        assert evse._send.want_ma == want and evse._send.protect is False
    evse.permit(7000, True)
    assert evse._send.protect is True


def test_changes_are_told_once_and_quiet_windows_are_not():
    bench = Bench()
    bench.windows("A", 20)
    bench.told = 0
    bench.windows("A", 100)
    assert bench.told == 0
    bench.windows("B", 20)
    assert bench.told == 1
    bench.evse.permit(16000)
    bench.windows("B", 20)
    assert bench.told == 2 and bench.evse.offered_ma == 16000
    bench.windows("C", 40)
    assert bench.told == 3
    bench.windows("C", 60)
    assert bench.told == 4 and bench.evse.closed
    bench.windows("B", 9)
    assert bench.told == 5
    bench.evse.trip("LockLost")
    assert bench.told == 6


def test_the_worst_gap_is_that_of_closed_windows():
    bench = Bench().offering()
    bench.window("B", 77)
    assert bench.evse.worst_gap_ms == 0
    bench.charging()
    bench.window("C", 44)
    bench.window("C", 12)
    assert bench.evse.worst_gap_ms == 44


def test_doubt_is_there_from_the_first_odd_window_on_and_only_while_closed():
    bench = Bench().charging()
    assert bench.evse.in_doubt is False
    for letter in "BE":
        bench.window(letter)
        assert bench.evse.in_doubt is True
        bench.window("C")
        assert bench.evse.in_doubt is False
    bench.windows("B", 2)
    assert bench.evse.in_doubt is False and not bench.evse.closed


def test_a_pause_ends_after_six_seconds_or_when_it_is_taken_back():
    bench = Bench().charging()
    bench.evse.pause()
    assert bench.evse.paused
    bench.window("C")
    assert not bench.evse.pwm and bench.evse.closed
    begun = bench.now
    while bench.evse.paused:
        bench.window("C")
    assert bench.now - begun == 5990 and bench.evse.closed
    bench.evse.pause()
    bench.evse.resume()
    assert not bench.evse.paused


def test_the_tick_counter_may_wrap_and_time_that_went_back_is_none():
    bench = Bench(start_ms=ticks_add(0, -1500)).charging()
    left_ms = bench.evse._send.left_ms
    bench.window("C", -500, 10)
    assert bench.evse.closed and bench.evse._send.left_ms == left_ms > 0
    assert at(bench, "B") == (False, 2)


def test_nothing_is_quiet_while_something_is_timed():
    bench = Bench()
    bench.window("A")
    assert bench.evse._hold_left == 0, "the first window comes after no time"
    bench.windows("A", 300)
    assert bench.evse.quiet
    for change in (
        lambda e: setattr(e, "_let_go", 1), lambda e: setattr(e._evidence, "doubt", 1),
        lambda e: e._evidence.bad.more(1), lambda e: setattr(e, "_stop_ms", 0),
        lambda e: setattr(e._send, "f_left", 1), lambda e: setattr(e._send, "left_ms", 1),
        lambda e: setattr(e, "_hold_left", 1), lambda e: setattr(e._send, "paused", True),
        lambda e: setattr(e, "_ended", True), lambda e: setattr(e._latched, "moved", True),
        lambda e: e._ready.more(1), lambda e: setattr(e, "state", UNKNOWN),
        lambda e: setattr(e._send, "ma", 6000), lambda e: setattr(e._send, "in_service", False),
        lambda e: setattr(e._seen, "_n_high", 0),
    ):  # fmt: skip
        bench = Bench()
        bench.windows("A", 300)
        change(bench.evse)
        assert not bench.evse.quiet
    bench = Bench().charging()
    bench.windows("C", 600)
    assert bench.evse.quiet, "charging for long"
    bench.evse.permit(10000)
    assert not bench.evse.quiet
    bench.evse.trip("LockLost")
    bench.windows("B", 1200)
    assert bench.evse.quiet, "a fault, and nothing that it waits for"


# -- what a window says ------------------------------------------------------------------


def look(
    observer, share_pm, n_high, n=80, high_mv=6000, low_mv=-12000, ms=10, alone=False, empty=-13000
):
    window = Window("C", 0, n, low_mv)
    window.n_high, window.n_low = n_high, n - n_high
    window.high_mv, window.empty_mv = high_mv, empty
    observer.look(window, ms, 0 < share_pm < 1000, share_pm, alone)
    return observer.cause


def test_a_share_of_samples_within_twelve_percent_and_two_samples_is_what_was_sent():
    for share, n_high, cause in (
        (500, 51, None), (500, 52, "PilotOutput"), (500, 29, None), (500, 28, "PilotOutput"),
        (1000, 69, None), (1000, 68, "PilotOutput"),
    ):  # fmt: skip
        assert look(Observer(True), share, n_high) == cause, (share, n_high)


def test_too_few_samples_and_windows_of_zeros_are_blind():
    assert (
        look(Observer(True), 500, 8, 16) is None
        and look(Observer(True), 500, 7, 15) == "PilotBlind"
    )
    for low_mv, cause in ((-12999, "PilotOutput"), (-13000, "PilotBlind"), (-13001, "PilotBlind")):
        assert look(Observer(True), 500, 0, low_mv=low_mv) == cause
    assert look(Observer(True), 0, 0, low_mv=-13000) is None, "that is what -12 V may be"


def test_levels_that_are_no_ev_s_are_its_fault_or_the_charger_s():
    assert look(Observer(True), 500, 40, high_mv=0) == "PilotWrong"  # E
    assert look(Observer(True), 500, 40, high_mv=20000) == "PilotWrong"
    assert look(Observer(True), 500, 40, low_mv=-9999) == "DiodeLost"
    assert look(Observer(True), 500, 40, low_mv=-10000) is None
    assert look(Observer(False), 500, 40, low_mv=-3000) is None
    assert look(Observer(True), 500, 40, high_mv=12000, low_mv=-9999) is None  # A: no EV there
    assert look(Observer(True), 1000, 80, low_mv=0) is None  # steady: no low half to look at
    assert look(Observer(True), 50, 0, low_mv=-12000) == "PilotOutput"  # F where there is a pulse


def test_the_mean_duty_is_judged_over_64_windows_and_half_of_them_fade():
    for more, cause in ((0, None), (1, None), (2, "PilotDuty")):
        observer = Observer(True)
        look(observer, 500, 40)
        for i in range(63):
            assert look(observer, 500, 40 + more) is None, i
        # off: more * 1000 * 64 against 80 * 64 * 10 + 1000 * 64 = 1.8 samples of each window
        assert look(observer, 500, 40 + more) == cause, more
    observer = Observer(True)
    look(observer, 500, 40)
    for _ in range(64):
        look(observer, 500, 42)
    for i in range(31):
        assert look(observer, 500, 40) == "PilotDuty", i
    assert look(observer, 500, 40) is None
    assert (observer._windows, observer._n) == (32, 32 * 80)
    # Another duty begins anew, and its first window counts for neither.
    look(observer, 400, 40)
    assert observer._windows == observer._n == observer._n_high == 0


def test_sure_is_a_hundredth_and_a_sample_of_each_window():
    for n_high, sure in ((40, True), (41, True), (42, False), (39, True), (38, False)):
        observer = Observer(True)
        look(observer, 500, 40)
        for _ in range(4):
            look(observer, 500, n_high)
        assert observer.sure is sure, n_high
    observer._n, observer._windows, observer._share_pm = 1000, 10, 500
    for n_high, sure in ((520, True), (521, False), (480, True), (479, False)):
        observer._n_high = n_high
        assert observer.sure is sure


def test_e_is_left_out_of_the_mean_duty():
    observer = Observer(True)
    look(observer, 500, 40)
    for _ in range(100):
        look(observer, 500, 80, high_mv=0)
    assert observer.level == E and observer._windows == 0


def weak(observer, low_mv=-11000, **more):
    return look(observer, 0, 0, low_mv=low_mv, alone=more.pop("alone", True), **more)


def steady(observer, high_mv=12000, windows=1, alone=True):
    """Windows of steady +12 V, as the EV makes them."""
    for _ in range(windows):
        cause = look(observer, 1000, 80, high_mv=high_mv, alone=alone)
    return cause


def dark(observer, lows=(-11000, -11000), **more):
    """State F behind a state A."""
    steady(observer)
    for low_mv in lows:
        weak(observer, low_mv, **more)
    return observer


def test_the_source_is_measured_in_the_first_500_ms_of_f_with_nobody_there():
    observer = dark(Observer(True))
    assert observer.front_end.low_mv is None, "somebody may have plugged in"
    steady(observer, windows=10)
    assert observer.front_end.low_mv is None, "a plug may bounce"
    steady(observer)
    assert observer.front_end.low_mv == -11000 and observer.front_end.weak
    # A source that is known to be weak is told in state F, and only there.
    assert steady(observer) is None and weak(observer) == "PilotFrontEnd"
    observer = dark(Observer(True), (-11000,))
    for ms, low_mv in ((499, -11001), (1, -11002)):
        weak(observer, low_mv, ms=ms)
    steady(observer, windows=20)
    assert observer.front_end.low_mv == -11001
    observer = dark(Observer(True), (-11000,))
    steady(observer, windows=20)
    assert observer.front_end.low_mv == -11000 and not observer.front_end.weak
    for change in ({"alone": False}, {"n": 1}):
        observer = dark(Observer(True), **change)
        steady(observer, windows=20)
        assert observer.front_end.low_mv is None, change
    observer = dark(Observer(False))
    steady(observer, windows=20)
    assert observer.front_end.low_mv is None


def test_each_state_f_with_nobody_there_is_measured_anew():
    observer = Observer(True)
    for low_mv in (-11000, -12000) * 4:
        dark(observer, [low_mv] * 20)
        steady(observer, windows=20)
        assert observer.front_end.low_mv == low_mv


def test_a_source_is_blamed_only_with_state_a_before_and_after():
    """A car with a shorted diode looks like a weak source if it is plugged in during state F."""
    for high_mv in (9000, 6000, 3000):
        observer = dark(Observer(True), [-8800] * 20)
        steady(observer, high_mv, 1)
        steady(observer, 12000, 5)  # it bounces
        steady(observer, high_mv, 20)
        steady(observer, 12000, 50)
        assert observer.front_end.low_mv is None and not observer.front_end.weak, high_mv
        # The same before F: seen as an EV, but not for long enough to count as plugged in.
        observer = Observer(True)
        steady(observer, 12000, 50)
        steady(observer, high_mv, 2)
        weak(observer, -8800)
        weak(observer, -8800)
        steady(observer, 12000, 50)
        assert observer.front_end.low_mv is None, high_mv
    # Plugged in and out again during a long F; in a short one there is no time for that.
    for windows, seen in ((190, -8800), (210, None)):
        observer = dark(Observer(True), [-8800] * windows)
        steady(observer, 12000, 50)
        assert observer.front_end.low_mv == seen, windows
    # It is plugged in when F has ended, before state A has lasted.
    observer = dark(Observer(True))
    steady(observer, windows=3)
    steady(observer, windows=20, alone=False)
    steady(observer, windows=20)
    assert observer.front_end.low_mv is None


def test_a_short_behind_state_f_is_not_taken_for_the_weak_source():
    observer = Observer(True)
    observer.front_end.tested(-8800)
    dark(observer)
    assert observer.front_end.weak
    assert look(observer, 1000, 80, high_mv=0, low_mv=0, alone=True) == "PilotWrong"


def test_the_source_is_measured_when_an_ev_has_gone_before_pwm_ends():
    observer = Observer(True)
    look(observer, 500, 40)
    look(observer, 500, 40, high_mv=12000, low_mv=-11500)
    assert observer.front_end.low_mv is None, "the first window of A may hold both"
    look(observer, 500, 40, high_mv=12000, low_mv=-11500)
    assert observer.front_end.low_mv == -11500
    look(observer, 500, 40, high_mv=9000, low_mv=-11600)
    assert observer.front_end.low_mv == -11500


def test_how_long_a_level_is_there():
    observer = Observer(True)
    look(observer, 500, 40)
    assert observer.level == C and (observer.run.windows, observer.run.ms) == (1, 0)
    look(observer, 500, 40, ms=7)
    assert (observer.run.windows, observer.run.ms) == (2, 7)
    look(observer, 500, 40, high_mv=3000)
    assert observer.level == D and (observer.run.windows, observer.run.ms) == (1, 0)


# -- what is easily overlooked ------------------------------------------------------------


def test_a_change_of_duty_does_not_begin_the_500_ms_anew():
    bench = Bench().offering()
    bench.windows("C", 40)
    bench.evse.permit(10000, True)
    assert at(bench, "C") == (True, 11) and bench.pins.log[-1] == 10000


def test_without_pwm_nothing_closes_though_the_diode_is_not_asked_for():
    bench = Bench(diode_check=False).offering()
    bench.evse.pause()
    bench.window("B")
    assert not bench.evse.pwm
    assert at(bench, "C", limit=200) == (False, 0)


def test_what_is_not_latched_is_cleared_in_any_case():
    evse = Bench().evse
    evse.trip("LockLost")  # F goes on
    assert evse.clear("LockLost") is False and evse.clear("DiodeLost") is True


def test_a_wrong_pilot_that_a_guard_opened_for_is_a_fault():
    for first, second, fault in (
        ({}, {"n_high": 45}, "PilotOutput"),
        ({"n_high": 45}, {}, "PilotOutput"),
        ({}, {}, None),
    ):
        bench = Bench().charging()
        bench.evse.held = lambda: True
        bench.window("C", **first)
        assert bench.evse.closed
        bench.window("C", **second)
        assert not bench.evse.closed and bench.evse.fault == fault


def test_closings_that_were_too_many_are_a_fault():
    bench = Bench().charging()
    asked = []

    def ended(now_ms, cause):
        asked.append((now_ms, cause))
        return "often"

    bench.evse.closings.ended = ended
    bench.windows("B", 3)
    assert asked == [(bench.now, None)] and bench.evse.fault == "ClosingsExceeded"


def test_an_opening_leaves_nothing_of_the_closing_behind():
    bench = Bench().charging()
    bench.windows("E", 2)
    assert bench.evse._evidence.bad.windows == 2
    bench.evse.trip("LockLost")
    assert bench.evse._evidence.bad.windows == 0 and bench.evse._hold_left == 5000
    # And what was open already has nothing to wait for.
    bench = Bench().offering()
    bench.evse.trip("LockLost")
    assert bench.evse._hold_left == 0 and bench.evse._ended is False


def test_two_low_samples_are_a_low_half_of_a_pilot_at_no_level():
    for n_high, cause in ((78, "PilotWrong"), (79, "PilotOutput")):
        assert look(Observer(True), 960, n_high, high_mv=20000) == cause


def ends(bench):
    """The causes that the ended closings are counted with."""
    found = []

    def ended(now_ms, cause):
        found.append(cause)

    bench.evse.closings.ended = ended
    return found


def test_a_cable_that_goes_without_a_b_before_counts_of_its_own():
    """A wire that came off under load closed 338 times in 90 minutes."""
    for letters, counted in (
        ("AAA", "UnpluggedClosed"),
        ("BBB", None),
        ("BAA", "UnpluggedClosed"),
    ):
        bench = Bench().charging()
        found = ends(bench)
        for letter in letters:
            bench.window(letter)
        assert found == [counted], letters


def test_what_a_guard_opens_for_counts_as_a_fault_though_nothing_is_seen():
    for letter, counted in (("C", "GuardOpened"), ("B", None)):
        bench = Bench().charging()
        found = ends(bench)
        bench.evse.held = lambda: True
        bench.windows(letter, 3)
        assert found == [counted] and bench.evse.fault is None, letter


def test_a_permission_is_for_one_plug_in():
    """With the main loop hung another car charged on the permission of the one before."""
    bench = Bench().charging()
    bench.windows("A", 300)
    bench.windows("B", 100)
    assert bench.evse.plugged and not bench.evse.pwm
    assert at(bench, "C") == (False, 0)
    bench.evse.permit(16000)
    bench.windows("B", 100)
    assert at(bench, "C")[0] is True


def test_a_window_stands_for_30_ms_at_most():
    """After an idle time one bad window once counted for all of it."""
    bench = Bench().charging()
    bench.window("E", 1000, gap_ms=10)
    assert bench.evse.closed and bench.evse._evidence.doubt == 30 << 4


def test_closings_are_forgotten_though_their_clock_wraps_before_the_next_one():
    """It wraps after twelve days, and tells no more than six: each change of state counts the time
    since the one before."""
    bench = Bench()
    bench.windows("B", 60)
    bench.evse.closings.ended(bench.now, "RcdTripped")
    bench.evse.closings.ended(bench.now, "RcdTripped")
    days = 4 * 86400000
    for letter in "CBCB":
        bench.window(letter, days)
        bench.windows(letter, 60)
    assert set(bench.evse.closings.counts()) == {0}
    assert bench.evse.plugged and bench.evse.unplug_count == 0


def test_a_trip_in_the_window_of_a_stop_leaves_no_stop_behind():
    """Such a stop would wait for a contactor that is open already, and PWM would stay off."""
    rcd = [True]
    bench = Bench(rcd_ok=lambda: rcd[0]).charging()
    bench.evse.forbid()
    rcd[0] = False
    assert bench.window("C") is False and bench.evse.faults == ["RcdTripped"]
    rcd[0] = True
    bench.windows("B", 600)
    assert bench.evse.clear("RcdTripped")
    bench.evse.permit(16000)
    bench.windows("B", 600)
    assert bench.evse.fault is None and bench.evse.pwm
