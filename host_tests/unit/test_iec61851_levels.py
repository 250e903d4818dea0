# Levels, plateaus, duty and cable coding against the tables of IEC 61851-1.
# MIT license; part of microevse

from array import array

from helpers import raises
from iec61851 import duty, levels, plateau, proximity
from iec61851.levels import UNKNOWN, A, B, C, D, E, F, classify
from pilot_bench import Bench, Random


def seen(high, low=-12000, n_high=40, n_low=40, pwm=True, last=UNKNOWN):
    return classify(high, low, n_high, n_low, pwm, last)


def test_every_level_of_the_standard_is_its_state_over_its_tolerance():
    for state, nominal in ((A, 12000), (B, 9000), (C, 6000), (D, 3000), (E, 0)):
        for mv in range(nominal - 1000, nominal + 1001, 100):
            assert seen(mv) == state, (mv, state)


def test_levels_at_the_corners_of_all_tolerances_are_told_apart():
    for source in (11.4, 12.0, 12.6):
        for r1 in (970.0, 1030.0):
            for ev in (0.97, 1.03):
                for vf in (0.55, 0.85):
                    for gain in (0.985, 1.015):
                        bench = Bench(3)
                        bench.source, bench.source_low = source, -source
                        bench.r1, bench.ev, bench.vf, bench.gain = r1, ev, vf, gain
                        bench.pilot.offer(16000)
                        for state, letter in ((A, "A"), (B, "B"), (C, "C"), (D, "D")):
                            bench.letter = letter
                            bench.sample(4000)
                            p = bench.plateau
                            got = classify(p.high_mv, p.low_mv, p.n_high, p.n_low, True, UNKNOWN)
                            assert got == state, (source, r1, ev, vf, gain, letter, p.high_mv)
                            # The diode is seen from every corner...
                            assert p.low_mv <= levels.DIODE_MV, (source, gain, p.low_mv)
                        # ... and its short from every corner, in B as well.
                        bench.short = True
                        for bench.letter in "BCD":
                            bench.sample(4000)
                            assert bench.plateau.low_mv > levels.DIODE_MV, (
                                source,
                                r1,
                                bench.letter,
                                bench.plateau.low_mv,
                            )


def test_hysteresis_holds_a_level_on_a_threshold():
    # Sweep down and up: each change comes 250 mV late, and only once.
    for first, last, step, late in ((12000, -1000, -10, -250), (-1000, 12000, 10, 250)):
        state = levels.level(first)
        changes = []
        for mv in range(first, last, step):
            new = seen(mv, last=state)
            if new != state:
                changes.append((mv, new))
                state = new
        middles = (10500, 7500, 4500, 1500) if step < 0 else (1500, 4500, 7500, 10500)
        assert len(changes) == 4, changes
        for (mv, _), middle in zip(changes, middles):
            assert 0 <= abs(mv - (middle + late)) <= 10, changes


def test_too_few_samples_are_no_information():
    assert seen(6000, n_high=2) == UNKNOWN
    assert seen(6000, n_low=1) == UNKNOWN
    assert seen(6000, n_low=0, pwm=False) == C  # steady +12 V has no lower half
    assert seen(6000, n_high=0, n_low=0) == UNKNOWN


def test_all_low_is_f_only_when_it_is_low_enough():
    assert seen(0, n_high=0, n_low=80, pwm=False) == F
    assert seen(0, n_high=0, n_low=80, pwm=True) == F
    assert seen(0, low=-8800, n_high=0, n_low=80, pwm=False) == UNKNOWN


def test_pilot_near_zero_is_e_with_or_without_a_lower_half():
    assert seen(900, n_low=0) == E
    assert seen(-900, n_low=0) == E


def test_impossible_voltage_is_no_state():
    assert seen(16000) == UNKNOWN


def test_front_end_matches_the_published_values():
    slope, offset = plateau.divider([270000, 68000, 56000], 3300)
    p = plateau.Plateau(slope, offset)
    for mv, pin in ((12000, 2564), (9000, 2257), (6000, 1951), (3000, 1644), (0, 1338)):
        assert abs(p.pin_uv(mv) - pin * 1000) < 1000, (mv, p.pin_uv(mv))
    slope, offset = plateau.divider([120000, 27000, 22000], 3300)
    p = plateau.Plateau(slope, offset)
    for mv, pin in ((12000, 2447), (-10000, 428), (-12000, 245)):
        assert abs(p.pin_uv(mv) - pin * 1000) < 1000, (mv, p.pin_uv(mv))
        assert abs(p.pilot_mv(p.pin_uv(mv)) - mv) < 10


