# tools/simulate.py --ocpp: one charger, the versions of OCPP, and a change between them.
# MIT license; part of microevse
"""From outside, as test_simulate_contract.py: the firmware against the tests' central system,
whose ledger judges the sessions of all versions by one measure."""

import subprocess
import sys
import time

import pytest

from simulated import Central, Control, Simulator
from twin.host import ROOT

ALL = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
SPEED = 20


def charger(central, data, versions):
    args = ("--csms", central.url, "--id", "X", "--data", str(data), "--speed", str(SPEED))
    return Simulator(*args, "--ocpp", versions, "--set", "SampledDataCtrlr.TxUpdatedInterval=5")


def begin(control):
    control.ok("plug")
    control.ok("tap", tag="CARD1")
    control.ok("request")
    control.until(contactor=True)
    return control.until(wh=lambda wh: wh > 20)


def ended(central, entry):
    limit = time.monotonic() + 30
    while entry.stop is None:
        assert time.monotonic() < limit, central.csms.story()
        time.sleep(0.1)


@pytest.mark.parametrize("first, then", [("1.6", "2.0.1"), ("2.1", "1.6"), ("2.0.1", "2.1")])
def test_a_session_that_a_power_cut_ends_is_billed_once_under_another_version(
    tmp_path, first, then
):
    """It begins under one version; the power is cut; its end is told under another."""
    with Central(SPEED, id_tags={"CARD1": {}}, subprotocols=ALL) as central:
        csms = central.csms
        with charger(central, tmp_path, first) as sim:
            control = Control(sim.control)
            control.until(ocpp=True, connector_status="Available")
            state = begin(control)
            entry = list(csms.transactions.values())[0]
            running = control.ok("status")
            assert running["protocol"] == first
            assert running["transaction"] == entry.number
        with charger(central, tmp_path, then) as sim:
            control = Control(sim.control)
            control.until(ocpp=True)
            ended(central, entry)
            flowed = control.ok("status")["wh"]
        assert csms.violations == [], csms.violations
        assert list(csms.transactions.values()) == [entry]
        assert entry.reason == "PowerLoss" and 0 <= entry.wh <= flowed + 1
        assert entry.uuid == running["transaction_uuid"]
        assert (entry.starts, entry.stops) == (1, 1)
        assert entry.retold == (1 if "1.6" in (first, then) else 0)
        assert state["wh"] <= flowed


@pytest.mark.parametrize("first, then", [("1.6", "2.0.1"), ("2.1", "1.6"), ("2.0.1", "2.1")])
def test_a_session_goes_on_under_another_version(tmp_path, first, then):
    """The central system picks another version for the next connection, while a car charges."""
    with Central(SPEED, id_tags={"CARD1": {}}, subprotocols=("ocpp" + first,)) as central:
        csms = central.csms
        with charger(central, tmp_path, "2.1,2.0.1,1.6") as sim:
            control = Control(sim.control)
            control.until(ocpp=True, connector_status="Available")
            began = begin(control)["wh"]
            csms.subprotocols = ("ocpp" + then,)
            central.loop.call_soon_threadsafe(csms.wire.close, 1012)
            control.until(ocpp=True, protocol=then, timeout=40)
            control.until(wh=lambda wh: wh > began + 20)
            control.ok("tap", tag="CARD1")
            entry = list(csms.transactions.values())[0]
            ended(central, entry)
            control.until(contactor=False)
            flowed = control.ok("status")["wh"]
        assert csms.violations == [], csms.violations
        assert list(csms.transactions.values()) == [entry]
        assert entry.reason == "Local" and abs(entry.wh - flowed) <= 2
        assert entry.retold == (1 if "1.6" in (first, then) else 0)
        assert len(entry.samples) >= 5


def test_make_run_tells_the_story_in_the_version_that_is_asked_for():
    words = [
        sys.executable,
        str(ROOT / "tools" / "run_demo.py"),
        "--once",
        "--speed",
        "20",
        "--ocpp",
        "2.0.1",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "the version that was asked for" in done.stdout and "TransactionEvent" in done.stdout
