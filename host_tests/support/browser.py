# A tab of a headless Chromium, told what to do over its debugging port.
# MIT license; part of microevse
"""`CHROMIUM`: path of the browser, None if there is none."""

import asyncio
import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import websockets
from twin.host import free_port

CHROMIUM = next(
    (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
).split()
# The folder for screenshots, if they are wanted.
SHOTS = os.environ.get("SCREENSHOTS")


class Tab:
    def __init__(self, socket):
        self._socket = socket
        self._number = 0
        self.errors = []

    async def __call__(self, method, **params):
        self._number += 1
        await self._socket.send(
            json.dumps({"id": self._number, "method": method, "params": params})
        )
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.recv(), 20))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(message["params"])
            entry = message.get("params", {}).get("entry", {})
            # A refused login and a dead charger are shown as network errors: not the page's fault.
            if entry.get("level") == "error" and entry.get("source") != "network":
                self.errors.append(entry)

    async def js(self, script):
        done = await self("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def text(self, name):
        return await self.js(f"document.getElementById('{name}').textContent")

    async def until(self, script, seconds=15):
        """Wait until `script` is true in the page."""
        for _ in range(int(seconds * 10)):
            if await self.js(script):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"never true: {script}")

    async def size(self, width, height, dark=False):
        await self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self("Emulation.setEmulatedMedia", features=[scheme])

    async def shot(self, name):
        if SHOTS:
            await asyncio.sleep(0.7)  # the arc moves
            image = await self("Page.captureScreenshot", format="png")
            pathlib.Path(SHOTS, name + ".png").write_bytes(base64.b64decode(image["data"]))


@contextlib.asynccontextmanager
async def new_tab(folder, *flags):
    """A Tab of a browser that is started for it, with its profile in `folder`."""
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, *flags, f"--remote-debugging-port={port}",
         f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with websockets.connect(await _address(port), max_size=None) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Runtime", "Log"):
                await tab(domain + ".enable")
            yield tab
    finally:
        process.terminate()
        process.wait()


async def _address(port):
    for _ in range(100):
        try:
            answer = await asyncio.to_thread(
                urllib.request.urlopen, f"http://127.0.0.1:{port}/json", None, 5
            )
            with answer:
                pages = [p for p in json.load(answer) if p["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
        except OSError:
            pass
        await asyncio.sleep(0.2)
    raise AssertionError("Chromium does not start")
