# The table behind `help` has every command, field, fault and quirk that the twin's code looks at.
# MIT license; part of microevse
"""The code is read, not trusted: a command, a field, a fault or a reset that is added to it
without a line in twin/commands.py is found here, and one that only the table has, too."""

import ast
import copy

import pytest

from twin import commands, world
from twin.host import ROOT, Twin

TWIN = ROOT / "host_tests" / "twin"


def functions(name, cls):
    """{method: its tree} of a class."""
    tree = ast.parse((TWIN / name).read_text())
    body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls).body
    return {n.name: n for n in body if isinstance(n, ast.FunctionDef)}


def texts(node):
    return {
        n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def looked_at(nodes, methods):
    """Fields of `cmd` that these statements look at, and the methods that they hand it to."""
    found = set()
    loops = {}  # variable: the words that it takes
    named = {}  # variable: the words of a tuple
    for node in nodes:
        for n in ast.walk(node):
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name):
                named[n.targets[0].id] = texts(n.value)
            if isinstance(n, (ast.For, ast.comprehension)) and isinstance(n.target, ast.Name):
                words = texts(n.iter)
                for part in ast.walk(n.iter):
                    if isinstance(part, ast.Name):
                        words |= named.get(part.id, set())
                loops.setdefault(n.target.id, set()).update(words)

    def field(n):
        return (
            texts(n) if isinstance(n, ast.Constant) else loops.get(getattr(n, "id", None), set())
        )

    def is_cmd(n):
        return isinstance(n, ast.Name) and n.id == "cmd"

    for node in nodes:
        for n in ast.walk(node):
            if isinstance(n, ast.Subscript) and is_cmd(n.value):
                found |= field(n.slice)
            elif isinstance(n, ast.Compare) and is_cmd(n.comparators[0]):
                found |= field(n.left)
            elif isinstance(n, ast.Call):
                if isinstance(n.func, ast.Attribute) and is_cmd(n.func.value):
                    if n.func.attr in ("get", "pop"):
                        found |= field(n.args[0])
                elif n.args and any(is_cmd(a) for a in n.args):
                    if getattr(n.func, "id", "") == "_integer":
                        found |= field(n.args[1])
                    elif getattr(n.func, "attr", "") in methods:
                        found |= looked_at(methods[n.func.attr].body, methods)
    return found


def physical():
    """{command: fields} of World.command, branch by branch."""
    methods = functions("world.py", "World")
    found = {}

    def branch(node):
        words = texts(node.test) if isinstance(node.test, ast.Compare) else set()
        if isinstance(node.test, ast.Compare) and getattr(node.test.left, "id", "") == "do":
            for do in words:
                found[do] = looked_at(node.body, methods)
            for other in node.orelse:
                if isinstance(other, ast.If):
                    branch(other)

    for statement in methods["command"].body:
        if isinstance(statement, ast.If):
            branch(statement)
    return found


def inner():
    """{command: fields} of Control.do_..."""
    methods = functions("control.py", "Control")
    return {
        name[3:]: looked_at(method.body, methods)
        for name, method in methods.items()
        if name.startswith("do_") and not name.startswith("do__")
    }


# In the parent: its fields, and that it is there, are looked at in test_simulator.py.
OUTER = {"help": set(), "subscribe": set(), "power_cut": {"seconds"}}


def test_every_command_and_field_of_the_code_has_a_line():
    code = {**physical(), **inner(), **OUTER}
    table = {
        name: set(fields) - set(commands.LATER) for name, (_, fields) in commands.COMMANDS.items()
    }
    code = {name: fields - {"connector", "id"} for name, fields in code.items()}
    assert len(code) > 20 and code["plug"] == {"phases", "cable", "pp"}
    assert code == table


def test_what_acts_on_hardware_is_what_can_be_told_to_happen_later():
    tree = ast.parse((TWIN / "control.py").read_text())
    (listed,) = [
        n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "PHYSICAL"
    ]
    assert (
        texts(listed) == set(physical()) == {n for n in commands.COMMANDS if commands.physical(n)}
    )


def test_every_fault_and_cause_has_a_line():
    assert tuple(commands.FAULTS) == world.FAULTS
    tree = ast.parse((TWIN / "control.py").read_text())
    (causes,) = [
        n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "CAUSES"
    ]
    assert tuple(ast.literal_eval(causes)) == commands.CAUSES


def test_each_line_says_something():
    told = [line for line, _ in commands.COMMANDS.values()]
    told += [line for _, fields in commands.COMMANDS.values() for _, line in fields.values()]
    told += [*commands.FAULTS.values(), *commands.QUIRKS.values()]
    assert all(
        isinstance(line, str) and len(line) > 7 or line in ("how; hard",) for line in told
    ), [line for line in told if len(line) < 8]


@pytest.mark.parametrize("name", sorted(commands.COMMANDS))
def test_a_command_without_its_line_is_refused(name, monkeypatch):
    """Twin.command asks the table first: a command that is not in it cannot be used."""
    import asyncio

    table = copy.copy(commands.COMMANDS)
    del table[name]
    monkeypatch.setattr(commands, "COMMANDS", table)

    async def ask():
        twin = Twin()
        try:
            return await twin.command({"do": name})
        finally:
            await twin.stop()

    answer = asyncio.run(ask())
    assert answer["ok"] is False and "unknown command" in answer["error"]
