# Eastron meters: conversion of wire floats, register maps, what is believed.
# MIT license; part of microevse

import struct

from helpers import raises, run

from meters import STALE_MS, MeterError
from meters.eastron import MODELS, Meter, make, scaled
from modbus.rtu import NoAnswer

VALUES = {
    0x0000: 230.2, 0x0002: 229.8, 0x0004: 231.0,
    0x0006: 15.9, 0x0008: 16.0, 0x000A: 15.75,
    0x000C: 3660.2, 0x000E: 3677.0, 0x0010: 3638.0,
    0x0034: 10975.0, 0x0046: 49.98, 0x0048: 1234.567, 0x0156: 1300.5,
}  # fmt: skip


class Bus:
    """A Modbus master on which registers are `values`, {register: float or 4 bytes}."""

    def __init__(self, **changes):
        self.values = dict(VALUES)
        self.asked = []
        self.silent = False

    async def read(self, address, function, register, count):
        if self.silent:
            raise NoAnswer("station %d does not answer" % address)
        self.asked.append((address, function, register, count))
        data = b""
        for r in range(register, register + count, 2):
            value = self.values[r]
            data += value if isinstance(value, bytes) else struct.pack(">f", value)
        return data


class Time:
    def __init__(self):
        self.ms = 1000

    def __call__(self):
        return self.ms


def meter(bus, model="sdm630", **options):
    time = Time()
    return Meter(bus, model, ticks_ms=time, **options), time


def refused(m):
    return str(raises(MeterError, run, m.poll()))


def close(a, b, by):
    return abs(a - b) <= by


def test_floats_become_integers_without_float_arithmetic():
    assert scaled(b"\x43\x66\x33\x34", 0, 1000) == 230200  # 230.2, from the protocol description
    assert scaled(b"\x00\x00\x00\x00", 0, 1000) == 0
    assert scaled(b"\x80\x00\x00\x00", 0, 1000) == 0
    assert scaled(b"\x3f\x80\x00\x00", 0, 1000000) == 1000000
    assert scaled(b"\xc0\x20\x00\x00", 0, 1) == -3  # -2.5: half away from zero
    assert scaled(b"\x40\x20\x00\x00", 0, 1) == 3
    assert scaled(b"\x00\x00\x00\x01", 0, 1000000) == 0  # smallest subnormal
    assert scaled(b"xx\x47\xc3\x50\x00", 2, 1000000) == 100000000000  # 100 MWh in mWh, exactly


def test_a_total_that_needs_more_than_24_bits_is_exact():
    # 16777.217 kWh: in a 24-bit float, Wh would end here.
    data = struct.pack(">f", 16777.217)
    assert close(scaled(data, 0, 1000000), 16777217000, 1000000)


def test_what_is_no_number_is_refused():
    for data in (
        b"\x7f\xc0\x00\x00",
        b"\x7f\x80\x00\x00",
        b"\xff\x80\x00\x00",
        b"\x7f\x7f\xff\xff",
    ):
        raises(ValueError, scaled, data, 0, 1)


def test_three_phase_meter_reads_everything_in_two_requests():
    bus = Bus()
    m, _ = meter(bus, address=5)
    run(m.poll())
    assert len(bus.asked) == 4  # the first reading needs a second
    bus.asked = []
    run(m.poll())
    assert bus.asked == [(5, 4, 0, 18), (5, 4, 0x46, 4)]
    assert m.voltage_mv == [230200, 229800, 231000]
    assert m.current_ma == [15900, 16000, 15750]
    assert m.power_w == 3660 + 3677 + 3638
    assert m.frequency_mhz == 49980
    assert close(m.energy_mwh, 1234567000, 100000)


def test_single_phase_meters_are_asked_for_defined_registers_only():
    for model in ("sdm120", "sdm230"):
        bus = Bus()
        m, _ = meter(bus, model)
        run(m.poll())
        bus.asked = []
        run(m.poll())
        assert [a[2:] for a in bus.asked] == [(0, 2), (6, 2), (0xC, 2), (0x46, 4)]
        assert (m.voltage_mv, m.current_ma, m.power_w) == ([230200], [15900], 3660)


