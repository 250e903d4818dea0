# NXP MFRC522 (RC522 boards) on SPI: reads the UID of ISO 14443-A cards.
# MIT license; part of microevse
"""After the NXP data sheet MFRC522 (rev. 3.9) and ISO/IEC 14443-3; section numbers are the
data sheet's unless they say ISO.

Every wait is an await: a look takes 10 to 40 ms with a card, but in pieces of about a
millisecond (30 register accesses). Two cards at once are refused: nothing tells which of them
should pay.
"""

import asyncio

import evse_base as port

from .polling import ReaderError

# 9.2: addresses of the registers.
_COMMAND = 0x01
_COM_IRQ = 0x04
_ERROR = 0x06
_FIFO = 0x09
_LEVEL = 0x0A
_CONTROL = 0x0C
_FRAMING = 0x0D
_COLL = 0x0E
_MODE = 0x11
_TX_MODE = 0x12
_RX_MODE = 0x13
_TX_CONTROL = 0x14
_TX_ASK = 0x15
_MOD_WIDTH = 0x24
_RF_CFG = 0x26
_T_MODE = 0x2A
_T_PRESCALER = 0x2B
_T_RELOAD = 0x2C  # high; low follows
_VERSION = 0x37

_IDLE, _TRANSCEIVE, _RESET = 0, 0x0C, 0x0F  # 10.3: commands

_POWER_DOWN = 0x10  # CommandReg: still starting after the reset
_IRQ_RX, _IRQ_IDLE, _IRQ_ERR, _IRQ_TIMER = 0x20, 0x10, 0x02, 0x01  # 9.3.1.5
_FLUSH = 0x80
_SEND = 0x80  # BitFramingReg: StartSend
_TX_BOTH = 0x03  # TxControlReg: both ends of the antenna are driven
_ERR_OVERFLOW, _ERR_COLL, _ERR_PARITY, _ERR_PROTOCOL = 0x10, 0x08, 0x02, 0x01
_ERR_TEMP = 0x40  # 9.3.1.7: overheated, the chip has switched the antenna drivers off

_GAIN_38DB = 0x60
# 8.5: 13.56 MHz / (2 * 169 + 1) = 40 kHz; 200 of these are 5 ms, a card answers in 0.1 ms.
_PRESCALER = 169
_RELOAD = 200
_START_MS = 60  # 8.8.2: the oscillator needs its time after a reset
_ANSWER_MS = 25  # five times the chip's own timeout: if that does not come, the chip is gone
_STEP_S = 0.001

# 9.3.4.8: NXP's own, and the copies that are sold on most boards.
VERSIONS = {
    0x90: "MFRC522 v0.0",
    0x91: "MFRC522 v1.0",
    0x92: "MFRC522 v2.0",
    0x88: "FM17522",
    0xB2: "FM17522E",
    0x12: "MFRC522 copy",
}

# ISO 14443-3, 6.4 and 6.5.
_WUPA = 0x52  # wakes halted cards too: one that is held must be seen again
_SELECT = (0x93, 0x95, 0x97)  # cascade levels
_CASCADE_TAG = 0x88
_SAK_INCOMPLETE = 0x04
_HLTA = 0x50


class _Card(Exception):
    """The card (not the chip) gave no sound answer."""


