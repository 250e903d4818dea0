# The tick alone, look by look: turns, doubts, counts, and the exact moment of each opening.
# MIT license; part of microevse
"""On stand-ins that only note what the tick does with them. A bound that was off by one, or a turn
that never came, went unnoticed while whole sessions were played."""

from evse_base import log
from fake_chip import Hal
from helpers import raises


class Adc:
    gap_ms = 10
    now_ms = 0
    takes_ms = 0

    def __init__(self, now):
        self.now = now
        self.ages = {}

    def window(self, index, ma):
        self.now[0] += self.takes_ms
        self.now_ms = self.now[0]
        return ("plateau", index, ma)

    def age_ms(self, index):
        return self.ages.get(index, 0)


class Evse:
    def __init__(self, seen, offered_ma):
        self.seen = seen
        self.offered_ma = offered_ma
        self.closed = self.in_doubt = False
        self.trips = []
        self.fails = None

    def window(self, now_ms, plateau, gap_ms):
        if self.fails:
            raise self.fails
        self.seen.append((plateau[1], plateau[2], now_ms, gap_ms))

    def trip(self, cause):
        self.trips.append(cause)
        self.closed = False


class Contactor:
    before_close = None
    opened = 0

    def open(self):
        self.opened += 1


class Dog:
    def __init__(self):
        self.log = []

    def set(self, ms):
        self.log.append(ms)

    def feed(self):
        self.log.append("fed")

    def rest(self):
        self.log.append("rests")


class Bench:
    """A tick over `count` EVSEs; `look()` is one call of the timer `ms` after the last one."""

    def __init__(self, hal, count=1, guarded=False):
        self.tick_module, self.watchdog = hal
        self.now = [5000]
        self.tick_module.ticks_ms = lambda: self.now[0]
        self.seen = []
        self.adc = Adc(self.now)
        self.evses = [Evse(self.seen, 6000 + i) for i in range(count)]
        self.contactors = [Contactor() for _ in range(count)]
        self.dog = Dog()
        self.asked = 0
        self.alive = True
        parts = (self.adc, self.evses, self.contactors, self.dog, self._alive)
        self.tick = self.tick_module.Tick(*parts + ((True,) if guarded else ()))
        self.tick.start()

    def _alive(self):
        self.asked += 1
        return self.alive

    def close(self, *which):
        alive, self.alive = self.alive, True
        for i in which:
            self.contactors[i].before_close()
            self.evses[i].closed = True
        self.alive = alive
        self.asked = 0

    def look(self, count=1, ms=10):
        for _ in range(count):
            self.now[0] += ms
            self.tick._on_timer(None)

    def turns(self, count, ms=10):
        """Which EVSE had a window, in each of the next looks."""
        out = []
        for _ in range(count):
            del self.seen[:]
            self.look(1, ms)
            out.append("".join([str(entry[0]) for entry in self.seen]))
        return out


PARTS = ("tick", "watchdog")


def test_a_fresh_tick_has_counted_nothing_and_is_relaxed():
    with Hal(*PARTS) as hal:
        tick = Bench(hal).tick
        counts = (tick.beats, tick.overruns, tick.failures, tick.worst_gap_ms, tick.last_error)
        assert counts == (0, 0, 0, 0, None) and tick.relaxed


def test_open_connectors_are_all_looked_at_in_every_second_tick():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        assert bench.turns(6) == ["", "01", "", "01", "", "01"]
        assert bench.seen[0] == (0, 6000, bench.now[0], 10)  # what is offered, when, how old


def test_closed_connectors_take_turns():
    with Hal(*PARTS) as hal:
        for count, turns in ((1, ["0"] * 4), (2, list("0101")), (3, list("0120"))):
            bench = Bench(hal, count)
            bench.close(*range(count))
            assert bench.turns(4) == turns
        bench = Bench(hal, 2)
        bench.close(1)  # the open one has its turns, too
        assert bench.turns(4) == list("0101")


def test_one_in_doubt_is_looked_at_in_each_tick_and_twice_in_its_turn():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        bench.evses[1].in_doubt = True
        assert bench.turns(4) == ["01", "11", "01", "11"]
        bench.evses[1].closed = False
        assert bench.turns(4) == ["01", "1", "01", "1"], "no second look at an open one"
        alone = Bench(hal, 1)
        alone.close(0)
        alone.evses[0].in_doubt = True
        assert alone.turns(2) == ["0", "0"], "the next tick comes soon enough"


