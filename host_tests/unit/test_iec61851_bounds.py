# The bounds of the pilot's parts, each to the last unit; no time passes but what the test says.
# MIT license; part of microevse
"""Whole charges hide a bound that is off by one: here each part is asked at it and beside it."""

from helpers import raises
from iec61851 import duty, proximity
from iec61851.closings import CUT, UNPLUGGED, Closings
from iec61851.evidence import Evidence
from iec61851.latch import CAUSES, Latch
from iec61851.levels import LETTERS, UNKNOWN, WEAK_MV, A, B, C, D, E, F, FrontEnd, Streak
from iec61851.levels import classify, level
from iec61851.sender import FAULT, MAX_WAKES, OFFER, STEADY, Sender, Waker
from station import faults

# -- levels ------------------------------------------------------------------------------


def test_a_voltage_on_a_bound_belongs_below_it():
    for bound, above, below in (
        (15000, UNKNOWN, A), (10500, A, B), (7500, B, C), (4500, C, D), (1500, D, E),
        (-1500, E, UNKNOWN),
    ):  # fmt: skip
        assert level(bound + 1) == above and level(bound) == below, bound


def test_each_level_has_its_letter():
    assert [LETTERS[x] for x in (UNKNOWN, A, B, C, D, E, F)] == list("?ABCDEF")


def seen(high, last, low=-12000, n_high=40, n_low=40, pwm=True):
    return classify(high, low, n_high, n_low, pwm, last)


def test_hysteresis_is_between_two_levels_of_an_ev_only():
    assert seen(7400, B) == B and seen(7600, C) == C
    for last in (UNKNOWN, F):
        assert seen(7400, last) == C and seen(7600, last) == B
        assert seen(4600, last) == C and seen(4400, last) == D
    # An invalid level stays invalid, whatever level was before.
    for last in (UNKNOWN, A, B, C, D, E, F):
        assert seen(15100, last) == UNKNOWN and seen(-1600, last) == UNKNOWN


def test_the_least_samples_of_each_half():
    assert seen(6000, C, n_high=3) == C and seen(6000, C, n_high=2) == UNKNOWN
    assert seen(6000, C, n_low=2) == C and seen(6000, C, n_low=1) == UNKNOWN
    assert seen(6000, C, n_low=0, pwm=False) == C
    assert seen(0, E, n_low=0) == E


def test_f_is_a_low_half_alone():
    def low(n_high, n_low, pwm, mv=-10000):
        return classify(0, mv, n_high, n_low, pwm, UNKNOWN)

    assert low(0, 3, True) == low(0, 3, False) == low(2, 3, False) == F
    assert low(1, 3, True) == low(0, 2, False) == low(0, 3, False, -9999) == UNKNOWN


# -- proximity, duty ---------------------------------------------------------------------


def test_every_rating_ends_at_its_bound():
    for ohms, at, beyond in (
        (80, proximity.SHORT, 63000), (140, 63000, 32000), (308, 32000, 20000),
        (936, 20000, 13000), (2460, 13000, proximity.INVALID),
        (3699, proximity.INVALID, proximity.OPEN),
    ):  # fmt: skip
        assert proximity.rating_ma(ohms) == at and proximity.rating_ma(ohms + 1) == beyond, ohms


def test_ohms_of_a_voltage():
    assert proximity.ohms(1650) == 1000 and proximity.ohms(1650, 330) == 330
    assert proximity.ohms(2500, 1000, 5000) == 1000
    assert proximity.ohms(0) == 0 and proximity.ohms(-20) == 0
    assert proximity.ohms(3299) == 3299000 and proximity.ohms(3300) == 1000000
    assert proximity.cable_ma(3300) == proximity.OPEN and proximity.cable_ma(0) == proximity.SHORT


