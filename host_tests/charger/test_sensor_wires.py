# Wires of sensors that are shorted, broken or stuck, as docs/safety.md describes them in section
# 5.
# MIT license; part of microevse
"""Whole firmware on the twin. A broken wire reads as its pull-up (1), a short to ground as 0.
Faults that cannot be noticed are tested, too: the document has to say so for as long as it is
true."""

import asyncio
import pathlib

import pytest
from bench import Bench, scenario
from variants import (
    BROKEN,
    EARTH,
    FITTED,
    MIRRORS,
    PRESSED,
    SENSES,
    SOCKET,
    TWO_LOOKS_S,
    variant,
)

SHORT, OPEN = 0, 1
ESTOP, PE, MIRROR, SENSE, RCD, DETECT = 23, 21, 22, 22, 13, 35
AT_ONCE_S = 0.2
# After the poles should have moved: a second, and two looks.
POLES_S = 2.6
LOW = variant(
    "lock_low", pathlib.Path(SOCKET), ("settle_ms = 50", "settle_ms = 50, locked_level = 0")
)


def play(story, **options):
    async def run():
        async with Bench(**options) as b:
            await story(b)

    asyncio.run(asyncio.wait_for(run(), 120))


async def wire(b, pin, level, **more):
    await b.do("wire", pin=pin, level=level, **more)


async def opens_within(b, seconds):
    since = b.now
    await b.contactor(False, within=seconds + 1)
    assert b.now - since <= seconds, b.now - since


async def told(b, cause, within=10):
    return await b.expect_status("Faulted", vendorErrorCode=cause, within=within)


NOTICED = [
    ("earth, that closes, short", str(FITTED), PE, SHORT, TWO_LOOKS_S, "ProtectiveEarthLost"),
    ("earth, contact that opens, broken", EARTH, PE, OPEN, TWO_LOOKS_S, "ProtectiveEarthLost"),
    ("stop, contact that closes, short", PRESSED, ESTOP, SHORT, AT_ONCE_S, "EmergencyStop"),
    ("stop, contact that opens, broken", BROKEN, ESTOP, OPEN, AT_ONCE_S, "EmergencyStop"),
    ("mirror contact says open", str(FITTED), MIRROR, SHORT, POLES_S, "ContactorNotClosing"),
    ("one mirror contact of three", MIRRORS, 4, SHORT, POLES_S, "ContactorNotClosing"),
    ("no voltage behind a pole", SENSES, SENSE, OPEN, POLES_S, "ContactorNotClosing"),
    ("lock, high means locked", SOCKET, DETECT, 0, TWO_LOOKS_S, "LockLost"),
    ("lock, low means locked", LOW, DETECT, 1, TWO_LOOKS_S, "LockLost"),
    ("RCD says tripped", str(FITTED), RCD, 1, AT_ONCE_S, "RcdTripped"),
]  # fmt: skip


@pytest.mark.parametrize("row", NOTICED, ids=[row[0] for row in NOTICED])
def test_a_wire_that_fails_while_charging_opens_in_the_stated_time(row):
    _, board, pin, level, seconds, cause = row

    async def story(b):
        await b.boot()
        await b.charging()
        await b.advance(10)
        assert (await b.status())["contactor"]
        await wire(b, pin, level)
        await opens_within(b, seconds)
        await told(b, cause)
        # It does not close again while the wire is as it is.
        await b.advance(60)
        assert not (await b.status())["contactor"]

    play(story, board=board)


@pytest.mark.parametrize(
    "board,level", [(PRESSED, SHORT), (BROKEN, OPEN)], ids=["pressed", "wire"]
)
def test_a_stop_whose_interrupt_is_lost_opens_by_the_look(board, level):
    async def story(b):
        await b.boot()
        await b.charging()
        await wire(b, ESTOP, level, edge=False)
        await opens_within(b, TWO_LOOKS_S)
        await told(b, "EmergencyStop")

    play(story, board=board)


# Readings that look good; the second fault is the one that the sensor should find.
UNNOTICED = [
    ("earth, contact that closes, broken", str(FITTED), PE, OPEN, {"kind": "pe"}),
    ("earth, contact that opens, short", EARTH, PE, SHORT, {"kind": "pe"}),
    ("stop, contact that closes, broken", PRESSED, ESTOP, OPEN, {"kind": "other"}),
    ("stop, contact that opens, short", BROKEN, ESTOP, SHORT, {"kind": "other"}),
    ("lock, high means locked", SOCKET, DETECT, 1, {"kind": "lock", "contact": True}),
    ("lock, low means locked", LOW, DETECT, 0, {"kind": "lock", "contact": True}),
    ("RCD says good", str(FITTED), RCD, 0, {"kind": "rcd"}),
]  # fmt: skip


