# The station: cards, commands, restarts.
# MIT license; part of microevse
import asyncio

import evse_base as port
from helpers import cancelled, run
from evse_base import ticks_add
from station import restart
from station.reservations import Reservations
from station_parts import Charger, FakeClock, FakeLock, FakeMeter
from store import kinds


async def let_run(charger, seconds):
    """Let background tasks run while time passes."""
    for _ in range(seconds):
        await asyncio.sleep(0)
        await charger.pass_s(1)
        await asyncio.sleep(0)


def test_another_card_during_a_session_is_ignored_without_asking():
    async def story():
        c = Charger()
        await c.charge()
        c.asked = []
        assert await c.station.present_token("OTHER") == "In use."
        await c.pass_s(2)
        assert c.asked == [] and c.connector.status == "charging"

    run(story())


def test_a_card_of_the_same_group_ends_the_session_under_its_own_name():
    async def story():
        c = Charger()
        await c.charge("CARD", "Fleet")
        c.known["OTHER"] = ("accepted", "FLEET")
        c.known["STRANGER"] = ("accepted", "elsewhere")
        assert await c.station.present_token("STRANGER") == "In use."
        assert await c.station.present_token("BAD") == "In use."
        assert await c.station.present_token("OTHER") == "Session ended."
        await c.pass_s(1)
        assert c.records(kinds.STOP)[0][3:5] == ["local", "OTHER"]

    run(story())


def test_remote_start_without_and_with_authorization():
    async def story():
        c = Charger()
        c.evse.plug()
        await c.pass_s(1)
        assert await c.station.remote_start("APP", None)
        await c.pass_s(1)
        assert c.connector.session.token == "APP" and c.asked == []
        assert not await c.station.remote_start("APP2", 1)
        for settings, token, begins in (("true", "GOOD", True), ("true", "BAD", False)):
            c = Charger(settings={"AuthorizeRemoteTxRequests": settings})
            c.known["GOOD"] = ("accepted", None)
            c.evse.plug()
            assert await c.station.remote_start(token, 1)
            await let_run(c, 3)
            assert c.asked == [token]
            assert (c.connector.session is not None) == begins
            if begins:
                assert not await c.station.remote_start(token, 1)

    run(story())


def test_remote_start_uses_the_cache_where_that_is_allowed():
    async def story():
        c = Charger(settings={"AuthorizeRemoteTxRequests": "true", "LocalPreAuthorize": "true"})
        c.authorizer.learn("APP", {"status": "accepted", "expiry": None, "parent": None})
        c.evse.plug()
        assert await c.station.remote_start("APP", 1)
        await let_run(c, 2)
        assert c.connector.session is not None and c.asked == []

    run(story())


def test_remote_start_before_the_cable_times_out():
    async def story():
        c = Charger(settings={"ConnectionTimeOut": "20"})
        await c.pass_s(1)
        assert await c.station.remote_start("APP", 1)
        await c.pass_s(22)
        assert c.statuses() == ["available", "preparing", "available"]

    run(story())


def test_remote_commands_for_what_does_not_exist():
    async def story():
        c = Charger()
        assert not await c.station.remote_start("APP", 0)
        assert not await c.station.remote_start("APP", 2)
        assert not await c.station.remote_start("", 1)
        assert not c.station.remote_stop(1)
        assert c.station.set_availability(7, False) == "rejected"

    run(story())


def test_offline_start_of_a_known_card():
    async def story():
        c = Charger()
        c.authorizer.learn("CARD", {"status": "accepted", "expiry": None, "parent": None})
        c.online = False
        c.evse.plug()
        assert await c.station.present_token("CARD") == "Accepted."
        await c.pass_s(1)
        assert len(c.records(kinds.START)) == 1

    run(story())


def test_deauthorized_ends_the_session_and_keeps_the_cable_for_its_owner():
    async def story():
        lock = FakeLock()
        c = Charger(lock=lock)
        await c.charge()
        c.station.deauthorized(1)
        await c.pass_s(3)
        assert c.records(kinds.STOP)[0][3] == "deauthorized"
        assert c.connector.status == "finishing" and lock.locked
        await c.station.present_token("CARD")
        await c.pass_s(1)
        assert not lock.locked

    run(story())


