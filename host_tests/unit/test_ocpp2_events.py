# NotifyEvent of OCPP 2.x: sources, severities, the bound, what is sent and what is given up.
# MIT license; part of microevse

import asyncio
import sys

from evse_base import iso8601
from helpers import raises, run
from ocpp2 import client, events
from ocppj.messages import CallError
from station import faults
from station_parts import NOON, Charger


class Line:
    """A central system that takes events."""

    def __init__(self, settings=None, later=False, boot=7):
        self.charger = Charger(settings=settings)
        self.charger.clock.boot = boot
        self.station = self.charger.station
        self.sent = []
        self.fails = None
        self.up = True
        self.events = events.Events(
            self.call, self.station, self.charger.settings, self.charger.clock, later,
            lambda: self.up,
        )  # fmt: skip

    async def call(self, action, payload):
        assert action == "NotifyEvent" and payload["seqNo"] == 0
        if self.fails:
            raise self.fails
        self.sent += payload["eventData"]
        return {}

    async def drain(self):
        while self.events.due_in_ms() == 0:
            await self.events.step()
        sent, self.sent = self.sent, []
        return sent


def names(event):
    return event["component"]["name"] + "." + event["variable"]["name"]


def test_a_fault_is_an_alert_of_its_component_and_its_end_clears_it():
    async def story():
        line = Line()
        c = line.charger
        c.connector.report_fault("RcdTripped", "6 mA")
        (event,) = [e for e in await line.drain() if e["trigger"] == "Alerting"]
        assert names(event) == "RCD.Tripped" and event["component"]["evse"] == {"id": 1}
        assert event["actualValue"] == "true" and "cleared" not in event
        assert event["techCode"] == "RcdTripped"
        assert event["techInfo"] == faults.sentence("RcdTripped", "6 mA")
        assert event["eventNotificationType"] == "HardWiredNotification"
        assert event["timestamp"] == iso8601.format(NOON) and "severity" not in event
        await c.pass_s(7)
        c.connector.look(c.clock.uptime_ms())
        (event,) = [e for e in await line.drain() if e["trigger"] == "Alerting"]
        assert names(event) == "RCD.Tripped" and event["actualValue"] == "false"
        assert event["cleared"] is True and event["techCode"] == "RcdTripped"

    run(story())


def test_a_change_of_availability_is_a_delta_of_the_connector():
    async def story():
        line = Line(later=True)
        c = line.charger
        c.evse.plug()
        c.connector.look(0)
        (event,) = await line.drain()
        assert names(event) == "Connector.AvailabilityState" and event["trigger"] == "Delta"
        assert event["component"]["evse"] == {"id": 1, "connectorId": 1}
        assert event["actualValue"] == "Occupied" and event["severity"] == 8
        assert event["eventNotificationType"] == "HardWiredMonitor"
        assert event["variableMonitoringId"] == 1
        # Preparing, charging, suspended: 2.x has one word for them.
        await c.charge()
        assert not await line.drain()

    run(story())


def test_every_cause_has_a_component_and_unknown_ones_are_the_controllers():
    seen = set()
    for row in events.FAULTS.split("\n")[1:-1]:
        cause, place, severity = row.split(" ")
        assert faults.is_known(cause), cause
        assert events.of_fault(cause) == (place, int(severity))
        seen.add(place.split(".")[1])
    assert seen == {"Tripped", "Problem"}
    assert events.of_fault("TaskFailed") == ("Controller.Problem", 2)
    assert events.of_fault("Rcd") == ("Controller.Problem", 2)


def test_offline_only_what_is_severe_enough_is_kept():
    async def story():
        line = Line(settings={"OfflineQueuingSeverity": "3"})
        line.up = False
        line.events.add(4, "Alerting", "RCD.Problem", 1, "four")
        line.events.add(3, "Alerting", "RCD.Problem", 1, "three")
        line.up = True
        line.events.add(9, "Alerting", "RCD.Problem", 1, "nine")
        assert [e["actualValue"] for e in await line.drain()] == ["three", "nine"]

    run(story())


def test_above_the_level_nothing_is_queued():
    async def story():
        line = Line()
        assert line.charger.settings.keep_own("ActiveMonitoringLevel", "4")
        line.events.add(5, "Delta", "RCD.Problem", 1, "five")
        line.events.add(4, "Delta", "RCD.Problem", 1, "four")
        assert [e["actualValue"] for e in await line.drain()] == ["four"]

    run(story())


