# What the EVSE sends on the control pilot.
# MIT license; part of microevse
"""+12 V (x1 states), PWM (x2 states) or -12 V (F), and how fast the duty may change."""

from port import const

from iec61851 import duty

STEADY = const(0)
OFFER = const(1)
FAULT = const(2)

DUTY_MS = const(5000)  # seq 6: the EV has 5 s to follow a change of duty


class Sender:
    """`output`: one of the above; `ma`: offered now; `share_pm`: duty in per mille, to compare
    with what comes back; `left_ms`: so long the duty must stay as it is.

    `pilot` has `steady()`, `offer(ma)`, `fault()`. Each verb returns True if anything changed.
    """

    def __init__(self, pilot):
        pilot.steady()
        self._pilot = pilot
        self.output = STEADY
        self.ma = 0
        self.share_pm = 1000
        self.left_ms = 0

    def steady(self):
        """+12 V: no current may be drawn. Never has to wait."""
        if self.output == STEADY:
            return False
        self._pilot.steady()
        if self.output == OFFER:
            self.left_ms = max(self.left_ms, DUTY_MS)
        self.output = STEADY
        self.ma = 0
        self.share_pm = 1000
        return True

    def offer(self, ma, hurry):
        """PWM for `ma` when its time has come. `hurry`: less than before is offered at once."""
        if self.left_ms and not (hurry and ma < self.ma):
            # F is over even if PWM has to wait.
            return self.output == FAULT and self.steady()
        if ma == self.ma:
            return False
        self._pilot.offer(ma)
        self.left_ms = DUTY_MS
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
