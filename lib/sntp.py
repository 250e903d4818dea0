# The time from a network time server: one question, one answer, checked.
# MIT license; part of microevse
"""SNTP version 4 (RFC 4330, RFC 5905 section 14), client side.

`request` and `parse` are pure. `query` asks over UDP; it blocks only while it resolves a host
name, and the caller decides when that is allowed.
"""

import asyncio
import errno

from evse_base import ticks_diff, ticks_ms, urandom

PORT = 123
TIMEOUT_MS = 3000
_POLL_S = 0.02
_1970 = 2208988800  # seconds from 1900, NTP's epoch
_ERA = 1 << 32
# 2100-01-01: a later time is an error, as the charger does not live so long.
_CEILING = 4102444800
_MAX_DISTANCE = 16 << 16  # s in 16.16: MAXDISP of RFC 5905
_SIZE = 48


class BadAnswer(ValueError):
    """The answer is no time to believe; the text says why."""


class KissOfDeath(BadAnswer):
    """The server does not want to be asked (stratum 0); the text is its code: RATE, DENY..."""


def request(nonce):
    """A question of 48 bytes. nonce: 8 random bytes that the answer must bring back.

    They stand in the place of our own time, which the server does not need. An attacker who wants
    to answer for the server cannot guess them.
    """
    return b"\x23" + bytes(39) + nonce  # no warning, version 4, client


def parse(data, nonce, floor):
    """Unix seconds of an answer. BadAnswer, or KissOfDeath, if there is no time in it.

    floor: Unix seconds before which no answer is true. It also tells which of NTP's eras
    of 136 years is meant: the first one ends in February 2036.
    """
    if len(data) < _SIZE:
        raise BadAnswer("answer of %d bytes" % len(data))
    if data[0] & 7 != 4 or not 3 <= data[0] >> 3 & 7 <= 4:
        raise BadAnswer("not a server's answer")
    if bytes(data[24:32]) != nonce:
        raise BadAnswer("not an answer to our question")
    stratum = data[1]
    if stratum == 0:
        raise KissOfDeath("".join([chr(c) if 32 < c < 127 else "?" for c in data[12:16]]))
    if data[0] >> 6 == 3 or stratum > 15:
        raise BadAnswer("the server itself has no time")
    delay = int.from_bytes(data[4:8], "big")
    dispersion = int.from_bytes(data[8:12], "big")
    if delay // 2 + dispersion >= _MAX_DISTANCE:
        raise BadAnswer("the server is not sure enough of its time")
    seconds = int.from_bytes(data[40:44], "big")
    if not seconds:
        raise BadAnswer("an answer without a time")
    unix = seconds - _1970
    while unix < floor:
        unix += _ERA
    if unix >= _CEILING:
        raise BadAnswer("a time before this program was made")
    return unix + (1 if data[44] & 0x80 else 0)  # to the nearest second


async def query(host, port=PORT, floor=0, timeout_ms=TIMEOUT_MS, socket=None):
    """Unix seconds as `host` tells them. Resolving a name blocks.

    Raises BadAnswer, KissOfDeath, asyncio.TimeoutError, and OSError from the network.
    """
    if socket is None:
        import socket
    # A stream of asyncio is made for TCP, so this socket is polled.
    found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)
    nonce = urandom(8)
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        link.setblocking(False)
        link.sendto(request(nonce), found[0][-1])
        start = ticks_ms()
        while True:
            try:
                data = link.recvfrom(_SIZE + 20)[0]
                unix = parse(data, nonce, floor)
                # The answer is as old as half of the way there and back.
                return unix + (ticks_diff(ticks_ms(), start) + 1000) // 2000
            except OSError as exc:
                if exc.args[0] not in (errno.EAGAIN, errno.ETIMEDOUT):
                    raise
            except KissOfDeath:
                raise
            except BadAnswer as exc:
                if "our question" not in str(exc):
                    raise
                # The answer came from another address: the server's may still come.
            if ticks_diff(ticks_ms(), start) > timeout_ms:
                raise asyncio.TimeoutError
            await asyncio.sleep(_POLL_S)
    finally:
        link.close()
