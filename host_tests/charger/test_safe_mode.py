# Crashes: their traces, and safe mode after several of them.
# MIT license; part of microevse
"""Broken modules stand before the firmware's own, as a bad file on a board would."""

import asyncio
import json
import shutil

import pytest
from bench import ID, Bench
from page_request import BASIC, PASSWORD, request
from tools_paths import ROOT, tool

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")

AT_START = 'raise RuntimeError("the lamps are broken")\n'


def bench(folder, broken=()):
    """A charger with modules {name in wiring/: source} of `folder` in place of its own."""
    shutil.copytree(ROOT / "firmware" / "wiring", folder / "wiring")
    for name in broken:
        (folder / "wiring" / name).write_text(broken[name])
    parts = [folder, ROOT / "firmware", ROOT / "lib"]
    b = Bench(firmware=parts, settings={"WebPassword": PASSWORD})
    b.allow_trouble = True
    return b


def test_three_crashes_end_in_safe_mode_and_a_repaired_charger_starts_again(tmp_path):
    async def run():
        folder = tmp_path / "broken"
        async with bench(folder, {"user_interface.py": AT_START}) as b:
            await b.advance(20)
            reboots = [e for e in b.twin.events if e["event"] == "reboot"]
            assert len(reboots) == 3
            assert b.logged("safe mode after 3 crashes in a row")
            # The CSMS hears nothing, the pilot says "not available", the page gives the reason.
            now = await b.status()
            assert now["pilot"] == "F" and now["contactor"] is False
            code, body = await request(b, "GET", "/api/v1/state")
            state = json.loads(body)
            assert code == 200 and state["safe_mode"] is True
            assert "RuntimeError: the lamps are broken" in state["why"]
            code, _ = await request(b, "GET", "/api/v1/log")
            assert code == 401
            code, body = await request(b, "GET", "/api/v1/log", BASIC)
            assert code == 200 and "Traceback" in body and "user_interface.py" in body
            same_site = "Origin: http://localhost\r\nContent-Type: application/json\r\n"
            assert (await request(b, "POST", "/api/v1/cmd/restart", same_site))[0] == 401
            kept = (b.twin.data / "vfs" / "crash.txt").read_text()
            assert kept.startswith("Crash, 3 in a row") and "the lamps are broken" in kept
            # A car that comes in safe mode is not charged.
            await b.do("plug")
            await b.do("request")
            await b.advance(10)
            assert (await b.status())["contactor"] is False
            # Still broken: one more crash, and back here.
            await b.advance(1800)
            assert b.logged("another try")
            assert len(b.logged("safe mode after 3 crashes")) == 2
            shutil.rmtree(folder / "wiring")
            code, body = await request(b, "POST", "/api/v1/cmd/restart", BASIC)
            assert code == 200 and "Starting again" in body
            await b.expect("BootNotification", within=60)
            await b.tap("CARD1")
            await b.contactor(True, within=30)

    asyncio.run(run())


def test_a_hang_ends_at_the_watchdog_and_its_last_words_are_in_the_log(tmp_path):
    async def run():
        folder = tmp_path / "broken"
        async with bench(folder) as b:
            await b.boot()
            await b.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "777"})
            await b.advance(2)  # lines without a warning are kept within a second
            before = len(b.twin.events)
            await b.do("stall", ms=60000)
            await b.advance(70)
            causes = [e["cause"] for e in b.twin.events[before:] if e["event"] == "reboot"]
            assert causes == ["wdt"]
            assert b.logged("last reset: Watchdog") and b.logged("it ended with: ")
            kept = (b.twin.data / "vfs" / "crash.txt").read_text()
            assert (
                kept.startswith("Watchdog, 1 in a row") and "central system says Accepted" in kept
            )
            assert PASSWORD not in kept

    asyncio.run(run())


def test_a_crash_long_after_the_start_is_not_the_first_of_a_row(tmp_path):
    async def run():
        folder = tmp_path / "broken"
        async with bench(folder) as b:
            await b.boot()
            for _ in range(4):
                await b.advance(130)
                await b.do("stall", ms=60000)
                await b.advance(70)
            assert not b.logged("safe mode")
            assert len(b.logged("last reset: Watchdog")) == 4
            await b.tap("CARD1")

    asyncio.run(run())


def test_a_missing_module_is_named_on_the_page_of_safe_mode(tmp_path):
    async def run():
        folder = tmp_path / "broken"
        async with bench(folder, {"electrical.py": "import no_such_module\n"}) as b:
            await b.advance(20)
            assert b.logged("safe mode after 3")
            code, body = await request(b, "GET", "/api/v1/state")
            assert code == 200 and ID in body and "no_such_module" in body

    asyncio.run(run())
