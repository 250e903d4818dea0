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

from evse_base import const, log
import evse_base as port

_PORT = const(80)
_IDLE_S = const(300)
LOOK_S = 1
# Bytes that have to be free before the page's code is loaded: what it takes, and what is left for
# messages of the central system. host_tests/charger/test_page_memory.py measures it.
NEEDS = 24 * 1024
# Bytes that have to be free before a request is answered.
ANSWER_NEEDS = 4 * 1024
# So long nobody is let in after memory has run out: a page that asks again at once would make it
# run out again and again.
AGAIN_S = 60
# Visitors at once, refused ones among them: lwIP on the chip has ten sockets for everything.
MOST = 7
# Of one address: a crowd from one address leaves room for another. A page in a browser needs two.
_OF_ONE = const(3)
_HEAD_S = const(1)  # a request has come by then
_BODY_S = const(5)  # so long a body that nobody wants is read away
_NO_MEMORY = const(
    b"HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 60\r\n"
    b"Cache-Control: no-store\r\n\r\n"
    b"The charger has no memory for this page just now; try again in a minute.\n"
)


class Door:
    """view(): makes the page's window on the charger (web.view.View), for a visitor; its code is
    dropped with the page. link: has the host name by which the page may be asked for.
    lacks: True if the view tells what the board lacks; the code for it is loaded on its own.
    """

    def __init__(self, view, settings, clock, link, lacks=False):
        self._view = view
        self._settings = settings
        self._clock = clock
        self._link = link
        self._lacks = lacks
        self.account = None  # web.login.Login, from the first visitor on
        self._app = None
        self._loading = False
        self.wait_s = 0  # so long nobody is let in
        self.visitors = []  # the IP address of each
        self._looked_s = self._used_s = 0  # uptime
        self._server = None

    async def run(self):
        """Serve until `shutdown`; may be called again after that."""
        self._looked_s = self._clock.uptime()
        keep = not port.IN_PLACE
        if keep:
            self._app = await self._load()
        self._server = await asyncio.start_server(self._let_in, "0.0.0.0", _PORT)
        try:
            while self._server:
                await asyncio.sleep(LOOK_S)
                self._second(keep)
                task = getattr(self._server, "task", None)
                if task and task.done():
                    # There was no memory to let a visitor in: asyncio does not go on after that.
                    log.error("web", "the page's port was lost, and is opened again")
                    self._server = task = None
                    gc.collect()  # closes the old socket, which nobody has any more
                    self._server = await asyncio.start_server(self._let_in, "0.0.0.0", _PORT)
        finally:
            self.shutdown()

    def _second(self, keep):
        # Time is measured: where much is to be done a look comes late, and 300 of them very late.
        now, before = self._clock.uptime(), self._looked_s
        self._looked_s = now
        self.wait_s = max(0, self.wait_s - now + before)
        if self.visitors:
            self._used_s = now
        elif self._app and not keep and now - self._used_s > _IDLE_S:
            self.drop()

    def shutdown(self):
        """Close the door if it is open: the port and the memory are needed; `run` ends soon."""
        server, self._server = self._server, None
        if server:
            server.close()
        if server or self._app:
            self.drop()

    def _let_in(self, reader, writer):
        # The task that serves a visitor may be kept for hours: not the page's code with it.
        return port.traceless(self._visit(reader, writer))

    async def _visit(self, reader, writer):
        peer = writer.get_extra_info("peername")
        ip = peer[0] if isinstance(peer, tuple) else peer[4:8]  # see web.login.address
        visitors = self.visitors
        visitors.append(ip)
        try:
            # The last place is for somebody who has logged in from there: no crowd takes it.
            most = MOST if self.account and self.account.accepted(peer) else MOST - 1
            if len(visitors) > most or visitors.count(ip) > _OF_ONE:
                await _refuse(reader, writer, False)
                return
            app = None if self.wait_s else await self._ready()
            if app is None:
                await _refuse(reader, writer)
                return
            if not port.room(ANSWER_NEEDS):
                raise MemoryError("%d of %d bytes are free" % (gc.mem_free(), ANSWER_NEEDS))
            conn = await app.handle_request(reader, writer)
            starved, app.starved = app.starved, None
            if starved:
                self._starve(starved)
            if conn:
                await app.make_room(self)
                app = None  # and the last who has the page's code
                gc.collect()
                await port.before_import()
                from web import update

                await update.take(self, conn)
        except MemoryError as exc:
            self._starve(exc)
            await _refuse(reader, writer)
        finally:
            visitors.remove(ip)
            self._used_s = self._clock.uptime()  # a visit may be over before the next look

    def _starve(self, exc):
        self.wait_s = AGAIN_S
        if port.IN_PLACE:
            self.drop()
        log.error("web", "no memory for the page: %s", exc)
        from station import security_log  # here, not at the top: rarely needed

        security_log.note("memory_exhausted", "no memory for the page")

    async def _ready(self):
        """The page; None if there is no memory for it, or the door is closed meanwhile."""
        while self._loading:
            await asyncio.sleep(0.05)
        if self._app is None and not self.wait_s:
            self._loading = True
            try:
                gc.collect()
                if not port.room(NEEDS):
                    raise MemoryError("%d of %d bytes are free" % (gc.mem_free(), NEEDS))
                self._app = await self._load()
            finally:
                self._loading = False
            if self._server is None:
                self.drop()
        return self._app

    async def _load(self):
        await port.before_import()
        from web import loading

        names = (self._link.name,)
        app, self.account = await loading.page(
            self._view, self._lacks, self.account, self._settings, self._clock, names
        )
        return app

    def drop(self):
        """Forget the page's code; a visitor who is still being served keeps his."""
        app, self._app = self._app, None
        if app:
            app.forget()
        gc.collect()


async def _refuse(reader, writer, read=True):
    """Say that there is no memory, and close; `read` the request before."""
    try:
        # Closing while something of the request has not been read would drop the answer.
        read = read and await asyncio.wait_for(_read(reader, True), _HEAD_S)
    except (OSError, MemoryError, asyncio.TimeoutError):
        read = False
    try:
        writer.write(_NO_MEMORY)
        await writer.drain()
        if read:
            await asyncio.wait_for(_read(reader, False), _BODY_S)
    except (OSError, MemoryError, asyncio.TimeoutError):
        pass  # the visitor has left
    try:
        writer.close()
        await writer.wait_closed()  # only this closes the socket
    except OSError:
        pass


async def _read(reader, head):
    """Read the head of a request, of at most 4 KB, or what comes until the visitor hangs up. True
    if a body follows the head."""
    body = size = 0
    while size < 4096 or not head:
        data = await reader.read(256)
        if not size:
            body = data.startswith(b"POST")
        size += len(data)
        if not data or head and (b"\r\n\r\n" in data or len(data) < 256):
            break
    return body
