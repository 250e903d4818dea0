# One scripted day, told under OCPP 1.6, 2.0.1 and 2.1: the same sessions are in the book.
# MIT license; part of microevse
"""The whole firmware plays the same minutes under each version. Energies and times have to be
equal, and reasons after a map, as the station records them and a version only renders them."""

import functools

from bench import scenario
from bench2 import scenario2
from memory_run import GRID_MS

# Reasons of 2.x that 1.6 has other words for; the rest are the same (Reset Immediate lets the EV
# stop drawing first, as Soft does).
REASONS_16 = {"ImmediateReset": "SoftReset", "GroundFault": "Other"}
SETTINGS = {"MeterPollInterval": 10}
# Ticks are left out where the pilot does not change.
QUICKLY = {"skip_ms": GRID_MS, "coalesce_ms": GRID_MS}


async def _at(b, second):
    """The same moment in each version: a version has more messages than another."""
    assert b.now <= second, "too late by %.1f s" % (b.now - second)
    await b.advance(second - b.now)


async def _arrives(b, second):
    await _at(b, second)
    await b.do("plug")
    await b.do("request")


async def _charges(b, second, card="CARD1"):
    """A car comes, and a card begins its session."""
    await _arrives(b, second)
    await b.tap(card)
    await b.contactor(True)


async def _leaves(b, second):
    await _at(b, second)
    await b.do("release")
    await b.until(b._unplug, 15, "the cable can be pulled")


async def _booked(b, count):
    """All sessions so far are told from start to end."""
    ended = lambda: [t for t in b.csms.transactions.values() if t.stop is not None]  # noqa: E731
    await b.until(lambda: len(ended()) == count, 200, "%d sessions are told" % count)


async def day(b, calls):
    """calls: (action, payload) of a remote start, a remote stop (fn(entry)), and a reset."""
    remote_start, remote_stop, reset = calls
    await b.start_of_day()
    # A card begins and ends it.
    await _charges(b, 100)
    await _at(b, 250)
    await b.tap("CARD1")
    await b.contactor(False)
    await _leaves(b, 280)
    await _booked(b, 1)
    # The central system begins and ends it.
    await _arrives(b, 400)
    await _at(b, 410)
    assert (await b.call(*remote_start))["status"] == "Accepted"
    await b.contactor(True)
    await _at(b, 550)
    entry = list(b.csms.transactions.values())[-1]
    assert (await b.call(*remote_stop(entry)))["status"] == "Accepted"
    await b.contactor(False)
    await _leaves(b, 580)
    await _booked(b, 2)
    # The car's end of the cable is pulled.
    await _charges(b, 700, "CARD2")
    await _at(b, 800)
    await b.do("unplug", side="ev")
    await b.contactor(False)
    await _at(b, 820)
    await b.do("unplug")
    await _booked(b, 3)
    # It begins and ends without a central system.
    await _at(b, 900)
    await b.do("network", up=False)
    await _charges(b, 1000)
    await _at(b, 1150)
    await b.tap("CARD1")
    await b.contactor(False)
    await _leaves(b, 1180)
    await _at(b, 1200)
    await b.do("network", up=True)
    await _booked(b, 4)
    # The power fails, and the car is gone when it is back.
    await _charges(b, 1600)
    await _at(b, 1750)
    await b.do("power_cut", seconds=60)
    await _booked(b, 5)
    await _leaves(b, 2000)
    # The central system restarts the charger.
    await _charges(b, 2100)
    await _at(b, 2250)
    assert (await b.call(*reset))["status"] == "Accepted"
    await _booked(b, 6)
    await _leaves(b, 2450)
    # Current leaks.
    await _charges(b, 2550)
    await _at(b, 2700)
    await b.do("fault", kind="rcd", on=True)
    await b.contactor(False)
    await _booked(b, 7)
    b.allow_trouble = True
    return [
        (t.began, t.ended, t.meter_start, t.meter_stop, t.token, t.connector, t.reason)
        for t in b.csms.transactions.values()
    ]


CALLS_16 = (
    ("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1}),
    lambda entry: ("RemoteStopTransaction", {"transactionId": entry.number}),
    ("Reset", {"type": "Soft"}),
)
CALLS_2 = (
    (
        "RequestStartTransaction",
        {"idToken": {"idToken": "CARD1", "type": "Central"}, "remoteStartId": 7, "evseId": 1},
    ),
    lambda entry: ("RequestStopTransaction", {"transactionId": entry.uuid}),
    ("Reset", {"type": "Immediate"}),
)


@functools.lru_cache(maxsize=None)
def book(version):
    """The sessions of the day under a version."""
    found = []

    async def story(b):
        found.extend(await day(b, CALLS_16 if version == "1.6" else CALLS_2))

    if version == "1.6":
        scenario(story, settings=SETTINGS, options=QUICKLY)()
    else:
        scenario2(story, version=version, settings=SETTINGS, options=QUICKLY)()
    return found


def test_each_version_tells_the_same_day():
    sixteen = book("1.6")
    for session in sixteen:
        print(*session)
    assert [s[6] for s in sixteen] == [
        "Local", "Remote", "EVDisconnected", "Local", "PowerLoss", "SoftReset", "Other",
    ]  # fmt: skip
    assert all(s[3] > s[2] for s in sixteen), "each session charges"
    for version in ("2.0.1", "2.1"):
        other = book(version)
        assert [s[:6] for s in other] == [s[:6] for s in sixteen], version
        assert [REASONS_16.get(s[6], s[6]) for s in other] == [s[6] for s in sixteen], version
