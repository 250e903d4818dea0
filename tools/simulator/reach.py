# Whether a central system answers at an address.
# MIT license; part of microevse
"""A charger whose central system is not there says so again and again, each time in its own words.
A person who has just begun needs one sentence."""

import asyncio
import urllib.parse

WAIT_S = 3
_PORTS = {"ws": 80, "wss": 443}


async def problem(url, wait_s=WAIT_S):
    """A sentence for a person if nobody takes a TCP connection at `url` within `wait_s`, else
    None. No user and no password of the address is in it."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 80)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, port), wait_s)
    except (OSError, asyncio.TimeoutError):
        return (
            "no central system answers at %s port %d: start yours there, or `make run`, which "
            "prints the address of its own; the charger goes on trying" % (parts.hostname, port)
        )
    writer.close()
    return None
