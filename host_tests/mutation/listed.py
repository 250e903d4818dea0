# Mutants that people wrote down: those that must be noticed, and those that change nothing.
# MIT license; part of microevse
"""named.json: [{"what", "path", "before", "after"}, ...]: `before` is in the file once, and is
replaced. equivalent.json: [{"path", "before", "operator", "after", "why"}, ...] as the operators
find them, by the text of the line. The line may move; if its text changes, a person has to judge
it anew. If a file has equal lines, an entry is for the first of them, or for the first "times".
"""

import json
import pathlib

from .place import ROOT
from .source import Mutant, Source

HERE = pathlib.Path(__file__).resolve().parent


def load(name):
    return json.loads((HERE / (name + ".json")).read_text())


def named(rows):
    """[Mutant, ...] with `what`; ValueError for one whose text is gone."""
    found = []
    group_of = {path: row.group for row in rows for path in row.paths}
    for entry in load("named"):
        source = Source(entry["path"], (ROOT / entry["path"]).read_text())
        count = source.data.count(entry["before"].encode())
        if count != 1:
            raise ValueError("%s: %d times %r" % (entry["path"], count, entry["before"]))
        start = source.data.index(entry["before"].encode())
        end = start + len(entry["before"].encode())
        mutant = Mutant(source, start, end, entry["after"], "named")
        mutant.group = group_of.get(entry["path"], "elsewhere")
        mutant.what = entry["what"]
        mutant.tests = ["host_tests/%s.py" % word for word in entry.get("tests", "").split()]
        found.append(mutant)
    return found


class Equivalent:
    """Mutants that change nothing. `mutants`: all mutants of the files in question."""

    def __init__(self, entries=None, mutants=()):
        self._why, times, lines = {}, {}, {}
        for entry in load("equivalent") if entries is None else entries:
            key = tuple(entry[name] for name in ("path", "before", "operator", "after"))
            self._why[key] = entry["why"]
            times[key] = entry.get("times", 1)
        for mutant in mutants:
            if mutant.key in self._why:
                lines.setdefault(mutant.key, set()).add(mutant.line)
        self._lines = {key: sorted(lines[key])[: times[key]] for key in lines}

    def why(self, mutant):
        """The reason, or None."""
        lines = self._lines.get(mutant.key)
        if lines is not None and mutant.line not in lines:
            return None
        return self._why.get(mutant.key)

    def stale(self, mutants):
        """Entries that no longer match a mutant."""
        return sorted(set(self._why) - {mutant.key for mutant in mutants})
