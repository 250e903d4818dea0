# The faults an EVSE has latched.
# MIT license; part of microevse
"""A latched fault stays until it is cleared by name. Each cause has a place of its own: none
pushes another out, however many there are. `add` may be called from a soft interrupt: it does
not allocate.

Clearing has two steps, so that an interrupt between any two of them neither loses a fault nor
leaves one that nothing shows: `ask` notes how often the cause has been latched, and `settle`,
in the tick, forgets it only if it has not been latched again since.
"""

from evse_base import const

# All causes, those that matter most first: of several the first one is shown.
CAUSES = (
    "EmergencyStop",
    "RcdTripped",
    "RcdTestFailed",
    "ProtectiveEarthLost",
    "ContactorWelded",
    "ContactorNotClosing",
    "OverCurrentHard",
    "OverCurrentSoft",
    "CurrentBlind",
    "LockJammed",
    "LockLost",
    "TemperatureStop",
    "TemperatureSensor",
    "TickFailed",
    "ClockStopped",
    "TaskFailed",
    "ConsoleStop",
    "ResetRequested",
    "StorageFailed",
    "NoRecordSpace",
    "GuardDisagrees",
    "GuardFailed",
    "Uncalibrated",
    "ClosingsExceeded",
    "PilotFrontEnd",
    "PilotBlind",
    "PilotOutput",
    "PilotDuty",
    "DiodeLost",
    "PilotWrong",
    "PilotUnsteady",
    "MeterLost",
    "ReaderLost",
    "CableUnreadable",
    "UnknownCause",  # and every word that is not in this list
)
# Causes seen on the pilot: the state machine sees for itself whether they are gone.
OF_THE_PILOT = (
    "PilotBlind",
    "PilotOutput",
    "PilotDuty",
    "PilotWrong",
    "DiodeLost",
    "PilotUnsteady",
)
_COUNT = const(35)  # of CAUSES
_WRAP = const(250)  # the highest count; the next one is 1


def _place(cause):
    return CAUSES.index(cause) if cause in CAUSES else _COUNT - 1


class Latch:
    """`moved`: something was latched or asked for; `settle` is due."""

    def __init__(self):
        # For each cause: how often it was latched since it was last cleared; then, in the second
        # half, the same count at the time when clearing was asked for. 0: not latched, not asked.
        self._counts = bytearray(2 * _COUNT)
        self.moved = False

    def add(self, cause):
        """Latch `cause`. False if it was latched already."""
        i = _place(cause)
        counts = self._counts
        asked = counts[_COUNT + i]  # read first: a tick between these lines may forget the cause
        before = counts[i]
        counts[i] = before % _WRAP + 1
        if asked or not before:
            self.moved = True
        return not before

    def count(self, cause):
        """How often it was latched, for `ask`; 0 if it is not."""
        return self._counts[_place(cause)]

    def ask(self, cause, count):
        """Have `cause` forgotten by the next `settle`, unless it is latched again before."""
        if count:
            self._counts[_COUNT + _place(cause)] = count
            self.moved = True

    def settle(self, evse):
        """In the tick: forget what was asked for where `evse.may_clear(cause)` allows it. Returns
        the cause that matters most, None if none is left."""
        self.moved = False
        counts = self._counts
        first = None
        for i in range(_COUNT):
            asked = counts[_COUNT + i]
            if asked:
                counts[_COUNT + i] = 0
                if asked == counts[i] and evse.may_clear(CAUSES[i]):
                    counts[i] = 0
            if first is None and counts[i]:
                first = CAUSES[i]
        return first

    def all(self):
        """[cause], those that matter most first."""
        return [CAUSES[i] for i in range(_COUNT) if self._counts[i]]
