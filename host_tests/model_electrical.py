# Random EVs, faults, permissions and stalls against the electrical half of the charger.
# MIT license; part of microevse
"""A hypothesis state machine over `Rig`: whatever happens in whatever order, the contactor is
closed only while it may be.

    python host_tests/model_electrical.py [--runs 2000] [--seed 1]

What must hold is checked by `Watch` at every change in the physical world, not at the end of
a step: the times are those of the poles and of the pilot, not those the firmware believes.
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE / "unit", HERE, HERE.parent / "firmware", HERE.parent / "lib"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from hypothesis import HealthCheck, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import (  # noqa: E402
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from iec61851.observer import PILOT_CAUSES  # noqa: E402
from rig import GC_MS, PROGRAM_MS, Rig  # noqa: E402
from twin.ev import QUIRKS  # noqa: E402

LET_GO_MS = 100  # A or B: seq 2.2, 8.1, 8.2
LOST_MS = 3000  # anything else that is not asking: seq 12
BETWEEN_MS = 25  # the tick while open, and the window in it
BELIEF_MS = 60  # two windows, and the stall that is allowed
TRIP_MS = 60  # a latched fault, with 30 ms for the poles to drop
F_MS = 299  # the period that runs when F is asked for ends first

PROFILE = {
    "cable": "socket",
    "lock": {"a": 18, "b": 19, "detect": 34, "settle_ms": 50, "break_ms": 100},
}
GUARDED = dict(
    PROFILE,
    contactor={"pin": 26, "active_high": True, "held": 22},
    rcd={"trip": 13, "test": 14, "gates": True},
)
FAULTS = ("OverCurrentHard", "TemperatureStop", "ContactorWelded", "RcdTripped")
ALL_FAULTS = FAULTS + PILOT_CAUSES + ("TickFailed", "LockLost")


class Broken(AssertionError):
    """An invariant did not hold."""


class Watch:
    """Looks at the world at every change of it and once a millisecond of a step."""

    def __init__(self, rig):
        self.rig = rig
        self.not_asking = None  # since when the EV does not ask while the poles are closed
        self.lost = None  # since when the pilot is wrong while they are
        self.fault = None  # since when a fault is latched while they are
        self.poles = False
        self.coil = False
        self.diode_ms = 0  # for how long S2 has been closed with a good diode
        self.away_ms = 0  # and for how long it has not been since
        self.guarded = False
        self.believed = None  # since when the EVSE takes a contactor for closed that is not
        self.last_ms = rig.ms
        self.f_since = None
        self.duty = rig.circuit.duty
        self.faulted = False

    def check(self):
        """Fail if something is so that must not be."""
        rig = self.rig
        now = rig.ms
        circuit, outlet, evse = rig.circuit, rig.outlet, rig.evse
        short = circuit.diode_short or circuit.ev_diode_short
        closed = outlet.contactor.closed
        coil = outlet.contactor.coil
        letter = circuit.letter
        asking = letter == "C"
        limits = (
            ("not_asking", closed and letter in "AB", LET_GO_MS),
            ("lost", closed and (not asking or (short and 0 < circuit.duty < 65536)), LOST_MS),
            ("fault", closed and evse.fault is not None, TRIP_MS),
        )
        for name, on, limit in limits:
            since = getattr(self, name)
            if not on:
                setattr(self, name, None)
            elif since is None:
                setattr(self, name, now)
            elif now - since > limit:
                raise Broken(f"closed for {now - since:.0f} ms with {name}, pilot {letter}")
        if coil and not self.coil:
            self._closes(now, asking, short)
        self.coil = coil
        if asking and not short and circuit.duty < 65536:
            self.diode_ms += now - self.last_ms
            self.away_ms = 0
        else:
            # Between two windows nobody can see S2 open and close again.
            self.away_ms += now - self.last_ms
            if self.away_ms > BETWEEN_MS:
                self.diode_ms = 0
        self._state_f(now, circuit.duty)
        self.last_ms = now

    def belief(self, now, wrong):
        """A guard opens before the EVSE has had two windows to see why."""
        if not wrong:
            self.believed = None
        elif self.believed is None:
            self.believed = now
        if wrong and (not self.guarded or now - self.believed > BELIEF_MS):
            raise Broken("the EVSE believes it has closed")

    def _closes(self, now, asking, short):
        """What must be true at the moment the coil gets its current."""
        rig = self.rig
        evse = rig.evse
        wrong = []
        if not asking:
            wrong.append("the EV does not ask")
        if short or self.diode_ms < 400:
            wrong.append(f"diode seen for {self.diode_ms:.0f} ms")
        if evse.fault is not None:
            wrong.append("latched " + evse.fault)
        if not rig.outlet.lock.locked:
            wrong.append("plug not locked")
        if rig.outlet.rcd.tripped or not rig.rcd._passed:
            wrong.append("RCD tripped or not tested")
        if not rig.permitted:
            wrong.append("nobody permitted it")
        if wrong:
            raise Broken("closes although " + ", ".join(wrong))

    def _state_f(self, now, duty):
        if duty == 0 and self.duty != 0:
            self.f_since = now
        elif duty != 0 and self.duty == 0:
            if now - self.f_since < F_MS and not self.rig.in_service_changed:
                raise Broken(f"state F for {now - self.f_since:.0f} ms only")
        self.duty = duty


class Electrical(RuleBasedStateMachine):
    """What people, EVs, parts and the rest of the firmware may do at any time."""

    def __init__(self):
        super().__init__()
        self.rig = None

    @initialize(
        seed=st.integers(1, 1 << 20), guard=st.sampled_from(("none", "interlock", "external"))
    )
    def power_on(self, seed, guard):
        self.guard = guard
        profile = PROFILE if guard == "none" else GUARDED
        self.rig = Rig(seed, corners=True, profile=profile, guard=guard)
        self.rig.__enter__()
        self.rig.permitted = False
        self.rig.in_service_changed = False
        self.watch = Watch(self.rig)
        self.watch.guarded = guard != "none"
        self.rig.board.world.on_touch.append(self.watch.check)
        self.rig.board.world.on_event = lambda event: self.watch.check()

    def teardown(self):
        if self.rig is not None:
            self.rig.board.world.on_event = None
            self.rig.__exit__()

    def passes(self, ms):
        """Time, looked at every few milliseconds."""
        while ms > 0:
            step = min(ms, 5)
            self.rig.run(step)
            self.watch.check()
            ms -= step

    # -- people and EVs

    @rule(ms=st.one_of(st.integers(1, 120), st.integers(100, 1500), st.integers(1000, 8000)))
    def time_passes(self, ms):
        self.passes(ms)

    @rule(quirk=st.sampled_from(sorted(QUIRKS)))
    def another_ev(self, quirk):
        if not self.rig.ev.plugged:
            self.rig.do("ev", quirk=quirk)

    @rule(settle=st.booleans())
    def plug(self, settle):
        self.rig.do("plug")
        if settle:
            self.passes(200)

    @rule()
    def unplug(self):
        self.rig.ev.unplug()  # by force, if it must be
        self.passes(1)

    @rule()
    def ask(self):
        if self.rig.ev.plugged:
            self.rig.do("request")

    @rule()
    def let_go(self):
        if self.rig.ev.plugged:
            self.rig.do("release")

    @rule(ms=st.integers(1, 600))
    def s2_bounces(self, ms):
        ev = self.rig.ev
        if ev.plugged:
            before = ev.level
            self.rig.circuit.set_load("B" if before in "CD" else "C")
            self.passes(ms)
            self.rig.circuit.set_load(ev.level)

    # -- the rest of the firmware

    @rule(ma=st.integers(6000, 63000), protect=st.booleans())
    def permit(self, ma, protect):
        self.rig.permitted = True
        self.rig.evse.permit(ma, protect)

    @rule()
    def forbid(self):
        self.rig.evse.forbid()
        self.rig.permitted = False

    @rule(on=st.booleans())
    def soft_pause(self, on):
        if on:
            self.rig.evse.pause()
        else:
            self.rig.evse.resume()

    @rule(on=st.booleans())
    def out_of_service(self, on):
        self.rig.in_service_changed = True
        self.rig.evse.out_of_service(on)

    @rule()
    def make_ready(self):
        """What the station does before a session: lock and RCD test, open."""
        rig = self.rig
        if rig.evse.closed or not rig.ev.plugged:
            return
        rig.wait(rig.lock.lock())
        if not rig.evse.closed:
            rig.wait(rig.rcd.self_test())
        self.watch.check()

    @rule()
    def session(self):
        """The way to a closed contactor, which chance alone would seldom find."""
        self.plug(True)
        self.make_ready()
        self.permit(16000, False)
        self.passes(1200)
        self.ask()
        self.passes(900)

    @rule()
    def unlock(self):
        if not self.rig.evse.closed:
            self.rig.wait(self.rig.lock.unlock())

    @rule(fault=st.sampled_from(FAULTS))
    def trip(self, fault):
        self.rig.evse.trip(fault)
        self.watch.check()

    @rule(fault=st.sampled_from(ALL_FAULTS))
    def clear(self, fault):
        self.rig.evse.clear(fault)

    @rule()
    def clear_all(self):
        self.passes(400)
        for fault in ALL_FAULTS:
            self.rig.evse.clear(fault)

    # -- faults and stalls

    @rule(on=st.booleans(), kind=st.sampled_from(("rcd", "diode", "pilot_short", "lock")))
    def fault(self, on, kind):
        self.rig.do("fault", kind=kind, on=on)

    @rule(ms=st.sampled_from((PROGRAM_MS, GC_MS)), before=st.integers(0, 30))
    def stall(self, ms, before):
        """What the gates allow while closed; there are no others then."""
        self.rig.run(before)
        self.rig.stall(ms)
        self.watch.check()
        self.passes(20)  # one stall at a time

    @rule(ms=st.sampled_from((80, 400, 1200)))
    def long_stall(self, ms):
        """Flash erase, handshake: while open and nothing is about to close, or with a guard."""
        if self.guard != "none" or (self.rig.tick.relaxed and not self.rig.evse.closed):
            self.rig.stall(ms)
            self.rig.clock.dropped = 0  # that is what long stalls do, and why they have gates
            self.watch.check()
            # Between two C calls the tick has its turn; seven handshakes in a row without one
            # would meet the watchdog, as they should.
            self.passes(20)

    @rule(ms=st.sampled_from((400, 1200)), after=st.integers(0, 1000), away=st.booleans())
    def lets_go_during_a_stall(self, ms, after, away):
        """What the guard is for: nothing of the firmware runs, and the watch looks on."""
        if self.guard == "none" or not self.rig.ev.plugged:
            return
        ev = self.rig.ev
        self.rig.clock.after(1000 * after, ev.unplug if away else lambda: ev.plugged and ev.release())
        for _ in range(ms // 5):
            self.rig.clock.run_to(self.rig.clock.now_us + 5000)
            self.watch.check()
        self.rig.clock.dropped = 0
        self.passes(20)

    @invariant()
    def bookkeeping(self):
        if self.rig is None:
            return
        evse = self.rig.evse
        if evse.closed and evse.fault is not None:
            raise Broken("closed with a latched fault")
        self.watch.belief(self.rig.ms, evse.closed and not self.rig.outlet.contactor.coil)
        if self.rig.clock.dropped and evse.closed:
            raise Broken("ticks were lost while closed")
        self.watch.check()


def run(runs=2000, steps=30, seed=None):
    """Play `runs` random histories; raises Broken with the shortest one that fails."""
    how = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=seed is None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    if seed is not None:
        Electrical._hypothesis_internal_use_seed = seed
    run_state_machine_as_test(Electrical, settings=how)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    run(args.runs, args.steps, args.seed)
    print(f"{args.runs} random histories: every invariant held")


if __name__ == "__main__":
    main()
