# Each sensor of the protection, look by look: how many looks make a fault, and how many end it.
# MIT license; part of microevse
"""Bounds that were off by one, a sensor that was not asked and phases that were left out went
unnoticed while whole sessions were played."""

import asyncio

from helpers import cancelled, raises, run
from protection_bench import FakePoles, LinkedPoles
from station import faults, protection
from station.faults import Faults
from station.protection import RCD_TEST_MS, Protection
from station.temperature import Derating, ntc_dc, reader
from station_parts import Charger, FakeEvse, FakeLock, FakeRcd


class Bench:
    """Sensors that the test turns; what they say may be an exception to raise."""

    def __init__(self, **more):
        self.says = {"earth": False, "stop": False, "temp": 250, "rcd": False, "poles": 0}
        self.charger = Charger(**more)
        self.evse = self.charger.evse
        self.connector = self.charger.connector
        self.rcd = FakeRcd()
        self.rcd.standing = lambda: self.say("rcd")
        self.poles = FakePoles()
        self.poles.wrong = lambda closed: self.say("poles")
        self.protection = Protection(
            self.connector, self.charger.clock, 16000, self.rcd, self.poles,
            lambda: self.say("earth"), lambda: self.say("temp"), Derating(),
            lambda: self.say("stop"),
        )  # fmt: skip

    def say(self, name):
        value = self.says[name]
        if isinstance(value, Exception):
            raise value
        return value

    @property
    def now(self):
        return self.charger.clock.ms

    def look(self, **says):
        """One look, half a second after the last one."""
        self.says.update(says)
        self.charger.clock.ms += 500
        self.protection.look(self.now)

    def present(self, cause):
        """Does the protection say that `cause` is there now?"""
        known = self.connector.faults._found.get(cause)
        return known is not None and known[2]

    def until(self, cause, values, name, limit=40):
        """The number of looks until `cause` is there, or gone if it is there; 0: not at all."""
        before = self.present(cause)
        for i in range(limit):
            self.look(**{name: values[i % len(values)]})
            if self.present(cause) != before:
                return i + 1
        return 0


INPUTS = (
    ("earth", "ProtectiveEarthLost"), ("stop", "EmergencyStop"), ("rcd", "RcdTripped"),
)  # fmt: skip


def test_an_input_is_wrong_after_two_looks_and_unreadable_after_six():
    """Wrong in every third look, it was never a fault once."""
    for name, cause in INPUTS:
        for values, looks in (
            ([True], 2),
            ([True, False], 5),  # 6, 4, 10, 8, 14 points
            ([True, False, False], 10),  # 6, 4, 2, 8, 6, 4, 10, 8, 6, 12
            ([False, False, True], 12),
            ([True, False, False, False], 0),
            ([None], 6),
            ([OSError(5)], 6),
            ([None, False], 0),
            ([None, None, False], 14),  # 2 more each three looks
            ([True, None], 3),  # 6, 8, 14
            ([None, None, None, True], 4),  # 2, 4, 6, 12
        ):
            assert Bench().until(cause, values, name) == looks, (name, values)


def test_a_wrong_input_is_gone_after_eight_good_looks_however_long_it_was_wrong():
    for name, cause in INPUTS:
        for looks in (3, 50):  # never more points than 15
            bench = Bench()
            for _ in range(looks):
                bench.look(**{name: True})
            assert bench.until(cause, [False], name) == 8
            bench.look()
            assert not bench.present(cause)
    bench = Bench()
    bench.until("ProtectiveEarthLost", [True], "earth")  # 12 points
    assert bench.until("ProtectiveEarthLost", [False], "earth") == 6


def test_a_sensor_that_raises_says_why_and_keeps_no_other_from_being_asked():
    names = [name for name, _ in INPUTS] + ["poles"]
    for broken in names:
        bench = Bench()
        for _ in range(6):
            bench.look(**{broken: OSError(116)})
        told = bench.connector.faults._found
        causes = [name for name in told if told[name][2]]
        assert len(causes) == 1 and told[causes[0]][0].startswith("no reading: OSError(116")
        for name, cause in INPUTS:
            if name != broken:
                bench = Bench()
                bench.says[broken] = OSError(116)
                assert bench.until(cause, [True], name) == 2


