# Transactions that are not sessions, where something else fails.
# MIT license; part of microevse

import asyncio

from evse_base import forget
from helpers import run
from ocpp2.transactions import Transactions
from station import points
from station_parts import Charger
from store.journal import JournalFull
from store.kinds import CHANGE, START, STOP, TRANSACTION


class Early(Charger):
    """A Charger with start and stop points, that knows two cards."""

    async def begin(self, start, stop="EVConnected", wait="5"):
        self.settings.overlay(
            {"TxStartPoint": start, "TxStopPoint": stop, "ConnectionTimeOut": wait}
        )
        self.known = {"CARD": ("accepted", None), "OTHER": ("accepted", None)}
        await self.recover()
        self.refused = ()
        self.kept = 0
        self.append, self.keep = self.journal.append, self.journal.keep
        self.journal.append, self.journal.keep = self._append, self._keep
        await self.points()
        return self

    async def points(self):
        self.station.stop_points = points.Points(self.station, "power_loss")
        await asyncio.sleep(0)

    def _append(self, kind, payload):
        if kind in self.refused:
            raise JournalFull("refused")
        return self.append(kind, payload)

    def _keep(self, kind, key, payload):
        self.kept += 1
        if kind in self.refused:
            raise OSError(5)
        return self.keep(kind, key, payload)

    async def pass_s(self, seconds, wh=0):
        for _ in range(seconds):
            await Charger.pass_s(self, 1, wh // seconds)
            self.station.stop_points._on_event("changed", 1, None)

    async def tap(self, card):
        await self.station.present_token(card, "Local")

    def told(self):
        """[number, what] of the events outside a session."""
        return [[r[0], r[7][0]] for r in self.records(CHANGE) if len(r) > 7]

    def close(self):
        self.station.stop_points.close()


def test_a_session_of_another_card_is_never_told_as_one_of_the_first():
    async def story(full):
        c = await Early().begin("Authorized", wait="5" if full else "60")
        await c.tap("CARD")
        await c.pass_s(1)
        (first,) = c.station.stop_points.open.values()
        if full:
            c.refused = (CHANGE,)
            await c.pass_s(6)
        c.evse.plug()
        c.connector.drop_waiting()
        await c.tap("OTHER")
        c.evse.request()
        await c.pass_s(2)
        if full:
            # The end of the first cannot be told: no session begins.
            assert c.connector.session is None and not c.evse.closed and not c.records(START)
            c.refused = ()
            await c.pass_s(40)
            await c.tap("OTHER")
            await c.pass_s(2)
        (start,) = c.records(START)
        assert start[0] != first.id and start[2] == "OTHER" and len(start) < 12
        assert c.told() == [[first.id, 0], [first.id, 2]]
        # The same card goes on in its transaction.
        c.evse.unplug()
        await c.pass_s(3)
        await c.tap("CARD")
        await c.pass_s(1)
        (third,) = c.station.stop_points.open.values()
        c.evse.plug()
        await c.pass_s(1)
        assert c.connector.session is third and c.records(START)[-1][11:] == [1, 1]
        c.close()

    run(story(False))
    run(story(True))


def test_a_full_journal_is_not_filled_further():
    async def story():
        c = await Early().begin("EVConnected")
        c.refused, before = (CHANGE,), c.kept
        c.evse.plug()
        await c.pass_s(600)
        assert c.kept - before <= 6
        # A session begins as ever, and then each car has its transaction again.
        c.refused = ()
        await c.tap("CARD")
        c.evse.request()
        await c.pass_s(2)
        assert c.evse.closed and len(c.records(START)[0]) < 12
        c.evse.unplug()
        await c.pass_s(300)
        c.evse.plug()
        await c.pass_s(1)
        assert len(c.told()) == 1
        c.close()

    run(story())


def test_a_plug_that_bounces_does_not_fill_the_flash():
    async def story():
        c = await Early().begin("EVConnected")
        for _ in range(300):
            c.evse.plug()
            await c.pass_s(1)
            c.evse.unplug()
            await c.pass_s(1)
        assert 60 < len(c.told()) // 2 < 100
        assert c.told()[-1][1] == 2 and not c.station.stop_points.open
        c.close()

    run(story())


def test_flash_that_refuses_the_record_of_a_transaction_begins_no_second_one():
    async def story():
        c = await Early().begin("EVConnected")
        c.evse.plug()
        points_, kept = c.station.stop_points, []

        def keep(early, now, more=0, keep=points_._keep):
            kept.append(early.id)
            if len(kept) == 2:
                raise OSError(5)  # the first is on flash, its event, too
            keep(early, now, more)

        points_._keep = keep
        await c.pass_s(3)
        assert c.told() == [[kept[0], 0]] and list(points_.open) == [1]
        # An answer of the central system is taken all the same.
        c.refused = (TRANSACTION,)
        made, told = Transactions(None, c.station), c.records(CHANGE)[0]
        made.answered(CHANGE, told, {})
        c.refused = ()
        c.evse.unplug()
        await c.pass_s(2)
        assert c.told()[-1] == [kept[0], 2] and not list(c.journal.state(TRANSACTION))
        c.close()

    run(story())


def test_what_was_open_is_ended_as_soon_as_the_journal_takes_it():
    """Until then no other transaction takes its record."""

    async def story():
        c = await Early().begin("EVConnected")
        c.evse.plug()
        await c.pass_s(1)
        c.close()
        again = Early(c.flash, 2)
        refused = []

        def forget_(kind, key, forget=again.journal.forget):
            if not refused:
                refused.append(kind)
                raise OSError(5)
            forget(kind, key)

        append, again.journal.forget = again.journal.append, forget_

        def full(kind, payload):
            if len(refused) < 3:
                refused.append(kind)
                raise JournalFull("refused")
            return append(kind, payload)

        again.journal.append = full
        again.evse.plug()
        await again.begin("EVConnected")
        for _ in range(6):
            await asyncio.sleep(1)
        await again.pass_s(1)
        assert [what for _, what in again.told()] == [0, 2, 0]
        assert list(again.station.stop_points.open) == [1]
        again.close()

    run(story())


def test_another_version_of_2_x_ends_what_its_predecessor_has_begun():
    async def story():
        c = await Early().begin("EVConnected")
        c.evse.plug()
        await c.tap("CARD")
        c.evse.request()
        await c.pass_s(2)
        session = c.connector.session
        assert c.evse.closed and session.begun
        c.close()
        forget("station.points")
        forget("station.early")
        from station import points as loaded

        assert loaded is not points
        c.station.stop_points = loaded.Points(c.station, "power_loss")
        await asyncio.sleep(0)
        Transactions(None, c.station).answered(START, c.records(START)[0], {})
        await c.tap("CARD")
        await c.pass_s(2)
        assert c.records(STOP)[0][10:] == [1] and list(c.station.stop_points.open) == [1]
        c.evse.unplug()
        await c.pass_s(1)
        assert c.told()[-1] == [session.id, 2] and c.records(CHANGE)[-1][7][-1]
        c.close()

    run(story())


def test_the_end_of_a_session_without_numbers_is_told():
    """Of a version that gave its records no number, found by the next one after a power cut."""

    async def story():
        c = await Early().begin("PowerPathClosed")
        c.station.delivery.attach(Transactions(None, c.station))
        stamp = [1, 5, 1798804800]
        c.station.delivery.known[1] = [None, 2, None]
        stop = [1, 1, 1500, "power_loss", None, stamp, None, None, "abnormal", None]
        _, message = c.station.delivery.renderer.render(STOP, stop)
        assert message["eventType"] == "Ended" and message["seqNo"] == 1
        assert c.station.delivery.renderer.render(STOP, stop[:7] + [0, "abnormal", None]) is None
        c.close()

    run(story())


def test_a_restart_that_waits_for_a_parked_car_lets_it_charge():
    """And no other car, nor this one in another transaction."""

    async def story():
        c = await Early().begin("EVConnected")
        c.evse.plug()
        await c.pass_s(1)
        (early,) = c.station.stop_points.open.values()
        c.station.reset_when_idle()
        await c.pass_s(1)
        await c.tap("CARD")
        c.evse.request()
        await c.pass_s(3)
        assert c.evse.closed and c.connector.session is early and not c.resets
        await c.tap("CARD")
        await c.pass_s(10)
        assert c.station.stop_points.open == {1: early} and not c.resets
        await c.tap("CARD")
        await c.tap("OTHER")
        await c.pass_s(2)
        assert c.connector.session is None and not c.evse.closed
        c.evse.unplug()
        await c.pass_s(1)
        c.evse.plug()
        await c.tap("OTHER")
        await c.pass_s(2)
        assert c.connector.session is None and not c.station.stop_points.open
        for _ in range(20):
            await asyncio.sleep(1)
            await c.work()
        assert c.resets == ["idle"] and c.told() == [[early.id, 0], [early.id, 1], [early.id, 2]]
        c.close()

    run(story())


def test_what_fails_around_a_session_never_keeps_it_going():
    """The contactor opens, and the session ends with its energy, whichever part fails."""

    async def story(name, fails):
        c = await Early().begin("EVConnected", "EVConnected,EnergyTransfer")
        c.evse.plug()
        await c.tap("CARD")
        c.evse.request()
        await c.pass_s(3, 30)
        part = c.connector.session if hasattr(c.connector.session, name) else c.station.stop_points

        def broken(*_, **__):
            fails.append(name)
            raise RuntimeError("broken")

        setattr(part, name, broken)
        await c.pass_s(5, 500)
        await c.tap("CARD")
        await c.pass_s(5)
        (stop,) = c.records(STOP)
        assert not c.evse.closed and c.connector.session is None and fails
        assert stop[2:5] == [1530, "local", "CARD"]
        c.close()

    for name in ("change", "_broken", "outlives", "_behind", "_keep", "_tell"):
        run(story(name, []))


def test_an_end_with_the_energy_is_told_as_soon_as_the_journal_takes_it():
    async def story():
        c = await Early().begin("EVConnected", "EVConnected,EnergyTransfer")
        c.evse.plug()
        await c.tap("CARD")
        c.evse.request()
        await c.pass_s(3, 30)
        c.refused = (CHANGE,)
        await c.tap("CARD")
        await c.pass_s(5)
        assert c.records(STOP)[0][10:] == [1]
        c.refused = ()
        await c.pass_s(2)
        assert c.told()[-1][1] == 2 and not c.station.stop_points.open
        c.close()

    run(story())
