# Small mistakes in every safety-relevant file, and which of them no test notices.
# MIT license; part of microevse
"""usage: bench_mutants.py [N | all] [--seed S] [--groups A,B] [--paths TEXT] [--workers W]
                        [--told] [--near] [--named] [--unnamed]

Mutants of the operators in mutation/operators.py: a sample of at least N (default 330), the
same number of each group of mutation/table.py, and always those of mutation/named.json. Prints
the survivors. Exit status 1 if one survives in a strict group that mutation/equivalent.json does
not list, or more than one of fifty of all others.

Only a temporary folder is written to. --told prints each mutant and the test that noticed it.
--near leaves out the tests of the whole firmware. --named tries those of named.json alone,
--unnamed none of them.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time

import places  # noqa: F401 (import paths)
from mutation import listed, table
from mutation.pool import Pool

SAMPLE = 330


class Bench:
    """One run over `groups`. `out`: fn(text)."""

    def __init__(self, workers, groups, out=print, told=False):
        self.out = out
        self.told = told
        self.near_only = False
        self.sound = True  # every test passes without a mutant
        self.rows = table.rows()
        self.pool = Pool(workers)
        self.mutants = []
        for row in self.rows:
            if row.group in groups:
                self.mutants += table.mutants(row)
        self.equivalent = listed.Equivalent(mutants=self.mutants)
        self._row = {path: row for row in self.rows for path in row.paths}
        self._learned = {}
        self._noticed = {}  # (path, function) -> tests that noticed a mutant of it, newest first
        self.phases = [("", time.monotonic())]  # (name, when it ended)

    # -- which ---------------------------------------------------------------------------

    def sample(self, total, seed, groups, only=""):
        """At least `total` mutants, as many of each group as of the others; None: all."""
        chosen = []
        share = None if total is None else -(-total // len(groups))
        for group in groups:
            some = [m for m in self.mutants if m.group == group and only in m.path]
            random.Random("%s %s" % (seed, group)).shuffle(some)
            some = [m for m in some[: share and 2 * share] if m.sound()]
            chosen += some[:share]
        return chosen

    # -- what the tests reach --------------------------------------------------------------

    def learn(self, mutants):
        """Run each test file that is needed once, without any mutant."""
        wanted = {}
        for mutant in mutants:
            row = self._row.get(mutant.path)
            for file in row.near if row else []:
                wanted.setdefault(file, set()).add(mutant.path)
        paths = sorted(self._row)
        jobs = [(f, lambda f=f: trial.learn(f, paths, table.BOUNDED), 600) for f in wanted]
        for file, result in self.pool.run(jobs):
            if "end" in result:
                raise SystemExit("%s: %s" % (file, result))
            self._learned[file] = result
            for name in result["failed"]:
                self.out("fails without any mutant: %s" % name)
                self.sound = False

    def order(self, mutant):
        """[(s, node id), ...] of the tests that reach the mutant: the last three that noticed
        another one of the function, then quick ones first."""
        row = self._row.get(mutant.path)
        found = []
        for file in row.near if row else []:
            learned = self._learned[file]
            place = [mutant.path, mutant.function]
            imported = [name for name, _ in learned["importing"]]
            everywhere = place in learned["importing"]
            if not mutant.function:
                # A constant is used by every test that imports the file or calls a function in it.
                everywhere = everywhere or mutant.path in imported
            for name, (seconds, reached) in learned["tests"].items():
                called = place in reached
                if not mutant.function:
                    called = any(path == mutant.path for path, _ in reached)
                if everywhere or called:
                    found.append((seconds, name))
        last = self._noticed.get((mutant.path, mutant.function), [])[:3]
        return sorted(found, key=lambda one: (one[1] not in last, one))

    def _learn_from(self, mutant, by):
        last = self._noticed.setdefault((mutant.path, mutant.function), [])
        name = by.partition(" ")[0]
        if name in last:
            last.remove(name)
        last.insert(0, name)

    # -- running ---------------------------------------------------------------------------

    def _near_jobs(self, mutants):
        for mutant in mutants:
            order = self.order(mutant)
            if not order:
                continue
            limits = {n: max(trial.LEAST_S, trial.PATIENCE * s) for s, n in order}
            names = [name for _, name in order]
            total = 60 + sum(trial.PATIENCE * s for s, _ in order)
            yield (
                mutant,
                lambda m=mutant, n=names, k=limits: trial.near(m, n, k, table.BOUNDED),
                total,
            )

    def _whole_jobs(self, mutants):
        for mutant in mutants:
            row = self._row.get(mutant.path)
            tests = mutant.tests or row.whole
            yield mutant, lambda m=mutant, t=tests: trial.whole(m, t, table.BOUNDED), 600

    def run(self, mutants):
        """{mutant: the test that noticed it, or None}. Listed mutants are not tried."""
        tried = [m for m in mutants if self.equivalent.why(m) is None]
        self.learn(tried)
        self.phases.append(("learning", time.monotonic()))
        ends = dict.fromkeys(tried)
        for jobs in (self._near_jobs,) + (() if self.near_only else (self._whole_jobs,)):
            left = [m for m in tried if ends[m] is None]
            for mutant, result in self.pool.run(jobs(left)):
                if result["end"] != "survived":
                    ends[mutant] = result.get("by") or result.get("why") or result["end"]
                    self._learn_from(mutant, ends[mutant])
                if self.told:
                    self.out("%-9s %s  [%s]" % (result["end"], mutant, ends[mutant]))
            self.phases.append(("near" if jobs == self._near_jobs else "whole", time.monotonic()))
        return ends

    # -- telling ---------------------------------------------------------------------------

    def report(self, mutants, ends, groups):
        """Print survivors and the table. Returns the groups that fail."""
        survivors = [m for m in mutants if m in ends and ends[m] is None]
        for mutant in survivors:
            self.out("SURVIVED  %s" % mutant)
        self.out(
            "%-12s %8s %7s %11s %9s" % ("group", "mutants", "killed", "equivalent", "survived")
        )
        failed = []
        others = survived = 0
        for group in groups:
            of = [m for m in mutants if m.group == group]
            bad = sum(1 for m in of if m in survivors)
            same = sum(1 for m in of if m not in ends)
            self.out(
                "%-12s %8d %7d %11d %9d  %.1f %%"
                % (group, len(of), len(of) - bad - same, same, bad, 100 * bad / max(1, len(of)))
            )
            if bad and (group in table.STRICT or any(m.what for m in of if m in survivors)):
                failed.append(group)
            elif group not in table.STRICT:
                others, survived = others + len(of), survived + bad
        if survived > table.SHARE * others:
            failed.append("the other groups together")
        return failed


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("total", nargs="?", default=str(SAMPLE))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--groups", default="")
    parser.add_argument("--paths", default="")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--told", action="store_true")
    parser.add_argument("--near", action="store_true")
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--unnamed", action="store_true")
    given = parser.parse_args(arguments)
    groups = given.groups.split(",") if given.groups else table.groups()
    began = time.monotonic()
    bench = Bench(given.workers, groups, lambda text: print(text, flush=True), given.told)
    bench.near_only = given.near
    total = None if given.total == "all" else int(given.total)
    chosen = [] if given.named else bench.sample(total, given.seed, groups, given.paths)
    if not given.paths and not given.unnamed:
        chosen += listed.named(bench.rows)
    ends = bench.run(chosen)
    shown = list(dict.fromkeys(groups + [m.group for m in chosen]))
    failed = bench.report(chosen, ends, shown)
    if not bench.sound:
        failed.append("tests without any mutant")
    for entry in bench.equivalent.stale(bench.mutants) if groups == table.groups() else []:
        failed.append("equivalent.json")
        print("no such mutant any more:", entry)
    for (_, begin), (name, end) in zip(bench.phases, bench.phases[1:], strict=False):
        print("%s: %.0f s" % (name, end - begin))
    words = (len(chosen), given.seed, (time.monotonic() - began) / 60)
    print("%d mutants, seed %d, %.1f min" % words)
    if failed:
        print("failed: " + ", ".join(sorted(set(failed))))
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="mutants") as scratch:
        # Compiled files, overlays and what tests leave behind: gone at the end.
        sys.pycache_prefix = os.path.join(scratch, "pycache")
        sys.dont_write_bytecode = False
        os.environ.update(TMPDIR=scratch, CONFORMANCE=scratch)
        tempfile.tempdir = None
        os.chdir(table.ROOT)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
        from mutation import trial  # pytest is imported once, before any fork

        sys.exit(main(sys.argv[1:]))
