# Every fault that the twin can sense, on the whole firmware: the reaction and the report.
# MIT license; part of microevse
"""Weld, earth, heat, current, lock and RCD on a board with everything fitted."""

from bench import scenario
from tools_paths import ROOT

FITTED = str(ROOT / "host_tests" / "support" / "boards" / "everything_fitted.toml")


async def _faulted(b, code, vendor, within=20):
    return await b.expect_status("Faulted", within=within, errorCode=code, vendorErrorCode=vendor)


def _contacts(b):
    return [e["value"] for e in b.twin.events if e.get("event") == "contactor"]


@scenario(board=FITTED)
async def test_a_normal_session_on_a_board_with_all_sensors_is_no_fault(b):
    await b.boot()
    entry = await b.charging()
    await b.advance(60)
    await b.tap()
    await b.until(lambda: entry.stop, 30, "StopTransaction")
    await b.leave()
    assert not [c for c in b.calls("StatusNotification") if c["errorCode"] != "NoError"]


@scenario(board=FITTED)
async def test_a_welded_contactor_is_found_after_opening_and_stays_a_fault(b):
    """PowerSwitchFailure until a restart; and again after it, the pole being still closed."""
    await b.boot()
    await b.charging()
    await b.do("fault", kind="weld", on=True)
    await b.tap()
    await _faulted(b, "PowerSwitchFailure", "ContactorWelded", within=15)
    await b.do("release")
    await b.do("unplug")
    await b.advance(30)
    assert (await b.status())["connector_status"] == "Faulted"
    await b.do("power_cut", seconds=5)
    await b.start_of_day(within=120)
    await _faulted(b, "PowerSwitchFailure", "ContactorWelded", within=30)


@scenario(board=FITTED)
async def test_a_pole_that_sticks_is_found_before_anything_is_closed(b):
    await b.boot()
    await b.do("fault", kind="weld", on=True)
    await _faulted(b, "PowerSwitchFailure", "ContactorWelded", within=10)
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.none("StartTransaction", for_=20)
    await b.do("fault", kind="weld", on=False)
    await b.do("reboot")
    await b.expect("BootNotification", within=120)
    await b.expect("StatusNotification", within=30, connectorId=1, errorCode="NoError")


@scenario(board=FITTED)
async def test_a_lost_protective_earth_opens_at_once_and_stays_until_it_is_back(b):
    await b.boot()
    entry = await b.charging()
    await b.do("fault", kind="pe", on=True)
    await b.contactor(False, within=2)
    await _faulted(b, "GroundFailure", "ProtectiveEarthLost")
    await b.until(lambda: entry.stop, 20, "StopTransaction")
    await b.do("release")
    await b.do("unplug")
    b.skip()
    await b.none("StatusNotification", for_=30, connectorId=1)  # no chatter
    await b.do("fault", kind="pe", on=False)
    await b.expect_status("Available", within=20)


@scenario(board=FITTED)
async def test_heat_stops_charging_and_it_resumes_when_it_has_cooled_down(b):
    """HighTemperature opens; the session waits for the temperature and goes on."""
    await b.boot()
    entry = await b.charging()
    await b.do("fault", kind="overtemp", on=True)
    await _faulted(b, "HighTemperature", "TemperatureStop")
    await b.contactor(False)
    await b.advance(60)
    assert _contacts(b) == [True, False] and not entry.stop
    await b.do("fault", kind="overtemp", on=False)
    await b.contactor(True, within=40)
    await b.expect_status("Charging", within=20)


@scenario(board=FITTED)
async def test_an_ev_that_takes_too_much_is_stopped(b):
    await b.boot()
    await b.do("ev", quirk="over_draw_50")
    entry = await b.charging()
    await _faulted(b, "OverCurrentFailure", "OverCurrentHard", within=15)
    await b.until(lambda: entry.stop, 20, "StopTransaction")
    await b.advance(60)
    assert _contacts(b) == [True, False], "latched until unplugged"
    await b.leave()


@scenario(board=FITTED, options={"rcd_no_test": True})
async def test_an_rcd_that_does_not_trip_on_test_lets_nobody_charge(b):
    await b.boot()
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await _faulted(b, "GroundFailure", "RcdTestFailed")
    assert _contacts(b) == []


@scenario(board="esp32s2_diy_alpha")
async def test_a_jammed_lock_lets_nobody_charge(b):
    await b.boot()
    await b.do("fault", kind="lock", on=True)
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await _faulted(b, "ConnectorLockFailure", "LockJammed", within=30)
    assert _contacts(b) == []
