# The causes of faults in one table: their meaning and the reaction of the station.
# MIT license; part of microevse
"""The causes of faults, and the policy for each.

A fault is named by its cause; a protocol has its own words for it and translates. The contactor
does not wait for this table: the EVSE state machine opens it by itself. The table decides what
becomes of the session, and when the fault is over.
"""

from evse_base import const, log
from store import kinds

# The reaction to a fault.
WARN = 0  # reported; charging goes on
PAUSE = 1  # the EV is asked to let go, the session waits
OPEN = 2  # the contactor opens at once, the session waits
END = 3  # the contactor opens at once, the session ends

# When a fault is over (never before its cause is gone).
AUTO = 0  # by itself
UNPLUG = 1  # when the EV has been unplugged; a restart does not help (see `recovery`)
RESTART = 2  # after a restart: a person has to find the cause first
PERSON = 3  # when an authorised person resets it; a restart does not help (see `recovery`)

# A fault is shown at least this long, so that it is seen and does not chatter.
HOLD_MS = 5000

# Cause, reaction, when it is over, sentence for a person. Of causes with the same reaction
# the first one in this table is shown. One text: as a dict it would take ten times the heap.
_TABLE = """
EmergencyStop|33Emergency stop: release it, then reset it on the page or by a long press of the button.
RcdTripped|31Earth leakage: unplug and have car and cable checked.
RcdTestFailed|31RCD self-test failed: have the charger checked.
ProtectiveEarthLost|31Protective earth lost: have the installation checked.
ContactorWelded|32Contactor does not open: do not use.
ContactorNotClosing|32Contactor does not close: have it checked.
OverCurrentHard|31The car took far more current than it was offered.
OverCurrentSoft|31The car took more current than it was offered.
CurrentBlind|20The meter does not tell the current.
LockLost|31The lock opened while charging.
LockJammed|31The plug could not be locked.
TemperatureStop|20Too hot: waiting to cool down.
TemperatureSensor|20The temperature sensor does not work.
TickFailed|32Internal error in the watch over the car: restart needed.
ClockStopped|32Internal error, the clock stopped: restart needed.
TaskFailed|32Internal error: restart needed.
ConsoleStop|32Stopped at the console: restart needed.
ResetRequested|32Restarting.
StorageFailed|32The memory does not work: restart needed.
NoRecordSpace|30No room for records.
GuardDisagrees|32The hardware guard holds the contactor open although the car asks: have the charger checked.
GuardFailed|20The guard in the chip does not work: have the charger checked if this stays.
Uncalibrated|32The converter of the control pilot is not calibrated.
PilotFrontEnd|32Control pilot does not reach -12 V: have supply and op-amp checked. The car is not at fault.
PilotBlind|32The charger cannot measure the control pilot.
PilotOutput|32The charger does not send the control pilot that it means.
PilotDuty|32The charger does not offer the current that it means.
PilotWrong|20The control pilot of the car is not right.
DiodeLost|20The car has no diode in its control pilot.
PilotUnsteady|20The control pilot is bad most of the time.
ClosingsExceeded|31The contactor has closed too often: unplug; if this stays, a person has to reset it.
MeterLost|10The energy meter does not answer.
CableUnreadable|30The rating of the cable cannot be read.
ReaderLost|00The card reader does not answer.
"""  # noqa: E501


# Reasons of sessions that a fault ends, most important cause first; "other" for all other causes.
_END_REASONS = const("""
EmergencyStop emergency_stop
RcdTripped ground_fault
ProtectiveEarthLost ground_fault
OverCurrentHard overcurrent_fault
OverCurrentSoft overcurrent_fault""")


def _row(cause):
    """Where the columns after `cause` begin in the table; 0 if the cause is unknown."""
    at = _TABLE.find("\n%s|" % cause)
    return at + len(cause) + 2 if at >= 0 else 0


def is_known(cause):
    """True if this version has the cause in its table."""
    return isinstance(cause, str) and _row(cause) > 0


def action(cause):
    """WARN, PAUSE, OPEN or END. An unknown cause is treated as the worst."""
    at = _row(cause)
    return int(_TABLE[at]) if at else END


def clearing(cause):
    """AUTO, UNPLUG, RESTART or PERSON."""
    at = _row(cause)
    return int(_TABLE[at + 1]) if at else RESTART


def sentence(cause, info=""):
    """The sentence for a person; `info` adds a detail."""
    at = _row(cause)
    text = _TABLE[at + 2 : _TABLE.find("\n", at)] if at else "Fault %s." % cause
    return "%s (%s)" % (text, info) if info else text


def worst(causes):
    """The cause that matters most, None if there is none."""
    best = None
    for cause in causes:
        if best is None or (action(cause), -_row(cause)) > (action(best), -_row(best)):
            best = cause
    return best


# Fields of the state of one fault.
_INFO = const(0)
_SINCE = const(1)
_PRESENT = const(2)
_TOLD = const(3)
_RELEASED = const(4)


