# Every driver has the verbs of its kind, as docs/drivers.md has them.
# MIT license; part of microevse
"""A table of drivers for each kind, and what asks each for its verbs. A new driver gets a row."""

import struct
import sys

from helpers import raises, run
from models import Noise, Time
from models import hlw8032 as hlw_model
from models import mfrc522 as mfrc_model
from models import pn532 as pn_model
from models.card import Card

from meters import STALE_MS, MeterError, eastron, generic_modbus, hlw8032, s0
from modbus.rtu import NoAnswer
from rfid import line, mfrc522, pn532, pn532_bus, polling

UID = b"\x04\xa3\xb2\xc1\xd0\xe9\x80"


# -- meters --------------------------------------------------------------------------------


class Bus:
    """A Modbus master; each register pair holds the float or the four bytes in `values`."""

    def __init__(self, values):
        self.values = values
        self.silent = False

    async def read(self, address, function, register, count):
        if self.silent:
            raise NoAnswer("station %d does not answer" % address)
        data = b""
        for r in range(register, register + count, 2):
            data += struct.pack(">f", self.values.get(r, 0.0))
        return data


class Pin:
    """An input with a contact to ground."""

    def __init__(self):
        self.level = 1

    def value(self):
        return self.level

    def irq(self, handler, trigger):
        self.handler = handler

    def pulse(self, time):
        self.level = 0
        self.handler(self)
        time.pass_ms(50)
        self.level = 1
        self.handler(self)


EASTRON = {
    0x0000: 230.0, 0x0002: 230.0, 0x0004: 230.0, 0x0006: 16.0, 0x0008: 16.0, 0x000A: 16.0,
    0x000C: 3680.0, 0x000E: 3680.0, 0x0010: 3680.0, 0x0034: 11040.0, 0x0046: 50.0,
    0x0048: 1234.5, 0x0156: 1234.5,
}  # fmt: skip
TABLE = [
    {"value": "energy", "register": 0x48, "type": "f32", "unit": "kWh"},
    {"value": "power", "register": 0x0C, "type": "f32", "unit": "W"},
    {"value": "current_l1", "register": 0x06, "type": "f32", "unit": "A"},
    {"value": "voltage_l1", "register": 0x00, "type": "f32", "unit": "V"},
]


def modbus_meter(make):
    def made():
        time, bus = Time(), Bus(dict(EASTRON))
        time.pass_ms(1000)

        def silence():
            bus.silent = True

        return make(bus, time), time, lambda: time.pass_ms(1000), silence

    return made


def pulse_meter():
    time, pin = Time(), Pin()
    time.pass_ms(1000)
    meter = s0.Meter(s0.Pulses(pin, 3, ticks_ms=time), 1000, 8000, ticks_ms=time)
    return meter, time, lambda: pin.pulse(time) or time.pass_ms(1000), None


def chip_meter():
    time = Time().rule(hlw8032)
    chip = hlw_model.Hlw8032(time, Noise(1))
    meter = hlw8032.Meter(hlw_model.Uart(chip), 8000, ticks_ms=time)
    time.pass_ms(1000)

    def silence():
        chip.silent = True

    return meter, time, lambda: time.pass_ms(1000), silence


METERS = {
    "modbus table": modbus_meter(
        lambda bus, time: generic_modbus.Meter(bus, 1, TABLE, 22000, ticks_ms=time)
    ),
    "s0": pulse_meter,
    "hlw8032": chip_meter,
}
for model in sorted(eastron.MODELS):
    METERS[model] = modbus_meter(
        lambda bus, time, name=model: eastron.make(name, bus, ticks_ms=time)
    )


def numbers(values, phases=(0, 1, 3)):
    assert isinstance(values, (list, tuple)) and len(values) in phases, values
    return all([isinstance(value, int) for value in values])


def test_every_meter_has_the_verbs_of_a_meter():
    for name in sorted(METERS):
        meter, time, later, silence = METERS[name]()
        assert meter.energy_mwh is None and len(meter.current_ma) == 0, name
        assert meter.age_ms(time()) == STALE_MS, name
        good = 0
        for _ in range(4):
            later()
            try:
                run(meter.poll())
                good += 1
            except MeterError:
                pass  # not believed yet
        assert good and isinstance(meter.energy_mwh, int), name
        assert meter.power_w is None or isinstance(meter.power_w, int), name
        assert numbers(meter.current_ma) and numbers(meter.voltage_mv), name
        assert meter.age_ms(time()) < 1000, name


def test_a_meter_that_is_silent_says_so_and_keeps_its_values():
    for name in sorted(METERS):
        meter, time, later, silence = METERS[name]()
        for _ in range(4):
            later()
            try:
                run(meter.poll())
            except MeterError:
                pass
        if silence is None:
            continue  # a pulse output says nothing about itself
        before = meter.energy_mwh, meter.power_w, list(meter.current_ma), list(meter.voltage_mv)
        silence()
        for _ in range(3):
            time.pass_ms(5000)
            raises(MeterError, run, meter.poll())
        after = meter.energy_mwh, meter.power_w, list(meter.current_ma), list(meter.voltage_mv)
        assert after == before and meter.age_ms(time()) >= 14000, name


# -- card readers --------------------------------------------------------------------------


class Uart:
    """A UART on which these bytes have arrived."""

    def __init__(self, data):
        self.data = data

    def any(self):
        return len(self.data)

    def read(self, n):
        got, self.data = self.data[:n], self.data[n:]
        return got


