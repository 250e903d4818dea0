# The client against a real WebSocket server (PyPI websockets), plain and over TLS.
# MIT license; part of microevse
"""The client runs in a process of its own, on MicroPython and on CPython; see ws_child.py."""

import asyncio
import json
import subprocess
import time

import authorities
import certs
import pytest
from interpreters import INTERPRETERS, command_of
from websockets.asyncio.server import basic_auth, serve
from websockets.exceptions import ConnectionClosed

LIMIT_S = 30


@pytest.fixture(params=INTERPRETERS)
def interpreter(request):
    return request.param


class Child:
    """The client process; its events come from `next`."""

    def __init__(self, interpreter, **given):
        self._args, self._env = command_of(interpreter, "ws_child")
        self._given = json.dumps(given)
        self.output = []

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *self._args,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._process.stdin.write(self._given.encode() + b"\n")
        return self

    async def __aexit__(self, *exc):
        if self._process.returncode is None:
            self._process.kill()
        # Printed first, for a test that fails.
        print("".join(self.output) + (await self._process.stdout.read()).decode())
        await self._process.wait()

    async def next(self, event):
        """The next event of that name; others and log lines are passed over."""
        while True:
            line = (await self._process.stdout.readline()).decode()
            assert line, "child ended:\n" + "".join(self.output)
            self.output.append(line)
            if line.startswith("{"):
                said = json.loads(line)
                if said["event"] == event:
                    return said

    async def ended(self):
        rest = (await self._process.stdout.read()).decode()
        self.output.append(rest)
        assert await self._process.wait() == 0, "".join(self.output)
        return "".join(self.output)


class Peer:
    """A CSMS of a few lines: answers Heartbeat, and lets the test CALL."""

    def __init__(self):
        self.connections = asyncio.Queue()
        self.paths = []

    async def serve(self, ws):
        self.paths.append(ws.request.path)
        ws.answers = asyncio.Queue()
        ws.silent = False
        self.connections.put_nowait(ws)
        try:
            async for text in ws:
                message = json.loads(text)
                if message[0] != 2:
                    ws.answers.put_nowait(message)
                elif not ws.silent:
                    now = {"currentTime": "2026-12-01T00:00:00.000Z"}
                    await ws.send(json.dumps([3, message[1], now]))
        except ConnectionClosed:
            pass

    async def call(self, ws, action, payload, escaped=True):
        message = [2, "s-" + action, action, payload]
        await ws.send(json.dumps(message, ensure_ascii=escaped))
        answer = await ws.answers.get()
        assert answer[:2] == [3, "s-" + action], answer
        return answer[2]


def play(scenario):
    asyncio.run(asyncio.wait_for(scenario, LIMIT_S))


def address(server, host="127.0.0.1", scheme="ws", path="/ocpp"):
    return f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}{path}"


async def whole_session(interpreter, url_of, context=None, **given):
    peer = Peer()
    async with serve(
        peer.serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"], ssl=context, compression=None
    ) as server:
        async with Child(interpreter, url=url_of(server), **given) as child:
            ws = await peer.connections.get()
            assert (await child.next("up"))["protocol"] == "ocpp1.6"
            assert (await child.next("heartbeat"))["time"].startswith("2026-12-01")
            assert peer.paths == ["/ocpp/CP%201"]
            # Both ways, larger than any buffer on the way, with characters of 2 to 4 bytes.
            for size, escaped in ((0, True), (1, False), (1500, True), (5000, False)):
                data = ("\u00e4\U0001f600" * size)[:size]
                payload = {"vendorId": "v", "data": data}
                answer = await peer.call(ws, "DataTransfer", payload, escaped)
                assert answer["data"] == data
            # Pieces on their way to us, a ping between fragments on their way there.
            keys = (await peer.call(ws, "GetConfiguration", {}))["configurationKey"]
            assert [key["key"] for key in keys] == ["K%d" % n for n in range(200)]

            async def fragments():
                yield '[2,"f","DataTransfer",{"vendor'
                await (await ws.ping(b"between"))
                yield 'Id":"v","data":"x'
                await (await ws.ping(b"p" * 125))
                yield 'y"}]'

            await ws.send(fragments())
            assert (await ws.answers.get())[2]["data"] == "xy"
            await peer.call(ws, "Reset", {"type": "Soft"})
            assert (await child.next("end"))["malformed"] == 0
            return await child.ended()


def test_session_over_plain_websocket(interpreter):
    play(whole_session(interpreter, address))


def test_session_over_tls_by_name_and_by_address(interpreter):
    for host in ("localhost", "127.0.0.1"):  # the certificate names both
        play(
            whole_session(
                interpreter,
                lambda server: address(server, host, "wss"),  # noqa: B023
                certs.server_context(),
                ca=certs.paths().ca,
                password="s3cret-password!",
            )
        )


