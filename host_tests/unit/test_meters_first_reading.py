# No meter's single reading is a base to count from: at the start, after a gap, after a change.
# MIT license; part of microevse
"""Once a meter that answered 0.0 kWh a single time was refused for three days, and a charger
that believed it would have billed the meter's whole life to one session."""

import struct

from helpers import run
from models import Noise, Time
from models.hlw8032 import Hlw8032, Uart

from meters import MeterError, eastron, generic_modbus, hlw8032, s0

KWH = 9334.8
# Whatever happened, the meter is believed again within this time.
BOUND_S = 20


class Bench:
    """An Eastron meter or one from a table, 11 kW; `kwh` is what its register really holds."""

    def __init__(self, kind, kwh=KWH, **options):
        self.time = Time().rule(eastron, generic_modbus)
        self.time.pass_ms(5000)
        self.kwh = kwh
        self.lies = []  # what the next readings say instead; None: no answer
        self.watts = 0
        if kind == "eastron":
            self.meter = eastron.Meter(self, "sdm72", max_power_w=11000, ticks_ms=self.time)
        else:
            row = {"value": "energy", "register": 0x48, "type": kind, "unit": "0.1 kWh"}
            if kind == "f32":
                row["unit"] = "kWh"
            self.meter = generic_modbus.Meter(self, 1, [row], 11000, ticks_ms=self.time, **options)
        self.kind = kind

    async def read(self, _address, _function, register, count):
        if register != 0x48:
            return struct.pack(">f", self.watts)
        kwh = self.lies.pop(0) if self.lies else self.kwh
        if kwh is None:
            raise generic_modbus.ModbusError("does not answer")
        if count == 2 and self.kind != "u32":
            return struct.pack(">f", kwh)
        return struct.pack(">I", int(kwh * 10 + 0.5))

    def poll(self):
        """True if it went well."""
        try:
            run(self.meter.poll())
        except MeterError as exc:
            self.error = str(exc)
            return False
        return True

    def wait(self, seconds):
        """A second passes, and `watts` flow."""
        for _ in range(seconds):
            self.time.pass_ms(1000)
            self.kwh += self.watts / 3600000

    def settle(self):
        """Seconds until the meter is believed, polled each second."""
        for second in range(BOUND_S + 1):
            if self.poll():
                return second
            self.wait(1)
        raise AssertionError("not believed within %d s: %s" % (BOUND_S, self.error))

    def told(self):
        return self.meter.energy_mwh / 1000000


KINDS = ("eastron", "f32", "u32")
# Zero, garbage below and above, a value of last week.
WRONG = (0.0, 0.1, 123456.7, 99999999.9, KWH - 31.5, KWH + 40)


def near(a, b, kwh=0.11):
    return abs(a - b) <= kwh


def test_a_wrong_first_reading_is_forgotten():
    for kind in KINDS:
        for wrong in WRONG:
            b = Bench(kind)
            b.lies = [wrong]
            assert b.settle() <= 2, (kind, wrong)
            assert near(b.told(), KWH), (kind, wrong, b.told())


def test_several_wrong_first_readings_hold_it_up_for_a_bounded_time_and_bill_nothing():
    # Two and more zeros that agree are believed: a new meter says the same.
    for kind in KINDS:
        for wrong in WRONG:
            for count in (2, 3, 5, 10):
                b = Bench(kind)
                b.watts = 7000
                b.lies = [wrong] * count
                b.settle()
                start = b.told()
                while b.lies:
                    b.wait(1)
                    b.poll()
                b.settle()
                assert b.told() - start < 0.35, (kind, wrong, count, start, b.told())


def test_one_wrong_reading_later_changes_nothing():
    for kind in KINDS:
        for wrong in WRONG:
            b = Bench(kind)
            assert b.settle() == 0
            b.watts = 7000
            for _ in range(10):
                b.wait(1)
                b.poll()
            b.lies = [wrong]
            before = b.told()
            assert not b.poll() and b.told() == before
            b.wait(1)
            assert b.poll() and near(b.told(), b.kwh), (kind, wrong)


def test_zeros_now_and_then_lose_no_energy():
    b = Bench("eastron")
    b.settle()
    b.watts = 11000
    for i in range(600):
        b.wait(1)
        if i % 3 == 0:
            b.lies = [0.0]
        b.poll()
    b.wait(1)
    assert b.poll() and near(b.told(), b.kwh, 0.004)


def test_a_single_reading_after_a_gap_is_no_base():
    # For an hour 11 kWh may have flowed: a wrong value within that would have been billed.
    for kind in KINDS:
        for wrong in (KWH + 9, KWH + 1, 0.0, 123456.7):
            b = Bench(kind)
            b.settle()
            b.wait(3600)
            b.lies = [wrong]
            assert b.settle() <= 2, (kind, wrong)
            assert near(b.told(), KWH), (kind, wrong, b.told())


def test_what_flowed_in_a_gap_is_not_lost():
    for kind in KINDS:
        b = Bench(kind)
        b.settle()
        b.watts = 11000
        b.wait(3600)
        assert b.poll() and near(b.told(), KWH + 11), (kind, b.told())