def test_a_full_queue_loses_the_oldest_of_the_least_severe():
    async def story():
        line = Line()
        line.events.add(2, "Delta", "RCD.Problem", 1, "alarm")
        line.events.add(8, "Delta", "RCD.Problem", 1, "old")
        line.events.add(8, "Delta", "RCD.Problem", 1, "new")
        for i in range(events.MOST - 2):
            line.events.add(5, "Delta", "RCD.Problem", 1, str(i))
        values = [e["actualValue"] for e in await line.drain()]
        assert len(values) == events.MOST and values[:2] == ["alarm", "new"]

    run(story())


def test_numbers_do_not_come_twice_over_restarts():
    async def story():
        seen = []
        for boot in (1, 2, 0x12345):
            line = Line(boot=boot)
            for _ in range(3):
                line.events.add(5, "Delta", "RCD.Problem", 1, "x")
            seen += [e["eventId"] for e in await line.drain()]
        assert len(set(seen)) == 9 and 0 <= min(seen) and max(seen) < 1 << 31

    run(story())


def test_the_time_is_that_of_the_event_also_if_it_is_sent_later():
    async def story():
        line = Line()
        line.up = False
        line.charger.clock.unix = None
        line.events.add(2, "Alerting", "RCD.Problem", 1, "true")
        await line.charger.pass_s(90)
        line.charger.clock.set(NOON + 90)
        (event,) = await line.drain()
        assert event["timestamp"] == iso8601.format(NOON)

    run(story())


def test_a_refused_event_is_dropped_and_an_unanswered_one_is_sent_three_times():
    async def story():
        line = Line()
        line.events.add(2, "Alerting", "RCD.Problem", 1, "refused")
        line.fails = CallError("InternalError", "")
        await line.events.step()
        assert line.events.due_in_ms() is None
        line.events.add(2, "Alerting", "RCD.Problem", 1, "unanswered")
        line.fails = asyncio.TimeoutError()
        for _ in range(2):
            try:
                await line.events.step()
                raise AssertionError("not told")
            except asyncio.TimeoutError:
                pass
            assert line.events.due_in_ms() == 0
        await line.events.step()
        assert line.events.due_in_ms() is None

    run(story())


def test_a_fault_that_was_there_before_is_told():
    async def story():
        line = Line()
        line.charger.connector.report_fault("ContactorWelded", "")
        line.events.close()
        line.charger.clock.boot = 8
        again = events.Events(
            line.call, line.station, line.charger.settings, line.charger.clock, False,
            lambda: False,
        )  # fmt: skip
        await again.step()
        assert [names(e) for e in line.sent] == ["PowerContactor.Problem"]

    run(story())


def test_closed_it_hears_nothing():
    async def story():
        line = Line()
        before = len(line.station.listeners)
        line.events.close()
        assert len(line.station.listeners) == before - 1
        line.charger.connector.report_fault("RcdTripped", "")
        assert not await line.drain()

    run(story())


def test_an_adapter_that_cannot_be_made_leaves_nothing_behind():
    # Each try of a chip without memory left one more queue of events, and its code with it.
    from ocpp2 import monitored

    for owner, name in (
        (client, "ChargingLimits"),
        (monitored, "start"),
        (client.Ocpp2, "points_ask"),
    ):
        c = Charger()
        before = list(c.station.listeners)
        whole = getattr(owner, name)

        def fails(*_):
            raise MemoryError()

        setattr(owner, name, fails)
        try:
            raises(MemoryError, client.Ocpp2, None, None, c.station, c.settings, c.clock, {}, "")
        finally:
            setattr(owner, name, whole)
        assert c.station.listeners == before, name


def test_with_the_adapter_goes_the_code_that_only_it_has_loaded():
    import evse_base
    import station
    from station import live_limits, monitors, notices

    c = Charger(settings={"TariffFallbackMessage": "0.40 a kWh"})

    async def make():  # of 2.1 it has a task
        return client.Ocpp2(None, None, c.station, c.settings, c.clock, {}, "", True)

    made = run(make())
    assert c.station.notices
    in_place, evse_base.IN_PLACE = evse_base.IN_PLACE, True
    try:
        made.close()
    finally:
        evse_base.IN_PLACE = in_place
    loaded = {"monitors": monitors, "notices": notices, "live_limits": live_limits}
    left = [name for name in loaded if "station." + name in sys.modules]
    for name in loaded:  # other tests have them
        sys.modules["station." + name] = loaded[name]
        setattr(station, name, loaded[name])
    assert not c.station.notices and not left
