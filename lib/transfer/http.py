# HTTP/1.1 downloads that resume, and uploads with PUT or POST.
# MIT license; part of microevse
"""As much of RFC 9110 and 9112 as the transfer of one file needs: one request per connection."""

from binascii import b2a_base64

from .stream import CHUNK, LINE_LIMIT, Channel, TransferError, blocks
from .url import resolve

REDIRECTS = 5
HEADERS = 100  # lines
INTERIM = 20  # interim answers (1xx) before the final one
_MOVED = (301, 302, 303, 307, 308)
_HEX = b"0123456789abcdefABCDEF"
# All other headers are skipped, however long they are and whatever bytes they hold.
_WANTED = (
    b"location", b"content-length", b"content-range", b"content-encoding",
    b"transfer-encoding", b"etag",
)  # fmt: skip
_NAME = 32  # bytes of a line that tell whether it is wanted
VALUE = 4096  # bytes of one that is


class _Answer:
    """Status and the headers that are wanted, as bytes (RFC 9110 5.5: they need be no text).

    Names are in lower case, the last one counts.
    """

    def __init__(self, status, headers):
        self.status = status
        self._headers = headers

    def get(self, name):
        return self._headers.get(name, b"")

    def number(self, name):
        """A header that is a number, None if it is missing. TransferError if it is no number."""
        text = self.get(name)
        if not text:
            return None
        if not text.isdigit() or len(text) > 12:
            raise TransferError("the server's %s is no number" % name.decode())
        return int(text)


async def _connect(target, progress, tls):
    channel = Channel(progress)
    context = None
    if target.secure:
        if tls is None:
            raise TransferError("no TLS here")
        context = tls()
    await channel.open(target.host, target.port, context)
    return channel


def _request(method, target, headers):
    """The head of a request as bytes. Credentials are those of the URL."""
    lines = [
        ("%s %s HTTP/1.1" % (method, target.path)).encode(),
        b"Host: " + target.authority.encode(),
        b"Connection: close",
        b"User-Agent: microevse",
    ]
    if target.user is not None:
        login = ("%s:%s" % (target.user, target.password)).encode()
        lines.append(b"Authorization: Basic " + b2a_base64(login).strip())
    lines.extend(headers)
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def _head(channel):
    """The _Answer; interim ones (1xx) are passed over."""
    for _ in range(INTERIM):
        line = await channel.line(_NAME)
        parts = line.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise TransferError("the server does not speak HTTP")
        status = int(parts[1])
        headers = {}
        for _ in range(HEADERS + 1):
            name = (await channel.peek(_NAME)).partition(b":")[0].rstrip().lower()
            keep = VALUE if name in _WANTED else _NAME
            line = await channel.line(keep)
            if not line:
                break
            if line[:1] in (b" ", b"\t"):
                continue  # goes on with the line before (RFC 9112 5.2)
            if len(line) < keep and line.find(b":") < 0:
                raise TransferError("the server's headers are not HTTP")
            if keep == VALUE:
                if len(line) == VALUE:
                    raise TransferError("the server's %s is too long" % name.decode())
                headers[name] = line.partition(b":")[2].strip()
        else:
            raise TransferError("the server's headers do not end")
        if status >= 200:
            return _Answer(status, headers)
    raise TransferError("the server does not come to an answer")


def _address(where):
    """A Location as text; a space, or a character that is not ASCII, is percent-encoded."""
    parts = []
    done = 0
    for i, byte in enumerate(where):
        if not 32 < byte < 127:
            parts.append(where[done:i].decode())
            parts.append("%%%02X" % byte)
            done = i + 1
    parts.append(where[done:].decode())
    return "".join(parts)


def _follow(target, answer, left):
    """Target of a redirection."""
    if left <= 0:
        raise TransferError("too many redirections")
    where = _address(answer.get(b"location"))
    if not where:
        raise TransferError("a redirection to nowhere")
    try:
        to = resolve(target, where)
    except ValueError as exc:
        raise TransferError("redirection: %s" % exc) from None
    if to.scheme == "ftp" or (target.secure and not to.secure):
        # A secret request must not be repeated without encryption.
        raise TransferError("redirection to a weaker protocol")
    return to


async def get(target, download, tls):
    """Get a file into `download`, from `download.done` on. EOFError, OSError: resume."""
    left = REDIRECTS
    while True:
        headers = [b"Accept-Encoding: identity"]
        if download.done:
            headers.append(("Range: bytes=%d-" % download.done).encode())
            if download.tag:
                headers.append(b"If-Range: " + download.tag)
        channel = await _connect(target, download, tls)
        try:
            await channel.write(_request("GET", target, headers))
            answer = await _head(channel)
            if answer.status in _MOVED:
                target = _follow(target, answer, left)
                left -= 1
                continue
            await _body(channel, answer, download)
            return
        finally:
            await channel.close()


