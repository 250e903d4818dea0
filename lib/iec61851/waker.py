# When to wake an EV that has fallen asleep over a pause.
# MIT license; part of microevse
"""IEC 61851-1 A.5.3: an EV that does not react to PWM may be asleep; 4 s of state F (or E,
where the pilot can be disconnected) wake many of them. Others take F for a fault, so it is
done once for each time PWM is offered, and a few times only for as long as the cable stays
in. An EV that has asked since PWM began is awake: if it let go again, it has had enough.
"""

from port import const

from iec61851.levels import C, D

AFTER_MS = const(60000)  # slow EVs take 30 s and more to make up their mind
WAKE_MS = const(4000)
MAX_WAKES = const(3)


class Waker:
    """`after_ms`: time in B with PWM on before state F; 0: never."""

    def __init__(self):
        self.after_ms = AFTER_MS
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
            # What comes next is a new offer, unless state F was ours.
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
