# NXP PN532: reads the UID of ISO 14443-A cards over UART, I2C or SPI.
# MIT license; part of microevse
"""After the NXP user manual PN532 (UM0701-02, rev. 2); section numbers are those of the manual.

The chip does anticollision by itself. Frames travel over one of the transports in
`pn532_bus`, which have these verbs:

    async wake()        bring the chip out of power down
    write(frame)        send these bytes
    take(n)             bytes that have come, b"" if none yet; n: how many are expected
    drop()              forget what has come

Answers that come late or broken are thrown away: the chip is told to stop (ACK, 6.2.1.3)
and the question is asked anew in the next look.
"""

import asyncio

import evse_base as port

from .polling import ReaderError

_TO_CHIP, _TO_HOST = 0xD4, 0xD5

# 7.2 and 7.3: command codes; the answer has the next one.
_GET_VERSION = 0x02
_SAM_CONFIGURATION = 0x14
_RF_CONFIGURATION = 0x32
_LIST_TARGET = 0x4A
_RELEASE = 0x52

_IC = 0x32  # GetFirmwareVersion: PN532
_RF_FIELD, _RETRIES = 0x01, 0x05  # RFConfiguration items
_ISO_A_106 = 0x00

ACK = b"\x00\x00\xff\x00\xff\x00"
NACK = b"\x00\x00\xff\xff\x00\x00"
_START = b"\x00\xff"
_ERROR_CODE = 0x7F  # 6.2.1.5: syntax error frame

_ACK_MS = 30  # 6.2.2: the ACK comes within 15 ms
_ANSWER_MS = 300  # one InListPassiveTarget with two tries takes up to 60 ms
_POLL_S = 0.004
_ANSWER_BYTES = 40  # the longest answer used here: a target with ATS
_UID_SIZES = (4, 7, 10)
_CASCADE_TAG = b"\x88"
_SAK_INCOMPLETE = 0x04


def frame(body):
    """Normal information frame (6.2.1.1) around `body`, which begins with TFI."""
    length = len(body)
    return b"\x00\x00\xff" + bytes((length, -length & 0xFF)) + body + bytes((-sum(body) & 0xFF, 0))


class Parser:
    """Finds frames in a stream of bytes; broken ones are skipped.

    `.spoilt` counts frames with a wrong checksum.
    """

    def __init__(self):
        self._buf = b""
        self.spoilt = 0

    def clear(self):
        self._buf = b""

    def feed(self, data):
        self._buf += data

    def next(self):
        """ACK, NACK, or the body of the next whole frame; None if there is none yet."""
        while True:
            buf = self._buf
            at = buf.find(_START)
            if at < 0:
                # Its last byte could be the first of a start code.
                self._buf = buf[-1:]
                return None
            self._buf = buf = buf[at:]
            if len(buf) < 4:
                return None
            length, check = buf[2], buf[3]
            if (length, check) == (0x00, 0xFF):
                self._buf = buf[4:]
                return ACK
            if (length, check) == (0xFF, 0x00):
                self._buf = buf[4:]
                return NACK
            if length == 0 or (length + check) & 0xFF:
                self.spoilt += 1
                self._buf = buf[2:]  # a start code may follow at once
                continue
            if len(buf) < 5 + length:
                return None
            if sum(buf[4 : 5 + length]) & 0xFF:
                self.spoilt += 1
                self._buf = buf[2:]
                continue
            self._buf = buf[5 + length :]
            return buf[4 : 4 + length]


