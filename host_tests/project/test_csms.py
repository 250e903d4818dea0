# The test CSMS against an independent charge point: PyPI `ocpp` over `websockets`.
# MIT license; part of microevse
"""If the counterpart were wrong, every other test would be wrong with it."""

import asyncio
import base64
import os
import ssl

import certs
import pytest
import websockets
from csms import CallError, Csms, script
from ocpp.exceptions import OCPPError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

TAGS = {"CARD1": {"parentIdTag": "FAMILY"}, "GONE": {"expiryDate": "2020-01-01T00:00:00Z"}}
NOW = 1798761600


def scenario(fn):
    """Run an async test to its end within 20 s."""

    def test():
        asyncio.run(asyncio.wait_for(fn(), 20))

    test.__name__, test.__doc__ = fn.__name__, fn.__doc__
    return test


class Charger(ChargePoint):
    """A charge point that knows RemoteStart and Reset, no more."""

    @on("RemoteStartTransaction")
    def remote_start(self, **_):
        return call_result.RemoteStartTransaction(status="Accepted")

    @on("Reset")
    def reset(self, **_):
        return call_result.Reset(status="Fine")  # no such status


class connected:
    """`async with connected(csms) as charger`."""

    def __init__(self, csms, id="CP 1", url=None, **kw):
        self.csms, self.id, self.kw = csms, id, kw
        self.url = f"{url or csms.url}/{id.replace(' ', '%20')}"

    async def __aenter__(self):
        self.ws = await websockets.connect(self.url, subprotocols=["ocpp1.6"], **self.kw)
        self.charger = Charger(self.id, self.ws, response_timeout=2)
        self.task = asyncio.create_task(self.charger.start())
        return self.charger

    async def __aexit__(self, *_):
        self.task.cancel()
        await self.ws.close()


async def booted(charger):
    return await charger.call(call.BootNotification("model", "vendor"))


@scenario
async def test_answers_a_whole_session_and_books_it():
    async with Csms(TAGS, clock=lambda: NOW) as csms, connected(csms) as cp:
        boot = await booted(cp)
        assert (boot.status, boot.interval) == ("Accepted", 300)
        assert boot.current_time == "2027-01-01T00:00:00.000Z"
        assert (await cp.call(call.Heartbeat())).current_time == boot.current_time
        auth = await cp.call(call.Authorize("card1"))
        assert auth.id_tag_info == {"status": "Accepted", "parent_id_tag": "FAMILY"}
        start = call.StartTransaction(1, "CARD1", 1000, "2027-01-01T00:00:00Z")
        first = await cp.call(start)
        again = await cp.call(start)
        assert again.transaction_id == first.transaction_id
        other = await cp.call(call.StartTransaction(1, "CARD1", 1001, "2027-01-01T00:00:01Z"))
        assert other.transaction_id != first.transaction_id
        value = [{"timestamp": "2027-01-01T00:00:00Z", "sampledValue": [{"value": "1005"}]}]
        await cp.call(call.MeterValues(1, value, first.transaction_id))
        stop = call.StopTransaction(1010, "2027-01-01T00:00:02Z", first.transaction_id)
        await cp.call(stop)
        await cp.call(stop)
        booked = csms.transactions[first.transaction_id]
        assert (booked.starts, booked.stops, booked.wh, len(booked.samples)) == (2, 2, 10, 1)
        assert csms.violations == []
        assert [t.id for t in csms.ledger.running()] == [other.transaction_id]
        assert csms.wire.id == "CP 1"


@scenario
async def test_unknown_and_expired_tags_are_refused():
    async with Csms(TAGS, clock=lambda: NOW) as csms, connected(csms) as cp:
        await booted(cp)
        assert (await cp.call(call.Authorize("NOBODY"))).id_tag_info["status"] == "Invalid"
        assert (await cp.call(call.Authorize("GONE"))).id_tag_info["status"] == "Expired"
        assert csms.violations == []


@scenario
async def test_blames_the_charger_for_what_it_does_wrong():
    async with Csms(TAGS, clock=lambda: NOW) as csms, connected(csms) as cp:
        await cp.call(call.Heartbeat())
        assert "before a BootNotification" in csms.violations.pop()
        await booted(cp)
        for message, word in (
            ('[2,"a","Heartbeat",{"x":1}]', "x"),
            ('[2,"b","Authorize",{"idTag":5}]', "not of type 'string'"),
            ('[2,"c","Nonsense",{}]', "not an OCPP 1.6 action"),
            ('[2,"c","Heartbeat",{}]', "used before"),
            ('[2,"' + "d" * 37 + '","Heartbeat",{}]', "37 characters"),
            ('{"not": "ocpp"}', "no OCPP message"),
            ("[2,", "no OCPP message"),
            ('[3,"nobody-asked",{}]', "nobody asked"),
            (
                '[2,"e","StatusNotification",{"connectorId":0,"errorCode":"NoError",'
                '"status":"Available","timestamp":"1970-01-01T00:00:09Z"}]',
                "never set",
            ),
            (
                '[2,"f","StopTransaction",{"meterStop":1,"transactionId":7,'
                '"timestamp":"2027-01-01T00:00:00Z"}]',
                "never given",
            ),
        ):
            before = len(csms.violations)
            await cp._connection.send(message)
            for _ in range(100):
                if len(csms.violations) > before:
                    break
                await asyncio.sleep(0.01)
            assert len(csms.violations) > before, message
            assert word in csms.violations[-1], (message, csms.violations[-1])


