# One connection of a transfer: lines and bytes in, bytes out, and is it still moving?
# MIT license; part of microevse
"""Reads are never cancelled one by one, that would lose bytes: a transfer that stands still
is ended as a whole, and whoever can goes on from the last byte that reached the sink."""

import asyncio
import errno

import port

LINE_LIMIT = 1024
CHUNK = 1024  # bytes asked for at once
BLOCK = 1024  # small pieces are joined to about this much before they are sent
_LOOK_S = 1


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
    """When something last moved. `held`: waiting for ourselves, not for the network.

    gate: async callable that returns when a connection may be made, or None.
    """

    def __init__(self, gate=None):
        self._gate = gate
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

    def idle_ms(self):
        return 0 if self.held else port.ticks_diff(port.ticks_ms(), self._at)


async def watch(coro, progress, stall_s):
    """The result of `coro`; asyncio.TimeoutError once `progress` has not moved for stall_s."""
    progress.touch()
    done = asyncio.Event()
    box = [None, None]  # result, exception

    async def body():
        try:
            box[0] = await coro
        except Exception as exc:
            box[1] = exc
        finally:
            done.set()

    task = asyncio.create_task(body())
    try:
        while not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), _LOOK_S)
            except asyncio.TimeoutError:
                if progress.idle_ms() > 1000 * stall_s:
                    raise
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
    return await asyncio.open_connection(
        host, port_number, ssl=context, server_hostname=host
    )


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

    async def line(self):
        """The next line without its end. EOFError at the end, TransferError if too long."""
        while True:
            end = self._buf.find(b"\n")
            if end >= 0:
                text, self._buf = self._buf[:end], self._buf[end + 1 :]
                return text.rstrip(b"\r")
            if len(self._buf) > LINE_LIMIT:
                raise TransferError("the server sent a line without end")
            data = await self._fill(256)
            if not data:
                raise EOFError
            self._buf += data

    async def read(self, size):
        """1 to `size` bytes, b"" at the end."""
        if self._buf:
            data, self._buf = self._buf[:size], self._buf[size:]
            return data
        return await self._fill(min(size, CHUNK))

    async def write(self, data):
        self._writer.write(data)
        await self._writer.drain()
        self._progress.touch()

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
