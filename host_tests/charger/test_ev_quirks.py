# Every quirk of the EV library ends with the car charged, or with a clear reason.
# MIT license; part of microevse
"""The whole firmware against each kind of EV in twin/ev.py, one test per quirk.

"Charged" is energy in the car and a transaction that says so; a "clear reason" is a status
with an error code, or a suspended one, that a person can act on.
"""

import sys

from bench import scenario
from twin.ev import QUIRKS


async def _start(b, quirk):
    """The EV arrives, a card is shown, the transaction begins."""
    await b.boot()
    return await _arrive(b, quirk)


async def _arrive(b, quirk):
    await b.do("ev", quirk=quirk)
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("request")
    await b.tap()
    await b.expect("StartTransaction", within=20)
    return b.transaction()


async def _charges(b, amps=10, within=30):
    """Wait for a closed contactor and current."""

    async def flowing():
        state = await b.status()
        return state["contactor"] and state["amps"] >= amps

    await b.until(flowing, within, "charging")


async def _ends(b, entry):
    """A card ends it; the energy is on the bill; the car goes."""
    await b.tap()
    await b.until(lambda: entry.stop, 30, "StopTransaction")
    await b.contactor(False)
    assert entry.wh > 0
    await b.leave()


def _faults(b):
    return [c["errorCode"] for c in b.calls("StatusNotification") if c["errorCode"] != "NoError"]


def _closings(b):
    return [e for e in b.twin.events if e.get("event") == "contactor" and e["value"]]


async def _charged(b, quirk, amps=10, within=30):
    entry = await _start(b, quirk)
    await _charges(b, amps, within)
    await b.advance(60)
    await _ends(b, entry)
    assert _faults(b) == []


@scenario
async def test_normal(b):
    await _charged(b, "normal", 15)


@scenario
async def test_ignores_pause(b):
    """Opened under load after 6 s, and charged."""
    await _charged(b, "ignores_pause", 15)


@scenario
async def test_c_pulse(b):
    await _charged(b, "c_pulse", 15)
    assert len(_closings(b)) == 1


@scenario
async def test_bcb(b):
    await _charged(b, "bcb", 15)
    assert len(_closings(b)) == 1


@scenario
async def test_duty_glitch(b):
    await _charged(b, "duty_glitch", 15)
    assert len(_closings(b)) == 1


@scenario
async def test_direct_c(b):
    """Takes 10 A at most, whatever is offered."""
    await _charged(b, "direct_c", 9.9)


@scenario
async def test_slow_start(b):
    """The wake-up after a minute must not keep it from starting."""
    await _charged(b, "slow_start", 15, within=300)


@scenario
async def test_leaf_bounce(b):
    entry = await _start(b, "leaf_bounce")
    await _charges(b)
    await b.advance(30)
    await b.do("unplug")
    await b.until(lambda: entry.stop, 20, "StopTransaction")
    assert entry.stop["reason"] == "EVDisconnected" and entry.wh > 0
    await b.expect_status("Available", within=15)
    assert _faults(b) == [] and len(_closings(b)) == 1


@scenario
async def test_d_request(b):
    """Not charged: ventilation is not there. SuspendedEVSE, no fault, the contactor open."""
    await _start(b, "d_request")
    await b.expect_status("SuspendedEVSE", within=20)
    await b.advance(20)
    assert _closings(b) == [] and _faults(b) == []


@scenario
async def test_diode_short(b):
    """Not charged: EVCommunicationError."""
    await b.boot()
    await b.do("ev", quirk="diode_short")
    await b.do("plug")
    await b.tap()
    await b.do("request")
    await b.expect_status("Faulted", within=20, errorCode="EVCommunicationError")
    await b.advance(10)
    assert _closings(b) == []


@scenario
async def test_taper(b):
    """Full: SuspendedEV, and the wake-up leaves it alone."""
    entry = await _start(b, "taper")
    await _charges(b)
    await b.expect_status("SuspendedEV", within=300)
    await b.advance(200)
    assert _never_f(b) and entry.stop is None
    await _ends(b, entry)


def _never_f(b):
    return not [
        e for e in b.twin.events if e.get("event") == "duty" and e["value"] == 0 and e["t"] > 5
    ]


