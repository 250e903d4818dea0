# The fixed operators: all the small mistakes that a line may hold.
# MIT license; part of microevse
"""`mutants(path, text)` finds every mutant of a file.

compare    a bound that takes in or leaves out its end, and the opposite of each comparison
boolean    `and` for `or`, an operand left out, `not` left out
constant   a number up to 16 one more and one less, a larger one a quarter more and less;
           True for False; index 0 for -1
arithmetic + for -, * for //, % for //, a shift or a mask the other way
return     None, or the opposite of a condition
removed    a call, an assignment, a raise, a return or a deletion left out
condition  if, while and conditional expressions always or never
loop       break for continue
minmax     min for max
name       another text in place of a cause's, setting's or status' name (CamelCase)
except     a handler that catches nothing, or every Exception

Texts that only people read are left out: log lines, texts with %, arguments of exceptions. So are
calls that give memory back, code that only CPython runs, and mutants that no test could miss: an
assignment is removed only if the name has a value without it.
"""

import ast
import re

from .shapes import (
    ARITHMETIC,
    COMPARE,
    frees,
    from_base,
    is_format,
    is_not,
    is_port,
    is_text,
    told,
)
from .source import Mutant, Source

SMALL = 16
_CAMEL = re.compile(r"[A-Z][a-z]+([A-Z][a-z]*)+$")
_PORTS = ("MICROPYTHON", "IN_PLACE")
_ATOMS = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant, ast.Compare)


def mutants(path, text):
    """[Mutant, ...] of `text`, which is the file `path`: in order, each change once."""
    found = {}
    for mutant in sorted(_Walk(Source(path, text)).found, key=lambda m: (m.line, m.operator)):
        found.setdefault(mutant.edit, mutant)
    return list(found.values())


