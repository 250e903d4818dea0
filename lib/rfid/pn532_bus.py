# The three ways to a PN532: UART (HSU), I2C and SPI.
# MIT license; part of microevse
"""After the NXP user manual PN532 (UM0701-02), 6.2.3 to 6.2.5; the verbs are in `pn532`.

None of them waits for an answer: `take` looks once, and is called again. The longest step is a
whole frame on the bus: 4 ms on I2C at 100 kHz, less on the others.
"""

import asyncio

I2C_ADDRESS = 0x24
_READY = 0x01

# 6.2.3: a long preamble wakes the chip; its UART finds the speed by 0x55.
_HSU_WAKE = b"\x55\x55" + b"\x00" * 14

# 6.2.5: first byte of each SPI transfer.
_SPI_WRITE, _SPI_STATUS, _SPI_READ = 0x01, 0x02, 0x03

_REVERSED = (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)  # four bits, mirrored


def mirrored(data):
    """Every byte with its bits in the other order."""
    return bytes([_REVERSED[b & 15] << 4 | _REVERSED[b >> 4] for b in data])


class Hsu:
    """uart: object with any(), read(n), write(data); 115200 baud is the chip's default."""

    def __init__(self, uart):
        self._uart = uart

    async def wake(self):
        self._uart.write(_HSU_WAKE)
        await asyncio.sleep(0.005)
        self.drop()

    def write(self, frame):
        self._uart.write(frame)

    def take(self, size):
        n = self._uart.any()
        return (self._uart.read(n) or b"") if n else b""

    def drop(self):
        # A line that never falls silent must not hold this up.
        for _ in range(4):
            n = self._uart.any()
            if not n:
                return
            self._uart.read(n)


class I2c:
    """i2c: object with readfrom(address, n) and writeto(address, data); OSError is a NAK."""

    def __init__(self, i2c, address=I2C_ADDRESS):
        self._i2c = i2c
        self._address = address

    async def wake(self):
        try:
            # Its own address wakes the chip, which stretches the clock until it runs (6.2.4).
            self._i2c.writeto(self._address, b"\x00")
        except OSError:
            pass  # the first one may be lost; if there is no chip, the next one says so
        await asyncio.sleep(0.002)

    def write(self, frame):
        self._i2c.writeto(self._address, frame)

    def take(self, size):
        if not self._i2c.readfrom(self._address, 1)[0] & _READY:
            return b""
        # The status byte comes again, and then the frame from its beginning.
        data = self._i2c.readfrom(self._address, 2 + size)
        return data[1:] if data[0] & _READY else b""

    def drop(self):
        # A frame that was not fetched goes away with the next command.
        pass


class Spi:
    """spi: object with write(data) and write_readinto(tx, rx), mode 0, most significant bit
    first (what every port can do; the chip wants it the other way round, and gets it), up to
    5 MHz. cs: chip select, callable with 0/1."""

    def __init__(self, spi, cs):
        self._spi = spi
        self._cs = cs
        cs(1)

    async def wake(self):
        self._cs(0)
        await asyncio.sleep(0.003)  # 6.2.5: NSS low for 2 ms and more
        self._cs(1)

    def _transfer(self, first, size):
        tx = bytearray(1 + size)
        rx = bytearray(1 + size)
        tx[0] = _REVERSED[first] << 4
        self._cs(0)
        try:
            self._spi.write_readinto(tx, rx)
        finally:
            self._cs(1)
        return mirrored(rx[1:])

    def write(self, frame):
        self._cs(0)
        try:
            self._spi.write(mirrored(bytes((_SPI_WRITE,)) + frame))
        finally:
            self._cs(1)

    def take(self, size):
        # All ones: no chip drives the line.
        if self._transfer(_SPI_STATUS, 1)[0] != _READY:
            return b""
        return self._transfer(_SPI_READ, 1 + size)

    def drop(self):
        pass
