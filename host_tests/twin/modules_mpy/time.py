# Stands in for MicroPython's `time`: the same functions on virtual time.
# MIT license; part of microevse
"""Ticks count from this boot and wrap at 2**30; time() is the board's RTC (Unix epoch,
as everywhere but on the chip itself, where it starts in 2000)."""

import twin_state
import utime

_MASK = (1 << 30) - 1
_HALF = 1 << 29

# Asking for the time costs a little, so that a loop that polls the clock gets somewhere.
_TICKS_COST_US = 1


def ticks_us():
    clock = twin_state.clock
    clock.now_us += _TICKS_COST_US
    clock.entered()
    if clock.stopped_us is not None:
        return clock.virtual_now_us() & _MASK
    return (clock.now_us - clock.boot_us) & _MASK


def ticks_ms():
    clock = twin_state.clock
    clock.now_us += _TICKS_COST_US
    clock.entered()
    if clock.stopped_us is not None:
        return (clock.virtual_now_us() // 1000) & _MASK
    return ((clock.now_us - clock.boot_us) // 1000) & _MASK


def ticks_cpu():
    """CCOUNT of the CPU at 160 MHz: it hangs on no timer (ports/esp32/mphalport.h)."""
    clock = twin_state.clock
    clock.now_us += _TICKS_COST_US
    clock.entered()
    return (clock.now_us * 160) & _MASK


def ticks_add(ticks, delta):
    return (ticks + delta) & _MASK


def ticks_diff(end, start):
    return ((end - start + _HALF) & _MASK) - _HALF


def sleep_us(us):
    # As on the chip: a short delay spins, callbacks wait.
    if us > 0:
        if twin_state.clock.stopped_us is not None:
            twin_state.clock.sleep(us)  # never ends
        twin_state.clock.spend(int(us))
    twin_state.clock.entered()


def sleep_ms(ms):
    clock = twin_state.clock
    clock.entered()
    if ms > 0:
        clock.sleep(int(ms * 1000))


def sleep(seconds):
    sleep_ms(seconds * 1000)


def time():
    return twin_state.clock.unix_us() // 1000000


def time_ns():
    return twin_state.clock.unix_us() * 1000


def gmtime(secs=None):
    return utime.gmtime(time() if secs is None else secs)


def localtime(secs=None):
    # The chip knows no time zones.
    return gmtime(secs)


def mktime(local):
    """Inverse of gmtime(); the C module's would apply the host's time zone."""
    year, month, day, hour, minute, second = local[:6]
    months = year * 12 + month - 1
    year, month = months // 12, months % 12 + 1
    # Days since 1970-01-01 of a proleptic Gregorian date, years counted from March.
    y = year - (month <= 2)
    era_day = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = y * 365 + y // 4 - y // 100 + y // 400 + era_day - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