def test_what_an_ev_reads_at_the_bounds_of_the_table():
    for value, ma in (
        (5242, 0), (5243, 6000), (6553, 6000), (6554, 6000), (55706, 51000), (55707, 52505),
        (62914, 79997), (62915, 80000), (63569, 80000), (63570, 0),
    ):  # fmt: skip
        assert duty.ma_offered(value) == ma, (value, duty.ma_offered(value))
    for ma in (5999, 80001):
        raises(ValueError, duty.duty_u16, ma)
    assert duty.duty_u16(6000) == 6553 and duty.duty_u16(80000) == 62914
    # Between the knees nothing more is offered than the lower one.
    assert duty.duty_u16(51000) == duty.duty_u16(52499) == 55705
    assert duty.duty_u16(52500) == 55705 and duty.duty_u16(52600) == 55731


# -- runs and evidence -------------------------------------------------------------------


def test_a_run_lasts_from_its_first_window_on():
    run = Streak()
    assert run.lasts(0, 0) and not run.lasts(1, 0)
    run.more(500)
    assert (run.windows, run.ms) == (1, 0) and run.lasts(1, 0)
    run.more(10)
    run.more(10)
    assert (run.windows, run.ms) == (3, 20) and run.lasts(3, 20)
    assert not run.lasts(4, 20) and not run.lasts(3, 21)
    run.over()
    assert (run.windows, run.ms) == (0, 0)
    run.windows, run.ms = 59999, 59995
    run.more(10)
    run.more(10)
    assert (run.windows, run.ms) == (60000, 60000)


def test_closed_it_opens_at_the_third_bad_window_and_38_ms():
    for step, windows in ((10, 5), (19, 3), (18, 4), (38, 3), (37, 3), (12, 5), (13, 4)):
        evidence = Evidence()
        for i in range(1, 20):  # noqa: B007 (asserted after the loop)
            if evidence.closed(False, "PilotWrong", step, 1) is not None:
                break
        assert i == windows, step
    evidence = Evidence()
    for _ in range(4):
        assert evidence.closed(False, None, 10, 10) is None
    assert evidence.closed(False, None, 10, 10) == ""
    evidence.closed(True, None, 10, 10)
    assert evidence.bad.windows == 0


def test_closed_200_ms_of_doubt_open_and_good_windows_take_half():
    evidence = Evidence()
    for _ in range(19):
        assert evidence.closed(False, "DiodeLost", 10, 10) is None
        assert evidence.closed(True, None, 10, 0) is None
    assert evidence.closed(False, "DiodeLost", 10, 10) == "DiodeLost"
    evidence = Evidence()
    evidence.closed(False, None, 10, 100)
    evidence.closed(True, None, 10, 10)
    assert evidence.doubt == 100 * 16 - 10 * 8
    evidence.closed(True, None, 10, 189)
    assert evidence.doubt == 8
    evidence.closed(True, None, 10, 1)
    assert evidence.doubt == 0
    evidence.closed(True, None, 10, 1000)
    assert evidence.doubt == 0


def test_without_a_majority_s_cause_the_pilot_is_unsteady():
    evidence = Evidence()
    for cause in [None] * 3 + ["PilotWrong"]:
        last = evidence.closed(False, cause, 1, 60)
    assert last == "PilotUnsteady"
    evidence = Evidence()
    for cause in ("DiodeLost", "PilotWrong", "PilotWrong", "PilotWrong"):
        last = evidence.closed(False, cause, 1, 60)
    assert last == "PilotWrong"


def test_open_a_wrong_pilot_is_told_at_500_ms_and_three_windows():
    for step, windows in ((100, 6), (125, 5), (124, 6), (250, 3), (500, 3)):
        evidence = Evidence()
        for i in range(1, 20):  # noqa: B007 (asserted after the loop)
            if evidence.open("PilotWrong", step):
                break
        assert i == windows, step


def test_open_the_first_bad_window_counts_a_quarter_until_the_next_one_is_bad_too():
    evidence = Evidence()
    for ms, doubt in ((10, 10 * 4), (10, 20 * 16), (10, 30 * 16), (7, 37 * 16)):
        assert evidence.open("PilotWrong", ms) is None and evidence.doubt == doubt
    evidence.open(None, 12)
    assert evidence.doubt == 37 * 16 - 12 and evidence.bad.windows == 0
    evidence.open(None, 37 * 16 - 12)
    assert evidence.doubt == 0
    evidence.open(None, 1000)
    assert evidence.doubt == 0


