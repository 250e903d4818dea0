# The steps of the bench, in order: what each one needs, what it measures, and within what limits.
# MIT license; part of microevse
"""docs/bench.md has this table for people; a test compares them. The steps of `ULP` have the names
of docs/ulp.md."""

from typing import Any, NamedTuple


class Limit(NamedTuple):
    """A figure must lie between `low` and `high` (None: no bound). `source`: why."""

    low: Any
    high: Any
    source: str


class Step(NamedTuple):
    """`name` as the evidence has it; `title` for people. needs: what must be there ("pin": an
    instrument on the relay's pin, "s2": a switched car, "app": our firmware, "person": somebody at
    the bench). kind: "all", "esp32" (registers of the original chip), "ulp". must: a board's
    evidence is not complete without it."""

    name: str
    title: str
    needs: tuple
    minutes: float
    limits: dict
    kind: str = "all"
    must: bool = True


RESETS = "docs/safety.md section 4, what a reset leaves closed"
STALL = "docs/safety.md section 3: 100 ms less two windows (8 ms) and 30 ms of drop-out"
_AGAIN = Limit(0, 0, "docs/safety.md section 4: open stays open")
# Figures of docs/safety.md are rounded to 0.1 s and include 30 ms of drop-out.
_CPU = {"low_after_ms": Limit(0, 800, RESETS), "closed_again": _AGAIN}
_AT_ONCE = {"low_after_ms": Limit(0, 20, RESETS), "closed_again": _AGAIN}
# Volts of state A: IEC 61851-1 Table A.2, and the error that a front end may have.
_A = Limit(10.5, 13.5, "IEC 61851-1 Annex A, state A; nothing may be connected")

STEPS = (
    Step("identity", "which chip, which MicroPython", (), 0.1, {}),
    Step("pilot_idle", "the pilot with nothing connected", (), 0.1, {
        "high_v": _A,
        # Above that the firmware calls the source too weak to judge a car's diode by.
        "low_v": Limit(-13.5, -11.1, "PilotFrontEnd: WEAK_MV in lib/iec61851/levels.py"),
    }),
    Step("converter", "the pilot's ADC", (), 0.2, {
        "failed": Limit(0, 0, "docs/chip.md, Converter: a failed conversion reads -1 or 0"),
        "us": Limit(5, 80, "docs/safety.md section 4: 50 samples in a window of 4 ms"),
    }),
    Step("pwm", "1 kHz, 10 % and 100 % at the pilot's pin", ("pin",), 0.2, {
        "hz": Limit(995, 1005, "IEC 61851-1 Annex A: 1 kHz, 0.5 %"),
        "percent_10": Limit(9.5, 10.5, "IEC 61851-1 Annex A: half a point"),
        "percent_100": Limit(99.9, 100, "docs/chip.md: 65535 is steady, or low for 15 ns"),
    }),
    Step("reset_cpu", "machine.reset()", ("pin", "app"), 0.3, _CPU),
    Step("reset_panic", "a crash of the interpreter", ("pin", "app"), 0.3, _CPU),
    Step("reset_twdt", "a hang, task watchdog of 1 s", ("pin", "app"), 0.3, {
        "low_after_ms": Limit(0, 1850, RESETS), "closed_again": _AGAIN,
    }),
    Step("reset_system", "reset of the system by a register", ("pin", "app"), 0.3, _AT_ONCE,
         "esp32"),
    Step("reset_rwdt", "a hang, RTC watchdog of 1 s", ("pin", "app"), 0.3, {
        "low_after_ms": Limit(800, 1030, RESETS), "closed_again": _AGAIN,
    }, "esp32"),
    Step("reset_en", "the reset button (EN)", ("pin", "app"), 0.3, {"closed_again": _AGAIN}),
    Step("reset_power", "power off and on", ("pin", "app", "person"), 1, {"closed_again": _AGAIN}),
    Step("gaps_idle", "gaps of the tick, nothing else runs", (), 1, {
        "worst_ms": Limit(9, 30, "docs/safety.md section 4: a gap beyond 30 ms is late"),
    }),
    Step("gaps_collect", "gaps of the tick, gc.collect()", (), 0.3, {
        "worst_ms": Limit(9, 62, STALL),
    }),
    Step("gaps_erase", "gaps of the tick, a flash sector is erased", (), 0.2, {}),
    Step("gaps_scan", "gaps of the tick, WiFi looks around", (), 0.5, {}),
    Step("gaps_tls", "gaps of the tick, TLS handshakes", ("net",), 0.5, {}, must=False),
    Step("import", "time to import compiled code from the file system", (), 0.2, {}),
    Step("heap", "both heaps, without and with the radio", (), 0.2, {}),
    Step("slow_clock", "the slow RC clock against the crystal", (), 0.2, {
        "hz": Limit(90000, 200000, "firmware/hal/watchdog.py takes 90 to 200 kHz"),
    }, "esp32"),
    Step("timer_again", "Timer.init() 300 times", (), 0.3, {}),
    Step("boot", "from the reset to the first tick, WiFi, connected", ("app",), 2, {}, must=False),
    Step("opening", "the car lets go: until the relay's pin", ("s2", "app"), 5, {
        "worst_ms": Limit(4, 70, "IEC 61851-1 Table A.6 seq 8.1: 100 ms, less 30 ms of drop-out"),
        "stuck": Limit(0, 0, "docs/safety.md H1"),
        "count": Limit(20, None, "docs/bench.md: twenty times"),
    }),
)  # fmt: skip

