# One TCP connection of the test CSMS: TLS, WebSocket framing and byte counts, without tasks.
# MIT license; part of microevse
"""The transport of the CSMS on websockets' sans-I/O layer.

Everything happens inside `data_received`: by the time the event loop looks for the next
event, each complete message has been handled and its answer handed to the kernel. That is
what makes lockstep with virtual time exact: the CSMS is idle as soon as it has seen as many
bytes as the charger wrote. It also lets a test write any byte it likes, well formed or not.

TLS runs on memory buffers (`ssl.MemoryBIO`) for the same reason: bytes are counted as they
are on the wire, and a refused handshake is an event with a reason, not a vanished socket.
"""

import asyncio
import ssl

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

# A peer that got our half-close and does not close in turn is dropped after this long (real s).
_LINGER = 1.0
_RECV = 65536


class _Tls:
    """Server side of one TLS connection on memory buffers."""

    def __init__(self, context):
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._obj = context.wrap_bio(self._in, self._out, server_side=True)
        self.ready = False

    def feed(self, data):
        """Take bytes off the wire; return the plain text they complete. Raises ssl.SSLError."""
        self._in.write(data)
        plain = b""
        try:
            if not self.ready:
                self._obj.do_handshake()
                self.ready = True
            while True:
                part = self._obj.read(_RECV)
                if not part:
                    break
                plain += part
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            pass  # close_notify: the TCP end follows
        return plain

    def seal(self, plain):
        self._obj.write(plain)

    def pending(self):
        """Bytes to put on the wire."""
        return self._out.read()

    def version(self):
        return self._obj.version()

    def peer(self):
        return self._obj.getpeercert(True)


