# How fast virtual time may move, and the link to the parent process.
# MIT license; part of microevse
"""The interpreter's own work takes no virtual time (but see Clock.spend); time moves here,
when the firmware has nothing to do, in one of three ways:

- paced: `speed` times as fast as real time, waiting for real sockets meanwhile;
- free (speed 0): at once to the next event, held for up to 2 s of real time while the
  peer owes an answer;
- hold: only up to the horizon the parent grants, and only after the parent has said that
  the peer has dealt with every byte written so far.

The first two may have a horizon, too: time stands still there until the parent moves it.

On the link both sides send one JSON object per line. To the parent: `event`, `re` (answer
to a command), `sync` (bytes were written, the firmware is idle), `at` (the horizon is
reached). From the parent: `cmd`, `go` (the new horizon), `start`.
"""

import json
import select
import sys

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:
    import usocket as _socket
    import utime

    _EAGAIN = 11

    def real_us():
        return utime.ticks_us()

    def _die():
        import os

        # There is no os._exit here; the shell's parent is this very process.
        while True:
            os.system("kill -9 $PPID")

else:
    import os as _os
    import time

    import socket as _socket_module

    _socket = _socket_module
    _socket_type = _socket_module.socket  # before the shadow takes its place

    def real_us():
        return time.monotonic_ns() // 1000

    def _die():
        _os._exit(1)


PACED_WAIT_MS = 50  # longest real wait in one step
LAG_US = 100000  # real time lost to a busy host beyond this is never made up for
SERVE_US = 5000  # look at the link at least this often while idling
BUSY_SERVE_US = 50000  # ... and this often when the firmware never idles
OWED_US = 2000000  # how long an answer is waited for with the clock held
COURTESY_US = 50000  # the same where the peer need not answer at all


class Link:
    """The line to the parent process. When it breaks, so does the board: no orphans."""

    def __init__(self, port):
        if MICROPYTHON:
            self.sock = _socket.socket()
            self.sock.connect(_socket.getaddrinfo("127.0.0.1", port)[0][-1])
        else:
            self.sock = _socket_type()
            self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: questions and answers
        self.poll = select.poll()
        self.poll.register(self.sock, select.POLLIN)
        self._buf = b""

    def send(self, message):
        data = json.dumps(message).encode() + b"\n"
        try:
            if MICROPYTHON:
                self.sock.write(data)
            else:
                self.sock.sendall(data)
        except OSError:
            _die()

    def receive(self, wait=False):
        """The next message, or None if there is none (yet)."""
        while True:
            end = self._buf.find(b"\n")
            if end >= 0:
                line, self._buf = self._buf[:end], self._buf[end + 1 :]
                return json.loads(line)
            if not wait and not self.poll.poll(0):
                return None
            try:
                data = self.sock.recv(512)  # small: it may have to fit between other blocks
            except OSError:
                data = b""
            if not data:
                _die()
            self._buf += data


