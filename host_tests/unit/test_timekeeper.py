# When a time server is asked, and when it is not.
# MIT license; part of microevse
"""The clock and the network are the test's own; the questions go to a fake socket module."""

import sntp
import timekeeper
from evse_base.clock import BUILD_UNIX, Clock
from helpers import run
from ocppj.resolver import Resolver
from store import kinds

NOON = 1798804800  # 2027-01-01T12:00:00Z


class Parts:
    """A Timekeeper whose time server says `unix` (None: it says nothing at all)."""

    connected = True

    def __init__(self, server="time.example", secure=False, kept=None):
        self.ms = 0
        self.server, self.source = server, "Heartbeat,NTP"
        self.secure = secure
        self.open = True
        self.unix = NOON
        self.error = None
        self.asked = []
        self.resolver = Resolver(lambda host, port: host)
        self.attempts = 1
        self.clock = Clock(lambda: self.ms & ((1 << 30) - 1))
        self.kept = kept
        self.rtc = []
        self.backs = []
        self.keeper = timekeeper.Timekeeper(
            self,
            self.clock,
            self,
            lambda: self.open,
            lambda: self.secure,
            self,
            self,
            self.set_rtc,
        )

    def set_rtc(self, unix, back):
        self.rtc.append(unix)
        self.backs.append(back)
        return True

    def keep(self, kind, key, payload):
        assert (kind, key) == (kinds.TOLD, 0)
        self.kept = payload

    def get(self, kind, key):
        return self.kept

    def text(self, name):
        return {"NtpServer": self.server, "TimeSource": self.source}[name]

    async def query(self, host, port, floor):
        self.floor = floor
        self.asked.append((host, port, self.clock.uptime()))
        if self.error:
            raise self.error
        return self.unix

    def pass_s(self, seconds, step=1):
        """Time goes by, the task looks once a second."""
        before, sntp.query = sntp.query, self.query
        try:
            for _ in range(0, seconds, step):
                self.ms += 1000 * step
                if self.keeper.due():
                    run(self.keeper.ask())
        finally:
            sntp.query = before


def test_the_central_system_gets_its_chance_first():
    parts = Parts()
    parts.pass_s(timekeeper.GRACE_S - 1)
    assert parts.asked == []
    parts.pass_s(2)
    assert parts.asked == [("time.example", 123, timekeeper.GRACE_S)]
    assert parts.clock.now() == NOON + 1  # one second of the test has passed since


def test_before_tls_there_is_no_waiting():
    parts = Parts("10.0.0.7:1123", secure=True)
    parts.pass_s(1)
    assert parts.asked == [("10.0.0.7", 1123, 1)]


def test_half_a_day_without_a_word_of_anybody_is_enough():
    parts = Parts(secure=True)
    parts.pass_s(1)
    parts.pass_s(timekeeper.REFRESH_S - 60, step=30)
    assert len(parts.asked) == 1
    parts.pass_s(120, step=30)
    assert len(parts.asked) == 2


def test_as_long_as_the_central_system_tells_the_time_nobody_else_is_asked():
    parts = Parts(secure=True)
    parts.clock.set(NOON)
    for _ in range(48):
        parts.pass_s(3600, step=60)
        parts.clock.set(NOON + parts.clock.uptime())
    assert parts.asked == []


def test_an_answer_that_comes_after_the_central_system_s_is_not_used():
    parts = Parts(secure=True)
    told = NOON + 5000

    async def slow(host, port, floor):
        parts.clock.set(told)
        return NOON

    before, sntp.query = sntp.query, slow
    try:
        assert run(parts.keeper.ask()) is False
    finally:
        sntp.query = before
    assert parts.clock.now() == told


def test_it_is_asked_only_while_a_stall_does_no_harm_and_there_is_a_network():
    parts = Parts(secure=True)
    parts.open = False
    parts.pass_s(100)
    assert parts.asked == []
    parts.open, parts.connected = True, False
    parts.pass_s(100)
    assert parts.asked == []
    parts.connected = True
    parts.pass_s(1)
    assert len(parts.asked) == 1


