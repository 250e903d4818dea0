# A virtual board without a child process, for the unit tests of the twin.
# MIT license; part of microevse
"""`Board()` sets up clock and world by hand; `machine`, `esp32` and `burst` are the twin's."""

import sys

from twin import chip as twin_chip
from twin import clock as twin_clock
from twin import twin_state
from twin.world import World

_HERE = __file__.replace("\\", "/").rsplit("/", 1)[0] if "/" in __file__ else "."
_TWIN = _HERE + "/../twin"
_NAMES = ("machine", "esp32", "burst")

PROFILE = {
    "name": "bench",
    "chip": "esp32",
    "connectors": [
        {
            "id": 1,
            "cable": "fixed",
            "phases": 1,
            "max_a": 32,
            "cp": {"pwm": 27, "adc": 36, "divider": [270000, 68000, 56000], "vcc_mv": 3300},
            "contactor": {"pin": 26, "active_high": True},
            "rcd": {"trip": 13, "test": 14},
            "meter": {"type": "sdm120", "uart": 1, "address": 1},
        }
    ],
    "uarts": [
        {"id": 1, "rx": 32, "tx": 25, "baud": 9600, "dir": 33},
        {"id": 2, "rx": 2, "tx": 15, "baud": 9600},
    ],
    "reader": {"type": "line", "uart": 2},
    "button": 0,
}


def _load():
    """Import the twin's modules; other tests may have their own under the same names."""
    before = {}
    for name in _NAMES + ("twin_state",):
        if name in sys.modules:
            before[name] = sys.modules.pop(name)
    sys.modules["twin_state"] = twin_state
    paths = [_TWIN + "/modules", _TWIN + "/analytic"]
    for path in paths:
        sys.path.insert(0, path)
    try:
        return [__import__(name) for name in _NAMES]
    finally:
        for path in paths:
            sys.path.remove(path)
        for name in _NAMES + ("twin_state",):
            if name in before:
                sys.modules[name] = before[name]
            else:
                sys.modules.pop(name, None)


machine, esp32, burst = _load()


class Board:
    """One virtual board, just powered on: `board`, or PROFILE; of its connectors the first
    `connectors`. `profile` replaces keys of the first; `guard`, `temp`, `chip`: as in a board
    file. `micropython`: the version, as "1.26"."""

    def __init__(
        self,
        profile=None,
        seed=1,
        snapshot=None,
        clock=None,
        board=None,
        connectors=1,
        **options,
    ):
        board = dict(board or PROFILE)
        board["connectors"] = [dict(c) for c in board["connectors"][:connectors]]
        board["connectors"][0].update(profile or {})
        board["guard"] = options.pop("guard", board.get("guard", "none"))
        for name in ("temp", "chip"):
            if name in options:
                board[name] = options.pop(name)
        self.board = board
        self.clock = clock or twin_clock.Clock()
        options["seed"] = seed
        twin_state.clock = self.clock
        twin_state.running = None
        twin_state.options = options
        twin_state.rtc_memory = bytearray()
        twin_state.flash = None
        machine._pins.clear()
        machine._timers.clear()
        twin_state.timers = machine._timers
        self.world = twin_state.world = World(board, self.clock, snapshot, seed, options)
        self.clock.on_stall = self.world.on_stall
        self.chip = twin_state.chip = twin_chip.Chip()
        self.outlet = self.world.outlets[1]
        self.ev = self.outlet.ev
        self.pilot = self.outlet.pilot

    def do(self, what, **more):
        more["do"] = what
        return self.world.command(more)

    def run(self, seconds):
        """Let virtual time pass; soft callbacks run as the interpreter would run them."""
        self.clock.entered()
        self.clock.run(int(seconds * 1000000))

    def happens(self, what, **more):
        """Something happens to the chip: see twin.chip.Chip.suffer."""
        self.chip.suffer(what, **more)

    def times(self, what):
        """[(ms, value)] of one kind in the history."""
        return [(t / 1000, v) for t, w, v in self.world.history if w == what]

    def last(self, what):
        """Time in ms of the last entry of one kind."""
        return self.times(what)[-1][0]
