# The two watchdogs of the chip.
# MIT license; part of microevse
"""The task watchdog (`machine.WDT`) resets the CPU: outputs keep their levels until boot.py drives
them. It depends on timer group 0, as the clock does. The RTC watchdog of an ESP32 depends on the
slow RC oscillator alone, and it resets the system, which releases every output at that moment. So
it is set to act first; the task watchdog acts half as long again after it.

The registers: ESP-IDF, components/soc/esp32/include/soc/rtc_cntl_reg.h (RTC_CNTL_WDT*). The order
of writing and the lengths of the reset signals: components/hal/wdt_hal_iram.c and rwdt_ll.h. The
bootloader uses it, too (bootloader_init.c), and the start of the application switches it off
(components/esp_system/startup.c): it is free from boot.py on. A panic leaves it running (panic.c),
and a restart gives it one second anew (port/soc/esp32/system_internal.c). Other chips have other
registers, which are not verified here: there the task watchdog is alone."""

import machine
from evse_base import const

OPEN_MS = 12000  # an erase, a handshake, DNS, an import: all that may happen while open
CLOSED_MS = 1000
_REST_MS = const(600000)  # a person is at the console

_CALIBRATION = const(0x3FF48050)  # RTC_CNTL_STORE1: microseconds of a slow cycle, times 2^19
_CONFIG0 = const(0x3FF4808C)
_CONFIG1 = const(0x3FF48090)  # stage 0, in cycles of the slow clock
_FEED = const(0x3FF480A0)
_PROTECT = const(0x3FF480A4)
# Literals, because the chip's small integers end at 2^30: a computed one would allocate.
_KEY = const(0x50D83AA1)
_FEED_BIT = const(0x80000000)
# Enabled; stage 0 resets the system, the other stages do nothing; reset signals of 3.2 us; both
# CPUs; not paused in sleep; the mode of flash boot, which has a time of its own, off.
_ON = const(0xB001FB00)
# 90 kHz to 200 kHz in microseconds times 2^19: else the calibration is no good.
_FASTEST, _SLOWEST = const(2621440), const(5825422)
_NOMINAL_KHZ = const(150)

registers = None  # machine.mem32 of a chip whose registers are the ones above


class Watchdog:
    """Does not run before the first `set()`. `chip`: the profile's. `mem`: None where no watchdog
    releases the outputs."""

    def __init__(self, chip=""):
        global registers
        self._wdt = None
        self.mem = None
        if chip == "esp32" and hasattr(machine, "mem32"):
            self.mem = machine.mem32
            slow = self.mem[_CALIBRATION]
            sound = _FASTEST <= slow <= _SLOWEST
            self._cycles = 524288000 // slow if sound else _NOMINAL_KHZ  # in a millisecond
            try:
                self._stage(OPEN_MS)
            except OSError:
                self.mem = None
        registers = self.mem

    def _stage(self, ms):
        """The time of stage 0. OSError if the register does not keep it."""
        mem = self.mem
        mem[_PROTECT] = _KEY
        mem[_FEED] = _FEED_BIT  # first: as much as that may have passed already
        mem[_CONFIG1] = ms * self._cycles
        if mem[_CONFIG1] != ms * self._cycles:
            raise OSError("the RTC watchdog takes no time")

    def set(self, ms):
        """From now on feed it at least every `ms`. Does not allocate. OSError if it cannot be
        set."""
        mem = self.mem
        if mem is not None:
            self._stage(ms)
            mem[_CONFIG0] = _ON
            mem[_PROTECT] = 0
            ms += ms >> 1
        self._wdt = machine.WDT(timeout=ms)

    def feed(self):
        """Does not allocate."""
        mem = self.mem
        if mem is not None:
            mem[_PROTECT] = _KEY
            mem[_FEED] = _FEED_BIT
            mem[_PROTECT] = 0
        if self._wdt:
            self._wdt.feed()

    def rest(self):
        """Nothing runs that feeds, and every contactor is open: a person is at the console. The
        RTC watchdog stops; the task watchdog cannot be stopped and gets ten minutes."""
        mem = self.mem
        if mem is not None:
            mem[_PROTECT] = _KEY
            mem[_CONFIG0] = 0
            mem[_PROTECT] = 0
        if self._wdt:
            self._wdt = machine.WDT(timeout=_REST_MS)
