# The central system: the charger speaks the version of OCPP that the central system has picked.
# MIT license; part of microevse
"""Joins a Connection, its Rpc, and the adapter of the sub-protocol that the central system picks.

An adapter knows one version of OCPP. It has

    package       name of its Python package, which is unloaded with it
    schema        a `schema.Schema`: payloads, spelling of errors, message types
    get(action)   handler of a request, as `rpc.Rpc` takes them
    attach(wake)  connect to the station; wake(): there may be something new to send
    detach()      undo all of that
    close()       it is not used again; an adapter may have none
    parts()       the parts that may send now, most important first (see `send_parts`)
    registered    True once the central system has accepted this charger

It is attached before the first message of a connection is read, and detached when the connection
ends. Two places outlive a connection: the journal has undelivered events and transaction ids;
the adapter has the registration and the time of the next heartbeat, and is attached again while
the same sub-protocol is picked. Statuses that were not sent are not kept: after an outage only the
present ones are sent. When another sub-protocol is picked, the adapter is unloaded with its code,
and the new one registers anew.
"""

import asyncio
import gc

from evse_base import log
from evse_base import QUICK, forget

from .messages import CallError

# Longest wait without looking again: a lost wake-up must not stop the queue for ever.
LOOK_AGAIN_S = 30
_ASIDE_S = 0.5


class Central:
    """connection, rpc: not in use yet; both can be read here after.

    protocols: names of the sub-protocols, most preferred first. make(name) -> its adapter; may
    import. may_stall(): True while it does not matter if the interpreter stalls.
    """

    def __init__(self, connection, rpc, protocols, make, may_stall):
        self.connection = connection
        self.rpc = rpc
        self._protocols = protocols
        self._make = make
        self._may_stall = may_stall
        self._work = asyncio.Event()
        self._attached = False
        self._aside = False  # the memory of a connection is needed for something else
        self.adapter = None  # of this connection, or of the last one
        self.protocol = None  # its sub-protocol
        if len(protocols) == 1 and not QUICK:
            # Loaded now: a car may charge when the first connection comes.
            self.adapter, self.protocol = make(protocols[0]), protocols[0]
        connection.attach(rpc)
        connection.protocols = self._offers
        connection.on_protocol = self._attach
        connection.on_up = self._serve
        connection.on_down = self._detach

    @property
    def accepted(self):
        """Connected, and the central system has accepted this charger."""
        return self._attached and self.adapter.registered

    @property
    def state(self):
        """ "accepted", or the state of the connection."""
        return "accepted" if self.accepted else self.connection.state

    def _offers(self):
        """Sub-protocols that can be attached now. Where loading code is a stall and a contactor is
        closed, only the loaded adapter can be attached; without one the connection waits."""
        if self._aside:
            return []
        free = QUICK or self._may_stall()
        return [name for name in self._protocols if free or name == self.protocol]

    async def stand_aside(self, reason):
        """End the connection, and make none until `come_back`: its memory is free then."""
        self._aside = True
        await self.connection.restart(reason)
        # Not `connected`: after that the central system has 5 s for its own goodbye, and an
        # attempt that is under way has its socket, too.
        while not self.connection.gated:
            await asyncio.sleep(_ASIDE_S)

    def come_back(self):
        """Connect again after `stand_aside`."""
        self._aside = False

    def _attach(self, protocol):
        if protocol not in self._offers():
            # A contactor has closed since the sub-protocols were offered.
            raise ValueError("%s cannot be loaded while a car charges" % protocol)
        if protocol != self.protocol:
            if self.adapter:
                package = self.adapter.package
                if hasattr(self.adapter, "close"):
                    self.adapter.close()
                self.adapter = self.protocol = None
                self.rpc.schema, self.rpc.handlers = None, {}
                forget(package)
                gc.collect()
                log.info("ocpp", "%s is spoken now", protocol)
            self.adapter = self._make(protocol)
            self.protocol = protocol
        self.rpc.schema, self.rpc.handlers = self.adapter.schema, self.adapter
        self._attached = True
        self.adapter.attach(self._work.set)

    def _detach(self, reason):
        if self._attached:
            self._attached = False
            self.adapter.detach()

    async def _serve(self, protocol):
        await send_parts(self.adapter.parts, self._work)


async def send_parts(parts, work):
    """Send all messages that the charger starts by itself, in the order of the parts, until the
    connection is lost (raises Disconnected) or the task is cancelled. The Rpc lets one CALL at a
    time on the wire.

    A part has `due_in_ms()`, the milliseconds until it has something to send (None: nothing), and
    `async step()`, which sends one message and raises the exceptions of Rpc.call.

    parts: fn() -> the parts that may send now, most important first. work: asyncio.Event, set
    when there may be something new to send.
    """
    while True:
        shortest = 1000 * LOOK_AGAIN_S
        for part in parts():
            due = part.due_in_ms()
            if due is not None and due < shortest:
                shortest = due
            if due == 0:
                break
        if shortest:
            work.clear()
            try:
                await asyncio.wait_for(work.wait(), shortest / 1000)
            except asyncio.TimeoutError:
                pass
            continue
        try:
            await part.step()
        except asyncio.TimeoutError:
            # The message stays queued; the ping finds out whether the line is dead.
            log.warn("ocpp", "no answer in time")
        except CallError as exc:
            log.warn("ocpp", "refused: %s %s", exc.code, exc.description)