def test_open_320_ms_of_doubt_are_told_when_they_come_back():
    evidence = Evidence()
    for ms in (10, 150, 159):
        assert evidence.open("PilotWrong", ms) is None
    assert evidence.doubt == 10 * 4 + 150 * 28 + 159 * 16  # more than 320 ms, in this run alone
    before = evidence.doubt
    evidence.open("PilotWrong", 50)
    assert evidence.doubt == before, "counted no further"
    evidence.open(None, before - 320 * 16)
    assert evidence.doubt == 320 * 16
    assert evidence.open("DiodeLost", 10) == "PilotWrong"
    evidence.open(None, 1)
    assert evidence.open("DiodeLost", 0) is None, "a little less"
    # The run itself may last 160 ms before most of the doubt is its own.
    for ms, told in ((159, "DiodeLost"), (160, None)):
        evidence = Evidence()
        evidence.doubt, evidence.cause, evidence._votes = 320 * 16, "DiodeLost", 1
        evidence.bad.more(0)
        assert evidence.open("PilotWrong", ms) == told
    evidence = Evidence()
    evidence.doubt, evidence.cause, evidence._votes = 320 * 16, None, 1
    assert evidence.open("PilotWrong", 1) == "PilotWrong"


# -- latch -------------------------------------------------------------------------------


class Allows:
    def __init__(self, yes=True):
        self.yes = yes

    def may_clear(self, cause):
        return self.yes


def test_a_latch_counts_how_often_and_forgets_what_was_asked_for_only():
    latch = Latch()
    assert latch.moved is False and latch.settle(Allows()) is None and latch.all() == []
    for i in range(252):
        assert latch.add("DiodeLost") is (i == 0)
        assert latch.count("DiodeLost") == i % 250 + 1
    assert latch.moved is True and latch.count("PilotWrong") == 0
    assert latch.settle(Allows()) == "DiodeLost" and latch.moved is False
    latch.ask("DiodeLost", latch.count("DiodeLost"))
    assert latch.moved is True
    latch.add("DiodeLost")
    assert latch.settle(Allows()) == "DiodeLost", "latched again since it was asked for"
    assert latch.settle(Allows()) == "DiodeLost", "and asked for once only"
    latch.ask("DiodeLost", latch.count("DiodeLost"))
    assert latch.settle(Allows(False)) == "DiodeLost"
    latch.ask("DiodeLost", 0)
    assert latch.moved is False
    latch.ask("DiodeLost", latch.count("DiodeLost"))
    assert latch.settle(Allows()) is None and latch.all() == []


def test_the_latch_and_the_station_know_the_same_causes():
    assert CAUSES[-1] == "UnknownCause" and len(set(CAUSES)) == len(CAUSES)
    known = [line.partition("|")[0] for line in faults._TABLE.strip().split("\n")]
    assert sorted(known) == sorted(CAUSES[:-1])


def test_every_cause_has_its_place_and_the_worst_is_first():
    latch = Latch()
    for cause in reversed(CAUSES):
        latch.add(cause)
        assert latch.settle(Allows()) == cause
    assert latch.all() == list(CAUSES)
    latch = Latch()
    latch.add("NoSuchCause")
    assert latch.all() == [CAUSES[-1]] and latch.count("AnotherOne") == 1


# -- closings ----------------------------------------------------------------------------

BOUNDS = (  # cause, plug out in between, most, ms for one, why, person
    (None, False, 50, 120000, "often", False),
    ("DiodeLost", False, 3, 14400000, "fault", False),
    (None, True, 100, 15000, "often", True),
    ("DiodeLost", True, 10, 7200000, "fault", True),
    ("RcdTripped", True, 3, 86400000, "rcd", True),
    (UNPLUGGED, True, 15, 1800000, "fault", True),
    (CUT, False, 6, 3600000, "fault", False),
)


