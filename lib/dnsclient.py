# The IPv4 address of a name: one question to a name server over UDP, one answer, checked.
# MIT license; part of microevse
"""DNS (RFC 1035), what a stub resolver needs of it: A records. getaddrinfo() of a chip stalls the
interpreter, or wants a thread with a stack for it; this wants one socket and some 600 bytes while
it asks.

`question` and `parse` are pure. What comes from the network is bounded: a name has 255 bytes at
most, a pointer in it goes backwards only, and a chain of aliases has an end. An answer counts if
it comes from the server that was asked, to our port, which is chosen at random like the number of
the question, and repeats the question (RFC 5452).
"""

import asyncio
import errno

from evse_base import ticks_diff, ticks_ms, urandom

PORT = 53
TIMEOUT_MS = 2000  # for each server and round
ROUNDS = 2
TTL_LEAST_S = 60  # an answer holds for as long as it says, within these
TTL_MOST_S = 3600
_POLL_S = 0.02
_SIZE = 512  # of an answer without EDNS (RFC 1035 4.2.1)
_ALIASES = 8
_HEAD = 12
_A = 1
_CNAME = 5
_IN = 1
_NXDOMAIN = 3
_PORTS = 16384  # from 49152 on: those that nobody has been given (RFC 6335)


class BadAnswer(ValueError):
    """There is no address to believe in this answer; the text says why."""


class Ignored(BadAnswer):
    """Not the answer to our question: that one may still come."""


class NoSuchName(OSError):
    """The name server says that this name has no IPv4 address."""


def question(name, number):
    """The packet that asks for the addresses of `name`. ValueError for what is no name."""
    out = number.to_bytes(2, "big") + b"\x01\x00\x00\x01" + bytes(6)  # recursion desired
    return out + _coded(name) + b"\x00\x01\x00\x01"


def _coded(name):
    out = b""
    for label in name.rstrip(".").split("."):
        part = label.encode()
        if not 0 < len(part) < 64:
            raise ValueError("no host name: %r" % name)
        out += bytes((len(part),)) + part
    if len(out) > 254:
        raise ValueError("no host name: %r" % name)
    return out + b"\0"


def _name(data, at):
    """(name at `at` in lower case, first byte behind it). BadAnswer if it is none, IndexError if
    it is cut."""
    labels, behind, size = [], None, 0
    while True:
        length = data[at]
        if length & 0xC0 == 0xC0:
            if behind is None:
                behind = at + 2
            to = (length & 0x3F) << 8 | data[at + 1]
            if to >= at or to < _HEAD:
                # Backwards only: so it ends.
                raise BadAnswer("a name that goes in circles")
            at = to
            continue
        if length & 0xC0:
            raise BadAnswer("a name of an unknown kind")
        at += 1
        if not length:
            return b".".join(labels).lower(), at if behind is None else behind
        size += length + 1
        if size > 254:
            raise BadAnswer("a name that is too long")
        data[at + length]  # IndexError
        labels.append(bytes(data[at : at + length]))
        at += length


def parse(data, number, name):
    """(address, seconds for which it holds) of an answer about `name`. An alias without its
    address: (None, the name that it stands for).

    Raises Ignored, NoSuchName or BadAnswer.
    """
    if len(data) < _HEAD or int.from_bytes(data[:2], "big") != number or not data[2] & 0x80:
        raise Ignored("not an answer to our question")
    if int.from_bytes(data[4:6], "big") != 1:
        raise Ignored("not an answer to our question")
    try:
        asked, at = _name(data, _HEAD)
    except IndexError:
        raise Ignored("not an answer to our question")
    if asked != name.rstrip(".").encode().lower() or data[at : at + 4] != b"\x00\x01\x00\x01":
        raise Ignored("not an answer to our question")
    code = data[3] & 15
    if code == _NXDOMAIN:
        raise NoSuchName("no such name")
    if code:
        raise BadAnswer("the name server says error %d" % code)
    found, aliases = {}, {}
    at += 4
    try:
        for _ in range(int.from_bytes(data[6:8], "big")):
            at = _record(data, at, found, aliases)
    except IndexError:
        # One that was too long for a packet says so: what is there counts.
        if not data[2] & 2:
            raise BadAnswer("an answer that is cut")
    if data[2] & 2 and not found and not aliases:
        raise BadAnswer("an answer that is cut")  # this is no word about the name
    return _follow(asked, found, aliases)


