# A security profile that has worked outlasts the journal.
# MIT license; part of microevse

from config import CsmsConfig
from station.settings import Settings
from store import norlog
from store.journal import Journal
from store.ramflash import RamFlash
from store.vault import Vault
from upkeep import profile_floor

KEY = "00112233445566778899aabbccddeeff"
PROFILE, BEFORE = "SecurityProfile", "AccessBefore"


class Config(CsmsConfig):
    ca_der = [b"1"]

    def client_certificate(self):
        return ([b"1"], b"1")


class Charger:
    """Settings and trial, as the charger puts them together, on a journal and a vault."""

    def __init__(self, **factory):
        self.values = dict({"CentralSystemURI": "ws://h/x"}, **factory)
        self.region = RamFlash(8, 4096)
        self.lose_journal()
        self.settings.set("AuthorizationKey", KEY, True)
        self.accepted()
        self.start()

    def lose_journal(self):
        self.flash = RamFlash(8)
        norlog.format(self.flash)
        self.start()

    def start(self):
        journal = Journal(norlog.NorLog(self.flash))
        journal.prepare()
        self.settings = Settings(journal, self.vault)
        self.settings.secured = True
        self.settings.factory(self.values)
        profile_floor.hold(self.settings)
        self.config = Config(self.settings)
        self.access = self.config.access

    def vault(self):
        return Vault(self.region, lambda: True)

    def raised(self, profile):
        assert self.settings.set(PROFILE, str(profile)) == "accepted", self.settings.reason
        self.accepted()
        assert not self.settings.text(BEFORE)

    def accepted(self):
        self.access.password()
        self.access.look(True)

    def profile(self):
        return self.settings.get(PROFILE)


def test_without_its_journal_a_charger_does_not_go_below_what_has_worked():
    """It came back on profile 0, and sent its password in the open."""
    c = Charger()
    for profile in (1, 2):
        c.raised(profile)
        c.lose_journal()
        assert c.profile() == profile and c.access.profile() == profile
    assert c.config.url == "wss://h/x" and c.config.secure() and c.access.password()
    c.start()
    assert c.profile() == 2, "it is in the new journal"
    # Flash that takes no settings any more.
    c.flash = RamFlash(8)
    norlog.format(c.flash)
    keep, Settings.keep_own = Settings.keep_own, lambda *_: False
    try:
        c.start()
    finally:
        Settings.keep_own = keep
    assert c.profile() == 2


def test_a_profile_on_trial_is_not_what_has_worked():
    c = Charger(SecurityProfile="1")
    assert c.settings.set(PROFILE, "2") == "accepted"
    c.start()
    assert c.profile() == 2 and c.access.profile() == 2 and c.settings.text(BEFORE)[0] == "1"
    for _ in range(3):
        c.access.failed(0)
    c.accepted()
    assert c.profile() == 1
    c.lose_journal()
    assert c.profile() == 1
    # The journal is lost in the middle of one: what held before is still there to go back to.
    assert c.settings.set(PROFILE, "2") == "accepted"
    c.lose_journal()
    assert c.profile() == 1 and c.settings.text(BEFORE)[0] == "1"


def test_a_trial_does_not_lead_below_what_has_worked():
    c = Charger()
    c.raised(2)
    assert c.settings.keep_own(BEFORE, "0k" + KEY)
    c.lose_journal()
    assert c.settings.text(BEFORE) == "" and c.profile() == 2
    for _ in range(9):
        c.access.failed(0)
    assert c.access.profile() == 2


def test_what_was_set_before_this_version_is_kept_at_its_first_start():
    for factory in ({PROFILE: "2"}, {}):
        c = Charger(**factory)
        if not factory:
            c.settings.keep_own(PROFILE, "2")
            c.start()
        c.values.pop(PROFILE, None)
        c.lose_journal()
        assert c.profile() == 2
    # Of a file that says more, more holds.
    c.values[PROFILE] = "3"
    c.lose_journal()
    assert c.profile() == 3


