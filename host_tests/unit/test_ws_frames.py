# The WebSocket client against bytes written by hand (RFC 6455).
# MIT license; part of microevse
"""Both directions at byte level; the server side here is the test itself."""

import asyncio
import gc

from helpers import raises, run
from ocppj import frames, intake, websocket
from ocppj.frames import Closed
from ocppj.websocket import WebSocket
from ws_streams import EOF, Streams, frame, frames_of


def received(data, max_size=16384, step=0, skip_size=0):
    """Feed `data`; returns (messages, Closed that ended it, frames we sent)."""

    async def go():
        s = Streams(step)
        s.feed(data)
        ws = WebSocket(s, s, max_size, b"", skip_size)
        messages = []
        try:
            while True:
                messages.append(await ws.recv())
        except Closed as exc:
            return messages, exc, frames_of(s.sent)

    return run(go())


BYE = frame(8, b"\x03\xe8bye")


def test_text_and_binary_messages_arrive():
    messages, end, sent = received(frame(1, b"hello") + frame(2, b"\x00\xff") + frame(1) + BYE)
    assert messages == ["hello", b"\x00\xff", ""]
    assert (end.code, end.reason) == (1000, "bye")
    assert sent == [(0x88, b"\x03\xe8")]  # the close is echoed with its code


def test_one_byte_at_a_time():
    text = "\u00e4\u20ac" * 200
    messages, end, _ = received(frame(1, text.encode()) + BYE, step=1)
    assert messages == [text] and end.code == 1000


def test_lengths_at_the_borders():
    for size in (125, 126, 127, 511, 512, 513, 65535, 65536, 70000):
        messages, _, _ = received(frame(1, b"x" * size) + BYE, max_size=100000)
        assert messages == ["x" * size]


def test_fragments_with_control_frames_between():
    data = (
        frame(1, b"ab", fin=False)
        + frame(9, b"ping")
        + frame(0, b"", fin=False)
        + frame(10, b"unasked pong")
        + frame(0, b"cd", fin=False)
        + frame(0, b"\xc3\xa4")
        + BYE
    )
    messages, _, sent = received(data)
    assert messages == ["abcd\u00e4"]
    assert (0x8A, b"ping") in sent


def test_utf8_character_split_over_fragments():
    messages, _, _ = received(frame(1, b"\xe2\x82", fin=False) + frame(0, b"\xac") + BYE)
    assert messages == ["\u20ac"]


def test_protocol_errors_close_with_1002():
    bad = (
        frame(1, b"x", rsv=0x40),
        frame(1, b"x", rsv=0x10),
        frame(3, b"x"),
        frame(11, b"x"),
        frame(9, b"x", fin=False),
        frame(9, b"x" * 126),
        frame(0, b"stray continuation"),
        frame(1, b"a", fin=False) + frame(1, b"b"),
        bytes([0x81, 0x81, 1, 2, 3, 4, 0x60]),  # masked by the server
        bytes([0x81, 126, 0, 5]) + b"short",  # length not in its shortest form
        bytes([0x81, 127]) + (200).to_bytes(8, "big"),
        bytes([0x81, 127, 0x80]) + bytes(7),  # 64-bit length with the top bit
        frame(8, b"\x03"),  # close frame of one byte
        frame(8, b"\x03\xed"),  # 1005 must not be on the wire
        frame(8, b"\x03\xee"),
        frame(8, b"\x03\xf7"),  # 1015
        frame(8, b"\x00\x00"),
        frame(8, b"\x07\xd0"),  # 2000
        frame(8, b"\x13\x88"),  # 5000
    )
    for data in bad:
        messages, end, sent = received(data)
        assert messages == [] and end.code == 1002, (data, end)
        assert len(sent) == 1 and sent[0][0] == 0x88 and sent[0][1][:2] == b"\x03\xea"


