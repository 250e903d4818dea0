# Electric vehicles as scripts, well-behaved and otherwise.
# MIT license; part of microevse
"""An EV sees the pilot and the voltage behind the contactor, and nothing else.

The well-behaved one closes S2 when told to ("request"), draws what is offered once there is
voltage, follows the duty within 2 s, stops drawing within 2 s after the PWM went away, then
opens S2, and asks again when the PWM returns. The quirks are those of real cars (see
QUIRKS); each changes one of these rules.
"""

QUIRKS = {
    "normal": "well-behaved again",
    "ignores_pause": "goes on drawing in state C when the PWM goes away",
    "c_pulse": "C for 250 ms, then B; really asks 5 s later",
    "bcb": "two C pulses of 300 ms (B-C-B toggle), really asks 5 s later",
    "direct_c": "plugs in straight to C, takes 10 A at most",
    "slow_start": "closes S2 30 to 120 s after it was asked to",
    "leaf_bounce": "S2 chatters for 20 ms when the plug is pulled",
    "d_request": "asks for ventilation: D in place of C",
    "diode_short": "a short for a pilot diode",
    "taper": "after 60 s the current falls to nothing, then S2 opens: full",
    "sleeper": "waits for PWM; asleep after 60 s without a charge; wakes on 4 s of E or F",
    "deep_sleeper": "the same, but only 30 s of E or F wake it",
    "over_draw": "draws a tenth more than is offered",
    "over_draw_25": "draws a quarter more than is offered",
    "over_draw_50": "draws half as much again as is offered",
    "min_10a": "neither asks nor draws when less than 10 A are offered",
    "whole_amps": "draws whole amperes only",
    "duty_glitch": "C for 400 ms after each change of the duty in B; really asks 5 s later",
    "precondition": "full after 60 s; asks again 5 minutes later, to warm up",
    "tail": "current flows on for 150 ms after S2 has opened",
    "leakage": "leaks direct current while it charges",
    "f_allergic": "never asks again after it has seen state F, until replugged",
}

_UP_A_S = 4.0  # A per second: 2 to 8 in real cars
_DOWN_A_S = 40.0
_VOLTAGE_SEEN_MS = 300  # from voltage to the first ampere
_STOP_MS = 500  # from PWM off to the beginning of the end; 40 A/s: below 2 s for 60 A
_OPEN_S2_MS = 2000  # from PWM off to S2 open
_TAPER_MS = 60000
_TAPER_STEP_MS = 10000
_SLEEP_MS = 60000
_AGAIN_MS = 300000
_TAIL_MS = 150
_FULL = ("taper", "precondition")
_SLEEPERS = {"sleeper": 4000, "deep_sleeper": 30000}  # ms of E or F that wake it
_PATIENT = ("sleeper", "deep_sleeper", "duty_glitch", "min_10a")  # S2 waits for PWM
_OVER = {"over_draw": 1.1, "over_draw_25": 1.25, "over_draw_50": 1.5}


def current_for(duty):
    """Amperes a duty fraction allows (IEC 61851-1 Tables A.7 and A.8); 0: none."""
    d = duty * 100
    if d < 8 or d > 97:
        return 0.0
    if d < 10:
        return 6.0
    if d <= 85:
        return 0.6 * d
    return 2.5 * (d - 64) if d <= 96 else 80.0


