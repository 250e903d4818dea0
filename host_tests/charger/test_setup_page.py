# The set-up page in a browser that has joined the charger's own network.
# MIT license; part of microevse
"""Headless Chromium, for which every name leads to the charger, as its name server says; the
charger is the whole firmware in real time. Not run where there is no Chromium."""

import asyncio
import gzip
import json

import pytest
from browser import CHROMIUM, new_tab
from csms import Csms
from setup_air import AIR, SAID
from tools_paths import tool
from twin.host import Twin

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and tool("micropython")), reason="NOT RUN: no Chromium or no MicroPython"
)

SIZES = ((320, 640, False), (390, 844, True), (390, 844, False), (1280, 800, False))
# Bytes that a phone loads over a slow radio: the page with its style, nothing else.
PAGE_MAX = 6000


async def join(twin):
    """Join the access point with the name and password that the charger prints."""
    for _ in range(200):
        said = [SAID.search(line) for line in twin.log_lines]
        said = [match for match in said if match]
        if said:
            ssid, key, page = said[-1].groups()
            answer = await twin.command({"do": "join_ap", "ssid": ssid, "key": key})
            assert answer["ok"], answer
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no access point")


async def looks_well(tab, name):
    """At every size: nothing sideways, everything large enough for a thumb."""
    for width, height, dark in SIZES:
        await tab.size(width, height, dark)
        over = await tab.js("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, (name, width, over)
        small = await tab.js(
            "[...document.querySelectorAll('button, select, summary, label.row, textarea, "
            "input:not([type=radio]):not([type=checkbox])')]"
            ".filter(e => e.offsetParent && e.offsetHeight < 44).map(e => e.outerHTML)"
        )
        assert small == [], (name, width, small)
        height = await tab.js("document.documentElement.scrollHeight")
        await tab.size(width, height, dark)
        await tab.shot(f"setup-{name}-{width}{'-dark' if dark else ''}")
    await tab.size(390, 844)


async def shown(tab, script, seconds=15):
    """Wait for a page that is complete, and of which `script` is true."""
    await tab.until(f"document.readyState == 'complete' && {script}", seconds)


async def fill(tab, **fields):
    for name, value in fields.items():
        await tab.js(
            f"(e => {{ e.scrollIntoView(); e.value = {json.dumps(value)}; }})"
            f"(document.getElementById('{name}'))"
        )


async def story(tab, twin, csms):
    # As a phone opens it: it asks for another page.
    await tab("Page.navigate", url="http://connectivitycheck.gstatic.com/generate_204")
    await shown(tab, "!!document.querySelector('form')")
    assert await tab.js("location.href") == "http://192.168.4.1/"
    assert await tab.js("performance.getEntriesByType('resource').length") == 0
    page = await tab.js("document.documentElement.outerHTML")
    assert len(gzip.compress(page.encode())) < PAGE_MAX
    await looks_well(tab, "form")
    rows = "[...document.querySelectorAll('.nets .row span')]"
    labels = await tab.js(rows + ".map(e => e.textContent)")
    assert labels == ["Garage", "Cafe", "Neighbours & <sons>", "Another network"]
    # Passwords are covered until one wants to see them.
    covered = "getComputedStyle(document.getElementById('WifiPassword')).webkitTextSecurity"
    assert await tab.js(covered) == "disc"
    await tab.js("document.getElementById('show').click()")
    assert await tab.js(covered) == "none"

    await tab.js("document.querySelector('[value=Garage]').click()")
    await fill(tab, WifiPassword="wrong horse", CentralSystemURI="http://nowhere/")
    await fill(tab, WebPassword="x")
    await tab.js("document.querySelector('form > button').click()")
    await shown(tab, "document.querySelectorAll('.err').length == 3")
    await looks_well(tab, "mistakes")
    await tab.js("document.querySelector('.bad a').click()")
    assert (await tab.js("location.hash")).startswith("#")
    assert await tab.js("document.querySelector('[value=Garage]').checked")

    await fill(tab, CentralSystemURI=csms.url, WebPassword="a good one", MaxCurrent="16")
    await fill(tab, ChargePointId="EVSE-1")
    await tab.js("document.querySelector('form > button').click()")
    await shown(tab, "!!document.querySelector('.spin')")
    await looks_well(tab, "trying")
    # It comes back by itself.
    await shown(tab, "!!document.querySelector('#e-WifiPassword')", 30)
    assert "wrong" in await tab.js("document.querySelector('#e-WifiPassword').textContent")
    assert await tab.js("document.getElementById('WifiPassword').value") == "wrong horse"
    assert await tab.js("document.getElementById('MaxCurrent').value") == "16"
    await tab.shot("setup-refused-390")

    await asyncio.sleep(3)
    await fill(tab, WifiPassword="correct horse")
    await tab.js("document.querySelector('form > button').click()")
    await shown(tab, "document.body.textContent.includes('Your charger is connected')", 30)
    await shown(tab, "document.body.textContent.includes('the charger is accepted')", 30)
    await looks_well(tab, "done")


def test_new_owner_sets_up_the_charger_with_a_browser(tmp_path):
    async def body():
        csms = Csms()
        await csms.start("127.0.0.1")
        twin = Twin(provision={"NtpServer": ""}, options={"aps": AIR}, data=tmp_path / "board")
        try:
            await twin.start()
            await join(twin)
            # Nothing but port 80 is open: browsers try https:// first.
            there = "--host-resolver-rules=MAP *:80 %s:%d, MAP * 127.0.0.1:1" % twin.web
            async with new_tab(tmp_path / "profile", there) as tab:
                await tab.size(390, 844)
                await story(tab, twin, csms)
                assert tab.errors == []
        finally:
            await twin.stop()
            await csms.stop()

    asyncio.run(asyncio.wait_for(body(), 120))
