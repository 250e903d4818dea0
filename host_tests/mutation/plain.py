# Unit tests against a mutant without pytest.
# MIT license; part of microevse
"""Tests in host_tests/unit are functions without arguments, as MicroPython runs them, too
(unit/run.py). Called as they are, they take a tenth of the time that pytest needs to find them.
Everything here is called in a child of the pool (pool.py)."""

import gc
import importlib
import os
import signal
import sys
import tempfile
import time

from . import place

FOLDER = "host_tests/unit/"


def is_plain(name):
    """Is this file, or this test, one of those?"""
    return name.startswith(FOLDER)


class _Late(BaseException):
    """The time of a test is over. No `except Exception` catches it."""


class Runner:
    """Calls tests by their node id, `FILE::FUNCTION`."""

    def __init__(self):
        self._late = False
        out = os.open(os.devnull, os.O_WRONLY)
        os.dup2(out, 1)
        os.dup2(out, 2)
        for folder in ("lib", "firmware", "host_tests", "host_tests/support", FOLDER):
            path = str(place.ROOT / folder)
            if path not in sys.path:
                sys.path.insert(0, path)
        gc.freeze()
        signal.signal(signal.SIGALRM, self._alarm)
        signal.signal(signal.SIGPROF, self._alarm)

    def _alarm(self, *_):
        self._late = True
        raise _Late

    def within(self, limit_s, function):
        """What went wrong in function(), or None. It may take `limit_s` seconds, and one of five
        of them of the processor's time: a loop without an end is not waited for longer."""
        self._late = False
        problem = None
        try:
            # Again each second: a handler may catch everything.
            signal.setitimer(signal.ITIMER_REAL, limit_s, 1)
            signal.setitimer(signal.ITIMER_PROF, limit_s / 5, 1)
            try:
                function()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.setitimer(signal.ITIMER_PROF, 0)
        except BaseException as exc:  # also what a mutant makes of the program's end
            problem = repr(exc)
        return "late" if self._late else problem

    def module(self, file):
        """The module of a file of tests."""
        name = os.path.basename(file)[: -len(".py")]
        if name not in sys.modules:
            importlib.import_module(name)
            gc.freeze()  # as in conftest.py: what is loaded is never garbage
        return sys.modules[name]

    def tests(self, file):
        """[(node id, function), ...] in the order of the file."""
        found = vars(self.module(file)).items()
        return [
            ("%s::%s" % (file, name), function)
            for name, function in found
            if name.startswith("test_") and callable(function)
        ]


def first_failure(order, limits, import_s):
    """(the test, or the file, that notices the mutant or None; how many passed). `order`: node
    ids; `limits`: seconds of each."""
    runner = Runner()
    ran = 0
    with tempfile.TemporaryDirectory(prefix="own") as own:
        os.environ["TMPDIR"] = own
        for name in order:
            file, _, function = name.partition("::")
            problem = runner.within(import_s, lambda file=file: runner.module(file))
            if problem:
                return "import of " + file, ran
            problem = runner.within(limits[name], getattr(runner.module(file), function))
            if problem:
                return name + (" (late)" if problem == "late" else ""), ran
            ran += 1
    return None, ran


def learn(file, paths, limit_s):
    """As trial.learn()."""
    calls = set()
    place.marked(paths, calls.add)

    def taken():
        found = [list(call) for call in sorted(calls)]
        calls.clear()
        return found

    runner = Runner()
    tests, failed, listed = {}, [], []
    with tempfile.TemporaryDirectory(prefix="own") as own:
        os.environ["TMPDIR"] = own
        problem = runner.within(limit_s, lambda: listed.extend(runner.tests(file)))
        importing = taken()
        if problem or not listed:
            failed.append("%s: %s" % (file, problem or "no tests"))
        for name, function in listed:
            began = time.monotonic()
            if runner.within(limit_s, function):
                failed.append(name)
                taken()
            else:
                tests[name] = [time.monotonic() - began, taken()]
    return {"tests": tests, "importing": importing, "failed": failed}