def test_a_sensor_that_raises_a_long_text_tells_the_first_forty_characters():
    bench = Bench()
    for _ in range(6):
        bench.look(earth=ValueError("x" * 60))
    told = bench.connector.faults._found["ProtectiveEarthLost"][0]
    assert told == "no reading: ValueError('" + "x" * 16 and len(told) == 40


def test_a_thermometer_that_gives_nothing_or_nonsense_is_a_fault_after_six_looks():
    for value in (None, -401, 1251, OSError(5), ValueError()):
        bench = Bench()
        assert bench.until("TemperatureSensor", [value], "temp") == 6
        assert bench.until("TemperatureSensor", [250], "temp") == 6
    for value in (-400, 700, 1250):
        assert Bench().until("TemperatureSensor", [value], "temp") == 0


def test_what_is_not_fitted_is_never_wrong():
    charger = Charger()
    bare = Protection(charger.connector, charger.clock, 16000)
    assert charger.connector.poles_closed is None
    for _ in range(40):
        charger.clock.ms += 500
        bare.look(charger.clock.ms)
    assert charger.connector.faults._found == {}


def test_looks_come_twice_a_second():
    """The stated times of reaction hang on it: 1 s for what is wrong, 3 s for no reading."""
    assert protection.LOOK_S == 0.5 and protection.PROBE_S == 0.2
    assert protection.BLIND_LOOKS * protection.LOOK_S == 3


# -- poles ------------------------------------------------------------------------------------


def test_poles_are_judged_a_second_after_switching_and_then_anew():
    bench = Bench()
    bench.look(poles=1)  # the first look tells of a weld, with no second of waiting
    bench.look(poles=1)
    assert bench.present("ContactorWelded")
    for wait, judged in ((999, False), (1000, True)):
        bench = Bench()
        bench.look(poles=1)  # 6 points, for a closing that is over
        bench.evse.closed = True
        bench.look(poles=0)
        switched = bench.now
        bench.says["poles"] = 1
        bench.protection.look(switched + wait)
        bench.protection.look(switched + wait)
        assert bench.present("ContactorNotClosing") is judged, wait
        assert not bench.present("ContactorWelded")


def test_points_of_before_do_not_count_after_switching():
    bench = Bench()
    bench.look(poles=1)
    bench.evse.closed = True
    for _ in range(3):
        bench.look(poles=0)
    bench.look(poles=1)
    assert not bench.present("ContactorNotClosing")
    bench.look(poles=1)
    assert bench.present("ContactorNotClosing")


def test_the_points_of_poles_wait_while_nothing_is_judged():
    bench = Bench()
    bench.evse.closed = True
    bench.look(poles=0)
    bench.protection._points[0] = 6
    bench.protection.look(bench.now + 100)
    assert bench.protection._points[0] == 6


def test_the_pole_is_named_only_where_it_is_known():
    for kind, info in ((FakePoles, ""), (LinkedPoles, "pole 2")):
        bench = Bench()
        bench.protection._poles = kind()
        bench.protection._poles.closed = True
        bench.look()
        bench.look()
        assert bench.connector.faults._found["ContactorWelded"][0] == info
    bench.protection._poles.closed = False
    for _ in range(6):
        bench.look()
    assert not bench.present("ContactorWelded")


# -- lock -------------------------------------------------------------------------------------


def test_the_lock_is_watched_while_closed_only():
    for values, looks in (([False], 2), ([None], 6), ([True], 0), ([True, False], 6)):
        bench = Bench(lock=FakeLock())
        bench.evse.closed = True
        count = 0
        for i in range(40):
            bench.connector.lock.locked = values[i % len(values)]
            bench.look()
            if bench.present("LockLost"):
                count = i + 1
                break
        assert count == looks, values
    bench = Bench(lock=FakeLock())
    bench.connector.lock.locked = False
    for _ in range(20):
        bench.look()
    assert not bench.present("LockLost")
    bench.connector.lock.fitted = False
    bench.evse.closed = True
    for _ in range(20):
        bench.look()
    assert not bench.present("LockLost")


# -- current ------------------------------------------------------------------------------------


