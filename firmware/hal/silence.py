# Finds a network link that is dead although its driver says it is up; helpers of every link.
# MIT license; part of microevse
"""An access point can keep a station associated and pass no packet of it; a switch can hang.
The driver reports neither. A dead link is known by missing answers: the central system does not
answer for a while, and then the router, asked once, does not either."""

import asyncio
import errno

from evse_base import log

# Two attempts to connect fail within that time, at 30 s each.
QUIET_S = 90
# A router that answers no question looks the same as a dead network: the link is made anew less
# and less often then.
QUIET_MAX_S = 1800
ASK_S = 3
_PORT = 80
_HOSTNAME_MAX = 32


def hostname(text):
    """`text` as a host name: letters, digits, hyphens; never empty."""
    name = "".join(c if "a" <= c <= "z" or "0" <= c <= "9" else "-" for c in text.lower())
    return name.strip("-")[:_HOSTNAME_MAX].strip("-") or "microevse"


def own_name(settings):
    """Host name of this charger: the setting, or else its identity."""
    return hostname(settings.text("Hostname") or settings.text("ChargePointId"))


async def answers(host):
    """True if `host` (an address) answers a TCP SYN, if only with a refusal."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, _PORT), ASK_S)
    except asyncio.TimeoutError:
        return False
    except OSError as exc:
        return bool(exc.args) and exc.args[0] in (errno.ECONNREFUSED, errno.ECONNRESET)
    writer.close()
    await writer.wait_closed()
    return True


class Silence:
    """quiet_s: fn() -> seconds without any answer from the network, None while there are answers
    or no questions."""

    def __init__(self, quiet_s):
        self._quiet_s = quiet_s
        self._judged_s = 0  # how long it had been quiet at the last judgement
        self._wait_s = QUIET_S
        self.strikes = 0  # how often in a row the link was found dead

    async def broken(self, router):
        """True if the link must be made anew; to be asked every few seconds."""
        quiet = self._quiet_s()
        if quiet is None or quiet < QUIET_S:
            self._judged_s, self._wait_s = 0, QUIET_S
            if quiet is None:
                self.strikes = 0
            return False
        if quiet - self._judged_s < self._wait_s:
            return False
        self._judged_s = quiet
        self._wait_s = min(2 * self._wait_s, QUIET_MAX_S)
        if await answers(router):
            self.strikes = 0
            log.info("net", "nothing heard for %d s, but the router answers", quiet)
            return False
        self.strikes += 1
        log.warn("net", "nothing heard for %d s, and the router is silent", quiet)
        return True
