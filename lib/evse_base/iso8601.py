# ISO 8601 timestamps, as OCPP uses them, to and from Unix time.
# MIT license; part of microevse
"""Integers only: the chip's floats and its epoch of 2000 never come near a timestamp."""

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _number(text, start, n):
    digits = text[start : start + n]
    # isdigit() would accept digits of other scripts on CPython, int() signs and blanks.
    if len(digits) != n or any(not "0" <= c <= "9" for c in digits):
        raise ValueError("not a timestamp: %s" % text)
    return int(digits)


def _days_before(year):
    """Days from 1970-01-01 to 1 January of `year`."""
    y = year - 1
    return y * 365 + y // 4 - y // 100 + y // 400 - 719162


def _refuse(text):
    raise ValueError("not a timestamp: %s" % text)


def parse_ms(text):
    """Unix milliseconds of `text`. Raises ValueError.

    Takes the calendar dates of ISO 8601 with a time of day: extended or basic, the seconds or
    the minutes left out, a decimal fraction of the last part (point or comma), 24:00 for the
    end of a day, and `Z` or an offset in hours or in hours and minutes. Without a zone it is
    UTC, which is what OCPP 1.6 (3.13) says times should be in. Not taken: week dates, days of
    the year, a date without a time.
    """
    if not isinstance(text, str) or not 11 <= len(text) <= 48:
        raise ValueError("not a timestamp")
    year = _number(text, 0, 4)
    dash = 1 if text[4] == "-" else 0
    month = _number(text, 4 + dash, 2)
    day = _number(text, 6 + 2 * dash, 2)
    at = 8 + 2 * dash
    hour = _number(text, at + 1, 2)
    if (
        (dash and text[7] != "-")
        or text[at] not in "Tt "
        or not 1970 <= year
        or not 1 <= month <= 12
        or not 1 <= day <= _DAYS[month - 1] + (month == 2 and _leap(year))
        or hour > 24
    ):
        _refuse(text)
    at += 3
    ms, unit = 0, 3600000  # ms: beyond the hour; unit: ms in the last part
    for size in (60000, 1000):
        if text[at : at + 1] == ":":
            at += 1
        elif not "0" <= text[at : at + 1] <= "9":
            break
        number = _number(text, at, 2)
        # A leap second is legal; it becomes the first of the next minute.
        if number > (59 if size > 1000 else 60):
            _refuse(text)
        ms += number * size
        unit = size
        at += 2
    if text[at : at + 1] in (".", ","):
        start = at = at + 1
        while "0" <= text[at : at + 1] <= "9":
            at += 1
        digits = text[start : min(at, start + 9)]
        ms += _number(digits, 0, max(1, len(digits))) * unit // 10 ** len(digits)
    if hour == 24 and ms:
        _refuse(text)
    offset = 0
    zone = text[at:]
    if zone not in ("", "Z", "z"):
        # ISO 8601 also has a true minus sign, U+2212.
        if zone[0] not in "+-\u2212" or len(zone) not in (3, 5, 6):
            _refuse(text)
        hours = _number(zone, 1, 2)
        minutes = _number(zone, len(zone) - 2, 2) if len(zone) > 3 else 0
        if hours > 23 or minutes > 59 or (len(zone) == 6 and zone[3] != ":"):
            _refuse(text)
        offset = hours * 3600 + minutes * 60
        if zone[0] != "+":
            offset = -offset
    days = _days_before(year) + day - 1
    for m in range(month - 1):
        days += _DAYS[m]
    if month > 2 and _leap(year):
        days += 1
    return (days * 86400 + hour * 3600 - offset) * 1000 + ms


def parse(text):
    """Unix seconds of `text` (see `parse_ms`); a fraction is cut off. Raises ValueError."""
    return parse_ms(text) // 1000


def format(unix_s):
    """`unix_s` as "2026-01-02T03:04:05Z"; ValueError outside the years 1970 to 9999."""
    if not 0 <= unix_s < 253402300800:
        raise ValueError("year out of range")  # at once: counting years from there takes long
    days = unix_s // 86400
    rest = unix_s % 86400
    year = 1970 + days // 366
    while _days_before(year + 1) <= days:
        year += 1
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
