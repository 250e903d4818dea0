# Virtual time: a heap of hardware events and a queue of soft callbacks.
# MIT license; part of microevse
"""One clock for the whole board, in integer microseconds since the image was made.

Time moves only here. Moving it runs the hardware events that fall due, each at its own
instant and in order; they model what goes on without the interpreter and never call
firmware. What the firmware registered (Timer and Pin.irq callbacks) is queued by
`soft()` and run by `deliver()`: on the chip such callbacks are soft too, wait while the
interpreter is stalled, and overflow a queue of eight.
"""

from heapq import heappop, heappush

SOFT_QUEUE = 8  # MICROPY_SCHEDULER_DEPTH of the esp32 port
TICKS_PERIOD = 1 << 30  # ticks_ms() and ticks_us() wrap here
STALL_US = 10000  # shorter than any tick: no stall
# 27 ms for a heap of 166 KB: seen on an emulated chip of 62.5 million instructions a second.
COLLECT_US_PER_MIB = 27000 * 1048576 // (166 * 1024)
RTC_UNSET_S = 946684800  # 2000-01-01: what an ESP32's clock shows after power-on


class Stuck(BaseException):
    """The firmware waits for ever, in a test without a parent process."""


class Event:
    """A scheduled hardware event; truthy until it has run or was cancelled."""

    def __init__(self, when, fn):
        self.when = when
        self.fn = fn

    def __bool__(self):
        return self.fn is not None


