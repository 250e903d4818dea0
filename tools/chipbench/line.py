# The serial line to a chip that is being measured: raw prompt, resets, text of the boot.
# MIT license; part of microevse
"""A chip on the bench resets itself in the middle of a program, hangs, and says things before its
prompt is there. So this is not seriallink.Prompt: nothing that the chip says is thrown away, and
each wait has a limit of its own."""

import json
import re
import time

import seriallink
from seriallink import Trouble

RAW = b"raw REPL; CTRL-B to exit\r\n>"
TAG = "BENCH "
_CHUNK, PAUSE_S = 128, 0.01  # a UART of the chip has no flow control
_RST = re.compile(rb"rst:(0x[0-9a-f]+)")
_MOST = 200000  # bytes of text that are kept of one wait
BOOT_TEXT = 4000
# The memory holds the count of crashes in a row (firmware/hal/system.py): three would start the
# other slot.
RESTART = "import machine\nmachine.RTC().memory(b'')\nmachine.reset()"


class Silent(Trouble):
    """The chip did not answer within the time that this takes."""


class Restarted(Trouble):
    """The chip has reset itself where it should not."""


class RawLine:
    """MicroPython's raw prompt on `port`. Trouble, in a sentence, for all that goes wrong."""

    def __init__(self, port, name="the chip under test"):
        self.port, self.name = port, name
        self._line = seriallink.open_line(port)
        self._buf = b""
        self._asked = 0  # values so far

    def close(self):
        try:
            self._line.close()
        except OSError:
            pass

    # -- bytes ---------------------------------------------------------------------------

    def _write(self, data):
        try:
            for at in range(0, len(data), _CHUNK):
                self._line.write(data[at : at + _CHUNK])
                if len(data) > _CHUNK:
                    time.sleep(PAUSE_S)
        except OSError as exc:
            raise self._gone(exc)

    def _gone(self, exc):
        return Trouble("the line to %s is gone (%s): look at the cable" % (self.name, exc))

    def _more(self):
        try:
            # One byte at least, or what a tenth of a second brings.
            data = self._line.read(1)
            if data:
                data += self._line.read(self._line.in_waiting)
        except OSError as exc:
            raise self._gone(exc)
        self._buf = (self._buf + data)[-_MOST:]
        return data

    def _until(self, ends, seconds):
        """(text up to one of `ends`, which of them). Silent if none of them comes."""
        limit = time.monotonic() + seconds
        while True:
            found = [(self._buf.find(end), i) for i, end in enumerate(ends) if end in self._buf]
            if found:
                at, i = min(found)
                text, self._buf = self._buf[:at], self._buf[at + len(ends[i]) :]
                return text, i
            if time.monotonic() > limit:
                raise Silent("%s did not answer within %g s" % (self.name, seconds))
            self._more()

    # -- the prompt ----------------------------------------------------------------------

    def enter(self, seconds=20):
        """Stop what runs there, and have the raw prompt; returns what was said before it."""
        limit = time.monotonic() + seconds
        said = b""
        while time.monotonic() < limit:
            # Twice: a program that is just starting may swallow the first Ctrl-C.
            self._write(b"\r\x03\x03")
            time.sleep(0.1)
            self._write(b"\r\x01")
            try:
                text, _ = self._until((RAW,), min(2, seconds))
            except Silent:
                said, self._buf = said + self._buf, b""
                continue
            return (said + text).decode(errors="replace")
        raise Silent(
            "no MicroPython answers on %s: is it on the chip, and the right port?" % self.port
        )

    def start(self, code):
        """Start a program at the raw prompt, and do not wait for it."""
        self._buf = b""
        self._write(code.encode() + b"\x04")
        self._until((b"OK",), 5)

    def finish(self, seconds):
        """What the program printed. Trouble if it ended with an exception; Restarted if the chip
        has started anew."""
        text, which = self._until((b"\x04", b"rst:0x"), seconds)
        if which:
            self._buf = b"rst:0x" + self._buf
            raise Restarted("%s has restarted in the middle of a step" % self.name)
        error, _ = self._until((b"\x04",), 5)
        self._until((b">",), 5)
        if error.strip():
            reason = error.decode(errors="replace").strip().split("\n")[-1].strip()
            raise Trouble("the program on %s failed: %s" % (self.name, reason))
        return text.decode(errors="replace")

    def run(self, code, seconds=20):
        """Text that `code` prints."""
        self.start(code)
        return self.finish(seconds)

    def value(self, code, expression, seconds=20):
        """The value of an expression behind some code, through JSON."""
        self.start_value(code, expression)
        return self.finish_value(seconds)

    def start_value(self, code, expression):
        # A number of its own: an answer that comes late is none to the next question.
        self._asked += 1
        tag = "%s%d:" % (TAG, self._asked)
        self.start("%s\nimport json\nprint('\\n%s'+json.dumps(%s))" % (code, tag, expression))

    def finish_value(self, seconds):
        tag = "%s%d:" % (TAG, self._asked)
        for text in reversed(self.finish(seconds).splitlines()):
            if text.startswith(tag):
                try:
                    return json.loads(text[len(tag) :])
                except ValueError:
                    raise Trouble("what %s says is damaged: look at the cable" % self.name)
        raise Trouble("the program on %s gave no figure" % self.name)

    def hear(self, wanted, seconds):
        """The first object that the program tells of which wanted(object) is true. None if it has
        ended, or has told none within `seconds`. All of it is left for `finish`."""
        limit = time.monotonic() + seconds
        while True:
            text = self._buf.decode(errors="replace")
            for told in tagged(text[: text.rfind("\n") + 1]):
                if wanted(told):
                    return told
            if b"\x04" in self._buf or b"rst:0x" in self._buf or time.monotonic() > limit:
                return None
            self._more()

    def interrupt(self):
        self._write(b"\x03")

    def soft_reset(self, seconds=20):
        """Python starts anew: timers stop, the heap is empty, boot.py has run. From the raw prompt
        main.py is not run (ports/esp32/main.c)."""
        self._write(b"\x04")
        self._until((b"soft reboot",), seconds)
        self._until((RAW,), seconds)

    # -- resets --------------------------------------------------------------------------

    def boot_text(self, seconds, settle):
        """What a chip says that resets itself: waits for the text of its ROM, and `settle` seconds
        more. A Ctrl-C that came earlier would stop boot.py, which opens the contactor."""
        self._until_reset(seconds)
        return self.listen(settle)

    def _until_reset(self, seconds):
        limit = time.monotonic() + seconds
        while not _RST.search(self._buf):
            if time.monotonic() > limit:
                raise Silent("%s was to reset itself within %g s" % (self.name, seconds))
            self._more()

    def listen(self, seconds):
        """Everything that is said for so long, and before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._more()
        said, self._buf = self._buf, b""
        return said[-BOOT_TEXT:].decode(errors="replace")

    def pulse_reset(self):
        """EN low for a moment, by the adapter's RTS line; False where there is none."""
        return seriallink.pulse_reset(self._line)


def rst_code(text):
    """The number behind `rst:` in the text of a boot, "" if there is none: the last one."""
    found = _RST.findall(text.encode())
    return found[-1].decode() if found else ""


def tagged(text):
    """The objects of the lines that begin with TAG; what cannot be read is left out."""
    found = []
    for row in text.splitlines():
        if row.startswith(TAG):
            try:
                found.append(json.loads(row[len(TAG) :]))
            except ValueError:
                continue  # cut by a Ctrl-C
    return found