def test_valid_close_codes_are_echoed():
    for code in (1000, 1001, 1003, 1007, 1008, 1011, 1012, 3000, 3999, 4000, 4999):
        _, end, sent = received(frame(8, code.to_bytes(2, "big")))
        assert end.code == code and sent == [(0x88, code.to_bytes(2, "big"))]
    _, end, sent = received(frame(8))
    assert end.code == frames.NO_CODE and sent == [(0x88, b"")]


def test_text_that_is_not_utf8_closes_with_1007():
    bad = (
        b"\xff",
        b"\xc3",
        b"ok\xc0\x80",  # overlong NUL
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",  # overlong
        b"\xed\xa0\xbd\xed\xb8\x80",  # surrogate pair, as MicroPython would print it
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",  # beyond U+10FFFF
        b"\xf5\x80\x80\x80",
        b"\xe2\x82",
    )
    for data in bad:
        _, end, sent = received(frame(1, data))
        assert end.code == 1007, data
        assert sent[0][1][:2] == b"\x03\xef"
    _, end, _ = received(frame(8, b"\x03\xe8\xff"))
    assert end.code == 1007


def test_every_border_of_utf8_is_accepted():
    for code in (0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000):
        assert frames.decode_utf8(chr(code).encode()) == chr(code)
    assert frames.decode_utf8(b"\xf4\x8f\xbf\xbf") == chr(0x10FFFF)


def test_too_long_message_is_refused_from_its_header():
    async def go():
        s = Streams()
        s.feed(frame(1, size=1000000))
        ws = WebSocket(s, s, 1000)
        try:
            await ws.recv()
        except Closed as exc:
            assert exc.code == 1009
        else:
            raise AssertionError("accepted")
        assert s.largest_read <= intake.READ  # nothing was read, or made room for
        assert frames_of(s.sent)[0][1][:2] == b"\x03\xf1"

    run(go())
    # 2**62 bytes announced: no OverflowError, no allocation
    _, end, _ = received(frame(1, size=1 << 62))
    assert end.code == 1009


def test_fragments_together_are_limited():
    data = frame(1, b"x" * 600, fin=False) + frame(0, b"x" * 401, fin=False)
    _, end, _ = received(data, max_size=1000)
    assert end.code == 1009
    messages, _, _ = received(
        frame(1, b"x" * 600, fin=False) + frame(0, b"x" * 400) + BYE, max_size=1000
    )
    assert messages == ["x" * 1000]


def test_a_message_too_large_to_keep_is_thrown_away_and_the_connection_lives_on():
    call = b'[2,"id-1","DataTransfer",{"data":"' + b"y" * 3000 + b'"}]'
    whole = frame(1, call)
    # In pieces, with a ping between them, and with what is kept of it in different frames.
    pieces = frame(1, call[:3], fin=False) + frame(9, b"p") + frame(0, call[3:900], fin=False)
    pieces += frame(0, call[900:], fin=False) + frame(0, b"")
    for data in (whole, pieces):
        for step in (0, 1, 7):
            messages, end, _ = received(
                data + frame(1, b"after") + BYE, max_size=1000, step=step, skip_size=4000
            )
            assert end.code == 1000, end
            large, after = messages
            assert large.head == call[: intake.HEAD].decode() and large.size == len(call)
            assert after == "after"
    # Beyond the second limit it is closed all the same; so is one that is no text at its front.
    _, end, _ = received(frame(1, call), max_size=1000, skip_size=2000)
    assert end.code == 1009
    (large,), _, _ = received(frame(2, b"[2\xff" + b"z" * 2000) + BYE, 1000, skip_size=4000)
    assert large.head == "[2"


