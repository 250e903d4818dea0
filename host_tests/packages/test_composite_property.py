# The composite schedule against a second calculation, second by second.
# MIT license; part of microevse
"""Random profiles; the periods must say for each second what a plain evaluation says.

The second calculation knows no boundaries: it looks at one second alone, with fractions.
"""

from fractions import Fraction

from hypothesis import HealthCheck, event, given, seed, settings
from hypothesis import strategies as st
from station import profile as p
from station.composite import composite
from station.session import Session
from station_parts import NOON, Charger

SPAN = 240
VOLTS = 230
LOCAL = 32

times = st.integers(NOON - 150, NOON + SPAN + 20)


@st.composite
def profiles(draw, number):
    unit = draw(st.sampled_from((p.AMPS, p.AMPS, p.WATTS)))
    most = 400 if unit == p.AMPS else 150000
    limits = st.one_of(st.integers(0, most), st.sampled_from((0, 59, 60, 61, 100, 160)))
    starts = draw(st.lists(st.integers(1, 200), max_size=4, unique=True))
    periods = [(start, draw(limits), draw(st.integers(0, 3))) for start in [0] + sorted(starts)]
    purpose = draw(st.sampled_from((p.MAX, p.DEFAULT, p.DEFAULT, p.TX, p.TX)))
    start = draw(st.one_of(st.none(), times)) if purpose != p.MAX else draw(times)
    every = draw(st.sampled_from((0, 0, 40, 90, p.DAILY))) if start is not None else 0
    valid_from = draw(st.one_of(st.none(), st.none(), times))
    valid_to = draw(st.one_of(st.none(), st.none(), times))
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        valid_to = None
    return p.Profile(
        number,
        0 if purpose == p.MAX else 1 if purpose == p.TX else draw(st.integers(0, 1)),
        purpose,
        draw(st.integers(0, 3)),
        unit,
        start,
        every,
        draw(st.one_of(st.none(), st.integers(1, 250))),
        valid_from,
        valid_to,
        draw(st.sampled_from((0, 0, 70 if unit == p.AMPS else 30000))),
        p.pack(periods),
        1 if purpose == p.TX else None,
    ), periods


def says(profile, periods, unix, elapsed):
    """(tenths, phases) at one moment, None if it says nothing."""
    if profile.valid_from is not None and not (unix is not None and unix >= profile.valid_from):
        return None
    if profile.valid_to is not None and not (unix is not None and unix < profile.valid_to):
        return None
    if profile.start is None:
        at = elapsed
    elif unix is None or unix < profile.start:
        return None
    else:
        at = unix - profile.start
        while profile.every and at >= profile.every:
            at -= profile.every
    if profile.duration is not None and at >= profile.duration:
        return None
    return [(tenths, phases) for start, tenths, phases in periods if start <= at][-1]


def amps(profile, said, fitted):
    tenths, phases = said
    if profile.unit == p.AMPS:
        return Fraction(tenths, 10)
    return Fraction(tenths, 10) / (VOLTS * min(phases or fitted, fitted))


def careful(book, elapsed, session, fitted):
    """The limit while the time is not known: of the profiles that may hold now, down to the first
    that holds for certain, the one with the least current."""
    may = []
    order = [
        entry
        for entry in book
        if entry[0].purpose == p.DEFAULT or (session and entry[0].purpose == p.TX)
    ]
    order.sort(key=lambda entry: (entry[0].purpose == p.TX, entry[0].stack, entry[0].connector))
    for profile, periods in reversed(order):
        if (profile.start, profile.valid_from, profile.valid_to) != (None, None, None):
            may.append((profile, (min(tenths for _, tenths, _ in periods), 0)))
            continue
        said = says(profile, periods, None, elapsed)
        if said is not None:
            may.append((profile, said))
            break
    if not may:
        return {}
    profile, said = min(may, key=lambda entry: amps(*entry, fitted))
    return {profile.purpose: (None, profile, said)}


def expected(book, unix, elapsed, session, fitted):
    """Current in A that may be offered at one moment: exact, 0 where the car must pause."""
    found = {}
    for profile, periods in book:
        if profile.purpose == p.TX and session is None:
            continue
        said = says(profile, periods, unix, elapsed)
        if unix is None:
            continue
        if said is None:
            continue
        rank = (profile.stack, profile.connector)
        if profile.purpose not in found or rank > found[profile.purpose][0]:
            found[profile.purpose] = (rank, profile, said)
    if unix is None:
        found = careful(book, elapsed, session, fitted)
    limit = Fraction(LOCAL)
    cap = None
    if unix is None:
        caps = [
            amps(q, (min(tenths for _, tenths, _ in periods), 0), fitted)
            for q, periods in book
            if q.purpose == p.MAX
        ]
        cap = min(caps) if caps else None
    elif p.MAX in found:
        cap = amps(*found[p.MAX][1:], fitted)
    chosen = found.get(p.TX) or found.get(p.DEFAULT)
    if chosen:
        _, profile, said = chosen
        claim = amps(profile, said, fitted)
        least = amps(profile, (profile.least, said[1]), fitted)
        if claim < least or (cap is not None and cap < least):
            return Fraction(0)
        limit = min(limit, claim)
    if cap is not None:
        limit = min(limit, cap)
    return limit if int(limit * 1000) >= 6000 else Fraction(0)


@seed(16)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_second_is_what_a_plain_look_says(data):
    fitted = data.draw(st.integers(1, 3))
    board = {"MaxCurrent": str(LOCAL), "Phases": str(fitted), "NominalVoltage": str(VOLTS)}
    c = Charger(settings=board)
    c.limits.cap("board", 1000 * LOCAL)
    c.clock.ms = 500000
    c.clock.unix = NOON - 500
    elapsed = 0
    session = None
    if data.draw(st.booleans()):
        elapsed = data.draw(st.integers(0, 150))
        session = Session(1, 1, "CARD", None, 0, [1, 500 - elapsed, 0])
        c.connector.session = session
    book = {}
    for number in range(data.draw(st.integers(0, 5))):
        profile, periods = data.draw(profiles(number))
        key = (profile.purpose, profile.stack, profile.connector)
        book[key] = (profile, periods)
        c.station.profiles.install(profile)
    known = data.draw(st.integers(0, 9)) > 0
    if not known:
        c.clock.unix = None
    seconds, told = composite(c.station, 1, SPAN, p.AMPS, c.clock)
    assert (seconds, composite(c.station, 0, SPAN, p.AMPS, c.clock)[1]) == (SPAN, told)
    event(f"{len(told)} periods")
    assert all(a[1:] != b[1:] for a, b in zip(told, told[1:])), "two periods that are one"
    mixed = any(profile.unit == p.WATTS for profile, _ in book.values())
    for t in range(SPAN):
        tenths = [limit for start, limit, _ in told if start <= t][-1]
        unix = NOON + t if known else None
        exact = expected(list(book.values()), unix, elapsed + t, session, fitted)
        if exact == 0 or not mixed:
            assert tenths == exact * 10, (t, told, exact)
        else:
            assert tenths > 0 and abs(Fraction(tenths, 10) - exact) < Fraction(6, 100), (t, exact)
