# Random stories of a connector, with every set of start and stop points, cut anywhere.
# MIT license; part of microevse
"""The real station and journal, and the renderer of 2.0.1. Whatever happens, each transaction has
one Started, one Ended, numbers without a gap, and its token at most once.
POINTS_SEED repeats a run that has failed."""

import asyncio
import json
import os
import pathlib
import random

import jsonschema
import ocpp
import points as model
from evse_base import log
from helpers import run
from ocpp2.points import event  # noqa: F401 (the renderer needs it)
from ocpp2.transactions import Transactions
from station.points import Points
from station_parts import Charger
from store import norlog
from store.journal import JournalFull
from store.kinds import CHANGE, CHECKPOINT, START, STOP, TRANSACTION
from store.ramflash import RamFlash

SCHEMA = pathlib.Path(ocpp.__file__).parent / "v201" / "schemas" / "TransactionEventRequest.json"
VALID = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8-sig")))
STORIES = 30
STEPS = 40


class PowerCut(BaseException):
    """No part of the firmware sees it."""


class CutFlash(RamFlash):
    """Loses its power in the middle of a write."""

    left = None  # writes until then

    def program(self, addr, data):
        if self._counts():
            RamFlash.program(self, addr, data[: len(data) // 2])
            raise PowerCut()
        RamFlash.program(self, addr, data)

    def erase(self, block):
        if self._counts():
            raise PowerCut()
        RamFlash.erase(self, block)

    def _counts(self):
        """True for the operation that is cut; the power is off for all behind it."""
        if self.left is None:
            return False
        self.left -= 1
        if self.left < 0:
            raise PowerCut()
        return self.left == 0


class Story:
    """One charger over its starts; `told`: the messages, as the central system has them."""

    def __init__(self, rng):
        self.rng = rng
        self.told = []
        self.c = self.points = self.gone = None
        self.boot = 0
        self.flash = CutFlash(16)
        norlog.format(self.flash)
        self.unix = 1798804800
        self.settings = {
            "TxStartPoint": rng.choice(model.SETS),
            "TxStopPoint": rng.choice(model.SETS),
            "ConnectionTimeOut": "8",
            "MeterValueSampleInterval": rng.choice(["0", "3"]),
            "StopTransactionOnEVSideDisconnect": rng.choice(["true", "false"]),
            "StopTransactionOnInvalidId": rng.choice(["true", "false"]),
            "StopTxnSampledData": rng.choice(["", "Current.Offered"]),
        }

    async def start(self):
        """Power on."""
        self.boot += 1
        self.unix += 100
        c = self.c = Charger(self.flash, self.boot, settings=self.settings)
        c.clock.unix = self.unix
        c.known = {"CARD": ("accepted", None), "OTHER": ("accepted", None)}
        self.refuses = False
        await c.recover()
        c.station.stop_points = self.points = Points(c.station, "power_loss")
        await asyncio.sleep(0)
        if self.flash.left is not None and self.flash.left <= 0:
            raise PowerCut()  # in a task that nobody waits for

    async def off(self):
        if self.points:
            self.points.close()
            self.gone, self.points = self.points, None
        for task in self.c.station._tasks:
            task.cancel()
        await asyncio.gather(*self.c.station._tasks, self.gone._task, return_exceptions=True)

    async def cut(self):
        await self.off()
        self.unix = self.c.clock.now()
        plugged, state = self.c.evse.plugged, self.c.evse.state
        while True:
            self.flash.left = self.rng.choice([None, None, self.rng.randrange(1, 9)])
            try:
                await self.start()
                break
            except PowerCut:
                await self.off()
        if plugged:
            self.c.evse.plug()
            self.c.evse.state = state

    async def send(self, action, message):
        self.told.append(message)
        if self.refuses and "idToken" in message:
            return {"idTokenInfo": {"status": "Invalid"}}
        return {}

    def fail(self):
        """For a while the journal refuses records of a kind, or state."""
        journal, clock = self.c.journal, self.c.clock
        kind = self.rng.choice([START, CHANGE, CHANGE, STOP, CHECKPOINT, TRANSACTION])
        left, until_ms = [self.rng.choice([1, 1, 3, 10])], clock.ms + 25000
        error = self.rng.choice([JournalFull, OSError])

        def refusing(write):
            def refuse(of, *args):
                if of == kind and left[0] and clock.ms < until_ms:
                    left[0] -= 1
                    raise error(kind)
                return write(of, *args)

            return refuse

        journal.append, journal.keep = refusing(journal.append), refusing(journal.keep)

    async def deliver(self):
        delivery = self.c.station.delivery
        made = Transactions(self.send, self.c.station)
        delivery.attach(made)
        for _ in range(200):
            if delivery.due_in_ms() is None:
                break
            await delivery.step()
        if self.rng.random() < 0.5:
            delivery.detach(made)

    async def step(self):
        c, rng = self.c, self.rng
        evse, connector = c.evse, c.connector
        what = rng.randrange(17)
        if what == 0 and not evse.plugged:
            evse.plug()
        elif what == 1 and evse.plugged:
            evse.unplug()
        elif what in (2, 3) and evse.plugged:
            evse.request()
        elif what == 4 and evse.plugged:
            evse.release()
        elif what in (5, 6, 7):
            await c.station.present_token(rng.choice(["CARD", "CARD", "OTHER"]), "Local")
        elif what == 8:
            await c.station.remote_start("CARD", 1, None, "Central", rng.randrange(99))
        elif what == 9:
            open_ = list(self.points.open.values())
            if open_:
                self.points.end(open_[0].id, "remote")
            elif connector.session:
                c.station.remote_stop(connector.session.id)
        elif what == 10:
            c.station.set_availability(1, rng.random() < 0.8)
        elif what == 11:
            c.limits.cap("test", rng.choice([None, 0, 8000]))
        elif what == 12:
            if rng.random() < 0.3:
                connector.report_fault("RcdTripped" if rng.random() < 0.5 else "MeterLost")
            connector.clear_fault("MeterLost")
            evse.faults.clear()
            connector.sequence.reset_faults()
        elif what == 13:
            self.refuses = rng.random() < 0.3
            await self.deliver()
        elif what == 14:
            self.flash.left = rng.randrange(1, 12)
        elif what == 15:
            self.fail()
        elif what == 16:
            return await self.cut()
        if self.flash.left is not None and self.flash.left <= 0:
            raise PowerCut()
        await c.pass_s(rng.randrange(1, 6), wh=rng.randrange(20) if evse.closed else 0)
        self.points._on_event("changed", 1, None)

    async def play(self):
        await self.start()
        for _ in range(STEPS):
            try:
                await self.step()
            except PowerCut:
                await self.cut()
        self.flash.left = None
        c = self.c
        c.limits.cap("test", None)
        if c.evse.plugged:
            c.evse.unplug()
        for _ in range(30):
            await c.pass_s(1)
            self.points._on_event("changed", 1, None)
        self.refuses = False
        await self.deliver()
        await self.off()
        assert not self.gone.open and not list(c.journal.state(TRANSACTION))
        assert c.connector.session is None and c.journal.pending() is None


def judge(told):
    """The transactions of these messages; AssertionError where one is wrong."""
    found = {}
    for message in told:
        VALID.validate(message)
        events = found.setdefault(message["transactionInfo"]["transactionId"], {})
        seq = message["seqNo"]
        assert events.setdefault(seq, message) == message, (events[seq], message)
    for events in found.values():
        numbers = sorted(events)
        assert numbers == list(range(len(numbers))), numbers
        chain = [events[number] for number in numbers]
        assert [e["eventType"] for e in chain] == (
            ["Started"] + ["Updated"] * (len(chain) - 2) + ["Ended"]
        )
        times = [e["timestamp"] for e in chain]
        assert times == sorted(times), times
        places = [e for e in chain if "evse" in e]
        assert len(places) <= 1
        charged = [e for e in chain if e["transactionInfo"].get("chargingState") == "Charging"]
        begins = [e for e in chain if "idToken" in e and e["triggerReason"] != "StopAuthorized"]
        assert len(begins) <= 1 and (begins and places or not charged), chain
    return found


def test_random_stories_end_each_transaction_once():
    log.use_sink(lambda line: None)
    seed = int(os.environ.get("POINTS_SEED") or 20261129)
    told = 0
    for number in range(STORIES):
        story = Story(random.Random(seed + number))
        try:
            run(story.play())
            told += len(judge(story.told))
        except BaseException:
            print("POINTS_SEED=%d" % (seed + number), story.settings)
            for message in story.told:
                print(message)
            raise
    assert told > 2 * STORIES


def test_without_room_for_its_record_a_transaction_begins_later_and_ends_once():
    """Each second one more had begun, of which the central system was never told the end."""
    log.use_sink(lambda line: None)
    story = Story(random.Random(1))
    story.settings.update(TxStartPoint="EVConnected", TxStopPoint="EVConnected,Authorized")

    async def play():
        await story.start()
        c, keep = story.c, story.c.journal.keep
        full = True

        def limited(kind, key, value):
            if full and kind == TRANSACTION:
                raise JournalFull("state")
            return keep(kind, key, value)

        async def later(seconds):
            for _ in range(seconds):
                await c.pass_s(1)
                story.points._on_event("changed", 1, None)

        c.journal.keep = limited
        c.evse.plug()
        await later(5)
        assert not story.points.open and c.journal.pending() is None
        full = False
        await later(301)  # it is tried again every five minutes
        assert story.points.open
        full = True
        assert story.points.triggered(c.connector)
        await story.deliver()
        await c.station.present_token("CARD", "Local")
        await later(3)
        c.evse.unplug()
        await later(10)
        await story.deliver()
        await story.off()

    run(play())
    (chain,) = judge(story.told).values()
    assert len(chain) >= 3