def test_the_owner_and_only_the_owner_goes_below_it():
    c = Charger()
    c.raised(2)
    assert c.settings.set(PROFILE, "1") == "rejected"
    assert c.settings.set(PROFILE, "1", True) == "accepted"
    c.start()
    assert c.profile() == 1
    c.values[PROFILE] = "1"
    c.lose_journal()
    assert c.profile() == 1
    # By cable, where the file says what is wanted and the journal is empty.
    assert profile_floor.lower(c.settings, 0)
    c.values[PROFILE] = "0"
    c.lose_journal()
    assert c.profile() == 0
    # A factory reset erases the region.
    c = Charger()
    c.raised(2)
    c.region = RamFlash(8, 4096)
    c.lose_journal()
    assert c.profile() == 0 and c.access.password() is None


def test_a_profile_that_is_not_stored_leaves_the_floor_where_it_is():
    """It was lowered first: without its journal the charger went below what had worked."""
    for fails in ("SecurityProfile", "AccessBefore", "profile"):
        c = Charger()
        c.raised(1)
        c.raised(2)
        assert c.settings.set(PROFILE, "3") == "accepted"
        before = c.settings.text(BEFORE)
        keep, put = Settings._keep, Vault.put
        broken = [fails]  # once: what is undone is stored

        def kept(self, name, value):
            if name in broken:
                broken.remove(name)
                return False
            return keep(self, name, value)  # noqa: B023

        def written(self, name, value):
            if name in broken:
                broken.remove(name)
                raise OSError(5)
            put(self, name, value)  # noqa: B023

        Settings._keep, Vault.put = kept, written
        try:
            assert c.settings.set(PROFILE, "0", True) == "rejected"
        finally:
            Settings._keep, Vault.put = keep, put
        assert not broken and c.settings.reason == "SecurityProfile could not be stored"
        assert c.profile() == 3 and c.settings.text(BEFORE) == before
        assert c.vault().get("profile") == b"2"
        c.start()
        assert c.profile() == 3 and c.settings.text(BEFORE) == before
        c.lose_journal()
        assert c.profile() == 2


def test_what_cannot_be_read_sends_no_password_on_profile_0():
    c = Charger()
    c.raised(2)
    vault = c.vault()
    vault.put("profile", b"x")
    c.lose_journal()
    assert c.profile() == 0 and c.access.password() is None and c.settings.text(BEFORE) == ""

    def broken():
        raise OSError(5)

    c.vault = broken
    c.lose_journal()
    assert c.access.password() is None
    assert c.settings.set(PROFILE, "1", True) == "rejected" and "stored" in c.settings.reason
    profile_floor.worked(c.settings)


def test_a_floor_that_is_damaged_is_written_anew_when_the_owner_sets_a_profile():
    c = Charger()
    c.raised(2)
    get = Vault.get

    def damaged(self, name):
        return None if name == "profile" else get(self, name)

    Vault.get = damaged
    try:
        assert c.settings.set(PROFILE, "1", True) == "accepted"
    finally:
        Vault.get = get
    assert c.vault().get("profile") == b"1"


def test_a_floor_that_is_damaged_lets_no_former_password_go_either():
    """What held before a trial is in a record of its own, and has every fourth attempt."""
    c = Charger()
    c.settings.set("AuthorizationKey", KEY[16:] + KEY[:16])
    assert KEY in c.settings.text(BEFORE)
    c.vault().put("profile", b"x")
    c.start()
    assert c.profile() == 0
    for _ in range(8):
        assert c.access.password() is None
        c.access.failed(401)


def test_a_board_without_the_region_goes_on_as_before():
    settings = Settings(None)
    profile_floor.hold(settings)
    profile_floor.worked(settings)
    assert profile_floor.lower(settings, 0) and settings.get(PROFILE) == 0
    settings = Settings(None, lambda: None)
    settings.factory({"BasicAuthPassword": "a password of it"})
    profile_floor.hold(settings)
    assert settings.basic_auth_key() and settings.get(PROFILE) == 0
