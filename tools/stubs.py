#!/usr/bin/env python3
# Type stubs (.pyi) beside the modules of lib/: brought up to date, types written by hand are kept.
# MIT license; part of microevse
"""usage: stubs.py [--check]    (make stubs)

A stub has every public name of its module, with the parameters and their defaults. The types are
the part that is written by hand: they are kept for each parameter that is still there. For a new
one the tool proposes a type from its default or from the unit in its name. --check exits with 1
and says what differs. Stubs cost nothing on the chip: no file of that name goes there.
"""

import ast
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"
# Data, not an interface.
SKIPPED = {"manifest.py", "schemas.py", "schemas21.py", "declarations.py"}

INTEGER = re.compile(
    r"^(n|i|k|at|ms|ma|mv|uv|us|ohms|size|count|block|blocks|block_size|addr|address|seq|kind|"
    r"number|boot|limit|offset|baud|register|after|now|key_hash|crc|index|code_point|port)$|"
    r"_(ma|mv|uv|us|ms|s|w|wh|mwh|ppm|pm|dc|count|size|limit|id|number|bytes|ma_h|u16)$"
)
TEXT = re.compile(
    r"^(text|name|url|host|path|code|description|action|cause|why|info|protocol|location|line|"
    r"reason|fault|model|password|user)$|_(text|name|url|path)$"
)
FLAG = re.compile(r"^(is_|has_|may_)|^(on|pwm|closed|protect|secure|passing|done|local)$")
CALLABLE = re.compile(
    r"^(fn|rand|allowed|resolve|ticks_ms|next_id|report|send|call|open_stream)$|^on_"
)
BYTES = re.compile(r"^(buf|data|head|raw|frame|packet|piece)$")


def guess(name, default=None):
    """A type for a parameter or attribute; "Any" if nothing is known about it."""
    optional = ""
    if isinstance(default, ast.Constant):
        if isinstance(default.value, bool):
            return "bool"
        if default.value is None:
            optional = " | None"
        elif isinstance(default.value, (int, str, bytes, float)):
            return type(default.value).__name__
    if CALLABLE.search(name):
        return "Callable[..., Any]" + optional
    for pattern, kind in ((FLAG, "bool"), (INTEGER, "int"), (TEXT, "str"), (BYTES, "bytes")):
        if pattern.search(name):
            return kind + optional
    return "Any"


def public(name):
    return not name.startswith("_") or name == "__init__"


def _property(node):
    return any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)


def _returns(node):
    """A type for the return value of a function, from its code."""
    if node.name == "__init__":
        return "None"
    inner = [n for n in ast.walk(node) if isinstance(n, (ast.Return, ast.Yield, ast.YieldFrom))]
    if any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in inner):
        return "Iterator[Any]"
    values = [n.value for n in inner if n.value is not None]
    if not values:
        return "None"
    if all(
        isinstance(v, (ast.Compare, ast.BoolOp))
        and not isinstance(v, ast.BoolOp)
        or isinstance(v, ast.UnaryOp)
        and isinstance(v.op, ast.Not)
        or isinstance(v, ast.Constant)
        and isinstance(v.value, bool)
        for v in values
    ):
        return "bool"
    found = guess(node.name)
    if found not in ("bool", "int", "str"):
        return "Any"
    return found + " | None" if any(_may_be_none(v) for v in values) else found


def _may_be_none(value):
    if isinstance(value, ast.IfExp):
        return _may_be_none(value.body) or _may_be_none(value.orelse)
    return isinstance(value, ast.Constant) and value.value is None


