# The `machine` module of MicroPython's esp32 port, on the virtual board.
# MIT license; part of microevse
"""The names that the firmware imports as `machine`: pins, PWM, ADC, timers, UARTs, watchdog, RTC.

Semantics are those of the esp32 port: callbacks are soft, pins float until they are set up,
the LEDC takes a new duty at the end of its period and runs on while the interpreter stalls.
"""

import io
import sys

import twin_state as _s
from twin import chip as _chips
from twin_state import (  # noqa: F401
    DEEPSLEEP_RESET,
    HARD_RESET,
    PWRON_RESET,
    SOFT_RESET,
    WDT_RESET,
)

_FULL = 65536
_STREAM_POLL = 3
_POLL_RD = 1
_POLL_WR = 4
_SKIP_AFTER_US = 2000000  # ticks are skipped once nothing has changed for this long
# After a long jump every task is late: so long until the last of them has shown itself alive.
_LONG_JUMP_US = 4000000
_CATCH_UP_US = 2500000
_SAMPLED = 4  # so many callbacks without a window, and a timer is no sampling one any more
_EPOCH_DAYS = 719468  # days from 0000-03-01 to 1970-01-01

# chip: (GPIOs, inputs only, ADC1)
_CHIPS = {
    "esp32": (
        tuple(range(20)) + (21, 22, 23, 25, 26, 27) + tuple(range(32, 40)),
        tuple(range(34, 40)),
        tuple(range(32, 40)),
    ),
    "esp32s2": (tuple(range(22)) + tuple(range(26, 47)), (46,), tuple(range(1, 11))),
    "esp32s3": (tuple(range(22)) + tuple(range(26, 49)), (), tuple(range(1, 11))),
    "esp32c3": (tuple(range(22)), (), tuple(range(5))),
    "esp32c6": (tuple(range(31)), (), tuple(range(7))),
}


def _chip():
    return _CHIPS.get(_s.world.board.get("chip", "esp32"), _CHIPS["esp32"])


def _entered():
    _s.clock.entered()


def _touched():
    """A pin: needs no memory and nothing else that could be missing."""
    _s.clock.entered(False)


# -- pins --------------------------------------------------------------------------------

_pins = {}


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    DRIVE_0 = 0
    DRIVE_1 = 1
    DRIVE_2 = 2
    DRIVE_3 = 3

    def __new__(cls, id, *args, **kw):
        if isinstance(id, Pin):
            return id
        pin = _pins.get(id)
        if pin is None:
            if isinstance(id, bool) or id not in _chip()[0]:
                raise ValueError("invalid pin")
            # Singletons, as on the chip: Pin(5) is Pin(5).
            pin = _pins[id] = super().__new__(cls)
            pin.number = id
            # An output that a CPU reset has left as it was is one before it is set up.
            level = _s.world.levels.get(id)
            pin._mode = None if level is None else Pin.OUT
            pin._pull = None
            pin._out = level or 0
            pin._handler = None
            pin._trigger = 0
            pin._last = 0
            pin.pwm = None
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        self.init(mode, pull, value=value, drive=drive, hold=hold)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        _touched()
        if mode not in (-1, None, Pin.IN, Pin.OUT, Pin.OPEN_DRAIN):
            raise ValueError("invalid mode")
        if mode in (Pin.OUT, Pin.OPEN_DRAIN) and self.number in _chip()[1]:
            raise ValueError("pin can only be input")
        if pull != -1:
            self._pull = pull
        if value is not None:
            self._out = 1 if value else 0
        if mode is not None and mode != -1:
            if _s.chip is not None and _s.chip.rtc:
                _s.chip.rtc_side().to_digital(self.number)
            self._mode = mode
            self.pwm = None
            self._drive()
        elif value is not None:
            self._drive()

    def _drive(self):
        if self.pwm is not None:
            return
        if _s.chip is not None and _s.chip.rtc and _s.chip.rtc.rtc.owns(self.number):
            return
        if self._mode == Pin.OUT or self._mode == Pin.OPEN_DRAIN and not self._out:
            _s.world.drive(self.number, self._out)
        else:
            _s.world.drive(self.number, None)

    def _level(self):
        if self._mode == Pin.OUT or self._mode == Pin.OPEN_DRAIN and not self._out:
            return self._out
        level = _s.world.read(self.number)
        if level is None:
            # Without a pull the pin is an antenna; 0 is what an idle one mostly reads.
            return 1 if self._pull == Pin.PULL_UP else 0
        return level

    def value(self, x=None):
        _touched()
        if x is None:
            return self._level()
        self._out = 1 if x else 0
        if self._mode is not None:
            self._drive()

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not self._out)

    def irq(self, handler=None, trigger=3, wake=None):
        """Soft interrupt: the handler is queued, and lost if eight calls wait already."""
        _touched()
        self._handler = handler
        self._trigger = trigger
        self._last = self._level()
        if handler is None:
            _s.world.watch.pop(self.number, None)
        else:
            _s.world.watch[self.number] = self._moved
        return self

    def _moved(self):
        level = self._level()
        if level != self._last:
            self._last = level
            if self._trigger & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
                _s.clock.soft(self._handler, self)

    def __repr__(self):
        return "Pin(%d)" % self.number


