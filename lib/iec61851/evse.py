# The state machine of one EVSE: this file decides when the contactor opens and closes.
# MIT license; part of microevse
"""IEC 61851-1 Annex A, the charger's side. "seq" numbers are those of Table A.6.

The timer tick calls `window()` with every look at the control pilot; from there to the
relay pin nothing waits, queues or allocates. Everybody else only asks: `permit`, `forbid`,
`trip`, `clear`, `out_of_service`. No request closes the contactor; only `window` does.

The contactor closes when, all at once,
  - the EV has asked (state C; D where ventilated) for 500 ms without a break, PWM on,
  - its diode was seen in each of at least three windows of that time,
  - somebody permits current, no fault is latched, plug locked, RCD tested and not tripped,
  - and five seconds have passed since it last opened.
It opens
  - after two windows of A or B                       (seq 2.2, 8.1, 8.2: 100 ms in all),
  - after five of anything else that is not asking    (seq 12 allows 3 s; done in 100 ms),
  - when a stopped EV has let go, or after six seconds whatever it does       (seq 10.2),
  - at once on a fault that is tripped from outside: RCD, over-current, a failed tick.
Times are sums of what passed between windows: more or fewer ticks change nothing, and the
tick counter may wrap.
"""

from port import Flag, const, ticks_diff

from iec61851 import duty
from iec61851.latch import Latch
from iec61851.levels import UNKNOWN, A, B, C, D
from iec61851.observer import PILOT_CAUSES, Observer, Run
from iec61851.sender import FAULT, OFFER, Sender
from iec61851.waker import WAKE_MS, Waker

# -- closing
STABLE_MS = const(500)  # BCB toggles (seq 11) ask for 200 to 400 ms and must not close
STABLE_WINDOWS = const(3)  # note to A.4: the diode is verified before closing
RECLOSE_MS = const(5000)  # an EV that comes and goes must not wear the contactor
# -- opening
LET_GO_WINDOWS = const(2)  # one window may have caught a disturbance
LOST_MS = const(38)  # the fifth window at a 10 ms tick comes 40 ms after the first
LOST_WINDOWS = const(3)  # however slow the tick: never on less than this
RELEASE_MS = const(6000)  # seq 10.2
# -- pilot
DEBOUNCE_MS = const(100)  # what `state` and `plugged` show (Leafs bounce when unplugged)
D_REFUSED_MS = const(30000)  # before an EV that asked for ventilation is offered PWM again
F_MS = const(300)  # note to A.5: after a fault the EV sees F at least this long
WRONG_MS = const(500)  # a wrong pilot while open is no danger: told, not hurried
GAP_MS = const(30)  # of a longer gap between windows only this much counts as observed