class Ev:
    """One EV (or none, when not `plugged`). Loads `pilot`; `moved(what, value)` records."""

    def __init__(self, clock, rng, options, pilot, phases, volts, moved):
        self._clock = clock
        self._rng = rng
        self._pilot = pilot
        self._moved = moved
        self._board_phases = phases
        self._volts = volts
        self._ramp = options.get("ev_ramp_a_s", _UP_A_S)
        self._react_ms = options.get("ev_react_ms")  # None: 1000 to 2000
        self.plugged = False
        self.wants = False
        self.level = "A"
        self.draw = None  # A; None: all that is offered
        self.quirk = "normal"
        self.phases = phases
        self.cable_a = 32  # rating of the cable it came with (proximity resistor)
        self._wh = 0.0
        self.asleep = False
        self._offer = 0.0
        self._live = False
        self._amps = self._goal = 0.0
        self._since = clock.now_us
        self._script = None  # event: what S2 does next
        self._react = None  # event: the current follows
        self._slow = None  # event: taper, sleep, wake
        self._tail = 0.0  # A that flow on although S2 is opening

    # -- what the person does ----------------------------------------------------------

    def plug(self, phases=None):
        """The plug goes in."""
        if self.plugged:
            return
        self._stop_events()
        self.plugged = True
        self.phases = min(phases or self._board_phases, self._board_phases)
        self.asleep = False
        self._moved("plugged", True)
        if self.quirk == "direct_c":
            self.wants = True
            self._s2("C")
        else:
            self._s2("B")
            self._doze()
        self.see_pilot()

    def unplug(self):
        """The plug comes out, whatever is going on."""
        if not self.plugged:
            return
        bounce = self.quirk == "leaf_bounce" and self.level != "B"
        self._stop_events()
        self.plugged = self.wants = False
        self._offer = 0.0
        self._set_current(0.0, True)
        self._moved("plugged", False)
        if bounce:
            self._play((("A", 5), ("C", 5), ("A", 5), ("C", 5), ("A", None)))
        else:
            self._s2("A")

    def request(self):
        """The EV wants energy: S2 closes."""
        self._need_plug()
        self.wants = True
        if self.quirk in _PATIENT and (not self._offer or self.quirk == "min_10a"):
            self._retry()
            return
        self.asleep = False
        self._ask()

    def _retry(self):
        """Ask, should what is offered be good enough; otherwise wait for PWM to change."""
        if self.quirk == "min_10a" and self._offer >= 10:
            self._ask()

    def release(self):
        """The EV has had enough: no current, S2 opens, now."""
        self._need_plug()
        self.wants = False
        self._stop_events()
        if self.quirk == "tail" and self.level in "CD":
            self._tail = self._goal
            self._later("_script", _TAIL_MS, self._retarget)
        else:
            self._set_current(0.0, True)
        self._s2("B")
        self._tail = 0.0

    def set_draw(self, amps):
        """Set the current that it takes at most; None: all that is offered."""
        if amps is not None and not 0 <= amps <= 100:
            raise ValueError('"amps" must be 0 to 100')
        self.draw = amps
        self._retarget()

    def set_quirk(self, name):
        """Be this kind of EV from now on."""
        if name not in QUIRKS:
            raise ValueError("quirk %s is not one of %s" % (name, ", ".join(sorted(QUIRKS))))
        self.quirk = name
        short = name == "diode_short"
        if self._pilot.ev_diode_short != short:
            self._pilot.ev_diode_short = short
            self._pilot.refresh()
        if name in _FULL and self._live:
            self._later("_slow", _TAPER_MS, self._taper)
        elif name in _SLEEPERS:
            self._doze()
        if self.level in "CD":
            self._s2("D" if name == "d_request" else "C")
        self._retarget()

    def _need_plug(self):
        if not self.plugged:
            raise ValueError("no EV is plugged in")

    # -- what the EV sees --------------------------------------------------------------

    def see_pilot(self):
        """The square wave may have changed."""
        duty = self._pilot.offered()
        offer = current_for(duty) if duty is not None and self.plugged else 0.0
        before = self._offer
        if self.plugged:
            self._see_letter()
        if offer == before:
            return
        self._offer = offer
        if not offer:
            if self.quirk != "ignores_pause":
                self._later("_react", _STOP_MS, self._retarget)
                self._later("_script", _OPEN_S2_MS, self._open_s2)
        elif self.level == "B":
            if self.asleep or (self.quirk == "min_10a" and offer < 10):
                return
            if self.quirk == "duty_glitch":
                steps = (("C", 400), ("B", 5000), ("C", None))
                self._play(steps if self.wants else (("C", 400), ("B", None)))
            elif self.wants and (not before or self.quirk == "min_10a"):
                self._later("_script", self._reaction(), self._ask)
        else:
            if not before:
                self._cancel("_script")  # back within the 2 s: S2 stays closed
            self._later("_react", self._reaction(), self._retarget)

    def _see_letter(self):
        if self._pilot.letter in "EF":
            if self.quirk == "f_allergic" and self._pilot.letter == "F":
                self.asleep = True
            if self.quirk in _SLEEPERS and self.asleep:
                if not self._slow:
                    self._later("_slow", _SLEEPERS[self.quirk], self._wake)
        elif self.quirk in _SLEEPERS and self.asleep:
            self._cancel("_slow")

    def see_voltage(self, live):
        """The contactor closed or opened."""
        self._live = live
        if not live:
            self._cancel("_react")
            self._set_current(0.0, True)
            if self.quirk == "taper":
                self._cancel("_slow")
            self._doze()
            return
        self._later("_react", _VOLTAGE_SEEN_MS, self._retarget)
        if self.quirk in _FULL:
            self._later("_slow", _TAPER_MS, self._taper)
        elif self.quirk in _SLEEPERS:
            self._cancel("_slow")

    # -- what S2 does ------------------------------------------------------------------

    def _ask(self):
        want = "D" if self.quirk == "d_request" else "C"
        if self.level == want:
            return
        if self.quirk == "slow_start":
            self._later("_script", self._rng.uniform(30, 120) * 1000, lambda: self._s2(want))
        elif self.quirk == "c_pulse":
            self._play((("C", 250), ("B", 5000), ("C", None)))
        elif self.quirk == "bcb":
            self._play((("C", 300), ("B", 300), ("C", 300), ("B", 5000), ("C", None)))
        else:
            self._play(((want, None),))

    def _play(self, steps, i=0):
        """Go through levels: (letter, ms until the next)."""
        letter, ms = steps[i]
        if ms is None:
            self._cancel("_script")
        else:
            self._later("_script", ms, lambda: self._play(steps, i + 1))
        self._s2(letter)

    def _s2(self, letter):
        if letter != self.level:
            was, self.level = self.level in "CD", letter
            if (letter in "CD") != was:
                self._moved("s2", not was)
            self._pilot.set_load(letter)
            self._retarget()

    def _open_s2(self):
        self._set_current(0.0, True)
        self._s2("B")
        self._doze()

    # -- what it draws -----------------------------------------------------------------

    @property
    def amps(self):
        """Current in the largest phase, now."""
        self.integrate()
        return self._amps

    @property
    def wh(self):
        """Energy taken since the image was made."""
        self.integrate()
        return self._wh

    @property
    def currents(self):
        """[A of L1, ...]"""
        return [self.amps] * self.phases

    def integrate(self):
        """Bring current and energy up to this instant."""
        now = self._clock.now_us
        dt = (now - self._since) / 1000000
        self._since = now
        if dt <= 0:
            return
        amps, goal = self._amps, self._goal
        area = 0.0
        if amps != goal:
            rate = self._ramp if goal > amps else -_DOWN_A_S
            t = (goal - amps) / rate
            if t >= dt:
                self._amps = amps + rate * dt
                area = (amps + self._amps) / 2 * dt
                dt = 0
            else:
                area = (amps + goal) / 2 * t
                self._amps = goal
                dt -= t
        area += self._amps * dt
        self._wh += area * self._volts * self.phases / 3600

    def _set_current(self, goal, at_once=False):
        self.integrate()
        if at_once:
            self._amps = goal
        if goal != self._goal:
            self._goal = goal
            self._moved("amps", round(goal, 1))

    def _retarget(self):
        if not (self._live and self.level in "CD"):
            self._set_current(self._tail, True)
            return
        offer = self._offer
        if not offer and self.quirk == "ignores_pause":
            return
        if self.draw is not None:
            offer = min(offer, self.draw)
        if self.quirk == "direct_c":
            offer = min(offer, 10.0)
        elif self.quirk == "min_10a" and offer < 10:
            offer = 0.0
        elif self.quirk == "whole_amps":
            offer = float(int(offer + 0.001))
        offer *= _OVER.get(self.quirk, 1.0)
        self._set_current(offer)

    def _taper(self):
        goal = self._goal * 0.8
        if goal >= 1.0:
            self._set_current(goal)
            self._later("_slow", _TAPER_STEP_MS, self._taper)
            return
        self.wants = False
        self._set_current(0.0)
        self._s2("B")
        if self.quirk == "precondition":
            self._later("_slow", _AGAIN_MS, self.request)

    def _doze(self):
        if self.quirk in _SLEEPERS and self.plugged and not self.asleep and not self._live:
            self._later("_slow", _SLEEP_MS, self._fall_asleep)

    def _fall_asleep(self):
        self.asleep = True

    def _wake(self):
        self.asleep = False
        self._doze()

    # -- events ------------------------------------------------------------------------

    def _reaction(self):
        ms = self._react_ms
        return self._rng.uniform(1000, 2000) if ms is None else ms

    def _later(self, slot, ms, fn):
        self._clock.cancel(getattr(self, slot))
        setattr(self, slot, self._clock.after(ms * 1000, fn))

    def _cancel(self, slot):
        self._clock.cancel(getattr(self, slot))
        setattr(self, slot, None)

    def _stop_events(self):
        for slot in ("_script", "_react", "_slow"):
            self._cancel(slot)

    # -- over power cuts of the charger -------------------------------------------------

    def snapshot(self):
        """The state of the EV, for the next start; S2 that was about to move has moved."""
        self.integrate()
        return {
            "plugged": self.plugged,
            "wants": self.wants,
            "level": self.level,
            "draw": self.draw,
            "quirk": self.quirk,
            "phases": self.phases,
            "cable_a": self.cable_a,
            "wh": self.wh,
            "asleep": self.asleep,
            "offer": self._offer,
            "amps": self.amps,
        }

    def restore(self, state, live=False):
        """Go on from a snapshot. `live`: the contactor is closed, and what was drawn still is."""
        for name in ("plugged", "wants", "draw", "phases", "cable_a", "asleep"):
            setattr(self, name, state[name])
        self._wh = state["wh"]
        self.quirk = state["quirk"]
        self.level = state["level"]
        self._offer = state["offer"]
        self._pilot.ev_diode_short = self.quirk == "diode_short"
        self._pilot.load = self.level
        self._live = live
        if live and state.get("amps"):
            self._set_current(state["amps"], True)
        self._pilot.refresh()
        self._doze()
