# tools/simulate.py from outside: a process and a socket, and a central system beside it.
# MIT license; part of microevse
"""Nothing here imports the twin or the firmware: a program in any language could do this."""

import asyncio
import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from csms import Csms

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIMULATE = [sys.executable, str(ROOT / "tools" / "simulate.py")]
TAGS = {"CARD1": {}, "CARD2": {}}


class Central:
    """A Csms on a thread; `speed` makes its clock run as fast as the charger's."""

    def __init__(self, speed=1, **options):
        self.loop = asyncio.new_event_loop()
        began = time.monotonic()
        options.setdefault("id_tags", TAGS)
        self.csms = Csms(clock=lambda: 1798761600 + (time.monotonic() - began) * speed, **options)
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.run(self.csms.start())
        return self

    def __exit__(self, *_):
        self.run(self.csms.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def run(self, coro):
        return asyncio.run_coroutine_threadsafe(coro, self.loop).result(30)

    def call(self, action, payload):
        return self.run(self.csms.call(action, payload))

    @property
    def url(self):
        return self.csms.url


class Simulator:
    """One run of tools/simulate.py."""

    def __init__(self, *args, ready=60):
        self.process = subprocess.Popen(
            [*SIMULATE, "--control", "127.0.0.1:0", "--web", "127.0.0.1:0", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._seen = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        line = self.line("READY ", ready)
        words = dict(word.split("=", 1) for word in line.split()[1:])
        assert set(words) == {"control", "web"}, line
        self.control = _address(words["control"])
        self.web = _address(words["web"])

    def _read(self):
        for line in self.process.stdout:
            with self._seen:
                self.lines.append(line.rstrip("\n"))
                self._seen.notify_all()
        with self._seen:
            self.lines.append(None)
            self._seen.notify_all()

    def line(self, start, timeout):
        """The first line that starts so."""
        end = time.monotonic() + timeout
        with self._seen:
            while True:
                for line in self.lines:
                    if line is not None and line.startswith(start):
                        return line
                if None in self.lines:
                    raise AssertionError("simulate.py ended:\n" + self.tail())
                if not self._seen.wait(end - time.monotonic()):
                    raise AssertionError(f"no {start!r} within {timeout} s:\n" + self.tail())

    def tail(self):
        return "\n".join(line for line in self.lines[-40:] if line is not None)

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, _):
        family = descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
        if exc is not None:
            print(self.tail())
            return
        end = time.monotonic() + 5
        while any(alive(pid) for pid in family):
            assert time.monotonic() < end, f"left running: {[p for p in family if alive(p)]}"
            time.sleep(0.05)


class Control:
    """One connection to the control port: a JSON object per line and its answer."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=10)
        self.file = self.sock.makefile("r", encoding="utf-8", newline="\n")
        self.events = []

    def raw(self, line):
        self.sock.sendall(line.encode() + b"\n")
        return self.answer()

    def answer(self):
        while True:
            text = self.file.readline()
            assert text.endswith("\n"), f"the control port hung up: {text!r}"
            message = json.loads(text)
            if "event" not in message:
                return message
            self.events.append(message)

    def __call__(self, do, **fields):
        return self.raw(json.dumps({"do": do, **fields}))

    def ok(self, do, **fields):
        answer = self(do, **fields)
        assert answer["ok"] is True, (do, fields, answer)
        return answer

    def until(self, timeout=20, **want):
        """Poll `status` (real time) until it shows these values."""
        end = time.monotonic() + timeout
        while True:
            state = self.ok("status")
            if all(state.get(k) == v or callable(v) and v(state.get(k)) for k, v in want.items()):
                return state
            assert time.monotonic() < end, f"not {want} within {timeout} s: {state}"
            time.sleep(0.05)

    def close(self):
        self.file.close()
        self.sock.close()


def _address(text):
    host, _, port = text.rpartition(":")
    assert int(port) > 0, text
    return host.strip("[]"), int(port)


def descendants(pid):
    """Process ids below `pid`."""
    out = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout
    parents = [tuple(int(word) for word in line.split()) for line in out.splitlines()]
    found, fresh = [], [pid]
    while fresh:
        fresh = [child for child, parent in parents if parent in fresh]
        found += fresh
    return found


def alive(pid):
    """True while the process exists and is no zombie."""
    out = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(out.stdout.strip()) and not out.stdout.strip().startswith("Z")
