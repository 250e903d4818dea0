# The page in a browser, served by the firmware's server on MicroPython.
# MIT license; part of microevse
"""Drives headless Chromium over its DevTools protocol; not run where there is none."""

import asyncio

import pytest
from browser import CHROMIUM, new_tab
from tools_paths import tool
from web_process import PASSWORD, Server

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="NOT RUN: no Chromium")


def browse(tmp_path, kind, story, **options):
    """Serve the view `kind`, open its page, run `async story(tab, server)`."""
    runtime = "micropython" if tool("micropython") else "cpython"
    server = Server(runtime, tmp_path, kind, **options)

    async def body():
        async with new_tab(tmp_path / "profile") as tab:
            await tab.size(390, 844)
            await tab("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
            await tab.until("document.readyState == 'complete' && document.body.dataset.tone")
            await story(tab, server)
            assert tab.errors == []

    try:
        asyncio.run(body())
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["available", "charging", "preparing", "fault", "held"])
def test_every_size_fits_without_scrolling_sideways(tmp_path, kind):
    async def story(tab, server):
        await tab.until("document.getElementById('state').textContent != 'Connecting'")
        for width, height, dark in ((320, 640, False), (390, 844, True), (390, 844, False),
                                    (768, 1024, False), (1280, 800, False)):  # fmt: skip
            await tab.size(width, height, dark)
            over = await tab.js("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, (width, over)
            small = await tab.js(
                "[...document.querySelectorAll('button, input, summary')]"
                ".filter(e => e.offsetParent && e.offsetHeight < 44).map(e => e.id)"
            )
            assert small == [], (width, small)
            await tab.shot(f"{kind}-{width}{'-dark' if dark else ''}")

    browse(tmp_path, kind, story)


def test_numbers_are_shown_with_their_units(tmp_path):
    async def story(tab, server):
        await tab.until("document.getElementById('state').textContent == 'Charging'")
        assert await tab.text("power") == "10.90" and await tab.text("power-unit") == "kW"
        assert (await tab.text("amps") + await tab.text("offered")) == "15.8 A of 16 A"
        assert await tab.text("s-energy") == "12.48"
        assert (await tab.text("s-time")).startswith("1:10:")
        # What a central system wants a driver to read is text, whatever is in it.
        assert await tab.text("notice") == "<b>0.40</b> EUR/kWh & more"
        assert await tab.js("document.querySelector('#notice b') === null")
        assert await tab.text("s-tag") == "04A3...7F"
        assert await tab.text("total") == "1284.5 kWh"
        assert await tab.text("contactor") == "Closed"
        assert await tab.text("ocpp") == "Connected"
        assert await tab.text("go") == "Stop charging"

    browse(tmp_path, "charging", story)


def test_start_asks_for_the_password_and_then_starts(tmp_path):
    async def story(tab, server):
        await tab.until("!document.getElementById('go').disabled")
        await tab.js("document.getElementById('tag').value = 'CARD1'")
        await tab.js("document.getElementById('go').click()")
        await tab.until("document.getElementById('login').open")
        await tab.js("document.getElementById('password').value = 'wrong'")
        await tab.js("document.querySelector('#login-form .main').click()")
        await tab.until("document.getElementById('login-error').textContent == 'Wrong password.'")
        await tab.shot("login-390")
        await tab.js(f"document.getElementById('password').value = '{PASSWORD}'")
        await tab.js("document.querySelector('#login-form .main').click()")
        await tab.until("document.getElementById('state').textContent == 'Charging'")
        assert await tab.text("said") == "Accepted for CARD1."
        assert not await tab.js("document.getElementById('login').open")
        assert await tab.text("account") == "Log out"
        assert await tab.js("document.cookie") == ""
        await tab.js("document.getElementById('go').click()")
        await tab.until("document.getElementById('state').textContent == 'Connected'")
        await tab.js("document.getElementById('log').click()")
        await tab.until("document.getElementById('log-text').textContent.includes('line 39')")

    browse(tmp_path, "preparing", story)


async def _key(tab, key, code, text=""):
    for kind in ("keyDown", "keyUp"):
        await tab(
            "Input.dispatchKeyEvent",
            type=kind, key=key, code=key, windowsVirtualKeyCode=code,
            **({"text": text} if text and kind == "keyDown" else {}),
        )  # fmt: skip


async def _tab_to(tab, name, presses=12):
    """Press Tab until `name` has the focus."""
    for _ in range(presses):
        await _key(tab, "Tab", 9)
        if await tab.js("document.activeElement.id") == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_a_fault_that_waits_for_a_person_is_reset_with_the_keyboard_alone(tmp_path):
    async def story(tab, server):
        await tab.until("!document.getElementById('reset').hidden")
        assert await tab.js("document.getElementById('go').disabled")
        nodes = (await tab("Accessibility.getFullAXTree"))["nodes"]
        (button,) = [n for n in nodes if n.get("name", {}).get("value") == "Reset fault"
                     and n["role"]["value"] == "button"]  # fmt: skip
        assert "Emergency stop" in button["description"]["value"], "which fault"
        await _tab_to(tab, "reset")
        await _key(tab, "Enter", 13, "\r")
        await tab.until("document.getElementById('login').open")
        assert server.get("/api/v1/state").json["status"] == "faulted", "not without a password"
        await _key(tab, "Escape", 27)
        await tab.until("!document.getElementById('login').open")
        assert await tab.js("document.activeElement.id") == "reset"
        await asyncio.sleep(0.5)
        assert server.get("/api/v1/state").json["status"] == "faulted", "cancelled"
        await _key(tab, "Enter", 13, "\r")
        await tab.until("document.getElementById('login').open")
        await tab("Input.insertText", text=PASSWORD)
        await _key(tab, "Enter", 13, "\r")
        await tab.until("document.getElementById('state').textContent == 'Available'")
        assert await tab.js("document.getElementById('reset').hidden")
        assert await tab.text("said") == "Reset."
        # The focus is not lost with the button that had it.
        assert await tab.js("document.activeElement.id") == "state"

    browse(tmp_path, "held", story)


def test_a_reset_that_is_refused_says_why_and_can_be_tried_again(tmp_path):
    async def story(tab, server):
        await tab.until("!document.getElementById('reset').hidden")
        await tab.js("document.getElementById('account').click()")
        await tab.js(f"document.getElementById('password').value = '{PASSWORD}'")
        await tab.js("document.querySelector('#login-form .main').click()")
        await tab.until("document.getElementById('account').textContent == 'Log out'")
        await tab.js("document.getElementById('reset').click()")
        await tab.until("document.getElementById('said').textContent.startsWith('Not reset: ')")
        assert await tab.js("document.getElementById('said').getAttribute('role')") == "status"
        assert not await tab.js("document.getElementById('reset').hidden")
        assert await tab.text("state") == "Fault"

    browse(tmp_path, "pressed", story)


@pytest.mark.parametrize("kind", ["available", "charging", "fault"])
def test_nothing_is_offered_for_reset_where_nothing_waits_for_a_person(tmp_path, kind):
    async def story(tab, server):
        await tab.until("document.getElementById('state').textContent != 'Connecting'")
        assert await tab.js("document.getElementById('reset').hidden")
        await tab.js("heard(Object.assign({}, state, { reset: true }))")
        assert not await tab.js("document.getElementById('reset').hidden")

    browse(tmp_path, kind, story)


def test_without_a_password_the_page_says_how_to_set_one(tmp_path):
    async def story(tab, server):
        await tab.until("!document.getElementById('go').disabled")
        assert await tab.js("document.getElementById('account').hidden")
        await tab.js("document.getElementById('go').click()")
        await tab.until("document.getElementById('said').textContent.includes('WebPassword')")

    browse(tmp_path, "preparing", story, password="")


def test_lost_charger_is_said_and_old_values_are_taken_away(tmp_path):
    async def story(tab, server):
        await tab.until("document.getElementById('state').textContent == 'Charging'")
        server.process.kill()
        await tab.until("!document.getElementById('lost').hidden", 20)
        assert await tab.text("state") == "No connection"
        for name in ("power", "amps", "s-energy", "s-time", "s-tag", "contactor", "ocpp", "total"):
            assert await tab.text(name) == "-", name
        assert await tab.js("document.getElementById('go').disabled")
        await tab.shot("lost-390")

    browse(tmp_path, "charging", story)


def test_page_follows_by_asking_when_events_fail(tmp_path):
    async def story(tab, server):
        # Two others hold the places; the reload has to do without.
        await tab("Page.navigate", url="about:blank")
        await asyncio.sleep(1)
        others = [server.events(), server.events()]
        await tab("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
        await tab.until("document.getElementById('state')?.textContent == 'Connected'")
        await tab.until("events === null")
        cookie = server.login()
        server.post("/api/v1/cmd/start", Cookie=cookie)
        await tab.until("document.getElementById('state').textContent == 'Charging'", 12)
        for s in others:
            s.close()

    browse(tmp_path, "preparing", story)


def test_text_from_elsewhere_stays_text(tmp_path):
    async def story(tab, server):
        await tab.until("!document.getElementById('fault').hidden")
        assert await tab.text("why") == "<script>document.title='owned'</script>"
        assert await tab.text("fault-text") == "<b>bold</b>"
        assert await tab.text("name") == "<img src=x onerror=document.title='owned'>"
        assert await tab.js("document.title") != "owned"
        assert await tab.js("document.querySelectorAll('main img, main script').length") == 0

    browse(tmp_path, "hostile", story)