class Current(Bench):
    """Closed, 16 A offered, the meter read anew before each look."""

    def __init__(self, **more):
        super().__init__(**more)
        self.evse.closed = self.evse.pwm = True
        self.evse.offered_ma = 16000
        self.charger.meter.current_ma = None
        self.look()

    def read(self, *currents):
        self.charger.meter.current_ma = list(currents)
        self.connector.metering._good_ms = self.now + 500
        self.look()

    def found(self, *currents, limit=30):
        """(cause, ms) of over-current, read each half second; no time belongs to the first."""
        start = None
        for _ in range(limit):
            self.read(*currents)
            start = self.now if start is None else start
            for cause in ("OverCurrentHard", "OverCurrentSoft"):
                if cause in self.connector.faults._found:
                    return cause, self.now - start
        return None


def test_each_phase_counts_and_the_direction_does_not():
    for currents in ((21000, 0, 0), (0, 21000, 0), (0, 0, 21000), (-21000, 0, 0), (0, 0, -21000),
                     (None, 21000, None), (9000, 21000, 8000), (21000,)):  # fmt: skip
        assert Current().found(*currents) == ("OverCurrentHard", 3000), currents
    for currents in ((19000, 0, 0), (0, 0, -19000)):
        assert Current().found(*currents) == ("OverCurrentSoft", 8000), currents
    for currents in ((16000, 16000, 16000), (None, -16000, None)):
        assert Current().found(*currents) is None


def test_the_offer_is_what_is_judged_against_and_only_while_closed():
    bench = Current()
    bench.evse.offered_ma = 32000
    assert bench.found(21000, 0, 0) is None
    bench = Current()
    bench.evse.closed = False
    assert bench.found(30000, 0, 0) is None


def test_a_meter_that_was_not_read_again_is_one_reading():
    bench = Current()
    bench.read(30000)
    for _ in range(9):
        bench.look()
    assert "OverCurrentHard" not in bench.connector.faults._found


def blind(bench, *currents, limit=12):
    """The readings until the meter counts as blind; 0: never."""
    for i in range(limit):
        bench.read(*currents)
        if bench.present("CurrentBlind"):
            return i + 1
    return 0


def test_three_readings_without_a_current_that_can_be_true_are_blind():
    for currents in ((), (None,), (None, None, None), (160001,), (-160001,), (9000, 160001, 9000)):
        bench = Current()
        bench.read(9000)
        assert blind(bench, *currents) == 3, currents
        good = (9000, 9000, 9000)
        bench.read(*good)
        bench.read(*good)
        assert bench.present("CurrentBlind")  # 12 points, less 4 for each
        bench.read(*good)
        assert not bench.present("CurrentBlind")
    for currents in ((160000,), (9000, 9000, 9000)):
        bench = Current()
        bench.read(9000)
        assert blind(bench, *currents) == 0, currents


def test_a_phase_that_was_there_before_is_missed():
    bench = Current()
    bench.read(9000, 9000, 9000)
    assert blind(bench, 9000, None, 9000) == 3
    bench = Current()
    bench.read(None, 9000, None)
    assert blind(bench, None, 9000, None) == 0
    bench.read(9000, 9000, None)  # more is welcome
    assert blind(bench, None, 9000, None) == 3


def test_a_meter_that_never_told_a_current_is_not_blind():
    bench = Current()
    assert blind(bench, None) == 0
    assert bench.found(None) is None
    for _ in range(30):
        bench.look()  # and is not read again
    assert not bench.present("CurrentBlind")
    bench.connector.metering.meter = None
    for _ in range(30):
        bench.look()
    assert not bench.present("CurrentBlind")


def test_ten_seconds_without_a_reading_while_closed_are_blind_at_once():
    bench = Current()
    bench.read(9000)
    bench.protection.look(bench.connector.metering.read_ms + 9999)
    assert not bench.present("CurrentBlind")
    bench.protection.look(bench.connector.metering.read_ms + 10000)
    assert bench.present("CurrentBlind")
    # An old reading says nothing about a closing that has just begun.
    bench = Current()
    bench.read(9000)
    bench.evse.closed = False
    for _ in range(60):
        bench.look()
    assert not bench.present("CurrentBlind")
    bench.evse.closed = True
    bench.look()
    begun = bench.now
    bench.protection.look(begun + 9999)
    assert not bench.present("CurrentBlind")
    bench.protection.look(begun + 10000)
    assert bench.present("CurrentBlind")


