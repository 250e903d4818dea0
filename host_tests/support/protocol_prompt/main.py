# A virtual chip at its prompt: what a person's computer talks to over the serial line.
# MIT license; part of microevse
"""Run by the twin in place of main.py, behind the real boot.py. With the option "starts" the
application's own main.py runs first, as on a charger; Ctrl-C ends it.

Virtual time stands still while the prompt waits: nothing happens to a chip that is told
nothing. While a program runs it goes on, as fast as it can.
"""

import select
import sys

import twin_state
import usocket

sys.path.append(twin_state.options["support"])
from rawprompt import Prompt  # noqa: E402


class Chip:
    """The serial line, and what the prompt needs of the chip."""

    def __init__(self, port):
        self._sock = usocket.socket()
        self._sock.connect(usocket.getaddrinfo("127.0.0.1", port)[0][-1])
        self._pacer = twin_state.clock.pacer
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        self._poll.register(self._pacer.link.sock, select.POLLIN)

    def read(self):
        while True:
            for sock, _event in self._poll.poll(50):
                if sock is self._sock:
                    data = sock.recv(256)
                    if not data:
                        raise SystemExit
                    return data
            self._pacer.serve(True)

    def now(self):
        return twin_state.clock.now_us

    def begins(self):
        pass

    def ends(self):
        # A Ctrl-C that came too late is nobody's.
        twin_state.clock.errors.clear()

    def soft_reset(self):
        twin_state.reset("soft")


class _Sys:
    """`sys` of an ESP32. Its name says what it is, unless a test hides that."""

    platform = "esp32"

    class implementation:
        name = "micropython"
        version = tuple([int(n) for n in twin_state.options["micropython"].split(".")] + [0, ""])
        _machine = twin_state.options["machine"]

    def __getattr__(self, name):
        return getattr(sys, name)


class _Esp:
    @staticmethod
    def flash_size():
        return 4 * 1024 * 1024


chip = Chip(twin_state.options["serial"])
names = {"__name__": "__main__"}
sys.modules["sys"] = _Sys()
sys.modules["esp"] = _Esp
prompt = Prompt(chip, names)
if twin_state.options.get("starts") and not twin_state.options.get("soft_raw"):
    path = twin_state.options["starts"]
    with open(path) as file:
        code = compile(file.read(), path, "exec")
    exec(code, names)
if twin_state.options.get("soft_raw"):
    prompt.greet_raw()
else:
    prompt.greet()
prompt.serve()
