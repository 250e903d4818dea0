# Set-up as a new owner does it: a charger that knows no network.
# MIT license; part of microevse
"""The whole firmware, a phone in its access point (twin: `join_ap`), and the real CSMS."""

import re

import pytest
from setup_air import SAID, fresh
from setup_phone import Phone
from tools_paths import tool

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")


async def _new_owner(b):
    phone = await Phone(b).join()
    # A phone asks first whether there is the internet.
    answer = await phone.resolve("connectivitycheck.gstatic.com")
    assert answer[-4:] == bytes([192, 168, 4, 1])
    status, headers, _ = await phone.http(
        path="/generate_204", host="connectivitycheck.gstatic.com"
    )
    assert status == 302 and headers["location"] == "http://192.168.4.1/"
    status, headers, text = await phone.http()
    assert status == 200 and headers["cache-control"] == "no-store"
    assert text.index("Garage") < text.index("Cafe") < text.index("Neighbours &amp; &lt;sons&gt;")
    assert not b.csms.connections
    text = await phone.send()
    assert "Connecting to Garage" in text
    text = await phone.result()
    assert "Your charger is connected." in text, text
    address = re.search(r'href="http://([\d.]+)/"', text).group(1)
    assert address != "192.168.4.1" and "http://evse-1.local/" in text
    # The password of the next time: there was no label until now.
    label = re.search(r'<p class="big">([a-z2-9]{4}(?:-[a-z2-9]{4}){2})</p>', text).group(1)
    assert label != phone.said()[1]
    assert label not in (await Phone(b, 2).http())[2], "another phone is not told"
    await b.start_of_day()
    assert "connected, and the charger is accepted" in (await phone.http())[2]
    await b.until(lambda: b.logged("is closed: set up"), 150, "the access point closes")
    assert (await b.do("look", what="setup"))["modules"] == []


def test_new_owner_sets_up_a_charger_and_it_reaches_the_csms():
    async def fn(b):
        await _new_owner(b)
        # The page of the charger is there now, and a cut of the power changes nothing.
        mark = len(b.log)
        await b.do("power_cut", seconds=2)
        boot = b.mark()
        await b.until(lambda: b.calls("BootNotification", boot), 60, "boot after the power cut")
        assert not any(SAID.search(line) for line in b.log[mark:])
        b.skip()
        assert (await b.configuration("MaxCurrent"))["MaxCurrent"] == "13"
        log = "\n".join(b.log)
        for secret in ("correct horse", "my own password"):
            assert secret not in log

    fresh(fn)


def test_new_owner_on_the_fallback_runtime():
    fresh(_new_owner, runtime="cpython")


# The requests of phones and computers that find out whether there is the internet.
PROBES = (
    ("connectivitycheck.gstatic.com", "/generate_204"),
    ("clients3.google.com", "/generate_204"),
    ("www.google.com", "/gen_204"),
    ("captive.apple.com", "/hotspot-detect.html"),
    ("www.apple.com", "/library/test/success.html"),
    ("www.msftconnecttest.com", "/connecttest.txt"),
    ("www.msftconnecttest.com", "/redirect"),
    ("www.msftncsi.com", "/ncsi.txt"),
    ("detectportal.firefox.com", "/canonical.html"),
    ("detectportal.firefox.com", "/success.txt"),
    ("nmcheck.gnome.org", "/check_network_status.txt"),
    ("networkcheck.kde.org", "/"),
    ("192.168.4.1", "/anything?at=all"),
)


