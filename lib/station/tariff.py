# Tariffs: what a session costs so far.
# MIT license; part of microevse
"""Integers alone: money in millionths of its unit, energy in Wh, time in s. Products are summed as
they are. Each field of a tariff is divided and rounded once, to a millionth, half up; then each
tax level on it, the same way. A bill has thousandths, each field rounded half up; its total is the
sum of them. Only an adapter whose protocol has tariffs loads this module.

A tariff is a list, as its record has it: [id, currency, Unix time from which it is valid or None,
fields, least cost, most cost, text for the driver]. A cost is [without tax or None, with tax or
None]. A field is [number, prices, taxes]. A price is [millionths, condition, value, ...]. A tax is
[name, millionths of a percent, level]; level 1 is taken of the price and the taxes of level 0.

In a field the first price of which all conditions hold is the one that counts (part 2, I07);
without one there is nothing to pay. The tally of a session is a list of integers, see START.
"""

from evse_base import const

# Fields of a tariff.
ID = const(0)
CURRENCY = const(1)
VALID_FROM = const(2)
FIELDS = const(3)
LEAST = const(4)
MOST = const(5)
TEXT = const(6)

# Numbers of the fields.
ENERGY = const(0)  # per kWh
CHARGING = const(1)  # per minute
IDLE = const(2)  # per minute
FIXED = const(3)  # at the start of a session
RESERVED = const(4)  # at the start of one that was reserved
_KINDS = const(5)

# Conditions. Those below LEAST_ENERGY are of the calendar, in local time.
FROM_MINUTE = const(0)  # of the day; the end is the next price
TO_MINUTE = const(1)
DAYS = const(2)  # bits, Monday 1
FROM_DAY = const(3)  # days since 1970
TO_DAY = const(4)
NEVER = const(5)
LEAST_ENERGY = const(6)  # Wh; an even number: at least, the odd one behind it: less than
LEAST_CURRENT = const(8)  # mA, the sum of all phases
LEAST_POWER = const(10)  # W
LEAST_TIME = const(12)  # s of the session, charging or not
LEAST_CHARGING = const(14)  # s of charging so far
LEAST_IDLE = const(16)  # s without charging so far

# Fields of a tally.
UPTIME = const(0)  # s of the boot in which the session began: up to here it is counted
METER = const(1)  # Wh, the register then
WH = const(2)
CHARGING_S = const(3)
IDLE_S = const(4)
FLOWS = const(5)  # 1 while the car charges
MA = const(6)  # the sum of all phases, -1: not known
W = const(7)  # -1: not known
SUMS = const(8)  # for each field: millionths * Wh, millionths * s, or millionths
SEALED = const(9)  # of tariffs that were changed: for each field without and with taxes
USED = const(10)  # which price counts: of energy, charging, idle; -1: none
PERIODS = const(11)  # [Unix time or 0, number of the tariff, Wh, s charging, s idle], or None

# Periods of a bill. A session that has more is billed without them.
_MOST_PERIODS = const(12)
# The prices of a long gap are looked up again after so long, and at most so often: nothing else
# runs meanwhile. The chip takes 3 ms for a look at 18 prices.
_STEP_S = const(60)
_MOST_STEPS = const(240)
_DAY_S = const(86400)


def start(tariff, uptime, wall, offset, meter_wh, reserved):
    """The tally of a session that begins. wall: Unix time or None; offset: s from UTC to local
    time. reserved: it had a reservation."""
    tally = [uptime, meter_wh, 0, 0, 0, 0, -1, -1, [0] * _KINDS, [0] * (2 * _KINDS)]
    tally += [[-1, -1, -1], []]
    local = None if wall is None else wall + offset
    for number in (FIXED, RESERVED) if reserved else (FIXED,):
        at = chosen(tariff, number, tally, local)
        if at >= 0:
            tally[SUMS][number] = _field(tariff, number)[1][at][0]
    _choose(tariff, tally, local)
    _period(tally, wall)
    return tally


