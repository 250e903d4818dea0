# Transfers against servers made of text: what is asked, what is taken, what is refused.
# MIT license; part of microevse
"""Each connection of the test gets the next script: what the server says, and how it ends."""

import asyncio

import transfer
from helpers import raises, run
from transfer import ftp, http, stream, url


class Line:
    """Reader and writer in one. script: bytes to come; end: "close", "reset" or "hang"."""

    def __init__(self, script, end="close", step=0):
        self._data = script
        self._end = end
        self._step = step
        self.sent = b""
        self.closed = False

    async def read(self, size):
        await asyncio.sleep(0)
        if self._step:
            size = min(size, self._step)
        data, self._data = self._data[:size], self._data[size:]
        if not data:
            if self._end == "reset":
                raise OSError(104)
            if self._end == "hang":
                await asyncio.Event().wait()
        return data

    def write(self, data):
        self.sent += bytes(data)

    async def drain(self):
        await asyncio.sleep(0)

    def close(self):
        self.closed = True

    async def wait_closed(self):
        self.closed = True


class Endless(Line):
    """A server that says `script`, and then `again` for ever; `pause_s` before each read."""

    def __init__(self, script, again, pause_s=0):
        Line.__init__(self, script)
        self._again = again
        self._pause_s = pause_s

    async def read(self, size):
        await asyncio.sleep(self._pause_s)
        if self._pause_s:
            size = 1
        while len(self._data) < size:
            self._data += self._again
        data, self._data = self._data[:size], self._data[size:]
        return data


class Net:
    """Stands in for stream.open_stream, and for DNS, while it is used."""

    def __init__(self, *lines):
        self.lines = list(lines)
        self.used = []
        self.opened = []

    async def open(self, host, port, context):
        self.opened.append((host, port, context))
        if not self.lines:
            raise OSError(111)
        self.used.append(self.lines.pop(0))
        return self.used[-1], self.used[-1]

    def do(self, coro):
        before, stream.open_stream = stream.open_stream, self.open
        ftp.address = lambda host, number: host
        try:
            # Longer than any of these may take: what goes on for ever fails.
            return run(asyncio.wait_for(coro, 20))
        finally:
            stream.open_stream = before
            assert all(line.closed for line in self.used), "a connection stays open"


class Sink:
    def __init__(self, error=None):
        self.size = self.begun = None
        self.data = b""
        self.error = error

    async def begin(self, size):
        assert not self.begun
        self.begun = True
        self.size = size

    async def write(self, chunk):
        if self.error:
            raise self.error
        self.data += bytes(chunk)


BODY = bytes(range(256)) * 9


def ok(body=BODY, *more, status="200 OK", length=None):
    length = len(body) if length is None else length
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % length]
    return "\r\n".join(lines + list(more)).encode() + b"\r\n\r\n" + body


def get(*lines, where="http://h.example/f?x=1", **kw):
    net, sink = Net(*lines), Sink()
    size = net.do(transfer.fetch(where, sink, **kw))
    assert size == len(sink.data)
    return net, sink


def fails(*lines, where="http://h/f", **kw):
    net = Net(*lines)
    fn = lambda: net.do(transfer.fetch(where, Sink(), **kw))  # noqa: E731
    return str(raises(transfer.TransferError, fn))


# -- HTTP down ---------------------------------------------------------------------------


def test_a_file_comes_whole_however_it_is_cut_into_packets():
    for step in (0, 1, 7, 1000):
        net, sink = get(Line(ok(), step=step))
        assert sink.data == BODY and sink.size == len(BODY)
        head = net.used[0].sent.decode()
        assert head.startswith("GET /f?x=1 HTTP/1.1\r\nHost: h.example\r\n")
        assert head.endswith("\r\n\r\n") and "Authorization" not in head


def test_chunks_are_put_together():
    body = b"5;x=y\r\nhello\r\n00a\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
    for step in (0, 1):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        _, sink = get(Line(head + body, step=step))
        assert sink.data == b"hello0123456789" and sink.size is None


