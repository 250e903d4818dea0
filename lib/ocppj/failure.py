# The meaning of a failed attempt to connect.
# MIT license; part of microevse
"""Loaded when an attempt has failed. A HandshakeError is known by its `status` (HTTP, 0 if none
was read), because its class is unloaded with its module."""

import asyncio
import errno

from evse_base import const, print_exception

from .backoff import ABSENT_CAP_MS, BROKEN_CAP_MS, CAP_MS
from .resolver import UnknownHost

_LOAD_MS = const(1000)
_EPIPE = const(32)  # not in MicroPython's errno
_REFUSED = const((401, 403))
# What a failure is to a security log, by the sentences of tls.explain. A refused handshake is
# about our certificate, where we have one. Others say nothing about who is there. Behind the kind
# of event: "date" where only the dates of a certificate are wrong, as the clock may be.
_EVENTS = const("""
the server's certificate is not from the given CA, or its chain has gaps or is out of order=\
central_certificate
the server's certificate is for another name=central_certificate
the server's certificate has expired=central_certificate date
the server's certificate is not valid yet: is the clock right?=central_certificate date
the server's certificate is not meant for a server=central_certificate
the server's certificate has too many others above it=central_certificate
the server's certificate cannot be verified=central_certificate
the server does not speak TLS on this port=central_not_known
the server wants another TLS version=tls_version
the server offers no cipher we have=tls_cipher
the server refused the TLS handshake: it wants another cipher, TLS version or client certificate=\
refused_by_central
not enough memory for TLS=memory_exhausted
not enough memory to connect=memory_exhausted
""")


def heard(exc):
    """True if the other side has answered or refused; False where packets may be lost."""
    if isinstance(exc, (UnknownHost, asyncio.TimeoutError)):
        return False
    if isinstance(exc, OSError):
        code = exc.args[0] if exc.args else None
        if code in (errno.ECONNREFUSED, errno.ECONNRESET):
            return True
        # TLS errors of mbedTLS (a refused certificate, say) are far below zero.
        return isinstance(code, int) and code < -0x1000
    return True


def event(status, reason):
    """The kind of event for a security log, "" for none; " date" behind it if a certificate was
    refused for its dates alone. status: of HTTP, 0 if there was none; reason: what `words` has
    said."""
    if status in _REFUSED:
        return "refused_by_central"
    at = _EVENTS.find("\n" + reason + "=")
    if at < 0:
        return ""
    at += len(reason) + 2
    return _EVENTS[at : _EVENTS.find("\n", at)]


def longest_wait_ms(exc):
    """How long the wait after this failure may grow."""
    if getattr(exc, "status", 0):
        return BROKEN_CAP_MS if exc.status >= 500 else CAP_MS
    return CAP_MS if isinstance(exc, ValueError) else ABSENT_CAP_MS


def _plain(exc):
    """True for an error of the network that is no error of TLS: what explains those is large, and
    a connection without TLS may be tried while a car charges."""
    if not isinstance(exc, OSError) or len(exc.args) != 1:
        return False
    return isinstance(exc.args[0], int) and exc.args[0] > -0x1000


def words(exc, timeout_s, allowed):
    """Why an attempt failed, for the log and the page; never holds a secret. allowed: fn(ms), True
    while it does no harm to load what explains errors of TLS, which is large."""
    if hasattr(exc, "status"):
        return str(exc)
    if isinstance(exc, asyncio.TimeoutError):
        return "no answer within %s s" % timeout_s
    if not _plain(exc) and allowed(_LOAD_MS):
        from . import tls

        text = tls.explain(exc)
        if text:
            return text
    if isinstance(exc, OSError):
        code = exc.args[0] if exc.args else exc
        if code == _EPIPE:
            return "network: the server has closed the connection"
        return "network: %s" % errno.errorcode.get(code, code)
    if isinstance(exc, ValueError):
        return str(exc)
    if isinstance(exc, MemoryError):
        return "not enough memory to connect"
    print_exception(exc)
    return "connecting failed: %s" % type(exc).__name__
