# What an evidence file must be, so that the board checker takes it.
# MIT license; part of microevse
"""Files are made by the writer of the bench from figures within today's limits, then spoilt."""

import copy
import re
import shlex

import board as profiles
import board_keys
import pytest
from chipbench import bound, command, evidence, instruments, line, plan, runner, steps
from seriallink import Trouble
from tools_paths import ROOT

NAME = "esp32_devkitc"
BOARD = profiles.load_toml(ROOT / "boards" / (NAME + ".toml"))
FILE = "evidence/esp32_devkitc-2026-12-01.toml"


def figure(limit):
    """One within its limits."""
    if limit.low is None:
        return limit.high
    return limit.low if limit.high is None else (limit.low + limit.high) / 2


def good(steps=plan.STEPS, board=BOARD):
    profile = bound.values(board)
    made = {
        "bench": {
            "protocol": evidence.PROTOCOL, "tool": "1", "date": "2026-12-01", "board": NAME,
            "measured_by": "somebody", "instrument": "second ESP32", "ended": "complete",
        },
        "dut": {
            "chip": "esp32", "machine": "Generic ESP32 module with ESP32",
            "micropython": "1.28.0", "pins": evidence.pins_of(board),
            "profile_sha256": bound.digest(profile), "profile": profile,
        },
        "step": [
            {
                "name": s.name, "title": s.title, "result": "passed",
                "figures": {name: figure(limit) for name, limit in s.limits.items()},
            }
            for s in steps
        ],
        "fact": [{"name": "a fact", "said": "1", "seen": "1", "result": "confirmed"}],
    }  # fmt: skip
    return made


def judged(tmp_path, made, board=BOARD):
    path = tmp_path / "evidence.toml"
    path.write_text(evidence.to_toml(made))
    return evidence.problems(evidence.load(path), board)


def step(made, name):
    return next(row for row in made["step"] if row["name"] == name)


def test_a_good_file_counts(tmp_path):
    assert judged(tmp_path, good()) == []


SPOILT = [
    (lambda m: m["bench"].update(board="esp32_dual"), "it is of board esp32_dual"),
    (lambda m: m["dut"].update(chip="esp32s3"), "of a chip esp32s3, and the board has esp32"),
    (lambda m: m["dut"].update(pins=[[25, 27, 36]]), r"on pins \[\[25, 27, 36\]\]"),
    (lambda m: m["dut"].update(machine="Virtual board with ESP32"), "virtual board"),
    (lambda m: m["bench"].update(protocol=evidence.OLDEST - 1), "oldest that counts"),
    (lambda m: m["bench"].update(protocol=evidence.PROTOCOL + 1), "newer protocol"),
    (lambda m: m["bench"].update(ended="stopped by a person"), "not finished: stopped by a"),
    (lambda m: step(m, "opening").update(result="failed", why="S2"), "step opening failed: S2"),
    (lambda m: step(m, "opening").update(result="not run", why="no S2"), "not run: no S2"),
    (lambda m: step(m, "opening").update(result="perfect"), "'perfect', which is none"),
    (lambda m: m["step"].remove(step(m, "reset_panic")), "reset_panic was not run"),
    (lambda m: step(m, "opening")["figures"].update(worst_ms=71), "called passed, but worst_ms"),
    (lambda m: step(m, "opening")["figures"].pop("worst_ms"), "worst_ms was not measured"),
    (lambda m: step(m, "opening").pop("figures"), "worst_ms was not measured"),
    (lambda m: step(m, "reset_twdt")["figures"].update(low_after_ms="0"), "was not measured"),
    (
        lambda m: m["fact"].append(
            {"name": "reset system", "seen": "kept", "result": "refuted", "safety": True}
        ),
        "relies on is refuted: reset system: kept",
    ),
]


@pytest.mark.parametrize("spoil, reason", SPOILT, ids=[reason for _, reason in SPOILT])
def test_a_file_that_does_not_count_is_refused_with_its_reason(tmp_path, spoil, reason):
    made = good()
    spoil(made)
    path = tmp_path / "evidence" / "esp32_devkitc-2026-12-01.toml"
    path.parent.mkdir()
    path.write_text(evidence.to_toml(made))
    profile = tmp_path / (NAME + ".toml")
    text = (ROOT / "boards" / (NAME + ".toml")).read_text()
    profile.write_text('evidence = "%s"\n%s' % (FILE, text))
    with pytest.raises(profiles.BoardError, match=reason) as refused:
        profiles.load_toml(profile)
    assert {key for key, _ in refused.value.problems} == {"evidence"}