def test_one_that_has_not_been_seen_for_30_ms_is_looked_at_out_of_turn():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        bench.adc.ages = {0: 30, 1: 30}
        assert bench.turns(2) == ["0", "1"]
        bench.adc.ages = {0: 30, 1: 31}
        assert bench.turns(2) == ["01", "1"]


def test_after_a_gap_there_are_two_looks_at_once():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.adc.gap_ms = 30
        assert bench.turns(1) == ["0"]
        bench.adc.gap_ms = 31
        assert bench.turns(1) == ["00"]
        bench.evses[0].closed = False
        assert bench.turns(1) == ["0"]
        assert bench.tick.worst_gap_ms == 31
        bench.adc.gap_ms = 12
        bench.look(4)
        assert bench.tick.worst_gap_ms == 31


def test_ticks_that_take_longer_than_their_period_are_counted():
    with Hal(*PARTS) as hal:
        for closed, period in ((True, 10), (False, 20)):
            bench = Bench(hal, 1)
            if closed:
                bench.close(0)
            bench.adc.takes_ms = period
            bench.look(4, 20)
            assert bench.tick.overruns == 0
            bench.adc.takes_ms = period + 1
            bench.look(4, 40)
            assert bench.tick.overruns == (4 if closed else 2)


# -- feeding ------------------------------------------------------------------------------


def test_the_tasks_are_asked_and_the_dog_is_fed_every_40_ms():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        del bench.dog.log[:]
        bench.look(3)
        assert bench.asked == 0 and bench.dog.log == []
        for rounds in (1, 2, 3):
            bench.look(1)
            assert bench.asked == rounds and bench.dog.log == ["fed"] * rounds
            bench.look(3)
            assert bench.asked == rounds
        # Time counts, not looks.
        bench = Bench(hal, 1)
        bench.close(0)
        del bench.dog.log[:]
        bench.look(1, 39)
        assert bench.dog.log == []
        bench.look(1)
        bench.look(2, 40)
        assert bench.dog.log == ["fed"] * 3 and bench.asked == 3


def test_a_dead_task_opens_at_the_sixth_feed_that_is_left_out():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        bench.alive = False
        bench.look(4 * 5)
        bench.alive = True
        bench.look(4)
        bench.alive = False
        del bench.dog.log[:]
        bench.look(4 * 6 - 1)
        assert bench.evses[0].closed and not bench.evses[0].trips
        bench.look(1)
        for i in range(2):
            assert bench.evses[i].trips == ["TaskFailed"] and bench.contactors[i].opened == 1
        assert "fed" not in bench.dog.log


def test_a_dead_task_opens_in_the_same_time_though_ticks_come_late():
    """Looks were counted: with a tick every 30 ms, which is not late, it took 720 ms."""
    with Hal(*PARTS) as hal:
        for ms, looks in ((10, 24), (30, 8), (20, 12), (60, 4)):
            bench = Bench(hal, 1)
            bench.close(0)
            bench.alive = False
            bench.look(looks - 1, ms)
            assert not bench.evses[0].trips, ms
            bench.look(1, ms)
            assert bench.evses[0].trips == ["TaskFailed"], ms


def test_a_task_that_shows_itself_begins_its_time_anew():
    """Four checks that make 239 ms: not a millisecond is left from before."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.alive = False
        bench.look(1, 40)
        bench.alive = True
        bench.look(1, 40)
        bench.alive = False
        for ms in (60, 60, 60, 59):
            bench.look(1, ms)
        assert not bench.evses[0].trips
        bench.look(1, 40)
        assert bench.evses[0].trips == ["TaskFailed"]


def test_a_task_that_waited_for_the_end_of_a_stall_has_its_time():
    """However long a stall was, it counts as 60 ms."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.alive = False
        bench.look(3, 300)
        bench.look(4)  # 180 ms for the stalls, and 40
        assert not bench.evses[0].trips
        bench.look(4)
        assert bench.evses[0].trips == ["TaskFailed"]


def test_a_dead_task_is_not_fed_for_while_open_and_on_a_guarded_board():
    with Hal(*PARTS) as hal:
        for guarded in (False, True):
            bench = Bench(hal, 1, guarded)
            if guarded:
                bench.close(0)
            bench.alive = False
            del bench.dog.log[:]
            bench.look(200)
            assert not bench.evses[0].trips and "fed" not in bench.dog.log
            assert bench.asked == 50


