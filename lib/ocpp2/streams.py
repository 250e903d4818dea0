# Periodic event streams: values of monitors, many in one message that is not answered.
# MIT license; part of microevse
"""OCPP 2.1 part 2, N11 to N15. A stream has the id of its monitor; each connection opens it.
Where the central system refuses it, or there is none, each value is an event (N11). Loaded while
a monitor has a stream, and for the requests about streams.
"""

import asyncio

from evse_base import const, iso8601, log
from ocppj import oneway
from ocppj.messages import CallError
from station import monitors

from .names import ACCEPTED, refused

# Values of one stream that wait: with so many a message is sent, whatever was asked for.
_MOST = const(16)
_DAY_S = const(86400)

# Of a stream: its monitor, whether the central system takes it, uptime in ms of the last message,
# and uptime in s and text of each value that waits, one behind the other.
_ITEM = const(0)
_OPEN = const(1)
_SENT = const(2)
_DATA = const(3)


def params_of(given):
    """PeriodicEventStreamParamsType as [interval in s or 0, values or 0], None where an interval
    cannot be kept."""
    every = given.get("interval") or 0
    return [every, given.get("values") or 0] if every <= _DAY_S else None


class Streams:
    """The streams of `point` (an Ocpp2); a part as `ocppj.central` describes it."""

    def __init__(self, point):
        self._point = point
        self._era = None  # of the connection that knows the streams
        self._of = {}  # id of a monitor: its stream
        point.streams = self
        point._parts.append(self)

    def find(self, number):
        """The monitor of an open stream, None without one."""
        stream = self._of.get(number)
        return stream[_ITEM] if stream and stream[_OPEN] and self._known() else None

    def opened(self):
        """The monitors of all open streams."""
        return [item for item in [self.find(number) for number in self._of] if item]

    def take(self, item, text):
        """A monitor has a new value; False if its stream is not open."""
        if self.find(item[monitors.ID]) is not item:
            return False
        data = self._of[item[monitors.ID]][_DATA]
        if len(data) >= 2 * _MOST:
            del data[:2]  # the line is slower than the values
        data += [self._point.clock.uptime(), text]
        if self._left(self._of[item[monitors.ID]]) == 0:
            self._point.wake()
        return True

    def _known(self):
        return self._era == oneway.era(self._point.rpc)

    def _left(self, stream):
        """Milliseconds until a message of the stream is due, None: it waits for values."""
        every, most = stream[_ITEM][monitors.STREAM][:2]
        if not every and not most:
            most = 1
        if len(stream[_DATA]) >= 2 * min(most or _MOST, _MOST):
            return 0
        if every:
            return max(0, stream[_SENT] + 1000 * every - self._point.clock.uptime_ms())
        return None

    def _next(self):
        """(ms until it is due, id, monitor or None) of what is to be done next, None for
        nothing."""
        if not self._known():
            self._era, self._of = oneway.era(self._point.rpc), {}
        there = self._point.monitors.items if self._point.monitors else ()
        wanted = {item[monitors.ID]: item for item in there if item[monitors.STREAM]}
        for number in self._of:
            if wanted.get(number) is not self._of[number][_ITEM]:
                return 0, number, None
        soonest = None
        for number in wanted:
            stream, left = self._of.get(number), 0
            if stream:
                left = self._left(stream) if stream[_OPEN] else None
            if left is not None and (soonest is None or left < soonest[0]):
                soonest = left, number, wanted[number]
        return soonest

    def due_in_ms(self):
        """Milliseconds until there is something to send; None: nothing."""
        found = self._next()
        return found and found[0]

    async def step(self):
        """Open or close one stream, or send its values."""
        found = self._next()
        if found is None or found[0]:
            return
        _, number, item = found
        stream = self._of.get(number)
        if item is None:
            if stream[_OPEN]:
                await self._send(number, stream)
                await self._ask("ClosePeriodicEventStream", {"id": number})
            self._of.pop(number, None)
        elif stream:
            await self._send(number, stream)
        else:
            self._of[number] = stream = [item, False, 0, []]
            asked = {"constantStreamData": described(item)}
            answer = await self._ask("OpenPeriodicEventStream", asked)
            stream[_OPEN] = answer.get("status") == "Accepted"
            stream[_SENT] = self._point.clock.uptime_ms()

    async def _ask(self, action, payload):
        """The answer; {} for a refusal, or none: then there is no stream in this connection."""
        try:
            return await self._point.call(action, payload)
        except (CallError, asyncio.TimeoutError) as exc:
            log.warn("ocpp", "%s: %r", action, exc)
            return {}

    async def _send(self, number, stream):
        """What is lost with the connection is lost: nobody answers."""
        data, stream[_DATA] = stream[_DATA], []
        stream[_SENT] = self._point.clock.uptime_ms()
        if not data:
            return
        first = data[0]
        base = self._point.clock.now() - (self._point.clock.uptime() - first)
        values = [{"t": data[i] - first, "v": data[i + 1]} for i in range(0, len(data), 2)]
        message = {"id": number, "pending": 0, "basetime": iso8601.format(base), "data": values}
        await oneway.send(self._point.rpc, "NotifyPeriodicEventStream", message)


def described(item):
    """ConstantStreamDataType of a monitor."""
    every, most = item[monitors.STREAM][:2]  # a later version may know more
    number = item[monitors.ID]
    params = {}
    if every:
        params["interval"] = every
    if most:
        params["values"] = most
    return {"id": number, "variableMonitoringId": number, "params": params}


async def get(point, payload):
    """GetPeriodicEventStream (N12)."""
    found = [described(item) for item in point.streams.opened()] if point.streams else ()
    return {"constantStreamData": found} if found else {}


async def adjust(point, payload):
    """AdjustPeriodicEventStream (N14): how often an open stream is told."""
    item = point.streams and point.streams.find(payload["id"])
    if not item:
        return refused("NotFound")
    params = params_of(payload["params"])
    if params is None:
        return refused("ValueOutOfRange")
    if not point.monitors.stream(item, params):
        return refused("OutOfStorage")
    point.wake()
    return ACCEPTED
