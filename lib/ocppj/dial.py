# One attempt to reach the central system: address, TCP, TLS, upgrade.
# MIT license; part of microevse
"""Everything between a URL and two open streams that speak WebSocket."""

import asyncio
import errno
import gc

import log
from port import MICROPYTHON, print_exception

from . import handshake, tls, url
from .backoff import ABSENT_CAP_MS, BROKEN_CAP_MS, CAP_MS
from .handshake import HandshakeError


class UnknownHost(HandshakeError):
    """Nobody told the address of the host."""


def is_address(host):
    """True for an IPv4 or IPv6 literal: nothing to resolve."""
    if ":" in host:
        return True
    for char in host:
        if char not in "0123456789.":
            return False
    return True


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
    return await asyncio.open_connection(
        host, port, ssl=context, server_hostname=server_hostname
    )


def heard(exc):
    """True if this failure is somebody's answer; False where packets may just vanish."""
    if isinstance(exc, UnknownHost):
        return False
    if isinstance(exc, asyncio.TimeoutError):
        return False
    if isinstance(exc, OSError):
        code = exc.args[0] if exc.args else None
        # TLS errors of mbedTLS (a refused certificate, say) are far below zero.
        answers = (errno.ECONNREFUSED, errno.ECONNRESET)
        return code in answers or isinstance(code, int) and code < -0x1000
    return True


def longest_wait_ms(exc):
    """How long the wait after this failure may grow."""
    if isinstance(exc, HandshakeError) and exc.status:
        return BROKEN_CAP_MS if exc.status >= 500 else CAP_MS
    return CAP_MS if isinstance(exc, ValueError) else ABSENT_CAP_MS


def words(exc, timeout_s):
    """Why an attempt failed, for the log and the page; never holds a secret."""
    if isinstance(exc, HandshakeError):
        return str(exc)
    if isinstance(exc, asyncio.TimeoutError):
        return "no answer within %s s" % timeout_s
    text = tls.explain(exc)
    if text:
        return text
    if isinstance(exc, OSError):
        code = exc.args[0] if exc.args else exc
        return "network: %s" % errno.errorcode.get(code, code)
    if isinstance(exc, ValueError):
        return str(exc)
    if isinstance(exc, MemoryError):
        return "not enough memory to connect"
    print_exception(exc)
    return "connecting failed: %s" % type(exc).__name__


class Dialer:
    """Opens the connection that `config` describes.

    resolver: see Resolver. A name is resolved again when its address did not answer.
    """

    def __init__(self, config, open_stream, resolver, protocols):
        self._config = config
        self._open_stream = open_stream
        self._resolver = resolver
        self._protocols = protocols
        self._stale = False  # the cached address did not answer
        self.reader = None
        self.writer = None

    def would_stall(self):
        """True if an attempt now needs name resolution or a TLS handshake."""
        try:
            target = url.parse(self._config.url)
        except ValueError:
            return False
        return target.secure or not (is_address(target.host) or self._resolver.known(target.host))

    async def _address(self, target):
        if is_address(target.host):
            return target.host
        stale, self._stale = self._stale, False
        try:
            return await self._resolver.address(target.host, target.port, stale)
        except OSError:
            raise UnknownHost(0, "host name %s not found" % target.host) from None

    def answered(self, yes):
        """Say whether the last attempt got through to a server."""
        self._stale = not yes

    async def open(self):
        """Connect and upgrade; returns (sub-protocol, bytes read beyond it).

        Leaves `reader` and `writer` set, also when it fails or is cancelled: call `close`.
        """
        config = self._config
        if not config.url:
            raise ValueError("no central system configured")
        target = url.parse(config.url)
        log.info("net", "connecting to %s as %s", target, config.charge_point_id)
        address = await self._address(target)
        context = None
        if target.secure:
            gc.collect()  # TLS wants large blocks
            context = tls.client_context(config.ca_der, config.cert_der, config.key_der)
        self.reader, self.writer = await self._open_stream(
            address, target.port, context, target.host
        )
        return await handshake.upgrade(
            self.reader,
            self.writer,
            target,
            config.charge_point_id,
            self._protocols,
            config.password,
        )

    async def close(self):
        """Close what is open. Never raises."""
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
