# Ticks that are late again and again: the tick against a plain model of its rule.
# MIT license; part of microevse
"""Random gaps on a model of the chip's timer: a callback every 10 ms, eight of them queue up while
the interpreter is busy, the others are lost (py/scheduler.c, MICROPY_SCHEDULER_DEPTH). Stalls come
between ticks, in front of a window and between two windows of one tick. The clock wraps at 2^30.

Two references judge each tick. `Rule` is the rule of hal/tick.py, word by word. `Bound` knows no
looks: what the gaps of one closed connector have beyond 30 ms, less a tenth of all time. Where
that is more than a second nothing may be closed."""

from evse_base import MICROPYTHON
from fake_chip import Hal

MASK = (1 << 30) - 1
SECONDS = 40
SEEDS = 60


def diff(end, start):
    return ((end - start + (1 << 29)) & MASK) - (1 << 29)


class Random:
    """The same on both interpreters."""

    def __init__(self, seed):
        self._x = seed * 2654435761 % 4294967296

    def below(self, n):
        self._x = (self._x * 1664525 + 1013904223) % 4294967296
        return (self._x >> 8) % n

    def one_in(self, n):
        return self.below(n) == 0


class Evse:
    """Closes and opens in a window, as the world wants it."""

    offered_ma = 16000

    def __init__(self, world, i):
        self._world, self._i = world, i
        self.closed = self.in_doubt = False
        self.wants = True
        self.tripped = []

    def window(self, now_ms, plateau, gap_ms):
        world = self._world
        if self.wants and not self.closed:
            if not [e for e in world.evses if e.closed]:
                world.rule.tenths = 0
            world.contactors[self._i].before_close()
            self.closed = True
            world.bounds[self._i] = 0
        elif not self.wants:
            self.closed = False
        self.in_doubt = self.closed and world.doubts and world.random.one_in(world.doubts)
        world.windows.append((self._i, gap_ms, self.closed))

    def trip(self, cause):
        self.tripped.append(cause)
        self.closed = self.wants = False


class Contactor:
    before_close = None

    def open(self):
        pass


class Dog:
    def set(self, ms):
        pass

    feed = rest = lambda self: None


class Adc:
    """The times of hal.adc.PilotAdc: a gap is from the beginning of a window to the next one."""

    def __init__(self, world, count):
        self._world = world
        self._starts = [None] * count
        self.gap_ms = self.now_ms = 0

    def age_ms(self, i):
        last = self._starts[i]
        return 0 if last is None else max(0, diff(self._world.clock(), last))

    def window(self, i, ma):
        world = self._world
        world.passes(world.inside.pop(0) if world.inside else 0)
        self.gap_ms = self.age_ms(i)
        self._starts[i] = world.clock()
        world.passes(4 + world.random.below(2))
        self.now_ms = world.clock()


class Rule:
    """Each window of a closed connector adds what its gap has beyond 30 ms. A look without such a
    window takes a tenth of the time since the look before away, without what that one took beyond
    its period."""

    def __init__(self):
        self.tenths = 0
        self._last = 0

    def look(self, start, end, period, windows):
        since, self._last = start - self._last, start
        late = [gap - 30 for _i, gap, closed in windows if closed and gap > 30]
        if late:
            self.tenths += 10 * sum(late)
        else:
            self.tenths = max(0, self.tenths - since)
        if end - start > period:
            self.tenths += end - start
        return self.tenths > 10000


