# The live state of the page: server-sent events.
# MIT license; part of microevse
"""https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import evse_base as port

from web import answers
from web.bounds import RESERVE

_EVENTS_S = 1  # at most one event per second
_HEARTBEAT_S = 5  # and one even if nothing changed, so that the page notices a dead charger
# A stream that has lasted so long ends, and one for which memory is short: else the page's code
# would stay for it for ever. A browser asks again by itself, and meets the door's bounds then.
LONGEST_S = 600
_VOLATILE = ("uptime_s", "heap_free", "worst_gap_ms", "version")


class Events:
    """Server-sent events for one client: always the newest snapshot, never a queue.

    state: callable, the snapshot as a dict. conn: web.bounds.Bounded. clients: list of all
    streams, to which this one belongs until it is closed. address: of the client, as text.
    """

    def __init__(self, state, conn, clients, address=None):
        self.address = address
        self._state = state
        self._conn = conn
        self._clients = clients
        self._sent = None
        self._open = True
        self._began = port.ticks_ms()
        self._pieces = None  # what is left of an event
        clients.append(self)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._pieces:
            for piece in self._pieces:
                return piece
            self._pieces = None
            return "\n\n"
        waited = 0
        while self._open:
            state = self._state()
            steady = {k: state[k] for k in state if k not in _VOLATILE}
            changed = steady != self._sent
            if changed or waited >= _HEARTBEAT_S:
                self._sent = steady
                # The comment tells a heartbeat from news in a recording of the traffic.
                self._pieces = answers.as_json(state)
                return "data: " if changed else ":\ndata: "
            if await self._conn.gone(_EVENTS_S):
                break
            waited += _EVENTS_S
            lasted = port.ticks_diff(port.ticks_ms(), self._began)  # a wait may end late
            if lasted >= 1000 * LONGEST_S or not port.room(RESERVE):
                break
        raise StopAsyncIteration

    async def aclose(self):
        self.close()

    def close(self):
        """Make room for another client."""
        self._open = False
        if self in self._clients:
            self._clients.remove(self)
