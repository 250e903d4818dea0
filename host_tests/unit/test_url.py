# Addresses of central systems, right and wrong.
# MIT license; part of microevse

from helpers import raises
from ocppj import url


def test_parts_and_default_ports():
    u = url.parse("ws://csms.example")
    assert (u.secure, u.host, u.port, u.path, u.authority) == (
        False,
        "csms.example",
        80,
        "/",
        "csms.example",
    )
    u = url.parse(" WSS://csms.example:8443/ocpp/v16?key=1 ")
    assert (u.secure, u.host, u.port, u.path, u.query) == (
        True,
        "csms.example",
        8443,
        "/ocpp/v16",
        "?key=1",
    )
    assert u.authority == "csms.example:8443"
    assert url.parse("wss://x").port == 443
    assert url.parse("ws://x:1").port == 1 and url.parse("ws://x:65535/!~").path == "/!~"
    assert url.parse("wss://x:443").authority == "x"


def test_id_is_added_percent_encoded():
    for text, want in (
        ("ws://h", "/CP%201%2F%C3%A4"),
        ("ws://h/", "/CP%201%2F%C3%A4"),
        ("ws://h/ocpp", "/ocpp/CP%201%2F%C3%A4"),
        ("ws://h/ocpp/", "/ocpp/CP%201%2F%C3%A4"),
        ("ws://h/ocpp?a=b/c", "/ocpp/CP%201%2F%C3%A4?a=b/c"),
        ("ws://h?a", "/CP%201%2F%C3%A4?a"),
    ):
        assert url.parse(text).target("CP 1/\u00e4") == want
    assert url.parse("ws://h").target("AZaz09-._~") == "/AZaz09-._~"


def test_ipv6_literals():
    u = url.parse("ws://[::1]:9000/x")
    assert (u.host, u.port, u.authority) == ("::1", 9000, "[::1]:9000")
    assert url.parse("wss://[2001:db8::a]").authority == "[2001:db8::a]"


def test_errors_name_the_problem():
    for text, word in (
        ("", "ws://"),
        ("wss", "ws://"),
        ("csms.example/ocpp", "ws://"),
        ("http://csms.example", "not http://"),
        ("HTTPS://csms.example", "not https://"),
        ("ws://", "no host"),
        ("ws://:80/", "no host"),
        ("ws://h:0", "port"),
        ("ws://h:65536", "port"),
        ("ws://h:99999999999", "port"),
        ("ws://h:000080", "port"),
        ("ws://h:", "port"),
        ("ws://h:8a", "port"),
        ("ws://h:-1", "port"),
        ("ws://::1/", "host name"),
        ("ws://h/a b", "space"),
        ("ws://h\u00e4/", "ASCII"),
        ("ws://h/\r\nX-Evil: 1", "space"),
        ("ws://h/#top", "#"),
        ("ws://user:pw@h/", "password"),
        ("ws://h_x$/", "host name"),
        ("ws://[::1", "IPv6"),
        ("ws://[abc]", "IPv6"),
        ("ws://[::g]", "IPv6"),
        ("ws://[::1]x", "between"),
    ):
        exc = raises(ValueError, url.parse, text)
        assert word in str(exc), (text, str(exc))


def test_no_error_or_display_shows_a_secret():
    exc = raises(ValueError, url.parse, "wss://user:s3cret@h/")
    assert "s3cret" not in str(exc)
    for text in ("s3cret://h", "user:s3cret@wss://h/", "://s3cret", "sesamesecret://h"):
        said = str(raises(ValueError, url.parse, text))
        assert said == "URL must start with ws:// or wss://", (text, said)
    assert "s3cret" not in str(url.parse("wss://h/p?token=s3cret"))
