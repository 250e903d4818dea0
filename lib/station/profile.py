# One charging profile: a limit over time.
# MIT license; part of microevse
"""Limits over time as an operator plans them, without any protocol's words.

Five purposes: MAX caps the whole station, and GENERATION adds what is made on the spot to that
cap; DEFAULT is what a session may draw; TX replaces DEFAULT for one session, whenever TX has a
limit; PRIORITY replaces both for a session that goes first. Times are Unix s or s, limits tenths
of A or W: integers throughout.
"""

import struct

from evse_base import const

MAX, DEFAULT, TX, GENERATION, PRIORITY = 0, 1, 2, 3, 4
AMPS, WATTS = 0, 1
DAILY, WEEKLY = 86400, 604800

# Places in `Profile.extra`; on flash, too: only ever appended to.
KIND = const(0)  # ABSOLUTE ...: as the operator has called it
SCHEDULE = const(1)  # the operator's number of the schedule
DELAY = const(2)  # s: its changes come late by a random time of at most that
AWAY = const(3)  # s without a central system after which it has no limit, None: for ever
LASTING = const(4)  # then it is dropped for good
EVERY = const(5)  # s: a LIVE one asks for a new limit so often, 0: never
UPDATED = const(6)  # Unix s of the last new limit of a LIVE one, None: not known

ABSOLUTE, RELATIVE, RECURRING, LIVE = 0, 1, 2, 3

# 96 periods (a day of quarter hours) of 8 bytes and 60 bytes of the rest always fit the
# journal's record of 1024 bytes. In RAM a profile costs about 250 bytes and 8 for each period.
MAX_PERIODS = const(96)
MAX_PROFILES = const(8)
_MAX_STACK = const(9)

_PERIOD = const("<II")  # start s, limit in tenths | phases << 24
_PERIOD_SIZE = const(8)
_LIMIT_BITS = const(24)
MAX_TENTHS = const((1 << 24) - 1)
_MAX_S = const(1 << 30)


def pack(periods):
    """[(start s, limit in tenths, phases or 0), ...] as bytes; ValueError names the mistake."""
    if not 1 <= len(periods) <= MAX_PERIODS:
        raise ValueError("%d periods" % len(periods))
    out = bytearray(_PERIOD_SIZE * len(periods))
    before = -1
    for i, (start, tenths, phases) in enumerate(periods):
        if (start != 0 if i == 0 else start <= before) or start >= _MAX_S:
            raise ValueError("period %d starts at %d s" % (i, start))
        if not 0 <= tenths <= MAX_TENTHS or not 0 <= phases <= 3:
            raise ValueError("period %d: limit or phases" % i)
        struct.pack_into(_PERIOD, out, _PERIOD_SIZE * i, start, tenths | phases << _LIMIT_BITS)
        before = start
    return bytes(out)


