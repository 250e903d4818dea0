# The reading half of a WebSocket: frames into messages, within what the heap can hold.
# MIT license; part of microevse
"""A message is refused for its size by its headers alone, before anything is allocated for it.

A message that is too large for us, or for the heap at the moment, need not cost the connection. It
is read in small pieces and thrown away, but for its beginning, which has the id of a CALL.
"""

import gc

from evse_base import ticks_ms

from . import frames

# Largest piece read at once.
READ = 512
# Bytes that are kept of a message that is thrown away: room for the id of a CALL.
HEAD = 320


class TooLarge:
    """A message that was not kept. `head`: its first characters; `size`: bytes in all."""

    def __init__(self, head, size):
        self.head = head
        self.size = size


class Intake:
    """Base of WebSocket, which gives it `_control` and `_fail`."""

    def __init__(self, reader, max_size, skip_size, pending):
        self._reader = reader
        self._max_size = max_size
        self._skip_size = max(skip_size, max_size)
        self._buffer = bytes(pending)  # read but not yet used; at most READ bytes
        self._left = 0  # bytes of the frame in work that have not been read
        self.last_rx = ticks_ms()

    async def _message(self):
        whole = None  # a message in fragments, as far as it has come
        head = None  # beginning of a message that is not kept
        kind = total = 0
        while True:
            fin, opcode, size = await self._header(kind > 0)
            if opcode >= frames.CLOSE:
                await self._control(opcode, await self._payload(size))
                continue
            kind = opcode or kind
            total += size
            # By the header alone: nothing of it has been allocated or read.
            if total > self._skip_size:
                await self._fail(frames.TOO_BIG, "message of more than %d bytes" % self._skip_size)
            if head is None and total <= self._max_size:
                try:
                    # All memory for it is allocated before anything is read.
                    if whole is None:
                        whole = bytearray(size)
                    else:
                        whole.extend(bytearray(size))
                    await self._fill(whole, total - size)
                    if fin:
                        return await self._finish(kind, whole)
                    continue
                except MemoryError:
                    pass  # `_left` still tells the place in the frame
            if head is None:
                head = bytes(memoryview(whole or b"")[: min(HEAD, total - self._left)])
                whole = None
                gc.collect()
            head = await self._skip(head)
            if fin:
                return TooLarge(_readable(head), total)

    async def _finish(self, kind, data):
        if kind == frames.BINARY:
            return bytes(data)
        try:
            return frames.decode_utf8(data)
        except ValueError:
            await self._fail(frames.INVALID_DATA, "text is not UTF-8")

    async def _header(self, in_message):
        """Read one frame header and check it; returns (fin, opcode, payload size)."""
        head = await self._exactly(2)
        fault = frames.header_fault(head, in_message)
        if fault:
            await self._fail(frames.PROTOCOL_ERROR, fault)
        size = head[1]
        if size == 126:
            size = int.from_bytes(await self._exactly(2), "big")
            least = 126
        elif size == 127:
            size = int.from_bytes(await self._exactly(8), "big")
            least = 65536
        else:
            least = 0
        if size < least or size >> 63:
            await self._fail(frames.PROTOCOL_ERROR, "length not in its shortest form")
        self._left = size
        return bool(head[0] & 0x80), head[0] & 15, size

    async def _exactly(self, size):
        """`size` bytes of a header; reads ahead a little."""
        while len(self._buffer) < size:
            self._buffer += await self._read(READ)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    async def _payload(self, size):
        """All of a control frame."""
        data = bytearray(size)
        await self._fill(data, 0)
        return bytes(data)

    async def _fill(self, data, at):
        """Read the rest of the frame into `data` from index `at` on."""
        while self._left:
            part = await self._piece()
            data[at : at + len(part)] = part
            at += len(part)

    async def _piece(self):
        """Some of the bytes that are left of this frame."""
        if self._buffer:
            part, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        else:
            part = await self._read(min(READ, self._left))
        self._left -= len(part)
        return part

    async def _skip(self, head):
        """Throw away the rest of this frame; returns `head`, filled up from it."""
        while self._left:
            part = await self._piece()
            if len(head) < HEAD:
                head += part[: HEAD - len(head)]
        return head

    async def _read(self, size):
        data = await self._reader.read(size)
        if not data:
            raise frames.Closed(frames.ABNORMAL, "connection lost")
        self.last_rx = ticks_ms()
        return data


def _readable(head):
    """The beginning of a message as text, as far as it is ASCII (an id should be)."""
    n = 0
    while n < len(head) and head[n] < 128:
        n += 1
    return head[:n].decode()
