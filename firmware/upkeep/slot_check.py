# Looks whether the program that runs is still the one that was installed.
# MIT license; part of microevse
"""The image of the running slot is hashed once a day against the hash in its bundle's header, a KB
every 50 ms, and only while every contactor is open: some 30 s for the largest slot, of which the
chip works less than one. A cell of the flash that loses its content is found so, before code that
is rarely run meets it. The code for slots is dropped while the image is read: a file that is
sent or fetched meanwhile needs that memory. Nothing is changed by it: another program starts when
a person or the central system wants that, not by itself while a car may charge. Loaded for the
check.
"""

import asyncio
import hashlib
from binascii import hexlify

from evse_base import log, release
from station import security_log

_PIECE = 1024
_PAUSE_S = 0.05
# Between the two looks that have to agree: one wrong read is no damage.
_AGAIN_S = 1


# So long after it had to be given up it is begun again.
_RETRY_S = 600


class Given(Exception):
    """A contactor has closed: given up, to be done later."""


async def damage(allowed):
    """What is damaged in the slot that runs, "" if nothing is; None if that cannot be found out
    now. allowed(): True while every contactor is open."""
    try:
        name = found = ""
        for _ in range(2):
            # The code for slots may be read from files, and a car may have come meanwhile.
            if not allowed():
                return None
            name, *place = _header()
            if name is None:
                return ""
            found = await _look(*place, allowed) if place else "the header"
            if not found:
                return ""
            await asyncio.sleep(_AGAIN_S)
        return "%s in %s" % (found, name)
    except Given:
        return None


def _header():
    """(name of the slot that runs or None, its flash, length of its image, SHA-256 of that in
    hex); the name alone where its header is damaged."""
    name = None
    try:
        import slots
        from hal import appslot

        name = appslot.running()
        if name is None:
            return (None,)
        flash, record = appslot.record(name)
        if record.whole and slots.describes(flash, record.digest):
            return name, flash, int(record.field("length")), record.field("sha256")
    except (TypeError, ValueError):
        pass
    finally:
        for module in ("hal.appslot", "slots"):
            release(module)
    return (name,)


async def _look(flash, left, wanted, allowed):
    found = hashlib.sha256()
    view = memoryview(bytearray(_PIECE))
    at = 0
    while at < left:
        if not allowed():
            raise Given
        n = min(left - at, _PIECE)
        flash.read(at, view[:n])
        found.update(view[:n])
        at += n
        await asyncio.sleep(_PAUSE_S)
    return "" if hexlify(found.digest()).decode() == wanted else "the image"


async def run(services):
    """Look, and tell what is damaged. services: transfers.Transfers. It never raises."""
    try:
        found = await damage(services.allowed)
        if found is None:
            services.check_s = services.station.clock.uptime() + _RETRY_S
        elif found:
            services.program = "The installed program is damaged (%s): install an update." % found
            log.error("update", "the program that runs is damaged: %s", found)
            security_log.note("firmware_signature", "the program that runs: " + found)
    except MemoryError:  # a visitor of the page has it: no fault of the flash
        services.check_s = services.station.clock.uptime() + _RETRY_S
    except Exception as exc:
        log.error("update", "the slot that runs cannot be read: %r", exc)
