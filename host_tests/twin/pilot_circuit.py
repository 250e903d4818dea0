# The control pilot as a circuit: source, line, EV, divider and converter.
# MIT license; part of microevse
"""Volts on the pilot (IEC 61851-1 Annex A) and the counts of the ADC for them.

Node equation, EVSE source V_s behind R1, EV branch R behind a diode, everything else
resistive to PE as R_p:  V = (V_s/R1 + V_f/R) / (1/R1 + 1/R + 1/R_p)  while the diode
conducts, V = (V_s/R1) / (1/R1 + 1/R_p) while it blocks. With a short for a diode V_f is 0
and it conducts both ways. The divider loads the pilot by less than 0.04 V: neglected.
"""

from array import array
from math import exp

from twin.adc_faults import Faults

R1_OHM = 1000.0  # +-3 %
R2_OHM = 2740.0  # EV, state B
R3_C_OHM = 1300.0  # in parallel from state C on
R3_D_OHM = 270.0  # the same in state D (needs ventilation)
VF = 0.7  # EV diode: 0.55 to 0.85 V over parts and temperature
PE_SHORT_OHM = 80.0  # IEC 61851-1 A.4.9 tests with 80 ohm

# Letters of the states, with the middle between nominal levels (volts of the upper plateau).
_LETTERS = ((10.5, "A"), (7.5, "B"), (4.5, "C"), (1.5, "D"))

FULL = 65536
# A pulse that is shorter does not get through the line's 1 us: 65535 of 65536, which is the
# most that MicroPython sent before 1.26, is 15 ns away from +12 V in each ms.
_SHORTEST_US = 0.15
_NOISE = 512  # a table of noise: drawing three random numbers for each sample is slow
ADC_MAX = 4095
# An ESP32's line for each attenuation: mV at raw 0, and mV per count and volt of the chip's
# own reference (esp-idf, adc_cali_line_fitting.c: 57431, 76236, 105481, 196602 of 2**28).
_ESP32 = ((75, 0.213948), (78, 0.284003), (107, 0.392950), (142, 0.732400))
# At 11 dB that holds up to a count of 2880. Above: mV at 2944, 3008 ... 4096 of chips with a
# reference of 1000 and of 1200 mV, between which the others lie (the same source).
_BENT_FROM = 2880
_BENT_STEP = 64
_AT_1000 = (2297, 2352, 2405, 2457, 2512, 2564, 2616, 2664, 2709, 2754)
_AT_1000 += (2795, 2832, 2868, 2903, 2937, 2969, 3000, 3030, 3060)
_AT_1200 = (2706, 2745, 2780, 2813, 2844, 2873, 2901, 2928, 2956, 2982)
_AT_1200 += (3006, 3032, 3059, 3084, 3110, 3135, 3160, 3184, 3209)
_VREF_MV = 1100
# The newer chips start at 0 and are straight; mV per count of 12 bits at 11 dB, the rest alike.
_NEWER_11DB = {"esp32s2": 0.635}
_NEWER = (0.23, 0.31, 0.43, 0.757)


