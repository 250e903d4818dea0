# Slots with accesses to central systems: which one is tried, and what a power cut leaves.
# MIT license; part of microevse
"""The central systems of these tests accept a set of accesses: (host, profile, password)."""

import json
import sys

from config import CsmsConfig
from flash_cut import HalfFlash, Power, PowerCut
from station import network_slot
from station.settings import Settings
from store import norlog
from store.journal import Journal
from store.vault import Vault
from upkeep import network_rules, profile_floor
from upkeep.network_slots import NetworkSlots

KEY = "00112233445566778899aabbccddeeff"
OWN = bytes(range(0, 256, 17))
WORD, NEW = "lazy hounds jump, 8", "quick brown foxes, 4"
ORDER, BEFORE, PROFILE = "NetworkConfigurationPriority", "NetworkBefore", "SecurityProfile"
HOME = ("home", 1, OWN)


# What asks for the versions of the image needs the modules of a chip, which CPython lacks.
network_rules._spoken = lambda version: version in ("1.6", "2.0.1")


class Config(CsmsConfig):
    ca_der = [b"1"]
    own = ([b"1"], b"1")

    def client_certificate(self):
        return self.own


class Link:
    connected = True


class Charger:
    """Settings on a journal and a vault, and the slots, as the charger puts them together."""

    def __init__(self, profile=1, good=(HOME,)):
        self.power = Power()
        self.flash = HalfFlash(8, power=self.power)
        self.region = HalfFlash(8, 4096, power=self.power)
        norlog.format(self.flash)
        self.factory = {
            "CentralSystemURI": "ws://home/x", "AuthorizationKey": KEY, PROFILE: str(profile),
        }  # fmt: skip
        self.good, self.calm = good, True
        self.start()

    def start(self):
        journal = Journal(norlog.NorLog(self.flash))
        journal.prepare()
        self.settings = settings = Settings(journal, lambda: Vault(self.region, lambda: True))
        settings.secured = True
        settings.factory(self.factory)
        profile_floor.hold(settings)
        self.config = Config(settings, self.may_stall)
        self.protocols = ["ocpp1.6"]
        if settings.text(ORDER) != "1" or settings.text(BEFORE):
            there = ["ocpp1.6", "ocpp2.0.1"]
            self.config.access = NetworkSlots(
                settings, self.config, self.may_stall, self.protocols, there
            )
            self.config.access.link = Link()
        self.access = self.config.access

    def may_stall(self, ms=0):
        return self.calm

    def slot(self, number, host, profile=1, password="", version="", **more):
        text = [version, "wss://%s/x" % host, 20, profile, "", more.get("identity", ""), password]
        return self.settings.set("NetworkSlot%d" % number, json.dumps(text), access="w")

    def order(self, text):
        return self.settings.set(ORDER, text)

    def attempt(self):
        """One attempt; True if it led to an accepted connection."""
        access, host = self.access, self.config.host()
        try:
            assert self.config.url
        except ValueError:
            access.failed(0)
            return False
        if (host, access.profile(), access.password()) not in self.good:
            access.failed(401)
            return False
        assert access.look(True) is False
        return True

    def tried(self, count):
        """Hosts of so many attempts."""
        found = []
        for _ in range(count):
            found.append(self.config.host())
            self.attempt()
        return found

    def connects(self, attempts=40):
        for _ in range(attempts):
            if self.attempt():
                return self.config.host()
        raise AssertionError("no access works")

    def active(self):
        return self.settings.text("ActiveNetworkProfile")


def moved(c, text="2,1", profile=1, **more):
    """Slot 2 is stored and first in the order, after the next start."""
    assert c.slot(2, "two", profile, **more) == "accepted", c.settings.reason
    assert c.order(text) == "reboot", c.settings.reason
    c.start()


def test_each_slot_has_its_attempts_and_they_go_round():
    c = Charger(good=())
    assert c.slot(3, "three") == "accepted"
    moved(c, "2,3")
    assert c.tried(9) == ["two"] * 3 + ["three"] * 3 + ["home"] * 3
    assert c.tried(2) == ["two"] * 2
    assert c.settings.set("NetworkProfileConnectionAttempts", "1", access="rw") == "accepted"
    assert c.tried(4) == ["two", "three", "home", "two"]
    c.start()
    assert c.tried(1) == ["two"], "a start begins with the first one"
    assert c.protocols == ["ocpp1.6"]


