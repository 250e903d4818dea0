# Motor lock of a socket outlet.
# MIT license; part of microevse
"""Two motor wires: A high and B low drives the bolt in, the reverse drives it out.

Full travel takes 300 ms; a shorter pulse moves it part of the way. The detect contact
closes with the bolt all the way in. The profile says what that reads (`locked_level`) and
whether the contact has current only while both wires are high (`detect_drive`).
"""


class Lock:
    """`locked`: the plug cannot be pulled. `moved()` is called when the contact changes."""

    def __init__(self, clock, options, moved, cfg):
        self._clock = clock
        self._level = cfg.get("locked_level", 1)
        self._needs_drive = cfg.get("detect_drive", False)
        self._moved = moved
        self._travel_us = options.get("lock_travel_ms", 300) * 1000
        self._a = self._b = 0
        self._speed = 0  # +1 in, -1 out
        self._since = clock.now_us
        self._event = None
        self._position = 0.0  # 0 out, 1 in
        self._in = False
        self.jam = False
        self.contact_lost = False  # its wire has come off: it never closes

    def wire_a(self, level):
        self._advance()
        self._a = 1 if level else 0
        self._go()

    def wire_b(self, level):
        self._advance()
        self._b = 1 if level else 0
        self._go()

    def set_jam(self, on):
        """The bolt does not move any more."""
        self._advance()
        self.jam = on
        self._go()

    def lose_contact(self, on):
        """The wire of the contact comes off; the bolt stays where it is."""
        self.contact_lost = on
        self._moved()

    def put(self, position, jam):
        """Where it was left before a restart of the board."""
        self._position = position
        self._in = position >= 1.0
        self.jam = jam

    @property
    def position(self):
        self._advance()
        return self._position

    @property
    def locked(self):
        """A bolt half in holds the plug, too."""
        return self.position > 0.5

    @property
    def detect(self):
        """Level of the detect input."""
        seen = (
            self._in and not self.contact_lost and (not self._needs_drive or self._a and self._b)
        )
        return self._level if seen else 1 - self._level

    def _advance(self):
        now = self._clock.now_us
        if self._speed:
            moved = self._position + self._speed * (now - self._since) / self._travel_us
            # Half a microsecond of rounding must not leave the bolt short of its stop.
            self._position = 1.0 if moved > 0.99999 else 0.0 if moved < 0.00001 else moved
        self._since = now

    def _go(self):
        self._speed = 0 if self.jam else self._a - self._b
        self._clock.cancel(self._event)
        self._event = None
        if self._speed:
            way = 1 - self._position if self._speed > 0 else self._position
            self._event = self._clock.after(int(way * self._travel_us) + 1, self._arrived)
        self._contact()

    def _arrived(self):
        self._event = None
        self._advance()
        self._contact()

    def _contact(self):
        self._in = self._position >= 1.0
        self._moved()