class Pacer:
    """Moves `clock` as the mode allows; serves the link."""

    def __init__(self, clock, net, link, speed, hold, horizon, on_command):
        self.clock = clock
        self.net = net
        self.link = link
        self.speed = speed
        self.hold = hold
        self.horizon = horizon  # us; None: there is none
        self.on_command = on_command  # fn(command) -> (answer, after or None)
        self.wait = None  # fn(ms): real wait for the link or any socket in net.waiting
        self.peer_busy = None  # fn() -> True while an answer is certainly due
        net.real_us = real_us
        clock.pacer = self
        self._base_v = clock.now_us
        self._base_r = real_us()
        self._last_serve = 0
        self._serving = False
        self._hanging = False
        self._later = []
        self._did = False  # a command was carried out in this step
        self._turn = 0
        self._asked = None  # activity at the last sync that was sent
        self._synced = net.activity()
        self._told = False

    # -- the link ----------------------------------------------------------------------

    def entered(self):
        """A call of the firmware into the twin: keeps the link alive under a busy program."""
        if not self._serving and real_us() - self._last_serve > BUSY_SERVE_US:
            self.serve(False)

    def serve(self, idle):
        """Deal with what the parent sent."""
        if self._serving:
            return
        self._serving = True
        try:
            if idle:
                while self._later:
                    self._command(self._later.pop(0), True)
            while True:
                message = self.link.receive()
                if message is None:
                    break
                if "go" in message:
                    self._go(message)
                elif "cmd" in message:
                    self._command(message, idle)
        finally:
            self._serving = False
            self._last_serve = real_us()

    def _go(self, message):
        self.horizon = message["go"]
        self._told = False
        if message.get("s") == self._turn and self._asked is not None:
            self._synced, self._asked = self._asked, None

    def _command(self, message, idle):
        self._did = True
        after = None
        try:
            if not idle and message["cmd"].get("do") in ("set", "stall"):
                # These run firmware code or stop it: not in the middle of something else.
                self._later.append(message)
                return
            answer, after = self.on_command(message["cmd"])
        except Exception as exc:
            # Every error in a command must reach its sender.
            answer = {"ok": False, "error": str(exc) or repr(exc)}
        self.link.send({"re": message["n"], "t": self.clock.now_us, "answer": answer})
        if after:
            after()

    # -- time --------------------------------------------------------------------------

    def step(self, until):
        """Let time pass, at most to `until` (us; None: no limit) or the next event.

        Returns True if the firmware may have something to do because of it; it may
        have moved not at all. The caller looks at its sockets and calls again.
        """
        clock = self.clock
        self._did = False
        if self._later or real_us() - self._last_serve > SERVE_US:
            self.serve(True)
        if clock.deliver():
            # Queued while other callbacks ran. On a chip they run at once, not at the next event:
            # where ticks are left out that is a second away, and a gap that no chip has.
            return True
        due = clock.next_due()
        target = until if due is None or (until is not None and until < due) else due
        if self.hold:
            target = self._held(target)
        elif self._at_horizon():
            target = None
        else:
            target = self._paced(target) if self.speed else self._free(target)
            if target is not None and self.horizon is not None:
                target = min(target, self.horizon)
        if target is not None:
            clock.run_to(target)
        if (clock.stuck or clock.stall_us) and not self._hanging:
            clock.entered()
        return clock.deliver() > 0 or self._did

    def block(self, until):
        """Blocking sleep: time passes and callbacks run, sockets are not looked at. `until`
        None: for ever."""
        while until is None or self.clock.now_us < until:
            self.net.waiting.clear()
            self.step(until)

    def hang(self):
        """The interpreter runs no more; the world goes on until something resets the chip."""
        self._hanging = True
        self._serving = False  # the command that has done this is answered
        self.block(None)

    def _pause(self, ms):
        self.wait(ms)
        self.serve(True)

    def _paced(self, target):
        now = self.clock.now_us
        real = real_us()
        mapped = self._base_v + int((real - self._base_r) * self.speed)
        if mapped - now > LAG_US * self.speed:
            # The host was too slow for this pace: the lost time is not made up for, or
            # every hiccup of the host would look like a stall of the chip.
            self._base_v, self._base_r = now, real
            mapped = now
        if target is None:
            target = now + int(PACED_WAIT_MS * 1000 * self.speed)
        ms = int((target - mapped) / self.speed / 1000)
        if ms >= 1:
            self._pause(min(ms, PACED_WAIT_MS))
            mapped = self._base_v + int((real_us() - self._base_r) * self.speed)
            target = min(target, mapped)
        return target if target > now else None

    def _free(self, target):
        if self._owed():
            self._pause(2)
            return None
        if target is None:
            self._pause(PACED_WAIT_MS)
        return target

    def _owed(self):
        net = self.net
        if net.owed_since is None:
            return False
        busy = self.peer_busy()
        if net.heard:
            net.heard = False
            if not busy:
                net.owed_since = None
                return False
        if real_us() - net.owed_since > (OWED_US if busy else COURTESY_US):
            net.owed_since = None  # given up; the next write starts anew
            return False
        return True

    def _held(self, target):
        activity = self.net.activity()
        if activity != self._synced:
            if activity != self._asked:
                self._asked = activity
                self._turn += 1
                self.link.send({"sync": self.clock.now_us, "s": self._turn, "tx": self.net.tx})
            self._pause(PACED_WAIT_MS)
            return None
        if self._at_horizon():
            return None
        return self.horizon if target is None else min(target, self.horizon)

    def _at_horizon(self):
        """True where time may not go on; the parent is told once."""
        if self.horizon is None or self.clock.now_us < self.horizon:
            return False
        if not self._told:
            self._told = True
            self.link.send({"at": self.clock.now_us})
        self._pause(PACED_WAIT_MS)
        return True
