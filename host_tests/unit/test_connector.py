# The connector: the status sequences that a driver and a central system see.
# MIT license; part of microevse
from evse_base import log
from helpers import cancelled, run
from station import limits
from station_parts import Charger, FakeLock, FakeRcd, shown_offline
from store import kinds


def test_plug_first_then_card():
    async def story():
        c = Charger()
        await c.pass_s(1)
        await c.charge()
        assert c.statuses() == ["available", "preparing", "charging"]
        assert c.asked == ["CARD"]
        [start] = c.records(kinds.START)
        assert start[:5] == [1, 1, "CARD", 1000, None]
        assert c.evse.calls == ["permit 16000"]

    run(story())


def test_card_first_then_plug():
    async def story():
        c = Charger()
        c.known["CARD"] = ("accepted", None)
        await c.pass_s(1)
        assert await c.station.present_token("CARD") == "Accepted."
        assert c.connector.status == "preparing"
        assert c.evse.calls == []
        await c.pass_s(20)
        c.evse.plug()
        await c.pass_s(1)
        c.evse.request()
        await c.pass_s(1)
        assert c.statuses() == ["available", "preparing", "charging"]

    run(story())


def test_a_token_is_forgotten_after_connection_time_out():
    async def story():
        c = Charger(settings={"ConnectionTimeOut": "30"})
        c.known["CARD"] = ("accepted", None)
        await c.station.present_token("CARD")
        await c.pass_s(29)
        assert c.connector.status == "preparing" and "plug in" in c.connector.why
        await c.pass_s(2)
        assert c.connector.status == "available"
        c.evse.plug()
        await c.pass_s(5)
        assert c.connector.session is None and c.records(kinds.START) == []

    run(story())


def test_the_start_record_is_on_flash_before_anything_is_offered():
    async def story():
        c = Charger()
        order = []
        append, permit = c.journal.append, c.evse.permit

        def spy_append(kind, payload):
            order.append(kind)
            return append(kind, payload)

        def spy_permit(ma, protect=False):
            order.append("permit")
            permit(ma, protect)

        c.journal.append, c.evse.permit = spy_append, spy_permit
        await c.charge()
        assert order == [kinds.START, "permit", kinds.CHANGE]

    run(story())


def test_a_refused_token_starts_nothing():
    async def story():
        c = Charger()
        c.evse.plug()
        await c.pass_s(1)
        assert "invalid" in await c.station.present_token("BAD")
        await c.pass_s(5)
        assert c.connector.status == "preparing"
        assert c.records(kinds.START) == [] and c.evse.calls == []

    run(story())


def test_local_stop_is_finishing_until_unplugged_and_has_the_final_reading():
    async def story():
        c = Charger()
        session = await c.charge()
        await c.pass_s(60, wh=120)
        c.meter.register_wh += 3
        assert await c.station.present_token("card") == "Session ended."
        await c.pass_s(1)
        assert c.connector.status == "finishing" and c.connector.session is None
        assert session.stop_recorded == "local" and session.energy_wh == 123
        [stop] = c.records(kinds.STOP)
        assert stop[:5] == [1, 1, 1123, "local", "card"]
        await c.pass_s(10)
        assert c.connector.status == "finishing"
        c.evse.unplug()
        await c.pass_s(1)
        assert c.statuses()[-3:] == ["charging", "finishing", "available"]

    run(story())


def test_the_end_waits_for_the_contactor_but_not_for_ever():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.obeys = False
        c.station.remote_stop(1)
        await c.pass_s(5)
        assert c.connector.status == "finishing" and c.records(kinds.STOP) == []
        await c.pass_s(4)
        assert len(c.records(kinds.STOP)) == 1

    run(story())


def test_unplugging_ends_the_session():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.unplug()
        await c.pass_s(1)
        [stop] = c.records(kinds.STOP)
        assert stop[3] == "ev_disconnected" and stop[4] is None
        assert c.statuses()[-2:] == ["finishing", "available"]

    run(story())


def test_a_quick_unplug_and_replug_between_two_looks_is_not_missed():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.unplug()
        c.evse.plug()
        await c.pass_s(1)
        assert c.records(kinds.STOP)[0][3] == "ev_disconnected"

    run(story())