# The ULP guard (an original ESP32 with guard = "ulp"): the rows of docs/ulp.md, by their names
# there. Each is a step with a function of its name in steps.py; one without is told as not run,
# and so the guard counts as none.
_PIN = "docs/ulp.md: 100 ms, less 30 ms of drop-out"
ULP = (
    Step("U1", "its conversions return: WiFi, TLS, erase, 5 minutes of each", ("pin",), 20, {
        "minutes_each": Limit(5, None, "docs/ulp.md, U1"),
        "worst_still_ms": Limit(0, 20, "docs/ulp.md, U1: TICK never stands for longer"),
        "foreign_read_ms": Limit(0, 105, "docs/ulp.md: 135 ms to the contacts if it hangs"),
    }, "ulp"),
    Step("U2", "its windows in 1 s, warm and cold", ("person",), 2, {
        "window_least_ms": Limit(2.79, 7.35, "docs/ulp.md, Times: a window"),
        "window_most_ms": Limit(2.79, 7.35, "docs/ulp.md, Times: a window"),
    }, "ulp"),
    Step("U3", "the self-test 50 times; the heartbeat stops", ("pin",), 3, {
        "passed": Limit(50, None, "docs/ulp.md, U3"),
        "failed": Limit(0, 0, "docs/ulp.md, U3"),
        "heartbeat_ms": Limit(1400, 2600, "docs/ulp.md, Times: 2 s, and 30 % of the RC clock"),
    }, "ulp"),
    Step("U4", "other RTC outputs stay as they are", ("pin",), 2, {
        "changed": Limit(0, 0, "docs/ulp.md, U4"),
    }, "ulp"),
    Step("U5", "the pad is high only with ENABLE and OUT", ("pin",), 1, {
        "states": Limit(4, 4, "docs/ulp.md, U5: all four"),
        "wrong": Limit(0, 0, "docs/ulp.md, U5"),
    }, "ulp"),
    Step("U6", "each kind of reset with the ULP armed", ("pin",), 5, {
        "cpu_ms": Limit(0, 800, RESETS),
        "panic_ms": Limit(0, 800, RESETS),
        "twdt_ms": Limit(0, 1850, RESETS),
        "system_ms": Limit(0, 70, _PIN),
        "rwdt_ms": Limit(800, 1070, "1 s as in reset_rwdt, then the ULP: " + _PIN),
        "en_ms": Limit(0, 20, "docs/ulp.md: the pad floats"),
        "closed_again": _AGAIN,
    }, "ulp"),
    Step("U7", "its clock against ticks_ms() for an hour", (), 60, {
        "minutes": Limit(60, None, "docs/ulp.md, U7"),
        "jumps": Limit(0, 0, "docs/ulp.md, U7: NOW never goes back, nor on by more than 10 ms"),
    }, "ulp"),
    Step("U8", "24 h of WiFi traffic", (), 1440, {
        "hours": Limit(24, None, "docs/ulp.md, U8"),
        "bad_in_a_row": Limit(0, 2, "docs/ulp.md, Times: three open"),
        "worst_still_ms": Limit(0, 20, "docs/ulp.md, U1: TICK never stands for longer"),
    }, "ulp"),
    Step("U9", "20 resets while it runs: the start's random numbers", ("pin",), 10, {
        "resets": Limit(20, None, "docs/ulp.md, U9"),
        "low_after_ms": Limit(0, 800, RESETS),
        "closed_again": _AGAIN,
    }, "ulp"),
    Step("U10", "a million turns of the converter", (), 180, {
        "turns": Limit(1000000, None, "docs/ulp.md, U10"),
        "hangs": Limit(0, 0, "docs/ulp.md, U10"),
    }, "ulp"),
    Step("U11", "1,000 closings under load, at another bench", ("person",), 200, {
        "closings": Limit(1000, None, "docs/ulp.md, U11"),
        "opened_by_guard": Limit(0, 0, "docs/ulp.md, U11"),
    }, "ulp"),
    Step("U12", "S2 opens in a stall of 2 s, in TLS, in an erase", ("s2",), 15, {
        "count_stall": Limit(20, None, "docs/ulp.md, U12"),
        "count_tls": Limit(20, None, "docs/ulp.md, U12"),
        "count_erase": Limit(20, None, "docs/ulp.md, U12"),
        "worst_ms": Limit(0, 70, _PIN),
        "stuck": Limit(0, 0, "docs/safety.md H1"),
    }, "ulp"),
)  # fmt: skip


