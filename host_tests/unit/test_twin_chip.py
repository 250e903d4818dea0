# The virtual chip: resets, the RTC watchdog and its registers, timer groups, faults.
# MIT license; part of microevse
"""Behaviour of the chip that the firmware would not want. No child process."""

from array import array

from helpers import raises
from twin import twin_state
from twin.world import released
from twin_bench import Board, burst, machine

OPTIONS0 = 0x3FF48000
WDTCONFIG0, WDTCONFIG1 = 0x3FF4808C, 0x3FF48090
WDTFEED, WDTWPROTECT = 0x3FF480A0, 0x3FF480A4
KEY = 0x50D83AA1


def reset_of(fn, *args, **kw):
    """Name of the reset that `fn` ends in, and when (us); None if in none."""
    try:
        fn(*args, **kw)
    except twin_state.Reset as exc:
        return exc.kind, twin_state.clock.now_us
    return None


def charging(b):
    """Contactor closed by the relay pin, 16 A."""
    b.do("plug")
    machine.PWM(machine.Pin(27), freq=1000, duty_u16=17477)
    machine.Pin(26, machine.Pin.OUT, value=1)
    b.do("request")
    b.run(5)
    assert b.world.status()["contactor"] and b.ev.amps > 15


def after(b, kind):
    """The board after that reset."""
    from twin.chip import RESETS

    snapshot = b.world.snapshot()
    if not RESETS[kind][1]:
        snapshot = released(snapshot)
    return Board(clock=b.clock, snapshot=snapshot)


# -- what a reset keeps ------------------------------------------------------------------


def test_a_cpu_reset_keeps_contactor_and_pwm_until_the_firmware_changes_them():
    for kind in ("cpu", "panic", "twdt", "rwdt_cpu"):
        b = Board()
        charging(b)
        b2 = after(b, kind)
        b2.run(60)  # as long as no program runs
        status = b2.world.status()
        assert status["contactor"] and status["amps"] > 15 and status["pilot"] == "C", kind
        assert abs(status["duty"] - 26.67) < 0.1
        assert [v for _, v in b2.times("contact")] == []  # it never moved
        machine.Pin(26, machine.Pin.OUT, value=0)
        b2.run(0.031)
        assert not b2.world.status()["contactor"] and b2.ev.amps == 0


def test_a_system_reset_releases_the_pins():
    for kind in ("system", "rwdt", "rwdt_rtc", "power", "brownout"):
        b = Board()
        charging(b)
        b2 = after(b, kind)
        assert b2.world.status()["contactor"] and b2.ev.amps > 15  # it is about to drop
        b2.run(0.031)
        status = b2.world.status()
        assert not status["contactor"] and status["amps"] == 0 and status["duty"] == 100, kind


def test_a_pin_reads_after_a_cpu_reset_what_it_still_drives():
    b = Board()
    charging(b)
    after(b, "cpu")
    assert machine.Pin(26).value() == 1
    assert machine.Pin(14).value() == 0


def test_the_period_of_the_pwm_goes_on_through_a_cpu_reset():
    b = Board()
    charging(b)
    t = b.clock.now_us + 100000
    before = [b.pilot.volts(t + us) > 0 for us in range(0, 3000, 50)]
    b2 = after(b, "cpu")
    assert [b2.pilot.volts(t + us) > 0 for us in range(0, 3000, 50)] == before


def test_contacts_that_move_during_a_reset_arrive():
    b = Board()
    machine.Pin(26, machine.Pin.OUT, value=1)
    b.run(0.005)
    b2 = after(b, "cpu")
    b2.run(0.03)
    assert b2.outlet.contactor.closed
    machine.Pin(26, machine.Pin.OUT, value=0)
    b2.run(0.01)
    b3 = after(b2, "panic")
    assert b3.outlet.contactor.closed
    b3.run(0.03)
    assert not b3.outlet.contactor.closed