class Evse:
    """Owner of one contactor and one control pilot.

    `pilot` has `steady()`, `offer(ma)`, `fault()`; `contactor` has `close()`, `open()`.
    `lock_ok()`, `rcd_ok()`: None where no such part is fitted. `diode_check=False` for a
    front end that cannot see -10 V. `held`, if set: fn(), the guard keeps the contactor open.
    """

    def __init__(
        self, pilot, contactor, ventilated=False, lock_ok=None, rcd_ok=None, diode_check=True
    ):
        contactor.open()
        self._contactor = contactor
        self._send = Sender(pilot)
        self._ventilated = ventilated
        self._lock_ok = lock_ok
        self._rcd_ok = rcd_ok
        self.held = None
        self._seen = Observer(diode_check)
        # For everybody to read; `changed` is set when one of them has changed.
        self.state = UNKNOWN  # debounced, see levels
        self.since_ms = 0  # ticks_ms() when `state` last changed
        self.closed = self.pwm = self.plugged = False
        self.offered_ma = 0
        self.fault = None  # the first fault latched
        self.disputed = False  # the guard held the contactor open although the EV asked
        self.front_end = self._seen.front_end
        self.plug_count = self.unplug_count = self.close_count = 0
        self.worst_gap_ms = 0  # between two windows while closed: the promise, measured
        self.changed = Flag()
        self._dirty = False
        # What was asked for.
        self._want_ma = 0
        self._protect = self.paused = False  # paused: see pause()
        self._in_service = True
        self._latched = Latch()
        # Time of the last window, runs of windows, and how many ms are left of what.
        self._last_ms = None
        self._ready = Run()  # open: the EV does all it has to do
        self._wrong = Run()  # open: the pilot is wrong
        self._let_go = Run()  # closed: A or B
        self._lost = Run()  # closed: not asking, or not to be trusted
        self._stop = Run()  # closed: told to stop
        # The contactor stays open, state F goes on, an EV asked to pause may go on so long.
        self._hold_left = self._f_left = self._pause_left = 0
        self.waker = Waker()

    # -- requests: from asyncio, at any time; the next window carries them out -----------

    def permit(self, ma, protect=False):
        """Offer at most `ma` (6000 to 80000; less is `forbid`).

        The duty changes every 5 s at most. `protect=True`: a smaller current is offered at
        the next window all the same, because a fuse or a cable cannot wait.
        """
        self._protect = protect
        self._want_ma = min(ma, duty.MAX_MA) if ma >= duty.MIN_MA else 0

    def forbid(self):
        """End in good order: PWM off, wait for the EV to let go (at most 6 s), open."""
        self._want_ma = 0

    def pause(self):
        """Ask the EV to let go for a while: PWM off. An EV that has not let go after 6 s
        goes on charging: nothing is opened under load for this. `paused` tells."""
        self._pause_left = RELEASE_MS
        self.paused = True

    def resume(self):
        """End a pause."""
        self.paused = False

    def out_of_service(self, on):
        """State F while `on`; a running charge is ended as by `forbid` first."""
        self._in_service = not on

    def trip(self, fault):
        """Latch `fault` and open at once. May be called from a soft interrupt."""
        # Latched first: should a window run between these lines, it opens and cannot close.
        if not self._latched.add(fault):
            self._contactor.open()
            return
        self._f_left = F_MS
        self._open()
        self.fault = self._latched.first
        self.changed.set()

    def clear(self, fault):
        """Forget a latched fault. False if its cause can still be seen, or F goes on."""
        if self._latched.has(fault):
            if self._f_left or (self._wrong.windows and fault in PILOT_CAUSES):
                return False
            if fault == "RcdTripped" and self._rcd_ok and not self._rcd_ok():
                return False
            self._latched.remove(fault)
            self.fault = self._latched.first
            self.changed.set()
        return True

    latched = property(lambda self: self._latched.all())  # all latched; allocates

    @property
    def in_doubt(self):
        """True while closed and the last window would not have it closed: look again soon."""
        return self.closed and (self._let_go.windows > 0 or self._lost.windows > 0)

    # -- the tick ------------------------------------------------------------------------

    def window(self, now_ms, plateau, gap_ms):
        """One look at the pilot, taken at `now_ms`, `gap_ms` after the one before."""
        dt = 0 if self._last_ms is None else max(0, ticks_diff(now_ms, self._last_ms))
        self._last_ms = now_ms
        seen_ms = dt if gap_ms <= GAP_MS else min(dt, GAP_MS)
        send = self._send
        send.left_ms = max(0, send.left_ms - dt)
        self._hold_left = max(0, self._hold_left - dt)
        if send.output == FAULT:
            self._f_left = max(0, self._f_left - dt)
        self.fault = self._latched.first
        self._seen.look(plateau, seen_ms, self.pwm, send.share_pm, not self.plugged)
        self._follow(now_ms)
        if self.closed:
            self.worst_gap_ms = max(self.worst_gap_ms, gap_ms)
            self._open_if_needed(dt)
        else:
            self._report_wrong(seen_ms)
            self._close_if_allowed(seen_ms)
            if self.waker.look(dt, self.plugged, self.pwm, self._seen.level):
                self._f_left = WAKE_MS
        self._drive()
        if self._dirty:
            self._dirty = False
            self.changed.set()

    def _follow(self, now_ms):
        """The debounced state, and whether an EV is there."""
        level = self._seen.level
        if level == self.state or not self._seen.run.lasts(2, DEBOUNCE_MS):
            return
        self.state = level
        self.since_ms = now_ms
        self._dirty = True
        # E, F and no information say nothing about the plug.
        if level == A:
            self._send.left_ms = 0  # the next EV has seen no duty yet
            if self.plugged:
                self.plugged = False
                self.unplug_count += 1
        elif B <= level <= D and not self.plugged:
            # From A, or the first thing seen after a start; C and D at once are allowed:
            # simplified EVs, power that came back (seq 1.1, 1.2).
            self.plugged = True
            self.plug_count += 1

    def _asking(self):
        level = self._seen.level
        return level == C or (level == D and self._ventilated)

    def _open_if_needed(self, dt):
        level, cause = self._seen.level, self._seen.cause
        if self._rcd_ok and not self._rcd_ok():
            # The RCD acts on the relay driver by itself, then by interrupt; then here.
            self.trip("RcdTripped")
        if self.fault:
            self._open()
            return
        # Unplugged, or S2 opened (seq 2.2, 8.1, 8.2); what the guard opened stays open.
        if level == A or level == B or (self.held and self.held()):
            self._let_go.more(dt)
            if self._let_go.lasts(LET_GO_WINDOWS, 0):
                self._open()
                return
        else:
            self._let_go.over()
        # E, F, an invalid level, no information, a lost diode, D refused (seq 12). At
        # steady +12 V the diode cannot be seen, and `cause` does not ask for it.
        if self._asking() and cause is None:
            self._lost.over()
        else:
            self._lost.more(dt)
            if self._lost.lasts(LOST_WINDOWS, LOST_MS):
                if cause:
                    self.trip(cause)
                self._open()
                return

        if self.paused:
            self._pause_left -= dt
            if self._pause_left <= 0:
                self.paused = False

        # Seq 9, 10: told to stop, the EV has 3 s to end its current and opens S2. Once
        # begun this goes through: a new permission waits until the contactor is open.
        if self._stop.windows or not self._want_ma or not self._in_service:
            self._stop.more(dt)
            if self._stop.lasts(1, RELEASE_MS):
                self._open()

    def _open(self):
        self._contactor.open()
        if self.closed:
            self.closed = False
            self._hold_left = RECLOSE_MS
            self._dirty = True
        self._stop.over()
        self._ready.over()
        self._let_go.over()
        self._lost.over()

    def _close_if_allowed(self, seen_ms):
        if not (self.pwm and self._asking() and self._seen.diode_good and not self._seen.cause):
            self._ready.over()
            return
        self._ready.more(seen_ms)
        if (
            self._ready.lasts(STABLE_WINDOWS, STABLE_MS)
            and self._want_ma
            and self._in_service
            and not self.fault
            and not self._hold_left
            and (self._lock_ok is None or self._lock_ok())
            and (self._rcd_ok is None or self._rcd_ok())
        ):
            if self.held and self.held():
                self.disputed = True  # one of the two is wrong about the pilot
                self.trip("GuardDisagrees")
                return
            self._contactor.close()
            self.closed = True
            self.close_count += 1
            self._dirty = True

    def _report_wrong(self, seen_ms):
        """Open, and the pilot is not as it should be: a fault once that lasts."""
        if self._seen.cause is None:
            self._wrong.over()
            return
        self._wrong.more(seen_ms)
        if self._wrong.lasts(LOST_WINDOWS, WRONG_MS):
            self.trip(self._seen.cause)

    # -- the pilot's other direction -----------------------------------------------------

    def _drive(self):
        """Send what the state of affairs asks for: +12 V, PWM or -12 V."""
        send = self._send
        if self._refused():
            send.left_ms = D_REFUSED_MS
        if self._f_left or (not self._in_service and not self.closed):
            changed = send.fault()
        elif self._may_offer():
            changed = send.offer(self._want_ma, self._protect)
        else:
            changed = send.steady()
        if changed:
            self.pwm = send.output == OFFER
            self.offered_ma = send.ma
            self._dirty = True

    def _may_offer(self):
        """Is it time for PWM (seq 3, 9)?"""
        seen = self._seen
        if not self._want_ma or not self._in_service or self._stop.windows or self.fault:
            return False
        if self.paused or (seen.level == A and seen.run.lasts(LET_GO_WINDOWS, 0)):
            return False  # unplugged: PWM ends (seq 2.1)
        return self.plugged and not self._refused()

    def _refused(self):
        """An EV that asks for ventilation where there is none gets +12 V."""
        seen = self._seen
        return seen.level == D and not self._ventilated and seen.run.lasts(2, LOST_MS)
