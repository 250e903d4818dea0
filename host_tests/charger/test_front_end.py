# An op-amp that ends at -10.7 V is the charger's fault; a shorted diode is the car's.
# MIT license; part of microevse
"""On every board whose front end sees -10 V. The -12 V is measured with no EV on the line: at
boot, or once the EV that stood in the way has gone."""

import asyncio
import sys

import pytest
from bench import Bench, scenario
from rig import Rig
from tools_paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import board  # noqa: E402

PROFILES = {path.stem: board.load_toml(path) for path in sorted((ROOT / "boards").glob("*.toml"))}
SEE = [n for n, p in PROFILES.items() if p["connectors"][0]["cp"].get("diode_check", True)]
CORNERS = 5


def rig(name, seed, corners=True, **options):
    """The electrical half of a shipped board, at a random corner of its tolerances."""
    return Rig(seed, corners, board=PROFILES[name], **options)


def test_all_boards_but_the_one_that_says_so_see_it():
    assert set(PROFILES) - set(SEE) == {"synccharge_esp32"}


@pytest.mark.parametrize("name", SEE)
def test_a_weak_source_is_found_at_boot(name):
    for seed in range(1, CORNERS):
        with rig(name, seed, v_neg=-10.7) as r:
            assert r.evse.front_end.weak, (seed, r.evse.front_end.low_mv)


@pytest.mark.parametrize("name", SEE)
def test_a_sound_source_is_not_blamed(name):
    for seed in range(1, CORNERS):
        for v_neg in (-11.4, -12.6):
            with rig(name, seed, v_neg=v_neg) as r:
                r.ready()
                r.evse.permit(16000)
                r.run(1500)
                r.ev.unplug()  # with PWM on: measured again
                r.run(500)
                r.evse.out_of_service(True)
                r.run(1000)
                assert not r.evse.front_end.weak, (seed, v_neg, r.evse.front_end.low_mv)
                assert r.evse.fault is None


@pytest.mark.parametrize("name", SEE)
def test_a_shorted_ev_diode_is_the_evs_fault_in_b_and_in_c(name):
    for seed in range(1, CORNERS):
        with rig(name, seed) as r:
            r.do("ev", quirk="diode_short")
            r.ready()
            r.evse.permit(16000)
            r.until(lambda: r.evse.fault, 3000, "told in B")
            assert r.evse.fault == "DiodeLost" and not r.evse.front_end.weak
            r.ev.unplug()
            r.run(1000)
            assert not r.evse.front_end.weak, "an EV that goes with its short is no front end"
        with rig(name, seed) as r:
            r.charge()
            r.do("fault", kind="diode", on=True)
            r.until(lambda: not r.evse.closed, 100, "opened in C")
            assert r.evse.fault == "DiodeLost" and not r.evse.front_end.weak


def test_a_source_that_weakens_is_found_when_an_ev_leaves_and_in_state_f():
    with rig("esp32_devkitc", 1, corners=False) as r:
        assert not r.evse.front_end.weak
        for _ in range(2):
            r.ready()
            r.evse.permit(16000)
            r.run(1500)
            r.circuit.v_low = -10.5
            r.circuit.refresh()
            r.do("unplug")
            r.run(7000)
        assert r.evse.front_end.weak and r.evse.fault is None
    with rig("esp32_devkitc", 1, corners=False) as r:
        r.circuit.v_low = -9.5  # no longer a state F at all
        r.circuit.refresh()
        r.evse.out_of_service(True)
        r.run(1500)
        assert not r.evse.front_end.weak, "somebody may have plugged in since"
        r.evse.out_of_service(False)
        r.run(300)
        assert r.evse.front_end.weak
        r.evse.out_of_service(True)
        r.run(1500)
        assert "PilotFrontEnd" in r.evse.faults, r.evse.faults


@pytest.mark.parametrize("after_ms", [0, 100, 250, 400, 480, 600])
def test_a_car_with_a_shorted_diode_that_comes_in_state_f_is_not_the_charger_s_fault(after_ms):
    with rig("esp32_devkitc", 1, corners=False) as r:
        r.run(3000)
        before = r.evse.front_end.low_mv
        r.evse.out_of_service(True)
        r.run(after_ms)
        r.do("fault", kind="diode", on=True)
        r.do("plug")
        r.do("request")
        r.run(1000)
        r.evse.out_of_service(False)
        r.run(1000)
        r.do("unplug")
        r.run(3000)
        assert not r.evse.front_end.weak and "PilotFrontEnd" not in r.evse.faults
        assert r.evse.front_end.low_mv == before or r.evse.front_end.low_mv < -11100


@pytest.mark.parametrize("name", SEE)
def test_whole_firmware_tells_a_front_end_problem_and_no_ev_fault(name):
    asyncio.run(_told(name))


async def _told(name):
    async with Bench(board=name, options={"v_neg": -10.7}) as b:
        await b.start_of_day()
        told = await b.expect_status(
            "Faulted", within=20, errorCode="InternalError", vendorErrorCode="PilotFrontEnd"
        )
        assert "does not reach -12 V" in told["info"]
        await b.do("plug")
        await b.do("request")
        await b.call("RemoteStartTransaction", {"idTag": "CARD3", "connectorId": 1})
        await b.advance(20)
        assert not b.calls("StatusNotification", errorCode="EVCommunicationError")
        assert not b.calls("StartTransaction") and not (await b.status())["contactor"]
        page = str((await b.do("look", what="page"))["page"])
        assert "does not reach -12 V" in page and "The car is not at fault" in page


@scenario(options={"v_neg": -10.7})
async def test_with_an_ev_at_boot_it_is_told_as_soon_as_the_ev_has_gone(b):
    await b.expect_status("Faulted", within=60, vendorErrorCode="PilotFrontEnd")
    await b.do("plug")
    await b.do("reboot")
    await b.start_of_day(within=60)
    b.skip()
    await b.none("StatusNotification", for_=20, errorCode="InternalError")
    await b.do("unplug")
    await b.expect_status("Faulted", within=10, vendorErrorCode="PilotFrontEnd")


@scenario()
async def test_the_look_at_a_sound_source_after_such_an_ev_changes_nothing(b):
    await b.boot()
    await b.do("plug")
    await b.do("reboot")
    await b.start_of_day(within=60)
    await b.do("unplug")
    await b.advance(10)
    # -12 V for a moment, once.
    assert [e for e in b.twin.events if e.get("event") == "duty" and e["value"] == 0][-1:]
    assert not [c for c in b.calls("StatusNotification") if c["errorCode"] != "NoError"]
    await b.charging()
