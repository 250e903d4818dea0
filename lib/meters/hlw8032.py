# Metering chips HLW8032 and CSE7766: 24 bytes on a UART, over and over.
# MIT license; part of microevse
"""After the data sheets "HLW8032" (Hiliwei, rev. 1.5) and "CSE7766" (Chipsea); both send the
same frames at 4800 baud, 8 data bits, even parity, without a pause between them:

    0     state: 55 good, AA not calibrated, Fx: bit 3 voltage, 2 current, 1 power out of
          range (too small to measure), 0 coefficients damaged
    1     5A
    2-19  coefficient and register, 3 bytes each, of voltage, current, power
    20    bit 6, 5, 4: voltage, current, power were measured; bit 7 flips when 21-22 overflow
    21-22 energy pulses
    23    sum of bytes 2 to 22

The sum has 8 bits and the frames have no gap, so one frame alone is never believed: two in
a row must agree, and the coefficients, which were burnt in at the factory, must not change.
Frames that contradict the polls before are believed once they have come for `meters.NEW_MS`.

The chip counts from zero when it gets power: the total begins where the caller says, and the
caller keeps it.
"""

import asyncio

import evse_base as port
from meters import NEW_MS, NEW_READINGS, Age, MeterError

BAUD = 4800
SIZE = 24

_GOOD, _UNCALIBRATED, _RANGE, _CHECK = 0x55, 0xAA, 0xF0, 0x5A
_NO_VOLTAGE, _NO_CURRENT, _NO_POWER, _DAMAGED = 8, 4, 2, 1
_PULSE_MASK = 0x1FFFF  # 16 bits and the one that flips

_WAIT_MS = 400  # two frames, and the rest of a third, take 165 ms
_POLL_S = 0.01
_KEEP = 4 * SIZE
_SURE_MS = 8000  # see _new_pulses()
_MAX_MV = 500000
_OVERLOAD = 2
# Two frames 55 ms apart may differ by this, beside 1/256 of the voltage and 1/32 of the others. A
# bit error that is not found can do no more. It never touches the energy.
_CLOSE_MV, _CLOSE_MA, _CLOSE_W = 500, 300, 60


class _Frame:
    """One frame with a right sum. The factors are those of Meter."""

    def __init__(self, data, factors):
        r_high, r_low, shunt_uohm = factors
        state = data[0]
        if state == _UNCALIBRATED:
            raise MeterError("metering chip is not calibrated")
        flags = state & 0x0F if state != _GOOD else 0
        if flags & _DAMAGED:
            raise MeterError("coefficients of the metering chip are damaged")
        seen = data[20]
        self.coefficients = data[2:5] + data[8:11] + data[14:17]
        # V = coefficient / register * r_high / r_low / 1000, and so on: data sheet 3.3.
        self.mv = _ratio(data, 2, flags & _NO_VOLTAGE, seen & 0x40, r_high, r_low)
        self.ma = _ratio(data, 8, flags & _NO_CURRENT, seen & 0x20, 1000000, shunt_uohm)
        self.w = _ratio(data, 14, flags & _NO_POWER, seen & 0x10, r_high, r_low * shunt_uohm)
        self.pulses = (seen & 0x80) << 9 | data[21] << 8 | data[22]
        self.power_coefficient = _number(data, 14)

    def complete(self):
        """True if the chip has measured everything since it got power."""
        return self.mv is not None and self.ma is not None and self.w is not None

    def agrees(self, other, most):
        """True if two frames in a row belong together. most: pulses that may lie between them."""
        return (
            self.coefficients == other.coefficients
            and _near(self.mv, other.mv, 256, _CLOSE_MV)
            and _near(self.ma, other.ma, 32, _CLOSE_MA)
            and _near(self.w, other.w, 32, _CLOSE_W)
            and (self.pulses - other.pulses) & _PULSE_MASK <= most
        )


def _number(data, at):
    return data[at] << 16 | data[at + 1] << 8 | data[at + 2]


def _ratio(data, at, too_small, measured, mul, div):
    """Coefficient by register, scaled; 0 if too small to measure, None if not yet known."""
    if too_small:
        return 0
    register = _number(data, at + 3)
    if not measured or not register:
        return None
    return _number(data, at) * mul // (register * div)


def _near(a, b, part, slack):
    return abs(a - b) <= max(a, b) // part + slack


def find(buf):
    """(frame or None, rest): the first 24 bytes of `buf` that can be a frame."""
    at = 0
    while len(buf) - at >= SIZE:
        state = buf[at]
        if buf[at + 1] == _CHECK and (
            state == _GOOD or state == _UNCALIBRATED or state & _RANGE == _RANGE
        ):
            if sum(buf[at + 2 : at + SIZE - 1]) & 0xFF == buf[at + SIZE - 1]:
                return buf[at : at + SIZE], buf[at + SIZE :]
        at += 1
    return None, buf[at:]


