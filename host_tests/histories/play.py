# Plays one history: the verbs that its steps are made of.
# MIT license; part of microevse
"""A history is a dict of plain values: {"seed", "guard", "connectors", "socket", "mirror",
"steps": [[verb, ...], ...]}. The same history always goes the same way."""

import contextlib
import io
import sys

from . import inside
from .charger import Charger, machine
from .faults import KINDS
from .fitted import ADC_PINS
from .judge import Broken, Judge

_CHUNK_MS = 500
_LOOK_US = 6000  # a window, and its edges
_CLOSE_MS = 14000  # lock, self-test, 5 s since it opened, the EV's own 2 s
_AGAIN_MS = 40000


class Play:
    """The charger, who watches it, and what has been done to it."""

    def __init__(self, history):
        self.history = history
        self.charger = Charger(
            history["seed"],
            history["guard"],
            history["connectors"],
            history["socket"],
            history["mirror"],
            history["version"],
            history["adc_error"],
        )
        self.failing = None  # (connector, exception) of a tick that fails
        self.traced = None  # trace function while the program is to be interrupted
        self.active = {}  # (kind, connector) -> arguments
        self.met = set()  # kinds that were there while contacts were closed
        self.flickers = {}
        self.toggles = {}
        self.quirks = {}
        self.factors = {}  # connector -> what its PWM makes of the duty
        self.adc_faults = {}
        self.broken_part = (0, None)

    def __enter__(self):
        self.charger.__enter__()
        self.judge = Judge(self.charger)
        self.charger.on_reset.append(self._reset)
        self.charger.on_built.append(self._built)
        self._duties()
        return self

    def __exit__(self, *exc):
        sys.settrace(None)
        self.judge.end()
        self.charger.__exit__(*exc)

    def _reset(self):
        """The program has ended."""
        self.judge.was_reset()
        self.traced = None
        self._duties()

    def _built(self):
        """The program has been put together anew: what was broken still is."""
        self.judge.was_reset()
        self._break_part()
        inside.failing_tick(self)
        if self.broken_part[1] == "look":
            self.judge.blinded("task fails", True)

    # -- time --------------------------------------------------------------------------

    def wait(self, ms):
        while ms > 0:
            part = min(ms, _CHUNK_MS)
            if self.traced is not None:
                sys.settrace(self.traced)
            try:
                self.charger.run(part)
            finally:
                if self.traced is not None:
                    sys.settrace(None)
            ms -= part
            self._meets()
            if self.judge.broken is not None:
                raise self.judge.broken

    def _meets(self):
        if any(o.contactor.closed for o in self.charger.outlets):
            self.met.update(kind for kind, _ in self.active)

    def closed(self, c, limit_ms=_CLOSE_MS):
        """Wait until the contacts are closed, at most so long."""
        contactor = self.charger.outlets[c].contactor
        while limit_ms > 0 and not contactor.closed:
            self.wait(50)
            limit_ms -= 50

    # -- people and EVs ------------------------------------------------------------------

    def _ev(self, c):
        return self.charger.outlets[c].ev

    def _do(self, c, what, **more):
        self.charger.bench.do(what, connector=c + 1, **more)

    def plug(self, c):
        self._do(c, "plug")
        self.judge.seen[c].forbidden = False

    def ask(self, c):
        if self._ev(c).plugged:
            self._do(c, "request")

    def release(self, c):
        if self._ev(c).plugged:
            self._do(c, "release")

    def unplug(self, c):
        self._ev(c).unplug()
        self.charger.outlets[c].cable_in = False

    def quirk(self, c, name):
        self._do(c, "ev", quirk=name)

    def stop(self, c):
        """The session is ended from afar; nothing more is permitted until the plug was out."""
        if self.charger.runs and self.charger.station.connectors[c].end("remote"):
            self.judge.seen[c].forbidden = True

    def limit(self, c, ma):
        if self.charger.runs:
            limits = self.charger.station.connectors[c].limits
            limits.claim("web", 1000, ma)
            self.judge.limit(c, ma)

    def pause(self, c):
        self.charger.evses[c].pause()

    def stall(self, ms):
        """What the gates allow while closed: a collection."""
        self.charger.stall(ms)

    # -- faults --------------------------------------------------------------------------

    def on(self, kind, c, *args):
        self._meets()
        self.active[(kind, c)] = args
        self._meets()
        KINDS[kind][1](self, c, *args)

    def off(self, kind, c):
        args = self.active.pop((kind, c), None)
        if args is not None:
            self._meets()
            KINDS[kind][2](self, c, *args)

    def fault(self, c, kind, on, **more):
        self._do(c, "fault", kind=kind, on=on, **more)

    def adc(self, c, name, **more):
        """Something is wrong with the converter; see twin.adc_faults."""
        self.adc_well(c, name)
        self.charger.bench.happens("adc", **more)
        self.adc_faults[(name, c)] = self.charger.world.adc.faults._list[-1]

    def adc_well(self, c, name):
        fault = self.adc_faults.pop((name, c), None)
        faults = self.charger.world.adc.faults._list
        if fault in faults:
            faults.remove(fault)
        self.charger.world.touch()

    def flicker(self, c, put, period_ms, share):
        """`put(True)` for `share` percent of each period, which is not quite regular. Without a
        period it is so all the time, but in every `share`-th of the charger's own looks."""
        self.flicker_ends(c)
        clock, random = self.charger.twin_clock, self.charger.random
        state = self.flickers[c] = [put, True]
        if not period_ms:
            self._between_looks(c, state, share)
            return

        def begin():
            if state[1]:
                put(True)
                us = period_ms * 10 * share * random.uniform(0.8, 1.2)
                clock.after(us, end)

        def end():
            put(False)
            if state[1]:
                us = period_ms * 10 * (100 - share) * random.uniform(0.8, 1.2)
                clock.after(us, begin)

        begin()

    def _between_looks(self, c, state, every):
        clock = self.charger.twin_clock
        put = state[0]
        count = [0]

        def look():
            count[0] += 1
            if count[0] % every == 0:
                put(False)
                clock.after(_LOOK_US, lambda: state[1] and put(True))

        put(True)
        self.charger.sampler.before[ADC_PINS[c + 1]] = look

    def flicker_ends(self, c):
        self.charger.sampler.before.pop(ADC_PINS[c + 1], None)
        state = self.flickers.pop(c, None)
        if state is not None:
            state[1] = False
            state[0](False)

    def toggle(self, c, ms):
        """The EV opens and closes S2 for ever."""
        state = self.toggles.pop(c, None)
        if state is not None:
            state[0] = False
        if not ms:
            return
        clock, ev = self.charger.twin_clock, self._ev(c)
        state = self.toggles[c] = [True]

        def flip():
            if state[0]:
                if ev.plugged and ev.level in "BCD":
                    ev._s2("B" if ev.level in "CD" else "C")
                clock.after(ms * 1000, flip)

        flip()

    def wrong_duty(self, c, factor):
        self.factors[c] = factor
        self._duties()
        meant = self.judge.seen[c].meant_duty
        if self.charger.runs and 0 < meant < 65500:
            self.judge.seen[c].circuit.pwm(meant, 1000)

    def _duties(self):
        """The LEDC may send another duty than it is told."""
        for c, w in enumerate(self.judge.seen):
            self._duty(c, w)

    def _duty(self, c, w):
        pilot = w.circuit
        real = type(pilot).pwm

        def pwm(duty, freq):
            w.meant_duty = duty
            factor = self.factors.get(c)
            if factor and 0 < duty < 65500:
                duty = max(655, min(64880, int(duty * factor)))
            real(pilot, duty, freq)

        pilot.pwm = pwm

    def chip(self, name, what):
        """Something in the chip stands still until the next reset."""
        if self.charger.runs and (what != "timer_stop" or machine._timers):
            self.charger.bench.happens(what)
            self.judge.blinded(name, True)
            self.charger.world.touch()

    def late_timer(self, ms, count):
        """The next ticks come so much later than they should."""
        if machine._timers:
            self.charger.bench.happens("timer_late", ms=ms, count=count)
            self.judge.late(ms, count)

    def call_raises(self, name, where, count):
        """The next calls of the program into the board raise that."""
        self.charger.bench.happens("error", name=name, where=where, count=count)

    def hang(self, ms):
        if not self.charger.runs:
            return
        self.judge.blinded("hang", True)
        resets = len(self.charger.resets)
        self.charger.stall(ms)
        if len(self.charger.resets) == resets:
            self.judge.blinded("hang", False)
            self.charger.twin_clock.dropped = 0

    def loop_hangs(self, on):
        self.judge.blinded("loop hangs", on)
        self.charger.loop.stuck = on

    def task_raises(self, c, which):
        """A part that a task asks raises an exception of a kind nobody thought of."""
        self.broken_part = (c, which)
        if which is not None:
            self._break_part()
        self.judge.blinded("task fails", which == "look")

    def _break_part(self):
        c, which = self.broken_part
        if which is None:
            return
        guard = self.charger.protections[c]

        def wrapped(fn, name):
            def call(*args):
                if self.broken_part == (c, name):
                    raise RuntimeError("injected in " + name)
                return fn(*args)

            return call

        if which == "earth" and guard._earth_lost is not None:
            guard._earth_lost = wrapped(guard._earth_lost, which)
        elif which == "temperature":
            guard._temp_dc = wrapped(guard._temp_dc, which)
        elif which == "poles" and guard._poles is not None:
            guard._poles.wrong = wrapped(guard._poles.wrong, which)
        elif which == "look":
            guard.look = wrapped(guard.look, which)

    def reset(self, kind, off_ms=0, files=True):
        self.files(files)
        self.charger.reset(kind, off_ms=off_ms)

    def files(self, on):
        """Whether board.json can be read."""
        self.charger.files = on

    def ask_reset(self, how):
        charger = self.charger
        if charger.runs:
            async def ask():
                await charger.station.reset(how)

            charger.loop.create_task(ask())

    def rcd_stuck(self, c, on):
        """Its output does not move any more, whatever flows and whatever is tested."""
        rcd = self.charger.outlets[c].rcd
        rcd._dead = on

    def not_closing(self, c, on):
        contactor = self.charger.outlets[c].contactor
        self.judge.seen[c].broken = on
        if on:
            real = type(contactor).energise

            def energise(value):
                real(contactor, value)
                if contactor.coil:
                    self.charger.twin_clock.cancel(contactor._event)

            contactor.energise = energise
            contactor._open()
        else:
            contactor.__dict__.pop("energise", None)

    def cable(self, c, pp):
        outlet = self.charger.outlets[c]
        if isinstance(pp, int):
            outlet.ev.cable_a = pp
        else:
            outlet.pp = pp
            if pp is None:
                outlet.ev.cable_a = 32

    # -- the end -------------------------------------------------------------------------

    def all_off(self):
        for kind, c in list(self.active):
            self.off(kind, c)

    def lives(self):
        """All faults are gone, the EVs too, a person resets: does it charge again?"""
        self.all_off()
        for c in range(len(self.charger.outlets)):
            self.quirk(c, "normal")
            self.unplug(c)
        self.wait(7000)
        self.charger.person_resets()
        self.wait(6000)
        self.charger.reset("power", off_ms=2000)
        self.wait(3000)
        for c in range(len(self.charger.outlets)):
            self.plug(c)
            self.ask(c)
        for c, outlet in enumerate(self.charger.outlets):
            self.closed(c, _AGAIN_MS)
            if not outlet.contactor.closed:
                fault = self.charger.station.connectors[c].fault
                raise Broken("charges again", "connector %d does not: %r" % (c + 1, fault))
        self.wait(1000)


VERBS = {
    name: getattr(Play, name)
    for name in "wait closed plug ask release unplug quirk stop limit pause stall on off".split()
}


def play(history, live=True):
    """(None or Broken, Play): what happened."""
    with contextlib.redirect_stdout(io.StringIO()), Play(history) as one:
        try:
            for step in history["steps"]:
                VERBS[step[0]](one, *step[1:])
                if one.judge.broken is not None:
                    raise one.judge.broken
            if live:
                one.lives()
        except Broken as broken:
            return broken, one
    return None, one
