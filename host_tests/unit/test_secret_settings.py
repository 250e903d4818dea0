# Settings that are secret: where they are kept, how they get there, and what a broken flash does.
# MIT license; part of microevse

from flash_cut import WAYS, CutFlash, PowerCut, Random
from station import secret_settings
from station.settings import Settings
from store import kinds
from store.journal import Journal
from store.norlog import NorLog
from store.ramflash import RamFlash
from store.vault import Vault

# Each with the value before: superseded records are on the flash, too.
SECRETS = {
    "WifiPassword": ("an older network secret", "the network secret"),
    "WebPassword": ("an older page secret", "the page secret"),
    "AuthorizationKey": ("0badc0de" * 4, "5ec2e75e" * 4),
    "SetupKey": ("abcdef0123456789abcdef01", "0123456789abcdef01234567"),
}


def journal_on(flash):
    journal = Journal(NorLog(flash), None, 1)
    journal.prepare()
    return journal


def older(flash):
    """A charger with a version that knows no vault."""
    return Settings(journal_on(flash))


def newer(flash, region):
    return Settings(journal_on(flash), lambda: Vault(region, lambda: True))


def region(cls=RamFlash):
    return cls(None, 8, 4096) if cls is CutFlash else cls(8, 4096)


def used():
    """The journal's flash of a charger that an older version has run on."""
    flash = RamFlash(10, 4096)
    settings = older(flash)
    for name in SECRETS:
        for value in SECRETS[name]:
            assert settings.set(name, value, True) in ("accepted", "reboot")
    assert settings.set("HeartbeatInterval", "77") == "accepted"
    return flash


def values(settings):
    return {name: settings.text(name) for name in SECRETS}


WANTED = {name: both[1] for name, both in SECRETS.items()}


def no_secret_in(flash):
    image = bytes(flash.image)
    for both in SECRETS.values():
        for value in both:
            assert value.encode() not in image, value


def raised(fn, *args):
    try:
        fn(*args)
    except PowerCut:
        return True
    return False


def test_what_is_secret_is_moved_out_of_the_journal_with_all_older_copies():
    flash, vault = used(), region()
    settings = newer(flash, vault)
    assert not settings.secured and values(settings) == WANTED
    assert secret_settings.move(settings) and settings.secured
    no_secret_in(flash)
    for value in WANTED.values():
        assert value.encode() in bytes(vault.image)
    again = newer(flash, vault)
    assert again.secured and values(again) == WANTED and again.get("HeartbeatInterval") == 77
    assert again.journal.log.skipped == 0 and again.journal.log.torn == 0
    assert secret_settings.move(again)


def test_before_the_move_an_older_version_finds_everything():
    """A version on trial changes a password, and is given back."""
    flash, vault = used(), region()
    settings = newer(flash, vault)
    assert settings.set("WebPassword", "changed on trial", True) == "accepted"
    assert older(flash).text("WebPassword") == "changed on trial"
    assert Vault(vault).names() == []


def test_after_the_move_nothing_secret_goes_into_the_journal():
    flash, vault = used(), region()
    settings = newer(flash, vault)
    secret_settings.move(settings)
    assert settings.set("WebPassword", "changed afterwards", True) == "accepted"
    assert settings.set("BasicAuthPassword", "another spelling of it", True) == "accepted"
    assert settings.keep_own("AccessBefore", "0k" + "5ec2e75e" * 4)
    for text in (b"changed afterwards", b"another spelling of it"):
        assert text not in bytes(flash.image)
    no_secret_in(flash)
    again = newer(flash, vault)
    assert again.text("WebPassword") == "changed afterwards"
    assert again.basic_auth_key() == b"another spelling of it"
    assert again.text("AccessBefore") == "0k" + "5ec2e75e" * 4
    assert b"the page secret" not in bytes(vault.image)


def test_the_password_before_moves_too_and_under_its_former_name_it_goes():
    flash, vault = used(), region()
    settings = older(flash)
    assert settings.keep_own("AccessBefore", "1tthe password before")
    name = "AuthorizationKeyBefore"
    settings.journal.keep(kinds.SETTING, name, [name, b"the key before".hex()])
    settings = newer(flash, vault)
    assert secret_settings.move(settings)
    no_secret_in(flash)
    for text in (b"the password before", b"the key before".hex().encode()):
        assert text not in bytes(flash.image)
    assert newer(flash, vault).text("AccessBefore") == "1tthe password before"
    assert name not in Vault(vault).names()


def test_a_key_of_eight_bytes_that_was_set_once_goes_on_working():
    flash, vault = used(), region()
    assert older(flash).keep_own("AuthorizationKey", "4142434445464748")
    for _ in range(2):
        settings = newer(flash, vault)
        assert settings.basic_auth_key() == b"ABCDEFGH"
        assert secret_settings.move(settings)
    assert b"4142434445464748" not in bytes(flash.image)