def test_an_empty_setting_is_off():
    parts = Parts("", secure=True)
    parts.pass_s(1000)
    assert parts.asked == []


def test_without_ntp_among_the_sources_no_time_server_is_asked():
    parts = Parts(secure=True)
    parts.source = "Heartbeat"
    parts.pass_s(1000)
    assert parts.asked == []
    parts.source = "Heartbeat,NTP"
    parts.pass_s(20)
    assert parts.asked


def test_a_server_that_does_not_answer_is_asked_less_and_less_often():
    parts = Parts(secure=True)
    parts.error = OSError(110)
    parts.pass_s(7200)
    times = [at for _, _, at in parts.asked]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[0] >= 15 and gaps == sorted(gaps)
    assert gaps[-1] == timekeeper.RETRY_MAX_S
    parts.error = None
    parts.pass_s(timekeeper.RETRY_MAX_S)
    assert parts.clock.now() is not None


def test_a_server_that_does_not_want_to_be_asked_is_left_alone():
    parts = Parts(secure=True)
    parts.error = sntp.KissOfDeath("DENY")
    parts.pass_s(80000, step=40)
    assert len(parts.asked) == 1


def test_a_time_that_cannot_be_is_refused_by_the_clock():
    parts = Parts(secure=True)
    parts.unix = 0
    parts.pass_s(10)
    assert parts.clock.now() is None and len(parts.asked) == 1


def test_the_time_is_kept_when_the_central_system_told_it_and_every_six_hours():
    parts = Parts()
    parts.clock.set(NOON)
    assert parts.kept[0] == NOON
    parts.pass_s(timekeeper.KEEP_S - 60, step=30)
    parts.clock.set(NOON + parts.clock.uptime())
    assert parts.kept[0] == NOON
    parts.pass_s(120, step=30)
    parts.clock.set(NOON + parts.clock.uptime())
    assert parts.kept[0] == NOON + parts.clock.uptime()


def test_the_word_of_a_time_server_is_never_kept():
    parts = Parts(secure=True)
    parts.pass_s(1)
    assert parts.clock.now() == NOON and parts.kept is None


def test_the_floor_is_the_earliest_that_a_time_server_may_say():
    parts = Parts(secure=True, kept=[NOON, NOON - 7])
    parts.pass_s(1)
    assert parts.floor == NOON - 7
    assert Parts().keeper.kept(1) == BUILD_UNIX
    assert Parts(kept=[1000, 1000]).keeper.kept(1) == BUILD_UNIX, "an old image knows no better"
    assert Parts(kept=[NOON]).keeper.kept(1) == BUILD_UNIX, "an older firmware kept no floor"


def test_without_any_time_certificates_are_checked_as_of_the_last_one():
    for server, kept in (("", [NOON]), ("", None)):
        parts = Parts(server, secure=True, kept=kept)
        run(parts.keeper.before_tls())
        assert parts.rtc == [NOON if kept else BUILD_UNIX]
        assert parts.backs == [False], "a clock that has run on through the reset is better"
    parts = Parts("", secure=False, kept=[NOON])
    run(parts.keeper.before_tls())
    assert parts.rtc == [], "ws:// needs no clock"


JUMP = 604800
STEP = 34560000
WRONG = 4070908800  # 2099-01-01
YEAR = 31536000
DOUBT_S = 600


def connected(parts, unix):
    """A new connection, on which the central system tells the time."""
    parts.attempts += 1
    parts.clock.set(unix)


def test_the_floor_rises_to_what_a_certificate_was_valid_by():
    parts = Parts("", secure=True)
    connected(parts, NOON)
    assert parts.kept[:2] == [NOON, BUILD_UNIX], (
        "checked as of the build, which says nothing of now"
    )
    connected(parts, NOON + 60)
    assert parts.kept[:2] == [NOON + 60, NOON], "checked by the clock"
    # On a connection that stands for long, a clock that does not jump is as good.
    for _ in range(3):
        parts.pass_s(timekeeper.KEEP_S + 60, step=30)
        parts.clock.set(NOON + 60 + parts.clock.uptime())
        assert parts.kept[:2] == [parts.clock.now(), parts.clock.now() - 60]


