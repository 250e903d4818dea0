# Tests in a forked process: which reach what, and whether they notice a mutant.
# MIT license; part of microevse
"""Everything here is called in a child of the pool (pool.py), and pytest has been imported
before. A pytest session runs in the process itself, its output goes nowhere."""

import asyncio  # noqa: F401 (like those below: not once more in each child)
import os
import resource
import shutil
import signal
import sys
import tempfile
import time

import hypothesis
import pytest

from . import place, plain

_OPTIONS = ["-q", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist"]
# A test may take so many times as long as without a mutant, and in any case so many seconds.
PATIENCE = 10
LEAST_S = 10
WHOLE_S = 60
MEMORY = 4 << 30  # bytes
LEARNING_S = 600


class _Session:
    """Common to all plugins: the order, the first failure, a limit for each test."""

    limit_s = WHOLE_S

    def __init__(self, order=None, limits=None, bounded=None):
        self._order = order  # node ids, None for all
        self._limits = limits or {}
        self._bounded = bounded or {}
        self.ran = 0
        self.failed = None
        self.failures = []

    def pytest_collection_modifyitems(self, items):
        for item in items:
            for name, value in self._bounded.get(item.module.__name__, {}).items():
                setattr(item.module, name, value)
        if self._order is not None:
            wanted = {name: at for at, name in enumerate(self._order)}
            items[:] = [item for item in items if item.nodeid in wanted]
            items.sort(key=lambda item: wanted[item.nodeid])

    def _late(self, *_):
        raise SystemExit("late")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        signal.signal(signal.SIGALRM, self._late)
        self.failed = item.nodeid + " (late)"  # unless it ends
        signal.setitimer(signal.ITIMER_REAL, self._limits.get(item.nodeid, self.limit_s), 1)
        try:
            result = yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self.failed == item.nodeid + " (late)":
            self.failed = None
        return result

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed = report.nodeid
            self.failures.append(report.nodeid)
        elif report.when == "call" and report.passed:
            self.ran += 1


def _quietly(arguments, plugin, first=("-x",)):
    out = os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1)
    os.dup2(out, 2)
    # The same examples each time, so that the result is the same. Slow machines are no failures.
    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutants")
    # Its own, because tests have files of fixed names: a trial beside this one once ended it.
    with tempfile.TemporaryDirectory(prefix="own") as own:
        os.environ["TMPDIR"] = own
        try:
            code = int(pytest.main(_OPTIONS + list(first) + arguments, plugins=[plugin]))
        except SystemExit:
            code = 1
    return code


def _verdict(code, session):
    if code == pytest.ExitCode.OK:
        return {"end": "survived", "ran": session.ran}
    if code in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR):
        return {"end": "survived", "ran": 0, "why": "no tests: %s" % code}
    return {"end": "killed", "by": session.failed or "import"}


def near(mutant, order, limits, bounded):
    """Do these tests (node ids, first to last), in this process, notice the mutant?"""
    # A mutant that collects for ever ends with a MemoryError.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    place.in_memory(mutant.path, mutant.changed())
    quick = [name for name in order if plain.is_plain(name)]
    noticed, ran = plain.first_failure(quick, limits, WHOLE_S)
    if noticed:
        return {"end": "killed", "by": noticed}
    rest = [name for name in order if name not in quick]
    if not rest:
        return {"end": "survived", "ran": ran}
    session = _Session(rest, limits, bounded)
    session.ran = ran
    files = list(dict.fromkeys(name.partition("::")[0] for name in rest))
    return _verdict(_quietly(files, session), session)


def whole(mutant, tests, bounded):
    """Do these (files or node ids), which may run the firmware on MicroPython, notice it?"""
    folder = tempfile.mkdtemp(prefix="overlay")
    try:
        place.in_memory(mutant.path, mutant.changed())
        _paths()
        place.on_disk(folder, mutant.path, mutant.changed())
        session = _Session(bounded=bounded)
        return _verdict(_quietly(list(tests), session), session)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _paths():
    for folder in ("lib", "firmware", "host_tests/support", "host_tests"):
        path = str(place.ROOT / folder)
        if path not in sys.path:
            sys.path.insert(0, path)


class _Learning(_Session):
    """Which functions of `paths` each test calls, and how long it takes."""

    limit_s = LEARNING_S

    def __init__(self, paths, bounded):
        super().__init__(bounded=bounded)
        self._calls = set()
        self.importing = None
        self.tests = {}  # node id -> [s, [[path, line], ...]]
        # Not sys.settrace(): that is called for each function of the tests, too, and most of their
        # time went there.
        place.marked(paths, self._calls.add)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self._taken()
        began = time.monotonic()
        try:
            return (yield)
        finally:
            self.tests[item.nodeid] = [time.monotonic() - began, self._taken()]

    def pytest_collection_finish(self):
        self.importing = self._taken()

    def _taken(self):
        calls = [list(call) for call in sorted(self._calls)]
        self._calls.clear()
        return calls


def learn(file, paths, bounded):
    """Run a test file: {"tests": {node id: [s, reached]}, "importing": reached, "failed": ids}.

    A test that fails without any mutant is left out of "tests".
    """
    if plain.is_plain(file):
        return plain.learn(file, paths, LEARNING_S)
    session = _Learning(paths, bounded)
    code = _quietly([file], session, ())
    failed = session.failures
    if not session.tests:
        failed = ["%s: pytest ended with %s" % (file, code)]
    tests = {name: what for name, what in session.tests.items() if name not in failed}
    return {"tests": tests, "importing": session.importing, "failed": failed}
