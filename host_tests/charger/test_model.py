# A bounded run of the random histories; the long one: python host_tests/benches/bench_model.py
# MIT license; part of microevse
"""The invariants of the electrical side over random histories, and that each of them can fail: a
firmware that is broken on purpose must be caught, by the invariant that it breaks."""

import json

import model_electrical as model
import pytest
from histories import charger, draw, rows
from histories.charger import hal
from histories.play import play
from histories.script import load, shorten, text
from iec61851 import evidence, evse
from iec61851.closings import Closings
from rig import Rig
from station.over_current import OverCurrent
from supervisor import Supervisor

HISTORIES = 40  # the same ones on each machine; `make bench ARGS=model` plays 5,000

CLOSED = [["plug", 0], ["ask", 0], ["closed", 0], ["wait", 500]]


def history(steps, guard="none", connectors=1, socket=True, mirror=True):
    return {
        "seed": 3,
        "guard": guard,
        "connectors": connectors,
        "socket": socket,
        "mirror": mirror,
        "version": "1.28",
        "adc_error": None,
        "steps": steps,
    }


def test_the_contactor_is_closed_only_while_it_may_be():
    lines = []
    coverage, failures = model.run(HISTORIES, seed=100000, out=lines.append)
    model.report(coverage)
    assert not failures, "\n".join(lines)
    assert coverage.closed > 0.9 * coverage.histories


# -- the watch can fail ---------------------------------------------------------------------


def never_opens(monkeypatch):
    """Nothing opens: neither the state machine nor the watchdogs, which would hide it."""
    monkeypatch.setattr(hal.contactor.Contactor, "open", lambda self: None)
    monkeypatch.setattr(hal.watchdog.Watchdog, "set", lambda self, ms: None)
    monkeypatch.setattr(hal.tick.Tick, "give_up", lambda self, cause: None)
    # State F would be a "no" of its own.
    monkeypatch.setattr(evse.Evse, "trip", lambda self, cause: None)
    monkeypatch.setattr(evidence.Evidence, "closed", lambda self, *more: None)
    monkeypatch.setattr(evidence.Evidence, "open", lambda self, *more: None)


STANDING = [
    ("let go", [["release", 0]]),
    ("pilot lost", [["on", "pilot E", 0]]),
    ("pilot lost", [["on", "pilot diode", 0]]),
    ("converter fails", [["on", "adc fails", 0, 1.0, 1, "pilot"]]),
    ("converter stands still", [["on", "adc stuck", 0, 3250]]),
    ("duty", [["on", "duty wrong", 0, 1.25]]),
    ("rcd", [["on", "rcd trips", 0]]),
    ("earth", [["on", "earth lost", 0]]),
    ("emergency stop", [["on", "emergency stop", 0]]),
    ("hot", [["on", "too hot", 0, ["celsius", 90]]]),
    ("temperature sensor", [["on", "temperature sensor", 0, ["sensor", "open"]]]),
    ("a sensor raises", [["on", "task raises", 0, "earth"]]),
    ("lock", [["on", "lock contact lost", 0]]),
    ("over-current hard", [["on", "draws more", 0, "over_draw_50"]]),
    ("over-current soft", [["on", "draws more", 0, "over_draw_25"]]),
    ("meter silent", [["on", "meter silent", 0]]),
    ("no session", [["quirk", 0, "ignores_pause"], ["stop", 0]]),
    ("tick fails", [["on", "tick raises", 0, "MemoryError"]]),
    ("clock stops", [["on", "clock stops", 0]]),
    ("task fails", [["on", "task raises", 0, "look"]]),
    ("loop hangs", [["on", "loop hangs", 0]]),
]


