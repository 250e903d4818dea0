# The second ESP32 of the bench, virtual: its pins show the first board's world.
# MIT license; part of microevse
"""usage: micropython protocol_witness.py '{"serial": port, "world": port, ...}'

Each look at a pin or at the clock takes a few microseconds of its time. It sees the first
board's pins as they were at that time, and waits where the first board's time is not so far yet:
for as long as that takes on the host, or until a Ctrl-C. It never runs ahead, for what the first
board did meanwhile would not be seen.
"""

import json
import select
import sys

import usocket

about = json.loads(sys.argv[1])
sys.path.append(about["support"])
from rawprompt import Prompt  # noqa: E402

LOOK_US = 20  # of Pin.value() and of ticks_us() in bytecode at 240 MHz, about
PIECE_US = 100000  # a Ctrl-C is looked for once in so much of its time, or more often
MASK = (1 << 30) - 1
HALF = 1 << 29


def connected(port):
    sock = usocket.socket()
    sock.connect(usocket.getaddrinfo("127.0.0.1", port)[0][-1])
    return sock


class World:
    def __init__(self):
        self._sock = connected(about["world"])
        self.now_us = self.ask({})
        self._end = -1
        self._relay = self._wave = ()
        self.switched = False

    def ask(self, question):
        self._sock.write(json.dumps(question).encode() + b"\n")
        return json.loads(self._sock.readline())

    def _at(self, us):
        """The first board's edges up to this time are here; time stops until they are."""
        while us > self._end:
            chip.interrupted()
            question = {"after": self._end if self._end >= 0 else us - 1}
            if self.switched:
                question["step"] = us
            found = self.ask(question)
            if found is not None:
                end, self._relay, self._wave = found
                self._end = min(end, us + PIECE_US)

    def look(self):
        self.now_us += LOOK_US
        self._at(self.now_us)

    def relay(self):
        self.look()
        return self._value(self._relay)

    def pilot(self):
        self.look()
        duty = self._value(self._wave)
        if duty is None:
            return 0
        since = self.now_us - self._since
        return 1 if since % 1000 < duty * 10 else 0

    def _value(self, edges):
        value = None
        for t, level in edges:
            if t > self.now_us:
                break
            value, self._since = level, t
        return value


class Pin:
    IN, OUT, PULL_DOWN, PULL_UP = 1, 3, 1, 2

    def __init__(self, number, mode=-1, pull=-1, value=None):
        self._number = number
        if value is not None:
            self.value(value)

    def value(self, x=None):
        if x is None:
            return world.relay() if self._number == about["relay"] else world.pilot()
        if self._number == about["s2"]:
            world.switched = True
            world.now_us = max(world.now_us, world.ask({"s2": int(x)}))

    __call__ = value


def ticks_us():
    world.now_us += 1
    return world.now_us & MASK


def sleep_ms(ms):
    until = world.now_us + ms * 1000
    while world.now_us < until:
        world.now_us = min(until, world.now_us + 1000) - LOOK_US
        world.look()


def ticks_diff(end, start):
    return ((end - start + HALF) & MASK) - HALF


class _Machine:
    pass


machine, time = _Machine(), _Machine()
machine.Pin = Pin
machine.freq = lambda *hz: 240000000
time.ticks_us, time.ticks_diff, time.sleep_ms = ticks_us, ticks_diff, sleep_ms


class Chip:
    def __init__(self):
        self._sock = connected(about["serial"])
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        self._kept = b""  # came while a program ran

    def read(self):
        data, self._kept = self._kept, b""
        return data or self._received()

    def _received(self):
        data = self._sock.recv(256)
        if not data:
            sys.exit()
        return data

    def interrupted(self):
        """KeyboardInterrupt if a Ctrl-C has come while a program runs."""
        if self._poll.poll(0):
            data = self._received()
            self._kept += data.replace(b"\x03", b"")
            if b"\x03" in data:
                raise KeyboardInterrupt

    def now(self):
        return world.now_us

    def begins(self):
        # What the pins did while nobody looked is over.
        world.now_us = max(world.now_us, world.ask({}))

    def ends(self):
        world.switched = False
        world.ask({})

    def soft_reset(self):
        prompt.say("raw REPL; CTRL-B to exit\r\n>")


class _Sys:
    platform = "esp32"

    class implementation:
        name = "micropython"
        version = (1, 28, 0, "")
        _machine = "Virtual board with ESP32"


world = World()
sys.modules["machine"], sys.modules["time"] = machine, time
sys.modules["sys"] = _Sys
chip = Chip()
prompt = Prompt(chip, {"__name__": "__main__"})
prompt.greet()
prompt.serve()
