# Counts the histories that a run has played: kinds, pairs, guards, connectors.
# MIT license; part of microevse
"""Only faults that were there while contacts were closed count: a history that never closes proves
nothing."""

import collections


class Coverage:
    def __init__(self):
        self.histories = self.closed = self.closings = self.resets = 0
        self.seconds = 0.0
        self.kinds = collections.Counter()
        self.pairs = collections.Counter()
        self.guards = collections.Counter()
        self.connectors = collections.Counter()
        self.versions = collections.Counter()
        self.inside = collections.Counter()

    def add(self, history, played):
        """One history, played: `met` are the kinds that were there while contacts were closed."""
        met = played.met
        self.histories += 1
        self.closings += played.judge.closings
        self.resets += len(played.charger.resets)
        self.seconds += played.charger.ms / 1000
        self.inside.update(played.fired)
        if not played.judge.closings:
            return
        self.closed += 1
        self.guards[history["guard"]] += 1
        self.connectors[history["connectors"]] += 1
        self.versions[history["version"]] += 1
        for kind in met:
            self.kinds[kind] += 1
        for a in met:
            for b in met:
                if a < b:
                    self.pairs[a, b] += 1

    def lines(self, names):
        """The table, as lines of text; `names`: all kinds there are."""
        yield "%d histories, %d with closed contactors, %d closings, %d resets, %.1f h" % (
            self.histories, self.closed, self.closings, self.resets, self.seconds / 3600
        )  # fmt: skip
        yield "guard       " + _counts(self.guards)
        yield "connectors  " + _counts(self.connectors)
        yield "MicroPython " + _counts(self.versions)
        yield "inside      " + _counts(self.inside)
        pairs = [self.pairs[a, b] for a in names for b in names if a < b]
        yield "pairs of kinds met while closed: %d of %d, %d to %d times each, median %d" % (
            len([n for n in pairs if n]), len(pairs), min(pairs), max(pairs),
            sorted(pairs)[len(pairs) // 2],
        )  # fmt: skip
        missing = [(a, b) for a in names for b in names if a < b and not self.pairs[a, b]]
        if missing and len(missing) <= 12:
            yield "never met: " + "; ".join("%s + %s" % pair for pair in missing)
        width = max(map(len, names))
        yield "%s  alone, and with each of the kinds in this order" % "kind".ljust(width)
        for a in names:
            row = ["  ." if a == b else "%3d" % self.pairs[min(a, b), max(a, b)] for b in names]
            yield "%s %5d %s" % (a.ljust(width), self.kinds[a], "".join(row))


def _counts(counter):
    return ", ".join("%s: %d" % (key, counter[key]) for key in sorted(counter))
