# One table: state of the charger -> colour and rhythm of its lamps.
# MIT license; part of microevse
"""The same table serves WS2812 strips and plain lamps.

Plain lamps are known by name: one of the lamps of the table, which lights in the rhythm of
the states that name it; or `red`, `green`, `blue`: three lamps in one, which mix the colour.
"""

import asyncio

import evse_base as port
from evse_base import const

_OFF = const((0, 0, 0))
_WHITE = const((40, 40, 40))
_GREEN = const((0, 60, 0))
_BLUE = const((0, 0, 80))
_YELLOW = const((60, 40, 0))
_VIOLET = const((40, 0, 50))
_RED = const((90, 0, 0))

# (state, colour, ms lit, ms dark (0: steady), name of a plain lamp). No dict: a frozen
# tuple takes no heap.
TABLE = (
    ("starting", _WHITE, 200, 200, None),
    ("available", _GREEN, 1, 0, "ready"),
    ("reserved", _VIOLET, 1, 0, "ready"),
    ("preparing", _YELLOW, 500, 500, "charging"),
    ("charging", _BLUE, 1, 0, "charging"),
    ("suspended_ev", _BLUE, 200, 1800, "charging"),
    ("suspended_evse", _YELLOW, 200, 1800, "charging"),
    ("finishing", _GREEN, 500, 500, "ready"),
    ("unavailable", _OFF, 1, 0, None),
    ("faulted", _RED, 250, 250, "error"),
    # The connection to the central system; only a plain lamp shows it.
    ("no_network", _OFF, 100, 1900, "wifi"),
    ("no_csms", _OFF, 1000, 1000, "wifi"),
    ("online", _OFF, 1, 0, "wifi"),
)

# Where one lamp stands for several connectors: the first of these that applies.
URGENCY = (
    "faulted", "charging", "suspended_evse", "suspended_ev", "preparing", "finishing",
    "reserved", "available", "starting", "unavailable",
)  # fmt: skip

_PRIMARY = const(("red", "green", "blue"))
_STEADY_MS = const(1000)  # how often a steady picture is looked at again


def row(state):
    """The row of TABLE for `state`, None if there is none."""
    for found in TABLE:
        if found[0] == state:
            return found
    return None


def lit(state, ms):
    """Is a lamp that shows `state` lit at time `ms`?"""
    _, _, on, off, _ = row(state)
    return not off or ms % (on + off) < on


def colour(state, ms):
    """(red, green, blue), 0 to 255 each, of a pixel that shows `state` at time `ms`."""
    return row(state)[1] if lit(state, ms) else _OFF


def changes_in(state, ms):
    """ms until a lamp that shows `state` changes; at most one second."""
    _, _, on, off, _ = row(state)
    if not off:
        return _STEADY_MS
    at = ms % (on + off)
    return min(_STEADY_MS, (on if at < on else on + off) - at)


def foremost(states):
    """The state that matters most."""
    for state in URGENCY:
        if state in states:
            return state
    return "starting"


def lamp(name, states, ms):
    """Is the plain lamp `name` lit while these are the states?"""
    if name in _PRIMARY:
        return colour(foremost(states), ms)[_PRIMARY.index(name)] > 0
    for state in states:
        if row(state)[4] == name and lit(state, ms):
            return True
    return False


class Panel:
    """Keeps the lamps up to date.

    lamps: object with `names` (of plain lamps), `pixels` (how many, 0: no strip),
        `show(name, on)` and `paint(list of colours)`.
    states(): the states of the connectors in order. link(): "no_network", "no_csms" or
        "online". Call `refresh()` when something has changed; `run` does the blinking.
    """

    def __init__(self, lamps, states, link, ticks_ms=port.ticks_ms):
        self._lamps = lamps
        self._states = states
        self._link = link
        self._ticks_ms = ticks_ms
        self._shown = {}
        self._painted = None
        self._signal = None

    def signal(self, on):
        """Show something else than the states: lit or dark; None: the states again. A plain lamp
        shows it, `wifi` if there is one; a strip shows it as a whole, red while there is a fault.
        """
        self._signal = on
        self.refresh()

    def refresh(self):
        """Show the present states; ms until the next call is due. Less than 1 ms of work."""
        now = self._ticks_ms()
        states = [state if row(state) else "starting" for state in self._states()]
        link = self._link()
        names = self._lamps.names
        marks = ()  # where a signal is shown: three lamps in one show it together
        if self._signal is not None:
            marks = ["wifi"] if "wifi" in names else [n for n in names if n in _PRIMARY]
            marks = marks or names[:1]
        for name in names:
            on = lamp(name, states + [link], now)
            if name in marks:
                on = self._signal
            if self._shown.get(name) != on:
                self._shown[name] = on
                self._lamps.show(name, on)
        count = self._lamps.pixels
        if count and states:
            # Every connector has its share of the strip; if the strip is too short, the first ones
            # count.
            picture = [
                colour(states[min(i * len(states) // count, len(states) - 1)], now)
                for i in range(count)
            ]
            if self._signal is not None:
                ours = _RED if "faulted" in states else _WHITE
                picture = [ours if self._signal else _OFF] * count
            if picture != self._painted:
                self._painted = picture
                self._lamps.paint(picture)
        wait = _STEADY_MS
        for state in states + [link]:
            wait = min(wait, changes_in(state, now))
        return wait

    async def run(self):
        """Blink for ever."""
        while True:
            await asyncio.sleep(max(self.refresh(), 10) / 1000)
