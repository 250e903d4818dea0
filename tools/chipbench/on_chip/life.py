# The chip under test: the application itself, with a watcher beside it.
# MIT license; part of microevse
"""Runs the charger in free mode for this start only: nothing is kept. Prints a line for each thing
that happens, and the gaps of the tick at the end. Ctrl-C ends it; every output is opened then."""

import asyncio
import gc
import json
import sys
import time


_failures = 0
# What the page says is told again when it has held for so long: by then a meter that does not
# answer would be a fault (lib/station/metering.py: 10 s and three polls, one each 5 s).
_STAYS_MS = 20000


def _say(what, **more):
    more["what"] = what
    more["ms"] = time.ticks_ms()
    print("\nBENCH", json.dumps(more))


def _heap(what):
    import esp32

    regions = esp32.idf_heap_info(esp32.HEAP_DATA)
    _say(
        "heap", at=what, gc_free=gc.mem_free(), gc_used=gc.mem_alloc(),
        idf_free=sum([r[1] for r in regions]), idf_largest=max([r[2] for r in regions]),
    )  # fmt: skip


async def _watch(app, seconds):
    charger = app.charger
    while charger is None or not charger.tick.beats:
        await asyncio.sleep_ms(5)
        charger = app.charger
    _say("tick")
    _heap("boot")
    closed = connected = False
    cause = shown = None
    since = 0
    end = time.ticks_add(time.ticks_ms(), seconds * 1000)
    global _failures
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        evse = charger.evses[0]
        _failures = charger.tick.failures  # a Ctrl-C in the middle of a tick is one more
        if evse.closed and not closed:
            _heap("charging")
        closed = evse.closed
        if charger.central.accepted and not connected:
            connected = True
            _say("connected")
            _heap("connected")
        causes = ", ".join([str(name) for name in evse.faults])
        if causes != cause:
            cause = causes
            _say("causes", causes=causes)
        page = charger.station.snapshot()
        page = [evse.plugged, page["status"], page["why"]]
        now = time.ticks_ms()
        stays = since is not None and time.ticks_diff(now, since) >= _STAYS_MS
        if page != shown or stays:
            since = None if page == shown else now
            shown = page
            _say("page", plugged=page[0], status=page[1], why=page[2], stays=stays)
        await asyncio.sleep_ms(100)


async def _both(app, seconds):
    task = asyncio.create_task(app.run())
    await asyncio.sleep_ms(0)
    try:
        await _watch(app, seconds)
        if task.done():
            await task  # its exception
    finally:
        task.cancel()


def run(seconds, start):
    """`start`: settings of this start."""
    import app

    from config import provisioning

    def provision():
        values = dict(provisioning())
        values["start"] = dict(values.get("start", {}))
        values["start"].update(start)
        return values

    app.provisioning = provision
    try:
        import blackbox

        blackbox.start()
        asyncio.run(_both(app, seconds))
    except KeyboardInterrupt:
        pass
    finally:
        app.stop()
        for pin, level in sys.modules.get("outputs", ()):
            import machine

            machine.Pin(pin, machine.Pin.OUT, value=level)
    charger = app.charger
    evse = charger.evses[0]
    _say(
        "end", worst_gap_ms=charger.tick.worst_gap_ms, overruns=charger.tick.overruns,
        worst_closed_ms=getattr(evse, "worst_gap_ms", -1), failures=_failures,
    )  # fmt: skip
