# One supply for several connectors: SiteMaxCurrent is split among those in use.
# MIT license; part of microevse
"""Each connector gets a cap "site". The parts are equal, and none is below 6 A, which is the least
that a pilot can offer (IEC 61851-1 annex A): a session that began too late for such a part waits.

A part grows only when the others have had time to follow their smaller parts: the sum of the
currents that EVs may still be drawing never exceeds the supply. Without a session a connector has
nothing; its first part is given when its session has begun.
"""

import asyncio

from evse_base import log

from .limits import MIN_MA

# An EV follows a smaller offer within 5 s (IEC 61851-1 Table A.6 seq 6); the duty itself
# changes at the next window, because this cap protects.
FOLLOW_MS = 6000
LOOK_S = 1


class Sharing:
    """Splits the setting SiteMaxCurrent (A; 0: no such limit) among `station.connectors`."""

    def __init__(self, station, settings, clock):
        self._station = station
        self._settings = settings
        self._clock = clock
        self._given = {}  # connector id -> mA
        self._until = {}  # connector id -> (mA it may still draw, uptime ms until when)

    def parts(self, site_ma):
        """{connector id: mA} of all connectors, in the order in which their sessions began."""
        using = [c for c in self._station.connectors if c.session and not c.session.stopping]
        using.sort(key=lambda c: c.session.id)
        served = using[: max(0, site_ma // MIN_MA)]
        out = {c.id: 0 for c in self._station.connectors}
        for connector in served:
            out[connector.id] = site_ma // len(served)
        return out

    def step(self):
        """Move the caps towards the parts that are due now."""
        site_ma = 1000 * self._settings.get("SiteMaxCurrent")
        connectors = self._station.connectors
        if not site_ma or len(connectors) < 2:
            for connector in connectors:
                if connector.id in self._given:
                    del self._given[connector.id]
                    connector.limits.cap("site", None)
            self._until = {}
            return
        now = self._clock.uptime_ms()
        wanted = self.parts(site_ma)
        for connector in connectors:
            before = self._given.get(connector.id, site_ma)
            if wanted[connector.id] < before or connector.id not in self._given:
                self._until[connector.id] = (self._drawn(connector, before, now), now + FOLLOW_MS)
                self._give(connector, wanted[connector.id])
        for connector in connectors:
            others = sum(self._drawn_by(c, now) for c in connectors if c is not connector)
            more = min(wanted[connector.id], site_ma - others)
            if more > self._given[connector.id] and more >= MIN_MA:
                self._give(connector, more)

    def _drawn(self, connector, before, now):
        """The current that an EV may be drawing when its part is made smaller."""
        if connector.session is None and not connector.evse.closed:
            return 0
        still, until = self._until.get(connector.id, (0, 0))
        return max(before, still if now < until else 0)

    def _drawn_by(self, connector, now):
        still, until = self._until.get(connector.id, (0, 0))
        given = self._given[connector.id]
        return max(given, still) if now < until else given

    def _give(self, connector, ma):
        self._given[connector.id] = ma
        connector.limits.cap("site", ma)
        log.info("station", "connector %d: %d mA of the supply", connector.id, ma)

    async def run(self):
        """Look once a second, for ever."""
        while True:
            self.step()
            await asyncio.sleep(LOOK_S)