def test_a_file_without_a_length_ends_with_the_connection():
    _, sink = get(Line(b"HTTP/1.0 200 OK\r\n\r\n" + BODY))
    assert sink.data == BODY


def test_a_lost_connection_is_taken_up_where_it_broke():
    tag = 'ETag: "v1"'
    first = Line(ok(BODY[:1000], tag, length=len(BODY)), "reset")
    rest = ok(BODY[1000:], "Content-Range: bytes 1000-2303/2304", status="206 Partial")
    net, sink = get(first, Line(rest))
    assert sink.data == BODY
    assert b'Range: bytes=1000-\r\nIf-Range: "v1"' in net.used[1].sent
    # A server that knows no ranges sends everything again: what is there is passed over.
    _, sink = get(Line(ok(BODY[:1000], length=len(BODY))), Line(ok()))
    assert sink.data == BODY


def test_a_silent_connection_is_given_up_and_taken_up():
    rest = ok(BODY[1000:], "Content-Range: bytes 1000-2303/2304", status="206 Partial")
    first = Line(ok(BODY[:1000], length=len(BODY)), "hang")
    _, sink = get(first, Line(rest), stall_s=0)
    assert sink.data == BODY
    assert fails(Line(b"", "hang"), stall_s=0) == "no progress"


def test_a_file_that_changes_meanwhile_is_no_file():
    cut = ok(BODY[:1000], 'ETag: "v1"', length=len(BODY))
    assert "changed" in fails(Line(cut), Line(ok(BODY, 'ETag: "v2"')))
    assert "changed" in fails(Line(ok(BODY[:9], length=20)), Line(ok(b"x" * 21)))
    other = ok(BODY[5:], "Content-Range: bytes 5-9/10", status="206 Partial")
    assert "another part" in fails(Line(cut), Line(other))


def test_resuming_has_an_end():
    def lines():
        yield Line(ok(BODY[:1], length=99))
        for i in range(1, 9):
            text = "Content-Range: bytes %d-98/99" % i
            yield Line(ok(b"x", text, status="206 Partial", length=99 - i))

    assert fails(*lines(), resumes=3) == "the connection ended early"


def test_redirections_are_followed_a_few_times_and_passwords_stay_at_home():
    def to(where):
        return Line(ok(b"", "Location: " + where, status="302 Found"))

    net, sink = get(to("/a/b"), to("c?d"), Line(ok()), where="http://u:p%40@h/f")
    assert sink.data == BODY
    paths = [line.sent.split(b" ")[1] for line in net.used]
    assert paths == [b"/f", b"/a/b", b"/a/c?d"]
    assert all(b"Authorization: Basic dTpwQA==\r\n" in line.sent for line in net.used)
    net, _ = get(to("http://other:81/x"), Line(ok()), where="http://u:p@h/f")
    assert net.opened[1][:2] == ("other", 81) and b"Authorization" not in net.used[1].sent
    assert "too many" in fails(*[to("/again") for _ in range(9)])
    assert "weaker" in fails(to("http://h/f"), where="https://h/f", tls=lambda: "context")
    assert "weaker" in fails(to("ftp://h/f"))
    assert "nowhere" in fails(Line(ok(b"", status="301 Moved")))
    assert "redirection: " in fails(to("gopher://h/f"))
    net, sink = get(to("https://h/g"), Line(ok()), where="https://h/f", tls=lambda: "context")
    assert sink.data == BODY and net.opened[1] == ("h", 443, "context")


def test_as_many_redirections_are_followed_as_the_limit_says():
    def lines(count):
        again = [Line(ok(b"", "Location: /again", status="302 Found")) for _ in range(count)]
        return again + [Line(ok())]

    _, sink = get(*lines(http.REDIRECTS))
    assert sink.data == BODY
    assert "too many" in fails(*lines(http.REDIRECTS + 1))