def test_a_guard_goes_on_through_a_reset():
    for guard in ("interlock", "external"):
        b = Board(guard=guard)
        b.do("plug")
        machine.PWM(machine.Pin(27), freq=1000, duty_u16=17477)
        b.do("request")
        b.run(4)
        machine.Pin(26, machine.Pin.OUT, value=1)
        b.run(1)
        assert b.outlet.contactor.closed, guard
        b2 = Board(clock=b.clock, snapshot=b.world.snapshot(), guard=guard)
        b2.run(1)
        assert b2.outlet.contactor.closed and b2.times("contact") == []
        b2.do("release")  # no program runs: it is the guard that opens
        b2.run(0.2)
        assert not b2.outlet.contactor.closed, guard


# -- registers ---------------------------------------------------------------------------


def test_bit_31_of_options0_is_a_system_reset_and_bit_5_one_of_the_cpu():
    Board()

    def write(bit):
        machine.mem32[OPTIONS0] |= 1 << bit

    assert reset_of(write, 31)[0] == "system"
    assert reset_of(write, 5)[0] == "cpu"
    assert reset_of(write, 13) is None
    assert machine.mem32[OPTIONS0] == 0x1C492000


def test_reading_address_0_is_a_panic():
    Board()
    assert reset_of(lambda _: machine.mem32[0], None)[0] == "panic"
    assert reset_of(lambda value: machine.mem32.__setitem__(0, value), 1)[0] == "panic"


def test_only_registers_with_a_source_can_be_touched():
    Board()
    for address in (0x3FF48004, 0x3FF44004, 4, 0x3FF4808D):
        raises(NotImplementedError, machine.mem32.__getitem__, address)
        raises(NotImplementedError, machine.mem32.__setitem__, address, 1)
    Board(chip="esp32s3")
    raises(NotImplementedError, machine.mem32.__setitem__, OPTIONS0, 1 << 31)


def armed(ms, action=3, hz=150000):
    machine.mem32[WDTWPROTECT] = KEY
    machine.mem32[WDTCONFIG1] = ms * hz // 1000
    machine.mem32[WDTCONFIG0] = 1 << 31 | action << 28 | 1 << 9
    machine.mem32[WDTFEED] = 1 << 31
    machine.mem32[WDTWPROTECT] = 0


def fed():
    machine.mem32[WDTWPROTECT] = KEY
    machine.mem32[WDTFEED] = 1 << 31
    machine.mem32[WDTWPROTECT] = 0


def test_the_rtc_watchdog_bites_unless_fed():
    for action, kind in ((2, "rwdt_cpu"), (3, "rwdt"), (4, "rwdt_rtc")):
        b = Board()
        armed(800, action)
        for _ in range(10):
            b.run(0.7)
            fed()
        begin = b.clock.now_us
        assert reset_of(b.run, 5) == (kind, begin + 800000)


def test_writes_without_the_key_are_ignored():
    b = Board()
    armed(800)
    b.run(0.5)
    machine.mem32[WDTFEED] = 1 << 31  # no key
    machine.mem32[WDTCONFIG0] = 0
    assert reset_of(b.run, 1) == ("rwdt", 800000)
    b = Board()
    armed(800)
    machine.mem32[WDTWPROTECT] = KEY
    machine.mem32[WDTCONFIG0] = 0
    assert reset_of(b.run, 10) is None


def test_a_stage_without_a_reset_leads_to_the_next():
    b = Board()
    machine.mem32[WDTWPROTECT] = KEY
    machine.mem32[WDTCONFIG1] = 75000
    machine.mem32[WDTCONFIG1 + 4] = 30000
    machine.mem32[WDTCONFIG0] = 1 << 31 | 1 << 28 | 3 << 25  # interrupt, then system reset
    assert reset_of(b.run, 5) == ("rwdt", 700000)


def test_the_slow_clock_may_be_off():
    b = Board(slow_hz=130000)
    armed(900)
    kind, when = reset_of(b.run, 5)
    assert kind == "rwdt" and abs(when - 900000 * 150 / 130) < 10


