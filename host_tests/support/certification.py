# The certification cases of OCPP that a charger can be tested for.
# MIT license; part of microevse
"""A test named `test_TC_003_CS` is the case TC_003_CS of 1.6; `test_TC_B_06_CS` is the case
TC_B_06_CS of 2.0.1 and 2.1. A test may name several: `test_TC_B_32_CS_and_TC_B_33_CS`."""

import ast
import re

from tools_paths import TESTS

# {name in the names of files: what it is}.
PROTOCOLS = {"16": "OCPP 1.6", "201": "OCPP 2.0.1 and 2.1"}

# Profiles of 2.x whose cases need what no charger of this project has.
NOT_HERE = {
    "ISO 15118": "the cable carries no ISO 15118",
    "V2X": "energy flows one way",
    "DER": "no generator behind the cable",
    "Battery swap": "no batteries to swap",
    "Payment": "no payment terminal",
}

_CASE = re.compile(r"TC_(?:[A-Z]_)?[0-9]+(?:_[0-9]+)?_CS(?![A-Za-z0-9])")


def case_list(protocol="16"):
    """[(id, profile, title), ...] of the certification cases. 1.6: all of the feature profiles,
    and of the security block (profile Security) those that the charger passes. 2.x: all."""
    name = "octt%s_cases.tsv" % protocol
    with open(TESTS / "conformance" / name, encoding="utf-8") as file:
        return [tuple(line.rstrip("\n").split("\t")) for line in file if line.strip()][1:]


def cases_of(test):
    """Ids of the cases that the name of a test function has."""
    name = test.partition("[")[0]
    return _CASE.findall(name) if name.startswith("test_TC_") else []


def not_applicable(protocol="16"):
    """{id of a case: why it does not apply}: of the tests that only say so."""
    found = {}
    for path in sorted((TESTS / "conformance").glob("test_octt%s_*.py" % protocol)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                texts[ast.unparse(node.targets[0])] = node.value.value
            if not isinstance(node, ast.FunctionDef):
                continue
            call = getattr(node.body[0], "value", None)
            if not isinstance(call, ast.Call) or ast.unparse(call.func) != "pytest.skip":
                continue
            (why,) = call.args
            why = texts[why.id] if isinstance(why, ast.Name) else why.value
            found.update((case, why) for case in cases_of(node.name))
    return found


def with_tests(protocol="16"):
    """{id of a case: name of the file that tests it}."""
    found = {}
    for path in sorted((TESTS / "conformance").glob("test_octt%s_*.py" % protocol)):
        for test in re.findall(r"def (test_TC_\w+)\(", path.read_text(encoding="utf-8")):
            for case in cases_of(test):
                found[case] = path.name
    return found
