# Modbus RTU master: asks one station at a time over a UART.
# MIT license; part of microevse
"""Reading registers over RS-485 (Modbus over Serial Line V1.02, Application Protocol V1.1b3).

The UART is polled with `any()` and `read(n)` and never awaited: a read that is
cancelled in the middle would lose the bytes it already had, and the next answer
would begin in the middle of this one.
"""

import asyncio

import evse_base as port
from evse_base import const

READ_HOLDING = 3
READ_INPUT = 4

_BITS_PER_CHAR = const(11)  # Serial Line 2.5.1: start, 8 data, parity or second stop, stop
_GAP_TENTHS = const(35)  # 2.5.1.1: frames are at least 3.5 characters apart ...
_GAP_MIN_US = const(1750)  # ... and above 19200 baud at least 1.75 ms
_ANSWER_MS = const(300)  # the slowest meters take 100 to 200 ms to begin their answer
_LATE_MS = const(200)  # quiet time after a missing answer, see _request()
_POLL_S = const(0.004)  # four characters at 9600 baud
_FRAME_MAX = const(256)  # 2.3: longest frame on a serial line
_LEADING_MAX = const(16)  # an echoed request and a few bits of turn-around noise may come first

# Application Protocol 7; from 1 on. Text, for a table would be heap.
_EXCEPTIONS = const(
    "illegal function,illegal data address,illegal data value,device failure,acknowledge,"
    "device busy,,memory parity error,,gateway path unavailable,gateway target silent"
)


class ModbusError(Exception):
    """Something on the line went wrong; nothing was read."""


class NoAnswer(ModbusError):
    """Not one byte came before the deadline."""


class BadFrame(ModbusError):
    """Bytes came, but no complete frame with a right checksum."""


class WrongAnswer(ModbusError):
    """A sound frame came, but from another station, or of another function or length."""


class Refused(ModbusError):
    """The station answered with an exception; its number is in `.code`."""

    def __init__(self, address, code):
        names = _EXCEPTIONS.split(",")
        name = names[code - 1] if 0 < code <= len(names) else ""
        super().__init__("station %d refuses: %s" % (address, name or "exception %d" % code))
        self.code = code


# CRC-16 with polynomial 0xA001, half a byte per step: 16 entries do, 256 would take 1 KB of heap.
_CRC = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc16(data, start=0, end=None):
    """Checksum of `data[start:end]` (Serial Line 6.2.2); sent low byte first."""
    crc = 0xFFFF
    for i in range(start, len(data) if end is None else end):
        byte = data[i]
        crc = (crc >> 4) ^ _CRC[(crc ^ byte) & 15]
        crc = (crc >> 4) ^ _CRC[(crc ^ (byte >> 4)) & 15]
    return crc


def _sound(buf, start, length):
    """True if the `length` bytes at `start` carry their right checksum."""
    end = start + length - 2
    return end >= start + 2 and crc16(buf, start, end) == buf[end] | buf[end + 1] << 8


