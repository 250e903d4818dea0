# Random pilots for the ULP's program: the real binary and the twin's circuit.
# MIT license; part of microevse
"""`asking(seed)` and `lost(seed)` play one pilot each, from closing to its end.

A pilot is drawn with the board, the EV and the chip around it: source, resistors, line, diode,
duty of 5 to 96 %, noise and spikes of the converter, the ULP's clock of 6.8 to 9.8 MHz, its
cycles, the slow clock 10 % off either way. The main program of here does what hal/ulp_guard.py
does with the mailbox, late as a tick is, and stalls; the real one is in charger/test_ulp_guard.py.
"""

import random

import ulp_asm as tool
from iec61851.levels import DIODE_MV, HYSTERESIS_MV
from iec61851.plateau import Plateau, divider
from twin.clock import Clock
from twin.pilot_circuit import FULL, Adc, PilotCircuit
from twin.rtc import ENABLE_W1TS, OUT, Rtc
from twin.ulp import MODELS
from twin.world import Rng

CP = {"pwm": 25, "adc": 36, "divider": [270000, 68000, 56000], "vcc_mv": 3300}
PIN = 27
# Words of the mailbox: firmware/hal/ulp_guard.S.
CMD, HB, REQ, TURN, CLO, CHI, LOWMAX = range(7)
BADLIM, GOODLIM, LEASE, HOLD, HBLIM, EASE, EASELIM = range(7, 14)
VER, TICK, STATE, MAX, MIN, BAD, GOOD, BUSY, NOW = range(14, 23)
ENTRY = tool.WORDS_OF_MAILBOX
PERMIT = 0x0C05
DROP_MS = 30  # coil to open contacts
STALL_MS = 2000
LIMIT_MS = 100
CLOCKS = (6.8, 8.5, 9.8)
ADC_CYCLES = (38, 47, 68, 95)
ENDS = ("A", "B", "E", "F", "diode", "frozen", "zero", "full", "PWM gone", "wire off")

_binary = []


def binary():
    """The program for PIN and the first channel, assembled once."""
    if not _binary:
        _binary.append(tool.assemble(tool.source(PIN, CP["adc"])))
    return _binary[0]


class Still(Clock):
    """The circuit's events are not needed: each change here is at once."""