def test_counts_become_volts_within_the_rounding():
    p = plateau.Plateau(*plateau.divider([270000, 68000, 56000], 3300))
    p.calibrate(0, 142000, 65535, 3441750)
    for mv in range(-11000, 12001, 500):
        raw = (p.pin_uv(mv) - 142000) * 65535 // (3441750 - 142000)
        assert abs(p.mv(raw) - mv) < 20, (mv, p.mv(raw))


def test_calibration_with_useless_points_is_refused():
    p = plateau.Plateau(*plateau.divider([270000, 68000, 56000], 3300))
    raises(ValueError, p.calibrate, 1000, 100000, 2000, 110000)
    raises(ValueError, p.calibrate, 0, 3000000, 65535, 100000)


def test_selection_finds_every_rank():
    random = Random(5)
    for n in (1, 2, 3, 10, 80):
        for _ in range(20):
            values = [int(random(0, 12)) * 100 for _ in range(n)]
            for k in range(n):
                buf = array("H", [7] + values + [9])
                assert plateau.kth(buf, 1, n + 1, k) == sorted(values)[k], (values, k)
                assert buf[0] == 7 and buf[n + 1] == 9


def test_parting_keeps_all_samples():
    random = Random(6)
    for n in (0, 1, 2, 5, 80):
        values = [int(random(0, 65536)) for _ in range(n)]
        for split in (-5, 0, 30000, 65535, 70000):
            buf = array("H", values)
            high = plateau.part(buf, n, split)
            assert sorted(buf) == sorted(values)
            assert all(v > split for v in list(buf)[:high])
            assert all(v <= split for v in list(buf)[high:])


def test_spikes_and_edges_do_not_move_the_plateaus():
    p = plateau.Plateau(*plateau.divider([270000, 68000, 56000], 3300))
    p.calibrate(0, 142000, 65535, 3441750)

    def raw(mv):
        return (p.pin_uv(mv) - 142000) * 65535 // (3441750 - 142000)

    buf = array("H", [raw(6000)] * 32 + [raw(-11000)] * 32)
    for i in range(6):
        buf[i] = 65535  # spikes up
        buf[10 + i] = raw(2000)  # rising edges
        buf[40 + i] = raw(-3000)  # falling edges
    p.measure(buf, 64)
    assert abs(p.high_mv - 6000) < 30 and abs(p.low_mv + 11000) < 30, (p.high_mv, p.low_mv)
    assert (p.n_high, p.n_low, p.n) == (32, 32, 64)


def test_duty_vectors_of_the_standard():
    # Nearest 16-bit values; what is sent is never more.
    for amps, u16 in ((6, 6554), (10, 10923), (13, 14199), (16, 17476), (20, 21845)):
        assert u16 - 1 <= duty.duty_u16(amps * 1000) <= u16, amps
    for amps, u16 in ((32, 34953), (51, 55706), (63, 58458), (80, 62915)):
        assert u16 - 1 <= duty.duty_u16(amps * 1000) <= u16, amps


def test_duty_never_offers_more_than_asked_and_loses_at_most_five_milliampere():
    for ma in range(6000, 80001, 37):
        offered = duty.ma_offered(duty.duty_u16(ma))
        # An offer that an EV would read as 51 to 52.5 A cannot be sent.
        least = 51000 if 51000 < ma < 52500 else ma
        assert least - 5 <= offered <= ma, (ma, offered)


def test_current_outside_six_to_eighty_ampere_has_no_duty():
    raises(ValueError, duty.duty_u16, 5999)
    raises(ValueError, duty.duty_u16, 80001)


def test_ev_reads_the_duty_as_table_a8():
    for permille, ma in (
        (20, 0),
        (50, 0),
        (75, 0),
        (85, 6000),
        (99, 6000),
        (965, 80000),
        (975, 0),
    ):
        assert duty.ma_offered(permille * 65536 // 1000) == ma, permille


def test_cables_are_told_apart_with_three_percent_resistors():
    for ohm, ma in ((1500, 13000), (680, 20000), (220, 32000), (100, 63000)):
        for tolerance in (97, 100, 103):
            r = ohm * tolerance // 100
            assert proximity.cable_ma(3300 * r // (r + 1000)) == ma, (ohm, tolerance)


def test_open_short_and_dirty_proximity_are_no_rating():
    assert proximity.cable_ma(3300) == proximity.OPEN
    assert proximity.cable_ma(2700) == proximity.OPEN
    assert proximity.cable_ma(0) == proximity.SHORT
    assert proximity.cable_ma(180) == proximity.SHORT
    assert proximity.cable_ma(2500) == proximity.INVALID
