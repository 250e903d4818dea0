# Clock: uptime over the wrap of the tick counter, wall time, steps.
# MIT license; part of microevse

from evse_base.clock import BUILD_UNIX, Clock
from helpers import raises

PERIOD = 1 << 30


class Ticks:
    def __init__(self, start=0):
        self.ms = start

    def __call__(self):
        return self.ms % PERIOD


def test_uptime_starts_at_zero_whatever_the_counter_says():
    ticks = Ticks(123456789)
    clock = Clock(ticks)
    assert clock.uptime_ms() == 0
    ticks.ms += 1999
    assert clock.uptime_ms() == 1999
    assert clock.uptime() == 1


def test_uptime_runs_on_over_the_wrap_for_a_year():
    ticks = Ticks(PERIOD - 5)
    clock = Clock(ticks)
    expected = 0
    step = 86400 * 1000 - 7
    for _ in range(370):
        ticks.ms += step
        expected += step
        assert clock.uptime_ms() == expected
    assert clock.uptime() == expected // 1000


def test_uptime_never_goes_back():
    ticks = Ticks(1000)
    clock = Clock(ticks)
    ticks.ms = 5000
    assert clock.uptime_ms() == 4000
    ticks.ms = 4990
    assert clock.uptime_ms() == 4000
    ticks.ms = 5001
    assert clock.uptime_ms() == 4001


def test_now_is_none_until_set_and_then_runs():
    ticks = Ticks()
    clock = Clock(ticks)
    assert clock.now() is None
    ticks.ms = 60000
    assert clock.set(BUILD_UNIX + 1000) is None
    assert clock.now() == BUILD_UNIX + 1000
    ticks.ms = 3660000
    assert clock.now() == BUILD_UNIX + 4600


def test_steps_are_reported_and_rounding_is_not_a_step():
    ticks = Ticks()
    clock = Clock(ticks)
    steps = []
    clock.on_set(steps.append)
    t = BUILD_UNIX + 100000
    clock.set(t)
    ticks.ms = 10000
    assert clock.set(t + 10) == 0
    assert clock.set(t + 11) == 0
    assert clock.now() == t + 10
    assert clock.set(t + 70) == 60
    assert clock.now() == t + 70
    assert clock.set(t - 3000) == -3070
    assert clock.now() == t - 3000
    assert steps == [None, 0, 0, 60, -3070]
    assert clock.uptime_ms() == 10000


def test_milliseconds_are_kept():
    # The fraction was once cut off: the clock ran up to a second slow for ever.
    ticks = Ticks(700)
    clock = Clock(ticks)
    ticks.ms += 400
    t = BUILD_UNIX + 1000
    clock.set(t, 900)
    assert clock.now() == t
    ticks.ms += 99
    assert clock.now() == t
    ticks.ms += 1
    assert clock.now() == t + 1
    ticks.ms += 999
    assert clock.now() == t + 1
    ticks.ms += 1
    assert clock.now() == t + 2
    # Late, or cut to whole seconds: what is known better is not given up.
    for told, ms in ((t, 0), (t - 1, 950), (t - 1, 0)):
        clock = Clock(ticks)
        clock.set(t, 0)
        assert clock.set(told, ms) == 0
        ticks.ms += 999
        assert clock.now() == t
        ticks.ms += 1
        assert clock.now() == t + 1


def test_a_clock_that_is_told_whole_seconds_comes_right_to_a_fraction():
    # True time is 0.8 s ahead of what the first message said, cut as it was.
    ticks = Ticks()
    clock = Clock(ticks)
    t = BUILD_UNIX + 1000
    steps = []
    clock.on_set(steps.append)
    for _ in range(40):
        true_ms = ticks.ms + 800
        clock.set(t + true_ms // 1000)
        ticks.ms += 9970
    late = (t * 1000 + ticks.ms + 800) - (clock.now() * 1000)
    assert -1 <= late < 1000 + 60, late
    assert steps == [None] + 39 * [0]


def test_unbelievable_times_change_nothing():
    clock = Clock(Ticks())
    called = []
    clock.on_set(called.append)
    for bad in (0, BUILD_UNIX - 1, 946684800, 4102444800, 1 << 40, None, "2027", 1.8e9):
        raises(ValueError, clock.set, bad)
    assert clock.now() is None and not called
    clock.set(BUILD_UNIX)
    raises(ValueError, clock.set, BUILD_UNIX - 1)
    assert clock.now() == BUILD_UNIX


def test_moments_of_this_boot_get_the_same_wall_time_for_ever():
    ticks = Ticks()
    clock = Clock(ticks)
    clock.boot = 7
    ticks.ms = 500000
    assert clock.wall(7, 100) is None
    clock.set(BUILD_UNIX + 500)
    assert clock.wall(7, 100) == BUILD_UNIX + 100
    assert clock.wall(6, 100) is None
    clock.set(BUILD_UNIX + 90000)
    assert clock.wall(7, 100) == BUILD_UNIX + 100


def test_a_clock_without_boot_number_knows_no_wall_time_of_stamps():
    clock = Clock(Ticks())
    clock.set(BUILD_UNIX)
    assert clock.wall(None, 0) is None
