# Splitting one supply among connectors, with EVs that come, go and are slow to follow.
# MIT license; part of microevse

import random

from helpers import raises, run
from station.limits import Limits
from station.sharing import Sharing
from station_parts import FakeClock

FOLLOW_S = 5  # what an EV may take (IEC 61851-1 Table A.6 seq 6)


class Settings:
    site = 20

    def get(self, name):
        assert name == "SiteMaxCurrent"
        return self.site


class Session:
    stopping = None

    def __init__(self, number):
        self.id = number


class Connector:
    """An EV that draws what it was offered at most, and follows 5 s late."""

    def __init__(self, number):
        self.id = number
        self.limits = Limits()
        self.limits.cap("board", 32000)
        self.session = None
        self.evse = self
        self.offers = [0] * (FOLLOW_S + 1)

    @property
    def closed(self):
        return self.session is not None and self.offers[-1] > 0

    def second(self):
        self.offers.append(self.limits.value(0)[0] if self.session else 0)
        if self.session is None:
            self.offers = [0] * (FOLLOW_S + 1)

    @property
    def draws(self):
        return max(self.offers[-FOLLOW_S - 1 :])


class Site:
    def __init__(self, count, amps):
        self.settings = Settings()
        self.settings.site = amps
        self.clock = FakeClock(1)
        self.connectors = [Connector(n + 1) for n in range(count)]
        self.sharing = Sharing(self, self.settings, self.clock)
        self.worst = 0
        self.seconds(1)

    def seconds(self, n):
        for _ in range(n):
            self.sharing.step()
            for connector in self.connectors:
                connector.second()
            self.worst = max(self.worst, sum(c.draws for c in self.connectors))
            self.clock.ms += 1000

    def limits(self):
        return [c.limits.value(0)[0] for c in self.connectors]


def second_car():
    """A site of 20 A on which a car has charged for 2 s when another one begins."""
    site = Site(2, 20)
    one, two = site.connectors
    one.session = Session(1)
    site.seconds(2)
    two.session = Session(2)
    return site, one, two


def test_one_has_all_two_have_half_and_the_second_waits_for_the_first_to_follow():
    site = Site(2, 20)
    one, two = site.connectors
    one.session = Session(1)
    site.seconds(2)
    assert site.limits() == [20000, 0]
    two.session = Session(2)
    site.seconds(1)
    assert site.limits() == [10000, 0]
    site.seconds(FOLLOW_S)
    assert site.limits() == [10000, 0]
    site.seconds(2)
    assert site.limits() == [10000, 10000]
    two.session.stopping = "local"
    site.seconds(1)
    two.session = None
    site.seconds(8)
    assert site.limits() == [20000, 0] and site.worst <= 20000


def test_less_than_6_a_for_each_is_nothing_for_the_later_one():
    site = Site(2, 11)
    site.connectors[1].session = Session(1)
    site.seconds(3)
    site.connectors[0].session = Session(2)
    site.seconds(10)
    assert site.limits() == [0, 11000]
    site.settings.site = 12
    site.seconds(10)
    assert site.limits() == [6000, 6000]
    site.settings.site = 5
    site.seconds(10)
    assert site.limits() == [0, 0]


def test_zero_means_no_such_limit():
    site = Site(2, 20)
    site.settings.site = 0
    site.seconds(2)
    assert site.limits() == [32000, 32000]


def test_one_connector_shares_with_nobody():
    site = Site(1, 20)
    for session in (None, Session(1)):
        site.connectors[0].session = session
        site.seconds(2)
        assert site.limits() == [32000]


def test_a_supply_below_nothing_serves_nobody():
    site = Site(2, 20)
    for connector in site.connectors:
        connector.session = Session(connector.id)
    assert site.sharing.parts(-1) == {1: 0, 2: 0} == site.sharing.parts(-6000)


