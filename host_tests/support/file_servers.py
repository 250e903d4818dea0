# An HTTP file server and a time server for tests, in lockstep with the charger.
# MIT license; part of microevse
"""Everything happens inside `data_received`, as in csms/wire.py: when the bytes have been
counted, the answer has been given. `count` is Csms.count, so that the bench knows."""

import asyncio
import base64
import socket
import ssl
import struct
from urllib.parse import unquote

NTP_1970 = 2208988800


class HttpServer:
    """Files to GET in `files`, what was PUT or POSTed in `uploads`: path -> bytes.

    Behaviours: `login` ("user:password"), `methods` that uploads may use, `moved` {path:
    location}, `status` {path: code}, `ranges` (False: a Range is ignored), `chunked`
    (answers without a length), `cut` {path: [bytes of the body after which the connection
    dies, one for each request]}, `stall` (paths whose answer never comes), `down` (every client is
    turned away).
    """

    def __init__(self, count=lambda size: None, context=None):
        self.count = count
        self.context = context
        self.files = {}
        self.uploads = {}
        self.requests = []  # (method, path, headers)
        self.login = None
        self.methods = ("PUT", "POST")
        self.moved = {}
        self.status = {}
        self.ranges = True
        self.chunked = False
        self.cut = {}
        self.stall = ()
        self.down = False

    async def start(self, host="127.0.0.1"):
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Http(self), host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        scheme = "https" if self.context else "http"
        self.url = f"{scheme}://{host}:{self.port}"
        return self

    def stop(self):
        self._server.close()


class _Tls:
    """Server side of TLS on memory buffers."""

    def __init__(self, context):
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._obj = context.wrap_bio(self._in, self._out, server_side=True)
        self._ready = False

    def feed(self, data):
        self._in.write(data)
        plain = b""
        try:
            if not self._ready:
                self._obj.do_handshake()
                self._ready = True
            while part := self._obj.read(65536):
                plain += part
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return plain

    def seal(self, data):
        self._obj.write(data)

    def out(self):
        return self._out.read()


