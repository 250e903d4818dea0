# The state machine of one EVSE: this file decides when the contactor opens and closes.
# MIT license; part of microevse
"""IEC 61851-1 Annex A, the charger's side. "seq": a row of its Table A.6. Words: __init__.py.

The timer tick calls `window()` with every look at the control pilot; from there to the
relay pin nothing waits, queues or allocates. All other code only asks: `permit`, `forbid`,
`trip`, `clear`, `out_of_service`, `stay_open`. Nothing but `window` closes the contactor.

The contactor closes when, all at once,
  - the EV has asked (state C; D where ventilated) for 500 ms without a break, PWM on,
  - its diode was seen in each of at least three windows of that time,
  - current is permitted, no fault is latched, plug locked, RCD tested and not tripped,
  - five seconds have passed since it last opened, and it has not closed too often (closings).
It opens
  - after two windows of A or B                       (seq 2.2, 8.1, 8.2: 100 ms in all),
  - after five of anything else that is not asking    (seq 12 allows 3 s; done in 100 ms),
  - when half of a second was neither, in whatever pieces   (seq 12: within that second),
  - when a stopped EV has let go, or after six seconds whatever it does       (seq 10.2),
  - at once on a fault that is tripped from outside: RCD, over-current, a failed tick.
Times are sums of the times between windows: more or fewer ticks change nothing.
"""

from evse_base import Flag, const, ticks_diff

from iec61851 import duty
from iec61851.closings import UNPLUGGED, Closings
from iec61851.evidence import Evidence
from iec61851.latch import OF_THE_PILOT, Latch
from iec61851.levels import UNKNOWN, A, B, C, D, Observer, Streak
from iec61851.sender import FAULT, OFFER, WAKE_MS, Sender, Waker

STABLE_MS = const(500)  # BCB toggles (seq 11) show C for 200 to 400 ms: no reason to close
STABLE_WINDOWS = const(3)  # note to Table A.4: the diode is verified before closing
RECLOSE_MS = const(5000)  # an EV that comes and goes must not wear the contactor
_LET_GO_WINDOWS = const(2)  # one window may have caught a disturbance
RELEASE_MS = const(6000)  # seq 10.2
_DEBOUNCE_MS = const(100)  # of `state`, `plugged`: the S2 of a Nissan Leaf bounces at unplugging
_AWAY_MS = const(2000)  # state A for so long is an unplugged cable, and no wire that bounces
F_MS = const(300)  # note to Table A.5: after a fault the EV sees F at least this long
GAP_MS = const(30)  # of a longer gap between windows only this much counts as observed


