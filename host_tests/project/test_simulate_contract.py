# tools/simulate.py as its contract promises it, driven from outside: a process and a socket.
# MIT license; part of microevse
"""Nothing here imports the twin or the firmware: a program in any language could do this.

The CSMS is our own (host_tests/csms), running in a thread of its own.
"""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from csms import script
from simulated import SIMULATE, Central, Control, Simulator, alive, descendants


def test_a_session_from_outside():
    with Central(speed=10) as central:
        args = ("--csms", central.url, "--id", "EVSE 1/\u00fc", "--speed", "10")
        with Simulator(*args) as sim:
            control = Control(sim.control)
            state = control.until(ocpp=True, connector_status="Available")
            assert state["plugged"] is False and state["pilot"] == "A"
            assert state["duty"] == 100 and state["contactor"] is False
            assert state["amps"] == 0 and state["transaction"] is None
            assert isinstance(state["heap_free"], int) and state["heap_free"] > 0
            wh = state["wh"]
            assert central.csms.wire.id == "EVSE 1/\u00fc"
            assert "/EVSE%201%2F%C3%BC" in central.csms.wire.request.path
            control.ok("draw", amps=10)
            control.ok("plug")
            state = control.until(plugged=True, pilot="B", connector_status="Preparing")
            control.ok("request")
            control.ok("tap", tag="CARD1")
            state = control.until(contactor=True, connector_status="Charging")
            transaction = control.until(transaction=lambda t: t is not None)["transaction"]
            assert transaction in central.csms.transactions
            control.until(amps=lambda a: 9.5 < a < 10.5)
            offered = 0.6 * control.ok("status")["duty"]  # IEC 61851-1 table A.8
            assert 6 <= offered <= 32.1
            control.ok("draw")
            control.until(amps=lambda a: abs(a - offered) < 0.7)
            control.ok("release")
            control.until(contactor=False, pilot="B")
            control.ok("unplug")
            state = control.until(connector_status="Available", pilot="A", plugged=False)
            entry = central.csms.transactions[transaction]
            end = time.monotonic() + 10
            while entry.stop is None:
                assert time.monotonic() < end
                time.sleep(0.05)
            assert abs(entry.wh - (state["wh"] - wh)) <= max(1.5, 0.01 * (state["wh"] - wh))
            assert central.csms.violations == []
            control.close()


def test_answers_of_the_control_port():
    # No CSMS at all: none of the commands needs one.
    with Simulator("--csms", "ws://127.0.0.1:9/ocpp", "--id", "X", "--speed", "5") as sim:
        control = Control(sim.control)
        assert control.ok("status", id="abc")["id"] == "abc"
        assert control.ok("status", id=7)["id"] == 7
        assert "id" not in control.ok("status")
        assert control.ok("status")["ocpp"] is False
        for bad in (
            '{"do": "fly"}',
            '{"do": 5}',
            "{}",
            "[]",
            "7",
            "not json",
            '{"do": "plug", "connector": 9}',
            '{"do": "plug", "connector": "one"}',
            '{"do": "draw", "amps": "many"}',
            '{"do": "fault", "kind": "tornado", "on": true}',
            '{"do": "ev", "quirk": "flies"}',
            '{"do": "set", "key": "NoSuchKey", "value": "1"}',
            '{"do": "tap"}',
        ):
            answer = control.raw(bad)
            assert answer["ok"] is False and isinstance(answer["error"], str), (bad, answer)
            assert answer["error"].strip(), bad
        answer = control.raw('{"do": "fly", "id": [1]}')
        assert answer["ok"] is False and answer["id"] == [1]
        assert control("request")["ok"] is False, "no car is there to close S2"
        # Several clients at once, each gets its own answers.
        other = Control(sim.control)
        assert other.ok("plug")["ok"] is True
        control.until(plugged=True)
        other.close()
        # Several commands in one packet, and one in two packets.
        control.sock.sendall(b'{"do":"status","id":1}\n{"do":"status","id":2}\n{"do":"sta')
        assert [control.answer()["id"], control.answer()["id"]] == [1, 2]
        control.sock.sendall(b'tus","id":3}\n')
        assert control.answer()["id"] == 3
        control.close()