def test_probes_lead_to_the_page_and_strangers_are_refused():
    async def fn(b):
        await b.until(lambda: b.logged("is open"), 30)
        # Without the password of this access point joining fails.
        guess = {"do": "join_ap", "ssid": "microevse-0001", "key": "12345678"}
        wrong = await b.twin.command(guess)
        assert wrong["error"] == "wrong password"
        phone = await Phone(b).join()
        for host, path in PROBES:
            status, headers, text = await phone.http(path=path, host=host)
            assert status == 302 and text == "", (host, path, status)
            assert headers["location"] == "http://192.168.4.1/", (host, path)
        assert (await phone.http("HEAD"))[0] == 200
        # The absolute form, as to a proxy: its host counts.
        assert (await phone.http(path="http://captive.apple.com/"))[0] == 302
        form = b"WifiSsid=Garage&WifiPassword=correct+horse"
        own = {"Origin": "http://192.168.4.1"}
        for expected, how in (
            (403, dict(body=form, Origin="https://evil.example")),
            (302, dict(body=form, host="evil.example", **own)),
            (405, dict(body=form, path="/other", **own)),
            (400, dict(body=b"WifiSsid=%zz", **own)),
            (400, dict(body=b"a&" * 30, **own)),
            (413, dict(body=bytes(7000), **own)),
        ):
            # A request that is too large is not read to its end: the answer may be lost with it.
            status = (await phone.http("POST", **how))[0]
            assert status == expected or (expected == 413 and not status), how
        assert (await phone.http("DELETE"))[0] == 405
        assert (await phone.http("GET", "/\r\nnonsense"))[0] in (0, 400)
        assert (await phone.http(cookie="x" * 9000))[0] == 0, "too long for its head"
        assert (await phone.resolve("example.com", 28))[7] == 0, "no IPv6, and no error"
        assert not b.logged("trying"), "nothing of that was taken for a form"

    fresh(fn)


def test_mistakes_are_named_and_nothing_that_was_typed_is_lost():
    async def fn(b):
        phone = await Phone(b).join()
        typed = dict(
            WifiSsid="Garage",
            WifiPassword="short",
            CentralSystemURI="https://csms.example/ocpp",
            ChargePointId='box "7" <&>',
            WebPassword="1234567",
            MaxCurrent="",
            BasicAuthPassword="s3cret & more of it",
        )
        text = await phone.send(**typed)
        assert "Not saved yet" in text and not b.logged("trying")
        for sentence in (
            "WiFi password must be 8 to 63 characters",
            "Address of the central system: URL must start with ws://",
            "Password of the page: must have 8 to 64 characters",
            "Maximum current: choose what the circuit is made for",
        ):
            assert text.count(sentence) == 2, sentence  # on top, and at its field
        assert text.count('aria-invalid="true"') == 4
        for value in (
            'value="short"',
            "https://csms.example/ocpp",
            'value="box &quot;7&quot; &lt;&amp;&gt;"',
            'value="1234567"',
            'value="s3cret &amp; more of it"',
            'value="Garage" checked',
        ):
            assert value in text, value
        # "Look again" keeps everything, too.
        assert 'value="s3cret &amp; more of it"' in await phone.send(again="1", **typed)
        # Another phone in the same network sees neither.
        other = (await Phone(b, 2).http())[2]
        assert "s3cret" not in other and 'value="short"' not in other
        # wss:// without a certificate to check the server with would never connect.
        text = await phone.send(CentralSystemURI="wss://csms.example/ocpp")
        assert "CA certificate is missing" in text
        text = await phone.send(CentralSystemURI="wss://csms.example/ocpp", Ca="no certificate")
        assert "CA certificate: " in text
        # A certificate that is pasted counts more than the mark.
        text = await phone.send(
            CentralSystemURI="wss://csms.example/ocpp", Ca="no certificate", CaPublic="true"
        )
        assert 'name="CaPublic" value="true" checked' in text
        assert "CA certificate: " in text
        text = await phone.send(CentralSystemURI="", WifiSsid=None)
        assert "choose a network" in text and "charging must be free" in text

    fresh(fn)


def test_wrong_wifi_password_is_told_and_can_be_corrected():
    async def fn(b):
        phone = await Phone(b).join()
        text = await phone.send(WifiPassword="wrong horse")
        assert "Connecting to Garage" in text
        # Sent twice (a double tap): one trial is enough.
        await phone.send(WifiPassword="wrong horse")
        text = await phone.result()
        assert "Most often the password is wrong" in text and 'value="wrong horse"' in text
        assert 'value="my own password"' in text
        assert len(b.logged("trying the network")) == 1
        # Nothing was kept: after a power cut it is as new, and draws another password.
        code = phone.said()
        await b.advance(2)
        await b.do("power_cut", seconds=1)
        count = len(b.logged("set-up: WiFi"))
        await b.until(lambda: len(b.logged("set-up: WiFi")) > count, 30)
        await phone.join()
        assert phone.said() != code
        assert 'value="Garage" checked' not in (await phone.http())[2]
        text = await phone.send(WifiSsid="", OtherSsid="Gone", WifiPassword="whatever it is")
        text = await phone.result()
        assert "no network of this name was heard" in text and 'value="Gone"' in text
        await b.advance(4)
        await phone.send()
        assert "Your charger is connected." in await phone.result()
        await b.start_of_day()

    fresh(fn)


