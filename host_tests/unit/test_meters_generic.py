# Any Modbus meter from a table: types, word order, units, what is refused; plausibility.
# MIT license; part of microevse

import struct

from helpers import raises, run

from meters import STALE_MS, MeterError
from meters.generic_modbus import Meter, fraction
from meters.plausible import Frozen, Unwrap
from modbus.rtu import NoAnswer

TABLE = [
    {"value": "energy", "register": 0x4000, "type": "u32", "unit": "0.01 kWh"},
    {"value": "power", "register": 0x5B14, "type": "s32", "unit": "0.01 W"},
    {"value": "voltage_l1", "register": 0x5B00, "type": "u32", "unit": "0.1 V"},
    {"value": "current_l1", "register": 0x5B02, "type": "f32", "unit": "A", "low_first": True},
    {"value": "frequency", "register": 0x5B04, "type": "u16", "unit": "0.01 Hz", "function": 4},
]


def words(form, value, low_first=False):
    data = struct.pack(form, value)
    return data[2:] + data[:2] if low_first else data


class Bus:
    """A Modbus master; registers are two bytes each in `.words`."""

    def __init__(self):
        self.words = {}
        self.asked = []
        self.silent = False

    def put(self, register, data):
        for i in range(0, len(data), 2):
            self.words[register + i // 2] = data[i : i + 2]

    async def read(self, address, function, register, count):
        if self.silent:
            raise NoAnswer("station %d does not answer" % address)
        self.asked = self.asked[-9:] + [(function, register, count)]
        return b"".join([self.words[r] for r in range(register, register + count)])


class Time:
    ms = 1000

    def __call__(self):
        return self.ms


def bench(table=TABLE, **options):
    bus, time = Bus(), Time()
    bus.put(0x4000, words(">I", 123456))
    bus.put(0x5B14, words(">i", -150050))
    bus.put(0x5B00, words(">I", 2301))
    bus.put(0x5B02, words(">f", 15.9, True))
    bus.put(0x5B04, words(">H", 4998))
    return Meter(bus, 9, table, options.pop("max_w", 22000), ticks_ms=time, **options), bus, time


def refused(m):
    return str(raises(MeterError, run, m.poll()))


def wrong(*rows, **options):
    return str(raises(ValueError, lambda: Meter(Bus(), 1, rows, 22000, **options)))


def test_units_become_fractions():
    assert fraction("kWh", "energy") == (1000000, 1)
    assert fraction("0.01 kWh", "energy") == (10000, 1)
    assert fraction("0.1 W", "power") == (1, 10)
    assert fraction("0.001 A", "current") == (1, 1)
    assert fraction("2.5 V", "voltage") == (2500, 1)
    for unit in ("0 kWh", "kW", "-1 kWh", "x kWh", "1e3 Wh", ". Wh", ""):
        raises(ValueError, fraction, unit, "energy")


def test_values_of_all_types_are_read():
    m, bus, _ = bench()
    run(m.poll())
    bus.asked = []
    run(m.poll())
    assert m.energy_mwh == 1234560000
    assert m.power_w == -1501  # -1500.5: half away from zero
    assert m.voltage_mv == [230100] and m.current_ma == [15900]
    assert m.frequency_mhz == 49980
    # Neighbours in one request, other functions and far registers in their own.
    assert bus.asked == [(3, 0x4000, 2), (3, 0x5B00, 4), (3, 0x5B14, 2), (4, 0x5B04, 1)]


def test_phases_are_in_order_and_their_power_is_added():
    rows = [{"value": "energy", "register": 0, "type": "u32", "unit": "Wh"}]
    for i in range(3):
        for name, register, kind, unit in (
            ("power", 10, "s16", "W"),
            ("current", 20, "u16", "0.01 A"),
        ):
            value = "%s_l%d" % (name, 3 - i)
            rows.append({"value": value, "register": register + i, "type": kind, "unit": unit})
    m, bus, _ = bench(rows)
    bus.put(0, words(">I", 5, False))
    for i in range(3):
        bus.put(10 + i, words(">h", 1000 - i))
        bus.put(20 + i, words(">H", 1600 - i))
    run(m.poll())
    assert m.power_w == 2997 and m.current_ma == [15980, 15990, 16000] and m.energy_mwh == 5000


def test_word_order_of_every_32_bit_type():
    for kind, form, value in (
        ("u32", ">I", 3000000000),
        ("s32", ">i", 70000),
        ("f32", ">f", 70000.0),
    ):
        for low_first in (False, True):
            row = {"value": "energy", "register": 7, "type": kind, "unit": "Wh"}
            row["low_first"] = low_first
            m, bus, _ = bench([row])
            bus.put(7, words(form, value, low_first))
            run(m.poll())
            assert m.energy_mwh == int(value) * 1000, (kind, low_first)


def test_silence_and_bad_values_change_nothing_and_age():
    for register, data, word in (
        (0x5B00, words(">I", 9000), "voltage"),
        (0x5B02, words(">f", 5000.0, True), "current"),
        (0x5B14, words(">i", 9000000), "power"),
        (0x5B02, b"\x00\x00\x7f\xc0", "no usable number"),
        (0x4000, words(">I", 123455), "went back"),
        (0x4000, words(">I", 223456), "jumped"),
        (None, None, "does not answer"),
    ):
        m, bus, time = bench()
        assert m.age_ms(time.ms) == STALE_MS
        run(m.poll())
        before = (m.energy_mwh, m.power_w, m.current_ma, m.voltage_mv)
        if register is None:
            bus.silent = True
        else:
            bus.put(register, data)
        time.ms += 4000
        assert word in refused(m), (register, word)
        assert (m.energy_mwh, m.power_w, m.current_ma, m.voltage_mv) == before
        assert m.age_ms(time.ms) == 4000


def test_register_that_stands_still_under_load_is_found():
    m, bus, time = bench()
    bus.put(0x5B14, words(">i", 700000))
    polls = 0
    run(m.poll())
    while polls < 100:
        time.ms += 1000
        polls += 1
        try:
            run(m.poll())
        except MeterError as exc:
            assert "stands still" in str(exc)
            break
    # 7 kW are 1.94 Wh in a second; the register has steps of 10 Wh, so 70 Wh are allowed.
    assert 35 <= polls <= 38, polls
    bus.put(0x4000, words(">I", 123458))
    run(m.poll())


def test_coarse_register_makes_its_steps():
    row = {"value": "energy", "register": 1, "type": "u16", "unit": "0.1 kWh"}
    m, bus, time = bench([row])
    for count in range(5):
        bus.put(1, words(">H", count))
        run(m.poll())
        time.ms += 1000


def test_register_that_stands_still_without_load_is_well():
    m, bus, time = bench()
    for _ in range(1000):
        time.ms += 5000
        run(m.poll())


def test_frozen_is_not_fooled_by_a_pause_in_the_readings():
    f = Frozen()
    f.check(100, 7000, 1000)
    f.check(100, 7000, STALE_MS)
    f.check(100, 7000, 20000)
    assert "stands still" in str(raises(MeterError, f.check, 100, 7000, 10000))
    f.check(101, 7000, 1000)


def test_small_registers_wrap_where_the_profile_says_so():
    row = {"value": "energy", "register": 1, "type": "u16", "unit": "Wh"}
    m, bus, time = bench([row], wraps=True)
    bus.put(1, words(">H", 65530))
    run(m.poll())
    time.ms += 10000
    bus.put(1, words(">H", 10))
    run(m.poll())
    assert m.energy_mwh == 65546000
    time.ms += 10000
    bus.put(1, words(">H", 9))
    assert "back" in refused(m)
    m, bus, time = bench([row])
    bus.put(1, words(">H", 65530))
    run(m.poll())
    time.ms += 10000
    bus.put(1, words(">H", 10))
    assert "back" in refused(m)


def test_wrap_needs_the_energy_that_explains_it():
    u = Unwrap(65536, 1000, 22000)
    u.keep(60000, 0)
    assert u.total(100, 1000) == 100000  # 5.6 kWh in a second: it went back
    assert u.total(100, 3600000) == 65636000
    raises(MeterError, u.total, 70000, 1000)


def test_tables_that_make_no_sense_are_refused_by_name():
    energy = TABLE[0]

    def changed(**more):
        row = dict(energy)
        row.update(more)
        return row

    assert "no energy" in wrong(TABLE[1])
    assert "twice" in wrong(energy, energy)
    assert "u64" in wrong(changed(type="u64"))
    assert "volts" in wrong(energy, changed(value="volts"))
    assert "energy_l1" in wrong(changed(value="energy_l1"))
    assert "voltage" in wrong(energy, changed(value="voltage", unit="V"))
    assert "first phase" in wrong(energy, changed(value="voltage_l2", unit="V"))
    assert "one of them" in wrong(
        energy, changed(value="power", unit="W"), changed(value="power_l1", unit="W")
    )
    assert "register" in wrong(changed(register=0xFFFF))
    assert "function" in wrong(changed(function=6))
    assert "wraps" in wrong(changed(type="f32"), wraps=True)


def test_what_the_table_does_not_have_is_told_before_the_first_reading():
    from station import measurands

    every = ["Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage"]
    for rows, wanted in (
        (TABLE, every),
        (TABLE[:1], every[:1]),
        (TABLE[:2], every[:2]),
        (TABLE[:1] + TABLE[3:4], [every[0], every[2]]),
        (TABLE[:1] + TABLE[2:3], [every[0], every[3]]),
    ):
        m = bench(rows)[0]
        assert measurands.supported(m)[:-2] == wanted, rows
        run(m.poll())
        assert measurands.supported(m)[:-2] == wanted, rows