def test_sdm72_has_power_and_energy_only():
    bus = Bus()
    m, _ = meter(bus, "sdm72")
    run(m.poll())
    bus.asked = []
    run(m.poll())
    assert [a[2:] for a in bus.asked] == [(0x34, 2), (0x48, 2)]
    assert (m.voltage_mv, m.current_ma, m.power_w) == ([], [], 10975)


def test_total_register_is_used_where_it_is_asked_for():
    for model in MODELS:
        bus = Bus()
        m, _ = meter(bus, model, register="total")
        run(m.poll())
        assert m.energy_mwh == 1300500000


def test_power_towards_the_mains_is_negative():
    bus = Bus()
    bus.values[0xC] = -100.0
    m, _ = meter(bus, "sdm120")
    run(m.poll())
    assert m.power_w == -100


def test_unknown_model_or_register_is_named():
    assert "sdm999" in str(raises(ValueError, make, "sdm999", Bus(), 1))
    assert "sdm999" in str(raises(ValueError, Meter, Bus(), "sdm999"))
    assert "export" in str(raises(ValueError, lambda: Meter(Bus(), "sdm120", register="export")))


def test_silent_meter_keeps_its_values_and_they_age():
    bus = Bus()
    m, time = meter(bus)
    assert m.age_ms(time.ms) == STALE_MS and m.energy_mwh is None
    run(m.poll())
    before = m.energy_mwh
    assert m.age_ms(time.ms) == 0
    bus.silent = True
    time.ms += 7000
    assert "does not answer" in refused(m)
    assert m.energy_mwh == before and m.age_ms(time.ms) == 7000


def test_reading_with_one_bad_value_changes_nothing():
    for register, value, word in (
        (0x0048, b"\x7f\xc0\x00\x00", "not a number"),
        (0x0048, -1.0, "negative"),
        (0x0048, b"\x7f\x80\x00\x00", "infinite"),
        (0x0002, 900.0, "voltage"),
        (0x0002, -5.0, "voltage"),
        (0x0008, 5000.0, "current"),
        (0x000E, 5e6, "power"),
    ):
        bus = Bus()
        m, time = meter(bus)
        run(m.poll())
        before = (m.energy_mwh, m.power_w, m.current_ma, m.voltage_mv)
        bus.values[0x000C] = 1000.0
        bus.values[register] = value
        time.ms += 1000
        assert word in refused(m), (register, value)
        assert (m.energy_mwh, m.power_w, m.current_ma, m.voltage_mv) == before
        assert m.age_ms(time.ms) == 1000


def test_energy_that_goes_backwards_is_refused():
    bus = Bus()
    m, _ = meter(bus)
    run(m.poll())
    bus.values[0x48] = 1234.0
    assert "went back" in refused(m)
    bus.values[0x48] = 1235.0 - 0.430
    run(m.poll())


def test_energy_that_grows_faster_than_the_meter_could_count_is_refused():
    bus = Bus()
    m, time = meter(bus, "sdm120", max_power_w=7400)
    bus.values[0x48] = 100.0
    run(m.poll())
    time.ms += 3600000
    bus.values[0x48] = 100.0 + 7.5
    assert "jumped" in refused(m)
    bus.values[0x48] = 100.0 + 7.375
    run(m.poll())
    assert m.energy_mwh == 107375000
    # A step of the register at once is no jump.
    bus.values[0x48] = 107.390
    run(m.poll())
    bus.values[0x48] = 108.0
    assert "jumped" in refused(m)


def test_refused_jump_is_believed_once_enough_time_has_passed():
    # The meter kept counting while it could not be reached.
    bus = Bus()
    m, time = meter(bus, "sdm120", max_power_w=7400)
    bus.values[0x48] = 100.0
    run(m.poll())
    bus.silent = True
    time.ms += 1800000
    refused(m)
    bus.silent = False
    bus.values[0x48] = 103.5
    run(m.poll())
    assert m.energy_mwh == 103500000


def test_age_does_not_become_young_again_when_the_ticks_wrap():
    bus = Bus()
    m, time = meter(bus)
    run(m.poll())
    period = 1 << 30
    for day in range(14):  # longer than one wrap of the ticks
        time.ms = (time.ms + 86400000) & (period - 1)
        age = m.age_ms(time.ms)
        assert age == min(STALE_MS, (day + 1) * 86400000), (day, age)