def test_a_failed_step_counts_although_the_board_does_not_need_it(tmp_path):
    made = good()
    step(made, "boot").update(result="failed", why="it never joined")
    assert judged(tmp_path, made) == ["step boot failed: it never joined"]
    step(made, "boot").update(result="not run")
    assert judged(tmp_path, made) == []


def test_a_belief_that_is_wrong_but_harmless_does_not_spoil_the_file(tmp_path):
    made = good()
    made["fact"][0]["result"] = "refuted"
    assert judged(tmp_path, made) == []


@pytest.mark.parametrize(
    "text, reason",
    [
        ("x" * (evidence.MOST_BYTES + 1), "larger than"),
        ("[bench", "no TOML"),
        ("\xff", "not UTF-8"),
        ("a = " + "[" * 5000, "nested too deep|no TOML"),
        ("", r"\[bench\] is missing"),
        ("bench = 1", r"\[bench\] is missing"),
    ],
)
def test_what_is_no_evidence_at_all_is_told_so(tmp_path, text, reason):
    path = tmp_path / "evidence.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(evidence.EvidenceError, match=reason):
        evidence.load(path)


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda m: m["bench"].update(protocol=True), "bench.protocol"),
        (lambda m: m["bench"].update(protocol="1"), "bench.protocol"),
        (lambda m: m["dut"].pop("pins"), "dut.pins"),
        (lambda m: m["step"].append({"name": "x"}), "no name or no result"),
        (lambda m: m["step"].append(dict(m["step"][0])), "there twice"),
    ],
)
def test_a_file_of_another_shape_is_told_so(tmp_path, spoil, reason):
    made = good()
    spoil(made)
    path = tmp_path / "evidence.toml"
    path.write_text(evidence.to_toml(made))
    with pytest.raises(evidence.EvidenceError, match=reason):
        evidence.load(path)


@pytest.mark.parametrize("text", ['a "b"\\', "line\nbreak", "tab\tand \x00", "\u00e4\U0001f600"])
def test_any_text_goes_into_the_file_and_comes_back(tmp_path, text):
    made = good()
    made["bench"]["measured_by"] = text
    path = tmp_path / "evidence.toml"
    path.write_text(evidence.to_toml(made))
    assert evidence.load(path)["bench"]["measured_by"] == text


@pytest.mark.parametrize(
    "name", ["../evidence/x.toml", "/tmp/x.toml", "evidence/../x.toml", "evidence/x.py", "x.toml"]
)
def test_a_profile_names_no_file_elsewhere(tmp_path, name):
    profile = tmp_path / (NAME + ".toml")
    text = (ROOT / "boards" / (NAME + ".toml")).read_text()
    profile.write_text('evidence = "%s"\n%s' % (name, text))
    with pytest.raises(profiles.BoardError, match="is not evidence/NAME.toml"):
        profiles.load_toml(profile)


def test_a_file_that_is_not_there_is_told(tmp_path):
    profile = tmp_path / (NAME + ".toml")
    text = (ROOT / "boards" / (NAME + ".toml")).read_text()
    profile.write_text('evidence = "%s"\n%s' % (FILE, text))
    with pytest.raises(profiles.BoardError, match="No such file"):
        profiles.load_toml(profile)
    # The run that makes it may begin.
    assert profiles.load_toml(profile, evidence_counts=False)["name"] == NAME


def test_a_board_without_a_bench_is_called_unverified():
    path = ROOT / "boards" / (NAME + ".toml")
    assert profiles.bench(BOARD, path) is None
    assert profiles.verified(BOARD, path).startswith("unverified")


# -- the ULP guard ----------------------------------------------------------------------------


