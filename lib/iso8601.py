# RFC 3339 timestamps (the profile of ISO 8601 that OCPP uses) to and from Unix seconds.
# MIT license; part of microevse
"""Integers only: the chip's floats and its epoch of 2000 never come near a timestamp."""

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _number(text, start, n):
    digits = text[start : start + n]
    # isdigit() would take other scripts' digits on CPython, int() signs and blanks.
    if len(digits) != n or any(not "0" <= c <= "9" for c in digits):
        raise ValueError("not a timestamp: %s" % text)
    return int(digits)


def _days_before(year):
    """Days from 1970-01-01 to 1 January of `year`."""
    y = year - 1
    return y * 365 + y // 4 - y // 100 + y // 400 - 719162


def parse(text):
    """Unix seconds of `text`; fractions are cut off. Raises ValueError.

    Wants a complete date and time with `Z` or an offset; without either it is taken
    as UTC, which is what OCPP 1.6 (3.13) says times should be in.
    """
    if not isinstance(text, str) or not 19 <= len(text) <= 48:
        raise ValueError("not a timestamp")
    year = _number(text, 0, 4)
    month = _number(text, 5, 2)
    day = _number(text, 8, 2)
    hour = _number(text, 11, 2)
    minute = _number(text, 14, 2)
    second = _number(text, 17, 2)
    if (
        text[4] + text[7] + text[13] + text[16] != "--::"
        or text[10] not in "Tt "
        or not 1970 <= year
        or not 1 <= month <= 12
        or not 1 <= day <= _DAYS[month - 1] + (month == 2 and _leap(year))
        or hour > 23
        or minute > 59
        or second > 60  # a leap second is legal; it becomes the first of the next minute
    ):
        raise ValueError("not a timestamp: %s" % text)
    pos = 19
    if text[pos : pos + 1] in (".", ","):
        pos += 1
        start = pos
        while pos < len(text) and "0" <= text[pos] <= "9":
            pos += 1
        if pos == start:
            raise ValueError("not a timestamp: %s" % text)
    offset = 0
    zone = text[pos:]
    if zone and zone not in ("Z", "z"):
        if zone[0] not in "+-" or len(zone) not in (5, 6) or (len(zone) == 6 and zone[3] != ":"):
            raise ValueError("not a timestamp: %s" % text)
        hours = _number(zone, 1, 2)
        minutes = _number(zone, len(zone) - 2, 2)
        if hours > 23 or minutes > 59:
            raise ValueError("not a timestamp: %s" % text)
        offset = hours * 3600 + minutes * 60
        if zone[0] == "-":
            offset = -offset
    days = _days_before(year) + day - 1
    for m in range(month - 1):
        days += _DAYS[m]
    if month > 2 and _leap(year):
        days += 1
    return days * 86400 + hour * 3600 + minute * 60 + second - offset


def format(unix_s):
    """`unix_s` as "2026-01-02T03:04:05Z"; ValueError outside the years 1970 to 9999."""
    days = unix_s // 86400
    rest = unix_s % 86400
    year = 1970 + days // 366
    while _days_before(year + 1) <= days:
        year += 1
    if not 1970 <= year <= 9999:
        raise ValueError("year out of range")
    day = days - _days_before(year)
    month = 0
    while True:
        length = _DAYS[month] + (month == 1 and _leap(year))
        if day < length:
            break
        day -= length
        month += 1
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % (
        year,
        month + 1,
        day + 1,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )
