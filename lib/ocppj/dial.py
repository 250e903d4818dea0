# One attempt to reach the central system: address, TCP, TLS, upgrade.
# MIT license; part of microevse
"""Everything between a URL and two open streams that speak WebSocket."""

import asyncio
import gc

from evse_base import log
from evse_base import IN_PLACE, MICROPYTHON, before_import, const, release, ticks_diff, ticks_ms

from .resolver import UnknownHost, is_address

# From the beginning of a TLS handshake on no contactor closes for so long, and the handshake is
# given up before the end of it. A server is reached whose answers take 4 s, with the 1.2 s that
# the chip computes. A car that comes meanwhile starts later by this, once.
HANDSHAKE_MS = const(7000)
# With less than this left of it no answer is worked on: it takes the chip 0.3 to 1.2 s, and a
# contactor may have closed at the end.
_STALL_MS = const(1500)
# So long none closes from the loading of what TLS needs on: code, certificates, key.
_PREPARE_MS = const(1500)

if not IN_PLACE:
    # Read from files now: later, when they are needed, a car may charge.
    from . import failure, handshake, tls, url  # noqa: F401


def resolve(host, port):
    """The first address of `host` as text. Blocks the interpreter, possibly for seconds."""
    import socket

    address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][-1]
    if not isinstance(address, tuple):
        # The unix port answers with a packed sockaddr.
        family, packed, _ = socket.sockaddr(address)[:3]
        return socket.inet_ntop(family, packed)
    return address[0]


async def open_stream(host, port, context, server_hostname):
    """Open TCP, or TLS if `context`: (reader, writer). MicroPython connects lazily."""
    if context is None:
        return await asyncio.open_connection(host, port)
    return await asyncio.open_connection(host, port, ssl=context, server_hostname=server_hostname)


class Dialer:
    """Opens the connection that `config` describes.

    A config may have `next_ca(seen)`, which gets the names of tls.client_context: True if `ca_der`
    is a CA of such a name now, and was not before. It is asked once in an attempt. Its `known_by`
    is set to the CRC-32 (its lower 30 bits) of the name of the CA that vouches for the server, and
    to 0 for a connection without TLS.
    resolver: see Resolver. A name is resolved again when its address did not answer.
    protocols: fn() -> sub-protocols to offer, most preferred first.
    """

    def __init__(self, config, open_stream, resolver, protocols):
        self._config = config
        self._open_stream = open_stream
        self._resolver = resolver
        self._protocols = protocols
        self._stale = False  # the cached address did not answer
        self.reader = None
        self.writer = None
        self._text = self._secure = self._host = None  # of `would_stall`

    def would_stall(self):
        """True if an attempt now needs name resolution or a TLS handshake. Asked once a second:
        the address is parsed again only if it is another one, as to load the parser is a stall."""
        try:
            self._look_again()
        except ValueError:
            return False
        return self._secure or not (is_address(self._host) or self._resolver.known(self._host))

    def _look_again(self):
        text = self._config.url
        if text != self._text:
            from . import url

            try:
                target = url.parse(text)
            finally:
                release("ocppj.url")
            # Not the Url itself: it would keep its class, 900 bytes, in the heap.
            self._text, self._secure, self._host = text, target.secure, target.host

    async def _address(self, target):
        if is_address(target.host):
            return target.host
        stale, self._stale = self._stale, False
        try:
            return await self._resolver.address(target.host, target.port, stale)
        except OSError:
            raise UnknownHost("host name %s not found" % target.host) from None

    def answered(self, yes):
        """Say whether the last attempt got through to a server."""
        self._stale = not yes

    async def open(self):
        """Connect and upgrade; returns (sub-protocol, bytes read beyond it), or None if a car goes
        first: that says nothing about the server, and nothing is loaded to explain it.

        Leaves `reader` and `writer` set, also when it fails or is cancelled: call `close`.
        """
        try:
            return await self._open()
        finally:
            for name in ("handshake", "tls", "url"):  # of no use while a connection stands
                release("ocppj." + name)

    async def _open(self):
        from . import url

        config = self._config
        protocols = self._protocols()
        if not config.url:
            raise ValueError("no central system configured")
        if not protocols:
            raise ValueError("no version of OCPP can be loaded while a car charges")
        target = url.parse(config.url)
        log.info("net", "connecting to %s as %s", target, config.charge_point_id)
        address = await self._address(target)
        other = getattr(config, "next_ca", None)
        if other is not None:
            config.known_by = None if target.secure else 0
        if not target.secure:
            other = None
        seen = None if other is None else []
        try:
            return await self._through(target, address, protocols, seen)
        except (OSError, ValueError) as exc:
            if other is None:
                raise  # without loading what explains errors of TLS
            if not self._resolver.allowed(_PREPARE_MS):
                return None
            from . import tls

            if not tls.another_ca(exc, other, seen):
                raise
        # One context after the other: two would not fit a plain ESP32. A handshake stalls the
        # interpreter, and leaves a socket that lwIP keeps for two minutes: no third one.
        await self.close()
        return await self._through(target, address, protocols, [])

    async def _through(self, target, address, protocols, seen=None):
        config = self._config
        context = limit_s = None
        if target.secure:
            # Since the attempt began: looking up the name and a first handshake take seconds.
            if not self._resolver.allowed(_PREPARE_MS):
                return None
            gc.collect()  # TLS wants large blocks, and a context before this one goes
            from . import tls

            chain, key = config.client_certificate() or (None, None)
            context = tls.client_context(config.ca_der, chain, key, seen)
        self.reader, self.writer = await self._open_stream(
            address, target.port, context, target.host
        )
        began = ticks_ms()
        # On MicroPython the stream is a TCP connection so far, which may have taken long. The
        # handshake begins with the first byte, and is a row of stalls.
        if context is not None and not self._resolver.allowed(HANDSHAKE_MS):
            return None
        await before_import()
        from . import handshake

        password = config.password
        if context is not None:
            limit_s = (HANDSHAKE_MS - _STALL_MS - ticks_diff(ticks_ms(), began)) / 1000
        found = await handshake.upgrade(
            self.reader,
            self.writer,
            target,
            config.charge_point_id,
            protocols,
            password,
            limit_s,
        )
        if seen:
            config.known_by = tls.topmost(seen)
        if hasattr(context, "verify_callback"):
            # The context lives as long as the connection. With it would live the function that
            # notes the issuers, and all code of `tls` with that.
            context.verify_callback = None
        return found

    async def close(self):
        """Close the open sockets. Never raises."""
        writer, self.writer = self.writer, None
        self.reader = None
        if writer is None:
            return
        try:
            writer.close()
            if MICROPYTHON:
                await writer.wait_closed()  # only this closes the socket there
        except (OSError, ValueError) as exc:
            log.info("net", "closing: %s", exc)