def test_events_come_only_to_those_who_subscribed():
    with Simulator("--csms", "ws://127.0.0.1:9/ocpp", "--id", "X", "--speed", "5") as sim:
        quiet, keen = Control(sim.control), Control(sim.control)
        keen.ok("subscribe")
        quiet.ok("plug")
        quiet.until(pilot="B")
        keen.until(pilot="B")
        end = time.monotonic() + 5
        while not keen.events:
            assert time.monotonic() < end, "no event"
            keen.ok("status")
            time.sleep(0.05)
        assert all(isinstance(message["event"], str) for message in keen.events)
        assert quiet.events == []


def test_a_locked_plug_cannot_be_pulled():
    with Central(speed=10) as central:
        args = ("--board", "esp32s2_diy_alpha", "--csms", central.url, "--id", "X")
        with Simulator(*args, "--speed", "10") as sim:
            control = Control(sim.control)
            control.until(ocpp=True)
            control.ok("plug")
            control.ok("request")
            control.until(connector_status="Preparing")
            control.ok("tap", tag="CARD1")
            control.until(contactor=True)
            assert control("unplug")["ok"] is False
            control.ok("tap", tag="CARD1")
            control.until(contactor=False)
            end = time.monotonic() + 10
            while control("unplug")["ok"] is False:
                assert time.monotonic() < end, "never unlocked"
                time.sleep(0.1)
            control.until(connector_status="Available")


def test_data_is_the_charger_and_set_is_for_this_start_only(tmp_path):
    data = str(tmp_path / "image")
    with Central(speed=10) as central:
        args = ("--csms", central.url, "--id", "X", "--data", data, "--speed", "10")
        keys = {"key": ["MeterValueSampleInterval", "HeartbeatInterval"]}

        def values():
            answer = central.call("GetConfiguration", keys)
            return {item["key"]: item["value"] for item in answer["configurationKey"]}

        with Simulator(*args, "--set", "MeterValueSampleInterval=17") as sim:
            control = Control(sim.control)
            control.until(ocpp=True)
            assert values()["MeterValueSampleInterval"] == "17"
            # Its name in 2.x: another face of the key ConnectionTimeOut.
            control.ok("set", key="TxCtrlr.EVConnectionTimeOut", value="123")
            assert "NoSuch.Variable" in control("set", key="NoSuch.Variable", value="1")["error"]
            state = control.ok("status")
            assert (state["protocol"], state["transaction_uuid"]) == ("1.6", None)
            control.ok("plug")
            control.ok("request")
            control.ok("tap", tag="CARD1")
            control.until(contactor=True)
            first = control.until(wh=lambda wh: wh > 5)["wh"]
            state = control.ok("status")
            assert state["transaction"] == list(central.csms.transactions)[0]
            uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
            assert re.fullmatch(uuid, state["transaction_uuid"]), state
            # SIGTERM now: a power cut with a car that is charging.
        entry = list(central.csms.transactions.values())[0]
        with Simulator(*args) as sim:
            control = Control(sim.control)
            control.until(ocpp=True)
            assert values()["MeterValueSampleInterval"] != "17", "--set is for one start only"
            answer = central.call("GetConfiguration", {"key": ["ConnectionTimeOut"]})
            assert answer["configurationKey"][0]["value"] == "123", "set is persistent"
            end = time.monotonic() + 20
            while entry.stop is None:
                assert time.monotonic() < end, "no StopTransaction after the power cut"
                time.sleep(0.1)
            assert entry.stop["reason"] == "PowerLoss"
            state = control.ok("status")
            assert state["wh"] >= first, "the energy is that of the image"
            assert state["contactor"] is False


def test_power_cut_reboot_and_network(tmp_path):
    with Central(speed=10) as central:
        with Simulator("--csms", central.url, "--id", "X", "--speed", "10") as sim:
            control = Control(sim.control)
            control.until(ocpp=True)

            def boots():
                return len(central.csms.calls("BootNotification"))

            assert boots() == 1
            control.ok("power_cut", seconds=2)
            end = time.monotonic() + 20
            while boots() < 2:
                assert time.monotonic() < end, "it did not come back"
                time.sleep(0.05)
            control.until(ocpp=True)
            control.ok("reboot")
            while boots() < 3:
                assert time.monotonic() < end + 20, "it did not come back"
                time.sleep(0.05)
            control.until(ocpp=True)
            control.ok("network", up=False)
            control.until(ocpp=False, timeout=60)
            control.ok("network", up=True)
            control.until(ocpp=True, timeout=60)
            assert boots() == 3, "a reconnect is no boot"


