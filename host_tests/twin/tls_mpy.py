# Stands in for MicroPython's `tls`: the real one, with sockets that can be polled for free.
# MIT license; part of microevse
"""The built-in TLS socket says nothing about its readiness but to select.poll, and that costs
a real millisecond each time. So a wrapper works it out from the socket underneath."""

import io

import tls as _tls
from tls import *  # noqa: F401,F403 - constants
from twin.system_heap import NoRoom

ALLOC_FAILED = -0x7F00

_IN = 1
_OUT = 4
_POLL = 3
_CLOSE = 4


class SSLContext:
    """The real context, wrapping sockets in a class of ours."""

    def __init__(self, protocol):
        self._real = _tls.SSLContext(protocol)

    def __getattr__(self, name):
        return getattr(self._real, name)

    @property
    def verify_mode(self):
        return self._real.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._real.verify_mode = mode

    @property
    def verify_callback(self):
        return self._real.verify_callback

    @verify_callback.setter
    def verify_callback(self, fn):
        self._real.verify_callback = fn

    def wrap_socket(self, sock, **kw):
        if hasattr(sock, "secured"):
            try:
                sock.secured()
            except NoRoom:
                # As mbedtls_ssl_setup(); the port has tried it again after a collection.
                raise OSError(ALLOC_FAILED, "MBEDTLS_ERR_SSL_ALLOC_FAILED")
        return _TlsSocket(self._real.wrap_socket(sock, **kw), sock)


class _TlsSocket(io.IOBase):
    def __init__(self, real, sock):
        self._real = real
        self._sock = sock
        self._pending = True  # there may be decrypted bytes that no poll would show
        self._wants = 0  # what the last call that got nowhere waits for

    def __getattr__(self, name):
        return getattr(self._real, name)

    def ioctl(self, request, arg):
        if request == _CLOSE:
            self.close()
            return 0
        if request != _POLL:
            return -22  # EINVAL
        if self._pending and arg & _IN:
            return _IN
        # In a handshake a write may wait for bytes to come, and the other way round.
        events = self._sock.ioctl(_POLL, self._wants or arg)
        if events and self._wants:
            return arg | (events & ~(_IN | _OUT))
        return events

    def _blocked(self):
        self._wants = _OUT if self._sock.full else _IN
        self._pending = False

    def read(self, size=-1):
        data = self._real.read(size)
        if data is None:
            self._blocked()
        else:
            self._wants = 0
            # Less than asked for: the layer below ran dry.
            self._pending = len(data) == size
        return data

    def readinto(self, buf, *args):
        count = self._real.readinto(buf, *args)
        if count is None:
            self._blocked()
        else:
            self._wants = 0
            self._pending = count > 0
        return count

    def readline(self, *args):
        line = self._real.readline(*args)
        if line is None:
            self._blocked()
        else:
            self._wants = 0
            self._pending = len(line) > 0
        return line

    def write(self, buf, *args):
        count = self._real.write(buf, *args)
        if count is None:
            self._wants = _OUT if self._sock.full else _IN
        else:
            self._wants = 0
        return count

    def close(self):
        self._real.close()
        # After a handshake that failed the real one has let go of the socket below, unclosed
        # (extmod/modtls_mbedtls.c, ssl_check_async_handshake_failure). A chip's socket has a
        # finaliser, and the next collection closes it; ours has none.
        self._sock.close()

    def setblocking(self, flag):
        self._real.setblocking(flag)
