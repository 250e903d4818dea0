# Plays one history: the verbs that its steps are made of.
# MIT license; part of microevse
"""A history is a dict of plain values: {"seed", "guard", "connectors", "socket", "mirror",
"steps": [[verb, ...], ...]}. The same history always goes the same way."""

import collections
import contextlib
import io
import sys

from . import inside
from .charger import Charger
from .faults import KINDS
from .judge import Broken, Judge
from .mischief import Mischief

_CHUNK_MS = 500
_CLOSE_MS = 14000  # lock, self-test, 5 s since it opened, the EV's own 2 s
_AGAIN_MS = 40000
_TESTED_MS = 65000  # a residual current monitor is tested again 60 s after it has failed
_UNPLUGGED_MS = 7000  # a fault that a restart does not end is over 5 s after it, without a car


class Play(Mischief):
    """The charger, its judge, and the disturbances so far."""

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
        self.fired = collections.Counter()  # what happened inside the firmware
        self.flickers = {}
        self.toggles = {}
        self.quirks = {}
        self.factors = {}  # connector -> what its PWM makes of the duty
        self.adc_faults = {}
        self.broken_parts = {}  # connector -> what a task asks and raises

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
        for c in self.broken_parts:
            self._break_part(c)
        inside.failing_tick(self)
        if "look" in self.broken_parts.values():
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
        """The session is ended from afar; nothing more is permitted until the plug was out. A
        session that has ended by unplugging already is none: the plug may be in again."""
        connector = self.charger.station.connectors[c] if self.charger.runs else None
        if connector is None or connector.session is None:
            return
        over = connector.session.stopping == "ev_disconnected"
        connector.request_stop("remote")
        if not over:
            self.judge.seen[c].forbidden = True

    def limit(self, c, ma):
        if self.charger.runs:
            limits = self.charger.station.connectors[c].limits
            limits.claim("web", 1000, ma)
            self.judge.limit(c, ma)

    def pause(self, c):
        self.charger.evses[c].pause()

    def stall(self, ms):
        """A stall that the gates allow while closed: a collection."""
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
        self.judge.person_reset()
        self.wait(_TESTED_MS)
        self.charger.reset("power", off_ms=2000)
        self.wait(_UNPLUGGED_MS)
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
