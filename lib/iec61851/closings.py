# How often a contactor may close again, and who may let it close after that.
# MIT license; part of microevse
"""After repeated failures the contactor does not close again without end.

Each bound is a number of closings that may follow each other quickly, and the time after which
one of them no longer counts:

    what ended the closing        closings  one less every  then it stays open until
    anything, in one plug-in            50   2 min          unplugged
    a fault, in one plug-in              3  4 h             unplugged
    a restart, in one plug-in            6  1 h             unplugged
    anything, over plug-ins            100  15 s            a person resets it
    a fault, over plug-ins              10  2 h             a person resets it
    unplugged while closed              15  30 min          a person resets it
    the RCD has tripped                  3  24 h            a person resets it

All are counted over reboots as well: `counts` and `restore`. A restart counts if no command caused
it and the EV was asking (station.recovery): the supply may break down at each closing. Six are
allowed because a supply may flicker, too. Heat counts as no fault: it has a hysteresis of its own.
State A for 2 s means unplugged (evse.Evse.away). A broken wire of the pilot shows the same. So
state A that follows C has a bound of its own; a connector with a latch shows B first.

Sources: UL 2231-2 (section 14.4 of its decision on programmable components) lets a personnel
protection device reset by itself 4 times at most, 15 minutes after each trip, unless a person
intervenes; OpenEVSE retries 6 times after 5 minutes (3 times after 15 in its older versions); IEC
61851-1 names no number. Here the contactor does not close after a trip of the RCD before the cable
was out, so a person was there each time. The other numbers are ours. They stay clear of normal
use: 12 pauses an hour for solar surplus, preconditioning, wake-ups; 30 an hour may go on for ever
in one plug-in. Contactors stand 30,000 switchings under load and more: 50 cost less than two
thousandths.
"""

from evse_base import const, ticks_diff

# Places in `_debts`, and for each the closings allowed and the ms after which one is forgotten.
_PLUG_IN = const(0)
_PLUG_IN_FAULTS = const(1)
_ALL = const(2)
_ALL_FAULTS = const(3)
_RCD = const(4)
_UNPLUGGED = const(5)
_CUTS = const(6)
_MOST = const((50, 3, 100, 10, 3, 15, 6))
_EACH_MS = const((120000, 14400000, 15000, 7200000, 86400000, 1800000, 3600000))
_OF_PLUG_IN = const((_PLUG_IN, _PLUG_IN_FAULTS, _CUTS))  # the others wait for a person
_ORDER = const((_ALL_FAULTS, _RCD, -1, _PLUG_IN, _PLUG_IN_FAULTS, _ALL, _UNPLUGGED, _CUTS))
_DEBT_MAX = const(1 << 29)

UNPLUGGED = "UnpluggedClosed"
CUT = "SessionCut"
# A person or the program causes the first three, and heat passes slowly: a closing that ends by
# one of these does not count as a fault.
_NO_FAULT = const(("EmergencyStop", "ResetRequested", "ConsoleStop", "TemperatureStop"))


class Closings:
    """To be read by others: `why`: None while the contactor may close, else "often", "fault" or
    "rcd"; `person`: unplugging is not enough; `cause`: the last fault that ended a closing;
    `news`: `counts()` has changed and should be kept.
    """

    def __init__(self):
        self.why = self.cause = None
        self.person = self.news = False
        self._debts = [0] * len(_MOST)  # closings times _EACH_MS, less the time that has passed
        self._last_ms = None

    def ended(self, now_ms, cause):
        """A closing has ended, by the fault `cause` or None. Returns `why`. Does not allocate."""
        self.passed(now_ms)
        fault = cause is not None and cause not in _NO_FAULT
        if fault:
            self.cause = cause
        fault = fault and cause != UNPLUGGED and cause != CUT
        self.news = True
        debts = self._debts
        for i in range(len(_MOST)):
            if i == _RCD:
                counts = cause == "RcdTripped"
            elif i == _UNPLUGGED:
                counts = cause == UNPLUGGED
            elif i == _CUTS:
                counts = cause == CUT
            else:
                counts = fault or i == _PLUG_IN or i == _ALL
            if not counts:
                continue
            debts[i] = min(debts[i] + _EACH_MS[i], _DEBT_MAX)
            if debts[i] > (_MOST[i] - 1) * _EACH_MS[i]:
                self._stop(i)
        return self.why

    def _stop(self, i):
        self.why = "rcd" if i == _RCD else "often" if i == _PLUG_IN or i == _ALL else "fault"
        if i not in _OF_PLUG_IN:
            self.person = True

    def passed(self, now_ms):
        """Forget closings that are long enough ago. Call it now and then, because the clock of
        `now_ms` (ticks_ms) wraps. Time that cannot be measured counts as none."""
        gone = 0 if self._last_ms is None else max(0, ticks_diff(now_ms, self._last_ms))
        self._last_ms = now_ms
        debts = self._debts
        for i in range(len(_MOST)):
            debts[i] = max(0, debts[i] - gone)

    def unplugged(self, now_ms):
        """The cable is out: the bounds of one plug-in begin anew."""
        self.passed(now_ms)
        for i in _OF_PLUG_IN:
            if self._debts[i]:
                self._debts[i], self.news = 0, True
        if self.why:
            self.news = True
        if not self.person:
            self.why = None

    def reset(self):
        """A person has checked the charger: the contactor may close again."""
        for i in range(len(_MOST)):
            self._debts[i] = 0
        self.why = self.cause = None
        self.person = False
        self.news = True

    @property
    def left(self):
        """(closings, closings ended by a fault) that this plug-in may still have."""
        debts = self._debts
        return tuple(
            [max(0, _MOST[i] - (debts[i] + _EACH_MS[i] - 1) // _EACH_MS[i]) for i in range(2)]
        )

    def counts(self):
        """The values that outlast a reboot: whole seconds, 0 or 1 for `person`; see _ORDER."""
        return [int(self.person) if i < 0 else self._debts[i] // 1000 for i in _ORDER]

    def restore(self, counts):
        """Restore the list of `counts` after a reboot. The time between counts as none, a missing
        number as 0, and a number that cannot be read as the highest. Extra numbers are ignored.
        Returns `why`."""
        if not isinstance(counts, (list, tuple)) or len(counts) < 3:
            counts = (None,) * len(_ORDER)
        for at, i in enumerate(_ORDER):
            if i < 0 or at >= len(counts):
                continue
            value, most_ms = counts[at], _MOST[i] * _EACH_MS[i]
            if not isinstance(value, int) or not 0 <= value <= most_ms // 1000:
                value = most_ms // 1000
            self._debts[i] = value * 1000
            if i in _OF_PLUG_IN and value * 1000 > most_ms - _EACH_MS[i]:
                self._stop(i)
        if counts[2] != 0:
            self.why = "rcd" if self._debts[_RCD] >= self._debts[_ALL_FAULTS] else "fault"
            self.person = True
        return self.why
