# A bouncing wire does not count as an unplugged cable: faults that wait for unplugging stay.
# MIT license; part of microevse
"""The real state machine, on samples of a pilot, under a real station in free mode."""

import asyncio

from helpers import run
from pilot_bench import Bench
from station_parts import Charger
from store import kinds

FREE = {"FreeMode": "true", "FreeModeIdTag": "FREE", "ResumeRandomDelay": "0"}


class Rig:
    def __init__(self, flash=None, boot=1):
        self.bench = Bench()
        self.evse = self.bench.evse
        self.charger = Charger(flash=flash, boot=boot, settings=FREE, evse=self.evse)
        self.connector = self.charger.connector
        self._begun = self.bench.now

    async def go(self, letter, ms):
        """The pilot is at `letter` for so long."""
        self.bench.letter = letter
        end = self.bench.now + ms * 1000
        while self.bench.now < end:
            self.bench.run(min(20, (end - self.bench.now) // 1000 + 1))
            self.charger.clock.ms = (self.bench.now - self._begun) // 1000
            await self.connector.metering.refresh()
            await self.charger.work()
            await asyncio.sleep(0)

    async def bounces(self, times):
        """Each contact is too short for the debounce of 100 ms."""
        for _ in range(times):
            await self.go("C", 80)
            await self.go("A", 40)


async def tripped(cause):
    """A rig that has charged and tripped, its wire off for a moment that passes the debounce."""
    rig = Rig()
    await rig.go("A", 2500)
    await rig.go("B", 2000)
    await rig.go("C", 2000)
    assert rig.evse.closed
    rig.evse.trip(cause)
    await rig.go("C", 6000)
    await rig.go("A", 170)
    return rig


def test_what_waits_for_the_cable_is_not_ended_by_a_wire_that_bounces():
    """After two seconds of bouncing an RCD trip was forgotten, and the contactor closed again."""

    async def story(cause):
        rig = await tripped(cause)
        await rig.bounces(30)
        await rig.go("C", 15000)
        assert not rig.evse.away and rig.evse.close_count == 1, cause
        assert rig.connector.faults.has(cause), cause

    for cause in ("RcdTripped", "OverCurrentHard"):
        run(story(cause))


def test_nor_by_a_gap_between_two_windows():
    """While open a stall of two seconds is allowed: its time has not been observed."""

    async def story():
        rig = await tripped("RcdTripped")
        rig.bench.letter = "C"
        rig.bench.advance(2500 * 1000)
        await rig.go("C", 15000)
        assert rig.evse.close_count == 1 and rig.connector.faults.has("RcdTripped")

    run(story())


def test_a_cable_that_was_out_for_two_seconds_ends_it():
    async def story():
        rig = await tripped("RcdTripped")
        await rig.go("A", 1700)
        assert not rig.evse.away
        await rig.go("A", 6000)
        assert rig.evse.away and not rig.connector.faults.has("RcdTripped")
        await rig.go("C", 6000)
        assert rig.evse.close_count == 2

    run(story())


def test_free_mode_that_waits_after_a_stop_is_not_let_go_by_a_bounce():
    """A stop that broke the supply; when power was back, the wire came off for 170 ms."""

    async def story(off_ms, closes):
        before = Charger()
        before.journal.append(kinds.START, [3, 1, "FREE", 1000, None, [1, 10, 0]])
        rig = Rig(before.flash, 2)
        rig.charger.station.recover("PowerUp", True)
        while rig.charger.station.recovering:
            await asyncio.sleep(0.01)
        await rig.go("C", 10000)
        assert not rig.evse.closed and not rig.connector.unplugged_since_stop
        await rig.go("A", off_ms)
        await rig.go("C", 10000)
        assert rig.evse.closed is closes, off_ms

    for off_ms, closes in ((60, False), (170, False), (1500, False), (2600, True)):
        run(story(off_ms, closes))
