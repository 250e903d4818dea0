# A second fault, a sensor that fails, a setting from outside: protection still acts in time.
# MIT license; part of microevse
"""Whole firmware on the twin: a failing sensor does not slow the protection by the others."""

import asyncio
import json

import pytest
from bench import Bench, scenario
from page_request import BASIC, request
from variants import BROKEN, EARTH, FITTED, PRESSED, TWO_LOOKS_S

# A reading each second and one that is late, 1.5 s above the limit.
HARD_S = 6
FREQUENT = {"RcdTestInterval": "60"}


def seeds(*numbers, **options):
    """As `scenario`, for several seeds of the twin."""

    def wrap(fn):
        @pytest.mark.parametrize("seed", numbers)
        def test(seed):
            async def play():
                more = dict(options.get("options", {}), seed=seed)
                async with Bench(**{**options, "options": more}) as b:
                    await fn(b)

            asyncio.run(asyncio.wait_for(play(), 120))

        test.__name__ = test.__qualname__ = fn.__name__
        test.__doc__ = fn.__doc__
        return test

    return wrap


async def _opens(b, within, verb, **fields):
    """`verb` is done; the contactor must open within that many seconds of it."""
    await b.do(verb, **fields)
    since = b.now
    await b.contactor(False, within=within + 1)
    assert b.now - since <= within + 0.1, b.now - since


def _told(b, **fields):
    return b.calls("StatusNotification", **fields)


# -- sensors that fail ------------------------------------------------------------------------

NOISY = {"adc_error_rate": 0.002}
NOISY_S = 60


@seeds(1, 2, board=str(FITTED), options=NOISY)
async def test_failed_conversions_do_not_blind_the_watch_over_the_earth(b):
    """One failed conversion of the thermometer ended the task that watches everything once; it
    came back after up to a minute, and the lost earth was seen after 14 to 46 s."""
    await b.boot()
    await b.charging()
    await b.advance(NOISY_S)
    assert (await b.status())["contactor"]
    await _opens(b, TWO_LOOKS_S, "fault", kind="pe", on=True)
    assert not _told(b, vendorErrorCode="TemperatureSensor")


@seeds(1, 2, board=str(FITTED), options=NOISY)
async def test_failed_conversions_do_not_blind_the_watch_over_the_current(b):
    await b.boot()
    await b.charging()
    await b.advance(NOISY_S)
    await _opens(b, HARD_S + 3, "ev", quirk="over_draw_50")
    await b.expect_status("Faulted", errorCode="OverCurrentFailure")


@scenario(board=str(FITTED))
async def test_a_thermometer_that_fails_for_good_opens_within_seconds(b):
    """It raised in each look once: the task died each time, and the fault was never reported."""
    await b.boot()
    entry = await b.charging()
    await _opens(b, 3.6, "fault", kind="overtemp", on=True, sensor="error")
    await b.expect_status("Faulted", vendorErrorCode="TemperatureSensor")
    # And while it is broken, the earth is still watched.
    await b.do("fault", kind="pe", on=True)
    await b.expect_status("Faulted", vendorErrorCode="ProtectiveEarthLost", within=3)
    await b.until(lambda: entry.stop, 20, "StopTransaction")


# -- two causes -------------------------------------------------------------------------------


@scenario(board=str(FITTED), options={"rcd_no_test": True}, settings=FREQUENT)
async def test_a_failed_rcd_test_does_not_end_a_lost_earth(b):
    """Both had one error code once: the second erased the first, and the connector was free."""
    await b.boot()
    await b.do("fault", kind="pe", on=True)
    await b.expect_status("Faulted", vendorErrorCode="ProtectiveEarthLost")
    await b.advance(200)
    assert b.logged("RCD self-test failed")
    assert (await b.status())["connector_status"] == "Faulted"
    assert not _told(b, status="Available", connectorId=1)[1:], "only the one after the start"
    await b.do("fault", kind="pe", on=False)
    await b.expect_status("Faulted", vendorErrorCode="RcdTestFailed", within=20)