def ulp_board(tmp_path, made):
    (tmp_path / "evidence").mkdir(exist_ok=True)
    text = (ROOT / "boards" / (NAME + ".toml")).read_text()
    # The ULP cannot drive the relay's pin of this board, but that of its pilot.
    for old, new in (('guard = "none"', 'guard = "ulp"'), ("pwm = 27", "pwm = 26"),
                     ("contactor = { pin = 26", "contactor = { pin = 27")):  # fmt: skip
        assert text.count(old) == 1
        text = text.replace(old, new)
    profile = tmp_path / (NAME + ".toml")
    profile.write_text('evidence = "%s"\n%s' % (FILE, text))
    board = profiles.load_toml(profile, evidence_counts=False)
    made["dut"] = good(board=board)["dut"]
    (tmp_path / FILE).write_text(evidence.to_toml(made))
    return profile


def test_the_ulp_guard_counts_with_all_of_its_rows_and_all_others(tmp_path, capsys, monkeypatch):
    full = good(plan.STEPS + plan.ULP)
    profile = ulp_board(tmp_path, full)
    board = profiles.load_toml(profile)
    assert profiles.ulp_problems(board, profile) == []
    monkeypatch.setattr("sys.argv", ["board.py", str(profile)])
    assert profiles.main() == 0
    assert "ulp" not in capsys.readouterr().err
    for row in plan.ULP:
        made = copy.deepcopy(full)
        step(made, row.name).update(result="not run", why="no time")
        profile = ulp_board(tmp_path, made)
        told = profiles.ulp_problems(profiles.load_toml(profile), profile)
        assert told == ["step %s was not run: no time" % row.name]
    assert profiles.main() == 0
    assert "ulp counts as none" in capsys.readouterr().err


def test_a_failed_row_of_the_ulp_leaves_the_board_and_takes_the_guard(tmp_path):
    made = good(plan.STEPS + plan.ULP)
    step(made, "U12").update(result="failed", why="it hung")
    profile = ulp_board(tmp_path, made)
    board = profiles.load_toml(profile)
    assert profiles.ulp_problems(board, profile) == ["step U12 failed: it hung"]


def test_the_ulp_guard_counts_as_none_without_a_bench_or_on_another_chip(tmp_path):
    board = {**BOARD, "guard": "ulp"}
    path = ROOT / "boards" / (NAME + ".toml")
    assert profiles.ulp_problems(board, path) == ["no bench has measured this board"]
    assert "original ESP32" in evidence.ulp_problems(good(), {**board, "chip": "esp32s3"})[0]
    assert profiles.ulp_problems(BOARD, path) == ["the board has no ULP guard"]


# -- the profile that was measured ----------------------------------------------------------


def changed(tmp_path, *pairs):
    """The reasons of the board checker for a profile that was changed behind the bench."""
    (tmp_path / "evidence").mkdir(exist_ok=True)
    (tmp_path / FILE).write_text(evidence.to_toml(good()))
    text = (ROOT / "boards" / (NAME + ".toml")).read_text()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    profile = tmp_path / (NAME + ".toml")
    profile.write_text('evidence = "%s"\n%s' % (FILE, text))
    try:
        profiles.load_toml(profile)
    except profiles.BoardError as exc:
        assert {key for key, _ in exc.problems} == {"evidence"}
        return [reason.partition(": ")[2] for _, reason in exc.problems]
    return []


@pytest.mark.parametrize(
    "old, new, key, then, now",
    [
        ("[270000, 68000, 56000]", "[270000, 68000, 56200]", "connectors[0].cp.divider",
         "[270000, 68000, 56000]", "[270000, 68000, 56200]"),
        ("vcc_mv = 3300 }", "vcc_mv = 3310 }", "connectors[0].cp.vcc_mv", "3300", "3310"),
        ("vcc_mv = 3300 }", "vcc_mv = 3300, cal = [[0, 142000], [65535, 3120000]] }",
         "connectors[0].cp.cal", "not there", "[[0, 142000], [65535, 3120000]]"),
        ("vcc_mv = 3300 }", "vcc_mv = 3300, residual_permille = 12 }",
         "connectors[0].cp.residual_permille", "15", "12"),
        ("active_high = true }", "active_high = false }", "connectors[0].contactor.active_high",
         "true", "false"),
        ("trip = 13, test = 14 }", "trip = 13, test = 14, active_high = false }",
         "connectors[0].rcd.active_high", "true", "false"),
        ("trip = 13, test = 14", "trip = 14, test = 13", "connectors[0].rcd.test", "14", "13"),
    ],
)  # fmt: skip
def test_a_profile_that_was_changed_after_the_bench_is_told_with_the_key(
    tmp_path, old, new, key, then, now
):
    told = changed(tmp_path, (old, new))
    sentence = "%s was %s when it was measured, and is %s in the profile" % (key, then, now)
    assert sentence in told, told