def test_deauthorized_may_leave_the_session_without_energy():
    async def story():
        c = Charger(settings={"StopTransactionOnInvalidId": "false"})
        await c.charge()
        c.station.deauthorized(1)
        await c.pass_s(2)
        assert c.connector.status == "suspended_evse" and c.records(kinds.STOP) == []
        assert "no longer accepted" in c.connector.why
        c = Charger(
            settings={"StopTransactionOnInvalidId": "false", "MaxEnergyOnInvalidId": "100"}
        )
        await c.charge()
        c.station.deauthorized(1)
        await c.pass_s(10, wh=90)
        assert c.connector.status == "charging"
        await c.pass_s(10, wh=20)
        assert c.connector.status == "suspended_evse"
        c.station.deauthorized(99)

    run(story())


def test_availability_is_applied_scheduled_and_kept():
    async def story():
        c = Charger()
        await c.pass_s(1)
        assert c.station.set_availability(1, False) == "accepted"
        assert c.connector.status == "unavailable" and c.station.status == "available"
        assert not await c.station.remote_start("APP", 1)
        assert "Out of service" in await c.station.present_token("CARD")
        again = Charger(flash=c.flash, boot=2)
        await again.recover()
        await again.pass_s(1)
        assert again.connector.status == "unavailable"
        assert again.station.set_availability(1, True) == "accepted"
        await again.charge()
        assert again.station.set_availability(0, False) == "scheduled"
        assert again.connector.status == "charging" and again.station.status == "unavailable"
        again.station.remote_stop(1)
        await again.pass_s(1)
        assert again.connector.status == "unavailable"
        third = Charger(flash=again.flash, boot=3)
        await third.recover()
        assert third.station.status == "unavailable" and not third.connector.operative

    run(story())


def test_a_power_cut_ends_the_session_with_the_meters_register():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "10"})
        await c.charge()
        await c.pass_s(25, wh=50)
        last = c.records(kinds.SAMPLE)[-1]
        again = Charger(flash=c.flash, boot=2, meter=FakeMeter(1050))
        await again.recover("PowerUp")
        [stop] = again.records(kinds.STOP)
        assert stop[:7] == [1, 1, 1050, "power_loss", None, last[3], None]
        assert stop[7:] == [last[5] + 1, "abnormal", None]
        again.evse.plug()
        await again.pass_s(5)
        assert again.connector.status == "preparing" and again.connector.session is None
        third = Charger(flash=c.flash, boot=3, meter=FakeMeter(1050))
        await third.recover("PowerUp")
        assert len(third.records(kinds.STOP)) == 1
        await third.charge()
        assert third.connector.session.id == 2

    run(story())


def test_a_register_that_cannot_be_right_is_not_billed():
    async def story():
        for register in (0, 1004, 5000000):
            c = Charger(settings={"MeterValueSampleInterval": "10"})
            await c.charge()
            await c.pass_s(10, wh=50)
            last = c.records(kinds.SAMPLE)[-1][4][0][2]
            assert last >= 1040
            again = Charger(flash=c.flash, boot=2, meter=FakeMeter(register))
            await again.recover("PowerUp")
            assert again.records(kinds.STOP)[0][2] == last, register

    run(story())


def test_the_cause_of_the_restart_is_the_reason_of_the_end():
    async def story():
        for cause, reason in (
            ("Watchdog", "reboot"),
            ("Crash", "reboot"),
            ("SoftRestart", "soft_reset"),
            ("HardRestart", "hard_reset"),
            ("Whatever", "reboot"),
        ):
            c = Charger()
            await c.charge()
            again = Charger(flash=c.flash, boot=2)
            await again.recover(cause)
            assert again.records(kinds.STOP)[0][3] == reason

    run(story())


def test_a_session_is_ended_even_if_its_start_was_delivered_long_ago():
    async def story():
        c = Charger()
        await c.charge()
        seq, kind, _ = c.journal.pending()
        assert kind == kinds.START
        c.journal.done(seq)
        c.journal.prepare()
        again = Charger(flash=c.flash, boot=2)
        await again.recover("PowerUp")
        assert again.records(kinds.STOP)[0][:2] == [1, 1]

    run(story())


def test_session_numbers_are_never_given_twice():
    async def story():
        flash = None
        seen = []
        for boot in range(1, 5):
            c = Charger(flash=flash, boot=boot)
            flash = c.flash
            await c.recover()
            # Nothing that has ended, and was told, ends again.
            assert c.records(kinds.STOP) == []
            session = await c.charge()
            seen.append(session.id)
            c.station.remote_stop(session.id)
            await c.pass_s(1)
            while c.journal.pending():
                c.journal.done(c.journal.pending()[0])
            c.journal.prepare()
        assert seen == [1, 2, 3, 4]

    run(story())