def test_each_bound_is_met_at_its_number_and_lets_go_after_its_time():
    for cause, unplug, most, each_ms, why, person in BOUNDS:
        closings = Closings()
        for number in range(1, most + 1):
            assert closings.why is None, (cause, unplug, number)
            told = closings.ended(1000, cause)
            if unplug and number < most:
                closings.unplugged(1000)
        assert told == closings.why == why and closings.person is person, (cause, unplug)
        closings.unplugged(1000)
        assert closings.why == (why if person else None)
        # One less, when the time of one has passed.
        closings = Closings()
        for _ in range(1, most):
            closings.ended(1000, cause)
            if unplug:
                closings.unplugged(1000)
        closings.passed(1000 + each_ms)
        assert closings.ended(1000 + each_ms, cause) is None, (cause, unplug)
        assert closings.ended(1000 + each_ms, cause) == why or unplug
        closings = Closings()
        for _ in range(1, most):
            closings.ended(1000, cause)
            if unplug:
                closings.unplugged(1000)
        closings.ended(1000 + each_ms - 1, cause)
        if most <= 10:
            assert closings.ended(1000 + each_ms - 1, cause) is not None


def test_what_a_person_wanted_counts_as_no_fault():
    for cause in ("EmergencyStop", "ResetRequested", "ConsoleStop", "TemperatureStop"):
        closings = Closings()
        for _ in range(20):
            assert closings.ended(0, cause) is None
        assert closings.cause is None and closings.news is True
        assert closings.counts() == [0, 0, 0, 2400, 0, 300, 0, 0]
    closings.ended(0, "DiodeLost")
    assert closings.cause == "DiodeLost" and closings.news is True


def test_what_is_left_of_a_plug_in():
    closings = Closings()
    assert closings.left == (50, 3)
    closings.ended(0, None)
    assert closings.left == (49, 3)
    closings.ended(0, "DiodeLost")
    assert closings.left == (48, 2)
    closings.passed(120000)
    assert closings.left == (49, 2)
    closings.passed(120001)
    assert closings.left == (49, 2)
    for _ in range(5):
        closings.ended(120001, "DiodeLost")
    assert closings.left[1] == 0
    closings.unplugged(120001)
    assert closings.left == (50, 3)


def test_time_that_went_back_is_none():
    closings = Closings()
    closings.ended(5000, "DiodeLost")
    closings.passed(1000)
    assert closings.counts()[0] == 7200
    closings.passed(2000)
    assert closings.counts()[0] == 7199


def test_what_has_lain_for_longer_is_no_credit():
    closings = Closings()
    closings.ended(0, "DiodeLost")
    closings.passed(200000000)
    closings.passed(200000001)
    assert set(closings._debts) == {0}


