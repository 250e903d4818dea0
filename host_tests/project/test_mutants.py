# The tool that makes small mistakes, and a small sample of them: no test may miss one.
# MIT license; part of microevse
"""Operators make the changes that they should; the lists fit the code; a mutant is noticed, by an
import, a failure or a hang; a mutant that is not noticed is reported. The sample here is small:
`make bench ARGS=mutants` tries some hundred of all groups and those written by hand, and the whole
sweep is `make bench ARGS='mutants all'`, for hours.
"""

import importlib
import json
import os
import subprocess
import sys
import textwrap
import time

import pytest
from mutation import listed, operators, place, pool, table
from mutation.source import Mutant, Source

# Fixed: the sample is the same each time.
SEED = 2
EACH = 4
# What is learned of their tests takes some seconds; that of all groups took a minute.
GROUPS = ("contactor", "tick", "pki")
LIMIT_S = 400


def changes(text, operator=None):
    """{line after the change} of all mutants of a source."""
    found = operators.mutants("x.py", textwrap.dedent(text).lstrip())
    for mutant in found:
        if mutant.sound():
            compile(mutant.changed(), "x.py", "exec")
    return {m.after for m in found if operator in (None, m.operator) and m.sound()}


@pytest.mark.parametrize(
    "before,operator,after",
    [
        ("x = a < b", "compare", {"x = a <= b", "x = a >= b"}),
        ("x = a <= b", "compare", {"x = a < b", "x = a > b"}),
        ("x = a > b", "compare", {"x = a >= b", "x = a <= b"}),
        ("x = a >= b", "compare", {"x = a > b", "x = a < b"}),
        ("x = a == b", "compare", {"x = a != b"}),
        ("x = (a) != (b)", "compare", {"x = (a) == (b)"}),
        ("x = a is None", "compare", {"x = a is not None"}),
        ("x = a not in b", "compare", {"x = a in b"}),
        ("x = 1 <= b < 3", "compare", {
            "x = 1 < b < 3", "x = 1 > b < 3", "x = 1 <= b <= 3", "x = 1 <= b >= 3"}),
        ("x = a and b", "boolean", {"x = a or b", "x = a", "x = b"}),
        ("x = a or b or c", "boolean", {
            "x = a and b or c", "x = a or b and c", "x = b or c", "x = a or c", "x = a or b"}),
        ("x = not a", "boolean", {"x =  a"}),
        ("x = 3", "constant", {"x = 4", "x = 2"}),
        ("x = 1000", "constant", {"x = 1250", "x = 750"}),
        ("x = -1000", "constant", {"x = -750", "x = -1250"}),
        ("x = 0x80", "constant", {"x = 129", "x = 127"}),
        ("x = True", "constant", {"x = False"}),
        ("x = a[0]", "constant", {"x = a[-1]"}),
        ("x = a[-1]", "constant", {"x = a[0]"}),
        ("x = a + b * c", "arithmetic", {"x = a - b * c", "x = a + b // c"}),
        ("x = a // b", "arithmetic", {"x = a * b"}),
        ("x = a >> b & c", "arithmetic", {"x = a << b & c", "x = a >> b | c"}),
        ("x = min(a, b)", "minmax", {"x = max(a, b)"}),
        ('trip("PilotWrong", "words for people")', "name",
         {'trip("OtherPilotWrong", "words for people")'}),
        ("def f(a=2): pass", "constant", {"def f(a=3): pass", "def f(a=1): pass"}),
        ("x = 1 if a else 2", "condition", {"x = 1 if True else 2", "x = 1 if False else 2"}),
        ("if a: pass", "condition", {"if True: pass", "if False: pass"}),
        ("while a: pass", "condition", {"while False: pass"}),
    ],
)  # fmt: skip
def test_an_operator_makes_these_changes_and_no_others(before, operator, after):
    assert changes(before, operator) == after


def test_statements_are_removed_where_something_is_left():
    text = """
    class C:
        def f(self, a):
            a = 1
            b = 2
            self.x = a
            self.y += 1
            b = 3
            if a:
                raise ValueError("no")
            self.g()
            del self.z[0]
            return b
    """
    found = operators.mutants("x.py", textwrap.dedent(text).lstrip())
    removed = {m.before for m in found if m.operator == "removed"}
    assert removed == {
        "a = 1", "self.x = a", "self.y += 1", "b = 3", 'raise ValueError("no")', "self.g()",
        "del self.z[0]",
    }  # fmt: skip
    assert all(m.after == "pass" for m in found if m.operator == "removed")
    assert all(m.function == 2 for m in found)


