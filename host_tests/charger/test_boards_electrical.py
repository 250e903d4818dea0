# Every shipped board tells the states apart and finds the faults that it claims to find.
# MIT license; part of microevse
"""The front end of each profile on the virtual board, hal and state machine over it: source
+-5 %, resistors +-3 %, diode, 0.3 to 5.5 nF, noise and spikes; an ESP32's reference 1038 to
1170 mV, which its eFuse knows with an error of 1.5 %. The longer sweep is `make bench
ARGS=boards`."""

import asyncio
import json

import board as profiles
import pytest
from bench import scenario
from firmware_files import DIAGNOSTICS, diagnostics, http, statuses
from front_ends import BOARDS, SEE_THE_DIODE, SOCKETS, look, misread, still
from iec61851 import proximity
from rig import Rig

MS_100 = 100


@pytest.mark.parametrize("name", BOARDS)
def test_states_and_the_diode_are_told_apart_over_all_tolerances(name):
    for seed in range(1, 13):
        assert misread(BOARDS[name], seed) == [], seed
    if BOARDS[name]["chip"] == "esp32":
        # The ends of what an eFuse can hold: where the converter is full lowest and highest.
        for vref in (1000, 1200):
            for source in (11.4, 12.6):
                assert misread(BOARDS[name], 1, adc_vref=vref, v_pos=source) == []


@pytest.mark.parametrize("name", BOARDS)
def test_each_board_charges_and_opens_in_time_over_its_tolerances(name):
    for seed in (21, 22, 23):
        with Rig(seed, corners=True, board=BOARDS[name]) as rig:
            rig.charge()
            rig.run(500)
            start = rig.ms
            rig.do("release")
            assert rig.until(lambda: not rig.outlet.contactor.closed, MS_100) <= MS_100
            assert rig.evse.fault is None, (seed, rig.ms - start)


@pytest.mark.parametrize("name", SEE_THE_DIODE)
def test_shorted_diode_is_found_in_b_and_in_c(name):
    for seed in (31, 32):
        with Rig(seed, corners=True, board=BOARDS[name]) as rig:
            rig.do("ev", quirk="diode_short")
            rig.ready()
            rig.evse.permit(16000)
            rig.until(lambda: rig.evse.fault == "DiodeLost", 2000, "told in B")
            rig.do("request")
            rig.run(3000)
            assert not rig.times("contact"), "closed on a shorted diode"
        with Rig(seed, corners=True, board=BOARDS[name]) as rig:
            rig.charge()
            assert rig.do("fault", kind="diode", on=True)["sensed"]
            rig.until(lambda: not rig.outlet.contactor.closed, MS_100, "open")
            assert rig.evse.fault == "DiodeLost"


def test_a_board_that_cannot_see_the_diode_says_so_and_charges_on():
    """With `diode_check = false` a shorted diode is not reported."""
    blind = [name for name in BOARDS if name not in SEE_THE_DIODE]
    assert blind == ["synccharge_esp32"]
    with Rig(41, corners=True, board=BOARDS[blind[0]]) as rig:
        rig.charge()
        assert rig.do("fault", kind="diode", on=True)["sensed"] is False
        rig.run(2000)
        assert rig.outlet.contactor.closed and rig.evse.fault is None


@pytest.mark.parametrize("name", SOCKETS)
def test_every_cable_and_an_open_or_shorted_proximity_pilot_are_told(name):
    for seed in range(51, 57):
        with Rig(seed, corners=True, board=BOARDS[name]) as rig:
            still(rig)
            assert rig.adc.cable_ma(0) == proximity.OPEN
            for amps in (13, 20, 32, 63):
                rig.do("plug", cable=amps)
                assert rig.adc.cable_ma(0) == amps * 1000, (seed, amps)
                rig.outlet.pp = "open"
                assert rig.adc.cable_ma(0) == proximity.OPEN
                rig.outlet.pp = "short"
                assert rig.adc.cable_ma(0) == proximity.SHORT
                rig.outlet.pp = None
                rig.do("unplug")


