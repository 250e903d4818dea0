# The chip around the interpreter: what a reset keeps, the RTC watchdog, registers.
# MIT license; part of microevse
"""Facts with their sources; docs/chip.md has them as a table.

A CPU reset (machine.reset(), panic, task watchdog) resets no GPIO, no IO MUX and no LEDC:
esp_restart_noos() names what it resets (ESP-IDF, esp_system/port/soc/esp32/system_internal.c).
A system reset resets all digital peripherals: the pins float.
"""

from twin import twin_state as _s
from twin import rtc as _rtc

# name: (cause that machine.reset_cause() gives, pins keep their state, RTC memory kept,
#        panic text in bytes). Causes: ports/esp32/modmachine.c over ESP-IDF's esp_reset_reason(),
# esp_system/port/soc/esp32/reset_reason.c: a software reset with a hint left by the panic handler
# is a panic (2) or a task watchdog (3); each reset by the RTC watchdog is 3; brown-out is 1.
RESETS = {
    "power": (_s.PWRON_RESET, False, False, 0),  # rst:0x1
    "brownout": (_s.PWRON_RESET, False, False, 0),  # rst:0xf
    "cpu": (_s.HARD_RESET, True, True, 0),  # machine.reset(), rst:0xc
    "panic": (_s.HARD_RESET, True, True, 1300),  # rst:0xc
    "twdt": (_s.WDT_RESET, True, True, 1700),  # task watchdog: a panic with more to say, rst:0xc
    "system": (_s.HARD_RESET, False, True, 0),  # RTC_CNTL_SW_SYS_RST, rst:0x3
    "rwdt_cpu": (_s.WDT_RESET, True, True, 0),  # RTC watchdog, stage action 2, rst:0xd
    "rwdt": (_s.WDT_RESET, False, True, 0),  # stage action 3, rst:0x9
    "rwdt_rtc": (_s.WDT_RESET, False, False, 0),  # stage action 4, rst:0x10
    "deepsleep": (_s.DEEPSLEEP_RESET, False, True, 0),
    # End of main.py by SystemExit, Ctrl-D: the C program goes on, only Python starts again.
    "soft": (_s.SOFT_RESET, True, True, 0),
}
# From the reset to boot.py, in us, each with an option of its name (in ms). No chip was measured:
# the sum is what an emulated one shows, the parts are estimates. `panic` is counted from
# the length of the text, at 115200 baud (the console of every stock image).
BAUD_BYTES = 11520
_RTC_LOST = ("power", "brownout", "rwdt_rtc")  # the RTC's registers and memory are reset, too
START = (
    ("rom_ms", 50),  # ROM: prints 500 bytes, loads the bootloader
    ("bootloader_ms", 300),  # second stage: checks the SHA-256 of an image of 1.6 MB
    ("start_ms", 150),  # ESP-IDF, NVS, MicroPython's heap
    ("mount_ms", 50),  # frozen _boot.py mounts the file system
    ("imports_ms", 50),  # what boot.py imports: 15 ms for each KB of .mpy
)
SOFT_MS = 100  # a soft reset: mount and imports only

SLOW_HZ = 150000  # the slow RC clock, nominal; esp32/include/soc/rtc.h
# RTC_CNTL registers of the original ESP32: soc/esp32/include/soc/rtc_cntl_reg.h
_BASE = 0x3FF48000
OPTIONS0 = _BASE
_SYS_RST, _CPU_RST = 1 << 31, 1 << 5
TIME_UPDATE, TIME0, TIME1 = _BASE + 0x0C, _BASE + 0x10, _BASE + 0x14
STORE1 = _BASE + 0x50  # calibration of the slow clock, esp_rom/include/esp32/rom/rtc.h
WDTCONFIG0, WDTCONFIG4 = _BASE + 0x8C, _BASE + 0x9C
WDTFEED, WDTWPROTECT = _BASE + 0xA0, _BASE + 0xA4
_KEY = 0x50D83AA1
_WDT_EN, _FEED, _PROCPU_EN = 1 << 31, 1 << 31, 1 << 9
_SHIFT = (28, 25, 22, 19)  # of the four stage actions in WDTCONFIG0
_OFF, _INT, _CPU, _SYSTEM, _RTC = range(5)
_ACTIONS = {_CPU: "rwdt_cpu", _SYSTEM: "rwdt", _RTC: "rwdt_rtc"}


