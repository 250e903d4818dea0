# Waking a sleeping EV, and the pause that never opens under load.
# MIT license; part of microevse
"""The parts of iec61851.evse that send the pilot away from PWM for a while, on a small pilot.

They take minutes in which nothing moves: fewer conversions in each window than on a chip.
"""

from iec61851.levels import A, B
from iec61851.sender import MAX_WAKES, Waker
from pilot_bench import Bench


def fs(bench):
    """[ms that each state F lasted]"""
    found = []
    start = None
    for ms, what in bench.pilot.log:
        if what == "fault":
            start = ms
        elif start is not None:
            found.append(ms - start)
            start = None
    return found


def offered(after_ms=None):
    """An EV in B that has been offered current and does not ask."""
    bench = Bench()
    bench.read_us = (120, 131)
    if after_ms is not None:
        bench.evse.waker.after_ms = after_ms
    bench.letter = "B"
    bench.run(200)
    bench.evse.permit(16000)
    bench.until(lambda: bench.evse.pwm, 200)
    return bench


def test_a_sleeper_is_woken_once_after_a_minute_with_four_seconds_of_f():
    bench = offered()
    bench.run(59000)
    assert fs(bench) == []
    bench.run(6500)
    assert len(fs(bench)) == 1 and 4000 <= fs(bench)[0] <= 4050, fs(bench)
    assert bench.evse.pwm and bench.evse.offered_ma == 16000
    bench.run(130000)
    assert len(fs(bench)) == 1 and bench.evse.fault is None


def test_an_ev_that_has_had_enough_is_left_alone():
    bench = offered()
    bench.letter = "C"
    bench.until(lambda: bench.evse.closed, 2000)
    bench.letter = "B"
    bench.run(130000)
    assert fs(bench) == []


def test_each_new_offer_wakes_once_but_only_so_often_for_one_cable():
    bench = offered(20000)
    for _ in range(MAX_WAKES + 2):
        bench.run(30000)
        bench.evse.forbid()
        bench.run(6000)
        bench.evse.permit(16000)
    bench.run(30000)
    assert len(fs(bench)) == MAX_WAKES
    bench.letter = "A"
    bench.run(500)
    bench.letter = "B"
    bench.run(500)
    bench.evse.permit(16000)
    bench.run(30000)
    assert len(fs(bench)) == MAX_WAKES + 1


def test_waking_can_be_switched_off():
    bench = offered(0)
    bench.run(130000)
    assert fs(bench) == []


def test_a_fault_during_a_wake_up_is_latched_as_any_other():
    bench = offered(20000)
    bench.run(21000)
    assert bench.pilot.log[-1][1] == "fault"
    bench.evse.trip("RcdTripped")
    bench.run(10000)
    assert not bench.evse.pwm and bench.evse.fault == "RcdTripped"


def test_a_pause_lets_the_ev_go_and_resumes():
    bench = Bench().charge()
    bench.evse.pause()
    bench.run(50)
    assert not bench.evse.pwm and bench.evse.closed
    bench.run(1500)
    bench.letter = "B"
    bench.until(lambda: not bench.evse.closed, 60)
    bench.run(20000)
    assert bench.evse.paused and not bench.evse.pwm
    bench.evse.resume()
    bench.until(lambda: bench.evse.pwm, 100)
    bench.letter = "C"
    bench.until(lambda: bench.evse.closed, 2000)


def test_an_ev_that_ignores_a_pause_goes_on_charging():
    bench = Bench().charge()
    coil = len(bench.contactor.log)
    bench.evse.pause()
    bench.run(5900)
    assert bench.evse.paused and not bench.evse.pwm
    bench.run(300)
    assert not bench.evse.paused and bench.evse.pwm and bench.evse.closed
    bench.run(20000)
    assert len(bench.contactor.log) == coil


def test_a_stop_during_a_pause_opens_after_six_seconds():
    bench = Bench().charge()
    bench.evse.pause()
    bench.run(3000)
    bench.evse.forbid()
    bench.run(5900)
    assert bench.evse.closed
    bench.run(300)
    assert not bench.evse.closed


def test_unplugging_ends_what_a_pause_waits_for():
    bench = Bench().charge()
    bench.evse.pause()
    bench.run(1000)
    bench.letter = "A"
    assert bench.until(lambda: not bench.evse.closed, 60) <= 30
    bench.run(300)
    assert not bench.evse.plugged and bench.evse.unplug_count == 1


def test_the_time_to_wake_begins_at_nought_with_each_offer():
    waker = Waker()
    waker.after_ms = 100
    for offers in range(3):
        assert waker.look(1, True, False, B) is False
        asked = [waker.look(1, True, True, B) for _ in range(100)]
        assert asked.index(True) == 99, offers
        # State F that wakes is ours, and arms nothing.
        assert waker.look(1, True, False, B) is False
        assert not any([waker.look(1, True, True, B) for _ in range(200)])
        waker.look(1, False, False, A)
