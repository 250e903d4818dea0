# Fixed network addresses: how people write them, and what is refused with a reason.
# MIT license; part of microevse

from helpers import raises
from station.netaddress import parse
from station.settings import Settings

HOME = ("192.168.1.50", "255.255.255.0", "192.168.1.1", "192.168.1.1")


def test_every_usual_spelling_is_understood():
    assert parse("") is None and parse("  ") is None
    assert parse("192.168.1.50/24 192.168.1.1") == HOME
    assert parse("192.168.1.50/255.255.255.0/192.168.1.1/192.168.1.1") == HOME
    assert parse("192.168.1.50, 255.255.255.0, 192.168.1.1") == HOME
    assert parse("10.1.2.3/8 10.0.0.1 9.9.9.9") == ("10.1.2.3", "255.0.0.0", "10.0.0.1", "9.9.9.9")


def test_what_cannot_be_is_refused_with_a_reason():
    for text, why in (
        ("192.168.1.50", "address/mask gateway dns"),
        ("192.168.1.50/33 192.168.1.1", "bits"),
        ("192.168.1.50/255.0.255.0 192.168.1.1", "no mask"),
        ("192.168.1.50/24 192.168.2.1", "not in the network"),
        ("192.168.1.256/24 192.168.1.1", "no address"),
        ("192.168.1/24 192.168.1.1", "no address"),
        ("192.168.1.1/24 192.168.1.1", "of a station"),
        ("192.168.1.255/24 192.168.1.1", "of a station"),
        ("192.168.1.0/24 192.168.1.1", "of a station"),
        ("a.b.c.d/24 192.168.1.1", "no address"),
    ):
        assert why in str(raises(ValueError, parse, text)), text


def test_a_wrong_fixed_address_is_no_value_of_the_setting():
    settings = Settings(None)
    assert settings.set("StaticAddress", "192.168.1.50/24 192.168.1.1", True) == "reboot"
    assert settings.set("StaticAddress", "192.168.1.50/24 10.0.0.1", True) == "rejected"
    assert settings.reason.startswith("StaticAddress: ") and "10.0.0.1" in settings.reason
    assert settings.text("StaticAddress") == "192.168.1.50/24 192.168.1.1"
    assert settings.set("StaticAddress", "", True) == "reboot"
