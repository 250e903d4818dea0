# Limits for the clients of the web server.
# MIT license; part of microevse
"""`Bounded` stands for a connection's reader and writer: sizes and times are limited."""

import asyncio

import evse_base as port

HEAD_MAX = 4096  # request line and headers together
LINE_MAX = 1024
# A request has at most so many lines: each header takes heap beside its text. Browsers send about
# fifteen.
LINES_MAX = 32
REQUEST_S = 5  # from the connection to the end of the request
WRITE_S = 5  # a client that takes nothing for so long is gone
_CHUNK = 256
# With so few bytes free nothing more is read from a client (MemoryError): what charges needs them.
RESERVE = 6144


def _need_reserve():
    if not port.room(RESERVE):
        raise MemoryError("%d bytes have to stay free" % RESERVE)


async def _read_into(reader, view):
    """The same as reader.readinto, which CPython's streams do not have."""
    if not hasattr(reader, "readinto"):
        data = await reader.read(len(view))
        view[: len(data)] = data
        return len(data)
    while True:
        n = await reader.readinto(view)
        if n is not None:  # None: woken without need
            return n


class Disconnected(OSError):
    """The client is gone, too slow or too long-winded. errno 104: microdot says nothing."""

    def __init__(self):
        super().__init__(104)
        self.errno = 104


class Bounded:
    """Stands for the connection's reader and writer and limits the client.

    microdot reads lines of any length and waits for ever; it also sends every header in a
    packet of its own. `wait_for` loses the bytes of a cancelled read: here they are
    not needed any more, since a late request ends the connection. All that is sent goes in
    pieces of at most `_CHUNK` bytes: where the heap is nearly full, no larger block may be free.
    """

    def __init__(self, reader, writer, body_max):
        self._reader = reader
        self._writer = writer
        self._begin = port.ticks_ms()
        self._buf = b""
        self._left = HEAD_MAX + body_max
        self._lines = 0
        self._head = bytearray()  # of the answer; None once it has been sent
        # (size, services) of an update: its body is read after the page's code has been dropped
        # (web.update), and until then the connection stays open.
        self.update = None
        self.at_close = None  # called when the connection ends, however it ends

    async def _fill(self, size=_CHUNK):
        left_s = REQUEST_S - port.ticks_diff(port.ticks_ms(), self._begin) / 1000
        data = b""
        _need_reserve()
        if self._left > 0 and left_s > 0:
            try:
                data = await asyncio.wait_for(self._reader.read(size), left_s)
            except asyncio.TimeoutError:
                pass  # as if it had hung up
        if not data:
            raise Disconnected()
        self._left -= len(data)
        self._buf += data

    async def readline(self):
        while True:
            end = self._buf.find(b"\n") + 1
            if end:
                self._lines += 1
                if self._lines > LINES_MAX:
                    raise Disconnected()
                line = self._buf[:end]
                self._buf = self._buf[end:]
                return line
            if len(self._buf) > LINE_MAX:
                raise Disconnected()
            await self._fill()

    async def readexactly(self, n):
        if n < 0:
            raise Disconnected()
        while len(self._buf) < n:
            await self._fill()
        data = self._buf[:n]
        self._buf = self._buf[n:]
        return data

    @property
    def silent(self):
        """True while nothing has been sent."""
        return self._head is not None

    async def into(self, view):
        """Put 1 to len(view) bytes of a body into `view`; returns how many. A body may be long:
        each piece has as long as a request has. The bytes take no memory; MemoryError where less
        than what charges needs is free all the same."""
        _need_reserve()
        return await self._into(view, REQUEST_S)

    async def _into(self, view, seconds):
        n = min(len(self._buf), len(view))
        if n:
            view[:n] = self._buf[:n]
            self._buf = self._buf[n:]
            return n
        try:
            n = await port.within(_read_into(self._reader, view), seconds)
        except asyncio.TimeoutError:
            pass  # as if it had hung up
        if not n:
            raise Disconnected()
        return n

    async def skip(self, n, seconds=REQUEST_S):
        """Read a body that is not used, for `seconds` at most: a client that is still sending when
        the connection is closed does not see the answer."""
        begin = port.ticks_ms()
        view = memoryview(bytearray(_CHUNK))
        try:
            while n > 0:
                left_s = seconds - port.ticks_diff(port.ticks_ms(), begin) / 1000
                if left_s <= 0:
                    break
                n -= await self._into(view[: min(n, _CHUNK)], min(left_s, REQUEST_S))
        except OSError:
            pass  # enough

    async def gone(self, seconds):
        """Wait for `seconds`; True at once when the client hangs up, or says more than it may."""
        try:
            await asyncio.wait_for(self._reader.read(_CHUNK), seconds)
        except asyncio.TimeoutError:
            return False
        except OSError:
            pass  # reset by the client: gone as well
        return True

    async def awrite(self, data):
        """Send `data`; what belongs to the head waits for more of it, up to `_CHUNK` bytes."""
        head = self._head
        if head is not None:
            if data == b"\r\n":
                head += data
                self._head = None
            elif len(head) + len(data) <= _CHUNK:
                head += data
                return
            else:
                self._head = bytearray(data)
            data = head
        if len(data):
            await self._in_time(data)

    async def _in_time(self, data):
        try:
            await port.within(self._send(memoryview(data)), WRITE_S)
        except asyncio.TimeoutError:
            transport = getattr(self._writer, "transport", None)
            if transport:  # CPython: closing alone would still wait for the client
                transport.abort()
            raise Disconnected()

    async def _send(self, data):
        for at in range(0, len(data), _CHUNK):
            self._writer.write(data[at : at + _CHUNK])
            await self._writer.drain()

    async def aclose(self):
        """Close the connection; may be called again. It stays for an update that is to come."""
        if self.update:
            return
        if self.at_close:
            self.at_close()
            self.at_close = None
        self._writer.close()
        await self._writer.wait_closed()

    def get_extra_info(self, name):
        return self._writer.get_extra_info(name)