# -- settings from outside --------------------------------------------------------------------


@scenario(board=str(FITTED))
async def test_the_central_system_cannot_slow_the_readings(b):
    """It could set a minute between two readings once: 48 A at a limit of 32 for 115 s."""
    await b.boot()
    answer = await b.call("ChangeConfiguration", {"key": "MeterPollInterval", "value": "60"})
    assert answer["status"] == "Rejected", answer
    await b.charging()
    await b.advance(20)
    await _opens(b, HARD_S + 1, "ev", quirk="over_draw_50")


@scenario(board=str(FITTED), settings={"MeterPollInterval": "60"})
async def test_the_slowest_setting_does_not_slow_the_watch_over_the_current(b):
    await b.boot()
    await b.charging()
    await b.advance(20)
    await _opens(b, HARD_S + 3, "ev", quirk="over_draw_50")


# -- emergency stop ---------------------------------------------------------------------------


async def _stopped(b, fault):
    entry = await b.charging()
    await _opens(b, 0.2, "fault", **fault)
    await b.expect_status("Faulted", errorCode="OtherError", vendorErrorCode="EmergencyStop")
    await b.until(lambda: entry.stop, 20, "StopTransaction")
    assert entry.stop["reason"] == "EmergencyStop"


@scenario(board=PRESSED, settings={"WebPassword": "a good password"})
async def test_an_emergency_stop_opens_at_once_and_stays_until_a_person_resets_it(b):
    """A board file could name one, and the firmware did not read it."""
    await b.boot()
    press = {"kind": "other", "on": True}
    await _stopped(b, press)
    await b.do("fault", kind="other", on=False)
    await b.do("release")
    await b.do("unplug")
    await b.advance(30)
    assert (await b.status())["connector_status"] == "Faulted", "releasing it starts nothing"
    await b.do("reboot")
    await b.expect("BootNotification", within=120)
    await b.advance(10)
    assert (await b.status())["connector_status"] == "Faulted", "nor does a restart"
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.none("StartTransaction", for_=20)
    await b.do("button", seconds=11)
    await b.advance(20)
    assert (await b.status())["connector_status"] != "Faulted"
    await b.tap("CARD3")
    await b.contactor(True, within=30)


async def _page(b, method="GET", command="state", login=""):
    code, body = await request(b, method, "/api/v1/" + command, login)
    return code, json.loads(body)


@scenario(board=PRESSED, settings={"WebPassword": "correct horse"})
async def test_an_emergency_stop_is_reset_on_the_page_by_one_who_knows_the_password(b):
    await b.boot()
    assert (await _page(b))[1]["reset"] is False
    await _stopped(b, {"kind": "other", "on": True})
    await b.advance(3)
    assert (await _page(b))[1]["reset"] is True
    reset = "cmd/reset_faults"
    code, said = await _page(b, "POST", reset, BASIC)
    assert code == 200 and said["message"].startswith("Not reset: "), "it is held"
    await b.do("fault", kind="other", on=False)
    await b.do("release")
    await b.do("unplug")
    await b.advance(10)
    same_site = "Origin: http://localhost\r\nContent-Type: application/json\r\n"
    for login in (same_site, BASIC.replace("WRtaW4", "WRtaW5")):
        assert (await _page(b, "POST", reset, login))[0] == 401
    await b.advance(10)
    assert (await b.status())["connector_status"] == "Faulted", "nothing without the password"
    code, said = await _page(b, "POST", reset, BASIC)
    assert code == 200 and said["message"].startswith("Reset."), said
    # No second click is asked for while the reset is carried out.
    assert (await _page(b))[1]["reset"] is False
    await b.advance(10)
    assert (await b.status())["connector_status"] == "Available"
    assert (await _page(b, "POST", reset, BASIC))[1]["message"] == "There is nothing to reset."
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD3")
    await b.contactor(True, within=30)


@scenario(board=PRESSED)
async def test_an_emergency_stop_that_is_held_cannot_be_reset(b):
    await b.boot()
    await _stopped(b, {"kind": "other", "on": True})
    await b.do("button", seconds=11)
    await b.advance(20)
    assert (await b.status())["connector_status"] == "Faulted"


