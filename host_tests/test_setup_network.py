# Set-up as a new owner does it: a charger that knows no network.
# MIT license; part of microevse
"""The whole firmware, a phone in its access point (twin: `join_ap`), and the real CSMS."""

import asyncio
import re
import socket
import struct
import urllib.parse

import pytest
from bench import ID, Bench
from tools_paths import tool

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")

AIR = {
    "Garage": {"rssi": -52, "key": "correct horse"},
    "Neighbours & <sons>": {"rssi": -81, "key": "not yours"},
    "Cafe": {"rssi": -66},
}
import os
SHOW=os.environ.get('SHOWLOG')
SAID = re.compile(r"set-up: WiFi (microevse-[0-9a-f]{4}), password ([a-z2-9-]{14}), page (\S+)")
FORM = {
    "WifiSsid": "Garage",
    "WifiPassword": "correct horse",
    "MaxCurrent": "13",
    "ChargePointId": ID,
    "WebPassword": "my own password",
}


class Phone:
    """In the charger's access point, as 192.168.4.(1 + number)."""

    def __init__(self, b, number=1):
        self.b = b
        self.source = "127.0.0.%d" % number

    async def join(self):
        """With what the charger prints on its console, which the label shows."""
        b = self.b
        await b.until(lambda: self.said(), 30, "the access point opens")
        await b.do("join_ap", ssid=self.said()[0], key=self.said()[1])
        return self

    def said(self):
        found = [SAID.search(line) for line in self.b.log]
        found = [match.groups() for match in found if match]
        return found[-1] if found else None

    async def http(self, method="GET", path="/", body=b"", host="192.168.4.1", **headers):
        """(status, headers, text); (0, ...) if the connection is closed without an answer."""
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + host]
        lines += ["%s: %s" % (k.replace("_", "-"), v) for k, v in headers.items()]
        if method == "POST":
            lines.append("Content-Length: %d" % len(body))
        raw = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
        task = asyncio.ensure_future(self._exchange(raw))
        await self.b.until(task.done, 20, "an answer to %s %s" % (method, path))
        head, _, text = task.result().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        status = int(lines[0].split()[1]) if lines[0] else 0
        return status, {k.lower(): v for k, v in fields.items()}, text.decode()

    async def _exchange(self, raw):
        reader, writer = await asyncio.open_connection(
            *self.b.twin.web, local_addr=(self.source, 0)
        )
        try:
            writer.write(raw)
            return await asyncio.wait_for(reader.read(), 20)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def send(self, **changes):
        """Fill in the form and send it; the page that the phone shows next."""
        fields = {k: v for k, v in {**FORM, **changes}.items() if v is not None}
        fields.setdefault("CentralSystemURI", self.b.csms.url)
        body = urllib.parse.urlencode(fields).encode()
        status, headers, _ = await self.http("POST", "/", body, Origin="http://192.168.4.1")
        assert (status, headers.get("location")) == (303, "/"), status
        return (await self.http())[2]

    async def result(self):
        """Reload, as the page does itself, until the trial has ended."""
        for _ in range(40):
            text = (await self.http())[2]
            if "Connecting to" not in text:
                return text
            await self.b.advance(1)
        raise AssertionError("the trial does not end")

    async def resolve(self, name, kind=1):
        """The answer of the charger's name server: raw bytes."""
        query = b"\x12\x34\x01\x00\x00\x01" + bytes(6)
        for label in name.split("."):
            query += bytes([len(label)]) + label.encode()
        query += b"\0" + struct.pack(">HH", kind, 1)
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.setblocking(False)
        try:
            link.connect(self.b.twin.names)
            link.send(query)

            def answered():
                try:
                    return link.recv(600)
                except BlockingIOError:
                    return None
                except ConnectionRefusedError:
                    link.send(query)  # not listening yet: phones ask again, too

            return await self.b.until(answered, 5, "an answer of the name server")
        finally:
            link.close()


def fresh(fn, **twin):
    """Play `fn(b)`: a charger out of the box, AIR around it."""

    async def inside():
        twin.setdefault("provision", {"NtpServer": ""})
        options = dict(twin.pop("options", {}), aps=AIR)
        b = Bench(options=options, **twin)
        await b.csms.start()
        b._twin_options["csms"] = b._twin_options["id"] = None
        await b.start_twin()
        try:
            await fn(b)
            b.check()
            if SHOW:
                print("\n".join(b.log))
        except AssertionError as exc:
            raise b._told(exc)
        finally:
            await b.twin.stop()
            await b.csms.stop()

    asyncio.run(asyncio.wait_for(inside(), 120))


async def _new_owner(b):
    phone = await Phone(b).join()
    # What a phone does first: is there the internet?
    answer = await phone.resolve("connectivitycheck.gstatic.com")
    assert answer[-4:] == bytes([192, 168, 4, 1])
    status, headers, _ = await phone.http(
        path="/generate_204", host="connectivitycheck.gstatic.com"
    )
    assert status == 302 and headers["location"] == "http://192.168.4.1/"
    status, headers, text = await phone.http()
    assert status == 200 and headers["cache-control"] == "no-store"
    assert text.index("Garage") < text.index("Cafe") < text.index("Neighbours &amp; &lt;sons&gt;")
    assert not b.csms.connections
    text = await phone.send()
    assert "Connecting to Garage" in text
    text = await phone.result()
    assert "Your charger is connected." in text, text
    address = re.search(r'href="http://([\d.]+)/"', text).group(1)
    assert address != "192.168.4.1" and "http://evse-1.local/" in text
    await b.start_of_day()
    assert "connected, and the charger is accepted" in (await phone.http())[2]
    await b.until(lambda: b.logged("is closed: set up"), 150, "the access point closes")
    assert (await b.do("look", what="setup"))["modules"] == []


def test_new_owner_sets_up_a_charger_and_it_reaches_the_csms():
    async def fn(b):
        await _new_owner(b)
        # The page of the charger is there now, and a cut of the power changes nothing.
        mark = len(b.log)
        await b.do("power_cut", seconds=2)
        boot = b.mark()
        await b.until(lambda: b.calls("BootNotification", boot), 60, "boot after the power cut")
        assert not any(SAID.search(line) for line in b.log[mark:])
        b.skip()
        assert (await b.configuration("MaxCurrent"))["MaxCurrent"] == "13"
        log = "\n".join(b.log)
        for secret in ("correct horse", "my own password"):
            assert secret not in log

    fresh(fn)


def test_new_owner_on_the_fallback_runtime():
    fresh(_new_owner, runtime="cpython")
