# A fake `machine` and `esp32` under the hardware layer, for tests that look closely at one rule.
# MIT license; part of microevse
"""`with Hal("tick", ...)` imports modules of hal over the fakes; `chip` is their state. It is made
anew each time. `charger(hal)` puts an EVSE, its tick and a clock of the test's own on them."""

import sys

from iec61851.evse import Evse

DIVIDER = [270000, 68000, 56000]
CP = {"pwm": 27, "adc": 36, "divider": DIVIDER, "vcc_mv": 3300}
BOARD = {"chip": "esp32", "connectors": [{"cp": CP}]}


class Chip:
    """State behind the fake modules."""

    def __init__(self):
        self.pins = {}
        self.log = []
        self.memory = b""
        self.cause = 1
        self.wdt_ms = None
        self.feeds = 0
        self.period = None
        self.timer = None
        self.timer_inits = 0
        self.now = [1000]  # what ticks_ms() says
        self.mem = Mem32()
        self.nvs = {}  # (namespace, key): bytes
        self.nvs_broken = False
        self.ends = []  # resets
        self.pilot = "A"  # what the EV presents
        self.duty = 65535
        self.fail = False
        self.step = 0.805
        self.floor = 142
        self.conversions = 0
        self.fixed_mv = None
        self.clock_us = 0

    def adc_mv(self):
        """Pin voltage; the share of samples with the high plateau is the duty."""
        self.conversions += 1
        if self.fixed_mv is not None:
            return self.fixed_mv
        high = (self.conversions * 7 % 80) * 65536 < self.duty * 80
        mv = {"A": 12000, "B": 8980, "C": 6000}[self.pilot] if high else -12000
        return mv * 1021 // 10000 + 1338

    def us(self):
        """The clock that a window of samples looks at, once for each conversion."""
        self.clock_us = (self.clock_us + 50) & 0x3FFFFFFF
        return self.clock_us

    def count(self):
        mv = self.adc_mv()
        return max(0, int((mv - self.floor) / self.step))


class Mem32:
    """The registers of an ESP32's RTC controller that matter here, as its technical reference
    manual and ESP-IDF's rtc_cntl_reg.h have them. Reading and writing do not allocate."""

    OPTIONS0, STORE1, CONFIG0, CONFIG1 = 0x3FF48000, 0x3FF48050, 0x3FF4808C, 0x3FF48090
    FEED, PROTECT = 0x3FF480A0, 0x3FF480A4

    def __init__(self):
        self.store1 = 3495253  # 150 kHz
        self.options0 = 0x1C492000
        self.protect = self.config0 = self.config1 = self.feeds = self.refused = 0
        self.deaf = False  # takes nothing any more

    def __getitem__(self, at):
        if at == self.STORE1:
            return self.store1
        if at == self.OPTIONS0:
            return self.options0
        if at == self.CONFIG1:
            return self.config1
        raise ValueError("%x" % at)

    def __setitem__(self, at, value):
        if at == self.PROTECT:
            self.protect = value
        elif at == self.OPTIONS0:
            if value & 0x80000000:
                chip.ends.append("system")
                chip.log.append("system reset")
            self.options0 = value
        elif self.protect != 0x50D83AA1 or self.deaf:
            self.refused += 1
        elif at == self.FEED:
            if value == 0x80000000:  # arithmetic would allocate at 32 bits
                self.feeds += 1
        elif at == self.CONFIG0:
            self.config0 = value
        elif at == self.CONFIG1:
            self.config1 = value
        else:
            raise ValueError("%x" % at)

    def bites_ms(self):
        """The time until it bites; None if it is off."""
        if not self.config0 >> 31:
            return None
        assert self.config0 >> 28 & 7 == 3, "not a reset of the system"
        return (self.config1 * self.store1 + 262144000) // 524288000


class Pin:
    IN, OUT = 1, 3
    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(self, number, mode=None, value=None):
        self.number = number
        if value is not None:
            self.value(value)

    def value(self, x=None):
        if x is None:
            got = chip.pins.get(self.number, 0)
            return got() if callable(got) else got
        chip.pins[self.number] = x
        chip.log.append((self.number, x))
        if self.number == CP["pwm"]:
            chip.duty = 65535 if x else 0

    def irq(self, handler=None, trigger=None):
        chip.irq = handler


class PWM:
    def __init__(self, pin, freq, duty_u16):
        chip.freq = freq
        self.duty_u16(duty_u16)

    def duty_u16(self, duty):
        chip.duty = duty


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin, atten):
        self.pin = pin

    def _failed(self):
        """The result of a failed conversion, None if this one has not failed. `chip.fail`: True,
        or fn()."""
        if callable(chip.fail):
            return chip.fail()
        if chip.fail:
            raise OSError(263)

    def read_u16(self):
        failed = self._failed()
        if failed is not None:
            return failed
        raw = chip.count()
        return raw << 4 | raw >> 8

    def read_uv(self):
        failed = self._failed()
        if failed is not None:
            # -1 (MicroPython 1.24, 1.25) is taken for a full converter, 0 for an empty one.
            return int((4095 if failed else 0) * chip.step + chip.floor) * 1000
        return int(chip.count() * chip.step + chip.floor) * 1000


