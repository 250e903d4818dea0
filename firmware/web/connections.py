# HTTP: connections and paths.
# MIT license; part of microevse
"""microdot with bounds on what clients may send, and with a plain table of paths. The handlers are
in `web.server`."""

import asyncio

from evse_base import const
import evse_base as port
from microdot import Microdot, Request, Response

from web import answers, login
from web.bounds import LINE_MAX, Bounded

# The largest body is a password or an idTag in JSON, but for an update, which is streamed.
BODY_MAX = 1024
Request.max_content_length = 1 << 20
Request.max_body_length = BODY_MAX
Request.max_readline = LINE_MAX

# While an update is read nobody else is let in: so long at the most.
_UPDATE_S = const(900)
# Seconds that other visitors have to leave before that, with the code that they use.
_LEAVE_S = const(10)
_MAX_CONNECTIONS = const(8)  # lwIP on the chip has 10 sockets for everything (ESP-IDF's default)
# Requests of one address that have not come to their end. One that is older than _AGE_MS gives
# way to a new one: a browser opens connections in advance, and must not be refused for them.
_HALF_SENT = const(2)
_AGE_MS = const(1000)


class WebServer(Microdot):
    """Microdot with bounds on connections; `await start_server(host, port)` as in microdot."""

    def __init__(self):
        super().__init__()
        self.options_handler = None  # no cross-origin requests, hence nothing to negotiate
        self.connections = 0
        # (address, task, begin in ticks) of requests that are being read, oldest first
        self._half_sent = []
        self.streams = []  # web.events.Events that are open
        self.dropped = None  # fn(): forget the modules (web.loading)
        self._routes = {}  # "METHOD path": handler
        self.starved = None  # MemoryError of an answer for which there was no memory
        self.error_handlers[MemoryError] = self._starved

    async def _starved(self, req, exc):
        self.starved = exc
        return answers.error(503, headers={"Retry-After": "60"})

    def route(self, url_pattern, methods=None):
        """As in microdot, for paths without variable parts: a pattern of microdot's is compiled
        at its first use, and a dozen of them take 5 KB."""

        def decorated(fn):
            for method in methods or ("GET",):
                self._routes[method + " " + url_pattern] = fn
            return fn

        return decorated

    def find_route(self, req):
        method = req.method.upper()
        method = "GET" if method == "HEAD" else method
        req.url_args = {}
        found = self._routes.get(method + " " + req.path)
        if found is None:
            known = [1 for other in ("GET ", "POST ") if other + req.path in self._routes]
            found = 405 if known else 404
        return found, "", None

    def forget(self):
        """Drop the code; what would go on for a long time, live events, ends within a second."""
        for stream in list(self.streams):
            stream.close()
        self.dropped()

    def yielded(self, peer):
        """End a stream for the visitor `peer` if another address alone has all; False if not."""
        addresses = [stream.address for stream in self.streams]
        if peer in addresses or addresses.count(addresses[0]) < len(addresses):
            return False
        self.streams[0].close()
        return True

    async def make_room(self, door):
        """Shut the door (web.door.Door) to others for an update, and drop the code that it has
        loaded: a plain ESP32 does not hold this and the installer at once. Each other visitor
        uses it, too: wait until they have left."""
        door.wait_s = _UPDATE_S
        if not port.IN_PLACE:
            return
        door.drop()
        for _ in range(10 * _LEAVE_S):
            if len(door.visitors) == 1:
                break
            await asyncio.sleep(0.1)

    async def handle_request(self, reader, writer):
        """Answer one request. Returns its web.bounds.Bounded if that has an update to be read,
        else None. MemoryError: nothing has been answered, and the connection is open."""
        conn = Bounded(reader, writer, Request.max_body_length)
        self.connections += 1
        close = True
        try:
            if self.connections > _MAX_CONNECTIONS:
                res = Response(*answers.error(503, headers={"Retry-After": "2"}))
                await res.write(conn)
            else:
                await self._answer(conn)
        except OSError:
            pass  # the client left while it was answered: nothing to do
        except MemoryError as exc:
            self.starved = exc
            if conn.silent:
                close = False
                raise
        finally:
            self.connections -= 1
            if close:
                try:
                    await conn.aclose()
                except OSError:
                    pass  # the client has closed it before
        return conn if conn.update else None

    async def _answer(self, conn):
        # Not Microdot.handle_request: that takes a MemoryError for a head which it does not
        # understand.
        peer = login.address(conn.get_extra_info("peername"))
        mine = (peer, asyncio.current_task(), port.ticks_ms())
        others = [entry for entry in self._half_sent if entry[0] == peer]
        if len(others) >= _HALF_SENT and port.ticks_diff(mine[2], others[0][2]) > _AGE_MS:
            self._half_sent.remove(others[0])
            others[0][1].cancel()
        self._half_sent.append(mine)
        try:
            req = await Request.create(self, conn, conn, (peer,))
        except ValueError:
            req = None  # no head of a request: answered with 400
        finally:
            if mine in self._half_sent:
                self._half_sent.remove(mine)
        res = await self.dispatch_request(req)
        if res != Response.already_handled:
            await res.write(conn)
