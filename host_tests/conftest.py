# pytest set-up: import paths, and the conformance table written at the end of a run.
# MIT license; part of microevse
"""Puts the project's packages on the path and reports certification cases by id.

A test named `test_TC_003_CS` is the case TC_003_CS of the certification documents of OCPP 1.6,
and `test_TC_B_06_CS` is one of those of 2.0.1 and 2.1. A test may name several cases. Ids,
profiles and titles are in conformance/octt16_cases.tsv and octt201_cases.tsv. Whenever such tests
ran, the table with all results of that protocol goes to build/conformance16.tsv or
build/conformance201.tsv (into another folder if CONFORMANCE names one) and its sums to the
terminal. So does the number of unit tests on each interpreter. A case that was not asked for
(`make quick`, -k, the name of a file) is "not run".
"""

import gc
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "support"))
from certification import PROTOCOLS, case_list, cases_of  # noqa: E402

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
    for case in cases_of(report.nodeid.rpartition("::")[2]):
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
    for protocol in PROTOCOLS:
        listed = case_list(protocol)
        if any(case in _results for case, _, _ in listed):
            _conformance(terminalreporter, protocol, listed)


def _conformance(terminalreporter, protocol, listed):
    folder = pathlib.Path(os.environ.get("CONFORMANCE", ROOT / "build"))
    path = folder / ("conformance%s.tsv" % protocol)
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    with open(path, "w", encoding="utf-8") as file:
        file.write("id\tprofile\ttitle\tresult\tnote\n")
        for case, profile, title in listed:
            result, note = _results.get(case, ("not run", ""))
            file.write(f"{case}\t{profile}\t{title}\t{result}\t{note}\n")
            sums = counts.setdefault(profile, {})
            sums[result] = sums.get(result, 0) + 1
    terminalreporter.section("%s certification cases" % PROTOCOLS[protocol])
    for profile, sums in counts.items():
        words = ", ".join(f"{number} {result}" for result, number in sorted(sums.items()))
        terminalreporter.write_line(f"{profile}: {words}")
    if any("not run" in sums for sums in counts.values()):
        terminalreporter.write_line(
            "not run: no part of what was asked for (make quick has a few cases, make test all)"
        )
    terminalreporter.write_line(f"table: {path}")
    ids = [case for case, _, _ in listed]
    for case, (result, note) in sorted(_results.items()):
        if result != "passed" and case in ids:
            terminalreporter.write_line(f"  {case} {result} {note}")
