# Requests that are refused because another site may have caused them.
# MIT license; part of microevse

from web.origin import host_allowed, refusal

NAMES = ("microevse-1a2b", "microevse-1a2b.local", "charger.lan")


def test_addresses_and_own_names_are_allowed():
    for host in (
        "192.168.4.1",
        "10.0.0.7:8080",
        "127.0.0.1:5000",
        "localhost",
        "LocalHost:80",
        "[::1]",
        "[fe80::1]:8080",
        "[2001:DB8::7]",
        "microevse-1a2b",
        "MicroEVSE-1A2B.local",
        "microevse-1a2b.local.:80",
        "charger.lan:80",
    ):
        assert host_allowed(host, NAMES), host


def test_names_somebody_else_can_own_are_refused():
    for host in (
        "",
        "evil.example",
        "microevse-1a2b.evil.example",
        "microevse-1a2b.local.evil.example",
        "192.168.4.1.evil.example",
        "192.168.4",
        "192.168.4.256",
        "1.2.3.4.5",
        "192.168.4.x",
        "0x7f000001",
        "evil.example:80",
        "localhost.evil.example",
        "localhost:80@evil.example",
        "localhost:",
        "[evil.example]",
        "[::1",
        "[::1]evil.example",
        "[]",
        "user@localhost",
        "microevse-9999.local",
    ):
        assert not host_allowed(host, NAMES), host


def post(**headers):
    given = {"Host": "192.168.4.1", "Content-Type": "application/json"}
    for name in headers:
        given[name.replace("_", "-")] = headers[name]
    given = {k: given[k] for k in given if given[k] is not None}
    refused = refusal("POST", given, NAMES)
    return refused and refused[0:2]


def test_reading_needs_a_good_host_only():
    assert refusal("GET", {"Host": "192.168.4.1"}, NAMES) is None
    assert refusal("GET", {"Host": "192.168.4.1", "Origin": "http://evil.example"}, NAMES) is None
    assert refusal("GET", {"Host": "evil.example"}, NAMES)[0] == 421
    assert refusal("GET", {}, NAMES)[0] == 421


def test_own_page_may_change_something():
    assert post(Origin="http://192.168.4.1") is None
    assert post(Origin="http://192.168.4.1:8080", Host="192.168.4.1:8080") is None
    assert post(Sec_Fetch_Site="same-origin") is None
    assert post(Sec_Fetch_Site="none") is None
    assert post(Origin="http://MICROEVSE-1a2b.local", Host="microevse-1A2B.local") is None


def test_another_site_may_not():
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://192.168.4.1:81"},
        {"Origin": "http://192.168.4.1.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://192.168.4.1"},
        {},
    ):
        assert post(**headers) == (403, "cross_site"), headers


def test_credential_in_the_request_stands_for_the_origin_unless_a_browser_says_otherwise():
    assert post(Authorization="Basic eA==") is None
    assert post(Authorization="Basic eA==", Origin="http://evil.example") == (403, "cross_site")
    assert post(Authorization="Basic eA==", Sec_Fetch_Site="cross-site") == (403, "cross_site")


def test_body_must_be_json_because_forms_cannot_send_that():
    own = "http://192.168.4.1"
    assert post(Origin=own, Content_Type="application/json; charset=UTF-8") is None
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", None):
        assert post(Origin=own, Content_Type=kind) == (415, "not_json")
    assert post(Authorization="Basic eA==", Content_Type=None) is None
    refused = post(Authorization="Basic eA==", Content_Type=None, Content_Length="2")
    assert refused == (415, "not_json")