# fmt: off
def advance(tariff, tally, uptime, wall, offset, meter_wh, seen=None):
    # fmt: on
    """Count the time and energy since the last call, at the prices that have counted since then.
    wall: Unix time of `uptime`, None while it is not known. seen: [FLOWS, MA, W] now, None for as
    before. True if another price counts now. Energy is split exactly where a price has its bound;
    time where it is looked at."""
    before = tally[USED]
    gone = max(0, uptime - tally[UPTIME])
    energy = max(0, meter_wh - tally[METER])
    longest = _STEP_S * (1 + gone // (_STEP_S * _MOST_STEPS))
    while True:
        # A long gap is what a power cut leaves; its energy is spread evenly.
        now = None if wall is None else wall - gone
        step = gone
        if gone > longest:
            step = longest if now is None else longest - now % longest
        part = energy if step == gone else energy * step // gone
        _count(tariff, tally, step, part, now, offset)
        gone -= step
        energy -= part
        now = None if wall is None else wall - gone
        if seen and not gone:
            tally[FLOWS:SUMS] = seen
        if _choose(tariff, tally, None if now is None else now + offset):
            _period(tally, now)
        if not gone:
            return tally[USED] != before


def change(old, new, tally, wall, offset):
    """Another tariff counts from now on; what was counted stays (I11). Fees of a start are not
    charged again."""
    for number in range(_KINDS):
        net, gross = _amounts(old, tally, number)
        tally[SEALED][2 * number : 2 * number + 2] = [net, gross]
        tally[SUMS][number] = 0
    _choose(new, tally, None if wall is None else wall + offset)


def begin_period(tally, wall, number):
    """A period of tariff `number` of the session begins."""
    _period(tally, wall, number)


def bill(tariff, tally):
    """(kind, fields, without tax, with tax) in thousandths: kind "normal", "least" or "most" (the
    cost is the least or the most of the tariff; then one of the two may be None); fields:
    [[number, without, with], ...] of those that the tariff has or that have cost something."""
    fields, net, gross = [], 0, 0
    for number in range(_KINDS):
        amounts = [_thousandths(amount) for amount in _amounts(tariff, tally, number)]
        if amounts[0] or _field(tariff, number):
            fields.append([number] + amounts)
            net += amounts[0]
            gross += amounts[1]
    for kind, bound in (("most", tariff[MOST]), ("least", tariff[LEAST])):
        if bound is None:
            continue
        at = 0 if bound[1] is None else 1
        limit, cost = _thousandths(bound[at]), (net, gross)[at]
        if cost > limit if kind == "most" else cost < limit:
            amounts = [None if value is None else _thousandths(value) for value in bound]
            return kind, fields, amounts[0], amounts[1]
    return "normal", fields, net, gross


def chosen(tariff, number, tally, local):
    """Which price of a field counts now, -1 for none. local: Unix time plus the offset to local
    time, None while it is not known: then no condition of the calendar holds."""
    field = _field(tariff, number)
    if field:
        for at, price in enumerate(field[1]):
            if _holds(price, tally, local):
                return at
    return -1


def _holds(price, tally, local):
    for i in range(1, len(price), 2):
        what, bound = price[i], price[i + 1]
        if what < LEAST_ENERGY:
            if local is None or not _on_calendar(what, bound, price, i, local):
                return False
            continue
        even = what - what % 2
        if even == LEAST_ENERGY:
            value = tally[WH]
        elif even == LEAST_CURRENT:
            value = tally[MA]
        elif even == LEAST_POWER:
            value = tally[W]
        elif even == LEAST_TIME:
            value = tally[CHARGING_S] + tally[IDLE_S]
        else:
            value = tally[CHARGING_S if even == LEAST_CHARGING else IDLE_S]
        if value < 0 or (value >= bound if what % 2 else value < bound):
            return False
    return True


def _on_calendar(what, bound, price, i, local):
    day, minute = local // _DAY_S, local % _DAY_S // 60
    if what == FROM_MINUTE:
        end = price[i + 3]  # TO_MINUTE is always behind it
        if bound == end:
            return True
        inside = bound <= minute, minute < end
        # An end before the start is on the next day.
        return all(inside) if bound < end else any(inside)
    if what == DAYS:
        return bool(bound >> (day + 3) % 7 & 1)  # 1970 began on a Thursday
    if what == FROM_DAY:
        return day >= bound
    if what == TO_DAY:
        return day < bound
    return what == TO_MINUTE


def _field(tariff, number):
    for field in tariff[FIELDS]:
        if field[0] == number:
            return field
    return None


def _price(tariff, number, tally):
    """The price of a field that counts, 0 without one."""
    at = tally[USED][number]
    return _field(tariff, number)[1][at][0] if at >= 0 else 0


def _choose(tariff, tally, local):
    """Look up the prices that count; True if they are others than before."""
    used = [chosen(tariff, number, tally, local) for number in (ENERGY, CHARGING, IDLE)]
    changed = used != tally[USED]
    tally[USED] = used
    return changed


def _period(tally, wall, number=None):
    periods = tally[PERIODS]
    if periods is None:
        return
    if number is None:
        number = periods[-1][1] if periods else 0
    if len(periods) >= _MOST_PERIODS:
        tally[PERIODS] = None
    elif periods and periods[-1][1] == number and not any(periods[-1][2:]):
        periods[-1][0] = wall or 0  # nothing was used in it
    else:
        periods.append([wall or 0, number, 0, 0, 0])


def _count(tariff, tally, seconds, energy, now, offset):
    sums, flows = tally[SUMS], tally[FLOWS]
    last = tally[PERIODS][-1] if tally[PERIODS] else None
    while energy:
        # Up to the next bound of energy that a price has.
        part = energy
        field = _field(tariff, ENERGY)
        for price in field[1] if field else ():
            for i in range(1, len(price), 2):
                if price[i] - price[i] % 2 == LEAST_ENERGY and price[i + 1] > tally[WH]:
                    part = min(part, price[i + 1] - tally[WH])
        sums[ENERGY] += part * _price(tariff, ENERGY, tally)
        tally[WH] += part
        tally[METER] += part
        if last:
            last[2] += part
        energy -= part
        if energy:
            if _choose(tariff, tally, None if now is None else now + offset):
                _period(tally, now)
                last = tally[PERIODS][-1] if tally[PERIODS] else None
    number = CHARGING if flows else IDLE
    sums[number] += seconds * _price(tariff, number, tally)
    tally[CHARGING_S if flows else IDLE_S] += seconds
    tally[UPTIME] += seconds
    if last:
        last[3 if flows else 4] += seconds


def _amounts(tariff, tally, number):
    """(without, with taxes) of a field in millionths."""
    amount = _rounded(tally[SUMS][number], (1000, 60, 60, 1, 1)[number])
    gross = amount
    field = _field(tariff, number)
    taxes = field[2] if field else ()
    for level in sorted(set([tax[2] for tax in taxes])):
        rate = sum([tax[1] for tax in taxes if tax[2] == level])
        gross += _rounded(gross * rate, 100000000)
    sealed = tally[SEALED]
    return sealed[2 * number] + amount, sealed[2 * number + 1] + gross


def _rounded(value, by):
    """value / by, half up."""
    return (2 * value + by) // (2 * by)


def _thousandths(millionths):
    return _rounded(millionths, 1000)
