# The `ds18x20` module that is built into MicroPython's esp32 port: same verbs, our words.
# MIT license; part of microevse

_DS18B20 = 0x28


class DS18X20:
    """Temperature sensors on a onewire.OneWire bus; only the DS18B20 is modelled."""

    def __init__(self, onewire):
        self.ow = onewire

    def scan(self):
        return [rom for rom in self.ow.scan() if rom[0] == _DS18B20]

    def convert_temp(self):
        self.ow.reset(True)
        self.ow.writebyte(self.ow.SKIP_ROM)
        self.ow.writebyte(0x44)

    def read_scratch(self, rom):
        self.ow.reset(True)
        self.ow.select_rom(rom)
        self.ow.writebyte(0xBE)
        buf = bytearray(9)
        self.ow.readinto(buf)
        if self.ow.crc8(buf):
            raise Exception("CRC error")
        return buf

    def read_temp(self, rom):
        """Degrees Celsius."""
        buf = self.read_scratch(rom)
        raw = buf[1] << 8 | buf[0]
        return (raw - 0x10000 if raw & 0x8000 else raw) / 16