def test_a_heap_too_full_for_a_message_costs_the_message_only():
    class Full(WebSocket):
        fails = 1

        async def _fill(self, data, at):
            while self._left:
                part = await self._piece()
                data[at : at + len(part)] = part
                at += len(part)
                if len(data) > 500 and at > 400 and self.fails:
                    self.fails -= 1
                    raise MemoryError("as on the chip")

    async def go():
        s = Streams(100)
        call = b'[2,"id-1","DataTransfer",{"data":"' + b"y" * 900 + b'"}]'
        s.feed(frame(1, call) + frame(1, b"after"))
        ws = Full(s, s, 1000, b"", 4000)
        large = await ws.recv()
        assert large.head == call[: intake.HEAD].decode() and large.size == len(call)
        assert await ws.recv() == "after"
        ws.abort()

    run(go())


def test_end_of_stream_is_1006():
    messages, end, sent = received(frame(1, b"x") + EOF)
    assert end.code == 1006 and sent == []


def test_bytes_read_with_the_handshake_are_not_lost():
    async def go():
        s = Streams()
        ws = WebSocket(s, s, pending=frame(1, b"early")[:4])
        s.feed(frame(1, b"early")[4:])
        assert await ws.recv() == "early"
        ws.abort()

    run(go())


def test_pings_beyond_reading_are_answered_once():
    async def go():
        s = Streams()
        s.block = asyncio.Event()  # the server does not read
        ws = WebSocket(s, s)
        reader = asyncio.create_task(ws.recv())
        for i in range(200):
            s.feed(frame(9, b"%d" % i))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(ws._out) <= 2
        s.block.set()
        s.feed(frame(1, b"x"))
        assert await reader == "x"
        for _ in range(20):
            await asyncio.sleep(0)
        pongs = frames_of(s.sent)
        assert pongs[-1] == (0x8A, b"199") and len(pongs) <= 3
        ws.abort()

    run(go())


def test_sent_messages_are_masked_with_fresh_keys():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)
        sizes = (0, 1, 3, 4, 125, 126, 1023, 1024, 1025, 5000, 65535, 65536)
        for size in sizes:
            await ws.send("y" * size)
        await ws.send("gr\u00fc\u00df \U0001f600")
        await ws.send(b"\x00\x01")
        sent = frames_of(s.sent)
        assert sent[: len(sizes)] == [(0x81, b"y" * n) for n in sizes]
        assert sent[-2] == (0x81, "gr\u00fc\u00df \U0001f600".encode())
        assert sent[-1] == (0x82, b"\x00\x01")
        s.sent = b""
        await ws.send("same")
        first = s.sent
        s.sent = b""
        await ws.send("same")
        assert s.sent != first  # the mask key changes with every frame
        ws.abort()

    run(go())


def test_a_short_message_is_one_write_a_long_one_needs_no_large_block():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)
        await ws.send("x" * 256)
        assert s.writes == 1
        s.writes = 0
        await ws.send("x" * 1000)
        assert s.writes == 4
        ws.abort()

    run(go())


def test_pieces_become_fragments_of_one_message():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)
        await ws.send(iter(["a" * 600, "b" * 600, "c" * 600, "d"]))
        await ws.send(iter(["one", "frame"]))
        sent = frames_of(s.sent)
        assert [first for first, _ in sent] == [0x01, 0x80, 0x81]
        assert sent[0][1] == b"a" * 600 + b"b" * 600
        assert sent[1][1] == b"c" * 600 + b"d"
        assert sent[2][1] == b"oneframe"
        ws.abort()

    run(go())


def test_lone_surrogates_never_leave():
    assert frames.encode_utf8("a\ud83db") == "a\ufffdb".encode()
    assert frames.encode_utf8("\ud7ff\ue000") == b"\xed\x9f\xbf\xee\x80\x80"


def test_two_senders_do_not_mix_and_a_cancelled_one_leaves_no_half_frame():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)
        s.block = asyncio.Event()
        first = asyncio.create_task(ws.send("1" * 3000))
        second = asyncio.create_task(ws.send("2" * 3000))
        for _ in range(5):
            await asyncio.sleep(0)
        first.cancel()  # in the middle of its frame
        s.block.set()
        await second
        assert [body for _, body in frames_of(s.sent)] == [b"1" * 3000, b"2" * 3000]
        ws.abort()

    run(go())