def test_where_a_redirection_leads():
    base = url.parse("https://u:p@h/a/b?c")
    for text, wanted in (
        ("//o:81/x", ("https", "o", 81, "/x", None, None)),
        ("//h/x", ("https", "h", 443, "/x", "u", "p")),
        ("?d", ("https", "h", 443, "/a/b?d", "u", "p")),
        ("d", ("https", "h", 443, "/a/d", "u", "p")),
        ("https://v:q@h/x", ("https", "h", 443, "/x", "v", "q")),
        ("https://h:444/x", ("https", "h", 444, "/x", None, None)),
        ("http://h:443/x", ("http", "h", 443, "/x", None, None)),
    ):
        to = url.resolve(base, text)
        assert (to.scheme, to.host, to.port, to.path, to.user, to.password) == wanted, text
    assert http._address(b"/!~(\x7f \x9d\xff") == "/!~(%7F%20%9D%FF"


def test_tls_is_only_used_with_a_context_and_for_https():
    net, _ = get(Line(ok()), where="https://h/f", tls=lambda: "context")
    assert net.opened == [("h", 443, "context")]
    assert fails(Line(ok()), where="https://h/f") == "no TLS here"
    net, _ = get(Line(ok()), where="http://h/f", tls=lambda: "context")
    assert net.opened == [("h", 80, None)]