class Wire(asyncio.Protocol):
    """One connection of `server`, a Csms: its `wire_*` methods and `tls_failed` are called."""

    def __init__(self, server, context=None, subprotocols=("ocpp1.6",), max_size=1 << 20):
        self._server = server
        self._tls = _Tls(context) if context else None
        self._ws = ServerProtocol(subprotocols=subprotocols or None, max_size=max_size)
        self._parts = []
        self._inbox = []  # bytes that wait for the lockstep
        self._deaf = False
        self._transport = None
        self.id = None  # the charge point's identity, from the path
        self.request = None
        self.version = "1.6"  # of OCPP, by the sub-protocol
        self.opened_at = self.closed_at = None  # by the clock of the CSMS: upgraded, then gone
        self.accepted_at = None  # since when its charger may send everything on it
        self.status = None  # HTTP status of our answer to the upgrade
        self.error = None
        self.lost = False
        # A muted wire stands for a dead router: nothing that is written here arrives.
        self.mute = False
        # Set before the upgrade is answered: answer nothing at all.
        self.silent = False

    # --- what the charger's side did -------------------------------------------------------

    @property
    def open(self):
        return self._ws.state is State.OPEN and not self.lost

    @property
    def subprotocol(self):
        return self._ws.subprotocol

    @property
    def close_code(self):
        """Code of the close frame the charger sent; None if it sent none."""
        return self._ws.close_rcvd.code if self._ws.close_rcvd else None

    @property
    def close_reason(self):
        return self._ws.close_rcvd.reason if self._ws.close_rcvd else None

    @property
    def unsent(self):
        """Bytes still in this process although written."""
        if self._transport is None or self.lost:
            return 0
        return self._transport.get_write_buffer_size()

    @property
    def tls_version(self):
        """As ssl says it; None without TLS."""
        return self._tls.version() if self._tls else None

    @property
    def peer_certificate(self):
        """The charger's certificate in DER; None if it showed none."""
        return self._tls.peer() if self._tls else None

    # -- actions of the CSMS -----------------------------------------------------------------

    def send_text(self, text):
        if self.open:
            self._ws.send_text(text.encode())
            self._flush()

    def ping(self, data=b""):
        if self.open:
            self._ws.send_ping(data)
            self._flush()

    def send_bytes(self, data):
        """Put `data` on the wire as it is, below the WebSocket layer."""
        if not self.lost and not self.mute:
            self._write(bytes(data))

    def send_frame(self, opcode, payload=b"", fin=True, rsv=0, mask=None, length=None):
        """Write one WebSocket frame with every field as given, right or wrong.

        `mask` is a 4-byte key (a server must not mask); `length` lies about the size.
        """
        payload = bytes(payload)
        size = len(payload) if length is None else length
        head = bytearray([(0x80 if fin else 0) | (rsv << 4) | opcode])
        flag = 0x80 if mask else 0
        if size < 126:
            head.append(flag | size)
        elif size < 1 << 16:
            head.append(flag | 126)
            head += size.to_bytes(2, "big")
        else:
            head.append(flag | 127)
            head += size.to_bytes(8, "big")
        if mask:
            head += mask
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.send_bytes(bytes(head) + payload)

    def close(self, code=1000, reason=""):
        """Start (or finish) the closing handshake."""
        if self.open:
            self._ws.send_close(code, reason)
            self._flush()

    def drop(self):
        """End the TCP connection at once, without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    def answer_upgrade(self, response):
        """Send an HTTP response made by `respond()`."""
        self.status = response.status_code
        self._ws.send_response(response)
        self._flush()

    def respond(self, status, text, headers=()):
        response = self._ws.reject(status, text)
        for name, value in headers:
            response.headers[name] = value
        return response

    def accept(self, request):
        return self._ws.accept(request)

    # --- asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport):
        self._transport = transport
        self._server.wire_opened(self)

    def data_received(self, data):
        self._server.count(len(data))
        if self._server.lockstep:
            self._inbox.append(data)
        else:
            self._take(data)

    def handle(self):
        """Handle what has come in so far."""
        while self._inbox:
            self._take(self._inbox.pop(0))

    def _take(self, data):
        if self._deaf:
            return
        if self._tls:
            try:
                data = self._tls.feed(data)
            except ssl.SSLError as exc:
                self.error = str(exc)
                self._raw(self._tls.pending())  # the alert
                self._deaf = True
                self._server.tls_failed(self, str(exc))
                self._transport.close()
                return
            self._raw(self._tls.pending())
        if data:
            self._ws.receive_data(data)
            self._pump()

    def eof_received(self):
        self.handle()
        if not self._deaf:
            self._ws.receive_eof()
            self._pump()
        return False  # asyncio closes the transport

    def connection_lost(self, exc):
        self.handle()
        self.lost = True
        if self.error is None and exc is not None:
            self.error = str(exc)
        if self._tls and not self._tls.ready and not self._deaf:
            self._server.tls_failed(self, self.error or "the charger left during the handshake")
        self._server.wire_closed(self)

    # --- inside ----------------------------------------------------------------------------

    def _pump(self):
        for event in self._ws.events_received():
            if isinstance(event, Request):
                self.request = event
                if not self.silent:
                    self._server.wire_request(self, event)
            else:
                self._frame(event)
        if self._ws.parser_exc is not None and self.error is None:
            self.error = str(self._ws.parser_exc)
        self._flush()

    def _frame(self, frame):
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._parts = []
                self._binary = frame.opcode is Opcode.BINARY
            self._parts.append(bytes(frame.data))
            if frame.fin:
                data, self._parts = b"".join(self._parts), []
                self._server.wire_message(self, data, self._binary)
        else:
            self._server.wire_control(self, frame)

    def _flush(self):
        for data in self._ws.data_to_send():
            if self._transport is None or self.lost:
                return
            if data is SEND_EOF or data == b"":
                self._end()
            elif not self.mute:
                self._write(data)

    def _write(self, data):
        if self._tls:
            self._tls.seal(data)
            data = self._tls.pending()
        self._raw(data)

    def _raw(self, data):
        if data and not self.lost:
            self._transport.write(data)

    def _end(self):
        """Half-close: the peer still gets what was written; it then closes its side."""
        if self.mute:
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER, self._transport.close)
