# tools/simulate.py for those who build central systems: help, frames, several chargers, mistakes.
# MIT license; part of microevse
"""test_simulate_contract.py tests the contract; this file tests the rest, from outside."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import time

import pytest
from simulated import SIMULATE, Central, Control, Simulator, alive, descendants

import certs
from simulator import reach
from simulator.control_port import ControlPort
from twin import commands
from twin.host import ROOT, Twin, load_board

NOWHERE = ("--csms", "ws://127.0.0.1:9/ocpp", "--id", "X")
FRAME = re.compile(r"FRAME \d\d:\d\d:\d\d\.\d{3} \d+\.\d{3} (\S+) (->|<-) (.*)$")


def refused(*args):
    """The one sentence with which simulate.py refuses its arguments."""
    done = subprocess.run([*SIMULATE, *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == "", done
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("simulate: "), done.stderr
    return done.stderr


# -- help ---------------------------------------------------------------------------------------


def test_help_of_the_command_line_has_all_that_the_control_port_lists():
    told = subprocess.run([*SIMULATE, "--help"], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0
    with Simulator(*NOWHERE) as sim:
        control = Control(sim.control)
        answer = control.ok("help")
        for name, command in answer["commands"].items():
            assert '{"do": "%s"}' % name in told.stdout and command["line"] in told.stdout
            for field in command["fields"]:
                assert re.search(r"^    %s  " % field, told.stdout, re.M), (name, field)
        for kind in ("faults", "quirks"):
            assert len(answer[kind]) >= 9
            for name, line in answer[kind].items():
                assert re.search(r"^  %s +%s$" % (name, re.escape(line)), told.stdout, re.M), name
        # And all of it is accepted.
        for quirk in answer["quirks"]:
            control.ok("ev", quirk=quirk)
        for kind in answer["faults"]:
            control.ok("fault", kind=kind, on=True)
            control.ok("fault", kind=kind, on=False)
        for name in answer["commands"]:
            said = control(name)
            assert said["ok"] or "unknown command" not in said["error"], (name, said)
        wrong = control("dance")
        assert "unknown command" in wrong["error"] and "plug" in wrong["error"]
        control.close()


def test_a_field_that_a_command_does_not_have_is_refused():
    """A misspelt connector once was connector 1."""
    with Simulator(*NOWHERE, "--board", "esp32_dual") as sim:
        control = Control(sim.control)
        answer = control("plug", conector=2)
        assert answer["ok"] is False and "conector" in answer["error"]
        assert "connector" in answer["error"].replace("conector", ""), "the known ones are listed"
        assert control.ok("status")["plugged"] is False
        for command, field in (
            ({"do": "fault", "kind": "rcd", "on": "yes"}, "on"),
            ({"do": "draw", "amps": -1}, "amps"),
            ({"do": "wire", "level": 0}, "pin"),
            ({"do": "power_cut", "seconds": None}, "seconds"),
        ):
            answer = control(**command)
            assert answer["ok"] is False and '"%s"' % field in answer["error"], answer
        control.close()


# -- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_frames_are_printed_as_they_are_on_the_wire_without_secrets(secure):
    options, args = {}, ()
    if secure:
        files = certs.paths()
        options = {"ssl": certs.server_context()}
        args = ("--ca", str(files.ca))
    with Central(speed=10, **options) as central:
        url = central.url
        with Simulator("--csms", url, "--id", "EVSE-7", "--frames", "--speed", "10", *args) as sim:
            control = Control(sim.control)
            control.until(ocpp=True, timeout=40)
            key = "6d7920736563726574206b6579212122"
            answer = central.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": key})
            assert answer["status"] == "Accepted", answer
            sent = central.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"})
            assert sent["status"] == "Accepted"
            control.until(ocpp=True, timeout=40)
            control.close()
            said = "\n".join(line for line in sim.lines if line)
            assert key not in said and "my secret key!" not in said
            frames = [m.groups() for m in map(FRAME.match, said.splitlines()) if m]
    assert {name for name, _, _ in frames} == {"EVSE-7"}
    texts = {"->": [], "<-": []}
    for _, way, text in frames:
        texts[way].append(json.loads(text))
    assert texts["->"][0][2] == "BootNotification" and texts["<-"][0][0] == 3
    assert texts["->"][0][1] == texts["<-"][0][1], "the answer has the number of the call"
    changes = [m[3] for m in texts["<-"] if m[0] == 2 and m[2] == "ChangeConfiguration"]
    assert changes == [
        {"key": "AuthorizationKey", "value": "***"},
        {"key": "HeartbeatInterval", "value": "77"},
    ]


def test_without_frames_none_are_printed_and_none_are_events():
    with Central(speed=10) as central:
        with Simulator("--csms", central.url, "--id", "X", "--speed", "10") as sim:
            control = Control(sim.control)
            control.ok("subscribe")
            control.until(ocpp=True)
            control.ok("reboot")
            control.until(ocpp=False)
            control.until(ocpp=True)
            assert control.events and not [e for e in control.events if e["event"] == "frame"]
            assert not [line for line in sim.lines if line and line.startswith("FRAME")]
            control.close()


# -- several chargers -----------------------------------------------------------------------------


def _ready(process):
    """The READY lines' words, as they come."""
    for line in process.stdout:
        if line.startswith("READY "):
            yield dict(word.split("=", 1) for word in line.split()[1:])


