# Name and password of the charger's own network.
# MIT license; part of microevse

from commissioning.label import password, secret_of, unit_name

CHIP = "240ac4a1b2c3"
SECRET = "00112233445566778899aabbccddeeff"


def test_name_ends_like_the_chip():
    assert unit_name(CHIP) == "microevse-b2c3"
    assert unit_name("240AC4A1B2C3") == "microevse-b2c3"


def test_password_is_that_of_the_label():
    # Fixed for ever: labels that are printed must stay true. SHA-256, five bits of each byte.
    assert password(CHIP, SECRET) == "6u54-4kej-vvm5"


def test_password_is_one_of_wpa2_that_a_person_can_read():
    for number in range(200):
        text = password("%012x" % number, SECRET)
        assert len(text) == 14 and text[4] == text[9] == "-"
        for char in text:
            assert char in "abcdefghijkmnpqrstuvwxyz23456789-"


def test_chip_alone_does_not_tell_it():
    # The chip's id is in every packet it sends: two chargers differ in both.
    seen = set()
    for chip in (CHIP, "240ac4a1b2c4"):
        for secret in (SECRET, "", "00112233445566778899aabbccddeefe"):
            seen.add(password(chip, secret))
    assert len(seen) == 6


class Settings:
    def __init__(self):
        self.values = {"SetupKey": "", "SetupKeyNext": "", "WifiSsid": ""}

    def text(self, name):
        return self.values[name]

    def set(self, name, text, local=False):
        assert local
        self.values[name] = text

    def keep_own(self, name, text):
        self.values[name] = text
        return True


def test_secret_is_drawn_once():
    settings = Settings()
    secret = secret_of(settings)
    assert len(secret) == 32 and secret_of(settings) == secret
    assert secret_of(Settings()) != secret


def test_what_the_owner_was_shown_is_taken_once_the_charger_is_set_up():
    settings = Settings()
    settings.values["SetupKeyNext"] = SECRET
    settings.values["WifiSsid"] = "Garage"
    assert secret_of(settings) == SECRET and settings.values["SetupKeyNext"] == ""
    # There is one already: it is that of a printed label.
    settings.values["SetupKeyNext"] = "00" * 16
    assert secret_of(settings) == SECRET


def test_what_a_visitor_was_shown_of_a_charger_that_was_not_set_up_is_not_taken():
    settings = Settings()
    settings.values["SetupKeyNext"] = SECRET
    assert secret_of(settings) != SECRET and settings.values["SetupKeyNext"] == ""