def test_blocked_writer_does_not_stop_the_reader():
    async def go():
        s = Streams()
        s.block = asyncio.Event()
        ws = WebSocket(s, s)
        sender = asyncio.create_task(ws.send("stuck"))
        s.feed(frame(9, b"p") + frame(1, b"still here"))
        assert await ws.recv() == "still here"
        ws.abort("given up")
        try:
            await sender
        except Closed as exc:
            assert exc.code == 1006
        else:
            raise AssertionError("send returned")

    run(go())


def test_write_failure_ends_everybody_and_tells_the_owner():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)
        told = []
        ws.on_broken = told.append
        s.error = OSError(104)
        for _ in range(2):
            try:
                await ws.send("x")
            except Closed as exc:
                assert exc.code == 1006
            else:
                raise AssertionError("send returned")
        assert len(told) == 1
        ws.abort()

    run(go())


def test_close_waits_for_the_echo():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)

        async def reader():
            try:
                await ws.recv()
            except Closed as exc:
                return exc

        task = asyncio.create_task(reader())
        closing = asyncio.create_task(ws.close(1000, "restart"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert frames_of(s.sent) == [(0x88, b"\x03\xe8restart")]
        assert not closing.done()
        s.feed(frame(8, b"\x03\xe8"))
        await closing
        assert (await task).code == 1000
        assert len(frames_of(s.sent)) == 1  # the echo is not echoed
        try:
            await ws.send("late")
        except Closed:
            pass
        else:
            raise AssertionError("sent after close")

    run(go())


def test_close_without_echo_ends_after_its_timeout():
    async def go():
        s = Streams()
        ws = WebSocket(s, s)
        keep = websocket.CLOSE_TIMEOUT_S
        websocket.CLOSE_TIMEOUT_S = 0.05
        try:
            await ws.close()
        finally:
            websocket.CLOSE_TIMEOUT_S = keep
        assert isinstance(ws._over, Closed)

    run(go())


def test_ping_is_queued_once_while_the_line_is_stuck():
    async def go():
        s = Streams()
        s.block = asyncio.Event()
        ws = WebSocket(s, s)
        for _ in range(10):
            await ws.ping()
            await asyncio.sleep(0)
        assert len(ws._out) <= 1
        s.block.set()
        ws.abort()

    run(go())


def test_mask_is_its_own_inverse():
    # The example of RFC 6455 section 5.7.
    assert frames.mask(b"Hello", b"\x37\xfa\x21\x3d") == b"\x7f\x9f\x4d\x51\x58"
    data = bytes(range(256)) * 3 + b"tail"
    for size in (0, 1, 2, 3, 5, 255, len(data)):
        masked = frames.mask(data[:size], b"\x00\x80\xff\x01")
        assert len(masked) == size
        assert frames.mask(masked, b"\x00\x80\xff\x01") == data[:size]
    assert raises(ValueError, frames.decode_utf8, b"\xc0\x80")


def test_a_message_that_was_sent_takes_no_memory_any_more():
    """The stack of a coroutine that waits keeps what was on it: so the writer kept the last
    message until the next one, a quarter of an hour later maybe."""
    size = 8000
    queued = []

    class Writer(Streams):
        def write(self, data):
            pass

    async def send(ws, count=size):
        await ws.send("x" * count)

    async def go():
        s = Writer()
        ws = WebSocket(s, s, 16384, b"", 0)
        queue = ws._queue

        def noted(*args):
            queued.append(queue(*args))
            return queued[-1]

        await send(ws, 1)  # whatever is made once is made
        gc.collect()
        before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
        await send(ws)
        ws._queue = noted
        await send(ws)
        await asyncio.sleep(0)
        gc.collect()
        assert not before or gc.mem_alloc() - before < size // 2
        assert [item[1] for item in queued] == [None]
        ws.abort()

    run(go())