def test_what_is_told_without_tls_or_jumps_does_not_raise_the_floor():
    for secure in (False, True):
        parts = Parts("", secure=secure, kept=[NOON, NOON])
        connected(parts, NOON + 10)
        for _ in range(3):
            parts.clock.set(WRONG + parts.clock.uptime())
            parts.pass_s(timekeeper.KEEP_S + 60, step=30)
        parts.clock.set(WRONG + parts.clock.uptime())
        assert parts.kept[:2] == [WRONG + parts.clock.uptime(), NOON]
        parts.secure = False
        connected(parts, WRONG + parts.clock.uptime())
        assert parts.kept[1] == NOON
    # A certificate that is valid in 2099, too: a step at a time.
    parts = Parts("", secure=True, kept=[NOON, NOON])
    for count in range(3):
        connected(parts, WRONG + parts.clock.uptime())
        assert parts.kept[:2] == [WRONG, NOON + count * STEP]
    # A lone word does not take it back: which of the two is wrong?
    connected(parts, NOON + YEAR)
    assert parts.kept[:2] == [NOON + YEAR, NOON + 2 * STEP]


def test_a_clock_that_was_wrong_in_a_handshake_is_put_right_and_raises_nothing():
    parts = Parts("", secure=True, kept=[NOON, NOON])
    parts.clock.set(NOON + 5)
    parts.keeper._asking = True
    parts.clock.set(WRONG)  # of a false time server
    parts.keeper._asking = False
    connected(parts, NOON + 20)
    assert parts.kept[:2] == [NOON + 20, NOON]


def test_a_time_that_was_far_ahead_is_put_right_on_flash_at_once():
    parts = Parts("", secure=True, kept=[NOON, NOON])
    parts.clock.set(WRONG)
    assert parts.kept[:2] == [WRONG, NOON]
    parts.clock.set(NOON + 60)
    assert parts.kept[:2] == [NOON + 60, NOON]


def test_in_doubt_the_time_server_is_asked_at_once_and_believed():
    parts = Parts(secure=True, kept=[NOON - 7, NOON - 7])
    parts.clock.set(WRONG)
    parts.pass_s(100)
    assert parts.asked == [], "the central system has told the time"
    parts.keeper.doubt()
    parts.pass_s(3)
    assert len(parts.asked) == 1 and parts.floor == NOON - 7
    assert parts.clock.now() - NOON <= 3
    # Right, and still refused: the server's certificate is to blame.
    parts.rtc.clear()
    for _ in range(5):
        parts.keeper.doubt()
        parts.pass_s(60)
    assert len(parts.asked) == 1 and parts.rtc == []
    parts.pass_s(DOUBT_S)
    parts.keeper.doubt()
    parts.pass_s(2)
    assert len(parts.asked) == 2


def test_in_doubt_and_without_a_time_server_the_floor_has_every_other_attempt():
    parts = Parts("", secure=True, kept=[NOON, NOON])
    parts.clock.set(WRONG)
    for wanted in (NOON, WRONG, NOON):
        parts.keeper.doubt()
        assert parts.rtc[-1] == wanted and parts.backs[-1]
    connected(parts, NOON + 100)
    assert parts.rtc[-1] == NOON + 100, "as soon as it is told the time"
    parts.rtc.clear()
    parts.keeper.doubt()
    assert parts.rtc == [], "a certificate was valid by this clock"