def test_a_session_may_survive_unplugging():
    async def story():
        c = Charger(settings={"StopTransactionOnEVSideDisconnect": "false"})
        await c.charge()
        c.evse.unplug()
        await c.pass_s(3)
        assert c.connector.status == "suspended_ev"
        assert c.connector.info == "EV side disconnected"
        assert c.evse.calls[-1] == "forbid" and c.records(kinds.STOP) == []
        c.evse.plug()
        await c.pass_s(1)
        c.evse.request()
        await c.pass_s(1)
        assert c.connector.status == "charging" and c.connector.info is None
        c.evse.unplug()
        await c.pass_s(1)
        assert c.station.remote_stop(1)
        await c.pass_s(1)
        assert c.records(kinds.STOP)[0][3] == "remote"
        assert c.connector.status == "available"

    run(story())


def test_suspended_by_the_car_and_by_the_charger():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.release()
        await c.pass_s(1)
        assert c.connector.status == "suspended_ev"
        c.evse.request()
        await c.pass_s(1)
        assert c.connector.status == "charging"
        c.limits.claim("web", limits.PRIORITY_WEB, 0)
        await c.pass_s(1)
        assert c.connector.status == "suspended_evse" and not c.evse.closed
        assert c.connector.why == "Paused by the page."
        c.limits.release("web")
        await c.pass_s(1)
        assert c.connector.status == "charging"
        assert c.evse.calls == ["permit 16000", "forbid", "permit 16000"]

    run(story())


def test_a_car_that_does_not_ask_is_suspended_only_after_a_moment():
    async def story():
        c = Charger()
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        await c.station.present_token("CARD")
        await c.pass_s(3)
        assert c.connector.session and c.connector.status == "preparing"
        await c.pass_s(4)
        assert c.connector.status == "suspended_ev"
        assert c.statuses() == ["preparing", "suspended_ev"]

    run(story())


def test_a_new_limit_reaches_the_pilot():
    async def story():
        c = Charger()
        await c.charge()
        c.settings.set("MaxCurrent", "10", local=True)
        await c.pass_s(1)
        assert c.evse.calls[-1] == "permit 10000"
        assert "MaxCurrent" in c.connector.why
        assert c.station.snapshot()["current_offered_a"] == 10

    run(story())


def test_the_socket_is_locked_before_the_session_and_unlocked_after_it():
    async def story():
        lock = FakeLock()
        c = Charger(lock=lock)
        await c.charge()
        assert lock.locked
        c.station.remote_stop(1)
        await c.pass_s(2)
        assert not lock.locked and c.connector.status == "finishing"

    run(story())


def test_a_lock_that_fails_is_a_fault_and_no_session():
    async def story():
        lock = FakeLock()
        lock.works = False
        c = Charger(lock=lock)
        c.evse.plug()
        await c.pass_s(1)
        assert await c.station.remote_start("CARD", 1)
        await c.pass_s(1)
        assert c.connector.status == "faulted"
        assert c.connector.fault[0] == "LockJammed"
        assert c.records(kinds.START) == [] and "permit 16000" not in c.evse.calls
        c.evse.unplug()
        await c.pass_s(6)
        assert c.connector.status == "available"

    run(story())


def test_a_failed_rcd_self_test_is_a_fault_and_no_session():
    async def story():
        rcd = FakeRcd()
        rcd.works = False
        c = Charger(rcd=rcd)
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        await c.station.present_token("CARD")
        await c.pass_s(2)
        assert c.connector.fault == ("RcdTestFailed", "")
        assert c.records(kinds.START) == []

    run(story())


def test_unlock_command():
    async def story():
        c = Charger()
        await c.charge()
        assert await c.station.unlock(1) == "not_supported"
        assert c.connector.status == "charging"
        assert await c.station.unlock(2) == "not_supported"
        lock = FakeLock()
        c = Charger(lock=lock)
        assert await c.station.unlock(1) == "unlocked"
        lock.works = False
        assert await c.station.unlock(1) == "failed"

    run(story())


def test_unlocking_during_a_session_ends_it():
    async def story():
        import asyncio

        lock = FakeLock()
        c = Charger(lock=lock)
        await c.charge()
        answer = asyncio.create_task(c.station.unlock(1))
        while not answer.done():
            await c.pass_s(1)
            await asyncio.sleep(0.1)
        assert await answer == "unlocked" and not lock.locked
        assert c.records(kinds.STOP)[0][3] == "unlock"
        assert c.connector.status == "finishing"

    run(story())