def test_a_dead_task_opens_on_a_guarded_board_as_well_after_eight_seconds():
    """A guard opens for pilot and RCD alone; heat, earth and current need the tasks."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1, True)
        bench.close(0)
        bench.alive = False
        bench.look(796)
        assert not bench.evses[0].trips
        bench.look(8)
        assert bench.evses[0].trips == ["TaskFailed"]


def test_a_closing_beside_a_closed_contactor_forgets_no_late_tick():
    """The other car's closings once began the count anew, and late ticks opened nothing."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0)
        bench.tick._late, bench.tick._dead_ms, bench.tick._behind_ms = 9000, 200, 60
        bench.close(1)
        found = bench.tick._late, bench.tick._dead_ms, bench.tick._behind_ms
        assert found == (9000, 200, 60)


def test_at_the_console_no_tick_sets_the_watchdog_again():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.evses[0].closed = False
        bench.tick.rest()
        del bench.dog.log[:]
        bench.look(3)
        assert not [entry for entry in bench.dog.log if entry != "fed"]


def test_nothing_closes_while_a_task_is_dead():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.alive = False
        raises(OSError, bench.contactors[0].before_close)
        assert bench.asked == 1 and bench.tick.relaxed and bench.dog.log == [12000]


def test_a_closing_begins_with_counters_at_nought():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.alive = False
        bench.look(400)  # open: nothing is counted
        bench.close(0)
        bench.look(4 * 5)
        assert not bench.evses[0].trips
        bench.evses[0].closed = False
        bench.look(1)
        bench.close(0)  # the next one
        bench.look(4 * 5)
        assert not bench.evses[0].trips


# -- the watchdog's time --------------------------------------------------------------------


def test_the_watchdog_s_time_follows_the_contactors():
    with Hal(*PARTS) as hal:
        for guarded, closed_ms in ((False, 1000), (True, 12000)):
            bench = Bench(hal, 2, guarded)
            assert bench.dog.log == [12000]
            bench.close(0)
            assert bench.dog.log == [12000, closed_ms] and not bench.tick.relaxed
            bench.look(3)
            bench.evses[0].closed = False
            assert not bench.tick.relaxed
            bench.look(1)
            assert bench.dog.log[2:] == [12000, "fed"] and bench.tick.relaxed
            bench.look(1)
            assert bench.dog.log[4:] == []


def test_a_person_at_the_console_lets_the_watchdogs_rest():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.tick.rest()
        assert bench.dog.log[-1] == "rests"


# -- a clock that fails ---------------------------------------------------------------------


def test_a_stopped_clock_opens_in_the_thirteenth_tick():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        bench.look(10)
        bench.look(12, 0)
        assert not bench.evses[0].trips
        bench.look(1, 0)
        assert bench.evses[0].trips == ["ClockStopped"] == bench.evses[1].trips
        assert bench.contactors[0].opened == bench.contactors[1].opened == 1


def test_a_stopped_clock_ends_in_a_reset_after_300_ticks_more():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        resets = []
        bench.tick_module.system.mark = lambda word: resets.append(word)
        bench.tick_module.system.reset = lambda: resets.append("reset")
        bench.close(0)
        bench.look(12 + 300, 0)
        assert resets == [] and bench.evses[0].trips == ["ClockStopped"] * 300
        bench.look(1, 0)
        assert resets == ["Crash", "reset"]
        assert set(bench.evses[0].trips) == {"ClockStopped"}


def test_giving_up_opens_latches_and_resets():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        done = []
        bench.tick_module.system.mark = lambda word: done.append(word)
        bench.tick_module.system.reset = lambda: done.append(bench.contactors[1].opened)
        bench.tick.give_up("TickFailed")
        assert done == ["Crash", 1] and bench.contactors[0].opened == 1
        assert bench.evses[0].trips == ["TickFailed"] == bench.evses[1].trips


def test_a_clock_that_has_stopped_once_has_to_make_up_for_it():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.look(1, 5)
        bench.look(11, 0)  # 115 ms behind
        assert not bench.evses[0].trips
        bench.look(1, 0)
        bench.look(1, 6)
        assert bench.evses[0].trips == ["ClockStopped"] * 2
        bench.look(1, 20)
        assert len(bench.evses[0].trips) == 2


