# WebSocket client (RFC 6455) on an open pair of streams.
# MIT license; part of microevse
"""Frames in, frames out; nothing about HTTP (handshake.py) or OCPP.

One task calls `recv` and is never cancelled for a time-out: a cancelled read loses the bytes it
had. One task of our own writes; `send` queues for it. So two senders cannot mix their bytes, a
sender that is cancelled leaves no half frame behind, and a dead line does not block the reader.
"""

import asyncio

from evse_base import const, ticks_diff, ticks_ms, urandom

from . import frames
from .intake import Intake

MAX_SIZE = 16384
# Text that comes in pieces is sent in frames of about so many bytes: bounds memory.
CHUNK = 1024
# A frame is masked and written in pieces of so many bytes, a multiple of 4 (the mask). Masking
# takes six blocks of that size: where visitors of a page have the memory the free ones are small.
_PIECE = const(256)
# How long close() waits for the peer's close frame, and for our own to leave.
CLOSE_TIMEOUT_S = 5
FLUSH_TIMEOUT_S = 2


class WebSocket(Intake):
    """The client's end of a WebSocket connection whose opening handshake is done.

    reader, writer: asyncio streams (on MicroPython the same object). Needs a running loop.
    max_size: largest message taken, in bytes. pending: bytes read beyond the handshake.
    skip_size: up to this size a larger one is read, thrown away and told as TooLarge; beyond
        it, or without it, the connection is closed with 1009.
    """

    def __init__(self, reader, writer, max_size=MAX_SIZE, pending=b"", skip_size=0):
        Intake.__init__(self, reader, max_size, skip_size, pending)
        self._writer = writer
        self._out = []  # [opcode, payload, done Event or None, error] waiting for the writer
        self._wake = asyncio.Event()
        self._peer_closed = asyncio.Event()
        self._close_sent = False
        self._over = None  # Closed once the connection cannot be used any more
        self.on_broken = None  # plain function(Closed): writing failed, `recv` may still hang
        self._task = asyncio.create_task(self._write_loop())

    def silent_ms(self):
        """Milliseconds since the last byte came in (wraps after 6 days)."""
        return ticks_diff(ticks_ms(), self.last_rx)

    async def recv(self):
        """The next message: str for text, bytes for binary, TooLarge. Raises Closed at the end."""
        if self._over:
            raise self._over
        try:
            return await self._message()
        except frames.Closed as exc:
            over = exc
        except (OSError, EOFError, ValueError) as exc:
            # ValueError: TLS errors on MicroPython. Protocol errors never get here as such.
            why = "connection lost (%s)" % (exc.args[0] if exc.args else exc)
            over = frames.Closed(frames.ABNORMAL, why)
        self._end(over)
        raise over

    async def _control(self, opcode, data):
        if opcode == frames.PING:
            # Only the latest ping needs an answer (RFC 6455 section 5.5.3): a peer that sends
            # pings faster than it reads must not fill our memory.
            for item in self._out:
                if item[0] == frames.PONG:
                    item[1] = data
                    return
            self._queue(frames.PONG, data)
        elif opcode == frames.CLOSE:
            code, reason = frames.NO_CODE, ""
            if len(data) == 1:
                await self._fail(frames.PROTOCOL_ERROR, "close frame of one byte")
            if data:
                code = int.from_bytes(data[:2], "big")
                if not frames.valid_close_code(code):
                    await self._fail(frames.PROTOCOL_ERROR, "invalid close code")
                try:
                    reason = frames.decode_utf8(data[2:])
                except ValueError:
                    await self._fail(frames.INVALID_DATA, "close reason is not UTF-8")
            self._peer_closed.set()
            await self._send_close(data[:2])
            raise frames.Closed(code, reason)

    async def _fail(self, code, reason):
        """Our side refuses to go on (RFC 6455 section 7.1.7): tell the peer and raise."""
        await self._send_close(code.to_bytes(2, "big") + reason.encode())
        raise frames.Closed(code, reason)

    async def send(self, message):
        """Send text (str), binary (bytes), or an iterator of str pieces as one text message.

        Returns when the message has been handed to the network. Raises Closed.
        """
        if isinstance(message, str):
            await self._put(frames.TEXT, frames.encode_utf8(message))
        else:
            await self._put(frames.BINARY if isinstance(message, bytes) else frames.TEXT, message)

    async def ping(self):
        """Queue a ping; does not wait for it to be sent or answered (see `last_rx`)."""
        if self._over:
            raise self._over
        for item in self._out:
            if item[0] == frames.PING:
                return  # a ping still waits: the line is slow or dead
        self._queue(frames.PING, b"")

    async def close(self, code=frames.NORMAL, reason=""):
        """Closing handshake, then the end. Another task must be in `recv`. Never raises."""
        if not self._over and not self._close_sent:
            await self._send_close(code.to_bytes(2, "big") + frames.encode_utf8(reason)[:120])
            try:
                await asyncio.wait_for(self._peer_closed.wait(), CLOSE_TIMEOUT_S)
            except asyncio.TimeoutError:
                pass
        self._end(frames.Closed(code, reason))

    def abort(self, reason="aborted"):
        """End at once, without a close frame."""
        self._end(frames.Closed(frames.ABNORMAL, reason))

    async def _put(self, opcode, payload):
        if self._over:
            raise self._over
        if self._close_sent:
            raise frames.Closed(frames.NORMAL, "closing")
        item = self._queue(opcode, payload, asyncio.Event())
        # The wait is on an Event: cancelling it leaves the frame whole.
        await item[2].wait()
        if item[3]:
            raise item[3]

    def _queue(self, opcode, payload, done=None):
        item = [opcode, payload, done, None]
        # Control frames go between messages, ahead of those that wait.
        at = len(self._out)
        if opcode >= frames.CLOSE:
            at = 0
            while at < len(self._out) and self._out[at][0] >= frames.CLOSE:
                at += 1
        self._out.insert(at, item)
        self._wake.set()
        return item

    async def _send_close(self, payload):
        """Send our close frame once, and give it a moment to leave."""
        if self._close_sent or self._over:
            return
        self._close_sent = True
        item = self._queue(frames.CLOSE, payload[: frames.CONTROL_LIMIT], asyncio.Event())
        try:
            await asyncio.wait_for(item[2].wait(), FLUSH_TIMEOUT_S)
        except asyncio.TimeoutError:
            pass

    async def _write_loop(self):
        """The only code that writes. Ends with the connection."""
        item = None
        try:
            while True:
                while not self._out:
                    self._wake.clear()
                    await self._wake.wait()
                item = self._out.pop(0)
                await self._write_message(item)
                # Sent, and not kept until the next one: what this coroutine has called stays on
                # its stack, and a heap has no more than some KB free.
                item[1] = None
                if item[2]:
                    item[2].set()
                if item[0] == frames.CLOSE:
                    self._give_up(None)  # nothing may follow a close frame
                    return
                item = None
        except asyncio.CancelledError:
            self._give_up(item)
            raise
        except Exception as exc:
            # A message cut off in the middle cannot be mended: the connection is over. The
            # reader may not notice, so the owner is told.
            self._over = self._over or frames.Closed(frames.ABNORMAL, "cannot write (%s)" % exc)
            self._give_up(item)
            if self.on_broken:
                self.on_broken(self._over)

    def _give_up(self, item):
        """Tell `item` and all waiting senders that their message was not sent."""
        for waiting in ([item] if item else []) + self._out:
            waiting[3] = self._over or frames.Closed(frames.ABNORMAL, "not sent")
            if waiting[2]:
                waiting[2].set()
        self._out = []

    async def _write_message(self, item):
        opcode, payload = item[:2]
        if isinstance(payload, (bytes, bytearray)):
            await self._write_frame(0x80 | opcode, payload)
            return
        # Pieces of text: one frame each CHUNK or so, the last one with FIN.
        part = b""
        for piece in payload:
            part += frames.encode_utf8(piece)
            if len(part) >= CHUNK:
                await self._write_frame(opcode, part)
                opcode = frames.CONTINUATION
                part = b""
        await self._write_frame(0x80 | opcode, part)

    async def _write_frame(self, first, payload):
        size = len(payload)
        # RFC 6455 section 5.3: a new unpredictable key for every frame.
        key = urandom(4)
        view = memoryview(payload)
        # Header and first piece in one write: one TLS record for a short message.
        data = frames.client_header(first, size, key) + frames.mask(view[:_PIECE], key)
        at = _PIECE
        while True:
            self._writer.write(data)
            await self._writer.drain()
            if at >= size:
                return
            data = frames.mask(view[at : at + _PIECE], key)
            at += _PIECE

    def _end(self, over):
        """Make the connection unusable, once: stop the writer, release all waiting tasks.

        The streams are closed by their owner, who also ends a reader still in `recv`.
        """
        if self._over is None:
            self._over = over
        self._peer_closed.set()
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            self._give_up(None)
