# Over-current, derating, and the verdicts of Protection on its sensors.
# MIT license; part of microevse

import asyncio

from helpers import cancelled, run
from protection_bench import Fitted, LinkedPoles, charging, metered
from station import faults
from station.over_current import BLIND_MS, OverCurrent
from station.protection import BLIND_LOOKS, RCD_TEST_MS
from station.temperature import STOP, Derating, mcp9700_dc, ntc_dc, reader
from station_parts import FakeLock, FakeMeter


def played(readings, limit=16000, step_ms=1000):
    """(what, ms) of the first verdict on a list of readings, one a second."""
    watch = OverCurrent()
    for i, ma in enumerate(readings):
        what = watch.look(i * step_ms, limit, ma, i * step_ms)
        if what:
            return what, i * step_ms
    return None


def test_soft_limit_is_a_tenth_and_half_an_ampere_with_eight_seconds_of_evidence():
    """No time belongs to the first reading, which may be one of before the closing."""
    assert played([18150] * 60) is None
    assert played([18151] * 60) == ("OverCurrentSoft", 8000)
    assert played([16000] + [18151] * 60) == ("OverCurrentSoft", 8000)
    assert played([16000] + [18151] * 7 + [16000] * 60) is None


def test_hard_limit_is_a_quarter_with_three_seconds_of_evidence():
    assert played([20001] * 60) == ("OverCurrentHard", 3000)
    assert played([16000, 20001, 20001] + [16000] * 60) is None
    assert played([20000] * 60) == ("OverCurrentSoft", 8000)


# Readings that repeat, ms between them, cause and the time after which it is told at the latest.
IN_PIECES = (
    # Two of three: one reading within the limit made the others forgotten, for ever.
    ([20001, 20001, 16000], 1000, "OverCurrentHard", 6000),
    ([159000, 159000, 16000], 1000, "OverCurrentHard", 6000),
    ([159000, 16000], 1000, "OverCurrentHard", 12000),
    ([159000, 16000], 2000, "OverCurrentHard", 12000),
    ([16000, 159000], 2000, "OverCurrentHard", 12000),
    ([24000] * 4 + [16000] * 4, 500, "OverCurrentHard", 12000),
    ([19900] * 6 + [16000], 1000, "OverCurrentSoft", 12000),
    ([18200] * 7 + [18100], 1000, "OverCurrentSoft", 12000),
    ([19900] * 3 + [16000], 2000, "OverCurrentSoft", 14000),
    ([19900, 16000], 1000, "OverCurrentSoft", 32000),
    ([19900, 19900, 16000, 16000], 1000, "OverCurrentSoft", 32000),
    ([19900, 16000], 2000, "OverCurrentSoft", 32000),
)