def line_reader():
    return line.LineReader(Uart(b"04a3b2c1d0e980\r\n"), Time()), None


def mfrc522_reader():
    time = Time().rule(mfrc522, polling)
    chip = mfrc_model.Mfrc522(time, Noise(3))
    chip.cards = [Card(UID)]
    driver = mfrc522.Mfrc522(mfrc_model.Spi(chip), chip.cs, ticks_ms=time)
    return polling.Polled(driver, None, time), driver


def pn532_reader(kind):
    def made():
        time = Time().rule(pn532, pn532_bus, polling)
        chip = pn_model.Pn532(time, Noise(3))
        chip.put(UID)
        if kind == "hsu":
            bus = pn532_bus.Hsu(pn_model.Uart(chip))
        elif kind == "i2c":
            bus = pn532_bus.I2c(pn_model.I2c(chip))
        else:
            wire = pn_model.Spi(chip)
            bus = pn532_bus.Spi(wire, wire.cs)
        driver = pn532.Pn532(bus, ticks_ms=time)
        return polling.Polled(driver, None, time), driver

    return made


READERS = {"line": line_reader, "mfrc522": mfrc522_reader}
for kind in ("hsu", "i2c", "spi"):
    READERS["pn532 " + kind] = pn532_reader(kind)


def test_every_reader_gives_the_card_in_upper_case_hex():
    for name in sorted(READERS):
        reader, driver = READERS[name]()
        assert run(reader.next_tag()) == "04A3B2C1D0E980", name
        if driver is not None:
            assert reader.failed is None, name


def test_every_reader_chip_can_be_started_and_looked_at():
    for name in sorted(READERS):
        driver = READERS[name]()[1]
        if driver is not None:

            async def look(driver=driver):
                await driver.start()
                return await driver.look()

            assert bytes(run(look())) == UID, name


# -- lock, residual current device, poles ----------------------------------------------------


class Wires:
    """Pins of a chip: what is written, and functions for what is wired to them."""

    def __init__(self):
        self.level = {}
        self.handlers = {}

    def read(self, number):
        level = self.level.get(number, 1)  # a pull-up
        return level() if callable(level) else level


def pins(wires):
    class Pin:
        IN, OUT, PULL_UP, IRQ_RISING, IRQ_FALLING = 1, 3, 2, 1, 2

        def __init__(self, number, mode=None, pull=None, value=None):
            self._number = number
            if value is not None:
                wires.level[number] = value

        def value(self, level=None):
            if level is None:
                return wires.read(self._number)
            wires.level[self._number] = level

        def irq(self, handler=None, trigger=None):
            wires.handlers[self._number] = handler

    return Pin


def take_away(*names):
    """These modules are no longer imported; returns those that were."""
    return {name: sys.modules.pop(name) for name in names if name in sys.modules}


class Hardware:
    """Imports a module of hal over these pins, with sleeps that take no time."""

    def __init__(self, name):
        self._name = name
        self.wires = Wires()

    def __enter__(self):
        class Machine:
            Pin = pins(self.wires)

        self._before = take_away("hal", "hal." + self._name, "machine")
        sys.modules["machine"] = Machine
        __import__("hal." + self._name)
        self.module = sys.modules["hal." + self._name]
        self.module.asyncio = Time()
        return self

    def __exit__(self, *exc):
        take_away("hal", "hal." + self._name, "machine")
        sys.modules.update(self._before)


def test_the_lock_has_the_verbs_of_a_lock():
    with Hardware("lock") as on:
        wires = on.wires
        wires.level[34] = 0
        lock = on.module.Lock({"a": 20, "b": 19, "detect": 34})
        assert lock.fitted is True and lock.is_locked() is False and lock.locked is False
        wires.level[34] = 1
        assert run(lock.lock()) is True and lock.is_locked() is True and lock.locked is True
        assert run(lock.unlock()) is False  # the bolt does not move
        wires.level[34] = 0
        assert run(lock.unlock()) is True and lock.locked is False


def test_the_rcd_has_the_verbs_of_an_rcd():
    with Hardware("rcd") as on:
        wires, tripped = on.wires, []
        wires.level[13] = lambda: wires.level[14]
        rcd = on.module.Rcd({"trip": 13, "test": 14})
        rcd.on_trip(tripped.append)
        assert rcd.is_ok() is False and rcd.tripped() is False  # not tested yet
        assert run(rcd.self_test()) is True and rcd.is_ok() is True
        wires.level[13] = 1
        wires.handlers[13](None)
        assert tripped == ["RcdTripped"] and rcd.tripped() and rcd.standing()
        assert rcd.is_ok() is False


def test_poles_have_the_verbs_of_poles():
    with Hardware("contact") as on:
        wires = on.wires
        # Two mirror contacts: to ground while their pole is open. Two sensors: low with voltage.
        for mirrors, senses in (((21, 22), None), (None, (21, 22)), (21, None), (None, 22)):
            poles = on.module.Poles(mirrors, senses)
            is_open, is_closed = (0, 1) if mirrors else (1, 0)
            wires.level.update({21: is_open, 22: is_open})
            assert poles.wrong(False) == 0 and poles.any_closed() is False
            assert poles.wrong(True) == 1
            several = isinstance(mirrors or senses, tuple)
            assert poles.single is not several
            wires.level[22 if several or senses else 21] = is_closed
            assert poles.wrong(False) == (2 if several else 1) and poles.any_closed() is True
