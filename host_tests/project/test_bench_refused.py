# The bench of a person who does not have every part, or forgets an option: what it says, and when.
# MIT license; part of microevse
"""The step `opening` blamed the car where the charger had no meter, after a person had connected
the car and waited for minutes."""

import json
import re
import sys
import types

import board as profiles
import pytest
from iec61851 import levels
from protocol_scene import person, scene
from chipbench import bound, command, evidence, plan, runner, steps
from tools_paths import ROOT, tool

sys.path.insert(0, str(ROOT / "tools"))
needs_micropython = pytest.mark.skipif(
    not tool("micropython"), reason="NOT RUN: no MicroPython wheel"
)


COARSE = {"fidelity": "analytic"}  # no single conversion is looked at here


def without_meter(folder, name="esp32_devkitc"):
    """The copy of a board file that docs/wiring.md and docs/bench.md ask for."""
    text = (ROOT / "boards" / (name + ".toml")).read_text()
    made = folder / (name + ".toml")
    made.write_text(re.sub(r"^meter = .*\n", "", text, flags=re.M))
    assert "\nmeter" in text and "\nmeter" not in made.read_text()
    return made


def opening(on, **fault):
    """The step `opening` with a charger that has this fault; what the person was asked."""
    asked = []
    for kind in fault.get("kinds", ()):
        on.dut.command(do="fault", kind=kind)
    answer = person(on.dut)
    on.bench._ask = lambda text: asked.append(text) or answer(text)
    assert on.run("opening") == "complete"
    assert not on.dut.relay()
    return asked


@needs_micropython
def test_a_meter_that_is_not_there_is_told_before_the_car_is_asked_for(tmp_path):
    with scene(dut=COARSE) as on:
        asked = opening(on, kinds=["meter"])
        why = on.row("opening")["why"]
    assert asked == [] and "The energy meter does not answer." in why, (asked, why)
    assert "docs/bench.md" in why and "state C" not in why
    # With the copy of the board file it opens and closes, and the file is that of the board.
    with scene(str(without_meter(tmp_path)), times=1, close_ms=9000, dut=COARSE) as on:
        asked = opening(on, kinds=["meter"])
        figures = on.row("opening")["figures"]
        board = profiles.load_toml(ROOT / "boards" / "esp32_devkitc.toml")
        assert len(asked) == 2 and figures["count"] == 1 and figures["worst_ms"] < 70, figures
        found = on.bench.evidence("2026-12-01", "", "", "complete")
    assert bound.problems(found["dut"], board) == []


@needs_micropython
def test_an_rcd_monitor_that_is_not_wired_is_told_as_soon_as_the_car_is_there():
    with scene(dut={"rcd_no_test": True, **COARSE}) as on:
        # Twenty times 15 s in vain, until the reason came.
        on.bench.instrument.switch = lambda *args: pytest.fail("it waits for the relay")
        asked = opening(on)
        why = on.row("opening")["why"]
    assert len(asked) == 2 and "RCD self-test failed" in why, (asked, why)


def test_what_the_page_said_last_is_the_reason():
    def line(plugged, status, why):
        told = {"what": "page", "plugged": plugged, "status": status, "why": why, "stays": False}
        return "BENCH %s\n" % json.dumps(told)

    empty = line(False, "available", "No car is connected.")
    assert "It has seen no car: look at the diode" in steps._why(empty, True)
    waits = empty + line(True, "preparing", "Waiting for the car.") + empty
    assert "preparing: Waiting for the car.; is the car in state C?" in steps._why(waits, True)
    bad = line(True, "faulted", "Control pilot short.") + empty
    assert "Faulted: Control pilot short." in steps._why(bad, True)


def test_the_bench_wants_of_the_source_what_the_firmware_wants():
    """It took -10 V, where the firmware refuses to charge."""
    assert plan.find("pilot_idle").limits["low_v"].high == levels.WEAK_MV / 1000
    figure = "%.1f V" % (levels.WEAK_MV / 1000)
    for page in ("bench", "add_a_board", "features", "wiring"):
        assert figure in (ROOT / "docs" / (page + ".md")).read_text(), page


