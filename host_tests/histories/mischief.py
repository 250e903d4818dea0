# The disturbances of the charger's parts, its chip and its program.
# MIT license; part of microevse
"""`Mischief`: the part of `Play` that faults.py acts through. For `self.charger`, `self.judge` and
the parts that are broken at the moment see Play."""

from .charger import machine
from .fitted import ADC_PINS

_LOOK_US = 6000  # a window, and its edges


class Mischief:
    """Acts on the world and the chip, and reports to the judge what cannot be seen there."""

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
        if where == "task":
            self.judge.raises(count)

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
        """A part that a task asks raises an unexpected kind of exception."""
        self.broken_parts[c] = which
        self.judge.seen[c].raising = which
        self._break_part(c)
        self.judge.blinded("task fails", "look" in self.broken_parts.values())

    def _break_part(self, c):
        which = self.broken_parts[c]
        guard = self.charger.protections[c]

        def wrapped(fn, name):
            def call(*args):
                if self.broken_parts.get(c) == name:
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
        if on:
            rcd._settle = lambda: None
        else:
            rcd.__dict__.pop("_settle", None)
            rcd._settle()

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
