# A permission to charge never outlives its reason.
# MIT license; part of microevse
"""The EVSE decides when the contactor closes; the connector only permits. Each of these tests
takes one reason for the permission away and looks at what the EVSE is told, and when.
"""

import asyncio

from helpers import run
from iec61851 import levels
from station import limits, restart
from station_parts import Charger, FakeLock, FakeRcd
from store import kinds


def permitted(c):
    """True if the last word that the EVSE got was a permission and no fault is latched."""
    words = [call for call in c.evse.calls if call.startswith(("permit", "forbid"))]
    return bool(words) and words[-1].startswith("permit") and not c.evse.faults


async def nothing_more(c, seconds=30):
    """The EV goes on asking, limits and wake-ups come: no new permission."""
    c.evse.obeys = True
    told = len(c.evse.calls)
    for second in range(seconds):
        c.limits.cap("temperature", 10000 + 1000 * (second % 3))
        await c.pass_s(1)
        if c.evse.plugged:
            c.evse.request()
    words = [call for call in c.evse.calls[told:] if call.startswith("permit")]
    assert not words and not c.evse.closed, words


def stop_by_card(c):
    return c.station.present_token("CARD")


def stop_remotely(c):
    assert c.station.remote_stop(1)


def refuse_the_token(c):
    c.station.deauthorized(1)


def unlock(c):
    task = asyncio.create_task(c.station.unlock(1))
    return asyncio.sleep(0) if task else None


def stop_for_a_soft_reset(c):
    task = asyncio.create_task(restart.end_all(c.station, "soft", c.clock))
    return asyncio.sleep(0) if task else None


def press_the_emergency_stop(c):
    c.connector.report_fault("EmergencyStop", "", True)


def trip_the_rcd(c):
    c.connector.report_fault("RcdTripped")


STOPS = (
    stop_by_card, stop_remotely, refuse_the_token, unlock, stop_for_a_soft_reset,
    press_the_emergency_stop, trip_the_rcd,
)  # fmt: skip


def test_what_ends_a_session_takes_the_permission_in_the_same_call():
    async def story(stop):
        c = Charger(lock=FakeLock())
        await c.charge()
        assert permitted(c)
        c.evse.obeys = False  # the EV goes on drawing
        done = stop(c)
        if done is not None:
            await done
        assert not permitted(c), stop
        assert c.connector.status in ("finishing", "faulted"), stop
        await nothing_more(c)
        assert len(c.records(kinds.STOP)) == 1, stop

    for stop in STOPS:
        run(story(stop))


def test_the_permission_ends_at_once_although_the_task_waits_for_a_part():
    """The task may hang for seconds in the meter, the lock or the self-test."""

    async def story(stop):
        c = Charger(lock=FakeLock())
        await c.charge()
        never = asyncio.Event()
        c.connector.metering.refresh = never.wait
        c.station.remote_stop(0)
        c.evse.obeys = False
        done = stop(c)
        if done is not None:
            await done
        assert not permitted(c), stop

    for stop in STOPS:
        run(story(stop))


def test_a_fault_that_pauses_takes_the_permission_in_the_same_call_and_gives_it_back():
    async def story(cause):
        c = Charger()
        await c.charge()
        c.connector.report_fault(cause, "", True)
        assert c.evse.calls[-1] == "forbid" and c.connector.status == "faulted"
        await nothing_more(c)
        c.connector.clear_fault(cause)
        await c.pass_s(6)
        assert permitted(c) and c.records(kinds.STOP) == []

    for cause in ("TemperatureStop", "CurrentBlind"):
        run(story(cause))


def test_a_second_fault_keeps_what_the_first_one_took_when_that_is_over():
    async def story():
        c = Charger()
        await c.charge()
        c.connector.report_fault("CurrentBlind")
        c.connector.report_fault("TemperatureStop")
        await c.pass_s(6)
        c.connector.clear_fault("CurrentBlind")
        await nothing_more(c)
        assert c.connector.fault[0] == "TemperatureStop"
        c.connector.clear_fault("TemperatureStop")
        await c.pass_s(1)
        assert permitted(c)

    run(story())


