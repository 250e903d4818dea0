# What is done in each step of the bench.
# MIT license; part of microevse
"""A function for each step of plan.py, by its name: fn(bench) -> figures. It raises NotMeasured if
something is not there, Trouble if something went wrong. `bench` is a runner.Bench."""

import re

from chipbench import line as serial_line
from chipbench import resets
from chipbench.instruments import NotMeasured, program
from chipbench.line import RESTART
from seriallink import Trouble

_SAMPLES = 400
_READY_S = 60  # from the start of the application until it has said that it is ready, and longer
# Of a board file on a bench without its parts.
_PARTS = (
    "; what the board file names must be there: docs/bench.md, What you need, says how to measure "
    "without the meter"
)
_LOG = re.compile(r"([0-9]+\.[0-9]{3}) [IWE] ([a-z_0-9]+): (.*)")
# Words of the log, and what they are the time of.
_BOOT = (
    ("start_s", "app", "microevse "),
    ("tick_s", "app", ", boot "),
    ("wifi_s", "wifi", "joined "),
    ("connected_s", "net", "connected, "),
)


def identity(bench):
    """Told again, so that it is in the file as a step; the runner has asked it before."""
    return {k: v for k, v in bench.identity.items() if k not in ("platform", "machine")}


def pilot_idle(bench):
    dut, profile = bench.dut, bench.connector
    figures = {}
    for level, name in ((1, "high"), (0, "low")):
        pins = (profile["cp"]["pwm"], level, profile["cp"]["adc"])
        bench.load("analog")
        dut.run("pilot(%d, %d)\ntime.sleep_ms(50)" % pins[:2])
        seen = dut.value("", "counts(%d, 100)" % pins[2])
        figures[name + "_mv"] = seen["mv"]
        figures[name + "_v"] = volts(seen["mv"], profile["cp"])
    dut.run("pilot(%d, 1)" % profile["cp"]["pwm"])
    return figures


def volts(mv, cp):
    """Volts of the pilot for millivolts at the ADC's pin, by the divider of the profile."""
    rcp, rup, rdn = cp["divider"]
    g = 1 / rcp + 1 / rup + 1 / rdn
    return (mv / 1000 - cp["vcc_mv"] / 1000 / rup / g) * rcp * g


def converter(bench):
    bench.load("analog")
    return bench.dut.value("", "counts(%d, %d)" % (bench.connector["cp"]["adc"], _SAMPLES))


def pwm(bench):
    pin = bench.connector["cp"]["pwm"]
    bench.load("analog")
    figures = {}
    for name, duty in (("10", 6554), ("100", 65535)):
        bench.dut.run("wave(%d, %d)" % (pin, duty))
        bench.instrument.look(300)
        bench.dut.run("time.sleep_ms(600)")
        seen = bench.instrument.wave()
        figures["percent_" + name] = seen["percent"]
        if name == "10":
            figures["hz"] = seen["hz"]
    bench.dut.run("pilot(%d, 1)" % pin)
    return figures


# -- time and memory -----------------------------------------------------------------------------


def _timed(bench):
    """gaps.py is there and its timer runs: initialised once in a start."""
    bench.load("gaps")
    if not bench.timed:
        bench.dut.run("begin()")
        bench.timed = True


def _gaps(bench, call, seconds):
    """The figures of a program in gaps.py."""
    _timed(bench)
    seen = bench.dut.value("", call, seconds + bench.patience)
    if seen and "bins" in seen:
        seen["bins"] = ["%d ms: %d" % tuple(b) for b in seen["bins"]]
    return seen


def gaps_idle(bench):
    return _gaps(bench, "idle(%d)" % bench.seconds, bench.seconds)


def gaps_collect(bench):
    return _gaps(bench, "collect(20)", 20)


def gaps_scan(bench):
    return _gaps(bench, "scan(3)", 30)


def gaps_erase(bench):
    seen = _gaps(bench, "erase(10)", 20)
    if seen is None:
        raise NotMeasured("there is no erased sector in a partition of ours that could be used")
    # Measured in a test at about 80 ms; no limit: nothing erases while a contactor is closed.
    return seen


def gaps_tls(bench):
    if not bench.tls:
        raise NotMeasured("no TLS server was named (--tls HOST:PORT)")
    host, _, port = bench.tls.rpartition(":")
    return _gaps(bench, "handshake(%r, %d, 5)" % (host, int(port)), 60)


def heap(bench):
    figures = {}
    _timed(bench)
    for name, call in (("", "heap()"), ("radio_", "heap_with_radio()")):
        for key, value in bench.dut.value("", call, 30).items():
            figures[name + key] = value
    return figures


def import_(bench):
    data = bench.probe_module()
    dut = bench.dut
    dut.run("f = open('bench_probe.mpy', 'wb')")
    for at in range(0, len(data), 512):
        dut.run("f.write(%r)" % bytes(data[at : at + 512]))
    dut.run("f.close()")
    try:
        return _gaps(bench, "imports('bench_probe', %d)" % len(data), 30)
    finally:
        dut.run("import os\nos.remove('bench_probe.mpy')")


def slow_clock(bench):
    bench.load("timers")
    return {"hz": bench.dut.value("", "slow_clock(2000)", 20)}


