# When the contactor opens and closes: every rule of iec61851.evse, on sampled windows.
# MIT license; part of microevse

from iec61851 import levels
from iec61851.evse import Evse
from pilot_bench import DROP_US, Bench, Random
from evse_base import MICROPYTHON


def opened_after_ms(bench, limit_ms=200):
    """Milliseconds from now to open contacts (30 ms after the coil)."""
    start = bench.now
    bench.until(lambda: not bench.evse.closed, limit_ms)
    return (bench.contactor.log[-1][0] + DROP_US - start) / 1000


# -- closing


def test_closes_half_a_second_after_stable_c_and_within_three_seconds():
    for seed in range(20):
        bench = Bench(seed)
        bench.letter = "B"
        bench.run(300)
        bench.evse.permit(16000)
        bench.run(100)
        assert bench.evse.pwm and not bench.evse.closed
        bench.letter = "C"
        took = bench.until(lambda: bench.evse.closed, 3000)
        assert 500 <= took <= 600, (seed, took)
        assert bench.evse.close_count == 1 and bench.evse.offered_ma == 16000


def test_without_permission_nothing_closes_and_the_pilot_stays_at_12_v():
    bench = Bench()
    for bench.letter in "BCDBC":
        bench.run(3000)
    assert bench.contactor.log == []
    assert [what for _, what in bench.pilot.log] == ["steady"]


def test_ev_that_is_in_c_before_permission_is_charged():
    # seq 1.2: a simplified EV, or power that came back.
    bench = Bench()
    bench.letter = "C"
    bench.run(1000)
    assert bench.evse.plugged and bench.evse.plug_count == 1 and bench.evse.fault is None
    bench.evse.permit(10000)
    took = bench.until(lambda: bench.evse.closed, 3000)
    assert took >= 500


def test_bcb_toggles_do_not_close():
    # seq 11, ISO 15118-3: C for 200 to 400 ms, up to three times.
    for pulse in (200, 300, 400):
        bench = Bench(pulse)
        bench.letter = "B"
        bench.run(300)
        bench.evse.permit(16000)
        bench.run(300)
        for _ in range(3):
            bench.letter = "C"
            bench.run(pulse)
            bench.letter = "B"
            bench.run(300)
        assert bench.contactor.log == [], pulse


def test_c_around_a_stall_is_not_half_a_second_of_c():
    bench = Bench()
    bench.letter = "B"
    bench.run(300)
    bench.evse.permit(16000)
    bench.run(300)
    bench.letter = "C"
    bench.run(60)
    bench.advance(600000)  # without a window: the EV may have toggled meanwhile
    bench.tick()
    assert not bench.evse.closed
    bench.run(200)
    assert not bench.evse.closed
    bench.until(lambda: bench.evse.closed, 500)


def test_lock_and_rcd_must_agree_before_closing():
    parts = {"lock": False, "rcd": False}
    bench = Bench(1, lock_ok=lambda: parts["lock"], rcd_ok=lambda: parts["rcd"])
    bench.letter = "B"
    bench.run(300)
    bench.evse.permit(16000)
    bench.letter = "C"
    bench.run(1500)
    assert not bench.evse.closed
    parts["lock"] = True
    bench.run(500)
    assert not bench.evse.closed
    parts["rcd"] = True
    bench.run(50)
    assert bench.evse.closed


def test_ventilation_is_refused_unless_the_profile_has_it():
    bench = Bench()
    bench.letter = "B"
    bench.run(300)
    bench.evse.permit(16000)
    bench.run(100)
    bench.letter = "D"
    bench.run(2000)
    assert bench.contactor.log == [] and not bench.evse.pwm and bench.evse.plugged
    assert bench.evse.fault is None and bench.evse.state == levels.D
    bench.letter = "C"
    bench.run(20000)
    assert not bench.evse.pwm  # it gets a pause of 30 s
    bench.run(11000)
    assert bench.evse.closed
    assert Bench(2, ventilated=True).charge(letter="D").evse.closed