def _record(data, at, found, aliases):
    """Take up the record at `at`; the first byte behind it. IndexError if it is cut."""
    owner, at = _name(data, at)
    kind, in_class = data[at] << 8 | data[at + 1], (data[at + 2] << 8 | data[at + 3]) == _IN
    ttl, size = int.from_bytes(data[at + 4 : at + 8], "big"), data[at + 8] << 8 | data[at + 9]
    at += 10
    if at + size > len(data):
        raise IndexError
    if kind == _A and in_class and size == 4 and owner not in found:
        found[owner] = ("%d.%d.%d.%d" % tuple(data[at : at + 4]), ttl)
    elif kind == _CNAME and in_class and owner not in aliases:
        aliases[owner] = (_name(data, at)[0], ttl)
    return at + size


def _follow(owner, found, aliases):
    holds = TTL_MOST_S
    for _ in range(_ALIASES):
        if owner in found:
            address, ttl = found[owner]
            return address, max(TTL_LEAST_S, min(holds, ttl))
        if owner not in aliases:
            break
        owner, ttl = aliases[owner]
        holds = min(holds, ttl)
    else:
        raise BadAnswer("aliases without an end")
    if not aliases:
        raise NoSuchName("no IPv4 address")
    try:
        return None, owner.decode()
    except UnicodeError:
        raise BadAnswer("an alias that is no name")


async def query(host, servers, timeout_ms=TIMEOUT_MS, socket=None, port=PORT):
    """(address, seconds for which it holds) of `host`, asked of `servers` (addresses) in turn.

    Raises NoSuchName, and OSError if no server gives an answer to believe.
    """
    if socket is None:
        import socket
    for _ in range(_ALIASES):
        address, more = await _ask(host, servers, timeout_ms, socket, port)
        if address:
            return address, more
        host = more
    raise OSError("aliases without an end")


async def _ask(host, servers, timeout_ms, socket, port):
    problem = "no answer from the name server"
    for _ in range(ROUNDS):
        for server in servers:
            number = int.from_bytes(urandom(2), "big")
            packet = question(host, number)
            link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                link.setblocking(False)
                _bind(link, socket)
                to = socket.getaddrinfo(server, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]
                link.sendto(packet, to)
                return await _answer(link, to, number, host, timeout_ms)
            except NoSuchName:
                raise
            except BadAnswer as exc:
                problem = str(exc)
            except asyncio.TimeoutError:
                pass
            except OSError as exc:
                problem = "network: %r" % exc
            finally:
                link.close()
    raise OSError(problem)


def _bind(link, socket):
    # lwIP counts its own ports up from one that can be guessed.
    for _ in range(3):
        port = 49152 + int.from_bytes(urandom(2), "big") % _PORTS
        try:
            here = socket.getaddrinfo("0.0.0.0", port, socket.AF_INET, socket.SOCK_DGRAM)
            return link.bind(here[0][-1])
        except OSError:
            pass  # in use


async def _answer(link, server, number, host, timeout_ms):
    start = ticks_ms()
    while True:
        try:
            data, sender = link.recvfrom(_SIZE)
            if sender == server:
                return parse(data, number, host)
        except Ignored:
            pass
        except NoSuchName:
            raise
        except OSError as exc:
            if exc.args[0] not in (errno.EAGAIN, errno.ETIMEDOUT):
                raise
        if ticks_diff(ticks_ms(), start) > timeout_ms:
            raise asyncio.TimeoutError
        await asyncio.sleep(_POLL_S)
