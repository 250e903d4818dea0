# Host names to addresses: an answer is remembered, and used for longer if a new question fails.
# MIT license; part of microevse
"""An answer may tell for how long it holds. getaddrinfo() does not: then it is kept for ten
minutes, as many services that move use 60 to 300 s, and an open connection does not ask. An
address does not prove who is there: only a certificate does.
"""

import asyncio

from evse_base import log
from evse_base import ticks_diff, ticks_ms

TTL_MS = 600000
# A name server that failed is not asked again for this long, if an old address is known.
RETRY_MS = 20000
MOST = 4  # names remembered


class UnknownHost(Exception):
    """The address of the host is not known, and the resolver gave none."""

    status = 0  # as a HandshakeError without an answer


def is_address(host):
    """True for an IPv4 or IPv6 literal: nothing to resolve."""
    if ":" in host:
        return True
    for char in host:
        if char not in "0123456789.":
            return False
    return True


class Resolver:
    """lookup: fn(host, port) -> address as text, or a coroutine for it or for (address, seconds
    for which it holds); OSError without one.
    allowed: fn(ms=0) -> True while it does no harm if `lookup` stalls the interpreter."""

    def __init__(self, lookup, allowed=lambda ms=0: True):
        self._lookup = lookup
        self.allowed = allowed
        # host: [address, ticks of the last answer, ticks of the last failure, TTL in ms]
        self._found = {}
        self._asking = {}  # host: Event, while a task asks

    def known(self, host):
        """True if `address` has an answer without asking."""
        return host in self._found

    async def address(self, host, port, fresh=False):
        """An address of `host`; an IPv4 or IPv6 literal is one. fresh: the one remembered did not
        answer: ask if that is allowed.

        Raises OSError if none is known.
        """
        if is_address(host):
            return host  # a name server knows no such name
        while True:
            entry = self._found.get(host)
            if entry and (self._good(entry, fresh) or not self.allowed()):
                return entry[0]
            if host not in self._asking:
                return await self._ask(host, port)
            # Another task is asking: its answer serves this one, too.
            await self._asking[host].wait()
            fresh = False
            if host not in self._found:
                raise OSError("no address of %s" % host)

    @staticmethod
    def _good(entry, fresh):
        now = ticks_ms()
        if entry[2] is not None and 0 <= ticks_diff(now, entry[2]) < RETRY_MS:
            return True
        return not fresh and 0 <= ticks_diff(now, entry[1]) < entry[3]

    async def _ask(self, host, port):
        answered = self._asking[host] = asyncio.Event()
        try:
            address = self._lookup(host, port)
            if not isinstance(address, str):
                address = await address
            holds_ms = TTL_MS
            if not isinstance(address, str):
                address, holds_s = address
                holds_ms = 1000 * holds_s
            self._remember(host, address, holds_ms)
            return address
        except OSError as exc:
            entry = self._found.get(host)
            if entry is None:
                raise
            entry[2] = ticks_ms()
            log.warn("net", "no answer about %s (%s): still %s", host, exc, entry[0])
            return entry[0]
        finally:
            del self._asking[host]
            answered.set()

    def _remember(self, host, address, holds_ms):
        old = self._found.pop(host, None)
        if old is None and len(self._found) >= MOST:
            ages = [(ticks_diff(ticks_ms(), e[1]), name) for name, e in self._found.items()]
            del self._found[max(ages)[1]]
        if old and old[0] != address:
            log.info("net", "%s is now %s", host, address)
        self._found[host] = [address, ticks_ms(), None, holds_ms]