class Signal:
    def __init__(self, pin, *args, invert=False, **kw):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin, *args, **kw)
        self._invert = invert

    def value(self, x=None):
        if x is None:
            return self._pin.value() ^ (1 if self._invert else 0)
        self._pin.value(bool(x) != self._invert)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class PWM:
    """LEDC output. 65535 is constantly high since MicroPython 1.26; before that the pin is low
    for one count of the timer in each period (ports/esp32/machine_pwm.c, set_duty_u16())."""

    def __init__(self, dest, freq=None, duty=None, duty_u16=None, duty_ns=None, invert=False):
        self._pin = dest if isinstance(dest, Pin) else Pin(dest)
        if self._pin.number in _chip()[1]:
            raise ValueError("pin can only be input")
        self._freq = 5000
        self._duty = 32768
        self._pin.pwm = self
        self.init(freq=freq, duty=duty, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, freq=None, duty=None, duty_u16=None, duty_ns=None):
        _entered()
        if freq is not None:
            self._set_freq(freq)
        if duty is not None:
            self._set_duty(65535 if duty >= 1023 else duty << 6)
        elif duty_u16 is not None:
            self._set_duty(duty_u16)
        elif duty_ns is not None:
            self._set_duty(min(65535, duty_ns * self._freq * 65536 // 1000000000))
        self._pin.pwm = self
        self._apply()

    def _set_freq(self, freq):
        if not 1 <= freq <= 40000000:
            raise ValueError("freq must be from 1Hz to 40MHz")
        self._freq = int(freq)

    def _set_duty(self, duty):
        if not 0 <= duty <= 65535:
            raise ValueError("duty_u16 must be from 0 to 65535")
        self._duty = int(duty)

    def _apply(self):
        _s.world.levels.pop(self._pin.number, None)
        pilot = _s.world.pilots.get(self._pin.number)
        if pilot is None:
            return
        duty = self._duty
        if duty == 65535 and _chips.version() >= (1, 26):
            duty = _FULL
        elif _s.world.board.get("chip", "esp32") in ("esp32s2", "esp32s3", "esp32c3"):
            duty &= ~7  # 14-bit timer, 13 usable bits at 1 kHz
        pilot.pwm(duty, self._freq)

    def freq(self, freq=None):
        _entered()
        if freq is None:
            return self._freq
        self._set_freq(freq)
        self._apply()

    def duty_u16(self, duty=None):
        _entered()
        if duty is None:
            return self._duty
        self._set_duty(duty)
        self._apply()

    def duty(self, duty=None):
        if duty is None:
            return self._duty >> 6
        self.duty_u16(65535 if duty >= 1023 else duty << 6)

    def deinit(self):
        """Stops with the output low (ledc_stop()); before 1.26 the output is then disabled."""
        _entered()
        if self._pin.pwm is self:
            self._pin.pwm = None
            _s.world.drive(self._pin.number, _chips.stopped_level())


class ADC:
    """ADC1 only: the other converter is the radio's."""

    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3
    WIDTH_9BIT = 9
    WIDTH_10BIT = 10
    WIDTH_11BIT = 11
    WIDTH_12BIT = 12

    def __init__(self, pin, atten=0):
        self.number = pin.number if isinstance(pin, Pin) else Pin(pin).number
        if self.number not in _chip()[2]:
            raise ValueError("invalid pin: not on ADC1")
        self.atten(atten)

    def init(self, atten=0):
        self.atten(atten)

    def atten(self, atten):
        if not 0 <= atten <= 3:
            raise ValueError("invalid attenuation")
        self.attenuation = atten

    def width(self, bits):
        if bits != 12:
            raise ValueError("only 12 bits are modelled")

    def _convert(self):
        """A count of 12 bits; None: the conversion has failed."""
        clock = _s.clock
        world = _s.world
        adc = world.adc
        clock.entered()
        if _s.options.get("fidelity") == "sample":
            clock.spend(adc.read_us())
        if _s.chip is not None and _s.chip.rtc:
            _s.chip.rtc_side().rtc.main_reads(self.number, self.attenuation)
        fn = world.analog.get(self.number)
        mv = 0.0 if fn is None else fn(clock.now_us)
        raw = adc.raw(adc.noisy(mv), self.attenuation)
        raw, failed = adc.faults.convert(self.number, raw, clock.now_us)
        return None if failed else raw

    def read(self):
        raw = self._convert()
        return _chips.adc_error() if raw is None else raw

    def read_u16(self):
        raw = self._convert()
        if raw is None:
            return _chips.adc_error()
        return raw << 4 | raw >> 8

    def read_uv(self):
        """Microvolts by the factory calibration, in steps of 1 mV."""
        raw = self._convert()
        if raw is None:
            raw = 4095 if _chips.adc_error() < 0 else 0
        return int(_s.world.adc.millivolts(raw, self.attenuation) + 0.5) * 1000


# -- timers ------------------------------------------------------------------------------

_timers = _s.timers = {}
_wdt = None
mem32 = _chips.Mem32()


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __new__(cls, id, *args, **kw):
        timer = _timers.get(id)
        if timer is None:
            if id not in (0, 1, 2, 3) or isinstance(id, bool):
                raise ValueError("invalid Timer number")
            timer = _timers[id] = super().__new__(cls)
            timer.id = id
            timer._event = None
            timer._callback = None
            timer._samples = 0
            timer._late_us = timer._late = timer._left_out = 0
            timer._on_fire = timer._fire
            timer._on_run = timer._run
            timer._on_touch = timer._wake
        return timer

    def __init__(self, id, **kw):
        if kw:
            self.init(**kw)

    def init(self, *, mode=1, callback=None, period=-1, freq=0, tick_hz=1000, hard=False):
        _entered()
        if hard:
            raise ValueError("hard Timers are not implemented")
        us = int(1000000 / freq) if freq else int(period * 1000000 / tick_hz)
        if us <= 0:
            raise ValueError("period must be positive")
        self.deinit()
        for timer in _s.chip.reference(self.id):
            if timer in _timers:
                _timers[timer].stop()
        self._us = us
        self._repeat = mode == Timer.PERIODIC
        self._callback = callback
        self._samples = 0
        self._last = _s.clock.now_us
        self._due = self._last + us
        self._event = _s.clock.at(self._due, self._on_fire)
        if _s.options.get("skip_ms") and self._on_touch not in _s.world.on_touch:
            _s.world.on_touch.append(self._on_touch)

    def deinit(self):
        _s.clock.cancel(self._event)
        self._event = None

    def value(self):
        return (_s.clock.now_us - self._last) // 1000

    def stop(self):
        """The hardware stands still; the firmware is told nothing."""
        self._wake()
        _s.clock.cancel(self._event)
        self._event = None

    def delay(self, ms, count=1):
        """The next `count` ticks come `ms` late."""
        self._wake()
        self._late_us, self._late = int(ms * 1000), count
        if self._event:
            _s.clock.cancel(self._event)
            self._plan(self._due)

    def leaves_out(self):
        """Whether the next tick is one after several that are left out."""
        late = self._late_us or not self._samples
        return bool(self._event and not late and self._due - self._last > self._us)

    def ticked(self):
        """When the last tick was that was left out (us)."""
        if self._event and self._due - self._last > self._us and not self._late_us:
            passed = (_s.clock.now_us - self._last) // self._us
            self._left_out = self._last + min(passed * self._us, self._due - self._us - self._last)
        return self._left_out

    def _plan(self, due):
        self._due = due
        if self._late:
            self._late -= 1
            self._due += self._late_us
        self._event = _s.clock.at(self._due, self._on_fire)

    def _fire(self):
        world = _s.world
        due = self._due
        if self._samples and due - self._last > self._us and not self._late_us:
            self.ticked()
            world.skipped_us += due - self._last - self._us
            if due - self._last > _LONG_JUMP_US:
                _s.chip.catch_up(_CATCH_UP_US)
        self._last = due
        if not self._late:
            self._late_us = 0
        self._event = None
        if self._repeat:
            step = self._us
            # Left out are only ticks that would have run: not those behind a stall.
            if self._samples and due - world.changed_us > _SKIP_AFTER_US and _s.clock.free():
                if not world.adc.faults.active and (_s.settled is None or _s.settled()):
                    step = max(step, self._longest_us())
            self._plan(due + step)
        if self._callback is not None:
            _s.clock.soft(self._on_run, self._callback)

    def _run(self, callback):
        world = _s.world
        world.was_sampled = False
        before, _s.running = _s.running, self
        try:
            callback(self)
        finally:
            _s.running = before
        # A timer whose callback takes pilot windows, now and then, is the one that may skip.
        self._samples = _SAMPLED if world.was_sampled else max(0, self._samples - 1)

    def _longest_us(self):
        # An even number: a callback that does something in every second tick still does.
        step = 2 * self._us
        return _s.options.get("skip_ms", 0) * 1000 // step * step

    def _wake(self):
        """Something changed, or the interpreter stalls: back to the regular ticks, in step with
        those left out."""
        now = _s.clock.now_us
        if self._event and self._samples and self._due - now > self._us and not self._late_us:
            if now - self._last > _LONG_JUMP_US:
                _s.chip.catch_up(_CATCH_UP_US)
            self.ticked()
            _s.clock.cancel(self._event)
            self._due = self._last + ((now - self._last) // self._us + 1) * self._us
            self._event = _s.clock.at(self._due, self._on_fire)


class WDT:
    """Task watchdog: cannot be stopped; constructing it again sets a new timeout."""

    def __new__(cls, id=0, timeout=5000):
        global _wdt
        if _wdt is None:
            _wdt = super().__new__(cls)
        return _wdt

    def __init__(self, id=0, timeout=5000):
        _entered()
        if id != 0:
            raise ValueError("invalid WDT id")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        _s.chip.twdt.start(timeout)

    def feed(self):
        _entered()
        _s.chip.twdt.feed()


class RTC:
    def __init__(self, id=0):
        pass

    def memory(self, data=None):
        """2 KB that outlast every reset but power-off."""
        _entered()
        if data is None:
            return bytes(_s.rtc_memory)
        if len(data) > 2048:
            raise ValueError("buffer too long")
        _s.rtc_memory = bytearray(data)

    def datetime(self, dt=None):
        """(year, month, day, weekday, hours, minutes, seconds, microseconds)"""
        _entered()
        if dt is not None:
            year, month, day, _, hours, minutes, seconds, us = dt
            unix = _days(year, month, day) * 86400 + hours * 3600 + minutes * 60 + seconds
            _s.clock.set_unix(unix)
            _s.clock.rtc_offset += us
            if _s.options.get("rtc_file"):
                with open(_s.options["rtc_file"], "w") as file:
                    file.write(str(unix))
            return None
        unix, us = divmod(_s.clock.unix_us(), 1000000)
        days, s = divmod(unix, 86400)
        year, month, day = _civil(days)
        return (year, month, day, (days + 3) % 7, s // 3600, s // 60 % 60, s % 60, us)

    init = datetime


def _days(year, month, day):
    """Days from 1970-01-01, counting years from March so that leap days come last."""
    if month <= 2:
        year -= 1
        month += 12
    doy = (153 * (month - 3) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + doy - _EPOCH_DAYS


def _civil(days):
    """(year, month, day) of a day number; the inverse of _days()."""
    days += _EPOCH_DAYS
    era, doe = divmod(days, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1


# -- UART --------------------------------------------------------------------------------

# On MicroPython streams that asyncio polls must be native streams.
_Stream = io.IOBase if sys.implementation.name == "micropython" else object


class UART(_Stream):
    INV_TX = 32
    INV_RX = 4
    IRQ_RX = 1
    IRQ_RXIDLE = 2
    IRQ_BREAK = 4

    def __init__(self, id, baudrate=115200, bits=8, parity=None, stop=1, **kw):
        if id not in (0, 1, 2) or isinstance(id, bool):
            raise ValueError("UART(%s) does not exist" % id)
        self.id = id
        self._rx = bytearray()
        self._tx = b""
        self._handler = None
        self._timeout_ms = 0
        self._device = None
        self._rx_size = self._tx_size = 256
        self.init(baudrate, bits, parity, stop, **kw)

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, **kw):
        _entered()
        self._char_us = (1 + bits + (parity is not None) + stop) * 1000000 / baudrate
        self._timeout_ms = kw.get("timeout", self._timeout_ms)
        self._rx_size = max(kw.get("rxbuf", self._rx_size), 129)
        self._tx_size = kw.get("txbuf", self._tx_size)
        self._tx_end = self._rx_end = _s.clock.now_us
        self._tx_event = None
        device = _s.world.uarts.get(self.id)
        cfg = _s.world.uart_cfg(self.id)
        for name in ("tx", "rx"):
            pin = kw.get(name)
            if pin is not None and (pin.number if isinstance(pin, Pin) else pin) != cfg.get(name):
                device = None  # nothing is soldered there
        if device is not None and device.baud != baudrate:
            device = None  # each hears only noise from the other
        self._device = device
        if device is not None:
            device.port = self

    def deinit(self):
        if self._device is not None:
            self._device.port = None
            self._device = None

    # the wire's side

    def feed(self, data):
        """A device sends: the bytes are there once the last one has arrived."""
        now = _s.clock.now_us
        # As the driver does it: one interrupt after the line has fallen silent.
        self._rx_end = max(now, self._rx_end) + len(data) * self._char_us
        _s.clock.at(self._rx_end, lambda: self._arrived(data))

    def _arrived(self, data):
        self._rx += data[: max(0, self._rx_size - len(self._rx))]
        if self._handler is not None:
            _s.clock.soft(self._handler, self)

    def _sent(self):
        data, self._tx = self._tx, b""
        self._tx_event = None
        if self._device is not None:
            self._device.receive(data)

    # the firmware's side

    def any(self):
        _entered()
        return len(self._rx)

    def _wait(self):
        left = self._timeout_ms
        while not self._rx and left > 0:
            _s.clock.sleep(1000)
            left -= 1

    def _take(self, n):
        data = bytes(self._rx[:n])
        self._rx = self._rx[n:]
        return data

    def read(self, n=-1):
        _entered()
        self._wait()
        if not self._rx:
            return None
        return self._take(len(self._rx) if n is None or n < 0 else n)

    def readinto(self, buf, n=-1):
        _entered()
        self._wait()
        if not self._rx:
            return None
        data = self._take(len(buf) if n < 0 else min(n, len(buf)))
        buf[: len(data)] = data
        return len(data)

    def readline(self):
        _entered()
        self._wait()
        if not self._rx:
            return None
        end = self._rx.find(b"\n")
        return self._take(len(self._rx) if end < 0 else end + 1)

    def write(self, data):
        _entered()
        clock = _s.clock
        clock.cancel(self._tx_event)
        self._tx += bytes(data)
        self._tx_end = max(clock.now_us, self._tx_end) + len(data) * self._char_us
        self._tx_event = clock.at(self._tx_end, self._sent)
        over = self._tx_end - clock.now_us - self._tx_size * self._char_us
        if over > 0:
            clock.sleep(int(over) + 1)  # the driver's buffer is full
        return len(data)

    def txdone(self):
        _entered()
        return not self._tx_event

    def flush(self):
        _entered()
        left = int(self._tx_end) + 1 - _s.clock.now_us
        if left > 0:
            _s.clock.sleep(left)

    def irq(self, handler=None, trigger=0, hard=False):
        if hard:
            raise ValueError("hard irq is not implemented")
        self._handler = handler
        return self

    def ioctl(self, request, arg):
        if request == _STREAM_POLL:
            return (_POLL_WR | (_POLL_RD if self._rx else 0)) & arg
        return 0

    def close(self):
        self.deinit()


# -- SPI and I2C -------------------------------------------------------------------------


class SPI:
    """Hardware SPI, high bit first. Its device is the reader, if its pins are the reader's."""

    MSB = 0
    LSB = 1

    def __init__(self, id, baudrate=1000000, *, polarity=0, phase=0, bits=8, firstbit=0,
                 sck=None, mosi=None, miso=None):  # fmt: skip
        if id not in (1, 2):
            raise ValueError("SPI(%s) does not exist" % id)
        _entered()
        self._device = None
        cfg = _s.world.board.get("reader") or {}
        pins = [("sck", sck), ("mosi", mosi), ("miso", miso)]
        if "cs" in cfg and (polarity, phase, firstbit) == (0, 0, 0):
            if all([pin is not None and pin.number == cfg.get(name) for name, pin in pins]):
                self._device = _s.world.reader.spi

    def write(self, data):
        _entered()
        if self._device is not None:
            self._device.write(data)

    def write_readinto(self, tx, rx):
        _entered()
        if self._device is not None:
            self._device.write_readinto(tx, rx)
        else:
            for i in range(len(rx)):
                rx[i] = 0

    def deinit(self):
        self._device = None


class I2C:
    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        _entered()
        self._device = None
        cfg = _s.world.board.get("reader") or {}
        if scl is not None and (scl.number, sda.number) == (cfg.get("scl"), cfg.get("sda")):
            self._device = _s.world.reader.i2c
            self._device.clock_khz = freq // 1000

    def writeto(self, address, data, stop=True):
        _entered()
        if self._device is None:
            raise OSError(19)  # ENODEV
        self._device.writeto(address, data)
        return len(data)

    def readfrom(self, address, size, stop=True):
        _entered()
        if self._device is None:
            raise OSError(19)
        return self._device.readfrom(address, size)


# -- the chip ----------------------------------------------------------------------------


def reset():
    """esp_restart(): a CPU reset, the outputs stay as they are."""
    _s.reset("cpu")


def soft_reset():
    _s.reset("soft")


def reset_cause():
    return _s.reset_cause


def unique_id():
    """The MAC address; set by "unique_id" (hex) or made from the seed."""
    text = _s.options.get("unique_id")
    if text:
        return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])
    seed = _s.options.get("seed", 0) & 0xFFFFFF
    return b"\x24\x6f\x28" + bytes((seed >> 16, seed >> 8 & 255, seed & 255))


def freq(hz=None):
    return 160000000 if hz is None else None


def idle():
    _entered()
    _s.clock.idle()


def disable_irq():
    return 0


def enable_irq(state=0):
    pass


def time_pulse_us(pin, level, timeout_us=1000000):
    """Length of the next pulse of `level`; -2: it did not begin, -1: it did not end."""
    clock = _s.clock
    for wanted, failure in ((level, -2), (not level, -1)):
        begin = clock.now_us
        while bool(pin.value()) != bool(wanted):
            if clock.now_us - begin >= timeout_us:
                return failure
            clock.spend(5)
    return clock.now_us - begin
