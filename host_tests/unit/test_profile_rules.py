# What the central system may make of SecurityProfile, rule by rule.
# MIT license; part of microevse

from helpers import raises
from upkeep.profile_rules import refusal


class Charger:
    """Settings and configuration: a password, a CA, and a certificate of its own."""

    def __init__(self, profile, key=bytes(16), ca=True, own=True):
        self.profile, self.key, self.own = profile, key, own
        self.ca_der = [b"ca"] if ca else []

    def get(self, name):
        assert name == "SecurityProfile"
        return self.profile

    def basic_auth_key(self):
        return self.key

    def client_certificate(self):
        if self.own is None:
            raise ValueError("the key of another certificate")
        return ([b"own"], b"key") if self.own else None


def refused(wanted, profile, **more):
    charger = Charger(profile, **more)
    return refusal(wanted, charger, charger)


def test_it_is_raised_or_stays_and_never_falls():
    for profile in range(4):
        for wanted in range(4):
            why = refused(wanted, profile)
            if wanted < profile:
                assert why == "SecurityProfile can only be raised: it is %d" % profile
            else:
                assert why is None


def test_each_profile_has_what_it_needs():
    for wanted in (1, 2):
        for key in (None, b"", bytes(15)):
            assert "AuthorizationKey of 16 bytes" in refused(wanted, 0, key=key)
    assert refused(3, 0, key=None) is None
    assert "CaFile" in refused(2, 0, ca=False) and "CaFile" in refused(3, 0, ca=False)
    assert refused(1, 0, ca=False, own=False) is None
    assert refused(2, 0, own=False) is None
    assert "ClientCertFile" in refused(3, 0, own=False)
    assert refused(3, 0, own=None) == "SecurityProfile 3: the key of another certificate"
    assert refused(2, 0, own=None) is None, "what profile 2 does not need is not looked at"


def test_a_mistake_of_the_program_is_not_hidden():
    charger = Charger(0)
    del charger.ca_der
    raises(AttributeError, refusal, 2, charger, charger)
