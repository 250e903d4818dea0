# The cost of a look at the pilots: executed bytecodes of the timer tick, callback to relay pin.
# MIT license; part of microevse
"""usage: bench_window.py [--against CHECKOUT]

With `--against` the same is counted with firmware/ and lib/ of another checkout, and the ratio is
printed. How it is counted is in support/window_cost.py."""

import argparse
import pathlib
import sys

import places  # noqa: F401 (import paths)
from tools_paths import ROOT
from window_cost import BEFORE, MOST, measure, table


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=pathlib.Path, help="another checkout to compare with")
    args = parser.parse_args()
    before = measure(args.against) if args.against else BEFORE
    now = measure(ROOT)
    print(table(now, before))
    return 0 if all(now[name] <= MOST * was for name, was in before.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
