# A pause of charging that lets a lost connection come back.
# MIT license; part of microevse
"""A TLS handshake stalls the interpreter for longer than the contactor may stay closed unwatched,
so a lost wss:// connection is made again only while it is open. A car can charge all night:
after some minutes offline, and at most once an hour, the EV is asked to let go for the time of a
handshake. If it does not let go, charging continues: nothing opens under load for the network.
"""

import asyncio

from evse_base import log
from evse_base import const

_EVERY_MS = const(3600000)
# The EVSE takes its request back after 6 s; contacts need a moment to open.
LET_GO_MS = const(7000)
_RECONNECT_MS = const(60000)  # a pause lasts no longer; the next one comes in an hour
_LOOK_S = const(1)
_LOOK_CLOSELY_S = const(0.2)


class SoftPause:
    """connection: its `gated` is True while only a closed contactor prevents a new connection,
    `connected` once there is one. link: its `connected` is True while there is a network. The
    setting OfflinePauseDelay is the time offline in seconds after which charging pauses, 0: never.
    """

    def __init__(self, settings, clock, evses, connection, link):
        self._settings = settings
        self._clock = clock
        self._evses = evses
        self._connection = connection
        self._link = link
        self._since_ms = None  # when the waiting began
        self._last_ms = None  # when the last pause began
        self.count = 0

    async def run(self):
        """Look once a second, for ever."""
        while True:
            if self.due(self._clock.uptime_ms()):
                await self.pause()
            await asyncio.sleep(_LOOK_S)

    def due(self, now):
        """True if it is time for a pause, at uptime `now` ms. Call it regularly: it measures
        how long the connection has been waiting."""
        if not (self._connection.gated and self._link.connected):
            self._since_ms = None
            return False
        if self._since_ms is None:
            self._since_ms = now
        delay = self._settings.get("OfflinePauseDelay")
        if not delay or now - self._since_ms < 1000 * delay:
            return False
        return self._last_ms is None or now - self._last_ms >= _EVERY_MS

    async def pause(self):
        """Ask each EV to let go, wait for the connection, resume. True if it came back."""
        self._last_ms = self._clock.uptime_ms()
        self.count += 1
        log.info("net", "charging pauses for a moment to connect again")
        try:
            # Pause the EVs with an open contactor, too: none may close during the handshake.
            for evse in self._evses:
                evse.pause()
            await self._until(self._open_or_refused, LET_GO_MS)
            if self._any_closed():
                log.info("net", "the car does not let go: charging goes on")
                return False
            return await self._until(self._connected, _RECONNECT_MS)
        finally:
            for evse in self._evses:
                evse.resume()

    def _connected(self):
        return self._connection.connected

    def _any_closed(self):
        for evse in self._evses:
            if evse.closed:
                return True
        return False

    def _open_or_refused(self):
        for evse in self._evses:
            if evse.closed and not evse.paused:
                return True
        return not self._any_closed()

    async def _until(self, test, limit_ms):
        end = self._clock.uptime_ms() + limit_ms
        while not test():
            if self._clock.uptime_ms() >= end:
                return False
            await asyncio.sleep(_LOOK_CLOSELY_S)
        return True