def _free_ports(count):
    """The first of so many ports in a row that are free."""
    for first in range(21000, 31000, 50):
        try:
            for port in range(first, first + count):
                with socket.socket() as sock:
                    sock.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise AssertionError("no free ports")


def test_several_chargers_in_one_command(tmp_path):
    first = _free_ports(3)
    with Central(speed=10) as central:
        process = subprocess.Popen(
            [*SIMULATE, "--csms", central.url, "--id", "A B", "--count", "3", "--speed", "10",
             "--data", str(tmp_path), "--control", f"127.0.0.1:{first}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            ready = _ready(process)
            told = [next(ready) for _ in range(3)]
            assert [t["id"] for t in told] == ["A%20B-1", "A%20B-2", "A%20B-3"]
            assert [t["control"] for t in told] == [f"127.0.0.1:{first + n}" for n in range(3)]
            assert len({t["web"] for t in told}) == 3
            end = time.monotonic() + 60
            names = ["A B-1", "A B-2", "A B-3"]
            while {n: central.csms.registration.get(n) for n in names} != dict.fromkeys(
                names, "Accepted"
            ):
                assert time.monotonic() < end, central.csms.registration
                time.sleep(0.1)
            controls = [Control(("127.0.0.1", first + n)) for n in range(3)]
            controls[1].ok("plug")
            assert [c.ok("status")["plugged"] for c in controls] == [False, True, False]
            assert sorted(p.name for p in tmp_path.iterdir()) == [t["id"] for t in told]
            family = descendants(process.pid)
            assert len(family) == 3
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        assert process.returncode == 0 and not any(alive(pid) for pid in family)
        for control in controls:
            control.close()


def test_if_one_of_several_cannot_start_none_is_left():
    first = _free_ports(3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + 2))
        taken.listen()
        text = refused(*NOWHERE, "--count", "3", "--control", f"127.0.0.1:{first}")
        assert f"127.0.0.1:{first + 2} is already in use" in text


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args, words",
    [
        (("--csms", "http://host:9000/ocpp"), ("--csms", "ws:// or wss://", "http://")),
        (("--csms", "https://host/ocpp"), ("--csms", "wss://")),
        (("--csms", "mqtt://host/ocpp"), ("--csms", "ws:// or wss://", "mqtt")),
        (("--csms", "host:9000"), ("--csms", "ws://")),
        (("--csms", "ws://"), ("--csms", "host")),
        (("--csms", "ws://host:99999/"), ("--csms", "port")),
        (("--id", " "), ("--id", "empty")),
        (("--id", "x" * 60), ("48",)),
        (("--count", "0"), ("--count", "1 to 500")),
        (("--count", "two"), ("--count", "two")),
        (("--speed", "fast"), ("--speed", "fast")),
        (("--speed", "nan"), ("--speed", "nan")),
        (("--heap", "1"), ("--heap", "32k")),
        (("--board", "no_such_board"), ("no_such_board", "esp32_devkitc")),
        (("--board", "/no/such.toml"), ("/no/such.toml",)),
        (("--set", "HeartbeatInterval=1", "--set", "HeartbeatInterval=2"), ("--set", "twice")),
        (("--ocpp", "1.6,2.0"), ("--ocpp", "2.0.1")),
        (("--ocpp", "1.6,1.6"), ("--ocpp", "once")),
        (("--ocpp", "1.6", "--set", "OcppVersions=1.6"), ("--ocpp", "twice")),
        (("--set", "NoSuch.Variable=1"), ("NoSuch.Variable",)),
        (("--data", "/dev/null"), ("--data", "directory")),
        (("--data", "/proc/nothing/here"), ("--data", "cannot be made")),
        (("--cert", str(ROOT / "Makefile"), "--key", str(ROOT / "Makefile")), ("--cert", "PEM")),
        (("--ca", str(ROOT)), ("--ca", "no file")),
        (("--web", "192.0.2.1:7000"), ("--web", "no address of this machine")),
        (("--count", "5", "--control", "127.0.0.1:65534"), ("--control", "65536")),
        (("--control", "127.0.0.1:7999", "--web", "127.0.0.1:7999"), ("7999", "twice")),
        (("--no-such-option",), ("--no-such-option",)),
        (("--set", b"ChargePointId=\xff"), ("ChargePointId", "not UTF-8")),
        (("--heap", "\u00b2k"), ("--heap", "not a size")),
        (("--heap", "9" * 5000), ("--heap", "not a size")),
        (("--count", "9" * 5000), ("--count", "1 to 500")),
        (("--control", "127.0.0.1:" + "9" * 5000), ("--control", "not HOST:PORT")),
    ],
    ids=lambda value: " ".join(map(str, value))[:40],
)
def test_a_mistake_is_one_sentence(args, words):
    text = refused(*NOWHERE, *args)
    for word in words:
        assert word in text, text
    assert len(text) < 400


