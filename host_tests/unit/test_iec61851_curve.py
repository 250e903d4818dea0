# The curve of an ESP32's converter against the table of its maker, and plateaus along it.
# MIT license; part of microevse

from array import array

from helpers import raises
from iec61851 import curve, plateau
from iec61851.levels import DIODE_MV, LETTERS, level
from pilot_bench import Random
from twin.pilot_circuit import Adc

SMARTEVSE = [40200, 10000, 15000]
SYNCCHARGE = [15000, 5600, 4700]


def converter(vref):
    """The twin's: all 20 points of Espressif's two curves."""
    return Adc(None, {"adc_vref": vref}, "esp32")


def raw(adc, mv):
    count = adc.raw(mv)
    return count << 4 | count >> 8


def straight_pieces(points, at):
    for (raw_a, uv_a), (raw_b, uv_b) in zip(points, points[1:]):
        if at <= raw_b:
            return uv_a + (uv_b - uv_a) * (at - raw_a) // (raw_b - raw_a)


def test_few_points_keep_within_10_mv_of_the_makers_twenty():
    for vref in (1000, 1050, 1100, 1150, 1200):
        adc = converter(vref)
        points = curve.points(vref)
        assert points[0] == (0, 142000) and points[-1][0] == 65535
        for count in range(30, 4096, 7):
            uv = straight_pieces(points, count << 4 | count >> 8)
            assert abs(uv - adc.millivolts(count) * 1000) < 10000, (vref, count, uv)


def test_one_reading_of_any_level_gives_the_reference_back():
    for vref in (995, 1000, 1063, 1100, 1149, 1205):
        adc = converter(vref)
        for mv in (1300, 2000, 2440, 2600, 2900, 3040, 3281):
            at = raw(adc, mv)
            uv = int(adc.millivolts(adc.raw(mv)) + 0.5) * 1000
            assert abs(curve.reference_mv(at, uv) - vref) <= 12, (vref, mv)


def test_readings_that_no_esp32_gives_are_refused():
    # A straight converter, full; one whose table is missing; a level too low to tell.
    raises(ValueError, curve.reference_mv, 65535, 3441000)
    raises(ValueError, curve.reference_mv, 65535, 2315000)
    raises(ValueError, curve.reference_mv, 30000, 2300000)
    raises(ValueError, curve.reference_mv, 400, 150000)


def test_a_full_converter_stands_for_12_v():
    p = plateau.Plateau(*plateau.divider(SMARTEVSE, 3300))
    for vref in (1000, 1100, 1200):
        adc = converter(vref)
        p.trace(curve.points(vref, p.pin_uv(12000)))
        assert abs(p.mv(65535) - 12000) < 20
        # The highest B (9.59 V, 2968 mV) is seen as such on every chip, the lowest A as A.
        assert abs(p.mv(raw(adc, p.pin_uv(9590) / 1000)) - 9590) < 80
        assert LETTERS[level(p.mv(raw(adc, p.pin_uv(11400) / 1000)))] == "A"
        assert abs(p.mv(raw(adc, p.pin_uv(-10000) / 1000)) - DIODE_MV) < 80


def test_pieces_lead_up_without_steps():
    for parts, top in ((SMARTEVSE, 12000), (SYNCCHARGE, 12000), ([270000, 68000, 56000], 0)):
        p = plateau.Plateau(*plateau.divider(parts, 3300))
        for vref in (1000, 1200):
            p.trace(curve.points(vref, p.pin_uv(top)))
            last = p.mv(0)
            for at in range(16, 65536, 16):
                mv = p.mv(at)
                assert last <= mv <= last + 300, (vref, at, last, mv)
                last = mv
            p.mv(65535)


def test_curve_that_runs_backwards_or_says_nothing_is_refused():
    p = plateau.Plateau(*plateau.divider(SMARTEVSE, 3300))
    raises(ValueError, p.trace, ((0, 0), (30000, 2000000), (30000, 2100000)))
    raises(ValueError, p.trace, ((0, 0), (30000, 2000000), (40000, 1900000)))
    raises(ValueError, p.trace, ((30000, 0), (31000, 100), (32000, 200)))
    before = p.mv(20000)
    raises(ValueError, p.trace, ((0, 0), (65535, 0)))
    assert p.mv(20000) == before, "the old curve stays"


def test_machine_code_finds_the_same_plateaus_along_the_curve():
    from hal import kernel

    slope, offset = plateau.divider(SMARTEVSE, 3300)
    plain, fast = plateau.Plateau(slope, offset), plateau.Plateau(slope, offset, kernel)
    random = Random(7)
    for vref in (1000, 1140):
        adc = converter(vref)
        for p in (plain, fast):
            p.trace(curve.points(vref, p.pin_uv(12000)))
        for high in (12000, 8980, 6000, 2930, 0):
            for n in (3, 40, 80):
                values = []
                for i in range(n):
                    mv = plain.pin_uv(high if i % 3 else -12000) / 1000
                    values.append(raw(adc, mv + random(-30, 30)))
                for p in (plain, fast):
                    p.measure(array("H", values), n)
                assert (plain.high_mv, plain.low_mv) == (fast.high_mv, fast.low_mv)
                assert (plain.n_high, plain.n_low) == (fast.n_high, fast.n_low)
                assert abs(plain.high_mv - high) < 350, (high, plain.high_mv)
                assert plain.n_low == (n + 2) // 3 and plain.low_mv < -11000


def test_a_level_is_high_enough_where_the_curves_are_50_mv_apart():
    """Below that a reading is too coarse to tell the reference."""
    for count, apart, good in ((342, 50113, True), (341, 49966, False), (308, 45131, False)):
        raw = count << 4
        low, high = curve._on(curve._AT_1000, raw), curve._on(curve._AT_1200, raw)
        assert high - low == apart, count
        if good:
            assert curve.reference_mv(raw, (low + high) // 2) in (1099, 1100)
        else:
            raises(ValueError, curve.reference_mv, raw, (low + high) // 2)


def test_a_reference_that_no_chip_has_is_refused_at_its_bounds():
    raw = 2000 << 4
    low, high = curve._on(curve._AT_1000, raw), curve._on(curve._AT_1200, raw)
    for reference, good in ((979, False), (980, True), (1220, True), (1221, False)):
        uv = low + (high - low) * (reference - 1000) // 200 + 1
        if good:
            assert abs(curve.reference_mv(raw, uv) - reference) <= 1
        else:
            raises(ValueError, curve.reference_mv, raw, uv - 2 if reference < 1000 else uv + 2000)