@pytest.mark.parametrize("name, fault", STANDING)
def test_the_watch_sees_contacts_that_do_not_open(monkeypatch, name, fault):
    steps = CLOSED + fault + [["wait", 22000]]
    broken, _ = play(history(steps), live=False)
    assert broken is None, broken
    if name.startswith("over-current"):
        # An EV that is told to let go does so, and the current ends.
        monkeypatch.setattr(OverCurrent, "look", lambda self, *more: None)
    else:
        never_opens(monkeypatch)
    broken, _ = play(history(steps), live=False)
    assert broken is not None and broken.name == name, broken


@pytest.mark.parametrize("name", [row[0] for row in rows.ROWS])
def test_each_row_has_a_case_above(name):
    assert name in [row for row, _ in STANDING] + ["converter stands still, no PWM"]


def test_the_watch_sees_a_pilot_that_is_bad_most_of_the_time(monkeypatch):
    steps = CLOSED + [["on", "flickers diode", 0, 0, 2], ["wait", 8000]]
    assert play(history(steps), live=False)[0] is None
    monkeypatch.setattr(evidence, "UNSTEADY_MS", 1 << 40)
    broken, _ = play(history(steps), live=False)
    assert broken.name == "pilot lost, now and then"


def test_the_watch_sees_a_hang_that_nothing_ends(monkeypatch):
    for steps in ([["on", "hang", 0, 30000]], [["on", "timer stops", 0], ["wait", 4000]]):
        assert play(history(CLOSED + steps), live=False)[0] is None
    monkeypatch.setattr(hal.watchdog.Watchdog, "set", lambda self, ms: None)
    monkeypatch.setattr(hal.tick.Tick, "stopped", lambda self: False)
    for name, steps in (
        ("hang", [["on", "hang", 0, 30000]]),
        ("timer stops", [["on", "timer stops", 0], ["wait", 4000]]),
    ):
        broken, _ = play(history(CLOSED + steps), live=False)
        assert broken.name == name


def test_the_watch_sees_a_start_that_does_not_open(monkeypatch):
    steps = CLOSED + [["on", "reset", 0, "panic", False], ["wait", 3000]]
    assert play(history(steps), live=False)[0] is None
    monkeypatch.setattr(charger, "BOOT", compile("", "boot.py", "exec"))
    assert play(history(steps), live=False)[0].name == "reset"


def test_nothing_closes_while_a_task_that_watches_is_dead(monkeypatch):
    """It closed, and opened again a quarter of a second later."""
    steps = CLOSED + [["release", 0], ["wait", 200], ["on", "loop hangs", 0], ["ask", 0]]
    steps.append(["wait", 9000])
    assert play(history(steps), live=False)[0] is None
    monkeypatch.setattr(Supervisor, "alive", lambda self: True)
    assert play(history(steps), live=False)[0].name == "loop hangs"


def broken_closing(monkeypatch, steps, **settings):
    broken, _ = play(history(steps, **settings), live=False)
    assert broken is not None and broken.name == "closes", broken
    return str(broken)


def test_the_watch_sees_a_closing_too_soon(monkeypatch):
    monkeypatch.setattr(evse, "STABLE_MS", 0)
    monkeypatch.setattr(evse, "STABLE_WINDOWS", 1)
    assert "diode seen for" in broken_closing(monkeypatch, CLOSED)


def test_the_watch_sees_a_closing_soon_after_an_opening(monkeypatch):
    monkeypatch.setattr(evse, "RECLOSE_MS", 0)
    steps = CLOSED + [["release", 0], ["wait", 300], ["ask", 0], ["wait", 3000]]
    assert "opened" in broken_closing(monkeypatch, steps)


def test_the_watch_sees_a_closing_without_lock_or_test(monkeypatch):
    with monkeypatch.context() as patch:

        async def locked(self):
            return True

        patch.setattr(hal.lock.Lock, "lock", locked)
        patch.setattr(hal.lock.Lock, "is_locked", lambda self: True)
        assert "not locked" in broken_closing(patch, CLOSED)

    async def passed(self):
        self._passed, self._plug = True, self.evse.plug_count
        return True

    monkeypatch.setattr(hal.rcd.Rcd, "self_test", passed)
    assert "not tested" in broken_closing(monkeypatch, CLOSED)


