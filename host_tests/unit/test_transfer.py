# Transfers against servers made of text: what is asked, what is taken, what is refused.
# MIT license; part of microevse
"""Each connection of the test gets the next script: what the server says, and how it ends."""

import asyncio

import transfer
from helpers import raises, run
from transfer import ftp, stream, url


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
            return run(coro)
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


# -- HTTP down -------------------------------------------------------------------------------


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
    assert b"Range: bytes=1000-\r\nIf-Range: \"v1\"" in net.used[1].sent
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


# -- HTTP up ---------------------------------------------------------------------------------


def pieces():
    for i in range(300):
        yield b"line %03d\n" % i


TEXT = b"".join(pieces())


def put(*lines, where="http://h/f", size=len(TEXT)):
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


# -- FTP, URLs -------------------------------------------------------------------------------


def test_an_ftp_server_that_talks_nonsense_is_left():
    for said in (b"HTTP/1.1 400 no\r\n", b"421 full\r\n", b"220 hi\r\n331 pw\r\n530 no\r\n",
                 b"220 hi\r\n230 in\r\n200 ok\r\n213 5\r\n227 =1,2,3\r\n500 no\r\n",
                 b"220 hi\r\n230 in\r\n200 ok\r\n213 5\r\n502 \r\n229 (|||x|)\r\n",
                 b"220-a\r\n" * 200):
        text = fails(Line(said), where="ftp://u:secret@h/f")
        assert "secret" not in text and "FTP" in text or "talking" in text, text
    assert "names no file" in fails(where="ftp://h/")


def test_urls():
    target = url.parse(" FTP://us%65r:p%3Aw@[fe80::1]:2121/a%20b/c#d ")
    assert (target.scheme, target.host, target.port) == ("ftp", "fe80::1", 2121)
    assert (target.user, target.password, target.path) == ("user", "p:w", "/a b/c")
    target = url.parse("https://h.example?q=/@")
    assert (target.port, target.path, target.user) == (443, "/?q=/@", None)
    assert str(url.parse("http://u:secret@h:8080/token")) == "http://h:8080"
    for bad in ("", "x", "ws://h", "http://", "http:///f", "http://h:0/", "http://h:99999/",
                "http://h:/f", "http://h o/", "http://h/\nx", "http://h\u00e4/", "http://[::1/",
                "ftp://h/%0d%0aDELE x", "ftp://h/%zz", "http://a:%0a@h/", "http://h:+1/",
                "ftp://h/%ff"):
        text = str(raises(ValueError, url.parse, bad))
        assert text.startswith("URL "), bad


def test_where_a_named_file_goes():
    assert url.join("ftp://h", "n") == "ftp://h/n"
    assert url.join("ftp://h/dir", "n") == "ftp://h/dir/n"
    assert url.join("http://h", "n") == "http://h/n"
    assert url.join("http://h/dir/", "n") == "http://h/dir/n"
    assert url.join("http://h/take-it", "n") == "http://h/take-it"
    assert url.join("https://h/?sig=a/", "n") == "https://h/?sig=a/"