def test_change_from_c_to_d_opens_where_there_is_no_ventilation():
    bench = Bench().charge()
    bench.letter = "D"
    assert opened_after_ms(bench) <= 100
    assert bench.evse.fault is None
    ventilated = Bench(1, ventilated=True).charge()
    ventilated.letter = "D"
    ventilated.run(1000)
    assert ventilated.evse.closed


def test_closes_again_only_five_seconds_after_it_opened():
    bench = Bench().charge()
    bench.letter = "B"
    bench.run(500)
    bench.letter = "C"
    took = bench.until(lambda: bench.evse.closed, 6000)
    assert 4400 <= took <= 5000, took


# -- opening


def test_latency_of_seeded_runs_over_all_corners_is_within_60_ms():
    # 200 of them, where that takes seconds.
    worst = 0
    runs = 60 if MICROPYTHON else 200
    for seed in range(runs):
        bench = Bench(seed)
        random = Random(1000 + seed)
        bench.source = random(11.4, 12.6)
        bench.source_low = -random(11.4, 12.6)
        bench.r1 = random(970, 1030)
        bench.ev = random(0.97, 1.03)
        bench.vf = random(0.55, 0.85)
        bench.gain = random(0.985, 1.015)
        ma = (6000, 16000, 32000, 51000, 63000, 80000)[seed % 6]
        bench.charge(ma)
        bench.run(int(random(20, 60)))
        to = "BA"[seed & 1]
        bench.at(bench.now + int(random(0, 10000)), lambda: setattr(bench, "letter", to))
        s2 = bench.jobs[0][0]
        bench.until(lambda: not bench.evse.closed, 300)
        assert bench.letter == to, (seed, bench.evse.fault)
        took = (bench.contactor.log[-1][0] - s2 + DROP_US) / 1000
        assert took <= 60, (seed, ma, to, took)
        assert bench.evse.fault is None
        worst = max(worst, took)
    print("latency S2 -> contacts open, worst of %d (seeds from 0 on): %.1f ms" % (runs, worst))
    assert worst > 35, "the drop-out alone takes 30 ms"


def test_one_disturbed_window_does_not_open():
    bench = Bench().charge()
    for letter in "BAD":
        # In step with the ticks: exactly one window sees it.
        bench.letter = letter
        bench.tick()
        bench.letter = "C"
        bench.run(100)
        assert bench.evse.closed, letter


def test_after_a_stall_two_windows_are_enough_in_one_tick():
    bench = Bench().charge()
    bench.run(100)
    bench.letter = "A"
    bench.advance(80000)  # a flash erase
    start = bench.now
    bench.tick()
    assert not bench.evse.closed and bench.now - start <= 20000
    assert bench.evse.worst_gap_ms >= 80


def test_stall_with_a_healthy_ev_changes_nothing():
    bench = Bench().charge()
    for _ in range(10):
        bench.advance(300000)
        bench.tick()
        bench.run(50)
    assert bench.evse.closed and bench.evse.fault is None


def test_queued_ticks_after_a_stall_do_no_harm():
    bench = Bench().charge()
    for letter in "CE":
        bench.pe_ohm = 80 if letter == "E" else None
        bench.advance(80000)
        if letter == "E":
            bench.window()
            bench.pe_ohm = None  # a short of a few milliseconds, gone with the next window
        for _ in range(8):
            bench.window()
        assert bench.evse.closed, letter
    # Eight windows of E back to back are 32 ms: not yet the end, 40 ms are.
    bench = Bench().charge()
    bench.pe_ohm = 80
    for _ in range(8):
        bench.window()
    assert bench.evse.closed
    bench.run(40)
    assert not bench.evse.closed


def test_pilot_shorted_to_pe_opens_within_100_ms_and_latches():
    for ohm in (0.1, 80, 120):
        bench = Bench(int(ohm)).charge()
        bench.pe_ohm = ohm
        assert opened_after_ms(bench) <= 100, ohm
        assert bench.evse.fault == "PilotWrong"