def test_the_way_back_is_there_until_one_of_the_order_has_worked():
    two = ("two", 1, OWN)
    c = Charger(good=(HOME,))
    moved(c, "2")
    assert c.connects() == "home" and c.active() == "1" and c.settings.text(BEFORE) == "1"
    assert c.slot(2, "other") == "rejected"
    assert c.settings.reason == "PriorityNetworkConf: slot 2 is in use"
    c.start()
    assert c.tried(1) == ["two"]
    c.good = (two,)
    assert c.connects() == "two" and c.settings.text(BEFORE) == ""
    c.good = ()
    assert c.tried(9) == ["two"] * 9
    c.good = (two,)
    # From slot 2 to slot 3: now 2 is the way back, and cannot be overwritten.
    assert c.slot(3, "three") == "accepted" and c.order("3") == "reboot"
    assert c.slot(2, "other") == "rejected"
    c.start()
    assert c.connects() == "two"


def test_only_attempts_count_that_say_something():
    c = Charger(good=())
    moved(c)
    c.access.link.connected = False
    assert c.tried(9) == ["two"] * 9
    c.access.link.connected = True
    c.calm = False
    assert c.tried(9) == ["two"] * 9, "TLS has to wait: a car charges"
    c.calm = True
    c.good = (("two", 1, OWN),)
    for _ in range(9):
        assert c.attempt()
        c.access.failed(None)  # an accepted connection ends
    assert c.active() == "2"
    c.good = ()
    assert c.tried(4) == ["two"] * 3 + ["home"]


def test_a_central_system_that_is_silent_has_had_its_attempt():
    c = Charger(good=())
    moved(c)
    for _ in range(3):
        assert c.active() == "2"
        c.access.password()
        assert [c.access.look(False) for _ in range(300)] == [False] * 299 + [True]
        c.access.failed(None)
        assert c.access.look(False) is False
    assert c.active() == "1"


def test_no_slot_is_tried_for_more_than_a_day():
    """The wait between two attempts may be a day, and a slot may have 99 of them."""
    c = Charger(good=(HOME,))
    assert c.settings.set("NetworkProfileConnectionAttempts", "99", access="rw") == "accepted"
    moved(c, "2")
    assert [c.access.look(False) for _ in range(9)] == [False] * 9
    c.access._alone_s += 86400 - 10  # most of the day
    assert c.access.look(False) is True and c.active() == "1"
    assert c.connects(1) == "home"
    c.access.failed(None)
    # It begins anew with each slot and each connection that was accepted.
    c.access._alone_s += 86400 - 10
    assert c.access.look(True) is False
    assert [c.access.look(False) for _ in range(20)] == [False] * 20
    assert c.active() == "1"


def test_what_a_slot_covers_and_what_comes_back():
    c = Charger(good=())
    moved(c, password=WORD, version="2.0.1", identity="TWO")
    get = c.settings.text
    names = ("ChargePointId", "MessageTimeout", "OcppVersions", PROFILE, "BasicAuthPassword")
    assert [get(name) for name in names] == ["TWO", "20", "2.0.1,1.6", "1", WORD]
    assert c.protocols == ["ocpp2.0.1", "ocpp1.6"] and c.access.password() == WORD.encode()
    c.tried(3)
    assert [get(name) for name in names] == ["", "30", "1.6", "1", ""]
    assert c.protocols == ["ocpp1.6"] and c.access.password() == OWN
    assert network_slot.read(c.settings, 1)[network_slot.URL] == "ws://home/x"
    c.tried(3)
    assert get("ChargePointId") == "TWO"
    assert network_slot.read(c.settings, 1)[network_slot.URL] == "ws://home/x"


def test_a_slot_that_is_damaged_is_no_slot():
    for text in ("", "[", "{}", "[1]", '["","",1,1,"","",""]', '["","ws://h",null,1,"","",""]'):
        c = Charger()
        moved(c)
        assert c.settings.keep_own("NetworkSlot2", text)
        c.start()
        assert c.connects() == "home" and c.active() == "1", text
        assert c.order("1,2") == "rejected"