class Pn532:
    """The verbs of `polling`: start(), look(). bus: a transport of `pn532_bus`."""

    kind = "ISO14443"

    def __init__(self, bus, reset=None, ticks_ms=port.ticks_ms):
        self._bus = bus
        self._reset = reset
        self._ticks_ms = ticks_ms
        self._parser = Parser()
        self.version = None  # "1.6", once it has started

    @property
    def spoilt(self):
        """Frames with a wrong checksum, so far."""
        return self._parser.spoilt

    async def start(self):
        """Wake up and set up. ReaderError says what is wrong."""
        if self._reset is not None:
            self._reset(0)
            await asyncio.sleep(0.001)
            self._reset(1)
            await asyncio.sleep(0.01)
        await self._bus.wake()
        answer = await self._ask(bytes((_GET_VERSION,)))
        if len(answer) != 4 or answer[0] != _IC:
            raise ReaderError("no PN532 answers, but something else")
        self.version = "%d.%d" % (answer[1], answer[2])
        # Normal mode; the time-out and the interrupt pin are of no use here (7.2.10).
        await self._ask(bytes((_SAM_CONFIGURATION, 1, 0, 0)))
        # Tries to find a card: two, not for ever (7.3.1).
        await self._ask(bytes((_RF_CONFIGURATION, _RETRIES, 0xFF, 1, 1)))
        await self._field_off()

    async def look(self):
        """UID of the card in the field (4, 7 or 10 bytes), None without one."""
        answer = await self._ask(bytes((_LIST_TARGET, 1, _ISO_A_106)))
        uid = _uid(answer)
        if uid is not None:
            await self._ask(bytes((_RELEASE, 0)))
            await self._field_off()
        return uid or None

    async def _field_off(self):
        # A card that stays has to be found again by the next look, which switches the field
        # on; one that was selected or halted would not answer.
        await self._ask(bytes((_RF_CONFIGURATION, _RF_FIELD, 0)))

    async def _ask(self, command):
        """Send one command; returns the bytes after the answer's code.

        ReaderError if no sound answer came in time.
        """
        bus, parser = self._bus, self._parser
        bus.drop()
        parser.clear()
        bus.write(frame(bytes((_TO_CHIP,)) + command))
        try:
            if await self._wait(len(ACK), _ACK_MS) != ACK:
                raise ReaderError("PN532 does not acknowledge")
            body = await self._wait(_ANSWER_BYTES, _ANSWER_MS)
        except ReaderError:
            bus.write(ACK)  # 6.2.1.3: it must not answer later, to the next command
            raise
        if body[:1] == bytes((_ERROR_CODE,)):
            raise ReaderError("PN532 refuses command 0x%02X" % command[0])
        if len(body) < 2 or body[0] != _TO_HOST or body[1] != command[0] + 1:
            bus.write(ACK)
            raise ReaderError("PN532 answers something else")
        return body[2:]

    async def _wait(self, size, limit_ms):
        begin = self._ticks_ms()
        came = False
        while True:
            # The time is taken first: bytes that came while this task could not run were in time.
            late = port.ticks_diff(self._ticks_ms(), begin) > limit_ms
            found = self._parser.next()
            if found is None:
                data = self._bus.take(size)
                if data:
                    came = True
                    self._parser.feed(data)
                    found = self._parser.next()
            if found is not None:
                return found
            if late:
                raise ReaderError(
                    "PN532 sends no sound frame" if came else "PN532 does not answer"
                )
            await asyncio.sleep(_POLL_S)


def _uid(answer):
    """UID in the answer to InListPassiveTarget (7.3.5), None if no target was found.

    b"" for a card that has not sent all of it.
    """
    if answer[:1] == b"\x00":
        return None
    # NbTg, Tg, SENS_RES (2), SEL_RES, length of the id, id.
    if len(answer) < 6 or answer[0] != 1 or answer[1] != 1:
        raise ReaderError("PN532 tells of no target in a way known here")
    size = answer[5]
    if len(answer) < 6 + size:
        raise ReaderError("PN532 tells of a UID that is cut short")
    uid = answer[6 : 6 + size]
    if size in (8, 12) and uid[:1] == _CASCADE_TAG:
        # Some firmware leaves the cascade tags in.
        uid = uid[1:4] + (uid[5:] if size == 12 else uid[4:])
        size = len(uid)
    # The SAK decides (ISO/IEC 14443-3, 6.5.3): a complete UID may begin with 0x88, and the
    # beginning of a longer one is not taken for a UID: many cards share it.
    if answer[4] & _SAK_INCOMPLETE:
        return b""
    if size not in _UID_SIZES:
        raise ReaderError("PN532 tells of a UID of %d bytes" % size)
    # SENS_RES says how long the UID is, too, but not reliably: with two cards in the field
    # it is a mixture of both (NXP AN10833).
    return uid
