# Over-current, derating, and what Protection makes of its sensors.
# MIT license; part of microevse

from helpers import run
from station import faults
from station.over_current import BLIND_MS, OverCurrent
from station.protection import BLIND_LOOKS, RCD_TEST_MS, Protection
from station.temperature import STOP, Derating, mcp9700_dc, ntc_dc, reader
from station_parts import Charger, FakeLock, FakeRcd


def played(readings, limit=16000, step_ms=1000):
    """(what, ms) of the first verdict on a list of readings, one a second."""
    watch = OverCurrent()
    for i, ma in enumerate(readings):
        what = watch.look(i * step_ms, limit, ma, i * step_ms)
        if what:
            return what, i * step_ms
    return None


def test_soft_limit_is_a_tenth_and_half_an_ampere_for_seven_seconds():
    assert played([18150] * 60) is None
    assert played([18151] * 60) == ("OverCurrentSoft", 7000)
    assert played(([18200] * 7 + [18100]) * 9) is None


def test_hard_limit_is_a_quarter_for_one_and_a_half_seconds():
    assert played([20001] * 60) == ("OverCurrentHard", 2000)
    assert played([20001, 20001, 16000] * 9) is None
    assert played([20000] * 60) == ("OverCurrentSoft", 7000)


def test_one_reading_looked_at_often_is_one_reading():
    watch = OverCurrent()
    for now in range(0, 60000, 500):
        assert watch.look(now, 16000, 30000, 0) is None


def test_an_ev_has_time_to_follow_a_lowered_limit():
    watch = OverCurrent()
    assert watch.look(0, 32000, 32000, 0) is None
    for now in range(1000, 7000, 1000):
        assert watch.look(now, 6000, 32000, now) is None
    found = [watch.look(now, 6000, 32000, now) for now in range(7000, 10000, 1000)]
    assert found[-1] == "OverCurrentHard" and found[0] is None, found


def test_nothing_is_judged_while_nothing_is_offered():
    assert played([30000] * 60, limit=0) is None


def test_derating_has_steps_and_hysteresis():
    heat = Derating()
    seen = [(t, heat.look(t)) for t in (250, 649, 650, 640, 620, 619, 700, 660, 649, 650)]
    assert [s for _, s in seen] == [0, 0, 1, 1, 1, 0, 2, 2, 1, 1], seen
    assert heat.cap(32000) == 16000 and heat.cap(10000) == 6000
    assert heat.look(710) == STOP and heat.cap(32000) == 0
    assert heat.look(621) == STOP
    assert heat.look(619) == 0 and heat.cap(32000) is None