@scenario(board=BROKEN)
async def test_the_wire_of_a_normally_closed_emergency_stop_breaks(b):
    """An open contact and a broken wire are the same."""
    await b.boot()
    await b.charging()
    await b.advance(20)
    assert not [c for c in _told(b) if c["errorCode"] != "NoError"]
    await _opens(b, 0.2, "fault", kind="other", on=True)


@scenario(board=PRESSED)
async def test_nothing_closes_while_the_emergency_stop_is_pressed_from_the_start(b):
    await b.do("fault", kind="other", on=True)
    await b.start_of_day()
    await b.expect_status("Faulted", vendorErrorCode="EmergencyStop", within=20)
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.none("StartTransaction", for_=20)


@scenario(board=EARTH)
async def test_a_protective_earth_input_whose_wire_breaks_says_that_earth_is_lost(b):
    await b.boot()
    await b.charging()
    await b.advance(10)
    assert (await b.status())["contactor"]
    await _opens(b, TWO_LOOKS_S, "fault", kind="pe", on=True)
    await b.expect_status("Faulted", vendorErrorCode="ProtectiveEarthLost")


# -- the supply goes with the fault -----------------------------------------------------------

FREE = {"FreeMode": True, "FreeModeIdTag": "CARD1"}


async def _free(b):
    await b.boot(**FREE)
    await b.configure(ResumeRandomDelay=0)
    await b.do("plug")
    await b.do("request")
    await b.contactor(True, within=30)
    await b.advance(5)


async def _cut(b):
    await b.do("power_cut", seconds=5)
    await b.advance(7)


@scenario(board=PRESSED)
async def test_an_emergency_stop_is_on_flash_before_the_supply_goes(b):
    """It was forgotten if the supply went 0.1 s later, or the meter was silent."""
    await _free(b)
    await b.do("fault", kind="meter", on=True)
    await b.do("fault", kind="other", on=True)
    await b.advance(0.1)
    await b.do("fault", kind="other", on=False)
    await _cut(b)
    await b.do("fault", kind="meter", on=False)
    await b.advance(30)
    status = await b.status()
    assert not status["contactor"] and status["connector_status"] == "Faulted"


@scenario(board=PRESSED)
async def test_free_mode_does_not_resume_where_the_cut_may_have_been_a_stop(b):
    await _free(b)
    for _ in range(2):
        await _cut(b)
        await b.advance(30)
        status = await b.status()
        assert not status["contactor"] and status["connector_status"] == "Finishing"
    await b.do("release")
    await b.do("unplug")
    await b.advance(4)
    await b.do("plug")
    await b.do("request")
    await b.contactor(True, within=30)


@scenario(board="esp32_devkitc")
async def test_a_supply_that_breaks_down_at_each_closing_is_closed_on_six_times(b):
    """111 closings in four minutes; and one power cut must not keep a car from charging."""
    await b.boot(**FREE)
    await b.configure(ResumeRandomDelay=0)
    await b.do("plug")
    await b.do("request")
    for _ in range(6):
        await b.contactor(True, within=40)
        await b.twin.chip("brownout")
        await b.advance(2)
    await b.advance(40)
    status = await b.status()
    assert not status["contactor"] and status["connector_status"] == "Faulted"


@scenario(board="esp32_devkitc")
async def test_a_reset_by_the_central_system_does_not_close_on_a_tripped_rcd(b):
    await _free(b)
    await b.do("fault", kind="rcd", on=True)
    await b.contactor(False, within=1)
    await b.advance(3)
    await b.do("fault", kind="rcd", on=False)
    await b.advance(10)
    await b.call("Reset", {"type": "Soft"})
    await b.advance(60)
    status = await b.status()
    assert not status["contactor"] and status["connector_status"] == "Faulted"
    await b.do("release")
    await b.do("unplug")
    await b.advance(8)
    await b.do("plug")
    await b.do("request")
    await b.contactor(True, within=30)
