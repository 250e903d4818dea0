# One HTTP request to the page of a charger on the twin.
# MIT license; part of microevse
"""With the login of the tests that ask it."""

import asyncio

PASSWORD = "correct horse"
BASIC = "Authorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n"  # admin:correct horse


async def request(b, method, path, head=""):
    """(status, body text) of the charger's page."""
    host, port = b.twin.web
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n{head}\r\n".encode())
    answer = asyncio.ensure_future(reader.read())
    while not answer.done():
        await b.twin.advance(0.1)
        await asyncio.sleep(0.01)
    writer.close()
    top, _, body = answer.result().decode().partition("\r\n\r\n")
    return int(top.split()[1]), body


class Upload:
    """An update that a person sends to the page, in as many parts as the test wants."""

    def __init__(self, b, data):
        self._b = b
        self._data = data
        self._at = 0
        self._answer = self._writer = None

    async def send(self, size=None):
        """Send the next `size` bytes, or the rest, while time passes."""
        if self._writer is None:
            reader, self._writer = await asyncio.open_connection(*self._b.twin.web)
            head = "POST /api/v1/update HTTP/1.1\r\nHost: localhost\r\n" + BASIC
            head += "Content-Type: application/octet-stream\r\n"
            self._writer.write(f"{head}Content-Length: {len(self._data)}\r\n\r\n".encode())
            self._answer = asyncio.ensure_future(reader.read())
        end = len(self._data) if size is None else self._at + size
        while self._at < end and not self._answer.done():
            self._writer.write(self._data[self._at : min(self._at + 16384, end)])
            self._at = min(self._at + 16384, end)
            draining = asyncio.ensure_future(self._writer.drain())
            await self._b.until(lambda: draining.done(), within=60, what="the charger reads")  # noqa: B023

    async def answer(self):
        """(status, body text); what has not been sent yet is sent before."""
        await self.send()
        await self._b.until(self._answer.done, within=100, what="an answer of the page")
        self.leave()
        top, _, body = self._answer.result().decode().partition("\r\n\r\n")
        return int(top.split()[1]), body

    def leave(self):
        """Hang up."""
        self._writer.close()
