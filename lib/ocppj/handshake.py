# Opening handshake of a WebSocket (RFC 6455 section 4), client side.
# MIT license; part of microevse
"""Ask for the upgrade, and believe only an answer that proves it understood."""

import asyncio
from binascii import b2a_base64
from hashlib import sha1

from evse_base import urandom

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Bytes of the whole header of the answer. Proxies add policies and cookies, each of a KB and more.
HEADER_LIMIT = 16384
# Bytes of one line that is used; other lines are skipped, whatever their length and bytes.
LINE_LIMIT = 1024
_READ = 512
_WANTED = (
    b"upgrade", b"connection", b"sec-websocket-accept", b"sec-websocket-extensions",
    b"sec-websocket-protocol",
)  # fmt: skip

_STATUS_WORDS = {
    400: "the server did not understand the request",
    401: "id or password not accepted",
    403: "access forbidden: the server does not know this id or refuses it",
    404: "the server does not know this path or id",
    407: "a proxy wants a password",
    426: "the server wants another protocol version",
    429: "too many attempts",
    500: "the server failed",
    502: "the server's gateway failed",
    503: "the server is not available",
    504: "the server's gateway timed out",
}


class HandshakeError(Exception):
    """The server did not become a WebSocket; `status` is its HTTP status, 0 if none was read."""

    def __init__(self, status, text):
        super().__init__(status, text)
        self.status = status
        self.text = text

    def __str__(self):
        return self.text


def accept_key(key):
    """The Sec-WebSocket-Accept that belongs to `key` (bytes in, bytes out)."""
    return b2a_base64(sha1(key + _GUID).digest()).strip()


def basic_auth(user, password):
    """The value of the Authorization header; `password` is bytes (any, also not text)."""
    return b"Basic " + b2a_base64(user.encode() + b":" + password).strip()


def request(url, charge_point_id, key, protocols, password=None):
    """The upgrade request as bytes. With a password it is a secret: never log it."""
    lines = [
        "GET %s HTTP/1.1" % url.target(charge_point_id),
        "Host: " + url.authority,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: " + ", ".join(protocols),
    ]
    data = "\r\n".join(lines).encode() + b"\r\nSec-WebSocket-Key: " + key
    if password is not None:
        data += b"\r\nAuthorization: " + basic_auth(charge_point_id, password)
    return data + b"\r\n\r\n"


def _name(line):
    return line.partition(b":")[0].strip().lower()


def _word(value):
    """Bytes of a server as text for the log: they may be no text."""
    return "".join([chr(byte) if 32 < byte < 127 else "?" for byte in value[:30]])


def check_response(header, key, protocols):
    """The sub-protocol the server chose; HandshakeError if it is no proper upgrade.

    `header` is the response up to the empty line, as bytes: they need be no text (RFC 9110 5.5).
    """
    lines = header.split(b"\r\n")
    status_line = lines[0].split(None, 2)
    if (
        len(status_line) < 2
        or not status_line[0].startswith(b"HTTP/1.")
        or len(status_line[1]) != 3
        or not status_line[1].isdigit()
    ):
        raise HandshakeError(0, "the answer is not HTTP")
    status = int(status_line[1])
    if status != 101:
        words = _STATUS_WORDS.get(status, "refused")
        if 300 <= status < 400:
            words = "the server points to another address: enter that one"
        raise HandshakeError(status, "HTTP %d: %s" % (status, words))
    fields = {}
    for line in lines[1:]:
        name, value = _name(line), line.partition(b":")[2].strip()
        # A header given twice is a list (RFC 9110 section 5.2).
        fields[name] = fields[name] + b"," + value if name in fields else value
    if fields.get(b"upgrade", b"").lower() != b"websocket":
        raise HandshakeError(status, "the answer lacks Upgrade: websocket")
    tokens = [token.strip() for token in fields.get(b"connection", b"").lower().split(b",")]
    if b"upgrade" not in tokens:
        raise HandshakeError(status, "the answer lacks Connection: Upgrade")
    if fields.get(b"sec-websocket-accept") != accept_key(key):
        raise HandshakeError(status, "the answer's Sec-WebSocket-Accept is wrong")
    if fields.get(b"sec-websocket-extensions"):
        raise HandshakeError(status, "the server turned on an extension nobody asked for")
    chosen = fields.get(b"sec-websocket-protocol")
    if not chosen:
        # Some servers accept any client: without OCPP there is nothing to send to them.
        raise HandshakeError(status, "the server chose no sub-protocol: does it speak OCPP here?")
    for protocol in protocols:
        if protocol.encode() == chosen:
            return protocol
    text = "the server chose %s as sub-protocol, offered was %s"
    raise HandshakeError(status, text % (_word(chosen), ", ".join(protocols)))


async def _header(reader):
    """(status line and the lines that matter, bytes read beyond the header)"""
    lines = []
    data = b""
    size = 0
    skipping = False
    while True:
        end = data.find(b"\n")
        if end >= 0:
            line, data = data[:end].rstrip(b"\r"), data[end + 1 :]
            if skipping:
                skipping = False
            elif not line and lines:
                return b"\r\n".join(lines), data
            elif not lines or _name(line) in _WANTED:
                lines.append(line)
            continue
        if skipping:
            data = b""
        elif len(data) > LINE_LIMIT:
            if _name(data) in _WANTED:
                raise HandshakeError(0, "the answer's header is too long")
            if not lines:
                lines.append(data)  # a status may have any reason after it
            skipping = True
            data = b""
        part = await reader.read(_READ)
        if not part:
            raise HandshakeError(0, "the server closed the connection without an answer")
        size += len(part)
        if size > HEADER_LIMIT:
            raise HandshakeError(0, "the answer's header is too long")
        data += part


async def upgrade(reader, writer, url, charge_point_id, protocols, password=None, limit_s=None):
    """Do the handshake on open streams; returns (sub-protocol, bytes read beyond it).

    limit_s: seconds until the request must have been sent, None: any. On MicroPython it is sent
    when a TLS handshake has ended. Not to be retried on the same streams. Raises HandshakeError,
    OSError, ValueError (TLS), asyncio.TimeoutError with a sentence.
    """
    key = b2a_base64(urandom(16)).strip()
    writer.write(request(url, charge_point_id, key, protocols, password))
    try:
        await asyncio.wait_for(writer.drain(), limit_s)
    except asyncio.TimeoutError:
        slow = asyncio.TimeoutError("the server is too slow in the TLS handshake")
        slow.status = 0  # it tells itself, as a HandshakeError; nobody may be there, as without it
        raise slow from None
    header, pending = await _header(reader)
    return check_response(header, key, protocols), pending
