# The serial line to a board: finding it, opening it, MicroPython's prompt at the other end.
# MIT license; part of microevse
"""`Trouble` is every failure that a user can do something about: its text is one sentence.

mpremote talks to MicroPython. Its transport is used, not its command line, so that this program
reports progress and errors itself. Its version is pinned for that.
"""

import ast
import contextlib
import errno
import io
import os
import re
import time

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

BAUD = 115200
READ_S = 2
LOOK_S = 0.1
ENTER_S = 5  # for the prompt to come after Ctrl-C, and again after the soft reset
RUN_S = 60  # a command may print nothing for so long: erasing flash takes its time
# `12.345 W ocpp: text`, as lib/evse_base/log.py prints it.
LOG_LINE = re.compile(r"[0-9]+\.[0-9]{3} [IWE] [a-z_0-9]+: ")
OLDEST = (1, 24)


class Trouble(Exception):
    """A problem and its remedy, in one sentence."""


class NoPrompt(Trouble):
    """No MicroPython answers."""


def choose(port, ports=None):
    """`port` if one is named, else the only serial port of this machine that is on USB."""
    if port:
        return port
    found = list_ports.comports() if ports is None else ports
    found = sorted(p.device for p in found if p.vid is not None)
    if not found:
        raise Trouble(
            "no board found: connect it with a USB cable that carries data, or name PORT=..."
        )
    if len(found) > 1:
        raise Trouble("several serial ports, say which one with PORT=: " + ", ".join(found))
    return found[0]


def open_trouble(port, exc):
    """Trouble for an OSError of opening `port`."""
    number = exc.errno
    if number == errno.ENOENT or (number is None and not os.path.exists(port)):
        return Trouble("there is no port %s: look at the cable, or at the name in PORT=" % port)
    if number in (errno.EBUSY, errno.EAGAIN):
        return Trouble(
            "%s is in use: close the other program (a console, `make logs`) and try again" % port
        )
    if number in (errno.EACCES, errno.EPERM):
        return Trouble(
            "no permission for %s: join its group (sudo usermod -aG dialout $USER), then log in "
            "again" % port
        )
    return Trouble(
        "%s cannot be opened (%s): unplug the board, plug it in, try again" % (port, exc)
    )


def open_line(port):
    """An open serial line, locked against other programs. Trouble if it cannot be had."""
    try:
        line = serial.serial_for_url(port, BAUD, timeout=LOOK_S, exclusive=True, do_not_open=True)
        line.open()
    except OSError as exc:  # SerialException is one
        raise open_trouble(port, exc)
    except ValueError as exc:
        raise Trouble("%s is no serial port (%s): correct PORT=" % (port, exc))
    return line


def pulse_reset(line):
    """Restart the chip by its reset line; False where the port has none."""
    try:
        # Both lines of the usual circuit together do nothing; RTS alone pulls EN low.
        line.dtr = False
        line.rts = True
        time.sleep(0.1)
        line.rts = False
    except OSError:
        return False
    return True


def lines(line, until):
    """Text lines from a serial line until time.monotonic() reaches until()."""
    line.timeout = LOOK_S  # that of a prompt waits longer, beyond until()
    rest = b""
    while time.monotonic() < until():
        data = line.read(line.in_waiting or 1)
        *whole, rest = (rest + data).split(b"\n")
        for text in whole:
            # The last control characters of the prompt come before the charger's first line.
            yield "".join(c for c in text.decode(errors="replace") if c.isprintable() or c == "\t")


class Prompt:
    """MicroPython's raw prompt on `port`. A program that ran there is stopped.

    Trouble if nothing answers like MicroPython.
    """

    def __init__(self, port, tries=2):
        open_line(port).close()  # says why it cannot be opened; mpremote does not
        self.port = port
        # With a time limit: reads of a pseudo terminal (an emulator) would block for ever.
        self._transport = self._quiet(SerialTransport, port, baudrate=BAUD, timeout=READ_S)
        try:
            self._enter(tries)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _quiet(fn, *args, **kwargs):
        # mpremote prints an answer that it did not understand; here that becomes a Trouble.
        with contextlib.redirect_stdout(io.StringIO()):
            return fn(*args, **kwargs)

    def _enter(self, tries):
        # Twice: an application that is just starting may swallow the first Ctrl-C.
        for last in (False,) * (tries - 1) + (True,):
            try:
                # The soft reset frees the application's memory and stops its timers.
                self._quiet(self._transport.enter_raw_repl, True, ENTER_S)
                return
            except (TransportError, OSError):
                if last:
                    raise NoPrompt(
                        "no MicroPython answers on %s: put it on the chip with "
                        "FIRMWARE=micropython.bin (from micropython.org/download)" % self.port
                    )

    def close(self):
        with contextlib.suppress(OSError):
            self._transport.close()

    @property
    def line(self):
        return self._transport.serial

    def give_time(self, ms):
        """Let the charger's watchdog wait so long from now on. It cannot be stopped, but by the
        reset at the end."""
        self.run("import machine\nmachine.WDT(timeout=%d)" % ms)

    def run(self, code):
        """Text that `code` prints. Trouble if it fails or the board goes away."""
        try:
            said, error = self._transport.exec_raw(code, timeout=RUN_S)
        except (TransportError, OSError) as exc:
            raise Trouble("the board no longer answers (%s): look at the cable, try again" % exc)
        if b"ENOSPC" in error or b"OSError: 28" in error:
            raise Trouble(
                "the board's file system is full: delete what is yours there (mpremote rm), or "
                "write everything anew with FIRMWARE=micropython.bin"
            )
        if error:
            reason = error.decode(errors="replace").strip().split("\n")[-1].strip()
            raise Trouble("MicroPython on the board failed (%s): try again" % reason)
        return said.decode()

    def value(self, code, expression):
        """Value of an expression after some code, as far as it is a literal."""
        return ast.literal_eval(self.run("%s\nprint(repr(%s))" % (code, expression)).strip())

    def write(self, path, data, progress):
        """Write one file. progress(bytes) after each piece."""
        self.run("f=open(%r,'wb')\nw=f.write" % path)
        for at in range(0, len(data), 512):
            piece = data[at : at + 512]
            self.run("w(%r)" % bytes(piece))
            progress(len(piece))
        self.run("f.close()")

    def read(self, path):
        """Contents of a file, None if there is none."""
        code = "import os\ntry:\n d=open(%r,'rb').read()\nexcept OSError:\n d=None" % path
        return self.value(code, "d")

    def restart(self):
        """Reset the chip; the prompt is gone, the line stays open."""
        try:
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
        except (TransportError, OSError) as exc:
            raise Trouble("the board no longer answers (%s): press its reset button" % exc)