# The references on the timer groups before any program runs: esp_timer and the task watchdog on
# group 0 (esp_timer_impl_lac.c, task_wdt_impl_timergroup.c), the interrupt watchdog
# on group 1. The counter is a uint8_t (esp_hw_support/periph_ctrl.c).
_REFERENCES = (2, 1)
_WRAP = 256


def version():
    """(1, 28): the MicroPython that the board has; option "micropython", "1.24" to "1.29"."""
    major, minor = _s.options.get("micropython", "1.28").split(".")[:2]
    return int(major), int(minor)


def stopped_level():
    """What a PWM output is after deinit() and after a soft reset: low since 1.26; before that
    its output is disabled, too (ports/esp32/machine_pwm.c, pwm_deinit())."""
    return 0 if version() >= (1, 26) else None


def adc_error():
    """The reading of a failed conversion: see twin/adc_faults.py."""
    how = _s.options.get("adc_error_as")
    if how == "raise":
        raise OSError(-263, "ESP_ERR_TIMEOUT")
    return how if how is not None else 0 if version() >= (1, 26) else -1


class Fed:
    """When a watchdog was last fed. A timer whose ticks are left out while nothing happens
    has fed it in each of those, if it fed it in the last one that ran."""

    def __init__(self):
        self.at = 0
        self._by = None  # the timer in whose callback that was

    def feed(self):
        self.at = _s.clock.now_us
        self._by = _s.running

    def when(self):
        """us"""
        by = self._by
        return self.at if by is None else max(self.at, by.ticked())


class TaskWatchdog:
    """ESP-IDF's task watchdog as machine.WDT sets it up: a panic after the timeout. It counts
    with timer group 0, and stands still with that."""

    def __init__(self):
        self._fed = Fed()
        self._event = None
        self.timeout_us = 0  # 0: not started
        self._mercy_us = 0
        self.stopped = False

    def start(self, ms):
        """Start it, or give it another timeout; feeds it."""
        self.timeout_us = ms * 1000
        self._mercy_us = 0
        _s.clock.cancel(self._event)
        self._event = None
        self.feed()

    def feed(self):
        self._fed.feed()
        # One event for many feeds: it looks at the deadline when it runs.
        if not self._event and self.timeout_us and not self.stopped:
            self._event = _s.clock.at(self._due(), self._expire)

    def stop(self):
        """Timer group 0 was reset: it never bites again, whatever it is told."""
        self.stopped = True
        _s.clock.cancel(self._event)
        self._event = None

    def mercy(self, us):
        """After a jump over a long quiet time all tasks are late: not before `us` from now."""
        self._mercy_us = _s.clock.now_us + us

    def _due(self):
        return max(self._fed.when() + self.timeout_us, self._mercy_us)

    def _expire(self):
        self._event = None
        due = self._due()
        if _s.clock.now_us < due:
            self._event = _s.clock.at(due, self._expire)
        else:
            _s.reset("twdt")

    def state(self):
        return [self.timeout_us, self._fed.when(), self.stopped]

    def restore(self, state):
        """A soft reset: the C program has gone on."""
        self.timeout_us, self._fed.at, self.stopped = state
        if self.timeout_us and not self.stopped:
            self._event = _s.clock.at(max(self._due(), _s.clock.now_us), self._expire)


