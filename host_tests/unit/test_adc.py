# The owner of the converter: ages of windows, calibration at boot, single readings that fail.
# MIT license; part of microevse
"""On a converter whose readings the test writes, pin by pin."""

import sys

from fake_chip import CP, Hal, chip
from helpers import raises
from iec61851 import proximity
from iec61851.plateau import FULL_U16, Plateau, divider


class Adc:
    """One pin: `raw` is a number, a list to go through or a function; an exception is raised."""

    ATTN_11DB = 3
    made = {}

    def __init__(self, pin, atten):
        self.number = pin.number
        self.raw = 0
        self.uv_of = lambda raw: 142000 + raw * 48
        self.reads = 0
        Adc.made[pin.number] = self
        ready = Adc.ready.get(pin.number)
        if ready:
            ready(self)

    ready = {}

    def read_u16(self):
        self.reads += 1
        raw = self.raw
        if callable(raw):
            raw = raw()
        elif isinstance(raw, list):
            raw = raw[self.reads % len(raw)]
        if isinstance(raw, Exception):
            raise raw
        return raw

    def read_uv(self):
        raw = self.read_u16()
        return raw if raw < 0 else self.uv_of(raw)


class Plain(Adc):
    """On a chip that has no calibration of its own."""

    def read_uv(self):
        raise OSError(-261)


