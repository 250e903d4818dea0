# Random histories with pairs of faults against what must always be true.
# MIT license; part of microevse
"""Plays numbered histories (histories/) and prints what was played how often; exit status 1 if an
invariant was broken. A failing one is printed as a script: --replay FILE plays it.
Seeds are the numbers: --seed 0 --runs 2500 and --seed 2500 --runs 2500 are halves of one run."""

import argparse
import pathlib
import sys
import time

import places  # noqa: F401 (import paths)
import model_electrical
from histories.play import play
from histories.script import load


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("histories", nargs="?", type=int, help="the same as --runs")
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first history")
    parser.add_argument("--replay", help="a file with a printed history")
    args = parser.parse_args()
    if args.replay:
        broken, _ = play(load(pathlib.Path(args.replay).read_text()))
        print("broken: %s" % broken if broken else "every invariant held")
        return 1 if broken else 0
    runs = args.histories or args.runs
    begin, cpu = time.time(), time.process_time()
    print("histories %d to %d" % (args.seed, args.seed + runs - 1))
    coverage, failures = model_electrical.run(runs, args.seed)
    model_electrical.report(coverage)
    print(
        "%.1f minutes (%.1f of this process): %d of %d histories broke an invariant"
        % ((time.time() - begin) / 60, (time.process_time() - cpu) / 60, len(failures), runs)
    )
    if failures:
        print("numbers: " + " ".join(str(number) for number, _, _ in failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