def test_sensors_are_read_in_tenths_of_a_degree():
    assert mcp9700_dc(750) == 250 and mcp9700_dc(450) == -50
    assert abs(ntc_dc(1650) - 250) <= 1
    assert abs(ntc_dc(3300 * 2586 // 12586) - 600) < 30  # B 3950: 2.49 kohm at 60 degrees
    assert ntc_dc(0) is None and ntc_dc(3300) is None
    assert reader({"adc": 34}, lambda: 750)() == 250
    assert abs(reader({"adc": 34, "type": "ntc"}, lambda: 1650)() - 250) <= 1


class FakePoles:
    """One mirror contact over all poles."""

    single = True

    def __init__(self):
        self.closed = False

    def wrong(self, closed):
        return 0 if self.closed == closed else 1

    def any_closed(self):
        return self.closed


class Fitted:
    """A charger whose protection has sensors the test can turn."""

    def __init__(self, **more):
        self.contacts = FakePoles()
        self.no_earth = False
        self.temp = 250
        self.charger = Charger(**more)
        self.connector = self.charger.connector
        self.protection = Protection(
            self.connector,
            self.charger.clock,
            16000,
            FakeRcd(),
            self.contacts,
            lambda: self.no_earth,
            lambda: self.temp,
            Derating(),
        )

    def looks(self, n=3, every_ms=500):
        for _ in range(n):
            self.charger.clock.ms += every_ms
            self.protection.look(self.charger.clock.ms)
        return self.connector.fault


def charging(**more):
    bench = Fitted(**more)
    bench.contacts.closed = True
    run(bench.charger.charge())
    bench.looks(6)
    assert bench.connector.fault is None
    return bench


def test_a_weld_is_told_a_second_after_opening_and_stays():
    bench = charging()
    bench.charger.evse.release()
    assert bench.looks(2) is None
    assert bench.looks(3) == ("ContactorWelded", "")
    bench.contacts.closed = False
    run(bench.charger.pass_s(60))
    assert bench.connector.fault[0] == "ContactorWelded"


def test_poles_that_lag_a_little_are_no_weld():
    bench = charging()
    bench.charger.evse.release()
    bench.looks(1, 100)
    bench.contacts.closed = False
    assert bench.looks(20) is None


def test_a_contactor_that_does_not_close_is_told():
    bench = charging()
    bench.contacts.closed = False
    assert bench.looks(2) == ("ContactorNotClosing", "")


def test_a_plug_with_live_pins_stays_locked():
    lock = FakeLock()
    bench = Fitted(lock=lock)
    bench.contacts.closed = True
    run(bench.charger.charge())
    bench.charger.evse.release()
    bench.connector.end("local")
    run(bench.charger.pass_s(5))
    assert bench.connector.session is None and lock.locked
    bench.contacts.closed = False
    run(bench.charger.pass_s(2))
    assert not lock.locked


def test_a_lock_that_opens_while_charging_trips():
    lock = FakeLock()
    bench = charging(lock=lock)
    lock.locked = False
    assert bench.looks(1) is None
    assert bench.looks(1) == ("LockLost", "")
    assert not bench.charger.evse.closed


def test_a_lost_earth_stays_a_fault_for_as_long_as_it_is_lost():
    bench = Fitted()
    bench.no_earth = True
    assert bench.looks(2) == ("ProtectiveEarthLost", "")
    run(bench.charger.pass_s(60))
    assert bench.connector.fault[0] == "ProtectiveEarthLost"
    bench.no_earth = False
    bench.looks(5)
    run(bench.charger.pass_s(2))
    assert bench.connector.fault is None


def test_heat_lowers_the_current_before_it_stops_it():
    bench = Fitted()
    bench.temp = 650
    assert bench.looks(1) is None
    assert bench.connector.limits.value(0)[0] == 8000
    bench.temp = 680
    bench.looks(1)
    assert bench.connector.limits.value(0)[0] == 6000
    bench.temp = 715
    assert bench.looks(1) == ("TemperatureStop", "")
    bench.temp = 600
    bench.looks(2)
    run(bench.charger.pass_s(6))
    assert bench.connector.fault is None and bench.connector.limits.value(0)[0] == 16000


def test_a_broken_thermometer_is_too_hot():
    for temp in (None, 2000, -500):
        bench = Fitted()
        bench.temp = temp
        assert bench.looks(BLIND_LOOKS - 1) is None, "one lost reading is none"
        assert bench.looks(1) == ("TemperatureSensor", ""), temp


class LinkedPoles(FakePoles):
    """Three mirror contacts; the second pole is what `wrong` names."""

    single = False

    def wrong(self, closed):
        return 0 if self.closed == closed else 2


def test_the_pole_that_sticks_is_named():
    bench = Fitted()
    bench.protection._poles = LinkedPoles()
    bench.protection._poles.closed = True
    assert bench.looks(4) == ("ContactorWelded", "pole 2")


def test_a_weak_pilot_source_and_a_disputing_guard_are_told_once():
    bench = Fitted()
    bench.charger.evse.front_end.tested(-10700)
    cause, info = bench.looks(1)
    assert cause == "PilotFrontEnd" and "-10700 mV" in info
    assert "op-amp" in faults.sentence(cause, info)
    bench = Fitted()
    bench.charger.evse.disputed = True
    assert bench.looks(1)[0] == "GuardDisagrees"


def test_the_source_is_looked_at_once_when_the_ev_that_was_in_the_way_has_gone():
    bench = Fitted()
    bench.charger.evse.plug()
    assert not bench.protection.probe_is_due()
    bench.charger.evse.unplug()
    assert bench.protection.probe_is_due()
    run(bench.protection.probe())
    assert bench.charger.evse.calls[-2:] == ["out of service True", "out of service False"]
    assert not bench.protection.probe_is_due()
    tested = Fitted()
    tested.charger.evse.front_end.tested(-12000)
    assert not tested.protection.probe_is_due()


def test_the_rcd_is_tested_once_a_day_while_nobody_is_there():
    bench = Fitted()
    protection = bench.protection
    assert not protection.test_is_due(RCD_TEST_MS - 1)
    assert protection.test_is_due(RCD_TEST_MS)
    bench.charger.evse.plug()
    assert not protection.test_is_due(RCD_TEST_MS)
    bench.charger.evse.unplug()
    run(protection.test_rcd(RCD_TEST_MS))
    assert bench.connector.fault is None and not protection.test_is_due(RCD_TEST_MS + 1000)
    protection._rcd.works = False
    run(protection.test_rcd(2 * RCD_TEST_MS))
    assert bench.connector.fault == ("RcdTestFailed", "")