def counts(mv, gain=48, intercept=142000):
    """The count of the converter for so many millivolts of pilot."""
    uv = Plateau(*divider(CP["divider"], CP["vcc_mv"])).pin_uv(mv)
    return max(0, (uv - intercept) // gain)


class Bench:
    """PilotAdc over the fakes: `pilot`: mV of the pilot while +12 V is sent, or a function."""

    def __init__(self, modules, pilot=12000, chip_name="esp32s3", kind=Adc, cp=None, more=None,
                 board=None, gain=48, intercept=142000, low=-12000, ready=None):  # fmt: skip
        self.adc_module = adc_ = modules
        self.now = [1000]
        self.slept = []
        self.pins = {}
        adc_.ticks_ms = lambda: self.now[0]
        adc_.sleep_ms = self.slept.append
        adc_.machine.ADC = kind
        Adc.made = {}

        def raw():
            mv = pilot if chip.pins.get(CP["pwm"], 1) else low if pilot > 10500 else pilot
            return counts(mv, gain, intercept)

        def set_up(adc):
            adc.raw = raw
            adc.uv_of = lambda value: intercept + value * gain
            if ready:
                ready(adc)

        Adc.ready = {CP["adc"]: set_up, 37: set_up}
        first = {"cp": dict(CP, **(cp or {}))}
        first.update(more or {})
        profile = {"chip": chip_name, "connectors": [first]}
        profile.update(board or {})
        chip.log.clear()
        self.profile = profile
        self.adc = adc_.PilotAdc(profile)

    @property
    def sent(self):
        """+12 V (1) and -12 V (0), as they were sent at boot, without repetitions."""
        levels = [level for pin, level in chip.log if pin == CP["pwm"]]
        return [x for i, x in enumerate(levels) if not i or levels[i - 1] != x]

    def mv(self, mv, gain=48, intercept=142000):
        """The millivolts of the calibrated plateau for so many millivolts of pilot."""
        return self.adc._plateaus[0].mv(counts(mv, gain, intercept))


# -- windows -----------------------------------------------------------------------------


def test_a_window_knows_its_moment_and_the_time_since_the_last_one():
    with Hal("adc") as adc_:
        other = {"cp": dict(CP, adc=37)}
        bench = Bench(adc_)
        bench.profile["connectors"].append(other)
        adc = adc_.PilotAdc(bench.profile)
        asked = []

        def sample(pin, buf, window_us):
            asked.append((pin.number, len(buf), window_us))
            bench.now[0] += 4
            return 0

        adc._sample = sample
        assert (adc.gap_ms, adc.now_ms) == (0, 0)
        assert adc.age_ms(0) == adc.age_ms(1) == 0
        plateau = adc.window(0)
        assert (adc.gap_ms, adc.now_ms) == (0, 1004) and plateau is adc._plateaus[0]
        bench.now[0] = 1010
        assert adc.age_ms(0) == 10 and adc.age_ms(1) == 0
        adc.window(1)
        assert (adc.gap_ms, adc.now_ms) == (0, 1014)
        bench.now[0] = 1033
        adc.window(0)
        assert (adc.gap_ms, adc.now_ms) == (33, 1037) and adc.age_ms(1) == 27
        bench.now[0] = 1020  # a clock that went back is no age
        assert adc.age_ms(0) == 0
        assert asked == [(36, 256, 4000), (37, 256, 4000), (36, 256, 4000)]


def test_time_left_out_on_purpose_is_left_out_of_every_pilot_once():
    with Hal("adc") as adc_:
        bench = Bench(adc_)
        bench.profile["connectors"].append({"cp": dict(CP, adc=37)})
        adc = adc_.PilotAdc(bench.profile)
        left_out = [0]

        def skipped():
            ms, left_out[0] = left_out[0], 0
            return ms

        adc._sample = lambda pin, buf, window_us: 0
        adc_.burst.skipped_ms = skipped
        adc.window(0)
        adc.window(1)
        for _ in range(2):
            bench.now[0] += 4009
            left_out[0] = 3999
            adc.window(0)
            assert adc.gap_ms == 10
            bench.now[0] += 5
            adc.window(1)
            assert adc.gap_ms == (15 if _ == 0 else 20)
            bench.now[0] += 5
            adc.window(0)
            assert adc.gap_ms == 10


def test_windows_are_longer_above_63_a():
    with Hal("adc") as adc_:
        bench = Bench(adc_)
        asked = []
        bench.adc._sample = lambda pin, buf, window_us: asked.append(window_us) or 0
        for ma in (0, 63000, 63001, 80000):
            bench.adc.window(0, ma)
        assert asked == [4000, 4000, 8000, 8000]


# -- single readings ---------------------------------------------------------------------


def test_the_middle_reading_counts_and_less_than_half_may_fail():
    with Hal("adc") as adc_:
        for values, middle in (
            ([5] * 9, 5),
            ([9, 1, 8, 2, 7, 3, 6, 4, 5], 5),
            ([0, 0, 0, 0, 7, 8, 9, 9, 9], 7),
            ([0] * 9, 0),
            ([-1, OSError(1), -1, OSError(2), 4, 1, 2, 3, 5], 3),
            ([OSError(1)] * 4 + [8] * 5, 8),
            ([OSError(1)] * 5 + [8] * 4, None),
            ([-1] * 5 + [8] * 4, None),
            ([OSError(1)] * 9, None),
        ):
            left = list(values)

            def read():
                value = left.pop(0)  # noqa: B023
                if isinstance(value, Exception):
                    raise value
                return value

            assert adc_._middle(read) == middle, values
            assert left == []

        def broken():
            raise TypeError("a bug is told")

        raises(TypeError, adc_._middle, broken)


def test_a_reading_for_calibration_is_nine_and_fails_without_a_number():
    with Hal("adc") as adc_:
        from iec61851 import calibration

        settled = calibration.Bench(None, None, None, None, None, adc_._middle)._settled
        count = []
        assert settled(lambda: count.append(1) or 4) == 4 and len(count) == 9
        assert settled(lambda: count.append(1) or 4, 32) == 4 and len(count) == 9 + 32
        values = [-1] * 5 + [7] * 4
        raises(OSError, settled, lambda: values.pop())
        values = [-1] * 4 + [7] * 4
        raises(OSError, settled, lambda: values.pop(), 8)
        values = [-1] * 3 + [7] * 5
        assert settled(lambda: values.pop(), 8) == 7


def test_cables_are_told_by_the_profile_s_pull_up():
    with Hal("adc") as adc_:
        for pp, ohms, ma in (
            ({}, 145, 32000), ({}, 300, 32000), ({}, 680, 20000), ({"pullup": 330}, 220, 32000),
            ({"vcc_mv": 5000}, 100, 63000), ({"pullup": 330, "vcc_mv": 5000}, 1500, 13000),
        ):  # fmt: skip
            bench = Bench(adc_, more={"pp": dict(pp, adc=39)})
            vcc, pullup = pp.get("vcc_mv", 3300), pp.get("pullup", 1000)
            adc = Adc.made[39]
            adc.uv_of = lambda raw: raw
            adc.raw = 1000 * vcc * ohms // (ohms + pullup)
            assert bench.adc.cable_ma(0) == ma, (pp, ohms)
            adc.raw = OSError(263)
            assert bench.adc.cable_ma(0) == proximity.INVALID
        assert Bench(adc_).adc.cable_ma(0) is None


def test_without_calibration_of_the_chip_a_nominal_line_is_taken():
    with Hal("adc") as adc_:
        for name, intercept in (("esp32", 142000), ("esp32s3", 0)):
            board = {"temp": {"adc": 34}}
            bench = Bench(adc_, chip_name=name, kind=Plain, board=board, intercept=intercept)
            assert bench.adc.uncalibrated == [0] and bench.adc.low_mv(0) is None
            for mv in (12000, 6000, -11000):
                assert abs(bench.mv(mv, 48, intercept) - mv) <= 30, (name, mv)
            Adc.made[34].raw = 20000
            assert bench.adc.temp_mv() == (intercept + 20000 * 48) // 1000


def test_with_a_second_owner_each_reading_is_between_taking_and_giving_the_converter():
    class Gate:
        def __init__(self):
            self.told = []

        def take(self):
            self.told.append("take")

        def give(self):
            self.told.append("give")

        def sample(self, adc, buf, us):
            return self.told.append(us) or 0

    with Hal("adc") as adc_:
        bench = Bench(adc_, board={"temp": {"adc": 34, "type": "ntc"}})
        gate = Gate()
        adc = adc_.PilotAdc(bench.profile, gate)
        del gate.told[:]  # what was read while it was made
        Adc.made[34].raw = 20000
        assert adc.temp_mv() == (142000 + 20000 * 48) // 1000
        assert gate.told == ["take", "give"] * 2  # the count, and the voltage
        adc.window(0)
        assert gate.told[4:] == [4000]
        Adc.made[34].raw = ValueError("no reading")
        raises(ValueError, adc.temp_mv)
        assert gate.told[5:] == ["take", "give"]


def test_a_thermometer_at_either_end_of_the_range_is_none():
    with Hal("adc") as adc_:
        bench = Bench(adc_, board={"temp": {"adc": 34, "type": "ntc"}})
        adc = Adc.made[34]
        for raw, mv in (
            (150, None), (151, 149), (65499, 3285), (65500, None), (0, None), (65535, None),
            (OSError(1), None), (-1, None),
        ):  # fmt: skip
            adc.raw = raw
            assert bench.adc.temp_mv() == mv, raw
        assert Bench(adc_).adc._temp is None
        assert Bench(adc_, board={"temp": {"pin": 4}}).adc._temp is None  # another kind of sensor


# -- calibration at boot -----------------------------------------------------------------


def test_the_line_goes_through_both_ends_and_ends_at_12_v():
    with Hal("adc") as adc_:
        for gain in (36, 48, 69):
            bench = Bench(adc_, gain=gain, intercept=20000)
            assert bench.sent == [1, 0, 1, 0, 1], "and for the look at its own -12 V"
            for mv in (12000, 6000, -12000):
                assert abs(bench.mv(mv, gain, 20000) - mv) <= 20, (gain, mv)
            assert bench.adc.uncalibrated == []
            assert abs(bench.adc.low_mv(0) + 12000) <= 20
            assert set(bench.slept) == {2} and len(bench.slept) == 4


def test_an_ev_at_boot_sees_no_f_and_the_second_point_is_the_chip_s():
    with Hal("adc") as adc_:
        bench = Bench(adc_, pilot=9000, chip_name="esp32", cp={"divider": [270000, 68000, 33000]})
        assert set(bench.sent) == {1} and bench.adc.low_mv(0) is None
        assert bench.adc.uncalibrated == []
        bench = Bench(adc_, pilot=6000, intercept=0)
        assert set(bench.sent) == {1}
        for mv in (12000, 6000):
            assert abs(bench.mv(mv, 48, 0) - mv) <= 20


def test_a_slope_that_no_chip_has_is_no_calibration():
    with Hal("adc") as adc_:
        for gain, good in ((34, False), (36, True), (69, True), (71, False)):
            bench = Bench(adc_, gain=gain, intercept=20000)
            assert (bench.adc.uncalibrated == []) is good, gain
            assert bench.sent[-1] == 1
            if not good:
                assert bench.adc.low_mv(0) is None
                assert bench.sent == [1, 0, 1, 0, 1, 0, 1], "three tries"


def test_calibration_is_tried_three_times():
    with Hal("adc") as adc_:
        for failures, good in ((0, True), (2, True), (3, False)):
            left = [9 * failures]

            def ready(adc):
                sound = adc.read_uv

                def read_uv():
                    if left[0]:  # noqa: B023
                        left[0] -= 1  # noqa: B023
                        raise OSError(263)
                    return sound()

                adc.read_uv = read_uv

            bench = Bench(adc_, intercept=20000, ready=ready)
            assert (bench.adc.uncalibrated == []) is good and left == [0]
            assert bench.sent[-1] == 1


def test_the_profile_s_points_are_taken_as_they_are():
    with Hal("adc") as adc_:
        points = [[1000, 190000], [60000, 3000000]]
        bench = Bench(adc_, cp={"cal": points})
        plateau = bench.adc._plateaus[0]
        for raw, uv in points:
            assert abs(plateau.mv(raw) - plateau.pilot_mv(uv)) <= 10
        assert bench.adc.uncalibrated == [] and bench.sent == [1, 0, 1]


def test_a_point_of_a_full_converter_stands_for_12_v_at_least():
    with Hal("adc") as adc_:
        plain = Plateau(*divider(CP["divider"], CP["vcc_mv"]))
        least = plain.pin_uv(12000)
        for raw, uv, at_full in (
            (65500, least - 300000, 12000), (65499, least - 300000,
            plain.pilot_mv(least - 300000)),
            (65535, least + 90000, plain.pilot_mv(least + 90000)),
        ):  # fmt: skip
            bench = Bench(adc_, cp={"cal": [[1000, 190000], [raw, uv]]})
            assert abs(bench.adc._plateaus[0].mv(FULL_U16) - at_full) <= 20, (raw, uv)


def test_only_an_esp32_that_is_driven_beyond_its_straight_part_gets_a_curve():
    with Hal("adc") as adc_:
        high, low = {"divider": [270000, 68000, 56000]}, [270000, 68000, 47000]
        plain = Plateau(*divider(high["divider"], CP["vcc_mv"]))
        assert plain.pin_uv(12000) > 2450000 > Plateau(*divider(low, 3300)).pin_uv(12000)
        for name, divided, curved in (
            ("esp32", high["divider"], True), ("esp32s3", high["divider"], False),
            ("esp32", low, False),
        ):  # fmt: skip
            ways = []
            from iec61851 import calibration  # PilotAdc gives it up each time

            calibration.Bench.curve = lambda *arguments: ways.append("curve")  # noqa: B023
            calibration.Bench.line = lambda *arguments: ways.append("line")  # noqa: B023
            Bench(adc_, chip_name=name, cp={"divider": divided})
            assert ways == ["curve" if curved else "line"], (name, divided)


def test_what_calibrates_is_given_up_after_it():
    with Hal("adc") as adc_:
        bench = Bench(adc_, chip_name="esp32", cp={"divider": [270000, 68000, 56000]})
        assert bench.adc.uncalibrated == []
        for name in ("iec61851.calibration", "iec61851.curve"):
            assert name not in sys.modules, name


def test_the_own_low_is_not_looked_for_where_it_cannot_be_seen():
    with Hal("adc") as adc_:
        bench = Bench(adc_, cp={"diode_check": False, "cal": [[1000, 190000], [60000, 3000000]]})
        assert bench.adc.low_mv(0) is None and 0 not in bench.sent
        # An EV is there; or the converter fails in the middle of it.
        bench = Bench(adc_, pilot=9000, cp={"cal": [[1000, 190000], [60000, 3000000]]})
        assert bench.adc.low_mv(0) is None and 0 not in bench.sent

        def ready(adc):
            adc.raw = OSError(263)

        bench = Bench(adc_, ready=ready, cp={"cal": [[1000, 190000], [60000, 3000000]]})
        assert bench.adc.low_mv(0) is None and bench.sent[-1] == 1


def test_the_switch_of_the_pilot_is_closed_and_the_pwm_begins_with_12_v():
    with Hal("pilot") as pilot:
        for switch, level in (({"pin": 5}, 0), ({"pin": 5, "active_high": False}, 1)):
            chip.log.clear()
            pilot.Pilot(dict(CP, disconnect=switch))
            assert chip.log == [(5, level)] and chip.duty == 65535 and chip.freq == 1000
        out = pilot.Pilot(CP)
        out.fault()
        assert chip.duty == 0
        out.offer(16000)
        assert abs(chip.duty * 1000 // 65536 - 266) <= 1
        out.steady()
        assert chip.duty == 65535


def test_a_contactor_knows_what_it_is():
    with Hal("contactor") as contactor:
        for active_high in (True, False):
            relay = contactor.Contactor({"pin": 26, "active_high": active_high})
            relay.before_close = lambda: None
            assert relay.closed is False and chip.pins[26] == (0 if active_high else 1)
            relay.close()
            assert relay.closed is True and chip.pins[26] == (1 if active_high else 0)
            relay.open()
            assert relay.closed is False and chip.pins[26] == (0 if active_high else 1)


class Bare:
    """A converter of a port that has no calibrated readings at all."""

    ATTN_11DB = 3

    def __init__(self, pin, atten):
        pass

    def read_u16(self):
        return counts(12000, 48, 0)


def test_a_port_without_calibrated_readings_is_not_trusted():
    with Hal("adc") as adc_:
        bench = Bench(adc_, kind=Bare)
        assert bench.adc.uncalibrated == [0] and bench.adc.low_mv(0) is None
        assert abs(bench.mv(12000, 48, 0) - 12000) <= 30