def test_over_current_for_half_of_the_time_opens_in_bounded_time():
    for pattern, step_ms, cause, within_ms in IN_PIECES:
        readings = [16000] + pattern * (60 // len(pattern))
        for start in range(len(pattern)):
            found = played([16000] + readings[1 + start :], step_ms=step_ms)
            assert found is not None, (pattern, step_ms, start)
            assert found[0] == cause and found[1] <= within_ms, (pattern, step_ms, start, found)


def test_single_readings_that_are_too_high_open_nothing():
    """A spike, alone or in each third reading, for an hour; a meter noisy at the offer."""
    for step_ms in (500, 1000, 2000, 5000, 10000):
        assert played([16000, 159000] + [16000] * 20, step_ms=step_ms) is None
        assert played([159000, 16000, 16000] * (1200000 // step_ms), step_ms=step_ms) is None
    noise = [16000 + (i * 7919 % 4001) - 2000 for i in range(3600)]
    assert max(noise) < 18150 and played(noise) is None
    noise = [16000 + (i * 7919 % 6001) - 3000 for i in range(3600)]  # one of seven is above
    assert sum(ma > 18150 for ma in noise) > 400 and played(noise) is None


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


def test_the_time_to_follow_counts_from_each_step_of_the_limit():
    """32, 20, 10 A, five seconds apart, and an EV that follows each step within 4.8 s: it counted
    from the first step once, and the session ended."""
    watch = OverCurrent()
    for now in range(0, 30000, 250):
        offered = 32000 if now < 5000 else 20000 if now < 10000 else 10000
        drawn = 32000 if now < 9800 else 20000 if now < 14800 else 10000
        assert watch.look(now, offered, drawn, now) is None, now


def test_a_limit_that_goes_down_step_by_step_without_end_does_not_blind():
    """1 A less each second, and an EV that follows none of it."""
    watch = OverCurrent()
    for now in range(0, 40000, 500):
        how = watch.look(now, max(6000, 32000 - now), 32000, now)
        if how:
            assert how == "OverCurrentHard" and now <= 15000, (how, now)
            return
    raise AssertionError("never told")


def test_what_was_offered_a_moment_ago_may_still_be_drawn():
    """Load management that goes up and down every 4 s."""
    watch = OverCurrent()
    for now in range(0, 60000, 500):
        offered = 32000 if now % 8000 < 4000 else 10000
        assert watch.look(now, offered, 32000, now) is None, now


def test_readings_before_an_opening_or_a_gap_do_not_count():
    """One reading above the limit was kept: another one, five hours later, was "hard"."""
    watch = OverCurrent()
    assert watch.look(0, 16000, 30000, 0) is None
    watch.begin()
    assert watch.look(18000000, 16000, 30000, 18000000) is None
    watch = OverCurrent()
    assert watch.look(0, 16000, 30000, 0) is None
    late = BLIND_MS + 1
    assert watch.look(late, 16000, 30000, late) is None
    assert watch.look(late + 2000, 16000, 30000, late + 2000) == "OverCurrentHard"


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
    bench.connector.request_stop("local")
    run(bench.charger.pass_s(5))
    assert bench.connector.session is None and lock.locked
    bench.contacts.closed = False
    run(bench.charger.pass_s(2))
    assert not lock.locked


def commanded(bench, look, then=None, limit=20):
    """(answer to an unlock command while charging, ms until it, lock is open, faults are told).
    `look`: the protection looks; `then(ms since the command)` is called every 250 ms."""

    async def story():
        charger = bench.charger
        asked = charger.clock.ms
        answer = asyncio.create_task(charger.station.unlock(1))
        while not answer.done():
            await asyncio.sleep(0)
            charger.clock.ms += 250
            if then is not None:
                then(charger.clock.ms - asked)
            if look and charger.clock.ms % 500 == 0:
                bench.protection.look(charger.clock.ms)
            if (charger.clock.ms - asked) % 1000 == 0:
                await charger.work()
            await asyncio.sleep(0.1)
            assert charger.clock.ms - asked < limit * 1000, "no answer"
        told = bench.connector.faults.has("ContactorWelded")
        return await answer, charger.clock.ms - asked, not charger.lock.locked, told

    return run(story())


def welded(**more):
    """A charger with a lock, charging; its contacts stay closed."""
    return charging(lock=FakeLock(), **more)


def test_an_unlock_command_with_a_weld_that_nothing_has_told_keeps_the_plug():
    """Only a fault that was told kept it, and the command was faster: the pins were live."""
    answer, _, unlocked, _ = commanded(welded(), look=False)
    assert answer == "failed" and not unlocked


def test_an_unlock_command_with_a_weld_that_was_told_keeps_the_plug():
    """The mirror contact says at last that the poles are open: it said otherwise long enough."""
    bench = welded()

    def late(ms):
        bench.contacts.closed = ms < 2250

    answer, _, unlocked, told = commanded(bench, True, late)
    assert told and answer == "failed" and not unlocked


def test_an_unlock_command_after_a_weld_was_told_keeps_the_plug():
    bench = welded()
    bench.charger.evse.release()
    bench.connector.request_stop("local")
    run(bench.charger.pass_s(2))
    assert bench.looks(6) == ("ContactorWelded", "") and bench.connector.session is None
    answer, _, unlocked, _ = commanded(bench, True)
    assert answer == "failed" and not unlocked


def test_an_unlock_command_waits_until_the_poles_had_their_time():
    """Two looks, a second after opening: before that nothing is known of the poles."""
    bench = welded()
    bench.charger.evse.obeys = False

    def lets_go(ms):
        if ms >= 3000:
            bench.charger.evse.closed = bench.contacts.closed = False

    answer, after_ms, unlocked, told = commanded(bench, True, lets_go)
    assert answer == "unlocked" and unlocked and not told and after_ms >= 5500, after_ms

    def closes_once_more(ms):
        bench.charger.evse.closed = bench.contacts.closed = 1000 <= ms < 2000

    answer, after_ms, _, _ = commanded(bench, True, closes_once_more)
    assert answer == "unlocked" and after_ms >= 4500, after_ms
    # Also where the contactor was open already: it may have opened a moment ago.
    answer, after_ms, unlocked, _ = commanded(bench, True)
    assert answer == "unlocked" and 2500 <= after_ms <= 3250, after_ms


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
    bench.looks(6)
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


def test_the_rcd_is_tested_once_a_day():
    bench = Fitted()
    protection = bench.protection
    assert not protection.test_is_due(RCD_TEST_MS - 1)
    assert protection.test_is_due(RCD_TEST_MS)
    bench.charger.evse.plug()
    assert protection.test_is_due(RCD_TEST_MS), "an EV that does not charge is in nobody's way"
    bench.charger.evse.unplug()
    run(protection.test_rcd(RCD_TEST_MS))
    assert bench.connector.fault is None and not protection.test_is_due(RCD_TEST_MS + 1000)
    protection._rcd.works = False
    run(protection.test_rcd(2 * RCD_TEST_MS))
    assert bench.connector.fault == ("RcdTestFailed", "")


def test_the_rcd_is_tested_at_each_plug_in_also_in_a_session_that_outlives_unplugging():
    bench = charging()
    evse, rcd, protection = bench.charger.evse, bench.protection._rcd, bench.protection
    rcd.evse, now = evse, bench.charger.clock.ms
    evse.release()
    assert protection.test_is_due(now)
    run(protection.test_rcd(now))
    assert rcd.tests == 1 and not protection.test_is_due(now)
    for car in range(3):
        evse.unplug()
        assert not protection.test_is_due(now)
        evse.plug()
        assert protection.test_is_due(now)
        rcd.fired = True  # told as such, and lets nothing close
        assert not protection.test_is_due(now)
        rcd.fired = False
        run(protection.test_rcd(now))
        assert rcd.fresh() and rcd.tests == 2 + car and not protection.test_is_due(now)
    rcd.works = False
    evse.unplug()
    evse.plug()
    run(protection.test_rcd(now))
    assert not rcd.fresh() and not protection.test_is_due(now + 59000), "once a minute"
    assert protection.test_is_due(now + 60000)


def test_a_session_whose_contactor_is_open_keeps_no_test_waiting_and_a_closed_one_does():
    bench = charging()
    evse, rcd, protection = bench.charger.evse, bench.protection._rcd, bench.protection
    rcd.evse = evse
    now = 5 * RCD_TEST_MS
    assert evse.closed and not protection.test_is_due(now)
    # Should it close between the question and the test: it is not tested, and not opened.
    run(protection.test_rcd(now))
    assert rcd.tests == 0 and evse.closed and not rcd.fresh() and bench.connector.fault is None
    evse.release()
    assert bench.connector.session is not None and protection.test_is_due(now)
    run(protection.test_rcd(now))
    assert rcd.tests == 1 and not protection.test_is_due(now + RCD_TEST_MS - 1)
    assert protection.test_is_due(now + RCD_TEST_MS)


def test_each_phase_is_watched():
    """Too much on the second or third phase only: no test noticed when only the first counted."""
    for phase in range(3):
        bench = charging()
        currents = [16000, 16000, 16000]
        assert metered(bench, list(currents), 5) is None
        currents[phase] = 24000
        assert metered(bench, currents, 3) == ("OverCurrentHard", ""), phase
        assert not bench.charger.evse.closed


def test_a_meter_that_is_wired_the_other_way_round_is_watched():
    bench = charging()
    assert metered(bench, [-24000], 3) == ("OverCurrentHard", "")


def test_counters_begin_at_each_closing():
    bench = charging()
    assert metered(bench, [24000]) is None
    bench.charger.evse.release()
    bench.contacts.closed = False
    bench.looks(1, 4000)
    bench.charger.evse.request()
    bench.contacts.closed = True
    assert bench.charger.evse.closed
    assert metered(bench, [24000]) is None


def test_a_reading_that_cannot_be_true_or_lacks_a_phase_opens_after_three():
    for bad in ([1000000, 0, 0], [16000, None, 16000], [], None):
        bench = charging()
        metered(bench, [16000, 16000, 16000], 3)
        assert metered(bench, bad, 2) is None, bad
        assert metered(bench, bad)[0] == "CurrentBlind", bad
        assert not bench.charger.evse.closed
        bench.contacts.closed = False
        # Open, and the meter still tells nonsense: it does not close for another try.
        assert metered(bench, bad, 20)[0] == "CurrentBlind", bad
        metered(bench, [0, 0, 0], 5)
        run(bench.charger.pass_s(6))
        assert bench.connector.fault is None, bad


def test_half_of_the_readings_lost_is_no_fault_and_blinds_nobody():
    bench = charging()
    for _ in range(30):
        metered(bench, [16000])
        assert metered(bench, None, 1) is None
    for _ in range(3):
        metered(bench, [24000])
        metered(bench, None)
    assert bench.connector.faults.has("OverCurrentHard")


def test_a_meter_that_answers_no_more_opens_after_ten_seconds():
    bench = charging()
    metered(bench, [16000], 2)
    assert bench.looks(BLIND_MS // 500 - 1) is None
    assert bench.looks(2)[0] == "CurrentBlind" and not bench.charger.evse.closed


def test_a_meter_without_currents_is_none():
    meter = FakeMeter()
    meter.current_ma = ()
    bench = charging(meter=meter)
    assert metered(bench, (), 30) is None and bench.charger.evse.closed


def test_one_sensor_that_raises_blinds_no_other():
    """One failed conversion of the thermometer ended the whole watch once."""

    def fails(*_):
        raise OSError(-263)

    class Broken:
        fitted = single = True
        locked = property(fails)
        wrong = any_closed = standing = fails

    # The only broken sensor, and the fault that is reported for it within 3 s.
    for name, cause in (
        ("_temp_dc", "TemperatureSensor"),
        ("_earth_lost", "ProtectiveEarthLost"),
        ("_stopped", "EmergencyStop"),
        ("_poles", "ContactorWelded"),
        ("_rcd", "RcdTripped"),
    ):
        bench = charging()
        broken = Broken() if name in ("_poles", "_rcd") else fails
        setattr(bench.protection, name, broken)
        assert bench.looks(BLIND_LOOKS - 1) is None, name
        assert bench.looks(1)[0] == cause, name
        assert not bench.charger.evse.closed
        # The others, with this one broken from the start.
        bench = charging()
        setattr(bench.protection, name, broken)
        if name != "_earth_lost":
            bench.no_earth = True
            assert bench.looks(2)[0] == "ProtectiveEarthLost", name
        else:
            bench.charger.clock.ms += 1000
            bench.contacts.closed = False
            assert bench.looks(2)[0] == "ContactorNotClosing"
        assert not bench.charger.evse.closed, name


def test_no_reading_is_not_a_good_one():
    """None from an input: the same as an exception."""
    for name, cause in (("_earth_lost", "ProtectiveEarthLost"), ("_stopped", "EmergencyStop")):
        bench = charging()
        setattr(bench.protection, name, lambda: None)
        assert bench.looks(BLIND_LOOKS - 1) is None, name
        assert bench.looks(1)[0] == cause, name


def test_an_input_that_is_wrong_every_second_look_counts_as_wrong():
    """Two looks in a row were asked for once: an earth that comes and goes was never told."""
    bench = charging()
    for i in range(8):
        bench.no_earth = i % 2 == 0
        bench.looks(1)
    assert bench.connector.fault[0] == "ProtectiveEarthLost"
    assert not bench.charger.evse.closed
    bench = charging()
    for i in range(60):
        bench.no_earth = i % 4 == 0
        assert metered(bench, [0], 1, 500) is None, "one look in four is a disturbance"


def test_heat_lowers_the_current_at_once():
    """Not at the next regular change of the duty, which may be 5 s away."""
    bench = charging()
    bench.temp = 655
    bench.looks(1)
    run(bench.charger.pass_s(1))
    assert bench.charger.evse.calls[-1] == "permit 8000" and bench.charger.evse.protects[-1]


def test_an_rcd_that_stays_tripped_is_a_fault_while_it_does():
    bench = Fitted()
    bench.protection._rcd.fired = True
    assert bench.looks(2)[0] == "RcdTripped"
    run(bench.charger.pass_s(60))
    assert bench.connector.fault[0] == "RcdTripped"
    bench.protection._rcd.fired = False
    bench.looks(6)
    run(bench.charger.pass_s(2))
    assert bench.connector.fault is None


def test_a_failed_rcd_test_stays_until_one_is_passed_and_is_repeated_each_minute():
    """It was over after 5 s once, without a test, and the connector was available."""
    bench = Fitted()
    protection = bench.protection
    protection._rcd.works = False
    run(protection.test_rcd(RCD_TEST_MS))
    run(bench.charger.pass_s(600))
    assert bench.connector.fault[0] == "RcdTestFailed"
    assert not protection.test_is_due(RCD_TEST_MS + 59000)
    assert protection.test_is_due(RCD_TEST_MS + 60000)
    protection._rcd.works = True
    run(protection.test_rcd(RCD_TEST_MS + 60000))
    run(bench.charger.pass_s(1))
    assert bench.connector.fault is None


def test_the_task_looks_on_while_a_test_takes_its_time_and_beats_after_each_look():
    bench = charging()

    async def story():
        beats = []
        bench.protection.beat = lambda: beats.append(1)

        async def for_ever(now):
            await asyncio.sleep(3600)

        bench.protection.test_is_due = lambda now: True
        bench.protection.test_rcd = for_ever
        task = asyncio.create_task(bench.protection.run())
        await asyncio.sleep(1.2)
        assert len(beats) >= 3
        # A look that fails as a whole: no beat, and the contactor opens with the second one.
        count = len(beats)

        def broken(now):
            raise MemoryError()

        bench.protection.look = broken
        await asyncio.sleep(1.2)
        assert len(beats) == count and not task.done()
        assert not bench.charger.evse.closed and bench.charger.evse.fault == "TaskFailed"
        bench.protection._chores.cancel()
        await cancelled(task)

    run(story())
