# Shared by the set-up tests: the networks in the air, the console's output, a new charger.
# MIT license; part of microevse
"""A charger that knows no network opens one of its own."""

import asyncio
import re

from bench import Bench
from host_time import STORY_S

AIR = {
    "Garage": {"rssi": -52, "key": "correct horse"},
    "Neighbours & <sons>": {"rssi": -81, "key": "not yours"},
    "Cafe": {"rssi": -66},
}
SAID = re.compile(
    r"set-up: WiFi (microevse-[0-9a-f]{4}), password ([a-z2-9-]{14}|[1-6]{20}), page (\S+)"
)


def fresh(fn, **twin):
    """Play `fn(b)`: a charger out of the box, AIR around it."""

    async def inside():
        twin.setdefault("provision", {"NtpServer": ""})
        options = dict(twin.pop("options", {}), aps=AIR)
        b = Bench(options=options, **twin)
        await b.csms.start()
        b._twin_options["csms"] = b._twin_options["id"] = None
        await b.start_twin()
        try:
            await fn(b)
            b.check()
        except AssertionError as exc:
            raise b._told(exc)
        finally:
            await b.twin.stop()
            await b.csms.stop()

    asyncio.run(asyncio.wait_for(inside(), STORY_S))
