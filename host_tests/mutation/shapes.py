# Patterns of the operators in a tree: opposites of operations, and the code that is left alone.
# MIT license; part of microevse
"""Tables and questions about a node; operators.py makes the mutants."""

import ast

COMPARE = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "|"),
}
TOLD = ("log", "print", "print_exception")  # calls of these are for people
# Functions of evse_base that give back the memory of code, and a module that gives back garbage:
# nothing is decided by them. Tests of the heap look at what they do.
MEMORY = ("release", "forget", "before_import")
GARBAGE = "gc"


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def is_format(node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and is_text(node.left)


def is_port(node):
    return isinstance(node, ast.Name) and node.id == "MICROPYTHON"


def is_not(node):
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def told(node):
    """A call of log.*, print or print_exception."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        of = function.value.id if isinstance(function.value, ast.Name) else ""
        return of in ("log", "console") or function.attr in TOLD
    return isinstance(function, ast.Name) and function.id in TOLD


def from_base(tree):
    """Names that a file has imported from evse_base."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "evse_base":
            found |= {name.asname or name.name for name in node.names}
    return found


def frees(node, imported):
    """A call that is about memory alone. imported: see `from_base`."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == GARBAGE
    name = function.id if isinstance(function, ast.Name) else ""
    return name in MEMORY and name in imported
