# OCPP 2.0.1 and 2.1 certification cases of network profiles: slots, their order, and the way back.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv. The slots name one
central system by different queries, or a port where nobody listens."""

import pytest
from bench import ID
from bench2 import scenario2
from certificate_central import Server, basic
from certificate_central2 import play
from csms.script import Drop
from test_octt201_provisioning import get, names, put
from twin.host import NETWORK

ORDER = "OCPPCommCtrlr.NetworkConfigurationPriority"
ATTEMPTS = "OCPPCommCtrlr.NetworkProfileConnectionAttempts"
ACTIVE = "OCPPCommCtrlr.ActiveNetworkProfile"
PROFILE = "SecurityCtrlr.SecurityProfile"
WORD = "quick brown foxes, 4"
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
