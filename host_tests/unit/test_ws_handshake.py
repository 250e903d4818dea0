# The upgrade request and the answers servers really give.
# MIT license; part of microevse

import asyncio
import errno

from helpers import raises, run
from ocppj import dial, failure, handshake, url
from ocppj.backoff import Backoff
from ocppj.handshake import HandshakeError
from ws_streams import EOF, Streams
from ws_streams import ACCEPT, response

# RFC 6455 section 1.3, the example of the specification.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def refused(data):
    return raises(HandshakeError, handshake.check_response, data, KEY, ("ocpp1.6",))


def test_accept_key_of_the_specification():
    assert handshake.accept_key(KEY) == ACCEPT


def test_good_answer_gives_the_sub_protocol():
    assert handshake.check_response(response(), KEY, ("ocpp2.0.1", "ocpp1.6")) == "ocpp1.6"


def test_request_carries_everything():
    target = url.parse("wss://h:1/ocpp?x=1")
    data = handshake.request(target, "CP/1", KEY, ("ocpp2.0.1", "ocpp1.6"), b"\x00\xffpw")
    lines = data.split(b"\r\n")
    assert lines[0] == b"GET /ocpp/CP%2F1?x=1 HTTP/1.1"
    for line in (
        b"Host: h:1",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
        b"Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6",
        b"Authorization: Basic Q1AvMToA/3B3",
    ):
        assert line in lines, line
    assert data.endswith(b"\r\n\r\n")
    assert b"Authorization" not in handshake.request(target, "CP/1", KEY, ("ocpp1.6",))


def test_long_password_stays_on_one_line():
    value = handshake.basic_auth("CP", b"x" * 200)
    assert b"\n" not in value and b"\r" not in value


def test_refusals_keep_their_status():
    for status in (301, 400, 401, 403, 404, 429, 500, 503):
        exc = refused(response(b"%d No" % status))
        assert exc.status == status and str(status) in str(exc)


def test_server_that_chooses_no_sub_protocol_is_left():
    assert "no sub-protocol" in str(refused(response(protocol=b"")))
    for chosen in (b"ocpp2.1", b"ocpp1.6, ocpp2.0.1", b"\xff\x00\r", b"x" * 99):
        text = str(refused(response(protocol=chosen)))
        assert text.startswith("the server chose ") and text.endswith("offered was ocpp1.6"), text
        assert len(text) < 90 and all(32 <= ord(c) < 127 for c in text), text
    assert "chose ocpp2.1 as" in str(refused(response(protocol=b"ocpp2.1")))


def test_answers_that_prove_nothing():
    assert "Accept" in str(refused(response(accept=b"wrong")))
    assert "Accept" in str(refused(response(accept=b"")))
    assert "extension" in str(
        refused(response(more=b"\r\nSec-WebSocket-Extensions: permessage-deflate"))
    )
    assert "Upgrade" in str(refused(response().replace(b"WebSocket\r", b"h2c\r")))
    assert "Connection" in str(refused(response().replace(b"keep-alive, Upgrade", b"close")))
    for junk in (b"", b"HTTP/1.1", b"SSH-2.0-x", b"\xff\xfe", b"HTTP/1.1 abc x", b"HTTP/1.1 1"):
        assert "not HTTP" in str(refused(junk))


def upgrade(data, step=0):
    async def go():
        s = Streams(step)

        class Server(Streams):
            def write(self, request):
                key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
                s.feed(data.replace(b"ACCEPT", handshake.accept_key(key)))

        target = url.parse("ws://h")
        return await handshake.upgrade(s, Server(), target, "CP", ("ocpp1.6",))

    return run(go())


def test_a_request_that_is_not_sent_in_time_ends_the_attempt():
    """Over TLS it is sent when the handshake has ended. The answer itself may take longer."""

    async def go(stuck):
        s = Streams()
        if stuck:
            s.block = asyncio.Event()
        target = url.parse("wss://h")
        attempt = handshake.upgrade(s, s, target, "CP", ("ocpp1.6",), None, 0.05)
        try:
            await asyncio.wait_for(attempt, 0.3)
        except asyncio.TimeoutError as exc:
            return failure.words(exc, 30, bool), failure.heard(exc)

    assert run(go(True)) == ("the server is too slow in the TLS handshake", False)
    assert run(go(False)) == ("no answer within 30 s", False)


def test_bytes_after_the_header_are_kept():
    good = response(accept=b"ACCEPT") + b"\r\n\r\n"
    assert upgrade(good + b"\x81\x02hi") == ("ocpp1.6", b"\x81\x02hi")
    assert upgrade(good, step=1) == ("ocpp1.6", b"")