class _Curve:
    """One ESP32 with a reference of `vref` mV."""

    def __init__(self, vref):
        self.line = [(floor, step * vref / 1000) for floor, step in _ESP32]
        part = (vref - 1000) / 200
        floor, step = self.line[3]
        self.bend = [floor + _BENT_FROM * step]  # mV at 2880, 2944, ...
        self.bend += [low + (high - low) * part for low, high in zip(_AT_1000, _AT_1200)]

    def count(self, mv):
        """Count for `mv` at 11 dB, where that is above the line."""
        bend = self.bend
        i = 1
        while i < len(bend) - 1 and mv > bend[i]:
            i += 1
        return _BENT_FROM + _BENT_STEP * (i - 1 + (mv - bend[i - 1]) / (bend[i] - bend[i - 1]))

    def mv(self, count):
        """The other way round."""
        i = min((count - _BENT_FROM) // _BENT_STEP, len(self.bend) - 2)
        over = count - _BENT_FROM - i * _BENT_STEP
        return self.bend[i] + (self.bend[i + 1] - self.bend[i]) * over / _BENT_STEP


class Adc:
    """Transfer curve of the chip's converter, with its errors.

    `adc_vref`: the reference an ESP32 really has, mV; `adc_efuse`: the one that its eFuse
    holds (the same), None where it was never measured: then read_uv() fails. `adc_gain`: the
    error that no calibration inside the chip knows of.
    """

    def __init__(self, rng, options, chip="esp32"):
        self._rng = rng
        self._real = self._told = None
        if chip == "esp32":
            vref = options.get("adc_vref", _VREF_MV)
            told = options.get("adc_efuse", vref)
            self._real = _Curve(vref)
            self._line = self._real.line
            self._told = self._real if told == vref else told and _Curve(told)
        else:
            top = _NEWER_11DB.get(chip, _NEWER[3])
            self._line = [(0, step) for step in _NEWER[:3]] + [(0, top)]
        self.gain = options.get("adc_gain", 1.0)  # +-1 to 2 % calibrated, +-6 % not
        self.sigma_mv = options.get("adc_sigma_mv", 10.0)
        self.spike_rate = options.get("adc_spike_rate", 0.0)  # 0.002 to 0.01 with WiFi busy
        self.spike_mv = options.get("adc_spike_mv", 600)
        self.faults = Faults(rng, options)
        self.preempt = options.get("adc_preempt", 0.0)  # reads the other core interrupts
        self._noise = None
        self._i = 0

    def noisy(self, mv):
        """`mv` with noise and now and then a spike."""
        rng = self._rng
        noise = self._noise
        if noise is None:
            sigma = self.sigma_mv
            noise = self._noise = array("f", [sigma * rng.gauss() for _ in range(_NOISE)])
        i = self._i
        if not i:
            i = 1 + int(rng.random() * _NOISE)  # the table from another place on
        self._i = i - 1
        mv += noise[i - 1]
        if self.spike_rate and rng.random() < self.spike_rate:
            mv += rng.uniform(100, self.spike_mv) * (1 if rng.random() < 0.5 else -1)
        return mv

    def read_us(self):
        """The time of one conversion with all that is around it: 45 to 60 us."""
        us = 45 + (self._i * 7 & 15)
        if self.preempt and self._rng.random() < self.preempt:
            us += int(self._rng.uniform(20, 300))
        return us

    def raw(self, mv, atten=3):
        """12-bit count for `mv` at the pin."""
        mv *= self.gain
        real = self._real
        floor, step = self._line[atten]
        if atten == 3 and real is not None and mv > real.bend[0]:
            count = int(real.count(mv) + 0.5)
        else:
            count = int((mv - floor) / step + 0.5)
        return 0 if count < 0 or mv < floor else ADC_MAX if count > ADC_MAX else count

    def millivolts(self, raw, atten=3):
        """The millivolts that the chip's calibration gives for a count; OSError if it has none."""
        told = self._told
        line = self._line
        if self._real is not None:
            if not told:
                raise OSError(-258, "ESP_ERR_INVALID_ARG")
            if atten == 3 and raw > _BENT_FROM:
                return told.mv(raw)
            line = told.line
        floor, step = line[atten]
        return floor + raw * step


class PilotCircuit:
    """One control pilot. `changed()` is called whenever a plateau or the duty changed."""

    def __init__(self, cp, clock, rng, options, changed):
        self._clock = clock
        self._changed = changed
        rcp, rup, rdn = cp.get("divider", (270000, 68000, 56000))
        g = 1 / rcp + 1 / rup + 1 / rdn
        self.slope = 1 / rcp / g  # V at the ADC per V of pilot
        self.offset_mv = cp.get("vcc_mv", 3300) / rup / g
        random = options.get("corners") == "random"

        def part(name, nominal, low, high):
            return options.get(name, rng.uniform(low, high) if random else nominal)

        self.v_high = part("v_pos", 12.0, 11.4, 12.6)
        self.v_low = part("v_neg", -12.0, -12.6, -11.4)  # -10.7: op-amp that saturates early
        self.r1 = part("r1", R1_OHM, 970.0, 1030.0)
        self.c_nf = part("c_nf", 1.0, 0.3, 5.5)
        self.vf = part("vf", VF, 0.55, 0.85)
        self.ev_factor = part("ev_r", 1.0, 0.97, 1.03)
        self.load = "A"  # what the EV presents: A (nothing), B, C or D
        self.diode_short = False  # a fault by a command
        self.ev_diode_short = False  # the EV came with it
        self.diode_open = False
        self.pe_short = None  # ohms
        self.leak = None  # ohms: wet connector
        self.cp_open = False  # broken wire between EVSE and EV
        self.switched_off = False  # or the board's own switch is open
        self.powered = True  # the board has its supply
        self.duty = FULL  # of 65536, in force; a floating input is pulled to +12 V
        self.high = self.low = 0.0  # plateaus, V
        self.letter = "A"
        self.latched_us = 0
        self._t0 = 0
        self._period = 1000
        self._running = False
        self._next = None
        self._event = None
        self._high_us = self._settled = 0.0
        self._top = FULL
        self._solve()

    # -- EVSE side ---------------------------------------------------------------------

    def steady(self, level):
        """The pin is no PWM output: driven high or low, or (None) floating: pulled up."""
        self._clock.cancel(self._event)
        self._event = None
        self._running = False
        self._latch(0 if level == 0 and level is not None else FULL)

    def pwm(self, duty, freq):
        """LEDC: `duty` of 65536 from the end of the running period on."""
        period = max(1, int(1000000 / freq + 0.5))
        now = self._clock.now_us
        if not self._running:
            self._running = True
            self._t0 = now
            self._period = period
            self._latch(duty)
            return
        self._next = (duty, period)
        if not self._event:
            at = self._t0 + ((now - self._t0) // self._period + 1) * self._period
            self._event = self._clock.at(at, self._period_end)

    def wave(self):
        """[duty, period us, where a period began us] of the LEDC, as JSON types; None: no PWM."""
        if not self._running:
            return None
        duty, period = self._next if self._event else (self.duty, self._period)
        return [duty, period, self._t0]

    def resume(self, wave):
        """The LEDC went on through a reset of the CPU."""
        self._running = True
        self.duty, self._period, self._t0 = wave

    def _period_end(self):
        self._event = None
        duty, period = self._next
        if period != self._period:
            self._t0 = self._clock.now_us
            self._period = period
        self._latch(duty)

    def _latch(self, duty):
        if duty != self.duty:
            self.duty = duty
            self.latched_us = self._clock.now_us
            self.refresh()

    @property
    def percent(self):
        """Duty in percent: 100 is steady +12 V, 0 is -12 V."""
        return round(self.duty * 100 / FULL, 2)

    # -- EV side -----------------------------------------------------------------------

    def set_load(self, letter):
        """The EV presents A (unplugged), B, C or D."""
        if letter != self.load:
            self.load = letter
            self.refresh()

    def refresh(self):
        """After a change of any public field: new plateaus."""
        self._solve()
        self._changed()

    def offered(self):
        """Duty fraction the EV can make out, or None: no square wave arrives."""
        if self._ohms() is None or not 0 < self.duty < FULL or self.high < 1.5:
            return None
        if self.duty >= self._top:
            return None
        return self.duty / FULL

    # -- volts -------------------------------------------------------------------------

    def _ohms(self):
        load = self.load
        if load == "A" or self.cp_open or self.switched_off or self.diode_open:
            return None
        r = R2_OHM
        if load != "B":
            r3 = R3_C_OHM if load == "C" else R3_D_OHM
            r = r * r3 / (r + r3)
        return r * self.ev_factor

    def plateau(self, source):
        """Settled pilot volts with the source at `source` volts."""
        g = 1 / self.r1
        current = source / self.r1
        if self.pe_short is not None:
            g += 1 / max(self.pe_short, 0.001)
        if self.leak is not None:
            g += 1 / self.leak
        v = current / g
        r = self._ohms()
        if r is not None:
            short = self.diode_short or self.ev_diode_short
            vf = 0.0 if short else self.vf
            if short or v > vf:
                v = (current + vf / r) / (g + 1 / r)
        return v

    def _solve(self):
        if not self.powered:
            self.high = self.low = 0.0
            self.letter = "E"
            return
        self.high = self.plateau(self.v_high)
        self.low = self.plateau(self.v_low)
        self._high_us = self.duty * self._period / FULL
        self._top = FULL - int(_SHORTEST_US * FULL / self._period)
        self._settled = 8 * self.c_nf * self.r1 / 1000  # us: nothing is slower than this
        if self.duty == 0:
            self.letter = "F" if self.low < -1.5 else "E"
            return
        for limit, letter in _LETTERS:
            if self.high > limit:
                self.letter = letter
                return
        self.letter = "E"

    def volts(self, t_us):
        """Pilot volts at one instant, with the slopes that the line capacitance makes."""
        if self.duty >= self._top:
            return self.high
        if self.duty <= 0:
            return self.low
        phase = (t_us - self._t0) % self._period
        since = phase - self._high_us
        if since < 0:
            if phase > self._settled:
                return self.high
            r = self._ohms()
            r = self.r1 if r is None else self.r1 * r / (self.r1 + r)
            goal, start, since = self.high, self.low, phase
        else:
            if since > self._settled:
                return self.low
            goal, start, r = self.low, self.high, self.r1
        # tau in us is nF * ohm / 1000
        return goal + (start - goal) * exp(-since * 1000 / (self.c_nf * r))

    def adc_mv(self, volts):
        """Millivolts at the ADC pin for `volts` on the pilot."""
        return max(0.0, volts * self.slope * 1000 + self.offset_mv)
