# Ending all sessions before a restart that somebody asked for.
# MIT license; part of microevse
"""Loaded when a reset is asked for, maybe while a car charges: so it is a small module of its own,
apart from recovery.py, which is for the time after the restart."""

import asyncio

from .connector import OPEN_TIMEOUT_MS


async def end_all(station, kind, clock):
    """End every session for a reset and record it. The contactors are open afterwards."""
    reason = "hard_reset" if kind == "hard" else "soft_reset"
    for connector in station.connectors:
        connector.drop_waiting()
        if kind == "hard":
            connector.sequence.stop_now(reason)
        else:
            connector.request_stop(reason)
    give_up = clock.uptime_ms() + OPEN_TIMEOUT_MS
    while clock.uptime_ms() < give_up:
        await asyncio.sleep(0.1)  # the EVSE counts the ended closing in its next window
        if all(c.session is None and not c.evse.closed for c in station.connectors):
            break
    else:
        for connector in station.connectors:
            connector.sequence.stop_now(reason)
        await asyncio.sleep(0.1)
    for connector in station.connectors:
        connector.sequence.held.keep()
