# The output of the EVSE on the control pilot, and its timing.
# MIT license; part of microevse
"""+12 V (states x1), PWM (states x2) or -12 V (F), and how fast the duty may change. Words:
__init__.py."""

from evse_base import const

from iec61851 import duty
from iec61851.evidence import LOST_MS
from iec61851.levels import A, C, D

STEADY = const(0)
OFFER = const(1)
FAULT = const(2)

_DUTY_MS = const(5000)  # seq 6: the EV has 5 s to follow a change of duty
_D_REFUSED_MS = const(30000)  # before an EV that asked for ventilation is offered PWM again

_AFTER_MS = const(60000)  # slow EVs take 30 s and more to make up their mind
WAKE_MS = const(4000)
MAX_WAKES = const(3)


class Sender:
    """`output`: one of the above; `ma`: offered now; `share_pm`: duty in per mille, to compare
    with what comes back; `left_ms`: so long the duty must stay as it is.

    The request: `want_ma`: permitted, 0: nothing; `protect`: less of it is offered at
    once; `in_service`; `paused`: no PWM for now; `f_left`: state F goes on for so many ms.

    `pilot` has `steady()`, `offer(ma)`, `fault()`. Each verb returns True if anything changed.
    """

    def __init__(self, pilot, ventilated):
        pilot.steady()
        self._pilot = pilot
        self._ventilated = ventilated
        self.output = STEADY
        self.ma = 0
        self.share_pm = 1000
        self.left_ms = 0
        self.want_ma = 0
        self.in_service = True
        self.protect = self.paused = False
        self.f_left = self.pause_left = 0

    def passed(self, ms, closed):
        """`ms` have passed. A pause is over when it has lasted `pause_left` with the contactor
        closed: an EV that did not let go by then goes on charging."""
        if self.left_ms:
            self.left_ms = max(0, self.left_ms - ms)
        if self.output == FAULT:
            self.f_left = max(0, self.f_left - ms)
        if self.paused and closed:
            self.pause_left -= ms
            if self.pause_left <= 0:
                self.paused = False

    def drive(self, seen, plugged, closed, ending):
        """Send the output that the state asks for. `ending`: a fault is latched, or the EV has
        been told to stop."""
        refused = self._refused(seen)
        if refused:
            self.left_ms = _D_REFUSED_MS
        if self.f_left or not (self.in_service or closed):
            return self.fault()
        if plugged and not refused and not ending and self.wants(seen):
            return self.offer(self.want_ma, self.protect)
        return self.steady()

    def wants(self, seen):
        """Is PWM asked for (seq 3, 9), and has the EV not just gone (seq 2.1)?"""
        if not self.want_ma or not self.in_service or self.paused:
            return False
        return seen.level != A or seen.run.windows < 2

    def _refused(self, seen):
        """An EV that asks for ventilation where there is none gets +12 V."""
        return seen.level == D and not self._ventilated and seen.run.lasts(2, LOST_MS)

    def steady(self):
        """+12 V: no current may be drawn. Never has to wait."""
        if self.output == STEADY:
            return False
        self._pilot.steady()
        if self.output == OFFER:
            self.left_ms = max(self.left_ms, _DUTY_MS)
        self.output = STEADY
        self.ma = 0
        self.share_pm = 1000
        return True

    def offer(self, ma, hurry):
        """PWM for `ma`, once the duty may change. `hurry`: less than before is offered at once."""
        if self.left_ms and not (hurry and ma < self.ma):
            # F is over even if PWM has to wait.
            return self.output == FAULT and self.steady()
        if ma == self.ma:
            return False
        self._pilot.offer(ma)
        self.left_ms = _DUTY_MS
        self.output = OFFER
        self.ma = ma
        self.share_pm = duty.duty_u16(ma) * 1000 // duty.FULL
        return True

    def fault(self):
        """-12 V: no energy available. Never has to wait."""
        if self.output == FAULT:
            return False
        self._pilot.fault()
        self.output = FAULT
        self.ma = 0
        self.share_pm = 0
        return True


class Waker:
    """When to wake an EV that has fallen asleep over a pause.

    IEC 61851-1 A.5.3: an EV that does not react to PWM may be asleep; 4 s of state F (or E,
    where the pilot can be disconnected) wake many of them. Others take F for a fault, so it is
    done once for each time PWM is offered, and a few times only for as long as the cable stays
    in. An EV that has asked since PWM began is awake: if it let go again, it has had enough.

    `after_ms`: time in B with PWM on before state F; 0: never.
    """

    def __init__(self):
        self.after_ms = _AFTER_MS
        self.wakes = 0  # since the cable came in
        self._armed = False
        self._waking = False
        self._ms = 0

    def look(self, dt, plugged, pwm, level):
        """`dt` ms have passed; True if the EV is to be woken now."""
        if not plugged:
            self.wakes = 0
            self._armed = self._waking = False
            return False
        if not pwm:
            # The next PWM is a new offer, unless this waker sent the state F before it.
            self._armed = not self._waking
            self._ms = 0
            return False
        self._waking = False
        if level == C or level == D:
            self._armed = False
        if not self._armed or not self.after_ms or self.wakes >= MAX_WAKES:
            return False
        self._ms += dt
        if self._ms < self.after_ms:
            return False
        self._armed = False
        self._waking = True
        self.wakes += 1
        return True