def test_lost_diode_opens_within_100_ms_and_latches():
    bench = Bench().charge()
    bench.short = True
    assert opened_after_ms(bench) <= 100
    assert bench.evse.fault == "DiodeLost"


def test_shorted_diode_is_found_in_b_and_in_c_before_closing():
    for letter in "BC":
        bench = Bench()
        bench.short = True
        bench.letter = letter
        bench.run(300)
        bench.evse.permit(16000)
        bench.run(1000)
        assert bench.contactor.log == []
        assert bench.evse.fault == "DiodeLost", letter


def test_front_end_that_cannot_see_the_diode_charges_when_told_so():
    bench = Bench(1, diode_check=False)
    bench.source_low = -9.0
    assert bench.charge().evse.closed


def test_dead_adc_opens_and_blames_the_board():
    bench = Bench().charge()
    bench.adc_dead = True
    assert opened_after_ms(bench) <= 100
    assert bench.evse.fault == "PilotBlind"


def test_pwm_that_does_not_follow_is_the_boards_fault_not_the_evs():
    for stuck in (65536, 0, 58000, 10000):
        bench = Bench().charge(32000)
        bench.dead = stuck
        assert opened_after_ms(bench) <= 100, stuck
        # This front end clips -12 V to a count of 0: a converter that fails looks the same.
        assert bench.evse.fault == ("PilotOutput" if stuck else "PilotBlind"), stuck
    # Also while open: a comparator that holds +12 V instead of the square wave.
    bench = Bench()
    bench.dead = 65536
    bench.letter = "B"
    bench.run(300)
    bench.evse.permit(16000)
    bench.run(1000)
    assert bench.evse.fault == "PilotOutput" and bench.contactor.log == []


def test_noise_over_an_hour_of_windows_at_the_shortest_plateaus_does_not_open():
    # Not an hour: 2000 windows at each end, which is 20 s of charging.
    for ma in (6000, 80000):
        bench = Bench(ma).charge(ma)
        bench.sigma_mv = 15
        bench.run(20000 if not MICROPYTHON else 5000)
        assert bench.evse.closed and bench.evse.fault is None, ma


# -- stopping


def test_forbid_lets_the_ev_end_its_current_first():
    bench = Bench().charge()
    bench.evse.forbid()
    bench.run(40)
    assert bench.evse.closed and not bench.evse.pwm and bench.evse.offered_ma == 0
    bench.run(2000)
    assert bench.evse.closed
    bench.letter = "B"
    assert opened_after_ms(bench) <= 60


def test_ev_that_ignores_the_stop_is_cut_off_after_six_seconds():
    bench = Bench().charge()
    bench.evse.forbid()
    took = bench.until(lambda: not bench.evse.closed, 7000)
    assert 6000 <= took <= 6050, took
    assert bench.evse.fault is None


def test_permission_during_a_stop_waits_until_the_contactor_was_open():
    bench = Bench().charge()
    bench.evse.forbid()
    bench.run(1000)
    bench.evse.permit(16000)
    bench.run(1000)
    assert not bench.evse.pwm and bench.evse.closed
    bench.until(lambda: not bench.evse.closed, 5000)
    took = bench.until(lambda: bench.evse.closed, 7000)
    assert took >= 4990, took


def test_unplugging_while_paused_is_noticed():
    bench = Bench().charge()
    bench.evse.forbid()
    bench.letter = "B"
    bench.run(500)
    bench.letter = "A"
    bench.run(200)
    assert not bench.evse.plugged and bench.evse.unplug_count == 1
    bench.letter = "B"
    bench.run(200)
    assert bench.evse.plugged and bench.evse.plug_count == 2


def test_unplugging_ends_the_pwm():
    bench = Bench()
    bench.letter = "B"
    bench.run(300)
    bench.evse.permit(16000)
    bench.run(100)
    assert bench.evse.pwm
    bench.letter = "A"
    assert bench.until(lambda: not bench.evse.pwm, 100) <= 60
    # The next EV is offered current at once: the 5 s between duties were the last one's.
    bench.run(200)
    bench.letter = "B"
    bench.run(100)
    assert not bench.evse.pwm  # and not before it is permitted anew
    bench.evse.permit(16000)
    assert bench.until(lambda: bench.evse.pwm, 300) <= 150


