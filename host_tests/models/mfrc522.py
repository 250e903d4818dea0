# The MFRC522 contactless reader, at the level of its registers and its SPI.
# MIT license; part of microevse
"""Written from the NXP data sheet (rev. 3.9): 8.1.2 SPI, 8.3 FIFO, 8.5 timer, 9 registers,
10 commands. `Spi` and `cs` are what a driver gets instead of machine.SPI and machine.Pin."""

COMMAND, COM_IRQ, ERROR, FIFO, LEVEL, CONTROL, FRAMING, COLL = 1, 4, 6, 9, 0xA, 0xC, 0xD, 0xE
TX_MODE, RX_MODE, TX_CONTROL, TX_ASK = 0x12, 0x13, 0x14, 0x15
T_MODE, T_PRESCALER, T_RELOAD_H, T_RELOAD_L, VERSION = 0x2A, 0x2B, 0x2C, 0x2D, 0x37

# 9.2: value after reset, where it is not 0.
_RESET = {
    COMMAND: 0x20, 0x02: 0x80, COM_IRQ: 0x14, 0x07: 0x21, 0x0B: 0x08, CONTROL: 0x10,
    COLL: 0xA0, 0x11: 0x3F, TX_CONTROL: 0x80, 0x16: 0x10, 0x17: 0x84, 0x18: 0x84, 0x19: 0x4D,
    0x1C: 0x62, 0x21: 0xFF, 0x22: 0xFF, 0x24: 0x26, 0x26: 0x48, 0x27: 0x88, 0x28: 0x20, 0x29: 0x20,
}  # fmt: skip
_ACCESS_US = 25  # MicroPython on the chip: address byte, data byte, chip select
_BIT_NS = 9440  # 106 kbit/s
_OSCILLATOR_US = 2000


class Mfrc522:
    """Faults: silent (MISO stays at `miso`), noise (permille of the bytes on MISO that have
    a wrong bit), hot (antenna drivers off), stuck (commands never finish); brown_out()."""

    def __init__(self, time, noise=None, version=0x92):
        self._time = time
        self._noise = noise
        self._version = version
        self.cards = []
        self.silent = self.hot = self.stuck = False
        self.miso = 0x00
        self.noise = 0
        self.accesses = 0
        self.resets = 0
        self.antenna_was_on = False
        self.brown_out()

    def brown_out(self):
        """The supply dips: everything is as after power-on."""
        self._registers = [_RESET.get(i, 0) for i in range(0x40)]
        self._fifo = bytearray()
        self._events = []  # (us, what is set in ComIrqReg, answer, error)
        self._ready_at = self._time.us + _OSCILLATOR_US
        for card in self.cards:
            card.leave()

    def put(self, *cards):
        """Cards in the field from now on."""
        for card in self.cards:
            card.leave()
        self.cards = list(cards)

    def access(self, address, value):
        """One SPI transfer of two bytes; the byte on MISO."""
        self._time.spend(_ACCESS_US)
        self.accesses += 1
        if self.silent:
            return self.miso
        self._run()
        register = address >> 1 & 0x3F
        if not address & 0x80:
            self._set(register, value)
            return 0
        value = self._get(register)
        if self._noise is not None and self._noise.hit(self.noise):
            value ^= 1 << self._noise.below(8)
        return value

    def _run(self):
        now = self._time.us
        while self._events and self._events[0][0] <= now:
            _, irq, answer, error = self._events.pop(0)
            if answer is not None:
                self._fifo[:] = answer
            self._registers[ERROR] |= error
            self._registers[COM_IRQ] |= irq
            if irq & 0x31 and self._registers[T_MODE] & 0x80:
                # Reception has begun: the timer stops (8.5).
                self._events = [event for event in self._events if event[1] != 1]

    def _get(self, register):
        if register == COMMAND:
            down = 0x10 if self._time.us < self._ready_at else 0
            return self._registers[COMMAND] | down
        if register == FIFO:
            if not self._fifo:
                return 0
            value = self._fifo[0]
            self._fifo = self._fifo[1:]
            return value
        if register == LEVEL:
            return len(self._fifo)
        if register == VERSION:
            return self._version
        if register == TX_CONTROL and self.hot:
            return self._registers[register] & 0xFC
        if register == ERROR and self.hot:
            return self._registers[register] | 0x40
        if register == COM_IRQ:
            return self._registers[register] & 0x7F
        return self._registers[register]

    def _set(self, register, value):
        if self._time.us < self._ready_at:
            return  # no clock yet
        if register == FIFO:
            if len(self._fifo) >= 64:
                self._registers[ERROR] |= 0x10
            else:
                self._fifo.append(value)
        elif register == LEVEL:
            if value & 0x80:
                self._fifo[:] = b""
                self._registers[ERROR] &= ~0x10
        elif register == COM_IRQ:
            # 9.3.1.5: Set1 decides whether marked bits are set or cleared.
            if value & 0x80:
                self._registers[COM_IRQ] |= value & 0x7F
            else:
                self._registers[COM_IRQ] &= ~value & 0x7F
        elif register == COMMAND:
            self._registers[COMMAND] = value & 0x3F
            self._events = []
            if value & 0x0F == 0x0F:
                self.resets += 1
                self.brown_out()
        elif register in (ERROR, VERSION):
            pass
        elif register == FRAMING:
            self._registers[FRAMING] = value & 0x7F
            if value & 0x80 and self._registers[COMMAND] & 0x0F == 0x0C:
                self._transceive(value & 7)
        else:
            self._registers[register] = value

    def _transceive(self, bits):
        sent, self._fifo = bytes(self._fifo), bytearray()
        self._registers[ERROR] = 0
        self._registers[CONTROL] &= 0xF8
        if self.stuck:
            return
        now = self._time.us
        end = now + (9 * len(sent) + 2) * _BIT_NS // 1000
        on = self._registers[TX_CONTROL] & 3 == 3 and not self.hot
        self.antenna_was_on = on
        answers = []
        if on and self._registers[TX_ASK] & 0x40:
            for card in self.cards:
                answer = card.hear(sent, bits)
                if answer is not None:
                    answers.append(answer)
        if self._registers[T_MODE] & 0x80:
            reload = self._registers[T_RELOAD_H] << 8 | self._registers[T_RELOAD_L]
            prescaler = (self._registers[T_MODE] & 0x0F) << 8 | self._registers[T_PRESCALER]
            expires = end + (reload + 1) * (2 * prescaler + 1) * 100 // 1356
            self._events.append((expires, 0x01, None, 0))
        if answers:
            error = 0
            for other in answers[1:]:
                if other != answers[0]:
                    error = 0x08
            done = end + 86 + 9 * len(answers[0]) * _BIT_NS // 1000
            self._events.insert(0, (done, 0x20, answers[0], error))

    # what the driver gets

    def cs(self, level):
        self.selected = not level


class Spi:
    """The verbs of machine.SPI that the driver uses, with `chip` on the bus."""

    def __init__(self, chip):
        self._chip = chip

    def write(self, data):
        assert self._chip.selected and len(data) == 2
        self._chip.access(data[0], data[1])

    def write_readinto(self, tx, rx):
        assert self._chip.selected and len(tx) == len(rx) == 2
        rx[0] = 0
        rx[1] = self._chip.access(tx[0], tx[1])