class Clock:
    """Virtual time. `now_us` survives power cycles, `boot_us` is where this boot began."""

    def __init__(self, now_us=0):
        self.now_us = now_us
        self.boot_us = now_us
        self.rtc_offset = RTC_UNSET_S * 1000000 - now_us  # us; Unix time is now_us + this
        self.dropped = 0  # soft callbacks lost to a full queue
        self.stopped_us = None  # when the counter of esp_timer stood still; None: it runs
        self.stuck = False  # the interpreter hangs in a C call for ever
        self.errors = []  # (class, "tick", "task" or None) to be raised in the program's next call
        self.stall_us = 0  # a stall that begins with the next call of the program
        self.collections = None  # fn() -> collections of the chip's heap so far; None: not counted
        self._collected = 0  # how many of them have taken their time
        self.heap_size = None  # fn() -> bytes of the chip's GC heap
        self.on_stall = []  # fn(): the interpreter will not run for a while
        self.pacer = None  # decides how fast time may move (pace.py); None: at once
        self._heap = []  # (when, sequence, Event): sequence keeps equal times in order
        self._sequence = 0
        self._soft = []
        self._delivering = False
        self._moving = False
        self._stalled = False

    # -- hardware side ---------------------------------------------------------------

    def at(self, when_us, fn):
        """Run `fn()` when `now_us` reaches `when_us`; returns a handle for cancel()."""
        event = Event(int(when_us), fn)
        self._sequence += 1
        heappush(self._heap, (event.when, self._sequence, event))
        return event

    def after(self, delay_us, fn):
        """Run `fn()` in `delay_us` microseconds."""
        return self.at(self.now_us + delay_us, fn)

    def cancel(self, event):
        """Forget a scheduled event; None and events that have run are fine."""
        if event is not None:
            event.fn = None

    def next_due(self):
        """When the next hardware event is due (us), or None."""
        heap = self._heap
        while heap and heap[0][2].fn is None:
            heappop(heap)
        return heap[0][0] if heap else None

    def run_to(self, when_us):
        """Move time on to `when_us`, running hardware events on the way."""
        if self._moving:
            # A hardware event that spends time: the outer call moves on from there.
            self.now_us = max(self.now_us, when_us)
            return
        heap = self._heap
        self._moving = True
        try:
            while heap and heap[0][0] <= when_us:
                event = heappop(heap)[2]
                fn = event.fn
                if fn is None:
                    continue
                event.fn = None
                if event.when > self.now_us:
                    self.now_us = event.when
                fn()
            if when_us > self.now_us:
                self.now_us = when_us
        finally:
            self._moving = False

    # -- interpreter side ------------------------------------------------------------

    def spend(self, us):
        """The interpreter is busy or stalled for `us`: physics goes on, callbacks wait."""
        if us < STALL_US:
            self.run_to(self.now_us + us)
        else:
            self.stall(us)

    def stall(self, us):
        """As `spend`, but a stall however short it is: several may follow each other at once."""
        if self._stalled:
            self.run_to(self.now_us + us)
            return
        self._stalled = True
        try:
            for fn in self.on_stall:
                fn()
            self.run_to(self.now_us + us)
        finally:
            self._stalled = False

    def free(self):
        """True while a callback that falls due would run at once, and time goes on for all."""
        waits = self._stalled or self._delivering or self._soft or self.errors or self.stall_us
        return self.stopped_us is None and not self.stuck and not waits

    def soft(self, fn, arg):
        """Queue `fn(arg)` for the interpreter; False if the queue was full (call lost)."""
        if len(self._soft) >= SOFT_QUEUE:
            self.dropped += 1
            return False
        self._soft.append((fn, arg))
        return True

    def deliver(self):
        """Run queued callbacks, oldest first; returns how many. Never nested."""
        if not self._soft or self._delivering or self._moving or self.stuck:
            return 0
        self._delivering = True
        count = 0
        try:
            # Only what is queued now: a callback that queues itself must not hang us.
            for _ in range(len(self._soft)):
                fn, arg = self._soft.pop(0)
                count += 1
                try:
                    fn(arg)
                except Exception as exc:
                    # As the VM does: reported on the console, the program goes on.
                    print("Unhandled exception in callback")
                    _print_exception(exc)
        finally:
            self._delivering = False
        return count

    def collected(self, count=None):
        """From now on the collections so far have taken their time."""
        if self.collections is not None:
            self._collected = self.collections() if count is None else count

    coarse = False  # True: more than a second of idle ticks is left out at a time

    def collection(self):
        """The GC heap is collected: that stalls the interpreter, from its next call on. Not where
        minutes of idle ticks are left out at a time: of the ticks that are run, all would be late
        ones, and none of those in time between them would be seen."""
        if self.coarse:
            return
        self.stall_us += self.heap_size() * COLLECT_US_PER_MIB // 1048576

    def entered(self, may_fail=True):
        """To be called on every call of the firmware into the twin. `may_fail`: an error that was
        ordered may be raised in this one."""
        if self.pacer is not None:
            self.pacer.entered()
        if self._heap and self._heap[0][0] <= self.now_us:
            self.run_to(self.now_us)
        if self.stuck and not self._moving and self.pacer is not None:
            self.pacer.hang()
        if self.collections is not None and not self._moving:
            self._collect()
        if self.stall_us and not self._moving:
            us, self.stall_us = self.stall_us, 0
            self.spend(us)
        if self.errors and may_fail and not self._moving:
            self._fail()
        if self._soft:
            self.deliver()

    def _collect(self):
        """Each collection since the last call is a stall of its own. A collection runs inside one
        allocation, and between two of them are bytecodes, where what has queued up has its turn
        (py/vm.c, pending_exception_check)."""
        count = self.collections()
        due, self._collected = count - self._collected, max(count, self._collected)
        while due > 0:
            due -= 1
            self.collection()
            if due and self.stall_us:
                us, self.stall_us = self.stall_us, 0
                self.spend(us)
                self.deliver()

    def _fail(self):
        error, where = self.errors[0]
        if where is None or (where == "tick") == self._delivering:
            self.errors.pop(0)
            raise error("made by the twin")

    def hang(self):
        """The interpreter comes back from no C call any more: only a reset ends that. Without a
        parent process (unit tests) a callback that runs just now still ends."""
        self.stuck = True
        for fn in self.on_stall:
            fn()

    def sleep(self, us):
        """Blocking sleep of the firmware: callbacks are delivered meanwhile. It ends by the
        counter of esp_timer (ports/esp32/mphalport.c): never, where that stands still."""
        if self.stopped_us is not None:
            if self.pacer is None:
                raise Stuck("a sleep without a clock")
            self.pacer.block(None)
        until = self.now_us + us
        if self.pacer is not None:
            self.pacer.block(until)
        else:
            self.run(us)

    def run(self, us):
        """Let `us` pass with the interpreter idle: callbacks run."""
        until = self.now_us + us
        while True:
            if self.deliver() and self.now_us < until:
                continue  # what was queued while other callbacks ran has its turn
            due = self.next_due()
            self.run_to(until if due is None or due > until else due)
            self.deliver()
            if self.now_us >= until:
                return

    def idle(self):
        """machine.idle(): let time pass until something happens, at most 1 ms."""
        self.sleep(1000)

    # -- readings --------------------------------------------------------------------

    def stop(self):
        """The counter of esp_timer stands still from now on: the chip's time, its ticks and its
        sleeps with it. Physics, the timers of machine.Timer and CCOUNT go on."""
        if self.stopped_us is None:
            self.stopped_us = self.now_us

    def virtual_now_us(self):
        """Microseconds since boot, what ticks_us() counts (unwrapped)."""
        stopped = self.stopped_us
        return (self.now_us if stopped is None else stopped) - self.boot_us

    def unix_us(self):
        """What the RTC shows, Unix microseconds: it is the counter of esp_timer plus an offset
        (ESP-IDF, CONFIG_ESP_TIME_FUNCS_USE_RTC_TIMER and ..._USE_ESP_TIMER)."""
        return self.boot_us + self.virtual_now_us() + self.rtc_offset

    def set_unix(self, unix_s):
        """Set the RTC."""
        self.rtc_offset = int(unix_s) * 1000000 - self.boot_us - self.virtual_now_us()


def _print_exception(exc):
    import sys

    if hasattr(sys, "print_exception"):
        sys.print_exception(exc)
    else:
        import traceback

        traceback.print_exception(type(exc), exc, exc.__traceback__)