@pytest.mark.parametrize(
    "text, told",
    [
        ("[" * 100000, "nested more than 40 levels deep"),
        ("[1]", "no object"),
        ('{"name": "x"}', "connectors: is missing"),
        ('{"connectors": 1}', "connectors: must be an array of tables"),
    ],
    ids=["deep", "list", "empty", "number"],
)
def test_a_board_that_is_no_board_is_refused_before_the_start(tmp_path, text, told):
    path = tmp_path / "board.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=told) as caught:
        load_board(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["[1]", '{"settings": 1}', "[" * 3000])
def test_a_damaged_configuration_in_an_image_is_one_sentence(tmp_path, text):
    (tmp_path / "vfs").mkdir()
    (tmp_path / "vfs" / "config.json").write_text(text)
    assert "config.json is damaged" in refused(*NOWHERE, "--data", str(tmp_path))


class Hardware:
    """What a ControlPort needs of a Twin: commands are checked as there, and do nothing."""

    def __init__(self):
        self.listeners = []

    async def command(self, cmd):
        try:
            commands.check(cmd)
        except ValueError as exc:
            return {"ok": False, "error": str(exc)}
        return {"ok": True}


@pytest.mark.parametrize(
    "line, told",
    [
        (b"[" * 60000, "nested more than 40 levels deep"),
        (b'{"do":"status","id":' + b"[" * 900 + b"]" * 900 + b"}", "nested more than 40 levels"),
        (b'{"do":"status","id":NaN}', "NaN is no number in JSON"),
        (b'{"do":"status","id":' + b"9" * 5000 + b"}", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"do":[]}', "unknown command []"),
        (b'{"do":"' + b"x" * 50000 + b'"}', "unknown command 'xxx"),
        (b'{"do":"tap","tag":"\\ud800"}', '"tag" must be a text'),
        (b'{"do":"stall","ms":' + b"9" * 400 + b"}", '"ms" must be an integer'),
        (b'{"do":"fault","kind":"overtemp","celsius":1e999}', '"celsius" must be a number'),
        (b'{"do":"network","aps":{"a":1e999}}', '"aps" must be an object'),
        (b'{"do":"ev","quirk":[[1]]}', '"quirk" must be one of'),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_control_port_answers_whatever_it_is_sent(line, told):
    async def ask():
        port = ControlPort(Hardware())
        reader, writer = await asyncio.open_connection(*await port.start("127.0.0.1", 0))
        writer.write(line + b'\n{"do":"status"}\n')
        answers = [json.loads(await asyncio.wait_for(reader.readline(), 10)) for _ in range(2)]
        writer.close()
        await asyncio.sleep(0.05)
        port.close()
        return answers

    wrong, right = asyncio.run(ask())
    assert wrong["ok"] is False and told in wrong["error"] and len(wrong["error"]) < 500
    assert right == {"ok": True}, "the connection stays"


@pytest.mark.parametrize("option", ["--control", "--web"])
def test_an_occupied_port_is_one_sentence(option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = "127.0.0.1:%d" % taken.getsockname()[1]
        text = refused(*NOWHERE, option, where)
        assert option in text and where in text and "already in use" in text


def test_a_certificate_without_its_key_is_one_sentence():
    cert = certs.paths().ca
    assert "--key is missing" in refused(*NOWHERE, "--cert", str(cert))


def test_an_image_belongs_to_one_simulator_at_a_time(tmp_path):
    with Simulator(*NOWHERE, "--data", str(tmp_path)):
        text = refused(*NOWHERE, "--data", str(tmp_path))
        assert "in use by another simulator" in text and str(tmp_path) in text
    with Simulator(*NOWHERE, "--data", str(tmp_path)) as sim:
        Control(sim.control).ok("status")


def test_a_damaged_image_is_one_sentence_and_stays_as_it_is(tmp_path):
    (tmp_path / "world.json").write_text("{")
    text = refused(*NOWHERE, "--data", str(tmp_path))
    assert "world.json is damaged" in text
    assert (tmp_path / "world.json").read_text() == "{"


def test_a_start_that_fails_leaves_the_image_alone(tmp_path):
    """A twin that never ran wrote its empty world over the one in the image."""
    with Simulator(*NOWHERE, "--data", str(tmp_path)) as sim:
        control = Control(sim.control)
        control.ok("plug")
        control.close()
    before = json.loads((tmp_path / "world.json").read_text())
    assert before["world"]["outlets"][0][1]["ev"]["plugged"] is True
    asyncio.run(Twin(data=tmp_path).stop())
    assert json.loads((tmp_path / "world.json").read_text()) == before


def test_a_central_system_that_is_not_there_is_one_sentence():
    """The charger repeated ECONNREFUSED, and nothing said what to start."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = "ws://user:secret@127.0.0.1:%d/ocpp" % sock.getsockname()[1]
        told = asyncio.run(reach.problem(url))
        assert "no central system answers at 127.0.0.1 port %d" % sock.getsockname()[1] in told
        assert "make run" in told and "secret" not in told
        sock.listen()
        assert asyncio.run(reach.problem(url)) is None
    assert "port 443" in asyncio.run(reach.problem("wss://no-such-host.invalid/", 1))
