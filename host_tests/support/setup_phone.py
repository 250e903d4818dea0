# A phone in the access point of a charger that is set up.
# MIT license; part of microevse
"""The form as a new owner fills it in, and the HTTP and DNS of a phone."""

import asyncio
import socket
import struct
import urllib.parse

from bench import ID
from host_time import ANSWER_S
from setup_air import SAID

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
        """Join with the name and password that the charger prints on its console, as on the
        label."""
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
            return await asyncio.wait_for(reader.read(), ANSWER_S)
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
