# The serial bootloader of an ESP32 and of esptool's flasher stub, as a model.
# MIT license; part of microevse
"""Written from the published protocol (esptool documentation, "Serial Protocol"): SLIP frames
with command, length and checksum; registers, the flash's identification over the SPI
registers, compressed and plain writes, erase, MD5. The stub that esptool uploads is not
executed (it is machine code): once it is started, the model answers as the stub does.

Written data end in a flash file with the rules of NOR flash.
"""

import hashlib
import struct
import zlib

SECTOR = 4096

SYNC, WRITE_REG, READ_REG = 0x08, 0x09, 0x0A
FLASH_BEGIN, FLASH_DATA, FLASH_END = 0x02, 0x03, 0x04
MEM_BEGIN, MEM_END, MEM_DATA = 0x05, 0x06, 0x07
SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD = 0x0B, 0x0D, 0x0F
DEFL_BEGIN, DEFL_DATA, DEFL_END, MD5 = 0x10, 0x11, 0x12, 0x13
SECURITY_INFO, ERASE_FLASH, ERASE_REGION = 0x14, 0xD0, 0xD1
WITH_CHECKSUM = (FLASH_DATA, MEM_DATA, DEFL_DATA)
BAD_COMMAND, BAD_CHECKSUM, FAILED = 0x05, 0x07, 0x06

# chip: magic word at 0x40001000, SPI registers (base, USR, USR2, W0), clock divider register.
# The S3 and the C3 tell their number in the security info instead. An ESP8266 has neither: that
# esptool names it is all that is wanted of it here.
CHIPS = {
    "esp32": (0x00F01D83, 0x3FF42000, 0x24, 0x80, 0x3FF40014, None),
    "esp32s2": (0x000007C6, 0x3F402000, 0x20, 0x58, 0x3F400014, None),
    "esp32s3": (0x00000009, 0x60002000, 0x20, 0x58, 0x60000014, 9),
    "esp32c3": (0x1B31506F, 0x60002000, 0x20, 0x58, 0x60000014, 5),
    "esp8266": (0xFFF0C101, 0x60000200, 0x24, 0x40, 0x60000014, None),
}
# Registers of the fuses: the two words of the MAC address, low one first (esptool, targets/).
MAC_AT = {
    "esp32": (0x3FF5A004, 0x3FF5A008),
    "esp32s2": (0x3F41A044, 0x3F41A048),
    "esp32s3": (0x60007044, 0x60007048),
    "esp32c3": (0x60008844, 0x60008848),
    "esp8266": (0x3FF00050, 0x3FF00054),
}
# ESP32-S3: the PSRAM in its package, (register, shift); the value 1 is 8 MB.
S3_PSRAM_AT = 0x60007044 + 16, 3
MAGIC_AT = 0x40001000
SPI_USR = 1 << 18
READ_ID = 0x9F


def unslip(frame):
    return frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")