def test_nobody_is_fed_while_the_clock_is_wrong():
    """Slow, but not so slow that its ticks look as if they had queued up."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.look(31, 6)
        assert bench.evses[0].trips == ["ClockStopped"]
        del bench.dog.log[:], bench.seen[:]
        bench.look(100, 6)
        assert bench.dog.log == [] and bench.seen == []


def test_a_clock_that_goes_is_never_behind():
    with Hal(*PARTS) as hal:
        for ms in (10, 11, 20, 60):
            bench = Bench(hal, 1)
            bench.close(0)
            bench.look(2000, ms)
            assert not bench.evses[0].trips, ms
        open_ = Bench(hal, 1)
        open_.look(2000, 10)  # every second one is skipped: 20 ms apart
        assert not open_.evses[0].trips


def test_ticks_that_queued_up_are_no_looks():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        assert bench.turns(3) == ["0"] * 3
        assert bench.turns(2, 4) == ["", "0"]  # less than half a period, then what has added up
        assert bench.turns(1, 5) == ["0"]


def test_time_that_a_clock_lost_before_is_made_good():
    """Eight ticks behind a stall, again and again: each time the clock has gone on before."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        for _ in range(50):
            bench.look(12, 0)
            bench.look(1, 130)
            assert not bench.evses[0].trips


# -- ticks that fail or come late -------------------------------------------------------------


def test_a_failed_tick_opens_all_and_is_told():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        bench.evses[0].fails = ValueError("x")
        bench.look(1)
        assert bench.tick.failures == 1 and bench.tick.last_error is bench.evses[0].fails
        for i in range(2):
            assert bench.evses[i].trips == ["TickFailed"] and bench.contactors[i].opened == 1
        bench.evses[1].fails = bench.evses[0].fails = KeyboardInterrupt()
        bench.tick.last_error = None
        raises(KeyboardInterrupt, bench.look, 2)
        assert bench.tick.last_error is None and bench.tick.failures == 2


def test_why_the_tick_has_opened_is_logged_once_by_the_task_that_asks():
    """Nobody could tell from the log whether a tick had failed or had come late."""
    with Hal(*PARTS) as hal:
        lines = []
        bench = Bench(hal, 1)
        log.use_sink(lines.append)
        try:
            bench.close(0)
            bench.look(3)
            bench.tick.stopped()
            assert lines == []
            bench.adc.gap_ms = 30 + 1002
            bench.look(1)
            assert bench.evses[0].trips == ["TickFailed"] and lines == [], "not in the tick"
            bench.tick.stopped()
            bench.tick.stopped()
            assert len(lines) == 1 and "E tick: opened by 'late ticks', " in lines[0], lines
            assert lines.pop().endswith("worst gap 1032 ms")
            for error in (ValueError("x"), KeyboardInterrupt()):
                bench.evses[0].fails = error
                try:
                    bench.look(2)
                except KeyboardInterrupt:
                    pass
                assert lines == []
                bench.tick.stopped()
                assert len(lines) == 1 and "opened by %r, " % error in lines.pop()
            guarded = Bench(hal, 1, True)
            guarded.close(0)
            guarded.adc.gap_ms = 30 + 1002
            guarded.look(20)
            guarded.tick.stopped()
            assert lines == [], "with a guard late ticks open nothing"
        finally:
            log.use_sink(lambda line: None)


def test_a_failed_tick_is_not_fed_for():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.evses[0].fails = ValueError("x")
        del bench.dog.log[:]
        bench.look(40)
        assert bench.dog.log == [] and bench.asked == 0


def test_gaps_add_up_to_a_second_and_then_all_open():
    """A gap within 30 ms adds nothing. After a gap there is a second window, late as well."""
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 2)
        bench.close(0, 1)
        bench.adc.gap_ms = 30 + 50
        bench.look(10)  # 10 looks, two windows in each
        assert not bench.evses[0].trips
        bench.adc.gap_ms = 30
        bench.look(2)  # their 20 ms take two away
        bench.adc.gap_ms = 31
        bench.look(1)
        assert not bench.evses[0].trips, "and one window more adds two"
        bench.look(1)
        assert bench.evses[0].trips == ["TickFailed"] == bench.evses[1].trips