# -- faults


def test_trip_opens_at_once_and_shows_f_for_300_ms():
    bench = Bench().charge()
    coil = len(bench.contactor.log)
    bench.evse.trip("RcdTripped")
    assert not bench.contactor.closed and len(bench.contactor.log) == coil + 1
    start = bench.now // 1000
    bench.letter = "B"
    bench.run(1000)
    what = [(ms - start, kind) for ms, kind in bench.pilot.log if ms >= start]
    assert [kind for _, kind in what] == ["fault", "steady"], what
    assert what[0][0] <= 20 and what[1][0] - what[0][0] >= 300, what
    bench.letter = "C"
    bench.run(10000)
    assert not bench.evse.closed and bench.evse.fault == "RcdTripped"


def test_every_latched_fault_must_be_cleared():
    bench = Bench().charge()
    bench.evse.trip("OverCurrentHard")
    bench.evse.trip("TemperatureStop")
    bench.evse.trip("OverCurrentHard")
    assert bench.evse.fault == "OverCurrentHard"
    assert not bench.evse.clear("OverCurrentHard")  # F is still being shown
    bench.run(500)
    assert bench.evse.clear("OverCurrentHard")
    bench.tick()
    assert bench.evse.fault == "TemperatureStop" and bench.evse.faults == ["TemperatureStop"]
    bench.run(8000)
    assert not bench.evse.closed
    assert bench.evse.clear("TemperatureStop")
    bench.tick()
    assert bench.evse.fault is None and bench.evse.faults == []
    bench.until(lambda: bench.evse.closed, 6000)


def test_fault_is_not_cleared_while_its_cause_is_there():
    ok = [True]
    bench = Bench(1, rcd_ok=lambda: ok[0]).charge()
    bench.pe_ohm = 80
    bench.run(1000)
    assert bench.evse.fault == "PilotWrong"
    assert not bench.evse.clear("PilotWrong")
    bench.pe_ohm = None
    bench.run(100)
    assert bench.evse.clear("PilotWrong")
    ok[0] = False
    bench.evse.trip("RcdTripped")
    bench.run(500)
    assert not bench.evse.clear("RcdTripped")
    ok[0] = True
    assert bench.evse.clear("RcdTripped")


def test_rcd_that_trips_unnoticed_by_the_interrupt_opens_in_the_next_window():
    ok = [True]
    bench = Bench(1, rcd_ok=lambda: ok[0]).charge()
    ok[0] = False
    bench.tick()
    assert not bench.evse.closed and bench.evse.fault == "RcdTripped"


def test_fault_that_goes_on_wakes_the_program_once():
    bench = Bench()
    bench.letter = "B"
    bench.run(300)
    bench.pe_ohm = 80
    bench.run(3000)
    assert bench.evse.fault == "PilotWrong"
    count = [0]
    bench.evse.changed.set = lambda: count.__setitem__(0, count[0] + 1)
    bench.run(3000)
    assert count[0] == 0, count


def test_out_of_service_is_f_after_an_orderly_stop():
    bench = Bench().charge()
    bench.evse.out_of_service(True)
    bench.run(1000)
    assert bench.evse.closed and not bench.evse.pwm
    bench.letter = "B"
    bench.run(500)
    assert not bench.evse.closed and bench.evse.state == levels.F
    assert bench.evse.plugged  # F says nothing about the plug
    assert bench.evse.fault is None
    bench.evse.out_of_service(False)
    bench.run(300)
    assert bench.evse.state == levels.B


# -- duty


def test_duty_changes_every_five_seconds_at_most():
    bench = Bench().charge(16000)
    for ma in range(10000, 32000, 1000):
        bench.evse.permit(ma)
        bench.run(700)
    times = [ms for ms, what in bench.pilot.log if isinstance(what, int)]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(gaps) >= 2 and min(gaps) >= 5000, gaps