class _Http(asyncio.Protocol):
    def __init__(self, server):
        self._server = server
        self._tls = _Tls(server.context) if server.context else None
        self._in = b""

    def connection_made(self, transport):
        self._transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        if self._server.down:
            transport.abort()

    def data_received(self, data):
        self._server.count(len(data))
        if self._tls:
            try:
                data = self._tls.feed(data)
            except ssl.SSLError:
                self._transport.close()
                return
            self._transport.write(self._tls.out())
        self._in += data
        head, end, body = self._in.partition(b"\r\n\r\n")
        if end:
            self._request(head.decode(), body)

    def _request(self, head, body):
        lines = head.split("\r\n")
        method, path, version = lines[0].split(" ")
        assert version == "HTTP/1.1"
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if method in ("PUT", "POST"):
            body = self._complete(headers, body)
            if body is None:
                return
        self._in = b""
        self._server.requests.append((method, path, headers))
        self._answer(method, path, headers, body)

    @staticmethod
    def _complete(headers, body):
        """The whole body, None while there is more to come."""
        if headers.get("transfer-encoding") != "chunked":
            return body if len(body) >= int(headers["content-length"]) else None
        whole = b""
        while True:
            size, end, rest = body.partition(b"\r\n")
            if not end or len(rest) < int(size, 16) + 2:
                return None
            if not int(size, 16):
                return whole
            whole += rest[: int(size, 16)]
            body = rest[int(size, 16) + 2 :]

    def _answer(self, method, path, headers, body):
        server = self._server
        plain = unquote(path.partition("?")[0])
        if path in server.stall:
            return
        if server.login:
            wanted = "Basic " + base64.b64encode(server.login.encode()).decode()
            if headers.get("authorization") != wanted:
                return self._send(401, [("WWW-Authenticate", 'Basic realm="x"')])
        if path in server.moved:
            return self._send(307, [("Location", server.moved[path])])
        if path in server.status:
            return self._send(server.status[path])
        if method in ("PUT", "POST"):
            if method not in server.methods:
                return self._send(405)
            server.uploads[path] = body
            return self._send(201)
        if plain not in server.files:
            return self._send(404)
        data = server.files[plain]
        more = [("ETag", f'"{hash(data) & 0xFFFFFF:x}"')]
        code = 200
        wanted = headers.get("range")
        if wanted and server.ranges:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            more.append(("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}"))
            data, code = data[first:], 206
        cut = server.cut.get(plain)
        self._send(code, more, data, cut.pop(0) if cut else None)

    def _send(self, code, headers=(), body=b"", cut=None):
        lines = [f"HTTP/1.1 {code} Whatever", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        if self._server.chunked and body:
            lines.append("Transfer-Encoding: chunked")
            pieces = [body[i : i + 700] for i in range(0, len(body), 700)] + [b""]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        else:
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join(lines).encode() + b"\r\n\r\n" + (body if cut is None else body[:cut])
        if self._tls:
            self._tls.seal(data)
            data = self._tls.out()
        self._transport.write(data)
        self._transport.close()


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
# How a server can go on for ever: what it says first, and then again and again.
ENDLESS_HTTP = {
    "the same header": (_OK, b"X-Same: 1\r\n"),
    "a header line": (_OK + b"X-Long: ", b"a"),
    "a Location": (b"HTTP/1.1 302 Found\r\nLocation: /", b"a"),
    "a reason": (b"HTTP/1.1 200 ", b"a"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a chunk's extension": (_CHUNKED + b"5;", b"x"),
    "a chunk's size": (_CHUNKED, b"0"),
    "the body": (_OK + b"\r\n", b"x"),
    "trailers": (_CHUNKED + b"5\r\nhello\r\n0\r\n", b"X-Trailer: 1\r\n"),
    "redirections": (b"HTTP/1.1 302 Found\r\nLocation: /f\r\n\r\n", b""),
    "silence": (b"", b""),
}
ENDLESS_FTP = {
    "a greeting": (b"220-hello\r\n", b"220-hello\r\n"),
    "a greeting's line": (b"220 ", b"a"),
    "replies too many": (b"220 hello\r\n", b"200 fine\r\n"),
    "silence": (b"", b""),
}


class EndlessServer:
    """A server that says `start`, and then `again` without end, or a byte at each `drip()`.

    greets: it begins to speak, as FTP servers do; otherwise after the first bytes from the
    client.
    """

    def __init__(self, count, start, again, greets=False, drips=False):
        self.count = count
        self.start_with = start
        self.again = again
        self.greets = greets
        self.drips = drips
        self.open = []
        self.came = 0  # connections

    async def start(self, host="127.0.0.1"):
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Endless(self), host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        scheme = "ftp" if self.greets else "http"
        self.url = f"{scheme}://{host}:{self.port}"
        return self

    def drip(self):
        """One byte more to every client."""
        for client in self.open:
            client.drip()

    def stop(self):
        self._server.close()
        for client in list(self.open):
            client.transport.abort()


class _Endless(asyncio.Protocol):
    def __init__(self, server):
        self._server = server
        self._at = 0
        self._talks = False
        self._full = False

    def connection_made(self, transport):
        self.transport = transport
        self._server.open.append(self)
        self._server.came += 1
        if self._server.greets:
            self._talk()

    def connection_lost(self, exc):
        self._server.open.remove(self)

    def data_received(self, data):
        self._server.count(len(data))
        if not self._talks:
            self._talk()

    def _talk(self):
        self._talks = True
        self.transport.write(self._server.start_with)
        self._pump()

    def _pump(self):
        server = self._server
        while server.again and not (server.drips or self._full or self.transport.is_closing()):
            self.transport.write(server.again * 100)

    def pause_writing(self):
        self._full = True

    def resume_writing(self):
        self._full = False
        self._pump()

    def drip(self):
        if self._talks and self._server.again:
            at = self._at % len(self._server.again)
            self.transport.write(self._server.again[at : at + 1])
            self._at += 1


class TimeServer(asyncio.DatagramProtocol):
    """Answers SNTP questions with `unix()`; `change(answer: bytearray)` may spoil an answer."""

    def __init__(self, unix, count=lambda size: None, change=None):
        self.unix = unix
        self.count = count
        self.change = change
        self.asked = 0
        self.silent = False

    async def start(self, host="127.0.0.1"):
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        self.address = f"{host}:{self.port}"
        return self

    def stop(self):
        self._transport.close()

    def datagram_received(self, data, address):
        self.count(len(data))
        self.asked += 1
        assert len(data) == 48 and data[0] == 0x23
        if self.silent:
            return
        now = int(self.unix() * 2**16) + (NTP_1970 << 16)
        stamp = struct.pack(">Q", (now << 16) & (2**64 - 1))
        answer = bytearray(struct.pack(">BBbbII4s", 0x24, 2, 6, -20, 500, 900, b"\x7f\0\0\1"))
        answer += stamp + data[40:48] + stamp + stamp
        if self.change:
            self.change(answer)
        self._transport.sendto(bytes(answer), address)