@scenario
async def test_calls_the_charger_and_checks_its_answer():
    async with Csms(TAGS) as csms, connected(csms) as cp:
        await booted(cp)
        answer = await csms.call("RemoteStartTransaction", {"idTag": "CARD1"})
        assert answer == {"status": "Accepted"}
        assert csms.violations == []
        with pytest.raises(CallError) as error:
            await csms.call("ClearCache", {})
        assert error.value.code == "NotImplemented"
        with pytest.raises(CallError):
            await csms.call("RemoteStartTransaction", {"idTag": "X" * 21})
        assert "sent RemoteStart" in csms.violations.pop()


@scenario
async def test_scripted_replies():
    async with Csms(TAGS) as csms, connected(csms) as cp:
        csms.reply("BootNotification", {"status": "Pending", "interval": 3})
        assert (await booted(cp)).status == "Pending"
        assert csms.registration["CP 1"] == "Pending"
        assert (await booted(cp)).status == "Accepted"
        csms.reply("Heartbeat", script.Delay(0.3), script.Drop(), script.Error("GenericError"))
        before = asyncio.get_running_loop().time()
        await cp.call(call.Heartbeat())
        assert 0.25 < asyncio.get_running_loop().time() - before < 1.5
        with pytest.raises(asyncio.TimeoutError):
            await cp.call(call.Heartbeat())
        with pytest.raises(OCPPError):
            await cp.call(call.Heartbeat(), suppress=False)
        csms.always("Heartbeat", lambda payload: {"currentTime": "2031-01-01T00:00:00Z"})
        for _ in range(2):
            assert (await cp.call(call.Heartbeat())).current_time.startswith("2031")
        csms.reply("Heartbeat", script.Close(1012, "restart"))
        with pytest.raises((asyncio.TimeoutError, websockets.ConnectionClosed)):
            await cp.call(call.Heartbeat())
        assert csms.wire is None


@scenario
async def test_password_and_path_are_checked():
    def basic(user, password):
        text = base64.b64encode(user.encode() + b":" + password).decode()
        return {"additional_headers": {"Authorization": "Basic " + text}}

    async with Csms(TAGS, passwords={"CP 1": b"\x00\xff secret:16 b"}) as csms:
        async with connected(csms, **basic("CP 1", b"\x00\xff secret:16 b")) as cp:
            await booted(cp)
        for kw in (basic("CP 1", b"wrong"), basic("CP 2", b"\x00\xff secret:16 b"), {}):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with connected(csms, **kw):
                    pass
            assert refused.value.response.status_code == 401
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connected(csms, url=csms.url + "/deeper"):
                pass
        assert refused.value.response.status_code == 404
        assert len(csms.refusals) == 4


@scenario
async def test_admissions():
    async with Csms(TAGS) as csms:
        csms.admit(script.Refuse(403), script.NoSubprotocol(), script.BadAccept())
        csms.admit(script.CloseAfterAccept(1008), script.Reset(), None)
        with pytest.raises(websockets.InvalidStatus):
            async with connected(csms):
                pass
        async with websockets.connect(csms.url + "/x", subprotocols=["ocpp1.6"]) as ws:
            assert ws.subprotocol is None
        with pytest.raises(websockets.InvalidHandshake):
            await websockets.connect(csms.url + "/x", subprotocols=["ocpp1.6"])
        async with websockets.connect(csms.url + "/x", subprotocols=["ocpp1.6"]) as ws:
            await ws.wait_closed()
            assert ws.close_code == 1008
        with pytest.raises((websockets.InvalidHandshake, websockets.InvalidMessage, OSError)):
            await websockets.connect(csms.url + "/x", subprotocols=["ocpp1.6"])
        async with connected(csms) as cp:
            assert (await booted(cp)).status == "Accepted"


@scenario
async def test_settle_returns_when_all_bytes_were_handled():
    async with Csms(TAGS) as csms, connected(csms) as cp:
        await booted(cp)
        seen = csms.rx_bytes
        sock = cp._connection.transport.get_extra_info("socket")
        text = b'[2,"settle-1","Heartbeat",{}]'
        mask = os.urandom(4)
        frame = bytes([0x81, 0x80 | len(text)]) + mask
        frame += bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        os.write(sock.fileno(), frame)
        await csms.settle(seen + len(frame), patience=5)
        assert csms.log[-1].unique_id == "settle-1" and csms.log[-1].direction == "out"
        loop = asyncio.get_running_loop()
        async with connected(csms, "OTHER"):
            pass
        while not csms.connections[-1].lost:
            await asyncio.sleep(0.01)
        before = loop.time()
        # Bytes written to a connection that has gone never come: waits for them, once.
        await csms.settle(csms.rx_bytes + 100)
        assert 0.04 < loop.time() - before < 1
        before = loop.time()
        await csms.settle(csms.rx_bytes + 100)
        assert loop.time() - before < 0.04


@scenario
async def test_tls_with_the_right_and_the_wrong_authority():
    paths = certs.paths()
    async with Csms(TAGS, ssl=certs.server_context("server")) as csms:
        good = ssl.create_default_context(cafile=paths.ca)
        async with connected(csms, url=csms.url_for("localhost"), ssl=good) as cp:
            assert (await booted(cp)).status == "Accepted"
        bad = ssl.create_default_context(cafile=paths.other_ca)
        with pytest.raises(ssl.SSLCertVerificationError):
            async with connected(csms, url=csms.url_for("localhost"), ssl=bad):
                pass
        for _ in range(100):
            if csms.refusals:
                break
            await asyncio.sleep(0.01)
        assert "TLS" in csms.refusals[0][1]
    for name, word in (("expired", "expired"), ("wrong_host", "ostname mismatch")):
        async with Csms(TAGS, ssl=certs.server_context(name)) as csms:
            with pytest.raises(ssl.SSLCertVerificationError, match=word):
                async with connected(csms, url=csms.url_for("localhost"), ssl=good):
                    pass
