# The RTC side of an original ESP32: slow memory, pads, the converter's owner, the ULP.
# MIT license; part of microevse
"""What keeps its power when the chip's digital part is reset. Registers: ESP-IDF,
components/soc/esp32/register/soc/rtc_io_reg.h, sens_reg.h, rtc_cntl_reg.h.

A pad whose MUX_SEL is set belongs to the RTC: it is driven by OUT where ENABLE is set, and floats
where it is not, whatever the digital GPIO says. machine.Pin() with a mode takes it back
(ports/esp32/machine_pin.c calls rtc_gpio_deinit()).

ADC1 has one owner. A read by the main CPU sets START_FORCE and EN_PAD_FORCE and leaves them set
(components/hal/esp32/include/hal/adc_ll.h, adc_ll_set_controller()); a conversion of the ULP that
begins then never ends. The bootloader's random numbers set DIG_FORCE: the ULP reads 4095.
"""

from twin.ulp import WORDS, Ulp

SLOW_MEM = 0x50000000
CNTL, IO, SENS = 0x3FF48000, 0x3FF48400, 0x3FF48800
TIME_UPDATE, TIME0, STATE0, HOLD_FORCE = CNTL + 0x0C, CNTL + 0x10, CNTL + 0x18, CNTL + 0xC8
OUT, OUT_W1TS, OUT_W1TC = IO, IO + 4, IO + 8
ENABLE, ENABLE_W1TS, ENABLE_W1TC = IO + 0x0C, IO + 0x10, IO + 0x14
READ_CTRL, MEAS_WAIT2, ATTEN1, MEAS_START1 = SENS, SENS + 0x0C, SENS + 0x34, SENS + 0x54
TIMER_EN = 1 << 24
START_FORCE, PAD_FORCE, DIG_FORCE, DATA_INV = 1 << 18, 1 << 31, 1 << 27, 1 << 28
XPD_FORCED = 3 << 18
MUX_SEL, HOLD = 1 << 19, 1 << 31
SLOW_HZ = 150000
_TOUCH_US = 1000000
STEP_US = 500  # a pad moves at most so late
# GPIO: (its bit in the RTC GPIO registers, its pad register)
PADS = {4: (24, IO + 0x94), 13: (28, IO + 0xA4), 14: (30, IO + 0xAC), 27: (31, IO + 0xB0)}
# Of ADC1: channel: GPIO
GPIOS = (36, 37, 38, 39, 32, 33, 34, 35)
_READ_CTRL_AT_RESET = 0x00070902  # 12 bits, 9 cycles, clock / 2; soc/sens_reg.h