def test_between_readings_the_points_of_the_current_stay():
    bench = Current()
    bench.read(9000)
    bench.read(None)
    bench.read(None)
    for _ in range(4):
        bench.look()
    assert bench.protection._points[3] == 8
    bench.read(None)
    assert bench.present("CurrentBlind")


# -- heat -----------------------------------------------------------------------------------------


def test_shares_and_bounds_of_derating():
    heat = Derating()
    assert heat.cap(32000) is None and not heat.stops
    for temp, cap in ((650, 16000), (680, 8000), (709, 8000), (710, 0)):
        heat.look(temp)
        assert heat.cap(32000) == cap and heat.stops is (cap == 0), temp
    heat.look(650)
    assert heat.stops  # down to 62 degrees
    assert heat.look(620) == 3 and heat.look(619) == 0
    heat.look(680)
    assert heat.look(650) == 2 and heat.look(649) == 1
    heat.look(680)
    assert heat.cap(20000) == 6000
    assert heat.possible(-400) and heat.possible(1250) and not heat.possible(None)
    assert not heat.possible(-401) and not heat.possible(1251)


def test_heat_is_a_cap_at_once_and_a_fault_only_at_the_top():
    bench = Bench()
    for temp, ma in ((649, 16000), (650, 8000), (680, 6000)):
        bench.look(temp=temp)
        assert bench.connector.limits.value(0)[0] == ma, temp
        assert bench.connector.facts.temp_dc == temp, "as the central system can read it"
    assert not bench.present("TemperatureStop")
    bench.look(temp=710)
    assert bench.present("TemperatureStop") and bench.connector.limits.value(0)[0] == 0
    bench.look(temp=620)
    assert bench.present("TemperatureStop")
    bench.look(temp=619)
    assert not bench.present("TemperatureStop")
    assert bench.connector.limits.value(0)[0] == 16000


def test_a_thermistor_s_curve():
    assert ntc_dc(None) is None and ntc_dc(0) is None and ntc_dc(3300) is None
    assert ntc_dc(1) is not None and ntc_dc(3299) is not None
    half = reader({"adc": 1, "type": "ntc"}, lambda: 1650)
    assert abs(half() - 250) <= 1
    warm = {"adc": 1, "type": "ntc"}
    assert abs(reader(warm, lambda: 677)() - 589) <= 5  # 2.58 kohm: B 3950
    for key, value, mv in (("beta", 3435, 677), ("pullup", 4700, 1650), ("r25", 47000, 1650),
                           ("vcc_mv", 5000, 1650)):  # fmt: skip
        other = reader(dict(warm, **{key: value}), lambda: mv)  # noqa: B023
        assert abs(other() - reader(warm, lambda: mv)()) > 20, key  # noqa: B023
    assert reader({"adc": 1, "type": "mcp9700"}, lambda: None)() is None


# -- tests that take time -------------------------------------------------------------------------


def test_the_probe_waits_until_nobody_is_there_and_the_rcd_test_for_an_open_contactor():
    for name in ("session", "waiting"):
        bench = Bench()
        assert bench.protection.probe_is_due() and bench.protection.test_is_due(RCD_TEST_MS)
        setattr(bench.connector, name, "somebody")
        assert not bench.protection.probe_is_due()
        assert bench.protection.test_is_due(RCD_TEST_MS)
    bench = Bench()
    bench.evse.plugged = bench.evse.closed = True
    assert not bench.protection.test_is_due(RCD_TEST_MS)
    bench.evse.closed = False
    assert bench.protection.test_is_due(RCD_TEST_MS)
    bench.protection._rcd = None
    assert not bench.protection.test_is_due(RCD_TEST_MS)


def test_a_failed_rcd_test_stays_a_fault_and_is_tried_again_after_a_minute():
    bench = Bench()
    bench.rcd.works = False
    run(bench.protection.test_rcd(1000))
    assert bench.present("RcdTestFailed")
    assert not bench.protection.test_is_due(60999) and bench.protection.test_is_due(61000)
    bench.rcd.works = True
    run(bench.protection.test_rcd(61000))
    assert not bench.present("RcdTestFailed")
    bench.protection.rcd_test_ms = lambda: 3600000
    bench.connector.faults._found.clear()
    assert not bench.protection.test_is_due(61000 + 3599999)
    assert bench.protection.test_is_due(61000 + 3600000)