def test_without_unlock_on_disconnect_the_cable_is_kept_for_its_owner():
    async def story():
        lock = FakeLock()
        c = Charger(lock=lock, settings={"UnlockConnectorOnEVSideDisconnect": "false"})
        await c.charge()
        c.evse.unplug()
        await c.pass_s(20)
        assert lock.locked and c.records(kinds.STOP)[0][3] == "ev_disconnected"
        c.asked = []
        assert "yours" in await c.station.present_token("CARD")
        await c.pass_s(1)
        assert not lock.locked and c.asked == []

    run(story())


def after_the_car_left(stop, unlock, lock, cable=None):
    """(statuses told, charger) after the car's end of the cable was pulled while charging."""

    async def story():
        words = {"StopTransactionOnEVSideDisconnect": stop}
        if lock:
            words["UnlockConnectorOnEVSideDisconnect"] = unlock
        c = Charger(lock=lock, settings={k: str(v).lower() for k, v in words.items()})
        c.connector.cable = cable
        await c.charge()
        c.evse.unplug()
        del c.events[:]
        await c.pass_s(20)
        return c.statuses(), c

    return run(story())


def test_a_cable_that_is_still_in_the_socket_is_not_available_for_the_next_driver():
    # With the car's end pulled and the socket locked the connector was once Available.
    for stop in (True, False):
        for unlock in (True, False):
            for pp in (True, False):
                lock, rating = FakeLock(), [32000]
                cable = (lambda: rating[0]) if pp else None
                told, c = after_the_car_left(stop, unlock, lock, cable)
                if not stop:
                    assert told == ["suspended_ev"] and lock.locked
                    c.station.remote_stop(1)
                    run(c.pass_s(3))
                    # The session is over: the socket opens whatever is set for a pulled cable.
                    assert not lock.locked
                elif unlock:
                    assert not lock.locked and told[0] == "finishing"
                else:
                    assert lock.locked and told == ["finishing"]
                    assert "same card" in c.connector.why
                    run(c.station.present_token("CARD"))
                    run(c.pass_s(3))
                    assert not lock.locked
                assert c.connector.status == ("finishing" if pp else "available")
                rating[0] = 0
                run(c.pass_s(1))
                assert c.connector.status == "available"
    for stop, wanted in ((True, "available"), (False, "suspended_ev")):
        told, c = after_the_car_left(stop, False, None)
        assert told[-1] == wanted, "a fixed cable has no socket"


def test_a_socket_whose_cable_cannot_be_read_is_not_kept_from_the_next_driver():
    def broken():
        raise OSError("no conversion")

    async def story():
        lock, answers = FakeLock(), [32000]
        c = Charger(lock=lock)
        c.connector.cable = lambda: answers[0] if answers else broken()
        await c.charge()
        c.station.remote_stop(1)
        await c.pass_s(2)
        assert c.connector.status == "finishing" and not lock.locked
        c.evse.unplug()
        await c.pass_s(1)
        assert c.connector.status == "finishing", "only the car's end is out"
        del answers[:]
        await c.pass_s(1)
        assert c.connector.status == "available"

    run(story())


def test_without_a_lock_the_next_tap_after_unplugging_begins_a_session():
    """The cable of a charger without a lock was once "kept" for who had just pulled it: the
    next tap of that card was answered "The cable is yours again." and nobody charged."""

    async def story():
        c = Charger(settings={"UnlockConnectorOnEVSideDisconnect": "false"})
        await c.charge()
        c.evse.unplug()
        await c.pass_s(20)
        assert c.records(kinds.STOP)[0][3] == "ev_disconnected"
        assert c.connector.status == "available" and "yours" not in c.connector.why
        assert "Accepted" in await c.station.present_token("CARD")
        c.evse.plug()
        await c.pass_s(5)
        assert c.connector.session is not None

    run(story())


def test_a_fault_that_ends_the_session():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.trip("RcdTripped")
        c.evse.causes.add("RcdTripped")
        await c.pass_s(2)
        assert c.connector.status == "faulted" and c.connector.fault[0] == "RcdTripped"
        assert c.records(kinds.STOP)[0][3] == "ground_fault"
        assert not await c.station.remote_start("CARD", 1)
        asked = len(c.asked)
        assert "leakage" in await c.station.present_token("CARD2")
        assert len(c.asked) == asked and len(c.records(kinds.START)) == 1
        c.evse.causes.clear()
        await c.pass_s(10)
        assert c.connector.status == "faulted"
        c.evse.unplug()
        await c.pass_s(6)
        assert c.connector.status == "available"

    run(story())