def test_a_meter_that_was_exchanged_or_reset_is_believed_and_the_session_goes_on():
    for kind in KINDS:
        for other in (0.0, 0.1, 55.5, KWH - 0.2, KWH + 1000):
            b = Bench(kind)
            b.settle()
            b.watts = 7200
            for _ in range(600):
                b.wait(1)
                b.poll()
            before = b.told()
            b.kwh = other
            b.wait(1)
            took = b.settle()
            # Not a Wh more than what has flowed, and of that at most the time it took is lost.
            flowed = 7.2 * (took + 1) / 3600
            assert -0.001 <= b.told() - before <= flowed + 0.11, (kind, other, b.told() - before)
            after = b.told()
            for _ in range(600):
                b.wait(1)
                assert b.poll()
            assert near(b.told() - after, 1.2), (kind, other)


def test_a_float_is_no_excuse_for_a_jump():
    # A unit of kWh was taken for a register that counts whole kWh.
    for wrong in (KWH + 1.5, KWH + 0.4):
        b = Bench("f32")
        b.settle()
        b.wait(1)
        b.lies = [wrong]
        assert not b.poll() and near(b.told(), KWH)
        b.wait(1)
        assert b.poll() and near(b.told(), KWH)


def test_a_gateway_that_hands_on_a_total_each_minute_loses_nothing():
    b = Bench("eastron")
    b.settle()
    held = b.kwh
    b.watts = 11000
    for second in range(1800):
        b.wait(1)
        if second % 60 == 0:
            held = b.kwh
        b.lies = [held, held]
        b.poll()
    b.lies = []
    b.watts = 0
    for _ in range(120):
        b.wait(1)
        b.poll()
    assert near(b.told(), b.kwh, 0.003)


def test_a_register_that_wraps_recovers_from_a_wrong_start():
    for wrong in (0, 6000, 65535):
        time = Time().rule(generic_modbus)
        row = {"value": "energy", "register": 1, "type": "u16", "unit": "Wh"}
        raw = [wrong, wrong]

        class Bus:
            async def read(self, *_):
                return struct.pack(">H", raw.pop(0) if len(raw) > 1 else raw[0])

        m = generic_modbus.Meter(Bus(), 1, [row], 11000, wraps=True, ticks_ms=time)
        run(m.poll())
        start = m.energy_mwh
        raw[:] = [40000]
        for _ in range(BOUND_S):
            time.pass_ms(1000)
            try:
                run(m.poll())
                break
            except MeterError:
                pass
        else:
            raise AssertionError("never believed")
        assert m.energy_mwh == start
        raw[0] += 5
        time.pass_ms(2000)
        run(m.poll())
        assert m.energy_mwh == start + 5000


# -- meters without a register of their own --------------------------------------------------


def chip():
    time = Time().rule(hlw8032)
    model = Hlw8032(time, Noise(3))
    meter = hlw8032.Meter(Uart(model), 8000, total_mwh=5000000, ticks_ms=time)
    time.pass_ms(1000)
    model.set(230, 10)
    return time, model, meter


def chip_settles(time, meter):
    for second in range(BOUND_S + 1):
        try:
            run(meter.poll())
            return second
        except MeterError as exc:
            last = exc
        time.pass_ms(1000)
    raise AssertionError("not believed within %d s: %s" % (BOUND_S, last))


def test_a_metering_chip_whose_first_coefficients_were_wrong_is_believed_again():
    time, model, meter = chip()
    good = list(model.coefficients)
    model.coefficients[2] += 256
    run(meter.poll())
    model.coefficients[:] = good
    time.pass_ms(1000)
    before, joules = meter.energy_mwh, model.joules
    chip_settles(time, meter)
    told = meter.energy_mwh - before
    flowed = (model.joules - joules) / 3.6
    assert 0 <= told <= flowed + 50, (told, flowed)
    time.pass_ms(4000)
    run(meter.poll())


def test_a_metering_chip_whose_pulses_jumped_is_believed_again_and_bills_no_jump():
    time, model, meter = chip()
    run(meter.poll())
    model._joules += 500000  # 139 Wh that never flowed
    time.pass_ms(500)
    before, joules = meter.energy_mwh, model.joules
    chip_settles(time, meter)
    told = meter.energy_mwh - before
    assert 0 <= told <= (model.joules - joules) / 3.6 + 1000, told
    assert told < 20000


def test_a_pulse_counter_that_errs_once_loses_no_pulse():
    for wrong in (99999, 0, 116):
        time, count = Time(), [100]
        time.pass_ms(1000)
        m = s0.Meter(lambda: count[0], 1000, 8000, total_mwh=7000000, ticks_ms=time)
        run(m.poll())
        assert m.energy_mwh == 7000000
        time.pass_ms(1000)
        count[0] = wrong
        try:
            run(m.poll())
            raise AssertionError(wrong)
        except MeterError:
            pass
        assert m.energy_mwh == 7000000
        time.pass_ms(1000)
        count[0] = 104
        run(m.poll())
        assert m.energy_mwh == 7004000 and m.lost == 0, (wrong, m.energy_mwh)


def test_a_pulse_counter_whose_first_count_was_wrong_counts_on_from_the_kept_register():
    for wrong in (99999, 0, 31):
        time, count = Time(), [wrong]
        time.pass_ms(1000)
        m = s0.Meter(lambda: count[0], 1000, 8000, total_mwh=7000000, ticks_ms=time)
        run(m.poll())
        count[0] = 50
        for _ in range(4):
            time.pass_ms(1000)
            count[0] += 1
            try:
                run(m.poll())
            except MeterError:
                pass
        # One poll was spent on finding out.
        assert m.energy_mwh == 7003000, (wrong, m.energy_mwh)
