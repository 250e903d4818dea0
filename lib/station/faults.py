# What can go wrong, in one table: what it means and what the station does.
# MIT license; part of microevse
"""The causes of faults, and the policy for each.

A fault is named by its cause; a protocol has its own words for it and translates. The contactor
does not wait for this table: the EVSE state machine opens it by itself. The table decides what
becomes of the session, and when the fault is over.
"""

# What a fault does.
WARN = 0  # told, nothing stops
PAUSE = 1  # the EV is asked to let go, the session waits
OPEN = 2  # the contactor opens at once, the session waits
END = 3  # the contactor opens at once, the session ends

# When a fault is over (never before its cause is gone).
AUTO = 0  # by itself
UNPLUG = 1  # when the EV has been unplugged
RESTART = 2  # after a restart: somebody has to look first

# A fault is shown at least this long, so that it is seen and does not chatter.
HOLD_MS = 5000

# Cause, what it does, when it is over, what a person reads. One text: as a dict it would take
# ten times the heap.
_TABLE = """
PilotWrong|20The control pilot of the car is not right.
DiodeLost|20The car has no diode in its control pilot.
PilotUnsteady|20The control pilot is bad most of the time.
PilotOutput|32The charger does not send the control pilot that it means.
PilotDuty|32The charger does not offer the current that it means.
PilotBlind|32The charger cannot measure the control pilot.
PilotFrontEnd|32Control pilot does not reach -12 V: have supply and op-amp checked. The car is not at fault.
Uncalibrated|32The converter of the control pilot is not calibrated.
GuardDisagrees|32The hardware guard holds the contactor open although the car asks: have the charger checked.
RcdTripped|31Earth leakage: unplug and have car and cable checked.
RcdTestFailed|31RCD self-test failed: have the charger checked.
ProtectiveEarthLost|31Protective earth lost: have the installation checked.
ContactorWelded|32Contactor does not open: do not use.
ContactorNotClosing|32Contactor does not close: have it checked.
ClosingsExceeded|31The contactor has closed too often: unplug.
LockJammed|31The plug could not be locked.
LockLost|31The lock opened while charging.
OverCurrentSoft|31The car took more current than it was offered.
OverCurrentHard|31The car took far more current than it was offered.
CurrentBlind|20The meter does not tell the current.
TemperatureStop|20Too hot: waiting to cool down.
TemperatureSensor|20The temperature sensor does not work.
MeterLost|10The energy meter does not answer.
ReaderLost|00The card reader does not answer.
CableUnreadable|30The rating of the cable cannot be read.
TickFailed|32Internal error in the watch over the car: restart needed.
ClockStopped|32Internal error, the clock stopped: restart needed.
TaskFailed|32Internal error: restart needed.
ConsoleStop|32Stopped at the console: restart needed.
ResetRequested|32Restarting.
StorageFailed|32The memory does not work: restart needed.
NoRecordSpace|30No room for records.
EmergencyStop|32Emergency stop.
"""


def _row(cause):
    """Where the columns after `cause` begin in the table; 0 if the cause is unknown."""
    at = _TABLE.find("\n%s|" % cause)
    return at + len(cause) + 2 if at >= 0 else 0


def action(cause):
    """WARN, PAUSE, OPEN or END. An unknown cause is treated as the worst."""
    at = _row(cause)
    return int(_TABLE[at]) if at else END


def clearing(cause):
    """AUTO, UNPLUG or RESTART."""
    at = _row(cause)
    return int(_TABLE[at + 1]) if at else RESTART


def sentence(cause, info=""):
    """What a person should read; `info` adds what the cause does not say."""
    at = _row(cause)
    text = _TABLE[at + 2 : _TABLE.find("\n", at)] if at else "Fault %s." % cause
    return "%s (%s)" % (text, info) if info else text


def end_reason(cause):
    """Why a session ends that this fault ends: neutral reason word."""
    return "emergency_stop" if cause == "EmergencyStop" else "other"


def worst(causes):
    """The cause that matters most, None if there is none."""
    best = None
    for cause in causes:
        if best is None or action(cause) > action(best):
            best = cause
    return best


class Faults:
    """The faults of one connector: those of its EVSE and those reported by other parts."""

    def __init__(self, evse):
        self._evse = evse
        self._reported = {}  # cause -> [info, since_ms, present, watched]
        self._evse_since = None  # (cause, since_ms) of the EVSE's own fault

    def report(self, cause, info, now, watched=False):
        """A part has found `cause`. True if that is news. `watched`: the part will say when it
        is gone (`gone`); until then the fault stays in any case."""
        known = self._reported.get(cause)
        if known is not None and known[2]:
            return False
        self._reported[cause] = [info, now, True, watched]
        if action(cause) >= OPEN and (self._evse.closed or self._evse.pwm):
            self._evse.trip(cause)
        return True

    def gone(self, cause):
        """A reported cause is gone; the table decides when the fault ends."""
        if cause in self._reported:
            self._reported[cause][2] = False

    def step(self, now, plugged):
        """Clear what may be cleared by now."""
        for cause in list(self._reported):
            _, since, present, watched = self._reported[cause]
            holds = present and (watched or clearing(cause) == AUTO)
            if _over(cause, since, now, plugged) and not holds:
                if self._evse.clear(cause):
                    del self._reported[cause]
        cause = self._evse.fault
        if cause is None:
            self._evse_since = None
        elif self._evse_since is None or self._evse_since[0] != cause:
            self._evse_since = (cause, now)
        elif cause not in self._reported and _over(cause, self._evse_since[1], now, plugged):
            # The EVSE refuses as long as it sees the cause.
            self._evse.clear(cause)

    @property
    def current(self):
        """(cause, info) of the fault that matters most, None if there is none."""
        causes = list(self._reported)
        if self._evse.fault is not None:
            causes.append(self._evse.fault)
        cause = worst(causes)
        if cause is None:
            return None
        return cause, self._reported[cause][0] if cause in self._reported else ""

    @property
    def action(self):
        """What the worst fault does; WARN also when there is none."""
        current = self.current
        return action(current[0]) if current else WARN

    @property
    def may_be_live(self):
        """True if the contactor does not do what it is told: there may be voltage on the pins."""
        return self.has("ContactorWelded") or self.has("ContactorNotClosing")

    def has(self, cause):
        return cause in self._reported or self._evse.fault == cause


def _over(cause, since, now, plugged):
    """True if the table lets a fault end now, once its cause is gone."""
    how = clearing(cause)
    if how == RESTART or now - since < HOLD_MS:
        return False
    return how == AUTO or not plugged