def test_a_cut_right_behind_the_end_does_not_end_the_session_twice():
    async def story():
        c = Charger()
        await c.charge()
        keep = c.journal.keep

        def cut(kind, key, payload):
            raise OSError("power is gone")

        c.journal.keep = cut
        c.station.remote_stop(1)
        await c.pass_s(1)
        assert len(c.records(kinds.STOP)) == 1
        c.journal.keep = keep
        again = Charger(flash=c.flash, boot=2)
        await again.recover("PowerUp")
        assert [r[3] for r in again.records(kinds.STOP)] == ["remote"]

    run(story())


def test_free_mode_resumes_after_a_random_delay_following_a_power_cut():
    async def story():
        free = {"FreeMode": "true", "ResumeRandomDelay": "100"}
        c = Charger(settings=free)
        c.evse.plug()
        await c.pass_s(2)
        assert c.connector.session
        again = Charger(flash=c.flash, boot=2, settings=free)
        await again.recover("PowerUp")
        again.evse.plug()
        await again.pass_s(95)
        assert again.connector.session is None
        await again.pass_s(10)
        assert again.connector.session.id == 2

    run(story())


def test_reset_ends_sessions_records_them_and_then_restarts():
    async def story():
        for kind, call in (("soft", "forbid"), ("hard", "trip ResetRequested")):
            c = Charger()
            await c.charge()
            await c.station.reset(kind)
            assert c.resets == [] and c.connector.session
            for _ in range(60):
                await asyncio.sleep(0.05)
                await c.pass_s(1)
                if c.resets:
                    break
            assert c.resets == [kind]
            assert c.evse.calls[1] == call and not c.evse.closed
            [stop] = c.records(kinds.STOP)
            assert stop[3] == kind + "_reset"
            assert "faulted" not in c.statuses()
            again = Charger(flash=c.flash, boot=2)
            await again.recover(kind[0].upper() + kind[1:] + "Reset")
            assert len(again.records(kinds.STOP)) == 1

    run(story())


def test_a_reset_that_waits_comes_after_the_last_session_and_nothing_begins_before():
    async def story():
        c = Charger()
        await c.charge()
        c.station.reset_when_idle()
        c.station.reset_when_idle()
        await let_run(c, 5)
        assert c.resets == [] and c.connector.status == "charging"
        assert await c.station.present_token("CARD") == "Session ended."
        await let_run(c, 1)
        assert c.connector.status == "unavailable" and c.connector.why == "Restarting soon."
        assert not await c.station.remote_start("APP", 1)
        while not c.resets:
            await asyncio.sleep(0.05)
        assert c.resets == ["idle"]
        [stop] = c.records(kinds.STOP)
        assert stop[3] == "local"
        # Without a session it comes at once.
        c = Charger()
        c.station.reset_when_idle()
        while not c.resets:
            await asyncio.sleep(0.05)
            await c.pass_s(1)
        assert c.resets == ["idle"]

    run(story())


class SlowLock:
    """It takes until `done` to lock."""

    fitted, locked = True, False

    def __init__(self):
        self.done = asyncio.Event()

    async def lock(self):
        await self.done.wait()
        self.locked = True
        return True

    async def unlock(self):
        self.locked = False
        return True


async def starting():
    """(Charger, the task in which a session is about to begin): its plug is being locked."""
    c = Charger(lock=SlowLock())
    c.known["CARD"] = ("accepted", None)
    c.evse.plug()
    await c.pass_s(1)
    await c.station.present_token("CARD")
    task = asyncio.create_task(c.work())
    await asyncio.sleep(0)
    assert c.connector.waiting and c.connector.session is None
    return c, task


def test_a_reset_that_waits_leaves_a_start_its_session_and_any_other_ends_the_start():
    async def story():
        c, task = await starting()
        c.station.reset_when_idle()
        await asyncio.sleep(0.05)
        assert c.station.resetting is None
        c.lock.done.set()
        await task
        assert c.connector.session and not c.connector.session.stopping
        # A card whose cable never comes does not hold it up for longer than that may take.
        c = Charger()
        c.known["CARD"] = ("accepted", None)
        await c.station.present_token("CARD")
        c.station.reset_when_idle()
        await let_run(c, 58)
        assert c.connector.waiting and c.station.resetting is None
        while not c.resets:
            await c.pass_s(1)
            await asyncio.sleep(0.05)
        assert c.resets == ["idle"]
        for kind in ("soft", "hard"):
            c, task = await starting()
            await c.station.reset(kind)
            c.lock.done.set()
            await task
            while not c.resets:
                await asyncio.sleep(0.05)
                await c.pass_s(1)
            assert c.resets == [kind] and c.records(kinds.START) == []

    run(story())