def test_a_slot_of_another_version_is_not_tried():
    for place, value in ((3, 4), (3, "1"), (0, "3.0"), (2, 0), (1, 5), (6, "x"), (5, None)):
        c = Charger()
        moved(c, "2")
        slot = network_slot.read(c.settings, 2)
        slot[place] = value
        assert c.settings.keep_own("NetworkSlot2", json.dumps(slot))
        c.start()
        assert c.tried(1) == ["home"], (place, value)
        # Nor can the owner write it so: a clear error, and nothing changes.
        assert c.settings.set("NetworkSlot3", json.dumps(slot), True) == "rejected"
        assert "InvalidNetworkConf" in c.settings.reason and not c.settings.text("NetworkSlot3")


def test_a_slot_that_is_emptied_while_the_turns_go_round_is_left_out():
    c = Charger(good=())
    assert c.slot(3, "three") == "accepted"
    moved(c, "2,3,1")
    assert c.tried(8)[3:] == ["three"] * 3 + ["home"] * 2
    assert c.order("1") == "reboot"
    for number in (2, 3):
        assert c.settings.set("NetworkSlot%d" % number, "", True) == "accepted"
    assert c.tried(9) == ["home"] * 9
    # Also where slot 1 is not among them.
    c = Charger(good=())
    assert c.slot(3, "three") == "accepted"
    moved(c, "2,3")
    c.settings.keep_own(BEFORE, "")
    c.start()
    for number in (2, 3):
        c.settings.keep_own("NetworkSlot%d" % number, "")
    assert c.tried(6) == ["two"] * 3 + ["home"] * 3


def test_the_way_back_is_not_lost_to_an_order_that_is_not_stored():
    c = Charger(good=(HOME,))
    moved(c, "2")
    assert c.connects() == "home"
    keep = c.settings._keep
    c.settings._keep = lambda name, value: name != ORDER and keep(name, value)
    assert c.order("1,2") == "rejected"
    c.start()
    assert c.settings.text(ORDER) == "2" and c.connects() == "home"


def test_who_never_accepts_cannot_take_the_way_back():
    """A central system may set variables before it has accepted the charger (Pending)."""
    c = Charger(good=(HOME,))
    assert c.slot(3, "three") == "accepted"
    moved(c, "2")
    assert c.active() == "2" and c.order("3") == "reboot"
    c.start()
    assert c.connects() == "home"


def test_orders_that_cannot_work():
    c = Charger()
    assert c.order("2") == "rejected" and "no access" in c.settings.reason
    assert c.slot(2, "two", 3) == "accepted"
    Config.own = None
    assert c.order("2,1") == "rejected" and "ClientCertFile" in c.settings.reason
    Config.own = ([b"1"], b"1")
    c.calm = False
    assert c.order("2,1") == "rejected" and "a car charges" in c.settings.reason
    assert c.slot(3, "three") == "rejected" and "a car charges" in c.settings.reason
    c.calm = True
    assert c.order("2,1") == "reboot" and c.settings.text(BEFORE) == ""
    assert c.settings.set("NetworkSlot3", "[1,2]", access="w") == "rejected"
    if sys.implementation.name != "micropython":  # there it is the image that is asked
        assert c.slot(3, "three", version="2.1") == "rejected" and "2.1" in c.settings.reason
    assert c.slot(3, "three", version="2.0.1,1.6") == "rejected"
    assert c.slot(3, "three", 0) == "rejected" and "NoSecurityDowngrade" in c.settings.reason


def test_a_profile_that_has_worked_is_the_lowest_for_all_slots():
    for profile in (2, 3):
        password = None if profile == 3 else OWN
        c = Charger(good=(("two", profile, password),))
        c.slot(3, "three", 1)
        moved(c, "3,2,1", profile)
        assert c.connects() == "two"
        assert c.settings.text(ORDER) == "2" and c.settings.get(PROFILE) == profile
        c.start()
        assert c.connects() == "two" and c.settings.get(PROFILE) == profile
        assert c.order("3,2") == "rejected"
        # Back to slot 1 of the owner: in the profile that has worked.
        assert c.order("1") == "reboot"
        c.start()
        assert c.access.profile() == profile


