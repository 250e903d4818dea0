# HTTP/1.1 downloads that resume, and uploads with PUT or POST.
# MIT license; part of microevse
"""RFC 9110 and 9112, as far as moving one file needs them: one request per connection."""

from binascii import b2a_base64

from .stream import CHUNK, Channel, TransferError, blocks
from .url import resolve

REDIRECTS = 5
HEADERS = 64
_MOVED = (301, 302, 303, 307, 308)
_HEX = b"0123456789abcdefABCDEF"


class _Answer:
    """Status line and headers; names in lower case, the last one counts."""

    def __init__(self, status, headers):
        self.status = status
        self._headers = headers

    def get(self, name):
        return self._headers.get(name, "")

    def number(self, name):
        """A header that is a number, None if it is not there. TransferError if it is none."""
        text = self.get(name)
        if not text:
            return None
        if not text.isdigit() or len(text) > 12:
            raise TransferError("the server's %s is no number" % name)
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
        "%s %s HTTP/1.1" % (method, target.path),
        "Host: " + target.authority,
        "Connection: close",
        "User-Agent: microevse",
    ]
    if target.user is not None:
        login = ("%s:%s" % (target.user, target.password)).encode()
        lines.append("Authorization: Basic " + b2a_base64(login).strip().decode())
    lines.extend(headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def _head(channel):
    """The _Answer; interim ones (1xx) are passed over."""
    while True:
        line = await channel.line()
        parts = line.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise TransferError("the server does not speak HTTP")
        status = int(parts[1])
        headers = {}
        while True:
            line = await channel.line()
            if not line:
                break
            name, colon, value = line.partition(b":")
            if not colon or len(headers) >= HEADERS:
                raise TransferError("the server's headers are not HTTP")
            try:
                headers[name.decode().lower()] = value.strip().decode()
            except (ValueError, UnicodeError):
                pass  # a header that is not text is none that we need
        if status >= 200:
            return _Answer(status, headers)


def _follow(target, answer, left):
    """Target of a redirection."""
    if left <= 0:
        raise TransferError("too many redirections")
    where = answer.get("location")
    if not where:
        raise TransferError("a redirection to nowhere")
    try:
        to = resolve(target, where)
    except ValueError as exc:
        raise TransferError("redirection: %s" % exc) from None
    if to.scheme == "ftp" or (target.secure and not to.secure):
        # What was asked for in secret must not be fetched in the open.
        raise TransferError("redirection to a weaker protocol")
    return to


async def get(target, download, tls):
    """Get a file into `download`, from `download.done` on. EOFError, OSError: resume."""
    left = REDIRECTS
    while True:
        headers = ["Accept-Encoding: identity"]
        if download.done:
            headers.append("Range: bytes=%d-" % download.done)
            if download.tag:
                headers.append("If-Range: " + download.tag)
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
    """Check what is about to come, then take it."""
    if answer.status not in (200, 206):
        raise TransferError("HTTP status %d" % answer.status)
    if answer.get("content-encoding").lower() not in ("", "identity"):
        raise TransferError("the server sends an encoding nobody asked for")
    length = answer.number("content-length")
    chunked = answer.get("transfer-encoding").lower() == "chunked"
    if chunked:
        length = None
    skip = 0
    if answer.status == 206:
        total = _range(answer.get("content-range"), download.done)
    else:
        total = length
        tag = answer.get("etag")
        if download.done and download.tag and tag != download.tag:
            raise TransferError("the file has changed on the server")
        skip = download.done  # a server without ranges sends all of it again
        # Weak tags say nothing about the bytes (RFC 9110 8.8.1).
        download.tag = tag if tag.startswith('"') else None
    await download.begin(total)
    if chunked:
        await _chunks(channel, download, skip)
    else:
        await _plain(channel, download, skip, length)
    if download.size is not None and download.done != download.size:
        raise TransferError("%d bytes of %d" % (download.done, download.size))


def _range(text, done):
    """Size of the whole file, from "bytes 5-9/10"; None if it is not told."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or first != str(done):
        raise TransferError("the server sends another part than asked for")
    return int(total) if total.isdigit() else None


async def _take(download, data, skip):
    """Hand on what is beyond the first `skip` bytes; returns how many are still to skip."""
    if skip >= len(data):
        return skip - len(data)
    await download.take(data[skip:] if skip else data)
    return 0


async def _plain(channel, download, skip, left):
    """`left` bytes, or all until the end if it is None."""
    while left is None or left > 0:
        data = await channel.read(CHUNK if left is None else min(CHUNK, left))
        if not data:
            if left is None:
                return
            raise EOFError
        skip = await _take(download, data, skip)
        if left is not None:
            left -= len(data)


async def _chunks(channel, download, skip):
    """Chunked coding (RFC 9112 7.1); extensions and trailers are ignored."""
    while True:
        line = await channel.line()
        digits = line.partition(b";")[0].strip()
        # int() alone would take signs, underscores and 0x as well.
        if not 0 < len(digits) < 8 or not all(c in _HEX for c in digits):
            raise TransferError("the server's chunks are broken")
        left = int(digits, 16)
        if not left:
            while await channel.line():
                pass
            return
        while left:
            data = await channel.read(min(CHUNK, left))
            if not data:
                raise EOFError
            left -= len(data)
            skip = await _take(download, data, skip)
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
            return  # taken; the rest is for a person to look at
        if answer.status in _MOVED:
            target = _follow(target, answer, left)
            left -= 1
        elif answer.status in (404, 405, 501) and method == "PUT":
            method = "POST"
        else:
            raise TransferError("HTTP status %d" % answer.status)


async def _upload(method, target, source, size, name, progress, tls):
    headers = ["Content-Type: application/octet-stream"]
    if name:
        headers.append('Content-Disposition: attachment; filename="%s"' % name)
    if size is None:
        headers.append("Transfer-Encoding: chunked")
    else:
        headers.append("Content-Length: %d" % size)
    channel = await _connect(target, progress, tls)
    try:
        await channel.write(_request(method, target, headers))
        try:
            await _send_body(channel, source, size)
        except OSError:
            # It may have refused without reading everything: the answer tells. If there is
            # none the next line raises what the network has to say.
            pass
        return await _head(channel)
    finally:
        await channel.close()


async def _send_body(channel, source, size):
    sent = 0
    for block in blocks(source):
        sent += len(block)
        if size is None:
            await channel.write(("%x\r\n" % len(block)).encode() + block + b"\r\n")
        elif sent > size:
            raise TransferError("the file grew while it was sent")
        else:
            await channel.write(block)
    if size is None:
        await channel.write(b"0\r\n\r\n")
    elif sent != size:
        raise TransferError("the file shrank while it was sent")
