# The cost of a look at the pilots: bytecodes executed by the timer tick, callback to relay pin.
# MIT license; part of microevse
"""Counts what CPython executes between the timer's callback and its return, frame by frame, for
open and closed contactors, one and two connectors. The bytecodes of MicroPython are others, but
a step that is added or taken away shows in both. Left out is what runs as machine code on the
chip: the sampling loop (firmware/burst.py), the two loops of hal/kernel.py and the clock
(evse_base/__init__.py; older checkouts have it in lib/port.py).

`measure(root)` runs this file in a process of its own, with the firmware/ and lib/ of `root`.
project/test_window_cost.py holds the numbers below.
"""

import json
import subprocess
import sys

# Mean over the windows of a scene, counted with the code before the pilot's evidence was kept
# beside its runs and its duty was measured.
BEFORE = {
    "1, A": 819.0,
    "1, B, PWM": 1087.0,
    "1, C, closed": 1073.0,
    "2, A": 770.0,
    "2, B, PWM": 1038.0,
    "2, C, closed": 1191.0,
}
# A window may cost so much more than that. While open it may cost more than while closed: the
# watched tasks are asked every 40 ms there, too, which took 80 ms before.
MOST, MOST_OPEN = 1.10, 1.13

MACHINE_CODE = ("burst.py", "kernel.py", "evse_base/__init__.py", "lib/port.py", "window_cost.py")
WINDOWS = 100


def measure(root):
    """{"connectors, scene": bytecodes for each look at a pilot} with the code of a checkout."""
    done = subprocess.run(
        [sys.executable, __file__, str(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


# -- in a process of its own: it has the hardware modules of a make-believe chip ----------------


class _Chip:
    """Counts of the converter that show the pilot as it is driven, in virtual time."""

    def __init__(self):
        self.now_us = 0
        self.load = "A"
        self.duty = 65535

    def read_u16(self):
        """One conversion of 47 us: not a part of the PWM's period."""
        self.now_us += 47
        high = self.now_us % 1000 * 65536 < self.duty * 1000
        mv = {"A": 12000, "B": 8980, "C": 6000}[self.load] if high else -12000
        raw = int((mv * 1021 // 10000 + 1338 - 142) / 0.805)
        return raw << 4 | raw >> 8 if raw > 0 else 0

    def read_uv(self):
        return int((self.read_u16() >> 4) * 0.805 + 142) * 1000


def _machine(chip):
    import types

    class Pin:
        IN, OUT = 1, 3

        def __init__(self, number, mode=None, value=None):
            self.number = number
            if value is not None:
                self.value(value)

        def value(self, x=None):
            if self.number == 27 and x is not None:
                chip.duty = 65535 if x else 0

    class PWM:
        def __init__(self, pin, freq, duty_u16):
            chip.duty = duty_u16

        def duty_u16(self, duty):
            chip.duty = duty

    class ADC:
        ATTN_11DB = 3

        def __init__(self, pin, atten):
            self.read_u16, self.read_uv = chip.read_u16, chip.read_uv

    class Timer:
        PERIODIC = 1

        def __init__(self, number=0, **options):
            if options:
                self.init(**options)

        def init(self, mode, period, callback):
            chip.period_ms, chip.callback = period, callback

    class WDT:
        def __init__(self, timeout):
            pass

        def feed(self):
            pass

    module = types.ModuleType("machine")
    module.Pin, module.PWM, module.ADC, module.Timer, module.WDT = Pin, PWM, ADC, Timer, WDT
    module.mem32 = {}
    return module


class _Counter:
    """Opcode events of every frame that is no machine code."""

    def __init__(self):
        self.count = 0

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename.endswith(MACHINE_CODE):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._local

    def _local(self, frame, event, arg):
        if event == "opcode":
            self.count += 1
        return self._local


def _child(root):
    chip = _Chip()
    sys.path[:0] = [root + "/firmware", root + "/lib"]
    sys.modules["machine"] = _machine(chip)
    import evse_base as port

    port.use_clock(lambda: chip.now_us)
    port.sleep_ms = lambda ms: setattr(chip, "now_us", chip.now_us + 1000 * ms)
    from hal import adc, contactor, pilot, tick, watchdog
    from iec61851.evse import Evse

    found = {}
    cp = {"pwm": 27, "adc": 36, "divider": [270000, 68000, 56000], "vcc_mv": 3300}
    for count in (1, 2):
        chip.load = "A"
        board = {"chip": "esp32", "connectors": [{"cp": cp}] * count}
        looks = adc.PilotAdc(board)
        contactors = [contactor.Contactor({"pin": 26}) for _ in range(count)]
        evses = [Evse(pilot.Pilot(cp), relay) for relay in contactors]
        parts = [looks, evses, contactors, watchdog.Watchdog(), lambda: True]
        if "contactors" not in tick.Tick.__init__.__code__.co_varnames:
            parts.pop(2)  # older code, see --against
        ticker = tick.Tick(*parts)
        ticker.start()
        taken = [0]
        look = looks.window
        looks.window = lambda *args: (taken.__setitem__(0, taken[0] + 1), look(*args))[1]

        def run(ms, counter=None):
            end = chip.now_us + 1000 * ms
            while chip.now_us < end:
                due = chip.now_us + 1000 * chip.period_ms
                sys.settrace(counter)
                chip.callback(None)
                sys.settrace(None)
                chip.now_us = max(chip.now_us, due)

        def scene(name):
            counter = _Counter()
            taken[0] = 0
            while taken[0] < WINDOWS:
                run(10, counter)
            found["%d, %s" % (count, name)] = round(counter.count / taken[0], 1)

        run(300)
        scene("A")
        chip.load = "B"
        run(300)
        for evse in evses:
            evse.permit(16000)
        run(300)
        scene("B, PWM")
        chip.load = "C"
        run(1500)
        assert all(evse.closed for evse in evses), "did not close"
        scene("C, closed")
        assert all(evse.closed and evse.fault is None for evse in evses)
    print(json.dumps(found))


def table(now, before):
    """Text: scene, before, now, ratio."""
    lines = ["%-16s %8s %8s %6s" % ("connectors, state", "before", "now", "ratio")]
    for name in now:
        was = before.get(name)
        ratio = "%.2f" % (now[name] / was) if was else "-"
        lines.append("%-16s %8s %8s %6s" % (name, was or "-", now[name], ratio))
    return "\n".join(lines)


if __name__ == "__main__":
    _child(sys.argv[1])
