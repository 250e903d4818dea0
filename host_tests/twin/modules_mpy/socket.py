# Stands in for MicroPython's `socket`: real loopback sockets behind the virtual network.
# MIT license; part of microevse
"""Addresses are (ip, port) tuples, as on the chip. The real socket never blocks; where the
firmware asked for blocking calls, virtual time passes while it waits."""

import errno
import io
import select
import struct

import twin_state
import usocket
from twin.net import AP_ADDRESS, GATEWAY, Handshake, station
from twin.nameserver import answer
from twin.system_heap import LINGER_MS, SOCKETS, NoRoom
from usocket import *  # noqa: F401,F403 - constants

_IN = 1
_OUT = 4
_ERR = 8
_POLL = 3  # stream ioctl requests of py/stream.h
_CLOSE = 4

ENOBUFS = 105
ENFILE = 23

_AF_INET = usocket.AF_INET
_STREAM = usocket.SOCK_STREAM


def _sockaddr(address):
    if isinstance(address, (bytes, bytearray)):
        return address
    return usocket.getaddrinfo(address[0], address[1])[0][-1]


def _address(sockaddr):
    """(ip, port) of a raw IPv4 sockaddr."""
    return (
        "%d.%d.%d.%d" % (sockaddr[4], sockaddr[5], sockaddr[6], sockaddr[7]),
        sockaddr[2] << 8 | sockaddr[3],
    )


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    """[(family, type, proto, name, (ip, port))]; stalls and fails as the network says."""
    twin_state.clock.entered()
    if not twin_state.net.dns(host):
        raise OSError(-202)  # as the esp32 port: EAI_FAIL
    try:
        found = usocket.getaddrinfo(twin_state.net.at(host) or host, port)
    except OSError:
        raise OSError(-2)  # EAI_NONAME
    for entry in found:
        if entry[0] == _AF_INET:
            return [(_AF_INET, type or _STREAM, proto, "", _address(entry[4]))]
    raise OSError(-2)


def _resolved(name):
    """What the name server of the router knows; None if nothing."""
    try:
        found = usocket.getaddrinfo(twin_state.net.at(name) or name, 0)
    except OSError:
        return None
    for entry in found:
        if entry[0] == _AF_INET:
            return _address(entry[4])[0]
    return None


def _drop(real):
    """Close with RST instead of FIN."""
    real.setsockopt(usocket.SOL_SOCKET, usocket.SO_LINGER, struct.pack("ii", 1, 0))
    real.close()


