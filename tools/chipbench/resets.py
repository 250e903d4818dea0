# The steps of the bench that reset the chip with the relay's pin active.
# MIT license; part of microevse
"""Facts about resets are those of docs/chip.md, section Resets; the limits those of plan.py."""

from chipbench import line as serial_line
from chipbench.instruments import NotMeasured
from seriallink import Trouble

# kind: (code of the ROM, cause that MicroPython gives, RTC memory kept, pins kept), of the
# original ESP32: docs/chip.md.
EXPECTED = {
    "cpu": ("0xc", 2, True, True),
    "panic": ("0xc", 2, True, True),
    "twdt": ("0xc", 3, True, True),
    "system": ("0x3", 2, True, False),
    "rwdt": ("0x9", 3, True, False),
    "en": ("0x1", 1, False, False),
    "power": ("0x1", 1, False, False),
}
# The mark ends; a watchdog bites after its second; the chip starts; boot.py opens.
_WINDOW_MS = {"twdt": 4000, "rwdt": 3000}
_OTHER_MS = 3000
# Kept means: for longer than a chip takes to start its bootloader; released: before that.
_KEPT_MS, _RELEASED_MS = 100, 20
_BITES_MS = {"twdt": 1000, "rwdt": 1000}


def step(kind):
    """The function of one of them."""

    def run(bench):
        return _reset(bench, kind)

    return run


def _reset(bench, kind):
    dut, connector = bench.dut, bench.connector
    relay, pilot = connector["contactor"]["pin"], connector["cp"]["pwm"]
    if kind == "power" and not bench.person:
        raise NotMeasured("nobody is there to take the power away")
    window_ms = bench.power_ms if kind == "power" else _WINDOW_MS.get(kind, _OTHER_MS)
    bench.instrument.watch(window_ms)
    bench.load("reset")
    bench.armed = True
    if dut.value("", "arm(%d, %d, %d)" % (relay, pilot, bench.on)) != bench.on:
        bench.instrument.forget()
        raise Trouble("the relay's pin does not get active: is something else connected to it?")
    text = _event(bench, kind)
    bench.armed = False  # the chip has started anew
    bench.enter()
    dut = bench.dut  # another object, where the board had no power
    bench.load("reset")
    after = dut.value("", "after(%d, %d)" % (relay, pilot))
    # Time passes until the instrument has seen enough.
    dut.run("time.sleep_ms(%d)" % window_ms, window_ms / 1000 + bench.patience)
    seen = bench.instrument.seen()
    _facts(bench, kind, text, after, seen)
    figures = {key: value for key, value in seen.items()}
    figures["rst"] = serial_line.rst_code(text)
    figures["cause"] = after["cause"]
    if "low_after_ms" not in seen:
        figures["relay_at_prompt"] = after["relay"]
        raise bench.failed(
            figures, "the relay's pin was still active %d ms after the event" % window_ms
        )
    return figures


def _event(bench, kind):
    """Make it happen; the text of the boot."""
    dut = bench.dut
    if kind == "power":
        dut.start("go('en')")
        bench.ask("Take the power of the board away, wait 3 s, give it back, press Enter.")
        bench.reopen()
        # Its first words may have come before the port was there again.
        return bench.dut.listen(bench.settle)
    dut.start("go(%r)" % kind)
    if kind == "en":
        dut.listen(0.3)
        if not dut.pulse_reset():
            dut.interrupt()
            bench.enter()
            bench.safe()
            bench.instrument.forget()
            raise NotMeasured("this serial line has no reset line (RTS)")
    return dut.boot_text(bench.patience, bench.settle)


def _facts(bench, kind, text, after, seen):
    if bench.board["chip"] != "esp32":
        return  # docs/chip.md does not say how others are
    code, cause, memory, pins = EXPECTED[kind]
    name = "reset %s" % kind
    found = serial_line.rst_code(text)
    if found or kind != "power":
        bench.fact(name + ", code of the ROM", code, found or "none", found == code)
    bench.fact(name + ", machine.reset_cause()", cause, after["cause"], after["cause"] == cause)
    kept = "kept" if memory else "lost"
    bench.fact(name + ", RTC memory", kept, "kept" if after["kept"] else "lost",
               bool(after["kept"]) == memory)  # fmt: skip
    low = seen.get("low_after_ms")
    since = _BITES_MS.get(kind, 0)
    if kind in ("en", "power"):
        return  # the moment of the event is not known to the instrument
    if pins:
        there = low is None or low > since + _KEPT_MS
        bench.fact(name + ", the relay's pin", "kept", "kept" if there else "released", there)
        if "pilot_waves" in seen:
            going = seen.get("pilot_until_ms", 0) > since + _KEPT_MS
            bench.fact(name + ", the pilot's PWM", "goes on",
                       "goes on" if going else "stops", going)  # fmt: skip
    else:
        gone = low is not None and low < (since * 1.3 if since else 0) + _RELEASED_MS
        # A chip that does not let go of its pins here is one whose hang is not ended.
        bench.fact(name + ", the relay's pin", "released",
                   "released" if gone else "kept", gone, safety=not gone)  # fmt: skip
