# A bounded run of the model-based test; the long one: python host_tests/model_electrical.py
# MIT license; part of microevse
"""The invariants of the electrical side over random histories, and that they can fail."""

import model_electrical as model
import pytest
from rig import Rig

RUNS = 50


def test_the_contactor_is_closed_only_while_it_may_be():
    model.run(RUNS, steps=25)


def watched():
    rig = Rig(3, profile=model.PROFILE).__enter__()
    rig.permitted = True
    rig.in_service_changed = False
    return rig, model.Watch(rig)


def played(rig, watch, ms):
    for _ in range(ms // 5):
        rig.run(5)
        watch.check()


def test_the_watch_sees_a_contactor_that_stays_closed():
    rig, watch = watched()
    try:
        rig.do("plug")
        rig.outlet.contactor.weld(True)
        with pytest.raises(model.Broken, match="not_asking"):
            played(rig, watch, 300)
    finally:
        rig.__exit__()


def test_the_watch_sees_a_closing_that_nobody_allowed():
    rig, watch = watched()
    try:
        rig.outlet.contactor.energise(True)
        with pytest.raises(model.Broken, match="not locked"):
            played(rig, watch, 100)
    finally:
        rig.__exit__()


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
