# The timer tick: the one place that calls the state machines.
# MIT license; part of microevse
"""machine.Timer(0), every 10 ms, initialised once in a start and never again: MicroPython 1.26 to
1.29 take a reference on timer group 0 at each init (ports/esp32/machine_timer.c), and ESP-IDF's
counter of them is a byte (esp_hw_support/periph_ctrl.c): when it wraps, the next init resets the
group, and the clock and the task watchdog stand still. While all contactors are open every second
tick is skipped.

Timer callbacks on ESP32 are soft: they run between two bytecodes of whatever runs, but
not inside a C call, and up to eight of them may have queued up behind one.

A window takes 4 ms, so two of them in every 10 ms would leave no time for the rest of the program.
With several connectors the windows are interleaved while any contactor is closed: each tick looks
at the connector whose turn it is, and at others only if they are in doubt. If the EV seems to have
let go, the connector whose turn it is gets a second window at once: the next tick is the turn of
another one. S2 to open contact is thus one round of turns, two windows and the drop-out of the
contactor: 10 + 8 + 30 ms with one connector (two ticks there), 20 + 8 + 30 with two.

The count of ticks watches the clock. Both watchdogs watch the ticks, and so does app.py, which
asks `stopped`. A tick that is late again and again opens the contactors (_LATE).
"""

import burst
from evse_base import log
import machine
from iec61851.evse import GAP_MS
from evse_base import const, ticks_diff, ticks_ms

from hal import system, watchdog

PERIOD_MS = const(10)
OPEN_MS = const(20)  # between two looks while every contactor is open
# The clock stands still or runs slow if it is behind the ticks by more than this: found after 130
# ms (closed), after 1.2 s if it is 10 % slow, after 6 s if 2 %. After a stall it can be 90 ms
# behind: eight ticks have queued up. A fast clock makes every tick look late: see _LATE. There
# is no third counter: that of the CPU's cycles depends on the same crystal. Without the crystal
# nothing runs, and the RTC watchdog resets the chip.
_BEHIND_MS = const(120)
# After so many ticks more, 3 s, the chip is reset, if the watchdogs have not done it.
_CLOCKLESS = const(300)
# Lateness, in tenths of ms. Each window of a closed connector adds what its gap has beyond GAP_MS.
# A look without such a window takes away a tenth of the time since the look before, without what
# that one took if it was longer than its period. More than 1 s opens: gaps of 200 ms every second
# after 11 s, of 500 ms after 3 s, of 45 ms five times a second never. With two connectors closed a
# stall counts for both: 4 s, 2 s, and 40 ms twice a second never. A single gap of this length is a
# case for the watchdog.
_LATE = const(10000)
_FEED_MS = const(40)  # between two feeds, at least; the watched tasks are checked as often
# While closed: ms for which a watched task is late and nothing is fed, before the contactors open.
# A task that only waited for the end of a stall has beaten by then. A stall counts as _STALL_MS.
_DEAD_MS = const(240)
# With a guard, tasks may wait for stalls of seconds. But the guard watches only the pilot and the
# RCD, so there is a bound on this wait, too: 8 s.
_DEAD_GUARDED_MS = const(8000)
_STALL_MS = const(60)  # two gaps of GAP_MS: ticks that come so late are not stalls