def test_the_service_is_back_when_the_probe_is_cut_short():
    bench = Bench()

    async def cut(seconds):
        assert seconds == 0.2
        raise RuntimeError("cut")

    sleep = protection.asyncio.sleep
    protection.asyncio.sleep = cut
    try:
        raises(RuntimeError, lambda: run(bench.protection.probe()))
    finally:
        protection.asyncio.sleep = sleep
    assert bench.evse.calls[-2:] == ["out of service True", "out of service False"]


# -- the table of faults --------------------------------------------------------------------------


def known(table, cause):
    """[info, since, present] of a cause."""
    return table._found[cause][:3]


def test_what_lasts_is_news_each_time_it_comes_and_an_event_once():
    table = Faults(FakeEvse())
    assert table.report("MeterLost", "a", 10) is True and known(table, "MeterLost") == [
        "a",
        10,
        True,
    ]
    assert table.report("MeterLost", "b", 20) is False
    assert known(table, "MeterLost") == ["a", 10, True]
    table.gone("MeterLost")
    assert known(table, "MeterLost") == ["a", 10, False]
    assert table.report("MeterLost", "c", 30) is True and known(table, "MeterLost") == [
        "c",
        30,
        True,
    ]
    # An event: the table alone decides when it ends, and it begins anew each time.
    assert table.report("LockJammed", "a", 10) is True and known(table, "LockJammed") == [
        "a",
        10,
        False,
    ]
    assert table.report("LockJammed", "b", 20) is False
    assert known(table, "LockJammed") == ["b", 20, False]
    # The same cause, watched: it lasts.
    assert table.report("LockJammed", "c", 30, True) is True
    assert known(table, "LockJammed") == ["c", 30, True]
    table.gone("NeverReported")


def test_a_fault_acts_on_an_evse_that_is_closed_or_offers():
    for closed, pwm, trips in ((True, False, 1), (False, True, 1), (False, False, 0)):
        for cause in ("OverCurrentHard", "MeterLost"):
            evse = FakeEvse()
            evse.closed, evse.pwm = closed, pwm
            Faults(evse).report(cause, "", 0)
            assert evse.calls == ["trip " + cause] * (trips if cause != "MeterLost" else 0)


def test_a_fault_that_lasts_acts_again_on_a_later_offer():
    evse = FakeEvse()
    table = Faults(evse)
    table.report("ProtectiveEarthLost", "", 0, True)
    evse.pwm = True
    table.step(100, True)
    assert evse.calls == ["trip ProtectiveEarthLost"]


def test_the_end_of_a_fault_is_told_if_its_beginning_was():
    for told in (True, False):
        table = Faults(FakeEvse())
        table.report("MeterLost", "x", 0)
        if told:
            assert table.changes() == [("MeterLost", "x", True)]
            assert table.changes() == []
        table.gone("MeterLost")
        table.step(4999, False)
        assert table.has("MeterLost")
        table.step(5000, False)
        assert not table.has("MeterLost")
        assert table.changes() == ([("MeterLost", "", False)] if told else [])


def test_what_the_evse_has_latched_by_itself_is_a_fault_with_its_time():
    evse = FakeEvse()
    table = Faults(evse)
    evse.faults.append("PilotWrong")
    assert table.current == ("PilotWrong", "") and table.action == faults.OPEN
    table.step(1000, True)
    assert known(table, "PilotWrong") == ["", 1000, False]
    assert table.changes() == [("PilotWrong", "", True)]
    evse.causes.add("PilotWrong")
    table.step(7000, True)
    assert table.has("PilotWrong")
    evse.causes.clear()
    table.step(7000, True)
    assert not table.has("PilotWrong") and table.changes() == [("PilotWrong", "", False)]


def test_pins_may_be_live_with_either_fault_of_the_contactor():
    for cause, live in (
        ("ContactorWelded", True),
        ("ContactorNotClosing", True),
        ("LockLost", False),
    ):
        table = Faults(FakeEvse())
        table.report(cause, "", 0)
        assert table.may_be_live is live


# -- for ever -------------------------------------------------------------------------------------


class Over(Exception):
    """So many rounds are enough."""


