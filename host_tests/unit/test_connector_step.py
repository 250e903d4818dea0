# The actions of a step of the connector, its reports, and the events that wake its task.
# MIT license; part of microevse

import asyncio

from helpers import run
from station import connector as steps
from station import limits, telling
from station.session import Waiting
from station_parts import Charger, FakeLock
from store import kinds


def bits(told):
    """Bits of all "changed" events, one after the other; forgets them."""
    out = [data for kind, _, data in told if kind == "changed"]
    del told[:]
    return out


def test_a_step_commands_nobody_and_says_the_same_until_it_is_carried_out():
    """A step that acted itself was called again through the effects of its action."""

    async def story():
        c = Charger(lock=FakeLock())
        session = await c.charge()
        connector = c.connector
        connector.faults.report("TemperatureStop", "", c.clock.ms)
        del c.evse.calls[:], c.events[:]
        kept = []
        c.journal.keep = c.journal.append = lambda *args: kept.append(args)
        todo = connector.step(c.clock.ms)
        assert todo and connector.step(c.clock.ms) == todo
        assert c.evse.calls == [] and c.events == [] and kept == []
        connector.look(c.clock.ms)
        assert c.evse.calls == ["forbid"]
        assert [args[0] for args in kept] == [kinds.CHECKPOINT, kinds.CHANGE]
        assert c.statuses() == ["faulted"] and session.stopping is None
        assert connector.step(c.clock.ms) == 0

    run(story())


def test_a_step_says_what_takes_time():
    async def story():
        c = Charger()
        connector = c.connector
        assert connector.step(0) == 0
        c.known["CARD"] = ("accepted", "GROUP")
        await c.station.present_token("CARD")
        assert connector.step(0) == 0, "no cable yet"
        c.evse.plug()
        assert connector.step(0) == steps.BEGIN
        await c.work()
        c.evse.request()
        await c.work()
        assert connector.step(0) == 0
        assert connector.request_stop("local")
        assert connector.session.stopping == "local"
        assert connector.step(0) == steps.RECORD_STOP
        session = connector.session
        await c.work()
        assert connector.step(0) == 0 and connector.session is None
        assert session.stop_recorded == "local"
        assert not connector.request_stop("local"), "there is none"

    run(story())


def test_a_fault_and_an_unplugged_car_stop_a_session_within_the_step_that_sees_them():
    async def story(change, reason):
        c = Charger()
        session = await c.charge()
        change(c)
        todo = c.connector.step(c.clock.ms)
        assert todo & steps.RECORD_STOP and session.stopping == reason
        c.connector.request_stop("local")
        assert session.stopping == reason, "the first reason counts"
        await c.work()
        assert c.records(kinds.STOP)[0][3] == reason

    run(story(lambda c: c.evse.trip("RcdTripped"), "ground_fault"))
    run(story(lambda c: c.evse.unplug(), "ev_disconnected"))


def test_a_waiting_token_has_names_for_all_it_came_with():
    async def story():
        c = Charger(settings={"ConnectionTimeOut": "30"})
        connector = c.connector
        assert connector.authorize("CARD", "GROUP", 1000, "ISO14443", "profile", 77)
        waiting = connector.waiting
        assert (waiting.token, waiting.kind, waiting.group) == ("CARD", "ISO14443", "GROUP")
        assert waiting.deadline_ms == 31000
        assert (waiting.profile, waiting.remote_start) == ("profile", 77)
        assert connector.waits_for("card") and not connector.waits_for("CARD2")
        connector.drop_waiting()
        assert not connector.waits_for("CARD")
        plain = Waiting("T", None, 5)
        assert plain.kind == "" and plain.profile is None and plain.remote_start is None

    run(story())


def test_facts_say_what_no_word_of_a_protocol_has_to_be_parsed_for():
    plugged, authorized = telling.PLUGGED, telling.AUTHORIZED
    offering, drawing = telling.OFFERING, telling.DRAWING

    async def story():
        c = Charger(settings={"StopTransactionOnEVSideDisconnect": "false"})
        facts = c.connector.facts

        async def now():
            await c.pass_s(1)
            return facts.bits, facts.charging_state

        assert await now() == (0, "idle")
        c.evse.plug()
        assert await now() == (plugged, "connected")
        c.known["CARD"] = ("accepted", None)
        await c.station.present_token("CARD")
        assert facts.bits == plugged | authorized
        assert await now() == (plugged | authorized | offering, "connected")
        c.evse.request()
        await c.pass_s(1)
        assert await now() == (plugged | authorized | offering | drawing, "charging")
        c.evse.release()
        assert await now() == (plugged | authorized | offering, "suspended_ev")
        c.limits.claim("web", limits.PRIORITY_WEB, 0)
        assert await now() == (plugged | authorized, "suspended_evse")
        c.limits.release("web")
        c.evse.request()
        await c.pass_s(1)
        assert await now() == (plugged | authorized | offering | drawing, "charging")
        c.station.settings.overlay({"StopTransactionOnInvalidId": "false"})
        c.station.settings.overlay({"MaxEnergyOnInvalidId": "100"})
        c.station.deauthorized(1)
        assert await now() == (plugged | offering | drawing, "charging")
        c.evse.unplug()
        assert await now() == (0, "idle")
        c.station.remote_stop(1)
        assert await now() == (0, "idle")

    run(story())