def test_a_guard_or_a_module_that_was_changed_after_the_bench_is_told(tmp_path):
    told = judged(tmp_path, good(), {**BOARD, "guard": "external", "module": "mini-1"})
    assert told == [
        'guard was "none" when it was measured, and is "external" in the profile',
        'module was not there when it was measured, and is "mini-1" in the profile',
    ]


def test_what_nothing_depends_on_may_change_and_defaults_may_be_written_out(tmp_path):
    assert changed(tmp_path) == []
    told = changed(
        tmp_path, ("max_a = 32", "max_a = 20"), ("charging = 19", "charging = 18"),
        ("error = 18", "error = 19"), ("dir = 33\nbaud = 9600", "dir = 33\nbaud = 19200"),
        ("vcc_mv = 3300 }", "vcc_mv = 3300, residual_permille = 15, diode_check = true }"),
        ("pin = 26, active_high = true", "pin = 26"),
        ("test = 14 }", "test = 14, gates = false }"),
    )  # fmt: skip
    assert told == []


def test_every_key_of_a_profile_is_bound_or_named_as_free():
    """A key of a new kind is bound by itself; one that is free must exist."""
    there = {"connectors[].%s" % name for name in board_keys.CONNECTOR} | set(board_keys.BOARD)
    assert bound.FREE <= there
    for path in sorted((ROOT / "boards").glob("*.toml")):
        board = profiles.load_toml(path)
        found = bound.values(board)
        for name in set(board) - bound.FREE:
            assert [key for key in found if re.match(name + r"\b", key)], (path.name, name)
        for i, connector in enumerate(board["connectors"]):
            for name in connector:
                key = "connectors[%d].%s" % (i, name)
                bound_here = bool([k for k in found if re.match(re.escape(key) + r"\b", k)])
                assert bound_here == ("connectors[].%s" % name not in bound.FREE), key
        made = good(board=board)
        made["bench"]["board"], made["dut"]["chip"] = board["name"], board["chip"]
        assert evidence.tomllib.loads(evidence.to_toml(made))["dut"]["profile"] == found


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda dut: dut["profile"].update({"connectors[0].cp.vcc_mv": 3310}), "hash is another"),
        (lambda dut: dut["profile"].pop("guard"), "hash is another"),
        (lambda dut: dut.pop("profile_sha256"), "does not say with which values"),
        (lambda dut: dut.pop("profile"), "does not say with which values"),
    ],
)
def test_values_that_were_changed_in_the_file_are_refused(tmp_path, spoil, reason):
    made = good()
    spoil(made["dut"])
    (told,) = judged(tmp_path, made)
    assert reason in told


def test_a_file_of_the_first_protocol_is_told_to_be_too_old(tmp_path):
    made = good()
    made["bench"]["protocol"] = 1
    del made["dut"]["profile"], made["dut"]["profile_sha256"]
    assert judged(tmp_path, made) == [
        "it was made by protocol 1, and 2 is the oldest that counts: measure again"
    ]


# -- plan and readings ------------------------------------------------------------------------


def test_each_step_has_a_program_or_is_one_of_the_ulp():
    for found in plan.STEPS:
        assert found.name in runner.FUNCTIONS, found.name
    names = [s.name for s in plan.STEPS + plan.ULP]
    assert len(names) == len(set(names))


def test_registers_of_the_original_chip_are_asked_of_no_other():
    s3 = {"chip": "esp32s3", "guard": "none"}
    names = {s.name for s in plan.steps(s3)}
    assert {"reset_system", "reset_rwdt", "slow_clock"}.isdisjoint(names)
    assert {"reset_cpu", "opening"} <= set(plan.required(s3))


def test_every_limit_has_a_source_that_exists():
    for found in plan.STEPS + plan.ULP:
        for limit in found.limits.values():
            assert limit.source
            name = limit.source.split()[0].rstrip(":,")
            if "/" in name:
                assert (ROOT / name).exists(), limit.source


