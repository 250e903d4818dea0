# `make run` at a terminal: the story, then the keys of the person who sits there.
# MIT license; part of microevse

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from twin.host import ROOT

DEMO = [sys.executable, str(ROOT / "tools" / "run_demo.py"), "--speed", "20"]


class Terminal:
    """A terminal with the demo in its foreground."""

    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", COLUMNS="200")
            os.execv(DEMO[0], DEMO)
        self.text = ""

    def until(self, pattern, timeout):
        """Wait for this after what was seen before."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end() :]
                return found.group(0)
            assert time.monotonic() < end, (
                f"no {pattern!r} within {timeout} s: {self.text[-3000:]}"
            )
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError("the demo ended: " + self.text[-3000:]) from None

    def press(self, key):
        os.write(self.fd, key.encode())

    def modes(self):
        return termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ECHO)

    def status(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    pass
        raise AssertionError("it did not end")


@pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: terminals differ")
def test_keys_plug_tap_ask_and_unplug_once_the_story_is_over():
    terminal = Terminal()
    try:
        before = terminal.modes()
        told = terminal.until(r"Keys:(.|\n)*Ctrl-C ends both", 100)
        for key, line in (("p", "plug"), ("t", "tap"), ("a", "ask"), ("u", "unplug")):
            assert re.search(r"^\s+%s  .*%s" % (key, line), told, re.M), told
        assert terminal.modes() == 0 != before, "each key counts at once"
        terminal.press("u")
        terminal.until(r"no car comes by itself", 60)
        terminal.press("a")
        terminal.until(r"not possible: no EV is plugged in", 60)
        terminal.press("p")
        terminal.until(r"is Preparing", 60)
        time.sleep(1)  # the reader takes a card again only some seconds after the story's last tap
        terminal.press("t")
        terminal.until(r"StartTransaction", 60)
        terminal.press("a")
        terminal.until(r"contactor closed", 60)
        terminal.press("a")
        terminal.until(r"contactor open", 60)
        terminal.press("u")
        terminal.until(r"StopTransaction", 60)
        terminal.press("?")
        terminal.until(r"Keys:", 60)
        terminal.press("x")
        terminal.until(r"no key x: \? lists the keys", 60)
        terminal.press("\x1b[A")  # cursor up is no "a"
        terminal.press("\x03")
        assert terminal.status() in (0, 1), terminal.text
        assert terminal.modes() == before, "the terminal is as it was"
        assert "not possible" not in terminal.text
        assert "Traceback" not in terminal.text
    finally:
        try:
            os.kill(terminal.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(terminal.fd)


def test_without_a_terminal_no_keys_are_promised():
    process = subprocess.Popen(
        DEMO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "Ctrl-C ends both" in line:
            process.send_signal(signal.SIGINT)
    assert process.wait(60) in (0, 1)
    assert "Ctrl-C ends both" in "".join(seen) and "Keys:" not in "".join(seen)
    assert "Traceback" not in "".join(seen)
