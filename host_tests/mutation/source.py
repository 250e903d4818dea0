# A source file as the operators see it: tree, tokens, places.
# MIT license; part of microevse
"""`Source` finds where a node or a token stands; `Mutant` is one change at one place."""

import ast
import io
import tokenize


class Mutant:
    """`text` in place of the bytes `start` to `end` of a source.

    path: below the repository's root. function: first line of the innermost function around
    it, 0 on module or class level; within: its name. operator: see operators.py.
    """

    def __init__(self, source, start, end, text, operator, function=0, within=""):
        self.path = source.path
        self.operator = operator
        self.function = function
        self.within = within
        self._source = source
        self.edit = (start, end, text.encode())
        self.line = source.data.count(b"\n", 0, start) + 1
        self.before = source.lines[self.line - 1].strip()
        first = source.data.rindex(b"\n", 0, start) + 1 if self.line > 1 else 0
        rest = source.data[end:].decode().partition("\n")[0]
        self.after = (source.data[first:start].decode() + text + rest).strip()
        self.group = self.what = None
        self.tests = []  # of a named one

    def changed(self):
        """The whole source with the change in it."""
        start, end, text = self.edit
        data = self._source.data
        return (data[:start] + text + data[end:]).decode()

    def sound(self):
        """Is the change still Python?"""
        try:
            compile(self.changed(), self.path, "exec", dont_inherit=True)
            return True
        except SyntaxError:
            return False

    @property
    def key(self):
        """The identity of a mutant while the code around it moves: no line number."""
        return (self.path, self.before, self.operator, self.after)

    def __str__(self):
        place = "%s:%d  %s" % (self.path, self.line, self.what or self.operator)
        return "%s\n    - %s\n    + %s" % (place, self.before, self.after)


class Source:
    """One file: `path` below the root, and its text."""

    def __init__(self, path, text):
        self.path = path
        self.data = text.encode()
        self.lines = text.split("\n")
        self.tree = ast.parse(text)
        self._starts = [0]
        for line in self.data.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._tokens = []
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.OP, tokenize.NAME):
                begin = self._place(token.start)
                self._tokens.append((begin, begin + len(token.string.encode()), token.string))

    def _place(self, position):
        row, column = position
        return self._starts[row - 1] + len(self.lines[row - 1][:column].encode())

    def span(self, node):
        """(first byte, byte after the last) of a node."""
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node):
        start, end = self.span(node)
        return self.data[start:end].decode()

    def token(self, words, start, end):
        """(start, end) of the tokens `words`, one after the other, between two places."""
        words = words.split()
        tokens = [t for t in self._tokens if start <= t[0] and t[1] <= end]
        for at in range(len(tokens) - len(words) + 1):
            found = tokens[at : at + len(words)]
            if [t[2] for t in found] == words:
                return found[0][0], found[-1][1]
        raise ValueError("%s: no %s between %d and %d" % (self.path, words, start, end))