def test_unused_it_closes_and_the_button_opens_it_again():
    async def body(b):
        await b.until(lambda: b.logged("is closed: nobody set it up"), 700)
        assert 600 < b.now < 700
        assert not (await b.twin.command({"do": "join_ap", "ssid": "x", "key": ""}))["ok"]
        count = len(b.logged("set-up: WiFi"))
        await b.do("button", seconds=11)
        await b.until(lambda: len(b.logged("set-up: WiFi")) > count, 30)
        phone = await Phone(b).join()
        # A garage without a central system; electricity asked for, nothing taken for granted.
        await phone.send(CentralSystemURI="", FreeMode="true", MaxCurrent="10")
        text = await phone.result()
        assert "charging is free for anyone who plugs in" in text
        await b.until(lambda: b.logged("is closed: set up"), 150)
        await b.advance(5)
        # Now it is a charger: the page is that of every day, and a car may charge.
        status, _, text = await phone.http(host="evse-1.local")
        assert status == 200 and "app.js" in text
        await b.do("plug")
        await b.do("request")
        await b.contactor(True, within=30)
        count = len(b.logged("set-up: WiFi"))
        await b.do("button", seconds=11)
        await b.until(lambda: b.logged("setup: not while a car charges"), 15)
        await b.advance(2)  # it is let go
        await b.do("release")
        await b.contactor(False)
        await b.do("button", seconds=11)
        await b.until(lambda: len(b.logged("set-up: WiFi")) > count, 30)
        # The setup page cannot be reached from the network that the charger has joined.
        with pytest.raises(AssertionError):
            await Phone(b, 9).http()
        await phone.join()
        # The form shows the settings except the secrets; a secret that is left empty stays.
        text = (await phone.http())[2]
        assert 'value="Garage" checked' in text and "<option value=10 selected>" in text
        assert "correct horse" not in text and "my own password" not in text
        await phone.send(WifiPassword="", WebPassword="", MaxCurrent="16")
        assert "Your charger is connected." in await phone.result()
        await b.start_of_day()
        assert (await b.configuration("MaxCurrent"))["MaxCurrent"] == "16"
        # The page of every day gave way to this one, and comes back after it.
        await b.until(lambda: len(b.logged("is closed: set up")) == 2, 150)
        await b.advance(5)
        assert "app.js" in (await phone.http(host="evse-1.local"))[2]

    fresh(body)


def test_a_server_with_a_public_certificate_needs_no_pasting():
    async def fn(b):
        phone = await Phone(b).join()
        text = await phone.send(CentralSystemURI="wss://127.0.0.1:9/ocpp")
        assert "CA certificate is missing" in text and "`public`" in text
        text = await phone.send(CentralSystemURI="wss://127.0.0.1:9/ocpp", CaPublic="true")
        assert "Connecting to Garage" in text
        await phone.result()
        assert b.logged("setup: stored CaFile, CentralSystemURI")
        await b.until(lambda: b.logged("is closed: set up"), 150)
        await b.until(lambda: b.logged("net: connecting to wss://127.0.0.1:9"), 60)
        count = len(b.logged("set-up: WiFi"))
        await b.do("button", seconds=11)
        await b.until(lambda: len(b.logged("set-up: WiFi")) > count, 30)
        await phone.join()
        assert 'name="CaPublic" value="true" checked' in (await phone.http())[2]
        # Without the mark they are given up, and wss:// has nothing to be checked with.
        text = await phone.send(
            CentralSystemURI="wss://127.0.0.1:9/ocpp", WifiPassword="", WebPassword=""
        )
        assert "CA certificate is missing" in text

    fresh(fn)
