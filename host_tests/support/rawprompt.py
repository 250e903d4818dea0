# MicroPython's raw prompt, in Python: for virtual chips whose serial line is a socket.
# MIT license; part of microevse
"""`serve` answers as shared/runtime/pyexec.c does: Ctrl-A raw, Ctrl-B friendly, Ctrl-C, Ctrl-D.

What goes to the line goes through stdout, so that it stays in order with what programs print:
a line that begins with `MARK` holds a text in JSON, which the parent sends as it is; each other
line is one of a program's.
"""

import json
import sys

MARK = "\x02"
RAW = "raw REPL; CTRL-B to exit\r\n>"
FRIENDLY = "\r\nMicroPython v%d.%d.%d; virtual board\r\n>>> "


class Prompt:
    """chip: read() -> bytes (waits), interrupted(): a Ctrl-C is forgotten, soft_reset() and
    now() -> us of its time. `names`: the globals of what is run."""

    def __init__(self, chip, names):
        self._chip = chip
        self._names = names
        self._raw = False
        self._buf = b""

    def say(self, text):
        print(MARK + json.dumps({"text": text, "t": self._chip.now()}))

    def greet(self):
        """What is shown when the prompt is there."""
        self.say(FRIENDLY % tuple(sys.implementation.version[:3]))

    def greet_raw(self):
        """The same behind a soft reset from the raw prompt."""
        self._raw = True
        self.say("\r\n" + RAW)

    def serve(self):
        """For ever."""
        while True:
            self._buf += self._chip.read()
            while self._buf:
                byte, self._buf = self._buf[:1], self._buf[1:]
                self._byte(byte)

    def _byte(self, byte):
        if byte == b"\x01":
            self._raw, self._code = True, b""
            self.say(RAW)
        elif byte == b"\x02":
            self._raw = False
            self.greet()
        elif byte == b"\x03":
            self._code = b""
            if not self._raw:
                self.say("\r\n>>> ")
        elif byte == b"\x04":
            if not self._raw:
                self._chip.soft_reset()
            elif self._code:
                code, self._code = self._code, b""
                self._run(code.decode())
            else:
                self.say("OK\r\nMPY: soft reboot\r\n")
                self._chip.soft_reset()
        elif self._raw:
            self._code += byte

    _code = b""

    def _run(self, code):
        # First, so that nothing comes in between that a person does who has read the OK.
        self._chip.begins()
        self.say("OK")
        error = ""
        try:
            exec(compile(code, "<stdin>", "exec"), self._names)
        except BaseException as exc:
            error = _text(exc)
        self._chip.ends()
        self.say("\x04" + error + "\x04>")


def _text(exc):
    import io

    out = io.StringIO()
    sys.print_exception(exc, out)
    return out.getvalue().replace("\n", "\r\n")