def test_the_rtc_watchdog_bites_in_a_stall_and_with_the_clock_stopped():
    b = Board()
    armed(900)
    assert reset_of(b.clock.spend, 5000000)[0] == "rwdt"
    b = Board()
    machine.WDT(timeout=500)
    armed(900)
    b.happens("clock_stop")
    assert reset_of(b.run, 5) == ("rwdt", 900000)


def test_the_rtc_counter_and_ccount_go_on_without_esp_timer():
    b = Board()
    b.run(1)
    b.happens("clock_stop")
    machine.mem32[0x3FF4800C] = 1 << 31
    assert machine.mem32[0x3FF4800C] & 1 << 30
    first = machine.mem32[0x3FF48010]
    frozen = b.clock.virtual_now_us()
    b.run(2)
    assert machine.mem32[0x3FF48010] == first  # latched
    machine.mem32[0x3FF4800C] = 1 << 31
    assert machine.mem32[0x3FF48010] - first == 300000 and machine.mem32[0x3FF48014] == 0
    assert b.clock.virtual_now_us() == frozen == 1000000


def test_the_rtc_watchdog_outlasts_a_cpu_reset():
    b = Board()
    armed(900)
    b.run(0.4)
    state = b.chip.state("cpu")
    b2 = Board(clock=b.clock)
    for event in [e for _, _, e in list(b.clock._heap)]:
        event.fn = None  # what the old chip had planned
    twin_state.chip = type(b.chip)(state)
    assert reset_of(b2.run, 5) == ("rwdt", 900000)


def test_a_panic_leaves_an_enabled_rtc_watchdog_running_while_it_prints_and_then_stops_it():
    for ms, kind in ((50, "rwdt"), (500, None)):
        b = Board()
        armed(ms)
        block = lambda us: b.run(us / 1000000)  # noqa: E731
        found = reset_of(b.chip.begin, "panic", block)
        assert (found and found[0]) == kind, ms
        if kind is None:
            assert not b.chip.rwdt.enabled and b.clock.now_us == 112000 + 600000
            assert b.clock.virtual_now_us() == 600000  # the counter began with the start
            assert reset_of(b.run, 20) is None


def test_the_way_to_boot_takes_what_its_parts_take():
    for kind, us in (("power", 600000), ("cpu", 600000), ("panic", 712000), ("twdt", 747000),
                     ("system", 600000), ("soft", 100000)):  # fmt: skip
        b = Board()
        started = []
        b.chip.begin(kind, lambda us: b.run(us / 1000000), lambda: started.append(b.clock.now_us))
        assert b.clock.now_us == us, kind
        assert started == ([] if kind == "soft" else [us - 100000])
    b = Board(rom_ms=500, panic_ms=0)
    b.chip.begin("panic", lambda us: b.run(us / 1000000))
    assert b.clock.now_us == 1050000


# -- timer groups ------------------------------------------------------------------------


def tick_board(**options):
    b = Board(**options)
    ticks = []
    timer = machine.Timer(0)

    def start():
        timer.init(period=10, mode=machine.Timer.PERIODIC, callback=lambda t: ticks.append(1))

    return b, ticks, start


def test_the_256th_reference_on_timer_group_0_stops_clock_and_task_watchdog():
    for version in ("1.26", "1.27", "1.28", "1.29"):
        b, ticks, start = tick_board(micropython=version)
        machine.WDT(timeout=1000)
        dog = machine.WDT()
        # esp_timer and the task watchdog hold one each.
        for _ in range(254):
            start()
            b.run(0.001)
            dog.feed()
        before = b.clock.virtual_now_us()
        assert before == b.clock.now_us
        start()
        b.run(30)
        assert b.clock.virtual_now_us() == before, version
        assert len(ticks) > 2900  # the timer itself runs
        unix = b.clock.unix_us()
        assert reset_of(b.run, 30) is None and b.clock.unix_us() == unix  # no watchdog bites


def test_other_versions_give_the_reference_back():
    for version in ("1.24", "1.25"):
        b, ticks, start = tick_board(micropython=version)
        for _ in range(600):
            start()
        b.run(1)
        assert b.clock.virtual_now_us() == 1000000 and len(ticks) == 100


