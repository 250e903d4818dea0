# Readers and meters whose chips are modelled in `models`, on the virtual board.
# MIT license; part of microevse
"""Connects the register-level models to the pins, UARTs and buses of the world."""

from models import Noise
from models import hlw8032 as _hlw8032
from models import mfrc522 as _mfrc522
from models import pn532 as _pn532
from models.card import Card

CARD_S = 1  # so long a person holds a card to the reader
_CHECK_US = 100000  # how often the energy of a pulse meter is looked at
_PULSE_US = 40000


class Time:
    """The clock as the models want it. A bus transfer takes no time from the program."""

    def __init__(self, clock):
        self._clock = clock

    @property
    def us(self):
        return int(self._clock.now_us)

    def spend(self, us):
        pass


class CardReader:
    """A reader chip, and the person who holds a card to it. spi, i2c, uart: where it is."""

    def __init__(self, clock, cfg, baud):
        self._clock = clock
        time = Time(clock)
        self.spi = self.i2c = None
        self.cs = cfg.get("cs")
        self.kind = cfg["type"]
        self.baud = baud
        if self.kind == "mfrc522":
            self.chip = _mfrc522.Mfrc522(time, Noise(1))
            self.spi = _mfrc522.Spi(self.chip)
            self.select = self.chip.cs
        else:
            self.chip = _pn532.Pn532(time, Noise(1))
            if "sda" in cfg:
                self.i2c = _pn532.I2c(self.chip)
            elif "cs" in cfg:
                self.spi = _pn532.Spi(self.chip)
                self.select = self.spi.cs
        self.port = None
        self._away = None

    def tap(self, tag):
        """The UID in hex; held for a second."""
        try:
            uid = bytes([int(tag[i : i + 2], 16) for i in range(0, len(tag), 2)])
        except (TypeError, ValueError):
            uid = b""
        if len(uid) not in (4, 7, 10):
            raise ValueError('"tag" must be a UID: 4, 7 or 10 bytes in hex')
        self.chip.put(Card(uid) if self.kind == "mfrc522" else uid)
        self._clock.cancel(self._away)
        self._away = self._clock.after(CARD_S * 1000000, self._take_away)

    def _take_away(self):
        self._away = None
        self.chip.put()

    # PN532 on a UART: machine.UART's device

    def receive(self, data):
        if data[:2] == b"\x55\x55" and not self.chip.silent:
            self.chip.awake = True
        self.chip.receive(data)
        self._clock.after(500, self._push)

    def _push(self):
        chip = self.chip
        while chip.ready():
            frame = chip.fetch_all()
            if self.port is not None:
                self.port.feed(frame)
        if chip.pending():
            self._clock.after(1000, self._push)


class MeteringChip:
    """HLW8032 or CSE7766: sends for ever, as soon as a driver listens."""

    def __init__(self, clock, cfg, electrics):
        self.baud = 4800
        self.silent = False
        self._clock = clock
        self._electrics = electrics
        options = {}
        for name in ("r_high", "r_low", "shunt_uohm"):
            if name in cfg:
                options[name] = cfg[name]
        self.chip = _hlw8032.Hlw8032(Time(clock), Noise(1), **options)
        self._port = None

    @property
    def port(self):
        return self._port

    @port.setter
    def port(self, port):
        if self._port is None and port is not None:
            self._clock.after(55000, self._send)
        self._port = port

    def receive(self, data):
        """It listens to nothing."""

    def _send(self):
        if self._port is None:
            return
        volts, amps, _ = self._electrics()
        self.chip.set(volts, amps[0] if amps else 0.0)
        if not self.silent:
            self._port.feed(self.chip.frame())
        self._clock.after(55000, self._send)


class PulseMeter:
    """A meter with a pulse output between `pin` and ground."""

    def __init__(self, world, cfg, electrics):
        self.silent = False
        self._world = world
        self._pin = cfg["pin"]
        self._imp = cfg.get("imp_per_kwh", 1000)
        self._electrics = electrics
        self._given = None
        self._closed = False
        world.inputs[self._pin] = lambda: 0 if self._closed else None
        world.clock.after(_CHECK_US, self._check)

    def _check(self):
        due = int(self._electrics()[2] * self._imp / 1000)
        if self._given is None:
            self._given = due
        if due > self._given and not self.silent:
            self._given += 1
            self._set(True)
            self._world.clock.after(_PULSE_US, lambda: self._set(False))
        self._world.clock.after(_CHECK_US, self._check)

    def _set(self, closed):
        self._closed = closed
        self._world.input_moved(self._pin)
