# Default tariffs, the costs of sessions, and what is on flash of both.
# MIT license; part of microevse

import asyncio
import sys

from helpers import run
from ocpp2 import bills
from station import costs, tariff, tariffs
from station_parts import NOON, Charger
from store import kinds
from store.journal import Journal, JournalFull
from store.kinds import CHANGE, STOP, TARIFF
from store.norlog import NorLog

EURO = 1000000


def rates(id, *fields, valid=None):
    return [id, "EUR", valid, [list(field) for field in fields], None, None, "text of " + id]


ENERGY = (tariff.ENERGY, [[EURO]], [])


class Shown:
    """A Charger with costs, and what its page is to show."""

    def __init__(self, **options):
        self.c = Charger(**options)
        self.lines = []
        self.costs = None

    async def shown(self, session, thousandths, currency, text):
        self.lines.append((session, thousandths, currency, text))

    def start(self):
        c = self.c
        if self.costs:
            self.costs.close()
        journal = Journal(NorLog(c.journal.log.flash), None, 1)
        c.journal = c.station.journal = journal
        self.costs = costs.Costs(c.station, journal, c.settings, c.clock, self.shown)

    async def pass_s(self, seconds, wh=0):
        """Each second is looked at."""
        before = self.c.meter.register_wh
        for i in range(seconds):
            await self.c.pass_s(1, wh * (i + 1) // seconds - wh * i // seconds)
            for number in list(self.costs._running):
                found = self.c.station.session(number)
                if found[0]:
                    self.costs._look(number, self.costs._running[number], *found)
        assert self.c.meter.register_wh == before + wh


def made(**options):
    one = Shown(**options)
    one.costs = costs.Costs(
        one.c.station, one.c.journal, one.c.settings, one.c.clock, one.shown
    )  # fmt: skip
    return one


def ids(defaults):
    return [item[0] for item in defaults.items]


def test_a_later_default_replaces_the_one_before():
    async def story():
        c = Charger()
        defaults = tariffs.Tariffs(c.journal, c.clock)
        assert defaults.rates(1) is None
        assert defaults.put([1, 2], rates("A")) == "kept"
        assert defaults.put([1], rates("A")) == "known"
        assert defaults.put([1], rates("B", valid=NOON + 60)) == "kept"
        assert defaults.put([2], rates("C")) == "kept"
        assert [(item[0], item[1]) for item in defaults.items] == [
            ("A", [1]), ("B", [1]), ("C", [2]),
        ]  # fmt: skip
        c.clock.ms += 59000
        assert defaults.rates(1)[0] == "A" and defaults.rates(2)[0] == "C"
        c.clock.ms += 1000
        assert defaults.rates(1)[0] == "B" and ids(defaults) == ["B", "C"]
        # One that was valid before B has no time left; one of the same time to come goes.
        assert defaults.put([1], rates("old", valid=NOON)) == "kept" and "old" not in ids(defaults)
        assert defaults.put([1], rates("E", valid=NOON + 3600)) == "kept"
        assert defaults.put([1], rates("F", valid=NOON + 3600)) == "kept"
        assert ids(defaults) == ["B", "C", "F"]
        again = tariffs.Tariffs(c.journal, c.clock)
        assert again.items == defaults.items
        assert not defaults.clear("C", 1) and defaults.clear("C", 2) and not defaults.clear("C")
        assert ids(tariffs.Tariffs(c.journal, c.clock)) == ["B", "F"]

    run(story())


def test_there_is_room_for_so_many():
    async def story():
        c = Charger()
        defaults = tariffs.Tariffs(c.journal, c.clock)
        for i in range(tariffs.MOST):
            assert defaults.put([1], rates("T%d" % i, valid=NOON + 60 + i)) == "kept"
        assert defaults.put([1], rates("more", valid=NOON + 1)) == "full"
        # One that takes the place of another is no more.
        assert defaults.put([1], rates("other", valid=NOON + 60)) == "kept"
        assert len(defaults.items) == tariffs.MOST and "T0" not in ids(defaults)
        assert defaults.clear("T1")
        large = rates("L", (tariff.ENERGY, [[EURO] + [6, 1 << 40] * 200], []))
        assert defaults.put([1], large) == "large" and "L" not in ids(defaults)

        def keep(*record):
            raise JournalFull("full")

        c.journal.keep = keep
        assert defaults.put([1], rates("N", valid=NOON + 1)) == "full"

    run(story())


def test_a_session_has_the_tariff_that_held_when_it_began():
    async def story():
        one = made(settings={"CostInterval": "10"})
        c = one.c
        assert one.costs.defaults.put([1], rates("A", ENERGY)) == "kept"
        session = await c.charge()
        assert one.costs.first_id(session.id) == "A"
        assert one.costs.in_use() == [("A", 1, "default", "CARD")]
        one.costs.defaults.put([1], rates("B", ENERGY))
        one.costs.defaults.clear("B")
        # Nobody is there to be told: the first one is due when somebody is.
        c.station.delivery.renderer = None
        await one.pass_s(15)
        assert "running_cost" not in [record[2] for record in c.records(CHANGE)]
        c.station.delivery.renderer = object()
        await one.pass_s(15, 300)
        told = [record for record in c.records(CHANGE) if record[2] == "running_cost"]
        first, second = [record[6][2] for record in told]
        assert first[:3] == ["A", "EUR", "normal"] and second[3] - first[3] == 10 * 20
        seqs = [record[5] for record in c.records(CHANGE)] + [session.seq]
        assert seqs == list(range(1, len(seqs) + 1))
        await asyncio.sleep(0)
        assert one.lines[0] == (session.id, 0, "EUR", "text of A")
        assert one.lines[-1][0] == session.id and one.lines[-1][1] > 0
        c.evse.release()
        await one.pass_s(9)
        assert await c.station.present_token("CARD")
        await one.pass_s(3)
        (stop,) = c.records(STOP)
        bill, names, periods = one.costs.bill(stop)
        assert bill[3] == stop[2] - session.meter_start_wh == 300
        assert bill[6] == [[tariff.ENERGY, 300, 300]] and bill[7:] == [300, 300]
        assert bill[4] + bill[5] == stop[5][1] - session.started[1]
        assert 29 <= bill[4] <= 32 and 9 <= bill[5] <= 14
        assert names == ["A"] and [period[0] for period in periods] == [session.started[2]]
        assert one.costs.in_use() == []
        # A repetition, before and after a restart, has the same bill.
        assert one.costs.bill(stop) == (bill, names, periods)
        c.clock.ms += 100000
        c.settings.set("TimeOffset", "+05:00", local=True)
        one.start()
        assert one.costs.loaded and one.costs.bill(stop) == (bill, names, periods)
        assert one.costs.first_id(stop[0]) == "A"

    run(story())


def test_what_a_power_cut_leaves():
    """The tally is on flash every five minutes; the rest is counted from there to the end."""

    async def story():
        one = made()
        c = one.c
        one.costs.defaults.put([1], rates("A", ENERGY, (tariff.CHARGING, [[60000]], [])))
        session = await c.charge()
        await one.pass_s(costs.KEPT_S + 10, 1000)
        tally = c.journal.get(TARIFF, session.id)[2]
        kept = tally[tariff.WH]
        assert 900 <= kept < 1000 and tally[tariff.CHARGING_S] >= costs.KEPT_S - 5
        at = [c.clock.boot, tally[tariff.UPTIME] + 100, 0]
        stop = [session.id, 1, session.meter_start_wh + 1500, "power_loss", None, at, None]
        bill = one.costs.bill(stop)[0]
        assert bill[3] == 1500 and bill[4] == tally[tariff.CHARGING_S] + 100
        assert bill[6] == [[tariff.ENERGY, 1500, 1500], [tariff.CHARGING, bill[4], bill[4]]]
        # A stamp before the tally costs no time again.
        stop[5] = [c.clock.boot, tally[tariff.UPTIME] - 50, 0]
        assert one.costs.bill(stop)[0][4] == tally[tariff.CHARGING_S]

    run(story())


def test_the_tariff_of_a_card_comes_first():
    async def story():
        one = made()
        c = one.c
        one.costs.defaults.put([1], rates("A", ENERGY))
        for i in range(9):
            one.costs.card("OTHER%d" % i, "", rates("other"))
        one.costs.card("CARD", "", rates("old"))
        one.costs.card("CARD", "", rates("D", ENERGY))
        session = await c.charge()
        assert one.costs.in_use() == [("D", 1, "driver", "CARD")]
        assert one.costs.change(session.id, rates("E")) == "kept"
        assert one.costs.in_use() == [("E", 1, "driver", "CARD")]
        assert one.costs.first_id(session.id) == "D" and one.costs.change(99, rates("E")) == "none"
        # It is gone with its session, and none was meant for the next one.
        c.station.remote_stop(session.id)
        await one.pass_s(3)
        one.costs.card("CARD", "", None)
        c.evse.unplug()
        await one.pass_s(3)
        session = await c.charge()
        assert one.costs.in_use() == []
        c.station.remote_stop(session.id)
        await one.pass_s(3)
        c.evse.unplug()
        await one.pass_s(3)
        await c.charge()
        assert one.costs.in_use() == [("A", 1, "default", "CARD")]

    run(story())


def test_a_change_that_cannot_be_kept_changes_nothing():
    async def story():
        one = made()
        c = one.c
        one.costs.defaults.put([1], rates("A", ENERGY))
        session = await c.charge()
        await one.pass_s(10, 100)
        keep = c.journal.keep

        def full(kind, key, payload):
            raise JournalFull("full")

        c.journal.keep = full
        assert one.costs.change(session.id, rates("B", ENERGY)) == "full"
        c.journal.keep = keep
        assert one.costs.rates_of(session.id)[0] == "A"
        assert [record[2] for record in c.records(CHANGE)].count("tariff_changed") == 0
        for i in range(20):
            answer = one.costs.change(session.id, rates("C%d" % i, ENERGY))
        assert answer == "full" and one.costs.rates_of(session.id)[0] == "C14"
        # Only the last tariff of the session is on flash.
        keys = [key for key, _ in c.journal.state(TARIFF) if not isinstance(key, str)]
        assert len(keys) == 2

    run(story())


def test_sessions_that_are_told_are_forgotten():
    async def story():
        one = made()
        c = one.c
        one.costs.defaults.put([1], rates("A", ENERGY))
        session = await c.charge()
        await tariffs.forget(c.station, c.journal)
        assert c.journal.get(TARIFF, session.id)
        c.station.remote_stop(session.id)
        await one.pass_s(3)
        await tariffs.forget(c.station, c.journal)
        assert c.journal.get(TARIFF, session.id), "its end is not told"
        while c.journal.pending():
            c.journal.done(c.journal.pending()[0])
        await tariffs.forget(c.station, c.journal)
        assert [key for key, _ in c.journal.state(TARIFF)] == ["A"]

    run(story())


def test_the_cost_of_an_end_that_was_passed_over_stays():
    """It is told in another turn, with its cost."""

    async def story():
        one = made()
        c = one.c
        one.costs.defaults.put([1], rates("A", ENERGY))
        session = await c.charge()
        await one.pass_s(10, 100)
        c.station.remote_stop(session.id)
        await one.pass_s(3)
        (stop,) = c.records(STOP)
        while c.journal.pending()[1] != STOP:
            c.journal.done(c.journal.pending()[0])
        number = c.journal.pending()[0]
        c.journal.pass_over(number)
        assert c.journal.pending() is None
        c.station.delivery.later = number, c.clock.ms + 3600000
        await tariffs.forget(c.station, c.journal)
        assert one.costs.bill(stop)[0][3] == 100
        c.station.delivery._take_up()
        assert c.journal.pending()[0] == number
        c.journal.done(number)
        await tariffs.forget(c.station, c.journal)
        assert one.costs.bill(stop) is None

    run(story())


def test_a_tally_that_grows_too_large_for_a_record_loses_its_periods_alone():
    async def story():
        one = made()
        c = one.c
        fields = [(number, [[90000 * EURO]], []) for number in range(4)]
        one.costs.defaults.put([1], rates("A" * 60, *fields))
        session = await c.charge("T" * 36)
        for name in "BCDEFGHIJKL":
            await one.pass_s(30, 300)
            assert one.costs.change(session.id, rates(name * 60, *fields)) == "kept"
        await one.pass_s(costs.KEPT_S + 5, 700)
        c.station.remote_stop(session.id)
        await one.pass_s(3)
        (stop,) = c.records(STOP)
        tally = c.journal.get(TARIFF, session.id)[2]
        assert tally[tariff.WH] == 4000, "the last one is on flash"
        bill, names, periods = one.costs.bill(stop)
        assert bill[3] == 4000 and len(names) == 12 and periods is None

    run(story())


def test_a_tariff_that_no_record_can_hold_is_refused_before_it_counts():
    async def story():
        one = made()
        session = await one.c.charge()
        large = rates("L", (tariff.ENERGY, [[EURO] + [6, 1 << 40] * 100], []))
        assert one.costs.change(session.id, large) == "large"
        assert not one.costs.defaults.fits(large)
        if sys.implementation.name == "cpython":  # MicroPython keeps such a text
            assert not one.costs.defaults.fits(rates("\ud800", ENERGY))
        assert one.costs.defaults.fits(rates("S", ENERGY))
        assert one.costs.rates_of(session.id) is None

    run(story())


def test_records_of_others_stop_nothing():
    """A record that cannot be read costs the cost, not the end of the session."""

    async def story():
        one = made()
        c = one.c
        one.costs.defaults.put([1], rates("A", ENERGY))
        for payload in (
            ["x", [1], []], ["y", ["z"], rates("y")], ["v", [1], rates("v", valid="now")],
            [5, [], []], [6, [1, "default", "T", ["A"]], [1]], [-80, ["A"]], [0, []],
        ):  # fmt: skip
            c.journal.keep(kinds.TARIFF, payload[0], payload)
        one.start()
        assert ids(one.costs.defaults) == ["A"]
        one.costs.defaults.tidy()
        for number in (4, 5, 6):
            message = {"transactionInfo": {}}
            stop = [number, 1, 2, "local", None, [1, 10, NOON], None]
            bills.told(one.costs, STOP, stop, message)
            assert message == {"transactionInfo": {}}
            bills.told(one.costs, kinds.START, [number], message)
        bills.told(None, CHANGE, [5, 1, "running_cost", "", [1, 1, 1], 4, [0, 0, ["?"]]], message)
        assert "costDetails" not in message

    run(story())


def test_without_an_adapter_of_2_1_the_records_stay():
    """A 1.6 image finds them: it charges, makes room, and leaves them as they are."""

    async def story():
        c = Charger()
        kept = [["A", [1], rates("A", ENERGY)], [7, [1, "default", "T", ["A"]], [1, 2]]]
        for record in kept:
            c.journal.keep(TARIFF, record[0], record)
        session = await c.charge()
        await c.pass_s(5, 10)
        c.station.remote_stop(session.id)
        await c.pass_s(3)
        assert len(c.records(STOP)) == 1
        c.journal.prepare()
        again = Journal(NorLog(c.journal.log.flash), None, 1)
        assert [payload for _, payload in again.state(TARIFF)] == kept

    run(story())