def test_what_is_left_below_6_a_is_given_to_nobody():
    site, one, two = second_car()
    site.settings.site = 24  # 4 A are left until the first car has followed
    for _ in range(6):
        site.seconds(1)
        assert site.limits() == [12000, 0]
        assert two.limits.value(0)[1].startswith("Paused by the supply")
    site.seconds(1)
    assert site.limits() == [12000, 12000]


def test_whoever_comes_and_goes_the_supply_is_never_exceeded():
    random.seed(7)
    site = Site(3, 25)
    number = 0
    for _ in range(1500):
        connector = site.connectors[random.getrandbits(8) % 3]
        if connector.session is None:
            number += 1
            connector.session = Session(number)
        elif random.getrandbits(1):
            # The contactor opens: what it drew is gone at once.
            connector.session = None
        site.seconds(random.getrandbits(3))
        for ma in site.limits():
            assert ma == 0 or ma >= 6000
    assert 20000 < site.worst <= 25000, site.worst


def test_a_session_that_is_there_at_the_first_look_gets_its_part():
    site = Site(2, 20)
    site.connectors[0].session = Session(1)
    site.sharing = Sharing(site, site.settings, site.clock)
    site.sharing.step()
    assert site.limits() == [20000, 0]


def test_the_limit_holds_again_when_it_has_been_off():
    site = Site(2, 20)
    site.connectors[0].session = Session(1)
    for amps, limits in ((20, [20000, 0]), (0, [32000, 32000]), (20, [20000, 0])):
        site.settings.site = amps
        site.seconds(8)
        assert site.limits() == limits


def test_a_part_grows_when_the_other_has_had_six_seconds_and_not_a_millisecond_sooner():
    site, one, two = second_car()
    site.sharing.step()
    begun = site.clock.ms
    for ms, limits in ((5999, [10000, 0]), (6000, [10000, 10000])):
        site.clock.ms = begun + ms
        site.sharing.step()
        assert site.limits() == limits, ms


def test_nothing_is_said_again_while_nothing_changes():
    site = Site(3, 32)
    for connector in site.connectors[:2]:
        connector.session = Session(connector.id)
    site.seconds(20)
    changes = []
    for connector in site.connectors:
        connector.limits.on_change = lambda: changes.append(1)
    site.seconds(20)
    assert changes == []


def test_a_session_that_is_ending_has_no_part():
    site = Site(2, 20)
    for connector in site.connectors:
        connector.session = Session(connector.id)
    assert site.sharing.parts(20000) == {1: 10000, 2: 10000}
    site.connectors[0].session.stopping = "local"
    assert site.sharing.parts(20000) == {1: 0, 2: 20000}
    assert site.sharing.parts(5999) == {1: 0, 2: 0} and site.sharing.parts(6000) == {1: 0, 2: 6000}


class Drawing:
    """A connector whose contactor may still be closed after its session."""

    id = 7

    def __init__(self, session, closed):
        self.session, self.closed, self.evse = session, closed, self


def test_what_may_still_be_drawn():
    sharing = Site(2, 20).sharing
    assert sharing._drawn(Drawing(None, False), 9000, 50) == 0
    assert sharing._drawn(Drawing(None, True), 9000, 50) == 9000
    assert sharing._drawn(Drawing("one", False), 9000, 50) == 9000
    sharing._until[7] = (12000, 6000)
    for now, before, drawn in ((5999, 9000, 12000), (6000, 9000, 9000), (5999, 13000, 13000)):
        assert sharing._drawn(Drawing("one", True), before, now) == drawn


class Enough(Exception):
    """Ends what runs for ever."""


def test_it_looks_once_a_second():
    from station import sharing

    done = []
    site = Site(2, 20)

    def step():
        done.append("look")
        if len(done) > 9:
            raise Enough()

    async def sleep(seconds):
        done.append(seconds)
        if len(done) > 5:
            raise Enough()

    site.sharing.step = step
    real = sharing.asyncio.sleep
    sharing.asyncio.sleep = sleep
    try:
        raises(Enough, lambda: run(site.sharing.run()))
    finally:
        sharing.asyncio.sleep = real
    assert done == ["look", 1] * 3
