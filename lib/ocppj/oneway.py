# Messages of ours to which there is no answer (OCPP-J 2.1 part 4, SEND).
# MIT license; part of microevse
"""Only 2.1 has them, for streams of measured values, so only what opens a stream imports this.

A SEND does not take the place of a CALL in flight: it may go out at any time, and nobody waits
for it. Whoever sends it cannot know whether it has arrived.
"""

from evse_base import const

from . import messages
from .messages import Disconnected

_SEND = const(6)


def era(rpc):
    """A number that stands for the connection of `rpc`; another one once it has ended."""
    return rpc._era


async def send(rpc, action, payload):
    """Send `payload` as a SEND over the connection of `rpc`, an `rpc.Rpc`.

    Raises Disconnected if there is no connection, if it ends, or if it is not one of 2.1;
    MemoryError before the first byte has left.
    """
    if not rpc._up or not rpc.schema.has_type(_SEND):
        raise Disconnected("no connection of 2.1")
    text = '[%d,"%s","%s",%s]' % (_SEND, rpc._next_id(), action, messages.dumps(payload))
    try:
        await rpc._send(text)
    except MemoryError:
        raise
    except Exception as exc:
        raise Disconnected(str(exc)) from None
