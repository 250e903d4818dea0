# asyncio on virtual time, CPython; and the virtual network under it.
# MIT license; part of microevse
"""A selector loop whose clock is the twin's, and sockets that the virtual network can cut.

Sockets are replaced below asyncio's transports, so TLS and servers need no code of theirs.
"""

import asyncio
import errno
import math
import selectors
import socket
import struct
import time
import weakref

from twin.net import AP_ADDRESS, Handshake, station

_RealSocket = socket.socket
_sockets = weakref.WeakValueDictionary()  # fd -> TwinSocket
_net = None
_clock = None


def _drop(real):
    """Close with RST instead of FIN."""
    real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    real.close()


class TwinSocket(_RealSocket):
    """A non-blocking TCP socket behind the virtual network."""

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        super().__init__(family, type, proto, fileno)
        self._twin = self.family in (socket.AF_INET, socket.AF_INET6)
        self._epoch = _net.epoch if fileno is not None and self._twin else None
        self._outgoing = False
        self._inside = False  # True: on the side of our own access point; None: not known yet
        self._listens = False
        self._port = None
        self._handshake = Handshake(_net)
        if self._twin:
            _sockets[self.fileno()] = self

    def cut(self):
        return self._twin and not _net.passes(self._inside)

    def dead(self):
        return self._epoch is not None and self._epoch != _net.epoch

    def _check(self):
        if self.cut():
            return False
        if self.dead():
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        return True

    def _got(self, data):
        if data:
            self._handshake.received(data)
        _net.read(len(data))

    def recv(self, *args):
        if not self._check():
            raise BlockingIOError
        data = super().recv(*args)
        if self._twin:
            self._got(data)
        return data

    def recv_into(self, buffer, *args):
        if not self._check():
            raise BlockingIOError
        count = super().recv_into(buffer, *args)
        if self._twin:
            self._got(memoryview(buffer)[:count])
        return count

    def send(self, data, *args):
        if not self._check():
            return len(data)
        if not self._twin:
            return super().send(data, *args)
        self._handshake.sent(data)
        count = super().send(data, *args)
        _net.wrote(count, self._outgoing)
        return count

    def sendmsg(self, buffers, *args):
        return self.send(b"".join(bytes(b) for b in buffers))

    def sendto(self, data, *args):
        if not self._check():
            return len(data)
        count = super().sendto(data, *args)
        if self._twin:
            _net.wrote(count, True)
        return count

    def recvfrom(self, *args):
        if not self._check():
            raise BlockingIOError(errno.EAGAIN, "nothing there")
        data, address = super().recvfrom(*args)
        _net.read(len(data))
        return data, address

    def connect(self, address):
        if self._twin:
            if not _net.usable():
                # A connection attempt into the black hole is given up at once rather than
                # left pending: asyncio cannot be told to try the same socket later.
                raise OSError(errno.EHOSTUNREACH, "no route to host")
            self._outgoing = True
            self._epoch = _net.epoch
            _net.changes += 1
        return super().connect(address)

    def bind(self, address):
        if self._twin:
            real = _net.map_port(address[0], address[1])
            self._port = (address[1], real)
            self._inside = address[0] == AP_ADDRESS or (None if address[0] == "0.0.0.0" else False)
            address = real
        return super().bind(address)

    def listen(self, *args):
        super().listen(*args)
        self._listens = True
        if self._port:
            _net.listening(self._port[0], self._port[1])

    def accept(self):
        if self.cut():
            raise BlockingIOError
        connection, address = super().accept()
        _net.changes += 1
        if self._inside or (self._inside is None and not _net.usable()):
            connection._inside = True
            connection._epoch = None
        return connection, connection.getpeername()

    def getpeername(self):
        name = super().getpeername()
        return (station(name[0]), name[1]) if self._inside else name

    def shutdown(self, how):
        if not self.cut() and not self.dead():
            super().shutdown(how)

    def close(self):
        if self.fileno() >= 0 and self._epoch is not None and not self._listens:
            _net.changes += 1
            real = _RealSocket(fileno=self.detach())
            if _net.passes(self._inside):
                _drop(real) if self.dead() else real.close()
            elif self.dead():
                _net.limbo.append(real)
            else:
                real.close()
            return
        super().close()


class TwinSelector(selectors.DefaultSelector):
    """Waits on virtual time; hides what the virtual network does not let through."""

    pacer = None

    def _ready(self, seconds):
        found = super().select(seconds)
        out = []
        hidden = False
        for key, events in found:
            sock = _sockets.get(key.fd)
            if sock is not None and sock.cut():
                hidden = True
                continue
            out.append((key, events))
        if _net.epoch:
            seen = {key.fd for key, _ in out}
            for key in list(self.get_map().values()):
                sock = _sockets.get(key.fd)
                if sock is None or key.fd in seen or sock.cut() or not sock.dead():
                    continue
                out.append((key, key.events))  # a dead connection: let it fail
        if hidden and not out and seconds:
            time.sleep(min(seconds, 0.005))
        return out

    def wait(self, ms):
        """Real wait for the link or a socket of the firmware."""
        link = self.pacer.link.sock
        self.register(link, selectors.EVENT_READ)
        try:
            self._ready(ms / 1000)
        finally:
            self.unregister(link)

    def select(self, timeout=None):
        pacer = self.pacer
        pacer.clock.entered()
        pacer.wait = self.wait
        until = None
        if timeout is not None:
            until = pacer.clock.now_us + max(0, math.ceil(timeout * 1e6 - 1e-3))
            if pacer.clock.stopped_us is not None and timeout > 0:
                until = None
        woken = pacer.clock.deliver() > 0
        while True:
            found = self._ready(0)
            if found or woken or (until is not None and pacer.clock.now_us >= until):
                return found
            if pacer.clock.stopped_us is not None:
                until = None  # without a clock no sleep ends
            woken = pacer.step(until)


class TwinLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__(TwinSelector())

    def time(self):
        return (_clock.boot_us + _clock.virtual_now_us()) / 1e6

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        # In this thread: a worker thread would answer at a moment that no test can foresee.
        if not _net.dns(host or ""):
            raise socket.gaierror(-3, "name resolution failed")
        return socket.getaddrinfo(host, port, family, type, proto, flags)


def patch(pacer):
    """Make asyncio and socket virtual; before the firmware is imported."""
    global _net, _clock
    _net = pacer.net
    _clock = pacer.clock
    _net.drop = _drop
    TwinSelector.pacer = pacer
    socket.socket = TwinSocket
    asyncio.new_event_loop = TwinLoop
    asyncio.events.new_event_loop = TwinLoop

    def wait(ms):
        time.sleep(min(ms, 5) / 1000)

    pacer.wait = wait  # until a loop runs