class Scene:
    """One board with the program in its ULP. `mutate`: fn(words) changes the loaded program."""

    def __init__(self, seed, mutate=None, **fixed):
        self.random = random.Random(seed)
        draw = self.random
        self.clock = Still()
        options = {
            "corners": "random",
            "adc_sigma_mv": draw.uniform(8, 15),
            "adc_spike_rate": draw.choice((0, 0, 0.002, 0.005)),
            "adc_vref": draw.uniform(1035, 1165),
            "ulp_mhz": draw.choice(CLOCKS),
            "ulp_adc": draw.choice(ADC_CYCLES),
            "ulp_model": draw.choice(sorted(MODELS)),
            "slow_hz": draw.choice((135000, 150000, 165000)),
        }
        options.update(fixed)
        self.options = options
        rng = Rng(seed)
        self.adc = Adc(rng, options)
        self.pilot = PilotCircuit(CP, self.clock, rng, options, lambda: None)
        self.frozen = None
        self.rtc = Rtc(self._analog, self._moved, options)
        self.opened_us = None
        self.reads = True  # the main program reads the converter in its windows
        self.rtc.load(0, binary())
        if mutate:
            mutate(self.rtc.mem)
        self.rtc.set(0x3FF484B0, 1 << 19)
        plateau = Plateau(*divider(CP["divider"], CP["vcc_mv"]))
        # Calibrated by the curve, and 1.5 % off.
        error = draw.uniform(0.985, 1.015)
        curve = self.adc._real
        points = [(0, 142000), (2880 * 16, curve.bend[0] * 1000 * error)]
        points += [
            ((2880 + 64 * (i + 1)) * 16 - 1, mv * 1000 * error)
            for i, mv in enumerate(curve.bend[1:])
        ]
        plateau.trace([(raw, int(uv)) for raw, uv in points])
        self.plateau = plateau
        unit_ms = 64000 / options["slow_hz"]
        values = [
            self._count(4500 - HYSTERESIS_MV), self._count(7500), self._count(DIODE_MV), 3, 4,
            int(15 / unit_ms), int(40 / unit_ms), int(2000 / unit_ms), 0, int(6500 / unit_ms),
        ]  # fmt: skip
        for i, value in enumerate(values):
            self.put(CLO + i, value)
        self.now = 0.0
        self._tick_at = draw.uniform(0, 10000)
        self.rtc.start(ENTRY)

    def _count(self, mv):
        low, high = 0, 4095
        while low < high:
            middle = (low + high) >> 1
            if self.plateau.mv(middle << 4 | middle >> 8) < mv:
                low = middle + 1
            else:
                high = middle
        return low

    def _analog(self, gpio, us):
        if self.frozen is not None:
            return self.frozen
        return self.adc.raw(self.adc.noisy(self.pilot.adc_mv(self.pilot.volts(us))))

    def _moved(self, gpio, level):
        if level != 1 and self.opened_us is None:
            self.opened_us = self.rtc.now_us

    def get(self, word):
        return self.rtc.mem[word] & 0xFFFF

    def put(self, word, value):
        self.rtc.mem[word] = value

    @property
    def closed(self):
        return self.rtc.get(OUT) >> 31 & 1 == 1

    # -- the main program ------------------------------------------------------------------

    def pass_us(self, us):
        """Time without the main program."""
        self.now += us
        self.rtc.ulp.run(self.now)
        self.rtc.now_us = max(self.rtc.now_us, self.now)

    def take(self):
        self.put(REQ, 1)
        waited = 0
        while self.get(BUSY):
            self.pass_us(100)
            waited += 100
            assert waited < 12000, "the ULP keeps the converter"
        self._read()

    def _read(self):
        self.rtc.main_reads(CP["adc"], 3)
        assert not self.rtc.collisions, "both have the converter"

    def give(self):
        self.put(TURN, self.get(TURN) + 1 & 0xFFFF)
        self.put(REQ, 0)

    def looks(self, ms, stop_at=None):
        """The main program is healthy: a tick each 10 ms, sometimes late. `stop_at`: it stalls
        then, wherever it is."""
        end = self.now + 1000 * ms
        draw = self.random
        while self.now < end:
            late = draw.uniform(0, 300) if draw.random() < 0.95 else draw.uniform(300, 27000)
            self._tick_at = max(self._tick_at, self.now)
            wait = min(self._tick_at + late - self.now, end - self.now)
            if self._stalls(stop_at, wait):
                return
            if self.now >= end:
                return
            self.take()
            # A window of the tick, or one inside of another reading.
            left = draw.uniform(4000, 4400) if draw.random() < 0.95 else draw.uniform(4400, 12000)
            while left > 0:
                if self._stalls(stop_at, min(left, 1000)):
                    return
                self._read()
                left -= 1000
            self.give()
            self.put(HB, self.get(HB) + 1 & 0xFFFF)
            self._tick_at += 10000

    def _stalls(self, stop_at, us):
        if stop_at is not None and self.now + us >= stop_at:
            self.pass_us(max(0, stop_at - self.now))
            return True
        self.pass_us(us)
        return False

    def ask(self, duty):
        """An EV in C at a square wave of `duty` percent."""
        pilot = self.pilot
        pilot.load = "C"
        pilot._running = True
        pilot._t0 = self.random.uniform(0, 1000)
        pilot.duty = int(duty * FULL / 100)
        pilot._solve()

    def close(self):
        self.looks(self.random.uniform(100, 140))
        self.rtc.set(ENABLE_W1TS, 1 << 31)
        self.put(CMD, PERMIT)
        for _ in range(10):  # a spike may have spoiled one of the good windows that it wants
            self.looks(40)
            if self.closed:
                break
        assert self.closed, ("not closed", self.report())
        self.opened_us = None

    def end(self, how):
        """The EV lets go, or its pilot is lost."""
        pilot = self.pilot
        if how in ("A", "B"):
            pilot.load = how
        elif how == "E":
            pilot.pe_short = self.random.uniform(0, 120)
        elif how == "F":
            pilot.duty = 0
        elif how == "PWM gone":
            pilot.duty = FULL
        elif how == "diode":
            pilot.diode_short = True
        elif how == "wire off":
            pilot.cp_open = True
        else:
            self.frozen = {"zero": 0, "full": 4095, "frozen": self.random.randrange(4096)}[how]
        pilot._solve()

    def visited(self):
        """Tick and state, as the main program sees them."""
        return self.get(TICK), self.get(STATE)

    def report(self):
        """The mailbox and the circuit, for a failed assertion."""
        return self.rtc.mem[:ENTRY], self.options, self.pilot.high, self.pilot.low


