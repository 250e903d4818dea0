# An update from the page: the body of one request, handed to the installer as it comes.
# MIT license; part of microevse
"""POST /api/v1/update, the bundle as body (application/octet-stream). Imported for the request
and dropped after it. `services` has allowed(), vacant(), installer() and reboot(), as
transfers.Transfers has them.

    curl -u admin:PASSWORD -H 'Content-Type: application/octet-stream' --data-binary @FILE ADDRESS
"""

import asyncio

from evse_base import log

OWNER = "the page"
_PIECE = 1024  # one erase of flash at the most
# So short a body has been read by the server already, and is no bundle.
_SMALLEST = 1024
# Seconds until the answer has left.
_REBOOT_S = 1


async def receive(conn, size, services, error):
    """Take `size` bytes of bundle from `conn`; returns the answer.

    conn: has `async some(n)`. error: fn(status, code, message) -> answer.
    """
    if size <= _SMALLEST:
        return error(400, "bundle", "Send a bundle as the body of the request.")
    installer = services.installer()
    if installer is None:
        await conn.skip(size)
        return error(409, "no_slots", "This board has no application slots: updates go by cable.")
    done = False
    left = size
    try:
        installer.begin(size, OWNER)
        while left:
            piece = await conn.some(min(left, _PIECE))
            if not services.allowed():
                await conn.skip(left - len(piece))
                return error(409, "busy", "A car has begun to charge: the update was given up.")
            installer.write(piece)
            left -= len(piece)
        installer.finish()
        done = True
    except ValueError as exc:
        await conn.skip(left)
        return error(400, "bundle", "The update was refused: %s." % exc)
    except OSError as exc:
        log.warn("update", "from the page: %r", exc)
        return error(500, "flash", "The update could not be stored, or broke off.")
    finally:
        if not done:
            installer.abort(OWNER)
    asyncio.create_task(_reboot(services))
    version = installer.version()
    return {"message": "Version %s is installed; the charger starts it now." % version}


async def _reboot(services):
    await asyncio.sleep(_REBOOT_S)
    while not services.vacant():
        await asyncio.sleep(1)
    await services.reboot()