class Evse:
    """Owner of one contactor and one control pilot.

    `pilot` has `steady()`, `offer(ma)`, `fault()`; `contactor` has `close()`, `open()`.
    `lock_ok()`, `rcd_ok()`: None where no such part is fitted. `diode_check=False` for a
    front end that cannot see -10 V. `held`, if set: fn(), True while the guard keeps it open.
    """

    def __init__(
        self, pilot, contactor, ventilated=False, lock_ok=None, rcd_ok=None, diode_check=True
    ):
        contactor.open()
        self._contactor = contactor
        self._send = Sender(pilot, ventilated)
        self._ventilated = ventilated
        self._lock_ok, self._rcd_ok, self.held = lock_ok, rcd_ok, None
        self._seen = Observer(diode_check)
        # To be read by others; `changed` is set when one of them has changed.
        self.state, self.since_ms = UNKNOWN, 0  # debounced, see levels; ticks_ms() of its change
        self.closed = self.pwm = self.plugged = False
        self.away = False  # state A has lasted and no EV came since: counts as unplugged
        self.fault = None  # the latched fault that matters most; `faults` has all
        self.disputed = False  # the guard held the contactor open although the EV asked
        self.front_end = self._seen.front_end
        self.closings = Closings()  # how often it may close again, and who may let it
        self.offered_ma = self.plug_count = self.unplug_count = self.close_count = 0
        self.worst_gap_ms = 0  # the longest gap between two windows while closed
        self.changed, self._dirty = Flag(), False
        self._latched, self._last_ms = Latch(), None  # ms of the last window
        self._ready = Streak()  # while open: windows in which the EV does all it has to
        self._evidence, self.waker = Evidence(), Waker()  # whether the pilot can be trusted
        # While closed: windows of A or B in a row; ms since the EV was told to stop, -1: not told.
        self._let_go, self._stop_ms = 0, -1
        self._hold_left = 0  # ms for which the contactor must stay open
        self._ended, self._ended_by = False, None  # opened, not counted yet; why, if no fault

    # -- requests: from asyncio, at any time; the next window carries them out -----------

    def permit(self, ma, protect=False):
        """Offer at most `ma` (6000 to 80000; less is `forbid`). The duty changes every 5 s at
        most; `protect=True`: less is offered at once, because a fuse or a cable cannot wait."""
        self._send.protect = protect
        self._send.want_ma = min(ma, duty.MAX_MA) if ma >= duty.MIN_MA else 0

    def forbid(self):
        """End in good order: PWM off, wait for the EV to let go (at most 6 s), open."""
        self._send.want_ma = 0

    def pause(self):
        """Ask the EV to let go for a while: PWM off. If the EV has not let go after 6 s, charging
        goes on: no contactor opens under load for a pause. `paused` tells."""
        self._send.pause_left, self._send.paused = RELEASE_MS, True

    def resume(self):
        """End a pause."""
        self._send.paused = False

    @property
    def paused(self):
        """True until `resume`, or until the pause has ended by itself; see `pause`."""
        return self._send.paused

    def out_of_service(self, on):
        """State F while `on`; a running charge is ended as by `forbid` first."""
        self._send.in_service = not on

    def stay_open(self, ms):
        """True if it is open and does not close for `ms`, as a stall is due. This ends by itself,
        and an EV that waits for nothing but its end is not kept waiting again. With 0: True if it
        is open."""
        if self.closed or (ms and self._hold_left and self._may_close()):
            return False
        self._hold_left = max(self._hold_left, ms)  # no tick between can open: it is open
        return not self.closed

    def trip(self, fault):
        """Latch `fault` and open at once. A soft interrupt (see __init__.py) may call it."""
        # The fault is set first: a window that runs between these lines opens and cannot close.
        if self.fault is None:
            self.fault = fault
        if not self._latched.add(fault):
            self._contactor.open()
            return
        self._send.f_left = F_MS
        self._open()
        self.changed.set()

    def clear(self, fault):
        """Ask for a latched fault to be forgotten; the next window does it, unless it has
        happened again by then. False where it may not be."""
        count = self._latched.count(fault)
        if count and not self.may_clear(fault):
            return False
        self._latched.ask(fault, count)
        return True

    def may_clear(self, fault):
        """False while the cause can still be seen, or state F still has to last."""
        if self._send.f_left:
            return False
        if fault in OF_THE_PILOT:
            return not self._evidence.bad.windows
        if fault == "RcdTripped" or fault == "RcdTestFailed":
            return self._rcd_ok is None or self._rcd_ok()
        return fault != "ClosingsExceeded" or self.closings.why is None

    @property
    def faults(self):
        """[cause] of all faults latched, those that matter most first."""
        return self._latched.all()

    def reset_closings(self):
        """A person lets the contactor close again, however often it has. Returns as `clear`."""
        self.closings.reset()
        return self.clear("ClosingsExceeded")

    def restore_closings(self, counts):
        """After a start, with the list that `closings.counts()` gave before it."""
        if self.closings.restore(counts):
            self.trip("ClosingsExceeded")

    @property
    def in_doubt(self):
        """True while closed and the last window would not have it closed: look again soon."""
        return self.closed and (self._let_go > 0 or self._evidence.bad.windows > 0)

    @property
    def quiet(self):
        """True while no timer runs in this object: windows like the last one change nothing."""
        send, seen, evidence = self._send, self._seen, self._evidence
        offers = self.plugged and not self.fault and send.wants(seen)
        return not (
            self._let_go or evidence.doubt or evidence.bad.windows or self._stop_ms >= 0
            or send.f_left or send.left_ms or self._hold_left or send.paused
            or self._ended or self._latched.moved or (self._ready.windows and not self.closed)
            or seen.level != self.state or not seen.sure or (seen.level == A and not self.away)
            or send.ma != (send.want_ma if offers else 0)
            or (send.output == FAULT) == send.in_service
        )  # fmt: skip

    # -- the tick ------------------------------------------------------------------------

    def window(self, now_ms, plateau, gap_ms):
        """One look at the pilot, taken at `now_ms`; `gap_ms`: since the one before began."""
        dt = 0 if self._last_ms is None else max(0, ticks_diff(now_ms, self._last_ms))
        self._last_ms = now_ms
        seen_ms = min(dt, GAP_MS)  # of `dt` so much counts as observed, see GAP_MS
        send = self._send
        send.passed(dt, self.closed)
        self._hold_left = max(0, self._hold_left - dt)
        if self._latched.moved:
            self.fault = self._latched.settle(self)
            self._dirty = True
        self._seen.look(plateau, seen_ms, self.pwm, send.share_pm, not self.plugged)
        if self._seen.level != self.state and self._seen.run.lasts(2, _DEBOUNCE_MS):
            self._follow(now_ms)
        if not self.away and self.state == A == self._seen.level and self._seen.run.ms >= _AWAY_MS:
            self.away = self._dirty = True
            self.closings.unplugged(now_ms)
        if self.closed:
            self.worst_gap_ms = max(self.worst_gap_ms, gap_ms)
            self._open_if_needed(dt, seen_ms)
        else:
            if self._ended:
                self._count_closing(now_ms)
            wrong = self._evidence.open(self._seen.cause, seen_ms)
            if wrong:
                self.trip(wrong)
            if self.pwm:
                self._close_if_allowed(seen_ms)
            if self.waker.look(dt, self.plugged, self.pwm, self._seen.level):
                self._send.f_left = WAKE_MS
        if send.drive(self._seen, self.plugged, self.closed, self.fault or self._stop_ms >= 0):
            self.pwm = send.output == OFFER
            self.offered_ma = send.ma
            self._dirty = True
            if not self.pwm:
                self._ready.over()
        if self._dirty:
            self._dirty = False
            self.closings.passed(now_ms)  # now and then
            self.changed.set()

    def _follow(self, now_ms):
        """The debounced state has changed: is an EV there?"""
        self.state = level = self._seen.level
        self.since_ms, self._dirty = now_ms, True
        # E, F and no information say nothing about the plug.
        if level == A:
            self._send.left_ms = 0  # the next EV has seen no duty yet
            if self.plugged:
                self.plugged, self._send.want_ma = False, 0  # a permission is for one plug-in
                self.unplug_count += 1
        elif B <= level <= D and not self.plugged:
            # Also C and D at once: an EV without S2 ("simplified"), power is back (seq 1.1, 1.2).
            self.plugged, self.away = True, False
            self.plug_count += 1

    def _open_if_needed(self, dt, seen_ms):
        if self._rcd_ok and not self._rcd_ok():
            # The third way: the RCD opens by wire (the relay driver), by interrupt, and here.
            self.trip("RcdTripped")
        if self.fault:
            self._open()
            return
        level, cause = self._seen.level, self._seen.cause
        asking = cause is None and (level == C or (level == D and self._ventilated))
        # A or B: unplugged, or S2 opened (seq 2.2, 8.1, 8.2). If the guard opened, do so, too.
        if level == A or level == B or (self.held and self.held()):
            asking = False
            self._let_go += 1
            if self._let_go >= _LET_GO_WINDOWS:
                wrong = cause or self._evidence.doubt and self._evidence.cause
                asks = level != A and level != B
                if wrong and asks:
                    self.trip(wrong)
                self._open("GuardOpened" if asks else UNPLUGGED if level == A else None)
                return
        else:
            self._let_go = 0
        # E, F, an invalid level, no information, D refused; with PWM also a lost diode (seq 12).
        # `lost`: None: stay closed; a cause: latch it; "": no fault, the EV does not ask.
        lost = self._evidence.closed(asking, cause, dt, seen_ms)
        if lost is not None:
            if lost:
                self.trip(lost)
            self._open()
        elif self._stop_ms >= 0:
            self._stop_ms += dt
            if self._stop_ms >= RELEASE_MS:
                self._open()
        elif not self._send.want_ma or not self._send.in_service:
            # Seq 9, 10: told to stop, the EV has 3 s to end its current and opens S2. Once
            # begun this goes through: a new permission waits until the contactor is open.
            self._stop_ms = 0

    def _open(self, cause=None):
        self._contactor.open()
        if self.closed:
            self.closed, self._dirty = False, True
            self._hold_left, self._ended, self._ended_by = RECLOSE_MS, True, cause
        self._stop_ms, self._let_go = -1, 0
        self._ready.over()
        self._evidence.bad.over()

    def _count_closing(self, now_ms):
        """Count a closing that has ended, by a latched fault, the EV or the charger."""
        self._ended = False
        if self.closings.ended(now_ms, self.fault or self._ended_by):
            self.trip("ClosingsExceeded")

    def _may_close(self):
        """True if it closes but for a hold."""
        return (
            self._ready.lasts(STABLE_WINDOWS, STABLE_MS) and not self._evidence.doubt
            and self._seen.sure and self._send.want_ma and self._send.in_service
            and not self.fault and not self._ended and not self.closings.why
            and (self._lock_ok is None or self._lock_ok())
            and (self._rcd_ok is None or self._rcd_ok())
        )  # fmt: skip

    def _close_if_allowed(self, seen_ms):
        seen = self._seen
        asking = seen.level == C or (seen.level == D and self._ventilated)
        if not asking or not seen.diode_good or seen.cause:
            self._ready.over()
            return
        self._ready.more(seen_ms)
        if not self._hold_left and self._may_close():
            if self.held and self.held():
                self.disputed = True  # the guard and this state machine disagree about the pilot
                self.trip("GuardDisagrees")
                return
            self._contactor.close()
            self.closed = self._dirty = True
            self.close_count += 1