def functions(body):
    return [n for n in body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _flat(body):
    """Statements, with those of the branches of `if` and `try` at the top: the branches are
    differences between interpreters. The first definition of a name counts."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _flat(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _flat(node.body)
            for handler in node.handlers:
                yield from _flat(handler.body)
        else:
            yield node


def _targets(node):
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [(node.target.id, node.value)]
    if not isinstance(node, ast.Assign):
        return []
    found = []
    for target in node.targets:
        if isinstance(target, ast.Name):
            found.append((target.id, node.value))
        elif isinstance(target, ast.Tuple):
            found += [(t.id, None) for t in target.elts if isinstance(t, ast.Name)]
    return found


def _value_type(value, name):
    """A type for the value that is assigned to `name`."""
    if isinstance(value, ast.Constant) and value.value is None:
        kind = guess(name)
        return kind if kind == "Any" else kind + " | None"
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "const" and value.args:
        value = value.args[0]
    if isinstance(value, ast.Constant) and value.value is not None:
        return type(value.value).__name__
    if isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant):
        return type(value.operand.value).__name__
    if isinstance(value, (ast.BinOp, ast.Name)) and name.isupper():
        return "int"
    for kind, of in (("dict", ast.Dict), ("tuple", ast.Tuple), ("list", ast.List)):
        if isinstance(value, of):
            return kind + (
                "[Any, ...]" if kind == "tuple" else "[Any, Any]" if kind == "dict" else "[Any]"
            )
    return guess(name)


def members(path):
    """{name: node or ("value", expression)} of a module's public names, in their order."""
    found = {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _flat(tree.body):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if public(node.name):
                found.setdefault(node.name, node)
        for name, value in _targets(node):
            if public(name):
                found.setdefault(name, ("value", value))
        # A module that passes on a name marks the import for the linter: imported, and not used
        # here.
        if isinstance(node, ast.ImportFrom) and path.suffix == ".py":
            line = path.read_text(encoding="utf-8").split("\n")[node.lineno - 1]
            if "noqa" in line and "F401" in line:
                for alias in node.names:
                    found.setdefault(alias.asname or alias.name, ("value", None))
    return found


def attributes(node):
    """{name: expression} of the attributes that a class's methods set on self, and of its own."""
    found = {}
    for statement in node.body:
        for name, value in _targets(statement):
            if public(name):
                found.setdefault(name, value)
    methods = {n.name for n in functions(node.body)}
    for method in functions(node.body):
        for inner in ast.walk(method):
            if not isinstance(inner, (ast.Assign, ast.AnnAssign)):
                continue
            for target in inner.targets if isinstance(inner, ast.Assign) else [inner.target]:
                several = target.elts if isinstance(target, ast.Tuple) else [target]
                for one in several:
                    if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "self":
                        if public(one.attr) and one.attr not in methods:
                            found.setdefault(one.attr, inner.value if len(several) == 1 else None)
    return found


def parameters(node):
    """[(name with its stars, default as text or None), ...] in their order."""
    args = node.args
    plain = args.posonlyargs + args.args
    defaults = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
    found = [(a.arg, d) for a, d in zip(plain, defaults, strict=True)]
    if args.vararg:
        found.append(("*" + args.vararg.arg, None))
    elif args.kwonlyargs:
        found.append(("*", None))
    found += [(a.arg, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    if args.kwarg:
        found.append(("**" + args.kwarg.arg, None))
    return [(name, default) for name, default in found]


def annotations(node):
    args = node.args
    every = args.posonlyargs + args.args + args.kwonlyargs + [args.vararg, args.kwarg]
    kept = {a.arg: ast.unparse(a.annotation) for a in every if a is not None and a.annotation}
    if node.returns is not None:
        kept["return"] = ast.unparse(node.returns)
    return kept


def _signature(node, old, indent, method):
    kept = annotations(old) if old is not None else {}
    parts = []
    for i, (name, default) in enumerate(parameters(node)):
        if method and i == 0 or name == "*":
            parts.append(name)
            continue
        bare = name.lstrip("*")
        kind = kept.get(bare) or ("Any" if name.startswith("*") else guess(bare, default))
        parts.append("%s: %s%s" % (name, kind, " = ..." if default is not None else ""))
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    out = [indent + "@property"] if _property(node) else []
    returns = kept.get("return") or _returns(node)
    out.append("%s%s %s(%s) -> %s: ..." % (indent, word, node.name, ", ".join(parts), returns))
    return out


def _old_values(body):
    return {
        n.target.id: ast.unparse(n.annotation)
        for n in body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }


def stub(path):
    """Text of the stub of a module."""
    beside = path.with_suffix(".pyi")
    old_body = ast.parse(beside.read_text(encoding="utf-8")).body if beside.exists() else []
    old = {n.name: n for n in old_body if hasattr(n, "name")}
    values = _old_values(old_body)
    own = [ast.unparse(n) for n in old_body if isinstance(n, (ast.Import, ast.ImportFrom))]
    out = []
    for name, node in members(path).items():
        if isinstance(node, tuple):
            out.append("%s: %s" % (name, values.get(name) or _value_type(node[1], name)))
        elif isinstance(node, ast.ClassDef):
            bases = ", ".join(ast.unparse(b) for b in node.bases)
            out.append("class %s%s:" % (name, "(%s)" % bases if bases else ""))
            before = old.get(name)
            methods = {n.name: n for n in functions(before.body)} if before else {}
            types = _old_values(before.body) if before else {}
            lines = []
            for attribute, value in attributes(node).items():
                kind = types.get(attribute) or _value_type(value, attribute)
                lines.append("    %s: %s" % (attribute, kind))
            seen = set()
            for method in functions(node.body):
                if public(method.name) and method.name not in seen:
                    seen.add(method.name)
                    lines += _signature(method, methods.get(method.name), "    ", True)
            out += lines or ["    ..."]
        else:
            out += _signature(node, old.get(name), "", False)
    text = "\n".join(out)
    wanted = [
        word
        for word in ("Callable", "Iterator", "Sequence")
        if re.search(r"\b%s\b" % word, text) and "class %s" % word not in text
    ]
    head = ["# Types of %s; names and parameters by `make stubs`." % path.name]
    own = [
        line
        for line in own
        if not line.startswith(("from typing", "from collections.abc"))
        and any(
            re.search(r"\b%s\b" % word, text) for word in line.split(" import ")[-1].split(", ")
        )
    ]
    own += [base for base in _bases(path) if base not in own]
    if wanted:
        own.append("from collections.abc import " + ", ".join(wanted))
    if re.search(r"\bAny\b", text):
        own.append("from typing import Any")
    return "\n".join(head + sorted(set(own)) + ([""] if own else []) + [text, ""])


def _bases(path):
    """Imports that base classes come from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        ast.unparse(b).split(".")[0]
        for n in tree.body
        if isinstance(n, ast.ClassDef) and public(n.name)
        for b in n.bases
    }
    found = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            used = [a for a in node.names if (a.asname or a.name) in names]
            if used:
                dots = "." * node.level
                found.append(
                    "from %s%s import %s"
                    % (dots, node.module or "", ", ".join(ast.unparse(a) for a in used))
                )
    return found


def modules():
    """Every module of lib/ that has something public."""
    for path in sorted(LIB.rglob("*.py")):
        if path.name not in SKIPPED and members(path):
            yield path


def shape(path):
    """The shape in which stub and module must agree: {name: kind, parameters, which have a
    default}."""
    found = {}
    for name, node in members(path).items():
        if isinstance(node, tuple):
            found[name] = "value"
        elif isinstance(node, ast.ClassDef):
            found[name] = ("class", sorted(attributes(node)))
            for method in functions(node.body):
                if public(method.name):
                    found.setdefault(name + "." + method.name, _call(method))
        else:
            found[name] = _call(node)
    return found


def _call(node):
    kind = "async" if isinstance(node, ast.AsyncFunctionDef) else "function"
    kind = "property" if _property(node) else kind
    return kind, [(name, default is not None) for name, default in parameters(node)]


def differences():
    """Sentences about stubs that differ from their modules."""
    found = []
    wanted = set()
    for path in modules():
        beside = path.with_suffix(".pyi")
        wanted.add(beside)
        name = path.relative_to(ROOT)
        if not beside.exists():
            found.append("%s has no stub" % name)
            continue
        real, told = shape(path), shape(beside)
        for key in sorted(set(real) | set(told)):
            if real.get(key) != told.get(key):
                found.append(
                    "%s: %s is %s, the stub has %s" % (name, key, real.get(key), told.get(key))
                )
    for beside in sorted(LIB.rglob("*.pyi")):
        if beside not in wanted:
            found.append("%s has no module" % beside.relative_to(ROOT))
    return found


def main(arguments):
    if "--check" in arguments:
        found = differences()
        print("\n".join(found))
        return 1 if found else 0
    written = [path.with_suffix(".pyi") for path in modules()]
    for path in written:
        path.write_text(stub(path.with_suffix(".py")), encoding="utf-8")
    ruff = pathlib.Path(sys.executable).with_name("ruff")
    if ruff.exists():
        subprocess.run([str(ruff), "format", "--quiet", *map(str, written)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
