# The contactor and the relay that drives its coil.
# MIT license; part of microevse
"""Contacts close 15 to 25 ms after the coil is energised and open 30 ms after it lets go."""

_AUX_LAG_US = 5000  # the auxiliary contact follows the poles


class Contactor:
    """`closed` are the main contacts. `moved(closed)` is called when they change."""

    def __init__(self, clock, rng, options, moved, feedback=None):
        self._clock = clock
        self._rng = rng
        self._moved = moved
        self._feedback = feedback  # fn(): the auxiliary contact has moved
        self._pickup_ms = options.get("pickup_ms")  # None: 15 to 25, new every time
        self._drop_us = int(options.get("drop_ms", 30) * 1000)
        self._bounce_us = int(options.get("bounce_ms", 2) * 1000)
        self._event = None
        self.coil = False
        self.closed = False
        self.welded = False
        self.stuck = set()  # poles (from 1) that stick while the others open
        self.aux = False
        self.closes = 0
        self.opens_under_load = 0

    def energise(self, on):
        """The coil's current goes on or off."""
        if on == self.coil:
            return
        self.coil = on
        self._clock.cancel(self._event)
        self._event = None
        if on == self.closed:
            return  # came back before the contacts had moved
        if on:
            ms = self._pickup_ms
            us = self._rng.uniform(15000, 25000) if ms is None else ms * 1000
            self._event = self._clock.after(us, self._close)
        elif not self.welded:
            self._event = self._clock.after(self._drop_us, self._open)

    def weld(self, on, pole=None):
        """The poles stick together, wherever the coil is, or only one of them; off: the part is
        replaced."""
        if pole is not None:
            if on:
                self.stuck.add(pole)
            else:
                self.stuck.discard(pole)
            if self._feedback is not None:
                self._feedback()
            return
        self.welded = on
        if on:
            self._close()
        elif not self.coil:
            self._open()

    def drop_later(self, us):
        """After a restart of the twin: contacts that were closed open in `us`."""
        self.closed = self.aux = True
        if not self.welded:
            self._event = self._clock.after(max(0, us), self._open)

    def state(self):
        """The coil, and when its contacts are about to move (us, or None), as JSON types."""
        return [self.coil, self._event.when if self._event else None]

    def resume(self, closed, state):
        """After a restart of the twin in which the coil's output went on as it was."""
        self.coil, when = state
        self.closed = self.aux = closed
        if when is not None:
            self._event = self._clock.at(
                max(when, self._clock.now_us), self._close if self.coil else self._open
            )

    def pole(self, number):
        """Whether that pole conducts."""
        return self.closed or number in self.stuck

    def mirror(self, number):
        """Whether the mirror contact of a pole is open; of all of them if `number` is None: it
        is linked to each, and stays open while one of them sticks."""
        return self.aux or (bool(self.stuck) if number is None else number in self.stuck)

    @property
    def sensed(self):
        """True if an auxiliary contact tells the board where the poles are."""
        return self._feedback is not None

    def _close(self):
        self._event = None
        if not self.closed:
            self.closed = True
            self.closes += 1
            self._report()

    def _open(self):
        self._event = None
        if self.closed:
            self.closed = False
            self._report()

    def _report(self):
        self._moved(self.closed)
        if self._feedback is None:
            self.aux = self.closed
            return
        # Only the auxiliary contact is seen to bounce: the EV takes longer than the poles
        # do before it draws anything.
        self._clock.after(_AUX_LAG_US, self._aux_follows)
        if self.closed and self._bounce_us:
            self._clock.after(_AUX_LAG_US + self._bounce_us // 2, self._aux_lets_go)
            self._clock.after(_AUX_LAG_US + self._bounce_us, self._aux_follows)

    def _aux_follows(self):
        self._aux_moves(self.closed)

    def _aux_lets_go(self):
        self._aux_moves(False)

    def _aux_moves(self, closed):
        if self.aux != closed:
            self.aux = closed
            self._feedback()