class World:
    def __init__(self, hal, seed=1, count=1, doubts=0, begin=0, permille=1000, guarded=False):
        self.seed = seed
        self.random = Random(seed)
        self._begin, self._permille = begin, permille
        self.now = self.frozen = self.pending = self.doubts = 0
        self.doubts = doubts
        self.inside = []  # stalls in front of the next windows
        self.windows = []
        self.rule = Rule()
        self.bounds = [0] * count
        self._seen = [0] * count  # when `bounds` was counted last
        self.worst = 0
        tick_module, _watchdog = hal
        tick_module.ticks_ms, tick_module.ticks_diff = self.clock, diff
        self.evses = [Evse(self, i) for i in range(count)]
        self.contactors = [Contactor() for _ in range(count)]
        self.adc = Adc(self, count)
        self.tick = tick_module.Tick(
            self.adc, self.evses, self.contactors, Dog(), lambda: True, guarded
        )
        self.tick.start()

    def clock(self):
        return (self._begin + (self.now - self.frozen) * self._permille // 1000) & MASK

    def passes(self, ms):
        fired = (self.now + ms) // 10 - self.now // 10
        self.now += ms
        self.pending = min(8, self.pending + fired)

    def program(self, ms):
        """The program runs, without a bytecode in between, for `ms`; then the ticks."""
        self.passes(ms)
        while self.pending:
            self.pending -= 1
            self.call()

    def until_tick(self, count=1):
        for _ in range(count):
            self.program(10 - self.now % 10)

    def causes(self):
        return [cause for evse in self.evses for cause in evse.tripped]

    def call(self):
        """One callback, and what both references say to it."""
        del self.windows[:]
        start, relaxed = self.now, self.tick.relaxed
        told = len(self.causes())
        self.tick._on_timer(None)
        assert self.tick.last_error is None, self.tick.last_error
        if not self.windows:
            return  # left out, or it has queued up
        late = self.rule.look(start, self.now, 20 if relaxed else 10, self.windows)
        closed = [c for _i, _gap, c in self.windows if c] or [e for e in self.evses if e.closed]
        opened = "TickFailed" in self.causes()[told:]
        assert opened == bool(late and closed), (self.seed, self.now, self.rule.tenths)
        self._bound()
        if late or not [e for e in self.evses if e.closed]:
            self.rule.tenths = 0

    def _bound(self):
        worst = 0
        for i, gap, closed in self.windows:
            passed, self._seen[i] = self.now - self._seen[i], self.now
            bound = max(0, self.bounds[i] - passed / 10)
            self.bounds[i] = bound + max(0, gap - 30) if closed else 0
            worst = max(worst, self.bounds[i])
        # Five milliseconds: time is told at the end of a tick here, at its beginning there.
        if worst > 1005:
            assert not [e for e in self.evses if e.closed], (self.seed, self.now, worst)


def stall(random):
    """Milliseconds: just below and above what counts as a gap, collections, long ones."""
    return (
        lambda: 18 + random.below(4),
        lambda: 27 + random.below(6),
        lambda: 30 + random.below(40),
        lambda: 100 + random.below(200),
        lambda: 300 + random.below(600),
    )[random.below(5)]


PARTS = ("tick", "watchdog")


def played(hal, seed):
    """A world after some time of its own kind of stalls."""
    random = Random(seed + 1000)
    world = World(
        hal, seed, count=1 + seed % 2, doubts=(0, 3, 50)[random.below(3)],
        begin=(0, MASK - 7000, MASK // 2 - 9000)[random.below(3)],
    )  # fmt: skip
    kinds = [stall(random) for _ in range(1 + random.below(2))]
    rest = (0, 2, 10, 40, 150, 400)[random.below(6)]  # ticks on time between two stalls, at most
    where = (8, 2, 1)[random.below(3)]  # of so many stalls one is inside a tick
    flips = (0, 20, 200)[random.below(3)]  # how often a contactor opens and closes
    while world.now < SECONDS * 1000 and "TickFailed" not in world.causes():
        ms = kinds[random.below(len(kinds))]()
        if random.one_in(where):
            # In front of the first, the second or the third window from now on.
            world.inside[:] = [0] * random.below(3) + [ms]
            world.until_tick()
        else:
            world.program(ms)
        world.until_tick(random.below(rest + 1))
        if flips and random.one_in(flips):
            evse = world.evses[random.below(len(world.evses))]
            evse.wants = not evse.wants
    return world


def test_random_late_ticks_open_when_the_rule_says_so_and_at_no_other_time():
    opened = held = 0
    with Hal(*PARTS) as hal:
        for seed in range(SEEDS):
            world = played(hal, seed)
            if world.causes():
                assert "TickFailed" in world.causes(), (seed, world.causes())
                opened += 1
            else:
                held += 1
    assert opened >= SEEDS // 4 and held >= SEEDS // 8, (opened, held)


# -- patterns that once kept a contactor closed ---------------------------------------------


def until_open(world, most_s, once):
    """Seconds until nothing is closed any more, by lateness."""
    world.until_tick(50)
    begin = world.now
    while [evse for evse in world.evses if evse.closed]:
        once()
        assert world.now - begin < most_s * 1000, "still closed"
    assert set(world.causes()) == {"TickFailed"}, world.causes()
    return (world.now - begin) / 1000


def test_a_stall_between_the_two_windows_of_a_tick_counts():
    """The second window's gap was not counted: with a first one that was just late, half a second
    without a look, twice a second, opened nothing."""
    with Hal(*PARTS) as hal:
        world = World(hal)

        def once():
            world.inside[:] = [0, 400]
            world.program(31)

        assert until_open(world, 5, once) < 2


def test_ticks_that_are_all_a_millisecond_late_open():
    """Each of them took as much away as it added. Its second window began 4 to 5 ms after it."""
    with Hal(*PARTS) as hal:
        for count in (1, 2):
            world = World(hal, count=count)

            def once():
                world.pending = 0
                world.passes(36 - world.now % 36)
                world.call()

            assert until_open(world, 60, once) < 36


def test_ticks_that_queue_up_take_no_more_away_than_their_time():
    """Looks come every 5 ms behind a stall, and each took a millisecond away."""
    with Hal(*PARTS) as hal:
        world = World(hal)

        def once():
            world.pending = 0
            world.passes(34)
            for _ in range(4):
                world.call()
                world.passes(5 - (world.now - begin[0]) % 5)

        begin = [world.now]
        assert until_open(world, 120, once) < 60


def test_a_stall_inside_a_tick_takes_nothing_away_in_the_next_one():
    """The next tick took the whole stall for time without lateness."""
    with Hal(*PARTS) as hal:
        world = World(hal)
        world.until_tick(50)
        world.inside[:] = [330]
        world.until_tick()
        before = world.tick._late
        assert before >= 3000
        world.pending = 0
        world.until_tick()
        assert world.tick._late >= 3000 - 10


def test_a_guarded_board_counts_no_lateness_up():
    """The sum once grew for ever there: beyond 2^30 it would allocate in the tick."""
    with Hal(*PARTS) as hal:
        world = World(hal, guarded=True)
        world.until_tick(50)
        world.call = lambda: world.tick._on_timer(None)
        for _ in range(40):
            world.program(900)
            assert 0 <= world.tick._late <= 10000
        assert world.evses[0].closed


# -- the figures of the comment -----------------------------------------------------------------


def pattern(world, gap_ms, each_ms):
    """`once` of until_open: a gap of so much, every so often."""

    def once():
        end = world.now + each_ms
        world.pending = 0
        world.passes(9 - world.now % 10)  # it begins when the next tick is nearly due
        world.program(gap_ms - 9)
        while world.now < end:
            world.until_tick()

    return once


def test_the_comment_s_figures_are_those_of_the_rule():
    with Hal(*PARTS) as hal:
        for count, gap_ms, seconds in ((1, 200, 11), (1, 500, 3), (2, 200, 4), (2, 500, 2)):
            world = World(hal, count=count)
            took = until_open(world, 30, pattern(world, gap_ms, 1000))
            assert seconds <= took <= seconds + 0.1, (count, gap_ms, took)
        for count, gap_ms, each_ms in ((1, 45, 200), (2, 40, 500)):
            world = World(hal, count=count)
            world.until_tick(50)
            once = pattern(world, gap_ms, each_ms)
            for _ in range((60000 if MICROPYTHON else 300000) // each_ms):
                once()
            assert not world.causes(), (count, gap_ms)


# -- with a clock that is wrong as well ---------------------------------------------------------


def test_a_slow_clock_is_found_although_ticks_are_late_again_and_again():
    """Ticks that are lost behind a stall give a slow clock time in hand; the lateness ends it."""
    with Hal(*PARTS) as hal:
        for permille in (300, 500, 800, 890):
            for seed in range(6):
                world = World(hal, seed, permille=permille, begin=MASK - 3000)
                world.call = lambda: world.tick._on_timer(None)  # both references need the time
                next_stall = stall(Random(seed))
                while not world.causes():
                    world.program(next_stall())
                    world.until_tick(seed * 8)
                    assert world.now < 30000, (permille, seed)
                assert not [e for e in world.evses if e.closed]


def test_a_clock_that_stands_still_in_each_stall_is_found():
    with Hal(*PARTS) as hal:
        for stall_ms in (20, 60, 400):
            world = World(hal, begin=1000)
            world.call = lambda: world.tick._on_timer(None)
            world.until_tick(50)
            begin = world.now
            while not world.causes():
                world.frozen += stall_ms
                world.program(stall_ms)
                world.until_tick(20)
                assert world.now - begin < 5000, stall_ms
            assert world.causes()[0] == "ClockStopped"
