# A name server that knows one answer: us. For the network of our own access point.
# MIT license; part of microevse
"""Every name has the access point's address, so that a phone which looks for the internet
finds the set-up page (captive portal). RFC 1035, as far as questions go.

`answer` is pure; `serve` is the UDP side.
"""

import asyncio
import errno

PORT = 53
MAX_QUERY = 512  # RFC 1035 section 4.2.1
_HEAD = 12
_NAME_MAX = 255
_TTL_S = 5  # short: in the next network the name belongs to another host
_POLL_S = 0.03
# Questions answered between two sleeps: a flood must not keep other tasks from running.
_BURST = 8

_TYPE_A = 1
_CLASS_IN = 1


def answer(query, address):
    """The reply to `query` (bytes), or None where silence is right: not a question, malformed.

    address: "a.b.c.d". Other types than A exist but are empty (NOERROR, no data): a phone
    that got NXDOMAIN for AAAA could believe that the name does not exist at all.
    """
    size = len(query)
    if not _HEAD < size <= MAX_QUERY:
        return None
    # Only a standard query (QR and OPCODE zero) with exactly one question.
    if query[2] & 0xF8 or query[4:8] != b"\x00\x01\x00\x00":
        return None
    at = _HEAD
    while True:
        if at >= size:
            return None
        length = query[at]
        at += 1
        if not length:
            break
        # From 64 on it would be a pointer; a question has nothing to point to.
        if length > 63:
            return None
        at += length
        if at - _HEAD > _NAME_MAX:
            return None
    if at + 4 > size:
        return None
    kind = query[at] << 8 | query[at + 1]
    in_class = query[at + 2] << 8 | query[at + 3] == _CLASS_IN
    question = query[_HEAD : at + 4]
    found = kind == _TYPE_A and in_class
    # Response, authoritative, recursion desired as it was asked; no recursion here.
    head = query[:2] + bytes((0x84 | query[2] & 1, 0, 0, 1, 0, 1 if found else 0, 0, 0, 0, 0))
    if not found:
        return head + question
    numbers = bytes([int(part) for part in address.split(".")])
    # The name is that of the question (a pointer to it), then type, class, TTL, length.
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00" + bytes((_TTL_S, 0, 4)) + numbers
    return head + question + record


async def serve(address, port=PORT, socket=None):
    """Answer until cancelled, on the access point's own address only. OSError if it cannot."""
    if socket is None:
        import socket
    where = socket.getaddrinfo(address, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        link.setblocking(False)
        link.bind(where)
        while True:
            for _ in range(_BURST):
                if not _once(link, address):
                    break
            # A stream of asyncio is made for TCP: this socket is asked again and again instead.
            await asyncio.sleep(_POLL_S)
    finally:
        link.close()


def _once(link, address):
    """Answer one question; False if there was none."""
    try:
        # One byte more than is allowed, so that a longer one shows.
        query, sender = link.recvfrom(MAX_QUERY + 1)
    except OSError as exc:
        if exc.args[0] in (errno.EAGAIN, errno.ETIMEDOUT):
            return False
        return True  # told of an earlier answer that did not arrive (ECONNREFUSED)
    reply = answer(query, address)
    if reply:
        try:
            link.sendto(reply, sender)
        except OSError:
            pass  # no buffer free, or the phone is gone: it will ask again
    return True
