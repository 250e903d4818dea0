# Listens on the port of the page, and loads the page's code for a visitor.
# MIT license; part of microevse
"""The page is the largest part of the program and the least used. Where its code lies in flash
and is executed there (a ROM image, a frozen build) loading it takes milliseconds and what it
takes is heap: so it is loaded for a visitor and dropped after a while without one.
Where modules are copied from files it is loaded at once and stays: to read them would stall
the chip for half a second, maybe while a car charges.
"""

import asyncio
import gc

from evse_base import log
import evse_base as port

PORT = 80
IDLE_S = 300
LOOK_S = 1
# Dropped with the page; `web.login` stays: it counts the wrong passwords.
_PAGE = (
    "web.server", "web.view", "web.bounds", "web.events", "web.origin", "microdot",
    "wiring",
)  # fmt: skip


class Door:
    """view(): makes the page's window on the charger (web.view.View), for a visitor; its code is
    dropped with the page. link: has the host name by which the page may be asked for.
    """

    def __init__(self, view, settings, clock, link):
        self._view = view
        self._settings = settings
        self._clock = clock
        self._link = link
        self._account = None
        self._app = None
        self._visitors = 0
        self._idle_s = 0
        self._server = None

    async def run(self):
        """Serve until `shutdown`; may be called again after that."""
        keep = not port.IN_PLACE
        if keep:
            self._load()
        self._server = await asyncio.start_server(self._visit, "0.0.0.0", PORT)
        try:
            while self._server:
                await asyncio.sleep(LOOK_S)
                self._idle_s = 0 if self._visitors else self._idle_s + LOOK_S
                if self._app and not keep and self._idle_s > IDLE_S:
                    self._drop()
        finally:
            self.shutdown()

    def shutdown(self):
        """Close the door if it is open: the port and the memory are needed; `run` ends soon."""
        server, self._server = self._server, None
        if server:
            server.close()
        if server or self._app:
            self._drop()

    async def _visit(self, reader, writer):
        self._visitors += 1
        try:
            if self._app is None:
                self._load()
            await self._app.handle_request(reader, writer)
        except MemoryError:
            # Charging matters more than the page: the visitor may come again.
            log.error("web", "no memory for the page")
            self._drop()
            writer.close()
        finally:
            self._visitors -= 1

    def _load(self):
        from web import login, server

        if self._account is None:
            self._account = login.from_settings(self._settings, self._clock)
        self._app = server.make_app(self._view(), self._account, (self._link.name,))
        gc.collect()

    def _drop(self):
        """Forget the page's code; a visitor who is still being served keeps his."""
        self._app = None
        for name in _PAGE:
            port.forget(name)
        gc.collect()
