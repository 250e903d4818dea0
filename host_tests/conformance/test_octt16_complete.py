# No certification case of a profile that the charger claims is left out.
# MIT license; part of microevse
"""SupportedFeatureProfiles, the list of cases and the tests must agree."""

import pathlib
import re

from certification import case_list
from tools_paths import ROOT

HERE = pathlib.Path(__file__).resolve().parent


def test_every_case_of_every_claimed_profile_is_a_test():
    source = (ROOT / "firmware" / "wiring" / "features.py").read_text()
    profiles = re.search(r'FEATURE_PROFILES = \(?\s*"([^"]+)"', source).group(1).split(",")
    assert "Core" in profiles
    profiles.append("Security")  # no feature profile of 1.6 (security whitepaper)
    wanted = {case for case, profile, _ in case_list() if profile in profiles}
    tests = set()
    for path in HERE.glob("test_octt16_*.py"):
        tests |= set(re.findall(r"def test_(TC_\w+_CS)\(", path.read_text()))
    assert not wanted - tests, sorted(wanted - tests)
    known = {case for case, _, _ in case_list()}
    assert not tests - known, sorted(tests - known)