def steps(board):
    """The steps for a board profile, in order."""
    found = [s for s in STEPS if s.kind == "all" or s.kind == board["chip"]]
    return found + (list(ULP) if board["guard"] == "ulp" else [])


def required(board):
    """Names of the steps without which the evidence of `board` is not complete. Those of the ULP
    are no part of it: without them the guard counts as none, and the board may be built."""
    return [s.name for s in steps(board) if s.must and s.kind != "ulp"]


def ulp_steps():
    """Names of the steps that show the ULP guard."""
    return [s.name for s in ULP]


def find(name):
    """The step of this name, None if there is none."""
    return next((s for s in STEPS + ULP if s.name == name), None)


def beyond(step, figures):
    """Sentences for figures that are missing or not within the limits of `step`."""
    found = []
    for name, limit in step.limits.items():
        value = figures.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found.append("%s was not measured" % name)
        elif not (limit.low is None or value >= limit.low) or not (
            limit.high is None or value <= limit.high
        ):
            text = "%s is %s, and %s (%s)"
            found.append(text % (name, number(value), bounds(limit), limit.source))
    return found


def bounds(limit):
    """A limit in words."""
    low, high = number(limit.low), number(limit.high)
    if limit.low is None:
        return "at most " + high
    if limit.high is None:
        return "at least " + low
    if limit.low == limit.high:
        return "must be " + low
    return "must be %s to %s" % (low, high)


def number(value):
    """A number for people: a whole one as such, however large it is."""
    if value is None:
        return ""
    return "%d" % value if value == int(value) else "%.4g" % value


# Unit by the end of a figure's name; the others are counted, or told by their name.
_UNITS = (("_ms", "ms"), ("_mv", "mV"), ("_v", "V"), ("_s", "s"), ("_free", "bytes"),
          ("_used", "bytes"), ("_largest", "bytes"), ("_total", "bytes"))  # fmt: skip
_WHOLE = {"us": "us", "hz": "Hz", "flash": "bytes of flash", "percent_10": "%", "percent_100": "%"}


def figure(name, value):
    """A figure for people, its unit behind it: `worst 21.3 ms`."""
    if name in _WHOLE:
        unit = _WHOLE[name]
        short = "" if name in unit or name in ("us", "hz") else name + " "
        return "%s%s %s" % (short, number(value), unit)
    for end, unit in _UNITS:
        if name.endswith(end):
            return "%s %s %s" % (
                name[: -len(end)] if unit != "bytes" else name,
                number(value),
                unit,
            )
    return "%s %s" % (name, number(value))
