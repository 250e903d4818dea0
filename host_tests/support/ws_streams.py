# Streams of a WebSocket without a socket, and frames of RFC 6455.
# MIT license; part of microevse
"""`Streams` stands for what asyncio.open_connection returns; `response` is a server's answer to
the upgrade."""

import asyncio

from ocppj import frames

EOF = b"<end of stream>"


class Streams:
    """Reader and writer in one: `feed` what the server says, look at what we wrote."""

    def __init__(self, step=0):
        self.sent = b""
        self.writes = 0
        self.largest_read = 0
        self.step = step  # hand out at most this many bytes per read, 0 = as asked
        self.block = None  # an Event: writes hang until it is set
        self.error = None
        self._data = b""
        self._more = asyncio.Event()

    def feed(self, data):
        self._data += data
        self._more.set()

    async def read(self, size):
        self.largest_read = max(self.largest_read, size)
        while not self._data:
            self._more.clear()
            await self._more.wait()
        if self._data == EOF:
            return b""
        if self.step:
            size = min(size, self.step)
        if self._data.endswith(EOF):
            size = min(size, len(self._data) - len(EOF))
        data, self._data = self._data[:size], self._data[size:]
        return data

    def write(self, data):
        if self.error:
            raise self.error
        self.writes += 1
        self.sent += bytes(data)

    async def drain(self):
        if self.block:
            await self.block.wait()
        await asyncio.sleep(0)

    def close(self):
        pass


def frame(opcode, payload=b"", fin=True, rsv=0, size=None):
    """A server frame (unmasked)."""
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    size = len(payload) if size is None else size
    if size < 126:
        head += bytes([size])
    elif size < 65536:
        head += b"\x7e" + size.to_bytes(2, "big")
    else:
        head += b"\x7f" + size.to_bytes(8, "big")
    return head + payload


def frames_of(data):
    """The frames that the client sent, unmasked: list of (first byte, payload)."""
    out = []
    while data:
        first, size = data[0], data[1]
        assert size & 0x80, "client frame without mask"
        size &= 0x7F
        at = 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
            assert size >= 126
        elif size == 127:
            size, at = int.from_bytes(data[2:10], "big"), 10
            assert size >= 65536
        key = data[at : at + 4]
        body = data[at + 4 : at + 4 + size]
        assert len(body) == size
        out.append((first, frames.mask(body, key)))
        data = data[at + 4 + size :]
    return out


ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def response(status=b"101 Switching Protocols", accept=ACCEPT, protocol=b"ocpp1.6", more=b""):
    head = b"HTTP/1.1 " + status + b"\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade"
    head += b"\r\nSec-WebSocket-Accept: " + accept + more
    if protocol:
        head += b"\r\nSec-WebSocket-Protocol: " + protocol
    return head