@pytest.mark.parametrize("row", UNNOTICED, ids=[row[0] for row in UNNOTICED])
def test_what_the_document_calls_not_noticed_is_not_noticed(row):
    """If this fails because the fault is noticed now, the document is to be corrected."""
    _, board, pin, level, fault = row

    async def story(b):
        await b.boot()
        await b.charging()
        await wire(b, pin, level)
        await b.do("fault", on=True, **fault)
        await b.advance(30)
        assert (await b.status())["contactor"]
        # The same sensor with its wire mended.
        await wire(b, pin, None)
        await opens_within(b, TWO_LOOKS_S)

    play(story, board=board)


@scenario(board=str(FITTED))
async def test_an_rcd_output_stuck_at_good_is_found_before_the_next_session(b):
    await b.boot()
    await wire(b, RCD, 0)
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await told(b, "RcdTestFailed", within=20)
    assert not [e for e in b.twin.events if e.get("event") == "contactor" and e["value"]]


async def _next_closing(b, pin, level):
    """The wire fails while all is open; nothing is wrong yet. Seconds closed after that."""
    await b.boot()
    await wire(b, pin, level)
    await b.advance(20)
    assert not [c for c in b.calls("StatusNotification") if c["errorCode"] != "NoError"]
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.contactor(True, within=30)
    await opens_within(b, POLES_S)
    await told(b, "ContactorNotClosing")
    await b.advance(30)
    assert not (await b.status())["contactor"]


@scenario(board=str(FITTED))
async def test_a_mirror_contact_stuck_at_open_is_told_after_the_next_closing(b):
    await _next_closing(b, MIRROR, SHORT)


@scenario(board=SENSES)
async def test_a_voltage_sensor_stuck_at_none_is_told_after_the_next_closing(b):
    await _next_closing(b, SENSE, OPEN)


async def _welded(b, pin, level):
    """The sensor says closed: right while charging, told after opening, nothing closes then."""
    await b.boot()
    await b.charging()
    await wire(b, pin, level)
    await b.advance(20)
    assert (await b.status())["contactor"]
    await b.do("release")
    await b.contactor(False)
    since = b.now
    await told(b, "ContactorWelded")
    assert b.now - since <= POLES_S + 0.4, "told, with the message on its way"
    await b.do("request")
    await b.advance(30)
    assert not (await b.status())["contactor"]


@scenario(board=str(FITTED))
async def test_a_broken_wire_of_a_mirror_contact_is_a_weld_after_opening(b):
    await _welded(b, MIRROR, OPEN)


@scenario(board=SENSES)
async def test_a_voltage_sensor_stuck_at_voltage_is_a_weld_after_opening(b):
    await _welded(b, SENSE, SHORT)


# -- over-current: the times of the document, from the ampere that is one too many ----------------


async def _too_much(b, amps):
    """Virtual time when the car takes more than `amps`; it rises by 4 A a second."""

    async def above():
        return (await b.status())["amps"] > amps

    begin = b.now
    while not await above():
        await b.advance(0.1)
        assert b.now < begin + 10, await b.status()
    return b.now


# Name, car, amperes that are too many at 16 A offered, cause, stated time at 1 s and at the
# slowest setting.
DRAWS = [
    ("over_draw_50", 20.0, "OverCurrentHard", 6, 8),
    ("over_draw_25", 18.15, "OverCurrentSoft", 12, 14),
]


@pytest.mark.parametrize("slow", [False, True], ids=["every second", "slowest"])
@pytest.mark.parametrize("quirk,limit,cause,usual_s,slow_s", DRAWS)
@pytest.mark.parametrize("phase_s", [0.0, 0.7])
def test_over_current_opens_in_the_stated_time(
    slow, quirk, limit, cause, usual_s, slow_s, phase_s
):
    async def story(b):
        await b.boot()
        await b.charging()
        await b.advance(20 + phase_s)  # all that was drawn before has risen
        await b.do("ev", quirk=quirk)
        since = await _too_much(b, limit)
        while (await b.status())["contactor"]:
            await b.advance(0.1)
            assert b.now - since <= (slow_s if slow else usual_s) + 0.1
        print("%s: %.2f s" % (cause, b.now - since))
        await told(b, cause)

    play(
        story,
        board=str(FITTED),
        settings={"MeterPollInterval": "60"} if slow else {},
        options={"seed": 1 + int(phase_s * 100)},
    )