def seen(edges, ends=0, began=0, waves=0, wave_us=0, worst_us=20):
    return {"edges": edges, "ends": ends, "began": began, "waves": waves, "wave_us": wave_us,
            "worst_us": worst_us}  # fmt: skip


def test_the_witness_is_understood_with_and_without_the_first_edge():
    late = [[0, 1], [400000, 0], [405000, 1], [1000000, 0]]
    assert instruments.after_mark(seen(late))["low_after_ms"] == pytest.approx(595)
    mark = [[0, 0], [5000, 1], [600000, 0]]
    assert instruments.after_mark(seen(mark))["low_after_ms"] == pytest.approx(595)
    # Released before the end of the mark could be seen.
    assert instruments.after_mark(seen([[0, 0]]))["low_after_ms"] == 0
    assert "low_after_ms" not in instruments.after_mark(seen(mark[:2], ends=1))


def test_a_pin_that_is_active_again_is_counted():
    edges = [[0, 0], [5000, 1], [600000, 0], [700000, 1], [701000, 0]]
    figures = instruments.after_mark(seen(edges))
    assert figures["closed_again"] == 1 and figures["low_after_ms"] == pytest.approx(696)


def test_a_witness_that_saw_nothing_is_a_matter_of_wires():
    with pytest.raises(Trouble, match="look at the wires"):
        instruments.after_mark(seen([]))
    with pytest.raises(Trouble, match="look at the wires"):
        instruments.after_mark(seen([[0, 1]], ends=1))


def test_an_opening_that_did_not_come_is_counted_and_beyond_its_limit():
    figures = steps._opened([14000, -1, 20000, 18000, -2])
    assert figures == {
        "count": 3, "stuck": 1, "least_ms": 14.0, "middle_ms": 18.0, "worst_ms": 20.0,
    }  # fmt: skip
    assert any("stuck is 1" in text for text in plan.beyond(plan.find("opening"), figures))


def test_a_reading_that_is_not_plausible_is_asked_for_again():
    answers = iter(["", "soon", "-5", "99999", "600,5 ms"])
    said = []
    scope = instruments.Scope(lambda question: next(answers), said.append)
    assert scope.number("From here to there", "ms", 0, 3000) == 600.5
    assert len(said) == 4 and "not plausible" in said[-1]


def test_a_person_may_say_that_something_cannot_be_measured():
    scope = instruments.Scope(lambda question: "-", lambda text: None)
    with pytest.raises(instruments.NotMeasured):
        scope.wave()


def test_a_reading_of_the_whole_window_is_never():
    answers = iter(["", "3000", "0"])
    scope = instruments.Scope(lambda question: next(answers), lambda text: None)
    scope.watch(3000)
    assert "low_after_ms" not in scope.seen()


def test_what_a_chip_calls_itself_and_its_reset():
    assert runner.chip_of("Generic ESP32 module with ESP32") == "esp32"
    assert runner.chip_of("ESP32-S3 with ESP32-S3") == "esp32s3"
    assert runner.chip_of("linux [GCC 14] version") == ""
    assert line.rst_code("rst:0x1 (POWERON)\nrst:0xc (SW_CPU_RESET)") == "0xc"
    assert line.rst_code("nothing") == ""
    assert line.tagged('BENCH {"what": 1}\nBENCH {"wh\nother') == [{"what": 1}]


# -- docs/bench.md ----------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "bench.md").read_text()


def rows(text):
    """The cells of all rows of tables, without heads."""
    lines = text.split("\n")
    for before, row in zip(["", *lines], lines, strict=False):
        if row.startswith("|") and not set(row) <= set("|-") and before.startswith("|"):
            yield [cell.strip() for cell in row.strip("|").split("|")]