def test_a_passing_fault_suspends_the_session():
    async def story():
        c = Charger()
        await c.charge()
        c.connector.report_fault("TemperatureStop", "81 C")
        assert not c.evse.closed and c.connector.status == "faulted"
        await c.pass_s(20)
        assert c.connector.session and c.connector.status == "faulted"
        c.connector.clear_fault("TemperatureStop")
        await c.pass_s(2)
        assert c.connector.status == "charging" and c.connector.fault is None
        assert c.records(kinds.STOP) == []

    run(story())


def test_emergency_stop_has_its_own_reason():
    async def story():
        c = Charger()
        await c.charge()
        c.connector.report_fault("EmergencyStop")
        assert not c.evse.closed
        await c.pass_s(1)
        assert c.records(kinds.STOP)[0][3] == "emergency_stop"
        assert c.connector.status == "faulted"

    run(story())


def test_a_warning_does_not_stop_anything():
    async def story():
        c = Charger()
        await c.charge()
        c.connector.report_fault("ReaderLost")
        await c.pass_s(2)
        assert c.connector.status == "charging" and c.connector.fault[0] == "ReaderLost"
        c.connector.clear_fault("ReaderLost")
        await c.pass_s(6)
        assert c.connector.fault is None

    run(story())


def test_a_silent_meter_pauses_the_session_until_it_answers():
    async def story():
        c = Charger()
        await c.charge()
        c.meter.fails = True
        await c.pass_s(15)
        assert c.connector.fault[0] == "MeterLost" and not c.evse.closed
        assert c.connector.session is not None
        c.meter.fails = False
        await c.pass_s(8)
        assert c.connector.status == "charging"

    run(story())


def test_no_session_without_a_first_reading():
    async def story():
        c = Charger()
        c.meter.fails = True
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        await c.station.present_token("CARD")
        await c.work()
        assert c.connector.session is None and c.connector.waiting
        c.meter.fails = False
        await c.pass_s(1)
        assert c.connector.session.meter_start_wh == 1000

    run(story())


def test_a_bug_in_the_task_leaves_nothing_permitted():
    async def story():
        import asyncio

        c = Charger()
        await c.charge()

        def broken(now):
            raise RuntimeError("bug")

        c.connector.step = broken
        task = asyncio.create_task(c.connector.sequence.run())
        await asyncio.sleep(0.05)
        assert not c.evse.closed and c.evse.fault == "TaskFailed"
        assert not task.done()
        await cancelled(task)

    run(story())


def test_free_mode_starts_by_itself_once_per_plug():
    async def story():
        c = Charger(settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})
        c.evse.plug()
        await c.pass_s(1)
        c.evse.request()
        await c.pass_s(1)
        assert c.connector.status == "charging" and c.connector.session.token == "HOME"
        assert c.asked == []
        c.station.remote_stop(1)
        await c.pass_s(30)
        assert c.connector.status == "finishing" and c.connector.session is None
        c.evse.unplug()
        await c.pass_s(1)
        c.evse.plug()
        await c.pass_s(1)
        assert c.connector.session.id == 2

    run(story())


def test_a_new_card_may_start_again_without_unplugging():
    async def story():
        c = Charger()
        await c.charge()
        await c.station.present_token("CARD")
        await c.pass_s(1)
        assert await c.station.present_token("CARD") == "Session ended."
        await c.pass_s(5)
        assert c.connector.session is None
        assert await c.station.present_token("CARD") == "Accepted."
        await c.pass_s(1)
        assert c.connector.session.id == 2

    run(story())


def refuses(c, kind, *excs):
    """The journal raises each of these once, or the last one for ever, for records of `kind`.
    Returns the payloads it was asked to write."""
    append, asked, left = c.journal.append, [], list(excs)

    def appended(found, payload):
        if found != kind:
            return append(found, payload)
        asked.append(list(payload))
        raise left.pop(0) if len(left) > 1 else left[0]

    c.journal.append = appended
    return asked


def test_a_session_that_cannot_be_recorded_does_not_begin_and_is_tried_once():
    """A ValueError was once raised again each second, and the contactor's fault was kept."""

    async def story(exc):
        c = Charger()
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        await c.pass_s(1)
        asked = refuses(c, kinds.START, exc)
        await c.station.present_token("CARD")
        await c.pass_s(10)
        assert c.connector.session is None and c.connector.waiting is None
        assert len(asked) == 1 and not c.evse.pwm and c.evse.faults == []
        causes = [(data["cause"], data["on"]) for kind, _, data in c.events if kind == "fault"]
        assert causes == [("NoRecordSpace", True), ("NoRecordSpace", False)]

    for exc in (ValueError("x"), MemoryError(), RuntimeError("x"), OSError(5)):
        run(story(exc))


