# Listens on the port of the page, and loads the page's code for a visitor.
# MIT license; part of microevse
"""The page is the largest part of the program and the least used. Where its code lies in flash
and is executed there (a ROM image, a frozen build) it is loaded for a visitor and dropped after a
while without one: what it takes is heap. A car may charge then. So one module is loaded after the
other, and the timer has its turn between them.
Where modules are copied from files it is loaded at once and stays: to read them would stall
the chip for half a second, maybe while a car charges.

Charging needs memory, too, and matters more. Where there is not enough for the page, or it runs
out, the visitor is told so in one sentence that takes no memory, and the page's code is dropped.
"""

import asyncio
import gc

from evse_base import log
import evse_base as port

PORT = 80
IDLE_S = 300
LOOK_S = 1
# Bytes that have to be free before the page's code is loaded: what it takes, and what is left for
# messages of the central system. host_tests/charger/test_page_memory.py measures it.
NEEDS = 24 * 1024
# Bytes that have to be free before a request is answered.
ANSWER_NEEDS = 4 * 1024
# So long nobody is let in after memory has run out: a page that asks again at once would make it
# run out again and again.
AGAIN_MS = 60000
# Dropped with the page; `web.login` stays: it counts the wrong passwords.
_PAGE = (
    "web.server", "web.view", "web.connections", "web.bounds", "web.events", "web.origin",
    "web.answers", "microdot", "wiring",
)  # fmt: skip
_HEAD_S = 1  # a request has come by then
_NO_MEMORY = (
    b"HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 60\r\n"
    b"Cache-Control: no-store\r\n\r\n"
    b"The charger has no memory for this page just now; try again in a minute.\n"
)


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
        self._loading = False
        self._starved = None  # ticks when memory ran out
        self._visitors = 0
        self._idle_s = 0
        self._server = None

    async def run(self):
        """Serve until `shutdown`; may be called again after that."""
        keep = not port.IN_PLACE
        if keep:
            self._app = await self._load()
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
            app = None if self._waits() else await self._ready()
            if app is None:
                await _refuse(reader, writer)
                return
            _need(ANSWER_NEEDS)
            await app.handle_request(reader, writer)
            if app.starved:
                self._starve(app.starved)
        except MemoryError as exc:
            self._starve(exc)
            await _refuse(reader, writer)
        finally:
            self._visitors -= 1

    def _waits(self):
        if self._starved is None:
            return False
        if port.ticks_diff(port.ticks_ms(), self._starved) < AGAIN_MS:
            return True
        self._starved = None
        return False

    def _starve(self, exc):
        self._starved = port.ticks_ms()
        if port.IN_PLACE:
            self._drop()
        log.error("web", "no memory for the page: %s", exc)

    async def _ready(self):
        """The page; None if there is no memory for it, or the door is closed meanwhile."""
        while self._loading:
            await asyncio.sleep(0.05)
        if self._app is None and not self._waits():
            self._loading = True
            try:
                gc.collect()
                _need(NEEDS)
                self._app = await self._load()
            finally:
                self._loading = False
            if self._server is None:
                self._drop()
        return self._app

    async def _load(self):
        await port.before_import()
        from web import login

        await port.before_import()
        import microdot  # noqa: F401

        await port.before_import()
        from web import bounds, origin  # noqa: F401

        await port.before_import()
        from web import answers, events  # noqa: F401

        await port.before_import()
        from web import connections  # noqa: F401

        await port.before_import()
        from web import server

        await port.before_import()
        from wiring import fitted  # noqa: F401

        await port.before_import()
        if self._account is None:
            self._account = login.from_settings(self._settings, self._clock)
        view = self._view()
        await port.before_import()  # making the view has loaded its code
        return server.make_app(view, self._account, (self._link.name,))

    def _drop(self):
        """Forget the page's code; a visitor who is still being served keeps his."""
        self._app = None
        for name in _PAGE:
            port.forget(name)
        gc.collect()


def _need(size):
    """Raise MemoryError unless `size` bytes are free."""
    if not port.room(size):
        raise MemoryError("%d of %d bytes are free" % (gc.mem_free(), size))


async def _refuse(reader, writer):
    """Say that there is no memory, and close."""
    try:
        # Closing while something of the request has not been read would drop the answer.
        await asyncio.wait_for(_head(reader), _HEAD_S)
    except (OSError, MemoryError, asyncio.TimeoutError):
        pass
    try:
        writer.write(_NO_MEMORY)
        await writer.drain()
        writer.close()
        await writer.wait_closed()  # only this closes the socket
    except OSError:
        pass  # the visitor has left


async def _head(reader):
    """Read the head of a request, of at most 4 KB."""
    for _ in range(16):
        data = await reader.read(256)
        if not data or b"\r\n\r\n" in data or len(data) < 256:
            return