def test_a_clock_that_has_not_jumped_is_believed():
    """Else a certificate that has expired would be let in, as of the floor."""
    parts = Parts("", secure=True)
    connected(parts, NOON)
    connected(parts, NOON + 60)
    parts.pass_s(60 * 86400, step=600)
    for _ in range(3):
        parts.keeper.doubt()
    assert parts.rtc == []
    # After a start, too: the floor is where the clock is.
    parts = Parts("", secure=True, kept=[NOON + JUMP, NOON])
    run(parts.keeper.before_tls())
    for _ in range(3):
        parts.keeper.doubt()
    assert set(parts.rtc) == {NOON + JUMP}
    # As soon as it jumps, it is not.
    connected(parts, NOON + JUMP)
    connected(parts, NOON + JUMP + 5)
    parts.clock.set(NOON + 2 * JUMP + 9)
    parts.keeper.doubt()
    assert parts.rtc[-1] == NOON + JUMP


def test_after_a_start_the_last_time_and_the_floor_take_turns():
    """A charger whose last time was 2099 once refused each certificate, and each time server."""
    parts = Parts("", secure=True, kept=[WRONG, NOON])
    run(parts.keeper.before_tls())
    for _ in range(2):
        parts.keeper.doubt()
    assert parts.rtc == [WRONG, NOON, WRONG]


def test_a_floor_that_is_wrong_too_gives_way_to_a_time_server():
    parts = Parts(secure=True, kept=[WRONG, WRONG - 2 * JUMP])
    parts.error = ValueError("a time before 2098")
    run_before = parts.keeper
    for _ in range(2):
        run_before.doubt()
        parts.pass_s(1)
        assert parts.floor in (WRONG - 2 * JUMP, parts.keeper.sure())
    parts.error = None
    parts.pass_s(120)
    assert BUILD_UNIX <= parts.floor < BUILD_UNIX + 122 and parts.clock.now() is not None


def test_a_time_server_that_lies_is_asked_again_after_ten_minutes():
    parts = Parts(secure=True, kept=[NOON, NOON])
    parts.unix = WRONG
    parts.pass_s(2)
    assert parts.clock.now() >= WRONG
    parts.unix = NOON + 700
    parts.keeper.doubt()
    parts.pass_s(DOUBT_S - 10)
    assert parts.clock.now() >= WRONG
    parts.pass_s(20)
    parts.keeper.doubt()
    parts.pass_s(2)
    assert parts.clock.now() < WRONG and len(parts.asked) == 2


def test_a_time_server_that_has_lied_and_is_switched_off_does_not_lock_the_charger_out():
    """Its next answer was waited for until the next start."""
    parts = Parts(secure=True, kept=[NOON, NOON])
    parts.unix = WRONG
    parts.pass_s(2)
    parts.keeper.doubt()
    assert parts.rtc == [], "it is asked again"
    parts.server = ""
    for wanted in (NOON, WRONG + 2, NOON):
        parts.pass_s(1)
        parts.keeper.doubt()
        assert abs(parts.rtc[-1] - wanted) < 10 and parts.backs[-1]


def test_a_time_server_that_does_not_want_to_be_asked_is_left_alone_in_doubt_too():
    parts = Parts(secure=True)
    parts.error = sntp.KissOfDeath("DENY")
    parts.pass_s(2)
    for _ in range(100):
        parts.keeper.doubt()
        parts.pass_s(120, step=40)
    assert len(parts.asked) == 1


DAY = 86400
CENTURY_END = 4102444800


