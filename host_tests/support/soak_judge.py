# The checks of the soak: the charger's log, the books of the central system, the car.
# MIT license; part of microevse
"""`read(line, ...)` follows the sessions in the charger's log, by uptime; `judge(life, Wh)`
compares them with what the central system has booked and the virtual car has got.

Nothing is estimated but what a jump of the virtual time hides: see GRID_MS.
"""

import re
from datetime import datetime

from bench import ID

SAMPLE_S = 300
VOLTS = 230
# How often the charger puts the energy of a session on flash, s (station/metering.py).
CHECKPOINT_S = 300
# In a quiet time the twin jumps so far. Pings are counted in wake-ups: much longer, and the line
# would be taken for dead.
GRID_MS = 120000
# `12.345 I station: session 3 begins ...`: uptime, and what happened to the session.
_BEGINS = re.compile(r"(\d+)\.\d+ I station: session (\d+) begins at (\d+) Wh")
_ENDS = re.compile(r"(\d+)\.\d+ I station: session (\d+) ends: ")
_OVER = re.compile(r"(\d+)\.\d+ I station: session (\d+): (\d+) Wh")
_STEPPED = re.compile(r"(\d+)\.\d+ W clock: stepped by (-?\d+) s")


def read(line, sessions, now):
    """Take what a log line says of a session into `sessions`; now: virtual s."""
    if found := _BEGINS.match(line):
        sessions.append(Told(int(found.group(1)), now))
    elif found := _ENDS.match(line):
        sessions[-1].ending = int(found.group(1))
    elif found := _OVER.match(line):
        sessions[-1].over(int(found.group(1)), int(found.group(3)))
    elif (found := _STEPPED.match(line)) and sessions:
        sessions[-1].stepped(int(found.group(1)), int(found.group(2)))


class Told:
    """A session by the charger's log; times in s of the uptime of its boot."""

    def __init__(self, uptime, now):
        self.began = uptime
        self.now = now  # virtual s
        self.steps = []  # [(when, s)] of the charger's clock
        self.ending = self.ended = None  # asked for, then recorded with the contactor open
        self.wh = None
        self.cut_s = None  # how old it was when a reset or power cut ended it

    def stepped(self, uptime, by):
        if self.ended is None and self.cut_s is None:  # else of another boot, or of no session
            self.steps.append((uptime, by))

    def over(self, uptime, wh):
        if self.cut_s is None:
            self.ended = uptime
        self.wh = wh

    def cut(self, now):
        if self.ended is None and self.cut_s is None:
            self.cut_s = now - self.now

    def stamps(self, age):
        """How much later than the start's the stamp of a moment may be, at this age (s): as the
        clock was stepped by then, or until the charger looked (which may be one GRID_MS late)."""
        found = set()
        for late in (0, GRID_MS // 1000 + 5):
            at = self.began + age + late
            found.add(age + sum(step for when, step in self.steps if when <= at))
        return found


def judge(life, total_wh):
    """AssertionError unless every session is booked once, complete, and with its energy."""
    b = life.b
    book = list(b.csms.transactions.values())
    assert len(book) == life.began, f"{len(book)} transactions for {life.began} sessions"
    assert len(life.sessions) == life.began, f"{len(life.sessions)} in the log"
    for number, entry in enumerate(book, 1):
        assert entry.stop is not None, f"no end of {entry}"
        told = life.sessions[number - 1]
        assert told.wh in (None, entry.wh), f"{entry}: the charger says {told.wh} Wh"
        _judge_energy(entry, told, *life.flowed[number - 1])
        _judge_samples(entry, told)
    stray = [p for p in b.csms.calls("StopTransaction") if p["transactionId"] == -1]
    assert not stray, stray
    resets = life.reboots + life.own_resets
    told = "\n\n".join([f"{b.twin.boots - 1} resets, {resets} for a reason", *life.unasked])
    assert b.twin.boots - 1 == resets, told
    assert total_wh > 50 * life.began, f"only {total_wh} Wh: nobody has charged"
    assert b.csms.registration[ID] == "Accepted"
    assert not life.bad, life.bad


def _judge_energy(entry, told, flowed, amps):
    """Nothing is billed that did not flow; what flowed is billed, but for what a reset or a power
    cut took: since the last checkpoint, which a jump may have delayed."""
    assert entry.wh <= flowed + 2, f"{entry}: {flowed:.1f} Wh flowed"
    lost = 0
    if told.cut_s is not None:
        lost = amps * VOLTS * (CHECKPOINT_S + GRID_MS / 1000 + 10) / 3600
    assert entry.wh >= flowed - lost - 3, f"{entry}: {flowed:.1f} Wh flowed, {told.cut_s}"


def _unix(stamp):
    return int(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp())


def _judge_samples(entry, told):
    """One sample every SAMPLE_S from the first to the last, none missing, none twice, each
    stamped as the charger's clock was then."""
    start = _unix(entry.start["timestamp"])
    ages = [_unix(stamp) - start for stamp, _ in entry.samples]
    for number, age in enumerate(ages, 1):
        wanted = told.stamps(SAMPLE_S * number)
        # Stamps are in whole seconds, twice rounded.
        near = [right for right in wanted if abs(age - right) <= 2]
        assert near, f"{entry}: sample {number} of {ages} at {age}, not {wanted} s ({told.steps})"
    stop = _unix(entry.stop["timestamp"]) - start
    if told.cut_s is None:
        lived = told.ended - told.began
        assert min(abs(stop - right) for right in told.stamps(lived)) <= 2, (
            f"{entry}: its end {stop} s after its start, not {told.stamps(lived)}"
        )
        # A sample that falls due in the jump before the end is left to the end's reading.
        jump = GRID_MS // 1000 + 5
        few, many = (told.ending - told.began - jump) // SAMPLE_S, (lived + 2) // SAMPLE_S
    else:
        # A session that a reset ended is as old as its last record.
        few, many = ((told.cut_s + by) // SAMPLE_S for by in (-5 - GRID_MS // 1000, 15))
    assert few <= len(ages) <= many, f"{entry}: {len(ages)} samples, not {few} to {many}"