def test_a_downgrade_goes_to_2_only_and_if_the_owner_allows_it():
    c = Charger(3, good=(("two", 2, OWN),))
    assert c.slot(2, "two", 2) == "rejected"
    assert c.settings.set("AllowSecurityProfileDowngrade", "true", True) == "accepted"
    assert c.slot(2, "two", 1) == "rejected" and c.slot(2, "two", 0) == "rejected"
    moved(c, "2,1", 2)
    assert c.connects() == "two"
    assert c.settings.get(PROFILE) == 2
    c.start()
    assert c.settings.get(PROFILE) == 2
    # Taken back by the owner before it has worked: it is tried in profile 3.
    c = Charger(3, good=())
    c.settings.set("AllowSecurityProfileDowngrade", "true", True)
    c.slot(2, "two", 2)
    c.order("2,1")
    c.settings.set("AllowSecurityProfileDowngrade", "false", True)
    c.start()
    assert c.access.profile() == 3


def test_a_password_on_trial_has_all_its_turns_before_the_next_slot():
    c = Charger(good=(("two", 1, WORD.encode()), HOME))
    moved(c, password=WORD)
    assert c.connects() == "two"
    assert c.settings.set("BasicAuthPassword", NEW, access="w") == "accepted"
    assert network_slot.read(c.settings, 2)[network_slot.PASSWORD] == NEW
    assert c.access.password(False) == NEW.encode()
    c.access.failed(None)  # that connection ends
    # The fourth attempt is by the password before, which is taken back.
    assert c.tried(4) == ["two"] * 4
    assert c.settings.text("BasicAuthPassword") == WORD and not c.settings.text("AccessBefore")
    assert network_slot.read(c.settings, 2)[network_slot.PASSWORD] == WORD
    c.start()
    assert c.connects() == "two"


def test_a_new_password_of_a_slot_leaves_that_of_slot_1_as_it_is():
    for again in (False, True):
        c = Charger(good=(("two", 1, WORD.encode()),))
        moved(c, password=WORD)
        assert c.connects() == "two"
        assert c.settings.set("BasicAuthPassword", NEW, access="w") == "accepted"
        c.access.failed(None)
        c.good = (("two", 1, NEW.encode()),)
        assert c.connects(1) == "two" and not c.settings.text("AccessBefore")
        if again:
            c.start()
            assert c.connects(1) == "two"
        # The central system of the slot is gone: that of slot 1 has not been locked out.
        c.good = (HOME,)
        assert c.connects(9) == "home" and c.active() == "1"
    # What the owner sets is for slot 1, with what the slot in use has.
    c = Charger(good=(("two", 1, WORD.encode()),))
    moved(c, password=WORD)
    assert c.connects() == "two"
    assert c.settings.set("BasicAuthPassword", NEW, True) == "accepted"
    assert c.active() == "1" and network_slot.read(c.settings, 2)[network_slot.PASSWORD] == WORD
    c.access.failed(None)
    c.good = (("two", 1, NEW.encode()),)
    assert c.connects(1) == "two"
    c.start()
    assert c.connects(1) == "two" and c.active() == "1"


def test_a_password_on_trial_in_a_slot_is_not_judged_by_another_slot():
    two = ("two", 1, WORD.encode())
    c = Charger(good=(two,))
    moved(c, "1,2", password=WORD)
    assert c.connects() == "two"
    assert c.settings.set("BasicAuthPassword", NEW, access="w") == "accepted"
    c.good = (HOME, two)  # the new password was a mistake
    for _ in range(2):
        c.start()
        assert c.connects(1) == "home" and c.access.password(False) == OWN
    c.good = (two,)
    c.access.failed(None)  # home is gone
    assert c.connects() == "two"
    assert c.settings.text("BasicAuthPassword") == WORD and not c.settings.text("AccessBefore")


def test_a_trial_of_a_slot_goes_with_it_to_slot_1():
    two = ("two", 1, WORD.encode())
    c = Charger(good=(two,))
    moved(c, "2", password=WORD)
    assert c.connects() == "two"
    assert c.settings.set("BasicAuthPassword", NEW, access="w") == "accepted"
    assert c.settings.set("ChargePointId", "B", True) == "accepted"
    assert c.active() == "1" and c.settings.text("BasicAuthPassword") == NEW
    for _ in range(2):
        c.access.failed(None)
        assert c.connects() == "two" and c.settings.text("BasicAuthPassword") == WORD
        c.start()