async def _body(channel, answer, download):
    """Check the announced size and range, then take the body."""
    if answer.status not in (200, 206):
        raise TransferError("HTTP status %d" % answer.status)
    if answer.get(b"content-encoding").lower() not in (b"", b"identity"):
        raise TransferError("the server sends an encoding nobody asked for")
    length = answer.number(b"content-length")
    chunked = answer.get(b"transfer-encoding").lower() == b"chunked"
    if chunked:
        length = None
    download.skip = 0
    if answer.status == 206:
        total = _range(answer.get(b"content-range"), download.done)
    else:
        total = length
        tag = answer.get(b"etag")
        if download.done and download.tag and tag != download.tag:
            raise TransferError("the file has changed on the server")
        download.skip = download.done  # a server without ranges sends all of it again
        # Weak tags say nothing about the bytes (RFC 9110 8.8.1).
        download.tag = tag if tag.startswith(b'"') else None
    await download.begin(total)
    if chunked:
        await _chunks(channel, download)
    else:
        await _plain(channel, download, length)
    if download.size is not None and download.done != download.size:
        raise TransferError("%d bytes of %d" % (download.done, download.size))


def _range(text, done):
    """Size of the whole file, from "bytes 5-9/10"; None if it is not told."""
    unit, _, rest = text.partition(b" ")
    span, _, total = rest.partition(b"/")
    first = span.partition(b"-")[0]
    if unit.lower() != b"bytes" or first != str(done).encode():
        raise TransferError("the server sends another part than asked for")
    return int(total) if total.isdigit() else None


async def _plain(channel, download, left):
    """`left` bytes, or all until the end if it is None."""
    while left is None or left > 0:
        data = await channel.read(CHUNK if left is None else min(CHUNK, left))
        if not data:
            if left is None:
                return
            raise EOFError
        await download.take(data)
        if left is not None:
            left -= len(data)


async def _chunks(channel, download):
    """Chunked coding (RFC 9112 7.1): a size is any number of hex digits, extensions are ignored.

    So are the trailers, which are not even read: nothing follows them on this connection.
    """
    while True:
        line = await channel.line()
        digits, mark, _ = line.partition(b";")
        digits = digits.strip()
        # int() alone would take signs, underscores and 0x as well.
        if (
            not digits
            or not all(c in _HEX for c in digits)
            or not (mark or len(line) < LINE_LIMIT)
        ):
            raise TransferError("the server's chunks are broken")
        digits = digits.lstrip(b"0")
        if not digits:
            return
        if len(digits) > 7:
            raise TransferError("the server's chunks are too large")
        left = int(digits, 16)
        while left:
            data = await channel.read(min(CHUNK, left))
            if not data:
                raise EOFError
            left -= len(data)
            await download.take(data)
        if await channel.line():
            raise TransferError("the server's chunks are broken")


async def put(target, source, size, name, progress, tls):
    """Upload with PUT; with POST where the server does not know PUT for this place."""
    left = REDIRECTS
    method = "PUT"
    while True:
        answer = await _upload(method, target, source, size, name, progress, tls)
        if 200 <= answer.status < 300:
            return
        if answer.status == 303 and left < REDIRECTS:
            return  # the server has the file; a person has to look at the rest
        if answer.status in _MOVED:
            target = _follow(target, answer, left)
            left -= 1
        elif answer.status in (404, 405, 501) and method == "PUT":
            method = "POST"
        else:
            raise TransferError("HTTP status %d" % answer.status)


async def _upload(method, target, source, size, name, progress, tls):
    headers = [b"Content-Type: application/octet-stream"]
    if name:
        headers.append(('Content-Disposition: attachment; filename="%s"' % name).encode())
    if size is None:
        headers.append(b"Transfer-Encoding: chunked")
    else:
        headers.append(("Content-Length: %d" % size).encode())
    channel = await _connect(target, progress, tls)
    try:
        await channel.write(_request(method, target, headers))
        try:
            await _send_body(channel, source, size)
        except OSError:
            # The server may have refused without reading everything: then its answer tells why. If
            # there is none, the next line raises the error of the network.
            pass
        return await _head(channel)
    finally:
        await channel.close()


async def _send_body(channel, source, size):
    sent = 0
    for block in blocks(source):
        sent += len(block)
        if size is None:
            await channel.send(("%x\r\n" % len(block)).encode() + block + b"\r\n")
        elif sent > size:
            raise TransferError("the file grew while it was sent")
        else:
            await channel.send(block)
    if size is None:
        await channel.write(b"0\r\n\r\n")
    elif sent != size:
        raise TransferError("the file shrank while it was sent")
