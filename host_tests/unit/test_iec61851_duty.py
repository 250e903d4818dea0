# The duty on the pilot is measured against the one that was sent, and a lying converter is found.
# MIT license; part of microevse

from iec61851 import duty
from pilot_bench import DROP_US, Bench, Random
from evse_base import MICROPYTHON

SEEDS = 3 if MICROPYTHON else 12
AMPERES = (6000, 8000, 10000, 13000, 16000, 20000, 25000, 32000, 40000, 48000, 51000, 63000, 80000)


def deviating(bench, factor):
    """From now on the PWM hardware makes `factor(duty)` of each duty."""
    offer = bench.pilot.offer

    def other(ma):
        offer(ma)
        bench.pilot.duty = factor(bench.pilot.duty)

    bench.pilot.offer = other


def corner(seed):
    """A bench at random tolerances."""
    bench = Bench(seed)
    random = Random(77 + seed)
    bench.source = random(11.4, 12.6)
    bench.source_low = -random(11.4, 12.6)
    bench.r1 = random(970, 1030)
    bench.ev = random(0.97, 1.03)
    bench.vf = random(0.55, 0.85)
    bench.gain = random(0.985, 1.015)
    bench.sigma_mv = random(8, 15)
    return bench


def test_another_duty_than_is_meant_opens_within_two_seconds():
    # 13 A in place of 6 A was once not noticed at all.
    pairs = ((6000, 13000), (10000, 16000), (16000, 24000), (16000, 13000), (32000, 28000))
    pairs += ((32000, 36000), (48000, 43000), (48000, 51000), (6000, 8000))
    for meant, sent in pairs:
        for seed in range(SEEDS):
            bench = corner(seed).charge(meant)
            bench.run(100 * seed)
            bench.pilot.duty = duty.duty_u16(sent)
            start = bench.now
            bench.until(lambda: not bench.evse.closed, 2000)
            took = (bench.contactor.log[-1][0] + DROP_US - start) / 1000
            assert took <= 1500, (meant, sent, seed, took)
            assert bench.evse.fault in ("PilotDuty", "PilotOutput"), bench.evse.fault


def test_another_duty_is_told_before_anything_closes():
    for meant, sent in ((6000, 13000), (10000, 16000), (16000, 24000)):
        bench = Bench(meant)
        deviating(bench, lambda _, sent=sent: duty.duty_u16(sent))
        bench.letter = "B"
        bench.run(200)
        bench.evse.permit(meant)
        bench.run(4000)
        assert bench.evse.fault == "PilotDuty" and bench.contactor.log == [], (meant, sent)
        assert ("fault" in [what for _, what in bench.pilot.log]) and not bench.evse.pwm


def test_another_duty_does_not_close_for_an_ev_that_asks_at_once():
    """It has asked for 500 ms before the duty is judged as a fault: nothing closes until then."""
    for meant, sent in ((6000, 13000), (10000, 16000), (16000, 24000)):
        bench = Bench(meant)
        deviating(bench, lambda _, sent=sent: duty.duty_u16(sent))
        bench.letter = "B"
        bench.run(200)
        bench.evse.permit(meant)
        bench.run(60)
        bench.letter = "C"
        bench.run(4000)
        assert bench.evse.fault == "PilotDuty" and bench.contactor.log == [], (meant, sent)


def test_pwm_that_never_ends_and_pulses_where_there_must_be_none_are_told():
    # The four periods of one window do not show 4 %.
    for letter in "AB":
        bench = Bench(2)
        bench.letter = letter
        bench.dead = 62900  # +12 V is meant; an EV would draw 80 A
        bench.run(4000)
        assert bench.evse.fault == "PilotDuty", (letter, bench.evse.fault)
    bench = Bench(3)
    bench.letter = "B"
    bench.run(300)
    bench.evse.out_of_service(True)
    bench.dead = 3000  # -12 V is meant
    bench.run(4000)
    assert bench.evse.fault == "PilotDuty", bench.evse.fault
    # Before MicroPython 1.26 a duty of 65535 leaves a pulse of a microsecond: that is none.
    bench = Bench(4)
    bench.letter = "B"
    bench.dead = 65472
    bench.run(20000)
    assert bench.evse.fault is None


def test_pwm_that_does_not_begin_is_the_chargers_fault_at_every_duty():
    for ma in AMPERES:
        bench = Bench(ma)
        bench.letter = "B"
        bench.run(300)
        bench.dead = 65536
        bench.evse.permit(ma)
        bench.run(2000)
        assert bench.evse.fault == "PilotOutput" and bench.contactor.log == [], (
            ma,
            bench.evse.fault,
        )


