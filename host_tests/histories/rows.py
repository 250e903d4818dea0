# For how long the contacts of a connector may stay closed after a "no", kind by kind.
# MIT license; part of microevse
"""Each row is (name, limit in ms, fn(watched) -> the "no" is there, needs). `watched` is the
judge's view of one connector (judge.Watched): the physical world, the parts that a history has
broken, and what people have asked for. Nothing of it is what the firmware believes.

A converter that stands still has rows of its own, in place of those for the pilot.

needs: "tick" where the state machine has to see it, "task" where one of the program's tasks
has to, "closed" where that can only be seen (and counts) while the contacts are closed, "guard"
where the board's guard acts by itself. While the tick or the task cannot run, a row of its own
counts (BLIND), and this one waits.

What is on for more than half of any second counts as standing from that moment on; the limit
is then LEAKY_MS, the 3 s of seq 12, where the row's own is shorter. A task that looks twice a
second gets twice its own limit.
"""

LEAKY_MS = 3000
DROP_MS = 30  # the poles need up to this to open

# IEC 61851-1 Table A.6: seq 2.2, 8.1, 8.2 (100 ms) and 12 (3 s; five windows here).
LET_GO_MS = 100
LOST_MS = 160
RELEASE_MS = 6000  # seq 10.2

SENSED_MS = 1300  # two looks of the protection, half a second apart


def _let_go(w):
    return (w.letter == "A" or w.letter == "B") and (not w.stuck or w.guarded)


def _lost(w):
    return (not w.asking or w.short and w.pwm) and not w.stuck


def _adc_blind(w):
    return w.blind


def _adc_stuck(w):
    """Nothing of the square wave comes back. At steady +12 V this cannot be seen."""
    return w.stuck and w.pwm


def _adc_stuck_steady(w):
    return w.stuck


def _duty(w):
    return w.duty_off_pm > 40


def _rcd(w):
    return w.outlet.rcd.tripped


def _earth(w):
    return w.fault("pe") and w.raising != "earth"


def _estop(w):
    return w.fault("other")


def _hot(w):
    return w.hot and w.raising != "temperature"


def _no_temperature(w):
    return w.temp_dead


def _raises(w):
    return w.raising in ("earth", "temperature") or w.raising == "poles" and w.mirrored


def _lock(w):
    lock = w.outlet.lock
    return lock is not None and lock.detect != lock._level


def _more_hard(w):
    return w.over > 1.27 and not w.meter.stuck and not w.meter.silent


def _more_soft(w):
    return w.over > 1.12 and w.over_ma > 700 and not w.meter.stuck and not w.meter.silent


def _meter(w):
    return w.meter.silent


def _forbidden(w):
    return w.forbidden


def _not_closing(w):
    return w.broken and w.mirrored


ROWS = (
    ("let go", LET_GO_MS, _let_go, "guard"),
    ("pilot lost", LOST_MS, _lost, "tick"),
    ("converter fails", LOST_MS, _adc_blind, "tick"),
    ("converter stands still", LOST_MS, _adc_stuck, "tick"),
    ("converter stands still, no PWM", RELEASE_MS + 1000, _adc_stuck_steady, "tick"),
    ("duty", 2500, _duty, "tick"),
    ("rcd", 100, _rcd, "guard"),
    ("earth", SENSED_MS, _earth, "task"),
    ("emergency stop", 100, _estop, "tick"),
    ("hot", SENSED_MS, _hot, "task"),
    ("temperature sensor", 3900, _no_temperature, "task"),
    ("a sensor raises", 3900, _raises, "task"),
    ("lock", SENSED_MS, _lock, "closed"),
    ("over-current hard", 6000, _more_hard, "closed"),
    ("over-current soft", 13000, _more_soft, "closed"),
    ("meter silent", 11500, _meter, "closed"),
    ("no session", RELEASE_MS + 3000, _forbidden, "task"),
)

# How many ticks a judgement takes: where each of them is late, so is the judgement. A duty takes
# 64 windows, two in each tick that is late.
TICKS = {"duty": 32, "clock stops": 13}

# Parts that cannot see, each with its limit, and the limit on a board with a guard, where the
# watchdog allows stalls (the guard and the RCD act meanwhile). A hang: the RTC watchdog, 1 s. A
# timer: the same, or the program, which looks once a second. A clock: 13 ticks. Tasks: their own
# limit (5 s the main loop, 2 s the protection), and six feeds that are left out.
BLIND = {
    "hang": (1200, 13000),
    "timer stops": (1200, 2500),
    "clock stops": (420, 420),
    "loop hangs": (2700, 15500),
    "tick fails": (100, 100),
    "task fails": (2700, 15500),
}
# After a reset that keeps the pins, until boot.py.
RESET_MS = 900

# Closings.
AGAIN_MS = 4900  # five seconds since it opened
PER_PLUG_IN = 50
FAULTS_PER_PLUG_IN = 3
FAULTS_PER_HOUR = 16  # ten, and one that is forgotten each ten minutes
TRIPS_PER_DAY = 3
DIODE_MS = 300
BETWEEN_MS = 25
F_MS = 299
