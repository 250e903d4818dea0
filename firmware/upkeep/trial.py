# A new version on trial: confirmed after a healthy run, given back if it does not become one.
# MIT license; part of microevse
"""Imported only while the slot that runs has not been confirmed. Healthy means: for the time of
the setting UpdateTrialTime no tick has failed, no task had to be restarted, the watchdog's
heartbeats were fresh; and the way by which it could be replaced is there:

- The central system has accepted it once. Where that has sent the update, or had accepted the
  version before, nothing else will do: a version that cannot reach it could not be replaced by it
  either.
- Else the network has given the charger an address. Where a central system is set, it is waited
  for for a quarter of an hour.

A version that does not get there is given back after an hour, also if only the server is out of
order: the version before is as good. Then the update has failed, and is not tried again until
somebody asks for it.

Central systems wait a minute for the word Installed. The trial is never shorter than 15 s:
by then a task that hangs has been noticed (app.STATION_LIMIT_MS is 10 s), and one that fails
at its start has been restarted. A version that crashes later is found by safe mode.
"""

import asyncio

from evse_base import log
from hal import appslot, system
from station import security_log
from store import kinds
from version import VERSION

# So long a central system is waited for that did not answer the version before either.
CSMS_S = 900
# A version that has not been healthy for so long never will be.
GIVE_UP_S = 3600
# Keys of FIRMWARE records (store/kinds.py): an update by the central system, and its acceptance of
# the version before.
_INSTALLING, _ACCEPTED = 3, 4


class Trial:
    """central: ocppj.central.Central; link: of hal.wifi or hal.ethernet. vacant(): True while the
    charger may restart; async reboot(): lets no session begin, and restarts."""

    def __init__(self, station, tick, supervisor, central, link, vacant, reboot):
        self._station = station
        self._tick = tick
        self._supervisor = supervisor
        self._central = central
        self._link = link
        self._vacant = vacant
        self._reboot = reboot
        self._accepted = False  # once by the central system, in this start
        self._seen = None  # the counts that must not change
        self._since = 0

    def _marks(self):
        return self._tick.failures, sum(self._supervisor.restarts.values())

    def healthy(self, now):
        """True if all has been well for long enough; to be asked every second."""
        settings = self._station.settings
        self._accepted = self._accepted or self._central.accepted
        marks = self._marks()
        if marks != self._seen or not self._supervisor.alive():
            self._seen, self._since = marks, now
            return False
        if now - self._since < settings.get("UpdateTrialTime"):
            return False
        if self._accepted:
            return True
        if settings.text("CentralSystemURI") and (now < CSMS_S or self._answered()):
            return False
        return bool(self._link.connected)

    def _answered(self):
        """True if the central system has sent this update, or had accepted the version before."""
        get = self._station.journal.get
        return bool(get(kinds.FIRMWARE, _INSTALLING) or get(kinds.FIRMWARE, _ACCEPTED))

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
                system.healthy()
                log.info("update", "%s is confirmed", appslot.running())
                security_log.note("firmware_updated", VERSION)
                await self._secure()
                break
            if now >= GIVE_UP_S and self._vacant():
                log.error("update", "not healthy after %d s: the other version is taken", now)
                if appslot.go_back(home=True):
                    await self._reboot()
                break
            await asyncio.sleep(1)
        # The supervisor would restart a task that ends: this one only waits now.
        while True:
            await asyncio.sleep(3600)
