# pytest set-up: import paths, and the conformance table written at the end of a run.
# MIT license; part of microevse
"""Puts the project's packages on the path and reports certification cases by id.

A test named `test_TC_003_CS` is the case TC_003_CS of the OCPP 1.6 certification documents;
ids and titles are in octt16_core.tsv. Whenever such tests ran, the table id/title/result goes
to the file named by CONFORMANCE (default build/conformance16.tsv) and its sums to the terminal.
"""

import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
for folder in (HERE / "unit", HERE, ROOT / "firmware", ROOT / "lib"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

_CASE = re.compile(r"::test_(TC_[0-9]+(?:_[0-9]+)?_CS)$")
_results = {}


def case_list():
    """{id: title} of the certification cases this project answers for."""
    with open(HERE / "octt16_core.tsv", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    return {row[0]: row[1] for row in rows[1:]}


def pytest_runtest_logreport(report):
    # With workers (xdist) this hook sees the reports of all of them in the one main process.
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
    if not _results:
        return
    path = pathlib.Path(os.environ.get("CONFORMANCE", ROOT / "build" / "conformance16.tsv"))
    path.parent.mkdir(parents=True, exist_ok=True)
    titles = case_list()
    with open(path, "w", encoding="utf-8") as file:
        file.write("id\ttitle\tresult\tnote\n")
        for case, title in titles.items():
            result, note = _results.get(case, ("not run", ""))
            file.write(f"{case}\t{title}\t{result}\t{note}\n")
    counts = {}
    for case in titles:
        result = _results.get(case, ("not run", ""))[0]
        counts[result] = counts.get(result, 0) + 1
    terminalreporter.section("OCPP 1.6 Core certification cases")
    sums = ", ".join(f"{number} {result}" for result, number in sorted(counts.items()))
    terminalreporter.write_line(f"{len(titles)} cases: {sums} (table: {path})")
    for case, (result, note) in sorted(_results.items()):
        if result != "passed":
            terminalreporter.write_line(f"  {case} {result}: {titles.get(case, '?')} {note}")
