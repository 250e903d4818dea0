# pytest set-up: import paths, and the conformance table written at the end of a run.
# MIT license; part of microevse
"""Puts the project's packages on the path and reports certification cases by id.

A test named `test_TC_003_CS` is the case TC_003_CS of the OCPP 1.6 certification documents;
ids, profiles and titles are in conformance/octt16_cases.tsv. Whenever such tests ran, the table
with all results goes to the file named by CONFORMANCE (default build/conformance16.tsv) and its
sums to the terminal. So does the number of unit tests on each interpreter. A case that was not
asked for (`make quick`, -k, the name of a file) is "not run".
"""

import gc
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "support"))
from certification import case_list  # noqa: E402

_CASE = re.compile(r"::test_(TC_[0-9]+(?:_[0-9]+)?_CS)$")
_results = {}
_units = {"CPython": 0, "MicroPython": 0}


def pytest_collection_finish():
    # The firmware collects garbage often. Here each collection looked through all that pytest has
    # loaded, 50 to 200 ms each time: that is never garbage, and is left out from now on.
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report):
    # With workers (xdist) this hook sees the reports of all of them in the one main process.
    if report.when == "call" and report.passed:
        if report.nodeid.startswith("host_tests/unit/"):
            _units["CPython"] += 1
        for name, value in report.user_properties:
            if name == "micropython_units":
                _units["MicroPython"] += value
    found = _CASE.search(report.nodeid)
    if not found:
        return
    case = found.group(1)
    if report.failed:
        _results[case] = ("failed", "")
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _results[case] = ("not applicable", reason.replace("Skipped: ", ""))
    elif report.when == "call" and case not in _results:
        _results[case] = ("passed", "")


def pytest_terminal_summary(terminalreporter):
    if any(_units.values()):
        terminalreporter.section("unit tests")
        for name, number in _units.items():
            if number:
                terminalreporter.write_line(f"{number} passed on {name}")
    if _results:
        _conformance(terminalreporter)


def _conformance(terminalreporter):
    path = pathlib.Path(os.environ.get("CONFORMANCE", ROOT / "build" / "conformance16.tsv"))
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = {}
    with open(path, "w", encoding="utf-8") as file:
        file.write("id\tprofile\ttitle\tresult\tnote\n")
        for case, profile, title in case_list():
            result, note = _results.get(case, ("not run", ""))
            file.write(f"{case}\t{profile}\t{title}\t{result}\t{note}\n")
            sums = counts.setdefault(profile, {})
            sums[result] = sums.get(result, 0) + 1
    terminalreporter.section("OCPP 1.6 certification cases")
    for profile, sums in counts.items():
        words = ", ".join(f"{number} {result}" for result, number in sorted(sums.items()))
        terminalreporter.write_line(f"{profile}: {words}")
    if any("not run" in sums for sums in counts.values()):
        terminalreporter.write_line(
            "not run: no part of what was asked for (make quick has a few cases, make test all)"
        )
    terminalreporter.write_line(f"table: {path}")
    for case, (result, note) in sorted(_results.items()):
        if result != "passed":
            terminalreporter.write_line(f"  {case} {result} {note}")
