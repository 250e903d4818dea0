# Readers, meters, lamps and the button in the whole firmware.
# MIT license; part of microevse
"""Each board here has other parts; the test is the same: a card starts, the meter counts."""

import copy

import pytest
from bench import scenario
from tools_paths import ROOT, tool
from twin.host import load_board

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")

UID = "04A3B2C1D0E980"
TAGS = {UID: {}, "DEADBEEF": {}}
SPI = {"sck": 18, "mosi": 23, "miso": 19, "cs": 5}


def board(**changes):
    """esp32_devkitc with other parts; `meter` is that of its connector."""
    profile = copy.deepcopy(load_board("esp32_devkitc"))
    profile.pop("reader", None)
    profile["leds"] = {"wifi": 17, "error": 4}
    meter = changes.pop("meter", None)
    if meter:
        profile["connectors"][0]["meter"] = meter
    uart = changes.pop("uart", None)
    if uart:
        profile["uarts"][1].update(uart)
    profile.update(changes)
    return profile


async def card_starts_and_ends(b):
    await b.boot()
    transaction = await b.charging(UID)
    await b.advance(5)
    await b.tap(UID)
    stop = await b.expect("StopTransaction")
    assert stop["reason"] == "Local" and stop["idTag"] == UID
    return transaction


async def reader_fails_and_recovers(b):
    await b.do("reader", on=False)
    await b.expect_status("Available", errorCode="ReaderFailure", within=30)
    await b.do("reader", on=True)
    await b.expect_status("Available", errorCode="NoError", within=30)
    await b.do("plug")
    await b.tap("DEADBEEF")
    await b.expect("StartTransaction", idTag="DEADBEEF")


@scenario(board=board(reader={"type": "mfrc522", **SPI}), tags=TAGS)
async def test_mfrc522_starts_and_ends_a_session(b):
    await card_starts_and_ends(b)


@scenario(board=board(reader={"type": "mfrc522", **SPI}), tags=TAGS)
async def test_mfrc522_that_is_silent_is_a_reader_failure(b):
    await b.boot()
    await reader_fails_and_recovers(b)


@scenario(board=board(reader={"type": "pn532", **SPI}), tags=TAGS)
async def test_pn532_on_spi_starts_and_ends_a_session(b):
    await card_starts_and_ends(b)


@scenario(board=board(reader={"type": "pn532", "sda": 21, "scl": 22}), tags=TAGS)
async def test_pn532_on_i2c_starts_a_session_and_its_failure_is_told(b):
    await card_starts_and_ends(b)
    await b.leave()
    await reader_fails_and_recovers(b)


@scenario(board=board(reader={"type": "pn532", "uart": 2}, uart={"baud": 115200}), tags=TAGS)
async def test_pn532_on_a_uart_starts_and_ends_a_session(b):
    await card_starts_and_ends(b)


async def energy_is_that_of_the_physics(b, tolerance_wh):
    await b.boot()
    await b.do("plug")
    await b.do("request")
    assert (await b.call("RemoteStartTransaction", {"idTag": UID}))["status"] == "Accepted"
    start = await b.expect("StartTransaction")
    await b.contactor(True)
    before = (await b.status())["wh"]
    await b.advance(600)
    await b.do("release")
    await b.contactor(False)
    await b.advance(10)
    after = (await b.status())["wh"]
    transaction = b.transaction(start)
    await b.call("RemoteStopTransaction", {"transactionId": transaction.id})
    stop = await b.expect("StopTransaction")
    assert after - before > 500
    assert abs(stop["meterStop"] - start["meterStart"] - after) <= tolerance_wh, (stop, start)
    return stop["meterStop"]


CHIP = board(meter={"type": "hlw8032", "uart": 2}, uart={"baud": 4800, "parity": "even"})
PULSES = board(meter={"type": "s0", "pin": 21, "imp_per_kwh": 1000})


@scenario(board=CHIP, tags=TAGS)
async def test_metering_chip_bills_what_flowed_and_its_loss_is_told(b):
    await energy_is_that_of_the_physics(b, 3)
    await b.leave()
    await b.do("fault", kind="meter", on=True)
    await b.expect_status("Faulted", errorCode="PowerMeterFailure", within=60)
    await b.do("fault", kind="meter", on=False)
    await b.expect_status("Available", errorCode="NoError", within=60)


@scenario(board=PULSES, tags=TAGS)
async def test_pulse_meter_bills_what_flowed_and_goes_on_after_a_restart(b):
    register = await energy_is_that_of_the_physics(b, 2)
    await b.leave()
    await b.do("power_cut", seconds=2)
    await b.boot()
    await b.do("plug")
    await b.call("RemoteStartTransaction", {"idTag": UID})
    start = await b.expect("StartTransaction")
    assert start["meterStart"] == register


@scenario
async def test_lamps_of_the_profile_show_what_happens(b):
    await b.boot()
    await b.advance(1)
    seen = (await b.do("lamps"))["lamps"]
    assert seen == {"charging": False, "error": False, "wifi": True}
    await b.charging()
    assert (await b.do("lamps"))["lamps"]["charging"] is True
    await b.do("fault", kind="rcd")
    await b.expect_status("Faulted")
    errors = set()
    for _ in range(10):
        await b.advance(0.13)
        errors.add((await b.do("lamps"))["lamps"]["error"])
    assert errors == {True, False}
    await b.do("network", up=False)
    await b.advance(5)
    wifi = []
    for _ in range(40):
        await b.advance(0.05)
        wifi.append((await b.do("lamps"))["lamps"]["wifi"])
    assert 1 <= wifi.count(True) <= 30  # it blinks


@scenario(board=board(leds={"ws2812": {"pin": 4, "count": 3}}, reader={"type": "line", "uart": 2}))
async def test_strip_is_green_then_blue(b):
    await b.boot()
    (red, green, blue) = (await b.do("lamps"))["strip"][0]
    assert green > 0 and red == blue == 0
    await b.charging()
    strip = (await b.do("lamps"))["strip"]
    assert len(strip) == 3 and strip[2][2] > 0 and strip[2][1] == 0


@scenario
async def test_short_press_ends_the_session_and_nothing_else_changes(b):
    await b.boot()
    await b.do("button")
    await b.none("StatusNotification", for_=5)
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("button")
    await b.none("StartTransaction", for_=5)
    await b.do("request")
    await b.tap("CARD1")
    await b.expect("StartTransaction")
    await b.contactor(True)
    await b.do("button")
    stop = await b.expect("StopTransaction")
    assert stop["reason"] == "Local" and "idTag" not in stop
    await b.contactor(False)


@scenario
async def test_long_press_tells_the_console_where_the_charger_is(b):
    await b.boot()
    await b.charging()
    await b.do("button", seconds=11)
    await b.none("StopTransaction", for_=15)
    assert b.logged("button: host evse-1") and b.logged("button: central system ws://")


def test_boards_of_this_test_pass_the_loader():
    import sys

    sys.path.insert(0, str(ROOT / "tools"))
    import board as loader

    for profile in (CHIP, PULSES, board(reader={"type": "mfrc522", **SPI})):
        loader.check(copy.deepcopy(profile), "test.toml")