def test_a_token_that_no_record_holds_begins_nothing():
    async def story():
        c = await shown_offline("\U0001f50c" * 255)
        await c.pass_s(5)
        assert c.connector.session is None and c.connector.waiting is None
        assert c.evse.faults == [] and c.records(kinds.START) == []

    run(story())


def test_a_session_whose_reservation_cannot_be_removed_runs_all_the_same():
    """START was on flash, and no session was there until the next restart."""

    async def story():
        c = Charger()
        c.known["CARD"] = ("accepted", None)
        reserve, until = c.station.reservations.reserve, c.clock.now() + 900
        assert reserve(5, 1, "CARD", None, until) == "accepted"
        await c.work()

        def forget(*_):
            raise RuntimeError("flash")

        c.journal.forget = forget
        await c.charge()
        assert c.connector.session.id == 1 and c.records(kinds.START)[0][4] == 5

        def end(entry):
            raise RuntimeError("defect")

        c.connector.request_stop("local")
        await c.pass_s(2)
        c.evse.unplug()
        await c.pass_s(2)
        del c.journal.forget
        assert reserve(6, 1, "CARD", None, until) == "accepted"
        c.station.reservations.end = end
        c.evse.plug()
        await c.pass_s(1)
        await c.station.present_token("CARD")
        try:
            await c.work()
        except RuntimeError:
            pass
        assert c.connector.session is not None and len(c.records(kinds.START)) == 2
        c.connector.request_stop("local")
        await c.pass_s(2)
        assert len(c.records(kinds.STOP)) == 2

    run(story())


def test_an_end_with_a_token_that_no_record_holds_is_written_without_it():
    """Its session was once about to end for ever."""

    async def story():
        c = Charger()
        await c.charge("CARD", "GROUP")
        token = "\U0001f50c" * 255
        c.known[token] = ("accepted", "GROUP")
        await c.station.present_token(token, "Local", 1)
        await c.pass_s(3)
        [stop] = c.records(kinds.STOP)
        assert stop[3:5] == ["local", None] and stop[9] is None
        assert c.connector.session is None and not c.evse.closed and c.evse.faults == []

    run(story())


def test_an_end_that_cannot_be_written_opens_the_contactor_and_is_tried_again_with_less():
    async def story(exc):
        c = Charger()
        c.settings.set("StopTxnSampledData", "Energy.Active.Import.Register")
        await c.charge()
        lines, real = [], c.journal.append
        asked = refuses(c, kinds.STOP, exc)
        log.use_sink(lines.append)
        await c.station.present_token("CARD")
        await c.pass_s(20)
        assert not c.evse.closed and c.evse.faults == [] and c.connector.session.stopping
        assert asked[0][6] and asked[0][4] == "CARD"
        # The flash may take a second later the same as now. Memory comes back, too.
        whole = isinstance(exc, OSError)
        assert ([p[6] for p in asked].count(None) >= 20) == (not whole)
        assert any(p[4] is None for p in asked) == (not whole and not isinstance(exc, MemoryError))
        c.evse.request()  # the car asks again: nothing closes
        await c.pass_s(5)
        log.use_sink(lambda line: None)
        assert not c.evse.closed
        said = [line for line in lines if "end of session" in line]
        assert 1 <= len(said) <= 4, "once, not each second"
        c.journal.append = real
        await c.pass_s(2)
        [stop] = c.records(kinds.STOP)
        assert stop[4] == "CARD" and c.connector.session is None

    for exc in (MemoryError(), OSError(5), RuntimeError("x")):
        run(story(exc))


def test_an_end_that_is_on_flash_is_the_end_whatever_fails_behind_it():
    async def story():
        c = Charger(settings={"FreeMode": "true", "FreeModeIdTag": "FREE"})
        c.evse.plug()
        await c.pass_s(2)
        assert c.connector.session is not None

        def over(session):
            raise RuntimeError("defect")

        c.station.profiles.session_over = over
        c.connector.request_stop("local")
        for _ in range(3):
            try:
                await c.pass_s(1)
            except RuntimeError:
                pass
        assert c.connector.session is None and not c.connector.unplugged_since_stop
        assert len(c.records(kinds.START)) == len(c.records(kinds.STOP)) == 1

    run(story())