def test_results_are_changed():
    text = """
    def f(a):
        if a:
            return a < 1
        return [a]
    """
    assert {"return not (a < 1)", "return None"} == changes(text, "return")


def test_loops_and_handlers():
    text = """
    for a in b:
        try:
            break
        except OSError:
            continue
    """
    assert changes(text, "loop") == {"continue", "break"}
    assert changes(text, "except") == {"except ():", "except Exception:"}


def test_what_only_people_read_is_left_alone():
    text = '''
    """Words."""
    log.warn("x", "%d mA", a + 1)
    print("x", 2)
    x = "%d of %d" % (a + 1, b)
    if b > 3:
        log.error("x", "too many")
    raise ValueError("%d" % (a - 1))
    '''
    assert changes(text) == set()


def test_what_gives_memory_back_is_left_alone():
    text = """
    from evse_base import before_import, release

    async def f(self, forget):
        gc.collect()
        await before_import()
        release("x")
        self.release("x")
        forget("x")
    """
    found = operators.mutants("x.py", textwrap.dedent(text).lstrip())
    assert {m.before for m in found} == {'self.release("x")', 'forget("x")'}


def test_what_only_cpython_runs_is_left_alone():
    text = """
    if MICROPYTHON:
        a = 1
    else:
        b = 1
    if not MICROPYTHON:
        c = 1
    else:
        d = 1
    if MICROPYTHON and e:
        f = 1
    """
    found = operators.mutants("x.py", textwrap.dedent(text).lstrip())
    assert {m.before for m in found} == {"a = 1", "d = 1", "f = 1"}


def test_every_mutant_of_every_file_is_python_and_different():
    """A sample: a hundred and more of thousands."""
    for row in table.rows():
        for mutant in table.mutants(row)[::100]:
            assert mutant.sound(), mutant
            text = (table.ROOT / mutant.path).read_text()
            assert mutant.changed() != text and mutant.after != mutant.before
            assert row.means(mutant.path, mutant.within)


# -- the lists ----------------------------------------------------------------------------


def test_listed_mutants_are_still_there():
    """A line that has changed has to be judged anew."""
    found = [mutant for row in table.rows() for mutant in table.mutants(row)]
    assert listed.Equivalent().stale(found) == []
    for entry in listed.load("equivalent"):
        assert len(entry["why"]) > 15, entry
    for mutant in listed.named(table.rows()):
        assert mutant.sound() and (mutant.tests or mutant.group != "elsewhere"), mutant.what


def test_a_listed_mutant_is_known_by_its_text_and_not_by_its_line():
    entry = {
        "path": "x.py",
        "before": "a = 1",
        "operator": "constant",
        "after": "a = 2",
        "why": "-",
    }
    list_ = listed.Equivalent([entry])
    for text in ("a = 1\n", "# more\n\na = 1\n"):
        found = operators.mutants("x.py", text)
        assert [m.after for m in found if list_.why(m)] == ["a = 2"]
        assert list_.stale(found) == []
    assert list_.stale(operators.mutants("x.py", "a = 5\n"))


def test_of_equal_lines_as_many_are_listed_as_the_entry_says():
    """An entry for one line once hid a mutant of another line that read the same."""
    entry = {"path": "x.py", "before": "a = 1", "operator": "constant", "why": "-"}
    entry["after"] = "a = 2"
    found = operators.mutants("x.py", "a = 1\nb = 0\na = 1\na = 1\n")
    for times in (1, 2, 3):
        list_ = listed.Equivalent([dict(entry, times=times)], found)
        lines = [m.line for m in found if list_.why(m)]
        assert lines == [1, 3, 4][:times]


def test_every_safety_relevant_file_is_in_a_group():
    paths = {path for row in table.rows() for path in row.paths}
    assert set(table.STRICT) <= set(table.groups())
    for pattern in ("lib/iec61851/*.py", "lib/store/*.py", "lib/slots/*.py"):
        for path in table.ROOT.glob(pattern):
            name = str(path.relative_to(table.ROOT))
            assert name in paths or name in table.LEFT_OUT


# -- placing and running --------------------------------------------------------------------


def forked(function):
    return dict(pool.Pool(1).run([("it", function, 60)]))["it"]