def test_a_sample_that_is_asked_for_has_a_number_the_state_and_the_register():
    async def story():
        c = Charger(settings={"MeterValuesSampledData": "", "MeterValueSampleInterval": "0"})
        assert not c.connector.metering.triggered() and c.records(kinds.SAMPLE) == []
        session = await c.charge()
        seq = session.seq
        assert c.connector.metering.triggered()
        c.evse.release()
        await c.pass_s(1)
        assert c.connector.metering.triggered()
        first, second = c.records(kinds.SAMPLE)
        assert first[0] == session.id and first[2] == "Trigger" and first[4] == [[1, 0, 1000]]
        assert first[5:] == [seq, "charging"] and second[6] == "suspended_ev"
        assert second[5] > seq and session.seq == second[5] + 1
        c.connector.request_stop("local")
        assert not c.connector.metering.triggered()

    run(story())


def test_a_remote_start_that_names_a_group():
    async def story():
        c = Charger()
        c.evse.plug()
        assert await c.station.remote_start("APP", 1, group="Fleet")
        await c.pass_s(1)
        assert c.connector.session.parent == "Fleet"

    run(story())


def test_a_reset_comes_though_something_fails_on_the_way():
    """One MemoryError left the station waiting for a reset that never came."""

    async def story(what):
        c = Charger()
        await c.charge()

        async def fails(*_):
            raise MemoryError

        if what == "farewell":
            c.station.farewell = fails
        else:
            end_all, restart.end_all = restart.end_all, fails
        try:
            await c.station.reset("soft")
            for _ in range(60):
                await asyncio.sleep(0.05)
                await c.pass_s(1)
                if c.resets:
                    break
        finally:
            if what != "farewell":
                restart.end_all = end_all
        assert c.resets == ["soft"]

    for what in ("farewell", "sessions"):
        run(story(what))


def test_cut_sessions_that_cannot_be_ended_do_not_keep_the_station_waiting():
    """One MemoryError locked it until the power went, and nothing was reported."""

    async def story():
        c = Charger()
        await c.charge()
        again = Charger(flash=c.flash, boot=2)

        def fails(*_):
            raise MemoryError

        append, again.journal.append = again.journal.append, fails
        again.station.recover("PowerUp")
        for _ in range(100):
            await asyncio.sleep(0.01)
            if not again.station.recovering:
                break
        assert not again.station.recovering
        again.journal.append = append
        again.known["CARD"] = ("accepted", None)
        again.evse.plug()
        await again.pass_s(1)
        await again.station.present_token("CARD")
        await again.pass_s(1)
        assert again.connector.session

    run(story())


def test_nothing_starts_while_a_reset_is_under_way():
    async def story():
        c = Charger()
        await c.station.reset("soft")
        assert not await c.station.remote_start("APP", 1)
        assert await c.station.present_token("CARD") == "Restarting."
        while not c.resets:
            await asyncio.sleep(0.05)

    run(story())


def test_a_listener_that_fails_breaks_nothing():
    async def story():
        c = Charger()

        def bad(kind, connector, data):
            raise ValueError("listener")

        c.station.listeners.insert(0, bad)
        await c.charge()
        kinds_told = [e[0] for e in c.events]
        assert "session_started" in kinds_told and "journal" in kinds_told

    run(story())


def test_the_snapshot_has_what_the_page_shows():
    async def story():
        c = Charger()
        c.meter.power_w = 3680
        c.meter.current_ma = [16040]
        await c.charge()
        await c.pass_s(10, wh=12)
        shown = c.station.snapshot()
        assert shown["status"] == "charging" and shown["contactor"] and shown["plugged"]
        assert shown["energy_wh"] == 12 and shown["power_w"] == 3680
        assert shown["current_a"] == 16 and shown["current_offered_a"] == 16
        assert shown["session"]["id"] == 1 and shown["session"]["seconds"] >= 10
        assert shown["why"] == "Limited to 16 A by the board."
        assert shown["fault"] is None

    run(story())


