# The HLW8032 / CSE7766 metering chip: its measurements and its frames.
# MIT license; part of microevse
"""Written from the data sheets. The chip measures periods: a register holds how many us of
its clock one period of the (voltage, current, power) frequency has taken.

`Uart` is what a driver gets: bytes arrive in their time, 11 bits each at 4800 baud."""

_CHAR_US = 11 * 1000000 // 4800
_RANGE = 0xFFFFFF


def _bytes3(value):
    return bytes((value >> 16 & 0xFF, value >> 8 & 0xFF, value & 0xFF))


class Hlw8032:
    """volts, amps, power factor (percent) are what is at its terminals.

    r_high, r_low, shunt_uohm: what it is soldered to. Faults: silent; uncalibrated; damaged;
    and permille of frames: bad_sum, half; noise: permille of the bytes with a wrong bit.
    """

    def __init__(self, time, noise, r_high=1880000, r_low=1000, shunt_uohm=1000):
        self._time = time
        self._noise = noise
        # The coefficients of one real chip.
        self.coefficients = [0x02E180, 0x003EA8, 0x4F9AE8]
        self._kv = r_high / r_low / 1000
        self._ki = 1000 / shunt_uohm
        self.volts = 230.0
        self.amps = 0.0
        self.pf = 100
        self.joules = 0.0  # that ever flowed
        self.silent = self.uncalibrated = self.damaged = False
        self.bad_sum = self.half = self.noise = 0
        self._at = time.us
        self.power_cycle()

    def power_cycle(self):
        """The chip gets its supply: counters at zero, nothing measured yet."""
        self._flow()
        self._joules = 0.0
        self._since = self._time.us

    def _flow(self):
        now = self._time.us
        joules = self.watts() * (now - self._at) / 1000000
        self._at = now
        self.joules += joules
        if hasattr(self, "_joules"):
            self._joules += joules

    def watts(self):
        return self.volts * self.amps * self.pf / 100

    def set(self, volts=None, amps=None, pf=None):
        self._flow()
        self.volts = self.volts if volts is None else volts
        self.amps = self.amps if amps is None else amps
        self.pf = self.pf if pf is None else pf

    def frame(self):
        """The frame that begins now."""
        self._flow()
        flags = 0
        body = b""
        adjust = 0
        measures = (
            (self.volts / self._kv, 0x08, 0x40),
            (self.amps / self._ki, 0x04, 0x20),
            (self.watts() / self._kv / self._ki, 0x02, 0x10),
        )
        fresh = self._time.us - self._since < 300000
        for i in range(3):
            value, flag, bit = measures[i]
            coefficient = self.coefficients[i]
            period = coefficient / value if value > 0 else 2 * _RANGE
            # Beyond 1 s for the power, 0.5 s for the others it gives up.
            if period > 1000000:
                flags |= flag
                register = 0xFFFF01
            else:
                register = int(period)
                if not fresh:
                    adjust |= bit
            body += _bytes3(coefficient) + _bytes3(register)
        pulses = int(self._joules * 1000000 / (self.coefficients[2] * self._kv * self._ki))
        if pulses >> 16 & 1:
            adjust |= 0x80
        body += bytes((adjust, pulses >> 8 & 0xFF, pulses & 0xFF))
        state = 0x55
        if self.uncalibrated:
            state = 0xAA
        elif flags or self.damaged:
            state = 0xF0 | flags | (1 if self.damaged else 0)
        return bytes((state, 0x5A)) + body + bytes((sum(body) % 256,))


class Uart:
    """Frames follow each other without a pause; `size` bytes fit into the buffer."""

    def __init__(self, chip, size=256):
        self._chip = chip
        self._size = size
        self._here = b""
        self._coming = []  # (us, byte)
        self._next = chip._time.us

    def _arrive(self):
        chip = self._chip
        now = chip._time.us
        if now - self._next > 2000000:
            # The buffer has long been full: what came since is lost.
            self._next = now - 700000
        while self._next <= now:
            frame = chip.frame()
            noise = chip._noise
            if noise.hit(chip.bad_sum):
                frame = frame[:-1] + bytes((frame[-1] ^ 1 << noise.below(8),))
            if noise.hit(chip.half):
                frame = frame[: noise.below(24)]
            if chip.silent:
                frame = b""
            for i in range(len(frame)):
                byte = frame[i]
                if noise.hit(chip.noise):
                    byte ^= 1 << noise.below(8)
                self._coming.append((self._next + (i + 1) * _CHAR_US, byte))
            self._next += 24 * _CHAR_US
        n = 0
        for at, byte in self._coming:
            if at > now:
                break
            n += 1
            if len(self._here) < self._size:
                self._here += bytes((byte,))
        del self._coming[:n]

    def any(self):
        self._arrive()
        return len(self._here)

    def read(self, n):
        data, self._here = self._here[:n], self._here[n:]
        return data or None