def test_a_mutant_is_what_is_imported_and_what_lies_on_the_path(tmp_path):
    path = "lib/iec61851/duty.py"
    text = (table.ROOT / path).read_text() + "\nMARK = 1\n"

    def look():
        place.in_memory(path, text)
        place.on_disk(str(tmp_path / "overlay"), path, text)
        sys.modules.pop("iec61851.duty", None)
        import tools_paths

        duty = importlib.import_module("iec61851.duty")
        return [duty.MARK, [str(p) for p in tools_paths.FIRMWARE_DIRS]]

    mark, folders = forked(look)
    assert mark == 1 and folders == [str(tmp_path / "overlay" / n) for n in ("lib", "firmware")]
    assert (tmp_path / "overlay" / path).read_text() == text
    for name in ("lib/iec61851/evse.py", "firmware/hal/tick.py", "lib/station/limits.py"):
        assert (tmp_path / "overlay" / name).read_text() == (table.ROOT / name).read_text()
    assert "MARK" not in (table.ROOT / path).read_text()


def test_a_function_that_hangs_or_dies_is_told_and_its_children_end():
    jobs = [
        ("hangs", lambda: subprocess.run(["sleep", "1000"]), 1),
        ("dies", lambda: os._exit(3), 30),
        ("fails", lambda: 1 // 0, 30),
        ("ends", lambda: {"end": "well"}, 30),
    ]
    began = time.monotonic()
    ends = {name: result["end"] for name, result in pool.Pool(2).run(jobs)}
    assert ends == {"hangs": "late", "dies": "died", "fails": "failed", "ends": "well"}
    assert time.monotonic() - began < 20


def test_a_mutant_of_one_line(tmp_path):
    source = Source("x.py", "a = 1\nb = 2\n")
    mutant = Mutant(source, 10, 11, "7", "constant")
    assert mutant.changed() == "a = 1\nb = 7\n"
    assert (mutant.line, mutant.before, mutant.after) == (2, "b = 2", "b = 7")


def bench(*arguments):
    program = str(table.ROOT / "host_tests" / "benches" / "bench_mutants.py")
    return subprocess.run(
        [sys.executable, program, *arguments],
        cwd=table.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )


def test_no_mutant_of_a_small_sample_survives():
    assert set(GROUPS) <= set(table.STRICT)
    total = EACH * len(GROUPS)
    done = bench(str(total), "--groups", ",".join(GROUPS), "--seed", str(SEED), "--unnamed")
    assert done.returncode == 0, done.stdout
    assert "%d mutants, seed %d" % (total, SEED) in done.stdout, done.stdout


TRIALS = """
import json, os, sys
from mutation import operators, place, pool, trial
os.chdir(place.ROOT)
path = "lib/station/limits.py"
tests = ["host_tests/unit/test_limits.py"]
names = [tests[0] + "::" + name for name in sys.argv[1].split(",")]
found = operators.mutants(path, (place.ROOT / path).read_text())
jobs = []
for before, after in json.loads(sys.argv[2]):
    [mutant] = [m for m in found if (m.before, m.after) == (before, after)]
    jobs.append((after, lambda m=mutant: trial.near(m, names, dict.fromkeys(names, 2), {}), 60))
    jobs.append((after + " whole", lambda m=mutant: trial.whole(m, tests, {}), 60))
print(json.dumps(dict(pool.Pool(1).run(jobs))))
"""


def test_what_survives_is_told_from_what_is_killed():
    # Only the order of the priorities counts, and it stays.
    dead = ("PRIORITY_SOLAR = const(50)", "PRIORITY_SOLAR = const(62)")
    alive = ("if best is not None and best[1] < cap:", "if best[1] < cap:")
    tests = "test_no_claim_is_above_a_cap,test_without_claims_the_smallest_cap_is_the_limit"
    folders = [
        str(table.ROOT / name) for name in ("host_tests", "host_tests/support", "lib", "firmware")
    ]
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(folders), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", TRIALS, tests, json.dumps([dead, alive])],
        env=env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    for suffix in ("", " whole"):
        assert ends[dead[1] + suffix]["end"] == "survived", ends
        assert ends[dead[1] + suffix]["ran"] >= 2, "and the tests were run"
        assert ends[alive[1] + suffix]["end"] == "killed", ends
        assert "test_without_claims" in ends[alive[1] + suffix]["by"]
