# The steps of the bench, in order: what each one needs, what it measures, and within what limits.
# MIT license; part of microevse
"""docs/bench.md has this table for people; a test compares them. A row for the ULP guard is added
to `ULP`: reference and names are those of its own bench."""

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
        "low_v": Limit(-13.5, -10.0, "docs/safety.md section 2, H2: diode at or below -10 V"),
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
    Step("reset_system", "reset of the system by a register", ("pin",), 0.3, _AT_ONCE, "esp32"),
    Step("reset_rwdt", "a hang, RTC watchdog of 1 s", ("pin",), 0.3, {
        "low_after_ms": Limit(800, 1030, RESETS), "closed_again": _AGAIN,
    }, "esp32"),
    Step("reset_en", "the reset button (EN)", ("pin",), 0.3, {"closed_again": _AGAIN}),
    Step("reset_power", "power off and on", ("pin", "person"), 1, {"closed_again": _AGAIN}),
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

# The ULP guard (an original ESP32 with guard = "ulp"). Each row is a step with a function of its
# name in steps.py; one without is told as not run, and so the guard counts as none.
ULP = (
    Step("ulp_tick", "tick rate and readings of the ULP, against a scope", ("pin",), 5, {}, "ulp"),
    Step("ulp_opening", "S2, state A, E, shorted diode: until the pin", ("s2",), 5, {
        "worst_ms": Limit(0, 30, "the bench of the ULP guard: 30 ms to the pin"),
    }, "ulp"),
    Step("ulp_stall", "the same during TLS, flash erase, WiFi scan", ("s2",), 5, {
        "worst_ms": Limit(0, 30, "the bench of the ULP guard: 30 ms to the pin"),
    }, "ulp"),
    Step("ulp_heartbeat", "the program stops: until the pin", ("pin",), 3, {
        "low_after_ms": Limit(1400, 2600, "2 s, and 30 % of the RC clock"),
    }, "ulp"),
    Step("ulp_resets", "each kind of reset with the ULP armed", ("pin",), 5, {}, "ulp"),
    Step("ulp_disturbed", "an ADC read by the program while armed", ("pin",), 3, {}, "ulp"),
    Step("ulp_others", "other RTC outputs stay as they are", ("pin",), 2, {}, "ulp"),
    Step("ulp_heat", "tick rate, warm and cold", ("person",), 2, {}, "ulp"),
    Step("ulp_soak", "24 h with WiFi: no bad window, no gap", (), 1440, {}, "ulp"),
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
            found.append("%s is %g, and %s (%s)" % (name, value, bounds(limit), limit.source))
    return found


def bounds(limit):
    """A limit in words."""
    if limit.low is None:
        return "at most %g" % limit.high
    if limit.high is None:
        return "at least %g" % limit.low
    if limit.low == limit.high:
        return "must be %g" % limit.low
    return "must be %g to %g" % (limit.low, limit.high)