class RtcWatchdog:
    """The RTC watchdog: on the slow clock, alone; it outlasts a CPU reset."""

    def __init__(self):
        self._fed = Fed()
        self._event = None
        self.key = 0
        # Reset values of the register's description.
        self.regs = [0, 128000, 80000, 0xFFF, 0xFFF]
        self._stage = 0

    @property
    def enabled(self):
        return bool(self.regs[0] & _WDT_EN)

    def _us(self, ticks):
        # RC oscillator: option "slow_hz" for one that is off.
        return ticks * 1000000 // _s.options.get("slow_hz", SLOW_HZ)

    def write(self, index, value):
        """One of WDTCONFIG0 to 4; without the key nothing happens."""
        if self.key == _KEY:
            was = self.enabled
            self.regs[index] = value
            if self.enabled and not was:
                self._restart()
            else:
                self._plan()

    def feed(self):
        if self.key == _KEY:
            self._fed.feed()
            if self._stage:
                self._stage = 0
                self._plan()
            elif not self._event:
                self._plan()

    def _restart(self):
        self._stage = 0
        self._fed.feed()
        self._plan()

    def set(self, ms=0, action=_OFF):
        """As ESP-IDF sets it: stage 0 after `ms`; 0 disables it."""
        self.regs = [0] * 5
        if ms:
            hz = _s.options.get("slow_hz", SLOW_HZ)  # the bootloader measures it
            self.regs[0] = _WDT_EN | action << _SHIFT[0]
            self.regs[1] = ms * hz // 1000
        self.key = 0
        self._restart()

    def _due(self):
        holds = 0
        for i in range(self._stage + 1):
            holds += self.regs[1 + i]
        return self._fed.when() + self._us(holds)

    def _plan(self):
        clock = _s.clock
        clock.cancel(self._event)
        self._event = None
        if self.enabled:
            self._event = clock.at(max(self._due(), clock.now_us), self._expire)

    def _expire(self):
        self._event = None
        if _s.clock.now_us < self._due():
            self._plan()  # was fed meanwhile
            return
        action = self.regs[0] >> _SHIFT[self._stage] & 7
        # It counts on into the next stage, also through the reset that it makes.
        if self._stage < 3:
            self._stage += 1
            self._plan()
        else:
            self._restart()
        if action in _ACTIONS and not (action == _CPU and not self.regs[0] & _PROCPU_EN):
            _s.reset(_ACTIONS[action])

    def state(self):
        return {"regs": self.regs, "key": self.key, "stage": self._stage, "fed": self._fed.when()}

    def restore(self, state):
        self.regs = list(state["regs"])
        self.key = state["key"]
        self._stage = state["stage"]
        self._fed.at = state["fed"]
        self._plan()


class Mem32:
    """machine.mem32: the registers that a firmware may have reason to touch."""

    def __getitem__(self, address):
        if _is_rtc(address):
            return _rtc_side().peek(address)
        chip = _chip(address)
        if address == TIME_UPDATE:
            # TIME_VALID: the two periods of the slow clock that it takes have passed.
            return 1 << 30
        if address == TIME0:
            return chip.latched & 0xFFFFFFFF
        if address == TIME1:
            return chip.latched >> 32 & 0xFFFF
        if address == STORE1:
            # Microseconds of a cycle in 13.19 fixed point, measured at the start.
            return (1000000 << 19) // _s.options.get("slow_hz", SLOW_HZ)
        if WDTCONFIG0 <= address <= WDTCONFIG4:
            return chip.rwdt.regs[(address - WDTCONFIG0) >> 2]
        if address == WDTWPROTECT:
            return chip.rwdt.key
        return chip.options0 if address == OPTIONS0 else 0

    def __setitem__(self, address, value):
        value &= 0xFFFFFFFF
        if _is_rtc(address):
            _rtc_side().poke(address, value)
            return
        chip = _chip(address)
        if address == OPTIONS0:
            if value & _SYS_RST:
                _s.reset("system")
            if value & _CPU_RST:
                _s.reset("cpu")
            chip.options0 = value
        elif address == TIME_UPDATE:
            if value & 1 << 31:
                hz = _s.options.get("slow_hz", SLOW_HZ)
                chip.latched = _s.clock.now_us * hz // 1000000
        elif WDTCONFIG0 <= address <= WDTCONFIG4:
            chip.rwdt.write((address - WDTCONFIG0) >> 2, value)
        elif address == WDTFEED:
            if value & _FEED:
                chip.rwdt.feed()
        elif address == WDTWPROTECT:
            chip.rwdt.key = value


def _is_rtc(address):
    """True for what the ULP can reach, too: RTC slow memory, pads, SENS, its timer's bit."""
    slow = _rtc.SLOW_MEM <= address < _rtc.SLOW_MEM + 4 * _rtc.WORDS
    known = slow or address == _rtc.STATE0 or _rtc.OUT <= address < _rtc.SENS + 0x100
    return known and not address & 3