def test_counts_outlast_a_reboot_and_nonsense_is_the_most_there_is():
    closings = Closings()
    closings.ended(0, "RcdTripped")
    counts = [7200, 86400, 0, 120, 14400, 15, 0, 0]
    assert closings.counts() == counts and closings.news is True
    after = Closings()
    assert after.restore(counts) is None and after.counts() == counts
    for values, kept in (
        ((0, 0, 0), (0, 0, 0)), ((72000, 259200, 0), (72000, 259200, 0)),
        ((72001, 259201, 0), (72000, 259200, 0)), ((-1, "x", 0), (72000, 259200, 0)),
        ((None, 1.5, 1), (72000, 259200, 1)),
        ((0, 0, 0, 6001, -1, "x"), (0, 0, 0, 6000, 43200, 1500)),
        ((0, 0, 0, 120, 14400, 1500), (0, 0, 0, 120, 14400, 1500)),
        ((0, 0, 0, 4), (0, 0, 0, 4)), ((0, 0, 0, 4, 5, 6, 7), (0, 0, 0, 4, 5, 6, 7)),
        ((0, 0, 0, 4, 5, 6, 7, 8, 9), (0, 0, 0, 4, 5, 6, 7, 8)),
        ((0, 0, 0, 0, 0, 0, 27001, -1), (0, 0, 0, 0, 0, 0, 27000, 21600)),
    ):  # fmt: skip
        after = Closings()
        after.restore(values)
        assert after.counts() == list(kept + (0,) * 5)[:8], values
    for values, why in (((600, 86400, 1), "rcd"), ((72000, 86400, 1), "rcd"),
            ((600, 599, 1), "fault"),
                        ((600, 600, 1), "rcd"), ((600, 86400, 0), None)):  # fmt: skip
        after = Closings()
        assert after.restore(values) == why == after.why, values
        assert after.person is bool(values[2])
    for values, why in (((0, 0, 0, 5880, 0, 0), None), ((0, 0, 0, 5881, 0, 0), "often"),
                        ((0, 0, 0, 0, 28800, 0), None), ((0, 0, 0, 0, 28801, 0), "fault"),
                        ((0, 0, 0, 0, 0, 1500), None)):  # fmt: skip
        after = Closings()
        assert after.restore(values) == why == after.why and after.person is False, values
        after.unplugged(0)
        assert after.why is None and after.news is any(values[3:5]), values
    for wrong in ((1, 2), (), None, 7, "counts", [None] * 8):
        after = Closings()
        assert after.restore(wrong) == "rcd" and after.person is True, wrong
        assert after.counts() == [72000, 259200, 1, 6000, 43200, 1500, 27000, 21600], wrong
    after.reset()
    assert after.why is None and after.person is False and after.counts() == [0] * 8
    assert after.left == (50, 3)
    after.ended(0, None)
    after.reset()
    assert after.news is True and after.cause is None


# -- sender ------------------------------------------------------------------------------


class Pilot:
    def __init__(self):
        self.log = []

    def steady(self):
        self.log.append("steady")

    def offer(self, ma):
        self.log.append(ma)

    def fault(self):
        self.log.append("fault")


class Seen:
    def __init__(self, level=B, windows=9, ms=900):
        self.level = level
        self.run = Streak()
        self.run.windows, self.run.ms = windows, ms


def sender(ventilated=False):
    pilot = Pilot()
    send = Sender(pilot, ventilated)
    assert pilot.log == ["steady"]
    del pilot.log[:]
    send.want_ma = 16000
    return send, pilot


def test_the_duty_stays_for_five_seconds():
    send, pilot = sender()
    assert send.drive(Seen(), True, False, False) is True and pilot.log == [16000]
    assert (send.output, send.ma, send.left_ms) == (OFFER, 16000, 5000) and send.share_pm == 266
    send.want_ma = 10000
    assert not send.drive(Seen(), True, False, False)
    send.passed(4999, True)
    assert not send.drive(Seen(), True, False, False) and send.left_ms == 1
    send.passed(1, True)
    assert send.drive(Seen(), True, False, False) and pilot.log == [16000, 10000]
    assert not send.drive(Seen(), True, False, False)


def test_less_is_offered_at_once_where_something_protects_and_more_never():
    send, pilot = sender()
    send.drive(Seen(), True, False, False)
    send.protect = True
    for ma, log in ((16001, []), (16000, []), (15999, [15999])):
        send.want_ma = ma
        del pilot.log[:]
        send.drive(Seen(), True, False, False)
        assert pilot.log == log, ma


def test_what_ends_pwm():
    for change in ("plugged", "ending", "want", "service", "paused", "gone", "refused", "fault"):
        for closed in (False, True):
            send, pilot = sender()
            send.drive(Seen(), True, closed, False)
            send.passed(2000, closed)
            seen = Seen()
            plugged, ending = change != "plugged", change == "ending"
            if change == "want":
                send.want_ma = 0
            elif change == "service":
                send.in_service = False
            elif change == "paused":
                send.paused = True
            elif change == "gone":
                seen = Seen(A, 2)
            elif change == "refused":
                seen = Seen(D, 2, 38)
            elif change == "fault":
                send.f_left = 1
            assert send.drive(seen, plugged, closed, ending) is True
            f = change == "fault" or (change == "service" and not closed)
            assert pilot.log[1:] == ["fault" if f else "steady"], (change, closed)
            assert send.ma == 0 and send.share_pm == (0 if f else 1000)
            assert send.output == (FAULT if f else STEADY)
            if not f:
                assert send.left_ms == (30000 if change == "refused" else 5000)