def test_nothing_begins_until_the_cut_sessions_are_ended():
    async def story():
        c = Charger()
        await c.charge()
        again = Charger(flash=c.flash, boot=2)
        again.station.recover("PowerUp")
        assert again.station.recovering
        again.evse.plug()
        assert not await again.station.remote_start("APP", 1)
        assert await again.station.present_token("CARD") == "Restarting."
        while again.station.recovering:
            await asyncio.sleep(0.01)
        assert await again.station.remote_start("APP", 1)
        await again.pass_s(1)
        assert again.connector.session.id == 2
        assert again.records(kinds.STOP)[0][0] == 1

    run(story())


def test_what_is_fitted_decides_about_settings():
    meter = FakeMeter()
    meter.voltage_mv = None
    c = Charger(meter=meter)
    assert c.settings.access("UnlockConnectorOnEVSideDisconnect") == "r"
    assert c.settings.set("MeterValuesSampledData", "Voltage") == "rejected"
    assert c.settings.get("MeterValuesSampledDataMaxLength") == 5
    c = Charger(lock=FakeLock())
    assert c.settings.access("UnlockConnectorOnEVSideDisconnect") == "rw"


def test_the_age_of_the_oldest_beat():
    async def story():
        c = Charger()
        task = asyncio.create_task(c.connector.sequence.run())
        await asyncio.sleep(0.05)
        assert c.station.oldest_beat_ms() == 0
        c.clock.ms += 3000
        assert c.station.oldest_beat_ms() == 3000
        c.connector.wake()
        await asyncio.sleep(0.05)
        assert c.station.oldest_beat_ms() == 0
        await cancelled(task)

    run(story())


class Outlet:
    """The part of a connector that Reservations.best looks at."""

    def __init__(self, free=True, plugged=False, unplugged=True, since_ms=0):
        self.id = 1
        self.free = free
        self.unplugged_since_stop = unplugged
        self.evse = self
        self.plugged = plugged
        self.since_ms = since_ms


class Outlets:
    def __init__(self, *connectors):
        self.connectors = connectors


def best(*outlets):
    return Reservations(Outlets(*outlets), None, FakeClock()).best("CARD", None)


def test_a_start_for_no_connector_means_the_cable_that_came_last():
    empty, used = Outlet(), Outlet(plugged=True, unplugged=False, since_ms=900)
    old, new = Outlet(plugged=True, since_ms=100), Outlet(plugged=True, since_ms=500)
    taken = Outlet(free=False, plugged=True, since_ms=800)
    assert best(old, new, empty, used, taken) is new
    assert best(new, old) is new
    # The tick counter wraps.
    before = Outlet(plugged=True, since_ms=ticks_add(0, -10))
    assert best(before, Outlet(plugged=True, since_ms=10)) is not before
    assert best(used, empty, taken) is empty
    assert best(used, taken) is used
    assert best(taken) is None


def test_a_restart_waits_for_its_farewell_with_open_contacts_and_not_longer_than_a_second():
    async def hangs():
        await asyncio.sleep(60)

    async def fails():
        raise OSError("gone")

    async def story(kind, farewell):
        c = Charger()
        await c.charge()
        seen = []

        async def told():
            seen.append(c.evse.closed)
            if farewell:
                await farewell()

        c.station.farewell = told
        await c.station.reset(kind)
        began = port.ticks_ms()
        while not c.resets:
            c.clock.ms += 100
            await c.work()
            await asyncio.sleep(0.05)
            assert port.ticks_diff(port.ticks_ms(), began) < 5000
        assert seen == [False], "said once, and only with the contactor open"
        assert c.resets == [kind]
        # 1 s for the answer, then the farewell; the rest is this test's own.
        assert port.ticks_diff(port.ticks_ms(), began) < 2500

    for farewell in (None, hangs, fails):
        for kind in ("soft", "hard"):
            run(story(kind, farewell))


def test_a_session_whose_token_is_refused_is_looked_at_at_once():
    async def story():
        for ends in ("true", "false"):
            c = Charger(settings={"StopTransactionOnInvalidId": ends})
            session = await c.charge()
            kicks = []
            c.connector.wake = lambda: kicks.append(1)  # noqa: B023
            c.station.deauthorized(session.id)
            assert session.deauthorized and kicks
            assert bool(session.stopping) is (ends == "true")
            c.station.deauthorized(session.id + 1)

    run(story())