class Tick:
    """`adc`: PilotAdc; `evses`, `contactors`: in the order of the profile; `alive()`: True while
    all watched tasks are alive (must not allocate); `guarded`: what may stall while open may stall
    while closed, because a guard opens the contactor without the program: the watchdog allows
    it."""

    def __init__(self, adc, evses, contactors, dog, alive, guarded=False):
        self._adc = adc
        self._evses = evses
        self._contactors = contactors
        self._dog = dog
        self._alive = alive
        self._guarded = guarded
        self._closed_dog_ms = watchdog.OPEN_MS if guarded else watchdog.CLOSED_MS
        self._callback = self._on_timer  # bound once: a bound method is an allocation
        # True once the looks and the watchdog have the times of open contactors: at the first look
        # after the last contactor opened. A long stall before that look is taken for a hang.
        self.relaxed = True
        self.beats = 0  # counts the ticks, modulo 65536
        self._asked = None  # `beats` when `stopped` was asked last
        self._last_ms = 0
        self._behind_ms = self._late = self._dead_ms = self._clockless = 0
        self._unfed_ms = 0  # since the last feed, or since it was left out
        self._turn = 0  # index of the connector whose turn it is
        self.worst_gap_ms = 0  # open or closed; evse.worst_gap_ms has it for closed alone
        self.overruns = 0  # ticks that took longer than their period
        self.failures = 0
        self.last_error = None  # exception of the last tick that failed
        self._why = None  # why the tick has opened: an exception or a text, until it is logged

    def start(self):
        """From now on the pilots are watched, and the watchdogs run. Once in a start."""
        before_close = self._before_close
        for contactor in self._contactors:
            contactor.before_close = before_close
        self._dog.set(watchdog.OPEN_MS)
        self._last_ms = ticks_ms()
        machine.Timer(0).init(
            mode=machine.Timer.PERIODIC, period=PERIOD_MS, callback=self._callback
        )

    def _before_close(self):
        if not self._alive():
            raise OSError("a watched task is late")
        self._dog.set(self._closed_dog_ms)
        if self.relaxed:  # else another contactor is closed, and its counters go on
            self._behind_ms = self._late = self._dead_ms = 0
            self.relaxed = False

    def open_all(self, cause):
        """Open every contactor now and latch `cause`."""
        for contactor in self._contactors:
            contactor.open()
        for evse in self._evses:
            evse.trip(cause)

    def stopped(self):
        """True if no tick has run since the last call; a task calls it once a second. Logs why
        the tick has opened meanwhile: in the tick itself a line would be an allocation."""
        why, self._why = self._why, None  # first: a log without memory must not raise again
        asked, self._asked = self._asked, self.beats
        if why is not None:
            log.error("tick", "opened by %r, worst gap %d ms", why, self.worst_gap_ms)
        return asked == self.beats and not burst.left_out()

    def give_up(self, cause):
        """Open, and restart the chip. The watch over the tick calls this, and the tick itself."""
        self.open_all(cause)
        log.error("tick", "%s: reset", cause)
        system.mark("Crash")
        system.reset()

    def rest(self):
        """Stop feeding the watchdogs: a person is at the console."""
        self.relaxed = True  # so that the next tick does not set the time of the watchdog
        self._dog.rest()

    def _on_timer(self, _timer):
        self.beats = beats = (self.beats + 1) & 0xFFFF
        if self.relaxed and beats & 1:
            return
        try:
            self._look()
        except BaseException as exc:
            # After any exception: no pilot was seen, so no contactor stays closed.
            self.failures += 1
            self.open_all("TickFailed")
            self._why = exc
            if not isinstance(exc, Exception):
                raise  # Ctrl-C, reset
            self.last_error = exc

    def _look(self):
        now = ticks_ms()
        since = ticks_diff(now, self._last_ms)
        relaxed = self.relaxed
        every = OPEN_MS if relaxed else PERIOD_MS
        behind = self._behind_ms + every
        queued = since < PERIOD_MS >> 1
        if not queued:
            self._last_ms = now
            behind -= since
            if behind < 0:
                behind = 0
        if behind > _BEHIND_MS:
            self._behind_ms = _BEHIND_MS
            self.open_all("ClockStopped")
            self._clockless += 1
            if self._clockless > _CLOCKLESS:
                # Without a clock asyncio sleeps for ever, and the task watchdog may be dead, too.
                self.give_up("ClockStopped")
            return  # without feeding the watchdogs
        self._behind_ms = behind
        if queued:
            return  # the tick has queued up behind a stall: the look at this moment is done
        adc = self._adc
        evses = self._evses
        count = len(evses)
        closed = False
        before = self._late
        for i in range(count):
            evse = evses[i]
            mine = count == 1 or i == self._turn
            if relaxed or mine or evse.in_doubt or adc.age_ms(i) > GAP_MS:
                self._window(i, evse)
                if evse.closed and (adc.gap_ms > GAP_MS or (count > 1 and mine and evse.in_doubt)):
                    # After a stall, or when the next turn is too far away, there is no time for
                    # another tick: the second of the two windows is taken now.
                    self._window(i, evse)
            closed = closed or evse.closed
        self._turn = (self._turn + 1) % count
        took = ticks_diff(ticks_ms(), now)
        if took > every:
            self.overruns += 1
        if closed:
            late = self._late
            if late == before:
                late = late - since if late > since else 0
            if took > every:
                late += took  # `since` of the next look holds it
            if late > _LATE:
                late = 0
                if not self._guarded:
                    self.open_all("TickFailed")
                    self._why = "late ticks"
            self._late = late
        elif not self.relaxed:
            self._dog.set(watchdog.OPEN_MS)
            self._behind_ms = 0
            self.relaxed = True
        unfed = self._unfed_ms + since
        self._unfed_ms = 0 if unfed >= _FEED_MS else unfed
        if unfed >= _FEED_MS:
            self._feed(closed, unfed)

    def _feed(self, closed, unfed):
        """Feed the watchdogs, unless a watched task is late. A tick that failed does not get
        here."""
        if self._alive():
            self._dead_ms = 0
            self._dog.feed()
        elif closed:
            self._dead_ms += unfed if unfed < _STALL_MS else _STALL_MS
            if self._dead_ms >= (_DEAD_GUARDED_MS if self._guarded else _DEAD_MS):
                self.open_all("TaskFailed")

    def _window(self, i, evse):
        adc = self._adc
        plateau = adc.window(i, evse.offered_ma)
        gap = adc.gap_ms
        if gap > self.worst_gap_ms:
            self.worst_gap_ms = gap
        evse.window(adc.now_ms, plateau, gap)
        # The second window of a look counts as well: a stall can come in front of it.
        if gap > GAP_MS and evse.closed:
            self._late += 10 * (gap - GAP_MS)
