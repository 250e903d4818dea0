# The connection that is made again and again: gate, addresses, back-off, restart.
# MIT license; part of microevse
"""The server is a few lines over in-memory streams; waits are cut short by small back-offs."""

import asyncio
import sys

from evse_base import forget
from helpers import run
from ocppj import connection, dial, failure, handshake
from ocppj.connection import Connection
from ocppj.messages import Disconnected
from ws_streams import EOF, Streams, frame, frames_of, response


class Config:
    url = "ws://10.0.0.1/ocpp"
    charge_point_id = "CP"
    password = b"s3cret"
    ca_der = ()
    client_certificate = staticmethod(lambda: None)
    ping_interval = 0
    connect_timeout = 5
    message_timeout = 30


class Server:
    """Every open_stream makes new Streams in `lines`; answers the upgrade unless told not to."""

    def __init__(self):
        self.lines = []
        self.opened = []
        self.answer = response(accept=b"ACCEPT") + b"\r\n\r\n"
        self.error = None

    async def open_stream(self, host, port, context, name):
        self.opened.append((host, port, context is not None, name))
        if self.error:
            raise self.error
        server = self

        class Line(Streams):
            def write(self, data):
                if data.startswith(b"GET "):
                    key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
                    self.feed(server.answer.replace(b"ACCEPT", handshake.accept_key(key)))
                else:
                    Streams.write(self, data)

            async def wait_closed(self):
                self.closed = True

        line = Line()
        self.lines.append(line)
        return line, line


async def until(condition, seconds=3):
    for _ in range(seconds * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen")


class Bench:
    def __init__(self, **more):
        self.server = Server()
        self.downs = []
        self.ups = 0
        self.config = Config()
        self.lookups = []
        self.may_stall = True
        self.connection = Connection(
            self.config,
            open_stream=self.server.open_stream,
            on_up=more.get("on_up", self.on_up),
            on_down=self.downs.append,
            rand=lambda n: n - 1,
            allowed=lambda ms=0: self.may_stall,
            resolve=self.resolve,
        )
        # The shortest waits, so that a test lasts milliseconds.
        self.connection._backoff._first_ms = self.connection._backoff._step_ms = 20

    def resolve(self, host, port):
        self.lookups.append(host)
        return "10.0.0.%d" % len(self.lookups)

    async def on_up(self, protocol):
        self.ups += 1
        await asyncio.Event().wait()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.connection.run())
        return self

    async def __aexit__(self, *exc):
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass

    async def up(self, times):
        await until(lambda: self.ups == times and self.connection.connected)


def test_connects_and_reconnects_after_a_clean_close():
    async def go():
        async with Bench() as b:
            await b.up(1)
            assert b.connection.state == "connected" and b.connection.protocol == "ocpp1.6"
            b.server.lines[0].feed(frame(8, b"\x03\xe8bye"))
            await b.up(2)
            assert b.downs == ["closed 1000 bye"]
            assert b.connection.last_error == "closed 1000 bye"

    run(go())


def test_end_of_stream_reconnects():
    async def go():
        async with Bench() as b:
            await b.up(1)
            b.server.lines[0].feed(EOF)
            await b.up(2)
            assert "1006" in b.downs[0]

    run(go())


def test_restart_closes_properly_and_does_not_wait():
    async def go():
        async with Bench() as b:
            b.connection._backoff._first_ms = b.connection._backoff._step_ms = 60000
            await b.up(1)
            await b.connection.restart("new settings")
            line = b.server.lines[0]
            await until(lambda: line.sent)
            assert frames_of(line.sent)[0] == (0x88, b"\x03\xe8restart")
            line.feed(frame(8, b"\x03\xe8"))
            await b.up(2)
            assert b.downs == ["new settings"]

    run(go())


def test_restart_ends_a_wait():
    async def go():
        async with Bench() as b:
            b.connection._backoff._first_ms = b.connection._backoff._step_ms = 60000
            b.server.error = OSError(111)
            await until(lambda: b.connection.state.startswith("waiting"))
            assert b.connection.last_error == "network: ECONNREFUSED"
            b.server.error = None
            await b.connection.restart("now")
            await b.up(1)

    run(go())


def test_refusals_are_tried_again_with_their_status_kept():
    async def go():
        async with Bench() as b:
            b.server.answer = b"HTTP/1.1 401 Unauthorized\r\n\r\n"
            await until(lambda: b.connection.attempts >= 3)
            assert b.connection.last_status == 401 and not b.connection.connected
            assert "s3cret" not in b.connection.last_error
            b.server.answer = response(accept=b"ACCEPT") + b"\r\n\r\n"
            await b.up(1)
            assert b.connection.last_status is None

    run(go())


