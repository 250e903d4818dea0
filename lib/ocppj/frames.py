# The bytes of WebSocket frames (RFC 6455 section 5).
# MIT license; part of microevse
"""Opcodes, close codes, masking, and UTF-8 as strict as the RFC wants it."""

# RFC 6455 section 5.5: control frames carry at most this.
CONTROL_LIMIT = 125

CONTINUATION = 0
TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
NO_CODE = 1005  # never on the wire: the close frame had no code
ABNORMAL = 1006  # never on the wire: there was no close frame
INVALID_DATA = 1007
TOO_BIG = 1009


class Closed(Exception):
    """The connection has ended: `code` and `reason` as in RFC 6455 section 7.4."""

    def __init__(self, code, reason=""):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self):
        return ("closed %d %s" % (self.code, self.reason)).rstrip()


def header_fault(head, in_message):
    """The error in the first two bytes of a server's frame, or None.

    in_message: True between the fragments of a message (RFC 6455 sections 5.2, 5.4, 5.5).
    """
    opcode = head[0] & 15
    if head[0] & 0x70:
        return "reserved bit set"
    if head[1] & 0x80:
        return "masked frame from the server"
    if opcode >= CLOSE:
        if opcode > PONG:
            return "unknown control frame"
        if not head[0] & 0x80 or head[1] > CONTROL_LIMIT:
            return "control frame fragmented or too long"
    elif opcode > BINARY:
        return "unknown frame type"
    elif in_message != (opcode == CONTINUATION):
        return "fragments out of order"
    return None


def client_header(first, size, key):
    """Header of a masked frame: `first` byte (FIN and opcode), payload size, 4-byte key."""
    if size < 126:
        return bytes([first, 0x80 | size]) + key
    if size < 65536:
        return bytes([first, 0xFE]) + size.to_bytes(2, "big") + key
    return bytes([first, 0xFF]) + size.to_bytes(8, "big") + key


def mask(data, key):
    """XOR `data` with the 4-byte `key`; one big-integer operation, 7 times a loop's speed."""
    size = len(data)
    if not size:
        return b""
    pad = (key * ((size + 3) // 4))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def decode_utf8(data):
    """`data` as str; ValueError if it is not UTF-8 (RFC 3629).

    MicroPython checks lead and continuation bytes only: overlong forms, surrogates and values
    beyond U+10FFFF have to be found here. Pure ASCII, nearly all of OCPP, costs nothing extra.
    """
    text = str(data, "utf-8")
    if len(text) != len(data):
        # RFC 3629 section 4. Bytes that never occur; then for some lead bytes each the first and
        # the last that its second byte may be. Not tuples: they would take heap.
        never = b"\xc0\xc1\xf5\xf6\xf7"
        second = b"\xe0\xa0\xbf\xed\x80\x9f\xf0\x90\xbf\xf4\x80\x8f"
        for i in range(len(never)):
            if data.find(never[i : i + 1]) >= 0:
                raise ValueError("not UTF-8")
        for i in range(0, len(second), 3):
            lead = second[i : i + 1]
            at = data.find(lead)
            while at >= 0:
                if not second[i + 1] <= data[at + 1] <= second[i + 2]:
                    raise ValueError("not UTF-8")
                at = data.find(lead, at + 1)
    return text


def encode_utf8(text):
    """UTF-8 of `text`; a lone surrogate becomes U+FFFD, or the peer would close with 1007."""
    try:
        data = text.encode()
        if data.find(b"\xed") < 0:
            return data
        decode_utf8(data)
        return data
    except ValueError:
        fixed = "".join(["\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in text])
        return fixed.encode()


def valid_close_code(code):
    """True for the codes a close frame may carry (RFC 6455 section 7.4)."""
    return 1000 <= code <= 1014 and code not in (1004, 1005, 1006) or 3000 <= code <= 4999