def test_timers_are_counted_in_the_group_with_their_own_number():
    b, ticks, start = tick_board(micropython="1.26")
    other = machine.Timer(1)
    for _ in range(600):
        other.init(period=1000, mode=machine.Timer.PERIODIC, callback=None)
    start()
    b.run(1)
    assert b.clock.virtual_now_us() == 1000000 and len(ticks) == 100
    third = machine.Timer(2)
    for _ in range(260):
        third.init(period=1000, mode=machine.Timer.PERIODIC, callback=None)
    ticks.clear()
    b.run(1)
    assert b.clock.stopped_us is not None and not ticks  # Timer(0) was reset with its group


def test_one_init_is_no_danger_however_long_it_runs():
    b, ticks, start = tick_board(micropython="1.26")
    start()
    b.run(20)
    assert b.clock.stopped_us is None and len(ticks) == 2000


# -- the converter -----------------------------------------------------------------------


def test_a_failed_conversion_reads_as_each_version_has_it():
    for version, reads, uv in (("1.24", -1, 3100), ("1.25", -1, 3100), ("1.26", 0, 142),
                               ("1.29", 0, 142)):  # fmt: skip
        Board(adc_error_rate=1.0, micropython=version)
        adc = machine.ADC(36, atten=3)
        assert adc.read_u16() == adc.read() == reads, version
        assert abs(adc.read_uv() // 1000 - uv) < 150
    Board(adc_error_rate=1.0, adc_error_as="raise")
    raises(OSError, machine.ADC(36).read_u16)


def test_converter_faults_are_of_a_pin_a_rate_and_a_time():
    b = Board()
    adc, other = machine.ADC(36, atten=3), machine.ADC(39, atten=3)
    good = adc.read_u16()
    b.happens("adc", pin=36, rate=0.3, burst=3, ms=500)
    reads = [adc.read_u16() for _ in range(1000)]
    failed = sum(v == 0 for v in reads)
    assert 450 < failed < 700  # runs of three: 0.9 of every 1.6
    assert any(reads[i : i + 3] == [0, 0, 0] for i in range(900))
    b.happens("adc", pin=39, stuck=1000)
    assert other.read() == other.read() == 1000
    b.run(0.6)
    assert all(abs(adc.read_u16() - good) < 2000 for _ in range(200))
    assert other.read() == 1000
    b.happens("adc", off=True)
    assert other.read() != 1000


def test_windows_show_what_is_wrong_with_the_converter():
    b = Board()
    buf = array("H", bytes(512))
    adc = machine.ADC(36, atten=3)
    assert min(buf[: burst.sample(adc, buf, 4000)]) > 30000
    b.happens("adc", pin=36, ms=2)
    n = burst.sample(adc, buf, 4000)
    zeros = [i for i in range(n) if buf[i] == 0]
    assert 0.4 * n < len(zeros) < 0.6 * n and zeros[-1] == len(zeros) - 1
    assert b.clock.now_us >= 8000 - 110
    b.happens("adc", pin=36, stuck=1234)
    assert set(buf[: burst.sample(adc, buf, 4000)]) == {1234 << 4 | 1234 >> 8}
    Board(adc_error_rate=1.0, adc_error_as="raise")
    assert burst.sample(machine.ADC(36, atten=3), buf, 4000) == 0


# -- PWM ---------------------------------------------------------------------------------


def test_before_1_26_full_duty_is_one_count_short_and_nothing_on_the_line_shows_it():
    for version, duty in (("1.24", 65535), ("1.25", 65535), ("1.26", 65536)):
        b = Board(micropython=version)
        machine.PWM(machine.Pin(27), freq=1000, duty_u16=65535)
        b.run(0.002)
        assert b.pilot.duty == duty and b.pilot.percent == 100
        b.do("plug")
        assert b.pilot.offered() is None and b.pilot.letter == "B"
        assert all(b.pilot.volts(b.clock.now_us + i) > 8 for i in range(1000))


# -- ticks that are left out -------------------------------------------------------------


def skipping(every, feed=True):
    """A board whose timer takes a window in each `every`-th tick and feeds in the others, too."""
    b = Board(skip_ms=500)
    buf = array("H", bytes(512))
    adc = machine.ADC(36, atten=3)
    dog = machine.WDT(timeout=1000)
    told = {"ticks": 0, "windows": 0, "skipped": 0}

    def tick(timer):
        told["ticks"] += 1
        if feed:
            dog.feed()
        if told["ticks"] % every == 0:
            told["windows"] += 1
            told["skipped"] += burst.skipped_ms()
            burst.sample(adc, buf, 4000)

    machine.Timer(0).init(period=10, mode=machine.Timer.PERIODIC, callback=tick)
    return b, told


def test_idle_ticks_are_left_out_also_by_a_callback_that_looks_every_second_time():
    for every in (1, 2, 3):
        b, told = skipping(every)
        b.run(20)
        assert told["ticks"] < 300, (every, told)
        # The ticks that were left out are accounted for, to the tick that runs next.
        assert abs(told["ticks"] * 10 + told["skipped"] - 20000) <= 500 * every
        before = told["ticks"]
        b.do("plug")
        b.run(1)
        assert told["ticks"] - before >= 99, every


def test_a_short_stall_among_ticks_left_out_is_a_short_gap():
    """The window of a tick that comes late reaches into the next tick. A collection of garbage is
    enough for it: 18 ms."""
    b = Board(skip_ms=500)
    buf = array("H", bytes(512))
    adc = machine.ADC(36, atten=3)
    starts, gaps = [], []

    def tick(timer):
        now = b.clock.now_us
        if starts:
            gaps.append(now - starts.pop() - 1000 * burst.skipped_ms())
        starts.append(now)
        burst.sample(adc, buf, 4000)

    machine.Timer(0).init(period=10, mode=machine.Timer.PERIODIC, callback=tick)
    b.run(5)
    for us in range(0, 10000, 700):
        b.run(1.2 + us / 1000000)
        b.clock.stall(17885)
        b.run(0.001)
    b.run(1)
    assert 17000 < max(gaps) < 30000, max(gaps)


def test_ticks_left_out_have_fed_the_watchdog_only_where_ticks_do():
    b, told = skipping(1)
    assert reset_of(b.run, 60) is None
    b, told = skipping(1, feed=False)
    assert reset_of(b.run, 60) == ("twdt", 1000000)


def test_a_stall_in_an_idle_time_is_as_long_for_the_watchdog_as_any():
    for stall, bites in ((0.9, False), (1.2, True), (4, True)):
        b, told = skipping(2)
        b.run(10.123)
        begin = b.clock.now_us
        found = reset_of(b.clock.spend, int(stall * 1000000))
        assert bool(found) == bites, stall
        if found:
            assert begin + 980000 <= found[1] <= begin + 1000000


def test_a_hang_in_an_idle_time_is_ended_by_the_watchdog():
    b, told = skipping(1)
    b.run(10.123)
    begin = b.clock.now_us
    b.happens("hang")
    kind, when = reset_of(b.run, 30)
    assert kind == "twdt" and begin + 980000 <= when <= begin + 1000000


# -- faults ------------------------------------------------------------------------------


def test_a_hang_runs_no_callback_and_only_a_watchdog_ends_it():
    b, ticks, start = tick_board()
    start()
    b.run(0.1)
    machine.WDT(timeout=1000)
    b.happens("hang")
    assert reset_of(b.run, 5) == ("twdt", 1100000)
    assert len(ticks) == 10


def test_timer_stop_and_timer_late():
    b, ticks, start = tick_board()
    start()
    b.run(0.1)
    b.happens("timer_late", ms=25, count=3)
    when = b.clock.now_us
    b.run(0.105)
    assert len(ticks) == 13
    b.run(0.1)
    assert len(ticks) == 23
    b.happens("timer_stop")
    b.run(5)
    assert len(ticks) == 23 and b.clock.virtual_now_us() == b.clock.now_us > when


def test_unknown_fates_are_refused():
    b = Board()
    raises(ValueError, b.happens, "melt")
