# Asks a network time server where the central system does not tell the time.
# MIT license; part of microevse
"""The central system's time always counts. A time server is asked only while the clock is
not known, and when nothing was heard from the central system for half a day: two sources
that correct each other in turn would make time jump for ever.

Certificates cannot be checked without a clock, so before the first wss:// connection of a start
the time server is asked first. If it does not answer, certificates are checked at the last time
that the central system told: the true time cannot be earlier. An earlier time from a time server
is not believed. The time of a time server is never kept: its packets are not authenticated.
"""

import asyncio

from evse_base import log
from evse_base.iso8601 import format
from evse_base.clock import BUILD_UNIX
from store import kinds
from evse_base import const

LOOK_S = 1
PORT = 123
# ws:// needs no clock: the central system gets this long to tell the time itself.
GRACE_S = 20
# How long the first wss:// connection waits for the time server.
_FIRST_S = const(20)
REFRESH_S = 43200
# RFC 4330 section 10: never more often than every 15 s, less and less often.
RETRY_S = 15
RETRY_MAX_S = 1800
# A server that does not want to be asked is left alone for a day.
_UNWANTED_S = const(86400)
# The kept time is renewed when it is older than this: a certificate is rarely younger.
KEEP_S = 21600


class Timekeeper:
    """link: has .connected; allowed(): True while a stall (DNS) does no harm; secure():
    True if the central system's address is wss://. resolver: see ocppj.resolver. journal: keeps
    the last time told; set_rtc: fn(unix) sets the chip's clock if it is behind."""

    def __init__(self, settings, clock, link, allowed, secure, resolver, journal, set_rtc):
        self._settings = settings
        self._clock = clock
        self._link = link
        self._allowed = allowed
        self._secure = secure
        self._resolver = resolver
        self._journal = journal
        self._set_rtc = set_rtc
        self._failed = False  # the last question had no answer
        self._asking = False
        self._kept_s = None  # uptime when the time was kept
        self._told_s = None  # uptime when the time was last set, from any source
        self._next_s = 0
        self._wait_s = RETRY_S
        clock.on_set(self._on_set)

    def _on_set(self, step):
        self._told_s = self._clock.uptime()
        kept = self._kept_s
        if not self._asking and (kept is None or self._told_s - kept >= KEEP_S):
            self._kept_s = self._told_s
            try:
                self._journal.keep(kinds.TOLD, 0, [self._clock.now()])
            except Exception as exc:
                log.warn("time", "not kept: %r", exc)

    def floor(self):
        """A Unix time in seconds that is over for certain."""
        kept = self._journal.get(kinds.TOLD, 0)
        return max(BUILD_UNIX, kept[0]) if kept else BUILD_UNIX

    def _server(self):
        """(host, port) of the setting, None if it is off."""
        text = self._settings.text("NtpServer").strip()
        host, colon, port = text.partition(":")
        if not host:
            return None
        return host, int(port) if port.isdigit() else PORT

    def due(self):
        """True if the time server should be asked now."""
        uptime = self._clock.uptime()
        if not self._server() or uptime < self._next_s or not self._link.connected:
            return False
        if self._told_s is not None:
            wanted = uptime - self._told_s >= REFRESH_S
        else:
            wanted = uptime >= GRACE_S or self._secure()
        return wanted and self._allowed()

    async def run(self):
        while True:
            if self.due():
                await self.ask()
            await asyncio.sleep(LOOK_S)

    async def ask(self):
        """Ask once; True if the clock was set."""
        # Here, not at the top: most chargers are told the time without it.
        import sntp

        host, port = self._server()
        reason = None
        try:
            address = await self._resolver.address(host, port, self._failed)
            unix = await sntp.query(address, port, self.floor())
            self._failed = False
            before = self._told_s
            if before is not None and self._clock.uptime() - before < REFRESH_S:
                return False  # the central system was faster
            self._asking = True
            try:
                step = self._clock.set(unix)
            finally:
                self._asking = False
            self._wait_s = RETRY_S
            self._next_s = self._clock.uptime() + REFRESH_S
            log.info("time", "from %s, step %s s", host, step)
            return True
        except sntp.KissOfDeath as exc:
            reason, self._wait_s = "it says %s" % exc, _UNWANTED_S
        except asyncio.TimeoutError:
            reason = "no answer"
        except (OSError, ValueError) as exc:
            reason = str(exc)
        self._failed = True
        self._next_s = self._clock.uptime() + self._wait_s
        log.warn("time", "nothing from %s: %s", host, reason)
        self._wait_s = min(2 * self._wait_s, RETRY_MAX_S)
        return False

    async def before_tls(self):
        """Return when certificates can be checked, or when waiting for it is no use."""
        end = self._clock.uptime() + _FIRST_S
        while self._clock.uptime() < end and self._server():
            if self._clock.now() is not None or not self._secure():
                return
            await asyncio.sleep(0.2)
        if self._clock.now() is None and self._secure() and self._set_rtc(self.floor()):
            log.warn("time", "not known: certificates are checked as of %s", format(self.floor()))