# -- the command ------------------------------------------------------------------------------


def said(capsys, monkeypatch, *words, answer="no"):
    monkeypatch.setattr("builtins.input", lambda text: answer)
    status = command.main(list(words))
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return status, out.out, out.err


def test_a_run_that_cannot_count_is_refused_or_said_before_the_mains_are_asked_for(
    capsys, monkeypatch
):
    """The whole run went on without an instrument, and its file could not count."""
    status, out, err = said(capsys, monkeypatch, "esp32_devkitc", "--port", "/dev/null")
    assert status == 1 and "no --witness and no --scope" in err and "MAINS" not in out
    only = ("esp32_devkitc", "--port", "/dev/null", "--only", "identity")
    status, out, err = said(capsys, monkeypatch, *only)
    assert "NO MAINS" in out and "nothing was done" in err
    half = ("esp32_devkitc", "--port", "/dev/null", "--witness", "/dev/null", "--nobody")
    status, out, err = said(capsys, monkeypatch, *half)
    before = out.partition("NO MAINS")[0]
    assert "will not count" in before and "opening cannot be measured: it needs --s2" in before
    assert "reset_power cannot be measured: somebody has to be there" in before
    whole = ("esp32_devkitc", "--port", "/dev/null", "--witness", "/dev/null", "--s2", "21")
    assert "will not count" not in said(capsys, monkeypatch, *whole)[1]
    assert "will not count" not in said(capsys, monkeypatch, "esp32_devkitc", "--scope")[1]


def test_a_wrong_board_name_is_a_sentence_with_those_that_there_are(capsys, monkeypatch):
    """It was [Errno 2] and a path."""
    for name, words in (("toaster", "no board 'toaster'"), ("my.toml", "no file my.toml")):
        status, _, err = said(capsys, monkeypatch, name, "--list")
        assert status == 1 and words in err and "esp32_devkitc_ve" in err and "Errno" not in err
        monkeypatch.setattr(sys, "argv", ["board.py", name])
        assert profiles.main() == 1 and words in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["board.py", "esp32_dual"])
    assert profiles.main() == 0


# -- what it prints ---------------------------------------------------------------------------


def test_numbers_are_whole_where_they_are_and_have_their_unit():
    """`flash 4.194e+06`, `resolution_ms 0.041`."""
    text = runner._short({"flash": 4194304, "resolution_ms": 0.041, "gc_free": 131072})
    assert text == ": 4194304 bytes of flash, resolution 0.041 ms, gc_free 131072 bytes"
    text = runner._short({"high_mv": 2564, "low_v": -11.94, "hz": 1000.0, "percent_10": 10.02})
    assert text == ": high 2564 mV, low -11.94 V, 1000 Hz, percent_10 10.02 %"
    step = types.SimpleNamespace(limits={"turns": plan.Limit(1000000, None, "why")})
    assert plan.beyond(step, {"turns": 999999}) == ["turns is 999999, and at least 1000000 (why)"]
    for found in plan.STEPS + plan.ULP:
        assert "e+" not in str([plan.bounds(limit) for limit in found.limits.values()])


def test_the_end_says_first_whether_the_file_counts(tmp_path, capsys, monkeypatch):
    board = profiles.load_toml(ROOT / "boards" / "esp32_devkitc.toml")
    found = {"fact": []}
    monkeypatch.setattr(evidence, "load", lambda path: found)
    for bad, words in (
        (["step opening failed"], "The file does not count yet, because:\n- step"),
        (
            [],
            "It counts for esp32_devkitc.",
        ),
    ):
        monkeypatch.setattr(evidence, "problems", lambda found, board, bad=bad: bad)
        assert command.report(tmp_path / "out.toml", board, "complete") == bool(bad)
        assert words in capsys.readouterr().out