def test_gaps_are_forgotten_a_tenth_of_the_time_on_time():
    with Hal(*PARTS) as hal:
        for looks in ((10,), (5, 15), (9, 11), (30,), (19,)):
            for over_ms in (0, 20):
                bench = Bench(hal, 1)
                bench.close(0)
                bench.adc.gap_ms = 30 + 450
                bench.look(1)  # two windows: 900
                bench.adc.gap_ms = 10
                begin = bench.now[0]
                while bench.now[0] - begin < 8980:
                    for ms in looks:
                        bench.look(1, ms)
                left = max(0, 9000 - (bench.now[0] - begin))
                assert bench.tick._late == left and not bench.evses[0].trips, looks
                bench.adc.gap_ms = 30 + 500
                bench.tick._late += over_ms  # a bound that is passed by this much
                bench.look(1)
                assert bool(bench.evses[0].trips) == (left + over_ms > 0), (looks, left)
        bench = Bench(hal, 1)
        bench.close(0)
        bench.adc.gap_ms = 30 + 450
        bench.look(1)
        bench.adc.gap_ms = 10
        bench.evses[0].closed = False
        bench.look(1)
        bench.close(0)  # and all at once by the next closing
        bench.adc.gap_ms = 30 + 500
        bench.look(1)
        assert not bench.evses[0].trips


def test_what_a_tick_took_too_long_is_no_time_without_lateness():
    with Hal(*PARTS) as hal:
        for takes_ms, left in ((10, 3000 - 30), (40, 3000 - 20)):
            bench = Bench(hal, 1)
            bench.close(0)
            bench.adc.gap_ms = 30 + 150
            bench.look(1)
            bench.adc.gap_ms = 10
            bench.adc.takes_ms = takes_ms
            bench.look(1, 10)
            bench.adc.takes_ms = 0
            bench.look(1, 10)
            assert bench.tick._late == left, takes_ms


def test_after_an_opening_late_ticks_are_counted_anew():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.adc.gap_ms = 30 + 1002
        bench.look(1)
        assert bench.evses[0].trips == ["TickFailed"] and bench.tick._late == 0
        guarded = Bench(hal, 1, True)
        guarded.close(0)
        guarded.adc.gap_ms = 30 + 1002
        guarded.look(20)
        assert not guarded.evses[0].trips


def test_long_charging_without_a_gap_is_no_credit():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.look(3000)
        bench.adc.gap_ms = 30 + 1002
        bench.look(1)
        assert bench.evses[0].trips == ["TickFailed"]


def test_after_an_opening_a_stopped_clock_is_counted_anew():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.look(10, 0)
        bench.evses[0].closed = False
        bench.look(1, 10)
        assert bench.tick.relaxed and not bench.evses[0].trips
        bench.look(12, 0)  # open, every second one counts, for 20 ms
        assert not bench.evses[0].trips
        bench.look(2, 0)
        assert bench.evses[0].trips == ["ClockStopped"]


def test_beats_count_modulo_65536():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.look(3)
        assert bench.tick.beats == 3
        bench.tick.beats = 0xFFFE
        bench.look(1)
        assert bench.tick.beats == 0xFFFF
        bench.look(1)
        assert bench.tick.beats == 0


def test_a_tick_that_has_not_run_since_it_was_asked_has_stopped():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        left_out = []
        bench.tick_module.burst.left_out = lambda: bool(left_out)
        assert bench.tick.stopped() is False, "asked for the first time"
        assert bench.tick.stopped() is True
        bench.look(1)
        assert bench.tick.stopped() is False
        left_out.append(1)  # the virtual board passes over time on purpose
        assert bench.tick.stopped() is False


def test_a_clock_that_was_fast_for_once_has_nothing_in_hand():
    with Hal(*PARTS) as hal:
        bench = Bench(hal, 1)
        bench.close(0)
        bench.look(11, 11)
        bench.look(120, 9)
        assert not bench.evses[0].trips
        bench.look(1, 9)
        assert bench.evses[0].trips == ["ClockStopped"]


def test_the_timer_is_the_first_one_and_periodic():
    with Hal(*PARTS) as hal:
        made = []

        class Timer:
            PERIODIC = 1

            def __init__(self, number):
                made.append(number)

            def init(self, **how):
                made.append((how["mode"], how["period"]))

        hal[0].machine.Timer = Timer
        Bench(hal, 1)
        assert made == [0, (1, 10)]
