# Keys of `make run`: the person at the keyboard moves car and card.
# MIT license; part of microevse
"""Each key is one command of the control port. Only if standard input is a terminal of ours."""

import asyncio
import os
import sys
import termios
import tty

from rich.markup import escape

CARD = "DEMO-CARD-1"
KEYS = {
    "p": "plug a car in",
    "t": f"tap the card {CARD} on the reader",
    "a": "the car asks for energy (again: it has had enough)",
    "u": "unplug it",
    "?": "these keys",
}


class Keys:
    """`used`: whether a key for the car has been pressed. Use it as `with`: inside, the terminal
    delivers each key at once; at the end it is as before."""

    def __init__(self, demo, stream=sys.stdin):
        self._demo = demo
        self._stream = stream
        self._before = None
        self._waiting = []
        self._task = None
        self.used = False

    def __enter__(self):
        try:
            fd = self._stream.fileno()
            # In the background a terminal is not ours: touching it would stop the program.
            if os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp():
                before = termios.tcgetattr(fd)
                tty.setcbreak(fd)
                self._before = before
                asyncio.get_running_loop().add_reader(fd, self._read, fd)
        except (OSError, ValueError, termios.error):
            pass  # closed, or not a terminal after all: no keys
        return self

    def __exit__(self, *_):
        if self._before is not None:
            fd = self._stream.fileno()
            asyncio.get_running_loop().remove_reader(fd)
            termios.tcsetattr(fd, termios.TCSADRAIN, self._before)
            self._before = None
        if self._task:
            self._task.cancel()

    def told(self):
        """The keys and their meanings, for people."""
        if self._before is None:
            return "Ctrl-C ends both."
        lines = ["Keys:"] + [f"  {key}  {line}" for key, line in KEYS.items()]
        return "\n".join(lines + ["Ctrl-C ends both."])

    def _read(self, fd):
        try:
            data = os.read(fd, 64)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(fd)
            return
        if data[:1] == b"\x1b":
            return  # a cursor key or the like: its letters are not commands
        self._waiting += data.decode(errors="replace")
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._all())

    async def _all(self):
        while self._waiting:
            await self.press(self._waiting.pop(0))

    async def press(self, key):
        """Do the command of this key; an unknown key is told where the keys are."""
        key = key.lower()
        if key == "?":
            self._demo.console.print(escape(self.told()))
        elif key in KEYS and self._demo.visiting:
            self._demo.say("", "wait: another car is at the charger", "yellow")
        elif key in KEYS:
            if not self.used:
                self.used = True
                self._demo.say("", "from now on no car comes by itself", "bold")
            answer = await self._demo.twin.command(await self._command(key))
            if not answer["ok"]:
                self._demo.say("", escape(f"not possible: {answer['error']}"), "yellow")
        elif key.isprintable() and not key.isspace():
            self._demo.say("", escape(f"no key {key}: ? lists the keys"), "yellow")

    async def _command(self, key):
        if key == "a":
            state = await self._demo.twin.command({"do": "status"})
            return {"do": "release" if state.get("pilot") in ("C", "D") else "request"}
        if key == "t":
            return {"do": "tap", "tag": CARD}
        return {"do": {"p": "plug", "u": "unplug"}[key]}