def crc_a(data):
    """CRC_A of ISO 14443-3 annex B, as the two bytes that are sent."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte ^= byte << 4 & 0xFF
        crc = crc >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return bytes((crc & 0xFF, crc >> 8 & 0xFF))


class Mfrc522:
    """The verbs of `polling`: start(), look().

    spi: object with write(data) and write_readinto(tx, rx), mode 0, up to 10 MHz.
    cs: chip select, callable with 0/1. reset: NRSTPD pin, likewise, or None.
    """

    kind = "ISO14443"

    def __init__(self, spi, cs, reset=None, ticks_ms=port.ticks_ms):
        self._spi = spi
        self._cs = cs
        self._reset = reset
        self._ticks_ms = ticks_ms
        self._tx = bytearray(2)
        self._rx = bytearray(2)
        self.version = None  # name of the chip, once it has started
        self.collisions = 0  # looks that found two cards
        self.bad_answers = 0  # answers of cards that were cut or had a wrong checksum
        self._version = 0
        cs(1)

    # -- registers (8.1.2) ---------------------------------------------------------------

    def _read(self, register):
        tx, rx = self._tx, self._rx
        tx[0] = 0x80 | register << 1
        tx[1] = 0
        self._cs(0)
        try:
            self._spi.write_readinto(tx, rx)
        finally:
            self._cs(1)
        return rx[1]

    def _write(self, register, value):
        tx = self._tx
        tx[0] = register << 1
        tx[1] = value
        self._cs(0)
        try:
            self._spi.write(tx)
        finally:
            self._cs(1)

    # -- the chip ------------------------------------------------------------------------

    async def start(self):
        """Reset, set up, antenna on. ReaderError says what is wrong."""
        if self._reset is not None:
            self._reset(0)
            await asyncio.sleep(_STEP_S)
            self._reset(1)
            await asyncio.sleep(_START_MS / 1000)
        self._write(_COMMAND, _RESET)
        begin = self._ticks_ms()
        while self._read(_COMMAND) & _POWER_DOWN:
            if port.ticks_diff(self._ticks_ms(), begin) > _START_MS:
                raise ReaderError("MFRC522 does not start")
            await asyncio.sleep(_STEP_S)
        self._version = self._read(_VERSION)
        if self._version not in VERSIONS:
            raise ReaderError("no MFRC522 on the bus (version register 0x%02X)" % self._version)
        self.version = VERSIONS[self._version]
        self._write(_TX_MODE, 0)  # 106 kbit/s; checksums are made here
        self._write(_RX_MODE, 0)
        self._write(_MOD_WIDTH, 0x26)
        self._write(_T_MODE, 0x80)  # the timer starts when a frame has been sent
        self._write(_T_PRESCALER, _PRESCALER)
        self._write(_T_RELOAD, _RELOAD >> 8)
        self._write(_T_RELOAD + 1, _RELOAD & 0xFF)
        self._write(_TX_ASK, 0x40)  # 100 % ASK
        self._write(_MODE, 0x3D)
        self._write(_COLL, 0x80)
        self._write(_RF_CFG, _GAIN_38DB | 8)
        self._write(_TX_CONTROL, self._read(_TX_CONTROL) | _TX_BOTH)
        await asyncio.sleep(0.005)  # ISO 6.2.1.1: a card needs 5 ms of field
        self._check()

    def _check(self):
        """Check that it is still the chip that was set up, and that its antenna is on."""
        version = self._read(_VERSION)
        if version != self._version:
            raise ReaderError("MFRC522 is gone (version register 0x%02X)" % version)
        if self._read(_ERROR) & _ERR_TEMP:
            raise ReaderError("MFRC522 is overheated, antenna off")
        # After a dip of its supply the chip is as after a reset: no timer, no antenna.
        if self._read(_TX_CONTROL) & _TX_BOTH != _TX_BOTH:
            raise ReaderError("MFRC522 has lost its antenna")
        if self._read(_T_PRESCALER) != _PRESCALER or self._read(_TX_ASK) != 0x40:
            raise ReaderError("MFRC522 has lost its settings")

    async def look(self):
        """UID of the card in the field (4, 7 or 10 bytes), None without one."""
        self._check()
        try:
            answer = await self._exchange(bytes((_WUPA,)), 7)
            if answer is None:
                return None
            if len(answer) != 2:
                raise _Card("ATQA of %d bytes" % len(answer))
            uid = await self._select()
            await self._halt()
        except _Card:
            self.bad_answers += 1
            return None
        return uid

    async def _select(self):
        """Anticollision and select on each cascade level (ISO 6.5.3); the UID."""
        uid = b""
        for level in _SELECT:
            part = await self._exchange(bytes((level, 0x20)))
            if part is None or len(part) != 5:
                raise _Card("half a UID")
            if part[0] ^ part[1] ^ part[2] ^ part[3] != part[4]:
                raise _Card("BCC")
            command = bytes((level, 0x70)) + part
            sak = await self._exchange(command + crc_a(command))
            if sak is None or len(sak) != 3 or crc_a(sak[:1]) != sak[1:]:
                raise _Card("SAK")
            # The SAK decides (ISO 6.5.3): a complete UID may begin with any byte, 0x88 too.
            if not sak[0] & _SAK_INCOMPLETE:
                return uid + part[:4]
            if part[0] != _CASCADE_TAG:
                raise _Card("cascade")  # to leave this byte out would make two cards one
            uid += part[1:4]
        raise _Card("fourth cascade level")

    async def _halt(self):
        # ISO 6.4.3: a card says yes by no answer. Any other answer is ignored: the UID is known.
        command = bytes((_HLTA, 0))
        try:
            await self._exchange(command + crc_a(command))
        except _Card:
            pass

    async def _exchange(self, data, bits=0):
        """Send `data`, of the last byte only `bits` (0: all); the answer, None if none came.

        _Card for an answer that is broken, ReaderError if the chip does not finish.
        """
        self._write(_COMMAND, _IDLE)
        self._write(_COM_IRQ, 0x7F)
        self._write(_LEVEL, _FLUSH)
        for byte in data:
            self._write(_FIFO, byte)
        self._write(_FRAMING, bits)
        self._write(_COMMAND, _TRANSCEIVE)
        self._write(_FRAMING, _SEND | bits)
        begin = self._ticks_ms()
        while True:
            # The time is taken first: what the chip did while this task could not run was in time.
            late = port.ticks_diff(self._ticks_ms(), begin) > _ANSWER_MS
            irq = self._read(_COM_IRQ)
            if irq & 0x80:  # Set1 always reads 0 (9.3.1.5)
                raise ReaderError("MFRC522 does not answer")
            if irq & (_IRQ_RX | _IRQ_IDLE | _IRQ_ERR):
                break
            if irq & _IRQ_TIMER:
                self._write(_FRAMING, 0)
                return None
            if late:
                raise ReaderError("MFRC522 does not finish")
            await asyncio.sleep(_STEP_S)
        self._write(_FRAMING, 0)
        error = self._read(_ERROR)
        if error & _ERR_COLL:
            self.collisions += 1
            raise _Card("two cards")
        if error & (_ERR_OVERFLOW | _ERR_PARITY | _ERR_PROTOCOL):
            raise _Card("error 0x%02X" % error)
        count = self._read(_LEVEL)
        if self._read(_CONTROL) & 7:
            raise _Card("part of a byte")
        if count > 16:
            raise _Card("%d bytes" % count)
        return bytes([self._read(_FIFO) for _ in range(count)])