@scenario
async def test_precondition(b):
    """Full, and five minutes later it wants to be warm: the same transaction."""
    entry = await _start(b, "precondition")
    await _charges(b)
    await b.expect_status("SuspendedEV", within=300)
    await _charges(b, within=400)
    assert len(_closings(b)) == 2
    await _ends(b, entry)
    assert entry.starts == 1 and _faults(b) == []


async def _asleep(b, quirk):
    """Plugged for so long that it has fallen asleep; then comes the card."""
    await b.boot()
    await b.do("ev", quirk=quirk)
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("request")
    await b.advance(90)
    await b.tap()
    await b.expect("StartTransaction", within=20)
    return b.transaction()


@scenario
async def test_sleeper(b):
    """Woken by 4 s of state F after a minute of no reaction."""
    entry = await _asleep(b, "sleeper")
    await b.advance(40)
    assert _closings(b) == []
    await _charges(b, 15, within=60)
    await b.advance(60)
    await _ends(b, entry)
    assert _faults(b) == []


@scenario
async def test_sleeper_with_waking_switched_off(b):
    """Not charged: SuspendedEV says whose turn it is."""
    await b.boot(WakeUpDelay=0)
    await b.do("ev", quirk="sleeper")
    await b.do("plug")
    await b.do("request")
    await b.advance(90)
    await b.tap()
    await b.expect_status("SuspendedEV", within=30)
    await b.advance(300)
    assert _never_f(b) and _closings(b) == []


@scenario
async def test_deep_sleeper(b):
    """Not charged: one wake-up of 4 s is all it gets; SuspendedEV."""
    await _asleep(b, "deep_sleeper")
    await b.expect_status("SuspendedEV", within=20)
    await b.advance(300)
    assert _closings(b) == [] and not _never_f(b)
    state = await b.status()
    assert state["connector_status"] == "SuspendedEV" and 0 < state["duty"] < 100


@scenario
async def test_over_draw(b):
    """A tenth too much is within the tolerance of a meter and a cable: not reported."""
    await _charged(b, "over_draw", 17)


@scenario
async def test_over_draw_25(b):
    """Stopped after 7 s: OverCurrentFailure, latched until unplugged."""
    entry = await _start(b, "over_draw_25")
    await b.expect_status("Faulted", within=40, errorCode="OverCurrentFailure")
    await b.contactor(False)
    await b.until(lambda: entry.stop, 20, "StopTransaction")
    await b.advance(30)
    assert len(_closings(b)) == 1
    await b.leave()


@scenario
async def test_over_draw_50(b):
    """Stopped within a few readings of the meter: OverCurrentFailure."""
    await _start(b, "over_draw_50")
    await b.expect_status("Charging", within=20)
    at = b.now
    await b.expect_status("Faulted", within=15, errorCode="OverCurrentFailure")
    assert b.now - at < 12  # of which the current takes 6 s to rise
    await b.contactor(False)


@scenario
async def test_min_10a(b):
    """Does not ask at 6 A: SuspendedEV; charged once there is more."""
    await b.boot()
    await b.do("set", key="MaxCurrent", value="6")
    entry = await _arrive(b, "min_10a")
    await b.expect_status("SuspendedEV", within=30)
    await b.advance(30)
    assert _closings(b) == []
    await b.do("set", key="MaxCurrent", value="16")
    await _charges(b, 15)
    await b.advance(30)
    await _ends(b, entry)
    assert _faults(b) == []


@scenario
async def test_whole_amps(b):
    await _charged(b, "whole_amps", 15)


@scenario
async def test_tail(b):
    """S2 opens while current flows: opened in time all the same, charged."""
    await _charged(b, "tail", 15)


@scenario
async def test_leakage(b):
    """Not charged: GroundFailure, latched until unplugged."""
    entry = await _start(b, "leakage")
    await b.expect_status("Faulted", within=20, errorCode="GroundFailure")
    await b.contactor(False)
    await b.until(lambda: entry.stop, 20, "StopTransaction")
    await b.advance(60)
    assert len(_closings(b)) == 1
    await b.leave()


@scenario
async def test_f_allergic(b):
    """Charged: it asks in time, and never sees state F."""
    await _charged(b, "f_allergic", 15)
    assert _never_f(b)


def test_every_quirk_of_the_library_is_here():
    here = {name for name in dir(sys.modules[__name__]) if name.startswith("test_")}
    assert not [name for name in QUIRKS if "test_" + name not in here]