def test_what_is_too_much_or_no_http_is_refused():
    assert "too many" in fails(Line(ok(length=1 << 30)))
    assert "more than 100" in fails(Line(b"HTTP/1.1 200 OK\r\n\r\n" + BODY), limit=100)
    assert "status 404" in fails(Line(ok(status="404 Not Found")))
    assert "no number" in fails(Line(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"))
    assert "not speak HTTP" in fails(Line(b"SSH-2.0-OpenSSH\r\n"))
    assert "without end" in fails(Line(b"HTTP/1.1 200 " + b"x" * 90000))
    assert "not HTTP" in fails(Line(b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" + b"B%d\r\n" * 3))
    headers = b"".join([b"H" + str(i).encode() + b": 1\r\n" for i in range(199)])
    assert "do not end" in fails(Line(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n"))
    assert "encoding" in fails(Line(ok(BODY, "Content-Encoding: gzip")))
    for bad in (b"zz", b"-5", b"5\r\nhelloX", b"", b"fffffffffff", b"0x5", b"1_0"):
        chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + bad + b"\r\n"
        assert "chunks" in fails(Line(chunks)), bad


def test_what_cannot_be_stored_is_not_the_network_s_fault():
    net = Net(Line(ok()))
    exc = raises(
        transfer.TransferError,
        lambda: net.do(transfer.fetch("http://h/f", Sink(OSError(28)))),
    )
    assert "stored" in str(exc)
    net = Net(Line(ok()))
    bad = Sink(ValueError("no room"))
    assert str(raises(ValueError, lambda: net.do(transfer.fetch("http://h/f", bad)))) == "no room"


# -- servers that are odd ----------------------------------------------------------------


def answer(*lines, body=BODY):
    """An answer with these header lines (bytes) among others."""
    head = [b"HTTP/1.1 200 OK"] + list(lines) + [b"Content-Length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def test_long_header_lines_that_nobody_needs_are_passed_over():
    # A policy line of 1.3 KB was "a line without end" once, and the update failed.
    for size in (1000, 1020, 1024, 1025, 1300, 4096, 8192, 30000):
        for step in (0, 1, 256) if size < 2000 else (0,):
            long = b"Content-Security-Policy: " + b"a" * size
            _, sink = get(Line(answer(long, b"ETag: x", long), step=step))
            assert sink.data == BODY, (size, step)
    _, sink = get(Line(answer(b"N" * 5000 + b": 1")))
    assert sink.data == BODY
    _, sink = get(Line(answer().replace(b"OK", b"O" * 5000)))
    assert sink.data == BODY


def test_long_locations_are_followed_whole():
    for size in (700, 1100, 2048, 3000, 4000):
        where = "http://other/f?token=" + "".join([chr(97 + i % 26) for i in range(size)])
        for step in (0, 7):
            moved = ok(b"", "Location: " + where, status="302 Found")
            net, sink = get(Line(moved, step=step), Line(ok()))
            assert sink.data == BODY
            assert net.used[1].sent.startswith(b"GET " + where[12:].encode() + b" HTTP/1.1\r\n")
    # Cut off it would lead somewhere else.
    moved = ok(b"", "Location: /" + "x" * 9000, status="302 Found")
    assert "too long" in fails(Line(moved), Line(ok()))


def test_bytes_beyond_ascii_in_headers_are_opaque():
    # RFC 9110 5.5. One such byte in a header made the answer unreadable.
    for odd in (
        b"X-Caf\xe9: 1",
        b"X: caf\xe9",
        b"X: \xff\xfe\x80",
        b"\xc3\xa9: 1",
        b"X: \x01\x7f",
    ):
        _, sink = get(Line(answer(odd)))
        assert sink.data == BODY, odd
    _, sink = get(Line(answer().replace(b"200 OK", b"200 d\xe9j\xe0 vu")))
    assert sink.data == BODY
    # A tag goes back as it came.
    cut = answer(b'ETag: "v\xe9\xff"')[: 1000 - len(BODY)]
    rest = ok(BODY[1000:], "Content-Range: bytes 1000-2303/2304", status="206 Partial")
    net, sink = get(Line(cut, "reset"), Line(rest))
    assert sink.data == BODY and b'If-Range: "v\xe9\xff"\r\n' in net.used[1].sent
    moved = answer(b"Location: /caf\xc3\xa9 1.bin", body=b"").replace(b"200 OK", b"302 Found")
    net, sink = get(Line(moved), Line(ok()))
    assert net.used[1].sent.startswith(b"GET /caf%C3%A9%201.bin HTTP")


def test_headers_of_old_servers_are_understood():
    odd = (b"X-Folded: a", b"   and more", b"\tand: more", b"EMPTY:", b"CONTENT-TYPE : x")
    _, sink = get(Line(answer(*odd)))
    assert sink.data == BODY and sink.size == len(BODY)
    _, sink = get(Line(answer(*odd).replace(b"\r\n", b"\n", 6)))
    assert sink.data == BODY
    text = "content-range: Bytes 1000-2303/2304"
    rest = ok(BODY[1000:], text, status="206 Partial")
    _, sink = get(Line(ok(BODY[:1000], length=len(BODY)), "reset"), Line(rest))
    assert sink.data == BODY


def test_chunk_sizes_are_any_number_of_hex_digits():
    # "000003e8" was "chunks are broken".
    data = BODY[:1000]
    for size in (
        b"3e8",
        b"3E8",
        b"000003e8",
        b"0" * 20 + b"3E8",
        b"0" * 500 + b"3e8",
        b"3e8;a=b",
        b'3e8 ;a="x;y"',
        b"3e8;" + b"x" * 3000,
        b"00003e8\t",
    ):
        for last in (b"0", b"00", b"0" * 100, b"0;x=y"):
            body = size + b"\r\n" + data + b"\r\n0a\r\n0123456789\r\n" + last + b"\r\n\r\n"
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
            _, sink = get(Line(head + body))
            assert sink.data == data + b"0123456789", (size, last)
    for bad in (b"0" * 40000, b"0" * 2000, b"g", b"3e8 5", b";x", b"+3", b"\xe9", b"100000000"):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        text = fails(Line(head + bad + b"\r\n" + data))
        assert "chunk" in text or "without end" in text, (bad[:10], text)


def test_no_server_can_go_on_for_ever():
    # Once an update stayed "Downloading" until the next reboot.
    ok_line = b"HTTP/1.1 200 OK\r\n"
    chunked = ok_line + b"Transfer-Encoding: chunked\r\n\r\n"
    for script, again, word in (
        (ok_line, b"X-Same: 1\r\n", "do not end"),
        (ok_line, b" folded\r\n", "do not end"),
        (ok_line + b"X: ", b"a", "without end"),
        (ok_line + b"Location: ", b"a", "without end"),
        (b"HTTP/1.1 200 ", b"a", "without end"),
        (b"", b"a", "without end"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "not come to an answer"),
        (b"", b"HTTP/1.1 103 Early\r\nX: 1\r\n\r\n", "not come to an answer"),
        (b"", b"HTTP/1.1 100 Continue\r\n", "not HTTP"),
        (chunked + b"5;", b"x", "without end"),
        (chunked, b"0", "without end"),
        (chunked, b"1\r\nx\r\n", "more than"),
        (ok_line + b"\r\n", b"x", "more than"),
        (b"", b"HTTP/1.1 302 Found\r\nLocation: /f\r\n\r\n", "too many"),
    ):
        lines = [Endless(script, again) for _ in range(9)]
        text = fails(*lines, limit=20000)
        assert word in text, (script, again[:9], text)
        text = fails(*[Endless(script, again) for _ in range(9)], limit=20000, where="ftp://h/f")
        assert "FTP" in text or "without end" in text, text
    # All of the file is there: what follows is not even read.
    _, sink = get(Endless(chunked + b"5\r\nhello\r\n0\r\n", b"Trailer: 1\r\n"))
    assert sink.data == b"hello"


def slowly(fn):
    """Run `fn` with limits of tenths of a second instead of minutes; seconds between looks."""
    names = ("ALLOWED_S", "SLOW_S", "_LOOK_S")
    kept = [getattr(stream, name) for name in names]
    for name, value in zip(names, (0.3, 0.1, 0.02)):
        setattr(stream, name, value)
    try:
        fn()
    finally:
        for name, value in zip(names, kept):
            setattr(stream, name, value)


def test_a_byte_now_and_then_is_no_progress():
    ok_line = b"HTTP/1.1 200 OK\r\n"
    chunked = ok_line + b"Transfer-Encoding: chunked\r\n\r\n"
    login = b"220 hi\r\n230 in\r\n200 ok\r\n550 no\r\n227 (1,2,3,4,5,6)\r\n150 here\r\n"

    def body():
        for script, again in (
            (ok_line, b"X: 1\r\n"),
            (ok_line + b"\r\n", b"x"),
            (ok_line + b"Content-Length: 2000\r\n\r\n", b"x"),
            (chunked, b"1\r\nx\r\n"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ):
            text = fails(Endless(script, again, 0.01))
            assert text.startswith("too slow"), (script, again, text)
        for script in (b"", b"220-", b"220 hi\r\n", b"220 hi\r\n331 ok\r\n230-"):
            text = fails(Endless(script, b"a", 0.01), where="ftp://h/f")
            assert "too slow" in text or "FTP" in text, (script, text)
        text = fails(Line(login, "hang"), Endless(b"", b"x", 0.01), where="ftp://h/f")
        assert text.startswith("too slow"), text
        # The same on the way out: a server that takes what comes, and never says that it has.
        text = raises(
            transfer.TransferError,
            lambda: Net(Endless(b"", b" ", 0.01)).do(
                transfer.send("http://h/f", pieces, len(TEXT), "n")
            ),
        )
        assert "too slow" in str(text)

    slowly(body)


def test_the_time_that_a_file_may_take_follows_its_size():
    progress = stream.Progress()
    progress.look(1000 * stream.ALLOWED_S, 60)
    raises(transfer.TransferError, progress.look, 1, 60)
    progress = stream.Progress()
    for _ in range(4000):  # 4 MB at 1.1 KB/s, more than an hour
        progress.moved += 1100
        progress.touch()
        progress.look(1000, 60)
    progress.held = True  # waits for a car that charges: the server is not to blame
    progress.look(10000000, 60)
    progress.held = False
    progress.look(1000, 60)
    for _ in range(1400):
        progress.moved += 500  # half of what is the least
        try:
            progress.look(1000, 60)
        except transfer.TransferError:
            break
    else:
        raise AssertionError("no end")


def test_a_resumed_download_has_one_deadline_for_all_its_connections():
    def again(at, size):
        text = "Content-Range: bytes %d-%d/%d" % (at, size - 1, size)
        return ok(b"x", text, status="206 Partial", length=size - at)

    def body():
        lines = [Line(ok(b"x", length=99), "hang")]
        lines += [Line(again(i, 99), "hang") for i in range(1, 50)]
        net = Net(*lines)
        exc = raises(
            transfer.TransferError,
            lambda: net.do(transfer.fetch("http://h/f", Sink(), stall_s=0.05, resumes=99)),
        )
        assert "too slow" in str(exc) and len(net.used) < 12, (exc, len(net.used))

    slowly(body)


def test_a_newer_request_ends_what_hangs_or_creeps():
    def body():
        for line in (
            Line(b"", "hang"),
            Line(ok(BODY[:9], length=99), "hang"),
            Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.01),
        ):
            wanted = [True, True, True]
            net = Net(line)
            exc = raises(
                transfer.TransferError,
                lambda: net.do(
                    transfer.fetch(  # noqa: B023
                        "http://h/f", Sink(), stop=lambda slow: not (wanted and wanted.pop())
                    )
                ),
            )  # noqa: B023
            assert "newer request" in str(exc)
        for where in ("http://h/f", "ftp://h/f"):
            net = Net(Line(b"", "hang"))
            exc = raises(
                transfer.TransferError,
                lambda: net.do(
                    transfer.send(  # noqa: B023
                        where, pieces, None, "n", stop=lambda slow: slow
                    )
                ),
            )  # noqa: B023
            assert "newer request" in str(exc)

        async def car():  # the gate stays shut
            await asyncio.Event().wait()

        net = Net()
        exc = raises(
            transfer.TransferError,
            lambda: net.do(transfer.fetch("http://h/f", Sink(), gate=car, stop=lambda slow: True)),
        )
        assert "newer request" in str(exc)

    slowly(body)


# -- HTTP up -----------------------------------------------------------------------------


def pieces():
    for i in range(300):
        yield b"line %03d\n" % i


TEXT = b"".join(pieces())
SIZE = len(TEXT)


def put(*lines, where="http://h/f", size=SIZE):
    net = Net(*lines)
    net.do(transfer.send(where, pieces, size, "n.txt"))
    return net


def test_an_upload_is_announced_and_complete():
    sent = put(Line(ok(b"", status="201 Created"))).used[0].sent
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /f HTTP/1.1\r\n") and b"Content-Length: 2700" in head
    assert b'filename="n.txt"' in head
    assert body == TEXT


def test_an_upload_of_unknown_size_goes_in_chunks():
    sent = put(Line(ok(b"", status="200 OK")), size=None).used[0].sent
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head and b"Content-Length" not in head
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            break
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    assert whole == TEXT and body == b"\r\n"


def test_post_where_put_is_not_known():
    net = put(Line(ok(b"", status="405 No")), Line(ok(b"", status="204 Fine")))
    assert [line.sent[:5] for line in net.used] == [b"PUT /", b"POST "]
    assert net.used[1].sent.endswith(TEXT)

    def refused():
        put(Line(ok(b"", status="405 No")), Line(ok(b"", status="403 No")))

    assert str(raises(transfer.TransferError, refused)) == "HTTP status 403"


def test_an_interim_answer_is_passed_over():
    put(Line(b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"", status="201 Created")))


def test_a_source_that_is_not_as_long_as_told_is_no_upload():
    for size in (len(TEXT) - 1, len(TEXT) + 1):
        raises(transfer.TransferError, lambda: put(Line(ok(b"")), size=size))


# -- FTP, URLs ---------------------------------------------------------------------------


def test_an_ftp_server_that_talks_nonsense_is_left():
    for said in (
        b"HTTP/1.1 400 no\r\n",
        b"421 full\r\n",
        b"220 hi\r\n331 pw\r\n530 no\r\n",
        b"220 hi\r\n230 in\r\n200 ok\r\n213 5\r\n227 =1,2,3\r\n500 no\r\n",
        b"220 hi\r\n230 in\r\n200 ok\r\n213 5\r\n502 \r\n229 (|||x|)\r\n",
        b"220-a\r\n" * 200,
    ):
        text = fails(Line(said), where="ftp://u:secret@h/f")
        assert "secret" not in text and "FTP" in text or "talking" in text, text
    assert "names no file" in fails(where="ftp://h/")


# Answers of a server up to the data connection, after PASV or EPSV.
LOGIN = b"220 hi\r\n331 pw\r\n230 in\r\n200 ok\r\n213 2304\r\n"
END = b"150 here\r\n226 done\r\n"


def get_ftp(*said, data=BODY, where="ftp://u:p@h/f", **kw):
    """Control connection and data connection of a download; (net, sink)."""
    return get(Line(b"".join(said), "hang"), Line(data), where=where, **kw)


def test_ftp_servers_that_say_too_much_are_understood():
    pasv = b"227 Entering Passive Mode (10,9,8,7,4,1).\r\n"
    for said in (
        # One positive reply too many, wherever it comes: a 250 before the 227 was refused.
        (LOGIN, b"250 stray\r\n", pasv, END),
        (LOGIN, b"200 stray\r\n226 stray\r\n", pasv, END),
        (LOGIN, pasv, b"250 stray\r\n", END),
        (b"120 soon\r\n", LOGIN, pasv, END),
        (LOGIN.replace(b"213", b"200 stray\r\n213"), pasv, END),
        (LOGIN.replace(b"230 in", b"202 not needed"), pasv, END),
        (LOGIN.replace(b"200 ok", b"250 ok"), pasv, END),
        # Replies of many lines (RFC 959 4.2), also such as begin with digits or are empty.
        (b"220-a\r\n 220 b\r\n230 c\r\n\r\n220-d\r\n", LOGIN, pasv, END),
        (b"220-" + b"x" * 5000 + b"\r\n", LOGIN, pasv, END),
        (LOGIN.replace(b"230 in", b"230-in\r\nno code\r\n230-more\r\n230 in"), pasv, END),
        (LOGIN, b"227-wait\r\n", pasv, b"150-a\r\n150 b\r\n", END[10:]),
        (LOGIN.replace(b"200 ok\r\n", b"\r\nunfinished greeting\r\n200 ok\r\n"), pasv, END),
        (LOGIN.replace(b" hi", b"").replace(b" in", b" \xe9\xff"), pasv, END),
        # Line ends of old Unix servers.
        ((LOGIN + pasv + END).replace(b"\r\n", b"\n"),),
    ):
        net, sink = get_ftp(*said)
        assert sink.data == BODY and sink.size == 2304, said
        assert net.opened[1][1] == 4 * 256 + 1


def test_both_ways_to_passive_mode_are_understood():
    for said, number in (
        (b"227 Entering Passive Mode (0,0,0,0,4,1)\r\n", 1025),
        (b"227 Entering Passive Mode (192,168,1,9,4,1)\r\n", 1025),
        (b"227 Entering Passive Mode. 10,9,8,7,4,1\r\n", 1025),
        (b"227 =10,9,8,7,4,1\r\n", 1025),
        (b"229 Extended (|||6446|)\r\n", 6446),  # in answer to PASV
        (b"502 no\r\n229 Extended (|||6446|)\r\n", 6446),
        (b"502 no\r\n229 Extended (!!!6446!)\r\n", 6446),
        (b"502 no\r\n229 Extended |||6446|\r\n", 6446),
        (b"502 no\r\n229 Extended (|1|10.9.8.7|6446|)\r\n", 6446),
        # 227 in answer to EPSV.
        (b"522 use EPSV\r\n227 Entering Passive Mode (10,9,8,7,4,1)\r\n", 1025),
        (b"227 what\r\n229 Extended (|||6446|)\r\n", 6446),
    ):
        net, sink = get_ftp(LOGIN, said, END)
        assert sink.data == BODY, said
        # Wherever the server says that it is: we know how we reached it.
        assert [place[:2] for place in net.opened] == [("h", 21), ("h", number)], said
    for bad in (
        b"229 (|||70000|)",
        b"229 (|||x|)",
        b"227 (1,2,3)",
        b"227 (1,2,3,4,555,6)",
        b"229",
    ):
        text = fails(Line(LOGIN + b"500 no\r\n" + bad + b"\r\n"), where="ftp://h/f")
        assert "PASV and EPSV" in text, (bad, text)


def test_data_comes_from_the_server_of_the_control_connection():
    # A name may stand for many servers: asked twice, the second answer may be another one.
    addresses = ["10.0.0.1", "10.0.0.2"]
    net = Net(Line(LOGIN + b"227 (9,9,9,9,4,1)\r\n" + END, "hang"), Line(BODY))
    sink = Sink()

    async def body():
        ftp.address = lambda host, number: addresses.pop(0)
        return await transfer.fetch("ftp://u:p@h/f", sink)

    net.do(body())
    assert [place[0] for place in net.opened] == ["10.0.0.1", "10.0.0.1"]


def test_an_ftp_download_goes_on_with_and_without_rest():
    pasv = b"227 (9,9,9,9,4,1)\r\n"
    for rest, part in ((b"350 from there\r\n", BODY[1000:]), (b"502 no REST\r\n", BODY)):
        net = Net(
            Line(LOGIN + pasv + b"150 here\r\n", "hang"),
            Line(BODY[:1000]),
            Line(LOGIN + pasv + rest + END, "hang"),
            Line(part),
        )
        sink = Sink()
        net.do(transfer.fetch("ftp://u:p@h/f", sink))
        assert sink.data == BODY, rest


def test_ftp_strays_have_an_end():
    for script in (b"", LOGIN, LOGIN + b"227 (9,9,9,9,4,1)\r\n"):
        text = fails(Endless(script, b"200 fine\r\n"), Line(b"", "hang"), where="ftp://u:p@h/f")
        assert "does not stop" in text, text
    text = fails(Endless(b"220-", b"220-x\r\n"), where="ftp://h/f")
    assert "talking" in text


def test_urls():
    target = url.parse(" FTP://us%65r:p%3Aw@[fe80::1]:2121/a%20b/c#d ")
    assert (target.scheme, target.host, target.port) == ("ftp", "fe80::1", 2121)
    assert (target.user, target.password, target.path) == ("user", "p:w", "/a b/c")
    target = url.parse("https://h.example?q=/@")
    assert (target.port, target.path, target.user) == (443, "/?q=/@", None)
    assert str(url.parse("http://u:secret@h:8080/token")) == "http://h:8080"
    for bad in (
        "",
        "x",
        "ws://h",
        "http://",
        "http:///f",
        "http://h:0/",
        "http://h:99999/",
        "http://h:/f",
        "http://h o/",
        "http://h/\nx",
        "http://h\u00e4/",
        "http://[::1/",
        "ftp://h/%0d%0aDELE x",
        "ftp://h/%zz",
        "http://a:%0a@h/",
        "http://h:+1/",
        "ftp://h/%ff",
    ):
        text = str(raises(ValueError, url.parse, bad))
        assert text.startswith("URL "), bad


def test_where_a_named_file_goes():
    assert url.join("ftp://h", "n") == "ftp://h/n"
    assert url.join("ftp://h/dir", "n") == "ftp://h/dir/n"
    assert url.join("http://h", "n") == "http://h/n"
    assert url.join("http://h/dir/", "n") == "http://h/dir/n"
    assert url.join("http://h/take-it", "n") == "http://h/take-it"
    assert url.join("https://h/?sig=a/", "n") == "https://h/?sig=a/"
