# The programs of docs/examples run, on real MicroPython.
# MIT license; part of microevse
"""The pilot on the virtual board, with a car; the OCPP-J client against a server; the journal."""

import asyncio
import json
import os
import re
import shutil
import subprocess

import pytest
import websockets
from tools_paths import ROOT, tool
from twin.host import Twin

EXAMPLES = ROOT / "docs" / "examples"
MICROPYTHON = tool("micropython")
pytestmark = pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel here")
# Not micropythonpath(): an example needs a package of lib/ and nothing of the firmware.
ENV = dict(os.environ, MICROPYPATH="%s:.frozen" % (ROOT / "lib"))
BREADBOARD = {
    "name": "breadboard",
    "chip": "esp32",
    "connectors": [
        {
            "id": 1,
            "cable": "fixed",
            "phases": 1,
            "max_a": 16,
            "cp": {"pwm": 18, "adc": 34, "divider": [120000, 27000, 22000], "vcc_mv": 3300},
            "contactor": {"pin": 25, "active_high": True},
        }
    ],
    "uarts": [],
}


def test_every_example_is_run_here():
    tested = set(re.findall(r'"(\w+\.py)"', open(__file__).read()))
    assert {p.name for p in EXAMPLES.glob("*.py")} <= tested


def test_the_journal_survives_and_delivers_each_record_once():
    done = subprocess.run(
        [MICROPYTHON, str(EXAMPLES / "journal_alone.py")],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "colour: green" in lines and "running sessions: [7]" in lines, lines
    assert len([line for line in lines if line.startswith("deliver record")]) == 2, lines
    assert lines[-1].startswith("queued: 0"), lines


@pytest.mark.parametrize(
    "name,status,said",
    [("ocppj_client.py", 2, "usage: "), ("pilot_on_a_breadboard.py", 0, "needs a board")],
)
def test_an_example_says_what_it_needs(name, status, said):
    done = subprocess.run(
        [MICROPYTHON, str(EXAMPLES / name)], env=ENV, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status and said in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_every_example_has_its_command():
    page = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.glob("*"):
        assert path.suffix == ".md" or f" docs/examples/{path.name}" in page, path.name


def test_the_pilot_on_a_breadboard_sees_a_car_and_lights_the_lamp(tmp_path):
    folder = tmp_path / "firmware"
    folder.mkdir()
    shutil.copy(EXAMPLES / "pilot_on_a_breadboard.py", folder / "main.py")

    async def run():
        twin = Twin(
            board=BREADBOARD,
            hold=True,
            runtime="micropython",
            fidelity="sample",  # each conversion takes its time
            firmware=[folder, ROOT / "lib"],
        )
        try:
            await twin.start()
            seen = []

            async def status(seconds):
                await twin.advance(seconds)
                answer = await twin.command({"do": "status"})
                seen.append((answer["pilot"], answer["contactor"]))
                return answer

            await status(2)
            await twin.command({"do": "plug"})
            offered = await status(2)
            await twin.command({"do": "request"})
            await status(3)
            await twin.command({"do": "release"})
            await status(1)
            await twin.command({"do": "unplug"})
            await status(3)
            for _ in range(200):
                if "state A" in twin.log_lines[-1]:
                    break
                await asyncio.sleep(0.01)
            assert seen == [
                ("A", False), ("B", False), ("C", True), ("B", False), ("A", False),
            ], twin.log_lines  # fmt: skip
            assert offered["duty"] == pytest.approx(100 * 16 / 60, abs=0.2)
            told = [line for line in twin.log_lines if "state " in line]
            assert any("state C" in line and "lamp True" in line for line in told), told
            assert all("fault None" in line for line in told), told
        finally:
            await twin.stop()

    asyncio.run(run())


def test_the_ocppj_client_registers_answers_and_ends():
    heard = []

    async def serve(ws):
        heard.append(ws.request.path)

        time = {"currentTime": "2031-01-01T00:00:00Z"}
        accepted = dict(time, interval=300, status="Accepted")

        async def call():
            got = json.loads(await ws.recv())
            heard.append((got[2], got[3]))
            return got[1]

        await ws.send(json.dumps([3, await call(), accepted]))
        waiting = await call()
        # While it waits for the answer to its first heartbeat it has nothing else to say.
        for question in (["GetConfiguration", {}], ["Reset", {"type": "Soft"}], ["Clear", {}]):
            await ws.send(json.dumps([2, question[0], *question]))
            heard.append(json.loads(await ws.recv())[:3])
        await ws.send(json.dumps([3, waiting, time]))
        for _ in range(2):
            await ws.send(json.dumps([3, await call(), time]))
        await ws.wait_closed()

    async def run():
        async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
            url = "ws://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            child = await asyncio.create_subprocess_exec(
                MICROPYTHON,
                str(EXAMPLES / "ocppj_client.py"),
                url,
                "EXAMPLE 1",
                env=ENV,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            out = (await asyncio.wait_for(child.stdout.read(), 30)).decode()
            assert await child.wait() == 0, out
            return out

    out = asyncio.run(run())
    assert heard[0] == "/EXAMPLE%201" and heard[1][0] == "BootNotification", heard
    assert [h[0] for h in heard].count("Heartbeat") == 3, heard
    answers = [h for h in heard if isinstance(h, list)]
    assert answers[0] == [3, "GetConfiguration", {"configurationKey": [
        {"key": "Example", "readonly": True, "value": "1"}]}]  # fmt: skip
    assert [a[::2] for a in answers[1:]] == [[4, "NotSupported"], [4, "NotImplemented"]], answers
    assert "registration: Accepted" in out and out.rstrip().endswith("done"), out
