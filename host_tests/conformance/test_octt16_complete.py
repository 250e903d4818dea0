# No certification case of a profile that the charger claims is left out.
# MIT license; part of microevse
"""SupportedFeatureProfiles, the list of cases and the tests must agree."""

import re

from certification import NOT_HERE, case_list, cases_of, not_applicable, with_tests
from tools_paths import ROOT


def test_every_case_of_every_claimed_profile_is_a_test():
    source = (ROOT / "firmware" / "wiring" / "features.py").read_text()
    profiles = re.search(r'FEATURE_PROFILES = \(?\s*"([^"]+)"', source).group(1).split(",")
    assert "Core" in profiles
    profiles.append("Security")  # no feature profile of 1.6 (security whitepaper)
    wanted = {case for case, profile, _ in case_list() if profile in profiles}
    tests = set(with_tests())
    assert not wanted - tests, sorted(wanted - tests)
    known = {case for case, _, _ in case_list()}
    assert not tests - known, sorted(tests - known)


def test_every_test_that_is_named_after_a_case_of_2x_has_its_case():
    known = {case: profile for case, profile, _ in case_list("201")}
    tests = set(with_tests("201"))
    assert not tests - set(known), sorted(tests - set(known))
    assert not {case for case in tests if known[case] in NOT_HERE}
    assert len(known) > 500


def test_a_case_that_does_not_apply_has_a_reason():
    reasons = not_applicable("201")
    assert reasons["TC_E_12_CS"] == "no board has a sensor for the parking bay"
    assert set(reasons) < set(with_tests("201")) and all(reasons.values())
    assert "TC_B_06_CS" not in reasons


def test_a_test_may_name_several_cases():
    assert cases_of("test_TC_003_CS") == ["TC_003_CS"]
    assert cases_of("test_TC_004_1_CS") == ["TC_004_1_CS"]
    assert cases_of("test_TC_B_06_CS[2.1]") == ["TC_B_06_CS"]
    assert cases_of("test_TC_B_32_CS_and_TC_B_33_CS") == ["TC_B_32_CS", "TC_B_33_CS"]
    assert not cases_of("test_TC_B_06_CSMS") and not cases_of("test_remote_TC_B_06_CS")