def test_the_page_has_each_step_with_the_limits_of_the_plan():
    table = {c[0].strip("`"): c[-1] for c in rows(PAGE) if len(c) == 3 and c[0][0] == "`"}
    for found in plan.STEPS:
        said = table.pop(found.name).replace(",", "")
        assert ("not needed" in said) == (not found.must), found.name
        if not found.limits:
            continue
        for name, limit in found.limits.items():
            if name in ("closed_again", "failed", "stuck", "count", "percent_100"):
                continue
            high = -limit.high if name == "low_v" else limit.high
            high = high / 1000 if found.name == "slow_clock" else high
            assert "%g" % high in said or said == "the same", (found.name, name)
    assert list(table) == [found.name for found in plan.ULP]
    for found in plan.ULP:
        said = table[found.name].replace(",", "")
        for limit in found.limits.values():
            for value in {limit.low, limit.high} - {None}:
                what = "stays so" if limit is plan._AGAIN else "%g" % value
                assert what in said or "%d" % value in said or not value, (found.name, limit)


def test_the_ulp_s_rows_are_those_of_its_own_page_and_each_has_a_limit():
    page = rows((ROOT / "docs" / "ulp.md").read_text())
    named = {c[0]: c[2].replace(",", "") for c in page if re.fullmatch("U[0-9]+", c[0])}
    assert list(named) == [found.name for found in plan.ULP]
    for found in plan.ULP:
        assert found.limits and all(limit.source for limit in found.limits.values()), found.name
    for name, words in (
        ("U1", "5 minutes"), ("U1", "20 ms"), ("U2", "2.79 to 7.35 ms"), ("U3", "50 times"),
        ("U7", "an hour"), ("U8", "24 h"), ("U8", "2 bad windows"), ("U9", "20 resets"),
        ("U9", "800 ms"), ("U10", "a million"), ("U11", "1000 closings"), ("U12", "20 times"),
        ("U12", "70 ms"),
    ):  # fmt: skip
        assert words in named[name], (name, words)
    # Each limit of a page's figure is judged: the figure just beyond it is refused.
    for found in plan.ULP:
        good_figures = {name: figure(limit) for name, limit in found.limits.items()}
        assert plan.beyond(found, good_figures) == []
        for name, limit in found.limits.items():
            for value in (limit.low, limit.high):
                if value is not None:
                    off = value - 0.01 if value == limit.low else value + 0.01
                    told = plan.beyond(found, {**good_figures, name: off})
                    assert len(told) == 1 and name in told[0]


def test_each_row_of_the_chips_facts_is_a_step_or_named_as_none():
    facts = (ROOT / "docs" / "chip.md").read_text()
    named = {cells[0]: cells[1] for cells in rows(PAGE) if len(cells) == 2}
    measured = {s.name for s in plan.STEPS}
    for cells in rows(facts):
        first = " ".join(cells[0].split()[:5])
        assert first in named, "docs/bench.md does not say where this is measured: " + cells[0]
        said = named[first]
        assert "not meas" in said or "alone" in said or any(s in said for s in measured), said


def test_the_example_of_the_page_is_understood():
    (row,) = [row for row in PAGE.split("\n") if "bench_on_chip.py esp32" in row]
    args = command.parse(shlex.split(row)[2:])
    assert (args.board, args.s2, args.relay_at, args.pilot_at) == (NAME, 21, 18, 19)


def test_a_damaged_answer_is_a_trouble_so_that_the_outputs_are_made_safe_all_the_same():
    """One damaged byte in the answer of safe() ended the run without the reset of the chip."""
    dut = object.__new__(line.RawLine)
    dut.name = "the chip under test"
    dut._asked = 7
    dut.finish = lambda seconds: "\n%s7:[0, 1\x00, 0, 1]\n" % line.TAG
    with pytest.raises(Trouble, match="damaged"):
        dut.finish_value(1)


def test_an_answer_that_comes_late_is_none_to_the_next_question():
    """The names of a step's edges came where the times of openings were expected."""
    dut = object.__new__(line.RawLine)
    dut.name, dut._asked = "the second ESP32", 0
    sent = []
    dut.start = sent.append
    dut.start_value("", "edges()")
    dut.start_value("", "switch()")
    assert "%s1:" % line.TAG in sent[0] and "%s2:" % line.TAG in sent[1]
    dut.finish = lambda seconds: '\n%s1:["a", "b"]\n%s2:[18000]\n' % (line.TAG, line.TAG)
    assert dut.finish_value(1) == [18000]
    dut.finish = lambda seconds: '\n%s1:["a", "b"]\n' % line.TAG
    with pytest.raises(Trouble, match="no figure"):
        dut.finish_value(1)
