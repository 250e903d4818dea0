# Thermometers: a sensor on the ADC, or a DS18B20 on a 1-Wire bus.
# MIT license; part of microevse
"""`Analog`: MCP9700(A) or an NTC with its pull-up, with broken and shorted wires.
`Ds18b20`: the device bit by bit, from the data sheet: reset and presence, ROM commands with
search, conversion time by resolution, scratchpad with its CRC, 85 degrees after power-on."""

from math import exp

SENSORS = ("ok", "open", "short", "crc", "error")
_ROM = (0x28, 0x5A, 0x11, 0x07, 0xD6, 0x01, 0x3C)
_POWER_ON = 0x0550  # 85 degrees
_CONVERT_US = (93750, 187500, 375000, 750000)  # 9 to 12 bits


class Analog:
    """Millivolts of the profile's sensor. `sensor`: one of SENSORS."""

    def __init__(self, cfg, world):
        self._cfg = cfg
        self._world = world
        self.sensor = "ok"
        world.analog[cfg["adc"]] = self.mv

    def mv(self, _t_us):
        cfg = self._cfg
        if self.sensor == "error":  # no conversion of this pin succeeds
            raise OSError(-263, "ESP_ERR_TIMEOUT")
        celsius = self._world.celsius
        if cfg.get("type", "mcp9700") == "mcp9700":
            # 500 mV at 0 degrees, 10 mV per kelvin; a broken wire has its pull-down.
            return 500 + 10 * celsius if self.sensor == "ok" else 0.0
        vcc, pullup = cfg.get("vcc_mv", 3300), cfg.get("pullup", 10000)
        if self.sensor == "open":
            return float(vcc)
        if self.sensor == "short":
            return 0.0
        kelvin = celsius + 273.15
        ohms = cfg.get("r25", 10000) * exp(cfg.get("beta", 3950) * (1 / kelvin - 1 / 298.15))
        return vcc * ohms / (ohms + pullup)


def crc8(data):
    """Dallas CRC: x^8 + x^5 + x^4 + 1, low bit first."""
    crc = 0
    for byte in data:
        for _ in range(8):
            mix = (crc ^ byte) & 1
            crc >>= 1
            if mix:
                crc ^= 0x8C
            byte >>= 1
    return crc


class Ds18b20:
    """One device on the bus of `pin`. The master calls `reset`, `write` and `read`, a bit each."""

    def __init__(self, cfg, world):
        self._world = world
        self._clock = world.clock
        self.sensor = "ok"
        rom = bytes(_ROM)
        self._rom = rom + bytes([crc8(rom)])
        self._raw = _POWER_ON
        self._config = [0x4B, 0x46, 0x7F]  # TH, TL, 12 bits
        self._ready_us = None  # end of the conversion that runs
        self._idle()
        world.onewire[cfg["pin"]] = self

    def _idle(self):
        self._state = "off"
        self._bits = []  # what came in since the last command
        self._out = []  # bits to send

    def reset(self):
        """A reset pulse; True for a presence pulse."""
        if self.sensor in ("open", "short"):
            return False
        self._finish()
        self._idle()
        self._state = "rom"
        return True

    def write(self, bit):
        state = self._state
        if state == "search":
            self._search_write(bit)
            return
        if state == "off":
            return
        self._bits.append(bit)
        if state == "match" and len(self._bits) == 64:
            self._state = "function" if _bytes(self._bits) == self._rom else "off"
            self._bits = []
        elif state == "config" and len(self._bits) == 24:
            self._config = list(_bytes(self._bits))
            self._state = "off"
        elif state in ("rom", "function") and len(self._bits) == 8:
            command = _bytes(self._bits)[0]
            self._bits = []
            (self._rom_command if state == "rom" else self._function)(command)

    def read(self):
        """A read slot: the bus is pulled up if no device answers."""
        if self.sensor == "short":
            return 0
        if self._state == "search":
            return self._search_read()
        if self._state == "converting":
            self._finish()
            return 0 if self._ready_us is not None else 1
        return self._out.pop(0) if self._out else 1

    def _rom_command(self, command):
        if command == 0xF0:
            self._state = "search"
            self._at = self._phase = 0
        elif command == 0x33:
            self._out = _bits(self._rom)
            self._state = "function"
        elif command == 0x55:
            self._state = "match"
        elif command == 0xCC:
            self._state = "function"
        else:
            self._state = "off"

    def _search_read(self):
        bit = self._rom[self._at >> 3] >> (self._at & 7) & 1
        self._phase += 1
        return bit if self._phase == 1 else 1 - bit

    def _search_write(self, bit):
        mine = self._rom[self._at >> 3] >> (self._at & 7) & 1
        self._phase = 0
        self._at += 1
        if bit != mine or self._at == 64:
            self._state = "off"

    def _function(self, command):
        if command == 0x44:
            bits = self._config[2] >> 5 & 3
            self._ready_us = self._clock.now_us + _CONVERT_US[bits]
            self._state = "converting"
        elif command == 0xBE:
            self._out = _bits(self._scratchpad())
        elif command == 0x4E:
            self._state = "config"
        else:
            self._state = "off"

    def _finish(self):
        if self._ready_us is not None and self._clock.now_us >= self._ready_us:
            self._ready_us = None
            shift = 3 - (self._config[2] >> 5 & 3)  # the lowest bits stay 0
            self._raw = int(self._world.celsius * 16) >> shift << shift & 0xFFFF

    def _scratchpad(self):
        raw = self._raw & 0xFFFF
        data = bytes([raw & 0xFF, raw >> 8] + self._config + [0xFF, 0x0C, 0x10])
        return data + bytes([crc8(data) ^ (0x55 if self.sensor == "crc" else 0)])


def _bits(data):
    return [byte >> i & 1 for byte in data for i in range(8)]


def _bytes(bits):
    out = bytearray(len(bits) // 8)
    for i in range(len(bits)):
        out[i >> 3] |= bits[i] << (i & 7)
    return bytes(out)


def fitted(cfg, world):
    """The thermometer of a profile's `temp` table, None without one."""
    if not cfg:
        return None
    return Ds18b20(cfg, world) if cfg.get("type") == "ds18b20" else Analog(cfg, world)
