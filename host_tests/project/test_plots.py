# The pictures show what their titles say.
# MIT license; part of microevse

import plots
import pytest


def by_name():
    return {name: trace for name, _, trace in plots.traces()}


def test_traces_tell_the_story():
    scenes = by_name()
    session = scenes["session"]
    assert max(session.amps) > 15.9 and session.amps[-1] == 0
    assert any(16 < d < 17 for d in session.duty), "10 A"
    assert session.poles[-1] == 0 and 1 in session.poles
    for name in ("fault_unplugged", "fault_diode", "fault_rcd"):
        trace = scenes[name]
        event = trace.marks[0][0]
        opened = max(s for s, pole in zip(trace.s, trace.poles) if pole)
        assert 0.02 < opened - event <= 0.1, (name, opened - event)
    assert min(scenes["fault_diode"].high) < -5, "state F"


def test_pictures_are_written(tmp_path):
    if plots.matplotlib is None:
        pytest.skip("NOT RUN: matplotlib is missing")
    name, title, trace = plots.traces()[0]
    plots.draw(trace, title, tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes()[:4] == b"\x89PNG"