def test_pilot_is_connected_once_the_firmware_runs():
    with Rig(61, board=BOARDS["smartevse_v30"]) as rig:
        assert rig.board.world.levels[15] == 0 and not rig.circuit.switched_off
        rig.do("plug")
        rig.run(300)
        assert rig.evse.plugged


def test_a_chip_without_calibration_is_not_trusted():
    for name in ("smartevse_v30", "esp32_dual"):
        with Rig(71, board=BOARDS[name], adc_efuse=None) as rig:
            assert rig.adc.uncalibrated == [0]
    # A measured curve in the profile helps: it needs nothing from the chip.
    board = dict(BOARDS["smartevse_v30"])
    connector = dict(board["connectors"][0])
    points = [(2880, 2462), (3520, 2868), (4032, 3107), (4095, 3134)]
    cal = [[0, 142000]] + [[count << 4 | count >> 8, mv * 1000] for count, mv in points]
    connector["cp"] = dict(connector["cp"], cal=cal)
    board["connectors"] = [connector]
    profiles.check(board, "measured.toml")
    with Rig(72, board=board, adc_efuse=None) as rig:
        assert not rig.adc.uncalibrated
        still(rig)
        for letter, mv in (("A", 12000), ("B", 8980), ("C", 6000), ("D", 2930)):
            seen = look(rig, letter, 0.5)[0]
            assert abs(seen - mv) < 250, (letter, seen)


# -- the whole firmware ----------------------------------------------------------------------


@scenario(board="smartevse_v30", options={"adc_efuse": None})
async def test_a_chip_without_calibration_is_faulted_and_says_why(b):
    await b.start_of_day()
    await b.expect_status("Faulted", within=20, errorCode="InternalError")
    assert b.logged("not calibrated")
    await b.do("plug")
    await b.do("request")
    await b.none("StartTransaction", for_=5)
    assert not (await b.status())["contactor"]


async def page_state(b):
    """The state that the charger's page shows."""
    (address,) = [
        e["address"] for e in b.twin.events if e.get("event") == "listen" and e["port"] == 80
    ]
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(b"GET /api/v1/state HTTP/1.0\r\nHost: %s\r\n\r\n" % address[0].encode())
        await b.advance(1)
        answer = await asyncio.wait_for(reader.read(), 10)
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])
    finally:
        writer.close()


@scenario(board="synccharge_esp32")
async def test_missing_diode_check_is_told_in_log_page_and_diagnostics(b):
    await b.boot()
    assert b.logged("no check of the EV's diode")
    assert (await page_state(b))["diode_check"] is False
    async with http(b) as server:
        name = await diagnostics(b, server.url + "/in/")
        await statuses(b, DIAGNOSTICS, "Uploading", "Uploaded")
        assert b"connector_1_ev_diode: cannot be checked" in server.uploads["/in/" + name]


@scenario(board="esp32_devkit_min")
async def test_nothing_is_said_of_a_diode_that_is_checked(b):
    await b.boot()
    assert not b.logged("diode")
    assert "diode_check" not in await page_state(b)


@scenario(board="smartevse_v30")
async def test_no_current_through_a_cable_whose_rating_cannot_be_read(b):
    await b.boot()
    for wrong in ("short", "open"):
        await b.do("plug", pp=wrong)
        await b.expect_status("Preparing")
        await b.do("request")
        await b.call("RemoteStartTransaction", {"idTag": "CARD3", "connectorId": 1})
        await b.expect_status("Faulted", within=20, errorCode="OtherError")
        assert not (await b.status())["contactor"]
        await b.do("release")
        await b.do("unplug", side="ev")
        await b.expect_status("Available", within=60)
        await b.do("unplug")


@scenario(board="esp32_devkitc")
async def test_a_board_says_at_boot_and_on_the_page_what_it_cannot_notice(b):
    """No shipped board detects a weld, and only the documents said so once."""
    await b.boot()
    assert b.logged("no weld detection")
    assert "no weld detection" in (await page_state(b))["lacks"]