class Chip(Parts):
    """A chip with its clock, which checks certificates."""

    def __init__(self, server="", kept=None):
        self.offset = BUILD_UNIX  # the chip's clock less `ms`
        Parts.__init__(self, "", True, kept)
        self.connected = False
        self.clock.on_set(lambda step: self.set_rtc(self.clock.now(), True))
        run(self.keeper.before_tls())
        self.server, self.source = server, "Heartbeat,NTP"

    def set_rtc(self, unix, back):
        now = self.offset + self.ms // 1000
        if unix > now or back:
            self.offset = unix - self.ms // 1000
        return True

    def attempt(self, begin, end, tell=None):
        """An attempt to reach a server whose certificate is valid from `begin` to `end`, and that
        tells the time `tell`; True if it was reached."""
        self.attempts += 1
        self.connected = begin <= self.offset + self.ms // 1000 <= end
        if not self.connected:
            self.keeper.doubt()
        elif tell is not None:
            self.clock.set(tell)
        reached, self.connected = self.connected, True  # the network, for the time server
        return reached

    def returns(self, begin, end, days, tell=None):
        """Days until the server is reached, an attempt every minute; None: not in `days`."""
        for minute in range(days * 1440):
            if self.attempt(begin, end, tell):
                return minute / 1440
            self.pass_s(60, step=60)
        return None


def restarted(chip, server=""):
    return Chip(server, list(chip.kept))


def known(server=""):
    """A charger that knows the time, and a central system whose certificate is ten days old."""
    chip = Chip(server, [NOON - DAY, NOON - 2 * DAY])
    for second in (0, 60):
        assert chip.attempt(NOON - 400 * DAY, NOON + 900 * DAY, NOON + second)
        chip.pass_s(60, step=60)
    return chip


RENEWED = NOON - 10 * DAY, NOON + 80 * DAY


def test_one_time_that_is_weeks_back_does_not_lock_the_charger_out():
    """It moved the floor back, and the clock counted as proven."""
    chip = known()
    floor = chip.kept[1]
    chip.clock.set(BUILD_UNIX + 3600)
    assert chip.kept[:2] == [BUILD_UNIX + 3600, floor]
    assert chip.attempt(*RENEWED) is False and chip.attempt(*RENEWED), "as of the floor"
    for _ in range(2):
        chip = restarted(chip)
        assert chip.returns(*RENEWED, days=1) < 0.01


def test_the_sum_of_small_steps_is_bounded_by_the_time_that_has_passed():
    """75 heartbeats of 6 days each once moved the floor by more than a year."""
    chip = known()
    floor, began = chip.kept[1], chip.clock.uptime()
    for beat in range(1, 76):
        chip.pass_s(5, step=5)
        chip.clock.set(NOON + 60 + beat * 6 * DAY)
    assert chip.clock.now() > NOON + 400 * DAY
    assert chip.kept[1] - floor <= JUMP + chip.clock.uptime() - began
    assert chip.returns(*RENEWED, days=1) < 0.01
    chip = restarted(chip)
    assert chip.returns(*RENEWED, days=1) < 0.01


def crept():
    """A central system has moved the clock by years, a connection for each step."""
    chip = known()
    for step in range(1, 150):
        assert chip.attempt(NOON - 400 * DAY, WRONG, NOON + 60 + step * 6 * DAY)
        chip.pass_s(30, step=30)
    assert chip.kept[1] > NOON + 800 * DAY, chip.kept
    return chip


def test_a_floor_that_certificates_have_raised_comes_down_by_an_honest_time_server():
    """Refused by a clock near the floor no time server was believed."""
    for start in (lambda chip: chip, restarted):
        chip = start(crept())
        chip.server, chip.unix = "time.example", NOON + 7200

        async def honest(host, port, floor, chip=chip):
            if chip.unix < floor:
                raise ValueError("a time before this program was made")
            return chip.unix

        chip.query = honest
        assert chip.returns(*RENEWED, days=1, tell=NOON + 7200) < 0.02
        assert chip.kept[:2] == [NOON + 7200] + chip.kept[1:2] and chip.kept[1] <= NOON + 7200
        assert NOON <= chip.kept[2] <= NOON + 7200, "two sources agree"


