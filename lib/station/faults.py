# What can go wrong, in one table: what it means and what the station does.
# MIT license; part of microevse
"""Fault codes of a connector and the policy for each.

Codes are the error code names that OCPP 1.6 section 7.6 fixed; everybody in this trade
uses them. The contactor does not wait for this table: the EVSE state machine opens it by
itself. The table decides what becomes of the session, and when the fault is over.
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

EMERGENCY_STOP = "Emergency stop"

# What exactly it was: name for machines, code, info that people read. One text, as below:
# constants of their own would take ten times the heap, as each is an object.
_DETAILS = """
PilotFrontEnd|InternalError|control pilot does not reach -12 V
GuardDisagrees|InternalError|guard and control pilot disagree
ContactorWelded|PowerSwitchFailure|contactor does not open
ContactorNotClosing|PowerSwitchFailure|contactor does not close
ProtectiveEarthLost|GroundFailure|protective earth lost
RcdTestFailed|GroundFailure|RCD self-test failed
LockJammed|ConnectorLockFailure|did not lock
LockLost|ConnectorLockFailure|lock opened while charging
OverCurrentSoft|OverCurrentFailure|soft limit
OverCurrentHard|OverCurrentFailure|hard limit
TemperatureStop|HighTemperature|too hot
TemperatureSensor|HighTemperature|temperature sensor
"""

# Code, what it does, when it is over, what a person reads.
_TABLE = """
ConnectorLockFailure|31The plug could not be locked.
EVCommunicationError|20The control pilot of the car is not right.
GroundFailure|31Earth leakage or earth fault: unplug and have it checked.
HighTemperature|20Too hot: waiting to cool down.
InternalError|32Internal error: restart needed.
OverCurrentFailure|31The car took more current than it was offered.
PowerMeterFailure|10The energy meter does not answer.
PowerSwitchFailure|32The contactor does not switch: do not use.
ReaderFailure|00The card reader does not answer.
ResetFailure|02A reset could not be done.
UnderVoltage|20Mains voltage too low.
OverVoltage|20Mains voltage too high.
WeakSignal|00Weak wireless signal.
OtherError|30Fault.
"""


def _row(code):
    """Where the columns after `code` begin in the table; 0 if the code is unknown."""
    at = _TABLE.find("\n%s|" % code)
    return at + len(code) + 2 if at >= 0 else 0


def action(code):
    """WARN, PAUSE, OPEN or END. An unknown code is treated as the worst."""
    at = _row(code)
    return int(_TABLE[at]) if at else END


def clearing(code):
    """AUTO, UNPLUG or RESTART."""
    at = _row(code)
    return int(_TABLE[at + 1]) if at else RESTART


# Where the sentence of the code would send people the wrong way.
_SENTENCES = {
    "PilotFrontEnd": "The charger's control pilot does not reach -12 V: have its supply and "
    "op-amp checked. The car is not at fault.",
    "GuardDisagrees": "The hardware guard holds the contactor open although the car asks: have "
    "the charger checked.",
}


def sentence(code, info=""):
    """What a person should read."""
    name = detail(code, info)
    if name in _SENTENCES:
        return _SENTENCES[name]
    at = _row(code)
    text = _TABLE[at + 2 : _TABLE.find("\n", at)] if at else "Fault %s." % code
    return "%s (%s)" % (text, info) if info else text


def detail(code, info):
    """Name of what exactly happened, for vendor error codes; None where there is none."""
    # What follows a comma says which of several it was.
    end = _DETAILS.find("|%s|%s\n" % (code, info.split(",")[0]))
    return _DETAILS[_DETAILS.rfind("\n", 0, end) + 1 : end] if end >= 0 else None


def end_reason(code, info=""):
    """Why a session ends that this fault ends: neutral reason word."""
    return "emergency_stop" if info == EMERGENCY_STOP else "other"


def worst(codes):
    """The code that matters most, None if there is none."""
    best = None
    for code in codes:
        if best is None or action(code) > action(best):
            best = code
    return best


class Faults:
    """The faults of one connector: those of its EVSE and those reported by other parts."""

    def __init__(self, evse):
        self._evse = evse
        self._reported = {}  # code -> [info, since_ms, cause still present, it is watched]
        self._evse_since = None  # (code, since_ms) of the EVSE's own fault

    def report(self, code, info, now, watched=False):
        """A part says that `code` has happened. True if that is news. `watched`: the part
        will say when the cause is gone (`gone`); until then the fault stays in any case."""
        known = self._reported.get(code)
        if known is not None and known[2] and known[0] == info:
            return False
        self._reported[code] = [info, now, True, watched]
        if action(code) >= OPEN and (self._evse.closed or self._evse.pwm):
            self._evse.trip(code)
        return True

    def gone(self, code):
        """The cause of a reported fault is gone; when the fault ends is the table's word."""
        if code in self._reported:
            self._reported[code][2] = False

    def step(self, now, plugged):
        """Clear what may be cleared by now."""
        for code in list(self._reported):
            _, since, present, watched = self._reported[code]
            holds = present and (watched or clearing(code) == AUTO)
            if _over(code, since, now, plugged) and not holds:
                if self._evse.clear(code):
                    del self._reported[code]
        code = self._evse.fault
        if code is None:
            self._evse_since = None
        elif self._evse_since is None or self._evse_since[0] != code:
            self._evse_since = (code, now)
        elif code not in self._reported and _over(code, self._evse_since[1], now, plugged):
            # The EVSE refuses as long as it sees the cause.
            self._evse.clear(code)

    @property
    def current(self):
        """(code, info) of the fault that matters most, None if there is none."""
        codes = list(self._reported)
        if self._evse.fault is not None:
            codes.append(self._evse.fault)
        code = worst(codes)
        if code is None:
            return None
        return code, self._reported[code][0] if code in self._reported else ""

    @property
    def action(self):
        """What the worst fault does; WARN also when there is none."""
        current = self.current
        return action(current[0]) if current else WARN

    def has(self, code):
        return code in self._reported or self._evse.fault == code


def _over(code, since, now, plugged):
    """True if the table lets a fault end now, its cause being gone."""
    how = clearing(code)
    if how == RESTART or now - since < HOLD_MS:
        return False
    return how == AUTO or not plugged