def test_a_session_that_ends_gets_no_new_permission_before_it_is_recorded():
    """The flash refuses the record: the session stays, and so does its end."""

    async def story():
        c = Charger()
        await c.charge()
        append, fails = c.journal.append, [True]

        def broken(kind, payload):
            if kind == kinds.STOP and fails[0]:
                raise OSError(5)
            return append(kind, payload)

        c.journal.append = broken
        c.station.remote_stop(1)
        await nothing_more(c)
        assert c.connector.session is not None and c.records(kinds.STOP) == []
        assert not await c.station.remote_start("CARD", 1)
        fails[0] = False
        await c.pass_s(1)
        assert c.connector.session is None and len(c.records(kinds.STOP)) == 1
        await nothing_more(c)

    run(story())


def test_a_token_that_is_no_longer_accepted_gets_its_last_energy_and_nothing_more():
    async def story(energy_wh):
        settings = {"StopTransactionOnInvalidId": "false", "MaxEnergyOnInvalidId": str(energy_wh)}
        c = Charger(settings=settings)
        await c.charge()
        c.station.deauthorized(1)
        await c.pass_s(1)
        assert permitted(c) is bool(energy_wh)
        await c.pass_s(10, wh=energy_wh + 1)
        assert c.evse.calls[-1] == "forbid"
        await nothing_more(c)
        assert c.connector.session is not None and c.connector.status == "suspended_evse"
        assert "no longer accepted" in c.connector.why

    for energy_wh in (0, 40):
        run(story(energy_wh))


def test_unplugged_in_a_session_that_stays_nothing_is_permitted_until_the_cable_is_back():
    async def story():
        c = Charger(settings={"StopTransactionOnEVSideDisconnect": "false"})
        await c.charge()
        c.evse.unplug()
        await c.pass_s(1)
        assert c.evse.calls[-1] == "forbid"
        await nothing_more(c)
        c.evse.plug()
        await c.pass_s(1)
        assert permitted(c)
        c.evse.unplug()
        c.station.remote_stop(1)
        await c.pass_s(1)
        c.evse.plug()
        await nothing_more(c)

    run(story())


def test_out_of_service_lets_a_session_end_and_permits_no_other():
    async def story():
        c = Charger(settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})
        c.evse.plug()
        await c.pass_s(1)
        assert permitted(c)
        assert c.station.set_availability(1, False) == "scheduled"
        await c.pass_s(5)
        assert permitted(c)
        c.evse.unplug()
        await c.pass_s(1)
        c.evse.plug()
        assert not permitted(c)
        await nothing_more(c)
        assert c.connector.status == "unavailable"

    run(story())


class Outlet(FakeLock):
    """A lock whose motor takes time; meanwhile `happens` is called."""

    happens = None

    async def lock(self):
        await asyncio.sleep(0)
        if self.happens:
            self.happens()
            await asyncio.sleep(0)
        return await super().lock()


def test_what_changes_while_the_lock_moves_or_the_rcd_is_tested_keeps_a_session_from_beginning():
    def unplugged(c):
        c.evse.unplug()

    def faulty(c):
        c.connector.report_fault("EmergencyStop", "", True)

    def paused(c):
        c.connector.report_fault("TemperatureStop")

    def out_of_service(c):
        c.station.set_availability(1, False)

    def unlocked(c):
        asyncio.create_task(c.station.unlock(1))

    def reset(c):
        asyncio.create_task(restart.end_all(c.station, "hard", c.clock))

    async def story(change, by_test):
        lock, rcd = Outlet(), FakeRcd()
        c = Charger(lock=lock, rcd=rcd)
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        c.evse.request()
        await c.station.present_token("CARD")
        if by_test:

            async def self_test():
                change(c)
                await asyncio.sleep(0)
                return True

            rcd.self_test = self_test
        else:
            lock.happens = lambda: change(c)
        await c.pass_s(1)
        assert c.records(kinds.START) == [] and c.connector.session is None, change
        assert not permitted(c), change

    for change in (unplugged, faulty, paused, out_of_service, unlocked, reset):
        for by_test in (False, True):
            run(story(change, by_test))


