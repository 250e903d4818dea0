# Pulse meters: what counts as a pulse, what energy and power follow.
# MIT license; part of microevse

from helpers import raises, run
from models import Noise, Time

from meters import STALE_MS, MeterError
from meters.s0 import Meter, Pulses


class Pin:
    """An input with a pull-up and a contact to ground; the handler runs `late_ms` later."""

    def __init__(self, time):
        self.time = time
        self.level = 1
        self.handler = None

    def value(self):
        return self.level

    def irq(self, handler, trigger):
        self.handler = handler
        self.trigger = trigger

    def set(self, level):
        if level != self.level:
            self.level = level
            self.handler(self)

    def pulse(self, on_ms, off_ms=0):
        self.set(0)
        self.time.pass_ms(on_ms)
        self.set(1)
        self.time.pass_ms(off_ms)


class Bench:
    def __init__(self, imp=1000, max_w=8000, **options):
        self.time = Time()
        self.time.pass_ms(1000)
        self.pin = Pin(self.time)
        self.pulses = Pulses(self.pin, 3, ticks_ms=self.time)
        self.imp = imp
        self.meter = Meter(self.pulses, imp, max_w, ticks_ms=self.time, **options)

    def flow(self, watts, seconds, chatter=None):
        """Physics: pulses of 50 ms for the energy that flows, a poll every second."""
        spacing = 3600000000 // (watts * self.imp)
        for ms in range(50, 1000 * seconds + 1, 50):
            if ms % spacing == 0:
                if chatter is not None:
                    for _ in range(chatter.below(5)):
                        self.pin.pulse(0)
                self.pin.pulse(50)
            else:
                self.time.pass_ms(50)
            if ms % 1000 == 0:
                run(self.meter.poll())


def test_both_edges_are_asked_for():
    assert Bench().pin.trigger == 3


def test_energy_is_the_pulses_by_the_constant():
    for imp, mwh in ((1000, 1000), (2000, 500), (800, 1250), (10000, 100)):
        b = Bench(imp=imp)
        run(b.meter.poll())
        assert b.meter.energy_mwh == 0
        for _ in range(2):
            b.pin.pulse(40, 1000)
            run(b.meter.poll())
        assert b.meter.energy_mwh == 2 * mwh


def test_total_begins_where_it_is_told_to_and_pulses_before_are_not_counted():
    b = Bench(total_mwh=7000000)
    b.pin.pulse(40, 40)
    run(b.meter.poll())
    assert b.meter.energy_mwh == 7000000


def test_chatter_spikes_and_short_pulses_do_not_count():
    b = Bench()
    noise = Noise(5)
    run(b.meter.poll())
    for _ in range(200):
        b.pin.pulse(noise.below(19), 5)
    assert b.pulses() == 0 and b.pulses.refused == 200
    b.flow(3600, 60, chatter=noise)
    assert b.meter.energy_mwh == 60000


def test_pulse_whose_beginning_was_missed_does_not_count():
    b = Bench()
    b.pin.level = 0
    b.pin.set(1)
    assert b.pulses() == 0


def test_power_follows_from_the_spacing_of_pulses():
    for watts in (1200, 3600, 7200):  # 3 s, 1 s, 0.5 s
        b = Bench()
        b.flow(watts, 20)
        assert abs(b.meter.power_w - watts) <= watts // 50, b.meter.power_w


def test_power_falls_when_no_pulse_comes_and_ends_at_zero():
    b = Bench()
    b.flow(3600, 10)
    before = b.meter.power_w
    seen = []
    for _ in range(300):
        b.time.pass_ms(1000)
        run(b.meter.poll())
        seen.append(b.meter.power_w)
    assert before == 3600 and seen[1] <= 1800 and seen[-1] == 0
    assert seen == sorted(seen, reverse=True)
    # The first pulse after the pause says nothing about the power.
    b.pin.pulse(50, 0)
    run(b.meter.poll())
    assert b.meter.power_w == 0


def test_more_pulses_than_the_line_can_carry_are_noise_and_are_not_billed():
    b = Bench(max_w=4000)
    b.flow(3600, 10)
    before = b.meter.energy_mwh
    for _ in range(9):
        b.pin.pulse(25, 25)
    b.time.pass_ms(500)
    assert "noise" in str(raises(MeterError, run, b.meter.poll()))
    assert b.meter.energy_mwh == before and b.meter.lost == 9
    b.flow(3600, 10)
    assert b.meter.energy_mwh == before + 10000


def test_a_counter_of_the_chip_may_wrap_or_go_back():
    time = Time()
    count = [65530]
    m = Meter(lambda: count[0], 1000, 8000, modulus=65536, ticks_ms=time)
    run(m.poll())
    time.pass_ms(10000)
    count[0] = 4
    run(m.poll())
    assert m.energy_mwh == 10000
    m = Meter(lambda: count[0], 1000, 8000, ticks_ms=time)
    count[0] = 50
    run(m.poll())
    count[0] = 3
    assert "back" in str(raises(MeterError, run, m.poll()))
    assert m.energy_mwh == 0
    run(m.poll())


def test_age_is_that_of_the_last_poll():
    b = Bench()
    assert b.meter.age_ms(b.time()) == STALE_MS
    run(b.meter.poll())
    b.time.pass_ms(3000)
    assert b.meter.age_ms(b.time()) == 3000


def test_impossible_constant_is_named():
    assert "0 pulses" in str(raises(ValueError, lambda: Meter(lambda: 0, 0, 1)))