def asking(seed, ms=200, stall_ms=500):
    """A car that goes on asking for `ms`, and half of it at another duty; then the main program
    stalls, for up to `stall_ms`. Returns False if it was opened."""
    scene = Scene(seed)
    draw = scene.random
    scene.ask(draw.choice((5, 96, draw.uniform(5, 96), draw.uniform(10, 53))))
    scene.close()
    scene.looks(ms)
    scene.ask(draw.uniform(5, 96))
    scene.looks(ms / 2)
    # A stall shorter than the heartbeat's limit.
    scene.looks(60, scene.now + draw.uniform(0, 60000))
    scene.put(REQ, 0)  # not while it has the converter: that is opened for
    scene.pass_us(1000 * draw.uniform(50, stall_ms))
    scene.looks(50)
    return scene.closed and scene.opened_us is None


def lost(seed, how=None):
    """The main program stalls for 2 s, anywhere in its round; in the stall the pilot is lost, or
    the EV lets go. Returns (ms from then to open contacts, None if never; what happened)."""
    scene = Scene(seed)
    draw = scene.random
    how = how or ENDS[seed % len(ENDS)]
    scene.ask(draw.choice((5, 96, draw.uniform(5, 96))))
    scene.close()
    stall = scene.now + draw.uniform(20000, 60000)
    scene.looks(100, stall)
    # Sometimes in the same moment: nothing of the stall has passed.
    wait = draw.choice((0, draw.uniform(0, 20000), draw.uniform(0, 1500000)))
    if scene.get(REQ):
        wait %= 10000  # before the ULP opens because the converter is kept from it
        how += ", converter kept"
    scene.pass_us(wait)
    if scene.opened_us is not None:
        return 0, how + ": open before"
    at = scene.now
    scene.end(how.split(",")[0])
    while scene.opened_us is None and scene.now < at + 1000 * STALL_MS:
        scene.pass_us(5000)
    scene.pass_us(100000)
    if scene.closed or scene.opened_us is None:
        return None, how
    return (scene.opened_us - at) / 1000 + DROP_MS, how


def code_words():
    """The numbers of the words that are instructions."""
    return range(ENTRY, (len(binary()) - tool.HEADER) // 4)


def flipped(word, bit, seed=1):
    """A bit of the program flips while a car charges; 60 ms later it lets go, the main program
    being stalled. What came of it: "works"; "opens" (at the flip); "stands still" (closed, and its
    TICK does not move: hal/ulp_guard.py sees that within 35 ms); "kept" (it gives the converter
    back no more: seen at the next take); "blind" (closed, runs on, and does not open for the car:
    only the comparison of its words sees that)."""
    scene = Scene(seed, adc_spike_rate=0)
    scene.ask(25)
    scene.close()
    scene.rtc.mem[word] ^= 1 << bit
    try:
        scene.looks(30)
        tick, state = scene.visited()
        scene.looks(40)
    except AssertionError:
        return "kept" if scene.closed else "opens"
    if not scene.closed or scene.get(STATE) != 1:
        return "opens"
    if scene.get(TICK) == tick:
        return "stands still"
    tick = scene.get(TICK)
    scene.end("B")
    scene.pass_us(70000)
    if not scene.closed:
        return "works"
    # With the main program back: would it see that the ULP stands?
    return "blind" if scene.get(TICK) != tick else "stands still"