def test_one_window_of_a_or_a_short_d_ends_nothing():
    for seen in (Seen(A, 1), Seen(D, 1, 900), Seen(D, 2, 37)):
        send, pilot = sender()
        send.drive(Seen(), True, True, False)
        assert not send.drive(seen, True, True, False)
    send, pilot = sender(ventilated=True)
    send.drive(Seen(), True, True, False)
    assert not send.drive(Seen(D, 9, 900), True, True, False)


def test_f_lasts_only_while_it_is_sent_and_ends_even_if_pwm_has_to_wait():
    send, pilot = sender()
    send.f_left = 300
    send.passed(100, False)
    assert send.f_left == 300
    send.drive(Seen(), True, False, False)
    assert not send.drive(Seen(), True, False, False) and pilot.log == ["fault"]
    send.passed(299, False)
    send.left_ms = 700
    send.drive(Seen(), True, False, False)
    assert pilot.log == ["fault"] and send.f_left == 1
    send.passed(2, False)
    assert send.f_left == 0
    assert send.drive(Seen(), True, False, False) is True and pilot.log == ["fault", "steady"]
    assert not send.drive(Seen(), True, False, False)


def test_a_pause_passes_while_closed():
    send, pilot = sender()
    send.paused, send.pause_left = True, 6000
    send.passed(9000, False)
    assert send.paused and send.pause_left == 6000
    send.passed(5999, True)
    assert send.paused
    send.passed(1, True)
    assert not send.paused


# -- what the charger knows of itself ----------------------------------------------------


def test_a_weak_source_is_one_that_was_weak_twice():
    assert WEAK_MV == -11100  # -12 V within 1 V, and what a converter may be off
    front = FrontEnd()
    assert front.low_mv is None and not front.weak
    front.seen(WEAK_MV + 1)
    assert not front.weak and front.low_mv == WEAK_MV + 1
    front.seen(WEAK_MV)
    front.seen(WEAK_MV + 1)
    assert not front.weak
    front.seen(WEAK_MV + 1)
    assert front.weak
    front.seen(WEAK_MV + 1)
    front.seen(WEAK_MV)
    assert not front.weak
    front.tested(WEAK_MV + 1)
    assert front.weak


def test_a_wake_up_after_its_time_in_b_with_pwm():
    assert MAX_WAKES == 3
    waker = Waker()
    waker.after_ms = 1000
    assert waker.wakes == 0
    for number in range(1, MAX_WAKES + 1):
        assert waker.look(10, True, False, B) is False
        assert waker.look(999, True, True, B) is False
        assert waker.look(1, True, True, B) is True and waker.wakes == number
        assert waker.look(5000, True, True, B) is False
        waker.look(10, True, True, B)
    waker.look(10, True, False, B)
    assert waker.look(5000, True, True, B) is False, "so often for one cable"
    waker.look(10, False, False, A)
    assert waker.wakes == 0
    waker.look(10, True, False, B)
    assert waker.look(1000, True, True, B) is True


def test_an_ev_that_has_asked_and_a_waker_that_is_off_wake_nobody():
    for level_, after in ((C, 1000), (D, 1000), (B, 0)):
        waker = Waker()
        waker.after_ms = after
        waker.look(10, True, False, B)
        waker.look(10, True, True, level_)
        assert waker.look(5000, True, True, B) is False
    # State F of a wake-up is no new offer; the PWM that ends later is one.
    waker = Waker()
    waker.after_ms = 1000
    waker.look(0, True, False, B)
    assert waker.look(1000, True, True, B) is True
    waker.look(400, True, False, F)
    assert waker.look(2000, True, True, B) is False
    waker.look(10, True, False, B)
    assert waker.look(999, True, True, B) is False and waker.look(1, True, True, B) is True
