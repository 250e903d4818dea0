# The two ends of a serial line: a pseudo terminal, and RFC 2217 with its modem lines.
# MIT license; part of microevse
"""Both give `.port` (what a program opens), `write(bytes)` to that program and
`on_data(bytes)` from it. A pseudo terminal has no DTR and RTS; over RFC 2217 (which pyserial,
and so esptool and mpremote, speak) they are there: `on_lines(dtr, rts)`.
"""

import contextlib
import os
import pty
import select
import socket
import threading
import tty

from serial.rfc2217 import PortManager


class Terminal:
    def __init__(self, on_data):
        self._on_data = on_data
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        # Kept open: else reading the master fails whenever no program has the port open.
        self._slave = slave
        self._end, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            ready, _, _ = select.select([self._master, self._end], [], [])
            if self._end in ready:
                return
            self._on_data(os.read(self._master, 4096))

    def write(self, data):
        os.write(self._master, data)

    def close(self):
        os.close(self._wake)
        self._thread.join(10)
        for fd in (self._master, self._slave, self._end):
            os.close(fd)


class _Port:
    """A serial port for PortManager: only DTR and RTS mean something."""

    def __init__(self, on_lines):
        self._on_lines = on_lines
        self._dtr = self._rts = False
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115200, 8, "N", 1
        self.xonxoff = self.rtscts = self.dsrdtr = self.break_condition = False
        self.cts = self.dsr = self.cd = True
        self.ri = False

    @property
    def dtr(self):
        return self._dtr

    @dtr.setter
    def dtr(self, on):
        self._dtr = bool(on)
        self._on_lines(self._dtr, self._rts)

    @property
    def rts(self):
        return self._rts

    @rts.setter
    def rts(self, on):
        self._rts = bool(on)
        self._on_lines(self._dtr, self._rts)

    def reset_input_buffer(self):
        pass

    reset_output_buffer = reset_input_buffer


class _Raw:
    """Where PortManager writes its negotiations."""

    def __init__(self, write):
        self.write = write


class Network:
    def __init__(self, on_data, on_lines):
        self._on_data = on_data
        self._on_lines = on_lines
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = "rfc2217://127.0.0.1:%d" % self._server.getsockname()[1]
        self._client = None
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while not self._closed:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._client = client
            manager = PortManager(_Port(self._on_lines), _Raw(self._send))
            with contextlib.suppress(OSError):
                while data := client.recv(4096):
                    self._on_data(b"".join(manager.filter(data)))
            with self._lock:
                self._client = None
            client.close()

    def _send(self, data):
        with self._lock, contextlib.suppress(OSError):
            if self._client:
                self._client.sendall(data)

    def write(self, data):
        self._send(data.replace(b"\xff", b"\xff\xff"))  # telnet's escape

    def close(self):
        self._closed = True
        client = self._client
        if client:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)