def test_client_certificate(interpreter, tmp_path):
    cert, key = str(tmp_path / "cp.pem"), str(tmp_path / "cp.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "30", "-subj", "/CN=CP 1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    context = certs.server_context()
    authorities.asks(context, cert)
    given = {"ca": certs.paths().ca, "cert": cert, "key": key}
    play(whole_session(interpreter, lambda s: address(s, "localhost", "wss"), context, **given))


async def refusal(interpreter, server_options, url_of, handler=None, **given):
    """The first failure the client reports; also returns all it printed."""
    reached = []

    async def note(ws):
        reached.append(ws)
        await (handler or Peer().serve)(ws)

    options = {"subprotocols": ["ocpp1.6"], "compression": None, **server_options}
    async with serve(note, "127.0.0.1", 0, **options) as server:
        async with Child(interpreter, url=url_of(server), once=True, **given) as child:
            failed = await child.next("failed")
            return failed, len(reached), await child.ended()


@pytest.mark.parametrize(
    "server, ca, host, words",
    [
        ("server", "other_ca", "localhost", "not from the given CA"),
        ("wrong_host", "ca", "localhost", "for another name"),
        ("wrong_host", "ca", "127.0.0.1", "for another name"),
        ("expired", "ca", "localhost", "has expired"),
        ("server", None, "localhost", "no CA certificate"),
    ],
)
def test_certificates_that_must_be_refused(interpreter, server, ca, host, words):
    async def scenario():
        failed, reached, _ = await refusal(
            interpreter,
            {"ssl": certs.server_context(server)},
            lambda s: address(s, host, "wss"),
            ca=ca and getattr(certs.paths(), ca),
            password="s3cret-password!",
        )
        assert words in failed["error"], failed
        # Refused before the password was sent.
        assert reached == 0 and failed["status"] == 0

    play(scenario())


def test_tls_towards_a_server_without_it(interpreter):
    async def scenario():
        failed, reached, _ = await refusal(
            interpreter, {}, lambda s: address(s, "localhost", "wss"), ca=certs.paths().ca
        )
        assert reached == 0 and failed["error"]

    play(scenario())


def test_wrong_password_is_told_without_the_password(interpreter):
    async def scenario():
        check = basic_auth(credentials=("CP 1", "right"))
        failed, reached, output = await refusal(
            interpreter, {"process_request": check}, address, password="wr0ng-password"
        )
        assert failed["status"] == 401 and "401" in failed["error"] and reached == 0
        assert "wr0ng" not in output

    play(scenario())


@pytest.mark.parametrize("status", [403, 404, 503])
def test_refused_upgrade_keeps_its_status(interpreter, status):
    async def scenario():
        failed, _, _ = await refusal(
            interpreter, {"process_request": lambda c, r: c.respond(status, "no")}, address
        )
        assert failed["status"] == status

    play(scenario())


def test_server_that_chooses_no_sub_protocol(interpreter):
    async def scenario():
        failed, _, _ = await refusal(interpreter, {"subprotocols": None}, address)
        assert "sub-protocol" in failed["error"]

    play(scenario())


def test_accepted_and_then_closed_with_1008(interpreter):
    async def scenario():
        async def kick(ws):
            await ws.close(1008, "who are you")

        failed, reached, _ = await refusal(interpreter, {}, address, handler=kick)
        assert "1008 who are you" in failed["error"] and reached == 1

    play(scenario())


def test_closed_port_and_silent_server(interpreter):
    async def scenario():
        async def nothing(reader, writer):
            await reader.read()

        silent = await asyncio.start_server(nothing, "127.0.0.1", 0)
        url = address(silent)
        began = time.monotonic()
        async with Child(interpreter, url=url, once=True, timeout=1) as child:
            assert "no answer within 1 s" in (await child.next("failed"))["error"]
            assert time.monotonic() - began < 5
            await child.ended()
        silent.close()
        async with Child(interpreter, url=url, once=True) as child:
            assert "ECONNREFUSED" in (await child.next("failed"))["error"]
            await child.ended()

    play(scenario())


def test_message_too_large_is_refused_with_1009(interpreter):
    async def scenario():
        codes = []

        async def flood(ws):
            await ws.send("x" * 1000000)
            await ws.wait_closed()
            codes.append(ws.close_code)

        failed, _, _ = await refusal(interpreter, {}, address, handler=flood)
        assert "1009" in failed["error"]
        await asyncio.sleep(0.1)
        assert codes == [1009]

    play(scenario())


def test_comes_back_after_every_kind_of_loss(interpreter):
    async def scenario():
        peer = Peer()
        async with serve(
            peer.serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"], ping_interval=None
        ) as server:
            async with Child(interpreter, url=address(server), ping=1) as child:
                # A clean close, after which some clients never connected again.
                ws = await peer.connections.get()
                await child.next("heartbeat")
                await ws.close(1000, "restarting")
                assert "1000" in (await child.next("down"))["reason"]
                # A lost line, with a CALL of ours in flight.
                ws = await peer.connections.get()
                await child.next("heartbeat")
                ws.silent = True
                await peer.call(ws, "TriggerMessage", {"requestedMessage": "Heartbeat"})
                await asyncio.sleep(0.1)
                ws.transport.abort()
                await child.next("disconnected")
                # A line that is only half there: open, but nothing comes any more.
                ws = await peer.connections.get()
                await child.next("heartbeat")
                began = time.monotonic()
                ws.transport.pause_reading()
                ws.transport.resume_reading = lambda: None
                assert "no answer to pings" in (await child.next("down"))["reason"]
                assert 2 < time.monotonic() - began < 8
                ws.transport.abort()
                # A restart that was asked for comes back at once, with what is set by then.
                ws = await peer.connections.get()
                await child.next("heartbeat")
                began = time.monotonic()
                change = {"key": "AuthorizationKey", "value": "x"}
                await peer.call(ws, "ChangeConfiguration", change)
                again = await peer.connections.get()
                assert time.monotonic() - began < 0.9
                assert again.request.headers["Authorization"] == "Basic Q1AgMTp4"
                await child.next("heartbeat")
                await ws.wait_closed()
                assert ws.close_code == 1000
                await peer.call(again, "Reset", {"type": "Hard"})
                await child.ended()

    play(scenario())