def timer_again(bench):
    dut = bench.dut
    _restart(bench)  # so that nothing has initialised it before
    bench.load("timers")
    stopped = dut.value("", "again(300)", 30)
    version = tuple(int(n) for n in re.findall(r"\d+", bench.identity["micropython"])[:2])
    leaks = (1, 26) <= version <= (1, 29)
    bench.fact(
        "Timer(0).init() 300 times, MicroPython %d.%d" % version,
        "the clock stops at the 255th" if leaks else "nothing stops",
        "it stopped at the %dth" % stopped if stopped else "nothing stopped",
        (stopped == 255) if leaks else not stopped,
        # One that stops where it was not expected is a danger; the other way round is not.
        safety=bool(stopped) and not leaks,
    )
    _restart(bench)  # its clock stands, perhaps: only a reset helps
    return {"stopped_at": stopped}


def _restart(bench):
    bench.dut.start(RESTART)
    bench.dut.boot_text(bench.patience, bench.settle)
    bench.enter()


# -- the application -----------------------------------------------------------------------------


def boot(bench):
    """By the log of a start that nobody disturbs."""
    dut = bench.dut
    dut.start(RESTART)
    dut.boot_text(bench.patience, 0)
    text = dut.listen(bench.boot_s)
    figures = {}
    for found in _LOG.finditer(text):
        for name, tag, words in _BOOT:
            if found.group(2) == tag and words in found.group(3) and name not in figures:
                figures[name] = float(found.group(1))
    bench.enter()
    if "tick_s" not in figures:
        raise NotMeasured("the application did not start by itself within %g s" % bench.boot_s)
    return figures


def opening(bench):
    """Free mode for this start alone; the car is a switch, its resistors and a diode."""
    dut = bench.dut
    if not bench.person:
        raise NotMeasured("nobody is there to connect the simulated car")
    settings = {"FreeMode": "true"}
    if bench.csms is not None:
        settings["CentralSystemURI"] = bench.csms
    bench.hold("the relay's pin is switched by the application now")
    dut.start("%s\nrun(3600, %r)" % (program("life"), settings))
    took, there = [], False
    try:
        if _ready(dut, False):
            bench.ask(
                "Connect the simulated car: 2.74 kohm with the diode to the pilot, 1.3 kohm "
                "behind the switch (open). Mains stay off. Press Enter."
            )
            there = True
            if _ready(dut, True):
                took = bench.instrument.switch(bench.times, bench.close_ms, 2000)
    finally:
        dut.interrupt()  # the application opens every contactor
    lines = dut.finish(30)
    if there:
        bench.ask("Take the simulated car away. Press Enter.")
    figures = _opened(took)
    figures.update(_told(lines))
    if figures["count"] == 0:
        raise Trouble("the application did not close the relay. %s" % _why(lines, there))
    return figures


def _ready(dut, car):
    """False where the page of the charger says a fault, with the car or before it comes."""

    def settled(told):
        if told["what"] != "page" or told["plugged"] != car:
            return False
        return told["status"] == "faulted" or told["stays"]

    # By a line that does not come the switch finds out.
    said = dut.hear(settled, _READY_S)
    return said is None or said["status"] != "faulted"


def _why(lines, there):
    """What the page of the charger said: its last fault, else the last it said with the car."""
    pages = [told for told in serial_line.tagged(lines) if told["what"] == "page"]
    bad = [told for told in pages if told["status"] == "faulted"]
    if bad:
        return "Its page says: Faulted: %s%s" % (bad[-1]["why"], _PARTS)
    plugged = [told for told in pages if told["plugged"]]
    if plugged:
        last = plugged[-1]
        return "Its page says: %s: %s; is the car in state C?" % (last["status"], last["why"])
    return "It has seen no car: look at the diode and at 2.74 kohm" if there else "It said nothing"


def _opened(took):
    good = sorted(us / 1000 for us in took if us >= 0)
    figures = {"count": len(good), "stuck": sum(us == -1 for us in took)}
    if good:
        figures.update(least_ms=good[0], middle_ms=good[len(good) // 2], worst_ms=good[-1])
    return figures


def _told(text):
    """Figures of the lines of life.py."""
    figures = {}
    for row in serial_line.tagged(text):
        if row["what"] == "heap":
            for key in ("gc_free", "gc_used", "idf_free", "idf_largest"):
                figures["%s_%s" % (row["at"], key)] = row[key]
        elif row["what"] == "causes":
            figures["causes"] = row["causes"]
        elif row["what"] == "connected":
            figures["connected"] = True
        elif row["what"] == "end":
            for key in ("worst_gap_ms", "overruns", "worst_closed_ms", "failures"):
                figures["tick_" + key] = row[key]
    return figures


FUNCTIONS = {
    "identity": identity,
    "pilot_idle": pilot_idle,
    "converter": converter,
    "pwm": pwm,
    **{"reset_" + kind: resets.step(kind) for kind in resets.EXPECTED},
    "gaps_idle": gaps_idle,
    "gaps_collect": gaps_collect,
    "gaps_erase": gaps_erase,
    "gaps_scan": gaps_scan,
    "gaps_tls": gaps_tls,
    "import": import_,
    "heap": heap,
    "slow_clock": slow_clock,
    "timer_again": timer_again,
    "boot": boot,
    "opening": opening,
}