def test_an_older_version_finds_no_password_and_what_it_is_given_is_taken_over():
    flash, vault = used(), region()
    secret_settings.move(newer(flash, vault))
    old = older(flash)
    assert values(old) == dict.fromkeys(SECRETS, "") and old.get("HeartbeatInterval") == 77
    assert old.set("WifiPassword", "given to the older one", True) == "reboot"
    assert old.set("SetupKey", "feedfacefeedfacefeedface", True) == "accepted"
    settings = newer(flash, vault)
    assert settings.text("WifiPassword") == "given to the older one"
    assert settings.text("WebPassword") == "the page secret"
    # On trial once more: one of them is changed, and only that one leaves the journal.
    assert settings.set("SetupKey", "0123456789abcdef01234567", True) == "accepted"
    assert older(flash).text("WifiPassword") == "given to the older one"
    settings = newer(flash, vault)
    assert settings.text("SetupKey") == "0123456789abcdef01234567"
    assert secret_settings.move(settings)
    assert b"given to the older one" not in bytes(flash.image)
    assert newer(flash, vault).text("WifiPassword") == "given to the older one"


def test_factory_values_are_taken_over_unless_another_was_set():
    flash, vault = used(), region()
    settings = newer(flash, vault)
    secret_settings.move(settings)
    factory = {"WebPassword": "of the factory", "Wifi2Password": "second network"}
    settings.factory(factory)
    secret_settings.adopt(settings, factory)
    again = newer(flash, vault)
    assert again.text("WebPassword") == "the page secret"
    assert again.text("Wifi2Password") == "second network"


def test_a_charger_without_the_region_keeps_all_in_the_journal():
    flash = used()
    settings = Settings(journal_on(flash), lambda: None)
    assert not secret_settings.move(settings) and values(settings) == WANTED
    assert settings.set("WebPassword", "in the journal", True) == "accepted"
    assert older(flash).text("WebPassword") == "in the journal"


def test_a_region_that_cannot_be_read_stops_nothing():
    def broken():
        raise OSError(5)

    flash, vault = used(), region()
    settings = Settings(journal_on(flash), broken)
    assert values(settings) == WANTED and not secret_settings.move(settings)
    assert values(older(flash)) == WANTED
    secret_settings.move(newer(flash, vault))
    settings = Settings(journal_on(flash), broken)
    assert values(settings) == dict.fromkeys(SECRETS, "")
    assert settings.get("HeartbeatInterval") == 77
    assert settings.set("HeartbeatInterval", "78") == "accepted"


def test_a_region_that_takes_no_write_loses_nothing_and_leaks_nothing():
    flash, vault = used(), region()
    settings = newer(flash, vault)
    program = vault.program
    vault.program = refuse
    assert not secret_settings.move(settings)
    vault.program = program
    settings = newer(flash, vault)
    assert values(settings) == WANTED and secret_settings.move(settings)
    vault.program = refuse
    assert settings.set("WebPassword", "never stored", True) == "rejected"
    assert settings.reason == "WebPassword could not be stored"
    assert settings.text("WebPassword") == "the page secret"
    vault.program = program
    assert newer(flash, vault).text("WebPassword") == "the page secret"
    assert b"never stored" not in bytes(flash.image)


def refuse(addr, data):
    raise OSError(5)


def test_a_damaged_value_leaves_the_others():
    flash, vault = used(), region()
    secret_settings.move(newer(flash, vault))
    at = bytes(vault.image).index(b"the page secret")
    vault.image[at] = 0
    settings = newer(flash, vault)
    assert settings.text("WebPassword") == ""
    assert settings.text("WifiPassword") == "the network secret"


def test_the_move_may_be_cut_at_every_flash_operation():
    """The next start has every secret, and when it has moved them the journal has none."""
    start = bytes(used().image)
    torn = Random(7)
    cut_at = 0
    while True:
        cut_at += 1
        flash = CutFlash(bytearray(start), 10, 4096)
        vault = region(CutFlash)
        left = [cut_at]
        for device in (flash, vault):
            device.rng, device.way = torn, cut_at % WAYS
            device.watch = watch(device, left)
        cut = raised(lambda: secret_settings.move(newer(flash, vault)))  # noqa: B023
        flash, vault = (CutFlash(d.image, d.blocks, 4096) for d in (flash, vault))
        settings = newer(flash, vault)
        assert values(settings) == WANTED, cut_at
        assert settings.get("HeartbeatInterval") == 77
        assert secret_settings.move(settings), cut_at
        no_secret_in(flash)
        settings = newer(flash, vault)
        assert settings.secured and values(settings) == WANTED, cut_at
        if not cut:
            break
    assert cut_at > 20


def watch(device, left):
    def before():
        left[0] -= 1
        device.left = 0 if left[0] == 0 else -1

    return before


def test_the_marker_of_the_move_is_no_setting():
    flash, vault = used(), region()
    settings = newer(flash, vault)
    secret_settings.move(settings)
    assert "SecretsMoved" not in list(settings.declared())
    assert settings.journal.get(kinds.SETTING, "SecretsMoved")
