# A lost wss:// connection comes back while a car charges: by a soft pause, never under load.
# MIT license; part of microevse

from secure import scenario

# Hours in which nothing moves: ticks left out, long sleeps ending together.
QUIET = {"options": {"skip_ms": 4000, "coalesce_ms": 2000}}


async def _charging_offline(b, **settings):
    await b.boot(**settings)
    entry = await b.charging()
    await b.advance(10)
    b.csms.wire.drop()
    b.skip()
    return entry


def _moves(b, what, since):
    return [e["value"] for e in b.twin.events if e.get("event") == what and e["t"] >= since]


@scenario()
async def test_a_lost_connection_comes_back_in_a_pause_and_charging_resumes(b):
    """StatusNotification: SuspendedEVSE while it lasts; the session stays the same one."""
    entry = await _charging_offline(b, OfflinePauseDelay=120)
    begun = b.now
    await b.advance(100)
    state = await b.status()
    assert state["contactor"] and state["ocpp"] is False, state
    await b.contactor(False, within=60)
    opened = b.now
    assert opened - begun >= 120
    await b.until(lambda: len(b.csms.connections) == 2, 30, "connected again")
    await b.contactor(True, within=30)
    assert b.now - opened < 45, "the car waited too long"
    await b.expect_status("Charging", within=30)
    assert _moves(b, "contactor", begun) == [False, True]
    assert b.logged("pauses for a moment")
    assert entry.starts == 1 and not entry.stop


@scenario(**QUIET)
async def test_a_car_that_ignores_the_pause_goes_on_charging(b):
    await b.do("ev", quirk="ignores_pause")
    await _charging_offline(b, OfflinePauseDelay=60)
    begun = b.now
    await b.advance(200)
    assert _moves(b, "contactor", begun) == []
    assert b.logged("does not let go")
    state = await b.status()
    assert state["contactor"] and state["amps"] > 6 and state["duty"] < 100, state
    assert len(b.logged("pauses for a moment")) == 1
    await b.advance(3500)
    assert len(b.logged("pauses for a moment")) == 2, "once an hour"
    assert _moves(b, "contactor", begun) == []


@scenario(**QUIET)
async def test_no_pause_when_it_is_switched_off_or_when_there_is_no_network(b):
    await _charging_offline(b, OfflinePauseDelay=0)
    begun = b.now
    await b.advance(1200)
    assert _moves(b, "contactor", begun) == []
    await b.do("network", up=False)
    await b.advance(30)
    await b.do("set", key="OfflinePauseDelay", value="60")
    await b.advance(600)
    assert _moves(b, "contactor", begun) == [], "no access point: a pause would be for nothing"
    await b.do("network", up=True)
    await b.contactor(False, within=200)
    await b.contactor(True, within=60)