class Faults:
    """The faults of one connector, each under its cause: those that its EVSE has latched, and
    those that other parts report. None of them can hide or end another one."""

    def __init__(self, evse):
        self._evse = evse
        self._found = {}  # cause -> [info, since_ms, present, told, released by a person]
        self._ended = []  # causes that are over and were told

    def report(self, cause, info, now, watched=False):
        """A part has found `cause`; returns True if the cause is new.

        A cause that ends by itself, or is `watched`, lasts until its part calls `gone`; the part
        may report it at every look. Any other cause is an event: the table decides when it ends.
        """
        lasts = watched or clearing(cause) == AUTO
        known = self._found.get(cause)
        news = known is None or (lasts and not known[_PRESENT])
        if known is None:
            self._found[cause] = [info, now, lasts, False, False]
        elif not known[_PRESENT]:
            known[_INFO], known[_SINCE] = info, now
            known[_PRESENT], known[_RELEASED] = lasts, False
        self._act(cause)
        return news

    def gone(self, cause):
        """A reported cause is gone; the table decides when the fault ends."""
        if cause in self._found:
            self._found[cause][_PRESENT] = False

    def _act(self, cause):
        if action(cause) >= OPEN and (self._evse.closed or self._evse.pwm):
            self._evse.trip(cause)

    def step(self, now, plugged):
        """React to the faults there are; clear those that may be cleared by now."""
        found = self._found
        for cause in self._evse.faults:
            if cause not in found:
                found[cause] = ["", now, False, False, False]
        for cause in list(found):
            self._act(cause)
            _, since, present, told, released = found[cause]
            if present or not _over(cause, since, now, plugged, released):
                continue
            # The EVSE refuses as long as it sees the cause.
            if self._evse.clear(cause) and cause not in self._evse.faults:
                del found[cause]
                if told:
                    self._ended.append(cause)

    def changes(self):
        """(cause, info, on) of each fault that has come or gone since this was last asked."""
        ended, self._ended = self._ended, []
        news = [(cause, "", False) for cause in ended]
        for cause in self._found:
            known = self._found[cause]
            if not known[_TOLD]:
                known[_TOLD] = True
                news.append((cause, known[_INFO], True))
        return news

    def for_person(self, kept=False):
        """Causes that wait for a person. `kept`: also causes that wait until the cable is out, so
        that these are all causes that outlast a restart."""
        found = self._found
        waits = (PERSON, UNPLUG) if kept else (PERSON,)
        causes = [c for c in found if clearing(c) in waits and not found[c][_RELEASED]]
        if kept:  # also latched causes that `step` has not seen yet
            causes += [c for c in self._evse.faults if c not in found and clearing(c) in waits]
        return causes

    def reset(self, closings=False):
        """An authorised person resets the faults that wait for a person. `closings`: the bound of
        closings has to be reset, too. False if there is nothing to reset, or a cause is still
        there. With `closings` every cause that opens the contactor counts: each may have led to
        the bound."""
        causes = self.for_person()
        for cause in self._found if closings else causes:
            if self._found[cause][_PRESENT] and action(cause) >= OPEN:
                return False
        for cause in self._evse.faults if closings else ():
            if cause != "ClosingsExceeded" and not self._evse.may_clear(cause):
                return False
        for cause in causes:
            self._found[cause][_RELEASED] = True
        return closings or bool(causes)

    @property
    def current(self):
        """(cause, info) of the fault that matters most, None if there is none."""
        cause = worst(list(self._found) + list(self._evse.faults))
        if cause is None:
            return None
        return cause, self._found[cause][_INFO] if cause in self._found else ""

    @property
    def action(self):
        """The reaction to the worst fault; WARN also when there is none."""
        current = self.current
        return action(current[0]) if current else WARN

    @property
    def end_reason(self):
        """Why a session ends that these faults end: neutral reason word."""
        for line in _END_REASONS.split("\n")[1:]:
            cause, reason = line.split()
            if self.has(cause):
                return reason
        return "other"

    @property
    def may_be_live(self):
        """True if the contactor does not obey: there may be voltage on the pins."""
        return self.has("ContactorWelded") or self.has("ContactorNotClosing")

    def has(self, cause):
        return cause in self._found or cause in self._evse.faults


class Held:
    """The reasons that keep the contactor open over restarts, as one HELD record: causes that
    a restart does not end, the counts of closings, the last session that was counted as cut, and
    whether free mode waits for the cable. `recovery` reads it at boot."""

    def __init__(self, connector, journal):
        self._connector = connector
        self._journal = journal
        self.counted = 0  # the last session that was counted as cut
        self.waits = 0  # 1: free mode waits until the cable has been out
        self.on_flash = [], 0, 0  # as stored: the causes, `counted`, `waits`

    def keep(self):
        """Put the changes on flash. Never while the contactor is closed."""
        connector = self._connector
        closings = connector.evse.closings
        causes = connector.faults.for_person(True)
        if connector.unplugged_since_stop:
            self.waits = 0
        wanted = causes, self.counted, self.waits
        if connector.evse.closed or (wanted == self.on_flash and not closings.news):
            return
        closings.news, kept = False, False
        try:
            record = [connector.id, causes, closings.counts(), self.counted, self.waits]
            self._journal.keep(kinds.HELD, connector.id, record)
            self.on_flash, kept = wanted, True
        except Exception as exc:
            log.error("station", "faults not recorded: %r", exc)
        finally:
            if not kept:
                closings.news = True  # written again at the next look


def _over(cause, since, now, plugged, released):
    """True if the table lets a fault end now, once its cause is gone."""
    how = clearing(cause)
    if how == RESTART or now - since < HOLD_MS:
        return False
    if how == PERSON:
        return released
    return how == AUTO or not plugged