class _Walk:
    def __init__(self, source):
        self.source = source
        self.found = []
        self._function = None  # innermost definition around the node
        self._imported = from_base(self.source.tree)
        self._visit_all(source.tree.body)

    # -- helpers -----------------------------------------------------------------------

    def _add(self, span, text, operator):
        line, name = 0, ""
        if self._function is not None:
            around, name = self._function, self._function.name
            line = min([around.lineno] + [d.lineno for d in around.decorator_list])
        self.found.append(Mutant(self.source, span[0], span[1], text, operator, line, name))

    def _replace(self, node, text, operator):
        self._add(self.source.span(node), text, operator)

    def _between(self, words, left, right):
        return self.source.token(words, self.source.span(left)[1], self.source.span(right)[0])

    def _visit_all(self, nodes):
        for node in nodes:
            self.visit(node)

    def visit(self, node):
        method = getattr(self, "_" + type(node).__name__.lower(), None)
        if method is None:
            self._visit_all(ast.iter_child_nodes(node))
        else:
            method(node)

    # -- statements --------------------------------------------------------------------

    def _functiondef(self, node):
        outer = self._function
        self._visit_all(d for d in node.args.defaults + node.args.kw_defaults if d)
        self._function = node
        self._visit_all(node.body)
        self._function = outer

    _asyncfunctiondef = _functiondef

    def _expr(self, node):
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Constant) or told(value) or frees(value, self._imported):
            return
        if isinstance(value, ast.Call):
            self._replace(node, "pass", "removed")
        self.visit(node.value)

    def _assign(self, node):
        names = [n for target in node.targets for n in ast.walk(target)]
        if any(isinstance(n, ast.Name) and n.id.startswith("__") for n in names):
            return
        if self._function is not None and all(self._has_value(t) for t in node.targets):
            self._replace(node, "pass", "removed")
        self.visit(node.value)
        self._visit_all(t for t in node.targets if isinstance(t, ast.Subscript))

    def _has_value(self, target):
        """Does a name still have some value if this assignment is left out?"""
        if isinstance(target, ast.Name):
            others = [a.arg for a in self._function.args.args]
            for node in ast.walk(self._function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    if (node.lineno, node.col_offset) < (target.lineno, target.col_offset):
                        others.append(node.id)
            return target.id in others
        if isinstance(target, (ast.Tuple, ast.List)):
            return all(self._has_value(t) for t in target.elts)
        return self._function.name != "__init__"

    def _augassign(self, node):
        old, new = ARITHMETIC[type(node.op)]
        if self._function is not None:
            self._replace(node, "pass", "removed")
        if not is_text(node.value):
            self._add(self._between(old + "=", node.target, node.value), new + "=", "arithmetic")
        self.visit(node.value)

    def _return(self, node):
        value = node.value
        if value is None:
            if node is not self._function.body[-1]:
                self._replace(node, "pass", "removed")
            return
        if isinstance(value, (ast.Compare, ast.BoolOp)) or is_not(value):
            self._replace(value, "not (%s)" % self.source.text(value), "return")
        elif not isinstance(value, ast.Constant):
            self._replace(value, "None", "return")
        elif isinstance(value.value, (str, bytes)):
            self._replace(value, "None", "return")
        self.visit(value)

    def _raise(self, node):
        if self._function is not None:
            self._replace(node, "pass", "removed")

    def _delete(self, node):
        if self._function is not None and not isinstance(node.targets[0], ast.Name):
            self._replace(node, "pass", "removed")

    def _condition(self, node):
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if names & set(_PORTS) or isinstance(node, ast.Constant):
            return
        self._replace(node, "True", "condition")
        self._replace(node, "False", "condition")
        self.visit(node)

    def _if(self, node):
        if not node.orelse and all(told(getattr(n, "value", n)) for n in node.body):
            return  # whether something is told
        self._condition(node.test)
        on_chip, other = node.body, node.orelse
        if is_not(node.test) and is_port(node.test.operand):
            on_chip, other = other, on_chip
        elif not is_port(node.test):
            on_chip = on_chip + other
        self._visit_all(on_chip)

    def _ifexp(self, node):
        if any(is_format(n) for n in (node.body, node.orelse)):
            return  # a text for people
        self._condition(node.test)
        self._visit_all((node.body, node.orelse))

    def _while(self, node):
        if not isinstance(node.test, ast.Constant):
            self._replace(node.test, "False", "condition")
            self.visit(node.test)
        self._visit_all(node.body + node.orelse)

    def _comprehension(self, node):
        self.visit(node.iter)
        for test in node.ifs:
            self._condition(test)

    def _break(self, node):
        self._replace(node, "continue", "loop")

    def _continue(self, node):
        self._replace(node, "break", "loop")

    def _excepthandler(self, node):
        kind = self.source.text(node.type) if node.type else ""
        alone = len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
        if kind and kind != "ImportError" and not (alone and node.body[0].exc is None):
            self._replace(node.type, "()", "except")
            if kind not in ("Exception", "BaseException"):
                self._replace(node.type, "Exception", "except")
        self._visit_all(node.body)

    def _skip(self, node):
        pass

    _import = _importfrom = _assert = _global = _nonlocal = _skip

    # -- expressions -------------------------------------------------------------------

    def _call(self, node):
        if told(node):
            return
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("min", "max"):
            self._replace(node.func, "max" if name == "min" else "min", "minmax")
        if name.endswith(("Error", "Exception")):
            return
        if not isinstance(node.func, ast.Name):
            self.visit(node.func)
        self._visit_all(node.args + [k.value for k in node.keywords])

    def _compare(self, node):
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            old, others = COMPARE[type(op)]
            for new in others:
                self._add(self._between(old, left, right), new, "compare")
            left = right
        self._visit_all([node.left] + node.comparators)

    def _boolop(self, node):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._add(self._between(old, left, right), new, "boolean")
        for left_out in range(len(node.values)):
            rest = node.values[:left_out] + node.values[left_out + 1 :]
            text = ast.unparse(ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0])
            plain = len(rest) > 1 or isinstance(rest[0], _ATOMS)
            self._replace(node, text if plain else "(%s)" % text, "boolean")
        self._visit_all(node.values)

    def _unaryop(self, node):
        start, _ = self.source.span(node)
        operand, end = self.source.span(node.operand)
        if isinstance(node.op, ast.Not):
            self._add((start, start + len("not")), "", "boolean")
        elif isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant):
                self._number(node, -node.operand.value)
                return
            self._add((start, start + 1), "", "arithmetic")
        self.visit(node.operand)

    def _binop(self, node):
        if is_format(node):
            return  # a text for people
        if type(node.op) in ARITHMETIC and not (is_text(node.left) or is_text(node.right)):
            old, new = ARITHMETIC[type(node.op)]
            self._add(self._between(old, node.left, node.right), new, "arithmetic")
        self._visit_all((node.left, node.right))

    def _subscript(self, node):
        self.visit(node.value)
        index = node.slice
        if isinstance(index, ast.Constant) and index.value == 0 and index.value is not False:
            self._replace(index, "-1", "constant")
        elif self.source.text(index) == "-1":
            self._replace(index, "0", "constant")
        else:
            self.visit(index)

    def _constant(self, node):
        value = node.value
        if isinstance(value, bool):
            self._replace(node, str(not value), "constant")
        elif isinstance(value, (int, float)):
            self._number(node, value)
        elif isinstance(value, str) and _CAMEL.match(value):
            self._replace(node, '"Other%s"' % value, "name")

    def _number(self, node, value):
        if isinstance(value, float):
            changed = (value * 1.25, value * 0.75) if value else (1.0,)
        elif abs(value) <= SMALL or "0x" in self.source.text(node):
            changed = (value + 1, value - 1)
        else:
            changed = (value + abs(value) // 4, value - abs(value) // 4)
        for new in changed:
            self._replace(node, repr(new), "constant")