def _rtc_side():
    """The RTC side of the chip, as far as time has got; made at the first use."""
    _s.clock.entered()
    if _s.world.board.get("chip", "esp32") != "esp32":
        raise NotImplementedError("the virtual %s has no such register" % _s.world.board["chip"])
    _s.clock.now_us += 1  # an access takes half a microsecond or more: loops that poll end
    return _s.chip.rtc_side()


_KNOWN = (OPTIONS0, STORE1, TIME_UPDATE, TIME0, TIME1, WDTFEED, WDTWPROTECT)


def _chip(address):
    """The chip, entered by the firmware. Only what has a source can be touched."""
    _s.clock.entered()
    if address == 0:
        _s.reset("panic")  # nothing is mapped there: LoadProhibited, StoreProhibited
    kind = _s.world.board.get("chip", "esp32")
    known = address in _KNOWN or WDTCONFIG0 <= address <= WDTCONFIG4 and not address & 3
    if kind != "esp32" or not known:
        raise NotImplementedError("the virtual %s has no register at 0x%08x" % (kind, address))
    return _s.chip


_ERRORS = {"MemoryError": MemoryError, "OSError": OSError, "ValueError": ValueError}
_ERRORS["KeyboardInterrupt"] = KeyboardInterrupt  # Ctrl-C on the serial line
_FATES = ("hang", "clock_stop", "timer_stop", "timer_late", "stall", "adc", "error")
_FATES += ("ulp_dies", "stray_read", "ulp_word")


