# Invariants of every history, judged from the poles, the pilot and the parts.
# MIT license; part of microevse
"""`Judge` looks at every change of the world, and every 10 ms while contacts are closed."""

from . import rows
from .watched import PLUGGED_MS, STEADY, Watched

_LOOK_US = 10000
_LET_GO_MS = 60  # opened within this after A or B: because of that


class Broken(AssertionError):
    """An invariant did not hold; `name` says which."""

    def __init__(self, name, text):
        super().__init__("%s: %s" % (name, text))
        self.name = name


class Allowance:
    """`ms` that a disturbance may cost while it lasts. Spells of it may overlap."""

    def __init__(self, charger):
        self._charger = charger
        self.ms = 0
        self._until_ms = 0.0

    def give(self, ms, lasts_ms):
        self.ms = max(self.ms, ms)
        self._until_ms = max(self._until_ms, self._charger.ms + lasts_ms)
        self._charger.twin_clock.after(lasts_ms * 1000, self._over)

    def _over(self):
        if self._charger.ms >= self._until_ms - 1:
            self.ms = 0


_PROBE_MS = 200


class Judge:
    """`broken`: the first thing that must not be, a Broken; None so far."""

    def __init__(self, charger):
        self.charger = charger
        self.blind = {}  # name -> since ms
        self.seen = [Watched(self, c) for c in range(len(charger.outlets))]
        self.late_tick = Allowance(charger)
        self.lost_looks = Allowance(charger)  # those of the tasks, by an exception
        self.closed_ever = False
        self.closings = 0
        self._event = None
        self.broken = None
        world = charger.world
        world.on_touch.append(self.look)
        world.on_event = self._on_event
        self._looking = False

    def end(self):
        self.charger.world.on_event = None
        self.charger.world.on_touch.remove(self.look)
        self.charger.twin_clock.cancel(self._event)

    # -- what the history tells ----------------------------------------------------------

    def blinded(self, name, on):
        """Something that watches stands still (`on`), or works again."""
        self.look()
        if on:
            self.blind.setdefault(name, self.charger.ms)
        elif self.blind.pop(name, None) is not None:
            # It may be the part that should have noticed the others.
            self.blind = {other: self.charger.ms for other in self.blind}

    def happened(self, name):
        """An event that must open the contactor has happened now."""
        self.blind.setdefault(name, self.charger.ms)

    def late(self, ms, count):
        """The next `count` ticks are late by so much."""
        self.late_tick.give(2.0 * ms, (count + 2) * (ms + 20))

    def raises(self, count):
        """So many calls of the tasks raise: each may cost one look at one sensor. After six in a
        row that is a fault of its own."""
        self.lost_looks.give(500 * min(count, 6), 10000)

    def was_reset(self):
        """A new program: its closings count from here."""
        self.blind.clear()
        for w in self.seen:
            w.take()
            for level in w.levels:
                level.again(self.charger.ms)
            w.opened_ms = -1e9
            w.proved = False
            w.since_plug = w.faults_in_plug = 0
            w.f_short = w.f_since = None
            w.limit_ma = 16000  # a limit set before is forgotten
            w.forbidden = False  # free of charge: what was cut goes on

    def person_reset(self):
        """An authorised person has let it close again."""
        for w in self.seen:
            w.by_fault.clear()
            w.by_rcd.clear()

    def limit(self, c, ma):
        w = self.seen[c]
        # The duty may stay for 5 s, then the EV has 5 s.
        w.limits.append((self.charger.ms + 11000, w.limit_ma))
        w.limit_ma = ma

    # -- looking -------------------------------------------------------------------------

    def fail(self, name, text):
        """The failure is kept, not raised: the firmware's tick, which may run this, catches
        exceptions."""
        if self.broken is None:
            self.broken = Broken(name, "at %.0f ms: %s" % (self.charger.ms, text))

    def _on_event(self, event):
        self.look()
        what, c = event["event"], event["connector"] - 1
        if what == "relay" and c < len(self.seen):
            self._relay(self.seen[c], event["value"])
        elif what == "contact":
            self._contact(self.seen[c], event["value"])

    def _periodic(self):
        self._event = None
        self.look()
        if any(w.outlet.contactor.closed for w in self.seen):
            self._event = self.charger.twin_clock.after(_LOOK_US, self._periodic)

    def _contact(self, w, closed):
        if closed:
            self.closed_ever = True
            if self._event is None:
                self._event = self.charger.twin_clock.after(_LOOK_US, self._periodic)

    def look(self):
        if self._looking or self.broken is not None:
            return
        self._looking = True
        try:
            for w in self.seen:
                self._look(w)
            if not any(w.outlet.contactor.closed for w in self.seen):
                self.blind.pop("tick fails", None)
        finally:
            self._looking = False

    def _look(self, w):
        charger = self.charger
        now = charger.ms
        passed = now - w.last_ms
        if w.sound:
            w.diode_ms += passed
            w.away_ms = 0.0
        else:
            w.away_ms += passed
            if w.away_ms > rows.BETWEEN_MS + self.late_tick.ms:
                w.diode_ms = 0.0
        before = w.letter
        w.take()
        w.sound = w.asking and not w.short and w.circuit.duty < STEADY
        outlet = w.outlet
        contactor = outlet.contactor
        closed = contactor.closed
        if closed and (contactor.welded or contactor.stuck):
            closed = contactor.coil
        blind = self.blind
        running = charger.runs
        stops = "timer stops" in blind or "clock stops" in blind
        no_tick = not running or stops or "hang" in blind
        no_task = no_tick or "loop hangs" in blind or "task fails" in blind
        waits = {
            "tick": no_tick,
            "task": no_task,
            "closed": no_task,
            "guard": no_tick and not charger.guarded,
        }
        i = 0
        for name, limit, fn, needs in rows.ROWS:
            level = w.levels[i]
            i += 1
            if needs == "closed":
                level.put(closed and fn(w), now)
            else:
                level.put(fn(w), now)
            if waits[needs]:
                level.shift(passed)
                continue
            if not closed:
                continue
            slack = self._slack(name)
            if limit == rows.SENSED_MS:
                slack += self.lost_looks.ms
            if level.since is not None and now - level.since > limit + slack:
                self.fail(
                    name,
                    "closed for %.0f ms with it (%.0f), pilot %s, connector %d"
                    % (now - level.since, limit, w.letter, w.c + 1),
                )
            own = limit if needs in ("tick", "guard") else 2 * limit
            leaky = max(own, rows.LEAKY_MS) + slack
            most = 0 if level.leaky is None else now - max(level.leaky, w.closed_ms)
            if most > leaky:
                self.fail(
                    name + ", now and then",
                    "closed for %.0f ms with it most of the time, connector %d" % (most, w.c + 1),
                )
        if closed:
            self._blind(w, now)
        w.last_ms = now
        self._state_f(w, now, before)

    def _slack(self, name):
        return self.late_tick.ms * max(1, rows.TICKS.get(name, 0) / 2)

    def _blind(self, w, now):
        charger = self.charger
        limits = [rows.BLIND[name][charger.guarded] for name in self.blind]
        if "timer stops" in self.blind and len(self.blind) > 1:
            # No tick runs, and the part that would notice may stand still, too: it counts as a
            # hang.
            limits.append(rows.BLIND["hang"][charger.guarded])
        for name, since in self.blind.items():
            # Each of two parts may be the one that should notice the other.
            if now - since > max(limits) + self._slack(name):
                self.fail(
                    name, "closed for %.0f ms with it, connector %d" % (now - since, w.c + 1)
                )
        if charger.kept_us is not None and now - charger.kept_us / 1000 > rows.RESET_MS:
            self.fail("reset", "closed for %.0f ms after it" % (now - charger.kept_us / 1000))

    # -- closings ------------------------------------------------------------------------

    def _relay(self, w, on):
        now = self.charger.ms
        if not on:
            if w.coil:
                w.opened_ms = now
                self._opens(w, now)
            w.coil = False
            return
        w.coil = True
        w.closed_ms = now
        w.take()
        wrong = []
        # A state shorter than the time between two looks cannot be seen.
        if not w.asking and w.away_ms > rows.BETWEEN_MS + self.late_tick.ms:
            wrong.append("the EV does not ask (%s)" % w.letter)
        short = w.short and w.away_ms > rows.BETWEEN_MS + self.late_tick.ms
        if short or w.diode_ms < rows.DIODE_MS:
            wrong.append("diode seen for %.0f ms" % w.diode_ms)
        if w.outlet.lock is not None and not w.outlet.lock.locked:
            wrong.append("plug not locked")
        if w.outlet.rcd.tripped or not w.proved:
            wrong.append("RCD tripped or not tested")
        if w.forbidden:
            wrong.append("nobody permits it")
        if now - w.opened_ms < rows.AGAIN_MS:
            wrong.append("opened %.0f ms ago" % (now - w.opened_ms))
        if w.outlet.contactor.welded and w.outlet.contactor.closed and w.mirrored:
            wrong.append("the poles are welded")
        if wrong:
            self.fail("closes", "connector %d although %s" % (w.c + 1, ", ".join(wrong)))
        self.closings += 1
        w.since_plug += 1
        for name, count, most in (
            ("since the plug came in", w.since_plug, rows.PER_PLUG_IN + 1),
            ("after faults in one plug-in", w.faults_in_plug, rows.FAULTS_PER_PLUG_IN),
            ("after faults in an hour", _since(w.by_fault, now - 3600000), rows.FAULTS_PER_HOUR),
            ("after trips of the RCD", len(w.by_rcd), rows.TRIPS_PER_DAY),
        ):
            if count >= most:
                self.fail("closings", "once more %s: %d, connector %d" % (name, count, w.c + 1))

    def _opens(self, w, now):
        """By a fault, if the EV went on asking and nobody had ended the session."""
        let_ms = w.let_ms
        w.take()
        ev = w.outlet.ev
        if not self.charger.runs or w.forbidden or not (ev.plugged and ev.level in "CD"):
            return
        if w.outlet.rcd.tripped and "loop hangs" not in self.blind:
            # While the main loop hangs nothing is recorded: after the reset it is a cut session.
            w.by_rcd.append(now)
        # Too hot is no fault that is counted: that has a hysteresis of its own.
        if w.letter in "CE" and now - let_ms > _LET_GO_MS and not (w.warm or w.temp_stuck):
            w.faults_in_plug += 1
            w.by_fault.append(now)

    def _state_f(self, w, now, before):
        duty = w.circuit.duty
        if duty == 0 and w.duty != 0:
            # The EV was told: this is not a probe without an EV, as far as the pilot shows.
            told = before != "A" and not w.stuck
            # The probe of 200 ms that calibrates at boot begins in state A, which may flicker.
            told = told and now - w.in_ms > PLUGGED_MS + _PROBE_MS and w.outlet.ev.plugged
            w.f_since = now if told else None
        elif duty != 0 and w.duty == 0 and w.f_since is not None:
            if now - w.f_since < rows.F_MS and self.charger.runs:
                w.f_short = now, now - w.f_since
        w.duty = duty
        if w.f_short and now > w.f_short[0] + 5:
            # Later: a reset drives the pilot to +12 V first, and may come out of state F.
            self.fail("state F", "for %.0f ms only" % w.f_short[1])


def _since(times, when):
    return len([t for t in times if t >= when])
