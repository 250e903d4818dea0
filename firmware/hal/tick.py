# The timer tick: the one place that calls the state machines.
# MIT license; part of microevse
"""machine.Timer(0), every 20 ms while all contactors are open, every 10 ms otherwise.

Timer callbacks on ESP32 are soft: they run between two bytecodes of whatever runs, but
not inside a C call, and up to eight of them may have queued up behind one.

A window takes 4 ms, so two of them in every 10 ms would leave nothing of the chip to all
others. With several connectors the windows are interleaved while any contactor is closed:
one connector's turn in each tick, beside it only those in doubt. The one whose turn it is
gets a second window at once where its EV seems to have let go: a tick later would be the
turn of another. S2 to open contact is thus one round of turns, two windows and the drop-out
of the contactor: 10 + 8 + 30 ms with one connector (two ticks there), 20 + 8 + 30 with two.
"""

import machine
from iec61851.evse import GAP_MS
from port import ticks_diff, ticks_ms

from hal import contactor, watchdog

OPEN_MS = 20
CLOSED_MS = 10


class Tick:
    """`adc`: PilotAdc; `evses`: in the order of the profile; `alive()`: whether the rest of
    the program is (must not allocate); `guarded`: what may stall while open may stall while
    closed, because a guard opens the contactor without us: the watchdog has to wait for it."""

    def __init__(self, adc, evses, dog, alive, guarded=False):
        self._adc = adc
        self._evses = evses
        self._dog = dog
        self._alive = alive
        self._closed_dog_ms = watchdog.OPEN_MS if guarded else watchdog.CLOSED_MS
        self._timer = machine.Timer(0)
        self._callback = self._on_timer  # bound once: a bound method is an allocation
        self._period_ms = OPEN_MS
        self._last_ms = None
        self._turn = 0  # index of the connector whose turn it is
        self.worst_gap_ms = 0  # open or closed; evse.worst_gap_ms has it for closed alone
        self.overruns = 0  # ticks that took longer than their period
        self.failures = 0
        self.last_error = None  # exception of the last tick that failed

    def start(self):
        """From now on the pilots are watched, and the watchdog runs."""
        contactor.before_close(self._before_close)
        self._dog.set(watchdog.OPEN_MS)
        self._run_every(OPEN_MS)

    @property
    def relaxed(self):
        """True once the tick and the watchdog are those of open contactors. Until then, for
        a tick after the last one has opened, a long stall would be taken for a hang."""
        return self._period_ms == OPEN_MS

    def _run_every(self, ms):
        self._period_ms = ms
        self._timer.init(mode=machine.Timer.PERIODIC, period=ms, callback=self._callback)

    def _before_close(self):
        self._dog.set(self._closed_dog_ms)
        self._run_every(CLOSED_MS)

    def _on_timer(self, _timer):
        try:
            self._look()
        except BaseException as exc:
            # Whatever it is: no pilot was seen, so no contactor stays closed.
            self.failures += 1
            for evse in self._evses:
                evse.trip("TickFailed")
            if not isinstance(exc, Exception):
                raise  # Ctrl-C, reset
            self.last_error = exc

    def _look(self):
        now = ticks_ms()
        if self._last_ms is not None:
            since = ticks_diff(now, self._last_ms)
            if 0 <= since < self._period_ms >> 1:
                return  # queued behind a stall: this moment has been looked at
        self._last_ms = now
        adc = self._adc
        evses = self._evses
        count = len(evses)
        closed = False
        for i in range(count):
            evse = evses[i]
            mine = count == 1 or i == self._turn
            if self._period_ms == OPEN_MS or mine or evse.in_doubt or adc.age_ms(i) > GAP_MS:
                self._window(i, evse)
                if adc.gap_ms > self.worst_gap_ms:
                    self.worst_gap_ms = adc.gap_ms
                if evse.closed and (
                    # After a stall, or when the next turn is too far away, there is no time
                    # for another tick: the second of the two windows is taken now.
                    adc.gap_ms > GAP_MS or (count > 1 and mine and evse.in_doubt)
                ):
                    self._window(i, evse)
            closed = closed or evse.closed
        self._turn = (self._turn + 1) % count
        if ticks_diff(ticks_ms(), now) > self._period_ms:
            self.overruns += 1
        if not closed and self._period_ms != OPEN_MS:
            self._dog.set(watchdog.OPEN_MS)
            self._run_every(OPEN_MS)
        # A tick that failed does not get here; a hung main program is not fed for.
        if self._alive():
            self._dog.feed()

    def _window(self, i, evse):
        adc = self._adc
        plateau = adc.window(i, evse.offered_ma)
        evse.window(adc.now_ms, plateau, adc.gap_ms)