class Chip:
    """The silicon's state: made before boot.py, and handed on over resets."""

    def __init__(self, state=None):
        self.rwdt = RtcWatchdog()
        self.twdt = TaskWatchdog()
        self.options0 = 0x1C492000  # reset value of the register's description
        self.latched = 0
        self.references = list(_REFERENCES)
        self.rtc = None  # twin.rtc.Side, from its first use on
        if state and state.get("rtc"):
            self.rtc_side().resume(state["rtc"])
        if state:
            self.rwdt.restore(state["rwdt"])
            soft = state.get("soft")
            if soft:
                self.twdt.restore(soft["twdt"])
                self.references = soft["references"]

    def state(self, kind=None):
        """As JSON types. `kind`: the reset that it is for; a soft one ends no C program."""
        state = {"rwdt": self.rwdt.state()}
        if self.rtc and (kind is None or kind not in _RTC_LOST):
            state["rtc"] = self.rtc.state()
        if kind == "soft":
            state["soft"] = {"twdt": self.twdt.state(), "references": self.references}
        return state

    def rtc_side(self):
        """The RTC side, made at its first use: few programs touch it."""
        if self.rtc is None:
            self.rtc = _rtc.Side(_s)
        self.rtc.catch_up()
        return self.rtc

    def rtc_off(self):
        """No RTC pad is driven, and the ULP is not woken any more."""
        side = self.rtc_side()
        side.poke(_rtc.ENABLE_W1TC, 0xFFFFC000)
        side.poke(_rtc.OUT_W1TC, 0xFFFFC000)
        side.poke(_rtc.STATE0, side.peek(_rtc.STATE0) & ~_rtc.TIMER_EN)

    def end_of_python(self):
        """A soft reset stops each PWM and detaches the pins' interrupts; outputs stay as they are
        (ports/esp32/main.c; machine_pin.c, machine_pins_deinit())."""
        world = _s.world
        for pin in world.pilots:
            if world.pilots[pin].wave():
                world.drive(pin, stopped_level())

    # -- timer groups -------------------------------------------------------------------

    def reference(self, number):
        """machine.Timer(`number`) is initialised. Returns the timers that this stops.

        From 1.26 on each init() takes a reference that is never given back, on the group with
        the number of the timer *in* its group (ports/esp32/machine_timer.c,
        machine_timer_enable()). When the counter has wrapped, the next one resets the group.
        """
        if version() < (1, 26):
            return ()
        esp32 = _s.world.board.get("chip", "esp32") == "esp32"
        group = number & 1 if esp32 else 0  # the others have one timer in each group
        first = self.references[group] == 0
        self.references[group] = (self.references[group] + 1) % _WRAP
        if not first:
            return ()
        if group == 0:
            self.twdt.stop()
            if esp32:
                _s.clock.stop()  # others count time with their system timer
        mine = (2 * group, 2 * group + 1) if esp32 else (group,)
        return [timer for timer in mine if timer != number]

    def catch_up(self, us):
        """A long jump over ticks that were left out: the task watchdog waits for the tasks."""
        self.twdt.mercy(self.twdt.timeout_us + us)

    # -- what happens to it -------------------------------------------------------------

    def check(self, what):
        """ValueError unless `suffer` knows it."""
        if what not in RESETS and what not in _FATES:
            raise ValueError("the chip suffers no %r" % (what,))

    def suffer(self, what, **more):
        """Something happens to the chip that the program has no part in: a reset (RESETS, of
        them `panic` is a crash of the interpreter itself and `brownout` a dip of the supply),
        `hang`: the interpreter comes back from no C call any more; `clock_stop`: the counter of
        esp_timer and the task watchdog stand still; `timer_stop` (`timer`): no more ticks;
        `timer_late` (`timer`, `ms`, `count`): the next ticks come late; `stall` (`ms`); `adc`
        (see twin.adc_faults.Faults.suffer); `error` (`name`, `where`: "tick", "task"): the next
        call of the program into the board, from a timer's callback or from elsewhere, raises
        that; `ulp_dies`: the ULP runs on no more; `stray_read` (`pin`): the main CPU reads a
        channel of ADC1 without asking; `ulp_word` (`word`, `bit`): a bit of the RTC memory
        flips."""
        self.check(what)
        if what in RESETS:
            _s.reset(what)
        getattr(self, "_" + what)(**more)
        _s.world.touch()  # no quiet time, of which ticks could be left out

    def _hang(self):
        # From the next call of the program into the twin on, which is at once.
        _s.clock.hang()

    def _clock_stop(self):
        _s.clock.stop()
        self.twdt.stop()

    def _timer_stop(self, timer=0):
        _s.timers[timer].stop()

    def _timer_late(self, timer=0, ms=0, count=1):
        _s.timers[timer].delay(ms, count)

    def _stall(self, ms):
        clock = _s.clock
        clock.stall_us += int(ms * 1000)

    def _error(self, name="MemoryError", where=None, count=1):
        error = _ERRORS[name]
        _s.clock.errors += [(error, where)] * count

    def _ulp_dies(self):
        self.rtc_side().rtc.ulp.stuck = True

    def _stray_read(self, pin):
        self.rtc_side().rtc.main_reads(pin, 3)

    def _ulp_word(self, word, bit):
        self.rtc_side().rtc.mem[word] ^= 1 << bit

    def _adc(self, **more):
        _s.world.adc.faults.suffer(now=_s.clock.now_us, **more)

    # -- how it starts ------------------------------------------------------------------

    def begin(self, kind, block, started=None):
        """From the reset to boot.py. `block(us)` lets the world go on without a program;
        `started()` runs when ESP-IDF has started, before Python does."""
        option = _s.options.get
        if kind == "soft":
            block(1000 * option("soft_ms", SOFT_MS))
            return
        text = RESETS[kind][3]
        if text:
            # esp_panic_handler() (ESP-IDF, esp_system/panic.c): an RTC watchdog that the program
            # has enabled runs on while it prints, one that is off is given 7 s; at the end it
            # is disabled.
            if not self.rwdt.enabled:
                self.rwdt.set(7000, _SYSTEM)
            block(1000 * option("panic_ms", text * 1000 // BAUD_BYTES))
            self.rwdt.set()
        if RESETS[kind][1]:
            # esp_restart_noos(): protects the way to the bootloader.
            self.rwdt.set(1000, _SYSTEM)
        _s.clock.boot_us = _s.clock.now_us
        for name, ms in START:
            block(1000 * option(name, ms))
            if name == "rom_ms":
                # bootloader_config_wdt(), bootloader_support/src/bootloader_init.c: 9 s
                # (CONFIG_BOOTLOADER_WDT_TIME_MS).
                self.rwdt.set(9000, _RTC)
                if self.rtc:
                    self.rtc.random_numbers(True)
            elif name == "start_ms":
                if self.rtc:
                    self.rtc.random_numbers(False)
                # Disabled before app_main() (CONFIG_BOOTLOADER_WDT_DISABLE_IN_USER_CODE=n).
                self.rwdt.set()
                if started is not None:
                    started()
