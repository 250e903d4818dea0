# Monitors of values: bounds, changes, intervals, sessions, what outlives a restart.
# MIT license; part of microevse

from helpers import run
from station import monitors
from station_parts import Charger
from store import kinds


class Watch:
    """The monitors of a Charger, looked at once a second by `pass_s`; `told` is what they say."""

    def __init__(self, charger=None):
        self.c = charger or Charger()
        self.told = []
        self.monitors = monitors.Monitors(self.c.station, self.c.journal, self.c.clock, self._tell)

    def _tell(self, item, why, value, over):
        self.told.append((self.c.clock.ms // 1000, item[monitors.ID], why, value, over))

    def put(self, what, kind, value, connector=1, severity=5, session=False, number=None):
        return self.monitors.put([number, connector, what, kind, value, severity, session])

    async def pass_s(self, seconds):
        for _ in range(seconds):
            await self.c.pass_s(1)
            for item in self.monitors.items:
                self.monitors.look(item, self.c.clock.ms)

    def news(self):
        told, self.told = self.told, []
        return [entry[2:] for entry in told]


def test_a_bound_is_told_once_when_it_is_passed_and_once_when_it_is_kept_again():
    async def story():
        w = Watch()
        w.put("power", "above", 5000)
        for watts in (5000, 5001, 6000, 5000):
            w.c.meter.power_w = watts
            await w.pass_s(8)
        assert w.news() == [("alert", 5001, False), ("alert", 5000, True)]
        w.put("voltage", "below", 207000)
        w.c.meter.voltage_mv = [230000, 207000, 206999]
        await w.pass_s(1)
        assert w.news() == [("alert", 206999, False)]

    run(story())


def test_a_value_that_goes_to_and_fro_is_told_at_most_every_five_seconds():
    async def story():
        w = Watch()
        w.put("power", "above", 100)
        w.put("power", "change", 10)
        for i in range(30):
            w.c.meter.power_w = 200 * (i & 1)
            await w.pass_s(1)
        assert 2 <= len(w.told) <= 12, w.told

    run(story())


def test_a_change_counts_from_the_value_that_was_told_last():
    async def story():
        w = Watch()
        w.put("energy", "change", 100)
        w.put("availability", "change", 1)
        await w.pass_s(1)
        for wh in (1050, 1100, 1101, 1150, 1202):
            w.c.meter.register_wh = wh
            await w.pass_s(6)
        assert w.news() == [("change", 1101, False), ("change", 1202, False)]
        w.c.evse.plug()
        await w.pass_s(1)
        assert w.news() == [("change", "occupied", False)]

    run(story())


def test_intervals_count_from_the_setting_or_from_the_clock():
    async def story():
        w = Watch()
        await w.pass_s(7)
        every = w.put("power", "every", 10)
        clock = w.put("power", "clock", 10)
        await w.pass_s(35)
        seconds = {every: [], clock: []}
        for at, number, why, value, over in w.told:
            assert (why, value, over) == ("time", 0, False)
            seconds[number].append(at)
        assert seconds == {every: [17, 27, 37], clock: [10, 20, 30, 40]}

    run(story())


def test_during_a_session_only():
    async def story():
        w = Watch()
        w.put("power", "above", 10, session=True)
        w.put("current", "above", 10, 0, session=True)
        w.c.meter.power_w, w.c.meter.current_ma = 100, [50, 60]
        await w.pass_s(10)
        assert not w.told
        await w.c.charge()
        await w.pass_s(1)
        assert w.news() == [("alert", 100, False), ("alert", 60, False)]
        w.c.connector.request_stop("local")
        await w.pass_s(10)
        w.c.evse.unplug()
        await w.pass_s(10)
        await w.c.charge()
        await w.pass_s(1)
        assert len(w.news()) == 2  # it begins anew

    run(story())


def test_what_is_not_measured_tells_nothing():
    async def story():
        w = Watch()
        w.put("temperature", "below", 500)
        w.c.meter.power_w = None
        w.put("power", "below", 5000)
        w.put("power", "every", 1)
        await w.pass_s(3)
        assert not w.told
        w.c.connector.facts.temp_dc = 499
        await w.pass_s(1)
        assert w.news() == [("alert", 499, False)]

    run(story())


def test_monitors_outlive_a_restart_unless_they_are_removed():
    async def story():
        w = Watch()
        first = w.put("power", "above", 5000, severity=3)
        second = w.put("power", "below", 10)
        third = w.put("energy", "every", 60, session=True)
        assert (first, second, third) == (100, 101, 102)
        assert w.put("power", "above", 6000, severity=3, number=first) == first
        assert w.monitors.remove(second) and not w.monitors.remove(second)
        again = Watch(Charger(flash=w.c.flash, boot=2))
        kept = sorted([item[:7] for item in again.monitors.items])
        assert kept == [
            [100, 1, "power", "above", 6000, 3, False],
            [102, 1, "energy", "every", 60, 5, True],
        ]
        assert again.put("power", "below", 10) == 103
        again.monitors.clear()
        assert not Watch(Charger(flash=w.c.flash, boot=3)).monitors.items

    run(story())


def test_there_is_room_for_twenty():
    async def story():
        w = Watch()
        ids = [w.put("power", "above", i) for i in range(monitors.MOST)]
        assert None not in ids and len(set(ids)) == monitors.MOST
        assert w.put("power", "above", 99) is None
        assert w.put("power", "above", 98, number=ids[3]) == ids[3]

    run(story())


def test_a_twin_has_the_same_value_kind_and_severity():
    async def story():
        w = Watch()
        number = w.put("power", "above", 5)
        for record, found in (
            ([None, 1, "power", "above", 7, 5, True], True),
            ([number, 1, "power", "above", 7, 5, True], False),
            ([None, 1, "power", "above", 5, 4, False], False),
            ([None, 0, "power", "above", 5, 5, False], False),
            ([None, 1, "power", "below", 5, 5, False], False),
        ):
            assert (w.monitors.twin(record) is not None) is found, record

    run(story())


def test_a_journal_that_refuses_keeps_what_there_was():
    async def story():
        w = Watch()
        number = w.put("power", "above", 5)

        def refuse(*_):
            raise OSError(5)

        w.c.journal.keep = refuse
        assert w.put("power", "below", 5) is None
        assert w.put("power", "above", 9, number=number) is None
        assert [item[:7] for item in w.monitors.items] == [
            [number, 1, "power", "above", 5, 5, False]
        ]

    run(story())


def test_the_task_watches_by_itself_and_ends_with_the_last_monitor():
    async def story():
        import asyncio

        w = Watch()
        w.c.meter.power_w = 9
        number = w.put("power", "above", 5)
        await asyncio.sleep(0.05)
        assert w.news() == [("alert", 9, False)]
        w.monitors.remove(number)
        await asyncio.sleep(1.1)
        assert w.monitors._task.done()

    run(story())


def test_availability_of_the_station_is_the_best_of_its_connectors():
    c = Charger()
    word = lambda number: monitors.availability(c.station, number)  # noqa: E731
    assert word(0) == word(1) == "available"
    c.connector.status = "suspended_ev"
    assert word(0) == word(1) == "occupied"
    c.connector.status = "faulted"
    assert word(0) == word(1) == "faulted"
    c.station.operative = False
    assert word(0) == "unavailable"


def test_a_monitor_of_another_version_tells_nothing_wrong():
    c = Charger()
    good = [100, 1, "power", "above", 5, 5, False]
    for number, field, value in (
        (101, monitors.KIND, "between"),
        (102, monitors.WHAT, "frequency"),
        (103, monitors.KIND, "every"),
        (104, monitors.WHAT, ""),
    ):
        record = list(good)
        record[monitors.ID], record[field] = number, value
        if value == "every":
            record[monitors.VALUE] = 0
        c.journal.keep(kinds.MONITOR, number, record)
    c.journal.keep(kinds.MONITOR, 100, good)

    async def again():
        return [item[monitors.ID] for item in Watch(Charger(c.flash, boot=2)).monitors.items]

    assert run(again()) == [100]


def test_a_stream_is_kept_and_a_record_of_before_has_none():
    async def story():
        w = Watch()
        one = w.monitors.put([None, 1, "power", "every", 1, 5, False, [10, 0]])
        w.put("power", "every", 7)
        assert [item[monitors.STREAM] for item in w.monitors.items] == [[10, 0], None]
        assert w.monitors.stream(w.monitors.find(one), [0, 4])
        again = Watch(w.c).monitors
        assert again.find(one)[monitors.STREAM] == [0, 4]
        assert again.find(one + 1)[monitors.STREAM] is None
        keep = w.c.journal.keep
        w.c.journal.keep = None
        assert not w.monitors.stream(w.monitors.find(one), [0, 5])
        w.c.journal.keep = keep
        assert w.monitors.find(one)[monitors.STREAM] == [0, 4]

    run(story())
