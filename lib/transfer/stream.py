# One connection of a transfer: lines and bytes in, bytes out, and a check that it still moves.
# MIT license; part of microevse
"""Reads are never cancelled one by one, because that would lose bytes: a transfer that stands
still is ended as a whole, and a protocol that can resume goes on from the last byte that reached
the sink.

No server can hold a transfer for ever: STALL_S without a byte end a connection, and the whole
transfer ends when it has taken ALLOWED_S and one second more for each KB of the file.
"""

import asyncio
import errno

import evse_base as port

LINE_LIMIT = 1024  # bytes of a line that are kept, unless a caller wants more or less
LINE_MOST = 32768  # a longer line is an error
CHUNK = 1024  # bytes asked for at once
BLOCK = 1024  # small pieces are joined to about this much before they are sent
_LOOK_S = 1
ALLOWED_S = 300
SLOW_S = 10  # if it is so far behind this rate, another transfer may take its place
RATE = 1000  # bytes/s that a file comes or goes with at least, in the long run


class TransferError(Exception):
    """A transfer failed; the text says why and holds no secret."""


def words(exc):
    """A failure of the network as text for the log."""
    if isinstance(exc, asyncio.TimeoutError):
        return "no progress"
    if isinstance(exc, EOFError):
        return "the connection ended early"
    code = exc.args[0] if exc.args else exc
    return "network: %s" % errno.errorcode.get(code, code)


class Progress:
    """When a byte last moved. `held`: waiting for this charger, not for the network.

    gate: async callable that returns when a connection may be made, or None. stop: fn(slow)
    -> True once the transfer is no longer wanted, or None; slow: it makes no progress.
    """

    def __init__(self, gate=None, stop=None):
        self._gate = gate
        self._stop = stop
        self._spent_ms = 0  # time of the network, over all connections
        self.moved = 0  # bytes of the file, with those that were sent again
        self.held = False
        self.touch()

    async def may_stall(self):
        """Return when name resolution or a TLS handshake does no harm."""
        if self._gate:
            self.held = True
            await self._gate()
            self.held = False
            self.touch()

    def touch(self):
        self._at = port.ticks_ms()

    def look(self, ms, stall_s):
        """`ms` have passed. asyncio.TimeoutError for a connection that stands still,
        TransferError if the transfer as a whole has to end."""
        if not self.held:
            self._spent_ms += ms
        late_ms = self._spent_ms - self.moved * 1000 // RATE
        if self._stop and self._stop(late_ms > 1000 * SLOW_S):
            raise TransferError("given up for a newer request")
        if self.held:
            return
        if late_ms > 1000 * ALLOWED_S:
            raise TransferError(
                "too slow: %d bytes in %d s" % (self.moved, self._spent_ms // 1000)
            )
        if port.ticks_diff(port.ticks_ms(), self._at) > 1000 * stall_s:
            raise asyncio.TimeoutError


async def watch(coro, progress, stall_s):
    """The result of `coro`; ends it with what `progress.look` raises, asked each second."""
    progress.touch()
    looked = port.ticks_ms()
    done = asyncio.Event()
    box = [None, None]  # result, exception

    async def body():
        try:
            box[0] = await coro
        except Exception as exc:
            box[1] = exc
        finally:
            done.set()

    task = asyncio.create_task(port.traceless(body()))
    try:
        while not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), _LOOK_S)
            except asyncio.TimeoutError:
                before, looked = looked, port.ticks_ms()
                progress.look(port.ticks_diff(looked, before), stall_s)
    finally:
        if not done.is_set():
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
    if box[1] is not None:
        raise box[1]
    return box[0]


def blocks(source):
    """The pieces of `source()`, joined to blocks worth a packet."""
    parts = []
    size = 0
    for piece in source():
        parts.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(parts)
            parts = []
            size = 0
    if size:
        yield b"".join(parts)


async def open_stream(host, port_number, context):
    """(reader, writer) of a TCP connection, or of a TLS one where there is a context."""
    if context is None:
        return await asyncio.open_connection(host, port_number)
    return await asyncio.open_connection(host, port_number, ssl=context, server_hostname=host)


class Channel:
    """A TCP or TLS connection with a small buffer of its own."""

    def __init__(self, progress):
        self._progress = progress
        self._reader = self._writer = None
        self._buf = b""

    async def open(self, host, port_number, context=None):
        """Connect. MicroPython connects lazily: a closed port may show at the first read."""
        await self._progress.may_stall()
        self._reader, self._writer = await open_stream(host, port_number, context)
        self._progress.touch()

    async def _fill(self, size):
        data = await self._reader.read(size)
        if data:
            self._progress.touch()
        return data

    async def peek(self, size):
        """The next `size` bytes, which stay; fewer if a line ends there. EOFError at the end."""
        while len(self._buf) < size and self._buf.find(b"\n") < 0:
            data = await self._fill(256)
            if not data:
                raise EOFError
            self._buf += data
        return self._buf[:size]

    async def line(self, keep=LINE_LIMIT):
        """The first `keep` bytes of the next line, without its end; the rest is passed over.

        EOFError at the end, TransferError for more than LINE_MOST.
        """
        parts = []
        length = 0
        while True:
            data = self._buf
            end = data.find(b"\n")
            size = len(data) if end < 0 else end
            if length < keep:
                parts.append(data[: min(size, keep - length)])
            length += size
            if end >= 0:
                self._buf = data[end + 1 :]
                return b"".join(parts).rstrip(b"\r")
            if length > LINE_MOST:
                raise TransferError("the server sent a line without end")
            self._buf = await self._fill(256)
            if not self._buf:
                raise EOFError

    async def read(self, size):
        """1 to `size` bytes, b"" at the end."""
        data = self._buf
        if data:
            data, self._buf = data[:size], data[size:]
        else:
            data = await self._fill(min(size, CHUNK))
        self._progress.moved += len(data)
        return data

    async def write(self, data):
        self._writer.write(data)
        await self._writer.drain()
        self._progress.touch()

    async def send(self, data):
        """Write a part of the file."""
        await self.write(data)
        self._progress.moved += len(data)

    async def close(self):
        """Close; never raises. Only wait_closed() closes the socket on MicroPython."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
            if port.MICROPYTHON:
                await writer.wait_closed()
        except (OSError, ValueError):
            pass  # it was broken: that is what the transfer tells