class Rtc:
    """`analog(gpio, us)`: the count that the converter gives for that pin then. `moved(gpio,
    level)`: a pad of the RTC is driven to 0 or 1, or (None) floats. `options`: `ulp_mhz`,
    `ulp_adc` (cycles of a conversion), `ulp_model`, `slow_hz`."""

    def __init__(self, analog, moved, options):
        self._analog, self._moved = analog, moved
        self._hz = options.get("slow_hz", SLOW_HZ)
        self.mem = [0] * WORDS
        self.regs = {READ_CTRL: _READ_CTRL_AT_RESET}
        self.now_us = 0
        self._asked_us = 0  # when the time was latched
        self._levels = {}  # gpio: what the RTC drives it to, of those whose pads are the RTC's
        self.collisions = 0  # reads of the main CPU in the middle of a conversion of the ULP
        self.ulp = Ulp(
            self.mem,
            self,
            options.get("ulp_mhz", 8.5),
            options.get("ulp_adc", 47),
            options.get("ulp_model", "mixed"),
        )

    # -- registers: by address for the main CPU, by number for the ULP ---------------------

    def read(self, reg):
        return self.get(CNTL + (reg >> 8) * 0x400 + ((reg & 0xFF) << 2))

    def write(self, reg, value):
        self.set(CNTL + (reg >> 8) * 0x400 + ((reg & 0xFF) << 2), value)

    def get(self, address):
        """The 32 bits of a register."""
        if address == TIME_UPDATE:
            return (self.now_us - self._asked_us >= 2000000 / self._hz) << 30
        if address == TIME0:
            return int(self._asked_us * self._hz / 1000000) & 0xFFFFFFFF
        if address == STATE0:
            return self.regs.get(STATE0, 0) & ~TIMER_EN | (TIMER_EN if self.ulp.timer else 0)
        return self.regs.get(address, 0)

    def set(self, address, value):
        regs = self.regs
        if address == TIME_UPDATE:
            if value >> 31:
                self._asked_us = self.now_us
        elif OUT_W1TS <= address <= OUT_W1TC or ENABLE_W1TS <= address <= ENABLE_W1TC:
            base = OUT if address <= OUT_W1TC else ENABLE
            was = regs.get(base, 0)
            regs[base] = was | value if address == base + 4 else was & ~value
        elif address == STATE0:
            regs[STATE0] = value
            self.ulp.timer = bool(value & TIMER_EN)
        else:
            regs[address] = value
        if IO <= address < SENS or address == HOLD_FORCE:
            self._drive()

    def _drive(self):
        regs, levels = self.regs, self._levels
        for gpio in PADS:
            bit, pad = PADS[gpio]
            state = regs.get(pad, 0)
            if not state & MUX_SEL:
                levels.pop(gpio, None)
                continue
            if state & HOLD and gpio in levels:
                continue  # keeps its level, whatever OUT and ENABLE say
            driven = regs.get(ENABLE, 0) >> bit & 1
            level = regs.get(OUT, 0) >> bit & 1 if driven else None
            if gpio not in levels or levels[gpio] != level:
                levels[gpio] = level
                self._moved(gpio, level)

    def owns(self, gpio):
        """True if the pad belongs to the RTC: the digital GPIO does not reach it."""
        return gpio in self._levels

    def to_digital(self, gpio):
        """rtc_gpio_deinit()"""
        if gpio in PADS:
            pad = PADS[gpio][1]
            self.regs[pad] = self.regs.get(pad, 0) & ~MUX_SEL
            self._levels.pop(gpio, None)

    # -- the converter --------------------------------------------------------------------

    def main_reads(self, gpio, atten):
        """The main CPU reads a channel of ADC1."""
        channel = GPIOS.index(gpio)
        regs = self.regs
        regs[MEAS_START1] = regs.get(MEAS_START1, 0) | START_FORCE | PAD_FORCE
        regs[READ_CTRL] = regs[READ_CTRL] & ~(DIG_FORCE | 0xFF) | DATA_INV | 1
        regs[ATTEN1] = regs.get(ATTEN1, 0) & ~(3 << 2 * channel) | atten << 2 * channel
        ulp = self.ulp
        if not ulp.asleep and not ulp.stuck and self._converting():
            # It waits for the end of a conversion that its own bits have taken away.
            self.collisions += 1
            ulp.stuck = True

    def _converting(self):
        return self.mem[self.ulp.pc] >> 28 == 5

    def adc(self, unit, channel, us):
        """For the ULP: the count of a channel; None if the conversion never ends."""
        regs = self.regs
        if unit:
            return 0  # the radio's
        if regs.get(MEAS_START1, 0) & (START_FORCE | PAD_FORCE):
            return None
        control = regs[READ_CTRL]
        if control & DIG_FORCE or regs.get(MEAS_WAIT2, 0) & XPD_FORCED != XPD_FORCED:
            return 4095
        if channel >= len(GPIOS):
            return 0
        count = self._analog(GPIOS[channel], us)
        # Without this bit the count is inverted.
        return count if control & DATA_INV else 4095 - count

    # -- the main CPU's side of the ULP ------------------------------------------------------

    def load(self, at, binary):
        """ulp_load_binary(): the text goes to word `at`."""
        offset, text, data = (int.from_bytes(binary[i : i + 2], "little") for i in (4, 6, 8))
        if binary[:4] != b"ulp\0" or offset + text + data > len(binary):
            raise OSError(-0x102, "ESP_ERR_INVALID_ARG")
        for i in range(0, text + data, 4):
            word = binary[offset + i : offset + i + 4]
            self.mem[at + i // 4] = int.from_bytes(word, "little")

    def start(self, entry_word):
        self.ulp.start(entry_word, self.now_us)

    def state(self):
        """As JSON types."""
        return {
            "mem": self.mem,
            "regs": [[address, self.regs[address]] for address in sorted(self.regs)],
            "ulp": self.ulp.state(),
        }

    def restore(self, state):
        self.mem[:] = state["mem"]
        for address, value in state["regs"]:
            self.regs[address] = value
        self.ulp.restore(state["ulp"])
        self._drive()


class Side:
    """The RTC side in a world, in step with its clock."""

    def __init__(self, state):
        self._s = state
        self._options = state.options
        self.rtc = Rtc(self._analog, self._moved, state.options)
        self.rtc.now_us = self.rtc.ulp.now_us = state.clock.now_us
        self._busy = False
        self._event = None

    def _analog(self, gpio, us):
        world = self._s.world
        fn = world.analog.get(gpio)
        adc = world.adc
        raw = adc.raw(adc.noisy(0.0 if fn is None else fn(us)))
        raw, failed = adc.faults.convert(gpio, raw, int(us))
        return 0 if failed else raw

    def _moved(self, gpio, level):
        self._s.world.rtc_pins = tuple(self.rtc._levels)
        self._s.world.drive(gpio, level)

    def catch_up(self):
        """Let the ULP run until now."""
        rtc, now = self.rtc, self._s.clock.now_us
        if self._busy:
            return
        self._busy = True
        try:
            if rtc.ulp.timer or not rtc.ulp.asleep:
                rtc.ulp.run(now)
            else:
                rtc.ulp.now_us = now
            rtc.now_us = now
        finally:
            self._busy = False

    def _step(self):
        self._event = None
        self.catch_up()
        self._plan()

    def _plan(self):
        ulp = self.rtc.ulp
        if not self._event and not ulp.stuck and (ulp.timer or not ulp.asleep):
            self._event = self._s.clock.after(STEP_US, self._step)
            if self._s.clock.now_us - self._s.world.changed_us > _TOUCH_US:
                self._s.world.touch()  # ticks that are left out for speed give no turns

    def peek(self, address):
        if address >= SLOW_MEM:
            return self.rtc.mem[address - SLOW_MEM >> 2]
        return self.rtc.get(address)

    def poke(self, address, value):
        if address >= SLOW_MEM:
            self.rtc.mem[address - SLOW_MEM >> 2] = value
        else:
            self.rtc.set(address, value)
            self._plan()

    def to_digital(self, gpio):
        self.rtc.to_digital(gpio)
        self._s.world.rtc_pins = tuple(self.rtc._levels)

    def run(self, entry_word):
        self.rtc.start(entry_word)
        self._plan()

    def random_numbers(self, on):
        """bootloader_random_enable() and _disable() in each start (esp_hw_support,
        bootloader_random_esp32.c): the converter is driven by the digital controller, and after
        that its supply is left to the state machine."""
        self.catch_up()
        regs = self.rtc.regs
        if on:
            regs[READ_CTRL] = regs.get(READ_CTRL, 0) | DIG_FORCE
        else:
            regs[READ_CTRL] = regs.get(READ_CTRL, 0) & ~DIG_FORCE
            regs[MEAS_WAIT2] = regs.get(MEAS_WAIT2, 0) & ~XPD_FORCED

    def state(self):
        self.catch_up()
        return self.rtc.state()

    def resume(self, state):
        self.rtc.restore(state)
        self._plan()