def slip(packet):
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Rom:
    """flash: path of the flash file. send(bytes): to the host. `spoil`: an address whose byte
    does not take what is programmed, as worn flash. unit: the MAC address. embedded: what the
    fuses of an ESP32-S3 say of the PSRAM in its package."""

    def __init__(self, chip, flash, send, size, spoil=None, unit="000000000000", embedded=0):
        magic, self._spi, self._usr2, self._w0, clock, self._number = CHIPS[chip]
        self._flash = flash
        self._send = send
        self._size = size
        self._spoil = spoil
        self._registers = {MAGIC_AT: magic, clock: 347}  # 40 MHz crystal at 115200 baud
        low, high = MAC_AT[chip]
        self._registers[low] = int(unit[4:], 16)
        self._registers[high] = int(unit[:4], 16)
        if chip == "esp32s3":
            at, shift = S3_PSRAM_AT
            self._registers[at] = embedded << shift
        self._buffer = b""
        self.stub = False
        self.commands = []  # numbers of all commands heard
        self._at = 0
        self._inflate = None

    def feed(self, data):
        self._buffer += data
        while True:
            start = self._buffer.find(b"\xc0")
            end = self._buffer.find(b"\xc0", start + 1)
            if start < 0 or end < 0:
                return
            frame = unslip(self._buffer[start + 1 : end])
            # An empty frame: the end of a broken one is the start of the next.
            self._buffer = self._buffer[end + 1 if frame else end :]
            if len(frame) >= 8 and frame[0] == 0:
                self._command(frame)

    def _command(self, frame):
        command, size, checksum = struct.unpack_from("<xBHI", frame)
        body = frame[8:]
        self.commands.append(command)
        if len(body) != size:
            return self._answer(command, error=BAD_COMMAND)
        if command in WITH_CHECKSUM:
            computed = 0xEF
            for byte in body[16:]:
                computed ^= byte
            if computed != checksum:
                return self._answer(command, error=BAD_CHECKSUM)
        handler = self.HANDLERS.get(command)
        if handler is None or (command >= ERASE_FLASH and not self.stub):
            return self._answer(command, error=BAD_COMMAND)
        handler(self, command, body)

    def _answer(self, command, value=0, data=b"", error=0):
        status = bytes([1 if error else 0, error])
        if not self.stub:
            status += b"\0\0"  # the ROM of these chips sends four
        head = struct.pack("<BBHI", 1, command, len(data) + len(status), value)
        self._send(slip(head + data + status))

    def _done(self, command, body):
        self._answer(command)

    def _sync(self, command, body):
        # The stub answers with zero, which is how esptool tells it from the ROM.
        for _ in range(8):
            self._answer(command, 0 if self.stub else 0x20120707)

    def _read_register(self, command, body):
        (address,) = struct.unpack_from("<I", body)
        self._answer(command, self._registers.get(address, 0))

    def _write_register(self, command, body):
        for at in range(0, len(body) - 15, 16):
            address, value, mask, _delay = struct.unpack_from("<IIII", body, at)
            old = self._registers.get(address, 0)
            self._registers[address] = (old & ~mask) | (value & mask)
            if address == self._spi and value & SPI_USR:
                self._spi_command()
        self._answer(command)

    def _spi_command(self):
        self._registers[self._spi] = 0  # it is done at once
        result = 0
        if self._registers.get(self._spi + self._usr2, 0) & 0xFF == READ_ID:
            capacity = self._size.bit_length() - 1
            result = 0xEF | 0x40 << 8 | capacity << 16  # a Winbond W25Q
        self._registers[self._spi + self._w0] = result

    def _security(self, command, body):
        if self._number is None:
            return self._answer(command, error=BAD_COMMAND)
        self._answer(command, data=struct.pack("<IB7sII", 0, 0, bytes(7), self._number, 0))

    def _mem_end(self, command, body):
        self._answer(command)
        if not self.stub:
            self.stub = True
            self._send(slip(b"OHAI"))

    # -- flash -----------------------------------------------------------------------------

    def _begin(self, command, body):
        size, _blocks, _block, self._at = struct.unpack_from("<IIII", body)
        self._inflate = zlib.decompressobj() if command == DEFL_BEGIN else None
        if self._at + size > self._size:
            return self._answer(command, error=FAILED)
        self.erase(self._at, size)
        self._answer(command)

    def _data(self, command, body):
        (size,) = struct.unpack_from("<I", body)
        data = body[16 : 16 + size]
        if command == DEFL_DATA:
            if self._inflate is None:
                return self._answer(command, error=FAILED)
            data = self._inflate.decompress(data)
        self.program(self._at, data)
        self._at += len(data)
        self._answer(command)

    def _md5(self, command, body):
        address, size = struct.unpack_from("<II", body)
        with open(self._flash, "rb") as file:
            file.seek(address)
            digest = hashlib.md5(file.read(size))
        data = digest.digest() if self.stub else digest.hexdigest().encode()
        self._answer(command, data=data)

    def _erase_all(self, command, body):
        self.erase(0, self._size)
        self._answer(command)

    def _erase_region(self, command, body):
        self.erase(*struct.unpack_from("<II", body))
        self._answer(command)

    def erase(self, address, size):
        first = address // SECTOR * SECTOR
        end = -(-(address + size) // SECTOR) * SECTOR
        with open(self._flash, "r+b") as file:
            file.seek(first)
            file.write(b"\xff" * (end - first))

    def program(self, address, data):
        with open(self._flash, "r+b") as file:
            file.seek(address)
            old = int.from_bytes(file.read(len(data)), "little")
            new = (old & int.from_bytes(data, "little")).to_bytes(len(data), "little")
            if self._spoil is not None and address <= self._spoil < address + len(data):
                new = bytearray(new)
                new[self._spoil - address] ^= 0x10
            file.seek(address)
            file.write(new)

    HANDLERS = {
        SYNC: _sync,
        READ_REG: _read_register,
        WRITE_REG: _write_register,
        SECURITY_INFO: _security,
        MEM_BEGIN: _done,
        MEM_DATA: _done,
        MEM_END: _mem_end,
        SPI_SET_PARAMS: _done,
        SPI_ATTACH: _done,
        CHANGE_BAUD: _done,
        FLASH_BEGIN: _begin,
        FLASH_DATA: _data,
        FLASH_END: _done,
        DEFL_BEGIN: _begin,
        DEFL_DATA: _data,
        DEFL_END: _done,
        MD5: _md5,
        ERASE_FLASH: _erase_all,
        ERASE_REGION: _erase_region,
    }