class Master:
    """One RS-485 line. Several meters may share it: requests queue up behind a lock.

    uart: object with `any()`, `read(n)` and `write(data)`, like machine.UART.
    dir_pin: driver-enable output (callable with 1/0), or None where the transceiver
        switches itself.
    baud: speed of the line, for the gaps. answer_ms: how long a station may think.
    retries: how often a request without a sound answer is repeated.
    """

    def __init__(self, uart, dir_pin=None, baud=9600, answer_ms=_ANSWER_MS, retries=1):
        self._uart = uart
        self._dir = dir_pin
        self._char_us = _BITS_PER_CHAR * 1000000 // baud
        self._gap_ms = max(self._char_us * _GAP_TENTHS // 10, _GAP_MIN_US) // 1000 + 1
        self._answer_ms = answer_ms
        self._retries = retries
        self._lock = asyncio.Lock()
        self._late = False
        self.requests = 0
        self.failures = 0
        if dir_pin is not None:
            dir_pin(0)

    async def read(self, address, function, register, count):
        """Read `count` 16-bit registers from `register` on; returns 2 * count bytes.

        Raises ModbusError (NoAnswer, BadFrame, WrongAnswer, Refused), ValueError for
        arguments no request can carry, OSError if the UART itself fails.
        """
        if function not in (READ_HOLDING, READ_INPUT):
            raise ValueError("function %s reads no registers" % function)
        if not (1 <= address <= 247 and 1 <= count <= 125 and 0 <= register <= 0x10000 - count):
            raise ValueError("address %s register %s count %s" % (address, register, count))
        request = bytearray(8)
        request[0] = address
        request[1] = function
        request[2] = register >> 8
        request[3] = register & 255
        request[5] = count
        crc = crc16(request, 0, 6)
        request[6] = crc & 255
        request[7] = crc >> 8
        async with self._lock:
            left = self._retries
            while True:
                self.requests += 1
                try:
                    return await self._request(request, 2 * count)
                # The station has understood the request: asking again changes nothing.
                except Refused:
                    raise
                except ModbusError:
                    self.failures += 1
                    if not left:
                        raise
                    left -= 1

    async def _request(self, request, size):
        # An RTU answer does not say which registers it holds. One that comes after its
        # deadline must not be taken for the answer to the next question: after a miss the
        # line gets time to finish, and whatever came meanwhile is thrown away.
        pause_ms = self._gap_ms
        if self._late:
            pause_ms += _LATE_MS + self._wire_ms(size + 5)
        await asyncio.sleep(pause_ms / 1000)
        self._flush()
        self._late = True  # until an answer came, also when this task is cancelled meanwhile
        self._send(request)
        buf = bytearray()
        allowed_ms = self._answer_ms + self._wire_ms(len(request) + size + 5)
        begin = port.ticks_ms()
        while True:
            # The time is taken first: bytes that came while this task could not run have come in
            # time.
            expired = port.ticks_diff(port.ticks_ms(), begin) >= allowed_ms
            n = self._uart.any()
            if n:
                buf += self._uart.read(n) or b""
                data = self._answer(buf, request, size)
                if data is not None:
                    self._late = False
                    return data
                expired = expired or len(buf) > _FRAME_MAX + _LEADING_MAX
            if expired:
                raise self._failure(buf, request)
            await asyncio.sleep(_POLL_S)

    def _answer(self, buf, request, size):
        """The register bytes once `buf` holds the answer, None before; raises Refused."""
        address = request[0]
        function = request[1]
        for i in range(min(len(buf) - 4, _LEADING_MAX)):
            if buf[i] != address:
                continue
            if buf[i + 1] == function | 0x80 and _sound(buf, i, 5):
                self._late = False
                raise Refused(address, buf[i + 2])
            if (
                buf[i + 1] == function
                and buf[i + 2] == size
                and len(buf) >= i + 5 + size
                and _sound(buf, i, 5 + size)
            ):
                return bytes(buf[i + 3 : i + 3 + size])
        return None

    @staticmethod
    def _failure(buf, request):
        if not buf:
            return NoAnswer("station %d does not answer" % request[0])
        if buf[:8] == request:
            buf = buf[8:]
            if not buf:
                return NoAnswer("station %d does not answer (only an echo came)" % request[0])
        # If it is a sound answer to another question, say so.
        length = 5 + buf[2] if len(buf) > 2 and buf[1] < 0x80 else 5
        if len(buf) >= length and _sound(buf, 0, length):
            return WrongAnswer(
                "asked station %d function %d, answered by %d function %d with %d bytes"
                % (request[0], request[1], buf[0], buf[1], length - 5)
            )
        return BadFrame("%d bytes from station %d make no frame" % (len(buf), request[0]))

    def _flush(self):
        # A line that never falls silent (wrong baud rate, a babbling station) must not hold this
        # up.
        for _ in range(4):
            n = self._uart.any()
            if not n:
                return
            self._uart.read(n)

    def _wire_ms(self, chars):
        return chars * self._char_us // 1000 + 1

    def _send(self, request):
        if self._dir is None:
            self._uart.write(request)
            return
        # The driver must let go before the station begins to answer, 4 ms after the last bit
        # at 9600 baud. That is too soon to trust another task to give way, so this waits here:
        # 9 ms at 9600 baud, in steps of 1 ms in which timer callbacks run.
        self._dir(1)
        try:
            self._uart.write(request)
            if hasattr(self._uart, "txdone"):
                steps = 2 * self._wire_ms(len(request)) + 5
                while steps and not self._uart.txdone():
                    port.sleep_ms(1)
                    steps -= 1
            else:
                port.sleep_ms(self._wire_ms(len(request)))
        finally:
            self._dir(0)