def test_every_duty_of_sound_boards_is_taken_for_what_it_is():
    for seed in range(SEEDS):
        bench = corner(seed).charge(AMPERES[seed % len(AMPERES)])
        for ma in [AMPERES[i] for i in range(seed % 3, len(AMPERES), 3)]:
            bench.evse.permit(ma)
            bench.run(5200 if not MICROPYTHON else 1200)
        bench.evse.forbid()
        bench.run(1000)
        bench.letter = "B"
        bench.run(3000)
        assert bench.evse.fault is None, (seed, bench.evse.fault)


def test_conversions_in_step_with_the_pwm_are_not_taken_for_a_wrong_duty():
    # 20 conversions of exactly 50 us look at the same 20 places of every period: 10 % can read
    # as 15 %. What burst.sample() waits before each window moves the places.
    wrong = 0
    for waits in (True, False):
        for us in (50, 40, 62):
            for ma in (6000, 10000, 16000, 48000):
                for phase in (0, 190, 510):
                    bench = Bench(1)
                    bench.now = phase
                    bench.waits = waits
                    bench.read_us = (us, us)
                    bench.letter = "B"
                    bench.run(200)
                    bench.evse.permit(ma)
                    bench.run(4000)
                    if waits:
                        assert bench.evse.fault is None, (us, ma, phase, bench.evse.fault)
                    wrong += bench.evse.fault is not None
        if MICROPYTHON:
            return
    assert wrong, "this can fail"


# -- the converter


def counts(step):
    return range(0, 4096, step)


def closed(ma, seed=1):
    bench = Bench(seed).charge(ma)
    bench.run(200)
    return bench


def seen(bench, ma, what):
    start = bench.now
    bench.until(lambda: not bench.evse.closed, 110)
    took = (bench.contactor.log[-1][0] + DROP_US - start) / 1000
    assert took <= 100, (ma, what, took)


def test_a_converter_stuck_at_any_count_opens_at_once_while_pwm_is_on():
    # Both halves of the square wave must be there, in the share that is sent.
    for ma in (6000, 16000, 51000, 63000, 80000):
        for raw in counts(409 if MICROPYTHON else 117):
            bench = closed(ma)
            bench.stuck = raw
            seen(bench, ma, raw)
            assert bench.evse.fault is not None, (ma, raw)


def test_a_converter_that_shows_two_counts_in_turn_opens_at_once():
    for ma in (6000, 32000, 80000):
        for one in counts(1365 if MICROPYTHON else 585):
            for other in counts(1365 if MICROPYTHON else 585):
                bench = closed(ma)
                bench.script = lambda number: setattr(bench, "stuck", (one, other)[number & 1])
                seen(bench, ma, (one, other))


def test_a_converter_frozen_at_c_after_the_stop_keeps_nothing_closed_for_longer_than_the_ev_may():
    # Without PWM there is one level only: an EV that is gone cannot be told from one that stays.
    bench = closed(16000)
    bench.evse.forbid()
    bench.run(100)
    bench.stuck = 2247  # 6 V
    bench.letter = "A"
    took = bench.until(lambda: not bench.evse.closed, 6200)
    assert took <= 6050 and not bench.evse.pwm


def test_failed_conversions_that_read_0_are_told_as_such():
    # From MicroPython 1.26 on. All of them: no sample is one; some of them: the duty is not right.
    bench = closed(16000)
    bench.stuck = 0
    seen(bench, 16000, 0)
    assert bench.evse.fault == "PilotBlind"
    bench = Bench(6)
    bench.letter = "C"
    bench.run(300)
    bench.stuck = 0  # +12 V is sent
    bench.run(700)
    assert bench.evse.fault == "PilotBlind" and not bench.evse.closed
    for share in (5, 3):
        bench = closed(16000)
        measure = bench.plateau.measure

        def failing(buf, n):
            for i in range(0, n, share):
                buf[i] = 0
            measure(buf, n)

        bench.plateau.measure = failing
        bench.until(lambda: not bench.evse.closed, 2000)
        assert bench.evse.fault in ("PilotDuty", "PilotOutput"), (share, bench.evse.fault)


def test_a_shorted_diode_behind_failing_conversions_is_seen():
    # Zeros look like a good negative half.
    for share in (3, 2):
        bench = closed(16000)
        measure = bench.plateau.measure

        def failing(buf, n):
            for i in range(0, n, share):
                buf[i] = 0
            measure(buf, n)

        bench.plateau.measure = failing
        bench.short = True
        bench.until(lambda: not bench.evse.closed, 1500)
        assert bench.evse.fault is not None


def test_a_converter_without_samples_now_and_then_is_no_fault_and_none_for_long_is():
    bench = closed(16000)
    bench.script = lambda number: setattr(bench, "adc_dead", number % 5 == 0)
    bench.run(10000)
    assert bench.evse.closed
    bench.script = None
    bench.adc_dead = True
    seen(bench, 16000, None)
    assert bench.evse.fault == "PilotBlind"
