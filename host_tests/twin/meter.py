# A Modbus energy meter: the slave's side of the wire.
# MIT license; part of microevse
"""Eastron SDM120, SDM630 and their sisters: input registers (function 04), IEEE 754 floats,
high word first.

Written from the maker's register lists and the Modbus specifications (Application Protocol
V1.1b3, Serial Line V1.02), and from nothing in lib/: an error made twice shows no difference.
"""

from struct import pack

_GAP_CHARS = 3.5  # silence that ends a frame
_MAX_REGISTERS = 80  # an SDM answers at most 40 values in one frame
_LAST_REGISTER = 0x0180

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3


def crc(data):
    """CRC-16/MODBUS."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value


class Meter:
    """UART device. `electrics()` -> (volts, [amps of L1..], Wh ever) at this moment."""

    def __init__(self, clock, rng, options, model, address, baud, electrics, on_bus):
        self._clock = clock
        self._rng = rng
        self._electrics = electrics
        self._on_bus = on_bus  # fn(sending): the transceiver of the board lets bytes through
        self._latency_ms = options.get("meter_latency_ms")  # None: 20 to 60
        self.three = model not in ("sdm120", "sdm230")
        self.address = address
        self.baud = baud
        self.port = None
        self.silent = options.get("meter_silent", False)
        self.crc_errors = options.get("meter_crc_errors", 0.0)  # fraction of answers
        self.half_frames = options.get("meter_half_frames", 0.0)
        self.answers = 0

    def receive(self, frame):
        """A request came over the line, and the line has fallen silent."""
        if self.silent or len(frame) < 8 or frame[0] != self.address:
            return
        if crc(frame[:-2]) != frame[-2] | frame[-1] << 8:
            return
        answer = self._answer(frame)
        answer += pack("<H", crc(answer))
        draw = self._rng.random()
        if draw < self.crc_errors:
            answer[-1] ^= 0x10
        elif draw < self.crc_errors + self.half_frames:
            answer = answer[: len(answer) // 2]
        ms = self._latency_ms
        if ms is None:
            ms = self._rng.uniform(20, 60)
        wait = ms * 1000 + _GAP_CHARS * 10000000 / self.baud
        self._clock.after(wait, lambda: self._send(answer))

    def _send(self, answer):
        if self.port is not None and not self.silent and self._on_bus(False):
            self.answers += 1
            self.port.feed(bytes(answer))

    def _answer(self, frame):
        function = frame[1]
        start = frame[2] << 8 | frame[3]
        count = frame[4] << 8 | frame[5]
        error = 0
        if function != 4:
            error = ILLEGAL_FUNCTION
        elif start & 1 or start + count > _LAST_REGISTER:
            error = ILLEGAL_ADDRESS
        elif len(frame) != 8 or count & 1 or not 2 <= count <= _MAX_REGISTERS:
            error = ILLEGAL_VALUE
        if error:
            return bytearray((frame[0], function | 0x80, error))
        values = self._values()
        answer = bytearray((frame[0], function, 2 * count))
        for register in range(start, start + count, 2):
            answer += pack(">f", values.get(register, 0.0))
        return answer

    def _values(self):
        volts, amps, wh = self._electrics()
        kwh = int(wh) / 1000  # the register counts whole Wh
        total = volts * sum(amps)
        values = {0x0046: 50.0, 0x0048: kwh, 0x0156: kwh}
        for phase in range(3 if self.three else 1):
            a = amps[phase] if phase < len(amps) else 0.0
            at = 2 * phase
            values[at] = volts
            values[6 + at] = a
            values[12 + at] = values[18 + at] = volts * a
            values[30 + at] = 1.0  # power factor
        if self.three:
            values[0x002A] = volts  # average, then the sums
            values[0x002E] = values[0x0030] = sum(amps)
            values[0x0034] = values[0x0038] = total
            values[0x003E] = 1.0
        return values