def test_protection_lowers_the_duty_at_once_but_does_not_raise_it():
    bench = Bench().charge(16000)
    bench.evse.permit(10000, protect=True)
    bench.run(20)
    assert bench.evse.offered_ma == 10000
    bench.evse.permit(16000, protect=True)
    bench.run(4000)
    assert bench.evse.offered_ma == 10000
    bench.run(1100)
    assert bench.evse.offered_ma == 16000


def test_less_than_six_ampere_is_a_stop_and_more_than_80_is_80():
    bench = Bench().charge()
    bench.evse.permit(5999)
    bench.run(40)
    assert not bench.evse.pwm
    assert Bench(4).charge(100000).evse.offered_ma == 80000


# -- time


def test_the_tick_counter_may_wrap_anywhere():
    for start in ((1 << 30) - 350, (1 << 30) - 900, (1 << 29) - 500, (1 << 30) - 7000):
        bench = Bench(7, start_ms=start).charge()
        bench.evse.forbid()
        took = bench.until(lambda: not bench.evse.closed, 7000)
        assert 6000 <= took <= 6050, (start, took)
        bench.evse.permit(16000)
        took = bench.until(lambda: bench.evse.closed, 7000)
        assert 4900 <= took <= 6000, (start, took)


def test_weeks_in_one_state_change_nothing():
    # Six days between two windows is the most the counter can tell; twice over it wraps.
    bench = Bench()
    bench.letter = "B"
    bench.run(300)
    for _ in range(4):
        bench.advance(6 * 86400 * 1000000)
        bench.run(100)
    bench.evse.permit(16000)
    bench.run(100)
    bench.letter = "C"
    assert 500 <= bench.until(lambda: bench.evse.closed, 3000) <= 600


def test_new_evse_is_open_and_at_12_v():
    class Part:
        def __init__(self):
            self.calls = []

        def open(self):
            self.calls.append("open")

        def steady(self):
            self.calls.append("steady")

    part = Part()
    evse = Evse(part, part)
    assert part.calls == ["open", "steady"]
    assert not evse.closed and not evse.pwm and evse.state == levels.UNKNOWN


def test_windows_do_not_allocate():
    if not MICROPYTHON:
        return
    import gc

    import micropython

    class Wire:
        def close(self):
            self.on = True

        def open(self):
            self.on = False

        def steady(self):
            self.on = True

        def offer(self, ma):
            self.on = True

        def fault(self):
            self.on = False

    def buffers(letter, duty=None):
        bench = Bench(9)
        bench.letter = letter
        if duty is not None:
            bench.pilot.duty = duty
        plateau = bench.plateau
        while True:
            # Of one window for all: its share is that of the mean.
            bench.sample(4000)
            if abs(plateau.n_high * 65536 - plateau.n * bench.pilot.duty) < plateau.n * 600:
                return plateau, bench.buf, plateau.n

    evse = Evse(Wire(), Wire())
    quarter = 16384
    scenes = (  # pilot as the firmware drives it in each, windows of 10 ms
        (buffers("B"), 12),
        (buffers("B", quarter), 20),
        (buffers("C", quarter), 70),
        (buffers("B", quarter), 5),
    )
    evse.permit(15000)  # a quarter
    now = (1 << 30) - 200  # over the wrap of the counter, too
    micropython.heap_lock()
    try:
        for (plateau, buf, n), windows in scenes:
            for _ in range(windows):
                now = (now + 10) & ((1 << 30) - 1)
                plateau.measure(buf, n)
                evse.window(now, plateau, 10)
        closes, closed = evse.close_count, evse.closed
        evse.trip("RcdTripped")
    finally:
        micropython.heap_unlock()
    assert closes == 1 and not closed and evse.fault == "RcdTripped", (closes, closed)
    # And the other way round: the heap has not grown by a single block.
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(100):
        plateau.measure(buf, n)
        evse.window(now, plateau, 10)
    assert gc.mem_alloc() == before
