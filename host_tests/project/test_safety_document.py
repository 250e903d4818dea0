# docs/safety.md names only existing things: each test, each cause of a fault, each file.
# MIT license; part of microevse
"""An assessor follows the names in the document. A name that leads nowhere is worse than none."""

import ast
import pathlib
import re

import pytest
from iec61851.latch import CAUSES

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "host_tests"
TEXT = (ROOT / "docs" / "safety.md").read_text()


def known_tests():
    names = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(node.name)
    return names


NAMED = sorted(
    {
        name
        for name in re.findall(r"`([a-z0-9_.]+)`", TEXT)
        if name.count("_") >= 3 or "..." in name
    }
)


@pytest.fixture(scope="module")
def tests():
    return known_tests()


@pytest.mark.parametrize("name", NAMED)
def test_each_test_that_is_named_is_there(tests, name):
    pattern = ".*".join(re.escape(part) for part in name.split("..."))
    pattern = re.compile(pattern if name.startswith("test_") else "test_.*" + pattern)
    assert any(pattern.fullmatch(test) or pattern.match(test) for test in tests), name


def test_names_are_found_at_all():
    assert len(NAMED) > 40


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_of_a_fault_has_its_place(cause):
    assert f"`{cause}`" in TEXT


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`([a-z_0-9]+/[a-zA-Z_0-9/.]+\.[a-z]+)`", TEXT)))
)
def test_each_file_that_is_named_is_there(path):
    places = (ROOT, TESTS)
    assert any((place / path).exists() for place in places), path
