# The certification cases of OCPP 1.6 that a charger can be tested for.
# MIT license; part of microevse
"""A test named `test_TC_003_CS` is the case TC_003_CS."""

from tools_paths import TESTS


def case_list():
    """[(id, profile, title), ...] of the certification cases: all of the feature profiles,
    and of the security block (profile Security) those that the charger passes."""
    with open(TESTS / "conformance" / "octt16_cases.tsv", encoding="utf-8") as file:
        return [tuple(line.rstrip("\n").split("\t")) for line in file if line.strip()][1:]