def test_a_waiting_token_does_not_outlive_what_happens_before_the_cable_comes():
    async def story(change, undo):
        c = Charger(lock=FakeLock())
        c.known["CARD"] = ("accepted", None)
        await c.station.present_token("CARD")
        await c.pass_s(1)
        assert c.connector.status == "preparing"
        done = change(c)
        if hasattr(done, "send"):
            await done
        await c.pass_s(1)
        undo(c)
        await c.pass_s(6)
        c.evse.plug()
        await nothing_more(c)
        assert c.records(kinds.START) == []

    def clear(cause):
        return lambda c: c.connector.clear_fault(cause)

    def service(on):
        return lambda c: c.station.set_availability(1, on)

    for change, undo in (
        (lambda c: c.connector.report_fault("CurrentBlind"), clear("CurrentBlind")),
        (lambda c: c.connector.report_fault("LockJammed"), clear("LockJammed")),
        (service(False), service(True)),
        (lambda c: c.station.unlock(1), lambda c: None),
        (lambda c: restart.end_all(c.station, "soft", c.clock), lambda c: None),
        (lambda c: c.pass_s(90), lambda c: None),
    ):
        run(story(change, undo))


def test_a_reservation_keeps_the_free_mode_from_another_drivers_connector():
    async def story():
        c = Charger(settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})
        c.evse.state = levels.A
        await c.pass_s(1)
        reserve = c.station.reservations.reserve
        assert reserve(1, 1, "OTHER", None, c.clock.now() + 20) == "accepted"
        c.evse.plug()
        c.evse.request()
        await c.pass_s(15)
        assert not permitted(c) and c.connector.status == "reserved"
        await c.pass_s(10)
        assert permitted(c)

    run(story())


def test_a_held_fault_permits_nothing_after_a_restart():
    async def story(cause):
        c = Charger(settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})
        c.evse.plug()
        await c.pass_s(1)
        c.connector.report_fault(cause)
        await c.pass_s(1)
        again = Charger(c.flash, boot=2, settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})
        await again.recover()
        again.evse.plug()
        again.evse.request()
        await nothing_more(again)
        assert again.connector.status == "faulted" and again.records(kinds.START)[1:] == []

    for cause in ("EmergencyStop", "RcdTripped", "OverCurrentHard", "LockLost"):
        run(story(cause))


def test_a_soft_pause_leaves_the_permission_and_the_session():
    """Only the EVSE pauses; when that is over the EV may go on without a new permission."""

    async def story():
        c = Charger()
        await c.charge()
        told = len(c.evse.calls)
        c.evse.paused, c.evse.closed = True, False
        await c.pass_s(2)
        assert c.connector.status == "suspended_evse" and len(c.evse.calls) == told
        c.station.remote_stop(1)
        assert c.evse.calls[-1] == "forbid"
        c.evse.paused = False
        await nothing_more(c)

    run(story())


def test_a_limit_that_ends_takes_nothing_with_it_and_a_pause_lasts_as_long_as_it_says():
    async def story():
        c = Charger()
        await c.charge()
        c.limits.claim("web", limits.PRIORITY_WEB, 0, c.clock.ms + 5000)
        await c.pass_s(4)
        assert c.evse.calls[-1] == "forbid"
        await c.pass_s(1)
        assert c.evse.calls[-1] == "permit 16000"
        assert list(c.limits.claims()) == []

    run(story())


def test_while_a_reset_goes_on_no_session_begins():
    """In free mode a car that came while another one was asked to let go once got a session, and
    a token that the central system answered late was accepted: the reset then waited for them."""

    async def story(kind):
        c = Charger(settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})
        await c.pass_s(1)
        await c.station.reset(kind)
        c.evse.plug()
        c.evse.request()
        assert not c.connector.authorize("LATE", None, c.clock.ms)
        for _ in range(3):
            await asyncio.sleep(0)
            await nothing_more(c, 3)
        assert c.records(kinds.START) == [] and c.connector.waiting is None

    for kind in ("soft", "hard"):
        run(story(kind))


def test_the_lock_stays_shut_while_a_pole_may_be_closed():
    async def story(told):
        lock = FakeLock()
        c = Charger(lock=lock)
        stuck = [True]
        c.connector.poles_closed = lambda: stuck[0]
        await c.charge()
        if told:
            c.connector.report_fault("ContactorWelded")
        c.station.remote_stop(1)
        await c.pass_s(5)
        assert lock.locked and c.connector.session is None
        stuck[0] = False
        await c.pass_s(2)
        assert lock.locked is told

    for told in (False, True):
        run(story(told))