def test_a_key_replaces_the_password_of_a_slot():
    c = Charger(good=(("two", 1, WORD.encode()),))
    moved(c, password=WORD, version="1.6")
    assert c.connects() == "two"
    other = "0123456789abcdef0123456789abcdef"
    assert c.settings.set("AuthorizationKey", other, access="w") == "accepted"
    assert network_slot.read(c.settings, 2)[network_slot.PASSWORD] == ""
    c.access.failed(None)
    c.good = (("two", 1, bytes.fromhex(other)),)
    for _ in range(2):
        assert c.connects(1) == "two"
        c.start()


def test_what_the_owner_changes_goes_on_from_the_slot_in_use():
    c = Charger(good=(("two", 1, WORD.encode()),))
    moved(c, password=WORD, version="2.0.1")
    assert c.connects() == "two"
    c.calm = False
    assert c.settings.set("ChargePointId", "B", True) == "rejected"
    c.calm = True
    assert c.settings.set("ChargePointId", "B", True) == "accepted"
    assert c.active() == "1" and c.settings.text(ORDER) == "1"
    assert c.connects() == "two"
    c.start()
    assert c.connects() == "two" and not isinstance(c.access, NetworkSlots)
    assert c.settings.text("OcppVersions") == "2.0.1,1.6"


def test_what_the_owner_changes_does_not_go_on_from_a_slot_that_was_not_accepted():
    """The owner's own identity and password would be lost for it."""
    c = Charger(good=())
    moved(c, password=WORD, identity="TWO", version="2.0.1")
    assert c.active() == "2" and c.settings.text("ChargePointId") == "TWO"
    assert c.settings.set("CentralSystemURI", "ws://owner/x", True) == "accepted"
    c.good = (("owner", 1, OWN),)
    for _ in range(2):
        assert c.active() == "1" and c.connects(1) == "owner"
        assert c.settings.text("ChargePointId") == "" and c.settings.text(ORDER) == "1"
        assert c.settings.text("OcppVersions") == "1.6" and c.protocols == ["ocpp1.6"]
        c.start()


# -- power cuts ---------------------------------------------------------------------------------


def cut_everywhere(make, act, check):
    """Cut the power in each flash operation of `act`, then start anew and check."""
    at = 0
    while True:
        at += 1
        c = make()
        c.power.operations, c.power.cut_at = 0, at
        try:
            act(c)
            whole = True
        except PowerCut:
            whole = False
        done, c.power.cut_at = c.power.operations, None
        c.start()
        check(c, whole)
        if whole and done < at:
            assert at > 3, "nothing was written"
            return


def test_a_power_cut_while_a_slot_is_tried_for_the_first_time():
    for good, most in ((("two", 2, OWN), 2), (("nobody", 1, OWN), 1)):

        def act(c, good=good):
            moved(c, "2", 2)
            c.good = (HOME, good)
            c.connects()

        def check(c, whole, most=most):
            # Where it works now is one of the two; the next start brings it there again.
            host = c.connects()
            assert not whole or host == ("two" if most == 2 else "home")
            c.start()
            assert c.connects() == host
            if host == "two":
                assert c.settings.get(PROFILE) == 2 and not c.settings.text(BEFORE)

        cut_everywhere(Charger, act, check)


def test_a_power_cut_while_a_password_replaces_that_of_a_slot():
    def make():
        c = Charger(good=(("two", 1, WORD.encode()),))
        moved(c, "2", password=WORD)
        c.connects()
        return c

    for word in (WORD, NEW):

        def act(c, word=word):
            c.settings.set("BasicAuthPassword", NEW, access="w")
            c.good = (("two", 1, word.encode()),)
            c.connects()

        def check(c, whole, word=word):
            c.good = (("two", 1, WORD.encode()), ("two", 1, NEW.encode()))
            assert c.connects() == "two"
            if whole:
                assert c.settings.text("BasicAuthPassword") == word

        cut_everywhere(make, act, check)


def test_a_power_cut_while_the_owner_changes_the_address():
    def make():
        c = Charger(good=(("two", 2, WORD.encode()),))
        moved(c, "2", 2, password=WORD)
        c.connects()
        return c

    def act(c):
        assert c.settings.set("CentralSystemURI", "ws://owner/x", True) == "accepted"

    def check(c, whole):
        c.good = (("two", 2, WORD.encode()), ("owner", 2, WORD.encode()))
        assert c.connects() == ("owner" if whole else c.config.host())

    cut_everywhere(make, act, check)