def sooner(a, b):
    """The smaller of two times; None stands for never."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


class Profile:
    """One profile, the arguments in the order of its journal record. ValueError if impossible.

    start: Unix s; None: counts from the start of the session. every: s from one recurrence
    to the next, 0: only once. duration: s, None: the last period has no end. least: below
    this limit in tenths the car cannot charge. periods: see `pack`. extra: list of integers or
    None with places as above; None where the protocol has none of that.
    """

    # fmt: off
    def __init__(self, id, connector, purpose, stack, unit, start, every, duration, valid_from,
                 valid_to, least, periods, session=None, extra=None):
        # fmt: on
        if not 0 <= stack <= _MAX_STACK:
            raise ValueError("stack level %d" % stack)
        if purpose not in (MAX, DEFAULT, TX, GENERATION, PRIORITY) or unit not in (AMPS, WATTS):
            raise ValueError("purpose or unit")
        if every and start is None:
            raise ValueError("recurring without a start")
        if duration is not None and duration <= 0:
            raise ValueError("duration %d s" % duration)
        if valid_from is not None and valid_to is not None and valid_to <= valid_from:
            raise ValueError("never valid")
        if not periods or len(periods) % _PERIOD_SIZE or not 0 <= least <= MAX_TENTHS:
            raise ValueError("periods or least limit")
        self.id = id
        self.connector = connector
        self.purpose = purpose
        self.stack = stack
        self.unit = unit
        self.start = start
        self.every = every
        self.duration = duration
        self.valid_from = valid_from
        self.valid_to = valid_to
        self.least = least
        self.periods = periods
        self.session = session  # number of the session that a TX profile belongs to
        self.extra = None
        if isinstance(extra, list) and all(x is None or isinstance(x, int) for x in extra):
            self.extra = extra
        self.late = 0  # s: by how much its changes come late, chosen from DELAY

    def record(self):
        """Payload of its journal record."""
        # fmt: off
        fields = [self.id, self.connector, self.purpose, self.stack, self.unit, self.start,
                  self.every, self.duration, self.valid_from, self.valid_to, self.least,
                  self.periods]
        # fmt: on
        if self.extra:
            fields.append(self.extra)
        return fields

    def more(self, place):
        """What `extra` has at a place, None if it has nothing there."""
        return self.extra[place] if self.extra and place < len(self.extra) else None

    def slot(self):
        """Of all profiles with the same slot only the latest is kept."""
        return self.purpose, self.stack, self.connector

    def _period(self, i):
        return struct.unpack_from(_PERIOD, self.periods, _PERIOD_SIZE * i)

    def limits(self):
        """Iterate (limit in tenths, phases or 0) of its periods."""
        for _, tenths, phases in self.spans():
            yield tenths, phases

    def smallest(self):
        """The smallest limit of the profile, in tenths."""
        return min(tenths for tenths, _ in self.limits())

    def timed(self):
        """True if the limit of this profile depends on the time of day."""
        moments = self.start, self.valid_from, self.valid_to
        return moments != (None, None, None)

    def spans(self):
        """Iterate (start in s, limit in tenths, phases or 0) of its periods."""
        for i in range(len(self.periods) // _PERIOD_SIZE):
            start, word = self._period(i)
            yield start, word & MAX_TENTHS, word >> _LIMIT_BITS

    def at(self, unix, elapsed, late=0):
        """(limit in tenths, phases or 0, left) at Unix time `unix`, `elapsed` s into a session.

        The limit is None where the profile has none. left: the seconds for which this holds, None:
        for ever. unix None: the time is not known; then only a profile that counts from the start
        of the session has a limit. late: s by which every change comes later than planned; the
        first limit of one that counts from the start of the session is never late.
        """
        left = None
        if unix is None:
            if self.timed():
                return None, 0, None
        else:
            if self.valid_to is not None:
                left = self.valid_to - unix
                if left <= 0:
                    return None, 0, None
            if self.valid_from is not None and unix < self.valid_from:
                return None, 0, self.valid_from - unix
        offset = (elapsed if self.start is None else unix - self.start) - late
        if offset < 0 and self.start is not None:
            return None, 0, sooner(left, -offset)
        if self.every:
            offset %= self.every
            left = sooner(left, self.every - offset)
        if self.duration is not None:
            if offset >= self.duration:
                return None, 0, left
            left = sooner(left, self.duration - offset)
        word = 0
        for i in range(len(self.periods) // _PERIOD_SIZE):
            start, following = self._period(i)
            if i and start > offset:
                left = sooner(left, start - offset)
                break
            word = following
        return word & MAX_TENTHS, word >> _LIMIT_BITS, left

    def over(self, unix):
        """True if the profile has no limit any more, now or later."""
        if unix is None:
            return False
        if self.valid_to is not None and unix >= self.valid_to:
            return True
        if self.start is None or self.every or self.duration is None:
            return False
        return unix >= self.start + self.duration + self.late


def careful(profiles, past, elapsed, ua):
    """(profile or None, its limit in tenths, phases, left) while the time is not known.

    `profiles`: the most important one first. A profile that depends on the time of day may hold
    now; one that does not certainly holds, and ends the search. Of the profiles up to there, the
    one with the smallest limit is taken. past: a Unix time in s that is over for certain, or None.
    ua(profile, tenths, phases): limit in uA.
    """
    least, chosen, soonest = 0, (None, 0, 0), None
    for p in profiles:
        timed = p.timed()
        if timed:
            if p.over(past):
                continue
            tenths, phases = p.smallest(), 0
        else:
            tenths, phases, left = p.at(None, elapsed)
            soonest = sooner(soonest, left)
            if tenths is None:
                continue
        here = ua(p, tenths, phases)
        if chosen[0] is None or here < least:
            least, chosen = here, (p, tenths, phases)
        if not timed:
            break
    return chosen + (soonest,)
