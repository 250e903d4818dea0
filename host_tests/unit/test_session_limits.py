# Limits of a session: what counts, what is told, what is left behind, how much of it.
# MIT license; part of microevse

import asyncio

from helpers import run
from ocpp2 import limits
from station import session_limits
from station_parts import Charger
from store.journal import JournalFull
from store.kinds import CHANGE, STOP


class Limited:
    """A Charger whose sessions are looked at once a second."""

    def __init__(self):
        self.c = Charger()
        self.limits = self.made()

    def made(self):
        c = self.c
        one = c.station.session_limits = session_limits.SessionLimits(
            c.station, c.journal, c.clock
        )
        one.cost, one.ends = lambda number: None, lambda: False
        return one

    def put(self, energy=None, time=None, cost=None, driver=False):
        session = self.c.connector.session
        number = session.id if session else 1
        return self.limits.put(number, [energy and 1000 * energy, time, cost], driver)

    async def pass_s(self, seconds, wh=0):
        for i in range(seconds):
            await self.c.pass_s(1, wh * (i + 1) // seconds - wh * i // seconds)
            for number in list(self.limits._items):
                self.limits._look(number, self.limits._items[number])

    def told(self):
        return [(record[2], record[3], record[6][3:]) for record in self.c.records(CHANGE)]


def test_of_two_limits_the_lower_one_counts_whoever_has_it():
    async def story():
        w = Limited()
        assert not w.put(energy=10), "nothing runs"
        await w.c.charge()
        assert w.put(energy=100, time=500)
        assert w.put(energy=50, driver=True) and w.put(energy=50, driver=True)
        assert w.told()[1:] == [
            ("limit_set", "charging", [[100000, 500, None]]),
            ("limit_set", "charging", [[50000, 500, None]]),
        ]
        await w.pass_s(10, 49)
        assert w.c.connector.status == "charging"
        await w.pass_s(1, 1)
        assert w.c.connector.status == "suspended_evse" and not w.c.evse.closed
        assert w.told()[3:] == [("energy_limit", "suspended_evse", [])]
        # It stays so, and is told once; the records have numbers without a gap.
        await w.pass_s(30)
        w.put(energy=90)  # is confirmed, although the driver's counts
        assert w.told()[-1] == ("limit_set", "suspended_evse", [[50000, 500, None]])
        w.put(energy=80, driver=True)
        await w.pass_s(2)
        assert w.c.connector.status == "charging"
        kinds = [one[0] for one in w.told()[3:]]
        assert kinds == ["energy_limit", "limit_set", "limit_set", "charging_state"]
        assert [record[5] for record in w.c.records(CHANGE)] == list(range(1, 8))

    run(story())


def test_a_second_limit_is_told_where_the_first_one_is_raised():
    async def story():
        w = Limited()
        await w.c.charge()
        w.put(energy=10, time=20)
        await w.pass_s(5, 10)
        await w.pass_s(20)
        w.put(energy=1000)
        await w.pass_s(2)
        assert w.c.connector.status == "suspended_evse"
        kinds = [one[0] for one in w.told()[1:]]
        assert kinds == ["limit_set", "energy_limit", "limit_set", "time_limit"], kinds

    run(story())


def test_the_cost_is_the_stations_own_where_it_calculates_one():
    async def story():
        w = Limited()
        await w.c.charge()
        own = [None]
        w.limits.cost = lambda number: own[0]
        w.put(cost=2000)
        w.limits.spent(1, 1999)
        assert w.c.connector.status == "charging"
        own[0] = 0  # it costs nothing, says the station
        w.limits.spent(1, 2000)
        assert w.c.connector.status == "charging"
        own[0] = 2000
        await w.pass_s(1)
        assert w.told()[-1][0] == "cost_limit" and w.c.connector.status == "suspended_evse"

    run(story())


def test_a_session_that_ends_leaves_the_next_one_free():
    async def story():
        w = Limited()
        await w.c.charge()
        w.put(energy=0, time=1)
        await w.pass_s(3)
        assert w.c.connector.status == "suspended_evse"
        w.c.connector.request_stop("local")
        await w.pass_s(1)
        w.c.evse.unplug()
        await w.pass_s(1)
        assert list(w.c.limits.claims()) == [] and not w.limits._items
        await w.c.charge()
        w.put(time=1)
        await w.pass_s(2)
        w.c.connector.request_stop("local")
        await w.c.pass_s(1)
        w.c.evse.unplug()
        await w.c.pass_s(1)
        w.c.evse.plug()
        await w.c.station.present_token("CARD")
        await w.c.pass_s(1)
        # Before the end of the one before has been seen: its claim goes, this one's stays.
        assert w.c.connector.session.id == 3 and w.put(time=0)
        await w.pass_s(3)
        assert w.c.connector.status == "suspended_evse" and list(w.limits._items) == [3]

    run(story())


def test_where_the_session_ends_with_the_flow_of_energy_a_limit_ends_it():
    async def story():
        w = Limited()
        w.limits.ends = lambda: True
        await w.c.charge()
        w.put(time=5)
        await w.pass_s(6)
        (stop,) = w.c.records(STOP)
        assert stop[3] == "time_limit" and stop[8] == "time_limit"

    run(story())


def test_limits_that_change_all_the_time_do_not_fill_the_flash():
    async def story():
        w = Limited()
        await w.c.charge()
        for i in range(200):
            w.put(energy=1000 + i, time=10 if i & 1 else 10000)
        told = len(w.told())
        assert told <= 25, told
        await w.pass_s(300)
        assert len(w.told()) <= told + 6
        # The limit counts all the same.
        assert w.c.connector.status == "suspended_evse"

    run(story())


def test_a_journal_that_refuses_pauses_all_the_same():
    async def story():
        w = Limited()
        await w.c.charge()
        append = w.c.journal.append

        def full(kind, payload):
            raise JournalFull()

        w.c.journal.append = full
        w.put(energy=10)
        await w.pass_s(5, 12)
        assert not w.c.evse.closed and w.c.connector.status == "suspended_evse"
        w.c.journal.append = append
        await w.pass_s(70)
        assert ("limit_set", "suspended_evse", [[10000, None, None]]) in w.told()
        assert ("charging_state", "suspended_evse", []) in w.told()

    run(story())


def test_limits_that_come_together_are_of_one_watch():
    """Each of two watches would end the pause of the other."""

    async def story():
        w = Limited()
        await w.c.charge()
        del w.c.station.session_limits
        waiting = []

        class Point:
            station, clock, settings = w.c.station, w.c.clock, w.c.settings
            costs = spent = None

        async def import_takes_time():
            waiting.append(1)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        before, limits.before_import = limits.before_import, import_takes_time
        try:
            tasks = [
                asyncio.create_task(limits.put(Point, 1, {"maxTime": most}, driver))
                for most, driver in ((500, False), (400, True))
            ]
            for task in tasks:
                assert await task
            assert not await limits.put(Point, 1, {"maxTime": True}), "no number"
        finally:
            limits.before_import = before
        (item,) = w.c.station.session_limits._items.values()
        assert len(waiting) == 2 and item.least() == [None, 400, None]

    run(story())
