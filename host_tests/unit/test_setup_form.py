# Form, checks and password of the set-up network.
# MIT license; part of microevse

from helpers import raises
from commissioning.checks import refusals
from commissioning.portal_form import escape, parse


def test_form_is_decoded():
    body = b"WifiSsid=Caf%C3%A9+%26+Bar&WifiPassword=a%2Bb%3Dc%25&Empty=&NoValue&x=1=2"
    assert parse(body) == {
        "WifiSsid": "Caf\xe9 & Bar",
        "WifiPassword": "a+b=c%",
        "Empty": "",
        "NoValue": "",
        "x": "1=2",
    }
    assert parse(b"") == {}
    assert parse(b"a=1&a=&b=&b=2") == {"a": "1", "b": "2"}


def test_what_is_no_form_is_refused():
    for body in (b"a=%", b"a=%1", b"a=%zz", b"a=%C3", b"a=\xff", b"&" * 30, b"%=1"):
        raises(ValueError, parse, body)


def test_garbage_is_a_form_or_a_value_error():
    seed = 7
    for _ in range(500):
        body = bytearray()
        for _ in range(20):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            body.append(b"%=&+aF0\xc3\xa9\x00"[(seed >> 16) % 10])
        try:
            parse(bytes(body))
        except ValueError:
            pass


def test_text_becomes_harmless():
    assert escape('<b a="1">&amp;') == "&lt;b a=&quot;1&quot;&gt;&amp;amp;"


def test_checks_name_the_setting():
    assert refusals({}) == {}
    good = {
        "WifiSsid": "Garage",
        "WifiPassword": "correct horse",
        "CentralSystemURI": "ws://csms.example:9000/ocpp",
        "ChargePointId": "EVSE-1",
        "BasicAuthPassword": "the network gave me this",
        "WebPassword": "8 chars!",
        "MaxCurrent": "16",
    }
    assert refusals(good) == {}
    for name, value in (
        ("WifiSsid", "x" * 33),
        ("WifiSsid", "\u00fc" * 17),
        ("WifiPassword", "1234567"),
        ("WifiPassword", "x" * 64),
        ("WifiPassword", "m\u00fcllermilch"),
        ("CentralSystemURI", "http://csms.example/"),
        ("CentralSystemURI", "ws://user:pass@csms.example/"),
        ("CentralSystemURI", "ws://a b/"),
        ("ChargePointId", ""),
        ("ChargePointId", "x" * 49),
        ("ChargePointId", "EVSE:1"),
        ("WebPassword", "7 chars"),
        ("WebPassword", "12345678"),
        ("WebPassword", "Password2026"),
        ("BasicAuthPassword", "15 chars of it."),
        ("MaxCurrent", "5"),
        ("MaxCurrent", "81"),
        ("MaxCurrent", "16 A"),
        ("NoSuchThing", "1"),
        ("NumberOfConnectors", "2"),
    ):
        values = dict(good)
        values[name] = value
        wrong = refusals(values)
        assert list(wrong) == [name], (name, value, wrong)
        assert wrong[name].startswith(name), wrong
        # The sentence is shown and logged: it must not hold what was typed as a password.
        assert "Password" not in name or value not in wrong[name]


def test_an_open_network_needs_no_password_and_a_password_needs_a_network():
    assert refusals({"WifiSsid": "Cafe", "WifiPassword": ""}) == {}
    assert list(refusals({"WifiPassword": "12345678"})) == ["WifiSsid"]
    known = {"WifiSsid": "Garage"}
    assert refusals({"WifiPassword": "12345678"}, lambda name: known.get(name, "")) == {}


def test_wss_needs_a_certificate():
    values = {"CentralSystemURI": "wss://csms.example/", "ChargePointId": "EVSE-1"}
    assert list(refusals(values)) == ["CaFile"]
    values["CaFile"] = "ca.pem"
    assert refusals(values) == {}


def test_profiles_with_a_password_need_one():
    key = {"AuthorizationKey": "00112233445566778899aabbccddeeff"}
    for profile in ("1", "2"):
        values = {"SecurityProfile": profile}
        assert list(refusals(values)) == ["AuthorizationKey"]
        assert refusals(values, lambda name: key.get(name, "")) == {}
        values["BasicAuthPassword"] = "the network gave me this"
        assert refusals(values) == {}
    assert refusals({"SecurityProfile": "0"}) == refusals({"SecurityProfile": "3"}) == {}