class socket(io.IOBase):
    def __init__(self, af=_AF_INET, type=_STREAM, proto=0, _accepted=None, _inside=False):
        net = twin_state.net
        net.drop = _drop
        self._net = net
        self._memory = []  # blocks of the system heap
        self._secure = False  # these are of a TLS connection
        self._real = None
        if net.sockets >= SOCKETS and twin_state.heap.strict:
            raise OSError(ENFILE)
        net.sockets += 1
        self._counted = True
        if _accepted:
            self._hold("tcp")
        elif type != _STREAM:
            self._hold("udp")
        self._real = _accepted or usocket.socket(af, type)
        self._real.setblocking(False)
        self._stream = type == _STREAM
        self._poll = select.poll()
        self._poll.register(self._real, _IN)
        self._timeout = None  # None: blocking; 0: non-blocking; else seconds
        self._listening = False
        self._outgoing = False
        # On which side: True that of our own access point, None not known yet.
        self._inside = _inside
        # None: not connected, or inside, where the loss of the other network changes nothing.
        self._epoch = net.epoch if _accepted and not _inside else None
        self._pending = None  # address of a connect() that found no link
        self._port = None  # (board port, real address) after bind()
        self._handshake = Handshake(net)
        self.full = False  # the last write found no room
        self._answers = []  # [(us at which it is there, packet)] of the router's name server

    # -- memory --------------------------------------------------------------------

    def _hold(self, what):
        """Have the system heap's blocks of `what` in place of those that are held now."""
        heap = twin_state.heap
        heap.give(self._memory)
        self._memory = []
        try:
            self._memory = heap.take(what)
        except NoRoom:
            self._release()
            raise OSError(ENOBUFS)

    def secured(self):
        """A TLS connection begins on this socket. Raises NoRoom."""
        heap = twin_state.heap
        heap.give(self._memory)
        self._memory = []
        self._memory = heap.take("tls")
        self._secure = True

    def _release(self):
        heap, net = twin_state.heap, self._net
        heap.give(self._memory)
        self._memory = []
        if self._counted:
            self._counted = False
            net.sockets -= 1
            if self._secure:
                try:
                    left = heap.take("closed")
                except NoRoom:
                    return
                twin_state.clock.after(1000 * LINGER_MS, lambda: heap.give(left))

    # -- readiness -----------------------------------------------------------------

    def _dead(self):
        """The connection did not survive a loss of the link."""
        return self._epoch is not None and self._epoch != self._net.epoch

    def _ready(self, flags):
        if self._real is None:
            return flags | _ERR
        if self._answers and flags & _IN and self._answers[0][0] <= twin_state.clock.now_us:
            return _IN
        net = self._net
        if not net.passes(self._inside):
            return 0
        if self._pending is not None:
            # The link is back: now the connection attempt gets through.
            address, self._pending = self._pending, None
            try:
                self._connect(address)
            except OSError as exc:
                if exc.errno != errno.EINPROGRESS:
                    return flags | _ERR
        if self._dead():
            return flags | _ERR
        self._poll.modify(self._real, flags)
        for _, event in self._poll.ipoll(0):
            return event
        net.waiting.append((self._real, flags))
        return 0

    def _wait(self, flags):
        """Let virtual time pass until ready; False if this socket does not block."""
        if self._timeout == 0:
            return False
        clock = twin_state.clock
        until = None
        if self._timeout is not None:
            until = clock.now_us + int(self._timeout * 1000000)
        while True:
            self._net.waiting.clear()
            if self._ready(flags):
                return True
            if until is not None and clock.now_us >= until:
                raise OSError(errno.ETIMEDOUT)
            clock.pacer.step(until)

    def ioctl(self, request, arg):
        if request == _POLL:
            return self._ready(arg)
        if request == _CLOSE:
            self.close()
            return 0
        return -errno.EINVAL  # no file number: readiness is ours to say

    # -- reading and writing -----------------------------------------------------------

    def _check(self):
        """True where bytes can pass; False in the black hole. Raises on a dead connection."""
        twin_state.clock.entered()
        if self._real is None:
            raise OSError(errno.EBADF)
        if not self._net.passes(self._inside):
            return False
        if self._dead():
            raise OSError(errno.ECONNRESET)
        return self._pending is None

    def _got(self, data):
        if data:
            self._handshake.received(data)
        self._net.read(len(data))
        return data

    def recv(self, size, flags=0):
        while True:
            if self._check():
                try:
                    return self._got(self._real.recv(size, flags))
                except OSError as exc:
                    if exc.errno != errno.EAGAIN:
                        raise
            if not self._wait(_IN):
                raise OSError(errno.EAGAIN)

    def readinto(self, buf, size=-1):
        view = memoryview(buf)
        if size >= 0:
            view = view[:size]
        while True:
            if self._check():
                count = self._real.readinto(view)
                if count is not None:
                    self._got(view[:count])
                    return count
            if not self._wait(_IN):
                return None

    def read(self, size=-1):
        data = b""
        while size < 0 or len(data) < size:
            part = None
            if self._check():
                part = self._real.read(size - len(data)) if size >= 0 else self._real.read()
            if part is None:
                if self._timeout == 0:
                    return data or None
                self._wait(_IN)
                continue
            self._got(part)
            data += part
            if not part or self._timeout == 0:
                break
        return data

    def readline(self, size=-1):
        data = b""
        while True:
            part = self._real.readline() if self._check() else None
            if part is None:
                if self._timeout == 0:
                    return data or None
                self._wait(_IN)
                continue
            self._got(part)
            data += part
            if not part or data[-1] == 10 or self._timeout == 0:
                return data

    def write(self, buf, *args):
        if args:
            buf = memoryview(buf)[args[-2] if len(args) > 1 else 0 :][: args[-1]]
        total = 0
        while True:
            if self._pending is not None:
                if not self._wait(_OUT):
                    return None
                continue
            if not self._check():
                return len(buf)  # swallowed
            self._handshake.sent(buf)
            count = self._real.write(buf)
            self.full = count is None or count < len(buf)
            if count:
                total += count
                self._net.wrote(count, self._outgoing)
                buf = memoryview(buf)[count:]
            if self._timeout == 0:
                return total or count
            if not len(buf):
                return total
            self._wait(_OUT)

    def send(self, buf, flags=0):
        count = self.write(buf)
        if count is None:
            raise OSError(errno.EAGAIN)
        return count

    def sendall(self, buf, flags=0):
        while len(buf):
            count = self.write(buf)
            if count is None:
                raise OSError(errno.EAGAIN)
            buf = memoryview(buf)[count:]

    def sendto(self, buf, address, *rest):
        if rest:
            address = rest[0]
        if not self._check():
            return len(buf)
        if address[0] == GATEWAY and address[1] == 53:
            return self._ask(bytes(buf))
        count = self._real.sendto(buf, _sockaddr(address))
        self._net.wrote(count, True)
        return count

    def _ask(self, packet):
        """A question to the name server of the router; its answer comes later, or never."""
        net = self._net
        net.wrote(len(packet), False)
        told = answer(packet, _resolved) if net.names() else None
        if told:
            at = twin_state.clock.now_us + 1000 * net.names_ms()
            self._answers.append((at, told))
            twin_state.clock.at(at, lambda: None)  # so that a wait ends there
        return len(packet)

    def recvfrom(self, size, flags=0):
        while True:
            if self._answers and self._answers[0][0] <= twin_state.clock.now_us:
                data = self._answers.pop(0)[1][:size]
                self._net.read(len(data))
                return data, (GATEWAY, 53)
            if self._check():
                try:
                    data, address = self._real.recvfrom(size)
                    self._got(data)
                    return data, _address(address)
                except OSError as exc:
                    if exc.errno != errno.EAGAIN:
                        raise
            if not self._wait(_IN):
                raise OSError(errno.EAGAIN)

    # -- connections -------------------------------------------------------------------

    def connect(self, address):
        twin_state.clock.entered()
        net = self._net
        if not net.joined:
            # asyncio.open_connection() closes nothing then: a chip's socket is closed by its
            # finaliser in the next collection, ours has none.
            self._release()
            raise OSError(errno.EHOSTUNREACH)
        if self._stream and not self._memory:
            self._hold("tcp")
        self._outgoing = True
        if address[0] == GATEWAY and net.local():
            raise OSError(errno.ECONNREFUSED)  # the router is there, and serves nothing
        if not net.usable():
            self._pending = address
            self._epoch = None
            if self._timeout == 0:
                raise OSError(errno.EINPROGRESS)
            self._wait(_OUT)
            return
        try:
            self._connect(address)
        except OSError as exc:
            if exc.errno != errno.EINPROGRESS or self._timeout == 0:
                raise
            self._wait(_OUT)

    def _connect(self, address):
        self._epoch = self._net.epoch
        self._net.changes += 1
        self._real.connect(_sockaddr(address))

    def bind(self, address):
        if isinstance(address, (bytes, bytearray)):
            address = _address(address)
        real = self._net.map_port(address[0], address[1])
        self._port = (address[1], real)
        self._inside = address[0] == AP_ADDRESS or (None if address[0] == "0.0.0.0" else False)
        self._real.bind(_sockaddr(real))

    def listen(self, backlog=5):
        self._hold("listen")
        self._real.listen(backlog)
        self._listening = True
        if self._port:
            self._net.listening(self._port[0], self._port[1])

    def accept(self):
        while True:
            if self._check():
                try:
                    real, address = self._real.accept()
                    net = self._net
                    net.changes += 1
                    address = _address(address)
                    # Who comes to a socket that is bound to no address: from where there is
                    # a network, and from inside only where there is no other.
                    inside = self._inside or (self._inside is None and not net.usable())
                    if inside:
                        address = (station(address[0]), address[1])
                    try:
                        return socket(_accepted=real, _inside=bool(inside)), address
                    except OSError:
                        _drop(real)  # lwIP has no memory for it
                        raise
                except OSError as exc:
                    if exc.errno != errno.EAGAIN:
                        raise
            if not self._wait(_IN):
                raise OSError(errno.EAGAIN)

    def close(self):
        self._release()
        real, self._real = self._real, None
        if real is None:
            return
        net = self._net
        if self._stream and not self._listening and self._epoch is not None:
            net.changes += 1
            if not net.usable():
                net.limbo.append(real)
                return
            if self._dead():
                _drop(real)
                return
        real.close()

    # -- options -----------------------------------------------------------------------

    def setblocking(self, flag):
        self._timeout = None if flag else 0

    def settimeout(self, seconds):
        self._timeout = seconds

    def setsockopt(self, level, option, value):
        self._real.setsockopt(level, option, value)

    def fileno(self):
        return self._real.fileno() if self._real else -1

    def makefile(self, *args):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()
