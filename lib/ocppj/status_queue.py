# The status of each connector: told once and in order.
# MIT license; part of microevse
"""The queue of StatusNotifications (OCPP 1.6 section 4.9; 2.0.1 G01), with MinimumStatusDuration
and coalescing. Each version renders its own message.

While online every change is sent in order. Changes during an outage are not sent: only the state
when the connection is back is sent. It is looked up when its turn comes, because behind a queue of
transactions it may have changed.
"""

import asyncio

from evse_base import log
from evse_base import const

from .messages import CallError

# Changes kept per connector while the link is slow; the oldest are dropped beyond this.
MAX_QUEUED = 6
_NAME = const("StatusNotification")


class StatusQueue:
    """Queue of status changes to send.

    call, settings, clock: as for `registration.Registration`. numbers: callable, the connectors
    that have a status. render(number) -> payload of this moment. fields: names of those fields of
    a payload that make two notifications equal.
    """

    # fmt: off
    def __init__(self, call, settings, clock, numbers, render, fields):
        # fmt: on
        self._call = call
        self._numbers = numbers
        self.current = render
        self._fields = fields
        self._settings = settings
        self._clock = clock
        # [connector, since_ms, payload], oldest first; payload None: as it is when it is sent.
        self._queue = []
        self._last = {}  # connector -> key of the last payload queued
        self._told = {}  # connector -> key of the last payload the central system answered

    def _key(self, payload):
        return [payload.get(field) for field in self._fields]

    def changed(self, connector):
        """The station reports a new status of `connector` (0: the station itself)."""
        for entry in self._queue:
            if entry[0] == connector and entry[2] is None:
                # The queued notification will show this change, too.
                return
        payload = self.current(connector)
        key = self._key(payload)
        if self._last.get(connector) == key:
            return
        self._last[connector] = key
        now = self._clock.uptime_ms()
        minimum = 1000 * self._settings.get("MinimumStatusDuration")
        if minimum:
            # A state that did not last long enough is not worth a message (section 9.1.20).
            self._queue = [q for q in self._queue if q[0] != connector or now - q[1] >= minimum]
        mine = [q for q in self._queue if q[0] == connector]
        if len(mine) >= MAX_QUEUED:
            self._queue.remove(mine[0])
        self._queue.append([connector, now, payload])

    def everything(self, again=True):
        """After a boot or an outage: queue the present state of each connector, once. again:
        False to send only those that the central system does not know."""
        self._queue = []
        now = self._clock.uptime_ms()
        for connector in self._numbers():
            self._last.pop(connector, None)
            if again:
                self._told.pop(connector, None)
            # Backdated: MinimumStatusDuration is about changes, and this is not a change.
            since = now - 1000 * self._settings.get("MinimumStatusDuration")
            self._queue.append([connector, since, None])

    def due_in_ms(self):
        """Milliseconds until the oldest change may be sent; None when there is none."""
        if not self._queue:
            return None
        minimum = 1000 * self._settings.get("MinimumStatusDuration")
        return max(0, self._queue[0][1] + minimum - self._clock.uptime_ms())

    async def step(self):
        """Send the oldest change. A CALLERROR drops it: the next change will be newer."""
        entry = self._queue[0]
        connector = entry[0]
        fresh = entry[2] is None
        if fresh:
            entry[2] = self.current(connector)
            self._last[connector] = self._key(entry[2])
        payload = entry[2]
        # A short visit to another state, left out above, may lead back to the status last sent.
        if self._told.get(connector) != self._key(payload):
            try:
                await self._call(_NAME, payload)
            except CallError as exc:
                log.warn("ocpp", "%s refused: %s", _NAME, exc.code)
            except asyncio.TimeoutError:
                if fresh and not [q for q in self._queue if q[0] == connector and q is not entry]:
                    entry[2] = None
                raise
            self._told[connector] = self._key(payload)
        if entry in self._queue:
            self._queue.remove(entry)

    async def trigger(self, connector):
        """TriggerMessage: the current state of one connector, at once."""
        await self._call(_NAME, self.current(connector))
