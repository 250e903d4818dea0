# Meters with a pulse output (S0, EN 62053-31).
# MIT license; part of microevse
"""`Pulses` counts them on a pin, `Meter` makes energy and power of a count.

A pulse output does not report its state: a cut wire looks like a car that takes no power. A count
that cannot be is refused; the next counts show whether it or the count before was wrong. The total
begins where the caller says and lives in RAM: the caller keeps it.
"""

import evse_base as port
from meters import Age, MeterError

# EN 62053-31: on for at least 30 ms, off for at least 30 ms. The handlers run some ms late.
_MIN_MS = 20
_IDLE_W = 20  # pulses further apart than at this power count as no power
_MWS_PER_KWH = 3600000000  # mJ, or W * ms


class Pulses:
    """Counts pulses on a pin, closed contact = 0. Call it for the count.

    pin: object with value() and irq(handler, trigger), set up as an input with a pull-up.
    both_edges: the trigger value for both. A pulse counts when it ends after `min_ms` or more:
    chatter of the contact and spikes from the contactor beside it are shorter. A stall of the
    interpreter longer than a pulse loses the pulse, and never adds one.
    """

    def __init__(self, pin, both_edges, min_ms=_MIN_MS, ticks_ms=port.ticks_ms):
        self._pin = pin
        self._min_ms = min_ms
        self._ticks_ms = ticks_ms
        self._since = None
        self._count = 0
        self.last_ms = None  # ticks when the last pulse ended
        self.refused = 0  # edges that were no pulse
        pin.irq(handler=self._edge, trigger=both_edges)

    def __call__(self):
        return self._count

    def _edge(self, pin):
        now = self._ticks_ms()
        if not pin.value():
            if self._since is None:
                self._since = now
            return
        since, self._since = self._since, None
        if since is None or port.ticks_diff(now, since) < self._min_ms:
            self.refused += 1
            return
        self._count += 1
        self.last_ms = now


class Meter:
    """The verbs are described in `meters`.

    counter: callable that returns the count of pulses, an integer that grows, and begins
        again at zero after `modulus` where that is given; where it has an attribute
        `last_ms` (ticks of the last pulse) the power follows from the spacing of pulses.
    imp_per_kwh: the constant that is printed on the meter. total_mwh: register to begin with.
    max_w: more than that is noise, not power.
    """

    current_ma = voltage_mv = ()  # no such registers; tuples, so that nothing can be appended

    def __init__(
        self, counter, imp_per_kwh, max_w, total_mwh=0, modulus=None, ticks_ms=port.ticks_ms
    ):
        if not 1 <= imp_per_kwh <= 100000:
            raise ValueError("%s pulses per kWh: 1 to 100000 are possible" % imp_per_kwh)
        self._counter = counter
        self._imp = imp_per_kwh
        self._max_w = max_w
        self._modulus = modulus
        self._ticks_ms = ticks_ms
        self._age = Age()
        self._pulses = 0
        self._start_mwh = total_mwh
        self._count = None
        self._other = None  # a count that contradicted the count before
        self._seen = Age()  # time of `_other`
        self._doubted = 0  # pulses that were lost when `_other` was refused
        self._pulse_at = None  # ticks of the last pulse that was seen
        self._spacing_w = 0
        self.energy_mwh = None
        self.power_w = 0
        self.lost = 0  # pulses that came too fast to be true

    def age_ms(self, now):
        """ms since the last good poll, at ticks `now`."""
        return self._age.ms(now)

    async def poll(self):
        """Look at the counter; MeterError if it cannot be right. Never waits."""
        now = self._ticks_ms()
        count = self._counter()
        if self._count is None:
            # Earlier pulses are in the total already, or are not energy of this charger.
            self._count = count
        age = self._age.ms(now)
        new = self._step(self._other, count, self._seen.ms(now))
        if new is None:
            new = self._step(self._count, count, age)
            if new is None:
                self._contradicted(count, age, now)
            self.lost -= self._doubted  # the count before was wrong, this one goes on
        # Otherwise two counts in a row agree that the counter stands elsewhere, by noise or by a
        # restart. The pulses that it has counted since then are energy; those before are not.
        self._other = None
        self._doubted = 0
        self._count = count
        self._pulses += new
        self._power(new, now)
        self._age.mark(now)
        self.energy_mwh = self._start_mwh + self._pulses * 1000000 // self._imp

    def _step(self, old, count, age):
        """Pulses from `old` (or None) to `count` in `age` ms; None if so many cannot be."""
        if old is None:
            return None
        new = count - old
        if new < 0 and self._modulus is not None:
            new += self._modulus
        # Two more: pulses at both ends of the interval.
        if 0 <= new <= self._max_w * age * self._imp // _MWS_PER_KWH + 2:
            return new
        return None

    def _contradicted(self, count, age, now):
        """`count` fits no count before: MeterError. A count that agrees with it is the new
        base."""
        new = count - self._count
        if new < 0 and self._modulus is not None:
            new += self._modulus
        self._other = count
        self._seen.mark(now)
        self._pulse_at = None
        self.lost -= self._doubted
        self._doubted = max(0, new)
        self.lost += self._doubted
        if new < 0:
            raise MeterError("pulse counter went back")
        raise MeterError("%d pulses in %d ms are noise" % (new, age))

    def _power(self, new, now):
        if new:
            at = getattr(self._counter, "last_ms", None)
            at = now if at is None else at
            if self._pulse_at is not None:
                ms = max(1, port.ticks_diff(at, self._pulse_at))
                self._spacing_w = min(self._max_w, _MWS_PER_KWH * new // (self._imp * ms))
            self._pulse_at = at
        elif self._pulse_at is not None:
            # Without a pulse the power is at most what a pulse now would mean.
            ms = max(1, port.ticks_diff(now, self._pulse_at))
            most = _MWS_PER_KWH // (self._imp * ms)
            self._spacing_w = min(self._spacing_w, most)
            if most < _IDLE_W:
                # Also: ticks wrap, and the first pulse after a pause says nothing.
                self._spacing_w = 0
                self._pulse_at = None
        self.power_w = self._spacing_w
