# `make test` and `make quick`: every test, or the useful part that takes less than two minutes.
# MIT license; part of microevse
"""usage: run_tests.py [--quick] [arguments for pytest]

Runs pytest on one worker more than there are processors and passes arguments on. --quick runs the
files of QUICK: the unit tests on CPython but NOT_QUICK, the rules of the house, the documents, the
board files, and one session of the whole charger on the virtual board. It is the same set each
time.
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "host_tests"

# Folders of host_tests, or names of test files wherever they lie in it.
QUICK = (
    "unit",
    "test_house_rules.py",
    "test_lint.py",
    "test_documents.py",
    "test_stubs.py",
    "test_packages.py",
    "test_board.py",
    "test_front_end.py",
    "test_schema_official.py",
    "test_octt16_complete.py",
    "test_octt16_core_session.py",
    "test_safety_document.py",
)
# It takes as long as a hundred other files of its folder.
NOT_QUICK = "test_tolerant_records.py"


def quick():
    """Paths of the quick part. ValueError names what is no longer there."""
    paths = []
    for name in (*QUICK, NOT_QUICK):
        found = [TESTS / name] if (TESTS / name).is_dir() else sorted(TESTS.rglob(name))
        if len(found) != 1:
            raise ValueError("quick tests: %s is there %d times" % (name, len(found)))
        paths += found
    *paths, slow = [str(path.relative_to(ROOT)) for path in paths]
    return [*paths, "--ignore=" + slow]


def main(arguments):
    # The name of a file or test on the command line replaces the whole set.
    paths = []
    if arguments[:1] == ["--quick"]:
        arguments, paths = arguments[1:], quick()
    # One more than processors: many tests wait for a device or a browser.
    workers = str(min(4, (os.cpu_count() or 1) + 1))
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "worksteal", "-ra"]
    return subprocess.call(command + paths + arguments, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
