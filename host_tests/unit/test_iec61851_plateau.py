# The converter's curve and the plateaus, to the count: bounds, ranks and what overflows.
# MIT license; part of microevse

from array import array

from helpers import raises
from iec61851.levels import E_MV
from iec61851.plateau import FULL_U16, Plateau, divider, kth, part


def plain(*points):
    """A front end whose pin is the pilot; points are (count, millivolts)."""
    plateau = Plateau(1000000, 0)
    plateau.trace([(raw, 1000 * mv) for raw, mv in points])
    return plateau


def test_a_curve_is_straight_between_its_points_and_beyond_them():
    plateau = plain((10000, 0), (20000, 10000), (50000, 20000))
    for raw, mv in ((10000, 0), (15000, 5000), (20000, 10000), (35000, 15000), (50000, 20000),
                    (9000, -1000), (65000, 25000), (19999, 9999)):  # fmt: skip
        assert abs(plateau.mv(raw) - mv) <= 6, (raw, plateau.mv(raw))
    assert plateau.empty_mv == plateau.mv(0) and abs(plateau.empty_mv + 10000) <= 2


def test_points_that_are_no_curve_are_refused():
    plain((0, 0), (FULL_U16 // 8, 100))
    raises(ValueError, plain, (0, 0), (FULL_U16 // 8 - 1, 100))
    raises(ValueError, plain, (0, 0), (0, 50), (20000, 100))
    raises(ValueError, plain, (0, 100), (10000, 100), (20000, 200))
    raises(ValueError, plain, (0, 100), (10000, 200), (9000, 300), (20000, 400))
    plain((0, 0), (1, 1), (20000, 100))


def test_what_would_overflow_a_small_int_is_refused():
    """Each piece reaches to the next point, the first down to 0 and the last to the top."""
    plain((0, 0), (10000, 100000), (65535, 100100))
    raises(ValueError, plain, (0, 0), (50000, 1000), (60000, 120000))
    raises(ValueError, plain, (20000, 0), (30000, 100000), (65535, 100100))
    plain((0, 0), (40000, 1000), (50000, 101000), (65535, 101100))
    plain((0, 0), (49151, 10), (57343, 10 + 65535))  # 16384 * 65535
    raises(ValueError, plain, (0, 0), (49151, 10), (57343, 10 + 65536))  # 16384 * 65536 is 2**30


def measured(high, low):
    plateau = plain((0, -20000), (40000, 20000))  # a count is a millivolt, 20000 is 0 V
    buf = array("H", high + low + [0] * 8)
    plateau.measure(buf, len(high) + len(low))
    return plateau


def test_plateaus_are_the_upper_and_the_lower_quarter():
    for n, at in ((1, 0), (2, 0), (3, 1), (4, 2), (5, 3), (8, 5), (9, 6)):
        high = [30000 + 100 * i for i in range(n)]
        low = [8000 + 100 * i for i in range(n)]
        for turned in (False, True):
            plateau = measured(high[::-1] if turned else high, low[::-1] if turned else low)
            assert (plateau.n, plateau.n_high, plateau.n_low) == (2 * n, n, n)
            assert abs(plateau.high_mv - (10000 + 100 * at)) <= 6, n
            assert abs(plateau.low_mv - (-12000 + 100 * (n - 1 - at))) <= 6, n


def test_a_half_without_samples_keeps_its_voltage():
    plateau = measured([30000] * 3, [8000] * 3)
    high, low = plateau.high_mv, plateau.low_mv
    plateau.measure(array("H", [29000] * 3), 3)
    assert plateau.n_low == 0 and plateau.low_mv == low and plateau.high_mv != high
    high = plateau.high_mv
    plateau.measure(array("H", [9000] * 3), 3)
    assert plateau.n_high == 0 and plateau.high_mv == high and plateau.low_mv != low
    plateau.measure(array("H", [30000] * 3), 0)
    assert (plateau.n, plateau.n_high, plateau.n_low) == (0, 0, 0)


def test_samples_are_parted_where_e_begins():
    for points in (((0, -20000), (40000, 20000)), ((0, -20000), (20000, -10000), (40000, 20000)),
                   ((0, -20000), (19000, -1000), (40000, 20000)), ((0, -1400), (40000, 38600)),
                   ((30000, -1400), (60000, 28600))):  # fmt: skip
        plateau = plain(*points)
        split = max(0, plateau._split)
        assert abs(plateau.mv(split) - E_MV) <= 3 or plateau.mv(0) > E_MV, points
        if split:
            plateau.measure(array("H", [split, split + 1]), 2)
            assert (plateau.n_high, plateau.n_low) == (1, 1)


def test_faster_ranks_are_used_where_there_are_some():
    class Kernel:
        @staticmethod
        def part(buf, n, split):
            return part(buf, n, split)

        @staticmethod
        def kth(buf, left, right, k):
            return kth(buf, left, right, k)

    plateau = Plateau(1000000, 0, Kernel)
    assert plateau._part is Kernel.part and plateau._kth is Kernel.kth
    own = Plateau(1000000, 0)
    assert own._part is part and own._kth is kth
    assert (own.n, own.n_high, own.n_low, own.high_mv, own.low_mv) == (0, 0, 0, 0, 0)
    assert abs(own.mv(FULL_U16) - 3300) <= 8  # a line over the whole range until it is known


def test_ranks_of_a_part_leave_the_rest_alone():
    buf = array("H", [9, 5, 3, 1, 4, 2, 7])
    assert kth(buf, 1, 6, 0) == 1 and kth(buf, 1, 6, 4) == 5 and kth(buf, 1, 6, 2) == 3
    assert buf[0] == 9 and buf[6] == 7
    assert part(buf, 7, 9) == 0 and part(buf, 7, 0) == 7 and part(buf, 7, 5) == 2


def test_a_divider_s_slope_and_offset_are_rounded():
    for rcp, rup, rdn in (
        (270000, 68000, 56000),
        (200000, 56000, 100000),
        (330000, 82000, 68000),
        (100000, 33000, 22000),
        (270000, 68000, 33000),
        (150000, 47000, 39000),
        # An offset of ...,62 and a slope of ...,63 uV: just above a half.
        (210000, 68000, 56000),
        (230000, 68000, 56000),
    ):
        slope, offset = divider([rcp, rup, rdn], 3300)
        g = 1 / rcp + 1 / rup + 1 / rdn
        assert slope == round(1e6 / rcp / g) and offset == round(3.3e6 / rup / g), rcp
        plateau = Plateau(slope, offset)
        for mv in (12000, 0, -12000):
            assert abs(plateau.pilot_mv(plateau.pin_uv(mv)) - mv) <= 1
