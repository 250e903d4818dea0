# Random EVs, people, two faults at a time, and restarts against the electrical side.
# MIT license; part of microevse
"""Random histories over the whole electrical side of the charger: whatever happens in whatever
order, the contactor is closed only while it may be. What must hold is in histories/rows.py and
histories/judge.py, what happens in histories/faults.py and histories/draw.py.

    python host_tests/benches/bench_model.py [--runs 5000] [--seed 0]
"""

import sys

import histories  # noqa: F401  the module path
from histories.coverage import Coverage
from histories.draw import NAMES, history
from histories.play import play
from histories.script import shorten, text


def run(runs, seed=0, out=print):
    """Play histories `seed` to `seed + runs` - 1. Returns
    (Coverage, [(number, Broken, shortened history)])."""
    coverage = Coverage()
    failures = []
    for number in range(seed, seed + runs):
        drawn = history(number)
        broken, played = play(drawn)
        coverage.add(drawn, played)
        if broken is not None:
            short = shorten(drawn, broken.name)
            failures.append((number, broken, short))
            out("history %d breaks %s" % (number, broken))
            out(text(short))
        if coverage.histories % 250 == 0:
            out("... up to %d: %d broken" % (number, len(failures)))
            sys.stdout.flush()
    return coverage, failures


def report(coverage, out=print):
    for line in coverage.lines(NAMES):
        out(line)