def test_each_change_of_a_fact_is_told_once():
    async def story():
        c = Charger()
        await c.pass_s(1)
        c.evse.plug()
        await c.pass_s(3)
        assert bits(c.events) == [telling.PLUGGED | telling.CHARGING_STATE]
        c.known["CARD"] = ("accepted", None)
        await c.station.present_token("CARD")
        assert bits(c.events) == [telling.AUTHORIZED]
        await c.pass_s(1)
        assert bits(c.events) == [telling.OFFERING | telling.LIMIT]
        c.evse.request()
        await c.pass_s(2)
        assert bits(c.events) == [telling.DRAWING | telling.CHARGING_STATE]
        c.limits.claim("web", limits.PRIORITY_WEB, 8000)
        await c.pass_s(2)
        assert bits(c.events) == [telling.LIMIT] and c.connector.want_ma == 8000
        c.station.deauthorized(1)
        await c.pass_s(2)
        assert not c.connector.facts.bits & telling.AUTHORIZED
        told = bits(c.events)
        assert sum(told) == (
            telling.AUTHORIZED + telling.OFFERING + telling.DRAWING
            + telling.LIMIT + telling.CHARGING_STATE
        ), told  # fmt: skip
        await c.pass_s(10)
        assert bits(c.events) == []

    run(story())


def test_a_contactor_that_is_about_to_close_changes_no_charging_state():
    async def story():
        c = Charger()
        c.evse._follow = lambda: None  # it takes its time
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        await c.station.present_token("CARD")
        await c.pass_s(1)
        c.evse.request()
        await c.pass_s(6)
        assert c.connector.facts.charging_state == "connected"
        await c.pass_s(2)
        assert c.connector.facts.charging_state == "suspended_evse"

    run(story())


def test_the_task_is_woken_by_the_evse_by_limits_and_by_commands():
    async def story(source):
        c = Charger()
        connector = c.connector
        assert c.evse.changed is connector.wake_up, "the EVSE is one of its sources"
        task = asyncio.create_task(connector.sequence.run())
        await asyncio.sleep(0.02)
        c.clock.ms += 5000
        source(c)
        await asyncio.sleep(0.02)
        assert connector.sequence.beat_ms == c.clock.ms
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass

    for source in (
        lambda c: c.evse.changed.set(),
        lambda c: c.limits.claim("web", limits.PRIORITY_WEB, 8000),
        lambda c: c.limits.cap("site", 8000),
        lambda c: c.connector.wake(),
        lambda c: c.connector.set_operative(False),
        lambda c: c.connector.report_fault("MeterLost"),
        lambda c: c.station.profiles.changed(),
    ):
        run(story(source))


class Dice:
    """Random numbers from a seed, the same on both interpreters."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1103515245 + 12345) & 0x3FFFFFFF
        return (self._state >> 8) % n


_CAUSES = ("EmergencyStop", "TemperatureStop", "RcdTripped", "CurrentBlind", "ReaderLost")


async def _change(c, dice):
    """Something happens at random."""
    connector, evse = c.connector, c.evse
    what = dice.below(22)
    if what < 3 and not evse.plugged:
        evse.plug()
    elif what == 3 and evse.plugged:
        evse.unplug()
    elif what < 7 and evse.plugged:
        evse.request()
    elif what == 7 and evse.plugged:
        evse.release()
    elif what < 11:
        await c.station.present_token("CARD" if dice.below(3) else "OTHER")
    elif what == 11:
        ma = (0, 6000, 32000)[dice.below(3)]
        c.limits.claim("web", limits.PRIORITY_WEB, ma, c.clock.ms + 3000)
    elif what == 12:
        c.limits.cap("temperature", (None, 3000, 9000)[dice.below(3)])
    elif what == 13:
        connector.report_fault(_CAUSES[dice.below(5)], "", True)
    elif what < 16:
        for cause in _CAUSES:
            connector.clear_fault(cause)
        c.station.reset_faults()
    elif what == 16:
        c.station.deauthorized(connector.session.id if connector.session else 0)
    elif what == 17:
        c.station.set_availability(1, bool(dice.below(3)))
    elif what == 18:
        evse.obeys = not evse.obeys
    elif what == 19:
        connector.request_stop("remote")
    elif what == 20:
        evse.paused = not evse.paused


def _why_not(connector):
    """Why nothing may be permitted now, None if something may: the rules once more, in short."""
    session = connector.session
    if session is None:
        return "no session"
    if session.stopping:
        return "stopping"
    if connector.faults.action:
        return "fault"
    if connector.unplugged:
        return "unplugged"
    if session.deauthorized and connector.spent(session):
        return "not accepted"
    return None


def test_whatever_happens_nothing_is_permitted_without_a_reason():
    async def story(seed):
        dice = Dice(seed)
        settings = {"StopTransactionOnEVSideDisconnect": ("true", "false")[seed % 2]}
        settings["StopTransactionOnInvalidId"] = ("true", "false")[seed // 2 % 2]
        if seed // 4 % 2:
            settings["FreeMode"], settings["FreeModeIdTag"] = "true", "HOME"
        c = Charger(lock=FakeLock() if seed // 8 % 2 else None, settings=settings)
        c.known["CARD"] = ("accepted", None)
        told = [0]
        permit, forbid = c.evse.permit, c.evse.forbid
        c.evse.permit = lambda ma, protect: told.append(ma) or permit(ma, protect)
        c.evse.forbid = lambda: told.append(0) or forbid()
        permitted = refused = 0
        for number in range(120):
            await _change(c, dice)
            await c.pass_s(dice.below(3))
            c.connector.look(c.clock.ms)
            limit = c.limits.value(c.clock.ms)[0]
            why = _why_not(c.connector)
            assert told[-1] == (0 if why else limit), (seed, number, why)
            permitted += told[-1] > 0
            refused += why is not None
        return permitted, refused

    permitted = refused = 0
    for seed in range(24):
        found = run(story(seed))
        permitted += found[0]
        refused += found[1]
    assert permitted > 50 and refused > 500, (permitted, refused)