def test_the_watch_sees_a_closing_that_nobody_permits(monkeypatch):
    monkeypatch.setattr(evse.Evse, "forbid", lambda self: None)
    steps = CLOSED + [["stop", 0], ["release", 0], ["wait", 6000], ["ask", 0], ["wait", 3000]]
    assert "nobody permits it" in broken_closing(monkeypatch, steps, socket=False)


def test_a_fault_that_the_guard_opens_for_counts_as_one():
    """The guard was quicker than the state machine, which took it for an EV that lets go: a
    pilot shorted after each closing was allowed fifty of them in one plug-in."""
    for kind in ("pilot E", "pilot diode"):
        steps = list(CLOSED)
        for _ in range(5):
            steps += [["on", kind, 0], ["wait", 1000], ["off", kind, 0], ["closed", 0]]
        broken, played = play(history(steps, guard="external"), live=False)
        assert broken is None and played.judge.closings == 3, broken
        assert played.charger.evses[0].closings.why == "fault"


def test_the_watch_counts_closings(monkeypatch):
    steps = list(CLOSED)
    for _ in range(6):
        steps += [["on", "pilot E", 0], ["wait", 1000], ["off", "pilot E", 0], ["closed", 0]]
    assert play(history(steps), live=False)[0] is None
    monkeypatch.setattr(Closings, "ended", lambda self, now_ms, cause: None)
    assert play(history(steps), live=False)[0].name == "closings"


def test_the_watch_sees_a_state_f_that_is_too_short(monkeypatch):
    monkeypatch.setattr(evse, "F_MS", 50)
    steps = CLOSED + [["on", "earth lost", 0], ["wait", 3000]]
    assert play(history(steps), live=False)[0].name == "state F"


def test_the_watch_sees_a_charger_that_never_charges_again(monkeypatch):
    assert play(history(CLOSED))[0] is None
    real = charger.Charger._build

    def build(self):
        real(self)
        if self._boots > 1:
            self.evses[0].trip("PilotDuty")

    monkeypatch.setattr(charger.Charger, "_build", build)
    assert play(history(CLOSED))[0].name == "charges again"


# -- the tools around it ----------------------------------------------------------------------


def test_a_history_goes_the_same_way_each_time_and_survives_being_printed():
    for number in (7, 50):
        drawn = draw.history(number)
        assert load(text(drawn)) == json.loads(json.dumps(drawn)) == drawn
        ends = [play(drawn)[1].charger.ms for _ in range(2)]
        assert ends[0] == ends[1]


def test_a_history_that_fails_is_shortened(monkeypatch):
    monkeypatch.setattr(evse, "RECLOSE_MS", 0)
    steps = [["quirk", 0, "normal"]] + CLOSED + [["limit", 0, 10000], ["release", 0]]
    steps += [["wait", 300], ["stall", 1], ["ask", 0], ["wait", 3000]]
    short = shorten(history(steps), "closes")
    assert len(short["steps"]) < len(steps)
    assert play(short)[0].name == "closes"


def test_all_pairs_of_kinds_are_drawn():
    pairs = set()
    for number in range(len(draw.PAIRS)):
        kinds = {step[1] for step in draw.history(number)["steps"] if step[0] == "on"}
        pairs.add(tuple(sorted(kinds)))
    assert len(pairs) == len(draw.PAIRS)


def test_just_after_opening_the_watchdog_is_still_the_short_one():
    """A handshake in the tick after the contactor opened once reset the chip."""
    with Rig(1) as rig:
        rig.charge()
        rig.run(30)
        rig.evse.trip("RcdTripped")
        assert not rig.evse.closed and not rig.tick.relaxed
        rig.run(40)
        assert rig.tick.relaxed
        rig.stall(1200)
        rig.run(40)
