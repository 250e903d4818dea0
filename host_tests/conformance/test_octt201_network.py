# OCPP 2.0.1 and 2.1 certification cases of network profiles: slots, their order, and the way back.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv. The slots name one
central system by different queries, or a port where nobody listens."""

import ssl

import authorities
import pytest
from bench import ID
from bench2 import scenario2
from certificate_central import Server, another, basic, pem
from certificate_central2 import CSMS, install, installed, play
from csms.script import Drop
from device_model import get, names, put, rows
from twin.host import NETWORK

ORDER = "OCPPCommCtrlr.NetworkConfigurationPriority"
ATTEMPTS = "OCPPCommCtrlr.NetworkProfileConnectionAttempts"
ACTIVE = "OCPPCommCtrlr.ActiveNetworkProfile"
PROFILE = "SecurityCtrlr.SecurityProfile"
WORD, OTHER = "quick brown foxes, 4", "lazy hounds jump, 8"
FIRST, SECOND = f"/ocpp/{ID}", f"/ocpp/{ID}?slot=2"
NOBODY = "ws://127.0.0.1:9/ocpp"


def data(b, url=None, **fields):
    """connectionData of a slot, by default of the same central system."""
    found = {
        "messageTimeout": 20,
        "ocppCsmsUrl": url or b.csms.url + "?slot=2",
        "ocppInterface": "Wireless0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "securityProfile": 0,
        **fields,
    }
    return {name: value for name, value in found.items() if value is not None}


async def store(b, number=2, status="Accepted", **fields):
    """SetNetworkProfile; the reasonCode of its answer."""
    payload = {"configurationSlot": number, "connectionData": data(b, **fields)}
    answer = await b.call("SetNetworkProfile", payload)
    assert answer["status"] == status, answer
    assert ("statusInfo" in answer) == (status != "Accepted")
    return answer.get("statusInfo", {}).get("reasonCode")


async def order(b, text, status="RebootRequired"):
    (item,) = await put(b, (ORDER, text))
    assert item["attributeStatus"] == status, item
    return item.get("attributeStatusInfo", {})


async def value(b, name):
    return (await get(b, name))[0].get("attributeValue")


async def reset(b, within=120):
    """Reset, and the BootNotification that comes after it."""
    assert (await b.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
    return await booted(b, within)


async def booted(b, within=120):
    """A BootNotification from now on, and the path that it came by."""
    mark = b.mark()
    await b.until(lambda: b.calls("BootNotification", mark), within, "BootNotification")
    await b.advance(4)
    return b.csms.wire.request.path


def slot(name, number=2):
    found = names("NetworkConfiguration." + name)
    found["component"]["instance"] = str(number)
    return found


async def write(b, number=2, **values):
    """Statuses of SetVariables of a slot."""
    items = [dict(slot(name, number), attributeValue=text) for name, text in values.items()]
    answer = await b.call("SetVariables", {"setVariableData": items})
    return [item["attributeStatus"] for item in answer["setVariableResult"]]


@scenario2
async def test_TC_B_43_CS(b):
    """What cannot work is rejected, with a reason, and the slot stays empty."""
    await b.boot()
    assert await store(b, 4, "Rejected") == "InvalidConfSlot"
    assert await store(b, 0, "Rejected") == "InvalidConfSlot"
    assert await store(b, 1, "Rejected") == "PriorityNetworkConf"
    for bad in (
        {"ocppInterface": "Wired3"},
        {"ocppTransport": "SOAP"},
        {"ocppVersion": "OCPP15"},
        {"messageTimeout": 0},
        {"securityProfile": 4},
        {"apn": {"apn": "internet", "apnAuthentication": "NONE"}},
        {
            "vpn": {
                "server": "vpn", "user": "me", "password": "let me in", "key": "0f0f",
                "type": "IPSec",
            }
        },
    ):  # fmt: skip
        assert await store(b, 2, "Rejected", **bad) == "InvalidNetworkConf", bad
    for url in ("http://host/ocpp", "ws://", "ws://me:secret@host/", "ws://ho st/"):
        assert await store(b, 2, "Rejected", url=url) == "InvalidURL", url
    await order(b, "2", "Rejected")
    await order(b, "1,4", "Rejected")
    await order(b, "1,1", "Rejected")
    await order(b, "", "Rejected")
    assert await value(b, ORDER) == "1" and await value(b, ACTIVE) == "1"
    assert not b.logged("let me in") and not b.logged("me:secret")


@scenario2
async def test_TC_B_45_CS_and_TC_B_46_CS(b):
    """Migrating to a slot after the reset, by its own version; a slot that does not answer has its
    attempts, then the next of the order is used. It begins with the first one at each start."""
    await b.boot(**{ATTEMPTS: 2})
    await store(b)
    assert await store(b, 2) is None, "it is written again while it is not in use"
    await order(b, "2,1")
    assert await store(b, 2, "Rejected", url=NOBODY) == "PriorityNetworkConf"
    await b.advance(5)
    assert len(b.csms.connections) == 1, "it takes effect with the reset"
    assert await reset(b) == SECOND
    assert await value(b, ORDER) == "2,1" and await value(b, ACTIVE) == "2"
    await b.expect_status("Available", within=30)
    await b.do("power_cut", seconds=2)
    assert await booted(b) == SECOND

    await store(b, 3, url=NOBODY)
    await order(b, "3,2")
    tried = len(b.logged("ECONNREFUSED"))
    assert await reset(b) == SECOND
    assert len(b.logged("ECONNREFUSED")) == tried + 2
    assert await value(b, ORDER) == "3,2" and await value(b, ACTIVE) == "2"
    # It is rendered as it was before, with the same central system.
    await b.charging()
    await b.leave()


@scenario2
async def test_TC_B_49_CS(b):
    """One attempt for each slot, with the wait that the central system wants between them."""
    await b.boot(
        **{
            ATTEMPTS: 1,
            "OCPPCommCtrlr.RetryBackOffRepeatTimes": 0,
            "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
            "OCPPCommCtrlr.RetryBackOffWaitMinimum": 13,
        }
    )
    await store(b, url=NOBODY)
    await store(b, 3, url=NOBODY)
    await order(b, "2,3")
    began = b.now
    # None of the order works: the slot that worked before it was changed is the last one.
    assert await reset(b) == FIRST
    assert len(b.logged("ECONNREFUSED")) == 2
    assert 26 <= b.now - began <= 45
    assert await value(b, ACTIVE) == "1" and await value(b, ORDER) == "2,3"
    # It stays there, and is tried again after a loss.
    await b.offline()
    await b.online()
    await b.advance(5)
    assert b.csms.wire.request.path == FIRST
    await order(b, "1")
    assert await reset(b) == FIRST
    assert len(b.logged("ECONNREFUSED")) == 2


@scenario2
async def test_a_central_system_that_never_accepts_is_left(b):
    """It takes the connection and is silent. Other ways to fail are an unknown host and a missing
    certificate of the charger: the charger finds back each time, also from a power cut."""
    await b.boot(**{ATTEMPTS: 1})
    await store(b)
    await store(b, 3, url="ws://no-such-host.invalid/ocpp")
    await order(b, "3,2")
    b.csms.always("BootNotification", Drop())
    assert (await b.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
    await b.until(lambda: b.csms.wire and b.csms.wire.request.path == SECOND, 120, "second")
    assert b.logged("host name no-such-host.invalid not found")
    await b.do("power_cut", seconds=2)
    mark = b.mark()
    await b.until(lambda: b.calls("BootNotification", mark), 120, "BootNotification")
    assert b.csms.wire.request.path == SECOND
    await b.until(lambda: b.csms.wire and b.csms.wire.request.path == FIRST, 400, "the way back")
    b.csms.usual("BootNotification")
    await b.advance(40)
    assert await value(b, ACTIVE) == "1"


@pytest.mark.parametrize("first", (1, 2))
def test_TC_A_19_CS_and_TC_A_22_CS(first):
    """An upgrade by a slot: when it has worked, the slots of a lower profile are out of the order,
    and nothing goes below it any more."""
    server = Server(client_authority=first == 2)

    async def fn(b):
        await b.boot(**{ATTEMPTS: 1})
        b.csms.ssl = server.context
        url = b.csms.url + "?slot=2"
        assert await value(b, PROFILE) == str(first)
        assert await store(b, 2, "Rejected", securityProfile=first - 1) == "NoSecurityDowngrade"
        await store(b, url=url, securityProfile=first + 1)
        await order(b, "2,1")
        assert await reset(b) == SECOND
        assert await value(b, PROFILE) == str(first + 1)
        assert await value(b, ORDER) == "2"
        assert b.csms.wire.tls_version == "TLSv1.2"
        assert (basic(b.csms.wire) is None) == (first == 2)
        low = {"url": url, "securityProfile": first}
        assert await store(b, 3, "Rejected", **low) == "NoSecurityDowngrade"
        await b.do("power_cut", seconds=2)
        assert await booted(b) == SECOND
        assert await value(b, PROFILE) == str(first + 1) and await value(b, ORDER) == "2"

    start = {"ssl": None} if first == 1 else {}
    play(fn, server, first, csms=start)


@scenario2(
    password=WORD,
    csms={"passwords": {ID: WORD}},
    provision={**NETWORK, "SecurityProfile": "1"},
)
async def test_TC_A_20_CS(b):
    """No root: the slot is stored, the order is rejected."""
    await b.boot()
    await store(b, url="wss://127.0.0.1/ocpp", securityProfile=2)
    assert "CaFile" in (await order(b, "2,1", "Rejected"))["additionalInfo"]
    await store(b, url=NOBODY, securityProfile=1)
    await order(b, "2,1")


def test_TC_A_21_CS_and_TC_B_47_CS():
    """No certificate of the charger: the order is rejected. A slot of another root does not
    answer: the charger is back, and knows its central system as before. When one of that root does
    answer, it is known by the new root."""
    server, other = Server(), authorities.Authority("another root")
    key = authorities.new_key()
    context = authorities.server_context("other", [other.server(key)], key)

    async def fn(b):
        await b.boot(**{ATTEMPTS: 1})
        await store(b, url=b.csms.url, securityProfile=3)
        assert "ClientCertFile" in (await order(b, "2,1", "Rejected"))["additionalInfo"]
        assert await install(b, pem(authorities.bad_chains()[0].certificate)) == "Accepted"
        assert await install(b, pem(other.certificate)) == "Accepted"
        known = await installed(b, CSMS)
        await store(b, url=NOBODY.replace("ws:", "wss:"), securityProfile=2)
        await order(b, "2,1")
        assert await reset(b) == FIRST
        assert await installed(b, CSMS) == known
        await store(b, 3, url=b.csms.url + "?slot=2", securityProfile=2)
        await order(b, "3,1")
        b.csms.ssl = context
        assert await reset(b) == SECOND

    play(fn, server, 2, files=(None, None))


def test_TC_B_50_CS():
    """Until a root replaces another of its own accord, that of the old system stays."""
    pytest.skip("AdditionalRootCertificateCheck is not offered")


VERSION21 = {"version": "2.1", "csms": {"passwords": {ID: WORD, "OTHER-7": OTHER}}}


@scenario2(password=WORD, **VERSION21)
async def test_TC_B_100_CS_and_TC_B_105_CS_and_TC_B_107_CS_and_TC_B_108_CS_and_TC_B_109_CS(b):
    """Slots with an identity and a password, by a message and by variables."""
    await b.boot()
    secret = {"identity": "OTHER-7", "basicAuthPassword": OTHER, "ocppVersion": "OCPP21"}
    assert await store(b, 2, "Rejected", basicAuthPassword="short") == "InvalidNetworkConf"
    assert await store(b, 2, "Rejected", identity="a:b") == "InvalidNetworkConf"
    await store(b, **secret)
    asked = {"requestId": 1, "reportBase": "FullInventory"}
    assert (await b.call("GetBaseReport", asked))["status"] == "Accepted"
    report = {}
    for row in await rows(b, 1):
        if row["component"]["name"] == "NetworkConfiguration":
            at = row["component"]["instance"], row["variable"]["name"]
            assert at not in report
            report[at] = row["variableAttribute"][0].get("value")
    assert len(report) == 3 * 8 and ("4", "Identity") not in report
    assert {name: text for (number, name), text in report.items() if number == "2"} == {
        "BasicAuthPassword": None,
        "Identity": "OTHER-7",
        "MessageTimeout": "20",
        "OcppCsmsUrl": b.csms.url + "?slot=2",
        "OcppInterface": "Wireless0",
        "OcppTransport": "JSON",
        "OcppVersion": "OCPP21",
        "SecurityProfile": "0",
    }
    assert report["1", "OcppCsmsUrl"] == b.csms.url and report["3", "OcppCsmsUrl"] == ""
    wanted = {"component": {"name": "NetworkConfiguration", "instance": "2"}}
    asked = {"requestId": 2, "componentVariable": [wanted]}
    assert (await b.call("GetReport", asked))["status"] == "Accepted"
    assert len(await rows(b, 2)) == 8

    # A slot that is written by variables, one after the other; until it is whole it is no slot.
    assert await write(b, 3, OcppCsmsUrl=NOBODY, Identity="X") == ["Accepted"] * 2
    await order(b, "3,1", "Rejected")
    fields = {"MessageTimeout": "10", "SecurityProfile": "0", "OcppInterface": "Any"}
    fields |= {"OcppVersion": "OCPP201", "OcppTransport": "JSON", "BasicAuthPassword": WORD}
    assert await write(b, 3, **fields) == ["Accepted"] * 6
    for name, bad in (
        ("MessageTimeout", "0"), ("MessageTimeout", ""), ("SecurityProfile", "4"),
        ("OcppInterface", "Wired1"), ("OcppVersion", "OCPP15"), ("OcppTransport", "SOAP"),
        ("OcppCsmsUrl", "http://x"), ("BasicAuthPassword", "short"), ("Identity", "x" * 49),
    ):  # fmt: skip
        assert await write(b, 3, **{name: bad}) == ["Rejected"], name
    texts = [item.get("attributeValue") for item in await get(b, *[slot(n, 3) for n in fields])]
    assert texts == ["10", "0", "Any", "OCPP201", "JSON", None]
    for unknown, status in ((slot("Nothing"), "UnknownVariable"), (slot("Identity", 4), None)):
        (item,) = await get(b, unknown)
        assert item["attributeStatus"] == (status or "UnknownComponent")
    assert await write(b, 1, OcppCsmsUrl=NOBODY) == ["Rejected"]

    # Into the order and out of it; what is in it is not written.
    await order(b, "1,3")
    assert await write(b, 3, Identity="Y") == ["Rejected"]
    await order(b, "1")
    assert await write(b, 3, Identity="Y") == ["Accepted"]
    await order(b, "2,1")
    assert await write(b, 2, OcppCsmsUrl=NOBODY) == ["Rejected"]
    assert await store(b, 2, "Rejected", **dict(secret, url=NOBODY)) == "PriorityNetworkConf"
    assert await reset(b) == "/ocpp/OTHER-7?slot=2"
    assert basic(b.csms.wire) == ("OTHER-7", OTHER.encode())
    assert await write(b, 2, OcppCsmsUrl=NOBODY) == ["Rejected"]

    # A new password for the station replaces that of the slot in use, also after a power cut.
    new = "nor the other one, 9"
    b.csms.passwords["OTHER-7"] = new
    await b.set_variable("SecurityCtrlr.BasicAuthPassword", new)
    await another(b)
    assert basic(b.csms.wire) == ("OTHER-7", new.encode())
    assert b.csms.refusals == []

    # That of slot 1 is what it was: it connects when the one of slot 2 is not accepted any more.
    b.csms.passwords["OTHER-7"] = "and one more word, 5"
    assert await reset(b, 400) == FIRST
    assert basic(b.csms.wire) == (ID, WORD.encode())
    text = "\n".join(b.log)
    assert OTHER not in text and new not in text and WORD not in text


def test_TC_B_110_CS_and_TC_B_111_CS_and_TC_B_112_CS_and_TC_B_113_CS():
    """No slot goes below the security profile, by a message or by variables."""
    server = Server(client_authority=True)

    async def fn(b):
        await b.boot()
        assert await value(b, "SecurityCtrlr.AllowSecurityProfileDowngrade") == "false"
        for low in (2, 1, 0):
            code = await store(b, 2, "Rejected", url=b.csms.url, securityProfile=low)
            assert code == "NoSecurityDowngrade"
            assert await write(b, 2, SecurityProfile=str(low)) == ["Rejected"]
        await b.do("set", key="AllowSecurityProfileDowngrade", value="true")
        for low in (1, 0):
            code = await store(b, 2, "Rejected", url=b.csms.url, securityProfile=low)
            assert code == "NoSecurityDowngrade"
            assert await write(b, 2, SecurityProfile=str(low)) == ["Rejected"]
        await store(b, url=b.csms.url + "?slot=2", securityProfile=2)
        await order(b, "2,1")
        server.context.verify_mode = ssl.CERT_NONE
        assert await reset(b) == SECOND
        assert await value(b, PROFILE) == "2" and basic(b.csms.wire)
        await b.do("power_cut", seconds=2)
        assert await booted(b) == SECOND
        assert await value(b, PROFILE) == "2"

    play(fn, server, 3, version="2.1")


@scenario2(csms={"subprotocols": ("ocpp1.6", "ocpp2.0.1")})
async def test_a_slot_moves_the_charger_to_another_version_and_back(b):
    """The version of a slot is offered first. What the owner changes goes on from there."""
    await b.boot()
    await store(b, ocppVersion="OCPP16")
    await order(b, "2,1")
    assert await reset(b) == SECOND
    assert b.csms.wire.version == "1.6"
    offered = b.csms.wire.request.headers["Sec-WebSocket-Protocol"]
    assert offered.replace(" ", "") == "ocpp1.6,ocpp2.0.1"
    key = {"key": "NetworkConfigurationPriority", "value": "1"}
    assert (await b.call("ChangeConfiguration", key))["status"] == "RebootRequired"
    assert (await b.call("Reset", {"type": "Soft"}))["status"] == "Accepted"
    assert await booted(b) == FIRST
    assert b.csms.wire.version == "2.0.1"
    await order(b, "2,1")
    assert await reset(b) == SECOND
    mark = b.mark()
    await b.do("set", key="CentralSystemURI", value=b.csms.url + "?slot=owner")
    await b.until(lambda: b.calls("Heartbeat", mark) or len(b.csms.connections) > 4, 60, "anew")
    await b.advance(4)
    assert b.csms.wire.request.path == f"/ocpp/{ID}?slot=owner"
    assert b.csms.wire.version == "1.6", "of the slot that became slot 1"
    assert (await b.configuration("NetworkConfigurationPriority")) == {
        "NetworkConfigurationPriority": "1"
    }


@scenario2(version="2.1")
async def test_what_the_owner_has_in_the_address_is_not_told(b):
    """The query may hold a token for another central system than the one that asks."""
    await b.boot()
    await b.do("set", key="CentralSystemURI", value=b.csms.url + "?token=plum-7")
    await b.until(lambda: "?token" in b.csms.wire.request.path, 60, "anew")
    await b.advance(4)
    (item,) = await get(b, slot("OcppCsmsUrl", 1))
    assert item["attributeValue"] == b.csms.url
    asked = {"requestId": 1, "reportBase": "FullInventory"}
    assert (await b.call("GetBaseReport", asked))["status"] == "Accepted"
    assert "plum-7" not in str(await rows(b, 1)) and not b.logged("plum-7")
