# A server is believed only under the name in its certificate.
# MIT license; part of microevse
"""Certificates that are good for a name alone, for an address alone, and for another host:
with one that is good for both, a check of the wrong one of the two went unnoticed."""

import asyncio
import json
import ssl
import subprocess

import certs
import pytest
from interpreters import INTERPRETERS, command_of

NAME, ADDRESS = "localhost", "127.0.0.1"
# Certificate: the names it is good for.
GOOD = {
    "server": (NAME, ADDRESS),
    "name_only": (NAME,),
    "address_only": (ADDRESS,),
    "wrong_host": (),
}


class Server:
    """Gives a file, takes a file, refuses to be a WebSocket: a client that hears this got
    through."""

    def __init__(self, certificate):
        self.context = certs.server_context(certificate)
        self.context.sni_callback = self._named
        self.names = []  # what the clients asked for (RFC 6066)
        self.requests = []
        self.location = None

    def _named(self, _socket, name, _context):
        self.names.append(name)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, ADDRESS, 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            if head.startswith(b"PUT"):
                await reader.readexactly(5)
            if b"Upgrade: websocket" in head:
                answer = b"HTTP/1.1 400 No\r\n\r\n"
            elif self.location and b"/moved" in head:
                answer = b"HTTP/1.1 302 Found\r\nLocation: " + self.location.encode() + b"\r\n\r\n"
            else:
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
            writer.write(answer)
            await writer.drain()
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def attempt(interpreter, what, url):
    """None if it went well, else the error."""
    command, env = command_of(interpreter, "names_child")
    process = await asyncio.create_subprocess_exec(
        *command, env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    given = {"what": what, "url": url, "ca": certs.paths().ca}
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(given).encode() + b"\n"), 30)
    return json.loads(out.decode().strip().split("\n")[-1])["error"]


def url(what, host, port, path="/f"):
    return "%s://%s:%d%s" % ("wss" if what == "dial" else "https", host, port, path)


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("what", ["dial", "fetch", "send"])
@pytest.mark.parametrize("certificate", list(GOOD))
def test_a_server_is_believed_under_its_own_name_only(interpreter, what, certificate):
    async def play():
        for host in (NAME, ADDRESS):
            async with Server(certificate) as server:
                error = await attempt(interpreter, what, url(what, host, server.port))
                if host in GOOD[certificate]:
                    # 400: the handshake came as far as HTTP.
                    assert error == (400 if what == "dial" else None), (host, error)
                    assert len(server.requests) == 1
                else:
                    assert error and error != 400, (host, error)
                    assert server.requests == [], "the password or the file went out"

    asyncio.run(play())


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_redirection_is_checked_against_the_place_that_it_leads_to(interpreter):
    async def play():
        async with Server("name_only") as server:
            for host, good in ((NAME, True), (ADDRESS, False)):
                server.location = url("fetch", host, server.port)
                error = await attempt(
                    interpreter, "fetch", url("fetch", NAME, server.port, "/moved")
                )
                assert (error is None) is good, (host, error)

    asyncio.run(play())


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("what", ["dial", "fetch"])
def test_what_the_server_is_told_of_its_name(interpreter, what):
    """RFC 6066 section 3 wants no address there. MicroPython has one argument for the name
    that is checked and the name that is sent: docs/network.md says so."""

    async def play():
        async with Server("server") as server:
            for host in (NAME, ADDRESS):
                await attempt(interpreter, what, url(what, host, server.port))
        assert server.names == [NAME, ADDRESS if interpreter == "micropython" else None]

    asyncio.run(play())