def test_every_kind_of_failure_is_survived():
    async def go():
        async with Bench() as b:
            for error in (
                OSError(113),
                OSError("[addrinfo error -2]"),
                OSError(),
                ValueError("\nThe certificate validity has expired\n"),
                asyncio.TimeoutError(),
                MemoryError(),
                EOFError(),
                KeyError("defect"),
            ):
                b.server.error = error
                before = b.connection.attempts
                b.connection._backoff.reset()
                await until(lambda: b.connection.attempts > before + 1)  # noqa: B023
                assert b.connection.last_error
            b.server.error = None
            b.connection._backoff.reset()
            await b.up(1)

    run(go())


def test_wrong_configuration_is_told_and_can_be_mended():
    async def go():
        b = Bench()
        b.config.url = ""
        async with b:
            await until(lambda: b.connection.last_error)
            assert "no central system" in b.connection.last_error
            b.config.url = "http://x"
            await until(lambda: "ws://" in b.connection.last_error)
            b.config.url = "wss://x"  # and no CA
            await until(lambda: "no CA" in b.connection.last_error)
            assert b.server.opened == []
            b.config.url = "ws://10.0.0.1"
            b.connection._backoff.reset()
            await b.up(1)

    run(go())


def test_name_is_resolved_once():
    async def go():
        b = Bench()
        b.config.url = "ws://csms.example:9000/x"
        async with b:
            await b.up(1)
            assert b.server.opened[0] == ("10.0.0.1", 9000, False, "csms.example")
            b.server.lines[0].feed(EOF)
            await b.up(2)
            assert b.lookups == ["csms.example"]
            # The address stops answering: looked up again, it may have moved.
            b.server.error = OSError(113)
            b.server.lines[1].feed(EOF)
            await until(lambda: len(b.lookups) > 1)

    run(go())


def test_gate_holds_what_would_stall_and_nothing_else():
    async def go():
        keep = connection.GATE_LOOK_S
        connection.GATE_LOOK_S = 0.02
        try:
            b = Bench()
            b.may_stall = False
            b.config.url = "ws://csms.example"
            async with b:
                await asyncio.sleep(0.1)
                assert b.lookups == [] and b.connection.attempts == 0
                assert "charging" in b.connection.state
                b.may_stall = True
                await b.up(1)
                # Now the address is known: ws:// comes back even while a car charges ...
                b.may_stall = False
                b.server.lines[0].feed(EOF)
                await b.up(2)
                # ... also when it does not answer at first: no second look-up meanwhile.
                b.server.error = OSError(113)
                b.server.lines[1].feed(EOF)
                before = b.connection.attempts
                await until(lambda: b.connection.attempts > before + 1)
                assert b.lookups == ["csms.example"]
                # TLS always stalls.
                b.config.url = "wss://10.0.0.1"
                await until(lambda: "charging" in b.connection.state)
        finally:
            connection.GATE_LOOK_S = keep

    run(go())


def test_a_car_that_goes_first_is_no_failure():
    """It counted against a profile or a certificate on trial, and what explains failures was
    loaded while the contactor was closed."""

    async def go():
        b = Bench()
        told, asked = [], []

        def allowed(ms=0):
            asked.append(ms)
            return ms == 0  # an EV waits

        b.connection.on_failure = lambda *failed: told.append(failed)
        b.connection._allowed = b.connection.resolver.allowed = allowed
        b.config.url = "wss://10.0.0.1/ocpp"
        for name in ("failure", "tls"):
            forget("ocppj." + name)
        async with b:
            await until(lambda: b.connection.attempts >= 3)
            assert "a car charges" in b.connection.last_error
            assert told == [] and b.server.opened == [] and b.connection.last_status is None
            assert b.connection.quiet_s() is None
            assert not [n for n in ("ocppj.failure", "ocppj.tls") if n in sys.modules]
            # Not at once again: an EV waits for the end of a hold, and each attempt takes time.
            assert b.connection._backoff.next_ms() > 40
            # A failure is one again.
            b.config.url, b.server.error = "ws://10.0.0.1/ocpp", OSError(104)
            await until(lambda: told)
            assert told[0][0] == 0

    run(go())


