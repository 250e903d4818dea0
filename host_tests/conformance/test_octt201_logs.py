# OCPP 2.0.1 and 2.1 certification cases: logs that are sent, and what is kept of a customer.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after. The servers are real ones on the loopback
interface, in lockstep with the charger."""

import asyncio
import json

import certs
import pytest
from bench2 import VERSIONS, Bench2, scenario2
from firmware_files import http, iso
from twin.host import free_port

LOG = "LogStatusNotification"
EVENT = "SecurityEventNotification"
CUSTOMER = "NotifyCustomerInformation"


async def get_log(b, location, number, kind="SecurityLog", span=None, **more):
    wanted = {"remoteLocation": location, **(span or {})}
    return await b.call("GetLog", {"logType": kind, "requestId": number, "log": wanted, **more})


async def told(b, number, *wanted, within=60):
    """Exactly these words about that log, in this order."""
    for status in wanted:
        assert await b.expect(LOG, within) == {"status": status, "requestId": number}


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_N_25_CS_and_TC_N_26_CS_and_TC_N_35_CS_and_TC_N_36_CS(version):
    """Both logs arrive; one whose server is not there fails after its tries; a second request ends
    the first, which has a last word."""

    @scenario2(version=version)
    async def story(b):
        await b.boot()
        await b.until(lambda: b.calls(EVENT, type="StartupOfTheDevice"), 60)
        dead = f"http://127.0.0.1:{free_port('127.0.0.1')}/in/"
        async with http(b) as server:
            answer = await get_log(b, server.url + "/in/", 1, "DiagnosticsLog")
            assert answer["status"] == "Accepted"
            await told(b, 1, "Uploading", "Uploaded")
            assert "[state]" in server.uploads["/in/" + answer["filename"]].decode()
            answer = await get_log(b, server.url + "/in/", 2)
            await told(b, 2, "Uploading", "Uploaded")
            text = server.uploads["/in/" + answer["filename"]].decode()
            assert "\tstarted\t" in text and "[state]" not in text
            # Nothing of the time that is wanted: a log with no event.
            span = {"oldestTimestamp": iso(-3600), "latestTimestamp": iso(-1800)}
            answer = await get_log(b, server.url + "/in/", 3, span=span)
            await told(b, 3, "Uploading", "Uploaded")
            assert "\tstarted\t" not in server.uploads["/in/" + answer["filename"]].decode()

            answer = await get_log(b, dead, 4, "DiagnosticsLog", retries=3, retryInterval=20)
            assert answer["status"] == "Accepted"
            await told(b, 4, "Uploading")
            began = b.now
            await told(b, 4, "UploadFailure", within=90)
            assert 60 <= b.now - began <= 66, "three times the interval"

            assert (await get_log(b, dead, 5, retries=5, retryInterval=20))["status"] == "Accepted"
            await told(b, 5, "Uploading")
            answer = await get_log(b, server.url + "/in/", 6)
            assert answer["status"] == "AcceptedCanceled"
            await told(b, 5, "AcceptedCanceled")
            await told(b, 6, "Uploading", "Uploaded")
            await b.none(LOG, for_=60)
            await b.call("TriggerMessage", {"requestedMessage": LOG})
            assert await b.expect(LOG) == {"status": "Idle"}
            if version == "2.1":
                # N01: there is no log of collected data here, and none is sent in its place.
                answer = await get_log(b, server.url + "/in/", 7, "DataCollectorLog")
                assert answer["status"] == "Rejected" and "filename" not in answer
                await b.none(LOG, for_=30)

    story()


class Every:
    """Has every path in it."""

    def __contains__(self, path):
        return True


@scenario2
async def test_TC_F_16_CS_and_TC_N_34_CS(b):
    """Asked about a log on its way: Uploading. Of a time to come there is none."""
    await b.boot()
    async with http(b) as server:
        for span in ({"oldestTimestamp": iso(86400)}, {
            "oldestTimestamp": iso(-60), "latestTimestamp": iso(-3600),
        }):  # fmt: skip
            for kind in ("SecurityLog", "DiagnosticsLog"):
                answer = await get_log(b, server.url + "/in/", 1, kind, span)
                assert answer["status"] == "Rejected" and "filename" not in answer, span
        await b.none(LOG, for_=10)
        assert not server.requests
        server.stall = Every()
        answer = await get_log(b, server.url + "/in/", 2, "DiagnosticsLog")
        name = answer["filename"]
        await told(b, 2, "Uploading")
        answer = await b.call("TriggerMessage", {"requestedMessage": LOG})
        assert answer["status"] == "Accepted"
        await told(b, 2, "Uploading")
        assert "/in/" + name not in server.uploads


async def ask(b, number, report=True, clear=False, status="Accepted", **customer):
    """CustomerInformation, and all of the text that is told of it."""
    payload = {"requestId": number, "report": report, "clear": clear, **customer}
    mark = b.mark()
    assert (await b.call("CustomerInformation", payload))["status"] == status
    if status != "Accepted":
        return None
    text, parts = "", 0
    while True:
        part = await b.expect(CUSTOMER)
        assert part["requestId"] == number and part["seqNo"] == parts
        text, parts = text + part["data"], parts + 1
        if not part.get("tbc"):
            break
    await b.none(CUSTOMER, for_=3)
    assert len(b.calls(CUSTOMER, mark)) == parts
    return text


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_N_27_CS_and_TC_N_28_CS_and_TC_N_30_CS_and_TC_N_31_CS_and_TC_N_32_CS_and_TC_N_63_CS(
    version,
):
    """Of a token that is in the cache: reported, cleared, with nothing left. A certificate of a
    customer is never kept: nothing is told of it."""
    card = {"idToken": {"idToken": "CARD1", "type": "Local"}}

    @scenario2(version=version, settings={"LocalPreAuthorize": "true"})
    async def story(b):
        await b.boot()
        await b.charging()
        text = await ask(b, 1, **card)
        assert "authorization cache: accepted, group FAMILY" in text and "running" in text
        await b.tap("CARD1")
        await b.expect_event("Ended")
        await b.leave()
        text = await ask(b, 2, **card)
        assert text == "authorization cache: accepted, group FAMILY"
        assert await ask(b, 3, idToken={"idToken": "CARD9", "type": "ISO14443"}) == ""
        assert await ask(b, 4, idToken={"idToken": "CARD1", "type": "KeyCode"}) == ""
        assert await ask(b, 5, clear=True, **card) == text
        assert await ask(b, 6, clear=True, **card) == await ask(b, 7, **card) == ""
        # It is asked about again, as a stranger.
        mark = b.mark()
        await b.tap("CARD1")
        await b.until(lambda: b.calls("Authorize", mark), 10, "Authorize")
        assert await ask(b, 8, **card) == text
        assert await ask(b, 9, False, True, **card) == await ask(b, 10, **card) == ""
        await b.do("power_cut", seconds=2)
        await b.start_of_day()
        await b.advance(5)
        b.skip()
        assert await ask(b, 11, **card) == ""
        data = {
            "hashAlgorithm": "SHA256", "issuerNameHash": "ab" * 32, "issuerKeyHash": "cd" * 32,
            "serialNumber": "1",
        }  # fmt: skip
        assert await ask(b, 12, clear=True, customerCertificate=data) == ""
        assert await ask(b, 13, customerIdentifier="somebody") == ""

    story()


@scenario2(version="2.1")
async def test_TC_N_29_CS_and_TC_N_33_CS(b):
    """Without a reference to a customer the request is invalid."""
    await b.boot()
    await ask(b, 1, status="Invalid")
    await ask(b, 2, clear=True, status="Invalid")
    await ask(b, 3, report=False, status="Rejected", customerIdentifier="somebody")
    await b.none(CUSTOMER, for_=5)


def test_TC_N_62_CS():
    pytest.skip("nothing is kept of a customer but tokens: no other identifier can be stored")


def test_TC_N_100_CS():
    pytest.skip("the station collects no data for others: the request is refused (TC_N_25_CS)")


class Bench21(Bench2):
    version = "2.1"


def test_TC_N_101_CS_and_TC_N_102_CS_and_TC_N_103_CS():
    """User and password in the location are shown to a server that asks for them, over HTTP and
    HTTPS, and to no other one, and are in no log. A location that leads nowhere, round in a circle
    or away from HTTPS is no place for a log."""
    secret = "s3cret-of-the-log"

    async def play():
        paths, options = certs.paths(), {"subprotocols": ("ocpp2.1",)}
        async with Bench21(ca=paths.ca, settings={"OcppVersions": "2.1"}, csms=options) as b:
            await b.boot()
            number = 0

            async def send(location, status):
                nonlocal number
                number += 1
                answer = await get_log(b, location, number, "DiagnosticsLog", retries=0)
                assert answer["status"] == "Accepted"
                await told(b, number, "Uploading", status)
                return "/in/" + answer["filename"]

            for context in (None, certs.server_context("server")):
                async with http(b, context=context) as server, http(b, context=context) as other:
                    server.login = "cp:" + secret
                    login = server.url.replace("//", f"//cp:{secret}@")
                    assert await send(login + "/in/", "Uploaded") in server.uploads
                    for wrong in (server.url, login.replace(secret, "another")):
                        await send(wrong + "/in/", "UploadFailure")
                    assert len(server.uploads) == 1
                    before = len(other.requests)
                    server.login = None
                    moves = [server.url + "/in/", "", "ftp://127.0.0.1/in/", other.url + "/in/"]
                    for to in moves:
                        b.skip()
                        server.moved = Everywhere(to)
                        await send(
                            login + "/in/", "Uploaded" if to == moves[-1] else "UploadFailure"
                        )
                    assert len(other.requests) == before + 1
                    assert "authorization" not in other.requests[-1][2]
                    if context:
                        async with http(b) as plain:
                            server.moved = Everywhere(plain.url + "/in/")
                            await send(login + "/in/", "UploadFailure")
                            assert not plain.requests
                    server.moved = {}
                    await send(server.url + "/in/", "Uploaded")
                    logs = b"".join(server.uploads.values())
                    assert b"[state]" in logs and secret.encode() not in logs
            said = [frame.payload for frame in b.csms.log if frame.direction == "in"]
            assert secret not in json.dumps(said)

    asyncio.run(asyncio.wait_for(play(), 120))


class Everywhere(dict):
    """Every path leads there."""

    def __init__(self, to):
        self.to = to

    def __contains__(self, path):
        return True

    def __getitem__(self, path):
        return self.to
