# When the charger opens its own WiFi network for set-up.
# MIT license; part of microevse
"""A charger that knows no network opens an access point at power-on; one that does, only when
its button is held. The loss of a network never opens one: jamming the WiFi must not give access.

Only this module stays in memory. The modules of the page (`access_point`, `portal` ...) are
imported when needed and dropped after.
"""

import asyncio
import gc

from evse_base import log
import evse_base as port

# Imported by set-up alone, hence dropped with it.
_MODULES = ("commissioning", "hal.softap")


class Setup:
    """`open`: True while the access point is, or will be: no other page is served then.

    board: the profile; not kept. page: web.door.Door, which is shut while the access point is
    open. link: of hal.wifi or hal.ethernet. may_stall(): True while it does not matter if the
    interpreter stalls. central: ocppj.central.Central.
    """

    def __init__(self, board, page, link, supervisor, may_stall, station, central):
        self._page = page
        self._link = link
        self._supervisor = supervisor
        self._may_stall = may_stall
        self._station = station
        self._central = central
        self._asked = port.Flag()
        self._network = None
        self.panel = None  # ui.patterns.Panel, where the board has lamps
        wifi = board.get("network", "wifi") == "wifi"
        self.open = wifi and not station.settings.text("WifiSsid")

    def request(self):
        """The button is held: a person who can touch the charger may set it up, and log in."""
        if self._page.account:
            self._page.account.forgive()
        if not self.open:
            self._asked.set()

    async def run(self):
        """Open now if the charger knows no network, then whenever it is asked for."""
        if self._network is None:
            self.resume_network()
        while True:
            if self.open:
                await self._hold()
            await self._asked.wait()
            if self._may_stall():
                self.open = True
            else:
                log.warn("setup", "not while a car charges")

    async def _hold(self):
        self._page.shutdown()  # its port and its memory are needed; app.py opens it again after
        try:
            from commissioning.access_point import Session, hold

            await hold(
                Session(self, self._link, self._may_stall, self._station, self._central),
                self._supervisor,
            )
        finally:
            self.open = False
            for name in _MODULES:
                port.forget(name)
            gc.collect()

    # -- the station's radio ------------------------------------------------------------------

    async def pause_network(self):
        """Stop the task that keeps the station joined: the station is needed to try a network."""
        task = self._network
        # Again and again: a cancellation that meets a wait_for at its end can be lost.
        while task and not task.done():
            task.cancel()
            await asyncio.sleep(0)

    def resume_network(self):
        """Join the network of the settings, and stay there."""
        self._network = self._supervisor.start("network", self._link.run)