def test_bytes_beyond_ascii_in_the_answer_are_opaque():
    # RFC 9110 5.5. One of them, and the central system was never reached: "not HTTP".
    for odd in (
        b"X: caf\xe9",
        b"X: \xff\xfe\x80",
        b"X-\xe9: 1",
        b"Server: \xc3\xa9",
        b"\x80: \x01",
    ):
        for step in (0, 1):
            good = response(accept=b"ACCEPT", more=b"\r\n" + odd) + b"\r\n\r\n"
            assert upgrade(good + b"\x81\x02h\xe9", step)[0] == "ocpp1.6", odd
        assert handshake.check_response(response(more=b"\r\n" + odd), KEY, ("ocpp1.6",))
    for reason in (b"d\xe9j\xe0", b"\xff" * 50, b"", b"x" * 3000):
        good = response(b"101 " + reason, b"ACCEPT") + b"\r\n\r\n"
        assert upgrade(good)[0] == "ocpp1.6", reason
    exc = raises(HandshakeError, upgrade, response(b"403 interdit \xe9") + b"\r\n\r\n")
    assert exc.status == 403
    # In a line that matters they are no reason for an exception either.
    for more in (
        b"\r\nSec-WebSocket-Protocol: \xe9",
        b"\r\nConnection: \xff",
        b"\r\nUpgrade: \xe9",
    ):
        bad = response(accept=b"ACCEPT", protocol=b"", more=more) + b"\r\n\r\n"
        raises(HandshakeError, upgrade, bad)


def test_long_lines_of_proxies_are_passed_over():
    for size in (1000, 1024, 1300, 4000, 9000):
        for step in (0, 1):
            more = b"\r\nContent-Security-Policy: " + b"a" * size + b"\r\nSet-Cookie: x"
            good = response(accept=b"ACCEPT", more=more) + b"\r\n\r\n"
            assert upgrade(good + (b"" if step else b"!"), step)[0] == "ocpp1.6", (size, step)
    good = response(accept=b"ACCEPT").replace(b"\r\n", b"\n") + b"\n\n"
    assert upgrade(good + b"\x81") == ("ocpp1.6", b"\x81")
    bad = b"\r\nSec-WebSocket-Extensions: " + b"x" * 2000
    exc = raises(HandshakeError, upgrade, response(more=bad) + b"\r\n\r\n")
    assert "too long" in str(exc)


def test_endless_or_missing_header():
    exc = raises(HandshakeError, upgrade, b"HTTP/1.1 101 x\r\n" + b"A: b\r\n" * 5000)
    assert "too long" in str(exc) and exc.status == 0
    exc = raises(HandshakeError, upgrade, EOF)
    assert "without an answer" in str(exc)
    raises(HandshakeError, upgrade, b"HTTP/1.1 101 x\r\n" + EOF)


def test_back_off_grows_to_its_cap_and_starts_over():
    b = Backoff(lambda n: 0)
    assert [b.next_ms() for _ in range(9)] == [
        2000,
        4000,
        8000,
        16000,
        32000,
        64000,
        120000,
        120000,
        120000,
    ]
    b.reset()
    assert b.next_ms() == 2000
    b = Backoff(lambda n: n - 1)  # the most jitter there is: half
    assert [b.next_ms() for _ in range(3)] == [1000, 2000, 4000]


def test_a_server_that_is_not_there_is_asked_more_often_than_one_that_refuses():
    """30 s of an attempt whose packets vanish and this wait: back within a minute."""
    vanished, refused = asyncio.TimeoutError(), OSError(errno.ECONNREFUSED)
    for exc in (vanished, refused, HandshakeError(0, "closed"), dial.UnknownHost("x")):
        assert failure.longest_wait_ms(exc) == 24000
    assert failure.longest_wait_ms(HandshakeError(503, "restarting")) == 48000
    for exc in (HandshakeError(401, "no"), HandshakeError(404, "no"), ValueError("certificate")):
        assert failure.longest_wait_ms(exc) == 120000
    b = Backoff(lambda n: 0)
    assert [b.next_ms(24000) for _ in range(6)] == [2000, 4000, 8000, 16000, 24000, 24000]
    # Between two of those a refusal: its own wait has grown meanwhile.
    assert b.next_ms() == 120000


def test_an_answer_of_anybody_is_told_from_silence():
    for exc in (
        OSError(errno.ECONNREFUSED), OSError(errno.ECONNRESET), OSError(-0x7780),
        HandshakeError(503, "x"), HandshakeError(0, "closed"), ValueError("certificate"),
    ):  # fmt: skip
        assert failure.heard(exc), exc
    for exc in (
        OSError(errno.EHOSTUNREACH), OSError(errno.ETIMEDOUT), OSError(-202),
        asyncio.TimeoutError(), dial.UnknownHost("x"),
    ):  # fmt: skip
        assert not failure.heard(exc), exc