def test_speed_zero_runs_as_fast_as_it_goes():
    with Central(interval=300) as central:
        with Simulator("--csms", central.url, "--id", "X", "--speed", "0") as sim:
            control = Control(sim.control)
            control.until(ocpp=True)
            before = len(central.csms.calls("Heartbeat"))
            began = time.monotonic()
            end = began + 15
            while len(central.csms.calls("Heartbeat")) < before + 3:
                assert time.monotonic() < end, "a quarter of an hour of virtual time took 15 s"
                time.sleep(0.05)


def test_faults_and_the_fallback_runtime():
    with Central(speed=10) as central:
        args = ("--csms", central.url, "--id", "X", "--speed", "10", "--runtime", "cpython")
        with Simulator(*args) as sim:
            control = Control(sim.control)
            control.until(ocpp=True)
            control.ok("plug")
            control.ok("request")
            control.ok("tap", tag="CARD1")
            control.until(contactor=True)
            control.ok("fault", kind="rcd", on=True)
            control.until(contactor=False, connector_status="Faulted")
            control.ok("fault", kind="rcd", on=False)


def test_the_page_answers():
    with Simulator("--csms", "ws://127.0.0.1:9/ocpp", "--id", "X") as sim:
        end = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(sim.web, timeout=5) as page:
                    page.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while True:
                        part = page.recv(65536)
                        if not part:
                            break
                        answer += part
                if answer:
                    break
            except OSError:
                pass
            assert time.monotonic() < end, "the page did not answer"
            time.sleep(0.2)
        status = answer.split(b"\r\n", 1)[0]
        assert status.startswith(b"HTTP/1.") and b" 200 " in status, status
        assert b"<html" in answer.lower()


@pytest.mark.parametrize(
    "args, word",
    [
        (("--board", "no_such_board"), "no_such_board"),
        (("--set", "NoSuchKey=1"), "NoSuchKey"),
        (("--set", "MeterValueSampleInterval=often"), "MeterValueSampleInterval"),
        (("--set", "nonsense"), "nonsense"),
        (("--speed", "-1"), "speed"),
        (("--runtime", "perl"), "runtime"),
        (("--control", "nowhere"), "control"),
        (("--ca", "/no/such/file.pem"), "file.pem"),
    ],
)
def test_wrong_arguments_end_with_a_message(args, word):
    done = subprocess.run(
        [*SIMULATE, "--csms", "ws://127.0.0.1:9/ocpp", "--id", "X", *args],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode not in (0, None)
    said = done.stderr + done.stdout
    assert word in said, said
    assert "Traceback" not in said, said
    assert "READY" not in done.stdout


def test_a_second_control_port_on_the_same_address_is_refused():
    with Simulator("--csms", "ws://127.0.0.1:9/ocpp", "--id", "X") as sim:
        taken = f"{sim.control[0]}:{sim.control[1]}"
        done = subprocess.run(
            [*SIMULATE, "--csms", "ws://127.0.0.1:9/ocpp", "--id", "Y", "--control", taken],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr, done.stderr


def test_a_refused_charger_stays_up_and_says_it_is_not_connected():
    with Central() as central:
        central.csms.admit_always(script.Refuse(403))
        with Simulator("--csms", central.url, "--id", "X", "--speed", "10") as sim:
            control = Control(sim.control)
            end = time.monotonic() + 30
            while len(central.csms.refusals) < 3:
                assert time.monotonic() < end, "three attempts"
                time.sleep(0.05)
            assert control.ok("status")["ocpp"] is False
            assert sim.process.poll() is None


def test_the_process_dies_with_its_child_when_killed_hard():
    sim = Simulator("--csms", "ws://127.0.0.1:9/ocpp", "--id", "X")
    family = descendants(sim.process.pid)
    assert family, "the charger runs in a process of its own"
    os.kill(sim.process.pid, signal.SIGKILL)
    sim.process.wait(5)
    end = time.monotonic() + 10
    while any(alive(pid) for pid in family):
        assert time.monotonic() < end, "the charger outlived simulate.py"
        time.sleep(0.1)
