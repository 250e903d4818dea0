# The `onewire` module that is built into MicroPython's esp32 port: same verbs, our words.
# MIT license; part of microevse

import _onewire as _slots


class OneWireError(Exception):
    pass


class OneWire:
    SEARCH_ROM = 0xF0
    MATCH_ROM = 0x55
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self.pin = pin
        pin.init(pin.OPEN_DRAIN, pin.PULL_UP)

    def reset(self, required=False):
        present = _slots.reset(self.pin)
        if required and not present:
            raise OneWireError
        return present

    def readbit(self):
        return _slots.readbit(self.pin)

    def readbyte(self):
        return _slots.readbyte(self.pin)

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = _slots.readbyte(self.pin)

    def writebit(self, value):
        _slots.writebit(self.pin, value)

    def writebyte(self, value):
        _slots.writebyte(self.pin, value)

    def write(self, buf):
        for byte in buf:
            _slots.writebyte(self.pin, byte)

    def select_rom(self, rom):
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def scan(self):
        """ROMs of all devices: the search of Maxim's application note 187."""
        found = []
        last_fork = 65
        rom = bytearray(8)
        while last_fork:
            if not self.reset():
                break
            self.writebyte(self.SEARCH_ROM)
            fork = 0
            for at in range(1, 65):
                byte, mask = (at - 1) >> 3, 1 << ((at - 1) & 7)
                one, zero = self.readbit(), self.readbit()
                if one and zero:
                    return found  # no device answers any more
                if one != zero:
                    bit = one
                else:
                    bit = (
                        1 if at == last_fork else (1 if at < last_fork and rom[byte] & mask else 0)
                    )
                    if not bit:
                        fork = at
                rom[byte] = rom[byte] | mask if bit else rom[byte] & ~mask & 0xFF
                self.writebit(bit)
            last_fork = fork
            found.append(bytes(rom))
        return found

    def crc8(self, data):
        return _slots.crc8(data)
