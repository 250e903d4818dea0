# A small control pilot with an EV, for the tests of iec61851 (independent of the twin).
# MIT license; part of microevse
"""Volts by IEC 61851-1 Annex A, sampled every 45 to 55 us through an ESP32's converter."""

from array import array

from iec61851 import duty
from iec61851.evse import GAP_MS, Evse
from iec61851.plateau import Plateau, divider
from evse_base import ticks_add

OHMS = {"A": None, "B": 2740.0, "C": 882.0, "D": 246.0}
DIVIDER = [270000, 68000, 56000]
SLOPE, OFFSET_MV = 0.102124, 1338.07
DROP_US = 30000  # coil off -> contacts open


class Random:
    """Small, the same on both interpreters; the seed is in every failure message."""

    def __init__(self, seed):
        self.x = (seed * 2654435761 + 12345) & 0xFFFFFFFF

    def __call__(self, low, high):
        self.x = (self.x * 1664525 + 1013904223) & 0xFFFFFFFF
        return low + (high - low) * (self.x >> 8) / 16777216


class Pilot:
    def __init__(self, bench):
        self.bench = bench
        self.duty = duty.FULL
        self.log = []  # (ms, what)

    def _set(self, value, what):
        self.duty = value
        self.log.append((self.bench.now // 1000, what))

    def steady(self):
        self._set(duty.FULL, "steady")

    def offer(self, ma):
        self._set(duty.duty_u16(ma), ma)

    def fault(self):
        self._set(0, "fault")


class Contactor:
    def __init__(self, bench):
        self.bench = bench
        self.closed = False
        self.log = []  # (us, closed)

    def close(self):
        self.closed = True
        self.log.append((self.bench.now, True))

    def open(self):
        if self.closed:
            self.log.append((self.bench.now, False))
        self.closed = False


class Bench:
    """`letter`, `short`, `pe_ohm`, `source`, `r1`, `ev`, `gain`: the circuit; `dead`: the PWM
    does not follow, but stays at this duty. `script`: fn(number of the window), called before
    each one; `stuck`: a count that the converter gives whatever is there; `waits`: as
    firmware/burst.py a window begins a little after its tick; `period_us`: of the tick.
    Time in us; `start_ms`: first value of the tick counter, for its wrap."""

    def __init__(self, seed=1, start_ms=0, max_samples=256, **options):
        self.random = Random(seed)
        self.now = int(self.random(0, 20000))
        self.start_ms = start_ms
        self.letter = "A"
        self.short = False
        self.pe_ohm = None
        self.source, self.source_low, self.r1, self.ev, self.vf = 12.0, -12.0, 1000.0, 1.0, 0.7
        self.gain = 1.0
        self.sigma_mv = 10
        self.read_us = (45, 56)  # what one conversion takes
        self.dead = None
        self.adc_dead = False
        self.script = self.stuck = self.period_us = None
        self.waits = False
        self.windows = 0
        self.jobs = []
        self.pilot = Pilot(self)
        self.contactor = Contactor(self)
        self.evse = Evse(self.pilot, self.contactor, **options)
        self.plateau = Plateau(*divider(DIVIDER, 3300))
        self.plateau.calibrate(0, 142000, 65535, 142000 + 65535 * 50351 // 1000)
        self.buf = array("H", bytes(2 * max_samples))
        self.last_start = None

    # -- circuit

    def volts(self, high):
        v = self.source if high else self.source_low
        g, i = 1 / self.r1, v / self.r1
        if self.pe_ohm:
            g += 1 / self.pe_ohm
        r = OHMS[self.letter]
        if r:
            r *= self.ev
            vf = 0.0 if self.short else self.vf
            if self.short or i / g > vf:
                g += 1 / r
                i += vf / r
        return i / g

    def at(self, us, fn):
        """Call `fn()` at this time."""
        self.jobs.append((us, fn))
        self.jobs.sort(key=lambda job: job[0])

    def after_ms(self, ms, letter):
        self.at(self.now + ms * 1000, lambda: setattr(self, "letter", letter))

    def advance(self, us):
        self.now += us
        while self.jobs and self.jobs[0][0] <= self.now:
            self.jobs.pop(0)[1]()

    def circuit(self):
        """The duty times 1000, the millivolts at the converter in both halves of the square wave,
        its noise, and what it is stuck at."""
        on = self.pilot.duty if self.dead is None else self.dead
        upper, lower = [
            (self.volts(half) * SLOPE * 1000 + OFFSET_MV) * self.gain for half in (True, False)
        ]
        return on * 1000, upper, lower, self.sigma_mv, self.stuck

    # -- tick

    def sample(self, us):
        if self.waits:
            self.advance((self.now >> 4 & 255) * 3 // 4)
        # Nearly all time of the tests goes here, so the loop calls nothing: Random is written out,
        # and the circuit is computed again only after a job, which may have changed it.
        end = self.now + us
        buf, jobs, random = self.buf, self.jobs, self.random
        most = len(buf)
        low, high = self.read_us
        wide = high - low
        now, x = self.now, random.x
        on, upper, lower, sigma, stuck = self.circuit()
        n = 0
        while now < end and n < most:
            x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
            now += int(low + wide * (x >> 8) / 16777216)
            if jobs and jobs[0][0] <= now:
                self.now, random.x = now, x
                self.advance(0)
                now, x = self.now, random.x
                on, upper, lower, sigma, stuck = self.circuit()
            x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
            if stuck is None:
                mv = upper if now % 1000 * 65536 < on else lower
                mv += (4 * (x >> 8) / 16777216 - 2) * sigma
                raw = int((mv - 142) / 0.80565)
                raw = 0 if raw < 0 else 4095 if raw > 4095 else raw
            else:
                raw = stuck
            buf[n] = raw << 4 | raw >> 8
            n += 1
        self.now, random.x = now, x
        self.plateau.measure(self.buf, 0 if self.adc_dead else n)

    def ticks(self):
        return ticks_add(self.start_ms, self.now // 1000)

    def window(self):
        gap = 0 if self.last_start is None else (self.now - self.last_start) // 1000
        self.last_start = self.now
        if self.script:
            self.script(self.windows)
        self.windows += 1
        self.sample(8000 if self.evse.offered_ma > 63000 else 4000)
        self.evse.window(self.ticks(), self.plateau, gap)
        return gap

    def tick(self):
        """Do the work of hal.tick."""
        start = self.now
        if self.window() > GAP_MS and self.evse.closed:
            self.window()
        period = self.period_us or (10000 if self.evse.closed else 20000)
        if self.now < start + period:
            self.advance(start + period - self.now)

    def run(self, ms):
        end = self.now + ms * 1000
        while self.now < end:
            self.tick()

    def until(self, condition, limit_ms):
        """Run until condition(); returns the ms that took. Fails after the limit."""
        start = self.now
        while not condition():
            assert self.now - start < limit_ms * 1000, "not within %d ms" % limit_ms
            self.tick()
        return (self.now - start) / 1000

    # -- scenes

    def charge(self, ma=16000, letter="C"):
        """Plug in, ask, close."""
        self.letter = "B"
        self.run(200)
        self.evse.permit(ma)
        self.run(100)
        self.letter = letter
        self.until(lambda: self.evse.closed, 3000)
        return self
