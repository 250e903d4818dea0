# HTTP of the set-up network: one page, one form, and everything else leads there.
# MIT license; part of microevse
"""Smaller than the charger's page and without microdot: it is there before anything else is,
on a chip with little memory. What phones ask to find out whether there is the internet
(generate_204, hotspot-detect.html, connecttest.txt, canonical.html ...) is answered with a
redirect, which makes them show the page.

Being in the network is the credential: it has a password of its own. So this server listens
on the access point's address only, and answers no client from elsewhere.
"""

import asyncio

from evse_base import log, traceless
from commissioning import portal_form, portal_page
from web.bounds import LINE_MAX, Bounded, Disconnected
from web.origin import host_allowed

PORT = 80
MAX_CONNECTIONS = 6
BODY_MAX = 6144  # a certificate of a CA is 2 KB, three times that when escaped
_HEADERS_MAX = 40

_SECURITY = (
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    # Not no-referrer: browsers would then say "Origin: null" of our own form.
    "Referrer-Policy: same-origin\r\n"
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
)
_TEXT = {
    200: "OK",
    302: "Found",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    413: "Content Too Large",
    503: "Service Unavailable",
}


class Refused(Exception):
    """An answer that is only a status: its argument."""


class Portal:
    """session: access_point.Session. address: of the access point."""

    def __init__(self, session, address):
        self._session = session
        self._address = address
        self._home = "http://%s/" % address
        self._subnet = address.rpartition(".")[0] + "."
        self._connections = 0

    async def run(self):
        """Serve until cancelled."""
        server = await asyncio.start_server(self._let_in, self._address, PORT)
        try:
            while True:
                await asyncio.sleep(3600)
        finally:
            server.close()

    def _let_in(self, reader, writer):
        return traceless(self._serve(reader, writer))

    async def _serve(self, reader, writer):
        conn = Bounded(reader, writer, BODY_MAX)
        self._connections += 1
        try:
            peer = str((writer.get_extra_info("peername") or ("",))[0])
            # The chip takes a packet for any of its addresses from any of its networks.
            if not peer.startswith(self._subnet):
                return
            try:
                if self._connections > MAX_CONNECTIONS:
                    raise Refused(503)
                await self._answer(conn, peer)
            except Refused as refused:
                await self._head(conn, refused.args[0], "Content-Length: 0\r\n")
        except (OSError, MemoryError):
            pass  # the client left, was too slow, or there is no memory for it
        finally:
            self._connections -= 1
            try:
                await conn.aclose()
            except OSError:
                pass  # closed by the client before

    # -- requests ----------------------------------------------------------------------------

    async def _answer(self, conn, peer):
        method, path, headers = await self._request(conn)
        host = headers.get("host", "")
        if not host_allowed(host, ()):
            # A name: a probe, or a site that took our address for its own.
            return await self._redirect(conn, 302, self._home)
        path = path.partition("?")[0]
        if method == "POST":
            if path != "/":
                raise Refused(405)
            origin = headers.get("origin")
            # A page of another site that is still open in the phone's browser.
            if origin is not None and origin.lower() != "http://" + host.lower():
                raise Refused(403)
            await self._post(conn, headers, peer)
            # Reloading the page that follows sends nothing again.
            return await self._redirect(conn, 303, "/")
        if method not in ("GET", "HEAD"):
            raise Refused(405)
        if path != "/":
            return await self._redirect(conn, 302, self._home if host == self._address else "/")
        session = self._session
        session.seen = session.clock.uptime()
        await self._head(conn, 200, "Content-Type: text/html; charset=utf-8\r\n")
        if method == "GET":
            # In pieces of about a packet: neither the whole page in memory nor 200 packets.
            buf = bytearray()
            for piece in portal_page.render(session, peer):
                buf += piece.encode()
                if len(buf) > 1024:
                    await conn.awrite(buf)
                    buf = bytearray()
            await conn.awrite(buf)

    async def _request(self, conn):
        """(method, path, {header: value}). Raises Refused, OSError."""
        parts = _ascii(await conn.readline()).split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise Refused(400)
        target = parts[1]
        headers = {}
        for _ in range(_HEADERS_MAX):
            line = _ascii(await conn.readline())
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        else:
            raise Refused(400)
        if not target.startswith("/"):
            # The absolute form, as to a proxy: its host counts (RFC 9112 section 3.2.2).
            _, _, rest = target.partition("://")
            headers["host"], _, target = rest.partition("/")
            target = "/" + target
        return parts[0], target, headers

    async def _post(self, conn, headers, peer):
        length = headers.get("content-length", "")
        if not length.isdigit() or len(length) > 6:
            raise Refused(400)
        if int(length) > BODY_MAX:
            raise Refused(413)
        body = await conn.readexactly(int(length))
        try:
            values = portal_form.parse(body)
        except ValueError as exc:
            log.warn("setup", "form refused: %s", exc)
            raise Refused(400)
        session = self._session
        session.seen = session.clock.uptime()
        if values.get("WifiSsid", "") == "" and values.get("OtherSsid"):
            values["WifiSsid"] = values["OtherSsid"]
        if values.get("again"):
            session.keep(values, peer)
            session.scan()
        else:
            session.submit(values, peer)

    # -- answers -------------------------------------------------------------------------------

    async def _redirect(self, conn, status, where):
        await self._head(conn, status, "Location: %s\r\nContent-Length: 0\r\n" % where)

    async def _head(self, conn, status, headers):
        line = "HTTP/1.1 %d %s\r\n" % (status, _TEXT[status])
        await conn.awrite((line + headers + _SECURITY).encode())
        await conn.awrite(b"\r\n")


def _ascii(line):
    """A line of the head as text, without its end."""
    if len(line) > LINE_MAX:
        raise Disconnected()
    return "".join([chr(byte) if 32 <= byte < 127 else "" for byte in line])
