# A new version on trial: confirmed after a healthy run, given back if it does not become one.
# MIT license; part of microevse
"""Imported only while the slot that runs has not been confirmed. Healthy means: for the time of
the setting UpdateTrialTime no tick has failed, no task had to be restarted, the watchdog's
heartbeats were fresh; and the central system, where one is set, has accepted us once, or a
quarter of an hour has passed: it may be the one that is out of order, and a version that cannot
reach it could not be replaced by it either.

Central systems wait a minute for the word Installed. The trial is never shorter than 15 s:
by then a task that hangs has been noticed (app.STATION_LIMIT_MS is 10 s), and one that fails
at its start has been restarted. A version that crashes later is found by safe mode.
"""

import asyncio

from evse_base import log
from hal import appslot, system
from station import security_log
from version import VERSION

# So long the central system is waited for.
CSMS_S = 900
# A version that has not been healthy for so long never will be.
GIVE_UP_S = 3600


class Trial:
    """central: ocppj.central.Central. vacant(): True while the charger may restart."""

    def __init__(self, station, tick, supervisor, central, vacant):
        self._station = station
        self._tick = tick
        self._supervisor = supervisor
        self._central = central
        self._vacant = vacant
        self._seen = None  # the counts that must not change
        self._since = 0

    def _marks(self):
        return self._tick.failures, sum(self._supervisor.restarts.values())

    def healthy(self, now):
        """True if all has been well for long enough; to be asked every second."""
        settings = self._station.settings
        marks = self._marks()
        if marks != self._seen or not self._supervisor.alive():
            self._seen, self._since = marks, now
            return False
        if now - self._since < settings.get("UpdateTrialTime"):
            return False
        wanted = settings.text("CentralSystemURI")
        return not wanted or self._central.accepted or now >= CSMS_S

    async def _secure(self):
        """Move what is secret into its region: the version before, which looks for it elsewhere,
        does not start any more."""
        while not self._vacant():
            await asyncio.sleep(1)
        from upkeep import secure

        secure.move(self._station.settings)

    async def run(self):
        """Until the version is confirmed, or another one is to start."""
        log.info("update", "%s is on trial", appslot.running())
        while True:
            now = self._station.clock.uptime()
            if self.healthy(now):
                appslot.confirm()
                log.info("update", "%s is confirmed", appslot.running())
                security_log.note("firmware_updated", VERSION)
                await self._secure()
                break
            if now >= GIVE_UP_S and self._vacant():
                log.error("update", "not healthy after %d s: the other version is taken", now)
                if appslot.go_back(home=True):
                    await self._station.leave()
                    system.mark("FirmwareUpdate")
                    system.reset()
                break
            await asyncio.sleep(1)
        # The supervisor would restart a task that ends: this one only waits now.
        while True:
            await asyncio.sleep(3600)
