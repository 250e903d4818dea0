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
        self.server = server
        self.secure = secure
        self.open = True
        self.unix = NOON
        self.error = None
        self.asked = []
        self.clock = Clock(lambda: self.ms & ((1 << 30) - 1))
        self.kept = kept
        self.rtc = []
        self.keeper = timekeeper.Timekeeper(
            self,
            self.clock,
            self,
            lambda: self.open,
            lambda: self.secure,
            Resolver(lambda host, port: host),
            self,
            lambda unix: self.rtc.append(unix) or True,
        )

    def keep(self, kind, key, payload):
        assert (kind, key) == (kinds.TOLD, 0)
        self.kept = payload

    def get(self, kind, key):
        return self.kept

    def text(self, name):
        assert name == "NtpServer"
        return self.server

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
    assert parts.kept == [NOON]
    parts.pass_s(timekeeper.KEEP_S - 60, step=30)
    parts.clock.set(NOON + parts.clock.uptime())
    assert parts.kept == [NOON]
    parts.pass_s(120, step=30)
    parts.clock.set(NOON + parts.clock.uptime())
    assert parts.kept == [NOON + parts.clock.uptime()]


def test_the_word_of_a_time_server_is_never_kept():
    parts = Parts(secure=True)
    parts.pass_s(1)
    assert parts.clock.now() == NOON and parts.kept is None


def test_the_kept_time_is_the_earliest_that_a_time_server_may_say():
    parts = Parts(secure=True, kept=[NOON - 7])
    parts.pass_s(1)
    assert parts.floor == NOON - 7
    assert Parts().keeper.floor() == BUILD_UNIX
    assert Parts(kept=[1000]).keeper.floor() == BUILD_UNIX, "an old image knows no better"


def test_without_any_time_certificates_are_checked_as_of_the_last_one():
    for server, kept in (("", [NOON]), ("", None)):
        parts = Parts(server, secure=True, kept=kept)
        run(parts.keeper.before_tls())
        assert parts.rtc == [NOON if kept else BUILD_UNIX]
    parts = Parts("", secure=False, kept=[NOON])
    run(parts.keeper.before_tls())
    assert parts.rtc == [], "ws:// needs no clock"