class Timer:
    PERIODIC = 1

    def __init__(self, number):
        pass

    def init(self, mode, period, callback):
        chip.timer_inits += 1
        chip.period = period
        chip.timer = callback


class Wdt:
    def feed(self):
        chip.feeds += 1


_wdt = Wdt()


def WDT(timeout):
    """The one task watchdog, as on the chip: no new object."""
    chip.wdt_ms = timeout
    return _wdt


class RTC:
    def memory(self, data=None):
        if data is None:
            return chip.memory
        chip.memory = data


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

    def __init__(self):
        self.Pin, self.PWM, self.ADC, self.Timer = Pin, PWM, ADC, Timer
        self.WDT, self.RTC = WDT, RTC
        self.mem32 = chip.mem

    def reset(self):
        chip.ends.append("cpu")
        chip.log.append("cpu reset")

    def reset_cause(self):
        return chip.cause

    def unique_id(self):
        return b"\x24\x0a\xff"


class Partition:
    """Four blocks of NOR flash; notes which call erased."""

    TYPE_DATA = 1

    def __init__(self):
        self.data = bytearray(b"\xff" * 4 * 4096)
        self.erased = []

    @staticmethod
    def find(kind, label):
        return [chip.flash] if label == "journal" else []

    def ioctl(self, op, arg):
        if op == 6:
            self.erased.append(arg)
            self.data[arg * 4096 : arg * 4096 + 4096] = b"\xff" * 4096
            return 0
        return {4: 4, 5: 4096}[op]

    def readblocks(self, n, buf, offset):
        at = n * 4096 + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, n, buf, offset):
        assert offset + len(buf) <= 4096
        for i in range(len(buf)):
            self.data[n * 4096 + offset + i] &= buf[i]


class NVS:
    def __init__(self, space):
        self._space = space

    def get_blob(self, key, buf):
        if chip.nvs_broken or (self._space, key) not in chip.nvs:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        blob = chip.nvs[self._space, key]
        if len(blob) > len(buf):
            raise OSError(-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[: len(blob)] = blob
        return len(blob)

    def set_blob(self, key, value):
        if chip.nvs_broken:
            raise OSError(-0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
        chip.nvs[self._space, key] = bytes(value)
        chip.log.append("NVS written")

    def commit(self):
        pass


class Esp32:
    def __init__(self):
        self.Partition, self.NVS = Partition, NVS


class Hal:
    """The hal modules, imported over the fakes; leaves sys.modules as it was."""

    def __init__(self, *names):
        self.names = names

    def __enter__(self):
        chip.__init__()
        chip.flash = Partition()
        self.kept = {}
        for name in list(sys.modules):
            if name.split(".")[0] in ("hal", "machine", "esp32", "burst"):
                self.kept[name] = sys.modules[name]
                del sys.modules[name]
        sys.modules["machine"] = Machine()
        sys.modules["esp32"] = Esp32()
        found = [getattr(__import__("hal." + name), name) for name in self.names]
        if "burst" in sys.modules:
            # A conversion takes 50 us, whatever else this machine is doing: a busy one once
            # gave windows of too few samples.
            sys.modules["burst"].ticks_us = lambda: chip.us()
        return found[0] if len(found) == 1 else found

    def __exit__(self, *exc):
        for name in list(sys.modules):
            if name.split(".")[0] in ("hal", "machine", "esp32", "burst"):
                del sys.modules[name]
        for name in self.kept:
            sys.modules[name] = self.kept[name]


chip = Chip()
PARTS = ("adc", "contactor", "pilot", "tick", "watchdog")


def charger(hal, alive=lambda: True, guarded=False, chip_name="esp32"):
    """(evse, tick, [ms of the clock], fn(ms)) over the fake pins."""
    adc_, contactor, pilot, tick, watchdog = hal
    now = chip.now
    adc_.ticks_ms = tick.ticks_ms = lambda: now[0]
    adc = adc_.PilotAdc(BOARD)
    relay = contactor.Contactor({"pin": 26})
    evse = Evse(pilot.Pilot(CP), relay)
    dog = watchdog.Watchdog(chip_name)
    ticker = tick.Tick(adc, [evse], [relay], dog, alive, guarded)
    ticker.start()

    def go(ms):
        end = now[0] + ms
        while now[0] < end:
            now[0] += chip.period
            chip.timer(None)

    return evse, ticker, now, go


def charge(evse, go):
    """An EV comes and asks: the contactor closes."""
    chip.pilot = "B"
    evse.permit(16000)
    go(300)
    chip.pilot = "C"
    go(700)
    assert evse.closed and chip.pins[26] == 1
