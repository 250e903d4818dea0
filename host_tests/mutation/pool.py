# Functions in forked processes, some at a time, each with a time limit.
# MIT license; part of microevse
"""The result of a child comes back as JSON; a child that is late, or dies, gets a result that says
so."""

import json
import os
import selectors
import signal
import time

LATE = {"end": "late"}
DIED = {"end": "died"}


class Pool:
    """`run(jobs)`: jobs yields (name, function without arguments, limit in s)."""

    def __init__(self, workers):
        self._workers = workers

    def run(self, jobs):
        """Yield (name, result) of all jobs in the order in which they end."""
        jobs = iter(jobs)
        running = {}
        more = True
        with selectors.DefaultSelector() as ready:
            try:
                while more or running:
                    while more and len(running) < self._workers:
                        job = next(jobs, None)
                        if job is None:
                            more = False
                        else:
                            child = _Child(*job)
                            running[child.pipe] = child
                            ready.register(child.pipe, selectors.EVENT_READ)
                    for key, _ in ready.select(0.2):
                        running[key.fd].read()
                    for child in list(running.values()):
                        if child.over():
                            ready.unregister(child.pipe)
                            del running[child.pipe]
                            yield child.name, child.end()
            finally:
                for child in running.values():
                    child.end()


class _Child:
    def __init__(self, name, function, limit_s):
        self.name = name
        self._until = time.monotonic() + limit_s
        self._told = b""
        self._closed = False
        self.pipe, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self.pipe)
            _become(function, writing)
        os.close(writing)

    def read(self):
        piece = os.read(self.pipe, 1 << 16)
        self._told += piece
        self._closed = not piece

    def over(self):
        return self._closed or time.monotonic() > self._until

    def end(self):
        """The result; the child and what it started are gone afterwards."""
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(self._pid, signal.SIGKILL)  # not yet in a group of its own
        os.waitpid(self._pid, 0)
        os.close(self.pipe)
        if not self._closed:
            return LATE
        return json.loads(self._told) if self._told else DIED


def _become(function, writing):
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        result = json.dumps(function()).encode()
        while result:
            result = result[os.write(writing, result) :]
    except BaseException as exc:
        os.write(writing, json.dumps({"end": "failed", "why": repr(exc)}).encode())
    finally:
        os._exit(0)