def test_without_a_time_server_all_times_are_searched_after_a_day():
    for start in (lambda chip: chip, restarted):
        chip = start(crept())
        found = chip.returns(*RENEWED, days=4, tell=NOON + 3 * DAY)
        print("back after %.2f days" % found)
        assert 1 <= found < 1.1
        assert chip.kept[0] == NOON + 3 * DAY and chip.kept[1] <= NOON + 80 * DAY
        chip = restarted(chip)
        assert chip.returns(*RENEWED, days=1, tell=NOON + 3 * DAY) == 0
    # A second search begins where the first one did, and not where that ended.
    chip = crept()
    assert chip.returns(*RENEWED, days=4, tell=NOON + 3 * DAY) and chip.keeper._place == 0
    # Whatever is kept: also where everything was told by a liar, and to the end of the century.
    for told, floor in ((WRONG, WRONG), (BUILD_UNIX, BUILD_UNIX), (CENTURY_END - 1, NOON)):
        chip = Chip(kept=[told, floor, BUILD_UNIX])
        assert chip.returns(NOON + YEAR, NOON + YEAR + 47 * DAY, days=4)
        chip = Chip(kept=[told, floor, BUILD_UNIX])
        assert chip.returns(CENTURY_END - 50 * DAY, CENTURY_END - 3 * DAY, days=4)
        # From the beginning, when there was nothing.
        assert chip.returns(BUILD_UNIX, BUILD_UNIX + 47 * DAY, days=4)


def test_no_certificate_is_good_that_expired_before_the_sure_time():
    """Neither after days without the central system, nor by a forged time server."""
    chip = known()
    chip.attempt(NOON - 400 * DAY, NOON + 900 * DAY, NOON + 120)
    sure = chip.keeper.sure()
    assert sure <= BUILD_UNIX + 200, "one source alone"
    assert chip.returns(BUILD_UNIX, sure - 60, days=5) is None
    # Where the time server has told what the central system tells, the sure time is the true one.
    chip = Chip("time.example", [NOON - DAY, NOON - 2 * DAY])
    chip.connected = True
    chip.pass_s(2)
    assert chip.clock.now() >= NOON
    chip.attempt(NOON - DAY, NOON + 900 * DAY, NOON + 5)
    assert chip.kept[2] == NOON + 1
    for _ in range(5):
        chip.pass_s(timekeeper.KEEP_S + 60, step=60)
        chip.clock.set(NOON + 5 + chip.clock.uptime())
        assert NOON + chip.clock.uptime() - 5 <= chip.kept[2] <= NOON + chip.clock.uptime()
    chip.server, chip.unix = "time.example", NOON - 30 * DAY
    now = chip.clock.now()

    async def forged(host, port, floor):
        if chip.unix < floor:
            raise ValueError("a time before this program was made")
        return chip.unix

    chip.query = forged
    assert chip.returns(BUILD_UNIX, now - 3600, days=5) is None
    chip = restarted(chip)
    chip.server = "time.example"
    chip.query = forged
    assert chip.returns(BUILD_UNIX, now - 8 * 3600, days=5) is None


def test_a_time_server_alone_or_a_central_system_alone_moves_no_sure_time():
    chip = Chip("time.example", [NOON - DAY, NOON - 2 * DAY])
    chip.connected = True
    chip.unix = NOON + 50 * DAY
    chip.pass_s(2)
    chip.attempt(NOON - DAY, NOON + 900 * DAY, NOON)
    assert chip.kept[2] < BUILD_UNIX + 10
    chip.attempt(NOON - DAY, NOON + 900 * DAY, NOON + 60)
    assert chip.keeper.sure() < BUILD_UNIX + 10


def test_a_clock_that_is_put_right_is_proven_again():
    chip = known()
    chip.clock.set(WRONG)
    assert not chip.keeper._proven()
    chip.pass_s(60)
    chip.clock.set(NOON + 240)
    assert chip.keeper._proven()


def test_a_time_server_that_was_wrong_once_and_is_silent_since_is_not_believed_for_good():
    chip = known("time.example")
    chip.unix = NOON + 10 * YEAR
    chip.keeper.doubt()
    chip.pass_s(5)
    assert chip.clock.now() > NOON + 9 * YEAR
    chip.error = OSError(110)
    assert chip.returns(*RENEWED, days=1) < 0.1
