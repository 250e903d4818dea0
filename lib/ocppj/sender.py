# Sends the messages of the charger: the most important one that is due goes first.
# MIT license; part of microevse
"""One task sends everything that the charger starts by itself, so the order on the wire is the
order of the parts. The Rpc lets one CALL at a time on the wire.

A part has `due_in_ms()`, the milliseconds until it has something to send (None: nothing), and
`async step()`, which sends one message and raises the exceptions of Rpc.call.
"""

import asyncio

from evse_base import log

from .messages import CallError

# Longest wait without looking again: a lost wake-up must not stop the queue for ever.
LOOK_AGAIN_S = 30


async def run(parts, work):
    """Send until the connection is lost (raises Disconnected) or the task is cancelled.

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