class Meter:
    """The verbs are described in `meters`.

    uart: object with any() and read(n), open at 4800 baud, even parity.
    r_high, r_low: ohms of the voltage divider; shunt_uohm: of the shunt (or what a current
        transformer and its burden amount to); the defaults are those of the data sheets.
    max_w: the highest power that a reading may imply. total_mwh: register to begin with.
    """

    # fmt: off
    def __init__(self, uart, max_w, r_high=1880000, r_low=1000, shunt_uohm=1000, total_mwh=0,
                 ticks_ms=port.ticks_ms):
        # fmt: on
        if min(r_high, r_low, shunt_uohm, max_w) <= 0:
            raise ValueError("resistances and max_w must be above 0")
        self._uart = uart
        self._max_w = max_w
        self._factors = (r_high, r_low, shunt_uohm)
        self._ticks_ms = ticks_ms
        self._age = Age()
        self._coefficients = None
        self._last = None  # pulses of the last good frame
        self._other = None  # the last frame that contradicted it
        self._first = 0  # pulses of the first frame that agrees with `_other`
        self._count = 0  # how many frames agree with `_other`
        self._seen = Age()  # time of the last of these frames
        self._since = Age()  # time of the first of these frames
        self._uj = 0  # since the start, times r_low * shunt_uohm
        self._start_mwh = total_mwh
        self.energy_mwh = None
        self.power_w = 0
        self.current_ma = []
        self.voltage_mv = []
        self.refused = 0  # frames with a right sum that did not agree with their neighbour

    def age_ms(self, now):
        """ms since the last good poll, at ticks `now`."""
        return self._age.ms(now)

    async def poll(self):
        """Wait for two frames that agree, 0.2 s mostly; MeterError after 0.4 s without."""
        # The bytes that wait are old, and some are missing where the buffer was full.
        for _ in range(8):
            if not self._uart.any():
                break
            self._uart.read(self._uart.any())
        frame = await self._agreed()
        if frame.mv > _MAX_MV:
            raise MeterError("voltage of %d mV" % frame.mv)
        if frame.w > self._max_w * _OVERLOAD:
            raise MeterError("power of %d W" % frame.w)
        # Active power is at most the apparent one.
        if frame.w > (frame.mv // 100 * frame.ma // 10000) * 5 // 4 + _CLOSE_W:
            raise MeterError("power of %d W at %d mV, %d mA" % (frame.w, frame.mv, frame.ma))
        now = self._ticks_ms()
        new = self._new_pulses(frame, self._age.ms(now), now)
        self._count = 0
        r_high, r_low, shunt_uohm = self._factors
        self._uj += new * frame.power_coefficient * r_high
        self._last = frame.pulses
        self._coefficients = frame.coefficients
        self._age.mark(now)
        self.energy_mwh = self._start_mwh + self._uj // (r_low * shunt_uohm * 3600000)
        self.power_w = frame.w
        self.current_ma = [frame.ma]
        self.voltage_mv = [frame.mv]

    async def _agreed(self):
        buf = b""
        before = None
        came = 0
        begin = self._ticks_ms()
        while True:
            # The time is taken first: bytes that came while this task could not run have come in
            # time.
            late = port.ticks_diff(self._ticks_ms(), begin) > _WAIT_MS
            n = self._uart.any()
            if n:
                came += n
                buf += self._uart.read(n) or b""
            while True:
                data, buf = find(buf)
                if data is None:
                    break
                frame = _Frame(data, self._factors)
                if not frame.complete():
                    continue
                if before is not None:
                    if frame.agrees(before, self._most(frame, 2 * _WAIT_MS)):
                        return frame
                    self.refused += 1
                before = frame
            buf = buf[-_KEEP:]
            if late:
                if not came:
                    raise MeterError("metering chip sends nothing")
                raise MeterError("metering chip: %d bytes, but no two sound frames" % came)
            await asyncio.sleep(_POLL_S)

    def _most(self, frame, ms):
        """Two pulses more than max_w makes in `ms`."""
        r_high, r_low, shunt_uohm = self._factors
        # One pulse is coefficient * r_high / (r_low * shunt) uJ (data sheet 3.4).
        uj = max(1, frame.power_coefficient * r_high)
        return self._max_w * ms * 1000 * r_low * shunt_uohm // uj + 2

    def _new_pulses(self, frame, age_ms, now):
        """Pulses since the last good frame; MeterError if so many cannot be."""
        if self._last is None:
            return 0
        if frame.coefficients != self._coefficients:
            text = "coefficients of the metering chip have changed"
            return self._doubted(frame, now, text)
        new = (frame.pulses - self._last) & _PULSE_MASK
        most = self._most(frame, age_ms)
        if frame.pulses < self._last and (new > most or age_ms > _SURE_MS):
            # The count has overflown, or the chip had lost its supply and began at zero. If that
            # is not certain, the smaller amount counts, which has flowed in any case.
            new = min(new, frame.pulses)
        if new > most:
            text = "%d energy pulses in %d ms cannot be" % (new, age_ms)
            return self._doubted(frame, now, text)
        return new

    def _doubted(self, frame, now, text):
        """MeterError(text), until such frames have come for long; then the pulses of that time."""
        other = self._other
        if (
            not self._count
            or frame.coefficients != other.coefficients
            or (frame.pulses - other.pulses) & _PULSE_MASK
            > self._most(frame, self._seen.ms(now))
        ):
            self._count = 0
            self._first = frame.pulses
            self._since.mark(now)
        self._count += 1
        self._other = frame
        self._seen.mark(now)
        if self._count < NEW_READINGS or self._since.ms(now) < NEW_MS:
            raise MeterError(text)
        return (frame.pulses - self._first) & _PULSE_MASK