def rounds(coroutine, count):
    """Run a task that never ends for so many of its sleeps; returns what it slept."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == count:
            raise Over

    real = protection.asyncio.sleep
    protection.asyncio.sleep = sleep
    try:
        raises(Over, lambda: run(coroutine()))
    finally:
        protection.asyncio.sleep = real
    return slept


def test_a_look_that_fails_gives_no_beat_and_the_second_in_a_row_opens():
    for fails, trips, beats in (
        ("0100", 0, 3), ("1000", 0, 3), ("0110", 1, 2),
        ("0101", 0, 2), ("0111", 2, 1), ("0000", 0, 4),
    ):  # fmt: skip
        bench = Bench()
        left = [x == "1" for x in fails]
        told = []
        bench.protection.beat = lambda: told.append(1)  # noqa: B023

        def look(now):
            if left.pop(0):  # noqa: B023
                raise OSError(5)

        async def nothing():
            pass

        bench.protection.look = look
        bench.protection._do_chores = nothing
        assert rounds(bench.protection.run, 4) == [0.5] * 4
        assert len(told) == beats, fails
        assert bench.evse.calls == ["trip TaskFailed"] * trips, fails


def test_the_chores_test_and_probe_when_they_are_due_and_go_on_after_a_failure():
    bench = Bench()
    done = []

    async def test_rcd(now):
        done.append(("test", now))
        raise OSError(5)

    async def probe():
        done.append("probe")

    bench.protection.test_rcd, bench.protection.probe = test_rcd, probe
    bench.protection.test_is_due = lambda now: len(done) == 1
    bench.protection.probe_is_due = lambda: len(done) in (0, 2)
    assert rounds(bench.protection._do_chores, 5) == [0.5] * 5
    assert done == ["probe", ("test", bench.now), "probe"]


def test_chores_that_die_are_begun_again():
    """A second MemoryError, in the line that tells the first one, ended the tests of the RCD."""
    bench = Bench()
    begun = []

    async def dies():
        begun.append(1)
        if len(begun) < 3:
            raise MemoryError
        await asyncio.sleep(60)

    async def story():
        bench.protection._do_chores = dies
        task = asyncio.create_task(bench.protection.run())
        await asyncio.sleep(0.1)
        bench.protection._chores.cancel()
        await cancelled(task)

    look_s, protection.LOOK_S = protection.LOOK_S, 0.005
    try:
        run(story())
    finally:
        protection.LOOK_S = look_s
    assert len(begun) == 3, "and only one at a time"


def test_a_trip_with_nobody_there_is_tested_for_so_that_it_can_end():
    """It stood for a day: the next sound car was refused until it had been plugged in twice."""
    bench = Bench()
    bench.rcd.evse = bench.evse
    assert not bench.protection.test_is_due(bench.now)
    bench.evse.trip("RcdTripped")
    bench.says["rcd"] = True
    assert not bench.protection.test_is_due(bench.now), "it still trips"
    bench.says["rcd"] = False
    bench.rcd.expire()
    assert bench.protection.test_is_due(bench.now)
    run(bench.protection.test_rcd(bench.now))
    assert not bench.protection.test_is_due(bench.now)


def test_the_same_heat_is_told_once():
    bench = Bench()
    caps = []
    bench.connector.limits.on_change = lambda: caps.append(1)
    for temp, told in ((650, 1), (655, 1), (640, 1), (680, 2), (700, 2), (619, 3), (250, 3)):
        bench.look(temp=temp)
        assert len(caps) == told, temp


def test_a_fault_is_there_whoever_knows_of_it():
    evse = FakeEvse()
    table = Faults(evse)
    assert not table.has("LockLost")
    evse.faults.append("LockLost")
    assert table.has("LockLost")
    table.report("MeterLost", "", 0)
    assert table.has("MeterLost") and not table.has("DiodeLost")


def test_a_report_that_fails_is_told_when_all_others_have_been_asked():
    bench = Bench()
    report = bench.connector.report_fault

    def broken(cause, *more):
        if cause == "ProtectiveEarthLost":
            raise RuntimeError("a bug")
        report(cause, *more)

    bench.connector.report_fault = broken
    bench.look(earth=True, stop=True)
    raises(RuntimeError, bench.look)
    assert bench.present("EmergencyStop")


def test_closings_that_wait_for_a_person_are_a_fault_that_is_told():
    bench = Bench()
    bench.look()
    assert "ClosingsExceeded" not in bench.connector.faults._found
    bench.evse.closings.person = True
    bench.look()
    assert "ClosingsExceeded" in bench.connector.faults._found
