# Asks a network time server where nobody else tells the time.
# MIT license; part of microevse
"""The central system's time always counts. A time server is asked only while the clock is
not known, and when nothing was heard from the central system for half a day: two sources
that correct each other in turn would make time jump for ever.

Certificates cannot be checked without a clock, so before the first wss:// connection of a
start the time server is asked first.
"""

import asyncio

import log
from clock import BUILD_UNIX

LOOK_S = 1
PORT = 123
# ws:// needs no clock: the central system gets this long to tell the time itself.
GRACE_S = 20
# How long the first wss:// connection waits for the time server.
FIRST_S = 20
REFRESH_S = 43200
# RFC 4330 section 10: never more often than every 15 s, less and less often.
RETRY_S = 15
RETRY_MAX_S = 1800
# A server that does not want to be asked is left alone for a day.
UNWANTED_S = 86400


class Timekeeper:
    """link: has .connected; allowed(): True while a stall (DNS) does no harm; secure():
    True if the central system's address is wss://."""

    def __init__(self, settings, clock, link, allowed, secure):
        self._settings = settings
        self._clock = clock
        self._link = link
        self._allowed = allowed
        self._secure = secure
        self._told_s = None  # uptime when the time was last told, by whomever
        self._next_s = 0
        self._wait_s = RETRY_S
        clock.on_set(self._on_set)

    def _on_set(self, step):
        self._told_s = self._clock.uptime()

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
            unix = await sntp.query(host, port, BUILD_UNIX)
            before = self._told_s
            if before is not None and self._clock.uptime() - before < REFRESH_S:
                return False  # the central system was faster
            step = self._clock.set(unix)
            self._wait_s = RETRY_S
            self._next_s = self._clock.uptime() + REFRESH_S
            log.info("time", "from %s, step %s s", host, step)
            return True
        except sntp.KissOfDeath as exc:
            reason, self._wait_s = "it says %s" % exc, UNWANTED_S
        except asyncio.TimeoutError:
            reason = "no answer"
        except (OSError, ValueError) as exc:
            reason = str(exc)
        self._next_s = self._clock.uptime() + self._wait_s
        log.warn("time", "nothing from %s: %s", host, reason)
        self._wait_s = min(2 * self._wait_s, RETRY_MAX_S)
        return False

    async def before_tls(self):
        """Return when certificates can be checked, or when waiting for it is no use."""
        end = self._clock.uptime() + FIRST_S
        while self._clock.uptime() < end:
            if self._clock.now() is not None or not self._server() or not self._secure():
                return
            await asyncio.sleep(0.2)