def test_errors_of_tls_are_explained_only_while_that_may_be_loaded():
    asked = []

    def words(exc, may):
        forget("ocppj.tls")
        return failure.words(exc, 30, lambda ms=0: asked.append(ms) or may)

    cut = OSError(-0x7280, "MBEDTLS_ERR_SSL_CONN_EOF")
    assert words(cut, True) == "the server ended the TLS handshake" and asked.pop() >= 1000
    for exc, text in (
        (cut, "network: -29312"), (ValueError("no CA"), "no CA"),
        (MemoryError(), "not enough memory to connect"),
    ):  # fmt: skip
        assert words(exc, False) == text and "ocppj.tls" not in sys.modules
    asked.clear()
    for exc in (OSError(104), asyncio.TimeoutError()):
        words(exc, True)
    assert asked == [], "these need no explanation: no contactor is held for one"


def test_silent_server_is_given_up_within_the_time_limit():
    async def go():
        b = Bench()
        b.config.connect_timeout = 0.1
        b.server.answer = b""
        async with b:
            await until(lambda: b.connection.last_error)
            assert b.connection.last_error == "no answer within 0.1 s"

    run(go())


def test_pings_keep_the_line_and_their_silence_ends_it():
    async def go():
        keep = connection.LOOK_S
        connection.LOOK_S = 0.02
        try:
            b = Bench()
            b.config.ping_interval = 0.1
            async with b:
                await b.up(1)
                line = b.server.lines[0]
                for _ in range(8):
                    await asyncio.sleep(0.1)
                    line.feed(frame(10))
                pings = [f for f in frames_of(line.sent) if f[0] == 0x89]
                assert len(pings) >= 4 and b.downs == []
                await until(lambda: b.downs)
                assert b.downs[0] == "no answer to pings"
        finally:
            connection.LOOK_S = keep

    run(go())


def test_failure_while_writing_reconnects_although_reading_hangs():
    async def go():
        async with Bench() as b:
            await b.up(1)
            b.server.lines[0].error = OSError(104)
            try:
                await b.connection.send("x")
            except Exception as exc:
                assert "cannot write" in str(exc)
            await b.up(2)
            assert "cannot write" in b.downs[0]

    run(go())


def test_on_up_that_ends_or_fails():
    async def go():
        calls = []

        async def on_up(protocol):
            calls.append(protocol)
            if len(calls) == 1:
                raise KeyError("defect")
            if len(calls) == 2:
                raise Disconnected("x")

        keep = connection.GRACE_S
        connection.GRACE_S = 0.05
        try:
            async with Bench(on_up=on_up) as b:
                await until(lambda: len(calls) == 3)
                await asyncio.sleep(0.2)
                assert len(calls) == 3 and b.connection.connected  # it may end, the line stays
                assert b.downs == ["stopped: KeyError", "cannot send"]
        finally:
            connection.GRACE_S = keep

    run(go())


def test_never_two_on_up_at_once():
    async def go():
        alive = []

        async def on_up(protocol):
            alive.append(1)
            assert len(alive) == 1
            try:
                await asyncio.Event().wait()
            finally:
                alive.pop()

        async with Bench(on_up=on_up) as b:
            for n in range(5):
                await until(lambda: len(b.server.lines) == n + 1 and alive)  # noqa: B023
                b.server.lines[-1].feed(EOF)
            await until(lambda: len(b.downs) == 5)
        assert not alive and not [d for d in b.downs if "stopped" in d]

    run(go())


def test_sending_without_a_connection_is_refused():
    async def go():
        b = Bench()
        try:
            await b.connection.send("x")
        except Exception as exc:
            assert "not connected" in str(exc)
        else:
            raise AssertionError("sent")

    run(go())


def test_addresses_need_no_look_up():
    for host in ("10.0.0.1", "::1", "2001:db8::a"):
        assert dial.is_address(host)
    for host in ("localhost", "csms.example", "1and1.example"):
        assert not dial.is_address(host)
    assert dial.resolve("127.0.0.1", 80) == "127.0.0.1"


def test_a_task_that_loses_its_cancellation_does_not_hold_up_the_next_connection():
    """MicroPython's wait_for did that: a charger stayed offline though its network was back."""

    async def stubborn(protocol):
        for _ in range(2):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
        await asyncio.sleep(3600)

    async def go():
        b = Bench(on_up=stubborn)
        async with b:
            await until(lambda: b.connection.connected)
            b.server.lines[0].feed(EOF)
            await until(lambda: len(b.server.opened) == 2 and b.connection.connected)

    run(go())
