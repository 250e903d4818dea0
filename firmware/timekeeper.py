# Asks a network time server where the central system does not tell the time.
# MIT license; part of microevse
"""The central system's time always counts. A time server is asked only while the clock is
not known, and when nothing was heard from the central system for half a day: two sources
that correct each other in turn would make time jump for ever.

Certificates cannot be checked without a clock, so before the first wss:// connection of a start
the time server is asked first. If it does not answer, certificates are checked as of the last time
that the central system told. The time of a time server is never kept: its packets are not
authenticated.

A wrong time must not lock the charger out of wss:// for good, be it told by a central system, by
an attacker on ws://, or by a false time server. So three times are kept:

- The last one told is a guess.
- By the floor a server's certificate was valid, and that server told no earlier time. It moves
  forward by _FLOOR_STEP_S at a time; on a connection that stands it moves as the uptime does. A
  time server's answer before it is not believed at first. No word moves it back, but for a time
  server, or a search (below), by whose time a certificate was valid.
- The sure time is never ahead of the true one. It is the build's date, and what has passed since
  with the power on. It leaps to the present when a time server and a central system tell the same.

The clock is proven while it differs by less than _JUMP_S from what it was in the last handshake,
with the uptime since: it is the sum of all steps that counts. When a certificate is refused for
its dates alone (`doubt`), the clock may be wrong:

- The time server is asked at once. What it answers is used.
- If it is silent, and the clock is not proven or behind the floor, every other attempt checks
  certificates as of the floor. A proven clock is believed: else a certificate that has expired
  would be let in.
- If a certificate is refused as of the floor, too, or by a clock that is proven or near it, the
  floor may be wrong as well: a time server is then believed from the sure time on.
- If no central system was reached for a day, every other attempt searches: certificates are
  checked as of the sure time, then as of _SEARCH_S later, and so on. One of these times is one by
  which a certificate of today is valid. A time server that answers ends the search.

What remains: who has an expired certificate with its key, and keeps the true central system and
all time servers away for a day, or forges a time server's answers, can use the certificate if it
has expired after the sure time. Without a time server that is the true time less the time without
power since the build. A central system and a time server that tell the same wrong time move the
sure time: they can lock the charger out until then. A time server that is wrong for good is the
owner's to change.
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
# A clock that is farther off than this has jumped: nobody vouches for it.
_JUMP_S = const(604800)
# A charger may lie on a shelf for so long.
_FLOOR_STEP_S = const(34560000)
# In doubt the time server is asked at once, but not sooner than this after its last answer.
_DOUBT_S = const(600)
# So long no certificate was good: all times are searched, in steps shorter than the life of the
# certificates that public authorities will give (47 days from 2029 on: CA/Browser Forum, SC-081).
_LOST_S = const(86400)
_SEARCH_S = const(3456000)
_END_UNIX = const(4102444800)  # 2100-01-01: no clock goes beyond it


class Timekeeper:
    """link: has .connected; allowed(): True while a stall (DNS) does no harm; secure():
    True if the central system's address is wss://. connection: see ocppj.connection. journal:
    keeps the last time told; set_rtc: fn(unix, back) sets the chip's clock if it is behind, and
    also if it is ahead where `back`; True if it has set it."""

    def __init__(self, settings, clock, link, allowed, secure, connection, journal, set_rtc):
        self._settings = settings
        self._clock = clock
        self._link = link
        self._allowed = allowed
        self._secure = secure
        self._connection = connection
        self._journal = journal
        self._set_rtc = set_rtc
        self._failed = False  # the last question had no answer
        self._asking = False
        self._kept_s = None  # uptime when the time was kept
        self._told_s = None  # uptime when the time was last set, from any source
        self._next_s = 0
        self._wait_s = RETRY_S
        self._doubtful = False  # a certificate was refused for its dates, and no time came since
        self._as_of = None  # Unix time as of which certificates are checked, None: by the clock
        self._any = False  # ... or one near the floor, and were refused so, too
        self._answer_s = None  # uptime of the last answer of the time server
        self._attempt = 0  # number of the connection that has told the time
        # By the clock less this a certificate was valid: Unix time at uptime 0, less the build's.
        self._base = None
        self._by_server = False  # the clock has the time server's time
        self._lost_s = None  # uptime of the first refusal since a central system told the time
        self._place = 0  # how many times were searched
        clock.on_set(self._on_set)

    def _proven(self):
        """True if a certificate was valid by this clock, and no sum of steps is a jump since."""
        now = self._clock.now()
        if self._base is None or now is None:
            return False
        return abs(now - BUILD_UNIX - self._clock.uptime() - self._base) <= _JUMP_S

    def sure(self):
        """A Unix time that has passed for sure."""
        return self.kept(2) + self._clock.uptime() - (self._kept_s or 0)

    def _on_set(self, step):
        uptime = self._told_s = self._clock.uptime()
        now, as_of, by_server = self._clock.now(), self._as_of, self._by_server
        if as_of is not None:
            self._set_rtc(now, True)
        self._as_of = None
        self._doubtful = self._any = False
        self._by_server = self._asking
        if self._asking:
            return
        searched = as_of is not None and self._place
        self._lost_s, self._place = None, 0
        old, sure = self.kept(1), self.sure()
        floor = max(old, sure)
        link = self._connection
        if self._secure() and link.connected:
            if self._attempt != link.attempts:
                # The handshake of this connection has passed, by the clock as it was before this.
                self._attempt = link.attempts
                before = as_of
                if as_of is None:
                    before = self.kept(0) if step is None else now - step
                near = abs(now - before) <= _JUMP_S
                self._base = None
                if near and (step is not None or as_of):
                    self._base = before - BUILD_UNIX - uptime
                if near and by_server and as_of is None:
                    sure = max(sure, min(now, before))
                if before < floor and now < floor and (searched or near and by_server):
                    floor = max(before, sure)
                elif before <= now + _JUMP_S:
                    floor = max(floor, min(before, floor + _FLOOR_STEP_S))
            elif self._proven():
                told = min(now, self._base + BUILD_UNIX + uptime)
                floor = max(floor, min(told, floor + _FLOOR_STEP_S))
        kept = self._kept_s
        due = kept is None or uptime - kept >= KEEP_S or step and step <= -KEEP_S
        if due or abs(floor - old) > _JUMP_S:
            try:
                self._journal.keep(kinds.TOLD, 0, [now, floor, sure])
            except Exception as exc:
                log.warn("time", "not kept: %r", exc)
            # Also if it was not: flash that fails is not written again at once.
            self._kept_s = uptime

    def kept(self, place):
        """0: the Unix time that was told last; 1: the floor; 2: the sure time, as of then."""
        kept = self._journal.get(kinds.TOLD, 0)
        return max(BUILD_UNIX, kept[place]) if kept and len(kept) > place else BUILD_UNIX

    def doubt(self):
        """A certificate was refused for its dates alone: perhaps the clock is wrong."""
        now, floor, uptime = self._clock.now(), self.kept(1), self._clock.uptime()
        answered = self._answer_s
        recent = answered is not None and uptime - answered < _DOUBT_S
        if now is None:
            now = self.kept(0)
        if self._as_of is not None or self._proven() or abs(now - floor) <= _JUMP_S:
            self._any = True
        self._doubtful = not recent
        if not self._failed and not recent:
            self._next_s = uptime
        if self._lost_s is None:
            self._lost_s = uptime
        if self._by_server and not self._failed and self._server():
            return
        told = None
        if self._as_of is None:
            if uptime - self._lost_s >= _LOST_S:
                told = self.sure() + self._place * _SEARCH_S
                if told >= _END_UNIX:
                    self._place, told = 0, self.sure()
                self._place += 1
            elif floor > now + _JUMP_S or floor < now - _JUMP_S and not self._proven():
                told = floor
        changed = told is not None or self._as_of is not None
        self._as_of = told
        if not changed and self._proven():
            return
        if self._set_rtc(told or now, True):
            log.warn("time", "in doubt: certificates are checked as of %s", format(told or now))

    def _server(self):
        """(host, port) of the setting, None if it is off."""
        if "NTP" not in self._settings.text("TimeSource"):
            return None
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
        if self._doubtful:
            wanted = True
        elif self._told_s is not None:
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
            address = await self._connection.resolver.address(host, port, self._failed)
            unix = await sntp.query(address, port, self.sure() if self._any else self.kept(1))
            self._failed = False
            before = self._told_s
            recent = before is not None and self._clock.uptime() - before < REFRESH_S
            if recent and not self._doubtful:
                return False  # the central system was faster
            self._asking = True
            try:
                step = self._clock.set(unix)
            finally:
                self._asking = False
            self._answer_s = self._told_s
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
        told = self.kept(0)
        if self._clock.now() is None and self._secure() and self._set_rtc(told, False):
            log.warn("time", "not known: certificates are checked as of %s", format(told))
